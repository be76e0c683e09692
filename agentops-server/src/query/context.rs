//! How the context of each agent grew: what went into its model calls, one after the other.
//!
//! By the tokens that calls report, each counted where the roll-up counts it. Where they fall by more than half from one
//! call of a model to the next, the context was made smaller. Knows nothing of what was said.

use std::cmp::Reverse;
use std::collections::HashMap;

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::time::millis;
use serde::{Serialize, Serializer};

use super::run::Run;
use crate::store::{Store, StoreError};

/// What went into the model calls of one agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Growth {
    /// `None` for calls that name none.
    pub agent: Option<String>,
    /// By start.
    pub calls: Vec<Sent>,
    /// How many others are left out between them.
    pub calls_left_out: u64,
    /// The most that went into one.
    pub peak: u64,
    /// What of all of it was read from a cache, from 0 to 1; `None` where nothing went in.
    pub cached: Option<f64>,
    /// How often it was made smaller.
    pub compactions: u64,
}

/// What went into one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub span: SpanId,
    /// Nanoseconds from the session's start.
    pub at: u64,
    pub model: Option<String>,
    pub input: u64,
    /// Of the input.
    pub cache_read: u64,
    pub estimated: bool,
    /// Less than half of what went into the call before.
    pub compacted: bool,
}

/// How the contexts of a session's agents grew, by first call; `None` where there is no such session.
pub fn context(store: &dyn Store, id: SessionId) -> Result<Option<Vec<Growth>>, StoreError> {
    Ok(Run::read(store, id)?.map(|run| of(&run)))
}

/// The same of a session that was read already.
#[must_use]
pub fn of(run: &Run) -> Vec<Growth> {
    let mut agents = Vec::<Growth>::new();
    let mut places = HashMap::new();
    let mut before = HashMap::new();
    for (at, row) in run.rows.iter().enumerate() {
        let counts = run.sums.spans[at].counts_usage;
        let Some(usage) = row.usage.filter(|_| counts) else {
            continue;
        };
        let place = *places.entry(row.agent.as_deref()).or_insert_with(|| {
            agents.push(Growth {
                agent: row.agent.as_deref().map(str::to_owned),
                calls: Vec::new(),
                calls_left_out: 0,
                peak: 0,
                cached: None,
                compactions: 0,
            });
            agents.len() - 1
        });
        let agent = &mut agents[place];
        let last = before.insert((place, row.model.as_deref()), usage.input);
        let compacted = last.is_some_and(|last: u64| usage.input.saturating_mul(2) < last);
        agent.peak = agent.peak.max(usage.input);
        agent.compactions += u64::from(compacted);
        agent.calls.push(Sent {
            span: row.id,
            at: run.offset(row.start),
            model: row.model.as_deref().map(str::to_owned),
            input: usage.input,
            cache_read: usage.cache_read.min(usage.input),
            estimated: usage.estimated,
            compacted,
        });
    }
    for agent in &mut agents {
        let sum =
            |of: fn(&Sent) -> u64| agent.calls.iter().map(|sent| of(sent) as f64).sum::<f64>();
        let input = sum(|sent| sent.input);
        let share = sum(|sent| sent.cache_read) / input;
        agent.cached = (input > 0.0).then_some((share * 1e4).round() / 1e4);
    }
    agents
}

/// How many agents are told of, and in how many stretches the calls of each.
const AGENTS: usize = 20;
const STRETCHES: usize = 60;

/// Keeps the agents that sent the most in one call, in the order they are in, and of each the calls that show how its
/// context grew; how many agents were left out.
pub(super) fn shorten(agents: &mut Vec<Growth>) -> u64 {
    let mut peaks: Vec<u64> = agents.iter().map(|agent| agent.peak).collect();
    peaks.sort_unstable_by(|a, b| b.cmp(a));
    let mut left_out = 0;
    if let Some(&below) = peaks.get(AGENTS) {
        let mut equal = AGENTS - peaks.iter().filter(|&&peak| peak > below).count();
        agents.retain(|agent| {
            let is_kept = agent.peak > below || (agent.peak == below && equal > 0);
            equal -= usize::from(is_kept && agent.peak == below);
            is_kept
        });
        left_out = (peaks.len() - agents.len()) as u64;
    }
    for agent in agents {
        agent.thin();
    }
    left_out
}

impl Growth {
    /// Of each stretch of calls keeps the largest and the first that was made smaller: what a drawing of all would show.
    fn thin(&mut self) {
        let all = self.calls.len();
        if all <= 2 * STRETCHES {
            return;
        }
        let mut kept = Vec::with_capacity(2 * STRETCHES);
        for stretch in self.calls.chunks(all.div_ceil(STRETCHES)) {
            let largest = (0..stretch.len()).max_by_key(|&at| (stretch[at].input, Reverse(at)));
            let compacted = stretch.iter().position(|sent| sent.compacted);
            let both = [largest, compacted.filter(|at| Some(*at) != largest)];
            let mut both: Vec<usize> = both.into_iter().flatten().collect();
            both.sort_unstable();
            kept.extend(both.into_iter().map(|at| stretch[at].clone()));
        }
        self.calls_left_out = (all - kept.len()) as u64;
        self.calls = kept;
    }
}

impl Serialize for Growth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            agent: Option<&'a str>,
            peak: u64,
            cached: Option<f64>,
            compactions: u64,
            calls: &'a [Sent],
            calls_left_out: u64,
        }
        View {
            agent: self.agent.as_deref(),
            peak: self.peak,
            cached: self.cached,
            compactions: self.compactions,
            calls: &self.calls,
            calls_left_out: self.calls_left_out,
        }
        .serialize(serializer)
    }
}

impl Serialize for Sent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            span_id: String,
            time_ms: f64,
            model: Option<&'a str>,
            input: u64,
            cache_read: u64,
            estimated: bool,
            compacted: bool,
        }
        View {
            span_id: self.span.to_string(),
            time_ms: millis(self.at),
            model: self.model.as_deref(),
            input: self.input,
            cache_read: self.cache_read,
            estimated: self.estimated,
            compacted: self.compacted,
        }
        .serialize(serializer)
    }
}
