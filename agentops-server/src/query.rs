//! The questions that people ask, as functions of the store.
//!
//! Every way of asking (command line, later HTTP and MCP) comes through here, so that all give the same answer.
//! Knows nothing of how an answer is shown.

use agentops_core::model::trace::Trace;

use crate::store::Store;

mod filter;

pub(crate) use filter::Filter;

/// Why an id does not name one session.
#[derive(Debug)]
pub(crate) enum Unresolved<'a> {
    /// There is no session at all.
    NothingRecorded,
    /// None has such an id.
    Unknown,
    /// Several have; newest first.
    Ambiguous(Vec<&'a Trace>),
}

/// The sessions that fit, newest first.
pub(crate) fn sessions<'a>(store: &'a Store, filter: &Filter) -> Vec<&'a Trace> {
    store
        .traces()
        .iter()
        .filter(|trace| filter.fits(&trace.session))
        .collect()
}

/// The session that is meant: `last`, an id, or a unique start or end of one, hyphens and case aside.
pub(crate) fn resolve<'a>(store: &'a Store, id: &str) -> Result<&'a Trace, Unresolved<'a>> {
    if store.is_empty() {
        return Err(Unresolved::NothingRecorded);
    }
    if id == "last" {
        return last(store).ok_or(Unresolved::Unknown);
    }
    let wanted: String = id
        .trim()
        .chars()
        .filter(|c| *c != '-')
        .collect::<String>()
        .to_ascii_lowercase();
    if wanted.is_empty() {
        return Err(Unresolved::Unknown);
    }
    let fits = |trace: &&Trace| {
        let id = format!("{:032x}", trace.session.facts.id.0);
        // The list shows an id's last eight digits: how those begin is a way to say it too.
        id.starts_with(&wanted)
            || id.ends_with(&wanted)
            || id[id.len().saturating_sub(8)..].starts_with(&wanted)
    };
    let mut found: Vec<&Trace> = store.traces().iter().filter(fits).collect();
    match found.len() {
        0 => Err(Unresolved::Unknown),
        1 => Ok(found.remove(0)),
        _ => Err(Unresolved::Ambiguous(found)),
    }
}

/// The newest session that no other session started; the newest of all where each was.
fn last(store: &Store) -> Option<&Trace> {
    let is_root = |trace: &&Trace| trace.session.facts.parent_session_id.is_none();
    store
        .traces()
        .iter()
        .find(is_root)
        .or(store.traces().first())
}
