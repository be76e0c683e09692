//! What found no room in a ring, counted by the scope that it was of.
//!
//! Written where recording gives up, read by the processor, which knows the session behind a scope. Whoever counts
//! does not wait for long: a lock that stays taken, as in a forked child, costs the scope and not the count.

use std::sync::MutexGuard;

use crate::sync::fixed::{AtomicU64, Mutex};
use crate::sync::{Padded, Relaxed};

/// Scopes that are told apart between two looks of the processor.
const SCOPES: usize = 256;
/// How often the lock is tried.
const TRIES: u32 = 100;

static BY_SCOPE: Mutex<Vec<(u64, Lost)>> = Mutex::new(Vec::new());
static SPANS: Padded<AtomicU64> = Padded(AtomicU64::new(0));
static CONTENTS: Padded<AtomicU64> = Padded(AtomicU64::new(0));

/// How much of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lost {
    /// Spans of which there is nothing.
    pub(crate) spans: u64,
    /// What spans that are there would have carried.
    pub(crate) contents: u64,
}

/// Counts a span that was not written.
#[cold]
pub(super) fn span(scope: u64) {
    let counted = count(scope, |lost| lost.spans += 1);
    if !counted {
        SPANS.0.fetch_add(1, Relaxed);
    }
}

/// Counts something that was said of a span and was not written.
#[cold]
pub(super) fn content(scope: u64) {
    let counted = count(scope, |lost| lost.contents += 1);
    if !counted {
        CONTENTS.0.fetch_add(1, Relaxed);
    }
}

fn count(scope: u64, add: impl FnOnce(&mut Lost)) -> bool {
    let Some(mut scopes) = (0..TRIES).find_map(try_lock) else {
        return false;
    };
    let at = scopes.iter().rposition(|(known, _)| *known == scope);
    match at {
        Some(at) => add(&mut scopes[at].1),
        None if scopes.len() < SCOPES => {
            let mut lost = Lost::default();
            add(&mut lost);
            scopes.push((scope, lost));
        }
        None => return false,
    }
    true
}

fn try_lock(tries: u32) -> Option<MutexGuard<'static, Vec<(u64, Lost)>>> {
    if tries > TRIES / 2 {
        std::thread::yield_now();
    }
    BY_SCOPE.try_lock().ok()
}

/// What was counted since this was last asked, by scope; scope 0 is any.
pub(crate) fn take() -> Vec<(u64, Lost)> {
    let scopes = (0..TRIES).find_map(try_lock);
    let mut all = scopes.map_or_else(Vec::new, |mut scopes| std::mem::take(&mut *scopes));
    let any = Lost {
        spans: SPANS.0.swap(0, Relaxed),
        contents: CONTENTS.0.swap(0, Relaxed),
    };
    if any != Lost::default() {
        all.push((0, any));
    }
    all
}
