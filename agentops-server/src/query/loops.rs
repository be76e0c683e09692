//! Loops: the same asked of the same tool or model, by the same agent, three times or more.
//!
//! Known from a number that the store keeps of what was asked, so that no payload is read; where what was asked is not
//! known whole, nothing is said. What a loop took is what all rounds but the first took, with all within them.

use std::collections::HashMap;

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::span::SpanKind;
use agentops_core::model::time::{UnixNanos, millis};
use serde::{Serialize, Serializer};

use super::money::Usd;
use super::run::Run;
use crate::store::{Store, StoreError};

/// From so many rounds on it is a loop.
pub(super) const ROUNDS: usize = 3;

/// So many rounds are named.
const NAMED: usize = 100;

/// The same, again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct Loop {
    pub kind: SpanKind,
    pub name: String,
    pub agent: Option<String>,
    /// How often.
    pub rounds: u64,
    /// How many of them failed.
    pub failed: u64,
    /// The rounds in their order, the first ones where there are very many.
    pub spans: Vec<SpanId>,
    /// When the first began and the last ended, in nanoseconds from the session's start.
    pub from: u64,
    pub to: u64,
    /// What all rounds but the first took.
    pub took: Took,
    /// Model calls of the same agent between the first round and the last: of a tool, what asking for it again took.
    pub between: Took,
}

/// Time, tokens and money that some calls took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Took {
    pub calls: u64,
    pub nanos: u64,
    pub tokens: u64,
    /// Nano-USD; `None` where nothing has a price.
    pub cost: Option<i64>,
}

impl Took {
    pub(super) fn add(&mut self, nanos: u64, tokens: u64, cost: Option<i64>) {
        self.calls += 1;
        self.nanos = self.nanos.saturating_add(nanos);
        self.and(tokens, cost);
    }

    /// Something within a call that is counted already.
    pub(super) fn and(&mut self, tokens: u64, cost: Option<i64>) {
        self.tokens = self.tokens.saturating_add(tokens);
        if let Some(cost) = cost {
            self.cost = Some(self.cost.unwrap_or(0).saturating_add(cost));
        }
    }
}

/// The loops of a session, those with the most rounds first; `None` where there is no such session.
pub fn loops(store: &dyn Store, id: SessionId) -> Result<Option<Vec<Loop>>, StoreError> {
    Ok(Run::read(store, id)?.map(|run| of(&run)))
}

/// The loops of a session that was read already.
#[must_use]
pub fn of(run: &Run) -> Vec<Loop> {
    let calls = Calls::of(run);
    let mut loops: Vec<Loop> = groups(run)
        .into_iter()
        .map(|rounds| describe(run, &rounds, &calls))
        .collect();
    loops.sort_by(|a, b| (b.rounds, a.from, &a.name).cmp(&(a.rounds, b.from, &b.name)));
    loops
}

/// Rows that asked the same, each group by start.
pub(super) fn groups(run: &Run) -> Vec<Vec<usize>> {
    let mut groups = HashMap::<_, Vec<usize>>::new();
    for (at, row) in run.rows.iter().enumerate() {
        let counts = match row.kind {
            SpanKind::Tool => true,
            SpanKind::Llm => run.sums.spans[at].is_call,
            _ => false,
        };
        if let (true, Some(asked)) = (counts, row.asked) {
            let key = (row.kind, &row.name, &row.agent, asked);
            groups.entry(key).or_default().push(at);
        }
    }
    let mut groups: Vec<Vec<usize>> = groups
        .into_values()
        .filter(|group| group.len() >= ROUNDS)
        .collect();
    groups.sort_unstable();
    groups
}

fn describe(run: &Run, rounds: &[usize], calls: &Calls<'_>) -> Loop {
    let first = rounds[0];
    let row = &run.rows[first];
    let mut took = Took::default();
    for &at in &rounds[1..] {
        let totals = &run.sums.spans[at];
        took.add(duration(run, at), totals.tokens.total, totals.cost);
    }
    let last_start = rounds.iter().map(|&at| run.rows[at].start).max();
    let last_start = last_start.unwrap_or(row.start);
    let between = match row.kind {
        SpanKind::Tool => calls.between(row.agent.as_deref(), run.end(first), last_start),
        _ => Took::default(),
    };
    let ends = rounds.iter().map(|&at| run.end(at));
    Loop {
        kind: row.kind,
        name: row.name.to_string(),
        agent: row.agent.as_ref().map(ToString::to_string),
        rounds: rounds.len() as u64,
        failed: rounds.iter().filter(|&&at| run.failed(at)).count() as u64,
        spans: rounds
            .iter()
            .take(NAMED)
            .map(|&at| run.rows[at].id)
            .collect(),
        from: run.offset(row.start),
        to: run.offset(ends.max().unwrap_or(row.start)),
        took,
        between,
    }
}

/// How long a row ran, as far as it is known.
pub(super) fn duration(run: &Run, at: usize) -> u64 {
    run.end(at).saturating_sub(run.rows[at].start)
}

/// Model calls of each agent by start, each with the sum of all before it.
struct Calls<'a>(HashMap<Option<&'a str>, Vec<(UnixNanos, Took)>>);

impl<'a> Calls<'a> {
    fn of(run: &'a Run) -> Self {
        let mut calls = HashMap::<_, Vec<(UnixNanos, Took)>>::new();
        for (at, row) in run.rows.iter().enumerate() {
            let totals = &run.sums.spans[at];
            if !totals.is_call {
                continue;
            }
            let of_agent = calls.entry(row.agent.as_deref()).or_default();
            let mut sum = of_agent.last().map_or(Took::default(), |(_, sum)| *sum);
            sum.add(duration(run, at), totals.tokens.total, totals.cost);
            of_agent.push((row.start, sum));
        }
        Self(calls)
    }

    /// Those that started within a time.
    fn between(&self, agent: Option<&str>, from: UnixNanos, to: UnixNanos) -> Took {
        let Some(calls) = self.0.get(&agent) else {
            return Took::default();
        };
        let before = |time: UnixNanos| {
            let count = calls.partition_point(|(start, _)| *start < time);
            count
                .checked_sub(1)
                .map_or(Took::default(), |last| calls[last].1)
        };
        let (until, since) = (before(to), before(from));
        if to <= from {
            return Took::default();
        }
        let cost = match (until.cost, since.cost) {
            (Some(until), since) => Some(until.saturating_sub(since.unwrap_or(0))),
            (None, _) => None,
        };
        let calls = until.calls - since.calls;
        Took {
            calls,
            nanos: until.nanos.saturating_sub(since.nanos),
            tokens: until.tokens.saturating_sub(since.tokens),
            cost: cost.filter(|_| calls > 0),
        }
    }
}

#[derive(Serialize)]
struct View<'a> {
    kind: &'static str,
    name: &'a str,
    agent: Option<&'a str>,
    rounds: u64,
    failed: u64,
    span_ids: Vec<String>,
    from_ms: f64,
    to_ms: f64,
    took: Took,
    between: Took,
}

impl Serialize for Loop {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        View {
            kind: self.kind.as_str(),
            name: &self.name,
            agent: self.agent.as_deref(),
            rounds: self.rounds,
            failed: self.failed,
            span_ids: self.spans.iter().map(ToString::to_string).collect(),
            from_ms: millis(self.from),
            to_ms: millis(self.to),
            took: self.took,
            between: self.between,
        }
        .serialize(serializer)
    }
}

impl Serialize for Took {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View {
            calls: u64,
            duration_ms: f64,
            tokens: u64,
            usd: Option<Usd>,
        }
        View {
            calls: self.calls,
            duration_ms: millis(self.nanos),
            tokens: self.tokens,
            usd: self.cost.map(Usd),
        }
        .serialize(serializer)
    }
}
