//! How far something has come, for what takes more than a second: on stderr, and only where that is a terminal.
//!
//! One line, written over and taken away at the end, so that nothing of it is left in what was asked for.

use std::io::{self, IsTerminal, Write as _};
use std::time::{Duration, Instant};

/// What is done sooner shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// The time between two looks.
const APART: Duration = Duration::from_millis(100);

/// How many columns the bar has.
const WIDTH: usize = 30;

/// A bar.
#[derive(Debug)]
pub(super) struct Progress {
    what: &'static str,
    begun: Instant,
    drawn: Option<Instant>,
    shown: bool,
}

impl Progress {
    /// Begins to count.
    pub(super) fn new(what: &'static str) -> Self {
        Self {
            what,
            begun: Instant::now(),
            drawn: None,
            shown: io::stderr().is_terminal(),
        }
    }

    /// So much is done.
    pub(super) fn at(&mut self, done: u64, all: u64) {
        let due = self.begun.elapsed() > PATIENCE
            && self.drawn.is_none_or(|drawn| drawn.elapsed() > APART);
        if self.shown && due {
            self.drawn = Some(Instant::now());
            // Where nobody can be told, nobody is.
            _ = write!(io::stderr(), "\r{}", line(self.what, done, all));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(what: &str, done: u64, all: u64) -> String {
    let all = all.max(done).max(1);
    let share = |of: u64| usize::try_from(u128::from(done) * u128::from(of) / u128::from(all));
    let full = share(WIDTH as u64).unwrap_or(WIDTH);
    let percent = share(100).unwrap_or(100);
    format!(
        "{what} {}{} {percent:3} %",
        "█".repeat(full),
        "░".repeat(WIDTH - full)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_and_never_overflows() {
        assert_eq!(
            line("exporting", 1, 2),
            "exporting ███████████████░░░░░░░░░░░░░░░  50 %"
        );
        assert!(line("x", 0, 0).ends_with("  0 %"));
        assert!(line("x", 9, 3).ends_with("100 %"));
        assert!(line("x", u64::MAX, u64::MAX).ends_with("100 %"));
    }
}
