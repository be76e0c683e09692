//! What became of a session, in one sentence: where it failed first on the way to its end, and what that took.
//!
//! From the session's end inwards: a span that failed is explained by what failed within it, where that says the same or
//! was the last thing that happened. What recovered, and what others passed over, is never blamed for an end; what was
//! cancelled did not fail. Knows spans and sums, not how an answer is shown.

use std::collections::HashMap;

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::llm::{Completion, Part, ProviderError};
use agentops_core::model::session::{EndState, SessionState};
use agentops_core::model::span::{Span, SpanKind, Status};
use agentops_core::model::time::UnixNanos;

use super::Spent;
use super::run::Run;
use crate::store::{Condition, Row, Sort, Store, StoreError, Wanted};

mod view;
mod words;

/// Whole spans that are read for one verdict at most.
const READS: u32 = 64;

/// Failed sessions within a session that are looked at.
const NESTED: usize = 50;

/// Of these so many are judged themselves.
const JUDGED: u32 = 3;

/// Sessions within sessions that a failure is followed into.
const DEPTH: u32 = 4;

/// So often all is looked through for an error that came back.
const LOOKS: u32 = 8;

/// Errors of so many spans are compared word by word.
const CLOSE_LOOK: usize = 8;

/// Texts shorter than this stand in others by chance.
const TELLING: usize = 8;

/// What became of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub severity: Severity,
    /// One sentence or two, for people.
    pub text: String,
    /// What else is to be known before this is believed.
    pub notes: Vec<String>,
    /// What is to blame, or failed without harm.
    pub failure: Option<Failure>,
    /// Who could do nothing about it.
    pub gave_up: Option<Place>,
    /// What was going on when this was asked or the process ended, and since when.
    pub within: Option<(Place, UnixNanos)>,
    /// Failures besides, where they began.
    pub other_failures: u64,
    /// When the session started.
    start: UnixNanos,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Ok,
    Warning,
    Error,
    Running,
    Lost,
}

/// A span, as people know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub span: SpanId,
    pub kind: SpanKind,
    pub name: String,
}

/// A span that failed, and what there is to say about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Where it is: this session, or one within it.
    pub session: SessionId,
    /// The first of `attempts`.
    pub place: Place,
    pub agent: Option<String>,
    pub model: Option<String>,
    pub code: Option<String>,
    /// The first line of what it says.
    pub message: Option<String>,
    /// How often the same failed in the same way, one after the other.
    pub attempts: u64,
    /// The same worked afterwards.
    pub recovered: bool,
    /// When it failed first.
    pub time: UnixNanos,
    /// What the session had cost by then.
    pub spent: Spent,
    /// What a provider says, where it refused a call.
    pub provider: Option<ProviderError>,
    /// Its answer had begun.
    answered: bool,
    /// It is the session's own span.
    is_session: bool,
}

impl Severity {
    /// As the JSON has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Running => "running",
            Self::Lost => "lost",
        }
    }
}

/// What became of a session; `None` where there is none such.
pub fn verdict(store: &dyn Store, id: SessionId) -> Result<Option<Verdict>, StoreError> {
    let Some(run) = Run::read(store, id)? else {
        return Ok(None);
    };
    of(store, &run).map(Some)
}

/// What became of a session that was read already.
pub fn of(store: &dyn Store, run: &Run) -> Result<Verdict, StoreError> {
    Judge::new(store, run, DEPTH).judge()
}

/// How a session ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Succeeded,
    Failed,
    Cancelled,
    /// Nobody said how, or that it is not known.
    Unsaid,
    Running,
    Lost,
}

fn outcome(run: &Run) -> Outcome {
    let facts = &run.session.facts;
    match (run.session.state, facts.end_state) {
        (SessionState::Running, _) => Outcome::Running,
        (SessionState::Lost, _) => Outcome::Lost,
        (_, Some(EndState::Success)) => Outcome::Succeeded,
        (_, Some(EndState::Error)) => Outcome::Failed,
        _ if facts.end_state_reason.as_deref() == Some("cancelled") => Outcome::Cancelled,
        _ => Outcome::Unsaid,
    }
}

struct Judge<'a> {
    store: &'a dyn Store,
    run: &'a Run,
    /// Spans that were read whole.
    read: HashMap<usize, Option<Box<Span>>>,
    reads: u32,
    looks: u32,
    depth: u32,
    /// The nearest agent around each row.
    scopes: Vec<Option<usize>>,
    /// When the same, by the same agent, last began to work.
    worked: HashMap<(Option<usize>, SpanKind, &'a str), UnixNanos>,
}

impl<'a> Judge<'a> {
    fn new(store: &'a dyn Store, run: &'a Run, depth: u32) -> Self {
        let mut scopes = vec![None; run.rows.len()];
        for &at in run.downwards() {
            scopes[at] = run.parent(at).and_then(|parent| {
                let is_agent = run.rows[parent].kind == SpanKind::Agent;
                if is_agent {
                    Some(parent)
                } else {
                    scopes[parent]
                }
            });
        }
        let mut worked = HashMap::new();
        for (at, row) in run.rows.iter().enumerate() {
            if works(row) {
                let last = worked
                    .entry((scopes[at], row.kind, &*row.name))
                    .or_insert(row.start);
                *last = row.start.max(*last);
            }
        }
        Self {
            store,
            run,
            read: HashMap::new(),
            reads: READS,
            looks: LOOKS,
            depth,
            scopes,
            worked,
        }
    }

    fn judge(&mut self) -> Result<Verdict, StoreError> {
        let outcome = outcome(self.run);
        let (failure, gave_up) = match outcome {
            Outcome::Failed => self.blamed()?,
            _ => (self.without_harm()?, None),
        };
        let failure = match failure {
            Some(Blamed::Span(at)) => Some((self.failure(at)?, None)),
            Some(Blamed::Session(inner)) => {
                let Inner { failure, name, .. } = *inner;
                Some((failure, Some(name)))
            }
            None => None,
        };
        let within = match outcome {
            Outcome::Running | Outcome::Lost => self.going_on(),
            _ => None,
        };
        let beside = failure.as_ref().map_or(0, |(failure, _)| {
            let here = failure.session == self.run.session.facts.id;
            // The span that it was started in failed with it.
            if here { failure.attempts } else { 1 }
        });
        let mut verdict = Verdict {
            severity: severity(outcome, failure.is_some()),
            text: String::new(),
            notes: Vec::new(),
            gave_up: gave_up.map(|at| place(&self.run.rows[at])),
            within: within
                .map(|at| &self.run.rows[at])
                .map(|row| (place(row), row.start)),
            other_failures: self.origins().saturating_sub(beside),
            failure: None,
            start: self.run.start(),
        };
        let went_on = match (&failure, outcome) {
            (Some((failure, None)), _) => {
                let at = self.run.find(failure.place.span);
                at.and_then(|at| self.went_on(at))
            }
            _ => None,
        };
        let (failure, session) =
            failure.map_or((None, None), |(failure, session)| (Some(failure), session));
        verdict.failure = failure;
        verdict.text = self.text(outcome, &verdict, session.as_deref(), went_on);
        let withheld = match outcome {
            Outcome::Running => None,
            _ => self.withheld()?,
        };
        verdict.notes = self.notes(outcome, &verdict, withheld);
        Ok(verdict)
    }

    /// What a failed session failed of, and who gave up over it.
    fn blamed(&mut self) -> Result<(Option<Blamed>, Option<usize>), StoreError> {
        let chief = self.chief().filter(|&at| self.run.failed(at));
        let mut at = chief;
        while let Some(within) = self.cause(at)? {
            at = Some(within);
        }
        let inner = self.nested(at)?;
        let above = at.and_then(|at| self.giver_up(at, inner.is_some()));
        Ok(match (inner, at) {
            (Some(inner), _) => (Some(Blamed::Session(Box::new(inner))), above),
            (None, Some(at)) => (Some(Blamed::Span(at)), above),
            (None, None) => (None, None),
        })
    }

    /// The session's own span, else the first that is in no other.
    fn chief(&self) -> Option<usize> {
        let own = (0..self.run.rows.len()).find(|&at| self.run.is_session(at));
        let roots = self.run.beneath(None);
        let is_outermost = |at: &&usize| self.run.rows[**at].parent_id.is_none();
        own.or_else(|| roots.iter().find(is_outermost).copied())
            .or_else(|| roots.first().copied())
    }

    /// What failed within a span that failed, or within the session, and made it fail.
    fn cause(&mut self, at: Option<usize>) -> Result<Option<usize>, StoreError> {
        let mut failed = self.failed_within(at);
        let is_hidden = failed.is_empty() && self.looks > 0;
        if is_hidden {
            self.looks -= 1;
            failed = self.hidden_within(at);
        }
        failed.sort_by_key(|&at| (self.run.end(at), at));
        let mut same = Vec::new();
        let skip = failed.len().saturating_sub(CLOSE_LOOK);
        for (nth, &within) in failed.iter().enumerate() {
            if self.same_error(at, within) || (nth >= skip && self.passed_on(at, within)?) {
                same.push(within);
            }
        }
        let is_same = !same.is_empty();
        if is_hidden && !is_same {
            return Ok(None);
        }
        let candidates = if is_same { same } else { failed };
        let open = |&&at: &&usize| is_same || !self.recovered(at);
        let Some(&last) = candidates.iter().rev().find(open) else {
            return Ok(None);
        };
        if !is_same && self.went_well_after(at, last) {
            return Ok(None);
        }
        // Of those that ran beside each other the first to fail stopped the others.
        let beside = |&&at: &&usize| self.run.end(at) > self.run.rows[last].start;
        let mut beside = candidates.iter().filter(beside);
        Ok(beside.next().copied().or(Some(last)))
    }

    /// The outermost failed spans within one. Those that do not say how they went hide nothing.
    fn failed_within(&self, at: Option<usize>) -> Vec<usize> {
        let mut failed = Vec::new();
        let mut stack: Vec<usize> = self.run.beneath(at).to_vec();
        while let Some(within) = stack.pop() {
            if self.run.failed(within) {
                failed.push(within);
                continue;
            }
            let hides = !says_nothing(&self.run.rows[within]);
            if !hides || (at.is_none() && self.run.is_session(within)) {
                stack.extend(self.run.beneath(Some(within)));
            }
        }
        failed
    }

    /// The outermost failed spans anywhere within one, whatever those around them made of it: to blame only where the
    /// error is the same.
    fn hidden_within(&self, at: Option<usize>) -> Vec<usize> {
        let run = self.run;
        let is_outermost = |&within: &usize| {
            let parent = run.parent(within).filter(|parent| Some(*parent) != at);
            run.failed(within) && !parent.is_some_and(|parent| run.failed(parent))
        };
        let all = run.within(at).iter().copied();
        all.filter(|within| Some(*within) != at)
            .filter(is_outermost)
            .collect()
    }

    fn same_error(&self, at: Option<usize>, within: usize) -> bool {
        let rows = &self.run.rows;
        let Some((outer, inner)) =
            at.and_then(|at| Some((rows[at].error.as_ref()?, rows[within].error.as_ref()?)))
        else {
            return false;
        };
        (outer == inner && !outer.shape.is_empty())
            || (inner.shape.len() >= TELLING && outer.shape.contains(&inner.shape))
    }

    /// Whether the outer error names the inner one as its cause; of a session, whether its reason does.
    fn passed_on(&mut self, at: Option<usize>, within: usize) -> Result<bool, StoreError> {
        let inner = self.whole(within)?.and_then(|span| span.error.clone());
        let Some(inner) = inner.filter(|error| error.details.len() >= TELLING) else {
            return Ok(false);
        };
        let Some(at) = at else {
            let reason = self.run.session.facts.end_state_reason.as_ref();
            return Ok(reason.is_some_and(|reason| reason.contains(&inner.details)));
        };
        let outer = self.whole(at)?.and_then(|span| span.error.as_ref());
        Ok(outer.is_some_and(|error| error.chain.contains(&inner.details)))
    }

    /// The same worked later.
    fn recovered(&self, at: usize) -> bool {
        let row = &self.run.rows[at];
        let key = (self.scopes[at], row.kind, &*row.name);
        let end = self.run.end(at);
        self.worked.get(&key).is_some_and(|&start| start >= end)
    }

    /// Whether more came after a failure than the answer of a model that was told of it.
    fn went_well_after(&self, at: Option<usize>, failed: usize) -> bool {
        let end = self.run.end(failed);
        // What failed within a session is beside what ran within its own span.
        let own = || self.chief().filter(|&at| self.run.is_session(at));
        let after = self.run.beneath(at.or_else(own)).iter().filter(|&&at| {
            let row = &self.run.rows[at];
            at != failed && works(row) && row.start >= end && row.kind != SpanKind::Guardrail
        });
        let mut after = after.copied();
        match after.next() {
            None => false,
            Some(at) => self.run.rows[at].kind != SpanKind::Llm || after.next().is_some(),
        }
    }

    /// The nearest agent that failed with it, else the outermost span that did.
    fn giver_up(&self, at: usize, itself: bool) -> Option<usize> {
        let run = self.run;
        let around = itself.then_some(at).into_iter().chain(run.around(at));
        let failed: Vec<usize> = around
            .take_while(|&at| run.failed(at) || says_nothing(&run.rows[at]))
            .filter(|&at| run.failed(at) && !run.is_session(at))
            // What is around all is the run, whatever it is called, unless it is an agent.
            .filter(|&at| run.parent(at).is_some() || run.rows[at].kind == SpanKind::Agent)
            .collect();
        let agent = failed
            .iter()
            .find(|&&at| run.rows[at].kind == SpanKind::Agent);
        agent.or(failed.last()).copied()
    }

    /// The failure that is most worth knowing of those that did not end the session.
    fn without_harm(&mut self) -> Result<Option<Blamed>, StoreError> {
        let run = self.run;
        let outermost = (0..run.rows.len()).filter(|&at| {
            let inside = run.parent(at).is_some_and(|parent| run.failed(parent));
            run.failed(at) && !inside
        });
        let first = outermost.min_by_key(|&at| (self.recovered(at), run.end(at), at));
        let Some(mut at) = first else {
            let inner = self.nested_anywhere()?;
            return Ok(inner.map(|inner| Blamed::Session(Box::new(inner))));
        };
        while let Some(within) = self.cause(Some(at))? {
            at = within;
        }
        Ok(Some(Blamed::Span(at)))
    }

    /// Who did not fail over a failure.
    fn went_on(&self, at: usize) -> Option<usize> {
        let run = self.run;
        let mut around = run.around(at).skip_while(|&at| run.failed(at));
        let first = around.clone().next();
        around
            .find(|&at| run.rows[at].kind == SpanKind::Agent)
            .or(first)
            .filter(|&at| !run.is_session(at) && works(&run.rows[at]))
    }

    /// The innermost span that is open, of several the one that started last.
    fn going_on(&self) -> Option<usize> {
        let run = self.run;
        let open = |at: &usize| run.rows[*at].open;
        let innermost = (0..run.rows.len())
            .filter(open)
            .filter(|&at| !run.beneath(Some(at)).iter().any(open));
        innermost
            .filter(|&at| !run.is_session(at))
            .max_by_key(|&at| (run.rows[at].start, at))
    }

    /// How many spans failed of themselves.
    fn origins(&self) -> u64 {
        let failed = |&at: &usize| self.run.failed(at);
        let origins = (0..self.run.rows.len())
            .filter(failed)
            .filter(|&at| !self.run.beneath(Some(at)).iter().any(failed));
        origins.count() as u64
    }

    /// All there is to say about a failed span and those before and after it that failed alike.
    fn failure(&mut self, at: usize) -> Result<Failure, StoreError> {
        let run = self.run;
        let (attempts, recovered) = self.attempts(at);
        let first = attempts.first().copied().unwrap_or(at);
        let row = &run.rows[first];
        let time = run.end(first);
        let spent = self.spent_by(time);
        let whole = self.whole(first)?;
        let error = whole.and_then(|span| span.error.as_ref());
        let call = whole.and_then(|span| span.llm.as_ref());
        let provider = call.and_then(|call| call.provider_error.clone());
        let said = |text: &str| {
            text.lines()
                .map(str::trim)
                .find(|line| !line.is_empty())
                .map(str::to_owned)
        };
        let message = error
            .and_then(|error| said(&error.details))
            .or_else(|| provider.as_ref().and_then(|error| said(&error.message)))
            .or_else(|| row.error.as_ref().and_then(|error| said(&error.shape)));
        let code = row.error.as_ref().map(|error| error.code.clone());
        Ok(Failure {
            session: run.session.facts.id,
            place: place(row),
            agent: row.agent.as_ref().map(ToString::to_string),
            model: row.model.as_ref().map(ToString::to_string),
            code: code.filter(|code| !code.is_empty()),
            message,
            attempts: attempts.len() as u64,
            recovered,
            time,
            spent,
            provider,
            answered: call.is_some_and(|call| !call.completions.is_empty()),
            is_session: run.is_session(first),
        })
    }

    /// The spans around a failed one, by their ends, that are the same, of the same agent, and failed in the same way
    /// without one between them that did not; and whether one then worked.
    fn attempts(&self, at: usize) -> (Vec<usize>, bool) {
        let run = self.run;
        let row = &run.rows[at];
        let alike = |&other: &usize| {
            let other_row = &run.rows[other];
            self.scopes[other] == self.scopes[at]
                && (other_row.kind, &other_row.name) == (row.kind, &row.name)
                && !other_row.open
                && !other_row.cancelled
        };
        let mut all: Vec<usize> = run
            .within(self.scopes[at])
            .iter()
            .copied()
            .filter(alike)
            .collect();
        all.sort_by_key(|&at| (run.end(at), at));
        let fails = |other: usize| run.failed(other) && run.rows[other].error == row.error;
        let here = all.iter().position(|&other| other == at).unwrap_or(0);
        let before = all[..here]
            .iter()
            .rev()
            .take_while(|&&at| fails(at))
            .count();
        let after = all[here..].iter().take_while(|&&at| fails(at)).count();
        let next = all.get(here + after);
        let recovered = next.is_some_and(|&at| works(&run.rows[at]));
        (all[here - before..here + after].to_vec(), recovered)
    }

    /// What the session had cost at a time: of all that was over by then.
    fn spent_by(&self, time: UnixNanos) -> Spent {
        let mut spent = Spent::default();
        for (row, totals) in self.run.rows.iter().zip(&self.run.sums.spans) {
            if row.open || row.end.unwrap_or(row.start) > time {
                continue;
            }
            spent.add(totals.own_cost);
            spent.estimated |= row.is_cost_estimated && totals.counts_cost;
            spent.partial |= totals.lacks_cost;
        }
        spent
    }

    /// The last model call, where there is no answer of it because somebody would not have it said. That is no failure of
    /// the call, and often why what follows fails.
    fn withheld(&mut self) -> Result<Option<(usize, Withheld)>, StoreError> {
        let run = self.run;
        let calls = (0..run.rows.len()).filter(|&at| {
            let row = &run.rows[at];
            row.kind == SpanKind::Llm && !row.open
        });
        let Some(last) = calls.max_by_key(|&at| (run.end(at), at)) else {
            return Ok(None);
        };
        let call = self.whole(last)?.and_then(|span| span.llm.as_ref());
        let answers = call.map_or(&[][..], |call| &call.completions);
        let withheld: Vec<Withheld> = answers.iter().map_while(withheld).collect();
        // One of several choices that was given is an answer.
        let all = withheld.len() == answers.len();
        Ok(withheld.first().filter(|_| all).map(|&how| (last, how)))
    }

    /// A span with its payload; `None` where it is gone, or too many were read.
    fn whole(&mut self, at: usize) -> Result<Option<&Span>, StoreError> {
        if !self.read.contains_key(&at) {
            if self.reads == 0 {
                return Ok(None);
            }
            self.reads -= 1;
            let span = self
                .store
                .span(self.run.session.facts.id, self.run.rows[at].id)?;
            self.read.insert(at, span.map(Box::new));
        }
        Ok(self.read.get(&at).and_then(|span| span.as_deref()))
    }

    /// The failed session that was started in a span and ended last; of those started anywhere, where `at` is no span.
    fn nested(&mut self, at: Option<usize>) -> Result<Option<Inner>, StoreError> {
        self.nested_where(|opened| at.is_none() || opened == at)
    }

    fn nested_anywhere(&mut self) -> Result<Option<Inner>, StoreError> {
        self.nested_where(|_| true)
    }

    fn nested_where(
        &mut self,
        fits: impl Fn(Option<usize>) -> bool,
    ) -> Result<Option<Inner>, StoreError> {
        if self.depth == 0 {
            return Ok(None);
        }
        let id = self.run.session.facts.id;
        let wanted = Wanted {
            conditions: vec![Condition::Parent(id), Condition::EndState(EndState::Error)],
            sort: Sort::Newest,
            limit: NESTED,
            foreign: true,
            ..Wanted::default()
        };
        let mut left = JUDGED;
        for session in self.store.sessions(&wanted)?.sessions {
            if left == 0 {
                break;
            }
            let facts = &session.facts;
            if facts.id == id {
                continue;
            }
            let own = match facts.root {
                Some(root) => self.store.span(facts.id, root)?,
                None => None,
            };
            let links = own.iter().flat_map(|span| &span.links);
            let opened = links
                .filter(|link| link.trace_id == self.run.session.facts.trace_id)
                .find_map(|link| self.run.find(link.span_id));
            if !fits(opened) {
                continue;
            }
            let Some(run) = Run::read(self.store, facts.id)? else {
                continue;
            };
            left -= 1;
            let inner = Judge::new(self.store, &run, self.depth - 1).judge()?;
            if let Some(mut failure) = inner.failure {
                failure.spent = self.spent_by(failure.time);
                let name = facts.name.clone();
                return Ok(Some(Inner { failure, name }));
            }
        }
        Ok(None)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Withheld {
    /// A filter of the provider's stopped it.
    Filtered,
    /// The model would not give one.
    Refused,
}

/// As providers say that a filter has stopped an answer, in small letters.
const FILTERS: [&str; 11] = [
    "content_filter",
    "content_filtered",
    "guardrail_intervened",
    "safety",
    "recitation",
    "blocklist",
    "prohibited_content",
    "spii",
    "image_safety",
    "error_toxic",
    "sensitive",
];

fn withheld(answer: &Completion) -> Option<Withheld> {
    let reason = answer.finish_reason.as_deref().map(str::to_lowercase);
    let reason = reason.as_deref().unwrap_or_default();
    let has_refused = || {
        let mut parts = answer.content.iter();
        parts.any(|part| matches!(part, Part::Refusal(_)))
    };
    if FILTERS.contains(&reason) {
        Some(Withheld::Filtered)
    } else if reason == "refusal" || has_refused() {
        Some(Withheld::Refused)
    } else {
        None
    }
}

/// What a session failed of.
enum Blamed {
    Span(usize),
    Session(Box<Inner>),
}

/// A failure in a session within this one.
struct Inner {
    failure: Failure,
    /// That session's.
    name: String,
}

fn place(row: &Row) -> Place {
    Place {
        span: row.id,
        kind: row.kind,
        name: row.name.to_string(),
    }
}

/// It does not say how it went, as spans of other SDKs mostly do not.
fn says_nothing(row: &Row) -> bool {
    row.status == Status::Unset && !row.cancelled
}

/// It is over, and did not fail.
fn works(row: &Row) -> bool {
    !row.open && !row.cancelled && row.status != Status::Error
}

fn severity(outcome: Outcome, failed: bool) -> Severity {
    match outcome {
        Outcome::Failed => Severity::Error,
        Outcome::Running => Severity::Running,
        Outcome::Lost => Severity::Lost,
        Outcome::Cancelled => Severity::Warning,
        Outcome::Succeeded | Outcome::Unsaid if failed => Severity::Warning,
        Outcome::Succeeded | Outcome::Unsaid => Severity::Ok,
    }
}
