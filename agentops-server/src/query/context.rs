//! How the context of each agent grew: what went into its model calls, one after the other.
//!
//! By the tokens that calls report, each counted where the roll-up counts it. Where they fall by more than half from one
//! call of a model to the next, the context was made smaller. Knows nothing of what was said.

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

impl Serialize for Growth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            agent: Option<&'a str>,
            peak: u64,
            cached: Option<f64>,
            compactions: u64,
            calls: &'a [Sent],
        }
        View {
            agent: self.agent.as_deref(),
            peak: self.peak,
            cached: self.cached,
            compactions: self.compactions,
            calls: &self.calls,
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
