//! Model calls that are no function of their own: `.observe()` on what a client gives back.
//!
//! Opens a span for the call around its future or its stream, and leaves the rest to the recogniser. What a value is,
//! its type decides: one trait, implemented once for each of the ways in which clients answer.
//! Knows spans and streams, not providers.

use std::convert::Infallible;
use std::error::Error;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;
use serde::Serialize;

use super::capture::Sink;
use super::fault::{self, DynError};
use super::future::{self, Instrumented, instrument_with};
use super::manual::{SpanBuilder, span};
use super::returned::{
    Flow, Handing, ReturnsStream as _, Streamed, TriesStream as _, handing, keep, spoil, streamed,
};
use super::span::Started;
use crate::model::span::SpanKind;

/// Records a model call where a client makes it: `client.chat(request).observe().await?`.
///
/// The call is an LLM span, within whatever span is current. What the model answered is recognised as it is for `#[llm]`
/// functions, in the shapes of all providers; errors are the span's. It gives back what it was called on:
///
/// | on | the span |
/// |---|---|
/// | a future of a `Result` | begins here, and ends when the future is ready |
/// | a future of a stream, or of a `Result` with one | begins here, and ends with the stream |
/// | a stream of `Result`s | begins here, and ends with the stream, or where that is dropped |
/// | a `Result`, or a reference to any answer | is of no length |
///
/// Answers are what implements `Serialize`, errors what implements `std::error::Error`, or dereferences to one that does:
/// `Box<dyn Error>`, `anyhow::Error`, `eyre::Report`; text and `()` will do, too. What was asked is known only where it is said:
/// [`observe_with`](Self::observe_with). Futures and streams of answers that are no `Result` have a method of their own:
/// [`observe_plain`](ObservePlain::observe_plain).
///
/// ```
/// use agentops_core::Observe as _;
/// # use serde_json::{Value, json};
/// # struct Client;
/// # impl Client {
/// #     async fn chat(&self, _: &Value) -> Result<Value, std::io::Error> { Ok(json!({})) }
/// # }
///
/// async fn ask(client: &Client) -> Result<Value, std::io::Error> {
///     let request = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Where?"}]});
///     client.chat(&request).observe_with(&request).await
/// }
/// ```
///
/// # Streams within a struct
///
/// Some clients answer with a struct of their own that has the stream in a field. What such a type holds nobody can see
/// without knowing it: an `#[llm]` function that returns it ends its span with the call. So take the stream out, and
/// the span goes with it, from the request to the last chunk (with `futures`: `.map_ok(|answer| answer.stream)`):
///
/// ```
/// # use agentops_core::Observe as _;
/// # use std::pin::Pin;
/// # use futures_core::Stream;
/// # use serde_json::{Value, json};
/// # struct Client;
/// # struct Answer { stream: Pin<Box<dyn Stream<Item = Result<Value, std::io::Error>>>> }
/// # impl Client {
/// #     async fn chat_stream(&self, _: &Value) -> Result<Answer, std::io::Error> { Err(std::io::ErrorKind::NotConnected.into()) }
/// # }
/// # async fn ask(client: &Client, request: &Value) -> Result<(), std::io::Error> {
/// let stream = async { Ok::<_, std::io::Error>(client.chat_stream(request).await?.stream) };
/// let chunks = stream.observe_with(request).await?;
/// # drop(chunks);
/// # Ok(())
/// # }
/// ```
///
/// In an `#[llm]` function it is enough to return the stream alone: `Ok(client.chat_stream(request).await?.stream)`, with
/// `Result<impl Stream<Item = …>, …>` as the return type.
///
/// `As` tells the implementations apart, and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no answer of a model that can be observed",
    note = "futures and streams of a `Result` can, where its error is a `std::error::Error` (or dereferences to one) and its value `Serialize`; and references to what is `Serialize`",
    note = "futures and streams of what is no `Result` have `.observe_plain()`"
)]
pub trait Observe<As>: Sized {
    /// The same, observed.
    type Observed;

    /// Records it as a model call.
    #[track_caller]
    fn observe(self) -> Self::Observed {
        self.observe_in(call())
    }

    /// As [`observe`](Self::observe), with what was asked.
    #[track_caller]
    fn observe_with(self, request: impl Serialize) -> Self::Observed {
        self.observe_in(call().input(request))
    }

    /// As [`observe`](Self::observe), in a span that is described by hand: its name, what else is worth knowing of it.
    ///
    /// ```
    /// use agentops_core::{Observe as _, SpanKind, span};
    ///
    /// let answer = serde_json::json!({"choices": []});
    /// answer.observe_in(span("second opinion").kind(SpanKind::Llm).tag("judge"));
    /// ```
    #[track_caller]
    fn observe_in(self, span: SpanBuilder) -> Self::Observed;
}

/// How the span of a call is called that nobody has named; people see the model's name.
const NAME: &str = "model call";

fn call() -> SpanBuilder {
    span(NAME).kind(SpanKind::Llm)
}

/// Records a model call that cannot fail: futures and streams whose answers are no `Result`.
///
/// A method of its own, for where an error is `Serialize` nobody could tell a `Result` that failed from an answer. Such
/// are the streams that leave errors out, and functions that try until they succeed.
///
/// ```
/// use agentops_core::ObservePlain as _;
/// use serde_json::json;
///
/// # async fn ask() {
/// let patient = async { json!({"message": {"role": "assistant", "content": "Here."}}) };
/// let answer = patient.observe_plain_with(&json!({"model": "qwen3:8b", "messages": []})).await;
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no answer of a model that can be observed",
    note = "futures and streams can, where what they give is `Serialize`; of `Result`s, by `.observe()`"
)]
pub trait ObservePlain<As>: Sized {
    /// The same, observed.
    type Observed;

    /// Records it as a model call.
    #[track_caller]
    fn observe_plain(self) -> Self::Observed {
        self.observe_plain_in(call())
    }

    /// As [`observe_plain`](Self::observe_plain), with what was asked.
    #[track_caller]
    fn observe_plain_with(self, request: impl Serialize) -> Self::Observed {
        self.observe_plain_in(call().input(request))
    }

    /// As [`observe_plain`](Self::observe_plain), in a span that is described by hand.
    #[track_caller]
    fn observe_plain_in(self, span: SpanBuilder) -> Self::Observed;
}

/// Ways in which clients answer, and in which errors are errors.
pub mod ways {
    use std::marker::PhantomData;

    /// A future.
    #[derive(Debug)]
    pub struct Future<X = ()>(PhantomData<fn() -> X>);
    /// A future of a stream.
    #[derive(Debug)]
    pub struct GivesStream<E = ()>(PhantomData<fn() -> E>);
    /// A future of a `Result` with a stream.
    #[derive(Debug)]
    pub struct OpensStream<X, E>(PhantomData<fn() -> (X, E)>);
    /// A stream.
    #[derive(Debug)]
    pub struct Stream<E = ()>(PhantomData<fn() -> E>);
    /// A `Result` with a stream.
    #[derive(Debug)]
    pub struct TriedStream<X, E>(PhantomData<fn() -> (X, E)>);
    /// A `Result`.
    #[derive(Debug)]
    pub struct Outcome<X>(PhantomData<fn() -> X>);
    /// An answer.
    #[derive(Debug)]
    pub struct Value;

    /// An error is one itself.
    #[derive(Debug)]
    pub struct Itself;
    /// An error dereferences to one.
    #[derive(Debug)]
    pub struct Behind;
    /// An error is text, or nothing at all.
    #[derive(Debug)]
    pub struct Text;
}

/// Why there is no answer: an error, what holds one, or text. `As` tells them apart, and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no error that can be observed",
    note = "it is one where it implements `std::error::Error`, or dereferences to a `dyn Error` as `Box<dyn Error>` and `anyhow::Error` do; or where it is text"
)]
pub trait Failure<As> {
    /// Records it.
    #[doc(hidden)]
    fn record(&self, sink: &mut Sink<'_>);
}

impl<E: Error + 'static> Failure<ways::Itself> for E {
    fn record(&self, sink: &mut Sink<'_>) {
        fault::of_error(self, sink);
    }
}

impl<E: Deref> Failure<ways::Behind> for E
where
    E::Target: DynError,
{
    fn record(&self, sink: &mut Sink<'_>) {
        fault::of_held(self, sink);
    }
}

macro_rules! text {
    ($($error:ty)*) => { $(
        impl Failure<ways::Text> for $error {
            fn record(&self, sink: &mut Sink<'_>) {
                fault::of_text(self, sink);
            }
        }
    )* };
}

text! { String &str }

/// What some clients have as the error of a stream: it broke off, and nobody says why.
impl Failure<ways::Text> for () {
    fn record(&self, sink: &mut Sink<'_>) {
        fault::of_nothing(sink);
    }
}

/// Captures an answer, or why there is none.
fn capture<T: Serialize, E: Failure<A>, A>(outcome: &Result<T, E>, sink: &mut Sink<'_>) {
    match outcome {
        Ok(answer) => sink.serialize_contained(answer),
        Err(error) => error.record(sink),
    }
}

fn end<T: Serialize, E: Failure<A>, A>(span: &mut Started, outcome: &Result<T, E>) {
    future::finish(span, &mut |sink| capture(outcome, sink));
}

fn end_plain<T: Serialize>(span: &mut Started, answer: &T) {
    future::finish(span, &mut |sink| sink.serialize_contained(answer));
}

fn each<T: Serialize, E: Failure<A>, A>(flow: &mut Flow, item: &Result<T, E>) {
    match item {
        Ok(item) => each_plain(flow, item),
        Err(error) => spoil(flow, &mut |sink| error.record(sink)),
    }
}

fn each_plain<T: Serialize>(flow: &mut Flow, item: &T) {
    keep(flow, &mut |sink| sink.serialize_contained(item));
}

fn fail<E: Failure<A>, A>(span: &mut Started, outcome: &Result<Infallible, E>) {
    if let Err(error) = outcome {
        future::finish(span, &mut |sink| error.record(sink));
    }
}

/// What notes an item.
type Each<T> = fn(&mut Flow, &T);

pin_project! {
    /// A future that is observed; see [`Observe`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ObservedFuture<F: Future> {
        #[pin]
        inner: Instrumented<F, fn(&mut Started, &F::Output)>,
    }
}

impl<F: Future> Future for ObservedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<F::Output> {
        self.project().inner.poll(task)
    }
}

impl<F, T, E, A> Observe<ways::Future<A>> for F
where
    F: Future<Output = Result<T, E>>,
    T: Serialize,
    E: Failure<A>,
{
    type Observed = ObservedFuture<F>;

    #[track_caller]
    fn observe_in(self, span: SpanBuilder) -> ObservedFuture<F> {
        ObservedFuture {
            inner: instrument_with(span.begin(), self, end::<T, E, A>),
        }
    }
}

impl<F, T> ObservePlain<ways::Future> for F
where
    F: Future<Output = T>,
    T: Serialize,
{
    type Observed = ObservedFuture<F>;

    #[track_caller]
    fn observe_plain_in(self, span: SpanBuilder) -> ObservedFuture<F> {
        ObservedFuture {
            inner: instrument_with(span.begin(), self, end_plain::<T>),
        }
    }
}

pin_project! {
    /// A stream that is observed; see [`Observe`].
    #[derive(Debug)]
    #[must_use = "streams do nothing unless polled"]
    pub struct ObservedStream<S: Stream> {
        #[pin]
        inner: Streamed<S, Each<S::Item>>,
    }
}

impl<S: Stream> Stream for ObservedStream<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<S::Item>> {
        self.project().inner.poll_next(task)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl<S, T, E, A> Observe<ways::Stream<A>> for S
where
    S: Stream<Item = Result<T, E>>,
    T: Serialize,
    E: Failure<A>,
{
    type Observed = ObservedStream<S>;

    #[track_caller]
    fn observe_in(self, span: SpanBuilder) -> ObservedStream<S> {
        ObservedStream {
            inner: streamed(span.begin(), self, each::<T, E, A>),
        }
    }
}

impl<S, T> ObservePlain<ways::Stream> for S
where
    S: Stream<Item = T>,
    T: Serialize,
{
    type Observed = ObservedStream<S>;

    #[track_caller]
    fn observe_plain_in(self, span: SpanBuilder) -> ObservedStream<S> {
        ObservedStream {
            inner: streamed(span.begin(), self, each_plain::<T>),
        }
    }
}

pin_project! {
    /// A future of a stream that is observed; see [`Observe`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct GivesObserved<F, T> {
        #[pin]
        inner: Handing<F, T>,
        each: Each<T>,
    }
}

impl<F, S, T> Future for GivesObserved<F, T>
where
    F: Future<Output = S>,
    S: Stream<Item = T>,
{
    type Output = ObservedStream<S>;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut returned = ready!(this.inner.poll(task));
        let inner = (&mut &mut returned).agentops_stream(*this.each);
        Poll::Ready(ObservedStream { inner })
    }
}

impl<F, S, T, E, A> Observe<ways::GivesStream<A>> for F
where
    F: Future<Output = S>,
    S: Stream<Item = Result<T, E>>,
    T: Serialize,
    E: Failure<A>,
{
    type Observed = GivesObserved<F, Result<T, E>>;

    #[track_caller]
    fn observe_in(self, span: SpanBuilder) -> Self::Observed {
        GivesObserved {
            inner: handing(span.begin(), self),
            each: each::<T, E, A>,
        }
    }
}

impl<F, S, T> ObservePlain<ways::GivesStream> for F
where
    F: Future<Output = S>,
    S: Stream<Item = T>,
    T: Serialize,
{
    type Observed = GivesObserved<F, T>;

    #[track_caller]
    fn observe_plain_in(self, span: SpanBuilder) -> Self::Observed {
        GivesObserved {
            inner: handing(span.begin(), self),
            each: each_plain::<T>,
        }
    }
}

/// What notes that there is no stream.
type Fail<X> = fn(&mut Started, &Result<Infallible, X>);

pin_project! {
    /// A future of a `Result` with a stream that is observed; see [`Observe`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct OpensObserved<F, X, T> {
        #[pin]
        inner: Handing<F, T>,
        fail: Fail<X>,
        each: Each<T>,
    }
}

impl<F, S, X, T> Future for OpensObserved<F, X, T>
where
    F: Future<Output = Result<S, X>>,
    S: Stream<Item = T>,
{
    type Output = Result<ObservedStream<S>, X>;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut returned = ready!(this.inner.poll(task));
        let opened = (&mut &mut returned).agentops_tried_stream(*this.fail, *this.each);
        Poll::Ready(opened.map(|inner| ObservedStream { inner }))
    }
}

impl<F, S, X, T, E, A, B> Observe<ways::OpensStream<A, B>> for F
where
    F: Future<Output = Result<S, X>>,
    S: Stream<Item = Result<T, E>>,
    X: Failure<A>,
    T: Serialize,
    E: Failure<B>,
{
    type Observed = OpensObserved<F, X, Result<T, E>>;

    #[track_caller]
    fn observe_in(self, span: SpanBuilder) -> Self::Observed {
        OpensObserved {
            inner: handing(span.begin(), self),
            fail: fail::<X, A>,
            each: each::<T, E, B>,
        }
    }
}

impl<F, S, X, T, A> ObservePlain<ways::OpensStream<A, ()>> for F
where
    F: Future<Output = Result<S, X>>,
    S: Stream<Item = T>,
    X: Failure<A>,
    T: Serialize,
{
    type Observed = OpensObserved<F, X, T>;

    #[track_caller]
    fn observe_plain_in(self, span: SpanBuilder) -> Self::Observed {
        OpensObserved {
            inner: handing(span.begin(), self),
            fail: fail::<X, A>,
            each: each_plain::<T>,
        }
    }
}

impl<S, X, T, E, A, B> Observe<ways::TriedStream<A, B>> for Result<S, X>
where
    S: Stream<Item = Result<T, E>>,
    X: Failure<A>,
    T: Serialize,
    E: Failure<B>,
{
    type Observed = Result<ObservedStream<S>, X>;

    #[track_caller]
    fn observe_in(self, span: SpanBuilder) -> Self::Observed {
        match self {
            Ok(stream) => Ok(stream.observe_in(span)),
            Err(error) => {
                span.start().end_by(|sink| error.record(sink));
                Err(error)
            }
        }
    }
}

impl<S, X, T, A> ObservePlain<ways::TriedStream<A, ()>> for Result<S, X>
where
    S: Stream<Item = T>,
    X: Failure<A>,
    T: Serialize,
{
    type Observed = Result<ObservedStream<S>, X>;

    #[track_caller]
    fn observe_plain_in(self, span: SpanBuilder) -> Self::Observed {
        match self {
            Ok(stream) => Ok(stream.observe_plain_in(span)),
            Err(error) => {
                span.start().end_by(|sink| error.record(sink));
                Err(error)
            }
        }
    }
}

impl<T, E, A> Observe<ways::Outcome<A>> for Result<T, E>
where
    T: Serialize,
    E: Failure<A>,
{
    type Observed = Self;

    #[track_caller]
    fn observe_in(self, span: SpanBuilder) -> Self {
        span.start().end_by(|sink| capture(&self, sink));
        self
    }
}

impl<T: Serialize + ?Sized> Observe<ways::Value> for &T {
    type Observed = Self;

    #[track_caller]
    fn observe_in(self, span: SpanBuilder) -> Self {
        span.start().end_with(self);
        self
    }
}
