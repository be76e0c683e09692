//! A span: one call of an annotated function, or one piece of work that came from elsewhere.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::agent::AgentRef;
use super::error::ErrorRecord;
use super::id::{SessionId, SpanId, TraceId};
use super::llm::LlmCall;
use super::time::UnixNanos;

/// What a span stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SpanKind {
    /// The root of one execution.
    Session,
    /// A call that entered an agent.
    Agent,
    /// A group of operations.
    Workflow,
    /// A piece of work.
    Operation,
    /// The same as an operation; keeps its word.
    Task,
    /// A call of a model.
    Llm,
    /// A use of a tool.
    Tool,
    /// A check of what goes in or comes out.
    Guardrail,
    /// A chain, as other SDKs name it.
    Chain,
    /// An HTTP request, from other SDKs.
    Http,
    /// A span that says nothing of its kind.
    Unknown,
}

/// How a span ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Status {
    /// Not said, or not ended.
    #[default]
    Unset,
    /// It did what it should.
    Ok,
    /// It failed.
    Error,
}

/// A span with all that is known of it, as people read it.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Unique within the session.
    pub id: SpanId,
    /// The span that it ran in.
    pub parent_id: Option<SpanId>,
    /// The session that it belongs to.
    pub session_id: SessionId,
    /// The W3C trace that it belongs to.
    pub trace_id: TraceId,
    /// The agent that it is attributed to; `None` only where it came from elsewhere without one.
    pub agent: Option<AgentRef>,
    /// The bare name: `grep`, not `grep.tool`.
    pub name: String,
    /// What it stands for.
    pub kind: SpanKind,
    /// How it ended.
    pub status: Status,
    /// Its future was dropped before it was done.
    pub cancelled: bool,
    /// It has not ended yet.
    pub open: bool,
    /// It ran outside any session, and was given to one.
    pub adopted: bool,
    /// When it started.
    pub start: UnixNanos,
    /// When it ended: the start and a monotonic duration.
    pub end: Option<UnixNanos>,
    /// Time spent inside polls, in nanoseconds; asynchronous spans only.
    pub busy: Option<u64>,
    /// How often it was polled; asynchronous spans only.
    pub polls: Option<u64>,
    /// Where it started to run.
    pub thread: Option<Thread>,
    /// Where it stands in the source.
    pub source: Option<Source>,
    /// What went in: of a function an object keyed by argument name.
    pub input: Option<Value>,
    /// What came out: of a `Result` the `Ok` value.
    pub output: Option<Value>,
    /// What its author added, and what other SDKs sent that has no place of its own.
    pub attributes: Map<String, Value>,
    /// The version that its author gave.
    pub version: Option<String>,
    /// Its own tags.
    pub tags: Vec<String>,
    /// Spans that it has to do with, besides its parent.
    pub links: Vec<Link>,
    /// What was logged in it, oldest first.
    pub logs: Vec<Log>,
    /// Why it failed.
    pub error: Option<ErrorRecord>,
    /// Model calls only.
    pub llm: Option<LlmCall>,
    /// Tool calls only.
    pub tool: Option<ToolCall>,
    /// The operation type (`function`, `screenshot`); operations and tasks only.
    pub operation_type: Option<String>,
    /// Guardrails only.
    pub guardrail: Option<Guardrail>,
}

/// The thread that a span started on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Thread {
    /// A number that no other thread of the process had.
    pub id: u64,
    /// Its name, where it has one.
    pub name: Option<String>,
}

/// Where a span's function stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// The file, as the compiler was given it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The function's path: `tools::grep`.
    pub function: String,
}

/// A reference to another span.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Its trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// What the link means.
    pub attributes: Map<String, Value>,
}

/// One message logged in a span.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// When.
    pub time: UnixNanos,
    /// How serious.
    pub level: Level,
    /// Who said it: a module path by custom.
    pub target: String,
    /// What was said.
    pub message: String,
    /// Its fields.
    pub attributes: Map<String, Value>,
}

/// How serious a log is; orders from `Trace` to `Error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Of interest to who wrote it.
    Trace,
    /// Of interest while looking for a fault.
    Debug,
    /// Of interest in daily use.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something failed.
    Error,
}

/// What a tool span says beyond its input and output.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolCall {
    /// The tool's name.
    pub name: String,
    /// What it does, as a model is told.
    pub description: Option<String>,
    /// The id of the model's request for it.
    pub call_id: Option<String>,
    /// What one call costs, in nano-USD.
    pub cost: Option<i64>,
}

/// What a guardrail span says beyond its input and output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guardrail {
    /// `input` or `output`: which side it checks.
    pub spec: Option<String>,
    /// Whether it stopped something; not known while it runs.
    pub triggered: Option<bool>,
}

/// Text that names no kind, status or level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName(String);

impl SpanKind {
    /// Every kind, in the order in which they are documented.
    pub const ALL: [Self; 11] = [
        Self::Session,
        Self::Agent,
        Self::Workflow,
        Self::Operation,
        Self::Task,
        Self::Llm,
        Self::Tool,
        Self::Guardrail,
        Self::Chain,
        Self::Http,
        Self::Unknown,
    ];

    /// In capitals, as the published JSON has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "SESSION",
            Self::Agent => "AGENT",
            Self::Workflow => "WORKFLOW",
            Self::Operation => "OPERATION",
            Self::Task => "TASK",
            Self::Llm => "LLM",
            Self::Tool => "TOOL",
            Self::Guardrail => "GUARDRAIL",
            Self::Chain => "CHAIN",
            Self::Http => "HTTP",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// In small letters, as `agentops.span.kind` has it on the wire.
    #[must_use]
    pub const fn wire(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Agent => "agent",
            Self::Workflow => "workflow",
            Self::Operation => "operation",
            Self::Task => "task",
            Self::Llm => "llm",
            Self::Tool => "tool",
            Self::Guardrail => "guardrail",
            Self::Chain => "chain",
            Self::Http => "http",
            Self::Unknown => "unknown",
        }
    }
}

impl Status {
    /// As the published JSON has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }
}

impl Level {
    /// In capitals, as logs show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

impl Span {
    /// How long it ran, in nanoseconds; `None` while it is open.
    #[must_use]
    pub fn duration(&self) -> Option<u64> {
        Some(self.end?.saturating_sub(self.start))
    }
}

impl FromStr for SpanKind {
    type Err = UnknownName;

    /// Reads either spelling.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let named = |kind: &Self| text.eq_ignore_ascii_case(kind.as_str());
        Self::ALL
            .into_iter()
            .find(named)
            .ok_or_else(|| UnknownName(text.into()))
    }
}

impl FromStr for Level {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let all = [
            Self::Trace,
            Self::Debug,
            Self::Info,
            Self::Warn,
            Self::Error,
        ];
        let named = |level: &Self| text.eq_ignore_ascii_case(level.as_str());
        all.into_iter()
            .find(named)
            .ok_or_else(|| UnknownName(text.into()))
    }
}

impl fmt::Display for SpanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown name {:?}", self.0)
    }
}

impl std::error::Error for UnknownName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_read_back_in_both_spellings() {
        for kind in SpanKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(kind.wire().parse(), Ok(kind));
        }
        assert!("tools".parse::<SpanKind>().is_err());
    }
}
