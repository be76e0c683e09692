//! Attribute names: the only home of `agentops.*`, `gen_ai.*` and the rest of what travels by name.
//!
//! Sources: OpenTelemetry semantic conventions 1.42 (`gen_ai.*`, then in development; `code.*`, `thread.*`,
//! `exception.*`, `host.*`, `os.*`, `process.*`, `service.*`), and AgentOps' Python SDK 0.4 (`agentops.*`).

/// What the names of all that is written of a span begin with.
pub(in crate::model) const SPACES: [&str; 5] =
    ["agentops.", "gen_ai.", "thread.", "code.", "error."];

// Sessions.
/// The session that a span belongs to, as a hyphenated UUID; on every span.
pub const SESSION_ID: &str = "agentops.session.id";
/// What people call the session.
pub const SESSION_NAME: &str = "agentops.session.name";
/// The session's own span, as 16 hex digits.
pub const SESSION_ROOT: &str = "agentops.session.root_span_id";
/// The trace that the session runs in, as 32 hex digits; session facts only.
pub const SESSION_TRACE: &str = "agentops.session.trace_id";
/// The session that this one was started in.
pub const SESSION_PARENT: &str = "agentops.session.parent_id";
/// When it started, in Unix nanoseconds; session facts only.
pub const SESSION_START: &str = "agentops.session.start";
/// When it ended, in Unix nanoseconds; session facts only.
pub const SESSION_END: &str = "agentops.session.end";
/// `Success`, `Error` or `Indeterminate`.
pub const SESSION_END_STATE: &str = "agentops.session.end_state";
/// Why it ended so.
pub const SESSION_END_REASON: &str = "agentops.session.end_state_reason";
/// A URL or path of a recording.
pub const SESSION_VIDEO: &str = "agentops.session.video";
/// Before each attribute that its author gave the session.
pub const SESSION_ATTRIBUTE_PREFIX: &str = "agentops.session.attribute.";
/// Ties sessions into one conversation.
pub const CONVERSATION_ID: &str = "gen_ai.conversation.id";
/// Whom the session served.
pub const USER_ID: &str = "user.id";
/// Tags of a session (on its own span) or of a span: an array of strings.
pub const TAGS: &str = "agentops.tags";

// Spans.
/// The kind in small letters.
pub const SPAN_KIND: &str = "agentops.span.kind";
/// True on a span that has started and not ended.
pub const SPAN_PENDING: &str = "agentops.span.pending";
/// True where the future was dropped before it was done.
pub const SPAN_CANCELLED: &str = "agentops.span.cancelled";
/// True where the span ran outside any session and was given to one.
pub const SPAN_ADOPTED: &str = "agentops.span.adopted";
/// The bare name, whatever the OTLP name is.
pub const ENTITY_NAME: &str = "agentops.entity.name";
/// What went in, as JSON text.
pub const ENTITY_INPUT: &str = "agentops.entity.input";
/// What came out, as JSON text.
pub const ENTITY_OUTPUT: &str = "agentops.entity.output";
/// Bytes of inputs, outputs, messages and attributes that were left out of the span because there was no room for them.
pub const CONTENT_DROPPED: &str = "agentops.content.dropped_bytes";
/// The version that its author gave.
pub const VERSION: &str = "agentops.entity.version";
/// How often the future was polled.
pub const ASYNC_POLLS: &str = "agentops.async.polls";
/// Time inside polls, in nanoseconds.
pub const ASYNC_BUSY: &str = "agentops.async.busy_ns";
/// How many items a stream or an iterator yielded.
pub const STREAM_ITEMS: &str = "stream.items";
/// From the start of the span to the first of them, in milliseconds.
pub const STREAM_FIRST_ITEM: &str = "stream.time_to_first_item_ms";
/// How a model call's stream ended: `end`, `error` or `dropped`.
pub const STREAM_ENDED: &str = "stream.ended";
/// The host that a model call's request went to.
pub const SERVER_ADDRESS: &str = "server.address";
/// Its port, where the address named one.
pub const SERVER_PORT: &str = "server.port";
/// What the server answered with.
pub const HTTP_STATUS: &str = "http.response.status_code";
/// `function`, `screenshot`, …
pub const OPERATION_TYPE: &str = "agentops.operation.type";
/// What one call of the tool costs, in nano-USD.
pub const TOOL_COST: &str = "agentops.tool.cost_nano_usd";
/// `input` or `output`.
pub const GUARDRAIL_SPEC: &str = "agentops.guardrail.spec";
/// Whether it stopped something.
pub const GUARDRAIL_TRIGGERED: &str = "agentops.guardrail.triggered";
/// The thread's number.
pub const THREAD_ID: &str = "thread.id";
/// The thread's name.
pub const THREAD_NAME: &str = "thread.name";
/// The function's path.
pub const CODE_FUNCTION: &str = "code.function.name";
/// The file.
pub const CODE_FILE: &str = "code.file.path";
/// The line, from 1.
pub const CODE_LINE: &str = "code.line.number";
/// Who logged: a module path by custom.
pub const LOG_TARGET: &str = "agentops.log.target";
/// How serious it is, in capitals; only where a log travels as a span's event, which has no field for it.
pub const LOG_LEVEL: &str = "agentops.log.level";

// Agents.
/// The agent's id.
pub const AGENT_ID: &str = "gen_ai.agent.id";
/// The agent's name.
pub const AGENT_NAME: &str = "gen_ai.agent.name";
/// What the agent is there for.
pub const AGENT_ROLE: &str = "agentops.agent.role";
/// The model that it speaks to by default.
pub const AGENT_MODEL: &str = "agentops.agent.model";
/// What was known of its state when the call entered it.
pub const AGENT_STATE: &str = "agentops.agent.state";

// Errors: attributes of the `exception` event, and of the span.
/// The event's name.
pub const EXCEPTION: &str = "exception";
/// The Rust type.
pub const EXCEPTION_TYPE: &str = "exception.type";
/// What it says.
pub const EXCEPTION_MESSAGE: &str = "exception.message";
/// The backtrace.
pub const EXCEPTION_STACKTRACE: &str = "exception.stacktrace";
/// The error's code; on the span.
pub const ERROR_TYPE: &str = "error.type";
/// The error's code; on the event.
pub const ERROR_CODE: &str = "agentops.error.code";
/// What each `source()` says: an array of strings.
pub const ERROR_CHAIN: &str = "agentops.error.chain";
/// Names of the spans around it: an array of strings.
pub const ERROR_SPAN_TRACE: &str = "agentops.error.span_trace";

// Model calls.
/// `chat`, `embeddings`, `execute_tool`, `invoke_agent`, …
pub const OPERATION_NAME: &str = "gen_ai.operation.name";
/// Who runs the model.
pub const PROVIDER_NAME: &str = "gen_ai.provider.name";
/// The model that was asked for.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// The model that answered.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// The provider's id of the answer.
pub const RESPONSE_ID: &str = "gen_ai.response.id";
/// Whether the answer was streamed.
pub const REQUEST_STREAM: &str = "gen_ai.request.stream";
/// One for each choice.
pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// The prompt, as JSON text in the shape of the GenAI conventions.
pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
/// The answer, likewise.
pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
/// Request parameters under the provider's names, as JSON text.
pub const REQUEST_PARAMETERS: &str = "agentops.llm.parameters";
/// Tokens that went in, cached ones included.
pub const USAGE_INPUT: &str = "gen_ai.usage.input_tokens";
/// Tokens that came out, reasoning included.
pub const USAGE_OUTPUT: &str = "gen_ai.usage.output_tokens";
/// Input read from the cache.
pub const USAGE_CACHE_READ: &str = "gen_ai.usage.cache_read.input_tokens";
/// Input written to the cache.
pub const USAGE_CACHE_WRITE: &str = "gen_ai.usage.cache_write.input_tokens";
/// Output that was thought.
pub const USAGE_REASONING: &str = "gen_ai.usage.reasoning.output_tokens";
/// Input that was heard.
pub const USAGE_INPUT_AUDIO: &str = "gen_ai.usage.audio.input_tokens";
/// Input that was heard, as far as it was read from the cache.
pub const USAGE_CACHE_READ_AUDIO: &str = "agentops.usage.cache_read_audio_tokens";
/// Output that was spoken.
pub const USAGE_OUTPUT_AUDIO: &str = "gen_ai.usage.audio.output_tokens";
/// What of [`USAGE_CACHE_WRITE`] the cache keeps for an hour.
pub const USAGE_CACHE_WRITE_1H: &str = "agentops.usage.cache_write_1h_tokens";
/// Searches of the web that the provider made.
pub const USAGE_WEB_SEARCHES: &str = "agentops.usage.web_searches";
/// The provider's own total.
pub const USAGE_TOTAL: &str = "agentops.usage.total_tokens";
/// True where we counted, not the provider.
pub const USAGE_ESTIMATED: &str = "agentops.usage.estimated";
/// True where descendants said it already.
pub const USAGE_REPORTED: &str = "agentops.usage.reported";
/// What the call cost, in USD; for other backends.
pub const USAGE_COST: &str = "gen_ai.usage.cost";
/// What the call cost, in nano-USD.
pub const COST_TOTAL: &str = "agentops.cost.total_nano_usd";
/// The prompt's share, in nano-USD.
pub const COST_INPUT: &str = "agentops.cost.input_nano_usd";
/// The answer's share, in nano-USD.
pub const COST_OUTPUT: &str = "agentops.cost.output_nano_usd";
/// Where the price comes from.
pub const COST_TABLE: &str = "agentops.cost.price_table";
/// The prices that were applied, as JSON text.
pub const COST_PRICES: &str = "agentops.cost.prices";
/// In seconds.
pub const TIME_TO_FIRST_TOKEN: &str = "gen_ai.response.time_to_first_chunk";
/// Requests that were made for the call.
pub const ATTEMPTS: &str = "agentops.llm.attempts";
/// What the provider says was wrong.
pub const PROVIDER_ERROR_MESSAGE: &str = "agentops.provider_error.message";
/// The HTTP status that came with it.
pub const PROVIDER_ERROR_STATUS: &str = "agentops.provider_error.status";
/// The provider's code.
pub const PROVIDER_ERROR_CODE: &str = "agentops.provider_error.code";
/// The provider's class of errors.
pub const PROVIDER_ERROR_TYPE: &str = "agentops.provider_error.type";
/// How long to wait, in nanoseconds.
pub const PROVIDER_ERROR_RETRY_AFTER: &str = "agentops.provider_error.retry_after_ns";
/// [`PROVIDER_NAME`], as conventions before 1.37 have it; read, never written.
pub const PROVIDER_NAME_BEFORE: &str = "gen_ai.system";
/// [`USAGE_INPUT`], as conventions before 1.27 have it; read, never written.
pub const USAGE_INPUT_BEFORE: &str = "gen_ai.usage.prompt_tokens";
/// [`USAGE_OUTPUT`], as conventions before 1.27 have it; read, never written.
pub const USAGE_OUTPUT_BEFORE: &str = "gen_ai.usage.completion_tokens";

// Tools.
/// The tool's name.
pub const TOOL_NAME: &str = "gen_ai.tool.name";
/// What it does.
pub const TOOL_DESCRIPTION: &str = "gen_ai.tool.description";
/// The id of the model's request for it.
pub const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";

// Resources and heartbeats.
/// The program.
pub const SERVICE_NAME: &str = "service.name";
/// Its version.
pub const SERVICE_VERSION: &str = "service.version";
/// The project.
pub const PROJECT: &str = "agentops.project";
/// The machine's name.
pub const HOST_NAME: &str = "host.name";
/// The processor's architecture.
pub const HOST_ARCH: &str = "host.arch";
/// The operating system.
pub const OS_TYPE: &str = "os.type";
/// Processors that the process may use.
pub const HOST_CPU_COUNT: &str = "agentops.host.cpu_count";
/// The machine's memory, in bytes.
pub const HOST_MEMORY: &str = "agentops.host.memory_total_bytes";
/// The process's number.
pub const PROCESS_PID: &str = "process.pid";
/// The compiler that built the program.
pub const RUSTC: &str = "agentops.rustc";
/// `agentops-rust`.
pub const SDK_NAME: &str = "telemetry.sdk.name";
/// Its version.
pub const SDK_VERSION: &str = "telemetry.sdk.version";
/// `rust`.
pub const SDK_LANGUAGE: &str = "telemetry.sdk.language";
/// CPU time so far, in nanoseconds.
pub const PROCESS_CPU: &str = "agentops.process.cpu_ns";
/// Memory held, in bytes.
pub const PROCESS_MEMORY: &str = "agentops.process.memory_bytes";
/// When, in Unix nanoseconds; heartbeats and losses.
pub const TIME: &str = "agentops.time";
/// Why something was lost.
pub const LOSS_CAUSE: &str = "agentops.loss.cause";
/// How much was lost.
pub const LOSS_COUNT: &str = "agentops.loss.count";

/// Names that other emitters use, read and never written: each list in order of precedence, the newest GenAI name
/// first, then older ones, OpenInference, Langfuse, Traceloop and AgentOps, and whoever has a name of its own.
pub(in crate::model) mod elsewhere {
    /// What the names of attributes begin with that say what a span is.
    pub(in crate::model) const TELLING: [&str; 7] = [
        "gen_ai.",
        "openinference.",
        "langfuse.",
        "llm.",
        "traceloop.",
        super::SPAN_KIND,
        super::ENTITY_NAME,
    ];

    pub(in crate::model) const OPERATION: &[&str] = &[
        super::OPERATION_NAME,
        "gen_ai.request.type",
        "llm.request.type",
    ];
    pub(in crate::model) const KIND: &[&str] = &[
        "openinference.span.kind",
        "langfuse.observation.type",
        "langfuse.type",
        "traceloop.span.kind",
    ];
    pub(in crate::model) const NAME: &[&str] = &[
        super::ENTITY_NAME,
        "gen_ai.workflow.name",
        "langfuse.observation.name",
        "traceloop.entity.name",
        OTEL_NAME,
    ];
    pub(in crate::model) const OTEL_NAME: &str = "otel.name";
    pub(in crate::model) const INPUT: &[&str] = &[
        "input.value",
        "langfuse.observation.input",
        "langfuse.input",
        "traceloop.entity.input",
        super::ENTITY_INPUT,
        "agentops.agent.input",
        "agentops.operation.input",
        "agentops.task.input",
        "agentops.tool.input",
        "agentops.workflow.input",
        "agentops.guardrail.input",
        "agentops.session.input",
    ];
    pub(in crate::model) const OUTPUT: &[&str] = &[
        "output.value",
        "langfuse.observation.output",
        "langfuse.output",
        "traceloop.entity.output",
        super::ENTITY_OUTPUT,
        "agentops.agent.output",
        "agentops.operation.output",
        "agentops.task.output",
        "agentops.tool.output",
        "agentops.workflow.output",
        "agentops.guardrail.output",
        "agentops.session.output",
    ];

    pub(in crate::model) const PROVIDER: &[&str] = &[
        super::PROVIDER_NAME,
        super::PROVIDER_NAME_BEFORE,
        "llm.provider",
        "llm.system",
    ];
    pub(in crate::model) const REQUEST_MODEL: &[&str] = &[
        super::REQUEST_MODEL,
        "llm.model_name",
        "langfuse.observation.model.name",
        "langfuse.model",
        "llm.request.model",
    ];
    pub(in crate::model) const RESPONSE_MODEL: &[&str] =
        &[super::RESPONSE_MODEL, "llm.response.model"];
    pub(in crate::model) const RESPONSE_ID: &[&str] = &[super::RESPONSE_ID, "llm.response.id"];
    pub(in crate::model) const STREAM: &[&str] = &[
        super::REQUEST_STREAM,
        "gen_ai.request.streaming",
        "llm.is_streaming",
    ];
    pub(in crate::model) const FINISH_REASONS: &[&str] = &[
        super::FINISH_REASONS,
        "gen_ai.response.finish_reason",
        "llm.response.finish_reason",
        "llm.finish_reason",
    ];
    /// In seconds.
    pub(in crate::model) const FIRST_TOKEN: &[&str] = &[
        super::TIME_TO_FIRST_TOKEN,
        "gen_ai.streaming.time_to_first_token",
    ];

    pub(in crate::model) const SYSTEM: &[&str] = &[
        "gen_ai.system_instructions",
        "gen_ai.request.system_instruction",
    ];
    pub(in crate::model) const PROMPT: &[&str] = &[
        super::INPUT_MESSAGES,
        "gen_ai.prompt",
        "gen_ai.content.prompt",
    ];
    pub(in crate::model) const ANSWER: &[&str] = &[
        super::OUTPUT_MESSAGES,
        "gen_ai.completion",
        "gen_ai.content.completion",
    ];
    /// What the names of flat messages begin with, a number after it.
    pub(in crate::model) const FLAT_PROMPT: &[&str] = &["gen_ai.prompt.", "llm.input_messages."];
    pub(in crate::model) const FLAT_ANSWER: &[&str] =
        &["gen_ai.completion.", "llm.output_messages."];
    pub(in crate::model) const TOOL_DEFINITIONS: &[&str] = &["gen_ai.tool.definitions"];
    /// What the names of request parameters begin with.
    pub(in crate::model) const PARAMETER: &str = "gen_ai.request.";
    pub(in crate::model) const PARAMETERS: &[&str] = &[
        super::REQUEST_PARAMETERS,
        "llm.invocation_parameters",
        "langfuse.observation.model.parameters",
        "langfuse.model_parameters",
    ];

    pub(in crate::model) const USAGE_INPUT: &[&str] = &[
        super::USAGE_INPUT,
        super::USAGE_INPUT_BEFORE,
        "llm.token_count.prompt",
        "llm.usage.prompt_tokens",
    ];
    pub(in crate::model) const USAGE_OUTPUT: &[&str] = &[
        super::USAGE_OUTPUT,
        super::USAGE_OUTPUT_BEFORE,
        "llm.token_count.completion",
        "llm.usage.completion_tokens",
    ];
    pub(in crate::model) const USAGE_TOTAL: &[&str] = &[
        super::USAGE_TOTAL,
        "gen_ai.usage.total_tokens",
        "llm.token_count.total",
        "llm.usage.total_tokens",
    ];
    pub(in crate::model) const CACHE_READ: &[&str] = &[
        super::USAGE_CACHE_READ,
        "gen_ai.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
        "llm.usage.cache_read_input_tokens",
    ];
    pub(in crate::model) const CACHE_WRITE: &[&str] = &[
        super::USAGE_CACHE_WRITE,
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
        "llm.usage.cache_creation_input_tokens",
    ];
    pub(in crate::model) const REASONING: &[&str] = &[
        super::USAGE_REASONING,
        "gen_ai.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
    ];
    /// Objects, as JSON text: tokens by what Langfuse calls them.
    pub(in crate::model) const USAGE_DETAILS: &[&str] =
        &["langfuse.observation.usage_details", "langfuse.usage"];
    /// In USD.
    pub(in crate::model) const COST: &[&str] = &[
        super::USAGE_COST,
        "gen_ai.usage.total_cost",
        "llm.cost.total",
    ];

    pub(in crate::model) const TOOL_NAME: &[&str] = &[super::TOOL_NAME, "tool.name"];
    pub(in crate::model) const TOOL_DESCRIPTION: &[&str] =
        &[super::TOOL_DESCRIPTION, "tool.description"];
    pub(in crate::model) const TOOL_CALL_ID: &[&str] =
        &[super::TOOL_CALL_ID, "tool_call.id", "tool.id"];
    pub(in crate::model) const TOOL_ARGUMENTS: &[&str] =
        &["gen_ai.tool.call.arguments", "tool.parameters"];
    pub(in crate::model) const TOOL_RESULT: &[&str] = &["gen_ai.tool.call.result", "tool.result"];

    pub(in crate::model) const AGENT_ID: &[&str] = &[super::AGENT_ID, "agent.id"];
    pub(in crate::model) const AGENT_NAME: &[&str] = &[super::AGENT_NAME, "agent.name"];
    pub(in crate::model) const AGENT_ROLE: &[&str] =
        &[super::AGENT_ROLE, "gen_ai.agent.description", "agent.role"];

    pub(in crate::model) const ERROR_TYPE: &[&str] = &[
        super::ERROR_TYPE,
        "gen_ai.tool.error.type",
        super::EXCEPTION_TYPE,
    ];
    pub(in crate::model) const ERROR_MESSAGE: &[&str] = &[
        super::EXCEPTION_MESSAGE,
        "otel.status_description",
        "otel.status_message",
        "langfuse.observation.status_message",
        "langfuse.status_message",
    ];
    pub(in crate::model) const STATUS: &[&str] = &[
        "otel.status_code",
        "langfuse.observation.level",
        "langfuse.level",
    ];

    /// Events of spans that carry what others put into attributes.
    pub(in crate::model) const CONTENT_EVENTS: &[&str] = &[
        "gen_ai.content.prompt",
        "gen_ai.content.completion",
        "gen_ai.client.inference.operation.details",
    ];

    // What spans say of their whole session.
    pub(in crate::model) const SESSION_NAME: &[&str] = &["langfuse.trace.name"];
    pub(in crate::model) const USER_ID: &[&str] =
        &[super::USER_ID, "langfuse.user.id", "enduser.id"];
    pub(in crate::model) const CONVERSATION: &[&str] =
        &[super::CONVERSATION_ID, "session.id", "langfuse.session.id"];
    pub(in crate::model) const TAGS: &[&str] = &[super::TAGS, "langfuse.trace.tags", "tag.tags"];
    pub(in crate::model) const ENVIRONMENT: &[&str] = &[
        "deployment.environment.name",
        "deployment.environment",
        "langfuse.environment",
    ];
    /// Before each thing that AgentOps' programs say of a trace.
    pub(in crate::model) const METADATA: &str = "trace.metadata.";
    /// Of an HTTP request, whoever made it.
    pub(in crate::model) const HTTP: &[&str] = &["http.request.method", "http.method"];
}
