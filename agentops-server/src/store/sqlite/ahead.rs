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

pub(super) fn prepare(span: &Span, press: &mut Press) -> Result<Prepared, StoreError> {
    let mut words = text::words(span, &[]);
    words.make_ascii_lowercase();
    Ok(Prepared {
        words: words.into(),
        packed: press.pack(&wire::encode_span(span))?,
        asked: asked::number(span),
    })
}

/// All spans of a batch, in its order.
pub(super) fn prepare_all(batch: &Batch, press: &mut Press) -> Result<Vec<Prepared>, StoreError> {
    let spans = batch.events.iter().filter_map(|(_, event)| span_of(event));
    spans.map(|span| prepare(span, press)).collect()
}

/// The span that an event brings.
pub(super) fn span_of(event: &Event) -> Option<&Span> {
    match event {
        Event::SpanStarted(span) | Event::SpanEnded(span) => Some(span),
        _ => None,
    }
}
