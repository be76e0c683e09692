//! A session's tree as columns: what a page draws 100,000 spans from.
//!
//! Each text is there once, times are milliseconds from the session's start, parents are places; what only model calls
//! and priced tools have is kept for those alone. Details are asked for by span.

use std::collections::HashMap;
use std::sync::Arc;

use agentops_core::model::id::SessionId;
use agentops_core::model::json::{self, Usd};
use agentops_core::model::rollup::{self, Entry};
use agentops_core::model::span::{SpanKind, Status};
use agentops_core::model::time::{UnixNanos, rfc3339};
use serde::{Serialize, Serializer};

use super::whole::{arrange, entry};
use crate::store::{Store, StoreError};

/// Bits of [`Skeleton::flags`].
const OPEN: u8 = 1;
const CANCELLED: u8 = 2;
const OK: u8 = 4;
const ERROR: u8 = 8;
/// Its parent is not here.
const ORPHAN: u8 = 16;
/// Its usage only repeats what spans beneath it say.
const REPORTED: u8 = 32;
/// Its price is missing.
const UNPRICED: u8 = 64;
/// Its tokens are estimated.
const ESTIMATED: u8 = 128;

/// The columns of a session's spans: parents before children, siblings by start.
#[derive(Debug, Serialize)]
pub struct Skeleton {
    /// The last commit that it knows of.
    pub sequence: u64,
    pub session_id: String,
    /// What times are counted from.
    pub start_time: String,
    /// How many spans there are.
    pub spans: usize,
    /// What the numbers in `kind` stand for.
    pub kinds: Vec<&'static str>,
    /// What the numbers in `name`, `agent` and `model` stand for.
    pub strings: Vec<String>,
    /// 16 hex digits for each span, without anything in between.
    pub ids: String,
    /// Places of parents; -1 is none.
    pub parent: Vec<i64>,
    pub kind: Vec<u8>,
    pub name: Vec<usize>,
    /// -1 is none.
    pub agent: Vec<i64>,
    /// Milliseconds after `start_time`.
    pub start: Vec<Millis>,
    /// Milliseconds; -1 while it is open.
    pub duration: Vec<Millis>,
    /// Bits: 1 open, 2 cancelled, 4 ok, 8 error, 16 its parent is missing, 32 its usage repeats what spans beneath it
    /// say, 64 its price is missing, 128 its tokens are estimated.
    pub flags: Vec<u8>,
    pub thread: Vec<Option<u64>>,
    pub calls: Calls,
    pub orphans: Orphans,
}

/// Spans whose parent is not here; it may come.
#[derive(Debug, Serialize, Default)]
pub struct Orphans {
    /// The places of those spans.
    pub at: Vec<usize>,
    /// The ids of their parents.
    pub parent: Vec<String>,
}

/// The columns that only some spans have.
#[derive(Debug, Serialize, Default)]
pub struct Calls {
    /// The places of those spans.
    pub at: Vec<usize>,
    /// -1 is none.
    pub model: Vec<i64>,
    pub input: Vec<Option<u64>>,
    pub output: Vec<Option<u64>>,
    pub cache_read: Vec<Option<u64>>,
    pub cache_write: Vec<Option<u64>>,
    pub reasoning: Vec<Option<u64>>,
    pub total: Vec<Option<u64>>,
    /// What the span itself adds to the cost; `null` where it only repeats, or has no price.
    pub cost: Vec<Option<Usd>>,
    /// Milliseconds.
    pub time_to_first_token: Vec<Option<Millis>>,
}

/// Milliseconds, to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Millis(i64);

impl Millis {
    fn between(from: UnixNanos, to: UnixNanos) -> Self {
        let micros = (i128::from(to) - i128::from(from)).div_euclid(1_000);
        Self(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Whole ones without a fraction: columns are long.
        if self.0 % 1_000 == 0 {
            serializer.serialize_i64(self.0 / 1_000)
        } else {
            serializer.serialize_f64(self.0 as f64 / 1_000.0)
        }
    }
}

/// The columns of a session; `None` where there is none.
pub fn skeleton(store: &dyn Store, id: SessionId) -> Result<Option<Skeleton>, StoreError> {
    let (Some(session), Some(outline)) = (store.session(id)?, store.outline(id)?) else {
        return Ok(None);
    };
    let arranged = arrange(&outline, session.facts.root);
    let rows: Vec<_> = arranged
        .sequence
        .iter()
        .map(|&at| &outline.rows[at])
        .collect();
    let entries: Vec<Entry<'_>> = rows.iter().map(|row| entry(row)).collect();
    let sums = rollup::sum(&entries).spans;
    let epoch = session.facts.start;
    let mut strings = Strings::default();
    let count = rows.len();
    let mut skeleton = Skeleton {
        sequence: outline.sequence,
        session_id: id.to_string(),
        start_time: rfc3339(epoch),
        spans: count,
        kinds: SpanKind::ALL.map(SpanKind::as_str).to_vec(),
        strings: Vec::new(),
        ids: String::with_capacity(count * 16),
        parent: Vec::with_capacity(count),
        kind: Vec::with_capacity(count),
        name: Vec::with_capacity(count),
        agent: Vec::with_capacity(count),
        start: Vec::with_capacity(count),
        duration: Vec::with_capacity(count),
        flags: Vec::with_capacity(count),
        thread: Vec::with_capacity(count),
        calls: Calls::default(),
        orphans: Orphans::default(),
    };
    for (place, (row, sums)) in rows.iter().zip(&sums).enumerate() {
        skeleton.ids.push_str(&row.id.to_string());
        let parent = arranged.parents[place];
        skeleton.parent.push(place_of(parent));
        let kind = SpanKind::ALL.iter().position(|kind| *kind == row.kind);
        skeleton.kind.push(kind.map_or(u8::MAX, |kind| kind as u8));
        skeleton.name.push(strings.at(&row.name));
        let agent = row.agent.as_ref().map(|agent| strings.at(agent));
        skeleton.agent.push(place_of(agent));
        skeleton.start.push(Millis::between(epoch, row.start));
        let end = row.end.filter(|_| !row.open);
        skeleton.duration.push(end.map_or(Millis(-1_000), |end| {
            Millis::between(row.start, end.max(row.start))
        }));
        skeleton.thread.push(row.thread);
        let missing = row
            .parent_id
            .filter(|_| parent.is_none() && arranged.broken.binary_search(&place).is_err());
        if let Some(missing) = missing {
            skeleton.orphans.at.push(place);
            skeleton.orphans.parent.push(missing.to_string());
        }
        let flags = [
            (row.open, OPEN),
            (row.cancelled, CANCELLED),
            (row.status == Status::Ok, OK),
            (row.status == Status::Error, ERROR),
            (missing.is_some(), ORPHAN),
            (row.usage.is_some() && !sums.counts_usage, REPORTED),
            (sums.lacks_cost, UNPRICED),
            (row.usage.is_some_and(|usage| usage.estimated), ESTIMATED),
        ];
        let set = flags.iter().filter(|(set, _)| *set);
        skeleton.flags.push(set.fold(0, |all, (_, bit)| all | bit));

        let model = row.model.as_ref().map(|model| strings.at(model));
        if model.is_none() && row.usage.is_none() && sums.own_cost.is_none() {
            continue;
        }
        let calls = &mut skeleton.calls;
        let usage = row.usage;
        calls.at.push(place);
        calls.model.push(place_of(model));
        calls.input.push(usage.map(|usage| usage.input));
        calls.output.push(usage.map(|usage| usage.output));
        calls.cache_read.push(usage.map(|usage| usage.cache_read));
        calls.cache_write.push(usage.map(|usage| usage.cache_write));
        calls.reasoning.push(usage.map(|usage| usage.reasoning));
        calls.total.push(usage.map(|usage| usage.total));
        calls.cost.push(sums.own_cost.map(json::usd));
        let first = row.first_token.map(|nanos| Millis::between(0, nanos));
        calls.time_to_first_token.push(first);
    }
    skeleton.strings = strings.texts;
    Ok(Some(skeleton))
}

fn place_of(place: Option<usize>) -> i64 {
    place
        .and_then(|place| i64::try_from(place).ok())
        .unwrap_or(-1)
}

/// Each text once.
#[derive(Default)]
struct Strings {
    places: HashMap<Arc<str>, usize>,
    texts: Vec<String>,
}

impl Strings {
    fn at(&mut self, text: &Arc<str>) -> usize {
        if let Some(&at) = self.places.get(text) {
            return at;
        }
        self.texts.push(text.as_ref().to_owned());
        self.places.insert(text.clone(), self.texts.len() - 1);
        self.texts.len() - 1
    }
}
