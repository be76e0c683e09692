//! What a model or a tool was asked, as a number: the same where the same was asked again.
//!
//! Computed from a whole span when it comes in, so that loops and retries are found in the columns alone. Says nothing
//! of what was cut, hidden or not captured: two such requests may look alike and be different.

use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use agentops_core::model::llm::{LlmCall, Message, Part};
use agentops_core::model::span::{Span, SpanKind};
use flate2::Crc;
use memchr::memmem::Finder;
use serde_json::Value;

/// What recorders leave where a value was too long: as a key, and in JSON that is text.
const CUT: &str = "$truncated";

/// The same in a longer text, and what is left where nobody may see what was there.
static HOLES: LazyLock<[Finder<'static>; 2]> =
    LazyLock::new(|| [Finder::new("\"$truncated\""), Finder::new("[redacted]")]);

/// The number, which is kept: what it is made of may change in a new format of the store alone.
pub(super) fn number(span: &Span) -> Option<i64> {
    let mut sum = Sum::default();
    match (span.kind, &span.llm) {
        (SpanKind::Llm, Some(call)) if !call.messages.is_empty() => sum.request(call),
        (SpanKind::Llm | SpanKind::Tool, _) => sum.value(span.input.as_ref()?),
        _ => return None,
    }
    sum.number()
}

/// All that was asked, each text with what it is and its length, so that no two lists of texts read the same.
#[derive(Default)]
struct Sum {
    crc: Crc,
    length: u64,
    has_hole: bool,
}

impl Sum {
    fn number(self) -> Option<i64> {
        // Length and checksum together: as good as 64 bits for texts that are not made to collide.
        (!self.has_hole).then_some((self.length << 32 | u64::from(self.crc.sum())) as i64)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.length = self.length.wrapping_add(bytes.len() as u64);
    }

    fn head(&mut self, what: u8, length: usize) {
        let [a, b, c, d, e, f, g, h] = (length as u64).to_le_bytes();
        self.bytes(&[what, a, b, c, d, e, f, g, h]);
    }

    fn text(&mut self, what: u8, text: &str) {
        self.head(what, text.len());
        self.bytes(text.as_bytes());
        self.has_hole |= text == CUT
            || HOLES
                .iter()
                .any(|hole| hole.find(text.as_bytes()).is_some());
    }

    fn value(&mut self, value: &Value) {
        // As deep as JSON is read, which is bounded.
        match value {
            Value::Null => self.head(b'0', 0),
            Value::Bool(is) => self.head(b'b', usize::from(*is)),
            Value::Number(number) => {
                self.head(b'd', 0);
                // It never fails.
                _ = write!(self, "{number}");
            }
            Value::String(text) => self.text(b's', text),
            Value::Array(items) => {
                self.head(b'l', items.len());
                items.iter().for_each(|item| self.value(item));
            }
            Value::Object(fields) => {
                self.head(b'k', fields.len());
                for (key, value) in fields {
                    self.text(b's', key);
                    self.value(value);
                }
            }
        }
    }

    fn request(&mut self, call: &LlmCall) {
        let model = call.request_model.as_ref().or(call.model.as_ref());
        self.text(b'm', model.map_or("", |model| model));
        for (name, value) in &call.parameters {
            self.text(b'p', name);
            self.value(value);
        }
        call.messages.iter().for_each(|one| self.message(one));
    }

    fn message(&mut self, message: &Message) {
        self.text(b'r', &message.role);
        self.text(b'n', message.name.as_deref().unwrap_or_default());
        for part in &message.content {
            match part {
                Part::Text(said) => self.text(b't', said),
                Part::Reasoning(said) => self.text(b'c', said),
                Part::Refusal(said) => self.text(b'f', said),
                Part::Other(value) => self.value(value),
                _ => {}
            }
        }
        for wish in &message.tool_calls {
            self.text(b'w', &wish.name);
            self.value(&wish.arguments);
        }
    }
}

impl fmt::Write for Sum {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: &Value) -> Option<i64> {
        let mut sum = Sum::default();
        sum.value(value);
        sum.number()
    }

    #[test]
    fn what_differs_has_another_number_and_what_was_cut_or_hidden_has_none() {
        let asked = [
            json!(null),
            json!(false),
            json!(true),
            json!(1),
            json!(12),
            json!("1"),
            json!(["ab", "c"]),
            json!(["a", "bc"]),
            json!([["a"], "bc"]),
            json!({"a": "bc"}),
            json!({"a": "bc", "d": 1.5}),
        ];
        let mut numbers: Vec<_> = asked.iter().map(|value| of(value).unwrap()).collect();
        let again: Vec<_> = asked.iter().map(|value| of(value).unwrap()).collect();
        assert_eq!(numbers, again);
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), asked.len());

        for hidden in [
            json!({"$truncated": 70_000}),
            json!([1, {"a": "the key is [redacted]"}]),
            json!(r#"{"a":{"$truncated":9}}"#),
        ] {
            assert_eq!(of(&hidden), None, "{hidden}");
        }
    }
}
