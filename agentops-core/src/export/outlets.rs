//! Every place that batches go to, which may change while the processor runs.
//!
//! The processor delivers here; exporters come and go with the guard that named them, taps with the tests that look.
//! Knows neither who asked for a place nor what becomes of a batch in it.

use std::sync::{Arc, Weak};
use std::time::Instant;

use super::Outlet;
use crate::process::batch::Batch;
use crate::process::redact::Redactor;
use crate::process::ticket::Ticket;
use crate::sync::fixed::{Mutex, lock};

/// The places, shared by who adds to them and who delivers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outlets(Arc<Mutex<Places>>);

#[derive(Debug, Default)]
struct Places {
    exporters: Vec<Outlet>,
    taps: Vec<Weak<Tap>>,
    /// By what else what is delivered is to be redacted from now on.
    redactor: Option<Redactor>,
}

/// Keeps all batches that are delivered while it lives: without a thread, and without a bound.
#[derive(Debug, Default)]
pub(crate) struct Tap(Mutex<Vec<Arc<Batch>>>);

impl Tap {
    /// What has come so far.
    pub(crate) fn take(&self) -> Vec<Arc<Batch>> {
        std::mem::take(&mut *lock(&self.0))
    }
}

impl Outlets {
    pub(crate) fn add(&self, exporters: Vec<Outlet>) {
        lock(&self.0).exporters.extend(exporters);
    }

    pub(crate) fn tap(&self) -> Arc<Tap> {
        let tap = Arc::new(Tap::default());
        lock(&self.0).taps.push(Arc::downgrade(&tap));
        tap
    }

    pub(crate) fn deliver(&self, batch: &Arc<Batch>) {
        // Delivering may wait for an exporter, and adding a place must not.
        let exporters = {
            let mut places = lock(&self.0);
            places.taps.retain(|tap| match tap.upgrade() {
                Some(tap) => {
                    lock(&tap.0).push(batch.clone());
                    true
                }
                None => false,
            });
            // Where the rules are about to change, this was made by the old ones, and who is here now came with the new.
            match places.redactor {
                None => places.exporters.clone(),
                Some(_) => Vec::new(),
            }
        };
        exporters.iter().for_each(|outlet| outlet.deliver(batch));
    }

    /// Whoever is here now is given only what these rules have been applied to.
    pub(crate) fn redact_by(&self, redactor: Redactor) {
        lock(&self.0).redactor = Some(redactor);
    }

    /// Whether other rules are to hold from now on.
    pub(crate) fn has_new_rules(&self) -> bool {
        lock(&self.0).redactor.is_some()
    }

    /// The rules that hold from now on, where they have changed: for who has delivered all that it made by the old ones.
    pub(crate) fn new_rules(&self) -> Option<Redactor> {
        lock(&self.0).redactor.take()
    }

    /// `whole`: nothing was lost on the way here since the last flush.
    pub(crate) fn flush(&self, ticket: &Arc<Ticket>, whole: impl FnOnce() -> bool) {
        if ticket.ends_before_exporters() {
            return ticket.expect(0);
        }
        let exporters = lock(&self.0).exporters.clone();
        ticket.expect(exporters.len() + 1);
        ticket.done(whole());
        exporters
            .iter()
            .for_each(|outlet| outlet.flush(ticket.clone()));
    }

    /// Delivers no more to exporters; what is being delivered may still arrive.
    pub(crate) fn take_exporters(&self) -> Vec<Outlet> {
        std::mem::take(&mut lock(&self.0).exporters)
    }

    /// Once closed, exporters leave what they could not hand over by then.
    pub(crate) fn leave_by(&self, deadline: Instant) {
        let exporters = lock(&self.0).exporters.clone();
        exporters
            .iter()
            .for_each(|outlet| outlet.leave_by(deadline));
    }

    /// Lets every exporter go, once it has taken what was delivered.
    pub(crate) fn close(&self) {
        self.take_exporters().iter().for_each(Outlet::close);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tap_keeps_what_comes_while_it_lives() {
        let outlets = Outlets::default();
        let batch = Arc::new(Batch::default());
        let first = outlets.tap();
        outlets.deliver(&batch);
        let second = outlets.tap();
        outlets.deliver(&batch);
        assert_eq!((first.take().len(), second.take().len()), (2, 1));
        assert!(first.take().is_empty());
        drop((first, second));
        outlets.deliver(&batch);
        assert_eq!(lock(&outlets.0).taps.len(), 0);
        assert_eq!(Arc::strong_count(&batch), 1);
    }
}
