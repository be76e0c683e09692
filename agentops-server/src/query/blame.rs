//! Who a session's money went to, and what of it brought nothing.
//!
//! Each figure is where the roll-up counts it, so that shares add up to the whole. Waste is counted, never guessed: calls
//! that failed, rounds of loops, and context that was sent again and not read from a cache, where all of that is known.

mod cache;

use std::collections::HashMap;

use agentops_core::model::id::SessionId;
use agentops_core::model::span::SpanKind;
use agentops_core::model::time::millis;
use serde::{Serialize, Serializer};

pub use cache::Resent;

use super::loops::{self, Took, duration};
use super::money::Spent;
use super::run::Run;
use crate::store::{Store, StoreError};

/// Where a session's money went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Blame {
    /// All of it.
    pub cost: Spent,
    /// Everything, by who did it. These come to the whole.
    pub agents: Vec<Portion>,
    /// Model calls by what answered. With `tools` these come to the whole.
    pub models: Vec<Portion>,
    /// Tools by name.
    pub tools: Vec<Portion>,
    /// How many of each are not in these lists, which [`Blame::shorten`] has cut.
    pub left_out: LeftOut,
    pub waste: Waste,
}

/// How many were left out: those that took the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LeftOut {
    pub agents: u64,
    pub models: u64,
    pub tools: u64,
}

/// How many of each are told of.
const NAMED: usize = 50;

impl Blame {
    /// Keeps those that took the most, and says how many others there are.
    pub fn shorten(&mut self) {
        self.left_out.agents += super::cut(&mut self.agents, NAMED);
        self.left_out.models += super::cut(&mut self.models, NAMED);
        self.left_out.tools += super::cut(&mut self.tools, NAMED);
    }
}

/// What one of them took, the dearest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Portion {
    /// `None` for what names none.
    pub name: Option<String>,
    pub cost: Spent,
    /// Of the whole that is known, from 0 to 1; `None` where that is nothing.
    pub share: Option<f64>,
    /// Model calls, or uses of the tool.
    pub calls: u64,
    pub failed: u64,
    pub input: u64,
    pub output: u64,
    /// Of those calls, one by one, whether or not they ran beside each other.
    pub nanos: u64,
}

/// What brought nothing. A call is in the first that fits, with all within it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Waste {
    /// Failed, and the same was asked again.
    pub retried: Took,
    /// Failed, and was left at that.
    pub failed: Took,
    /// Asked what had been asked before, from the second round of a loop on.
    pub loops: Took,
    /// Sent context again that was not read from a cache.
    pub resent: Resent,
}

impl Waste {
    /// All of it, in nano-USD, as far as it is known.
    #[must_use]
    pub fn cost(&self) -> Option<i64> {
        let mut spent = Spent::default();
        for cost in [
            self.retried.cost,
            self.failed.cost,
            self.loops.cost,
            self.resent.cost,
        ] {
            spent.add(cost);
        }
        spent.known
    }
}

/// Where a session's money went; `None` where there is no such session.
pub fn blame(store: &dyn Store, id: SessionId) -> Result<Option<Blame>, StoreError> {
    match Run::read(store, id)? {
        Some(run) => of(store, &run).map(Some),
        None => Ok(None),
    }
}

/// The same of a session that was read already.
pub fn of(store: &dyn Store, run: &Run) -> Result<Blame, StoreError> {
    let wasted = wasted(run);
    let mut waste = Waste::default();
    for (at, row) in run.rows.iter().enumerate() {
        let Some((why, is_head)) = wasted[at] else {
            continue;
        };
        let sum = match why {
            Why::Retried => &mut waste.retried,
            Why::Failed => &mut waste.failed,
            Why::Loop => &mut waste.loops,
        };
        let totals = &run.sums.spans[at];
        let usage = row.usage.filter(|_| totals.counts_usage);
        let tokens = usage.map_or(0, |usage| usage.input.saturating_add(usage.output));
        if is_head {
            sum.add(duration(run, at), tokens, totals.own_cost);
        } else {
            sum.and(tokens, totals.own_cost);
        }
    }
    waste.resent = cache::resent(store, run, |at| wasted[at].is_none())?;

    let cost = Spent {
        known: run.sums.cost.total,
        partial: run.sums.cost.partial,
        estimated: run.sums.cost.estimated,
    };
    let [agents, models, tools] = portions(run);
    Ok(Blame {
        agents: in_order(agents, cost.known),
        models: in_order(models, cost.known),
        tools: in_order(tools, cost.known),
        left_out: LeftOut::default(),
        cost,
        waste,
    })
}

/// Why a call brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Retried,
    Failed,
    Loop,
}

/// Of each row, whether what it took was wasted, and whether that is for itself or for what is around it.
fn wasted(run: &Run) -> Vec<Option<(Why, bool)>> {
    let mut asked_last = HashMap::new();
    for row in &run.rows {
        if let Some(asked) = row.asked {
            let last = asked_last
                .entry((row.kind, &row.name, &row.agent, asked))
                .or_insert(row.start);
            *last = row.start.max(*last);
        }
    }
    let mut repeats = vec![false; run.rows.len()];
    for group in loops::groups(run) {
        for at in group.into_iter().skip(1) {
            repeats[at] = true;
        }
    }
    let own = |at: usize| {
        let row = &run.rows[at];
        let is_call = match row.kind {
            SpanKind::Tool => true,
            SpanKind::Llm => run.sums.spans[at].is_call,
            _ => false,
        };
        if is_call && run.failed(at) {
            let key = row
                .asked
                .map(|asked| (row.kind, &row.name, &row.agent, asked));
            let last = key.and_then(|key| asked_last.get(&key));
            let again = last.is_some_and(|&last| last > row.start && last >= run.end(at));
            return Some(if again { Why::Retried } else { Why::Failed });
        }
        (repeats[at] && !row.cancelled).then_some(Why::Loop)
    };
    let mut wasted: Vec<Option<(Why, bool)>> = vec![None; run.rows.len()];
    for &at in run.downwards() {
        let around = run.parent(at).and_then(|parent| wasted[parent]);
        wasted[at] = match around {
            Some((why, _)) => Some((why, false)),
            None => own(at).map(|why| (why, true)),
        };
    }
    wasted
}

type Portions<'a> = HashMap<Option<&'a str>, Portion>;

/// By agent, by model and by tool.
fn portions(run: &Run) -> [Portions<'_>; 3] {
    let mut all = [Portions::new(), Portions::new(), Portions::new()];
    let [agents, models, tools] = &mut all;
    for (at, row) in run.rows.iter().enumerate() {
        let totals = &run.sums.spans[at];
        let usage = row.usage.filter(|_| totals.counts_usage);
        let call_cost = row.cost.filter(|_| totals.counts_cost);
        let is_failed = run.failed(at);
        let nanos = duration(run, at);

        let says_something = totals.is_call
            || usage.is_some()
            || totals.own_cost.is_some()
            || totals.lacks_cost
            || row.kind == SpanKind::Agent;
        if says_something {
            let agent = portion(agents, row.agent.as_deref());
            agent.used(usage);
            agent.cost.add(totals.own_cost);
            agent.cost.partial |= totals.lacks_cost;
            agent.cost.estimated |= totals.counts_cost && row.is_cost_estimated;
            if totals.is_call {
                agent.called(is_failed, nanos);
            }
        }
        if totals.is_call || usage.is_some() || call_cost.is_some() || totals.lacks_cost {
            let model = portion(models, row.model.as_deref());
            model.used(usage);
            model.cost.add(call_cost);
            model.cost.partial |= totals.lacks_cost;
            model.cost.estimated |= totals.counts_cost && row.is_cost_estimated;
            if totals.is_call {
                model.called(is_failed, nanos);
            }
        }
        if row.kind == SpanKind::Tool || row.tool_cost.is_some() {
            let tool = portion(tools, Some(&row.name));
            tool.cost.add(row.tool_cost);
            tool.called(is_failed, nanos);
        }
    }
    all
}

fn portion<'p, 'a>(portions: &'p mut Portions<'a>, name: Option<&'a str>) -> &'p mut Portion {
    portions.entry(name).or_insert_with(|| Portion {
        name: name.map(str::to_owned),
        ..Portion::default()
    })
}

impl Portion {
    fn called(&mut self, failed: bool, nanos: u64) {
        self.calls += 1;
        self.failed += u64::from(failed);
        self.nanos = self.nanos.saturating_add(nanos);
    }

    fn used(&mut self, usage: Option<agentops_core::model::llm::Usage>) {
        if let Some(usage) = usage {
            self.input = self.input.saturating_add(usage.input);
            self.output = self.output.saturating_add(usage.output);
        }
    }
}

fn in_order(portions: Portions<'_>, whole: Option<i64>) -> Vec<Portion> {
    let mut portions: Vec<Portion> = portions.into_values().collect();
    for portion in &mut portions {
        portion.share = share(portion.cost.known, whole);
    }
    portions.sort_by(|a, b| {
        let key = |portion: &Portion| {
            let tokens = portion.input.saturating_add(portion.output);
            (portion.cost.known.unwrap_or(-1), tokens, portion.nanos)
        };
        key(b).cmp(&key(a)).then_with(|| a.name.cmp(&b.name))
    });
    portions
}

/// To four digits, which is more than anybody reads.
fn share(part: Option<i64>, whole: Option<i64>) -> Option<f64> {
    let whole = whole.filter(|whole| *whole > 0)?;
    let share = part.unwrap_or(0) as f64 / whole as f64;
    Some((share * 1e4).round() / 1e4)
}

impl Serialize for Portion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            name: Option<&'a str>,
            cost: Spent,
            share: Option<f64>,
            calls: u64,
            failed: u64,
            input: u64,
            output: u64,
            duration_ms: f64,
        }
        View {
            name: self.name.as_deref(),
            cost: self.cost,
            share: self.share,
            calls: self.calls,
            failed: self.failed,
            input: self.input,
            output: self.output,
            duration_ms: millis(self.nanos),
        }
        .serialize(serializer)
    }
}

impl Serialize for Waste {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View {
            usd: Option<super::money::Usd>,
            retried: Took,
            failed: Took,
            loops: Took,
            resent: Resent,
        }
        View {
            usd: self.cost().map(super::money::Usd),
            retried: self.retried,
            failed: self.failed,
            loops: self.loops,
            resent: self.resent,
        }
        .serialize(serializer)
    }
}
