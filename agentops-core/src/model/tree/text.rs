//! How numbers and words read in a terminal: durations, money, counts, and text of known width without surprises.
//!
//! Used by the tree and by the lists of the command, so that the same number reads the same everywhere.
//! Knows nothing of sessions and spans, and nothing of colour.

use std::borrow::Cow;

use crate::model::time::UnixNanos;

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;

/// A duration to three digits: `840 ns`, `12.5 µs`, `1.25 ms`, `12.4 s`, `2 min 05 s`, `1 h 02 min`.
#[must_use]
pub fn duration(nanos: u64) -> String {
    let scaled = |unit: u64, name: &str| -> Option<String> {
        let value = nanos as f64 / unit as f64;
        let digits = match value {
            v if v < 9.995 => 2,
            v if v < 99.95 => 1,
            _ => 0,
        };
        // What rounds up to the next unit is shown in it.
        (value < 999.5).then(|| format!("{value:.digits$} {name}"))
    };
    if nanos < MICRO {
        return format!("{nanos} ns");
    }
    // From here on three digits would round to a whole minute.
    if nanos >= MINUTE - 50 * MILLI {
        let seconds = nanos / SECOND + u64::from(nanos % SECOND >= SECOND / 2);
        return match seconds {
            ..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
            _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        };
    }
    scaled(MICRO, "µs")
        .or_else(|| scaled(MILLI, "ms"))
        .or_else(|| scaled(SECOND, "s"))
        .unwrap_or_else(|| format!("{nanos} ns"))
}

/// Nano-USD as USD, with as many digits as say something: `$12.34`, `$0.0123`, `$0.00004`.
#[must_use]
pub fn usd(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    // The number of digits behind the point: cents from a dollar on, else two digits that are not zero, at least four.
    let digits = match nanos {
        0 => return "$0".into(),
        1_000_000_000.. => 2,
        1_000_000.. => 4,
        100_000.. => 5,
        10_000.. => 6,
        1_000.. => 7,
        100.. => 8,
        _ => 9,
    };
    let unit = 10_u64.pow(9 - digits);
    let rounded = (nanos + unit / 2) / unit;
    let whole = 10_u64.pow(digits);
    format!(
        "{sign}${}.{:0width$}",
        rounded / whole,
        rounded % whole,
        width = digits as usize
    )
}

/// A count: whole up to five digits, then `123k`, `1.23M`.
#[must_use]
pub fn count(n: u64) -> String {
    match n {
        ..100_000 => n.to_string(),
        100_000..999_500 => format!("{}k", (n + 500) / 1_000),
        999_500..9_995_000 => format!("{:.2}M", n as f64 / 1e6),
        9_995_000..99_950_000 => format!("{:.1}M", n as f64 / 1e6),
        _ => format!("{}M", n / 1_000_000),
    }
}

/// `1 span`, `2 spans`.
#[must_use]
pub fn plural(n: u64, word: &str) -> String {
    format!("{} {word}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A time to the minute, in UTC: `2026-11-22 05:00`.
#[must_use]
pub fn time(at: UnixNanos) -> String {
    crate::model::time::rfc3339(at)
        .chars()
        .take(16)
        .map(|c| if c == 'T' { ' ' } else { c })
        .collect()
}

/// Text that cannot move the cursor, change colours or reorder its line: what could is shown by its escape.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(unsafe_to_print) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if unsafe_to_print(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Columns that cleaned text takes in a terminal.
#[must_use]
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// The text, cut to at most `limit` columns; the last of them is `…` where something is missing.
#[must_use]
pub fn fit(text: &str, limit: usize) -> Cow<'_, str> {
    let mut taken = 0;
    let mut cut = 0;
    for (at, c) in text.char_indices() {
        taken += columns(c);
        if taken > limit {
            return if limit == 0 {
                Cow::Borrowed("")
            } else {
                Cow::Owned(format!("{}…", &text[..cut]))
            };
        }
        // Up to here there is still room for the ellipsis.
        if taken < limit {
            cut = at + c.len_utf8();
        }
    }
    Cow::Borrowed(text)
}

/// Control characters, and what reorders or hides the text around it.
fn unsafe_to_print(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61C}' | '\u{200B}' | '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// Columns of one character: an approximation of Unicode's East Asian Width that needs no table of its own crate.
fn columns(c: char) -> usize {
    match c {
        ' '..='~' => 1,
        // Marks that are put on the character before them, and joiners.
        '\u{300}'..='\u{36F}'
        | '\u{483}'..='\u{489}'
        | '\u{591}'..='\u{5BD}'
        | '\u{610}'..='\u{61A}'
        | '\u{64B}'..='\u{65F}'
        | '\u{E34}'..='\u{E3A}'
        | '\u{E47}'..='\u{E4E}'
        | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}'
        | '\u{200C}'
        | '\u{200D}'
        | '\u{20D0}'..='\u{20FF}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FE20}'..='\u{FE2F}'
        | '\u{E0100}'..='\u{E01EF}' => 0,
        // CJK, Hangul, full-width forms and emoji.
        '\u{1100}'..='\u{115F}'
        | '\u{231A}'..='\u{231B}'
        | '\u{23E9}'..='\u{23EC}'
        | '\u{2705}'
        | '\u{274C}'
        | '\u{2728}'
        | '\u{2E80}'..='\u{303E}'
        | '\u{3041}'..='\u{A4CF}'
        | '\u{A960}'..='\u{A97F}'
        | '\u{AC00}'..='\u{D7A3}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FE30}'..='\u{FE6F}'
        | '\u{FF00}'..='\u{FF60}'
        | '\u{FFE0}'..='\u{FFE6}'
        | '\u{1F300}'..='\u{1F64F}'
        | '\u{1F680}'..='\u{1F6FF}'
        | '\u{1F900}'..='\u{1F9FF}'
        | '\u{1FA70}'..='\u{1FAFF}'
        | '\u{20000}'..='\u{3FFFD}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            (0, "0 ns"),
            (840, "840 ns"),
            (1_000, "1.00 µs"),
            (12_500, "12.5 µs"),
            (999_499, "999 µs"),
            (999_600, "1.00 ms"),
            (1_250_000, "1.25 ms"),
            (9_996_000, "10.0 ms"),
            (125_000_000, "125 ms"),
            (999_700_000, "1.00 s"),
            (12_400_000_000, "12.4 s"),
            (59_940_000_000, "59.9 s"),
            (59_960_000_000, "1 min 00 s"),
            (125_000_000_000, "2 min 05 s"),
            (3_599_700_000_000, "1 h 00 min"),
            (3_720_000_000_000, "1 h 02 min"),
            (u64::MAX, "5124095 h 34 min"),
        ];
        for (nanos, text) in cases {
            assert_eq!(duration(nanos), text);
        }
    }

    #[test]
    fn money() {
        let cases = [
            (0, "$0"),
            (1, "$0.000000001"),
            (40_000, "$0.000040"),
            (412_000, "$0.00041"),
            (4_200_000, "$0.0042"),
            (12_345_678, "$0.0123"),
            (999_960_000, "$1.0000"),
            (12_340_000_000, "$12.34"),
            (-12_300_000, "-$0.0123"),
            (i64::MIN, "-$9223372036.85"),
        ];
        for (nanos, text) in cases {
            assert_eq!(usd(nanos), text);
        }
    }

    #[test]
    fn counts() {
        let cases = [
            (0, "0"),
            (99_999, "99999"),
            (123_456, "123k"),
            (999_499, "999k"),
            (999_500, "1.00M"),
        ];
        for (n, text) in cases {
            assert_eq!(count(n), text);
        }
        assert_eq!(plural(1, "span"), "1 span");
        assert_eq!(plural(2, "span"), "2 spans");
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        assert_eq!(clean("grep"), "grep");
        assert_eq!(
            clean("a\x1b[31mb\nc\r\u{9b}"),
            "a\\u{1b}[31mb\\nc\\r\\u{9b}"
        );
        assert_eq!(clean("\u{202e}evil\u{2066}"), "\\u{202e}evil\\u{2066}");
        assert_eq!(clean("größe 日本 👍"), "größe 日本 👍");
    }

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!(width("日本e\u{301}👍"), 7);
        assert_eq!(fit("abcdef", 6), "abcdef");
        assert_eq!(fit("abcdefg", 6), "abcde…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("abc", 1), "…");
        assert_eq!(fit("abc", 0), "");
        assert_eq!(fit("", 0), "");
    }
}
