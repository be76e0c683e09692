//! Takes a place along to a task or a thread of its own, which would start outside every session.

use crate::record::context::SpanContext;
use crate::record::future::InPlace;
use crate::record::note::current_span;
use crate::record::span::Place;

/// Futures that go on in the span they were made in.
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
}
