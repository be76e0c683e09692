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
    /// Items ever taken, and how many it were when somebody last waited for room in vain.
    taken: u64,
    given_up_at: u64,
}

impl<T: Weighed> Queue<T> {
    pub(crate) fn new(limit: usize) -> Self {
        let inner = Inner {
            items: VecDeque::new(),
            weight: 0,
            closed: false,
            taken: 0,
            given_up_at: u64::MAX,
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

    /// Puts an item in, waiting for room while somebody takes items out; gives it back after `patience` without.
    ///
    /// `waiting` is called each time it looks again.
    pub(crate) fn push_patiently(
        &self,
        item: T,
        patience: Duration,
        waiting: impl Fn(),
    ) -> Result<(), T> {
        let mut inner = lock(&self.inner);
        while !inner.closed && !self.fits(&inner, &item) {
            if inner.taken == inner.given_up_at {
                // Nothing has moved since somebody waited in vain.
                return Err(item);
            }
            let before = inner.taken;
            waiting();
            let waited = self.changed.wait_timeout(inner, patience);
            let (again, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            inner = again;
            if timeout.timed_out() && inner.taken == before {
                inner.given_up_at = before;
            }
        }
        if inner.closed {
            return Err(item);
        }
        inner.add(item);
        self.changed.notify_all();
        Ok(())
    }

    fn fits(&self, inner: &Inner<T>, item: &T) -> bool {
        inner.weight == 0 || inner.weight + item.weight() <= self.limit
    }

    /// Puts an item in, or gives it back where there is no room.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut inner = lock(&self.inner);
        if inner.closed || !self.fits(&inner, &item) {
            return Err(item);
        }
        inner.add(item);
        self.changed.notify_all();
        Ok(())
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
        inner.taken += 1;
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
        assert_eq!(queue.push(100), Ok(()));
        assert_eq!(queue.push(1), Err(1));
        assert_eq!(queue.pop(Duration::ZERO), Some(100));
        assert_eq!(
            (queue.push(6), queue.push(4), queue.push(1)),
            (Ok(()), Ok(()), Err(1))
        );
        queue.close();
        assert_eq!((queue.push(1), queue.push_waiting(1)), (Err(1), false));
        assert_eq!(
            (queue.pop(Duration::ZERO), queue.pop(Duration::ZERO)),
            (Some(6), Some(4))
        );
        assert!(queue.pop(Duration::MAX).is_none() && queue.is_done());
    }

    #[test]
    fn who_waits_in_vain_waits_once() {
        let queue = Queue::new(10);
        assert_eq!(queue.push(10), Ok(()));
        let looks = std::cell::Cell::new(0);
        let push =
            || queue.push_patiently(1, Duration::from_millis(1), || looks.set(looks.get() + 1));
        assert_eq!((push(), push(), push()), (Err(1), Err(1), Err(1)));
        assert_eq!(looks.get(), 1);
        assert_eq!(queue.pop(Duration::ZERO), Some(10));
        assert_eq!(push(), Ok(()));
    }
}
