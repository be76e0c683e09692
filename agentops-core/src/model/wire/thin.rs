//! Spans without what they carried, for when there is no room for all of it.
//!
//! An exporter that has no room left keeps what happened rather than what was said. This looks at encoded spans and
//! copies what is short; it knows nothing of who asks for that, and of how much room there is.

use super::proto::{Field, Fields, any, span as number};
use super::put::{self, Pairs};
use super::value::lossy;
use crate::model::id::SessionId;
use crate::model::semconv;
use crate::model::span::SpanKind;
use crate::model::time::UnixNanos;

/// How long an attribute may be, its key included, to be kept in any case. What a model call used and what it cost,
/// what a span is and where it belongs are all shorter.
const SHORT: usize = 96;
/// What is kept however long it is.
const KEPT: [&str; 2] = [semconv::ENTITY_NAME, semconv::ERROR_TYPE];

/// What decides about a span where not all can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Glance {
    pub(crate) start: UnixNanos,
    pub(crate) failed: bool,
    /// It is a session's own span.
    pub(crate) session: bool,
}

/// Looks at a span's own part.
pub(crate) fn glance(otlp: &[u8]) -> Glance {
    let mut glance = Glance::default();
    for field in Fields::new(otlp).map_while(Result::ok) {
        match field {
            (number::START, Field::Fixed64(at)) => glance.start = at,
            (number::STATUS, Field::Bytes(status)) => {
                let error = (number::STATUS_CODE, Field::Varint(2));
                glance.failed |= Fields::new(status).any(|field| field == Ok(error));
            }
            (number::ATTRIBUTES, Field::Bytes(pair)) if pair.len() <= SHORT => {
                let (key, value) = key_and_text(pair);
                glance.session |= key == semconv::SPAN_KIND.as_bytes()
                    && value == Some(SpanKind::Session.wire().as_bytes());
            }
            _ => {}
        }
    }
    glance
}

/// The session that a shared piece names.
pub(crate) fn session_of(piece: &[u8]) -> Option<SessionId> {
    for field in Fields::new(piece).map_while(Result::ok) {
        if let (number::ATTRIBUTES, Field::Bytes(pair)) = field
            && let (key, Some(value)) = key_and_text(pair)
            && key == semconv::SESSION_ID.as_bytes()
        {
            return lossy(value).parse().ok();
        }
    }
    None
}

/// Appends a span's own part without its long attributes, and says in it how much was left out: also returned.
///
/// What went wrong, and what the span refers to, stays whole.
pub(crate) fn without_content(otlp: &[u8], out: &mut Vec<u8>) -> u64 {
    let mut left_out = 0;
    let mut fields = Fields::new(otlp);
    loop {
        let before = fields.rest();
        let Some(Ok(field)) = fields.next() else {
            break;
        };
        match field {
            (number::ATTRIBUTES, Field::Bytes(pair)) if pair.len() > SHORT && !is_kept(pair) => {
                left_out += pair.len() as u64;
                let (key, value) = key_and_text(pair);
                let bytes = value.map_or(pair.len(), <[u8]>::len);
                for key_of_ours in [semconv::ENTITY_INPUT, semconv::ENTITY_OUTPUT] {
                    if key == key_of_ours.as_bytes() {
                        let mark = format!("{{\"$truncated\":{{\"bytes\":{bytes}}}}}");
                        put::attr_str(out, key_of_ours, &mark);
                    }
                }
            }
            _ => out.extend_from_slice(&before[..before.len() - fields.rest().len()]),
        }
    }
    if left_out > 0 {
        Pairs::SPAN.u64(out, semconv::CONTENT_DROPPED, left_out);
    }
    left_out
}

fn is_kept(pair: &[u8]) -> bool {
    let (key, _) = key_and_text(pair);
    KEPT.iter().any(|kept| kept.as_bytes() == key)
}

/// An attribute's key, and its value where it is a text.
fn key_and_text(pair: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (mut key, mut text) = (&[][..], None);
    for field in Fields::new(pair).map_while(Result::ok) {
        match field {
            (any::KEY, Field::Bytes(bytes)) => key = bytes,
            (any::VALUE, Field::Bytes(value)) => {
                if let Some(Ok((any::STRING, Field::Bytes(bytes)))) = Fields::new(value).next() {
                    text = Some(bytes);
                }
            }
            _ => {}
        }
    }
    (key, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error::ErrorRecord;
    use crate::model::id::{SpanId, TraceId};
    use crate::model::llm::{LlmCall, Usage};
    use crate::model::span::Status;
    use crate::model::wire::decode_span;

    #[test]
    fn content_goes_and_the_rest_of_a_model_call_stays() {
        let long = "a prompt ".repeat(1000);
        let mut whole = Vec::new();
        put::ids(&mut whole, TraceId(1), SpanId(2), Some(SpanId(3)));
        put::times(&mut whole, 100, 200);
        put::session(&mut whole, SessionId(7));
        let call = LlmCall {
            request_model: Some("gpt-4o-mini".into()),
            usage: Some(Usage {
                input: 12,
                output: 3,
                total: 15,
                ..Usage::default()
            }),
            ..LlmCall::default()
        };
        put::entity(&mut whole, SpanKind::Llm, "ask", Some(&call));
        put::llm(&mut whole, &call);
        put::attr_str(&mut whole, semconv::ENTITY_INPUT, &format!("{long:?}"));
        put::attr_str(&mut whole, semconv::ENTITY_OUTPUT, "\"short\"");
        put::attr_str(&mut whole, "user.text", &long);
        put::attr_str(&mut whole, "user.word", "kept");
        let error = ErrorRecord {
            details: long.clone(),
            ..ErrorRecord::default()
        };
        put::status(&mut whole, Status::Error, Some(&error.details));
        put::exception(&mut whole, &error);

        let mut thin = Vec::new();
        let left_out = without_content(&whole, &mut thin);
        let (before, after) = (decode_span(&whole), decode_span(&thin));
        let (before, after) = (before.expect("a span"), after.expect("a span still"));
        assert!(left_out > 2 * long.len() as u64);
        let bytes = long.len() + 2;
        assert_eq!(
            after.input,
            Some(serde_json::json!({"$truncated": {"bytes": bytes}}))
        );
        assert_eq!(after.output, before.output);
        assert_eq!(after.attributes[semconv::CONTENT_DROPPED], left_out);
        assert_eq!(after.attributes["user.word"], "kept");
        assert_eq!(after.attributes.get("user.text"), None);
        assert_eq!(
            (&after.llm, &after.error, &after.name),
            (&before.llm, &before.error, &before.name)
        );
        let seen = Glance {
            start: 100,
            failed: true,
            session: false,
        };
        assert_eq!((glance(&thin), glance(&whole)), (seen, seen));
        assert_eq!(session_of(&whole), Some(SessionId(7)));
    }
}
