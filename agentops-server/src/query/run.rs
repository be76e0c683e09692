//! One session as the questions about it see it: its thin rows as a tree, with their sums.
//!
//! Read once and asked many things; whole spans are fetched one by one where their words are needed. Everything here
//! holds for any rows at all: circles are cut, parents may be missing, times may be absurd.

use std::collections::HashMap;

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::rollup::{self, Entry, Rollup};
use agentops_core::model::session::Session;
use agentops_core::model::span::{SpanKind, Status};
use agentops_core::model::time::UnixNanos;
use agentops_core::model::trace;

use crate::store::{Row, Store, StoreError};

/// A session with what is known of its spans without their payloads.
#[derive(Debug)]
pub struct Run {
    pub session: Session,
    /// The commit that it is as of.
    pub sequence: u64,
    pub(super) rows: Vec<Row>,
    pub(super) sums: Rollup,
    parents: Vec<Option<usize>>,
    /// Children of each row, by its place here; those of nobody are at the end. All by start.
    children: Vec<usize>,
    firsts: Vec<usize>,
    /// Parents before children, each with all beneath it in one piece.
    order: Vec<usize>,
    /// Where a row is in that order, and where what is beneath it ends.
    spots: Vec<(usize, usize)>,
}

impl Run {
    /// Reads a session; `None` where there is none such.
    pub fn read(store: &dyn Store, id: SessionId) -> Result<Option<Self>, StoreError> {
        let Some(session) = store.session(id)? else {
            return Ok(None);
        };
        let Some(outline) = store.outline(id)? else {
            return Ok(None);
        };
        Ok(Some(Self::new(session, outline.sequence, outline.rows)))
    }

    /// Puts rows, in any order, together.
    #[must_use]
    pub fn new(session: Session, sequence: u64, mut rows: Vec<Row>) -> Self {
        rows.sort_by_key(|row| (row.start, row.id));
        let sums = sums(&rows, session.facts.root);
        let parents = parents(&rows);
        let (children, firsts) = children(&parents);
        let mut run = Self {
            session,
            sequence,
            rows,
            sums,
            parents,
            children,
            firsts,
            order: Vec::new(),
            spots: Vec::new(),
        };
        run.walk();
        run
    }

    fn walk(&mut self) {
        let mut order = Vec::with_capacity(self.rows.len());
        let mut spots = vec![(0, 0); self.rows.len()];
        let mut stack: Vec<usize> = self.beneath(None).iter().rev().copied().collect();
        while let Some(at) = stack.pop() {
            spots[at].0 = order.len();
            order.push(at);
            stack.extend(self.beneath(Some(at)).iter().rev());
        }
        let mut sizes = vec![1_usize; self.rows.len()];
        for &at in order.iter().rev() {
            spots[at].1 = spots[at].0 + sizes[at];
            if let Some(parent) = self.parents[at] {
                sizes[parent] += sizes[at];
            }
        }
        (self.order, self.spots) = (order, spots);
    }

    /// The children of a row, or of nobody, by start.
    pub(super) fn beneath(&self, at: Option<usize>) -> &[usize] {
        let at = at.unwrap_or(self.rows.len());
        &self.children[self.firsts[at]..self.firsts[at + 1]]
    }

    pub(super) fn parent(&self, at: usize) -> Option<usize> {
        self.parents[at]
    }

    /// What is around a row, from its parent outwards.
    pub(super) fn around(&self, at: usize) -> impl Iterator<Item = usize> + Clone + '_ {
        std::iter::successors(self.parents[at], |&at| self.parents[at])
    }

    /// Parents before children.
    pub(super) fn downwards(&self) -> &[usize] {
        &self.order
    }

    /// A row and all beneath it; of nobody, all rows.
    pub(super) fn within(&self, at: Option<usize>) -> &[usize] {
        match at {
            Some(at) => &self.order[self.spots[at].0..self.spots[at].1],
            None => &self.order,
        }
    }

    pub(super) fn find(&self, id: SpanId) -> Option<usize> {
        self.rows.iter().position(|row| row.id == id)
    }

    /// The span that all of it ran in is not there.
    pub(super) fn lacks_root(&self) -> bool {
        let entries: Vec<Entry<'_>> = self.rows.iter().map(Row::entry).collect();
        self.session.facts.root.is_none() && trace::lacks_root(&entries)
    }

    /// It ended as a failure of its own: what was cancelled did not fail.
    pub(super) fn failed(&self, at: usize) -> bool {
        let row = &self.rows[at];
        row.status == Status::Error && !row.cancelled && !row.open
    }

    /// The session's own span, or one that stands for it.
    pub(super) fn is_session(&self, at: usize) -> bool {
        self.rows[at].kind == SpanKind::Session || self.session.facts.root == Some(self.rows[at].id)
    }

    pub(super) fn end(&self, at: usize) -> UnixNanos {
        self.rows[at].end.unwrap_or(self.rows[at].start)
    }

    /// From the session's start.
    pub(super) fn offset(&self, at: UnixNanos) -> u64 {
        at.saturating_sub(self.start())
    }

    pub(super) fn start(&self) -> UnixNanos {
        match self.session.facts.start {
            0 => self.rows.first().map_or(0, |row| row.start),
            start => start,
        }
    }

    /// The last thing that was heard of it.
    pub(super) fn last(&self) -> UnixNanos {
        let times = self.rows.iter().map(|row| row.end.unwrap_or(row.start));
        let end = self.session.facts.end.unwrap_or(0);
        times.chain([end, self.start()]).max().unwrap_or(0)
    }
}

impl Row {
    /// What of it sums are made of.
    #[must_use]
    pub fn entry(&self) -> Entry<'_> {
        Entry {
            id: self.id,
            parent_id: self.parent_id,
            kind: self.kind,
            name: &self.name,
            status: self.status,
            cancelled: self.cancelled,
            open: self.open,
            start: self.start,
            end: self.end,
            agent: self.agent.as_deref().filter(|_| !self.inherits),
            model: self.model.as_deref(),
            usage: self.usage,
            cost: self.cost,
            is_cost_estimated: self.is_cost_estimated,
            tool_cost: self.tool_cost,
        }
    }
}

/// The sums, made in the order in which the session's own were, which matters where spans stand in a circle.
fn sums(rows: &[Row], root: Option<SpanId>) -> Rollup {
    let root = rows.iter().position(|row| Some(row.id) == root);
    let mut entries: Vec<Entry<'_>> = rows.iter().map(Row::entry).collect();
    if let Some(root) = root {
        entries[..=root].rotate_right(1);
    }
    let mut sums = rollup::sum(&entries);
    if let Some(root) = root {
        sums.spans[..=root].rotate_left(1);
    }
    sums
}

/// Who is beneath whom; one of each circle is beneath nobody.
fn parents(rows: &[Row]) -> Vec<Option<usize>> {
    let mut places = HashMap::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        places.entry(row.id).or_insert(at);
    }
    let mut parents: Vec<Option<usize>> = rows
        .iter()
        .map(|row| places.get(&row.parent_id?).copied())
        .collect();
    // A walk upwards that comes back to where it was has found a circle; one that meets an earlier walk has not.
    let mut walks = vec![usize::MAX; rows.len()];
    for first in 0..rows.len() {
        let mut at = first;
        while walks[at] == usize::MAX {
            walks[at] = first;
            match parents[at] {
                Some(parent) if walks[parent] == first => parents[at] = None,
                Some(parent) => at = parent,
                None => break,
            }
        }
    }
    parents
}

/// The children of each, one after another, and where each one's begin.
fn children(parents: &[Option<usize>]) -> (Vec<usize>, Vec<usize>) {
    let nobody = parents.len();
    let mut firsts = vec![0; nobody + 2];
    for parent in parents {
        firsts[parent.unwrap_or(nobody) + 1] += 1;
    }
    for at in 1..firsts.len() {
        firsts[at] += firsts[at - 1];
    }
    let mut next = firsts.clone();
    let mut children = vec![0; parents.len()];
    for (at, parent) in parents.iter().enumerate() {
        let place = &mut next[parent.unwrap_or(nobody)];
        children[*place] = at;
        *place += 1;
    }
    (children, firsts)
}
