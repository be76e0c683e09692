//! Spans, from the wire and onto it.
//!
//! Decoding fills a draft field by field, in whatever order they come, and settles what depends on several of them at
//! the end. [`Draft::known`] is the one place that says which attribute is which field of the record; an attribute
//! that it does not know, or whose value does not fit, stays an attribute.

use serde_json::{Map, Value};

use super::WireError;
use super::facts::is_fact;
use super::log::level_of;
use super::messages;
use super::proto::{Field, Fields, span as number};
use super::put;
use super::value::{self, Budget, flag, json, lossy, parsed, signed, text, texts, unsigned};
use crate::model::agent::AgentRef;
use crate::model::error::ErrorRecord;
use crate::model::id::{SessionId, SpanId, TraceId};
use crate::model::llm::{Completion, Cost, LlmCall, Prices, ProviderError, Usage};
use crate::model::semconv;
use crate::model::span::{
    Guardrail, Level, Link, Log, Source, Span, SpanKind, Status, Thread, ToolCall,
};
use crate::model::time::UnixNanos;

/// Encodes a span; [`decode_span`] gives it back.
#[must_use]
pub fn encode_span(span: &Span) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    encode_span_into(span, &mut bytes);
    bytes
}

/// The same at the end of a buffer, which may have been used before.
pub fn encode_span_into(span: &Span, buf: &mut Vec<u8>) {
    // First, so that none of them can pass for one of ours.
    for (key, value) in &span.attributes {
        put::attr_json(buf, key, value);
    }
    put::ids(buf, span.trace_id, span.id, span.parent_id);
    put::entity(buf, span.kind, &span.name, span.llm.as_ref());
    put::start(buf, span.start);
    match span.end {
        Some(end) if !span.open => put::end(buf, end),
        _ => put::pending(buf),
    }
    put::session(buf, span.session_id);
    // OpenTelemetry gives a message to failures only.
    let failure = span.error.as_ref().filter(|_| span.status == Status::Error);
    put::status(
        buf,
        span.status,
        failure.map(|error| error.details.as_str()),
    );
    for (key, said) in [
        (semconv::SPAN_CANCELLED, span.cancelled),
        (semconv::SPAN_ADOPTED, span.adopted),
    ] {
        if said {
            put::attr_bool(buf, key, true);
        }
    }
    for (key, number) in [
        (semconv::ASYNC_BUSY, span.busy),
        (semconv::ASYNC_POLLS, span.polls),
    ] {
        if let Some(number) = number {
            put::attr_u64(buf, key, number);
        }
    }
    for (key, value) in [
        (semconv::ENTITY_INPUT, &span.input),
        (semconv::ENTITY_OUTPUT, &span.output),
    ] {
        if let Some(value) = value {
            put::attr_text(buf, key, |buf| drop(serde_json::to_writer(buf, value)));
        }
    }
    for (key, text) in [
        (semconv::VERSION, &span.version),
        (semconv::OPERATION_TYPE, &span.operation_type),
    ] {
        if let Some(text) = text {
            put::attr_str(buf, key, text);
        }
    }
    if !span.tags.is_empty() {
        put::attr_strs(buf, semconv::TAGS, &span.tags);
    }
    optional(buf, span.agent.as_ref(), put::agent);
    optional(buf, span.thread.as_ref(), put::thread);
    optional(buf, span.source.as_ref(), put::source);
    optional(buf, span.llm.as_ref(), put::llm);
    optional(buf, span.tool.as_ref(), put::tool);
    optional(buf, span.guardrail.as_ref(), put::guardrail);
    span.links.iter().for_each(|link| put::link(buf, link));
    span.logs.iter().for_each(|log| put::log_event(buf, log));
    optional(buf, span.error.as_ref(), put::exception);
}

fn optional<T>(buf: &mut Vec<u8>, value: Option<&T>, put: fn(&mut Vec<u8>, &T)) {
    if let Some(value) = value {
        put(buf, value);
    }
}

/// Decodes a span. One that is marked as pending, or has no end, is open.
///
/// A span that names no session belongs to that of its trace, as sessions of ours do.
///
/// # Errors
///
/// Where the bytes are no protobuf, have no valid ids, or more values than anyone would send in good faith.
pub fn decode_span(bytes: &[u8]) -> Result<Span, WireError> {
    decode_and_count(bytes).map(|(span, _)| span)
}

/// The same, and how many values were nested too deep to be kept.
pub(super) fn decode_and_count(bytes: &[u8]) -> Result<(Span, u64), WireError> {
    let mut draft = Draft::default();
    let mut budget = Budget::new();
    for field in Fields::new(bytes) {
        let (field, value) = field?;
        draft.field(field, value, &mut budget)?;
    }
    Ok((draft.finish()?, budget.cut))
}

/// Reads a model call by itself, as [`put::llm`] writes one; `None` where there is none.
#[cfg(feature = "record")]
pub(crate) fn decode_llm(bytes: &[u8]) -> Option<LlmCall> {
    let mut draft = Draft::default();
    let mut budget = Budget::new();
    for field in Fields::new(bytes) {
        let (field, value) = field.ok()?;
        draft.field(field, value, &mut budget).ok()?;
    }
    draft.settle_llm(SpanKind::Llm)
}

/// Whose a span was of which a part is missing, where the rest says so, and when it ended, or else started.
///
/// # Errors
///
/// Where what is left is no protobuf.
pub(in crate::model) fn remains(bytes: &[u8]) -> Result<(Option<SessionId>, UnixNanos), WireError> {
    let mut draft = Draft::default();
    let mut budget = Budget::new();
    for field in Fields::new(bytes) {
        let (field, value) = field?;
        draft.field(field, value, &mut budget)?;
    }
    // A session and its trace have the same number, but where a session joined another one's trace.
    let session = draft
        .session
        .or(draft.trace.map(|trace| SessionId(trace.0)));
    let time = if draft.end > 0 {
        draft.end
    } else {
        draft.start
    };
    Ok((session, time))
}

/// The session that a part of a span names; `None` where it names none.
#[must_use]
pub fn session_of(part: &[u8]) -> Option<SessionId> {
    let mut draft = Draft::default();
    let mut budget = Budget::new();
    for field in Fields::new(part) {
        let (field, value) = field.ok()?;
        draft.field(field, value, &mut budget).ok()?;
    }
    draft.session
}

/// A span of which only some fields have been read.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) trace: Option<TraceId>,
    pub(super) id: Option<SpanId>,
    pub(super) parent: Option<SpanId>,
    pub(super) otlp_name: String,
    pub(super) start: UnixNanos,
    pub(super) end: UnixNanos,
    pub(super) status: Status,
    pub(super) status_message: String,
    pub(super) events: Vec<RawEvent>,
    links: Vec<Link>,
    attributes: Map<String, Value>,

    session: Option<SessionId>,
    pub(super) name: Option<String>,
    pub(super) kind: Option<SpanKind>,
    pub(super) pending: bool,
    cancelled: bool,
    adopted: bool,
    polls: Option<u64>,
    busy: Option<u64>,
    pub(super) input: Option<Value>,
    pub(super) output: Option<Value>,
    version: Option<String>,
    tags: Vec<String>,
    operation_type: Option<String>,
    pub(super) error_code: Option<String>,
    operation: Option<String>,
    pub(super) agent: AgentDraft,
    thread: Option<Thread>,
    source: Option<Source>,
    pub(super) tool: ToolDraft,
    guardrail: Option<Guardrail>,
    llm: LlmDraft,
}

#[derive(Default)]
pub(super) struct AgentDraft {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) role: Option<String>,
    pub(super) model: Option<String>,
}

#[derive(Default)]
pub(super) struct ToolDraft {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) call_id: Option<String>,
    pub(super) cost: Option<i64>,
}

#[derive(Default)]
struct LlmDraft {
    /// All that has one name only.
    call: Option<LlmCall>,
    older_provider: Option<String>,
    input: Option<u64>,
    output: Option<u64>,
    older_input: Option<u64>,
    older_output: Option<u64>,
    total: Option<u64>,
    /// The rest of it.
    usage: Option<Usage>,
    cost_total: Option<i64>,
    cost_usd: Option<f64>,
    cost_input: Option<i64>,
    cost_output: Option<i64>,
    price_table: Option<String>,
    prices: Option<Prices>,
    finish_reasons: Vec<String>,
}

pub(super) struct RawEvent {
    time: UnixNanos,
    pub(super) name: String,
    pub(super) attributes: Map<String, Value>,
}

impl Draft {
    /// Reads a span, and leaves its attributes to whoever knows what they mean; and how many values were too deep.
    pub(super) fn apart(bytes: &[u8]) -> Result<(Self, Map<String, Value>, u64), WireError> {
        let (mut draft, mut attributes) = (Self::default(), Map::new());
        let mut budget = Budget::new();
        for field in Fields::new(bytes) {
            match field? {
                (number::ATTRIBUTES, Field::Bytes(bytes)) => {
                    let (key, value) = value::pair(bytes, &mut budget)?;
                    attributes.insert(key, value);
                }
                (field, value) => draft.field(field, value, &mut budget)?,
            }
        }
        Ok((draft, attributes, budget.cut))
    }

    fn field(&mut self, field: u8, value: Field<'_>, budget: &mut Budget) -> Result<(), WireError> {
        match (field, value) {
            (number::TRACE_ID, Field::Bytes(bytes)) => self.trace = trace_id(bytes),
            (number::SPAN_ID, Field::Bytes(bytes)) => self.id = span_id(bytes),
            (number::PARENT_SPAN_ID, Field::Bytes(bytes)) => self.parent = span_id(bytes),
            (number::NAME, Field::Bytes(bytes)) => self.otlp_name = lossy(bytes),
            (number::START, Field::Fixed64(at)) => self.start = at,
            (number::END, Field::Fixed64(at)) => self.end = at,
            (number::ATTRIBUTES, Field::Bytes(bytes)) => {
                let (key, value) = value::pair(bytes, budget)?;
                self.attribute(key, value);
            }
            (number::EVENTS, Field::Bytes(bytes)) => self.events.push(event(bytes, budget)?),
            (number::LINKS, Field::Bytes(bytes)) => self.links.push(link(bytes, budget)?),
            (number::STATUS, Field::Bytes(bytes)) => self.status(bytes)?,
            _ => {}
        }
        Ok(())
    }

    /// Statuses merge, as a message does of which a span has one.
    fn status(&mut self, message: &[u8]) -> Result<(), WireError> {
        for field in Fields::new(message) {
            match field? {
                (number::STATUS_MESSAGE, Field::Bytes(bytes)) => self.status_message = lossy(bytes),
                (number::STATUS_CODE, Field::Varint(code)) => {
                    self.status = match code {
                        1 => Status::Ok,
                        2 => Status::Error,
                        _ => Status::Unset,
                    };
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn attribute(&mut self, key: String, value: Value) {
        if let Err(value) = self.known(&key, value) {
            self.attributes.insert(key, value);
        }
    }

    /// Puts an attribute in its place; hands back the value of one that has none, or that does not fit there.
    fn known(&mut self, key: &str, value: Value) -> Result<(), Value> {
        match key {
            semconv::SESSION_ID => self.session = Some(parsed(value)?),
            semconv::ENTITY_NAME => self.name = Some(text(value)?),
            semconv::SPAN_KIND => self.kind = Some(parsed(value)?),
            semconv::SPAN_PENDING => self.pending = flag(value)?,
            semconv::SPAN_CANCELLED => self.cancelled = flag(value)?,
            semconv::SPAN_ADOPTED => self.adopted = flag(value)?,
            semconv::ASYNC_POLLS => self.polls = Some(unsigned(value)?),
            semconv::ASYNC_BUSY => self.busy = Some(unsigned(value)?),
            semconv::ENTITY_INPUT => self.input = Some(json(value)),
            semconv::ENTITY_OUTPUT => self.output = Some(json(value)),
            semconv::VERSION => self.version = Some(text(value)?),
            semconv::TAGS => self.tags = texts(value)?,
            semconv::OPERATION_TYPE => self.operation_type = Some(text(value)?),
            semconv::ERROR_TYPE => self.error_code = Some(text(value)?),

            semconv::AGENT_ID => self.agent.id = Some(text(value)?),
            semconv::AGENT_NAME => self.agent.name = Some(text(value)?),
            semconv::AGENT_ROLE => self.agent.role = Some(text(value)?),
            semconv::AGENT_MODEL => self.agent.model = Some(text(value)?),

            semconv::THREAD_ID => some(&mut self.thread).id = unsigned(value)?,
            semconv::THREAD_NAME => some(&mut self.thread).name = Some(text(value)?),
            semconv::CODE_FUNCTION => some(&mut self.source).function = text(value)?,
            semconv::CODE_FILE => some(&mut self.source).file = text(value)?,
            semconv::CODE_LINE => some(&mut self.source).line = unsigned(value)?,

            semconv::TOOL_NAME => self.tool.name = Some(text(value)?),
            semconv::TOOL_DESCRIPTION => self.tool.description = Some(text(value)?),
            semconv::TOOL_CALL_ID => self.tool.call_id = Some(text(value)?),
            semconv::TOOL_COST => self.tool.cost = Some(signed(value)?),
            semconv::GUARDRAIL_SPEC => some(&mut self.guardrail).spec = Some(text(value)?),
            semconv::GUARDRAIL_TRIGGERED => {
                some(&mut self.guardrail).triggered = Some(flag(value)?)
            }

            semconv::OPERATION_NAME => self.operation = Some(text(value)?),
            semconv::PROVIDER_NAME => some(&mut self.llm.call).provider = Some(text(value)?),
            semconv::PROVIDER_NAME_BEFORE => self.llm.older_provider = Some(text(value)?),
            semconv::REQUEST_MODEL => some(&mut self.llm.call).request_model = Some(text(value)?),
            semconv::RESPONSE_MODEL => some(&mut self.llm.call).model = Some(text(value)?),
            semconv::RESPONSE_ID => some(&mut self.llm.call).response_id = Some(text(value)?),
            semconv::REQUEST_STREAM => some(&mut self.llm.call).streaming = flag(value)?,
            semconv::INPUT_MESSAGES => {
                some(&mut self.llm.call).messages = messages::prompt(json(value))?
            }
            semconv::OUTPUT_MESSAGES => {
                some(&mut self.llm.call).completions = messages::completions(json(value))?
            }
            semconv::FINISH_REASONS => self.llm.finish_reasons = texts(value)?,
            semconv::REQUEST_PARAMETERS => {
                some(&mut self.llm.call).parameters = object(json(value))?
            }
            semconv::TIME_TO_FIRST_TOKEN => {
                some(&mut self.llm.call).time_to_first_token = Some(nanos(value)?)
            }
            semconv::PROVIDER_ERROR_MESSAGE => self.llm.error().message = text(value)?,
            semconv::PROVIDER_ERROR_STATUS => self.llm.error().status = Some(unsigned(value)?),
            semconv::PROVIDER_ERROR_CODE => self.llm.error().code = Some(text(value)?),
            semconv::PROVIDER_ERROR_TYPE => self.llm.error().kind = Some(text(value)?),
            semconv::PROVIDER_ERROR_RETRY_AFTER => {
                self.llm.error().retry_after = Some(unsigned(value)?)
            }
            semconv::ATTEMPTS => some(&mut self.llm.call).attempts = Some(unsigned(value)?),

            semconv::USAGE_INPUT => self.llm.input = Some(unsigned(value)?),
            semconv::USAGE_INPUT_BEFORE => self.llm.older_input = Some(unsigned(value)?),
            semconv::USAGE_OUTPUT => self.llm.output = Some(unsigned(value)?),
            semconv::USAGE_OUTPUT_BEFORE => self.llm.older_output = Some(unsigned(value)?),
            semconv::USAGE_TOTAL => self.llm.total = Some(unsigned(value)?),
            semconv::USAGE_CACHE_READ => some(&mut self.llm.usage).cache_read = unsigned(value)?,
            semconv::USAGE_CACHE_WRITE => some(&mut self.llm.usage).cache_write = unsigned(value)?,
            semconv::USAGE_CACHE_WRITE_1H => {
                some(&mut self.llm.usage).cache_write_1h = unsigned(value)?
            }
            semconv::USAGE_WEB_SEARCHES => {
                some(&mut self.llm.usage).web_searches = unsigned(value)?
            }
            semconv::USAGE_REASONING => some(&mut self.llm.usage).reasoning = unsigned(value)?,
            semconv::USAGE_INPUT_AUDIO => some(&mut self.llm.usage).input_audio = unsigned(value)?,
            semconv::USAGE_CACHE_READ_AUDIO => {
                some(&mut self.llm.usage).cache_read_audio = unsigned(value)?
            }
            semconv::USAGE_OUTPUT_AUDIO => {
                some(&mut self.llm.usage).output_audio = unsigned(value)?
            }
            semconv::USAGE_ESTIMATED => some(&mut self.llm.usage).estimated = flag(value)?,
            semconv::USAGE_REPORTED => some(&mut self.llm.usage).reported = flag(value)?,
            semconv::USAGE_COST => self.llm.cost_usd = Some(value::number(value)?),
            semconv::COST_TOTAL => self.llm.cost_total = Some(signed(value)?),
            semconv::COST_INPUT => self.llm.cost_input = Some(signed(value)?),
            semconv::COST_OUTPUT => self.llm.cost_output = Some(signed(value)?),
            semconv::COST_TABLE => self.llm.price_table = Some(text(value)?),
            semconv::COST_PRICES => self.llm.prices = serde_json::from_value(json(value)).ok(),
            _ => return Err(value),
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Span, WireError> {
        let trace_id = self.trace.ok_or(WireError::missing("trace id"))?;
        let id = self.id.ok_or(WireError::missing("span id"))?;
        let kind = self.kind.unwrap_or(SpanKind::Unknown);
        if kind == SpanKind::Session {
            self.attributes.retain(|key, _| !is_fact(key));
        }
        let end = (self.end != 0 && !self.pending).then_some(self.end);
        let (error, logs) = told(
            std::mem::take(&mut self.events),
            kind,
            self.error_code.as_deref(),
        );
        let error = self.settle_error(error, kind, end);
        let llm = self.settle_llm(kind);
        let name = self.name.unwrap_or(self.otlp_name);
        Ok(Span {
            id,
            parent_id: self.parent,
            session_id: self.session.unwrap_or(SessionId(trace_id.0)),
            trace_id,
            agent: self.agent.finish(),
            kind,
            status: self.status,
            cancelled: self.cancelled,
            open: end.is_none(),
            adopted: self.adopted,
            start: self.start,
            end,
            busy: self.busy,
            polls: self.polls,
            thread: self.thread,
            source: self.source,
            input: self.input,
            output: self.output,
            attributes: self.attributes,
            version: self.version,
            tags: self.tags,
            links: self.links,
            logs,
            error,
            llm,
            tool: self.tool.finish(kind, &name),
            operation_type: self.operation_type,
            guardrail: self
                .guardrail
                .or_else(|| (kind == SpanKind::Guardrail).then(Guardrail::default)),
            name,
        })
    }

    /// A failed span without an exception event still says what it can.
    fn settle_error(
        &mut self,
        error: Option<ErrorRecord>,
        kind: SpanKind,
        end: Option<UnixNanos>,
    ) -> Option<ErrorRecord> {
        if error.is_some() {
            return error;
        }
        let said = self.error_code.is_some() || !self.status_message.is_empty();
        if self.status == Status::Error && said {
            return Some(ErrorRecord {
                kind: kind.as_str().into(),
                code: self.error_code.take().unwrap_or_default(),
                details: std::mem::take(&mut self.status_message),
                time: end.unwrap_or(self.start),
                ..ErrorRecord::default()
            });
        }
        if let Some(code) = self.error_code.take() {
            self.attributes
                .insert(semconv::ERROR_TYPE.into(), code.into());
        }
        None
    }

    /// The operation's name is a model call's only where nothing else explains it.
    fn settle_llm(&mut self, kind: SpanKind) -> Option<LlmCall> {
        let mut llm = std::mem::take(&mut self.llm).finish();
        match self.operation.take() {
            Some(operation) if put::implied_operation(kind) == Some(operation.as_str()) => {}
            Some(operation) if llm.is_some() || kind == SpanKind::Llm => {
                some(&mut llm).operation = Some(operation)
            }
            Some(operation) => drop(
                self.attributes
                    .insert(semconv::OPERATION_NAME.into(), operation.into()),
            ),
            None => {}
        }
        llm
    }
}

impl AgentDraft {
    /// Where an agent has no id of its own, its name is what tells it from others.
    fn finish(self) -> Option<AgentRef> {
        let name = self.name.or_else(|| self.id.clone());
        let id = self.id.or_else(|| name.clone());
        let said = id.is_some() || self.role.is_some() || self.model.is_some();
        said.then(|| AgentRef {
            id: id.unwrap_or_default(),
            name: name.unwrap_or_default(),
            role: self.role,
            model: self.model,
        })
    }
}

impl ToolDraft {
    fn finish(self, kind: SpanKind, span: &str) -> Option<ToolCall> {
        let said = self.name.is_some()
            || self.description.is_some()
            || self.call_id.is_some()
            || self.cost.is_some();
        (said || kind == SpanKind::Tool).then(|| ToolCall {
            name: self.name.unwrap_or_else(|| span.into()),
            description: self.description,
            call_id: self.call_id,
            cost: self.cost,
        })
    }
}

impl LlmDraft {
    fn error(&mut self) -> &mut ProviderError {
        some(&mut some(&mut self.call).provider_error)
    }

    fn finish(mut self) -> Option<LlmCall> {
        let (usage, cost) = (self.usage(), self.cost());
        let mut call = self.call;
        if let Some(provider) = self.older_provider {
            some(&mut call).provider.get_or_insert(provider);
        }
        if usage.is_some() {
            some(&mut call).usage = usage;
        }
        if cost.is_some() {
            some(&mut call).cost = cost;
        }
        // Who keeps the answer to himself may still say why it ended.
        if !self.finish_reasons.is_empty()
            && call.as_ref().is_none_or(|call| call.completions.is_empty())
        {
            some(&mut call).completions = self.finish_reasons.into_iter().map(untold).collect();
        }
        call
    }

    fn usage(&mut self) -> Option<Usage> {
        let (input, output) = (
            self.input.or(self.older_input),
            self.output.or(self.older_output),
        );
        if input.or(output).or(self.total).is_none() && self.usage.is_none() {
            return None;
        }
        let (input, output) = (input.unwrap_or(0), output.unwrap_or(0));
        let total = self.total.unwrap_or(input.saturating_add(output));
        Some(Usage {
            input,
            output,
            total,
            ..self.usage.take().unwrap_or_default()
        })
    }

    fn cost(&mut self) -> Option<Cost> {
        let total = self
            .cost_total
            .or_else(|| self.cost_usd.map(|usd| (usd * 1e9).round() as i64))?;
        Some(Cost {
            total,
            input: self.cost_input,
            output: self.cost_output,
            price_table: self.price_table.take(),
            prices: self.prices.take(),
        })
    }
}

fn untold(finish_reason: String) -> Completion {
    Completion {
        role: "assistant".into(),
        finish_reason: Some(finish_reason),
        ..Completion::default()
    }
}

/// What the events of a span tell: its one error, which is the last exception, and its logs.
fn told(
    events: Vec<RawEvent>,
    kind: SpanKind,
    code: Option<&str>,
) -> (Option<ErrorRecord>, Vec<Log>) {
    let last = events.iter().rposition(RawEvent::is_exception);
    let (mut error, mut logs) = (None, Vec::new());
    for (at, event) in events.into_iter().enumerate() {
        if Some(at) == last {
            error = Some(event.into_error(kind, code));
        } else {
            logs.push(event.into_log());
        }
    }
    (error, logs)
}

impl RawEvent {
    fn is_exception(&self) -> bool {
        self.name == semconv::EXCEPTION && !self.attributes.contains_key(semconv::LOG_LEVEL)
    }

    /// The code is the event's own, else the span's, else the last part of the type's name.
    fn into_error(mut self, kind: SpanKind, span_code: Option<&str>) -> ErrorRecord {
        let mut take = |key: &str| self.attributes.remove(key);
        let mut take_text = |key: &str| take(key).and_then(|value| text(value).ok());
        let code = take_text(semconv::ERROR_CODE);
        let rust_type = take_text(semconv::EXCEPTION_TYPE);
        let type_name = rust_type
            .as_deref()
            .and_then(|path| path.rsplit([':', '.']).next());
        let code = code.or_else(|| span_code.or(type_name).map(String::from));
        let details = take_text(semconv::EXCEPTION_MESSAGE).unwrap_or_default();
        let stack = take_text(semconv::EXCEPTION_STACKTRACE);
        let mut take_texts = |key: &str| {
            take(key)
                .and_then(|value| texts(value).ok())
                .unwrap_or_default()
        };
        ErrorRecord {
            kind: kind.as_str().into(),
            code: code.unwrap_or_default(),
            details,
            rust_type,
            chain: take_texts(semconv::ERROR_CHAIN),
            stack,
            span_trace: take_texts(semconv::ERROR_SPAN_TRACE),
            time: self.time,
        }
    }

    /// Events of other SDKs are logs without a level; an exception that came before another is an error's.
    fn into_log(mut self) -> Log {
        let usual = if self.is_exception() {
            Level::Error
        } else {
            Level::Info
        };
        let level = self
            .attributes
            .remove(semconv::LOG_LEVEL)
            .and_then(|level| level_of(&level));
        let target = self
            .attributes
            .remove(semconv::LOG_TARGET)
            .and_then(|target| text(target).ok());
        Log {
            time: self.time,
            level: level.unwrap_or(usual),
            target: target.unwrap_or_default(),
            message: self.name,
            attributes: self.attributes,
        }
    }
}

fn event(message: &[u8], budget: &mut Budget) -> Result<RawEvent, WireError> {
    budget.spend()?;
    let mut event = RawEvent {
        time: 0,
        name: String::new(),
        attributes: Map::new(),
    };
    for field in Fields::new(message) {
        match field? {
            (number::EVENT_TIME, Field::Fixed64(at)) => event.time = at,
            (number::EVENT_NAME, Field::Bytes(bytes)) => event.name = lossy(bytes),
            (number::EVENT_ATTRIBUTES, Field::Bytes(bytes)) => {
                let (key, value) = value::pair(bytes, budget)?;
                event.attributes.insert(key, value);
            }
            _ => {}
        }
    }
    Ok(event)
}

fn link(message: &[u8], budget: &mut Budget) -> Result<Link, WireError> {
    budget.spend()?;
    let mut link = Link {
        trace_id: TraceId(0),
        span_id: SpanId(0),
        attributes: Map::new(),
    };
    for field in Fields::new(message) {
        match field? {
            (number::LINK_TRACE_ID, Field::Bytes(bytes)) => {
                link.trace_id = trace_id(bytes).unwrap_or_default()
            }
            (number::LINK_SPAN_ID, Field::Bytes(bytes)) => {
                link.span_id = span_id(bytes).unwrap_or_default()
            }
            (number::LINK_ATTRIBUTES, Field::Bytes(bytes)) => {
                let (key, value) = value::pair(bytes, budget)?;
                link.attributes.insert(key, value);
            }
            _ => {}
        }
    }
    Ok(link)
}

/// A trace id, unless it is zero or has another length than it should.
pub(super) fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    let id = u128::from_be_bytes(bytes.try_into().ok()?);
    (id != 0).then_some(TraceId(id))
}

/// A span id, unless it is zero or has another length than it should.
pub(super) fn span_id(bytes: &[u8]) -> Option<SpanId> {
    SpanId(u64::from_be_bytes(bytes.try_into().ok()?)).some()
}

/// The record, made where the first of its fields comes.
fn some<T: Default>(record: &mut Option<T>) -> &mut T {
    record.get_or_insert_default()
}

fn object(value: Value) -> Result<Map<String, Value>, Value> {
    match value {
        Value::Object(pairs) => Ok(pairs),
        other => Err(other),
    }
}

/// Nanoseconds from seconds; no time runs backwards.
fn nanos(value: Value) -> Result<u64, Value> {
    match value.as_f64() {
        Some(seconds) if seconds >= 0.0 => Ok((seconds * 1e9).round() as u64),
        _ => Err(value),
    }
}
