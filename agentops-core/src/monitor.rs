//! What watches the process for the recorder: panics, the machine, signs of life.

pub(crate) mod heartbeat;
pub(crate) mod host;
pub(crate) mod panic;
#[cfg(all(feature = "signals", unix))]
pub(crate) mod signal;
