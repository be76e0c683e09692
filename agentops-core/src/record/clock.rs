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
/// Two clocks that are read within this time are read at once, and how often that is tried.
const AT_ONCE_NS: u64 = 1_000_000;
const READINGS: u32 = 8;

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
        let mut best = Self::read();
        for _ in 0..READINGS {
            // A thread that was put aside between two readings would see a jump where there is none.
            if best.1 <= AT_ONCE_NS {
                break;
            }
            let again = Self::read();
            if again.1 < best.1 {
                best = again;
            }
        }
        best.0
    }

    /// Both clocks, and how long it took to read them.
    fn read() -> (Self, u64) {
        let before = raw();
        let wall = wall();
        let after = raw();
        (Self { raw: after, wall }, between(before, after))
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

    /// As if the wall clock had been set.
    #[cfg(test)]
    pub(crate) fn set(&mut self, ahead: i64) {
        self.wall = self.wall.saturating_add_signed(ahead);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    /// Some moment of the wall clock.
    const NOON: UnixNanos = 1_000_000 * SECOND;

    /// A raw reading about `seconds` after the reading 0, and how many nanoseconds after it exactly.
    fn later(seconds: u64) -> (u64, u64) {
        let mut raw = 1;
        while between(0, raw) < SECOND {
            raw *= 2;
        }
        let raw = raw * seconds;
        (raw, between(0, raw))
    }

    /// An anchor at noon, that has seen the wall clock run `ahead` of the counter after a second.
    fn after(ahead: i64) -> (Anchor, u64) {
        let mut anchor = Anchor { raw: 0, wall: NOON };
        let (raw, passed) = later(1);
        let wall = (NOON + passed).checked_add_signed(ahead);
        anchor.follow(Anchor {
            raw,
            wall: wall.expect("it is a time"),
        });
        (anchor, NOON + passed)
    }

    #[test]
    fn small_steps_of_the_wall_clock_are_ignored_and_jumps_followed() {
        let small = SUSPENDED_NS as i64;
        let hour = 3600 * SECOND as i64;
        for (ahead, followed) in [
            (1_000_000, 0),
            (-1_000_000, 0),
            (small, 0),
            (-small, 0),
            (small + 1, small + 1),
            (-small - 1, -small - 1),
            (hour, hour),
            (-hour, -hour),
        ] {
            let (anchor, expected) = after(ahead);
            assert_eq!(anchor.wall as i64 - expected as i64, followed, "{ahead}");
        }
    }

    #[test]
    fn small_steps_do_not_add_up_beyond_a_jump() {
        let mut anchor = Anchor { raw: 0, wall: NOON };
        for seconds in 1..=100 {
            // The wall clock gains ten milliseconds a second.
            let (raw, passed) = later(seconds);
            let wall = NOON + passed + seconds * 10_000_000;
            anchor.follow(Anchor { raw, wall });
            assert!(wall - anchor.wall <= SUSPENDED_NS as u64);
        }
    }

    #[test]
    fn between_jumps_time_goes_forward_evenly() {
        let (anchor, _) = after(-3600 * SECOND as i64);
        let readings: Vec<_> = (0..20).map(|seconds| later(seconds).0).collect();
        let times: Vec<_> = readings.iter().map(|raw| anchor.unix(*raw)).collect();
        for (raw, time) in readings.windows(2).zip(times.windows(2)) {
            let error = (time[1] - time[0]).abs_diff(between(raw[0], raw[1]));
            assert!(error <= 1, "{error} ns");
        }
    }

    #[test]
    fn no_duration_is_negative_and_no_time_before_all_times() {
        let (raw, _) = later(1);
        assert_eq!((between(raw, 0), between(raw, raw)), (0, 0));
        let anchor = Anchor { raw, wall: 5 };
        assert_eq!((anchor.unix(0), anchor.unix(raw)), (0, 5));
    }

    #[test]
    fn the_clocks_agree_when_nothing_happens() {
        let mut anchor = Anchor::now();
        anchor.renew();
        let earliest = wall();
        let unix = anchor.unix(raw());
        let (least, most) = (earliest - SUSPENDED_NS as u64, wall() + SUSPENDED_NS as u64);
        assert!(
            (least..=most).contains(&unix),
            "{unix} is not from {least} to {most}"
        );
        let before = monotonic_ns();
        assert!(monotonic_ns() >= before);
    }
}
