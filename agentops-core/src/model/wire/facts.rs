//! What is said beside spans, as OTLP `KeyValueList`s: facts of sessions, heartbeats, losses.
//!
//! The spool has a frame for each; the facts also stand on the session's own span, for readers that get only spans.
//! Knows nothing of how later facts complete earlier ones.

use serde_json::{Map, Value};

use super::WireError;
use super::proto::{Field, Fields, any, span as number};
use super::put::{self, Pairs};
use super::span::{span_id, trace_id};
use super::value::{pairs, parsed, text, texts, unsigned};
use crate::model::event::{Heartbeat, Loss, LossCause};
use crate::model::id::{SessionId, SpanId, TraceId};
use crate::model::semconv;
use crate::model::session::SessionFacts;
use crate::model::span::SpanKind;

/// Encodes the facts of a session.
#[must_use]
pub fn encode_facts(facts: &SessionFacts) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (buf, list) = (&mut bytes, Pairs::LIST);
    put::session_id(buf, list, facts.id);
    put::facts_among(buf, list, facts);
    list.str(buf, semconv::SESSION_TRACE, &facts.trace_id.to_string());
    list.u64(buf, semconv::SESSION_START, facts.start);
    if let Some(root) = facts.root {
        list.str(buf, semconv::SESSION_ROOT, &root.to_string());
    }
    if let Some(end) = facts.end {
        list.u64(buf, semconv::SESSION_END, end);
    }
    bytes
}

/// Decodes the facts of a session; what it does not know, it leaves out.
///
/// # Errors
///
/// Where the bytes are no protobuf, or name no session.
pub fn decode_facts(bytes: &[u8]) -> Result<SessionFacts, WireError> {
    let mut facts = SessionFacts::default();
    let mut named = false;
    for (key, value) in pairs(bytes, any::VALUES)? {
        named |= fact(&mut facts, &key, value).is_some() && key == semconv::SESSION_ID;
    }
    if !named {
        return Err(WireError::missing("session id"));
    }
    if facts.trace_id == TraceId::default() {
        facts.trace_id = facts.id.trace();
    }
    Ok(facts)
}

/// The facts that a session's own span states; `None` of any other span.
///
/// # Errors
///
/// Where the bytes are no protobuf, or have no valid ids.
pub fn span_facts(span: &[u8]) -> Result<Option<SessionFacts>, WireError> {
    let mut attributes = pairs(span, number::ATTRIBUTES)?;
    let kind = attributes.get(semconv::SPAN_KIND).and_then(Value::as_str);
    if kind.and_then(|kind| kind.parse().ok()) != Some(SpanKind::Session) {
        return Ok(None);
    }
    let open = attributes
        .get(semconv::SPAN_PENDING)
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let bare = attributes
        .remove(semconv::ENTITY_NAME)
        .and_then(|name| text(name).ok());
    let mut facts = SessionFacts {
        name: bare.unwrap_or_default(),
        ..SessionFacts::default()
    };
    for (key, value) in attributes {
        fact(&mut facts, &key, value);
    }
    // The span's own fields say these, whatever its attributes claim.
    (facts.trace_id, facts.root, facts.start, facts.end) = (TraceId::default(), None, 0, None);
    for field in Fields::new(span) {
        match field? {
            (number::TRACE_ID, Field::Bytes(bytes)) => {
                facts.trace_id = trace_id(bytes).unwrap_or_default()
            }
            (number::SPAN_ID, Field::Bytes(bytes)) => facts.root = span_id(bytes),
            (number::START, Field::Fixed64(at)) => facts.start = at,
            (number::END, Field::Fixed64(at)) => facts.end = (at != 0 && !open).then_some(at),
            _ => {}
        }
    }
    if facts.trace_id == TraceId::default() || facts.root.is_none() {
        return Err(WireError::missing("trace or span id"));
    }
    if facts.id == SessionId::default() {
        facts.id = SessionId(facts.trace_id.0);
    }
    Ok(Some(facts))
}

/// Whether an attribute of a session's span is a fact of the session rather than something of the span's own.
pub(super) fn is_fact(key: &str) -> bool {
    matches!(
        key,
        semconv::SESSION_NAME
            | semconv::SESSION_ROOT
            | semconv::SESSION_TRACE
            | semconv::SESSION_PARENT
            | semconv::SESSION_START
            | semconv::SESSION_END
            | semconv::SESSION_END_STATE
            | semconv::SESSION_END_REASON
            | semconv::SESSION_VIDEO
            | semconv::CONVERSATION_ID
            | semconv::USER_ID
    ) || key.starts_with(semconv::SESSION_ATTRIBUTE_PREFIX)
}

/// Puts a fact in its place; `None` where it has none, or does not fit there.
fn fact(facts: &mut SessionFacts, key: &str, value: Value) -> Option<()> {
    match key {
        semconv::SESSION_ID => facts.id = parsed(value).ok()?,
        semconv::SESSION_TRACE => facts.trace_id = parsed(value).ok()?,
        semconv::SESSION_ROOT => facts.root = parsed(value).ok().and_then(SpanId::some),
        semconv::SESSION_PARENT => facts.parent_session_id = Some(parsed(value).ok()?),
        semconv::SESSION_NAME => facts.name = text(value).ok()?,
        semconv::SESSION_START => facts.start = unsigned(value).ok()?,
        semconv::SESSION_END => facts.end = Some(unsigned(value).ok()?),
        semconv::SESSION_END_STATE => facts.end_state = Some(parsed(value).ok()?),
        semconv::SESSION_END_REASON => facts.end_state_reason = Some(text(value).ok()?),
        semconv::TAGS => facts.tags = texts(value).ok()?,
        semconv::CONVERSATION_ID => facts.conversation_id = Some(text(value).ok()?),
        semconv::USER_ID => facts.user_id = Some(text(value).ok()?),
        semconv::SESSION_VIDEO => facts.video = Some(text(value).ok()?),
        _ => {
            let name = key.strip_prefix(semconv::SESSION_ATTRIBUTE_PREFIX)?;
            facts.attributes.insert(name.into(), value);
        }
    }
    Some(())
}

/// Encodes a sign of life.
#[must_use]
pub fn encode_heartbeat(heartbeat: &Heartbeat) -> Vec<u8> {
    let mut bytes = Vec::new();
    let readings = [
        (semconv::TIME, Some(heartbeat.time)),
        (semconv::PROCESS_CPU, heartbeat.cpu),
        (semconv::PROCESS_MEMORY, heartbeat.memory),
    ];
    for (key, reading) in readings {
        if let Some(reading) = reading {
            Pairs::LIST.u64(&mut bytes, key, reading);
        }
    }
    bytes
}

/// Decodes a sign of life.
///
/// # Errors
///
/// Where the bytes are no protobuf, or do not say when.
pub fn decode_heartbeat(bytes: &[u8]) -> Result<Heartbeat, WireError> {
    let mut pairs = pairs(bytes, any::VALUES)?;
    Ok(Heartbeat {
        time: take_unsigned(&mut pairs, semconv::TIME).ok_or(WireError::missing("time"))?,
        cpu: take_unsigned(&mut pairs, semconv::PROCESS_CPU),
        memory: take_unsigned(&mut pairs, semconv::PROCESS_MEMORY),
    })
}

/// Encodes an account of what was lost.
#[must_use]
pub fn encode_loss(loss: &Loss) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (buf, list) = (&mut bytes, Pairs::LIST);
    list.u64(buf, semconv::TIME, loss.time);
    if let Some(session) = loss.session {
        put::session_id(buf, list, session);
    }
    list.str(buf, semconv::LOSS_CAUSE, loss.cause.as_str());
    list.u64(buf, semconv::LOSS_COUNT, loss.count);
    bytes
}

/// Decodes an account of what was lost.
///
/// # Errors
///
/// Where the bytes are no protobuf, or do not say when, why or how much.
pub fn decode_loss(bytes: &[u8]) -> Result<Loss, WireError> {
    let mut pairs = pairs(bytes, any::VALUES)?;
    let cause = pairs.get(semconv::LOSS_CAUSE).and_then(Value::as_str);
    let cause = LossCause::ALL
        .into_iter()
        .find(|known| Some(known.as_str()) == cause);
    Ok(Loss {
        time: take_unsigned(&mut pairs, semconv::TIME).ok_or(WireError::missing("time"))?,
        session: pairs
            .remove(semconv::SESSION_ID)
            .and_then(|id| parsed(id).ok()),
        cause: cause.ok_or(WireError::missing("cause"))?,
        count: take_unsigned(&mut pairs, semconv::LOSS_COUNT).ok_or(WireError::missing("count"))?,
    })
}

fn take_unsigned(pairs: &mut Map<String, Value>, key: &str) -> Option<u64> {
    unsigned(pairs.remove(key)?).ok()
}
