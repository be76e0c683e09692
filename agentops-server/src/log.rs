//! What the server says of itself: a line for each thing, on stderr.
//!
//! Lines are text for people, or JSON for whatever collects them. What comes from outside stands in them without control
//! characters, so that no sender writes lines of its own.

use std::fmt;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use agentops_core::model::time::rfc3339;
use agentops_core::model::tree::text;
use serde_json::json;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// An object a line
    Json,
}

/// One process has one stderr.
static AS_JSON: AtomicBool = AtomicBool::new(false);

/// Says how lines are written from now on.
pub(crate) fn write_as(format: Format) {
    AS_JSON.store(format == Format::Json, Ordering::Relaxed);
}

/// Something is not as it should be, and the server goes on.
pub(crate) fn warn(what: &dyn fmt::Display) {
    let format = match AS_JSON.load(Ordering::Relaxed) {
        true => Format::Json,
        false => Format::Text,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_nanos() as u64);
    // Where even this fails there is nobody to tell.
    _ = writeln!(std::io::stderr(), "{}", line(format, now, what));
}

fn line(format: Format, now: u64, what: &dyn fmt::Display) -> String {
    let message = what.to_string();
    match format {
        Format::Text => format!("warning: {}", text::clean(&message)),
        Format::Json => {
            json!({"time": rfc3339(now), "level": "WARN", "message": message}).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_line_whatever_was_sent() {
        let what = "odd\nwarning: \u{1b}[31m\"x\"";
        let now = 1_795_323_600_000_000_000;
        let plain = line(Format::Text, now, &what);
        assert!(plain.starts_with("warning: odd") && !plain.contains(['\n', '\u{1b}']));
        let object = line(Format::Json, now, &what);
        assert!(!object.contains('\n'), "{object}");
        let object: serde_json::Value = serde_json::from_str(&object).expect("JSON");
        assert_eq!(
            object,
            json!({"time": "2026-11-22T05:00:00.000000000Z", "level": "WARN", "message": what})
        );
    }
}
