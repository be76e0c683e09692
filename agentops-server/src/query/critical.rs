//! The critical path: which span each moment of a session was waiting for.
//!
//! Walked backwards from the end: of what ran within a span the last to end determined it, and before that began, the
//! last to end then; where nothing ran within, the span itself did. Every moment belongs to one span or to none, so that
//! all of it comes to the session's duration. Works with what outlives its parent, with gaps, and with what is still open.

use std::cmp::Reverse;

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::span::SpanKind;
use agentops_core::model::time::{UnixNanos, millis};
use serde::{Serialize, Serializer};

use super::run::Run;
use crate::store::{Store, StoreError};

/// What a session's duration was made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CriticalPath {
    /// Nanoseconds in all.
    pub duration: u64,
    /// When no span ran.
    pub idle: u64,
    /// One after the other, without gaps except where no span ran. In nanoseconds from the session's start.
    pub segments: Vec<Segment>,
    /// How many shorter ones [`CriticalPath::shorten`] took out from between them.
    pub segments_left_out: u64,
    /// The spans of it, by how much of it they were.
    pub spans: Vec<Part>,
    pub spans_left_out: u64,
}

/// How many segments are told of, and how many spans.
const SEGMENTS: usize = 200;
const SPANS: usize = 100;

impl CriticalPath {
    /// Keeps what was waited for longest, and says how much else there is.
    pub fn shorten(&mut self) {
        self.spans_left_out += super::cut(&mut self.spans, SPANS);
        if self.segments.len() > SEGMENTS {
            let longest = |segment: &Segment| Reverse(segment.to - segment.from);
            self.segments.sort_by_key(longest);
            self.segments_left_out += super::cut(&mut self.segments, SEGMENTS);
            self.segments.sort_by_key(|segment| segment.from);
        }
    }
}

/// A time in which the session waited for one span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub span: SpanId,
    pub from: u64,
    pub to: u64,
}

/// For how long a session waited for a span, not counting what ran within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub span: SpanId,
    pub kind: SpanKind,
    pub name: String,
    pub nanos: u64,
}

/// The critical path of a session; `None` where there is none such.
pub fn critical_path(store: &dyn Store, id: SessionId) -> Result<Option<CriticalPath>, StoreError> {
    Ok(Run::read(store, id)?.map(|run| of(&run)))
}

/// The same of a session that was read already.
#[must_use]
pub fn of(run: &Run) -> CriticalPath {
    let from = run.start();
    let to = run
        .session
        .facts
        .end
        .unwrap_or_else(|| run.last())
        .max(from);
    let mut walk = Walk::new(run, to);
    walk.all(from, to);
    walk.path(from, to)
}

struct Walk<'a> {
    run: &'a Run,
    /// When each row began and ended, open ones at the end of all.
    own: Vec<(UnixNanos, UnixNanos)>,
    /// The same with all within it.
    whole: Vec<(UnixNanos, UnixNanos)>,
    /// Latest first.
    segments: Vec<(usize, UnixNanos, UnixNanos)>,
}

/// A span that is being walked through.
struct Step {
    at: Option<usize>,
    /// What ran within it, the last to end first.
    within: std::vec::IntoIter<usize>,
    from: UnixNanos,
    /// Up to here is still to be explained.
    to: UnixNanos,
}

impl<'a> Walk<'a> {
    fn new(run: &'a Run, end: UnixNanos) -> Self {
        let own: Vec<_> = run
            .rows
            .iter()
            .map(|row| {
                let over = if row.open { None } else { row.end };
                (row.start, over.unwrap_or(end).max(row.start))
            })
            .collect();
        let mut whole = own.clone();
        for &at in run.downwards().iter().rev() {
            if let Some(parent) = run.parent(at) {
                let (from, to) = whole[at];
                whole[parent].0 = whole[parent].0.min(from);
                whole[parent].1 = whole[parent].1.max(to);
            }
        }
        Self {
            run,
            own,
            whole,
            segments: Vec::new(),
        }
    }

    fn all(&mut self, from: UnixNanos, to: UnixNanos) {
        let mut steps = vec![self.step(None, from, to)];
        while let Some(step) = steps.last_mut() {
            let next = step.within.find(|&at| {
                let (from, to) = self.whole[at];
                from < step.to && to > step.from && from < to
            });
            let at = step.at;
            let Some(within) = next else {
                let (from, to) = (step.from, step.to);
                steps.pop();
                self.waited(at, from, to);
                continue;
            };
            let (began, ended) = self.whole[within];
            let (began, ended) = (began.max(step.from), ended.min(step.to));
            let after = step.to;
            step.to = began;
            self.waited(at, ended, after);
            let step = self.step(Some(within), began, ended);
            steps.push(step);
        }
    }

    fn step(&self, at: Option<usize>, from: UnixNanos, to: UnixNanos) -> Step {
        let mut within = self.run.beneath(at).to_vec();
        // What is open goes on after what ended at the last moment that is known.
        within.sort_by_key(|&at| (Reverse(self.whole[at].1), !self.run.rows[at].open, at));
        let within = within.into_iter();
        Step {
            at,
            within,
            from,
            to,
        }
    }

    /// The session waited for a span in that time, where that ran.
    fn waited(&mut self, at: Option<usize>, from: UnixNanos, to: UnixNanos) {
        let Some(at) = at else {
            return;
        };
        let (began, ended) = self.own[at];
        let (from, to) = (from.max(began), to.min(ended));
        if from < to {
            self.segments.push((at, from, to));
        }
    }

    fn path(mut self, from: UnixNanos, to: UnixNanos) -> CriticalPath {
        self.segments.reverse();
        let mut nanos = vec![0_u64; self.run.rows.len()];
        let mut busy = 0;
        for &(at, from, to) in &self.segments {
            nanos[at] += to - from;
            busy += to - from;
        }
        let mut spans: Vec<usize> = (0..nanos.len()).filter(|&at| nanos[at] > 0).collect();
        spans.sort_by_key(|&at| (Reverse(nanos[at]), at));
        let rows = &self.run.rows;
        CriticalPath {
            duration: to - from,
            idle: (to - from).saturating_sub(busy),
            segments: self
                .segments
                .iter()
                .map(|&(at, began, ended)| Segment {
                    span: rows[at].id,
                    from: began - from,
                    to: ended - from,
                })
                .collect(),
            segments_left_out: 0,
            spans_left_out: 0,
            spans: spans
                .into_iter()
                .map(|at| Part {
                    span: rows[at].id,
                    kind: rows[at].kind,
                    name: rows[at].name.to_string(),
                    nanos: nanos[at],
                })
                .collect(),
        }
    }
}

impl Serialize for CriticalPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            duration_ms: f64,
            idle_ms: f64,
            segments: &'a [Segment],
            segments_left_out: u64,
            spans: &'a [Part],
            spans_left_out: u64,
        }
        View {
            duration_ms: millis(self.duration),
            idle_ms: millis(self.idle),
            segments: &self.segments,
            segments_left_out: self.segments_left_out,
            spans: &self.spans,
            spans_left_out: self.spans_left_out,
        }
        .serialize(serializer)
    }
}

impl Serialize for Segment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View {
            span_id: String,
            from_ms: f64,
            to_ms: f64,
        }
        View {
            span_id: self.span.to_string(),
            from_ms: millis(self.from),
            to_ms: millis(self.to),
        }
        .serialize(serializer)
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            span_id: String,
            kind: &'static str,
            name: &'a str,
            duration_ms: f64,
        }
        View {
            span_id: self.span.to_string(),
            kind: self.kind.as_str(),
            name: &self.name,
            duration_ms: millis(self.nanos),
        }
        .serialize(serializer)
    }
}
