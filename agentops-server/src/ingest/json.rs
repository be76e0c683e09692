//! Sessions in the JSON that this program writes, read in again.
//!
//! What is written by `model::json` comes back as the events that it was made of; what follows from others (sums, the
//! order of spans) is not believed but made again. Validates, and says where something is not as it should be.

use std::collections::BTreeMap;
use std::sync::Arc;

use agentops_core::model::agent::AgentRef;
use agentops_core::model::error::ErrorRecord;
use agentops_core::model::event::{Event, Loss, LossCause, Resource};
use agentops_core::model::id::{SessionId, SpanId, TraceId};
use agentops_core::model::llm::{
    Completion, Cost, LlmCall, Message, Part, Prices, ProviderError, ToolRequest, Usage,
};
use agentops_core::model::session::{EndState, Host, SessionFacts};
use agentops_core::model::span::{
    Guardrail, Level, Link, Log, Source, Span, SpanKind, Status, Thread, ToolCall,
};
use agentops_core::model::time::{UnixNanos, parse_rfc3339};
use agentops_core::model::trace::DEFAULT_PROJECT;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A session, as events.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) session: SessionId,
    pub(super) resource: Arc<Resource>,
    pub(super) facts: SessionFacts,
    pub(super) spans: Vec<Span>,
    /// Its process ended without a word.
    pub(super) lost: bool,
    pub(super) losses: Vec<Loss>,
}

/// Reads a session with its spans.
///
/// # Errors
///
/// Where it is no such JSON, with what is wrong and where.
pub(super) fn read(bytes: &[u8]) -> Result<Read, serde_json::Error> {
    let SessionIn {
        id,
        trace_id,
        project,
        name,
        service,
        service_version,
        pid,
        state,
        parent_session_id,
        conversation_id,
        user_id,
        start_time,
        end_time,
        end_state,
        end_state_reason,
        tags,
        losses,
        host,
        video,
        attributes,
        spans,
    } = serde_json::from_slice(bytes)?;
    let lost = state == "lost";
    let first = spans.first();
    let root = first.filter(|span| span.kind.0 == SpanKind::Session);
    let facts = SessionFacts {
        id: id.0,
        trace_id: trace_id.0,
        root: root.map(|root| root.id.0),
        parent_session_id: parent_session_id.map(|id| id.0),
        name,
        start: start_time.0,
        end: end_time.map(|end| end.0),
        end_state: end_state.filter(|_| !lost).map(|state| state.0),
        end_state_reason: end_state_reason.filter(|_| !lost),
        tags,
        conversation_id,
        user_id,
        video,
        attributes,
    };
    let resource = Resource {
        service,
        service_version,
        pid,
        project: match &*project {
            DEFAULT_PROJECT => String::new(),
            _ => project,
        },
        host: Host {
            os: host.os,
            arch: host.arch,
            hostname: host.hostname,
            cpu_count: host.cpu_count,
            memory_total_bytes: host.memory_total_bytes,
            rustc: host.rustc,
            sdk: host.sdk,
        },
    };
    let losses = losses.into_iter().filter_map(|(cause, count)| {
        let known = LossCause::ALL.into_iter();
        Some(Loss {
            time: start_time.0,
            session: Some(id.0),
            cause: known.into_iter().find(|known| known.as_str() == cause)?,
            count,
        })
    });
    Ok(Read {
        session: id.0,
        resource: Arc::new(resource),
        losses: losses.collect(),
        spans: spans.into_iter().map(|span| span.into_span(id.0)).collect(),
        facts,
        lost,
    })
}

impl Read {
    /// The spans of it, each as the event that tells of it.
    pub(super) fn event(span: Span) -> Event {
        match span.open {
            true => Event::SpanStarted(Box::new(span)),
            false => Event::SpanEnded(Box::new(span)),
        }
    }
}

/// Text that stands for something else.
#[derive(Debug, Clone, Copy)]
struct Said<T>(T);

impl<'de, T: FromText> Deserialize<'de> for Said<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::from_text(&text)
            .map(Said)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is not {}", T::WHAT)))
    }
}

trait FromText: Sized {
    const WHAT: &'static str;
    fn from_text(text: &str) -> Option<Self>;
}

macro_rules! parsed {
    ($($type:ty: $what:literal;)*) => { $(impl FromText for $type {
        const WHAT: &'static str = $what;
        fn from_text(text: &str) -> Option<Self> {
            text.parse().ok()
        }
    })* };
}
parsed! {
    SessionId: "the id of a session";
    TraceId: "the id of a trace";
    SpanId: "the id of a span";
    SpanKind: "a kind of spans";
    EndState: "how a session ends";
    Level: "a level";
}

impl FromText for UnixNanos {
    const WHAT: &'static str = "a time";
    fn from_text(text: &str) -> Option<Self> {
        parse_rfc3339(text)
    }
}

impl FromText for Status {
    const WHAT: &'static str = "a status";
    fn from_text(text: &str) -> Option<Self> {
        let all = [Self::Unset, Self::Ok, Self::Error];
        all.into_iter().find(|status| status.as_str() == text)
    }
}

/// Milliseconds, as nanoseconds.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Millis(f64);

impl Millis {
    fn nanos(self) -> u64 {
        // What is negative becomes 0, and what is too large the largest.
        (self.0 * 1e6).round() as u64
    }
}

/// US dollars, as nano-USD, without going through a float.
#[derive(Debug, Clone, Copy)]
struct Usd(i64);

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        nanos(raw.get())
            .map(Usd)
            .ok_or_else(|| D::Error::custom(format!("{} is not an amount in USD", raw.get())))
    }
}

/// Exactly, or not at all. With an exponent, too, as programs write small numbers that JSON went through.
fn nanos(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (digits, exponent) = match digits.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let mut nanos: i64 = digits.trim_start_matches('0').parse().unwrap_or(0);
    if nanos == 0 {
        // Nothing, or more than there can be.
        return digits.trim_start_matches('0').is_empty().then_some(0);
    }
    let places = i32::try_from(fraction.len()).ok()?;
    let mut shift = exponent.checked_sub(places)?.checked_add(9)?;
    while shift > 0 {
        nanos = nanos.checked_mul(10)?;
        shift -= 1;
    }
    while shift < 0 {
        if nanos % 10 != 0 {
            return None;
        }
        nanos /= 10;
        shift += 1;
    }
    Some(sign * nanos)
}

/// Something that other programs may leave out, or say is null.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize)]
struct SessionIn {
    id: Said<SessionId>,
    trace_id: Said<TraceId>,
    #[serde(default)]
    project: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    service: String,
    service_version: Option<String>,
    pid: Option<u64>,
    #[serde(default)]
    state: String,
    parent_session_id: Option<Said<SessionId>>,
    conversation_id: Option<String>,
    user_id: Option<String>,
    start_time: Said<UnixNanos>,
    end_time: Option<Said<UnixNanos>>,
    end_state: Option<Said<EndState>>,
    end_state_reason: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    losses: BTreeMap<String, u64>,
    #[serde(default)]
    host: HostIn,
    video: Option<String>,
    #[serde(default)]
    attributes: Map<String, Value>,
    spans: Vec<SpanIn>,
}

#[derive(Deserialize, Default)]
struct HostIn {
    os: Option<String>,
    arch: Option<String>,
    hostname: Option<String>,
    cpu_count: Option<u64>,
    memory_total_bytes: Option<u64>,
    rustc: Option<String>,
    sdk: Option<String>,
}

#[derive(Deserialize)]
struct SpanIn {
    id: Said<SpanId>,
    parent_id: Option<Said<SpanId>>,
    trace_id: Said<TraceId>,
    agent: Option<AgentIn>,
    name: String,
    kind: Said<SpanKind>,
    status: Said<Status>,
    #[serde(default)]
    cancelled: bool,
    #[serde(default)]
    open: bool,
    #[serde(default)]
    adopted: bool,
    start_time: Said<UnixNanos>,
    end_time: Option<Said<UnixNanos>>,
    busy_ms: Option<Millis>,
    polls: Option<u64>,
    thread: Option<ThreadIn>,
    source: Option<SourceIn>,
    input: Option<Value>,
    output: Option<Value>,
    #[serde(default)]
    attributes: Map<String, Value>,
    version: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    links: Vec<LinkIn>,
    #[serde(default)]
    logs: Vec<LogIn>,
    error: Option<ErrorIn>,
    llm: Option<LlmIn>,
    tool: Option<ToolIn>,
    operation: Option<OperationIn>,
    guardrail: Option<GuardrailIn>,
}

#[derive(Deserialize)]
struct AgentIn {
    id: String,
    name: String,
    role: Option<String>,
    model: Option<String>,
}

#[derive(Deserialize)]
struct ThreadIn {
    id: u64,
    name: Option<String>,
}

#[derive(Deserialize)]
struct SourceIn {
    file: String,
    line: u32,
    function: String,
}

#[derive(Deserialize)]
struct LinkIn {
    trace_id: Said<TraceId>,
    span_id: Said<SpanId>,
    #[serde(default)]
    attributes: Map<String, Value>,
}

#[derive(Deserialize)]
struct LogIn {
    time: Said<UnixNanos>,
    level: Said<Level>,
    #[serde(default)]
    target: String,
    message: String,
    #[serde(default)]
    attributes: Map<String, Value>,
}

#[derive(Deserialize)]
struct ErrorIn {
    r#type: String,
    code: String,
    details: String,
    rust_type: Option<String>,
    #[serde(default)]
    chain: Vec<String>,
    stack: Option<String>,
    #[serde(default)]
    span_trace: Vec<String>,
    time: Said<UnixNanos>,
}

#[derive(Deserialize)]
struct ToolIn {
    name: String,
    description: Option<String>,
    call_id: Option<String>,
    cost_usd: Option<Usd>,
}

#[derive(Deserialize)]
struct OperationIn {
    r#type: String,
}

#[derive(Deserialize)]
struct GuardrailIn {
    spec: Option<String>,
    triggered: Option<bool>,
}

#[derive(Deserialize)]
struct LlmIn {
    provider: Option<String>,
    request_model: Option<String>,
    model: Option<String>,
    operation: Option<String>,
    response_id: Option<String>,
    #[serde(default)]
    streaming: bool,
    #[serde(default)]
    messages: Vec<MessageIn>,
    #[serde(default)]
    completions: Vec<CompletionIn>,
    usage: Option<UsageIn>,
    #[serde(default, deserialize_with = "or_default")]
    cost: CostIn,
    #[serde(default)]
    parameters: Map<String, Value>,
    time_to_first_token_ms: Option<Millis>,
    attempts: Option<u32>,
    provider_error: Option<ProviderErrorIn>,
}

#[derive(Deserialize)]
struct MessageIn {
    role: String,
    name: Option<String>,
    #[serde(default)]
    content: Vec<Value>,
    #[serde(default)]
    tool_calls: Vec<ToolRequestIn>,
    tool_call_id: Option<String>,
}

#[derive(Deserialize)]
struct CompletionIn {
    role: String,
    #[serde(default)]
    content: Vec<Value>,
    #[serde(default)]
    tool_calls: Vec<ToolRequestIn>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct ToolRequestIn {
    id: Option<String>,
    name: String,
    #[serde(default)]
    arguments: Value,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct UsageIn {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    cache_write_1h: u64,
    reasoning: u64,
    input_audio: u64,
    output_audio: u64,
    web_searches: u64,
    total: u64,
    estimated: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CostIn {
    usd: Option<Usd>,
    input_usd: Option<Usd>,
    output_usd: Option<Usd>,
    price_table: Option<String>,
    prices: Option<PricesIn>,
}

#[derive(Deserialize)]
struct PricesIn {
    model: String,
    input: Usd,
    output: Usd,
    cache_read: Option<Usd>,
    cache_write: Option<Usd>,
    cache_write_1h: Option<Usd>,
    reasoning: Option<Usd>,
    input_audio: Option<Usd>,
    output_audio: Option<Usd>,
    call: Option<Usd>,
    web_search: Option<Usd>,
}

#[derive(Deserialize)]
struct ProviderErrorIn {
    status: Option<u16>,
    code: Option<String>,
    r#type: Option<String>,
    message: String,
    retry_after_ms: Option<Millis>,
}

impl SpanIn {
    fn into_span(self, session: SessionId) -> Span {
        Span {
            id: self.id.0,
            parent_id: self.parent_id.map(|id| id.0),
            session_id: session,
            trace_id: self.trace_id.0,
            agent: self.agent.map(|agent| AgentRef {
                id: agent.id,
                name: agent.name,
                role: agent.role,
                model: agent.model,
            }),
            name: self.name,
            kind: self.kind.0,
            status: self.status.0,
            cancelled: self.cancelled,
            open: self.open,
            adopted: self.adopted,
            start: self.start_time.0,
            end: self.end_time.map(|end| end.0).filter(|_| !self.open),
            busy: self.busy_ms.map(Millis::nanos),
            polls: self.polls,
            thread: self.thread.map(|thread| Thread {
                id: thread.id,
                name: thread.name,
            }),
            source: self.source.map(|source| Source {
                file: source.file,
                line: source.line,
                function: source.function,
            }),
            input: self.input,
            output: self.output,
            attributes: self.attributes,
            version: self.version,
            tags: self.tags,
            links: self.links.into_iter().map(link).collect(),
            logs: self.logs.into_iter().map(log).collect(),
            error: self.error.map(error),
            llm: self.llm.map(call),
            tool: self.tool.map(|tool| ToolCall {
                name: tool.name,
                description: tool.description,
                call_id: tool.call_id,
                cost: tool.cost_usd.map(|cost| cost.0),
            }),
            operation_type: self.operation.map(|operation| operation.r#type),
            guardrail: self.guardrail.map(|guardrail| Guardrail {
                spec: guardrail.spec,
                triggered: guardrail.triggered,
            }),
        }
    }
}

fn link(link: LinkIn) -> Link {
    Link {
        trace_id: link.trace_id.0,
        span_id: link.span_id.0,
        attributes: link.attributes,
    }
}

fn log(log: LogIn) -> Log {
    Log {
        time: log.time.0,
        level: log.level.0,
        target: log.target,
        message: log.message,
        attributes: log.attributes,
    }
}

fn error(error: ErrorIn) -> ErrorRecord {
    ErrorRecord {
        kind: error.r#type,
        code: error.code,
        details: error.details,
        rust_type: error.rust_type,
        chain: error.chain,
        stack: error.stack,
        span_trace: error.span_trace,
        time: error.time.0,
    }
}

fn call(read: LlmIn) -> LlmCall {
    let mut call = LlmCall::default();
    call.provider = read.provider;
    call.request_model = read.request_model;
    call.model = read.model;
    call.operation = read.operation;
    call.response_id = read.response_id;
    call.streaming = read.streaming;
    call.messages = read.messages.into_iter().map(message).collect();
    call.completions = read.completions.into_iter().map(completion).collect();
    call.usage = read.usage.map(usage);
    call.cost = cost(read.cost);
    call.parameters = read.parameters;
    call.time_to_first_token = read.time_to_first_token_ms.map(Millis::nanos);
    call.attempts = read.attempts;
    call.provider_error = read.provider_error.map(|read| {
        let mut error = ProviderError::default();
        error.status = read.status;
        error.code = read.code;
        error.kind = read.r#type;
        error.message = read.message;
        error.retry_after = read.retry_after_ms.map(Millis::nanos);
        error
    });
    call
}

fn message(read: MessageIn) -> Message {
    let mut message = Message::default();
    message.role = read.role;
    message.name = read.name;
    message.content = read.content.into_iter().map(part).collect();
    message.tool_calls = read.tool_calls.into_iter().map(request).collect();
    message.tool_call_id = read.tool_call_id;
    message
}

fn completion(read: CompletionIn) -> Completion {
    let mut completion = Completion::default();
    completion.role = read.role;
    completion.content = read.content.into_iter().map(part).collect();
    completion.tool_calls = read.tool_calls.into_iter().map(request).collect();
    completion.finish_reason = read.finish_reason;
    completion
}

fn part(value: Value) -> Part {
    let words = match &value {
        Value::Object(fields) if fields.len() == 2 => {
            let said = |key: &str| fields.get(key).and_then(Value::as_str);
            said("type").zip(said("text"))
        }
        _ => None,
    };
    match words {
        Some(("text", text)) => Part::Text(text.into()),
        Some(("reasoning", text)) => Part::Reasoning(text.into()),
        Some(("refusal", text)) => Part::Refusal(text.into()),
        _ => Part::Other(value),
    }
}

fn request(read: ToolRequestIn) -> ToolRequest {
    let mut request = ToolRequest::default();
    request.id = read.id;
    request.name = read.name;
    request.arguments = read.arguments;
    request
}

fn usage(read: UsageIn) -> Usage {
    let mut usage = Usage::default();
    usage.input = read.input;
    usage.output = read.output;
    usage.cache_read = read.cache_read;
    usage.cache_write = read.cache_write;
    usage.cache_write_1h = read.cache_write_1h;
    usage.reasoning = read.reasoning;
    usage.input_audio = read.input_audio;
    usage.output_audio = read.output_audio;
    usage.web_searches = read.web_searches;
    usage.total = read.total;
    usage.estimated = read.estimated;
    usage
}

/// What something cost is read, never computed again: prices change.
fn cost(read: CostIn) -> Option<Cost> {
    let mut cost = Cost::default();
    cost.total = read.usd?.0;
    cost.input = read.input_usd.map(|cost| cost.0);
    cost.output = read.output_usd.map(|cost| cost.0);
    cost.price_table = read.price_table;
    cost.prices = read.prices.map(prices);
    Some(cost)
}

fn prices(read: PricesIn) -> Prices {
    let price = |price: Usd| u64::try_from(price.0).unwrap_or(0);
    let mut prices = Prices::default();
    prices.model = read.model;
    prices.input = price(read.input);
    prices.output = price(read.output);
    prices.cache_read = read.cache_read.map(price);
    prices.cache_write = read.cache_write.map(price);
    prices.cache_write_1h = read.cache_write_1h.map(price);
    prices.reasoning = read.reasoning.map(price);
    prices.input_audio = read.input_audio.map(price);
    prices.output_audio = read.output_audio.map(price);
    prices.call = read.call.map(price);
    prices.web_search = read.web_search.map(price);
    prices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_to_the_digit() {
        assert_eq!(nanos("0.000000001"), Some(1));
        assert_eq!(nanos("-1.5"), Some(-1_500_000_000));
        assert_eq!(nanos("3"), Some(3_000_000_000));
        assert_eq!(nanos("1e3"), Some(1_000_000_000_000));
        assert_eq!(nanos("-1.25e-7"), Some(-125));
        assert_eq!(nanos("12E+0"), Some(12_000_000_000));
        assert_eq!(nanos("0e999999999"), Some(0));
        assert_eq!(nanos("0.010000000000"), Some(10_000_000));
        for broken in [
            "0.0000000001",
            "1e-10",
            "1e10",
            "1e999999999",
            "1e-999999999",
            "1e99999999999",
            "99999999999",
            "99999999999999999999",
            "--1",
            "1e",
            "e1",
            "",
        ] {
            assert_eq!(nanos(broken), None, "{broken}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let error = read(br#"{"id":"nothing"}"#).expect_err("no id");
        assert_eq!(
            error.to_string(),
            "\"nothing\" is not the id of a session at line 1 column 16"
        );
    }
}
