//! Where a session goes on elsewhere: other tasks, other threads.
//!
//! Knows contexts, not how spans are recorded, and no runtime.

pub(crate) mod spawn;
