//! The future around an annotated async function: its span is current in each poll, and while it is dropped.
//!
//! One layer, no box, and the auto traits of what it wraps. Knows spans and contexts, not executors.

use std::pin::Pin;
use std::task::{Context as Task, Poll};

use pin_project_lite::pin_project;

use super::clock;
use super::context::Context;
use super::local;
use super::span::{Place, Started};

pin_project! {
    /// Made by [`instrument`]; gives the span back with the output, so that the output is captured before the end.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Instrumented<F> {
        #[pin]
        inner: F,
        // After `inner`: what it does while it is dropped belongs to the span.
        span: Started,
        after: Restore,
    }

    impl<F> PinnedDrop for Instrumented<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if !this.span.is_off() {
                this.after.0 = Some(local::with(|local| local.replace_context(this.span.context)).into());
            }
        }
    }
}

/// The context to go back to once everything before it is dropped. Boxed: it is there only while a future is dropped
/// early, and would cost each running future its size.
#[derive(Debug)]
struct Restore(Option<Box<Context>>);

impl Drop for Restore {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            local::with(|local| local.set_context(*before));
        }
    }
}

/// Wraps a future in a span that was started for it.
#[inline(always)]
pub fn instrument<F: Future>(span: Started, inner: F) -> Instrumented<F> {
    Instrumented {
        inner,
        span,
        after: Restore(None),
    }
}

impl<F: Future> Future for Instrumented<F> {
    type Output = (Started, F::Output);

    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.span.is_off() {
            return this
                .inner
                .poll(task)
                .map(|output| (take(this.span), output));
        }
        let measure = local::measures_busy_time();
        if measure && this.span.polls != 0 {
            this.span.poll_began = clock::raw();
        }
        this.span.polls = this.span.polls.saturating_add(1);
        this.span.polling = true;
        let place = Place::enter(this.span.context);
        let polled = this.inner.poll(task);
        drop(place);
        this.span.polling = false;
        match polled {
            Poll::Ready(output) => Poll::Ready((take(this.span), output)),
            Poll::Pending => {
                if measure {
                    this.span.busy += clock::raw().saturating_sub(this.span.poll_began);
                }
                Poll::Pending
            }
        }
    }
}

fn take(span: &mut Started) -> Started {
    std::mem::replace(span, Started::off())
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
        let after = Restore(None);
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
#[inline(always)]
pub fn boxed<F: Future>(inner: F) -> Pin<Box<F>> {
    Box::pin(inner)
}
