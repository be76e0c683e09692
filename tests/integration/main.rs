//! What the whole promises.

mod wire;
