//! The future around an annotated async function: its span is current in each poll, and while it is dropped.
//!
//! One layer, no box, and the auto traits of what it wraps. Knows spans and contexts, not executors.

use std::panic::UnwindSafe;
use std::pin::Pin;
use std::task::{Context as Task, Poll};

use pin_project_lite::pin_project;

use super::callsite::Callsite;
use super::capture::Sink;
use super::context::Context;
use super::local;
use super::span::{Place, Started};

pin_project! {
    /// Made by [`instrument`]: writes the span's end when it is ready, with what came of it.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Instrumented<F, E> {
        #[pin]
        inner: F,
        // After `inner`: what it does while it is dropped belongs to the span.
        span: Started,
        end: E,
        after: Restore,
    }

    impl<F, E> PinnedDrop for Instrumented<F, E> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.after.prepare(this.span);
        }
    }
}

/// The context to go back to once everything before it is dropped. Boxed: it is there only while a future is dropped
/// early, and would cost each running future its size.
#[derive(Debug, Default)]
pub(super) struct Restore(Option<Box<Context>>);

impl Restore {
    /// From here on until it is dropped, the thread is in `span`.
    #[inline]
    pub(super) fn prepare(&mut self, span: &Started) {
        if !span.is_off() {
            self.0 = Some(local::with(|local| local.replace_context(span.context)).into());
        }
    }
}

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            local::with(|local| local.set_context(*before));
        }
    }
}

/// Ends the span of a future that is ready.
pub trait Ending<T> {
    /// Ends it, with what came out.
    fn end(&mut self, span: &mut Started, output: &T);
}

/// Of the end of the span nothing is recorded but when it was.
#[derive(Debug)]
pub struct Bare;

impl<T> Ending<T> for Bare {
    #[inline(always)]
    fn end(&mut self, span: &mut Started, _: &T) {
        span.settle();
    }
}

impl<T, E: FnMut(&mut Started, &T)> Ending<T> for E {
    #[inline(always)]
    fn end(&mut self, span: &mut Started, output: &T) {
        self(span, output);
    }
}

/// Ends a future's span with what came of it.
#[inline]
pub fn finish(span: &mut Started, end: &mut dyn FnMut(&mut Sink<'_>)) {
    if !span.is_off() {
        span.finish(end);
    }
}

/// Ends a future's span of which only the end is recorded.
#[inline]
pub fn settle(span: &mut Started) {
    if !span.is_off() {
        span.settle();
    }
}

/// Wraps a future in a span that was started for it.
#[inline(always)]
pub fn instrument<F: Future>(span: Started, inner: F) -> Instrumented<F, Bare> {
    Instrumented {
        inner,
        span,
        end: Bare,
        after: Restore::default(),
    }
}

/// As [`instrument`], where `end` ends the span, by [`finish`] or [`settle`].
#[inline(always)]
pub fn instrument_with<F, E>(span: Started, inner: F, end: E) -> Instrumented<F, E>
where
    F: Future,
    E: FnMut(&mut Started, &F::Output),
{
    Instrumented {
        inner,
        span,
        end,
        after: Restore::default(),
    }
}

impl<F: Future, E: Ending<F::Output>> Future for Instrumented<F, E> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<F::Output> {
        let this = self.project();
        if this.span.is_off() {
            return this.inner.poll(task);
        }
        let place = this.span.begin_poll();
        let polled = this.inner.poll(task);
        drop(place);
        match &polled {
            Poll::Ready(output) => {
                this.span.polling = false;
                this.end.end(this.span, output);
            }
            Poll::Pending => this.span.end_poll(),
        }
        polled
    }
}

pin_project! {
    /// Made by [`in_span`]: the body of an async function, beside the span that it stands in.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InSpan<'s, F, B = Begun> {
        // Before `inner`: what it does while it is dropped belongs to the span.
        span: Current<'s>,
        begin: B,
        #[pin]
        inner: F,
    }
}

/// The span of a future. Made current when it is dropped, until the span itself is; that needs no code of the future's
/// own, as an implementation of `Drop` for it would.
#[derive(Debug)]
struct Current<'s>(&'s mut Started);

// A span is as true after a panic as before; a future stays what it was without one.
impl UnwindSafe for Current<'_> {}

impl Drop for Current<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.outlives_its_future();
    }
}

/// Begins the span of a future, if it has not begun before.
pub trait Beginning {
    /// Begins it where it stands; `false` where nothing records, or where it has begun and ended.
    fn begin(&self, span: &mut Started) -> bool;
}

/// The span was begun for the future, because values were captured that the future takes.
#[derive(Debug)]
pub struct Begun;

impl Beginning for Begun {
    #[inline]
    fn begin(&self, _: &mut Started) -> bool {
        false
    }
}

/// The span begins with the first poll, where it stands: to move it costs as much as to write it down.
impl Beginning for &'static Callsite {
    #[inline]
    fn begin(&self, span: &mut Started) -> bool {
        span.begin_here(self)
    }
}

/// A span that begins with the first poll of a future around which [`in_late_span`] puts it.
#[inline]
pub fn later() -> Started {
    Started::off()
}

/// A future in a span that was started for it. What ends the span is called after it.
#[inline]
pub fn in_span<F: Future>(span: &mut Started, inner: F) -> InSpan<'_, F> {
    InSpan {
        span: Current(span),
        begin: Begun,
        inner,
    }
}

/// As [`in_span`], with a span that begins with the first poll.
#[inline]
pub fn in_late_span<'s, F: Future>(
    span: &'s mut Started,
    site: &'static Callsite,
    inner: F,
) -> InSpan<'s, F, &'static Callsite> {
    InSpan {
        span: Current(span),
        begin: site,
        inner,
    }
}

impl<F: Future, B: Beginning> Future for InSpan<'_, F, B> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<F::Output> {
        let this = self.project();
        let turn = this.span.turn(this.begin);
        let polled = this.inner.poll(task);
        this.span.over(turn, polled.is_ready());
        polled
    }
}

// Apart from the poll itself, which is compiled for each annotated function.
impl Current<'_> {
    /// A poll begins.
    #[inline]
    fn turn<B: Beginning>(&mut self, begin: &B) -> Option<Place> {
        let span = &mut *self.0;
        (!span.is_off() || begin.begin(span)).then(|| span.begin_poll())
    }

    /// It is over.
    #[inline]
    fn over(&mut self, turn: Option<Place>, ready: bool) {
        if turn.is_some() {
            drop(turn);
            self.0.polled(ready);
        }
    }
}

pin_project! {
    /// A future that runs in a given place, wherever it is polled.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InPlace<F> {
        #[pin]
        inner: F,
        context: Context,
        after: Restore,
    }

    impl<F> PinnedDrop for InPlace<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.after.0 = Some(local::with(|local| local.replace_context(*this.context)).into());
        }
    }
}

impl<F> InPlace<F> {
    pub(crate) fn new(context: Context, inner: F) -> Self {
        let after = Restore::default();
        Self {
            inner,
            context,
            after,
        }
    }
}

impl<F: Future> Future for InPlace<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _place = Place::enter(*this.context);
        this.inner.poll(task)
    }
}

/// A box around a future that would otherwise nest too deep, or be too large.
#[inline]
pub fn boxed<F: Future>(inner: F) -> Pin<Box<F>> {
    Box::pin(inner)
}
