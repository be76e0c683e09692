//! What the writer knows of sessions that go on: of each span the few things that sums are made of.
//!
//! Read from the columns when a session is first heard of again, kept while it speaks, and forgotten, the longest silent
//! first, when there are too many.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentops_core::model::event::LossCause;
use agentops_core::model::id::{SessionId, SpanId, TraceId};
use agentops_core::model::llm::Usage;
use agentops_core::model::rollup::Entry;
use agentops_core::model::session::SessionFacts;
use agentops_core::model::span::{Span, SpanKind, Status};
use agentops_core::model::time::UnixNanos;

use foldhash::fast::RandomState;
use rusqlite::{Connection, params};

use super::write::{Heading, Standing};
use crate::store::StoreError;

/// How many spans are remembered of all sessions together.
const REMEMBERED: usize = 400_000;

/// A text and its number in the store.
pub(super) type Word = (i64, Arc<str>);

/// What counts of a span.
#[derive(Debug, Clone)]
pub(super) struct Thin {
    pub(super) row: i64,
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) kind: SpanKind,
    pub(super) status: Status,
    pub(super) open: bool,
    pub(super) cancelled: bool,
    pub(super) start: UnixNanos,
    pub(super) end: Option<UnixNanos>,
    pub(super) name: Word,
    pub(super) agent: Option<Word>,
    /// That is not its own word, but that of the nearest span above that names one.
    pub(super) inherits: bool,
    pub(super) model: Option<Word>,
    pub(super) usage: Option<Usage>,
    pub(super) cost: Option<i64>,
    pub(super) is_cost_estimated: bool,
    pub(super) tool_cost: Option<i64>,
    pub(super) first_token: Option<u64>,
    /// Its trace, where that is not the session's.
    pub(super) trace: Option<TraceId>,
    /// What of it the roll-ups hold.
    pub(super) counted: Counted,
    /// What else is in its row, where that is not written yet.
    pub(super) unwritten: Option<Box<Unwritten>>,
}

/// What a row says of a span besides what counts.
#[derive(Debug, Clone)]
pub(super) struct Unwritten {
    /// There is no row of it yet.
    pub(super) is_new: bool,
    pub(super) thread: Option<i64>,
    pub(super) fault: Option<i64>,
    pub(super) asked: Option<i64>,
}

/// What of a span the roll-ups hold, as bits: each is added once, and taken away when it no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counted(pub(super) u8);

impl Counted {
    /// It has ended: its time and its failure.
    pub(super) const ENDED: u8 = 1;
    /// It is a model call without model calls beneath it.
    pub(super) const CALL: u8 = 2;
    /// Its tokens are the deepest.
    pub(super) const USAGE: u8 = 4;
    /// Its cost is the deepest.
    pub(super) const COST: u8 = 8;
    /// Its price is not known.
    pub(super) const UNPRICED: u8 = 16;
    /// What its tool cost.
    pub(super) const TOOL_COST: u8 = 32;

    pub(super) fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}

impl Thin {
    pub(super) fn entry(&self) -> Entry<'_> {
        Entry {
            id: self.id,
            parent_id: self.parent,
            kind: self.kind,
            name: &self.name.1,
            status: self.status,
            cancelled: self.cancelled,
            open: self.open,
            start: self.start,
            end: self.end,
            agent: self.own_agent().map(|(_, agent)| &**agent),
            model: self.model.as_ref().map(|(_, model)| &**model),
            usage: self.usage,
            cost: self.cost,
            is_cost_estimated: self.is_cost_estimated,
            tool_cost: self.tool_cost,
        }
    }

    fn own_agent(&self) -> Option<&Word> {
        self.agent.as_ref().filter(|_| !self.inherits)
    }

    /// Whom it belongs to, where `owner` says that; `None` where it says so itself, or does already.
    pub(super) fn moves_to(&self, owner: Option<&Self>) -> Option<Option<Word>> {
        if self.own_agent().is_some() {
            return None;
        }
        let agent = owner.and_then(|owner| owner.agent.as_ref());
        let number = |agent: Option<&Word>| agent.map(|(number, _)| *number);
        (number(agent) != number(self.agent.as_ref())).then(|| agent.cloned())
    }

    pub(super) fn duration(&self) -> u64 {
        self.end.map_or(0, |end| end.saturating_sub(self.start))
    }
}

/// A session that was heard of.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) row: i64,
    pub(super) id: SessionId,
    pub(super) process: i64,
    pub(super) project: Word,
    pub(super) trace: TraceId,
    pub(super) told: Option<SessionFacts>,
    pub(super) losses: BTreeMap<LossCause, u64>,
    pub(super) lost: bool,
    /// It was deleted: no sum over time holds anything of it.
    pub(super) hidden: bool,
    /// Until when the span that all of it ran in is waited for, where that has not come.
    pub(super) waits: i64,
    /// Something of it is not just another program's.
    pub(super) ours: bool,
    pub(super) spans: Vec<Thin>,
    places: HashMap<SpanId, u32, RandomState>,
    /// What it is found by, and is in the store already.
    pub(super) dims: HashSet<(u8, i64), RandomState>,
    /// When its sums were last made, and how long that took.
    pub(super) summed: Option<(Instant, Duration)>,
    /// When it last changed without.
    pub(super) changed: Option<Instant>,
    /// What its row says, where that was written since it was remembered.
    pub(super) standing: Option<Standing>,
    pub(super) heading: Option<Heading>,
    used: u64,
}

impl Known {
    pub(super) fn new(row: i64, id: SessionId, process: i64, project: Word) -> Self {
        Self {
            row,
            id,
            process,
            project,
            trace: TraceId::default(),
            told: None,
            losses: BTreeMap::new(),
            lost: false,
            hidden: false,
            waits: 0,
            ours: false,
            spans: Vec::new(),
            places: HashMap::default(),
            dims: HashSet::default(),
            summed: None,
            changed: None,
            standing: None,
            heading: None,
            used: 0,
        }
    }

    /// How much there is to remember, in spans.
    fn weight(&self) -> usize {
        self.spans.len() + 50
    }

    /// The trace that it runs in: its id's, as long as nothing else is known.
    pub(super) fn own_trace(&self) -> TraceId {
        match self.trace {
            TraceId(0) => TraceId(self.id.0),
            trace => trace,
        }
    }

    pub(super) fn place(&self, id: SpanId) -> Option<usize> {
        self.places.get(&id).map(|&at| at as usize)
    }

    /// Says that the session is found by a word.
    pub(super) fn find_by(
        &mut self,
        conn: &Connection,
        kind: u8,
        word: i64,
    ) -> Result<(), StoreError> {
        if self.dims.insert((kind, word)) {
            conn.prepare_cached("INSERT OR IGNORE INTO session_dim VALUES (?1, ?2, ?3)")?
                .execute(params![self.row, kind, word])?;
        }
        Ok(())
    }

    pub(super) fn push(&mut self, thin: Thin) {
        let at = u32::try_from(self.spans.len()).unwrap_or(u32::MAX);
        self.places.insert(thin.id, at);
        self.spans.push(thin);
    }
}

/// Sessions that were heard of lately.
#[derive(Debug, Default)]
pub(super) struct Memory {
    sessions: HashMap<SessionId, Known, RandomState>,
    clock: u64,
    /// How much has come since all was last weighed.
    come: usize,
}

impl Memory {
    pub(super) fn get(&mut self, id: SessionId) -> Option<&mut Known> {
        self.clock += 1;
        let known = self.sessions.get_mut(&id)?;
        known.used = self.clock;
        Some(known)
    }

    pub(super) fn insert(&mut self, known: Known) {
        self.come += known.weight();
        self.sessions.insert(known.id, known);
    }

    pub(super) fn remove(&mut self, id: SessionId) -> Option<Known> {
        self.sessions.remove(&id)
    }

    pub(super) fn clear(&mut self) {
        self.sessions.clear();
        self.come = 0;
    }

    /// Forgets the longest silent, where there are too many; all that they know is in the store. `spans` have come.
    pub(super) fn trim(&mut self, spans: usize) {
        self.come += spans;
        // All are weighed only now and then, for they are many.
        if self.come < REMEMBERED / 20 {
            return;
        }
        self.come = 0;
        let mut all: usize = self.sessions.values().map(Known::weight).sum();
        let mut silent: Vec<_> = self.sessions.values().collect();
        silent.sort_unstable_by_key(|known| known.used);
        // Whoever spoke last is kept, however much there is of it.
        silent.pop();
        let mut gone = Vec::new();
        for known in silent {
            if all <= REMEMBERED {
                break;
            }
            all -= known.weight();
            gone.push(known.id);
        }
        for id in gone {
            self.sessions.remove(&id);
        }
    }
}

/// What is counted of a span's model call besides its cost.
pub(super) fn usage(span: &Span) -> Option<Usage> {
    span.llm.as_ref()?.usage
}
