//! A queue between two of our threads, bounded by weight rather than by number.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::Duration;

use crate::sync::{Condvar, Mutex, lock};

/// What travels through a [`Queue`].
pub(crate) trait Weighed {
    /// Bytes that it holds.
    fn weight(&self) -> usize;
}

/// A bounded queue.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    changed: Condvar,
    limit: usize,
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<T>,
    weight: usize,
    closed: bool,
}

impl<T: Weighed> Queue<T> {
    pub(crate) fn new(limit: usize) -> Self {
        let inner = Inner {
            items: VecDeque::new(),
            weight: 0,
            closed: false,
        };
        Self {
            inner: Mutex::new(inner),
            changed: Condvar::new(),
            limit,
        }
    }

    /// Puts an item in, waiting for room as long as it takes. `false`: nobody will take it any more.
    pub(crate) fn push_waiting(&self, item: T) -> bool {
        let mut inner = lock(&self.inner);
        while !inner.closed && !self.fits(&inner, &item) {
            inner = self
                .changed
                .wait(inner)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if inner.closed {
            return false;
        }
        inner.add(item);
        self.changed.notify_all();
        true
    }

    fn fits(&self, inner: &Inner<T>, item: &T) -> bool {
        inner.weight == 0 || inner.weight + item.weight() <= self.limit
    }

    /// The next item; `None` when the time is up, or when the queue is closed and empty.
    pub(crate) fn pop(&self, patience: Duration) -> Option<T> {
        let mut inner = lock(&self.inner);
        if inner.items.is_empty() && !inner.closed {
            let waited = self.changed.wait_timeout(inner, patience);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let item = inner.items.pop_front()?;
        inner.weight -= item.weight();
        self.changed.notify_all();
        Some(item)
    }

    /// Nothing more goes in; what is in can still be taken.
    pub(crate) fn close(&self) {
        lock(&self.inner).closed = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_done(&self) -> bool {
        let inner = lock(&self.inner);
        inner.closed && inner.items.is_empty()
    }
}

impl<T: Weighed> Inner<T> {
    fn add(&mut self, item: T) {
        self.weight += item.weight();
        self.items.push_back(item);
    }
}

#[cfg(all(test, agentops_loom))]
mod models;

#[cfg(test)]
mod tests {
    use super::*;

    impl Weighed for usize {
        fn weight(&self) -> usize {
            *self
        }
    }

    #[test]
    fn weight_bounds_what_is_in_it_but_one_item_always_fits() {
        let queue = Queue::new(10);
        assert!(queue.push_waiting(100));
        std::thread::scope(|scope| {
            let later = scope.spawn(|| queue.push_waiting(6) && queue.push_waiting(4));
            assert_eq!(queue.pop(Duration::from_secs(20)), Some(100));
            assert!(later.join().expect("it does not panic"));
            let last = scope.spawn(|| queue.push_waiting(1));
            queue.close();
            let put = last.join().expect("it does not panic");
            assert!(!put, "there was no room, and then it was closed");
        });
        assert_eq!(
            (queue.pop(Duration::ZERO), queue.pop(Duration::ZERO)),
            (Some(6), Some(4))
        );
        assert!(queue.pop(Duration::MAX).is_none() && queue.is_done());
    }
}
