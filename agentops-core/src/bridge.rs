//! Where a session goes on elsewhere, other tasks and other threads, and what others say of it: `tracing` and `log`.
//!
//! Knows contexts and notes, not how spans are recorded, and no runtime.

pub(crate) mod spawn;
#[cfg(feature = "tracing")]
pub(crate) mod tracing;
