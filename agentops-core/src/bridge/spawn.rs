//! Takes a place along to a task, a thread or a closure of its own, which would start outside every session.
//!
//! Stands beside the recorder, and needs no runtime: whatever runs futures or closures may run these.
//! Knows contexts, not how spans are recorded.

use std::thread::{self, JoinHandle};

use crate::record::context::SpanContext;
use crate::record::future::InPlace;
use crate::record::note::current_span;
use crate::record::span::Place;

/// Futures that go on in the span they were made in.
///
/// `tracing::Instrument` has a method of the same name; where both traits are in scope, say which one is meant:
/// `InCurrentSpan::in_current_span(future)`.
///
/// A future that is awaited is in its place anyway; one that is given to an executor is not.
///
/// ```
/// use agentops_core::InCurrentSpan as _;
///
/// async fn fetch() {}
/// # fn spawn(_: impl Future<Output = ()> + Send + 'static) {}
///
/// spawn(fetch().in_current_span());
/// ```
pub trait InCurrentSpan: Future + Sized {
    /// The same future, in the span that is current now, wherever it is polled and dropped.
    fn in_current_span(self) -> InPlace<Self> {
        let SpanContext(context) = current_span().context();
        InPlace::new(context, self)
    }
}

impl<F: Future> InCurrentSpan for F {}

/// Starts a thread as [`std::thread::spawn`] does, in the span that is current here.
///
/// Tasks of an async runtime take their place along by [`in_current_span`](InCurrentSpan::in_current_span), scoped
/// threads and thread pools by the function [`in_current_span`].
///
/// ```
/// let sum = agentops_core::spawn(|| 1 + 1).join();
/// # assert_eq!(sum.ok(), Some(2));
/// ```
///
/// # Panics
///
/// As [`std::thread::spawn`], where the system starts no more threads.
pub fn spawn<F, T>(work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    thread::spawn(in_current_span(work))
}

/// A closure that runs in the span that is current now, whoever calls it: for scoped threads, for
/// [`std::thread::Builder`], for jobs that go through a channel or to a pool.
///
/// ```
/// let words = ["a", "b"];
/// std::thread::scope(|scope| {
///     for word in &words {
///         scope.spawn(agentops_core::in_current_span(move || word.len()));
///     }
/// });
/// ```
pub fn in_current_span<R>(work: impl FnOnce() -> R) -> impl FnOnce() -> R {
    let place = current_span().context();
    move || place.in_scope(work)
}

/// As [`in_current_span`], for a closure that is called many times with an argument: callbacks, parallel iterators.
///
/// ```
/// let lengths: Vec<usize> = ["a", "bc"]
///     .into_iter()
///     .map(agentops_core::each_in_current_span(|word: &str| word.len()))
///     .collect();
/// # assert_eq!(lengths, [1, 2]);
/// ```
pub fn each_in_current_span<A, R>(work: impl Fn(A) -> R) -> impl Fn(A) -> R {
    let place = current_span().context();
    move |argument| place.in_scope(|| work(argument))
}

impl SpanContext {
    /// Runs `work` as if this span were current: on another thread, in a pool, in a callback.
    ///
    /// ```
    /// let place = agentops_core::current_span().context();
    /// std::thread::spawn(move || place.in_scope(|| { /* … */ }));
    /// ```
    pub fn in_scope<R>(&self, work: impl FnOnce() -> R) -> R {
        let _place = Place::enter(self.0);
        work()
    }

    /// Runs a future as if this span were current, wherever it is polled.
    ///
    /// ```
    /// # async fn work() {}
    /// # fn spawn(_: impl Future<Output = ()> + Send + 'static) {}
    /// let place = agentops_core::current_span().context();
    /// spawn(place.run(work()));
    /// ```
    pub fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        InPlace::new(self.0, work)
    }
}
