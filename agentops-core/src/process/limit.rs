//! How much of a text is kept, and how it says that there was more.
//!
//! The last thing that happens to a text before it is encoded: what is cut off has been looked through for secrets by
//! then, so that none is cut in half. Knows texts, not where they stand.

use crate::record::value::{string, truncated};

/// The beginning of a text, to the last character that is within the limit.
pub(super) fn kept(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    &text[..end]
}

/// Appends a text as JSON: as it is, or what is left of it beside a mark that says how long it was.
pub(super) fn put(text: &str, whole: u64, was_cut: bool, limit: usize, out: &mut Vec<u8>) {
    let kept = kept(text, limit);
    if was_cut || kept.len() < text.len() {
        truncated(kept.as_bytes(), whole, out);
    } else {
        string(kept.as_bytes(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_character_and_says_how_long_it_was() {
        assert_eq!(
            (kept("üü", 3), kept("üü", 4), kept("ü", 0)),
            ("ü", "üü", "")
        );
        let json = |text: &str, was_cut| {
            let mut out = Vec::new();
            put(text, 99, was_cut, 3, &mut out);
            String::from_utf8(out).expect("JSON is UTF-8")
        };
        assert_eq!(json("abc", false), r#""abc""#);
        assert_eq!(
            json("abcd", false),
            r#"{"$truncated":{"bytes":99},"text":"abc"}"#
        );
        assert_eq!(json("a", true), r#"{"$truncated":{"bytes":99},"text":"a"}"#);
    }
}
