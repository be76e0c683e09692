//! Text of spans: what of it is searched, and what of an error's is the same when it happens again.

use std::borrow::Cow;

use agentops_core::model::llm::{LlmCall, Part, ToolRequest};
use agentops_core::model::span::{Log, Span};
use serde_json::Value;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

/// So much of a span is searched.
const LONGEST: usize = 64 << 10;

/// So much of an error's message tells it from others.
const SHAPE: usize = 200;

/// All that a span says in words: names, values, messages, errors, attributes, and logs, with those that came by
/// themselves.
pub(super) fn words(span: &Span, logs: &[Log]) -> String {
    let mut words = String::with_capacity(1 << 10);
    words_into(span, &mut words);
    with_logs(words, logs)
}

/// What the span itself says, in a text that has nothing in it but may have room.
pub(super) fn words_into(span: &Span, words: &mut String) {
    let mut words = Words(words);
    words.add(&span.name);
    if let Some(error) = &span.error {
        words.add(&error.code);
        words.add(&error.details);
        error.chain.iter().for_each(|cause| words.add(cause));
    }
    if let Some(call) = &span.llm {
        words.call(call);
    }
    for value in span.input.iter().chain(&span.output) {
        words.value(value);
    }
    for (key, value) in &span.attributes {
        words.add(key);
        words.value(value);
    }
    span.tags.iter().for_each(|tag| words.add(tag));
    for log in &span.logs {
        words.add(&log.message);
    }
}

/// The same with logs that came by themselves.
pub(super) fn with_logs(mut words: String, logs: &[Log]) -> String {
    for log in logs {
        Words(&mut words).add(&log.message);
    }
    words
}

/// A text as the index is given it, and as it is asked: each letter in one of its forms, and those of scripts that put no
/// spaces between words each for itself, so that parts of what is written in these are found.
pub(super) fn apart(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return text.into();
    }
    let is_one_form = is_nfc_quick(text.chars()) == IsNormalized::Yes;
    if is_one_form && !text.chars().any(stands_alone) {
        return text.into();
    }
    let mut apart = String::with_capacity(text.len() * 2);
    let mut was_alone = false;
    for c in text.nfc() {
        let is_alone = stands_alone(c);
        if is_alone || was_alone {
            apart.push(' ');
        }
        apart.push(c);
        was_alone = is_alone;
    }
    apart.into()
}

/// Whether a text is of letters below the first that joins another, and of signs that have one form: most are, and need not
/// be looked at letter by letter.
fn is_plain(text: &str) -> bool {
    /// The first byte of U+0300, and of all that are above it.
    const JOINS: u8 = 0xcc;
    let mut start = 0;
    text.as_bytes().chunks(64).all(|chunk| {
        let from = start;
        start += chunk.len();
        // Made so that many bytes are compared at once.
        if chunk.iter().fold(0, |most, &byte| byte.max(most)) < JOINS {
            return true;
        }
        let mut heads = (from..).zip(chunk).filter(|&(_, &byte)| byte >= JOINS);
        heads.all(|(at, _)| text[at..].starts_with(is_sign))
    })
}

/// Signs from dashes to arrows, and pictures with what says how they look: all but those that have another form, or join
/// the letter before.
fn is_sign(c: char) -> bool {
    matches!(c,
        '\u{2002}'..='\u{20cf}' | '\u{2100}'..='\u{2125}' | '\u{2127}'..='\u{2129}' | '\u{212c}'..='\u{2328}'
        | '\u{232b}'..='\u{2adb}' | '\u{2add}'..='\u{2bff}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

/// Chinese and Japanese letters; Korean ones, too, as what is said of a word is written with it.
fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{3096}' | '\u{309d}'..='\u{30fa}'
        | '\u{30fc}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}

struct Words<'a>(&'a mut String);

impl Words<'_> {
    fn add(&mut self, text: &str) {
        let room = LONGEST.saturating_sub(self.0.len());
        self.0.push_str(&text[..text.floor_char_boundary(room)]);
        self.0.push('\n');
    }

    fn value(&mut self, value: &Value) {
        // As deep as JSON is read, which is bounded.
        match value {
            _ if self.0.len() >= LONGEST => {}
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.add(&number.to_string()),
            Value::String(text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.value(item)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.add(key);
                    self.value(value);
                }
            }
        }
    }

    fn call(&mut self, call: &LlmCall) {
        for message in &call.messages {
            self.parts(&message.content, &message.tool_calls);
        }
        for completion in &call.completions {
            self.parts(&completion.content, &completion.tool_calls);
        }
        if let Some(error) = &call.provider_error {
            self.add(&error.message);
        }
    }

    fn parts(&mut self, parts: &[Part], calls: &[ToolRequest]) {
        for part in parts {
            match part {
                Part::Text(text) | Part::Reasoning(text) | Part::Refusal(text) => self.add(text),
                Part::Other(value) => self.value(value),
                _ => {}
            }
        }
        for call in calls {
            self.add(&call.name);
            self.value(&call.arguments);
        }
    }
}

/// An error's message without what differs each time: numbers, ids, quoted words and paths.
///
/// Messages of one shape are one error.
pub(super) fn shape(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let mut shape = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if shape.len() >= SHAPE {
            break;
        }
        let quoted = matches!(first, '"' | '\'' | '`')
            .then(|| rest[1..].find(first))
            .flatten();
        if let Some(end) = quoted.filter(|_| !shape.ends_with(char::is_alphanumeric)) {
            shape.push(first);
            shape.push('…');
            shape.push(first);
            rest = &rest[end + 2..];
            continue;
        }
        if !is_word(first) {
            shape.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        shape.push_str(if differs(word) { "…" } else { word });
        rest = after;
    }
    let end = shape.floor_char_boundary(SHAPE);
    shape.truncate(end);
    shape
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '\\')
}

/// Whether a word is another each time: it has a digit, or is a path.
fn differs(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_digit()) || word.trim_matches(['.', ':']).contains(['/', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_normalization::char::canonical_combining_class;

    #[test]
    fn what_is_plain_has_one_form_and_no_letter_that_stands_alone() {
        let mut plain = 0;
        for c in '\0'..=char::MAX {
            let text = format!("{}{c}a", "e".repeat(63));
            if is_plain(&text) {
                plain += 1;
                assert!(text.nfc().eq(text.chars()) && !stands_alone(c), "{c:?}");
                // Nor may two of them be one, or stand the other way round.
                assert_eq!(is_nfc_quick([c].into_iter()), IsNormalized::Yes, "{c:?}");
                assert_eq!(canonical_combining_class(c), 0, "{c:?}");
            }
        }
        // Without marks that join, and six that have another form; then what says how a sign looks, and pictures.
        assert_eq!(plain, 0x300 + (0xbfe - 0x30 - 6) + 0x10 + 0xb00);
        for text in ["e\u{301}", "\u{212b}", "漢字", "한국", "é — 漢", "✗\u{338}"] {
            assert!(!is_plain(text), "{text}");
        }
        assert!(is_plain("“é” — ½ → ┌─┐ … ✓ ✗ ⚠\u{fe0f} 🎉"));
    }

    #[test]
    fn messages_of_one_kind_have_one_shape() {
        for (message, expected) in [
            ("timeout after 30 s", "timeout after … s"),
            ("timeout after 31.5 s", "timeout after … s"),
            (
                "no such file: /tmp/a/b.txt (os error 2)",
                "no such file: … (os error …)",
            ),
            ("table \"refund\" not found", "table \"…\" not found"),
            ("can't do that", "can't do that"),
            ("id 019c6b1e-6f2a-7c3d: gone", "id … gone"),
            ("first line\nsecond 7", "first line"),
            ("", ""),
        ] {
            assert_eq!(shape(message), expected, "{message}");
        }
    }

    #[test]
    fn a_shape_ends_at_a_character() {
        assert!(shape(&"ä".repeat(500)).len() <= SHAPE);
        assert!(shape(&"x 1 ".repeat(500)).len() <= SHAPE + 3);
    }
}
