//! What goes on after the call that gave it back: futures, streams and iterators that a function returns.
//!
//! The call runs in its span, and the span then goes with what was returned, until that has ended or is dropped. What
//! a returned value is, its type says, by method lookup: a name in a signature only decides whether to ask. Types that
//! can be named keep their type, and concrete ones come back untouched. Knows spans and contexts, not executors.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::mem::replace;
use std::pin::Pin;
use std::task::{Context as Task, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::capture::Sink;
use super::clock;
use super::future::{Instrumented, Restore, instrument_with};
use super::kept::Kept;
use super::local::{self, Local};
use super::note::{self, Ended};
use super::span::{Place, Role, Started};
use super::word::NOT_POLLED;
use crate::model::semconv::{STREAM_FIRST_ITEM, STREAM_ITEMS};

/// A value that a recorded call gave back, with its span. `H` is what the signature says that it yields in the end,
/// which lets inference finish where the body leaves it open.
#[derive(Debug)]
pub struct Returned<T, H> {
    held: Option<(Held, T)>,
    yields: PhantomData<fn() -> H>,
}

/// A span that has begun, and when.
#[derive(Debug)]
struct Held {
    span: Started,
    began: u64,
    /// By a function that is not asynchronous.
    called: bool,
}

impl Held {
    fn new(span: Started) -> Self {
        let began = span.poll_began;
        Self {
            span,
            began,
            called: true,
        }
    }

    /// There is nothing that goes on: the span ends with the call.
    fn settle<T>(&mut self, value: &T, mut end: impl FnMut(&mut Started, &T)) {
        if !self.span.is_off() {
            self.span.poll_began = clock::raw();
            if self.called {
                self.span.polls = NOT_POLLED;
            }
            end(&mut self.span, value);
        }
    }
}

/// Makes the call in its span, which stays open.
#[inline(always)]
pub fn called<H, T>(span: Started, call: impl FnOnce() -> T) -> Returned<T, H> {
    let mut held = Held::new(span);
    let place = begin(&mut held);
    let value = call();
    drop(place);
    if !held.span.is_off() {
        held.span.end_poll();
    }
    Returned::new(held, value)
}

fn begin(held: &mut Held) -> Option<Place> {
    (!held.span.is_off()).then(|| held.span.begin_poll())
}

/// Runs `enter` in a span that was started.
#[inline(always)]
pub fn within<S>(span: &Started, enter: impl FnOnce() -> S) -> S {
    let _place = (!span.is_off()).then(|| Place::enter(span.context));
    enter()
}

/// A future of a known output: what the signature says of it, said where inference needs it.
#[inline(always)]
pub fn promised<T, F: Future<Output = T>>(future: F) -> F {
    future
}

pin_project! {
    /// Made by [`handing`]: a future whose span outlives it, in what it answers.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Handing<F, H> {
        #[pin]
        inner: F,
        span: Started,
        began: u64,
        after: Restore,
        yields: PhantomData<fn() -> H>,
    }

    impl<F, H> PinnedDrop for Handing<F, H> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.after.prepare(this.span);
        }
    }
}

/// Wraps a future in a span that goes on with what comes out of it.
#[inline(always)]
pub fn handing<H, F: Future>(span: Started, inner: F) -> Handing<F, H> {
    let began = span.poll_began;
    Handing {
        inner,
        span,
        began,
        after: Restore::default(),
        yields: PhantomData,
    }
}

impl<F: Future, H> Future for Handing<F, H> {
    type Output = Returned<F::Output, H>;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let place = (!this.span.is_off()).then(|| this.span.begin_poll());
        let polled = this.inner.poll(task);
        if place.is_some() {
            drop(place);
            this.span.end_poll();
        }
        polled.map(|value| {
            let span = replace(this.span, Started::off());
            let held = Held {
                span,
                began: *this.began,
                called: false,
            };
            Returned::new(held, value)
        })
    }
}

impl<T, H> Returned<T, H> {
    fn new(held: Held, value: T) -> Self {
        Self {
            held: Some((held, value)),
            yields: PhantomData,
        }
    }

    fn take(&mut self) -> (Held, T) {
        self.held.take().expect("a value is returned once")
    }

    /// It is what it seems: its span ends with it.
    fn settled(&mut self, end: impl FnMut(&mut Started, &T)) -> T {
        let (mut held, value) = self.take();
        held.settle(&value, end);
        value
    }
}

/// `-> impl Future`, where that is the standard library's.
pub trait ReturnsFuture {
    /// What it resolves to.
    type Output;
    /// What it is.
    type Inner;
    /// The future, in its span.
    fn agentops_future<E>(&mut self, end: E) -> Instrumented<Self::Inner, E>
    where
        E: FnMut(&mut Started, &Self::Output);
}

impl<F: Future<Output = H>, H> ReturnsFuture for &mut Returned<F, H> {
    type Output = H;
    type Inner = F;
    fn agentops_future<E>(&mut self, end: E) -> Instrumented<F, E>
    where
        E: FnMut(&mut Started, &H),
    {
        let (held, inner) = self.take();
        instrument_with(held.span, inner, end)
    }
}

/// `-> impl Stream`, where that is everybody's.
pub trait ReturnsStream {
    /// What it yields.
    type Item;
    /// What it is.
    type Inner;
    /// The stream, in its span.
    fn agentops_stream<I>(&mut self, each: I) -> Streamed<Self::Inner, I>
    where
        I: FnMut(&mut Flow, &Self::Item);
}

impl<S: Stream<Item = H>, H> ReturnsStream for &mut Returned<S, H> {
    type Item = H;
    type Inner = S;
    fn agentops_stream<I>(&mut self, each: I) -> Streamed<S, I>
    where
        I: FnMut(&mut Flow, &H),
    {
        let (held, inner) = self.take();
        Streamed::new(held, inner, each)
    }
}

/// `-> Result<impl Stream, E>`.
pub trait TriesStream {
    /// What it is to end with where there is no stream.
    type Outcome;
    /// What it yields.
    type Item;
    /// What it is.
    type Inner;
    /// Why there is none.
    type Error;
    /// The stream, in its span.
    fn agentops_tried_stream<E, I>(
        &mut self,
        end: E,
        each: I,
    ) -> Result<Streamed<Self::Inner, I>, Self::Error>
    where
        E: FnMut(&mut Started, &Self::Outcome),
        I: FnMut(&mut Flow, &Self::Item);
}

impl<S: Stream<Item = H>, X, H> TriesStream for &mut Returned<Result<S, X>, H> {
    type Outcome = Result<Infallible, X>;
    type Item = H;
    type Inner = S;
    type Error = X;
    fn agentops_tried_stream<E, I>(&mut self, end: E, each: I) -> Result<Streamed<S, I>, X>
    where
        E: FnMut(&mut Started, &Result<Infallible, X>),
        I: FnMut(&mut Flow, &H),
    {
        let (held, inner) = self.take();
        tried(held, inner, end).map(|(held, inner)| Streamed::new(held, inner, each))
    }
}

/// What was got, or the end of the span with why not.
fn tried<T, X>(
    mut held: Held,
    value: Result<T, X>,
    end: impl FnMut(&mut Started, &Result<Infallible, X>),
) -> Result<(Held, T), X> {
    match value {
        Ok(value) => Ok((held, value)),
        Err(error) => {
            let error = Err(error);
            held.settle(&error, end);
            error.map(|never: Infallible| match never {})
        }
    }
}

/// `-> impl Iterator`.
pub trait ReturnsIterator {
    /// What it yields.
    type Item;
    /// What it is.
    type Inner;
    /// The iterator, in its span.
    fn agentops_iterator<I>(&mut self, each: I) -> Iterated<Self::Inner, I>
    where
        I: FnMut(&mut Flow, &Self::Item);
}

impl<T: Iterator<Item = H>, H> ReturnsIterator for &mut Returned<T, H> {
    type Item = H;
    type Inner = T;
    fn agentops_iterator<I>(&mut self, each: I) -> Iterated<T, I>
    where
        I: FnMut(&mut Flow, &H),
    {
        let (held, inner) = self.take();
        Iterated::new(held, inner, each)
    }
}

/// A type that can be named, and that hides what goes on: a box around a future, a stream or an iterator.
pub trait ReturnsBox {
    /// What the span ends with where it ends without items.
    type Outcome;
    /// What it yields.
    type Item;
    /// The type itself.
    type Value;
    /// The same type again, in its span.
    fn agentops_named<E, I>(&mut self, end: E, each: I) -> Self::Value
    where
        E: FnMut(&mut Started, &Self::Outcome) + Send + Sync + 'static,
        I: FnMut(&mut Flow, &Self::Item) + Send + Sync + 'static;
}

/// Any other value: its span ends with the call.
pub trait ReturnsValue {
    /// Its type.
    type Value;
    /// The value.
    fn agentops_future<E: FnMut(&mut Started, &Self::Value)>(&mut self, end: E) -> Self::Value;
    /// The value.
    fn agentops_stream<I: FnMut(&mut Flow, &Infallible)>(&mut self, each: I) -> Self::Value;
    /// The value.
    fn agentops_iterator<I: FnMut(&mut Flow, &Infallible)>(&mut self, each: I) -> Self::Value;
    /// The value.
    fn agentops_tried_stream<E, I>(&mut self, end: E, each: I) -> Self::Value
    where
        E: FnMut(&mut Started, &Self::Value),
        I: FnMut(&mut Flow, &Infallible);
    /// The value.
    fn agentops_named<E, I>(&mut self, end: E, each: I) -> Self::Value
    where
        E: FnMut(&mut Started, &Self::Value),
        I: FnMut(&mut Flow, &Infallible);
}

impl<T, H> ReturnsValue for Returned<T, H> {
    type Value = T;

    fn agentops_future<E: FnMut(&mut Started, &T)>(&mut self, end: E) -> T {
        self.settled(end)
    }

    fn agentops_stream<I: FnMut(&mut Flow, &Infallible)>(&mut self, _: I) -> T {
        self.settled(|span, _| span.settle())
    }

    fn agentops_iterator<I: FnMut(&mut Flow, &Infallible)>(&mut self, _: I) -> T {
        self.settled(|span, _| span.settle())
    }

    fn agentops_tried_stream<E, I>(&mut self, end: E, _: I) -> T
    where
        E: FnMut(&mut Started, &T),
        I: FnMut(&mut Flow, &Infallible),
    {
        self.settled(end)
    }

    fn agentops_named<E, I>(&mut self, end: E, _: I) -> T
    where
        E: FnMut(&mut Started, &T),
        I: FnMut(&mut Flow, &Infallible),
    {
        self.settled(end)
    }
}

/// Each box is a type of its own for each set of auto traits that it promises.
macro_rules! boxes {
    ($([$($auto:ident)*])*) => { $(
        impl<'a, T: 'a, H> ReturnsBox
            for &mut Returned<Pin<Box<dyn Future<Output = T> $(+ $auto)* + 'a>>, H>
        {
            type Outcome = T;
            type Item = Infallible;
            type Value = Pin<Box<dyn Future<Output = T> $(+ $auto)* + 'a>>;
            fn agentops_named<E, I>(&mut self, end: E, _: I) -> Self::Value
            where
                E: FnMut(&mut Started, &T) + Send + Sync + 'static,
                I: FnMut(&mut Flow, &Infallible) + Send + Sync + 'static,
            {
                let (held, inner) = self.take();
                if held.span.is_off() {
                    return inner;
                }
                Box::pin(instrument_with(held.span, inner, end))
            }
        }

        impl<'a, T: 'a, H> ReturnsBox
            for &mut Returned<Pin<Box<dyn Stream<Item = T> $(+ $auto)* + 'a>>, H>
        {
            type Outcome = Infallible;
            type Item = T;
            type Value = Pin<Box<dyn Stream<Item = T> $(+ $auto)* + 'a>>;
            fn agentops_named<E, I>(&mut self, _: E, each: I) -> Self::Value
            where
                E: FnMut(&mut Started, &Infallible) + Send + Sync + 'static,
                I: FnMut(&mut Flow, &T) + Send + Sync + 'static,
            {
                let (held, inner) = self.take();
                if held.span.is_off() {
                    return inner;
                }
                Box::pin(Streamed::new(held, inner, each))
            }
        }

        impl<'a, T: 'a, X, H> ReturnsBox
            for &mut Returned<Result<Pin<Box<dyn Stream<Item = T> $(+ $auto)* + 'a>>, X>, H>
        {
            type Outcome = Result<Infallible, X>;
            type Item = T;
            type Value = Result<Pin<Box<dyn Stream<Item = T> $(+ $auto)* + 'a>>, X>;
            fn agentops_named<E, I>(&mut self, end: E, each: I) -> Self::Value
            where
                E: FnMut(&mut Started, &Result<Infallible, X>) + Send + Sync + 'static,
                I: FnMut(&mut Flow, &T) + Send + Sync + 'static,
            {
                let (held, inner) = self.take();
                let (held, inner) = tried(held, inner, end)?;
                if held.span.is_off() {
                    return Ok(inner);
                }
                Ok(Box::pin(Streamed::new(held, inner, each)))
            }
        }

        impl<'a, T: 'a, H> ReturnsBox
            for &mut Returned<Box<dyn Iterator<Item = T> $(+ $auto)* + 'a>, H>
        {
            type Outcome = Infallible;
            type Item = T;
            type Value = Box<dyn Iterator<Item = T> $(+ $auto)* + 'a>;
            fn agentops_named<E, I>(&mut self, _: E, each: I) -> Self::Value
            where
                E: FnMut(&mut Started, &Infallible) + Send + Sync + 'static,
                I: FnMut(&mut Flow, &T) + Send + Sync + 'static,
            {
                let (held, inner) = self.take();
                if held.span.is_off() {
                    return inner;
                }
                Box::new(Iterated::new(held, inner, each))
            }
        }
    )* };
}

boxes! { [] [Send] [Sync] [Send Sync] }

/// How far a stream or an iterator has come. Dropped after it, and ends its span.
#[derive(Debug)]
pub struct Flow {
    span: Started,
    began: u64,
    items: u64,
    /// When the first item came; 0 before.
    first: u64,
    /// When the last item of a model call came.
    last: u64,
    /// The error record of the first item that was an error.
    fault: Option<Box<[u8]>>,
    /// The items of a model call.
    kept: Option<Box<Kept>>,
}

impl Flow {
    fn new(Held { span, began, .. }: Held) -> Self {
        Self {
            span,
            began,
            items: 0,
            first: 0,
            last: 0,
            fault: None,
            kept: None,
        }
    }

    fn is_llm(&self) -> bool {
        self.span.role == Role::Llm
    }

    /// Counts an item.
    fn passed(&mut self) {
        if self.first == 0 {
            self.first = clock::raw();
        }
        if self.is_llm() {
            self.last = clock::raw();
        }
        self.items += 1;
    }

    /// Ends the span, with what flowed.
    fn end(&mut self, ended: Ended, ending: impl FnOnce(&mut Started)) {
        let context = self.span.context;
        note::attribute(context, STREAM_ITEMS, &self.items);
        let first = (self.first > 0).then(|| clock::between(self.began, self.first));
        if let Some(nanos) = first {
            note::attribute(context, STREAM_FIRST_ITEM, &(nanos as f64 / 1e6));
        }
        if self.is_llm() {
            let told = match self.fault {
                Some(_) => Ended::Error,
                None => ended,
            };
            let last = (ended == Ended::Dropped && self.last > 0).then_some(self.last);
            note::stream(context, told, first, last, self.kept.take());
        }
        match self.fault.take() {
            Some(record) => self.span.fail(&record),
            None => ending(&mut self.span),
        }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        if !self.span.is_off() {
            // A panic in it is what ends it.
            if self.span.polling {
                self.end(Ended::Error, |_| {});
            } else {
                self.end(Ended::Dropped, Started::abandon);
            }
        }
    }
}

/// Keeps an item of a model call.
pub fn keep(flow: &mut Flow, fill: &mut dyn FnMut(&mut Sink<'_>)) {
    if !flow.span.is_off() && !local::with(Local::is_capturing) {
        flow.kept.get_or_insert_default().push(fill);
    }
}

/// Notes that an item was an error; the first one is the span's.
#[cold]
pub fn spoil(flow: &mut Flow, fill: &mut dyn FnMut(&mut Sink<'_>)) {
    if flow.fault.is_none() && !flow.span.is_off() {
        flow.fault = local::with(|local| {
            local.with_buffer(|buffer| {
                fill(&mut Sink::for_errors(buffer));
                (!buffer.is_empty()).then(|| buffer.as_slice().into())
            })
        });
    }
}

pin_project! {
    /// A stream in its span: current in each poll, and while it is dropped.
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct Streamed<S, I> {
        #[pin]
        inner: S,
        // After `inner`: what it does while it is dropped belongs to the span.
        flow: Flow,
        each: I,
        after: Restore,
    }

    impl<S, I> PinnedDrop for Streamed<S, I> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.after.prepare(&this.flow.span);
        }
    }
}

impl<S, I> Streamed<S, I> {
    fn new(held: Held, inner: S, each: I) -> Self {
        Self {
            inner,
            flow: Flow::new(held),
            each,
            after: Restore::default(),
        }
    }
}

/// A stream in a span that was started for it.
pub(super) fn streamed<S, I>(span: Started, inner: S, each: I) -> Streamed<S, I> {
    Streamed::new(Held::new(span), inner, each)
}

impl<S: Stream, I: FnMut(&mut Flow, &S::Item)> Stream for Streamed<S, I> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        if this.flow.span.is_off() {
            return this.inner.poll_next(task);
        }
        let place = this.flow.span.begin_poll();
        let polled = this.inner.poll_next(task);
        drop(place);
        this.flow.span.end_poll();
        match &polled {
            Poll::Ready(Some(item)) => {
                this.flow.passed();
                (this.each)(this.flow, item);
            }
            Poll::Ready(None) => this.flow.end(Ended::End, Started::ended),
            Poll::Pending => {}
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

/// An iterator in its span: current in each step, and while it is dropped.
#[derive(Debug)]
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Iterated<T, I> {
    /// Gone once it was consumed whole.
    inner: Option<T>,
    // After `inner`: what it does while it is dropped belongs to the span.
    flow: Flow,
    each: I,
    after: Restore,
}

impl<T, I> Iterated<T, I> {
    fn new(mut held: Held, inner: T, each: I) -> Self {
        // What is not polled has no polls.
        held.span.polls = 0;
        Self {
            inner: Some(inner),
            flow: Flow::new(held),
            each,
            after: Restore::default(),
        }
    }

    /// Runs a step of it in the span.
    fn step<R>(&mut self, step: impl FnOnce(&mut Option<T>) -> R) -> R {
        if self.flow.span.is_off() {
            return step(&mut self.inner);
        }
        self.flow.span.polling = true;
        let place = Place::enter(self.flow.span.context);
        let result = step(&mut self.inner);
        drop(place);
        self.flow.span.polling = false;
        result
    }
}

impl<T: Iterator, I: FnMut(&mut Flow, &T::Item)> Iterated<T, I> {
    /// Notes what a step yielded; nothing is the end.
    fn yielded(&mut self, item: Option<T::Item>) -> Option<T::Item> {
        if !self.flow.span.is_off() {
            match &item {
                Some(item) => {
                    self.flow.passed();
                    (self.each)(&mut self.flow, item);
                }
                None => self.flow.end(Ended::End, Started::ended),
            }
        }
        item
    }
}

// What may be quicker than one step after another stays so, save for `fold` and what is made of it, which would run the
// caller's closures in the span.
impl<T: Iterator, I: FnMut(&mut Flow, &T::Item)> Iterator for Iterated<T, I> {
    type Item = T::Item;

    fn next(&mut self) -> Option<T::Item> {
        let item = self.step(|inner| inner.as_mut()?.next());
        self.yielded(item)
    }

    fn nth(&mut self, n: usize) -> Option<T::Item> {
        // What a model said counts even where nobody looks at it.
        if self.flow.is_llm() && !self.flow.span.is_off() {
            for _ in 0..n {
                self.next()?;
            }
            return self.next();
        }
        let item = self.step(|inner| inner.as_mut()?.nth(n));
        self.yielded(item)
    }

    fn count(mut self) -> usize {
        // One that knows how many it has may count them without a look at each.
        let knows = matches!(self.size_hint(), (least, Some(most)) if least == most);
        if self.flow.is_llm() || !knows {
            let mut count = 0;
            while self.next().is_some() {
                count += 1;
            }
            return count;
        }
        let count = self.step(|inner| inner.take().map_or(0, T::count));
        self.flow.items += count as u64;
        self.yielded(None);
        count
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), T::size_hint)
    }
}

impl<T, I> Drop for Iterated<T, I> {
    fn drop(&mut self) {
        self.after.prepare(&self.flow.span);
    }
}
