//! What was recorded, kept: sessions, their spans and their sums, and the questions that can be asked of them.
//!
//! [`Store`] is all that the rest of the server knows: it takes in batches of events, each whole and durable or not at
//! all, and answers questions about sessions and spans. How it does so is an engine's business; `sqlite` is the one
//! inside the binary. Knows nothing of where events come from or of how an answer is shown.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use agentops_core::model::event::{Event, Resource};
use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::session::{EndState, Session, SessionState};
use agentops_core::model::span::{Span, SpanKind};
use agentops_core::model::time::UnixNanos;

pub(crate) mod sqlite;

/// Keeps what comes in, and answers.
pub(crate) trait Store: Send + Sync {
    /// Takes in a batch: whole and durable when this returns, or not at all. Repeating one changes nothing.
    fn commit(&self, batch: &Batch) -> Result<Changes, StoreError>;

    /// How far a spool file was taken in; 0 where nothing of it was.
    fn position(&self, file: &str) -> Result<u64, StoreError>;

    /// The spool files of which something was taken in.
    fn positions(&self) -> Result<Vec<(String, u64)>, StoreError>;

    /// Sessions that go on, of which no process in `alive` can say more: only who opened a session can lose it, and where
    /// nobody known did, whoever speaks last.
    fn deserted(&self, alive: &[String]) -> Result<Vec<SessionId>, StoreError>;

    /// Does what can wait, for about `budget`: sums that lag, text to be found, sessions to be purged. Whether there is
    /// more of it.
    fn maintain(&self, budget: Duration) -> Result<bool, StoreError>;

    /// A page of the sessions that fit.
    fn sessions(&self, wanted: &Wanted) -> Result<Page, StoreError>;

    /// What the sessions that fit come to, wherever pages end.
    fn totals(&self, wanted: &Wanted) -> Result<Totals, StoreError>;

    /// One session with its sums.
    fn session(&self, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// The ids of sessions that begin or end with these hex digits, newest first, a few at most.
    fn matching(&self, digits: &str) -> Result<Vec<SessionId>, StoreError>;

    /// Of every span of a session what a tree of it is drawn from, by start.
    fn outline(&self, id: SessionId) -> Result<Option<Outline>, StoreError>;

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

    /// Hides sessions at once; `maintain` purges them. How many there were.
    fn hide(&self, ids: &[SessionId]) -> Result<usize, StoreError>;

    /// Brings back sessions that were hidden and not purged yet.
    fn unhide(&self, ids: &[SessionId]) -> Result<usize, StoreError>;

    /// How many spans of sessions that nobody knows any more were removed, to keep a spool within its limit.
    fn removed(&self) -> Result<u64, StoreError>;

    /// The number of the last commit.
    fn sequence(&self) -> Result<u64, StoreError>;
}

/// Events that belong together, and how far they bring their spool files.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) events: Vec<(Arc<Resource>, Event)>,
    /// Spool files by name, and the offset that each was read up to.
    pub(crate) positions: Vec<(String, u64)>,
    /// Spool files that are gone.
    pub(crate) gone: Vec<String>,
    /// Who spoke in which session, by the name of its spool files; whether it opened it.
    pub(crate) voices: Vec<(String, SessionId, bool)>,
    /// Processes that will not be heard again.
    pub(crate) silent: Vec<String>,
    /// Sessions whose process is gone.
    pub(crate) lost: Vec<SessionId>,
}

impl Batch {
    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
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
pub(crate) struct Changes {
    /// Counts commits.
    pub(crate) sequence: u64,
    /// Each session that changed, with the spans of it that did.
    pub(crate) sessions: Vec<(SessionId, Vec<SpanId>)>,
}

/// Which sessions are asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Each must hold.
    pub(crate) conditions: Vec<Condition>,
    pub(crate) sort: Sort,
    /// Go on after this one.
    pub(crate) after: Option<Cursor>,
    pub(crate) limit: usize,
    /// Sessions without any agent, model call or mark of ours too.
    pub(crate) foreign: bool,
}

/// Something that must hold of a session.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
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
    Root,
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Sort {
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
pub(crate) struct Cursor {
    pub(crate) key: i64,
    pub(crate) row: i64,
}

/// Some sessions, and where to go on.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) sessions: Vec<Session>,
    pub(crate) next: Option<Cursor>,
}

/// What sessions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    pub(crate) sessions: u64,
    pub(crate) running: u64,
    pub(crate) failed: u64,
    pub(crate) spans: u64,
    pub(crate) tokens: u64,
    pub(crate) cost: Option<i64>,
    pub(crate) partial: bool,
}

/// What a tree is drawn from: of each span a row.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// The commit that it is as of.
    pub(crate) sequence: u64,
    pub(crate) rows: Vec<Row>,
}

/// What is known of a span without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: SpanId,
    pub(crate) parent_id: Option<SpanId>,
    pub(crate) kind: SpanKind,
    pub(crate) status: agentops_core::model::span::Status,
    pub(crate) open: bool,
    pub(crate) cancelled: bool,
    pub(crate) start: UnixNanos,
    pub(crate) end: Option<UnixNanos>,
    pub(crate) name: Arc<str>,
    pub(crate) agent: Option<Arc<str>>,
    pub(crate) model: Option<Arc<str>>,
    pub(crate) thread: Option<u64>,
    pub(crate) usage: Option<agentops_core::model::llm::Usage>,
    pub(crate) cost: Option<i64>,
    pub(crate) tool_cost: Option<i64>,
    pub(crate) first_token: Option<u64>,
}

/// Words to be found in what spans carried.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) words: String,
    /// In this session only.
    pub(crate) session: Option<SessionId>,
    pub(crate) limit: usize,
}

/// A span that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) session: SessionId,
    pub(crate) span: SpanId,
    pub(crate) start: UnixNanos,
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    /// The words, and what stands around them.
    pub(crate) excerpt: String,
}

/// What a series is made of, and for which time.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) by: GroupBy,
    pub(crate) step: Step,
    pub(crate) since: UnixNanos,
    pub(crate) until: UnixNanos,
    pub(crate) project: Option<String>,
}

/// What sums are kept apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum GroupBy {
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
pub(crate) enum Step {
    Hour,
    Day,
}

/// The sums of a group in one step.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Point {
    pub(crate) at: UnixNanos,
    pub(crate) group: String,
    pub(crate) count: u64,
    pub(crate) errors: u64,
    /// Nanoseconds in all.
    pub(crate) duration: u64,
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write: u64,
    pub(crate) reasoning: u64,
    /// Nano-USD.
    pub(crate) cost: i64,
    /// Calls whose price is not known.
    pub(crate) unpriced: u64,
    /// Nanoseconds at the 50th, 95th and 99th percentile.
    pub(crate) latency: Option<[u64; 3]>,
    /// The same of the time to the first token.
    pub(crate) first_token: Option<[u64; 3]>,
}

/// Errors of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) id: u64,
    pub(crate) kind: SpanKind,
    pub(crate) code: String,
    pub(crate) name: String,
    /// What the messages have in common.
    pub(crate) shape: String,
    pub(crate) count: u64,
    pub(crate) sessions: u64,
    pub(crate) first: UnixNanos,
    pub(crate) last: UnixNanos,
    /// The newest.
    pub(crate) sample: (SessionId, SpanId),
}

/// Why a store could not do what it was asked for.
#[derive(Debug)]
pub(crate) struct StoreError(Kind);

#[derive(Debug)]
enum Kind {
    /// The engine refused.
    Engine(Box<dyn std::error::Error + Send + Sync>),
    /// Another process holds it for writing, and does not let go.
    Busy,
    /// The disk is full.
    Full,
    /// A newer version wrote it.
    Newer { found: i64, supported: i64 },
    /// What it holds does not read back.
    Corrupt(&'static str),
}

impl StoreError {
    /// Whether the same may succeed later, without anybody doing anything.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.0, Kind::Busy | Kind::Full)
    }

    /// What to do about it.
    pub(crate) fn help(&self) -> &'static str {
        match self.0 {
            Kind::Engine(_) => {
                "see whether the data directory can be written to, and whether its disk works"
            }
            Kind::Busy => "another agentops writes to this data directory; try again, or stop it",
            Kind::Full => "make room on the disk of the data directory",
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
            Kind::Full => f.write_str("the store has no room: the disk is full"),
            Kind::Newer { found, supported } => write!(
                f,
                "a newer agentops wrote the store (format {found}, this one knows {supported})"
            ),
            Kind::Corrupt(what) => write!(f, "the store does not read back: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}
