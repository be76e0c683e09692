//! Files that somebody hands in: sessions as JSON, OTLP requests, spool files.
//!
//! What it is, is told by how it begins. Read in twice, it is there once; a session that was deleted comes back.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use agentops_core::model::event::{Event, Loss, Resource};
use agentops_core::model::frame::{self, HeaderError};
use agentops_core::model::id::SessionId;

use super::limit::{self, Refused};
use super::otlp::{self, Format, Unreadable};
use super::{admit, json};
use crate::store::{Batch, Store, StoreError};

/// How many events are committed together at most.
const BATCH: usize = 2_000;

/// What was read in.
#[derive(Debug, Default)]
pub struct Imported {
    pub sessions: Vec<SessionId>,
    pub spans: u64,
    /// Spans that could not be read.
    pub skipped: u64,
    /// What was left out of the others.
    pub refused: Refused,
}

/// Why nothing, or not all, was read in.
#[derive(Debug)]
pub enum Unread {
    /// It is neither of what can be read.
    Unknown,
    /// It looks like a session, and is none.
    Json(serde_json::Error),
    /// It looks like OTLP, and is none.
    Otlp(Unreadable),
    Spool(HeaderError),
    /// There is nothing in it, or nothing that reads; so many were damaged.
    Damaged(u64),
    /// It was deleted, and is being removed.
    Purged(SessionId),
    Store(StoreError),
}

impl From<StoreError> for Unread {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Takes a batch in.
pub type Commit<'a> = &'a mut dyn FnMut(&Batch) -> Result<(), StoreError>;

/// Brings deleted sessions back.
pub type Unhide<'a> = &'a mut dyn FnMut(&[SessionId]) -> Result<(), StoreError>;

/// Hears how much is in the store, of how much.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Reads a file in, by `commit`; sessions of it that were deleted are brought back by `unhide`.
pub fn read(
    store: &dyn Store,
    bytes: &[u8],
    commit: Commit<'_>,
    unhide: Unhide<'_>,
    progress: Progress<'_>,
) -> Result<Imported, Unread> {
    let mut sink = Sink {
        batch: handed_in(),
        sessions: BTreeSet::new(),
        spans: 0,
        refused: Refused::default(),
        reached: (0, 1),
        commit,
        progress,
    };
    let begin = bytes.trim_ascii_start();
    let skipped = if bytes.starts_with(&frame::MAGIC) {
        spool(bytes, &mut sink)?
    } else if begin.starts_with(b"{") {
        session(store, begin, &mut sink)?
    } else {
        otlp(bytes, Format::Protobuf, &mut sink)?
    };
    sink.send()?;
    if sink.sessions.is_empty() {
        return Err(Unread::Damaged(skipped));
    }
    let sessions: Vec<SessionId> = sink.sessions.into_iter().collect();
    let (spans, refused) = (sink.spans, sink.refused);
    unhide(&sessions)?;
    for &session in &sessions {
        if store.version(session)?.is_none() {
            return Err(Unread::Purged(session));
        }
    }
    Ok(Imported {
        sessions,
        spans,
        skipped,
        refused,
    })
}

fn handed_in() -> Batch {
    Batch {
        restores: true,
        ..Batch::default()
    }
}

/// Where events go: into batches, and those to the store.
struct Sink<'a> {
    batch: Batch,
    sessions: BTreeSet<SessionId>,
    spans: u64,
    refused: Refused,
    /// How much has been read, of how much.
    reached: (u64, u64),
    commit: Commit<'a>,
    progress: Progress<'a>,
}

impl Sink<'_> {
    /// Takes an event in, within limits.
    fn put(&mut self, resource: &Arc<Resource>, mut event: Event) -> Result<(), StoreError> {
        admit(&mut event, &mut self.refused);
        self.pass(resource, event)
    }

    fn pass(&mut self, resource: &Arc<Resource>, event: Event) -> Result<(), StoreError> {
        match &event {
            Event::SpanStarted(span) | Event::SpanEnded(span) => {
                self.spans += 1;
                let own = match span.session_id {
                    SessionId(0) => SessionId(span.trace_id.0),
                    session => session,
                };
                self.sessions.insert(own);
            }
            Event::Session(facts) => _ = self.sessions.insert(facts.id),
            _ => {}
        }
        self.batch.events.push((resource.clone(), event));
        if self.batch.events.len() >= BATCH {
            self.send()?;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), StoreError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        (self.commit)(&std::mem::replace(&mut self.batch, handed_in()))?;
        (self.progress)(self.reached.0, self.reached.1);
        Ok(())
    }
}

fn session(store: &dyn Store, bytes: &[u8], sink: &mut Sink<'_>) -> Result<u64, Unread> {
    let read = match json::read(bytes) {
        Ok(read) => read,
        Err(error) => {
            let object = serde_json::from_slice::<serde_json::Map<_, serde_json::Value>>(bytes);
            return match object.is_ok_and(|object| object.contains_key("resourceSpans")) {
                true => otlp(bytes, Format::Json, sink),
                false => Err(Unread::Json(error)),
            };
        }
    };
    let resource = (*read.resource).clone();
    let resource = Arc::new(limit::resource(resource, &mut sink.refused));
    // Losses add up, so that only what is not there yet may be told.
    let known = store.session(read.session)?.map(|session| session.losses);
    for loss in read.losses {
        let there = known.as_ref().and_then(|known| known.get(&loss.cause));
        let count = loss.count.saturating_sub(there.copied().unwrap_or(0));
        if count > 0 {
            sink.put(&resource, Event::Loss(Loss { count, ..loss }))?;
        }
    }
    sink.put(&resource, Event::Session(Box::new(read.facts)))?;
    let all = read.spans.len() as u64;
    for (at, span) in (1..).zip(read.spans) {
        sink.reached = (at, all);
        sink.put(&resource, json::Read::event(span))?;
    }
    if read.lost {
        sink.batch.lost.push(read.session);
    }
    Ok(0)
}

fn otlp(bytes: &[u8], format: Format, sink: &mut Sink<'_>) -> Result<u64, Unread> {
    let taken = otlp::traces(bytes, format).map_err(Unread::Otlp)?;
    let skipped = taken.refused.count();
    if taken.events.is_empty() && skipped == 0 {
        return Err(Unread::Unknown);
    }
    let all = taken.events.len() as u64;
    for (at, (resource, event)) in (1..).zip(taken.events) {
        sink.reached = (at, all);
        sink.pass(&resource, event)?;
    }
    sink.refused = taken.refused;
    Ok(skipped)
}

fn spool(bytes: &[u8], sink: &mut Sink<'_>) -> Result<u64, Unread> {
    let mut reader = frame::Reader::new(bytes).map_err(Unread::Spool)?;
    let mut said: Option<Resource> = None;
    let mut resource = Arc::default();
    while let Some(event) = reader.next() {
        if let Some(found) = reader
            .resource()
            .filter(|found| said.as_ref() != Some(found))
        {
            said = Some(found.clone());
            resource = Arc::new(limit::resource(found.clone(), &mut sink.refused));
        }
        // Of the reader's own account, or of sessions that are not in this file: told twice it would count twice.
        if let Event::Loss(_) | Event::Heartbeat(_) = event {
            continue;
        }
        sink.reached = (reader.offset(), bytes.len() as u64);
        sink.put(&resource, event)?;
    }
    Ok(reader.damaged())
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str(
                "this is neither a session as JSON, nor OTLP, nor a spool file; `agentops export` writes what can be read",
            ),
            Self::Json(error) => write!(
                f,
                "this is not a session as JSON: {error}; `agentops export ID` writes one"
            ),
            Self::Otlp(error) => write!(
                f,
                "this is neither a session as JSON, nor a spool file, nor OTLP: {error}"
            ),
            Self::Spool(HeaderError::Newer { found, supported }) => write!(
                f,
                "a newer agentops wrote this spool file (format {found}, this one reads up to {supported}); update agentops-server"
            ),
            Self::Spool(_) => f.write_str("this spool file ends before its first record"),
            Self::Damaged(0) => f.write_str("there is no session in it"),
            Self::Damaged(count) => write!(
                f,
                "no session in it can be read: it is damaged in {count} places"
            ),
            Self::Purged(session) => write!(
                f,
                "session {session} was deleted and is being removed; try again in a minute"
            ),
            Self::Store(error) => write!(f, "{error}"),
        }
    }
}
