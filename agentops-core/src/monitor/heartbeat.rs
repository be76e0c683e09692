//! A sign of life now and then, so that a reader can tell a quiet process from a dead one.

use crate::model::event::Heartbeat;
use crate::monitor::host;
use crate::record::clock;

/// Nanoseconds between two signs of life.
pub(crate) const EVERY: u64 = 10_000_000_000;

/// What the process looks like now.
pub(crate) fn sample() -> Heartbeat {
    let (cpu, memory) = host::usage();
    Heartbeat {
        time: clock::wall(),
        cpu,
        memory,
    }
}
