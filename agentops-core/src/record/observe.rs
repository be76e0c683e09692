//! Model calls that are no function of their own: `.observe()` on what a client gives back.
//!
//! Opens a span for the call around its future or its stream, and leaves the rest to the recogniser. What a value is,
//! its type decides: one trait, implemented once for each of the ways in which clients answer.
//! Knows spans and streams, not providers.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;
use serde::Serialize;

use super::capture::Sink;
use super::fault;
use super::future::{self, Instrumented, instrument_with};
use super::manual::{SpanBuilder, span};
use super::returned::{Flow, Handing, Streamed, TriesStream as _, handing, keep, spoil, streamed};
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
/// | a future of a `Result` with a stream | begins here, and ends with the stream |
/// | a stream of `Result`s | begins here, and ends with the stream, or where that is dropped |
/// | a `Result`, or a reference to any answer | is of no length |
///
/// Answers are what implements `Serialize`. What was asked is known only where it is said:
/// [`observe_with`](Self::observe_with).
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
/// `As` tells the implementations apart, and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no answer of a model that can be observed",
    note = "futures and streams of a `Result` can, where its error is a `std::error::Error` and its value `Serialize`; and references to what is `Serialize`"
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

/// Ways in which clients answer.
pub mod ways {
    /// A future of a `Result`.
    #[derive(Debug)]
    pub struct Future;
    /// A future of a `Result` with a stream.
    #[derive(Debug)]
    pub struct OpensStream;
    /// A stream of `Result`s.
    #[derive(Debug)]
    pub struct Stream;
    /// A `Result` with a stream.
    #[derive(Debug)]
    pub struct TriedStream;
    /// A `Result`.
    #[derive(Debug)]
    pub struct Outcome;
    /// An answer.
    #[derive(Debug)]
    pub struct Value;
}

/// Captures an answer, or why there is none.
fn capture<T: Serialize, E: Error + 'static>(outcome: &Result<T, E>, sink: &mut Sink<'_>) {
    match outcome {
        Ok(answer) => sink.serialize_contained(answer),
        Err(error) => fault::of_error(error, sink),
    }
}

fn end<T: Serialize, E: Error + 'static>(span: &mut Started, outcome: &Result<T, E>) {
    future::finish(span, &mut |sink| capture(outcome, sink));
}

fn each<T: Serialize, E: Error + 'static>(flow: &mut Flow, item: &Result<T, E>) {
    match item {
        Ok(item) => keep(flow, &mut |sink| sink.serialize_contained(item)),
        Err(error) => spoil(flow, &mut |sink| fault::of_error(error, sink)),
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

impl<F, T, E> Observe<ways::Future> for F
where
    F: Future<Output = Result<T, E>>,
    T: Serialize,
    E: Error + 'static,
{
    type Observed = ObservedFuture<F>;

    #[track_caller]
    fn observe_in(self, span: SpanBuilder) -> ObservedFuture<F> {
        ObservedFuture {
            inner: instrument_with(span.begin(), self, end),
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

impl<S, T, E> Observe<ways::Stream> for S
where
    S: Stream<Item = Result<T, E>>,
    T: Serialize,
    E: Error + 'static,
{
    type Observed = ObservedStream<S>;

    #[track_caller]
    fn observe_in(self, span: SpanBuilder) -> ObservedStream<S> {
        ObservedStream {
            inner: streamed(span.begin(), self, each),
        }
    }
}

pin_project! {
    /// A future of a stream that is observed; see [`Observe`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct OpensObserved<F, T> {
        #[pin]
        inner: Handing<F, T>,
    }
}

impl<F, S, X, T, E> Future for OpensObserved<F, Result<T, E>>
where
    F: Future<Output = Result<S, X>>,
    S: Stream<Item = Result<T, E>>,
    X: Error + 'static,
    T: Serialize,
    E: Error + 'static,
{
    type Output = Result<ObservedStream<S>, X>;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let mut returned = ready!(self.project().inner.poll(task));
        let each: Each<Result<T, E>> = each;
        let opened = (&mut &mut returned).agentops_tried_stream(
            |span, never| future::finish(span, &mut |sink| failed(never, sink)),
            each,
        );
        Poll::Ready(opened.map(|inner| ObservedStream { inner }))
    }
}

fn failed<E: Error + 'static>(outcome: &Result<std::convert::Infallible, E>, sink: &mut Sink<'_>) {
    if let Err(error) = outcome {
        fault::of_error(error, sink);
    }
}

impl<F, S, X, T, E> Observe<ways::OpensStream> for F
where
    F: Future<Output = Result<S, X>>,
    S: Stream<Item = Result<T, E>>,
    X: Error + 'static,
    T: Serialize,
    E: Error + 'static,
{
    type Observed = OpensObserved<F, Result<T, E>>;

    #[track_caller]
    fn observe_in(self, span: SpanBuilder) -> Self::Observed {
        OpensObserved {
            inner: handing(span.begin(), self),
        }
    }
}

impl<S, X, T, E> Observe<ways::TriedStream> for Result<S, X>
where
    S: Stream<Item = Result<T, E>>,
    X: Error + 'static,
    T: Serialize,
    E: Error + 'static,
{
    type Observed = Result<ObservedStream<S>, X>;

    #[track_caller]
    fn observe_in(self, span: SpanBuilder) -> Self::Observed {
        match self {
            Ok(stream) => Ok(stream.observe_in(span)),
            Err(error) => {
                span.start().fail(&error);
                Err(error)
            }
        }
    }
}

impl<T, E> Observe<ways::Outcome> for Result<T, E>
where
    T: Serialize,
    E: Error + 'static,
{
    type Observed = Self;

    #[track_caller]
    fn observe_in(self, span: SpanBuilder) -> Self {
        let span = span.start();
        match &self {
            Ok(answer) => span.end_with(answer),
            Err(error) => span.fail(error),
        }
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
