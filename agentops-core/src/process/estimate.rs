//! Tokens of streams that nobody counted, where the user asked for an estimate.
//!
//! The rule knows how long texts are and nothing else: it is no tokenizer, of no model. What it says is marked as
//! estimated wherever it goes, and so is what is computed from it. What has no length in letters (pictures, sound,
//! files) is not estimated at all. Knows model calls, not spans.

use serde_json::Value;

use crate::model::llm::{Completion, LlmCall, Part, ToolRequest, Usage};
use crate::sync::Relaxed;
use crate::sync::fixed::AtomicBool;

/// Whether the user asked for estimates.
static ASKED_FOR: AtomicBool = AtomicBool::new(false);

pub(crate) fn configure(asked_for: bool) {
    ASKED_FOR.store(asked_for, Relaxed);
}

pub(super) fn is_asked_for() -> bool {
    ASKED_FOR.load(Relaxed)
}

/// What the names of roles and the marks around a message come to.
const MESSAGE: u64 = 4;

/// Tokens of a stream that was read; `None` where the answer or the prompt is more than text, or nothing came.
pub(super) fn estimate(call: &LlmCall) -> Option<Usage> {
    let is_answer = |done: &Completion| !(done.content.is_empty() && done.tool_calls.is_empty());
    if !call.streaming || call.messages.is_empty() || !call.completions.iter().any(is_answer) {
        return None;
    }
    let (mut input, mut output) = (Length::default(), Length::default());
    for message in &call.messages {
        input.content(&message.content)?;
        input.wishes(&message.tool_calls);
    }
    // What tools there are is part of the prompt.
    for name in ["tools", "functions"] {
        if let Some(tools) = call.parameters.get(name) {
            input.json(tools);
        }
    }
    for completion in &call.completions {
        output.content(&completion.content)?;
        output.wishes(&completion.tool_calls);
    }
    let frames = MESSAGE.saturating_mul(call.messages.len() as u64);
    let input = input.tokens().saturating_add(frames);
    Some(Usage::new(input, output.tokens()).estimated(true))
}

/// Text in quarters of a token: a letter of ASCII is one, one of two bytes two, a longer one a whole token.
#[derive(Debug, Default)]
struct Length {
    quarters: u64,
}

impl Length {
    fn text(&mut self, text: &str) {
        let quarters = text.chars().map(|letter| match letter.len_utf8() {
            1 => 1,
            2 => 2,
            _ => 4,
        });
        self.quarters = self.quarters.saturating_add(quarters.sum());
    }

    fn json(&mut self, value: &Value) {
        self.text(&value.to_string());
    }

    fn content(&mut self, content: &[Part]) -> Option<()> {
        for part in content {
            match part {
                Part::Text(text) | Part::Reasoning(text) | Part::Refusal(text) => self.text(text),
                Part::Other(_) => return None,
            }
        }
        Some(())
    }

    fn wishes(&mut self, wishes: &[ToolRequest]) {
        for wish in wishes {
            self.text(&wish.name);
            self.json(&wish.arguments);
        }
    }

    fn tokens(&self) -> u64 {
        self.quarters.div_ceil(4)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::llm::Message;

    fn tokens(text: &str) -> u64 {
        let mut length = Length::default();
        length.text(text);
        length.tokens()
    }

    fn stream() -> LlmCall {
        LlmCall::new().streaming(true)
    }

    #[test]
    fn texts_are_as_long_as_their_letters() {
        for (text, expected) in [
            ("", 0),
            ("a", 1),
            ("four", 1),
            ("fives", 2),
            ("слово", 3),
            ("你好", 2),
            ("🙂", 1),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }

    #[test]
    fn a_stream_is_estimated_from_all_that_was_said() {
        let grep = ToolRequest::new("grep", json!({"a": 1}));
        let call = stream()
            .prompt("system", "be brief")
            .message(Message::new("assistant").tool_call(grep.clone()))
            .parameter("tools", json!(["1234567890123456"]))
            .completion(
                Completion::new()
                    .part(Part::Reasoning("hmm!".into()))
                    .text("well"),
            )
            .completion(Completion::new().tool_call(grep));
        // Three words of 8, 11 and 20 letters and two messages; 8 and 11 letters.
        let expected = Usage::new(10 + 8, 5).estimated(true);
        assert_eq!(estimate(&call), Some(expected));
    }

    #[test]
    fn what_cannot_be_measured_is_not_estimated() {
        let asked = || stream().prompt("user", "Draw a cat");
        assert!(estimate(&asked().answer("No.")).is_some());
        assert_eq!(estimate(&asked().answer("No.").streaming(false)), None);
        assert_eq!(estimate(&stream().answer("No.")), None, "what was asked?");
        assert_eq!(estimate(&asked()), None, "nothing came");
        assert_eq!(estimate(&asked().completion(Completion::new())), None);
        let image = Part::Other(json!({"type": "image_url"}));
        let shown = asked().message(Message::new("user").part(image.clone()));
        assert_eq!(estimate(&shown.answer("No.")), None);
        let drawn = asked().completion(Completion::new().part(image));
        assert_eq!(estimate(&drawn), None);
    }
}
