//! What exporters are given: spool frames, ready to be written, with the pieces that they refer to.

use std::fmt;
use std::sync::Arc;

use crate::model::event::{Event, LossCause};
use crate::model::frame::{self, Reader};
use crate::model::time::UnixNanos;

/// Bytes that several spans have in common, under a number.
#[derive(Debug, Clone)]
pub struct Piece {
    /// By which frames refer to it; no other piece of this process has it.
    pub number: u32,
    /// A part of an OTLP `Span` message.
    pub bytes: Arc<[u8]>,
}

/// A piece, and the last batch that has it.
#[derive(Debug)]
pub(super) struct Shared {
    piece: Piece,
    batch: u64,
}

impl Shared {
    pub(super) fn new(piece: Piece) -> Self {
        Self { piece, batch: 0 }
    }
}

/// Frames that happened together.
#[derive(Clone, Default)]
pub struct Batch {
    pub(crate) frames: Vec<u8>,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) spans: u64,
    /// When the latest span started of which it says that it is open.
    pub(crate) latest: UnixNanos,
}

impl Batch {
    /// Adds a span that refers to `pieces`, and the pieces where it has them not; `false` where it is too long for a
    /// frame. `number` is this batch's.
    #[inline]
    pub(super) fn append(
        &mut self,
        kind: frame::Kind,
        pieces: [&mut Shared; 3],
        number: u64,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let refs = pieces.map(|shared| {
            if shared.batch != number {
                shared.batch = number;
                self.pieces.push(shared.piece.clone());
            }
            shared.piece.number
        });
        frame::append_span_with(&mut self.frames, kind, &refs, write).is_ok()
    }

    /// Frames in the spool's format, one after another.
    #[must_use]
    pub fn frames(&self) -> &[u8] {
        &self.frames
    }

    /// Each piece that a frame in here refers to, once.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// How many ended spans are in it.
    #[must_use]
    pub fn spans(&self) -> u64 {
        self.spans
    }

    /// Decodes every frame.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.events_where(|_| true)
    }

    /// As [`events`](Self::events), without spans that refer to a piece that is not wanted: they are not decoded.
    pub(crate) fn events_where(&self, wanted: impl Fn(&Piece) -> bool) -> Vec<Event> {
        let mut file = Vec::with_capacity(self.frames.len() + 4096);
        frame::header(&mut file);
        let resource = frame::append(&mut file, frame::Kind::Resource, &[]);
        let pieces = self
            .pieces
            .iter()
            .filter(|piece| wanted(piece))
            .try_for_each(|piece| frame::append_shared(&mut file, piece.number, &piece.bytes));
        file.extend_from_slice(&self.frames);
        match (resource.and(pieces), Reader::new(&file)) {
            (Ok(()), Ok(reader)) => reader.filter(|event| !is_unwanted(event)).collect(),
            _ => Vec::new(),
        }
    }
}

/// Of a span that refers to a piece that is not there: in memory nothing is damaged, so it was not wanted.
fn is_unwanted(event: &Event) -> bool {
    matches!(event, Event::Loss(loss) if loss.cause == LossCause::Damaged)
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("spans", &self.spans)
            .field("bytes", &self.frames.len())
            .finish_non_exhaustive()
    }
}
