//! What was recorded, kept: sessions, their spans and their sums, and the questions that can be asked of them.
//!
//! [`Store`] is all that the rest of the server knows: it takes in batches of events, each whole and durable or not at
//! all, and answers questions about sessions and spans. How it does so is an engine's business; `sqlite` is the one
//! inside the binary. Knows nothing of where events come from or of how an answer is shown.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agentops_core::model::event::{Event, Resource};
use agentops_core::model::id::{SessionId, SpanId, TraceId};
use agentops_core::model::session::{EndState, Session, SessionState};
use agentops_core::model::span::{Span, SpanKind};
use agentops_core::model::time::UnixNanos;

pub mod sqlite;
#[cfg(test)]
mod suite;

/// Keeps what comes in, and answers.
pub trait Store: fmt::Debug + Send + Sync {
    /// Takes in a batch: whole and durable when this returns, or not at all. Repeating one changes nothing. A log may name
    /// its trace instead of a session: it goes to its span as soon as that is there, and until then to the first session
    /// of the trace.
    fn commit(&self, batch: &Batch) -> Result<Changes, StoreError>;

    /// How far a spool file was taken in; 0 where nothing of it was.
    fn position(&self, file: &str) -> Result<u64, StoreError>;

    /// The spool files of which something was taken in.
    fn positions(&self) -> Result<Vec<(String, u64)>, StoreError>;

    /// Sessions that go on, of which no process in `alive` can say more: only who opened a session can lose it, and where
    /// nobody known did, whoever speaks last.
    fn deserted(&self, alive: &[String]) -> Result<Vec<SessionId>, StoreError>;

    /// Makes the sums that lag behind: those that are due, or all. Ends sessions that have waited for their root for long
    /// enough.
    fn settle(&self, all: bool) -> Result<Changes, StoreError>;

    /// Does what can wait, for about `budget`: sums that lag, text to be found, sessions to be purged. Whether there is
    /// more of it.
    fn maintain(&self, budget: Duration) -> Result<bool, StoreError>;

    /// A page of the sessions that fit.
    fn sessions(&self, wanted: &Wanted) -> Result<Page, StoreError>;

    /// What the sessions that fit come to, wherever pages end.
    fn totals(&self, wanted: &Wanted) -> Result<Totals, StoreError>;

    /// Sessions that changed after a commit, hidden ones too, each with the last commit that changed it, in their order;
    /// `None` where some of them are purged.
    fn changed(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Option<Vec<(SessionId, u64)>>, StoreError>;

    /// The commit that changed a session last.
    fn version(&self, id: SessionId) -> Result<Option<u64>, StoreError>;

    /// One session with its sums.
    fn session(&self, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// The session that runs in a trace; where several do, the one that has its id, else the first. One of which there
    /// are only logs is the last.
    fn session_of(&self, trace: TraceId) -> Result<Option<SessionId>, StoreError>;

    /// The ids of sessions that begin or end with these hex digits, newest first, a few at most.
    fn matching(&self, digits: &str) -> Result<Vec<SessionId>, StoreError>;

    /// Of every span of a session what a tree of it is drawn from, by start.
    fn outline(&self, id: SessionId) -> Result<Option<Outline>, StoreError>;

    /// The same of some spans; of those that are not there nothing.
    fn rows(&self, session: SessionId, spans: &[SpanId]) -> Result<Vec<Row>, StoreError>;

    /// Some spans, whole, with their logs, in the order in which they are asked for; of those that are not there nothing.
    fn some_spans(&self, session: SessionId, spans: &[SpanId]) -> Result<Vec<Span>, StoreError>;

    /// Whether the usage of a span is in the sums of its session, rather than that of spans beneath it; `None` where
    /// sums lag.
    fn counts_usage(&self, session: SessionId, span: SpanId) -> Result<Option<bool>, StoreError>;

    /// One span, whole, with its logs.
    fn span(&self, session: SessionId, span: SpanId) -> Result<Option<Span>, StoreError>;

    /// Whole spans of a session by start, those after `after`; an empty page is the end.
    fn spans(
        &self,
        session: SessionId,
        after: Option<(UnixNanos, SpanId)>,
        limit: usize,
    ) -> Result<Vec<Span>, StoreError>;

    /// Spans in which all the words stand, newest first.
    fn search(&self, words: &Search) -> Result<Vec<Hit>, StoreError>;

    /// Sums over time.
    fn series(&self, wanted: &Series) -> Result<Vec<Point>, StoreError>;

    /// Errors by what is the same when they happen again, the most recent first.
    fn faults(&self, wanted: &Wanted, limit: usize) -> Result<Vec<Fault>, StoreError>;

    /// How often an error happened in sessions that fit, in each of `parts` equal parts of a time.
    fn fault_times(
        &self,
        wanted: &Wanted,
        fault: u64,
        time: Range<UnixNanos>,
        parts: u64,
    ) -> Result<Vec<u64>, StoreError>;

    /// How many of the sessions that fit started when.
    fn histogram(&self, wanted: &Wanted, parts: u64) -> Result<Histogram, StoreError>;

    /// Hides sessions at once, and lets `maintain` purge them once `grace` is over. Which of them there were.
    fn hide(&self, ids: &[SessionId], grace: Duration) -> Result<Changes, StoreError>;

    /// Brings back sessions that were hidden, unless purging them has begun. Which of them there were.
    fn unhide(&self, ids: &[SessionId]) -> Result<Changes, StoreError>;

    /// How many spans of sessions that nobody knows any more were removed, to keep a spool within its limit.
    fn removed(&self) -> Result<u64, StoreError>;

    /// What sessions have lost, by cause.
    fn losses(&self) -> Result<BTreeMap<&'static str, u64>, StoreError>;

    /// The number of the last commit.
    fn sequence(&self) -> Result<u64, StoreError>;

    /// How many bytes it takes.
    fn size(&self) -> Result<u64, StoreError>;
}

/// Events that belong together, and how far they bring their spool files.
#[derive(Debug, Default)]
pub struct Batch {
    pub events: Vec<(Arc<Resource>, Event)>,
    /// Spool files by name, and the offset that each was read up to.
    pub positions: Vec<(String, u64)>,
    /// Spool files that are gone.
    pub gone: Vec<String>,
    /// Who spoke in which session, by the name of its spool files; whether it opened it.
    pub voices: Vec<(String, SessionId, bool)>,
    /// Processes that will not be heard again.
    pub silent: Vec<String>,
    /// Sessions whose process is gone.
    pub lost: Vec<SessionId>,
    /// Somebody hands the events in: sessions of them that were deleted and are gone come back. Whatever else comes of
    /// such a session is not taken in.
    pub restores: bool,
}

impl Batch {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.positions.is_empty()
            && self.gone.is_empty()
            && self.voices.is_empty()
            && self.silent.is_empty()
            && self.lost.is_empty()
    }
}

/// What a commit changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Counts commits.
    pub sequence: u64,
    /// Each session that changed, with the spans of it that did.
    pub sessions: Vec<(SessionId, Vec<SpanId>)>,
    /// Sessions of which somebody else changed what is not known.
    pub elsewhere: Vec<SessionId>,
}

/// Which sessions are asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Each must hold.
    pub conditions: Vec<Condition>,
    pub sort: Sort,
    /// Go on after this one.
    pub after: Option<Cursor>,
    pub limit: usize,
    /// Sessions without any agent, model call or mark of ours too.
    pub foreign: bool,
}

/// Something that must hold of a session.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    Project(String),
    State(SessionState),
    EndState(EndState),
    Tag(String),
    Agent(String),
    /// Part of a model's name, in small letters.
    Model(String),
    Tool(String),
    /// An error's code.
    Error(String),
    Environment(String),
    Version(String),
    /// Part of the name, in small letters.
    Name(String),
    /// Part of anything that a list shows, in small letters.
    Text(String),
    Since(UnixNanos),
    Until(UnixNanos),
    /// In nano-USD.
    MinCost(i64),
    /// In nano-USD; what has no price does not fit.
    MaxCost(i64),
    /// A [`Fault`], by its id.
    Fault(u64),
    /// It is one of these.
    Among(Vec<SessionId>),
    Root,
    /// Started in this session.
    Parent(SessionId),
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    #[default]
    Newest,
    Oldest,
    Cost,
    Duration,
    Tokens,
    Spans,
    Errors,
}

/// Where a page ended: the value that was sorted by, and the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub key: i64,
    pub row: i64,
}

/// Some sessions, and where to go on.
#[derive(Debug, Default)]
pub struct Page {
    pub sessions: Vec<Session>,
    pub next: Option<Cursor>,
}

/// What sessions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub sessions: u64,
    pub running: u64,
    pub failed: u64,
    pub spans: u64,
    pub tokens: u64,
    pub cost: Option<i64>,
    pub partial: bool,
}

/// What a tree is drawn from: of each span a row.
#[derive(Debug, Default)]
pub struct Outline {
    /// The commit that it is as of.
    pub sequence: u64,
    pub rows: Vec<Row>,
}

/// What is known of a span without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub id: SpanId,
    pub parent_id: Option<SpanId>,
    pub kind: SpanKind,
    pub status: agentops_core::model::span::Status,
    pub open: bool,
    pub cancelled: bool,
    pub start: UnixNanos,
    pub end: Option<UnixNanos>,
    pub name: Arc<str>,
    pub agent: Option<Arc<str>>,
    /// Its agent is that of the nearest span above that names one.
    pub inherits: bool,
    pub model: Option<Arc<str>>,
    pub thread: Option<u64>,
    pub usage: Option<agentops_core::model::llm::Usage>,
    pub cost: Option<i64>,
    pub is_cost_estimated: bool,
    pub tool_cost: Option<i64>,
    pub first_token: Option<u64>,
    /// Of model calls and tools: the same number where the same was asked; `None` where what was asked is not known
    /// whole.
    pub asked: Option<u64>,
    pub error: Option<Arc<Trouble>>,
}

/// What errors of one kind have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub code: String,
    /// The message's first line, without what differs each time.
    pub shape: String,
}

/// Words to be found in what spans carried.
#[derive(Debug, Clone)]
pub struct Search {
    pub words: String,
    /// In this session only.
    pub session: Option<SessionId>,
    pub limit: usize,
}

/// A span that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub session: SessionId,
    pub span: SpanId,
    pub start: UnixNanos,
    pub name: String,
    pub kind: SpanKind,
    /// The words, and what stands around them.
    pub excerpt: String,
}

/// What a series is made of, and for which time.
#[derive(Debug, Clone)]
pub struct Series {
    pub by: GroupBy,
    pub step: Step,
    pub since: UnixNanos,
    pub until: UnixNanos,
    pub project: Option<String>,
}

/// What sums are kept apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    Kind,
    Model,
    Tool,
    Agent,
    Tag,
    Environment,
    Version,
}

/// How long a point of a series is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    Hour,
    Day,
    /// All of the time that is asked for.
    Whole,
}

/// The sums of a group in one step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Point {
    pub at: UnixNanos,
    pub group: String,
    pub count: u64,
    pub errors: u64,
    /// Nanoseconds in all.
    pub duration: u64,
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub reasoning: u64,
    /// Nano-USD.
    pub cost: i64,
    /// Calls whose price is not known.
    pub unpriced: u64,
    /// Nanoseconds at the 50th, 95th and 99th percentile.
    pub latency: Option<[u64; 3]>,
    /// The same of the time to the first token.
    pub first_token: Option<[u64; 3]>,
}

/// Sessions over time, in equal parts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// When the first part begins.
    pub since: UnixNanos,
    /// How long each is, in nanoseconds; 0 where no session fits.
    pub step: u64,
    /// Sessions that started in each, and those of them that failed.
    pub parts: Vec<(u64, u64)>,
}

/// Errors of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub id: u64,
    pub kind: SpanKind,
    pub code: String,
    pub name: String,
    /// What the messages have in common.
    pub shape: String,
    pub count: u64,
    pub sessions: u64,
    pub first: UnixNanos,
    pub last: UnixNanos,
    /// The newest.
    pub sample: (SessionId, SpanId),
}

/// Why a store could not do what it was asked for.
#[derive(Debug)]
pub struct StoreError(Kind);

#[derive(Debug)]
enum Kind {
    /// The engine refused.
    Engine(Box<dyn std::error::Error + Send + Sync>),
    /// Another process holds it for writing, and does not let go.
    Busy,
    /// The disk is full, or the store may not grow.
    Full,
    /// Its file cannot be opened, or not to be written to.
    Closed(Box<dyn std::error::Error + Send + Sync>),
    /// Its file is not where it was opened any more: what is committed nobody finds again.
    Removed(PathBuf),
    /// A newer version wrote it.
    Newer { found: i64, supported: i64 },
    /// What it holds does not read back.
    Corrupt(&'static str),
}

impl StoreError {
    /// Whether the same may succeed later, without anybody doing anything.
    pub fn may_pass(&self) -> bool {
        matches!(self.0, Kind::Busy | Kind::Full)
    }

    /// Whether its file may be there to be read, and not to be written to.
    pub fn is_closed(&self) -> bool {
        matches!(self.0, Kind::Closed(_))
    }

    /// Whether its file was removed or replaced while it was open.
    pub fn is_removed(&self) -> bool {
        matches!(self.0, Kind::Removed(_))
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self.0 {
            Kind::Removed(_) => "start it again",
            Kind::Engine(_) | Kind::Closed(_) => {
                "see whether the data directory can be written to, and whether its disk works"
            }
            Kind::Busy => "another agentops writes to this data directory: wait for it, or stop it",
            Kind::Full => "make room on the disk of the data directory, or raise the limit",
            Kind::Newer { .. } => "update agentops-server",
            Kind::Corrupt(_) => {
                "move the database out of the data directory, and keep it for a report"
            }
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Engine(error) => write!(f, "the store failed: {error}"),
            Kind::Busy => f.write_str("the store is busy"),
            Kind::Full => {
                f.write_str("the store has no room: the disk is full, or a limit is reached")
            }
            Kind::Closed(error) => write!(f, "the store cannot be written to: {error}"),
            Kind::Removed(path) => {
                let path = path.display();
                write!(f, "{path} was removed or replaced while it was in use")
            }
            Kind::Newer { found, supported } => write!(
                f,
                "a newer agentops wrote the store (format {found}, this one knows {supported})"
            ),
            Kind::Corrupt(what) => write!(f, "the store does not read back: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}
