//! Spans from the network, whoever made them: ours as they are, others' by what their attributes mean.
//!
//! The tables of names are the dialect's; what is settled here is how its reading and OTLP's own fields (name, status,
//! events) come together in one record, and what a span says of its whole session. Knows nothing of requests.

use serde_json::{Map, Value};

use super::facts::span_facts;
use super::proto::{Field, Fields, any, span as number};
use super::span::{AgentDraft, Draft, ToolDraft, decode_and_count};
use super::value::{json, text, texts};
use super::{WireError, decode_span, encode_span};
use crate::model::dialect::{self, Origin, Reading};
use crate::model::id::SessionId;
use crate::model::semconv::{self, elsewhere as names};
use crate::model::session::{EndState, SessionFacts};
use crate::model::span::{Span, SpanKind, Status};

/// A span that came over the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The span.
    pub span: Span,
    /// What it says of its session.
    pub facts: Option<SessionFacts>,
    /// Another recorder than ours made it.
    pub foreign: bool,
    /// How many values in it were nested too deep to be kept.
    pub cut: u64,
}

/// Reads a span of whatever recorder; `scope` names the instrumentation, `resource` what its process said of itself.
///
/// # Errors
///
/// Where the bytes are no protobuf, have no valid ids, or more values than anyone would send in good faith.
pub fn receive(
    bytes: &[u8],
    scope: &str,
    resource: &Map<String, Value>,
) -> Result<Received, WireError> {
    if is_ours(bytes)? {
        let (span, cut) = decode_and_count(bytes)?;
        return Ok(Received {
            span,
            facts: span_facts(bytes)?,
            foreign: false,
            cut,
        });
    }
    let (mut draft, mut said, cut) = Draft::apart(bytes)?;
    let is_root = draft.parent.is_none();
    for event in draft
        .events
        .extract_if(.., |event| names::CONTENT_EVENTS.contains(&&*event.name))
    {
        for (key, value) in event.attributes {
            said.entry(key).or_insert(value);
        }
    }
    if is_root {
        for (key, value) in resource {
            said.entry(key).or_insert_with(|| value.clone());
        }
    }
    if let Some(Value::String(list)) = said.get_mut(semconv::TAGS)
        && list.starts_with('[')
    {
        let list = std::mem::take(list);
        said.insert(semconv::TAGS.into(), json(list.into()));
    }
    let word = word_of(&said).map(str::to_owned);
    let is_session = is_root && word.as_deref() == Some("session");
    if let Some(word) = &word {
        bare_name(&mut draft.otlp_name, word);
    }
    let name = draft.otlp_name.clone();
    let origin = Origin { scope, name: &name };
    let facts = facts(&draft, &said, is_session, resource);
    let is_http = names::HTTP.iter().any(|key| said.contains_key(*key));
    let mut reading = dialect::read(origin, said);
    reading.kind = match reading.kind {
        _ if is_session => SpanKind::Session,
        SpanKind::Unknown if word.as_deref() == Some("session") => SpanKind::Workflow,
        SpanKind::Unknown if is_http => SpanKind::Http,
        kind => kind,
    };
    let says = facts.says_something || !matches!(reading.kind, SpanKind::Unknown | SpanKind::Http);
    let span = span(draft, reading)?;
    Ok(Received {
        facts: (says && (is_root || facts.says_something)).then_some(facts.facts),
        span,
        foreign: true,
        cut,
    })
}

/// Whether our own recorder made it: then it names its session.
fn is_ours(span: &[u8]) -> Result<bool, WireError> {
    for field in Fields::new(span) {
        if let (number::ATTRIBUTES, Field::Bytes(pair)) = field? {
            for field in Fields::new(pair) {
                if let (any::KEY, Field::Bytes(key)) = field?
                    && key == semconv::SESSION_ID.as_bytes()
                {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

fn word_of(said: &Map<String, Value>) -> Option<&str> {
    said.get(semconv::SPAN_KIND)?.as_str()
}

/// AgentOps' other SDKs end a span's name in its kind.
fn bare_name(name: &mut String, kind: &str) {
    if let Some(bare) = name
        .strip_suffix(kind)
        .and_then(|bare| bare.strip_suffix('.'))
        && !bare.is_empty()
    {
        name.truncate(bare.len());
    }
}

/// OTLP's fields and what the attributes say, as one record.
fn span(mut draft: Draft, reading: Reading) -> Result<Span, WireError> {
    let is_open = draft.pending || draft.end == 0;
    if draft.status == Status::Unset && !is_open {
        draft.status = reading.status;
    }
    draft.kind = Some(reading.kind);
    draft.name = reading.name;
    (draft.input, draft.output) = (reading.input, reading.output);
    if let Some(agent) = reading.agent {
        draft.agent = AgentDraft {
            id: agent.id,
            name: Some(agent.name),
            role: agent.role,
            ..AgentDraft::default()
        };
    }
    if let Some(tool) = reading.tool {
        draft.tool = ToolDraft {
            name: Some(tool.name),
            description: tool.description,
            call_id: tool.call_id,
            cost: tool.cost,
        };
    }
    let (code, details) = reading.error.unzip();
    draft.error_code = code;
    if let Some(details) = details
        && draft.status_message.is_empty()
    {
        draft.status_message = details;
    }
    for (key, value) in reading.attributes {
        draft.attribute(key, value);
    }
    let mut span = draft.finish()?;
    span.llm = match (span.llm.take(), reading.call) {
        (Some(ours), Some(read)) => Some(ours.over(read)),
        (ours, read) => ours.or(read),
    };
    // What has one of our names and not our meaning gives way to ours when it is written: then it is so from the start.
    match span.attributes.keys().any(|key| may_be_ours(key)) {
        true => decode_span(&encode_span(&span)),
        false => Ok(span),
    }
}

fn may_be_ours(key: &str) -> bool {
    semconv::SPACES.iter().any(|space| key.starts_with(space))
}

/// What a span says of its session.
struct Facts {
    facts: SessionFacts,
    /// More than that there is one.
    says_something: bool,
}

fn facts(
    draft: &Draft,
    said: &Map<String, Value>,
    is_session: bool,
    resource: &Map<String, Value>,
) -> Facts {
    let trace_id = draft.trace.unwrap_or_default();
    let mut facts = SessionFacts {
        id: SessionId(trace_id.0),
        trace_id,
        name: word(said, names::SESSION_NAME).unwrap_or_default(),
        user_id: word(said, names::USER_ID),
        conversation_id: word(said, names::CONVERSATION),
        ..SessionFacts::default()
    };
    let is_root = draft.parent.is_none();
    // Elsewhere they are the span's own.
    let of_session = if is_root {
        names::TAGS
    } else {
        &names::TAGS[1..]
    };
    facts.tags = of_session
        .iter()
        .find_map(|key| texts(json(said.get(*key)?.clone())).ok())
        .unwrap_or_default();
    for (key, value) in said {
        if let Some(name) = key.strip_prefix(names::METADATA) {
            facts.attributes.insert(name.into(), value.clone());
        }
    }
    let mut says_something = facts
        != SessionFacts {
            id: facts.id,
            trace_id,
            ..SessionFacts::default()
        };
    if is_session {
        says_something = true;
        facts.root = draft.id;
        facts.start = draft.start;
        facts.end = (draft.end != 0 && !draft.pending).then_some(draft.end);
        if facts.name.is_empty() {
            facts.name =
                word(said, &[semconv::ENTITY_NAME]).unwrap_or_else(|| draft.otlp_name.clone());
        }
        if let Some(state) = word(said, &[semconv::SESSION_END_STATE]) {
            (facts.end_state, facts.end_state_reason) = end_state(state);
        }
    }
    if let Some(environment) =
        word(said, names::ENVIRONMENT).or_else(|| word(resource, names::ENVIRONMENT))
    {
        let key = names::ENVIRONMENT[0];
        facts.attributes.insert(key.into(), environment.into());
    }
    Facts {
        facts,
        says_something,
    }
}

/// AgentOps' SDKs have spelled it in several ways; what is none of the three is the reason why nobody knows.
fn end_state(said: String) -> (Option<EndState>, Option<String>) {
    let word = said.rsplit('.').next().unwrap_or_default();
    match word.to_ascii_uppercase().as_str() {
        "SUCCESS" | "OK" => (Some(EndState::Success), None),
        "ERROR" | "FAIL" | "FAILED" | "FAILURE" => (Some(EndState::Error), None),
        "INDETERMINATE" | "UNSET" => (Some(EndState::Indeterminate), None),
        _ => (Some(EndState::Indeterminate), Some(said)),
    }
}

fn word(said: &Map<String, Value>, keys: &[&str]) -> Option<String> {
    let word = |key: &&str| text(said.get(*key)?.clone()).ok();
    keys.iter().filter_map(word).find(|word| !word.is_empty())
}
