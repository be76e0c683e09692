//! What a reader is told, one thing at a time: decoded frames and decoded requests alike.

use super::id::{SessionId, SpanId};
use super::session::{Host, SessionFacts};
use super::span::{Log, Span};
use super::time::UnixNanos;

/// Who recorded: the process behind a spool file or a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Resource {
    /// OpenTelemetry's `service.name`.
    pub service: String,
    /// The project; empty where none was named.
    pub project: String,
    /// Version of the program.
    pub service_version: Option<String>,
    /// The operating system's number of the process.
    pub pid: Option<u64>,
    /// The machine.
    pub host: Host,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A span started and has not ended yet; what ends it comes as [`Event::SpanEnded`] with the same id.
    SpanStarted(Box<Span>),
    /// A span ended.
    SpanEnded(Box<Span>),
    /// Something was logged in a span.
    Log {
        /// The session.
        session: SessionId,
        /// The span.
        span: SpanId,
        /// What was logged.
        log: Log,
    },
    /// A session started, changed or ended.
    Session(Box<SessionFacts>),
    /// The process is alive.
    Heartbeat(Heartbeat),
    /// Something was lost.
    Loss(Loss),
}

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heartbeat {
    /// When.
    pub time: UnixNanos,
    /// CPU time of the process so far, in nanoseconds.
    pub cpu: Option<u64>,
    /// Memory that the process holds, in bytes.
    pub memory: Option<u64>,
}

/// An account of what could not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// When it was counted.
    pub time: UnixNanos,
    /// The session, where it is known.
    pub session: Option<SessionId>,
    /// Why.
    pub cause: LossCause,
    /// How many.
    pub count: u64,
}

/// Why something was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LossCause {
    /// A ring stayed full: the process was starved, forked, or its own code blocked ours.
    RingFull,
    /// An END came without its START.
    NoStart,
    /// It was longer than a frame may be.
    TooLong,
    /// Neither memory nor disk would take it.
    ExportFull,
    /// The disk refused it.
    Write,
    /// A destination refused it.
    Refused,
    /// The program ended before it could be handed over.
    Shutdown,
    /// There was no room for what spans carried: they are there, without it.
    Content,
    /// A damaged part of the file made it unreadable; counted by the reader.
    Damaged,
    /// It was removed, as the oldest, to keep the spool within its limit; of earlier sessions, not of those around it.
    SpoolLimit,
}

impl LossCause {
    /// Every cause.
    pub const ALL: [Self; 10] = [
        Self::RingFull,
        Self::NoStart,
        Self::TooLong,
        Self::ExportFull,
        Self::Write,
        Self::Refused,
        Self::Shutdown,
        Self::Content,
        Self::Damaged,
        Self::SpoolLimit,
    ];

    /// As it is written on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::NoStart => "no_start",
            Self::TooLong => "too_long",
            Self::ExportFull => "export_full",
            Self::Write => "write",
            Self::Refused => "refused",
            Self::Shutdown => "shutdown",
            Self::Content => "content",
            Self::Damaged => "damaged",
            Self::SpoolLimit => "spool_limit",
        }
    }

    /// Whether what is counted under it is missing, rather than there in part.
    #[must_use]
    pub const fn is_missing(self) -> bool {
        !matches!(self, Self::Content)
    }

    /// What it says to people, after how many of what there are: `lost: 12 spans: …`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::RingFull => "the program made them faster than they could be taken",
            Self::NoStart => "their start was never seen",
            Self::TooLong => "they were longer than 64 MiB",
            Self::ExportFull => {
                "their destination could not keep up, and there was no room to wait in"
            }
            Self::Write => "the disk did not take them",
            Self::Refused => "their destination refused them",
            Self::Shutdown => "the program ended before they were delivered",
            Self::Content => "there was no room for more",
            Self::Damaged => "the file is damaged",
            Self::SpoolLimit => "files were removed to keep the spool within its limit",
        }
    }
}
