//! JSON text inside of a string: what a model gives its tools, what a service answered.
//!
//! Read in one pass and copied as it stands, but for what may not be seen. It need not be whole: what was cut off is
//! missing at its end, and where it stops being JSON the rest is looked through as any text.

use serde_json::Value;

use super::{REDACTED, Walk};
use crate::record::value::Filter;

/// Whether JSON text may begin with this byte; bare numbers and strings are no more than text.
#[inline]
pub(super) fn may_begin(first: Option<u8>) -> bool {
    matches!(first, Some(b'{' | b'[' | b' ' | b'\n' | b'\r' | b'\t'))
}

pub(super) fn may_be(text: &str) -> bool {
    text.trim_ascii_start().starts_with(['{', '['])
}

/// The text without what may not be seen; `None` where that is nothing. `cut`: there was more of it.
pub(super) fn clean(walk: &mut Walk<'_>, text: &str, cut: bool) -> Option<String> {
    let depth = walk.marks.len();
    let mut reader = Reader {
        text,
        at: 0,
        copy: String::new(),
        copied: 0,
    };
    reader.read(walk);
    // It may have ended within containers.
    while walk.marks.len() > depth {
        walk.close();
    }
    let rest = reader.at;
    if let Some(clean) = walk.without_secrets(&text[rest..], cut) {
        reader.replace(rest..text.len(), &clean);
    }
    if reader.copied == 0 {
        return None;
    }
    reader.copy.push_str(&text[reader.copied..]);
    Some(reader.copy)
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// In an object or an array; `first`: it may also end.
    Element {
        first: bool,
    },
    Comma,
}

struct Reader<'a> {
    text: &'a str,
    /// Everything before is JSON.
    at: usize,
    copy: String,
    /// How much of the text stands in `copy`.
    copied: usize,
}

impl Reader<'_> {
    /// Iterative: who wrote it may have had a larger stack.
    fn read(&mut self, walk: &mut Walk<'_>) {
        // For each open container whether it is an object.
        let mut open: Vec<bool> = Vec::new();
        let mut next = Next::Value;
        while let Some(byte) = self.peek() {
            match (next, open.last().copied()) {
                // One value after another: lines of JSON.
                (Next::Value | Next::Comma, None) if !matches!(byte, b'{' | b'[') => return,
                (Next::Comma, None) | (Next::Value, _) => match byte {
                    b'{' | b'[' => {
                        open.push(byte == b'{');
                        walk.open();
                        self.at += 1;
                        next = Next::Element { first: true };
                    }
                    _ if self.scalar(walk) => next = Next::Comma,
                    _ => return,
                },
                (Next::Element { first: true } | Next::Comma, Some(object))
                    if byte == if object { b'}' } else { b']' } =>
                {
                    open.pop();
                    walk.close();
                    self.at += 1;
                    next = Next::Comma;
                }
                (Next::Comma, Some(_)) => {
                    if byte != b',' {
                        return;
                    }
                    self.at += 1;
                    next = Next::Element { first: false };
                }
                (Next::Element { .. }, object) => {
                    let visible = if object == Some(true) {
                        self.key(walk)
                    } else {
                        Some(walk.item())
                    };
                    match visible {
                        None => return,
                        Some(true) => next = Next::Value,
                        Some(false) => {
                            self.hide(walk);
                            next = Next::Comma;
                        }
                    }
                }
            }
        }
    }

    /// The next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))
            .count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// A key and its colon: whether its value may be seen; `None` where there is none.
    fn key(&mut self, walk: &mut Walk<'_>) -> Option<bool> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return None;
        }
        let end = self.string_end(start)?;
        let key: String = serde_json::from_str(&self.text[start..end]).ok()?;
        self.at = end;
        if self.peek() != Some(b':') {
            self.at = start;
            return None;
        }
        self.at += 1;
        let (name, visible) = walk.descend(key.as_bytes());
        if let Some(name) = name {
            self.replace(start..end, &quoted(&name));
        }
        Some(visible)
    }

    /// Whether there is a scalar. A string without an end was cut.
    fn scalar(&mut self, walk: &mut Walk<'_>) -> bool {
        let start = self.at;
        if self.text.as_bytes()[start] == b'"' {
            let closed = self.string_end(start);
            let end = closed.unwrap_or(self.text.len());
            let text = unquoted(&self.text[start..end], closed.is_some());
            let Some(text) = text else { return false };
            self.at = end;
            if let Some(clean) = walk.clean(&text, closed.is_none()) {
                self.replace(start..end, &quoted(&clean));
            }
            return true;
        }
        let end = self.word_end(start);
        let word = &self.text[start..end];
        match serde_json::from_str(word) {
            Ok(Value::Null) => {}
            Ok(Value::Bool(_) | Value::Number(_)) => {
                if let Some(with) = walk.ask(word) {
                    let with = walk.without_secrets(&with, false).unwrap_or(with);
                    self.replace(start..end, &quoted(&with));
                }
            }
            _ => return false,
        }
        self.at = end;
        true
    }

    /// Replaces a value, whatever it is; without an end it is all that is left.
    fn hide(&mut self, walk: &mut Walk<'_>) {
        let Some(first) = self.peek() else { return };
        let start = self.at;
        let end = match first {
            b'"' => self.string_end(start).unwrap_or(self.text.len()),
            b'{' | b'[' => self.container_end(start),
            _ => self.word_end(start),
        };
        self.at = end;
        let hidden = quoted(REDACTED);
        if self.text[start..end] != hidden {
            walk.note(true);
            self.replace(start..end, &hidden);
        }
    }

    fn replace(&mut self, range: std::ops::Range<usize>, with: &str) {
        self.copy.push_str(&self.text[self.copied..range.start]);
        self.copy.push_str(with);
        self.copied = range.end;
    }

    /// Behind the quote that ends a string; `None` where none does.
    fn string_end(&self, start: usize) -> Option<usize> {
        let mut at = start + 1;
        loop {
            let rest = self.text.as_bytes().get(at..)?;
            at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            if self.text.as_bytes()[at] == b'"' {
                return Some(at + 1);
            }
            at += 2;
        }
    }

    fn container_end(&self, start: usize) -> usize {
        let (mut at, mut depth) = (start, 0_usize);
        while let Some(byte) = self.text.as_bytes().get(at) {
            at += 1;
            match byte {
                b'"' => at = self.string_end(at - 1).unwrap_or(self.text.len()),
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        at
    }

    fn word_end(&self, start: usize) -> usize {
        let rest = &self.text[start..];
        let is_end = |c: char| matches!(c, ',' | ']' | '}' | '"' | ' ' | '\n' | '\r' | '\t');
        start + rest.find(is_end).unwrap_or(rest.len())
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// What a JSON string says. One without an end may also lack a part of its last escape.
fn unquoted(json: &str, closed: bool) -> Option<String> {
    if closed {
        return serde_json::from_str(json).ok();
    }
    (0..=6).find_map(|less| {
        let end = json.len().checked_sub(less)?;
        serde_json::from_str(&format!("{}\"", json.get(..end)?)).ok()
    })
}
