//! From a span's records to the bytes of an OTLP `Span`.
//!
//! What all spans of a callsite, a scope or a thread have in common is encoded once, as a piece; a span's own bytes
//! are what is left. Knows records and the wire, not when a span is complete.

use serde_json::{Map, Value};

use crate::model::error::ErrorRecord;
use crate::model::id::{SessionId, SpanId, TraceId};
use crate::model::llm::LlmCall;
use crate::model::semconv;
use crate::model::session::SessionFacts;
use crate::model::span::{Guardrail, Link, Source, SpanKind, Status, Thread, ToolCall};
use crate::model::time::UnixNanos;
use crate::model::wire::put;
use crate::record::callsite::Meta;
use crate::record::ring::{PROGRESS, ThreadName};
use crate::record::scope::Scope;
use crate::record::value::{string, to_json};
use crate::sync::Relaxed;

/// Everything about a span that is its own.
#[derive(Debug)]
pub(super) struct Own<'a> {
    pub(super) meta: &'a Meta,
    pub(super) id: u64,
    pub(super) parent: u64,
    pub(super) adopted: bool,
    pub(super) start: UnixNanos,
    /// Names an agent's or a session's span, and one whose callsite has no name.
    pub(super) dynamic_name: Option<&'a str>,
    pub(super) input: Option<&'a [u8]>,
    pub(super) notes: Option<&'a Notes>,
}

/// How a span ended.
#[derive(Debug)]
pub(super) struct End<'a> {
    pub(super) time: UnixNanos,
    pub(super) cancelled: bool,
    pub(super) output: Option<&'a [u8]>,
    pub(super) error: Option<ErrorRecord>,
    pub(super) polls: Option<(u64, u64)>,
    /// What is known of the session whose own span this is.
    pub(super) facts: Option<&'a SessionFacts>,
}

/// What was said about a span while it ran.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The span's name, where its callsite has none.
    pub(super) name: Option<String>,
    /// A captured value, where it is not among the arguments.
    pub(super) input: Option<Box<[u8]>>,
    pub(super) tags: Vec<String>,
    pub(super) attributes: Map<String, Value>,
    pub(super) links: Vec<Link>,
    pub(super) error: Option<ErrorRecord>,
}

/// What all spans of a callsite have in common.
pub(super) fn site_piece(meta: &Meta) -> Vec<u8> {
    let mut piece = Vec::with_capacity(256);
    // A model call is named after its model, an agent and a session after who they are.
    if is_named_by_site(meta) {
        put::entity(&mut piece, meta.kind, meta.name, None);
    }
    let source = Source {
        file: meta.location.file().into(),
        line: meta.location.line(),
        function: meta.path(),
    };
    // A session without a function stands nowhere in the program's source.
    if meta.module != OURS {
        put::source(&mut piece, &source);
    }
    if let Some(version) = meta.version {
        put::attr_str(&mut piece, semconv::VERSION, version);
    }
    if !meta.tags.is_empty() && meta.kind != SpanKind::Session {
        put::attr_strs(&mut piece, semconv::TAGS, meta.tags);
    }
    match meta.kind {
        SpanKind::Tool if is_named_by_site(meta) => {
            let cost = meta.cost.map(|usd| (usd * 1e9).round() as i64);
            let description = meta.description.map(Into::into);
            put::tool(
                &mut piece,
                &ToolCall {
                    name: meta.name.into(),
                    description,
                    call_id: None,
                    cost,
                },
            );
        }
        SpanKind::Operation | SpanKind::Task => {
            put::attr_str(
                &mut piece,
                semconv::OPERATION_TYPE,
                meta.operation_type.unwrap_or("function"),
            );
        }
        SpanKind::Guardrail => {
            let spec = meta.spec.map(Into::into);
            put::guardrail(
                &mut piece,
                &Guardrail {
                    spec,
                    triggered: None,
                },
            );
        }
        _ => {}
    }
    piece
}

/// The module of callsites that no function of the program stands for.
const OURS: &str = "agentops";

fn is_named_by_site(meta: &Meta) -> bool {
    !matches!(
        meta.kind,
        SpanKind::Llm | SpanKind::Agent | SpanKind::Session
    ) && !meta.name.is_empty()
}

/// What all spans of a scope have in common.
pub(super) fn scope_piece(scope: &Scope) -> Vec<u8> {
    let mut piece = Vec::with_capacity(192);
    put::trace(&mut piece, TraceId(scope.trace));
    put::session(&mut piece, SessionId(scope.session));
    put::agent(&mut piece, &scope.agent_ref());
    piece
}

/// What all spans that start on a thread have in common.
pub(super) fn thread_piece(thread: &ThreadName) -> Vec<u8> {
    let mut piece = Vec::with_capacity(64);
    put::thread(
        &mut piece,
        &Thread {
            id: thread.id,
            name: thread.name.as_deref().map(Into::into),
        },
    );
    piece
}

/// A span that has started and not ended.
pub(super) fn pending(out: &mut Vec<u8>, own: &Own<'_>) {
    own.write(out, 0, None);
    put::pending(out);
}

/// A span that has ended; the model call that it was, if it was one.
pub(super) fn ended(out: &mut Vec<u8>, own: &Own<'_>, end: &End<'_>) -> Option<LlmCall> {
    let call = (own.meta.kind == SpanKind::Llm).then(|| model_call(own, end));
    own.write(out, end.time, call.as_ref());
    let outputs = end.output.unwrap_or_default();
    let mut at = 0;
    if own.meta.output && !outputs.is_empty() {
        put::attr_text(out, semconv::ENTITY_OUTPUT, |out| {
            at = to_json(outputs, out)
        });
    }
    values(out, own.meta.returns, &outputs[at..]);
    if let Some((polls, busy)) = end.polls {
        put::attr_u64(out, semconv::ASYNC_POLLS, polls);
        put::attr_u64(out, semconv::ASYNC_BUSY, busy);
    }
    let error = end.error.as_ref().or_else(|| own.notes?.error.as_ref());
    match error {
        Some(error) => {
            put::status(out, Status::Error, Some(&error.details));
            put::exception(out, error);
        }
        None if end.cancelled => put::attr_bool(out, semconv::SPAN_CANCELLED, true),
        None => put::status(out, Status::Ok, None),
    }
    if own.meta.kind == SpanKind::Guardrail {
        put::guardrail(
            out,
            &Guardrail {
                spec: None,
                triggered: Some(error.is_some()),
            },
        );
    }
    if let Some(facts) = end.facts {
        put::facts(out, facts);
    }
    call
}

impl Own<'_> {
    fn write(&self, out: &mut Vec<u8>, end: UnixNanos, call: Option<&LlmCall>) {
        put::bounds(
            out,
            SpanId(self.id),
            SpanId(self.parent).some(),
            self.start,
            end,
        );
        if !is_named_by_site(self.meta) {
            let name = self.dynamic_name.unwrap_or(self.meta.name);
            put::entity(out, self.meta.kind, name, call);
            if self.meta.kind == SpanKind::Tool {
                put::attr_str(out, semconv::TOOL_NAME, name);
            }
        }
        if let Some(call) = call {
            put::llm(out, call);
        }
        if self.adopted {
            put::attr_bool(out, semconv::SPAN_ADOPTED, true);
        }
        if let Some(input) = self.input {
            let mut at = 0;
            if !self.meta.arguments.is_empty() {
                put::attr_text(out, semconv::ENTITY_INPUT, |out| {
                    at = object(self.meta.arguments, input, out)
                });
            }
            values(out, self.meta.attributes, &input[at..]);
        }
        if let Some(notes) = self.notes {
            if let Some(input) = &notes.input {
                put::attr_text(out, semconv::ENTITY_INPUT, |out| _ = to_json(input, out));
            }
            if !notes.tags.is_empty() {
                put::attr_strs(out, semconv::TAGS, &notes.tags);
            }
            notes
                .attributes
                .iter()
                .for_each(|(key, value)| attribute(out, key, value));
            notes.links.iter().for_each(|link| put::link(out, link));
        }
    }
}

/// Values in a row as one JSON object; how many bytes they were.
fn object(names: &[&str], payload: &[u8], out: &mut Vec<u8>) -> usize {
    let mut at = 0;
    out.push(b'{');
    for (number, name) in names.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        string(name.as_bytes(), out);
        out.push(b':');
        at += to_json(&payload[at..], out);
    }
    out.push(b'}');
    at
}

/// Values in a row as attributes of their own.
fn values(out: &mut Vec<u8>, keys: &[&str], payload: &[u8]) {
    let mut at = 0;
    for key in keys {
        let (value, length) = value(&payload[at..]);
        at += length;
        attribute(out, key, &value);
    }
}

/// An attribute that its author named. Ours cannot be spoken over: a key of our own namespace gets another.
fn attribute(out: &mut Vec<u8>, key: &str, value: &Value) {
    if key.starts_with(RESERVED) {
        put::attr_json(out, &format!("user.{key}"), value);
    } else {
        put::attr_json(out, key, value);
    }
}

/// The namespace in which only we write.
const RESERVED: &str = "agentops.";

/// The first captured value, and how many bytes it was.
pub(super) fn value(payload: &[u8]) -> (Value, usize) {
    let mut json = Vec::new();
    let length = to_json(payload, &mut json);
    (serde_json::from_slice(&json).unwrap_or(Value::Null), length)
}

/// What the recogniser makes of a model call's arguments and answer; what the attribute says fills the gaps.
fn model_call(own: &Own<'_>, end: &End<'_>) -> LlmCall {
    let arguments = own.input.map(|input| {
        let mut json = Vec::new();
        object(own.meta.arguments, input, &mut json);
        serde_json::from_slice(&json).unwrap_or(Value::Null)
    });
    let request = arguments.or_else(|| Some(value(own.notes?.input.as_deref()?).0));
    let response = end
        .output
        .filter(|output| own.meta.output && !output.is_empty())
        .map(|output| value(output).0);
    // Long prompts take their time, and that is no standstill.
    PROGRESS.0.fetch_add(1, Relaxed);
    let mut call =
        crate::model::recognise::recognise(request.as_ref(), response.as_ref()).unwrap_or_default();
    let fill = |known: &mut Option<String>, said: Option<&str>| {
        if known.is_none() {
            *known = said.map(Into::into);
        }
    };
    fill(&mut call.request_model, own.meta.model);
    fill(&mut call.provider, own.meta.provider);
    price(&mut call, end.time);
    call
}

#[cfg(feature = "pricing")]
fn price(call: &mut LlmCall, at: UnixNanos) {
    call.cost = crate::model::pricing::price(call, at);
}

/// The reader prices what the program did not.
#[cfg(not(feature = "pricing"))]
fn price(_: &mut LlmCall, _: UnixNanos) {}
