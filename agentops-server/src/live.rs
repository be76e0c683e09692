//! What changes, told while it happens: every commit goes through here, and every page that watches listens here.
//!
//! Whoever comes back asks for what came after the last commit that it saw; where that is too long ago it is told to
//! start afresh. Knows what changed, never what it looks like.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

use crate::store::{Batch, Changes, Store, StoreError};

/// How many commits are remembered for those who come back.
const REMEMBERED: usize = 4_096;

/// How many commits a listener may be behind before it starts afresh.
const BEHIND: usize = 1_024;

/// The store, with everybody who watches it.
#[derive(Debug)]
pub struct Live {
    store: Arc<dyn Store>,
    sender: broadcast::Sender<Arc<Changes>>,
    recent: Mutex<VecDeque<Arc<Changes>>>,
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
        Self {
            store,
            sender: broadcast::Sender::new(BEHIND),
            recent: Mutex::default(),
        }
    }

    /// The store, to ask.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Takes in a batch, and tells who watches.
    pub fn commit(&self, batch: &Batch) -> Result<Arc<Changes>, StoreError> {
        // Held for as long as the commit takes, so that commits are told in their order.
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = Arc::new(self.store.commit(batch)?);
        self.tell(&mut recent, changes.clone());
        Ok(changes)
    }

    /// Tells who watches of a change that was made elsewhere.
    pub fn changed(&self, changes: Changes) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        self.tell(&mut recent, Arc::new(changes));
    }

    fn tell(&self, recent: &mut VecDeque<Arc<Changes>>, changes: Arc<Changes>) {
        if changes.sessions.is_empty() {
            return;
        }
        if recent.len() == REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(changes.clone());
        // Nobody may be listening.
        _ = self.sender.send(changes);
    }

    /// Listens from now on; with what came after the commit `seen`, if that is asked for.
    pub fn listen(&self, seen: Option<u64>) -> (Missed, broadcast::Receiver<Arc<Changes>>) {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = self.sender.subscribe();
        let Some(seen) = seen else {
            return (Missed::Commits(Vec::new()), receiver);
        };
        let oldest = recent.front().map(|changes| changes.sequence);
        let missed = match oldest {
            Some(oldest) if oldest <= seen + 1 => Missed::Commits(
                recent
                    .iter()
                    .filter(|changes| changes.sequence > seen)
                    .cloned()
                    .collect(),
            ),
            // Nothing has changed since this server began: then nothing was missed either, unless another wrote.
            None if self.store.sequence().is_ok_and(|now| now <= seen) => {
                Missed::Commits(Vec::new())
            }
            _ => Missed::TooMuch,
        };
        (missed, receiver)
    }
}
