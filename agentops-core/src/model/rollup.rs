//! Sums of a session: what its spans used, cost and went through, each thing counted once.
//!
//! Everybody who shows a sum (store, console, command line) gets it from here, from the spans of one session in any
//! order. A figure belongs to the deepest span that reports it; what spans above repeat is marked and left out.
//! Works on [`Entry`], the few things of a span that count, so that a store need not read whole spans for it. Knows
//! nothing of where spans come from or where sums go, and prices nothing itself.

use std::collections::HashMap;

use super::agent::DEFAULT_AGENT;
use super::id::SpanId;
use super::llm::{LlmCall, Usage};
use super::session::{Counts, SessionCost, Tokens};
use super::span::{Span, SpanKind, Status};
use super::time::UnixNanos;

/// What counts of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Unique within the session.
    pub id: SpanId,
    /// The span that it ran in.
    pub parent_id: Option<SpanId>,
    /// What it stands for.
    pub kind: SpanKind,
    /// The bare name.
    pub name: &'a str,
    /// How it ended.
    pub status: Status,
    /// Its future was dropped before it was done.
    pub cancelled: bool,
    /// It has not ended yet.
    pub open: bool,
    /// When it started.
    pub start: UnixNanos,
    /// When it ended.
    pub end: Option<UnixNanos>,
    /// The name of its agent, where it says that itself.
    pub agent: Option<&'a str>,
    /// Its model: what answered, else what was asked for.
    pub model: Option<&'a str>,
    /// What it says that was used.
    pub usage: Option<Usage>,
    /// What it says that a model call cost, in nano-USD.
    pub cost: Option<i64>,
    /// That comes of tokens that were estimated.
    pub is_cost_estimated: bool,
    /// What its tool cost, in nano-USD.
    pub tool_cost: Option<i64>,
}

impl<'a> From<&'a Span> for Entry<'a> {
    fn from(span: &'a Span) -> Self {
        let llm = span.llm.as_ref();
        Self {
            id: span.id,
            parent_id: span.parent_id,
            kind: span.kind,
            name: &span.name,
            status: span.status,
            cancelled: span.cancelled,
            open: span.open,
            start: span.start,
            end: span.end,
            agent: span.agent.as_ref().map(|agent| &*agent.name),
            model: llm.and_then(|llm| llm.model.as_deref().or(llm.request_model.as_deref())),
            usage: llm.and_then(|llm| llm.usage),
            cost: llm.and_then(|llm| llm.cost.as_ref()).map(|cost| cost.total),
            is_cost_estimated: llm.is_some_and(LlmCall::is_cost_estimated),
            tool_cost: span.tool.as_ref().and_then(|tool| tool.cost),
        }
    }
}

/// The sums of a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rollup {
    /// How many of what; `dropped` stays zero, for spans cannot tell what was lost.
    pub counts: Counts,
    /// Names of the agents that ran, by first appearance; `default` only where nothing else did.
    pub agents: Vec<String>,
    /// Names of the models that were called, by first appearance: what answered, else what was asked for.
    pub models: Vec<String>,
    /// Tokens of all model calls.
    pub tokens: Tokens,
    /// Money for model calls and tools.
    pub cost: SessionCost,
    /// The same for each span with all beneath it, in the order of the spans.
    pub spans: Vec<SpanTotals>,
    /// For each span, in the order of the spans, which of them says whose it is: itself, or the nearest above it.
    pub owners: Vec<Option<usize>>,
}

/// What one span and all spans beneath it come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpanTotals {
    /// Tokens of the span and of all beneath it.
    pub tokens: Tokens,
    /// Cost of the span and of all beneath it, in nano-USD; `None` where nothing has a price.
    pub cost: Option<i64>,
    /// What the span itself adds to the cost; `None` where it only repeats or has no price.
    pub own_cost: Option<i64>,
    /// Something is missing from the cost.
    pub partial: bool,
    /// It is a model call without model calls beneath it.
    pub is_call: bool,
    /// Its own usage counts: it has one, and none beneath it has.
    pub counts_usage: bool,
    /// What its own model call cost counts: it has a cost, and none beneath it has.
    pub counts_cost: bool,
    /// Its own cost is missing.
    pub lacks_cost: bool,
    /// Some of the cost comes of tokens that were estimated.
    pub estimated: bool,
}

/// Sums up the spans of one session, sets [`Usage::reported`] on those that only repeat what spans beneath them said,
/// and gives those that name no agent that of the nearest span above them that does.
///
/// Spans may come in any order. A span whose parent is not among them counts as a root, and so does one span of a
/// circle.
pub fn roll_up(spans: &mut [Span]) -> Rollup {
    let sums = sum(&spans.iter().map(Entry::from).collect::<Vec<_>>());
    for (span, totals) in spans.iter_mut().zip(&sums.spans) {
        if let Some(usage) = span.llm.as_mut().and_then(|llm| llm.usage.as_mut()) {
            usage.reported = !totals.counts_usage;
        }
    }
    for (at, owner) in sums.owners.iter().enumerate() {
        if let Some(owner) = owner.filter(|&owner| owner != at) {
            spans[at].agent = spans[owner].agent.clone();
        }
    }
    sums
}

/// Sums up what counts of the spans of one session, in any order, as [`roll_up`] does.
#[must_use]
pub fn sum(spans: &[Entry<'_>]) -> Rollup {
    let tree = Tree::of(spans);
    let nodes = tree.weigh(spans);
    let totals = tree.totals(spans, &nodes);
    let mut all = SpanTotals::default();
    for root in tree.roots() {
        all.add(&totals[root]);
    }
    Rollup {
        counts: counts(spans, &nodes),
        agents: agents(spans),
        models: models(spans, &nodes, |node| node.is_call || node.counts_usage),
        tokens: all.tokens,
        cost: SessionCost {
            total: all.cost,
            unpriced_models: models(spans, &nodes, |node| node.unpriced),
            partial: all.partial,
            estimated: all.estimated,
        },
        spans: totals,
        owners: tree.owners(spans),
    }
}

/// Who is beneath whom, as indexes into the spans.
struct Tree {
    parent: Vec<Option<usize>>,
    /// Every span after all spans beneath it.
    upwards: Vec<usize>,
}

/// What a span's place in the tree makes of its figures.
#[derive(Clone, Copy, Default)]
struct Node {
    /// A model call without model calls beneath it.
    is_call: bool,
    /// Its usage is the deepest.
    counts_usage: bool,
    /// Its model's cost is the deepest.
    counts_cost: bool,
    /// Its usage has no price: neither of its own, nor beneath it, nor one above that counts.
    unpriced: bool,
    /// It is a call whose usage nobody knows.
    unmeasured: bool,
}

/// What some spans have to say.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    llm: bool,
    usage: bool,
    cost: bool,
}

impl Figures {
    fn or(self, other: Self) -> Self {
        Self {
            llm: self.llm || other.llm,
            usage: self.usage || other.usage,
            cost: self.cost || other.cost,
        }
    }
}

/// What one span has to say of itself, wherever it stands.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Share {
    figures: Figures,
    /// Of its model call, in nano-USD.
    cost: Option<i64>,
    /// Of its tool.
    tool: Option<i64>,
    /// It may have been paid for, and nobody counted.
    owes_usage: bool,
}

impl Share {
    /// Of a span that has ended. A call that failed is not billed; one that was cancelled may be.
    #[cfg(feature = "record")]
    pub(crate) fn new(
        kind: SpanKind,
        call: Option<&LlmCall>,
        tool: Option<i64>,
        status: Status,
        cancelled: bool,
    ) -> Self {
        let usage = call.is_some_and(|call| call.usage.is_some());
        let cost = call.and_then(|call| call.cost.as_ref());
        let figures = Figures {
            llm: kind == SpanKind::Llm,
            usage,
            cost: cost.is_some(),
        };
        Self {
            figures,
            cost: cost.map(|cost| cost.total),
            tool,
            owes_usage: owes_usage(usage, status, cancelled),
        }
    }

    fn of(span: &Entry<'_>) -> Self {
        let figures = Figures {
            llm: span.kind == SpanKind::Llm,
            usage: span.usage.is_some(),
            cost: span.cost.is_some(),
        };
        Self {
            figures,
            cost: span.cost,
            tool: span.tool_cost,
            owes_usage: !span.open && owes_usage(figures.usage, span.status, span.cancelled),
        }
    }

    /// What counts of it above spans that say `below`: the rule by which everything is counted once.
    fn weigh(&self, below: Figures) -> Node {
        let own = self.figures;
        Node {
            is_call: own.llm && !below.llm,
            counts_usage: own.usage && !below.usage,
            counts_cost: own.cost && !below.cost,
            unpriced: own.usage && !below.usage && !own.cost && !below.cost,
            unmeasured: own.llm && !below.llm && !own.cost && self.owes_usage,
        }
    }

    fn counted_cost(&self, node: Node) -> Option<i64> {
        add_cost(self.cost.filter(|_| node.counts_cost), self.tool)
    }
}

/// Whether a call that is over may have been paid for, and nobody counted.
fn owes_usage(counted: bool, status: Status, cancelled: bool) -> bool {
    !counted && (status != Status::Error || cancelled)
}

/// What a span and all beneath it cost, for who meets spans as they end, innermost first, and keeps none: what
/// [`roll_up`] says, without the spans.
#[cfg(feature = "record")]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Running {
    said: Figures,
    cost: Option<i64>,
    unpriced: bool,
    unmeasured: bool,
}

#[cfg(feature = "record")]
impl Running {
    /// A tool without anything beneath it.
    pub(crate) fn of_tool(cost: i64) -> Self {
        Self {
            cost: Some(cost),
            ..Self::default()
        }
    }

    /// All of this is beneath a span that has ended now.
    pub(crate) fn beneath(self, share: &Share) -> Self {
        let node = share.weigh(self.said);
        let is_priced = node.counts_cost;
        let is_measured = node.counts_cost || node.counts_usage;
        Self {
            said: share.figures.or(self.said),
            cost: add_cost(self.cost, share.counted_cost(node)),
            unpriced: node.unpriced || (self.unpriced && !is_priced),
            unmeasured: node.unmeasured || (self.unmeasured && !is_measured),
        }
    }

    /// And what stands beside it.
    pub(crate) fn add(&mut self, beside: Self) {
        self.said = self.said.or(beside.said);
        self.cost = add_cost(self.cost, beside.cost);
        self.unpriced |= beside.unpriced;
        self.unmeasured |= beside.unmeasured;
    }

    /// All of it, counted by somebody else from here on; what is around it still repeats it.
    pub(crate) fn take(&mut self) -> Self {
        let said = self.said;
        std::mem::replace(
            self,
            Self {
                said,
                ..Self::default()
            },
        )
    }

    /// In nano-USD; `None` where nothing has a price.
    pub(crate) fn cost(&self) -> Option<i64> {
        self.cost
    }

    /// Something is missing from the cost.
    pub(crate) fn is_partial(&self) -> bool {
        self.unpriced || self.unmeasured
    }
}

impl Tree {
    fn of(spans: &[Entry<'_>]) -> Self {
        let mut index = HashMap::<SpanId, usize>::with_capacity(spans.len());
        for (at, span) in spans.iter().enumerate() {
            index.entry(span.id).or_insert(at);
        }
        let mut parent: Vec<Option<usize>> = spans
            .iter()
            .map(|span| index.get(&span.parent_id?).copied())
            .collect();
        let upwards = order_upwards(&mut parent);
        Self { parent, upwards }
    }

    /// Decides from the leaves upwards whose figures count, then from the roots downwards what is missing.
    fn weigh(&self, spans: &[Entry<'_>]) -> Vec<Node> {
        let mut nodes = vec![Node::default(); spans.len()];
        let mut below = vec![Figures::default(); spans.len()];
        for &at in &self.upwards {
            let own = Share::of(&spans[at]);
            nodes[at] = own.weigh(below[at]);
            let all = own.figures.or(below[at]);
            if let Some(parent) = self.parent[at] {
                below[parent] = below[parent].or(all);
            }
        }
        let mut above = vec![Figures::default(); spans.len()];
        for &at in self.upwards.iter().rev() {
            if let Some(parent) = self.parent[at] {
                let counted = Figures {
                    llm: false,
                    usage: nodes[parent].counts_usage,
                    cost: nodes[parent].counts_cost,
                };
                above[at] = above[parent].or(counted);
            }
            nodes[at].unpriced &= !above[at].cost;
            nodes[at].unmeasured &= !above[at].cost && !above[at].usage;
        }
        nodes
    }

    fn totals(&self, spans: &[Entry<'_>], nodes: &[Node]) -> Vec<SpanTotals> {
        let own = spans
            .iter()
            .zip(nodes)
            .map(|(span, &node)| SpanTotals::own(span, node));
        let mut totals: Vec<_> = own.collect();
        for &at in &self.upwards {
            if let Some(parent) = self.parent[at] {
                let here = totals[at];
                totals[parent].add(&here);
            }
        }
        totals
    }

    /// A call belongs to the nearest agent around it.
    fn owners(&self, spans: &[Entry<'_>]) -> Vec<Option<usize>> {
        let mut owners = vec![None; spans.len()];
        for &at in self.upwards.iter().rev() {
            owners[at] = match spans[at].agent {
                Some(_) => Some(at),
                None => self.parent[at].and_then(|parent| owners[parent]),
            };
        }
        owners
    }

    fn roots(&self) -> impl Iterator<Item = usize> {
        (0..self.parent.len()).filter(|&at| self.parent[at].is_none())
    }
}

/// Every index after all whose parent it is. Cuts circles open at their first span, which becomes a root.
fn order_upwards(parent: &mut [Option<usize>]) -> Vec<usize> {
    let mut children = vec![0_usize; parent.len()];
    for &above in parent.iter().flatten() {
        children[above] += 1;
    }
    let mut order = Vec::with_capacity(parent.len());
    let mut placed = vec![false; parent.len()];
    let mut ready: Vec<usize> = (0..parent.len()).filter(|&at| children[at] == 0).collect();
    let mut next_circle = 0;
    loop {
        while let Some(at) = ready.pop() {
            placed[at] = true;
            order.push(at);
            if let Some(above) = parent[at] {
                children[above] -= 1;
                if children[above] == 0 {
                    ready.push(above);
                }
            }
        }
        // Whatever is left after all leaves are taken away stands in a circle.
        while next_circle < parent.len() && placed[next_circle] {
            next_circle += 1;
        }
        let Some(above) = parent.get_mut(next_circle).and_then(Option::take) else {
            return order;
        };
        children[above] -= 1;
        if children[above] == 0 {
            ready.push(above);
        }
    }
}

impl SpanTotals {
    fn own(span: &Entry<'_>, node: Node) -> Self {
        let usage = span.usage.filter(|_| node.counts_usage);
        let own_cost = Share::of(span).counted_cost(node);
        Self {
            tokens: usage.map(tokens).unwrap_or_default(),
            cost: own_cost,
            own_cost,
            partial: node.unpriced || node.unmeasured,
            is_call: node.is_call,
            counts_usage: node.counts_usage,
            counts_cost: node.counts_cost,
            lacks_cost: node.unpriced || node.unmeasured,
            estimated: node.counts_cost && span.is_cost_estimated,
        }
    }

    /// Adds what is beneath; what the span itself costs stays.
    fn add(&mut self, more: &Self) {
        self.tokens.input = self.tokens.input.saturating_add(more.tokens.input);
        self.tokens.output = self.tokens.output.saturating_add(more.tokens.output);
        self.tokens.cache_read = self
            .tokens
            .cache_read
            .saturating_add(more.tokens.cache_read);
        self.tokens.cache_write = self
            .tokens
            .cache_write
            .saturating_add(more.tokens.cache_write);
        self.tokens.reasoning = self.tokens.reasoning.saturating_add(more.tokens.reasoning);
        self.tokens.total = self.tokens.total.saturating_add(more.tokens.total);
        self.tokens.estimated |= more.tokens.estimated;
        self.cost = add_cost(self.cost, more.cost);
        self.partial |= more.partial;
        self.estimated |= more.estimated;
    }
}

fn counts(spans: &[Entry<'_>], nodes: &[Node]) -> Counts {
    let count =
        |is: &dyn Fn(&Entry<'_>) -> bool| spans.iter().filter(|span| is(span)).count() as u64;
    Counts {
        spans: spans.len() as u64,
        open: count(&|span| span.open),
        errors: count(&|span| span.status == Status::Error),
        llm_calls: nodes.iter().filter(|node| node.is_call).count() as u64,
        tool_calls: count(&|span| span.kind == SpanKind::Tool),
        dropped: 0,
    }
}

fn agents(spans: &[Entry<'_>]) -> Vec<String> {
    let appearances = spans
        .iter()
        .filter_map(|span| Some(((span.start, span.id), span.agent?)));
    let mut agents = names(appearances);
    if agents.len() > 1 {
        agents.retain(|name| name != DEFAULT_AGENT);
    }
    agents
}

/// The models of the spans that are wanted: what answered, else what was asked for.
fn models(spans: &[Entry<'_>], nodes: &[Node], wanted: impl Fn(&Node) -> bool) -> Vec<String> {
    let wanted = spans.iter().zip(nodes).filter(|(_, node)| wanted(node));
    names(wanted.filter_map(|(span, _)| Some(((span.start, span.id), span.model?))))
}

/// Each name once, by the time of its first appearance; by id where two appear at once, for spans come in any order.
fn names<'a>(appearances: impl Iterator<Item = ((UnixNanos, SpanId), &'a str)>) -> Vec<String> {
    let mut first = HashMap::<&str, (UnixNanos, SpanId)>::new();
    for (at, name) in appearances {
        let known = first.entry(name).or_insert(at);
        *known = (*known).min(at);
    }
    let mut names: Vec<_> = first.into_iter().collect();
    // One span may be the first of two names only where its id came twice.
    names.sort_unstable_by_key(|&(name, first)| (first, name));
    names.into_iter().map(|(name, _)| name.to_owned()).collect()
}

fn add_cost(sum: Option<i64>, more: Option<i64>) -> Option<i64> {
    match (sum, more) {
        (Some(sum), Some(more)) => Some(sum.saturating_add(more)),
        (sum, more) => sum.or(more),
    }
}

fn tokens(usage: Usage) -> Tokens {
    let sum = usage.input.saturating_add(usage.output);
    Tokens {
        input: usage.input,
        output: usage.output,
        cache_read: usage.cache_read,
        cache_write: usage.cache_write,
        reasoning: usage.reasoning,
        total: if usage.total == 0 { sum } else { usage.total },
        estimated: usage.estimated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::agent::AgentRef;
    use crate::model::id::{SessionId, TraceId};
    use crate::model::llm::{Cost, Prices};
    use crate::model::span::ToolCall;
    use serde_json::Map;

    fn span(id: u64, parent: u64, kind: SpanKind) -> Span {
        Span {
            id: SpanId(id),
            parent_id: SpanId(parent).some(),
            session_id: SessionId(1),
            trace_id: TraceId(1),
            agent: None,
            name: "s".into(),
            kind,
            status: Status::Ok,
            cancelled: false,
            open: false,
            adopted: false,
            start: id,
            end: Some(id + 1),
            busy: None,
            polls: None,
            thread: None,
            source: None,
            input: None,
            output: None,
            attributes: Map::new(),
            version: None,
            tags: Vec::new(),
            links: Vec::new(),
            logs: Vec::new(),
            error: None,
            llm: None,
            tool: None,
            operation_type: None,
            guardrail: None,
        }
    }

    /// A model call that used `tokens` in and twice as many out, at a nano-USD a token.
    fn call(id: u64, parent: u64, tokens: u64) -> Span {
        let usage = Usage {
            input: tokens,
            output: 2 * tokens,
            ..Usage::default()
        };
        let cost = Cost {
            total: 3 * tokens as i64,
            ..Cost::default()
        };
        let model = Some("m".to_owned());
        let llm = LlmCall {
            model,
            usage: Some(usage),
            cost: Some(cost),
            ..LlmCall::default()
        };
        Span {
            llm: Some(llm),
            ..span(id, parent, SpanKind::Llm)
        }
    }

    fn without_cost(mut span: Span, model: &str) -> Span {
        let llm = span.llm.get_or_insert_default();
        llm.cost = None;
        llm.model = Some(model.to_owned());
        span
    }

    fn without_usage(mut span: Span) -> Span {
        span.llm = Some(LlmCall {
            request_model: Some("m".to_owned()),
            ..LlmCall::default()
        });
        span
    }

    fn reported(spans: &[Span]) -> Vec<bool> {
        let usage = |span: &Span| span.llm.as_ref().and_then(|llm| llm.usage);
        spans
            .iter()
            .map(|span| usage(span).is_some_and(|usage| usage.reported))
            .collect()
    }

    #[test]
    fn each_call_is_summed_up_the_tree() {
        let mut spans = [
            span(1, 0, SpanKind::Session),
            span(2, 1, SpanKind::Agent),
            call(3, 2, 10),
            call(4, 2, 100),
            call(5, 1, 1000),
        ];
        let sums = roll_up(&mut spans);
        assert_eq!(
            sums.tokens,
            Tokens {
                input: 1110,
                output: 2220,
                total: 3330,
                ..Tokens::default()
            }
        );
        assert_eq!(
            sums.cost,
            SessionCost {
                total: Some(3330),
                ..SessionCost::default()
            }
        );
        assert_eq!(
            sums.counts,
            Counts {
                spans: 5,
                llm_calls: 3,
                ..Counts::default()
            }
        );
        assert_eq!(sums.spans[1].cost, Some(330));
        assert_eq!(
            (sums.spans[1].own_cost, sums.spans[2].own_cost),
            (None, Some(30))
        );
        assert_eq!(sums.models, ["m"]);
    }

    #[test]
    fn nothing_at_all_has_no_cost() {
        assert_eq!(roll_up(&mut []), Rollup::default());
        let sums = roll_up(&mut [span(1, 0, SpanKind::Session)]);
        assert_eq!((sums.cost.total, sums.cost.partial), (None, false));
    }

    #[test]
    fn what_ancestors_repeat_is_reported_and_not_summed() {
        let agent = Span {
            kind: SpanKind::Agent,
            ..call(2, 1, 110)
        };
        let wrapper = call(3, 2, 110);
        let mut spans = [
            span(1, 0, SpanKind::Session),
            agent,
            wrapper,
            call(4, 3, 10),
            call(5, 3, 100),
        ];
        let sums = roll_up(&mut spans);
        assert_eq!(sums.tokens.total, 330);
        assert_eq!(sums.cost.total, Some(330));
        assert_eq!(sums.counts.llm_calls, 2);
        assert_eq!(reported(&spans), [false, true, true, false, false]);
        assert_eq!(sums.spans[1].own_cost, None);
        assert_eq!(roll_up(&mut spans), sums, "a second look changes nothing");
    }

    #[test]
    fn what_an_ancestor_says_counts_where_nothing_beneath_says_it() {
        let agent = Span {
            kind: SpanKind::Agent,
            ..call(1, 0, 10)
        };
        let mut spans = [agent, without_usage(span(2, 1, SpanKind::Llm))];
        let sums = roll_up(&mut spans);
        assert_eq!(sums.tokens.total, 30);
        assert_eq!(
            sums.cost,
            SessionCost {
                total: Some(30),
                ..SessionCost::default()
            }
        );
        assert_eq!(reported(&spans), [false, false]);
    }

    #[test]
    fn a_wrapper_without_usage_adds_nothing() {
        let mut spans = [
            without_usage(span(1, 0, SpanKind::Llm)),
            span(2, 1, SpanKind::Operation),
            call(3, 2, 10),
        ];
        let sums = roll_up(&mut spans);
        assert_eq!(
            (sums.tokens.total, sums.counts.llm_calls, sums.cost.partial),
            (30, 1, false)
        );
        assert_eq!(sums.spans[0].cost, Some(30));
    }

    #[test]
    fn a_retry_counts_both_attempts_and_misses_nothing() {
        let failed = Span {
            status: Status::Error,
            ..without_usage(span(2, 1, SpanKind::Llm))
        };
        let mut spans = [span(1, 0, SpanKind::Operation), failed, call(3, 1, 10)];
        let sums = roll_up(&mut spans);
        assert_eq!(
            sums.counts,
            Counts {
                spans: 3,
                errors: 1,
                llm_calls: 2,
                ..Counts::default()
            }
        );
        assert_eq!((sums.tokens.total, sums.cost.partial), (30, false));
    }

    #[test]
    fn what_has_no_price_or_no_usage_makes_the_cost_partial() {
        let mut spans = [
            span(1, 0, SpanKind::Session),
            call(2, 1, 10),
            without_cost(call(3, 1, 10), "own-model"),
        ];
        let sums = roll_up(&mut spans);
        assert_eq!(sums.cost.total, Some(30));
        assert_eq!(sums.cost.unpriced_models, ["own-model"]);
        assert!(sums.cost.partial && sums.spans[2].partial && !sums.spans[1].partial);

        let cancelled = Span {
            cancelled: true,
            status: Status::Error,
            ..without_usage(span(3, 0, SpanKind::Llm))
        };
        let open = Span {
            open: true,
            end: None,
            ..cancelled.clone()
        };
        let partial = |span: Span| roll_up(&mut [span]).cost.partial;
        assert!(partial(cancelled), "what was sent before was paid for");
        assert!(!partial(open), "it may still say");
        assert!(partial(without_usage(span(3, 0, SpanKind::Llm))));
    }

    #[test]
    fn a_price_above_covers_what_is_beneath() {
        let mut spans = [
            call(1, 0, 20),
            without_cost(call(2, 1, 10), "x"),
            without_cost(call(3, 1, 10), "y"),
        ];
        let sums = roll_up(&mut spans);
        assert_eq!(sums.tokens.total, 60);
        assert_eq!(
            sums.cost,
            SessionCost {
                total: Some(60),
                ..SessionCost::default()
            }
        );
        assert_eq!(sums.models, ["x", "y"]);
    }

    #[test]
    fn what_is_estimated_says_so_wherever_it_is_summed() {
        let about = |id: u64, parent: u64, price: Option<Prices>| {
            let mut call = call(id, parent, 10);
            let llm = call.llm.get_or_insert_default();
            llm.usage = llm.usage.map(|usage| usage.estimated(true));
            llm.cost.get_or_insert_default().prices = price;
            call
        };
        let priced = |id, parent| about(id, parent, Some(Prices::default()));
        let estimated = |spans: &mut [Span]| {
            let sums = roll_up(spans);
            assert_eq!(sums.cost.estimated, sums.spans[0].estimated);
            sums.cost.estimated
        };
        let root = || span(1, 0, SpanKind::Session);
        assert!(estimated(&mut [root(), priced(2, 1), call(3, 1, 10)]));
        let tokens = |spans: &mut [Span]| roll_up(spans).tokens.estimated;
        assert!(tokens(&mut [root(), about(2, 1, None), call(3, 1, 10)]));
        assert!(!tokens(&mut [priced(1, 0), call(2, 1, 10)]));
        assert!(!estimated(&mut [root(), call(2, 1, 10)]));
        // What a provider charges is no estimate, whoever counted; nor is what repeats what was counted.
        assert!(!estimated(&mut [root(), about(2, 1, None)]));
        assert!(!estimated(&mut [priced(1, 0), call(2, 1, 10)]));
    }

    #[test]
    fn tools_cost_too() {
        let paid = ToolCall {
            name: "search".into(),
            cost: Some(5),
            ..ToolCall::default()
        };
        let tool = Span {
            tool: Some(paid),
            ..span(2, 1, SpanKind::Tool)
        };
        let mut spans = [span(1, 0, SpanKind::Session), tool, call(3, 2, 10)];
        let sums = roll_up(&mut spans);
        assert_eq!(sums.cost.total, Some(35));
        assert_eq!(
            (sums.spans[1].cost, sums.spans[1].own_cost),
            (Some(35), Some(5))
        );
        assert_eq!(sums.counts.tool_calls, 1);
    }

    /// Adds up spans whose parents come before them, in the order in which they end.
    #[cfg(feature = "record")]
    fn running(spans: &[Span]) -> Running {
        let mut sums = vec![Running::default(); spans.len() + 1];
        for (at, span) in spans.iter().enumerate().rev() {
            let sum = sums[at + 1].beneath(&Share::of(&Entry::from(span)));
            let parent = span.parent_id.map_or(0, |id| id.0 as usize);
            sums[parent].add(sum);
        }
        sums[0]
    }

    #[cfg(feature = "record")]
    proptest::proptest! {
        #[test]
        fn who_keeps_no_spans_comes_to_the_same(
            shapes in proptest::collection::vec(proptest::array::uniform7(0_u8..12), 1..24),
        ) {
            let mut spans: Vec<Span> = (1_u64..).zip(shapes).map(|(id, shape)| {
                let [parent, kind, usage, cost, tool, status, cancelled] = shape;
                let mut made = call(id, u64::from(parent) % id, id);
                if kind < 4 {
                    made.kind = SpanKind::Agent;
                }
                let llm = made.llm.get_or_insert_default();
                llm.usage = llm.usage.filter(|_| usage < 6);
                llm.cost = llm.cost.take().filter(|_| cost < 6);
                let paid = ToolCall { cost: Some(1000), ..ToolCall::default() };
                made.tool = (tool < 3).then_some(paid);
                made.status = if status < 4 { Status::Error } else { Status::Ok };
                made.cancelled = cancelled < 4;
                made
            }).collect();
            let sum = running(&spans);
            let whole = roll_up(&mut spans).cost;
            proptest::prop_assert_eq!((sum.cost(), sum.is_partial()), (whole.total, whole.partial));
        }
    }

    #[test]
    fn default_is_listed_only_where_no_other_agent_ran() {
        let by = |id: u64, name: &str| Span {
            agent: Some(AgentRef {
                id: name.into(),
                name: name.into(),
                role: None,
                model: None,
            }),
            ..span(id, 0, SpanKind::Operation)
        };
        assert_eq!(roll_up(&mut [by(1, DEFAULT_AGENT)]).agents, [DEFAULT_AGENT]);
        let mut late_first = [
            by(9, "writer"),
            by(2, DEFAULT_AGENT),
            by(3, "planner"),
            by(4, "writer"),
        ];
        assert_eq!(roll_up(&mut late_first).agents, ["planner", "writer"]);
    }

    #[test]
    fn circles_and_missing_parents_lose_nothing() {
        let mut spans = [
            call(1, 3, 1),
            call(2, 1, 1),
            call(3, 2, 1),
            call(4, 4, 1),
            call(5, 99, 1),
            call(6, 3, 1),
        ];
        let sums = roll_up(&mut spans);
        assert_eq!(sums.counts.spans, 6);
        // 1 became the root of 1 → 2 → 3 → 6, of which 6 is the deepest; 4 and 5 stand alone.
        assert_eq!(sums.tokens.total, 9);
        assert_eq!(sums.spans[0].tokens.total, 3);
    }

    #[test]
    fn the_same_id_twice_is_two_spans() {
        let mut spans = [call(1, 0, 1), call(1, 0, 1), call(2, 1, 1)];
        let sums = roll_up(&mut spans);
        assert_eq!((sums.counts.spans, sums.tokens.total), (3, 6));
    }

    #[test]
    fn large_and_deep_trees_take_no_stack() {
        let depth = 10_000;
        let mut spans: Vec<Span> = (1..=depth)
            .map(|id| span(id, id - 1, SpanKind::Operation))
            .collect();
        spans.extend((1..=90_000).map(|n| call(depth + n, depth, 1)));
        spans.reverse();
        let sums = roll_up(&mut spans);
        assert_eq!(sums.tokens.total, 270_000);
        assert_eq!(sums.spans.last().map(|root| root.cost), Some(Some(270_000)));

        let circle = 100_000;
        let mut spans: Vec<Span> = (1..=circle)
            .map(|id| span(id, id % circle + 1, SpanKind::Operation))
            .collect();
        assert_eq!(roll_up(&mut spans).counts.spans, circle);
    }
}
