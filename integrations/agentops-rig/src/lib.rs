//! Records the model calls that [rig](https://docs.rs/rig) makes, with all that goes over the wire.
//!
//! One line, around the HTTP client that a provider sends through:
//!
//! ```
//! use rig_core::providers::openai::OpenAIConfig;
//! use rig_reqwest::ReqwestClient;
//!
//! let http = agentops_rig::recorded(ReqwestClient::default());
//! let openai = OpenAIConfig::new("sk-…").connect(http);
//! let model = openai.completion("gpt-4o-mini");
//! # let _ = model;
//! ```
//!
//! Each request that calls a model becomes an LLM span where it is made: messages, answer, tool calls, tokens, cost and
//! errors are read from the bodies, whole or streamed, whatever rig's own spans keep to themselves. Any other request
//! passes untouched, and all do while nothing records. What is recorded of a call, and what never is, [`Exchange`] says.
//!
//! # Beside rig's own spans
//!
//! With `agentops::layer()` in the program's subscriber, rig's agents, tools and model calls are spans, too, and the
//! calls recorded here stand within those of rig. Both count the same tokens; sums take the innermost ones.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use agentops::Exchange;
use bytes::Bytes;
use futures_core::Stream;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use rig_http::http_client::{
    BoxedStream, Error, HttpClientExt, LazyBody, MultipartForm, Result, StreamingResponse,
};
use rig_http::wasm_compat::WasmCompatSend;

/// The same client, with its model calls recorded: see [above](crate).
///
/// Clients that are already in use take it as `openai.with_http(agentops_rig::recorded(http))`.
#[must_use]
pub fn recorded<H: HttpClientExt>(http: H) -> Recorded<H> {
    Recorded(http)
}

/// The client that [`recorded`] makes.
#[derive(Debug, Clone, Default)]
pub struct Recorded<H>(H);

impl<H> Recorded<H> {
    /// The client within.
    #[must_use]
    pub fn into_inner(self) -> H {
        self.0
    }
}

impl<H: HttpClientExt> HttpClientExt for Recorded<H> {
    fn send<T, U>(
        &self,
        request: Request<T>,
    ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + WasmCompatSend + 'static
    where
        T: Into<Bytes> + WasmCompatSend,
        U: From<Bytes> + WasmCompatSend + 'static,
    {
        let (mut exchange, request) = begin(request);
        let sending = exchange.run(self.0.send::<Bytes, Bytes>(request));
        async move {
            let sent = sending.await;
            opened(&mut exchange, &sent);
            Ok(sent?.map(|body| whole(exchange, body)))
        }
    }

    fn send_multipart<U>(
        &self,
        request: Request<MultipartForm>,
    ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + WasmCompatSend + 'static
    where
        U: From<Bytes> + WasmCompatSend + 'static,
    {
        let (mut head, form) = request.into_parts();
        let mut exchange = begin_with(&mut head, None);
        let request = Request::from_parts(head, form);
        let sending = exchange.run(self.0.send_multipart::<Bytes>(request));
        async move {
            let sent = sending.await;
            opened(&mut exchange, &sent);
            Ok(sent?.map(|body| whole(exchange, body)))
        }
    }

    fn send_streaming<T>(
        &self,
        request: Request<T>,
    ) -> impl Future<Output = Result<StreamingResponse>> + WasmCompatSend
    where
        T: Into<Bytes> + WasmCompatSend,
    {
        let (mut exchange, request) = begin(request);
        let sending = exchange.run(self.0.send_streaming::<Bytes>(request));
        async move {
            let sent = sending.await;
            opened(&mut exchange, &sent);
            Ok(sent?.map(|body| match exchange.is_going() {
                true => Box::pin(Tee { exchange, body }),
                false => body,
            }))
        }
    }
}

/// The request as it is sent, and its exchange.
fn begin<T: Into<Bytes>>(request: Request<T>) -> (Exchange, Request<Bytes>) {
    let (mut head, body) = request.into_parts();
    let body = body.into();
    let exchange = begin_with(&mut head, Some(&body));
    (exchange, Request::from_parts(head, body))
}

fn begin_with(head: &mut http::request::Parts, body: Option<&Bytes>) -> Exchange {
    if !Exchange::enabled() {
        return Exchange::off();
    }
    let url = head.uri.to_string();
    let exchange = Exchange::begin(head.method.as_str(), &url, body.map(|body| &**body));
    let parent = exchange.traceparent();
    if let Some(Ok(parent)) = parent.as_deref().map(HeaderValue::from_str) {
        head.headers.entry("traceparent").or_insert(parent);
    }
    exchange
}

/// An answer has come, or none.
fn opened<B>(exchange: &mut Exchange, sent: &Result<Response<B>>) {
    match sent {
        Ok(response) => head(exchange, response.status(), response.headers()),
        // What a transport makes of an answer that it reads itself.
        Err(Error::InvalidStatusCodeWithDetails {
            status,
            body,
            headers,
        }) => {
            head(exchange, *status, headers);
            exchange.chunk(body.as_bytes());
            exchange.finish();
        }
        Err(error) => exchange.fail(error),
    }
}

fn head(exchange: &mut Exchange, status: StatusCode, headers: &HeaderMap) {
    let text = |name| headers.get(name)?.to_str().ok();
    exchange.response(status.as_u16(), text(CONTENT_TYPE), text(RETRY_AFTER));
}

/// A body that comes in one piece, when it is asked for.
fn whole<U>(mut exchange: Exchange, body: LazyBody<Bytes>) -> LazyBody<U>
where
    U: From<Bytes> + WasmCompatSend + 'static,
{
    let reading = exchange.run(body);
    Box::pin(async move {
        match reading.await {
            Ok(bytes) => {
                exchange.chunk(&bytes);
                exchange.finish();
                Ok(bytes.into())
            }
            Err(error) => {
                exchange.fail(&error);
                Err(error)
            }
        }
    })
}

/// A body on its way to rig, of which the recorder gets a copy as it passes.
struct Tee {
    exchange: Exchange,
    body: BoxedStream,
}

impl Stream for Tee {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = ready!(self.body.as_mut().poll_next(task));
        match &piece {
            Some(Ok(bytes)) => self.exchange.chunk(bytes),
            Some(Err(error)) => self.exchange.fail(error),
            None => self.exchange.finish(),
        }
        Poll::Ready(piece)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.body.size_hint()
    }
}

/// The README's example compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
