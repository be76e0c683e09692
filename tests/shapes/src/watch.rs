//! What the families have in common: to run something and see what it recorded, and in which order things happened.
//!
//! Knows no shape.

#![expect(clippy::redundant_pub_crate, reason = "`pub` would say less")]

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::runtime::testing::{Trace, capture_with, capture_with_async};

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// What `work` returned, and the tree of what it recorded.
#[track_caller]
pub(crate) fn recorded<R>(work: impl FnOnce() -> R) -> (R, String) {
    let (returned, trace) = capture_with(work);
    (returned, drawn(&trace))
}

/// As [`recorded`], of a future that is awaited.
pub(crate) fn recorded_async<F: Future>(work: F) -> (F::Output, String) {
    let (output, trace) = crate::block_on(capture_with_async(work));
    (output, drawn(&trace))
}

/// A trace's tree, in which both packages have one name.
fn drawn(trace: &Trace) -> String {
    trace
        .to_string()
        .replace(env!("CARGO_CRATE_NAME"), "shapes")
}

/// What was thrown, and the tree of what was recorded before.
#[track_caller]
pub(crate) fn unwound<R>(work: impl FnOnce() -> R) -> (Box<dyn Any + Send>, String) {
    let (caught, trace) = recorded(|| catch_unwind(AssertUnwindSafe(|| drop(work()))));
    (caught.expect_err("it panics"), trace)
}

/// Polls once, with a waker that wakes nothing.
pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Pending once.
pub(crate) async fn yield_now() {
    let mut pending = true;
    poll_fn(move |task| {
        if std::mem::take(&mut pending) {
            task.waker().wake_by_ref();
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

/// Writes down that something happened.
pub(crate) fn note(what: impl fmt::Display) {
    LOG.with(|log| log.borrow_mut().push(what.to_string()));
}

/// What happened on this thread since the last time, in one line.
pub(crate) fn noted() -> String {
    LOG.with(|log| log.take().join(" "))
}

/// Writes its name down when it is dropped.
pub(crate) struct Noisy(pub(crate) &'static str);

impl fmt::Debug for Noisy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Drop for Noisy {
    fn drop(&mut self) {
        note(self.0);
    }
}
