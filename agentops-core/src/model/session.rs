//! A session: one execution, with all that ran in it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::event::LossCause;
use super::id::{SessionId, SpanId, TraceId};
use super::time::UnixNanos;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndState {
    /// It did what it should.
    Success,
    /// It failed.
    Error,
    /// Nobody said.
    Indeterminate,
}

/// Whether a session is still going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SessionState {
    /// It has started and not ended.
    #[default]
    Running,
    /// It was ended.
    Ended,
    /// Its process is gone and never said how it ended.
    Lost,
}

/// A session with its sums, as people read it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Session {
    /// What is known of the session itself.
    pub facts: SessionFacts,
    /// Whether it goes on.
    pub state: SessionState,
    /// The program: OpenTelemetry's `service.name`.
    pub service: String,
    /// Version of the program.
    pub service_version: Option<String>,
    /// The operating system's number of the process that opened it.
    pub pid: Option<u64>,
    /// The project, `default` where none was named.
    pub project: String,
    /// Where it ran.
    pub host: Host,
    /// How many of what.
    pub counts: Counts,
    /// What was lost of it, by cause: all of [`Counts::dropped`], and content that spans are without.
    pub losses: BTreeMap<LossCause, u64>,
    /// Names of the agents that ran, by first appearance; `default` only where nothing else did.
    pub agents: Vec<String>,
    /// Names of the models that answered, by first appearance.
    pub models: Vec<String>,
    /// Tokens of all model calls.
    pub tokens: Tokens,
    /// Money.
    pub cost: SessionCost,
}

/// What is said of a session itself, apart from its spans.
///
/// Facts arrive several times (at the start, at each change, at the end); later ones complete earlier ones.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SessionFacts {
    /// Which session.
    pub id: SessionId,
    /// The trace that it runs in: its own, or one that came from outside.
    pub trace_id: TraceId,
    /// The session's own span.
    pub root: Option<SpanId>,
    /// The session that it was started in.
    pub parent_session_id: Option<SessionId>,
    /// What people call it.
    pub name: String,
    /// When it started.
    pub start: UnixNanos,
    /// When it ended.
    pub end: Option<UnixNanos>,
    /// How it ended.
    pub end_state: Option<EndState>,
    /// Why it ended so.
    pub end_state_reason: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Ties several sessions into one conversation.
    pub conversation_id: Option<String>,
    /// Whom it served.
    pub user_id: Option<String>,
    /// A URL or path of a recording.
    pub video: Option<String>,
    /// Anything else that its author said.
    pub attributes: Map<String, Value>,
}

/// The machine and process that a session ran on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Host {
    /// `linux`, `macos`, `windows`.
    pub os: Option<String>,
    /// `x86_64`, `aarch64`.
    pub arch: Option<String>,
    /// The machine's name.
    pub hostname: Option<String>,
    /// Processors that the process may use.
    pub cpu_count: Option<u64>,
    /// Memory of the machine, in bytes.
    pub memory_total_bytes: Option<u64>,
    /// The compiler that built the program.
    pub rustc: Option<String>,
    /// What recorded it: `agentops-rust/0.1.0`.
    pub sdk: Option<String>,
}

/// How many of what a session has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Spans, the session's own included.
    pub spans: u64,
    /// Spans that have not ended.
    pub open: u64,
    /// Spans that failed.
    pub errors: u64,
    /// LLM spans without LLM spans beneath them.
    pub llm_calls: u64,
    /// TOOL spans.
    pub tool_calls: u64,
    /// What was lost of it, by the recorder's own account.
    pub dropped: u64,
}

/// Tokens of a whole session, or of a span with all beneath it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    /// All tokens that went in.
    pub input: u64,
    /// All tokens that came out.
    pub output: u64,
    /// Input that was read from a cache.
    pub cache_read: u64,
    /// Input that was written to a cache.
    pub cache_write: u64,
    /// Output that was thought rather than said.
    pub reasoning: u64,
    /// All of it.
    pub total: u64,
    /// Some of them were estimated.
    pub estimated: bool,
}

/// Money of a whole session, or of a span with all beneath it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionCost {
    /// In nano-USD; `None` where nothing has a price.
    pub total: Option<i64>,
    /// Models that were used and have no price.
    pub unpriced_models: Vec<String>,
    /// Something is missing from the total.
    pub partial: bool,
    /// Some of the total comes of tokens that were estimated.
    pub estimated: bool,
}

/// Text that names no end state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEndState(String);

impl EndState {
    /// As AgentOps spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Error => "Error",
            Self::Indeterminate => "Indeterminate",
        }
    }
}

impl SessionState {
    /// As the published JSON has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ended => "ended",
            Self::Lost => "lost",
        }
    }
}

impl FromStr for EndState {
    type Err = UnknownEndState;

    fn from_str(text: &str) -> Result<Self, UnknownEndState> {
        let all = [Self::Success, Self::Error, Self::Indeterminate];
        let named = |state: &Self| text.eq_ignore_ascii_case(state.as_str());
        all.into_iter()
            .find(named)
            .ok_or_else(|| UnknownEndState(text.into()))
    }
}

impl fmt::Display for EndState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for UnknownEndState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown end state {:?}", self.0)
    }
}

impl std::error::Error for UnknownEndState {}
