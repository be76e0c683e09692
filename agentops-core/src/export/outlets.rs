//! Every place that batches go to, which may change while the processor runs.
//!
//! The processor delivers here; exporters come and go with the guard that named them, taps with the tests that look.
//! Knows neither who asked for a place nor what becomes of a batch in it.

use std::sync::{Arc, Weak};

use super::Outlet;
use crate::process::batch::Batch;
use crate::process::ticket::Ticket;
use crate::sync::{Mutex, lock};

/// The places, shared by who adds to them and who delivers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outlets(Arc<Mutex<Places>>);

#[derive(Debug, Default)]
struct Places {
    exporters: Vec<Outlet>,
    taps: Vec<Weak<Tap>>,
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
            places.exporters.clone()
        };
        exporters.iter().for_each(|outlet| outlet.deliver(batch));
    }

    pub(crate) fn flush(&self, ticket: &Arc<Ticket>) {
        if ticket.ends_before_exporters() {
            return ticket.expect(0);
        }
        let exporters = lock(&self.0).exporters.clone();
        ticket.expect(exporters.len());
        exporters
            .iter()
            .for_each(|outlet| outlet.flush(ticket.clone()));
    }

    /// Delivers no more to exporters; what is being delivered may still arrive.
    pub(crate) fn take_exporters(&self) -> Vec<Outlet> {
        std::mem::take(&mut lock(&self.0).exporters)
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
