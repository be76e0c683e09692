//! Batches with less in them, for an exporter that has no room for all.
//!
//! What goes first is what spans carried, then spans that nobody was told of, and sessions' facts last. A span of which
//! the exporter was told that it started is never taken away here before its end: what is begun also ends.
//! Knows batches, not why there is no room.

use std::collections::{BTreeMap, HashMap};

use super::{Batch, Piece};
use crate::model::event::{Loss, LossCause};
use crate::model::frame::{self, Kind};
use crate::model::id::SessionId;
use crate::model::span::Level;
use crate::model::time::UnixNanos;
use crate::model::wire::{self, thin};

/// Sessions whose losses are told apart; those of more are counted without their session.
const SESSIONS: usize = 4096;

/// How much of a batch is kept, from much to little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// All spans, without what they carried.
    Spans,
    /// Of spans that started after this, only those that failed, and sessions' own.
    Begun(UnixNanos),
    /// No spans, but what is said of sessions, of losses, and that the process lives.
    Facts,
}

/// What was left out, by cause and session.
#[derive(Debug, Default)]
pub(super) struct Losses(BTreeMap<(LossCause, Option<SessionId>), u64>);

impl Losses {
    pub(super) fn add(&mut self, cause: LossCause, session: Option<SessionId>, count: u64) {
        let known = self.0.len() < SESSIONS || self.0.contains_key(&(cause, session));
        let session = session.filter(|_| known);
        if count > 0 {
            *self.0.entry((cause, session)).or_default() += count;
        }
    }

    pub(super) fn add_all(&mut self, others: Self) {
        for ((cause, session), count) in others.0 {
            self.add(cause, session, count);
        }
    }

    /// Takes back what was added.
    pub(super) fn remove_all(&mut self, others: &Self) {
        for (&(cause, session), &count) in &others.0 {
            let known = self.0.contains_key(&(cause, session));
            let session = session.filter(|_| known);
            if let Some(left) = self.0.get_mut(&(cause, session)) {
                *left = left.saturating_sub(count);
            }
        }
    }

    /// The same, with one cause for another.
    pub(super) fn renamed(self, from: LossCause, to: LossCause) -> Self {
        let mut renamed = Self::default();
        for ((cause, session), count) in self.0 {
            renamed.add(if cause == from { to } else { cause }, session, count);
        }
        renamed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Frames that tell of them.
    pub(super) fn batch(&self, time: UnixNanos) -> Batch {
        let mut batch = Batch::default();
        for (&(cause, session), &count) in &self.0 {
            let loss = Loss {
                time,
                session,
                cause,
                count,
            };
            // Too short to be refused.
            let _ = frame::append(&mut batch.frames, Kind::Loss, &[&wire::encode_loss(&loss)]);
        }
        batch
    }
}

/// What is left of a batch; what is not is counted, missing spans under `cause`.
pub(super) fn thin(batch: &Batch, keep: Keep, cause: LossCause) -> (Batch, Losses) {
    let sessions = sessions(&batch.pieces);
    let (mut kept, mut losses) = (Batch::default(), Losses::default());
    if keep == Keep::Spans {
        kept.latest = batch.latest;
    }
    let mut bytes = Vec::new();
    for (kind, payload) in frame::frames(&batch.frames) {
        match kind {
            Kind::Span | Kind::Pending => {
                let Some((refs, otlp)) = frame::split_span(payload) else {
                    continue;
                };
                let (ended, session) = (kind == Kind::Span, find(&sessions, &refs));
                if !keep.keeps(otlp) {
                    losses.add(cause, session, ended.into());
                    continue;
                }
                bytes.clear();
                let left_out = thin::without_content(otlp, &mut bytes);
                // What is shorter than it was is not too long.
                if frame::append_span(&mut kept.frames, kind, &refs, &bytes).is_ok() && ended {
                    kept.spans += 1;
                    losses.add(LossCause::Content, session, (left_out > 0).into());
                }
            }
            Kind::Log => match wire::decode_log(payload) {
                Ok(log) if keep != Keep::Facts && log.log.level >= Level::Error => {
                    let _ = frame::append(&mut kept.frames, kind, &[payload]);
                }
                Ok(log) => losses.add(LossCause::Content, Some(log.session), 1),
                Err(_) => {}
            },
            _ => {
                let _ = frame::append(&mut kept.frames, kind, &[payload]);
            }
        }
    }
    if kept.spans > 0 || keep != Keep::Facts {
        kept.pieces.clone_from(&batch.pieces);
    }
    (kept, losses)
}

/// Counts all of a batch, its spans under `cause`; accounts of losses that are in it are taken over.
pub(super) fn lose(batch: &Batch, cause: LossCause) -> Losses {
    let sessions = sessions(&batch.pieces);
    let mut losses = Losses::default();
    for (kind, payload) in frame::frames(&batch.frames) {
        match kind {
            Kind::Span => {
                let refs = frame::split_span(payload).map(|(refs, _)| refs);
                losses.add(cause, refs.and_then(|refs| find(&sessions, &refs)), 1);
            }
            Kind::Loss => {
                if let Ok(loss) = wire::decode_loss(payload) {
                    losses.add(loss.cause, loss.session, loss.count);
                }
            }
            Kind::Log => {
                if let Ok(log) = wire::decode_log(payload) {
                    losses.add(LossCause::Content, Some(log.session), 1);
                }
            }
            _ => {}
        }
    }
    losses
}

/// Appends what a batch says of sessions.
pub(super) fn facts(batch: &Batch, out: &mut Vec<u8>) {
    for (kind, payload) in frame::frames(&batch.frames) {
        if kind == Kind::Session {
            let _ = frame::append(out, kind, &[payload]);
        }
    }
}

impl Keep {
    fn keeps(self, otlp: &[u8]) -> bool {
        match self {
            Self::Spans => true,
            Self::Begun(told) => {
                let seen = thin::glance(otlp);
                seen.start <= told || seen.failed || seen.session
            }
            Self::Facts => false,
        }
    }
}

/// Which session each piece stands for, where it stands for one.
fn sessions(pieces: &[Piece]) -> HashMap<u32, SessionId> {
    let named = |piece: &Piece| Some((piece.number, thin::session_of(&piece.bytes)?));
    pieces.iter().filter_map(named).collect()
}

fn find(sessions: &HashMap<u32, SessionId>, refs: &[u32]) -> Option<SessionId> {
    refs.iter().find_map(|piece| sessions.get(piece).copied())
}
