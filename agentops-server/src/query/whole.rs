//! A session with all its spans, a page at a time: no session is too large to be written out.
//!
//! Where each span stands, and what its place says of it, comes from the outline; the spans themselves are read as they
//! are asked for. Nothing of the store is held in between. What is read is as [`super::trace`] gives it.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Kept;

use agentops_core::model::agent::AgentRef;
use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::rollup::{self, Entry};
use agentops_core::model::session::Session;
use agentops_core::model::span::Span;
use agentops_core::model::trace::{self, Arrangement};

use crate::store::{Outline, Row, Store, StoreError};

/// How many spans are read at once.
const PAGE: usize = 500;

/// A session, and how far its spans were read.
#[derive(Debug)]
pub struct Whole {
    pub session: Session,
    outline: Outline,
    arranged: Arrangement,
    /// Usage that only repeats what spans beneath say, by place.
    repeats: Vec<bool>,
    /// Which span says whose each is, by place.
    owners: Vec<Option<usize>>,
    /// The agents of those that were read so far.
    agents: HashMap<usize, Option<AgentRef>>,
    at: usize,
}

/// What is left of a session.
#[derive(Debug)]
pub enum Left {
    /// The next spans.
    Spans(Vec<Span>),
    /// There are no more.
    Nothing,
    /// It was deleted while it was read.
    Deleted,
}

impl Whole {
    /// A session, before its first span; `None` where there is none.
    pub fn of(store: &dyn Store, id: SessionId) -> Result<Option<Self>, StoreError> {
        let (Some(session), Some(outline)) = (store.session(id)?, store.outline(id)?) else {
            return Ok(None);
        };
        let arranged = arrange(&outline, session.facts.root);
        let entries: Vec<Entry<'_>> = arranged
            .sequence
            .iter()
            .map(|&at| entry(&outline.rows[at]))
            .collect();
        let sums = rollup::sum(&entries);
        let repeats = sums.spans.iter().map(|sums| !sums.counts_usage);
        Ok(Some(Self {
            repeats: repeats.collect(),
            owners: sums.owners,
            agents: HashMap::new(),
            session,
            outline,
            arranged,
            at: 0,
        }))
    }

    /// How many spans there are, and how many were read.
    pub fn progress(&self) -> (usize, usize) {
        (self.outline.rows.len(), self.at)
    }

    /// The next spans: parents before children, siblings by start.
    pub fn next(&mut self, store: &dyn Store) -> Result<Left, StoreError> {
        let until = (self.at + PAGE).min(self.outline.rows.len());
        if self.at == until {
            return Ok(Left::Nothing);
        }
        let places = self.at..until;
        let ids: Vec<SpanId> = places.clone().map(|place| self.row(place).id).collect();
        let mut spans = store.some_spans(self.session.facts.id, &ids)?;
        if spans.len() < ids.len() {
            return Ok(Left::Deleted);
        }
        for (place, span) in places.zip(&mut spans) {
            self.place(store, place, span)?;
        }
        self.at = until;
        Ok(Left::Spans(spans))
    }

    fn row(&self, place: usize) -> &Row {
        &self.outline.rows[self.arranged.sequence[place]]
    }

    /// Tells a span what only its place says.
    fn place(
        &mut self,
        store: &dyn Store,
        place: usize,
        span: &mut Span,
    ) -> Result<(), StoreError> {
        if let Some(owner) = self.owners[place].filter(|&owner| owner != place) {
            let id = self.row(owner).id;
            span.agent = match self.agents.entry(owner) {
                Kept::Occupied(agent) => agent.get().clone(),
                Kept::Vacant(unread) => unread
                    .insert(agent(store, self.session.facts.id, id)?)
                    .clone(),
            };
        }
        if self.arranged.broken.binary_search(&place).is_ok() {
            span.parent_id = None;
        }
        if let Some(usage) = span.llm.as_mut().and_then(|llm| llm.usage.as_mut()) {
            usage.reported = self.repeats[place];
        }
        if let Some(error) = &mut span.error
            && error.span_trace.is_empty()
        {
            let name = |place: usize| self.row(place).name.as_ref().to_owned();
            error.span_trace = trace::span_trace(place, &self.arranged.parents, name);
        }
        Ok(())
    }
}

/// Whom a span names as its agent.
fn agent(
    store: &dyn Store,
    session: SessionId,
    span: SpanId,
) -> Result<Option<AgentRef>, StoreError> {
    Ok(store.span(session, span)?.and_then(|span| span.agent))
}

/// One span of a session, as it stands among the others.
pub fn span(store: &dyn Store, session: SessionId, id: SpanId) -> Result<Option<Span>, StoreError> {
    let Some(mut span) = store.span(session, id)? else {
        return Ok(None);
    };
    if !place_alone(store, session, &mut span)?
        && let Some(mut whole) = Whole::of(store, session)?
    {
        let place = (0..whole.outline.rows.len()).find(|&place| whole.row(place).id == id);
        if let Some(place) = place {
            whole.place(store, place, &mut span)?;
        }
    }
    Ok(Some(span))
}

/// So many spans around one are looked at one by one.
const STEPS: usize = 1_000;

/// Tells a span what only its place says, from the spans around it; `false` where that takes all of the session.
fn place_alone(store: &dyn Store, session: SessionId, span: &mut Span) -> Result<bool, StoreError> {
    let (mut ids, mut names) = (vec![span.id], vec![span.name.clone()]);
    let mut parent = span.parent_id;
    let mut owner = None;
    while let Some(id) = parent {
        // Where a circle is cut is decided over all of it.
        if ids.contains(&id) || ids.len() > STEPS {
            return Ok(false);
        }
        let Some(row) = store.rows(session, &[id])?.pop() else {
            break;
        };
        ids.push(id);
        names.push(row.name.as_ref().to_owned());
        parent = row.parent_id;
        if owner.is_none() && row.agent.is_some() && !row.inherits {
            owner = Some(id);
        }
    }
    if let Some(owner) = owner.filter(|_| span.agent.is_none()) {
        span.agent = agent(store, session, owner)?;
    }
    if let Some(usage) = span.llm.as_mut().and_then(|llm| llm.usage.as_mut()) {
        let Some(counts) = store.counts_usage(session, span.id)? else {
            return Ok(false);
        };
        usage.reported = !counts;
    }
    if let Some(error) = &mut span.error
        && error.span_trace.is_empty()
    {
        let parents: Vec<Option<usize>> = (1..=names.len())
            .map(|at| Some(at).filter(|at| *at < names.len()))
            .collect();
        error.span_trace = trace::span_trace(0, &parents, |at| names[at].clone());
    }
    Ok(true)
}

/// The places of an outline's rows.
pub(super) fn arrange(outline: &Outline, root: Option<SpanId>) -> Arrangement {
    let rows = outline.rows.iter();
    let spans: Vec<_> = rows.map(|row| (row.id, row.parent_id, row.start)).collect();
    trace::arrange(&spans, root)
}

/// What sums are made of.
pub(super) fn entry(row: &Row) -> Entry<'_> {
    Entry {
        // Sums by span say nothing of it.
        is_cost_estimated: false,
        ..row.entry()
    }
}
