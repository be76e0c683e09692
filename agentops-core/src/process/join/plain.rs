//! The short way: spans that start and end within one look at one ring, with nothing said of them in between.
//!
//! Most spans are of that kind. They never enter the table of open spans, nor wait for a pass: nobody else knows of
//! them, for who takes a span along to another thread says so in the ring (`note::SHARED`), and that is no plain
//! record. Any other record ends the short way for all that are on it.

use std::mem;
use std::ops::Range;

use super::{Payload, Processor, Site};
use crate::model::frame;
use crate::model::rollup::Running;
use crate::model::span::SpanKind;
use crate::process::encode::{self, End, Own};
use crate::record::callsite::Callsite;
use crate::record::clock;
use crate::record::word::{self, ADOPTED, BOXED, CANCELLED, CAPTURED, FAILED};

/// Spans that started in this look at this ring, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Stack {
    spans: Vec<Plain>,
    /// What they captured, in the order of their starts.
    values: Vec<u8>,
    /// Spans that have ended here and are not counted yet.
    ended: u64,
}

#[derive(Debug)]
struct Plain {
    record: [u64; 5],
    input: Range<usize>,
}

/// Whether spans of a callsite may go the short way: those of sessions, agents and model calls mean more than
/// themselves, and somebody else's say later what they are.
pub(super) fn may_be_plain(site: &Callsite) -> bool {
    site.meta.foreign.is_none()
        && !matches!(
            site.meta.kind,
            SpanKind::Session | SpanKind::Agent | SpanKind::Llm
        )
}

impl Processor {
    /// Takes a record on the short way; `false` where it is none for it, and nobody is on it any more.
    #[inline]
    pub(super) fn take_plain(
        &mut self,
        first: u64,
        fixed: &[u64],
        payload: &[u64],
        thread: u32,
    ) -> bool {
        let taken = match *fixed {
            [_, id, parent, scope, clock] if word::tag(first) == word::START => {
                self.plain_start([first, id, parent, scope, clock], payload)
            }
            [_, id, clock] if word::tag(first) == word::END => {
                self.plain_end([first, id, clock], payload, thread)
            }
            _ => false,
        };
        if !taken && !self.plain.spans.is_empty() {
            self.settle_plain(thread);
        }
        taken
    }

    #[inline]
    fn plain_start(&mut self, record: [u64; 5], payload: &[u64]) -> bool {
        let [first, _, parent, scope, _] = record;
        let site = self.sites.get(word::low(first) as usize - 1);
        // Without a parent it is a session's root.
        if first & BOXED != 0
            || parent == 0
            || !site.is_some_and(|site| site.plain)
            || !self.scopes.contains_key(&scope)
        {
            return false;
        }
        let Stack { spans, values, .. } = &mut self.plain;
        let at = values.len();
        append_bytes(values, payload, word::length(first));
        let input = at..values.len();
        spans.push(Plain { record, input });
        true
    }

    #[inline]
    fn plain_end(&mut self, [first, id, clock]: [u64; 3], payload: &[u64], thread: u32) -> bool {
        let innermost = self.plain.spans.last().map(|span| span.record[1]);
        if innermost != Some(id) || first & (FAILED | CANCELLED | BOXED) != 0 {
            return false;
        }
        let Self {
            plain:
                Stack {
                    spans,
                    values,
                    ended,
                },
            sites,
            scopes,
            threads,
            anchor,
            batch,
            batch_number,
            lost_too_long,
            redactor,
            totals,
            ..
        } = self;
        let Some(Plain { record, input }) = spans.pop() else {
            return false;
        };
        let [start_first, _, parent, scope, start_raw] = record;
        let (Some(site), Some(scope), Some(thread)) = (
            sites.get_mut(word::low(start_first) as usize - 1),
            scopes.get_mut(&scope),
            threads.shared(thread),
        ) else {
            return false;
        };
        let output = values.len();
        append_bytes(values, payload, word::length(first));
        let start = anchor.unix(start_raw);
        let own = Own {
            meta: &site.callsite.meta,
            id,
            parent,
            adopted: start_first & ADOPTED != 0,
            start,
            dynamic_name: None,
            input: (!input.is_empty()).then_some(&values[input.clone()]),
            notes: None,
            arguments: &site.arguments,
            redactor,
            agent: None,
        };
        let end = End {
            time: start + clock::between(start_raw, clock),
            cancelled: false,
            output: (first & CAPTURED != 0).then_some(&values[output..]),
            stream_ended: None,
            error: None,
            polls: None,
            facts: None,
        };
        let Site { shared, .. } = site;
        let pieces = [shared, &mut scope.shared, thread];
        let written = batch.append(frame::Kind::Span, pieces, *batch_number, |frame| {
            encode::ended(frame, &own, &end);
        });
        // What is around it, here too, is no model call that could repeat it.
        if let Some(cost) = own.meta.tool_cost() {
            totals.add_cost(&Running::of_tool(cost));
        }
        if !written {
            *lost_too_long.entry(scope.session).or_default() += 1;
        }
        batch.spans += u64::from(written);
        *ended += u64::from(written);
        values.truncate(input.start);
        true
    }

    /// Sends all that are on the short way on the long one.
    #[cold]
    #[inline(never)]
    pub(super) fn settle_plain(&mut self, thread: u32) {
        let mut spans = mem::take(&mut self.plain.spans);
        let values = mem::take(&mut self.plain.values);
        for Plain { record, input } in spans.drain(..) {
            let payload = if input.is_empty() {
                Payload::None
            } else {
                self.store(&values[input])
            };
            self.record(record, payload, thread);
        }
        self.plain.spans = spans;
        self.plain.values = values;
        self.plain.values.clear();
    }

    /// What is still on the short way at the end of a look is open.
    pub(super) fn end_of_look(&mut self, thread: u32) {
        if !self.plain.spans.is_empty() {
            self.settle_plain(thread);
        }
        self.totals.add_spans(mem::take(&mut self.plain.ended));
    }
}

#[inline]
fn append_bytes(values: &mut Vec<u8>, words: &[u64], length: usize) {
    let at = values.len();
    values.reserve(words.len() * 8);
    for word in words {
        values.extend_from_slice(&word.to_le_bytes());
    }
    values.truncate(at + length);
}
