//! What can be made of a span without knowing the store: its words, its bytes packed, and the number of what it asked.
//!
//! That is half of what a commit does, and is done before the writer is waited for: two who commit do it side by side,
//! and upkeep goes on meanwhile. Knows no session and no row.

use std::sync::Arc;

use agentops_core::model::event::Event;
use agentops_core::model::span::Span;
use agentops_core::model::wire;

use super::payload::{Packed, Press};
use super::{asked, text};
use crate::store::{Batch, StoreError};

/// What is stored of a span whatever else is there.
pub(super) struct Prepared {
    /// ASCII in small letters, as the index has it.
    pub(super) words: Arc<str>,
    pub(super) packed: Packed,
    pub(super) asked: Option<i64>,
}

/// A span's words and bytes as they are put together, in memory that the one before has left.
#[derive(Default)]
struct Draft {
    words: String,
    bytes: Vec<u8>,
}

impl Draft {
    fn prepare(&mut self, span: &Span, press: &mut Press) -> Result<Prepared, StoreError> {
        self.words.clear();
        text::words_into(span, &mut self.words);
        self.words.make_ascii_lowercase();
        self.bytes.clear();
        wire::encode_span_into(span, &mut self.bytes);
        Ok(Prepared {
            words: self.words.as_str().into(),
            packed: press.pack(&self.bytes)?,
            asked: asked::number(span),
        })
    }
}

pub(super) fn prepare(span: &Span, press: &mut Press) -> Result<Prepared, StoreError> {
    Draft::default().prepare(span, press)
}

/// All spans of a batch, in its order.
pub(super) fn prepare_all(batch: &Batch, press: &mut Press) -> Result<Vec<Prepared>, StoreError> {
    let mut draft = Draft::default();
    let mut prepared = Vec::with_capacity(batch.events.len());
    for span in batch.events.iter().filter_map(|(_, event)| span_of(event)) {
        prepared.push(draft.prepare(span, press)?);
    }
    Ok(prepared)
}

/// The span that an event brings.
pub(super) fn span_of(event: &Event) -> Option<&Span> {
    match event {
        Event::SpanStarted(span) | Event::SpanEnded(span) => Some(span),
        _ => None,
    }
}
