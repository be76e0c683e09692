//! Sessions as JSON, in the one shape that the command, the HTTP API and exports share.
//!
//! Views borrow from the typed records and hold the fields in their published order; whoever holds a
//! [`Trace`] can write it. The shape changes by addition only. Knows nothing of where the JSON goes.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::agent::AgentRef;
use super::error::ErrorRecord;
use super::llm::{Completion, LlmCall, Message, Part, Prices, ProviderError, ToolRequest, Usage};
use super::session::{Counts, Host, Session, SessionCost, Tokens};
use super::span::{Guardrail, Link, Log, Source, Span, SpanKind, Status, Thread, ToolCall};
use super::time::{millis, rfc3339};
use super::trace::Trace;

/// What AgentOps calls an operation that says nothing of its type.
const DEFAULT_OPERATION_TYPE: &str = "function";

/// A session as JSON writes it, with all its spans if `spans`.
///
/// For `serde_json` only: money is written digit by digit, which other formats do not know.
#[must_use]
pub fn session(trace: &Trace, spans: bool) -> impl Serialize {
    SessionView::new(&trace.session, spans.then_some(trace.spans.as_slice()))
}

/// A session as JSON writes it, without its spans.
#[must_use]
pub fn session_alone(session: &Session) -> impl Serialize {
    SessionView::new(session, None)
}

/// Spans as JSON writes them: an array.
#[must_use]
pub fn spans(spans: &[Span]) -> impl Serialize {
    SpansView(spans)
}

/// The same as text, indented for people.
#[must_use]
pub fn to_string(trace: &Trace, spans: bool) -> String {
    // Keys are strings and nothing else can fail in memory.
    serde_json::to_string_pretty(&session(trace, spans)).unwrap_or_default()
}

/// A span as JSON writes it.
#[must_use]
pub fn one_span(span: &Span) -> impl Serialize {
    SpanView::from(span)
}

/// A log as JSON writes it.
#[must_use]
pub fn log(log: &Log) -> impl Serialize {
    LogView::from(log)
}

/// Nano-USD as JSON writes money.
#[must_use]
pub fn usd(nanos: i64) -> Usd {
    Usd(nanos)
}

/// One model call as JSON writes it.
#[must_use]
pub fn llm(call: &LlmCall) -> impl Serialize {
    LlmView::from(call)
}

/// What a provider said was wrong, as JSON writes it.
#[must_use]
pub fn provider_error(error: &ProviderError) -> impl Serialize {
    ProviderErrorView::from(error)
}

#[derive(Serialize)]
struct SessionView<'a> {
    id: String,
    trace_id: String,
    project: &'a str,
    name: &'a str,
    service: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u64>,
    state: &'static str,
    parent_session_id: Option<String>,
    conversation_id: Option<&'a str>,
    user_id: Option<&'a str>,
    start_time: String,
    end_time: Option<String>,
    duration_ms: Option<f64>,
    end_state: Option<&'static str>,
    end_state_reason: Option<&'a str>,
    tags: &'a [String],
    counts: CountsView,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    losses: BTreeMap<&'static str, u64>,
    agents: &'a [String],
    models: &'a [String],
    tokens: TokensView,
    cost: SessionCostView<'a>,
    host: HostView<'a>,
    video: Option<&'a str>,
    attributes: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spans: Option<SpansView<'a>>,
}

#[derive(Serialize)]
struct CountsView {
    spans: u64,
    open: u64,
    errors: u64,
    llm_calls: u64,
    tool_calls: u64,
    dropped: u64,
}

#[derive(Serialize)]
struct TokensView {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    reasoning: u64,
    total: u64,
    #[serde(skip_serializing_if = "is_false")]
    estimated: bool,
}

#[derive(Serialize)]
struct SessionCostView<'a> {
    usd: Option<Usd>,
    unpriced_models: &'a [String],
    partial: bool,
    #[serde(skip_serializing_if = "is_false")]
    estimated: bool,
}

#[derive(Serialize)]
struct HostView<'a> {
    os: Option<&'a str>,
    arch: Option<&'a str>,
    hostname: Option<&'a str>,
    cpu_count: Option<u64>,
    memory_total_bytes: Option<u64>,
    rustc: Option<&'a str>,
    sdk: Option<&'a str>,
}

/// Views are made one at a time while they are written: a session may have very many spans.
struct SpansView<'a>(&'a [Span]);

#[derive(Serialize)]
struct SpanView<'a> {
    id: String,
    parent_id: Option<String>,
    session_id: String,
    trace_id: String,
    agent: Option<AgentView<'a>>,
    name: &'a str,
    kind: &'static str,
    status: &'static str,
    cancelled: bool,
    open: bool,
    #[serde(skip_serializing_if = "is_false")]
    adopted: bool,
    start_time: String,
    end_time: Option<String>,
    duration_ms: Option<f64>,
    busy_ms: Option<f64>,
    polls: Option<u64>,
    thread: Option<ThreadView<'a>>,
    source: Option<SourceView<'a>>,
    input: Option<&'a Value>,
    output: Option<&'a Value>,
    attributes: &'a Map<String, Value>,
    version: Option<&'a str>,
    tags: &'a [String],
    links: Vec<LinkView<'a>>,
    logs: Vec<LogView<'a>>,
    error: Option<ErrorView<'a>>,
    llm: Option<LlmView<'a>>,
    tool: Option<ToolView<'a>>,
    operation: Option<OperationView<'a>>,
    guardrail: Option<GuardrailView<'a>>,
    /// No recorder attaches anything yet.
    attachments: [(); 0],
}

#[derive(Serialize)]
struct AgentView<'a> {
    id: &'a str,
    name: &'a str,
    role: Option<&'a str>,
    model: Option<&'a str>,
}

#[derive(Serialize)]
struct ThreadView<'a> {
    id: u64,
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct SourceView<'a> {
    file: &'a str,
    line: u32,
    function: &'a str,
}

#[derive(Serialize)]
struct LinkView<'a> {
    trace_id: String,
    span_id: String,
    attributes: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct LogView<'a> {
    time: String,
    level: &'static str,
    target: &'a str,
    message: &'a str,
    attributes: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct ErrorView<'a> {
    r#type: &'a str,
    code: &'a str,
    details: &'a str,
    rust_type: Option<&'a str>,
    chain: &'a [String],
    stack: Option<&'a str>,
    span_trace: &'a [String],
    time: String,
}

#[derive(Serialize)]
struct LlmView<'a> {
    provider: Option<&'a str>,
    request_model: Option<&'a str>,
    model: Option<&'a str>,
    operation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_id: Option<&'a str>,
    streaming: bool,
    messages: Vec<MessageView<'a>>,
    completions: Vec<CompletionView<'a>>,
    usage: Option<UsageView>,
    cost: CostView<'a>,
    parameters: &'a Map<String, Value>,
    time_to_first_token_ms: Option<f64>,
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_error: Option<ProviderErrorView<'a>>,
}

#[derive(Serialize)]
struct MessageView<'a> {
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    content: Vec<PartView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolRequestView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

#[derive(Serialize)]
struct CompletionView<'a> {
    role: &'a str,
    content: Vec<PartView<'a>>,
    tool_calls: Vec<ToolRequestView<'a>>,
    finish_reason: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PartView<'a> {
    Words { r#type: &'static str, text: &'a str },
    Other(&'a Value),
}

#[derive(Serialize)]
struct ToolRequestView<'a> {
    id: Option<&'a str>,
    name: &'a str,
    arguments: &'a Value,
}

#[derive(Serialize)]
struct UsageView {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_1h: Option<u64>,
    reasoning: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_audio: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read_audio: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_audio: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_searches: Option<u64>,
    total: u64,
    estimated: bool,
    reported: bool,
}

#[derive(Serialize)]
struct ProviderErrorView<'a> {
    status: Option<u16>,
    code: Option<&'a str>,
    r#type: Option<&'a str>,
    message: &'a str,
    retry_after_ms: Option<f64>,
}

#[derive(Serialize)]
struct CostView<'a> {
    usd: Option<Usd>,
    input_usd: Option<Usd>,
    output_usd: Option<Usd>,
    price_table: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    estimated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    prices: Option<PricesView<'a>>,
}

/// In USD for a million tokens, or for each call and search.
#[derive(Serialize)]
struct PricesView<'a> {
    model: &'a str,
    input: Usd,
    output: Usd,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_1h: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_audio: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read_audio: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_audio: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_search: Option<Usd>,
}

#[derive(Serialize)]
struct ToolView<'a> {
    name: &'a str,
    description: Option<&'a str>,
    call_id: Option<&'a str>,
    status: &'static str,
    cost_usd: Option<Usd>,
}

#[derive(Serialize)]
struct OperationView<'a> {
    r#type: &'a str,
}

#[derive(Serialize)]
struct GuardrailView<'a> {
    spec: Option<&'a str>,
    triggered: Option<bool>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Nano-USD, written as USD with all its digits and no exponent.
///
/// For `serde_json` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usd(i64);

impl<'a> SessionView<'a> {
    fn new(session: &'a Session, spans: Option<&'a [Span]>) -> Self {
        let facts = &session.facts;
        let duration = facts.end.map(|end| end.saturating_sub(facts.start));
        Self {
            id: facts.id.to_string(),
            trace_id: facts.trace_id.to_string(),
            project: &session.project,
            name: &facts.name,
            service: &session.service,
            service_version: session.service_version.as_deref(),
            pid: session.pid,
            state: session.state.as_str(),
            parent_session_id: facts.parent_session_id.map(|id| id.to_string()),
            conversation_id: facts.conversation_id.as_deref(),
            user_id: facts.user_id.as_deref(),
            start_time: rfc3339(facts.start),
            end_time: facts.end.map(rfc3339),
            duration_ms: duration.map(millis),
            end_state: facts.end_state.map(|state| state.as_str()),
            end_state_reason: facts.end_state_reason.as_deref(),
            tags: &facts.tags,
            counts: session.counts.into(),
            losses: session
                .losses
                .iter()
                .map(|(cause, count)| (cause.as_str(), *count))
                .collect(),
            agents: &session.agents,
            models: &session.models,
            tokens: session.tokens.into(),
            cost: (&session.cost).into(),
            host: (&session.host).into(),
            video: facts.video.as_deref(),
            attributes: &facts.attributes,
            spans: spans.map(SpansView),
        }
    }
}

impl<'a> From<&'a Span> for SpanView<'a> {
    fn from(span: &'a Span) -> Self {
        Self {
            id: span.id.to_string(),
            parent_id: span.parent_id.map(|id| id.to_string()),
            session_id: span.session_id.to_string(),
            trace_id: span.trace_id.to_string(),
            agent: span.agent.as_ref().map(Into::into),
            name: &span.name,
            kind: span.kind.as_str(),
            status: span.status.as_str(),
            cancelled: span.cancelled,
            open: span.open,
            adopted: span.adopted,
            start_time: rfc3339(span.start),
            end_time: span.end.map(rfc3339),
            duration_ms: span.duration().map(millis),
            busy_ms: span.busy.map(millis),
            polls: span.polls,
            thread: span.thread.as_ref().map(Into::into),
            source: span.source.as_ref().map(Into::into),
            input: span.input.as_ref(),
            output: span.output.as_ref(),
            attributes: &span.attributes,
            version: span.version.as_deref(),
            tags: &span.tags,
            links: span.links.iter().map(Into::into).collect(),
            logs: span.logs.iter().map(Into::into).collect(),
            error: span.error.as_ref().map(Into::into),
            llm: span.llm.as_ref().map(Into::into),
            tool: tool(span),
            operation: operation(span),
            guardrail: guardrail(span),
            attachments: [],
        }
    }
}

/// Every TOOL span is a tool's, even where it says no more than its name.
fn tool(span: &Span) -> Option<ToolView<'_>> {
    static UNSAID: ToolCall = ToolCall {
        name: String::new(),
        description: None,
        call_id: None,
        cost: None,
    };
    let tool = match &span.tool {
        Some(tool) => tool,
        None if span.kind == SpanKind::Tool => &UNSAID,
        None => return None,
    };
    Some(ToolView {
        name: if tool.name.is_empty() {
            &span.name
        } else {
            &tool.name
        },
        description: tool.description.as_deref(),
        call_id: tool.call_id.as_deref(),
        status: if span.open {
            "executing"
        } else if span.cancelled || span.status == Status::Error {
            "failed"
        } else {
            "succeeded"
        },
        cost_usd: tool.cost.map(Usd),
    })
}

fn operation(span: &Span) -> Option<OperationView<'_>> {
    let applies = matches!(span.kind, SpanKind::Operation | SpanKind::Task);
    let r#type = span
        .operation_type
        .as_deref()
        .or(applies.then_some(DEFAULT_OPERATION_TYPE))?;
    Some(OperationView { r#type })
}

fn guardrail(span: &Span) -> Option<GuardrailView<'_>> {
    static UNSAID: Guardrail = Guardrail {
        spec: None,
        triggered: None,
    };
    let applies = span.kind == SpanKind::Guardrail;
    let guardrail = span.guardrail.as_ref().or(applies.then_some(&UNSAID))?;
    Some(GuardrailView {
        spec: guardrail.spec.as_deref(),
        triggered: guardrail.triggered,
    })
}

impl From<Counts> for CountsView {
    fn from(counts: Counts) -> Self {
        let Counts {
            spans,
            open,
            errors,
            llm_calls,
            tool_calls,
            dropped,
        } = counts;
        Self {
            spans,
            open,
            errors,
            llm_calls,
            tool_calls,
            dropped,
        }
    }
}

impl From<Tokens> for TokensView {
    fn from(tokens: Tokens) -> Self {
        let Tokens {
            input,
            output,
            cache_read,
            cache_write,
            reasoning,
            total,
            estimated,
        } = tokens;
        Self {
            input,
            output,
            cache_read,
            cache_write,
            reasoning,
            total,
            estimated,
        }
    }
}

impl<'a> From<&'a SessionCost> for SessionCostView<'a> {
    fn from(cost: &'a SessionCost) -> Self {
        Self {
            usd: cost.total.map(Usd),
            unpriced_models: &cost.unpriced_models,
            partial: cost.partial,
            estimated: cost.estimated,
        }
    }
}

impl<'a> From<&'a Host> for HostView<'a> {
    fn from(host: &'a Host) -> Self {
        Self {
            os: host.os.as_deref(),
            arch: host.arch.as_deref(),
            hostname: host.hostname.as_deref(),
            cpu_count: host.cpu_count,
            memory_total_bytes: host.memory_total_bytes,
            rustc: host.rustc.as_deref(),
            sdk: host.sdk.as_deref(),
        }
    }
}

impl<'a> From<&'a AgentRef> for AgentView<'a> {
    fn from(agent: &'a AgentRef) -> Self {
        let AgentRef {
            id,
            name,
            role,
            model,
        } = agent;
        Self {
            id,
            name,
            role: role.as_deref(),
            model: model.as_deref(),
        }
    }
}

impl<'a> From<&'a Thread> for ThreadView<'a> {
    fn from(thread: &'a Thread) -> Self {
        Self {
            id: thread.id,
            name: thread.name.as_deref(),
        }
    }
}

impl<'a> From<&'a Source> for SourceView<'a> {
    fn from(source: &'a Source) -> Self {
        Self {
            file: &source.file,
            line: source.line,
            function: &source.function,
        }
    }
}

impl<'a> From<&'a Link> for LinkView<'a> {
    fn from(link: &'a Link) -> Self {
        let Link {
            trace_id,
            span_id,
            attributes,
        } = link;
        Self {
            trace_id: trace_id.to_string(),
            span_id: span_id.to_string(),
            attributes,
        }
    }
}

impl<'a> From<&'a Log> for LogView<'a> {
    fn from(log: &'a Log) -> Self {
        let Log {
            time,
            level,
            target,
            message,
            attributes,
        } = log;
        Self {
            time: rfc3339(*time),
            level: level.as_str(),
            target,
            message,
            attributes,
        }
    }
}

impl<'a> From<&'a ErrorRecord> for ErrorView<'a> {
    fn from(error: &'a ErrorRecord) -> Self {
        Self {
            r#type: &error.kind,
            code: &error.code,
            details: &error.details,
            rust_type: error.rust_type.as_deref(),
            chain: &error.chain,
            stack: error.stack.as_deref(),
            span_trace: &error.span_trace,
            time: rfc3339(error.time),
        }
    }
}

impl<'a> From<&'a LlmCall> for LlmView<'a> {
    fn from(call: &'a LlmCall) -> Self {
        Self {
            provider: call.provider.as_deref(),
            request_model: call.request_model.as_deref(),
            model: call.model.as_deref(),
            operation: call.operation.as_deref(),
            response_id: call.response_id.as_deref(),
            streaming: call.streaming,
            messages: call.messages.iter().map(Into::into).collect(),
            completions: call.completions.iter().map(Into::into).collect(),
            usage: call.usage.map(Into::into),
            cost: call.into(),
            parameters: &call.parameters,
            time_to_first_token_ms: call.time_to_first_token.map(millis),
            attempts: call.attempts,
            provider_error: call.provider_error.as_ref().map(Into::into),
        }
    }
}

impl<'a> From<&'a ProviderError> for ProviderErrorView<'a> {
    fn from(error: &'a ProviderError) -> Self {
        let ProviderError {
            status,
            code,
            kind,
            message,
            retry_after,
        } = error;
        Self {
            status: *status,
            code: code.as_deref(),
            r#type: kind.as_deref(),
            message,
            retry_after_ms: retry_after.map(millis),
        }
    }
}

impl<'a> From<&'a Message> for MessageView<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            role: &message.role,
            name: message.name.as_deref(),
            content: message.content.iter().map(Into::into).collect(),
            tool_calls: message.tool_calls.iter().map(Into::into).collect(),
            tool_call_id: message.tool_call_id.as_deref(),
        }
    }
}

impl<'a> From<&'a Completion> for CompletionView<'a> {
    fn from(completion: &'a Completion) -> Self {
        Self {
            role: &completion.role,
            content: completion.content.iter().map(Into::into).collect(),
            tool_calls: completion.tool_calls.iter().map(Into::into).collect(),
            finish_reason: completion.finish_reason.as_deref(),
        }
    }
}

impl<'a> From<&'a Part> for PartView<'a> {
    fn from(part: &'a Part) -> Self {
        match part {
            Part::Text(text) => Self::Words {
                r#type: "text",
                text,
            },
            Part::Reasoning(text) => Self::Words {
                r#type: "reasoning",
                text,
            },
            Part::Refusal(text) => Self::Words {
                r#type: "refusal",
                text,
            },
            Part::Other(value) => Self::Other(value),
        }
    }
}

impl<'a> From<&'a ToolRequest> for ToolRequestView<'a> {
    fn from(request: &'a ToolRequest) -> Self {
        let ToolRequest {
            id,
            name,
            arguments,
        } = request;
        Self {
            id: id.as_deref(),
            name,
            arguments,
        }
    }
}

impl From<Usage> for UsageView {
    fn from(usage: Usage) -> Self {
        let Usage {
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h,
            reasoning,
            input_audio,
            cache_read_audio,
            output_audio,
            web_searches,
            total,
            estimated,
            reported,
        } = usage;
        let some = |tokens: u64| (tokens > 0).then_some(tokens);
        Self {
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h: some(cache_write_1h),
            reasoning,
            input_audio: some(input_audio),
            cache_read_audio: some(cache_read_audio),
            output_audio: some(output_audio),
            web_searches: some(web_searches),
            total,
            estimated,
            reported,
        }
    }
}

/// A cost that is not known has all its fields, and each is null.
impl<'a> From<&'a LlmCall> for CostView<'a> {
    fn from(call: &'a LlmCall) -> Self {
        let cost = call.cost.as_ref();
        Self {
            estimated: call.is_cost_estimated(),
            usd: cost.map(|cost| Usd(cost.total)),
            input_usd: cost.and_then(|cost| cost.input).map(Usd),
            output_usd: cost.and_then(|cost| cost.output).map(Usd),
            price_table: cost.and_then(|cost| cost.price_table.as_deref()),
            prices: cost.and_then(|cost| cost.prices.as_ref()).map(Into::into),
        }
    }
}

/// Unit prices, in USD.
pub fn prices(prices: &Prices) -> impl Serialize {
    PricesView::from(prices)
}

impl<'a> From<&'a Prices> for PricesView<'a> {
    fn from(prices: &'a Prices) -> Self {
        let usd = |nanos: u64| Usd(i64::try_from(nanos).unwrap_or(i64::MAX));
        Self {
            model: &prices.model,
            input: usd(prices.input),
            output: usd(prices.output),
            cache_read: prices.cache_read.map(usd),
            cache_write: prices.cache_write.map(usd),
            cache_write_1h: prices.cache_write_1h.map(usd),
            reasoning: prices.reasoning.map(usd),
            input_audio: prices.input_audio.map(usd),
            cache_read_audio: prices.cache_read_audio.map(usd),
            output_audio: prices.output_audio.map(usd),
            call: prices.call.map(usd),
            web_search: prices.web_search.map(usd),
        }
    }
}

impl Serialize for SpansView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(SpanView::from))
    }
}

impl Usd {
    fn digits(&self) -> String {
        let (sign, nanos) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let text = format!(
            "{sign}{}.{:09}",
            nanos / 1_000_000_000,
            nanos % 1_000_000_000
        );
        text.trim_end_matches('0').trim_end_matches('.').into()
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.digits())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::id::{SpanId, TraceId};
    use super::super::session::{EndState, SessionFacts};
    use super::super::span::Level;
    use super::super::trace::samples::*;
    use super::*;
    use crate::model::llm::Cost;

    #[test]
    fn what_is_estimated_says_so_beside_the_amount() {
        let mut call = full().llm.expect("a model call");
        let estimated = |call: &LlmCall| {
            let json = serde_json::to_value(llm(call)).expect("it is JSON");
            (
                json["usage"]["estimated"].clone(),
                json["cost"].get("estimated").cloned(),
            )
        };
        assert_eq!(estimated(&call), (json!(false), None));
        call.usage = call.usage.map(|usage| usage.estimated(true));
        assert_eq!(estimated(&call), (json!(true), Some(json!(true))));
        call.cost = Some(Cost::new(7).price_table("provider"));
        assert_eq!(estimated(&call), (json!(true), None), "it was charged");
        let cost = SessionCost {
            total: Some(7),
            estimated: true,
            ..SessionCost::default()
        };
        let json = serde_json::to_value(SessionCostView::from(&cost)).expect("it is JSON");
        assert_eq!(json["estimated"], true);
    }

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    /// A span with all that a span can have.
    fn full() -> Span {
        let text = |text: &str| vec![Part::Text(text.into())];
        let request = ToolRequest {
            id: Some("c1".into()),
            name: "grep".into(),
            arguments: json!({"q": 1}),
        };
        let mut span = call(
            "gpt-4o-mini",
            (10, 4),
            Some(12_300_000),
            span(SpanKind::Llm, "ask", 2, 1, 10, 1_260),
        );
        let call = span.llm.as_mut().expect("a model call");
        call.streaming = true;
        call.messages = vec![
            Message {
                role: "user".into(),
                content: text("Hi"),
                ..Message::default()
            },
            Message {
                role: "tool".into(),
                name: Some("grep".into()),
                content: vec![Part::Other(json!({"type": "image_url"}))],
                tool_calls: vec![request.clone()],
                tool_call_id: Some("c0".into()),
            },
        ];
        call.completions = vec![Completion {
            role: "assistant".into(),
            content: vec![Part::Reasoning("Hm".into()), Part::Refusal("No".into())],
            tool_calls: vec![ToolRequest {
                id: None,
                ..request
            }],
            finish_reason: Some("stop".into()),
        }];
        call.cost = Some(Cost {
            total: 100_000,
            input: Some(60_000),
            output: Some(40_000),
            price_table: Some("table 1".into()),
            prices: Some(Prices {
                model: "openai/gpt-4o-mini".into(),
                input: 150_000_000,
                output: 600_000_000,
                cache_read: Some(75_000_000),
                ..Prices::default()
            }),
        });
        call.parameters = object(json!({"temperature": 0.2}));
        call.time_to_first_token = Some(120_000_000);
        call.attempts = Some(1);
        span.busy = Some(400_000);
        span.polls = Some(3);
        span.thread = Some(Thread {
            id: 1,
            name: Some("main".into()),
        });
        span.source = Some(Source {
            file: "src/tools.rs".into(),
            line: 32,
            function: "tools::grep".into(),
        });
        span.input = Some(json!({"pattern": "fn main"}));
        span.output = Some(json!(["src/main.rs:1"]));
        span.attributes = object(json!({"k": "v"}));
        span.version = Some("2".into());
        span.tags = vec!["t".into()];
        span.links = vec![Link {
            trace_id: TraceId(0xab),
            span_id: SpanId(0xcd),
            attributes: Map::new(),
        }];
        span.logs = vec![Log {
            time: START,
            level: Level::Warn,
            target: "tools".into(),
            message: "slow".into(),
            attributes: object(json!({"ms": 7})),
        }];
        span.tool = Some(ToolCall {
            name: "grep_tool".into(),
            cost: Some(1),
            ..ToolCall::default()
        });
        span.operation_type = Some("screenshot".into());
        span.guardrail = Some(Guardrail {
            spec: Some("input".into()),
            triggered: Some(false),
        });
        let mut span = by("planner", failed("NotFound", "no such file", span));
        if let Some(error) = &mut span.error {
            error.rust_type = Some("std::io::Error".into());
            error.chain = vec!["deeper".into()];
            error.stack = Some("0: main".into());
        }
        span
    }

    #[test]
    fn the_whole_shape_in_its_order() {
        let facts = SessionFacts {
            end: Some(START + 2_500_000),
            end_state: Some(EndState::Success),
            tags: vec!["demo".into()],
            attributes: object(json!({"city": "Ulm"})),
            ..started()
        };
        let trace = only(traces([
            ended(span(SpanKind::Session, "research_team", 1, 0, 0, 2_500)),
            ended(full()),
            said(facts),
        ]));
        let expected = r#"{
  "id": "019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90",
  "trace_id": "019c6b1e6f2a7c3d9b415d0f6a7e8c90",
  "project": "default",
  "name": "research_team",
  "service": "research_team",
  "pid": 7,
  "state": "ended",
  "parent_session_id": null,
  "conversation_id": null,
  "user_id": null,
  "start_time": "2026-11-22T05:00:00.000000000Z",
  "end_time": "2026-11-22T05:00:00.002500000Z",
  "duration_ms": 2.5,
  "end_state": "Success",
  "end_state_reason": null,
  "tags": [
    "demo"
  ],
  "counts": {
    "spans": 2,
    "open": 0,
    "errors": 1,
    "llm_calls": 1,
    "tool_calls": 0,
    "dropped": 0
  },
  "agents": [
    "planner"
  ],
  "models": [
    "gpt-4o-mini-2024-07-18"
  ],
  "tokens": {
    "input": 10,
    "output": 4,
    "cache_read": 0,
    "cache_write": 0,
    "reasoning": 0,
    "total": 14
  },
  "cost": {
    "usd": 0.000100001,
    "unpriced_models": [],
    "partial": false
  },
  "host": {
    "os": "linux",
    "arch": null,
    "hostname": null,
    "cpu_count": 2,
    "memory_total_bytes": null,
    "rustc": null,
    "sdk": null
  },
  "video": null,
  "attributes": {
    "city": "Ulm"
  },
  "spans": [
    {
      "id": "0000000000000001",
      "parent_id": null,
      "session_id": "019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90",
      "trace_id": "019c6b1e6f2a7c3d9b415d0f6a7e8c90",
      "agent": {
        "id": "id of default",
        "name": "default",
        "role": null,
        "model": null
      },
      "name": "research_team",
      "kind": "SESSION",
      "status": "ok",
      "cancelled": false,
      "open": false,
      "start_time": "2026-11-22T05:00:00.000000000Z",
      "end_time": "2026-11-22T05:00:00.002500000Z",
      "duration_ms": 2.5,
      "busy_ms": null,
      "polls": null,
      "thread": null,
      "source": null,
      "input": null,
      "output": null,
      "attributes": {},
      "version": null,
      "tags": [],
      "links": [],
      "logs": [],
      "error": null,
      "llm": null,
      "tool": null,
      "operation": null,
      "guardrail": null,
      "attachments": []
    },
    {
      "id": "0000000000000002",
      "parent_id": "0000000000000001",
      "session_id": "019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90",
      "trace_id": "019c6b1e6f2a7c3d9b415d0f6a7e8c90",
      "agent": {
        "id": "id of planner",
        "name": "planner",
        "role": null,
        "model": null
      },
      "name": "ask",
      "kind": "LLM",
      "status": "error",
      "cancelled": false,
      "open": false,
      "start_time": "2026-11-22T05:00:00.000010000Z",
      "end_time": "2026-11-22T05:00:00.001260000Z",
      "duration_ms": 1.25,
      "busy_ms": 0.4,
      "polls": 3,
      "thread": {
        "id": 1,
        "name": "main"
      },
      "source": {
        "file": "src/tools.rs",
        "line": 32,
        "function": "tools::grep"
      },
      "input": {
        "pattern": "fn main"
      },
      "output": [
        "src/main.rs:1"
      ],
      "attributes": {
        "k": "v"
      },
      "version": "2",
      "tags": [
        "t"
      ],
      "links": [
        {
          "trace_id": "000000000000000000000000000000ab",
          "span_id": "00000000000000cd",
          "attributes": {}
        }
      ],
      "logs": [
        {
          "time": "2026-11-22T05:00:00.000000000Z",
          "level": "WARN",
          "target": "tools",
          "message": "slow",
          "attributes": {
            "ms": 7
          }
        }
      ],
      "error": {
        "type": "LLM",
        "code": "NotFound",
        "details": "no such file",
        "rust_type": "std::io::Error",
        "chain": [
          "deeper"
        ],
        "stack": "0: main",
        "span_trace": [
          "research_team",
          "ask"
        ],
        "time": "2026-11-22T05:00:00.001260000Z"
      },
      "llm": {
        "provider": "openai",
        "request_model": "gpt-4o-mini",
        "model": "gpt-4o-mini-2024-07-18",
        "operation": "chat",
        "streaming": true,
        "messages": [
          {
            "role": "user",
            "content": [
              {
                "type": "text",
                "text": "Hi"
              }
            ]
          },
          {
            "role": "tool",
            "name": "grep",
            "content": [
              {
                "type": "image_url"
              }
            ],
            "tool_calls": [
              {
                "id": "c1",
                "name": "grep",
                "arguments": {
                  "q": 1
                }
              }
            ],
            "tool_call_id": "c0"
          }
        ],
        "completions": [
          {
            "role": "assistant",
            "content": [
              {
                "type": "reasoning",
                "text": "Hm"
              },
              {
                "type": "refusal",
                "text": "No"
              }
            ],
            "tool_calls": [
              {
                "id": null,
                "name": "grep",
                "arguments": {
                  "q": 1
                }
              }
            ],
            "finish_reason": "stop"
          }
        ],
        "usage": {
          "input": 10,
          "output": 4,
          "cache_read": 0,
          "cache_write": 0,
          "reasoning": 0,
          "total": 14,
          "estimated": false,
          "reported": false
        },
        "cost": {
          "usd": 0.0001,
          "input_usd": 0.00006,
          "output_usd": 0.00004,
          "price_table": "table 1",
          "prices": {
            "model": "openai/gpt-4o-mini",
            "input": 0.15,
            "output": 0.6,
            "cache_read": 0.075
          }
        },
        "parameters": {
          "temperature": 0.2
        },
        "time_to_first_token_ms": 120.0,
        "attempts": 1
      },
      "tool": {
        "name": "grep_tool",
        "description": null,
        "call_id": null,
        "status": "failed",
        "cost_usd": 0.000000001
      },
      "operation": {
        "type": "screenshot"
      },
      "guardrail": {
        "spec": "input",
        "triggered": false
      },
      "attachments": []
    }
  ]
}"#;
        assert_eq!(to_string(&trace, true), expected);
    }

    #[test]
    fn spans_are_there_only_when_asked_for() {
        let trace = only(traces([said(started())]));
        let expected = r#"{"id":"019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90","trace_id":"019c6b1e6f2a7c3d9b415d0f6a7e8c90","project":"default","name":"research_team","service":"research_team","pid":7,"state":"running","parent_session_id":null,"conversation_id":null,"user_id":null,"start_time":"2026-11-22T05:00:00.000000000Z","end_time":null,"duration_ms":null,"end_state":null,"end_state_reason":null,"tags":[],"counts":{"spans":0,"open":0,"errors":0,"llm_calls":0,"tool_calls":0,"dropped":0},"agents":[],"models":[],"tokens":{"input":0,"output":0,"cache_read":0,"cache_write":0,"reasoning":0,"total":0},"cost":{"usd":null,"unpriced_models":[],"partial":false},"host":{"os":"linux","arch":null,"hostname":null,"cpu_count":2,"memory_total_bytes":null,"rustc":null,"sdk":null},"video":null,"attributes":{}}"#;
        assert_eq!(
            serde_json::to_string(&super::session(&trace, false)).expect("JSON"),
            expected
        );
    }

    #[test]
    fn a_tool_tells_how_far_it_is() {
        let tool = |change: fn(&mut Span)| {
            let mut span = span(SpanKind::Tool, "grep", 2, 1, 0, 1);
            change(&mut span);
            super::tool(&span).map(|tool| tool.status)
        };
        assert_eq!(tool(|_| {}), Some("succeeded"));
        assert_eq!(tool(|span| span.status = Status::Error), Some("failed"));
        assert_eq!(tool(|span| span.cancelled = true), Some("failed"));
        assert_eq!(tool(|span| span.open = true), Some("executing"));
        assert_eq!(tool(|span| span.kind = SpanKind::Task), None);
    }

    #[test]
    fn money_is_written_digit_by_digit() {
        let cases = [
            (0, "0"),
            (1, "0.000000001"),
            (60_000, "0.00006"),
            (12_300_000, "0.0123"),
            (-1_500_000_000, "-1.5"),
            (i64::MAX, "9223372036.854775807"),
        ];
        for (nanos, text) in cases {
            assert_eq!(serde_json::to_string(&Usd(nanos)).expect("JSON"), text);
        }
    }
}
