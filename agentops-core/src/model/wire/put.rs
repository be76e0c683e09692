//! Appends to OTLP messages, field by field: the processor's half of the wire.
//!
//! Every function appends whole fields to the buffer, in one pass and with no allocation but the buffer's own. A
//! protobuf message may be the concatenation of several byte strings with fields in any order, so pieces that many
//! spans share are encoded once. Where a field or attribute comes twice, the later one counts.

use std::io::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::messages::{Completions, Prompt};
use super::proto::{self, any, log as log_field, span as span_field};
use crate::model::agent::AgentRef;
use crate::model::error::ErrorRecord;
use crate::model::id::{SessionId, SpanId, TraceId};
use crate::model::llm::{Cost, LlmCall, ProviderError, Usage};
use crate::model::semconv;
use crate::model::session::SessionFacts;
use crate::model::span::{Guardrail, Level, Link, Log, Source, SpanKind, Status, Thread, ToolCall};
use crate::model::time::UnixNanos;

/// How deep arrays and objects nest on the wire; what is deeper becomes JSON text.
///
/// Each level is up to three protobuf messages, and readers made with `prost` refuse a hundred.
pub const MAX_DEPTH: usize = 28;

/// Where attributes go: each OTLP message keeps its key-value pairs in a field of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pairs(u8);

impl Pairs {
    /// Attributes of a `Span`.
    pub const SPAN: Self = Self(span_field::ATTRIBUTES);
    /// Attributes of a `LogRecord`.
    pub const LOG: Self = Self(log_field::ATTRIBUTES);
    /// A `KeyValueList`, or the attributes of a `Resource`.
    pub const LIST: Self = Self(any::VALUES);
    const EVENT: Self = Self(span_field::EVENT_ATTRIBUTES);
    const LINK: Self = Self(span_field::LINK_ATTRIBUTES);

    /// A text.
    #[inline]
    pub fn str(self, buf: &mut Vec<u8>, key: &str, text: &str) {
        self.head(
            buf,
            key,
            1 + proto::varint_len(text.len() as u64) + text.len(),
        );
        proto::bytes(buf, any::STRING, text.as_bytes());
    }

    /// An integer.
    #[inline]
    pub fn i64(self, buf: &mut Vec<u8>, key: &str, value: i64) {
        self.head(buf, key, 1 + proto::varint_len(value as u64));
        proto::uint(buf, any::INT, value as u64);
    }

    /// An unsigned integer: as text where the wire's integers end.
    #[inline]
    pub fn u64(self, buf: &mut Vec<u8>, key: &str, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.i64(buf, key, value),
            Err(_) => self.display(buf, key, value),
        }
    }

    /// True or false.
    #[inline]
    pub fn bool(self, buf: &mut Vec<u8>, key: &str, value: bool) {
        self.head(buf, key, 2);
        proto::uint(buf, any::BOOL, value.into());
    }

    /// A float.
    #[inline]
    pub fn f64(self, buf: &mut Vec<u8>, key: &str, value: f64) {
        self.head(buf, key, 9);
        proto::fixed64(buf, any::DOUBLE, value.to_bits());
    }

    /// An array of texts.
    pub fn strs(self, buf: &mut Vec<u8>, key: &str, texts: &[impl AsRef<str>]) {
        self.container(buf, key, any::ARRAY, |buf| {
            for text in texts {
                proto::nested(buf, any::VALUES, |buf| {
                    proto::bytes(buf, any::STRING, text.as_ref().as_bytes())
                });
            }
        });
    }

    /// Any JSON value as what it is: null as no value, arrays and objects as such.
    pub fn json(self, buf: &mut Vec<u8>, key: &str, value: &Value) {
        match value {
            Value::String(text) => self.str(buf, key, text),
            Value::Bool(value) => self.bool(buf, key, *value),
            _ => proto::nested(buf, self.0, |buf| {
                proto::bytes(buf, any::KEY, key.as_bytes());
                proto::nested(buf, any::VALUE, |buf| any_value(buf, value, MAX_DEPTH));
            }),
        }
    }

    /// A text that `write` appends to the buffer; it must append UTF-8, and touch nothing before it.
    #[inline]
    pub fn text(self, buf: &mut Vec<u8>, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.container(buf, key, any::STRING, write);
    }

    fn display(self, buf: &mut Vec<u8>, key: &str, value: impl std::fmt::Display) {
        self.text(buf, key, |buf| drop(write!(buf, "{value}")));
    }

    /// The JSON text of something that has no keys but strings, so that it cannot fail.
    fn json_text(self, buf: &mut Vec<u8>, key: &str, value: impl Serialize) {
        self.text(buf, key, |buf| drop(serde_json::to_writer(buf, &value)));
    }

    fn opt_str(self, buf: &mut Vec<u8>, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.str(buf, key, text);
        }
    }

    fn opt_u64(self, buf: &mut Vec<u8>, key: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.u64(buf, key, value);
        }
    }

    fn opt_i64(self, buf: &mut Vec<u8>, key: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.i64(buf, key, value);
        }
    }

    fn some_strs(self, buf: &mut Vec<u8>, key: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.strs(buf, key, texts);
        }
    }

    /// All of a pair but its value, which must take `value_len` bytes.
    #[inline]
    fn head(self, buf: &mut Vec<u8>, key: &str, value_len: usize) {
        let key_len = 1 + proto::varint_len(key.len() as u64) + key.len();
        let pair_len = key_len + 1 + proto::varint_len(value_len as u64) + value_len;
        buf.reserve(pair_len + 6);
        buf.push(proto::length_tag(self.0));
        proto::varint(buf, pair_len as u64);
        proto::bytes(buf, any::KEY, key.as_bytes());
        buf.push(proto::length_tag(any::VALUE));
        proto::varint(buf, value_len as u64);
    }

    #[inline]
    fn container(
        self,
        buf: &mut Vec<u8>,
        key: &str,
        variant: u8,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        proto::nested(buf, self.0, |buf| {
            proto::bytes(buf, any::KEY, key.as_bytes());
            proto::nested(buf, any::VALUE, |buf| proto::nested(buf, variant, write));
        });
    }
}

/// A span's text attribute.
#[inline]
pub fn attr_str(buf: &mut Vec<u8>, key: &str, text: &str) {
    Pairs::SPAN.str(buf, key, text);
}

/// A span's integer attribute.
#[inline]
pub fn attr_i64(buf: &mut Vec<u8>, key: &str, value: i64) {
    Pairs::SPAN.i64(buf, key, value);
}

/// A span's unsigned attribute.
#[inline]
pub fn attr_u64(buf: &mut Vec<u8>, key: &str, value: u64) {
    Pairs::SPAN.u64(buf, key, value);
}

/// A span's attribute that is true or false.
#[inline]
pub fn attr_bool(buf: &mut Vec<u8>, key: &str, value: bool) {
    Pairs::SPAN.bool(buf, key, value);
}

/// A span's float attribute.
#[inline]
pub fn attr_f64(buf: &mut Vec<u8>, key: &str, value: f64) {
    Pairs::SPAN.f64(buf, key, value);
}

/// A span's attribute that is an array of texts.
pub fn attr_strs(buf: &mut Vec<u8>, key: &str, texts: &[impl AsRef<str>]) {
    Pairs::SPAN.strs(buf, key, texts);
}

/// A span's attribute of any type.
pub fn attr_json(buf: &mut Vec<u8>, key: &str, value: &Value) {
    Pairs::SPAN.json(buf, key, value);
}

/// A span's text attribute that `write` appends to the buffer; it must append UTF-8, and touch nothing before it.
#[inline]
pub fn attr_text(buf: &mut Vec<u8>, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
    Pairs::SPAN.text(buf, key, write);
}

/// A span's trace, id and parent.
#[inline]
pub fn ids(buf: &mut Vec<u8>, trace: TraceId, span: SpanId, parent: Option<SpanId>) {
    proto::bytes(buf, span_field::TRACE_ID, &trace.0.to_be_bytes());
    proto::bytes(buf, span_field::SPAN_ID, &span.0.to_be_bytes());
    if let Some(parent) = parent {
        proto::bytes(buf, span_field::PARENT_SPAN_ID, &parent.0.to_be_bytes());
    }
}

/// The trace that a span belongs to.
#[inline]
pub fn trace(buf: &mut Vec<u8>, trace: TraceId) {
    proto::bytes(buf, span_field::TRACE_ID, &trace.0.to_be_bytes());
}

/// A span's id and parent, when it started and when it ended: 0 where it has not. One append, for it is all that most
/// spans have of their own.
#[inline]
pub fn bounds(
    buf: &mut Vec<u8>,
    span: SpanId,
    parent: Option<SpanId>,
    start: UnixNanos,
    end: UnixNanos,
) {
    let mut bytes = [0; 38];
    let (id, rest) = bytes.split_at_mut(10);
    let (above, times) = rest.split_at_mut(10);
    proto::eight_bytes(id, span_field::SPAN_ID, span.0);
    proto::eight_bytes(
        above,
        span_field::PARENT_SPAN_ID,
        parent.map_or(0, |parent| parent.0),
    );
    let (from, to) = times.split_at_mut(9);
    proto::fixed64_into(from, span_field::START, start);
    proto::fixed64_into(to, span_field::END, end);
    if parent.is_some() {
        buf.extend_from_slice(&bytes);
    } else {
        buf.extend_from_slice(&bytes[..10]);
        buf.extend_from_slice(&bytes[20..]);
    }
}

/// A span's OTLP name.
pub fn name(buf: &mut Vec<u8>, name: &str) {
    proto::bytes(buf, span_field::NAME, name.as_bytes());
}

/// A span's OTLP kind: a call of a model is a client's, everything else happens inside.
pub fn kind(buf: &mut Vec<u8>, kind: SpanKind) {
    let (internal, client) = (1, 3);
    let otlp = if kind == SpanKind::Llm {
        client
    } else {
        internal
    };
    proto::uint(buf, span_field::KIND, otlp);
}

/// What a span is: its kind both as OTLP and as we have it, its bare name, and the OTLP name that follows from them.
///
/// The OTLP name of a model call says what was asked of which model, so that it takes the call to know it.
pub fn entity(buf: &mut Vec<u8>, span_kind: SpanKind, bare: &str, call: Option<&LlmCall>) {
    kind(buf, span_kind);
    attr_str(buf, semconv::SPAN_KIND, span_kind.wire());
    attr_str(buf, semconv::ENTITY_NAME, bare);
    match (span_kind, call) {
        (SpanKind::Llm, Some(call)) => model_call_name(buf, call),
        _ => match implied_operation(span_kind) {
            Some(operation) => {
                two_words(buf, operation, bare);
                if call.is_none() {
                    attr_str(buf, semconv::OPERATION_NAME, operation);
                }
            }
            None => name(buf, bare),
        },
    }
}

/// The OTLP name of a model call: `chat gpt-4o-mini`.
pub fn model_call_name(buf: &mut Vec<u8>, call: &LlmCall) {
    let operation = call.operation.as_deref().unwrap_or("chat");
    match call.request_model.as_deref().or(call.model.as_deref()) {
        Some(model) => two_words(buf, operation, model),
        None => name(buf, operation),
    }
}

/// What GenAI conventions call a span of this kind, where that does not depend on the call.
pub(super) fn implied_operation(kind: SpanKind) -> Option<&'static str> {
    match kind {
        SpanKind::Tool => Some("execute_tool"),
        SpanKind::Agent => Some("invoke_agent"),
        SpanKind::Workflow => Some("invoke_workflow"),
        _ => None,
    }
}

fn two_words(buf: &mut Vec<u8>, first: &str, second: &str) {
    proto::nested(buf, span_field::NAME, |buf| {
        buf.extend_from_slice(first.as_bytes());
        buf.push(b' ');
        buf.extend_from_slice(second.as_bytes());
    });
}

/// When a span started and ended.
#[inline]
pub fn times(buf: &mut Vec<u8>, started: UnixNanos, ended: UnixNanos) {
    start(buf, started);
    end(buf, ended);
}

/// When a span started.
#[inline]
pub fn start(buf: &mut Vec<u8>, at: UnixNanos) {
    proto::fixed64(buf, span_field::START, at);
}

/// When a span ended.
#[inline]
pub fn end(buf: &mut Vec<u8>, at: UnixNanos) {
    proto::fixed64(buf, span_field::END, at);
}

/// Marks a span as started and not ended.
pub fn pending(buf: &mut Vec<u8>) {
    attr_bool(buf, semconv::SPAN_PENDING, true);
}

/// How a span ended.
pub fn status(buf: &mut Vec<u8>, status: Status, message: Option<&str>) {
    let code = match status {
        Status::Unset => 0,
        Status::Ok => 1,
        Status::Error => 2,
    };
    if message.is_none() {
        if code != 0 {
            let tag = proto::length_tag(span_field::STATUS);
            buf.extend_from_slice(&[tag, 2, span_field::STATUS_CODE << 3, code as u8]);
        }
        return;
    }
    proto::nested(buf, span_field::STATUS, |buf| {
        if let Some(message) = message {
            proto::bytes(buf, span_field::STATUS_MESSAGE, message.as_bytes());
        }
        proto::uint(buf, span_field::STATUS_CODE, code);
    });
}

/// The session that a span belongs to.
pub fn session(buf: &mut Vec<u8>, session: SessionId) {
    session_id(buf, Pairs::SPAN, session);
}

/// A session's id among `pairs`.
pub(super) fn session_id(buf: &mut Vec<u8>, pairs: Pairs, session: SessionId) {
    uuid_text(buf, pairs, semconv::SESSION_ID, session);
}

fn uuid_text(buf: &mut Vec<u8>, pairs: Pairs, key: &str, id: SessionId) {
    let mut text = uuid::Uuid::encode_buffer();
    pairs.str(
        buf,
        key,
        uuid::Uuid::from_u128(id.0)
            .hyphenated()
            .encode_lower(&mut text),
    );
}

/// The agent that a span is attributed to.
pub fn agent(buf: &mut Vec<u8>, agent: &AgentRef) {
    attr_str(buf, semconv::AGENT_ID, &agent.id);
    attr_str(buf, semconv::AGENT_NAME, &agent.name);
    Pairs::SPAN.opt_str(buf, semconv::AGENT_ROLE, agent.role.as_deref());
    Pairs::SPAN.opt_str(buf, semconv::AGENT_MODEL, agent.model.as_deref());
}

/// The thread that a span started on.
pub fn thread(buf: &mut Vec<u8>, thread: &Thread) {
    attr_u64(buf, semconv::THREAD_ID, thread.id);
    Pairs::SPAN.opt_str(buf, semconv::THREAD_NAME, thread.name.as_deref());
}

/// Where a span's function stands.
pub fn source(buf: &mut Vec<u8>, source: &Source) {
    attr_str(buf, semconv::CODE_FUNCTION, &source.function);
    attr_str(buf, semconv::CODE_FILE, &source.file);
    attr_i64(buf, semconv::CODE_LINE, source.line.into());
}

/// What a tool's span says beyond its input and output.
pub fn tool(buf: &mut Vec<u8>, tool: &ToolCall) {
    attr_str(buf, semconv::TOOL_NAME, &tool.name);
    Pairs::SPAN.opt_str(buf, semconv::TOOL_DESCRIPTION, tool.description.as_deref());
    Pairs::SPAN.opt_str(buf, semconv::TOOL_CALL_ID, tool.call_id.as_deref());
    Pairs::SPAN.opt_i64(buf, semconv::TOOL_COST, tool.cost);
}

/// What a guardrail's span says beyond its input and output.
pub fn guardrail(buf: &mut Vec<u8>, guardrail: &Guardrail) {
    Pairs::SPAN.opt_str(buf, semconv::GUARDRAIL_SPEC, guardrail.spec.as_deref());
    if let Some(triggered) = guardrail.triggered {
        attr_bool(buf, semconv::GUARDRAIL_TRIGGERED, triggered);
    }
}

/// Why a span failed: an event, and the span's `error.type`. Its status is set apart.
pub fn exception(buf: &mut Vec<u8>, error: &ErrorRecord) {
    attr_str(buf, semconv::ERROR_TYPE, &error.code);
    proto::nested(buf, span_field::EVENTS, |buf| {
        proto::fixed64(buf, span_field::EVENT_TIME, error.time);
        proto::bytes(buf, span_field::EVENT_NAME, semconv::EXCEPTION.as_bytes());
        let pairs = Pairs::EVENT;
        pairs.str(buf, semconv::ERROR_CODE, &error.code);
        pairs.opt_str(buf, semconv::EXCEPTION_TYPE, error.rust_type.as_deref());
        pairs.str(buf, semconv::EXCEPTION_MESSAGE, &error.details);
        pairs.opt_str(buf, semconv::EXCEPTION_STACKTRACE, error.stack.as_deref());
        pairs.some_strs(buf, semconv::ERROR_CHAIN, &error.chain);
        pairs.some_strs(buf, semconv::ERROR_SPAN_TRACE, &error.span_trace);
    });
}

/// A log as an event of its span, for readers that take no logs beside their spans.
pub fn log_event(buf: &mut Vec<u8>, log: &Log) {
    proto::nested(buf, span_field::EVENTS, |buf| {
        proto::fixed64(buf, span_field::EVENT_TIME, log.time);
        proto::bytes(buf, span_field::EVENT_NAME, log.message.as_bytes());
        let pairs = Pairs::EVENT;
        for (key, value) in &log.attributes {
            pairs.json(buf, key, value);
        }
        pairs.str(buf, semconv::LOG_LEVEL, log.level.as_str());
        pairs.str(buf, semconv::LOG_TARGET, &log.target);
    });
}

/// A reference to another span.
pub fn link(buf: &mut Vec<u8>, link: &Link) {
    proto::nested(buf, span_field::LINKS, |buf| {
        proto::bytes(
            buf,
            span_field::LINK_TRACE_ID,
            &link.trace_id.0.to_be_bytes(),
        );
        proto::bytes(buf, span_field::LINK_SPAN_ID, &link.span_id.0.to_be_bytes());
        for (key, value) in &link.attributes {
            Pairs::LINK.json(buf, key, value);
        }
    });
}

/// A model call, without the OTLP name that goes with it.
pub fn llm(buf: &mut Vec<u8>, call: &LlmCall) {
    let pairs = Pairs::SPAN;
    pairs.opt_str(buf, semconv::PROVIDER_NAME, call.provider.as_deref());
    pairs.opt_str(buf, semconv::OPERATION_NAME, call.operation.as_deref());
    pairs.opt_str(buf, semconv::REQUEST_MODEL, call.request_model.as_deref());
    pairs.opt_str(buf, semconv::RESPONSE_MODEL, call.model.as_deref());
    pairs.opt_str(buf, semconv::RESPONSE_ID, call.response_id.as_deref());
    // Said even where it is false, so that a call of which nothing is known is still a call.
    pairs.bool(buf, semconv::REQUEST_STREAM, call.streaming);
    if !call.messages.is_empty() {
        pairs.json_text(buf, semconv::INPUT_MESSAGES, Prompt(&call.messages));
    }
    if !call.completions.is_empty() {
        pairs.json_text(
            buf,
            semconv::OUTPUT_MESSAGES,
            Completions(&call.completions),
        );
        finish_reasons(buf, call);
    }
    if !call.parameters.is_empty() {
        pairs.json_text(buf, semconv::REQUEST_PARAMETERS, &call.parameters);
    }
    if let Some(used) = &call.usage {
        usage(buf, used);
    }
    if let Some(spent) = &call.cost {
        cost(buf, spent);
    }
    if let Some(nanos) = call.time_to_first_token {
        pairs.f64(buf, semconv::TIME_TO_FIRST_TOKEN, nanos as f64 / 1e9);
    }
    pairs.opt_u64(buf, semconv::ATTEMPTS, call.attempts.map(u64::from));
    if let Some(error) = &call.provider_error {
        provider_error(buf, error);
    }
}

fn provider_error(buf: &mut Vec<u8>, error: &ProviderError) {
    let pairs = Pairs::SPAN;
    let status = error.status.map(u64::from);
    pairs.opt_u64(buf, semconv::PROVIDER_ERROR_STATUS, status);
    pairs.opt_str(buf, semconv::PROVIDER_ERROR_CODE, error.code.as_deref());
    pairs.opt_str(buf, semconv::PROVIDER_ERROR_TYPE, error.kind.as_deref());
    pairs.str(buf, semconv::PROVIDER_ERROR_MESSAGE, &error.message);
    let wait = error.retry_after;
    pairs.opt_u64(buf, semconv::PROVIDER_ERROR_RETRY_AFTER, wait);
}

/// Where any choice says why it ended, one word for each choice.
fn finish_reasons(buf: &mut Vec<u8>, call: &LlmCall) {
    if call
        .completions
        .iter()
        .all(|choice| choice.finish_reason.is_none())
    {
        return;
    }
    Pairs::SPAN.container(buf, semconv::FINISH_REASONS, any::ARRAY, |buf| {
        for choice in &call.completions {
            let reason = choice.finish_reason.as_deref().unwrap_or_default();
            proto::nested(buf, any::VALUES, |buf| {
                proto::bytes(buf, any::STRING, reason.as_bytes())
            });
        }
    });
}

fn usage(buf: &mut Vec<u8>, usage: &Usage) {
    attr_u64(buf, semconv::USAGE_INPUT, usage.input);
    attr_u64(buf, semconv::USAGE_OUTPUT, usage.output);
    attr_u64(buf, semconv::USAGE_TOTAL, usage.total);
    let details = [
        (semconv::USAGE_CACHE_READ, usage.cache_read),
        (semconv::USAGE_CACHE_WRITE, usage.cache_write),
        (semconv::USAGE_CACHE_WRITE_1H, usage.cache_write_1h),
        (semconv::USAGE_REASONING, usage.reasoning),
        (semconv::USAGE_INPUT_AUDIO, usage.input_audio),
        (semconv::USAGE_CACHE_READ_AUDIO, usage.cache_read_audio),
        (semconv::USAGE_OUTPUT_AUDIO, usage.output_audio),
        (semconv::USAGE_WEB_SEARCHES, usage.web_searches),
    ];
    for (key, count) in details.into_iter().filter(|(_, count)| *count > 0) {
        attr_u64(buf, key, count);
    }
    for (key, said) in [
        (semconv::USAGE_ESTIMATED, usage.estimated),
        (semconv::USAGE_REPORTED, usage.reported),
    ] {
        if said {
            attr_bool(buf, key, true);
        }
    }
}

/// What a model call cost; also by itself, where the price is known only after the call was encoded.
pub fn cost(buf: &mut Vec<u8>, cost: &Cost) {
    attr_i64(buf, semconv::COST_TOTAL, cost.total);
    attr_f64(buf, semconv::USAGE_COST, cost.total as f64 / 1e9);
    Pairs::SPAN.opt_i64(buf, semconv::COST_INPUT, cost.input);
    Pairs::SPAN.opt_i64(buf, semconv::COST_OUTPUT, cost.output);
    Pairs::SPAN.opt_str(buf, semconv::COST_TABLE, cost.price_table.as_deref());
    if let Some(prices) = &cost.prices {
        Pairs::SPAN.json_text(buf, semconv::COST_PRICES, prices);
    }
}

/// What is known of a session, on the session's own span: all but what that span says as every span does.
pub fn facts(buf: &mut Vec<u8>, facts: &SessionFacts) {
    facts_among(buf, Pairs::SPAN, facts);
}

pub(super) fn facts_among(buf: &mut Vec<u8>, pairs: Pairs, facts: &SessionFacts) {
    pairs.str(buf, semconv::SESSION_NAME, &facts.name);
    if let Some(parent) = facts.parent_session_id {
        uuid_text(buf, pairs, semconv::SESSION_PARENT, parent);
    }
    pairs.opt_str(
        buf,
        semconv::SESSION_END_STATE,
        facts.end_state.map(|state| state.as_str()),
    );
    pairs.opt_str(
        buf,
        semconv::SESSION_END_REASON,
        facts.end_state_reason.as_deref(),
    );
    pairs.some_strs(buf, semconv::TAGS, &facts.tags);
    pairs.opt_str(
        buf,
        semconv::CONVERSATION_ID,
        facts.conversation_id.as_deref(),
    );
    pairs.opt_str(buf, semconv::USER_ID, facts.user_id.as_deref());
    pairs.opt_str(buf, semconv::SESSION_VIDEO, facts.video.as_deref());
    for (key, value) in &facts.attributes {
        pairs.json(
            buf,
            &format!("{}{key}", semconv::SESSION_ATTRIBUTE_PREFIX),
            value,
        );
    }
}

/// All of a `LogRecord` but the fields that its author gave it: those go before it as [`Pairs::LOG`], so that none of
/// them can pass for one of ours.
#[expect(
    clippy::too_many_arguments,
    reason = "each is a field of the message; a struct would only name them twice"
)]
pub fn log_head(
    buf: &mut Vec<u8>,
    session: SessionId,
    trace: TraceId,
    span: SpanId,
    time: UnixNanos,
    level: Level,
    target: &str,
    message: &str,
) {
    proto::fixed64(buf, log_field::TIME, time);
    proto::uint(buf, log_field::SEVERITY_NUMBER, severity(level));
    proto::bytes(buf, log_field::SEVERITY_TEXT, level.as_str().as_bytes());
    proto::nested(buf, log_field::BODY, |buf| {
        proto::bytes(buf, any::STRING, message.as_bytes())
    });
    proto::bytes(buf, log_field::TRACE_ID, &trace.0.to_be_bytes());
    proto::bytes(buf, log_field::SPAN_ID, &span.0.to_be_bytes());
    session_id(buf, Pairs::LOG, session);
    Pairs::LOG.str(buf, semconv::LOG_TARGET, target);
}

/// A `LogRecord`.
pub fn log(buf: &mut Vec<u8>, log: &Log, session: SessionId, trace: TraceId, span: SpanId) {
    for (key, value) in &log.attributes {
        Pairs::LOG.json(buf, key, value);
    }
    log_head(
        buf,
        session,
        trace,
        span,
        log.time,
        log.level,
        &log.target,
        &log.message,
    );
}

/// A `KeyValueList`.
pub fn key_values<'a>(buf: &mut Vec<u8>, values: impl IntoIterator<Item = (&'a str, &'a Value)>) {
    for (key, value) in values {
        Pairs::LIST.json(buf, key, value);
    }
}

/// The least number of OpenTelemetry's range for each level.
fn severity(level: Level) -> u64 {
    match level {
        Level::Trace => 1,
        Level::Debug => 5,
        Level::Info => 9,
        Level::Warn => 13,
        Level::Error => 17,
    }
}

/// What an `AnyValue` holds.
fn any_value(buf: &mut Vec<u8>, value: &Value, depth: usize) {
    match value {
        Value::Null => {}
        Value::Bool(value) => proto::uint(buf, any::BOOL, (*value).into()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => proto::uint(buf, any::INT, int as u64),
            (None, Some(float)) if !number.is_u64() => {
                proto::fixed64(buf, any::DOUBLE, float.to_bits())
            }
            // Digits say what a rounded float would not.
            _ => proto::nested(buf, any::STRING, |buf| drop(write!(buf, "{number}"))),
        },
        Value::String(text) => proto::bytes(buf, any::STRING, text.as_bytes()),
        Value::Array(_) | Value::Object(_) if depth == 0 => {
            proto::nested(buf, any::STRING, |buf| {
                drop(serde_json::to_writer(buf, value))
            });
        }
        Value::Array(values) => proto::nested(buf, any::ARRAY, |buf| {
            for value in values {
                proto::nested(buf, any::VALUES, |buf| any_value(buf, value, depth - 1));
            }
        }),
        Value::Object(pairs) => proto::nested(buf, any::LIST, |buf| {
            for (key, value) in pairs {
                proto::nested(buf, any::VALUES, |buf| {
                    proto::bytes(buf, any::KEY, key.as_bytes());
                    proto::nested(buf, any::VALUE, |buf| any_value(buf, value, depth - 1));
                });
            }
        }),
    }
}
