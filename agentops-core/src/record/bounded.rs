//! Text of users' `Display` and `Debug` with an end, whatever they do.
//!
//! A writer that is full says so with an error, which stops all that pass errors on. What goes on regardless is stopped
//! by unwinding it, without a message. A program that aborts at panics has no such means; there it goes on.
//! Knows nothing of what the text is for.

use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Refusals that are ignored before who ignores them is taken for endless.
const IGNORED: u32 = 1 << 20;

/// What unwinds users' code that never ends; nobody's panic.
#[derive(Debug)]
struct Endless;

/// Stops users' code that does not end, unless that would stop the program.
#[cold]
pub(super) fn stop_endless() {
    if cfg!(panic = "unwind") {
        resume_unwind(Box::new(Endless));
    }
}

/// Appends text to `out`, at most `limit` bytes of it, and tells whether that was all.
pub(super) fn write(out: &mut Vec<u8>, limit: usize, text: fmt::Arguments<'_>) -> bool {
    let mut bounded = Bounded {
        end: out.len() + limit,
        out,
        refused: 0,
    };
    let written = catch_unwind(AssertUnwindSafe(|| bounded.write_fmt(text)));
    match written {
        Ok(written) => written.is_ok() && bounded.refused == 0,
        Err(payload) if payload.is::<Endless>() => false,
        Err(payload) => resume_unwind(payload),
    }
}

struct Bounded<'a> {
    out: &'a mut Vec<u8>,
    end: usize,
    refused: u32,
}

impl fmt::Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.end - self.out.len();
        if text.len() <= room && self.refused == 0 {
            self.out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        self.refuse(text, room)
    }
}

impl Bounded<'_> {
    #[cold]
    fn refuse(&mut self, text: &str, room: usize) -> fmt::Result {
        if self.refused == 0 {
            let kept = floor_char_boundary(text, room);
            self.out.extend_from_slice(&text.as_bytes()[..kept]);
        }
        self.refused = self.refused.saturating_add(1);
        if self.refused > IGNORED {
            stop_endless();
        }
        Err(fmt::Error)
    }
}

/// `str::floor_char_boundary`, which is younger than our oldest compiler.
pub(super) fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(limit: usize, text: fmt::Arguments<'_>) -> (String, bool) {
        let mut out = b">".to_vec();
        let all = write(&mut out, limit, text);
        (String::from_utf8(out).expect("it is text"), all)
    }

    #[test]
    fn text_is_cut_at_a_character() {
        assert_eq!(
            written(4, format_args!("a{}", "bcd")),
            (">abcd".into(), true)
        );
        assert_eq!(
            written(3, format_args!("a{}", "bcd")),
            (">abc".into(), false)
        );
        assert_eq!(written(2, format_args!("aä{}", "b")), (">a".into(), false));
    }

    #[test]
    fn what_ignores_that_nobody_listens_is_stopped() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    let _ = f.write_str("again ");
                }
            }
        }
        let again = (">again again".into(), false);
        assert_eq!(written(11, format_args!("{Endless}")), again);
    }

    #[test]
    fn a_panic_is_not_stopped() {
        struct Panicking;
        impl fmt::Display for Panicking {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                resume_unwind(Box::new(7_u8))
            }
        }
        let panicked = catch_unwind(|| written(1, format_args!("{Panicking}")));
        assert!(panicked.expect_err("it panics").is::<u8>());
    }
}
