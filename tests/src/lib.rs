//! What the integration tests, the programs that they run and the scripts beside them share: see `integration/`.

pub mod checker;
pub mod payload;
