//! The one door through which time comes in.
//!
//! Recording reads the processor's counter; the processor thread turns it into Unix nanoseconds against an anchor
//! that it renews at every drain, and that follows the wall clock where the two disagree (a suspended machine).

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::time::UnixNanos;
use crate::sync::Padded;

/// A jump between the two clocks that is taken for a suspended machine.
const SUSPENDED_NS: i128 = 50_000_000;

static CLOCK: Padded<OnceLock<quanta::Clock>> = Padded(OnceLock::new());

fn clock() -> &'static quanta::Clock {
    CLOCK.0.get_or_init(quanta::Clock::new)
}

/// The raw counter, in units that only [`Anchor`] understands.
#[inline(always)]
pub(crate) fn raw() -> u64 {
    clock().raw()
}

/// Nanoseconds that never go backwards.
pub(crate) fn monotonic_ns() -> u64 {
    let clock = clock();
    clock.delta_as_nanos(0, clock.raw())
}

/// The wall clock.
pub(crate) fn wall() -> UnixNanos {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds between two raw readings.
pub(crate) fn between(start: u64, end: u64) -> u64 {
    clock().delta_as_nanos(start, end)
}

/// Ties the raw counter to the wall clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anchor {
    raw: u64,
    wall: UnixNanos,
}

impl Anchor {
    pub(crate) fn now() -> Self {
        Self {
            raw: raw(),
            wall: wall(),
        }
    }

    /// Moves to the present. The wall clock is followed only past a jump; small steps of it would bend durations.
    pub(crate) fn renew(&mut self) {
        self.follow(Self::now());
    }

    fn follow(&mut self, now: Self) {
        let expected = self.unix(now.raw);
        let jump = i128::from(now.wall) - i128::from(expected);
        let wall = if jump.abs() > SUSPENDED_NS {
            now.wall
        } else {
            expected
        };
        *self = Self { raw: now.raw, wall };
    }

    /// A raw reading as Unix nanoseconds.
    #[inline]
    pub(crate) fn unix(&self, raw: u64) -> UnixNanos {
        if raw >= self.raw {
            self.wall + between(self.raw, raw)
        } else {
            self.wall.saturating_sub(between(raw, self.raw))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_steps_of_the_wall_clock_are_ignored_and_jumps_followed() {
        let mut anchor = Anchor {
            raw: 0,
            wall: 1_000_000_000_000,
        };
        let second = {
            let mut raw = 1_u64;
            while between(0, raw) < 1_000_000_000 {
                raw *= 2;
            }
            raw
        };
        let passed = between(0, second);
        anchor.follow(Anchor {
            raw: second,
            wall: 1_000_000_000_000 + passed + 1_000_000,
        });
        assert_eq!(anchor.wall, 1_000_000_000_000 + passed);
        let hour = 3_600_000_000_000;
        anchor.follow(Anchor {
            raw: second,
            wall: 1_000_000_000_000 + passed + hour,
        });
        assert_eq!(anchor.wall, 1_000_000_000_000 + passed + hour);
        assert!(anchor.unix(0) < anchor.wall);
        // Set back, by less than was set forward; and to before 1970, where a machine without a battery starts.
        let minute = 60_000_000_000;
        for wall in [1_000_000_000_000 + passed + minute, 0] {
            anchor.follow(Anchor { raw: second, wall });
            assert_eq!(anchor.wall, wall);
            let (before, after) = (anchor.unix(0), anchor.unix(2 * second));
            assert!(before <= wall && after == wall + passed, "{before} {after}");
        }
    }
}
