//! What changes, told while it happens: every commit goes through here, and every page that watches listens here.
//!
//! Whoever comes back asks for what came after the last commit that it saw; where that is too long ago it is told to
//! start afresh. What another process writes is noticed, and told without its details. Knows what changed, never what
//! it looks like.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentops_core::model::id::SessionId;
use tokio::sync::broadcast;

use crate::store::{Batch, Changes, Store, StoreError};

/// How many commits are remembered for those who come back.
const REMEMBERED: usize = 4_096;

/// How many commits a listener may be behind before it starts afresh.
const BEHIND: usize = 1_024;

/// How many sessions may have changed unseen before whoever comes back starts afresh.
const UNSEEN: usize = 500;

/// The store, with everybody who watches it.
#[derive(Debug)]
pub struct Live {
    store: Arc<dyn Store>,
    sender: broadcast::Sender<Arc<Changes>>,
    /// Held from a commit until it is told, so that commits are told in their order: for as long as the store takes, so
    /// that whoever only listens never waits for it.
    writing: Mutex<()>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    recent: VecDeque<Arc<Changes>>,
    /// The last commit that was told, or was there when this began.
    sequence: u64,
    /// What came before this is not remembered.
    since: u64,
}

/// Somebody who watches from now on.
#[derive(Debug)]
pub struct Listener {
    /// What it has missed.
    pub missed: Missed,
    /// The last commit before what it will be told.
    pub sequence: u64,
    /// What is told.
    pub changes: broadcast::Receiver<Arc<Changes>>,
}

/// What somebody who watches has missed.
#[derive(Debug, PartialEq, Eq)]
pub enum Missed {
    /// These commits, in their order.
    Commits(Vec<Arc<Changes>>),
    /// More than is remembered.
    TooMuch,
}

impl Live {
    /// Watches what goes into `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        // A store that cannot say has told nobody anything.
        let sequence = store.sequence().unwrap_or(0);
        Self {
            store,
            sender: broadcast::Sender::new(BEHIND),
            writing: Mutex::default(),
            told: Mutex::new(Told {
                recent: VecDeque::new(),
                sequence,
                since: sequence,
            }),
        }
    }

    /// The store, to ask.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Takes in a batch, and tells who watches.
    pub fn commit(&self, batch: &Batch) -> Result<Arc<Changes>, StoreError> {
        self.change(|store| store.commit(batch))
    }

    /// Hides sessions, and tells who watches.
    pub fn hide(&self, ids: &[SessionId], grace: Duration) -> Result<Arc<Changes>, StoreError> {
        self.change(|store| store.hide(ids, grace))
    }

    /// Brings sessions back, and tells who watches.
    pub fn unhide(&self, ids: &[SessionId]) -> Result<Arc<Changes>, StoreError> {
        self.change(|store| store.unhide(ids))
    }

    /// Makes the sums that lag, and tells who watches.
    pub fn settle(&self, all: bool) -> Result<(), StoreError> {
        self.change(|store| store.settle(all)).map(drop)
    }

    /// Tells who watches of what other processes wrote.
    pub fn catch_up(&self) -> Result<(), StoreError> {
        let _writing = self.writing();
        let seen = self.told().sequence;
        let now = self.store.sequence()?;
        if now > seen {
            let elsewhere = self.unseen(seen)?;
            self.tell(&mut self.told(), elsewhere, now);
        }
        Ok(())
    }

    fn change(
        &self,
        work: impl FnOnce(&dyn Store) -> Result<Changes, StoreError>,
    ) -> Result<Arc<Changes>, StoreError> {
        let _writing = self.writing();
        let mut changes = work(&*self.store)?;
        let (seen, sequence) = (self.told().sequence, changes.sequence);
        if sequence > seen + 1 {
            // Another process wrote in between: before this, as nobody writes twice at once.
            match self.unseen(seen)? {
                Some(unseen) => changes.elsewhere.extend(unseen),
                None => self.tell(&mut self.told(), None, sequence - 1),
            }
        }
        let changes = Arc::new(changes);
        self.pass_on(&mut self.told(), changes.clone());
        Ok(changes)
    }

    /// Sessions that changed after a commit; `None` where those are too many to name.
    fn unseen(&self, after: u64) -> Result<Option<Vec<SessionId>>, StoreError> {
        let changed = self.store.changed(after, UNSEEN)?;
        let few = changed.filter(|changed| changed.len() < UNSEEN);
        Ok(few.map(|few| few.into_iter().map(|(id, _)| id).collect()))
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, told: &mut Told, elsewhere: Option<Vec<SessionId>>, sequence: u64) {
        match elsewhere {
            Some(elsewhere) => {
                let changes = Changes {
                    sequence,
                    elsewhere,
                    ..Changes::default()
                };
                self.pass_on(told, Arc::new(changes));
            }
            None => {
                // Whoever listens starts afresh, and so does whoever comes back.
                told.recent.clear();
                (told.sequence, told.since) = (sequence, sequence);
                _ = self.sender.send(Arc::new(Changes {
                    sequence,
                    ..Changes::default()
                }));
            }
        }
    }

    fn pass_on(&self, told: &mut Told, changes: Arc<Changes>) {
        told.sequence = told.sequence.max(changes.sequence);
        if changes.sessions.is_empty() && changes.elsewhere.is_empty() {
            return;
        }
        if told.recent.len() == REMEMBERED {
            told.since = told
                .recent
                .pop_front()
                .map_or(told.since, |oldest| oldest.sequence);
        }
        told.recent.push_back(changes.clone());
        // Nobody may be listening.
        _ = self.sender.send(changes);
    }

    /// Listens from now on; with what came after the commit `seen`, if that is asked for.
    pub fn listen(&self, seen: Option<u64>) -> Listener {
        let told = self.told();
        let missed = match seen {
            None => Missed::Commits(Vec::new()),
            // Of another store, or of one that was put back.
            Some(seen) if seen > told.sequence => Missed::TooMuch,
            Some(seen) => {
                let mut missed = Vec::new();
                let mut known = true;
                if seen < told.since {
                    match self.unseen(seen) {
                        Ok(Some(elsewhere)) => missed.push(Arc::new(Changes {
                            sequence: told.since,
                            elsewhere,
                            ..Changes::default()
                        })),
                        _ => known = false,
                    }
                }
                let recent = told.recent.iter();
                missed.extend(recent.filter(|changes| changes.sequence > seen).cloned());
                if known {
                    Missed::Commits(missed)
                } else {
                    Missed::TooMuch
                }
            }
        };
        Listener {
            missed,
            sequence: told.sequence,
            changes: self.sender.subscribe(),
        }
    }
}
