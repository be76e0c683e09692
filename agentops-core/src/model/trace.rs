//! Events put together: spans, logs and facts in any order go in, whole sessions come out.
//!
//! Every reader (of spool files, of requests, of memory) feeds [`Traces`] one event at a time and gets each session as
//! a [`Trace`], ordered and summed up. Knows nothing of files, of which process is alive, or of how a trace is shown.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use super::event::{Event, Loss, LossCause, Resource};
use super::id::{SessionId, SpanId, TraceId};
use super::rollup::{self, Entry, Rollup, SpanTotals};
use super::session::{EndState, Session, SessionFacts, SessionState};
use super::span::{Log, Span, SpanKind, Status};
use super::time::UnixNanos;
use super::tree;

/// Why a session ended that was marked as lost.
pub const PROCESS_ENDED: &str = "process ended";

/// The project of sessions that name none.
pub const DEFAULT_PROJECT: &str = "default";

/// How many names a span trace has at most; the innermost are kept.
const SPAN_TRACE_LIMIT: usize = 64;

/// A session with all its spans.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// The session, with its sums.
    pub session: Session,
    /// Parents before children, siblings by start. A span whose parent is not here is a root.
    pub spans: Vec<Span>,
    /// For each span, at the same index, what it and all beneath it took.
    pub totals: Vec<SpanTotals>,
}

impl Trace {
    /// A session that is known with its sums, and all its spans in any order.
    #[must_use]
    pub fn assemble(session: Session, spans: Vec<Span>) -> Self {
        let (mut spans, parents, _) = order(spans, session.facts.root);
        trace_errors(&mut spans, &parents);
        let totals = rollup::roll_up(&mut spans).spans;
        Self {
            session,
            spans,
            totals,
        }
    }
}

impl fmt::Display for Trace {
    /// The tree, without colours, in lines of any length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&tree::render(self, tree::Style::default()))
    }
}

/// Collects events, of any number of sessions and processes.
#[derive(Debug, Clone, Default)]
pub struct Traces {
    drafts: HashMap<SessionId, Draft>,
    processes: Vec<Resource>,
    /// Losses that name no session, each with its process.
    losses: Vec<(usize, Loss)>,
    removed: u64,
}

/// What was said of a session, apart from its spans.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Which session.
    pub id: SessionId,
    /// The trace of its spans, for where the facts name none.
    pub trace_id: TraceId,
    /// All that it said of itself, put together by [`complete`].
    pub facts: Option<SessionFacts>,
    /// What was lost of it.
    pub losses: BTreeMap<LossCause, u64>,
    /// The process that opened it is gone.
    pub lost: bool,
    /// The span that it all ran in is not there, as [`lacks_root`] says, and may still come: until then it goes on.
    pub waits: bool,
}

/// What is known of a session so far.
#[derive(Debug, Clone, Default)]
struct Draft {
    facts: Option<SessionFacts>,
    process: usize,
    spans: Vec<Span>,
    places: HashMap<SpanId, usize>,
    logs: Vec<(SpanId, Log)>,
    losses: BTreeMap<LossCause, u64>,
    lost: bool,
}

impl Traces {
    /// Takes in one event that the process behind `resource` reported.
    pub fn apply(&mut self, resource: &Resource, event: Event) {
        let process = self.process(resource);
        match event {
            Event::SpanStarted(mut span) => {
                span.open = true;
                self.draft_of(&mut span, process).span(*span);
            }
            Event::SpanEnded(mut span) => {
                span.open = false;
                self.draft_of(&mut span, process).span(*span);
            }
            Event::Log { session, span, log } => {
                self.draft(session, process).logs.push((span, log))
            }
            Event::Session(facts) => {
                let draft = self.draft(facts.id, process);
                // Where it ran is where it was opened, not where somebody joined it.
                draft.process = process;
                match &mut draft.facts {
                    Some(known) => complete(known, *facts),
                    unknown => *unknown = Some(*facts),
                }
            }
            // Those are spans of other sessions, whatever was going on when they were removed.
            Event::Loss(loss) if loss.cause == LossCause::SpoolLimit => self.removed += loss.count,
            Event::Loss(loss) => match loss.session {
                Some(session) => {
                    let losses = &mut self.draft(session, process).losses;
                    *losses.entry(loss.cause).or_default() += loss.count;
                }
                None => self.losses.push((process, loss)),
            },
            Event::Heartbeat(_) => {}
        }
    }

    /// Says that the process that opened `session` is gone: without an end, the session is lost.
    pub fn mark_lost(&mut self, session: SessionId) {
        if let Some(draft) = self.drafts.get_mut(&session) {
            draft.lost = true;
        }
    }

    /// How many spans of sessions that nobody knows any more were removed, to keep the spool within its limit.
    #[must_use]
    pub fn removed(&self) -> u64 {
        self.removed
    }

    /// Every session of which a span or a fact was seen, newest first.
    #[must_use]
    pub fn finish(self) -> Vec<Trace> {
        let mut traces: Vec<(usize, Trace)> = self
            .drafts
            .into_iter()
            .filter(|(_, draft)| draft.facts.is_some() || !draft.spans.is_empty())
            .map(|(id, draft)| (draft.process, draft.finish(id, &self.processes)))
            .collect();
        traces
            .sort_by_key(|(_, trace)| Reverse((trace.session.facts.start, trace.session.facts.id)));
        for (process, loss) in &self.losses {
            blame(&mut traces, *process, loss);
        }
        traces.into_iter().map(|(_, trace)| trace).collect()
    }

    /// One session, as far as it is known.
    #[must_use]
    pub fn get(&self, session: SessionId) -> Option<Trace> {
        if !self.losses.is_empty() {
            // Whose they may be shows beside the others only.
            let mut all = self.clone().finish().into_iter();
            return all.find(|trace| trace.session.facts.id == session);
        }
        let draft = self.drafts.get(&session)?.clone();
        Some(draft.finish(session, &self.processes))
    }

    /// Takes one session out, as far as it is known.
    pub fn take(&mut self, session: SessionId) -> Option<Trace> {
        let draft = self.drafts.remove(&session)?;
        Some(draft.finish(session, &self.processes))
    }

    /// The place of the process among those seen. A reader comes with the same one many times in a row.
    fn process(&mut self, resource: &Resource) -> usize {
        if let Some(at) = self.processes.iter().rposition(|known| known == resource) {
            return at;
        }
        self.processes.push(resource.clone());
        self.processes.len() - 1
    }

    fn draft(&mut self, session: SessionId, process: usize) -> &mut Draft {
        self.drafts.entry(session).or_insert_with(|| Draft {
            process,
            ..Draft::default()
        })
    }

    /// The draft of the span's session; of its trace, where it comes from elsewhere and names no session.
    fn draft_of(&mut self, span: &mut Span, process: usize) -> &mut Draft {
        if span.session_id == SessionId::default() {
            span.session_id = SessionId(span.trace_id.0);
        }
        self.draft(span.session_id, process)
    }
}

impl Draft {
    /// The first END wins over all else and a later one fills its gaps; a later start wins over an earlier one.
    fn span(&mut self, span: Span) {
        match self.places.get(&span.id) {
            Some(&at) if self.spans[at].open => self.spans[at] = span,
            Some(_) if span.open => {}
            Some(&at) => _ = fill(&mut self.spans[at], &span),
            None => {
                self.places.insert(span.id, self.spans.len());
                self.spans.push(span);
            }
        }
    }

    fn finish(mut self, id: SessionId, processes: &[Resource]) -> Trace {
        let root = self.facts.as_ref().and_then(|facts| facts.root);
        self.join_logs(root);
        // Its own span comes first, whether or not it was told which that is.
        let sessions = self
            .spans
            .iter()
            .filter(|span| span.kind == SpanKind::Session);
        let own_span = root.or_else(|| {
            let first = sessions.min_by_key(|span| (span.start, span.id))?;
            Some(first.id)
        });
        let (mut spans, parents, rings) = order(self.spans, own_span);
        trace_errors(&mut spans, &parents);
        let sums = rollup::roll_up(&mut spans);
        let mut entries: Vec<Entry<'_>> = spans.iter().map(Entry::from).collect();
        for (at, parent) in rings {
            entries[at].parent_id = parent;
        }
        entries.sort_unstable_by_key(|span| (Some(span.id) != own_span, span.start, span.id));
        let first = entries.first().map(|first| first.id);
        let own = spans.iter().find(|span| Some(span.id) == first);
        let known = Known {
            id,
            trace_id: own.map_or_else(TraceId::default, |span| span.trace_id),
            facts: self.facts,
            losses: self.losses,
            lost: self.lost,
            waits: false,
        };
        let process = processes.get(self.process).cloned().unwrap_or_default();
        let totals = sums.spans.clone();
        let session = known.summarise(&entries, sums, process);
        Trace {
            session,
            spans,
            totals,
        }
    }

    /// Gives each log to its span; where that never arrived to the session's own, or else to the first without a
    /// parent.
    fn join_logs(&mut self, root: Option<SpanId>) {
        let told = root.and_then(|root| self.places.get(&root).copied());
        let home = told.or_else(|| {
            let spans = self.spans.iter().enumerate();
            let first =
                spans.min_by_key(|(_, span)| (span.parent_id.is_some(), span.start, span.id))?;
            Some(first.0)
        });
        for (span, log) in std::mem::take(&mut self.logs) {
            let place = self.places.get(&span).copied().or(home);
            if let Some(at) = place {
                self.spans[at].logs.push(log);
            }
        }
        for span in &mut self.spans {
            span.logs.sort_by_key(|log| log.time);
        }
    }
}

impl Known {
    /// The session with its sums, as far as it is known: `spans` are all of its spans, the session's own first and else
    /// by start, `sums` what they come to, `process` where it was opened.
    #[must_use]
    pub fn summarise(self, spans: &[Entry<'_>], sums: Rollup, process: Resource) -> Session {
        let mut facts = derive(self.id, self.trace_id, self.facts, spans, self.waits);
        let state = match facts.end {
            Some(_) => SessionState::Ended,
            None if self.lost => SessionState::Lost,
            None => SessionState::Running,
        };
        if state == SessionState::Lost {
            facts.end_state = Some(EndState::Indeterminate);
            facts.end_state_reason = Some(PROCESS_ENDED.into());
        }
        let project = if process.project.is_empty() {
            DEFAULT_PROJECT.into()
        } else {
            process.project
        };
        let mut counts = sums.counts;
        counts.dropped = missing(&self.losses);
        Session {
            facts,
            state,
            service: process.service,
            service_version: process.service_version,
            pid: process.pid,
            project,
            host: process.host,
            counts,
            losses: self.losses,
            agents: sums.agents,
            models: sums.models,
            tokens: sums.tokens,
            cost: sums.cost,
        }
    }
}

/// Later facts complete earlier ones; once a session has ended they only fill gaps.
pub fn complete(known: &mut SessionFacts, later: SessionFacts) {
    let has_ended = known.end.is_some();
    let set = |known: &mut Option<String>, later: Option<String>| replace(has_ended, known, later);
    if !has_ended {
        replace(false, &mut known.end, later.end);
        replace(false, &mut known.end_state, later.end_state);
        set(&mut known.end_state_reason, later.end_state_reason);
    }
    if known.trace_id.0 == 0 {
        known.trace_id = later.trace_id;
    }
    if known.start == 0 {
        known.start = later.start;
    }
    if !later.name.is_empty() && (!has_ended || known.name.is_empty()) {
        known.name = later.name;
    }
    if !later.tags.is_empty() && (!has_ended || known.tags.is_empty()) {
        known.tags = later.tags;
    }
    replace(has_ended, &mut known.root, later.root);
    replace(
        has_ended,
        &mut known.parent_session_id,
        later.parent_session_id,
    );
    set(&mut known.conversation_id, later.conversation_id);
    set(&mut known.user_id, later.user_id);
    set(&mut known.video, later.video);
    for (key, value) in later.attributes {
        if !has_ended || !known.attributes.contains_key(&key) {
            known.attributes.insert(key, value);
        }
    }
}

/// A later END of a span says what its model call took, where the first did not; whether it did.
pub fn fill(known: &mut Span, later: &Span) -> bool {
    let (Some(call), Some(later)) = (&mut known.llm, &later.llm) else {
        return false;
    };
    let has_usage = call.usage.is_none() && later.usage.is_some();
    let has_cost = call.cost.is_none() && later.cost.is_some();
    if has_usage {
        call.usage = later.usage;
    }
    if has_cost {
        call.cost.clone_from(&later.cost);
    }
    has_usage || has_cost
}

/// Takes what was said later; what is there already stays where it is `settled`.
fn replace<T>(settled: bool, known: &mut Option<T>, later: Option<T>) {
    if later.is_some() && !(settled && known.is_some()) {
        *known = later;
    }
}

/// Fills what the facts do not say from the spans; all of it, where a session is known from nothing else.
fn derive(
    id: SessionId,
    trace_id: TraceId,
    facts: Option<SessionFacts>,
    spans: &[Entry<'_>],
    waits: bool,
) -> SessionFacts {
    let mut facts = facts.unwrap_or_default();
    facts.id = id;
    let Some(outermost) = outermost(spans) else {
        return facts;
    };

    let own = match facts.root {
        Some(root) => spans.iter().find(|span| span.id == root),
        None => spans.iter().find(|span| span.kind == SpanKind::Session),
    };
    facts.root = facts.root.or(own.map(|span| span.id));
    let chief = own.unwrap_or(outermost);
    if facts.trace_id.0 == 0 {
        facts.trace_id = trace_id;
    }
    if facts.name.is_empty() {
        facts.name = chief.name.to_owned();
    }
    if facts.start == 0 {
        facts.start = spans.iter().map(|span| span.start).min().unwrap_or(0);
    }
    if facts.end.is_none() {
        let end = match own {
            Some(own) => own.end,
            None if facts.root.is_none() && !waits => last_end(spans),
            None => None,
        };
        facts.end = end;
        if end.is_some() && facts.end_state.is_none() {
            facts.end_state = Some(match chief.status {
                Status::Ok => EndState::Success,
                Status::Error => EndState::Error,
                Status::Unset => EndState::Indeterminate,
            });
        }
    }
    facts
}

/// Whether all spans of a session that nobody told the root of ran in one that is not among them.
#[must_use]
pub fn lacks_root(spans: &[Entry<'_>]) -> bool {
    if spans.iter().any(|span| is_own(span)) {
        return false;
    }
    let ids: HashSet<SpanId> = spans.iter().map(|span| span.id).collect();
    let is_orphan = |span: &Entry<'_>| span.parent_id.is_some_and(|id| !ids.contains(&id));
    spans.iter().any(is_orphan)
}

/// The first span that is in no other; where each is, the first whose parent is not among them.
fn outermost<'s, 'a>(spans: &'s [Entry<'a>]) -> Option<&'s Entry<'a>> {
    let own = spans.iter().find(|span| is_own(span));
    own.or_else(|| {
        let ids: HashSet<SpanId> = spans.iter().map(|span| span.id).collect();
        let is_orphan = |span: &&Entry<'_>| span.parent_id.is_some_and(|id| !ids.contains(&id));
        spans.iter().find(is_orphan)
    })
    .or_else(|| spans.first())
}

/// Whether a span is in no other.
fn is_own(span: &Entry<'_>) -> bool {
    span.kind == SpanKind::Session || span.parent_id.is_none_or(|parent| parent == span.id)
}

/// When the last span ended, once all have.
fn last_end(spans: &[Entry<'_>]) -> Option<UnixNanos> {
    let ends: Option<Vec<UnixNanos>> = spans.iter().map(|span| span.end).collect();
    ends?.into_iter().max()
}

/// Spans that are not there, whatever became of them.
fn missing(losses: &BTreeMap<LossCause, u64>) -> u64 {
    let missing = losses.iter().filter(|(cause, _)| cause.is_missing());
    missing.map(|(_, count)| count).sum()
}

/// A loss that names no session may be of any that was open in its process then, so each of them counts it.
/// Where none was, it is the latest one's: what is lost at the end is counted after the end.
fn blame(traces: &mut [(usize, Trace)], process: usize, loss: &Loss) {
    let started =
        |at: usize, trace: &Trace| at == process && trace.session.facts.start <= loss.time;
    let open = |trace: &Trace| trace.session.facts.end.is_none_or(|end| end >= loss.time);
    let latest = traces.iter().position(|(at, trace)| started(*at, trace));
    let any_open = traces
        .iter()
        .any(|(at, trace)| started(*at, trace) && open(trace));
    for (index, (at, trace)) in traces.iter_mut().enumerate() {
        if started(*at, trace)
            && if any_open {
                open(trace)
            } else {
                Some(index) == latest
            }
        {
            let session = &mut trace.session;
            *session.losses.entry(loss.cause).or_default() += loss.count;
            session.counts.dropped = missing(&session.losses);
        }
    }
}

/// How the spans of a session stand in its tree.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Arrangement {
    /// Which of the spans that were given stands at each place: parents before children, siblings by start, the
    /// session's own span before other roots.
    pub sequence: Vec<usize>,
    /// For each place that of its parent.
    pub parents: Vec<Option<usize>>,
    /// Places of spans that claim to be beneath themselves, and are roots instead: one of each ring, in order.
    pub broken: Vec<usize>,
}

/// Finds the place of each span, from its id, its parent and its start; `root` is the session's own.
#[must_use]
pub fn arrange(spans: &[(SpanId, Option<SpanId>, UnixNanos)], root: Option<SpanId>) -> Arrangement {
    let mut by_start: Vec<usize> = (0..spans.len()).collect();
    by_start.sort_by_key(|&at| {
        let (id, _, start) = spans[at];
        (Some(id) != root, start, id)
    });
    let places: HashMap<SpanId, usize> = by_start
        .iter()
        .enumerate()
        .map(|(at, &given)| (spans[given].0, at))
        .collect();
    let mut parents: Vec<Option<usize>> = by_start
        .iter()
        .map(|&given| places.get(&spans[given].1?).copied())
        .collect();
    let broken = break_cycles(&mut parents);

    let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
    let mut stack = Vec::new();
    for (at, parent) in parents.iter().enumerate().rev() {
        match parent {
            Some(parent) => children[*parent].push(at),
            None => stack.push(at),
        }
    }
    // Both were filled from the last to the first, so that the earliest is on top of the stack.
    let mut sequence = Vec::with_capacity(spans.len());
    while let Some(at) = stack.pop() {
        sequence.push(at);
        stack.append(&mut children[at]);
    }

    let mut rank = vec![0; spans.len()];
    for (new, &old) in sequence.iter().enumerate() {
        rank[old] = new;
    }
    Arrangement {
        parents: sequence
            .iter()
            .map(|&old| parents[old].map(|parent| rank[parent]))
            .collect(),
        broken: {
            let mut places: Vec<usize> = broken.into_iter().map(|old| rank[old]).collect();
            places.sort_unstable();
            places
        },
        sequence: sequence.into_iter().map(|old| by_start[old]).collect(),
    }
}

/// Spans in the order of their tree, the place of each one's parent, and what those that were taken out of a ring said
/// of theirs.
type Ordered = (Vec<Span>, Vec<Option<usize>>, Vec<(usize, Option<SpanId>)>);

/// Brings spans into the order of their tree.
fn order(spans: Vec<Span>, root: Option<SpanId>) -> Ordered {
    let given: Vec<_> = spans
        .iter()
        .map(|span| (span.id, span.parent_id, span.start))
        .collect();
    let arranged = arrange(&given, root);
    let mut slots: Vec<Option<Span>> = spans.into_iter().map(Some).collect();
    let mut spans: Vec<Span> = arranged
        .sequence
        .iter()
        .filter_map(|&given| slots[given].take())
        .collect();
    let broken = arranged.broken.into_iter();
    let rings = broken.map(|at| (at, spans[at].parent_id.take())).collect();
    (spans, arranged.parents, rings)
}

/// Makes a root of one span, the earliest, of each ring of spans that claim to be one another's parents.
fn break_cycles(parents: &mut [Option<usize>]) -> Vec<usize> {
    const UNSEEN: usize = usize::MAX;
    let mut walk_of = vec![UNSEEN; parents.len()];
    let mut broken = Vec::new();
    for first in 0..parents.len() {
        let mut at = first;
        let met = loop {
            if walk_of[at] != UNSEEN {
                break Some(at);
            }
            walk_of[at] = first;
            match parents[at] {
                Some(parent) => at = parent,
                None => break None,
            }
        };
        // A walk that meets itself has found a ring; one that meets an earlier walk has not.
        if let Some(met) = met.filter(|&met| walk_of[met] == first) {
            let around = std::iter::successors(parents[met], |&at| {
                (at != met).then(|| parents[at]).flatten()
            });
            let earliest = around.min().unwrap_or(met);
            parents[earliest] = None;
            broken.push(earliest);
        }
    }
    broken
}

/// The names of the spans around one, from the outermost inwards, itself included.
pub fn span_trace(
    at: usize,
    parents: &[Option<usize>],
    name: impl Fn(usize) -> String,
) -> Vec<String> {
    let inwards_out = std::iter::successors(Some(at), |&at| parents[at]);
    let mut names: Vec<String> = inwards_out.take(SPAN_TRACE_LIMIT).map(name).collect();
    names.reverse();
    names
}

/// Tells each error the names of the spans around it, from the outermost inwards, where its recorder did not.
fn trace_errors(spans: &mut [Span], parents: &[Option<usize>]) {
    for at in 0..spans.len() {
        if spans[at]
            .error
            .as_ref()
            .is_none_or(|error| !error.span_trace.is_empty())
        {
            continue;
        }
        let names = span_trace(at, parents, |at| spans[at].name.clone());
        if let Some(error) = &mut spans[at].error {
            error.span_trace = names;
        }
    }
}

/// Spans and sessions to test with, shared by the modules that show them.
#[cfg(test)]
pub(super) mod samples {
    use serde_json::Map;

    use super::*;
    use crate::model::agent::AgentRef;
    use crate::model::error::ErrorRecord;
    use crate::model::id::TraceId;
    use crate::model::llm::{Cost, LlmCall, Usage};
    use crate::model::session::Host;

    pub(crate) const SESSION: SessionId = SessionId(0x019c_6b1e_6f2a_7c3d_9b41_5d0f_6a7e_8c90);
    /// 2026-11-22T05:00:00Z
    pub(crate) const START: UnixNanos = 1_795_323_600_000_000_000;

    pub(crate) fn resource() -> Resource {
        let host = Host {
            os: Some("linux".into()),
            cpu_count: Some(2),
            ..Host::default()
        };
        Resource {
            service: "research_team".into(),
            pid: Some(7),
            host,
            ..Resource::default()
        }
    }

    /// A span that runs from `start` to `end`, in microseconds after [`START`].
    pub(crate) fn span(
        kind: SpanKind,
        name: &str,
        id: u64,
        parent: u64,
        start: u64,
        end: u64,
    ) -> Span {
        Span {
            id: SpanId(id),
            parent_id: SpanId(parent).some(),
            session_id: SESSION,
            trace_id: SESSION.trace(),
            agent: Some(agent("default")),
            name: name.into(),
            kind,
            status: Status::Ok,
            cancelled: false,
            open: false,
            adopted: false,
            start: START + start * 1_000,
            end: Some(START + end * 1_000),
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

    pub(crate) fn agent(name: &str) -> AgentRef {
        AgentRef {
            id: format!("id of {name}"),
            name: name.into(),
            role: None,
            model: None,
        }
    }

    pub(crate) fn by(name: &str, mut span: Span) -> Span {
        span.agent = Some(agent(name));
        span
    }

    pub(crate) fn failed(code: &str, details: &str, mut span: Span) -> Span {
        span.status = Status::Error;
        span.error = Some(ErrorRecord {
            kind: span.kind.as_str().into(),
            code: code.into(),
            details: details.into(),
            time: span.end.unwrap_or_default(),
            ..ErrorRecord::default()
        });
        span
    }

    pub(crate) fn call(model: &str, tokens: (u64, u64), cost: Option<i64>, mut span: Span) -> Span {
        let usage = Usage {
            input: tokens.0,
            output: tokens.1,
            total: tokens.0 + tokens.1,
            ..Usage::default()
        };
        span.llm = Some(LlmCall {
            provider: Some("openai".into()),
            request_model: Some(model.into()),
            model: Some(format!("{model}-2024-07-18")),
            operation: Some("chat".into()),
            usage: Some(usage),
            cost: cost.map(|total| Cost {
                total,
                ..Cost::default()
            }),
            ..LlmCall::default()
        });
        span
    }

    pub(crate) fn open(mut span: Span) -> Event {
        span.end = None;
        span.status = Status::Unset;
        Event::SpanStarted(Box::new(span))
    }

    pub(crate) fn ended(span: Span) -> Event {
        Event::SpanEnded(Box::new(span))
    }

    pub(crate) fn started() -> SessionFacts {
        SessionFacts {
            id: SESSION,
            trace_id: TraceId(SESSION.0),
            root: Some(SpanId(1)),
            name: "research_team".into(),
            start: START,
            ..SessionFacts::default()
        }
    }

    pub(crate) fn said(facts: SessionFacts) -> Event {
        Event::Session(Box::new(facts))
    }

    pub(crate) fn traces(events: impl IntoIterator<Item = Event>) -> Traces {
        let mut traces = Traces::default();
        for event in events {
            traces.apply(&resource(), event);
        }
        traces
    }

    pub(crate) fn only(traces: Traces) -> Trace {
        let mut all = traces.finish();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::samples::*;
    use super::*;
    use crate::model::span::Level;

    use SpanKind::{Agent, Llm, Session, Tool};

    fn names(trace: &Trace) -> Vec<&str> {
        trace.spans.iter().map(|span| span.name.as_str()).collect()
    }

    fn log(span: u64, time: u64, message: &str) -> Event {
        let log = Log {
            time,
            level: Level::Info,
            target: "t".into(),
            message: message.into(),
            attributes: Map::new(),
        };
        Event::Log {
            session: SESSION,
            span: SpanId(span),
            log,
        }
    }

    fn loss(session: Option<SessionId>, time: UnixNanos, count: u64) -> Event {
        Event::Loss(Loss {
            time,
            session,
            cause: LossCause::RingFull,
            count,
        })
    }

    #[test]
    fn the_first_end_wins_whatever_the_order() {
        let first = ended(span(Tool, "first", 2, 1, 10, 20));
        let second = ended(span(Tool, "second", 2, 1, 10, 30));
        let pending = open(span(Tool, "pending", 2, 1, 10, 0));
        for events in [
            vec![pending.clone(), first.clone(), second.clone()],
            vec![first.clone(), pending.clone(), second.clone()],
            vec![first, second, pending.clone()],
        ] {
            let trace = only(traces(events));
            assert_eq!(names(&trace), ["first"]);
            assert!(!trace.spans[0].open);
        }
        assert!(only(traces([pending])).spans[0].open);
    }

    #[test]
    fn parents_come_before_children_and_siblings_by_start() {
        let trace = only(traces([
            said(started()),
            ended(span(Tool, "b2", 6, 3, 50, 60)),
            ended(span(Tool, "a1", 4, 2, 20, 30)),
            ended(span(Agent, "b", 3, 1, 40, 70)),
            ended(span(Tool, "orphan", 9, 99, 0, 5)),
            ended(span(Tool, "b1", 5, 3, 45, 50)),
            ended(span(Agent, "a", 2, 1, 10, 40)),
            ended(span(Session, "root", 1, 0, 1, 80)),
        ]));
        assert_eq!(
            names(&trace),
            ["root", "a", "a1", "b", "b1", "b2", "orphan"]
        );
        assert_eq!(trace.spans[6].parent_id, Some(SpanId(99)));
        assert_eq!(trace.totals.len(), 7);
    }

    #[test]
    fn rings_are_broken_at_their_earliest_span() {
        let trace = only(traces([
            ended(span(Tool, "tail", 4, 2, 5, 90)),
            ended(span(Tool, "late", 3, 2, 30, 40)),
            ended(span(Tool, "early", 2, 3, 20, 40)),
            ended(span(Tool, "own parent", 7, 7, 50, 60)),
        ]));
        assert_eq!(names(&trace), ["early", "tail", "late", "own parent"]);
        assert_eq!(
            (trace.spans[0].parent_id, trace.spans[3].parent_id),
            (None, None)
        );
        assert_eq!(trace.spans[2].parent_id, Some(SpanId(2)));
    }

    #[test]
    fn a_deep_session_needs_no_stack() {
        let chain =
            (1..=100_000).map(|id| ended(failed("E", "", span(Tool, "t", id, id - 1, id, id))));
        let trace = only(traces(chain));
        assert_eq!(trace.spans.len(), 100_000);
        assert!(trace.spans.is_sorted_by_key(|span| span.id));
    }

    #[test]
    fn logs_find_their_spans_in_time_order() {
        let trace = only(traces([
            said(started()),
            log(2, 30, "later"),
            ended(span(Session, "root", 1, 0, 0, 9)),
            ended(span(Tool, "grep", 2, 1, 1, 2)),
            log(2, 20, "sooner"),
            log(77, 5, "of nobody"),
        ]));
        let logged = |at: usize| -> Vec<&str> {
            trace.spans[at]
                .logs
                .iter()
                .map(|log| log.message.as_str())
                .collect()
        };
        assert_eq!(logged(1), ["sooner", "later"]);
        assert_eq!(logged(0), ["of nobody"]);

        // Nobody said which span is the session's own.
        let trace = only(traces([
            ended(span(Tool, "grep", 2, 1, 1, 2)),
            ended(span(Agent, "root", 1, 0, 1, 9)),
            ended(span(Agent, "stray", 3, 0, 2, 9)),
            log(77, 5, "of nobody"),
        ]));
        let own = trace.spans.iter().find(|span| span.name == "root").unwrap();
        assert_eq!(own.logs.len(), 1);
    }

    #[test]
    fn later_facts_complete_earlier_ones() {
        let changed = SessionFacts {
            id: SESSION,
            tags: vec!["demo".into()],
            ..SessionFacts::default()
        };
        let end = SessionFacts {
            end: Some(START + 5),
            end_state: Some(EndState::Error),
            end_state_reason: Some("out of luck".into()),
            ..started()
        };
        let again = SessionFacts {
            end: Some(START + 9),
            end_state: Some(EndState::Success),
            ..started()
        };
        let trace = only(traces([started(), changed, end.clone(), again].map(said)));
        let expected = SessionFacts {
            tags: vec!["demo".into()],
            ..end
        };
        assert_eq!(trace.session.facts, expected);
        assert_eq!(trace.session.state, SessionState::Ended);
        assert_eq!(
            (
                trace.session.service.as_str(),
                trace.session.project.as_str()
            ),
            ("research_team", "default")
        );
    }

    #[test]
    fn a_session_without_end_runs_until_its_process_is_gone() {
        let mut running = traces([
            said(started()),
            open(span(Session, "research_team", 1, 0, 0, 0)),
        ]);
        assert_eq!(only(running.clone()).session.state, SessionState::Running);

        running.mark_lost(SESSION);
        let lost = only(running.clone()).session;
        assert_eq!(lost.state, SessionState::Lost);
        assert_eq!(lost.facts.end_state, Some(EndState::Indeterminate));
        assert_eq!(
            lost.facts.end_state_reason.as_deref(),
            Some("process ended")
        );

        // The root's END says what the facts could not say any more.
        running.apply(
            &resource(),
            ended(span(Session, "research_team", 1, 0, 0, 9)),
        );
        let ended = only(running).session;
        assert_eq!(ended.state, SessionState::Ended);
        assert_eq!(ended.facts.end, Some(START + 9_000));
        assert_eq!(ended.facts.end_state, Some(EndState::Success));
    }

    #[test]
    fn a_foreign_trace_is_a_session_of_its_own() {
        let foreign = |name: &str, id, parent, start, end| {
            let mut span = span(Llm, name, id, parent, start, end);
            span.session_id = SessionId::default();
            span.trace_id.0 = 0xabc;
            span.agent = None;
            span
        };
        let events = [
            ended(foreign("GET", 5, 4, 20, 30)),
            ended(foreign("POST /chat", 4, 99, 10, 40)),
        ];
        let trace = only(traces(events.clone()));
        let facts = &trace.session.facts;
        assert_eq!(facts.id, SessionId(0xabc));
        assert_eq!(facts.name, "POST /chat");
        assert_eq!(
            (facts.start, facts.end),
            (START + 10_000, Some(START + 40_000))
        );
        assert_eq!(facts.end_state, Some(EndState::Success));
        assert!(trace.spans.iter().all(|span| span.session_id == facts.id));

        let trace = only(traces(
            events
                .into_iter()
                .chain([open(foreign("more", 6, 4, 25, 0))]),
        ));
        assert_eq!(trace.session.state, SessionState::Running);
    }

    #[test]
    fn a_trace_is_what_its_root_is_whatever_its_clock_says() {
        let by_clock = |root: Option<Span>| {
            let mut inner = span(Tool, "inner", 3, 2, 5, 20);
            inner.status = Status::Error;
            let spans = [inner, span(Agent, "outer", 2, 1, 10, 40)];
            let mut all: Vec<Event> = spans.into_iter().map(ended).collect();
            all.extend(root.map(ended));
            let facts = only(traces(all)).session.facts;
            (facts.name, facts.end_state)
        };
        let root = span(Agent, "run", 1, 0, 15, 50);
        assert_eq!(
            by_clock(Some(root)),
            ("run".into(), Some(EndState::Success))
        );
        assert_eq!(by_clock(None), ("outer".into(), Some(EndState::Success)));
    }

    #[test]
    fn errors_learn_what_was_around_them() {
        let mut told = failed("E", "", span(Tool, "told", 4, 2, 3, 4));
        if let Some(error) = &mut told.error {
            error.span_trace = vec!["by its recorder".into()];
        }
        let trace = only(traces([
            ended(span(Session, "root", 1, 0, 0, 9)),
            ended(span(Agent, "planner", 2, 1, 1, 8)),
            ended(failed("NotFound", "", span(Tool, "grep", 3, 2, 2, 3))),
            ended(told),
        ]));
        let span_trace = |at: usize| {
            trace.spans[at]
                .error
                .as_ref()
                .map(|error| error.span_trace.clone())
        };
        assert_eq!(
            span_trace(2).as_deref(),
            Some(&["root", "planner", "grep"].map(String::from)[..])
        );
        assert_eq!(
            span_trace(3).as_deref(),
            Some(&["by its recorder".to_owned()][..])
        );
    }

    #[test]
    fn losses_are_counted_where_they_may_have_happened() {
        let other = SessionId(5);
        let facts = |id, start, end| {
            said(SessionFacts {
                id,
                start,
                end,
                ..SessionFacts::default()
            })
        };
        let events = [
            facts(SESSION, 100, Some(200)),
            facts(other, 150, Some(300)),
            loss(Some(SESSION), 0, 1),
            loss(None, 120, 10),
            loss(None, 180, 100),
            loss(None, 900, 1_000),
            loss(Some(SessionId(77)), 0, 5),
        ];
        let traces = traces(events);
        let alone = traces.get(other).expect("it was told of");
        assert_eq!(alone.session.counts.dropped, 1_100);
        let dropped: Vec<_> = traces
            .finish()
            .iter()
            .map(|trace| (trace.session.facts.id, trace.session.counts.dropped))
            .collect();
        assert_eq!(dropped, [(other, 1_100), (SESSION, 111)]);
    }

    #[test]
    fn what_was_removed_is_no_loss_of_those_who_are_still_there() {
        let mut removed = loss(None, 120, 10);
        if let Event::Loss(loss) = &mut removed {
            loss.cause = LossCause::SpoolLimit;
        }
        let traces = traces([
            said(SessionFacts {
                id: SESSION,
                start: 100,
                ..SessionFacts::default()
            }),
            removed.clone(),
            removed,
        ]);
        assert_eq!(traces.removed(), 20);
        assert_eq!(only(traces).session.counts.dropped, 0);
    }
}
