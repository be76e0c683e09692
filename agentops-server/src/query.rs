//! The questions that people ask, as functions of the store.
//!
//! Every way of asking (command line, later HTTP and MCP) comes through here, so that all give the same answer.
//! `verdict`, `blame`, `loops`, `critical` and `context` are about one session, read once as a `Run`. Knows nothing of how
//! an answer is shown.

use agentops_core::model::id::SessionId;
use agentops_core::model::session::Session;
use agentops_core::model::trace::Trace;

use serde::Serialize;

use crate::store::{Condition, Store, StoreError, Wanted};

pub mod blame;
pub mod context;
pub mod critical;
mod export;
mod filter;
mod logs;
pub mod loops;
mod money;
mod run;
mod skeleton;
pub mod verdict;
mod whole;

pub use blame::blame;
pub use context::context;
pub use critical::critical_path;
pub use export::{Broken as ExportError, Export, Format};
pub use filter::{Filter, UnknownWord};
pub use logs::{LogCursor, LogPage, LogsWanted, logs};
pub use loops::loops;
pub use money::Spent;
pub use run::Run;
pub use skeleton::{Calls, Skeleton, skeleton};
pub use verdict::{Severity, Verdict, verdict};
pub use whole::{Left, Whole, span};

/// What there is to understand of a session, all of it from one reading. As short for 100,000 spans as for 100: of each
/// list what matters most is there, beside how much was left out.
#[derive(Debug, Serialize)]
pub struct Insight {
    pub verdict: Verdict,
    pub cost: blame::Blame,
    /// Those with the most rounds first.
    pub loops: Vec<loops::Loop>,
    pub loops_left_out: u64,
    pub critical_path: critical::CriticalPath,
    /// For each agent, what it sent with each model call; those that sent the most in one.
    pub context: Vec<context::Growth>,
    pub context_left_out: u64,
}

/// How many loops are told of.
const LOOPS: usize = 100;

/// What became of a session, and where its money and its time went.
pub fn insight(store: &dyn Store, id: SessionId) -> Result<Option<Insight>, StoreError> {
    let Some(run) = Run::read(store, id)? else {
        return Ok(None);
    };
    let mut cost = blame::of(store, &run)?;
    cost.shorten();
    let mut loops = loops::of(&run);
    let loops_left_out = cut(&mut loops, LOOPS);
    let mut critical_path = critical::of(&run);
    critical_path.shorten();
    let mut context = context::of(&run);
    let context_left_out = context::shorten(&mut context);
    Ok(Some(Insight {
        verdict: verdict::of(store, &run)?,
        cost,
        loops,
        loops_left_out,
        critical_path,
        context,
        context_left_out,
    }))
}

/// Keeps the first of a list; how many that left out.
fn cut<T>(list: &mut Vec<T>, most: usize) -> u64 {
    let left_out = list.len().saturating_sub(most);
    list.truncate(most);
    left_out as u64
}

/// How many spans are asked for at once.
const PAGE: usize = 2_000;

/// Why an id does not name one session.
#[derive(Debug)]
pub enum Unresolved {
    /// There is no session at all.
    NothingRecorded,
    /// None has such an id.
    Unknown,
    /// Several have; newest first.
    Ambiguous(Vec<Session>),
}

/// Whether there is no session at all.
pub fn is_empty(store: &dyn Store) -> Result<bool, StoreError> {
    let any = Wanted {
        limit: 1,
        foreign: true,
        ..Wanted::default()
    };
    Ok(store.sessions(&any)?.sessions.is_empty())
}

/// The session that is meant: `last`, an id, or a unique start or end of one, hyphens and case aside.
pub fn resolve(store: &dyn Store, id: &str) -> Result<Result<SessionId, Unresolved>, StoreError> {
    if is_empty(store)? {
        return Ok(Err(Unresolved::NothingRecorded));
    }
    if id == "last" {
        return Ok(last(store)?.ok_or(Unresolved::Unknown));
    }
    let digits: String = id.trim().chars().filter(|c| *c != '-').collect();
    // A whole id needs no search, whether it is there or not.
    if digits.len() == 32
        && let Ok(id) = digits.parse()
    {
        let there = store.version(id)?.is_some();
        return Ok(there.then_some(id).ok_or(Unresolved::Unknown));
    }
    let mut found = store.matching(&digits)?;
    Ok(match found.len() {
        0 => Err(Unresolved::Unknown),
        1 => Ok(found.remove(0)),
        _ => {
            let mut sessions = Vec::new();
            for id in found {
                sessions.extend(store.session(id)?);
            }
            Err(Unresolved::Ambiguous(sessions))
        }
    })
}

/// The newest session that no other session started; the newest of all where each was.
fn last(store: &dyn Store) -> Result<Option<SessionId>, StoreError> {
    let newest = |conditions| {
        let wanted = Wanted {
            conditions,
            limit: 1,
            foreign: true,
            ..Wanted::default()
        };
        let mut page = store.sessions(&wanted)?;
        Ok::<_, StoreError>(page.sessions.pop().map(|session| session.facts.id))
    };
    match newest(vec![Condition::Root])? {
        Some(id) => Ok(Some(id)),
        None => newest(Vec::new()),
    }
}

/// A session with all its spans, in the order of its tree.
pub fn trace(store: &dyn Store, id: SessionId) -> Result<Option<Trace>, StoreError> {
    let Some(session) = store.session(id)? else {
        return Ok(None);
    };
    let mut spans = Vec::new();
    let mut after = None;
    loop {
        let page = store.spans(id, after, PAGE)?;
        let Some(last) = page.last() else {
            return Ok(Some(Trace::assemble(session, spans)));
        };
        after = Some((last.start, last.id));
        spans.extend(page);
    }
}
