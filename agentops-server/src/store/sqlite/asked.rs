//! What a model or a tool was asked, as a number: the same where the same was asked again.
//!
//! Computed from a whole span when it comes in, so that loops and retries are found in the columns alone. Says nothing
//! of what was cut, hidden or not captured: two such requests may look alike and be different.

use agentops_core::model::llm::{LlmCall, Message, Part};
use agentops_core::model::span::{Span, SpanKind};
use flate2::Crc;
use memchr::memmem;
use serde_json::Value;

/// What recorders leave where a value was too long, and where nobody may see it.
const HOLES: [&str; 2] = ["\"$truncated\"", "[redacted]"];

/// The number, which is kept: what it is made of may change in a new format of the store alone.
pub(super) fn number(span: &Span) -> Option<i64> {
    let text = match (span.kind, &span.llm) {
        (SpanKind::Llm, Some(call)) if !call.messages.is_empty() => request(call).into_bytes(),
        (SpanKind::Llm | SpanKind::Tool, _) => serde_json::to_vec(span.input.as_ref()?).ok()?,
        _ => return None,
    };
    if HOLES
        .iter()
        .any(|hole| memmem::find(&text, hole.as_bytes()).is_some())
    {
        return None;
    }
    let mut crc = Crc::new();
    crc.update(&text);
    // Length and checksum together: as good as 64 bits for texts that are not made to collide.
    let length = u64::try_from(text.len()).unwrap_or(u64::MAX) << 32;
    Some((length | u64::from(crc.sum())) as i64)
}

fn request(call: &LlmCall) -> String {
    let mut text = String::new();
    let model = call.request_model.as_ref().or(call.model.as_ref());
    add(&mut text, 'm', model.map_or("", |model| model));
    for (name, value) in &call.parameters {
        add(&mut text, 'p', name);
        add(&mut text, 'v', &value.to_string());
    }
    for one in &call.messages {
        message(&mut text, one);
    }
    text
}

fn message(text: &mut String, message: &Message) {
    add(text, 'r', &message.role);
    add(text, 'n', message.name.as_deref().unwrap_or_default());
    for part in &message.content {
        match part {
            Part::Text(said) => add(text, 't', said),
            Part::Reasoning(said) => add(text, 'c', said),
            Part::Refusal(said) => add(text, 'f', said),
            Part::Other(value) => add(text, 'o', &value.to_string()),
            _ => {}
        }
    }
    for wish in &message.tool_calls {
        add(text, 'w', &wish.name);
        match &wish.arguments {
            Value::String(said) => add(text, 'a', said),
            value => add(text, 'a', &value.to_string()),
        }
    }
}

/// With its length, so that no two lists of texts read the same.
fn add(all: &mut String, what: char, text: &str) {
    use std::fmt::Write as _;
    _ = write!(all, "{what}{}:", text.len());
    all.push_str(text);
}
