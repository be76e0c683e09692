//! What was logged in a session, by time.
//!
//! Logs lie with their spans, so that all of those are read; of what fits only a page is kept.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fmt;

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::span::{Level, Log, Span};
use agentops_core::model::time::UnixNanos;

use super::PAGE;
use crate::store::{Store, StoreError};

/// Which logs are asked for.
#[derive(Debug, Clone)]
pub struct LogsWanted {
    /// The least serious.
    pub level: Option<Level>,
    /// Part of the message, in small letters.
    pub words: Option<String>,
    /// Of this span only.
    pub span: Option<SpanId>,
    pub limit: usize,
    pub after: Option<LogCursor>,
}

/// Where a log stands among all of a session's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogCursor {
    pub time: UnixNanos,
    pub span: SpanId,
    /// Its place within the span.
    pub place: usize,
}

/// A log that was found.
#[derive(Debug)]
pub struct Found {
    pub at: LogCursor,
    /// The span's.
    pub name: String,
    pub log: Log,
}

/// Some logs, and where to go on.
#[derive(Debug)]
pub struct LogPage {
    pub logs: Vec<Found>,
    pub next: Option<LogCursor>,
}

impl LogCursor {
    /// Reads it as it is written.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let cursor = Self {
            time: parts.next()?.parse().ok()?,
            span: parts.next()?.parse().ok()?,
            place: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(cursor)
    }
}

impl fmt::Display for LogCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.time, self.span, self.place)
    }
}

/// A page of the logs of a session.
pub fn logs(store: &dyn Store, id: SessionId, wanted: &LogsWanted) -> Result<LogPage, StoreError> {
    let mut heap = BinaryHeap::new();
    if let Some(span) = wanted.span {
        if let Some(span) = store.span(id, span)? {
            gather(&mut heap, span, wanted);
        }
    } else {
        let mut after = None;
        loop {
            let page = store.spans(id, after, PAGE)?;
            let Some(last) = page.last() else {
                break;
            };
            after = Some((last.start, last.id));
            for span in page {
                gather(&mut heap, span, wanted);
            }
        }
    }
    let mut logs = heap.into_sorted_vec();
    let more = logs.len() > wanted.limit;
    logs.truncate(wanted.limit);
    let next = logs.last().filter(|_| more).map(|last| last.at);
    Ok(LogPage { logs, next })
}

/// Adds what fits of a span; the latest go where there are more than a page and one.
fn gather(heap: &mut BinaryHeap<Found>, span: Span, wanted: &LogsWanted) {
    for (place, log) in span.logs.into_iter().enumerate() {
        let at = LogCursor {
            time: log.time,
            span: span.id,
            place,
        };
        let words = wanted.words.as_deref();
        let fits = wanted.level.is_none_or(|least| log.level >= least)
            && words.is_none_or(|words| log.message.to_lowercase().contains(words))
            && wanted.after.is_none_or(|after| at > after);
        if fits {
            heap.push(Found {
                at,
                name: span.name.clone(),
                log,
            });
            if heap.len() > wanted.limit + 1 {
                heap.pop();
            }
        }
    }
}

impl Ord for Found {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Found {}
