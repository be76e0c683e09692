//! Records what [`async-openai`](async_openai) sends and receives as model calls of [agentops].
//!
//! One line in the program, where it makes its client:
//!
//! ```
//! use async_openai::Client;
//!
//! let client = Client::new().with_http_service(agentops_async_openai::service());
//! # drop(client);
//! ```
//!
//! From then on each call of a model by that client, or a clone of it, is an LLM span within whatever span is current:
//! prompt, answer, tool calls, tokens, time to first token; how often the request was sent, for the client's own retries
//! are kept; and what the provider said where it refused. The request carries `traceparent`. Answers are passed on as
//! they come, byte by byte the same: nothing is buffered, and no stream waits for anything.
//!
//! The span ends where the answer does, and a stream that is dropped half way says so. Requests that call no model are
//! left alone, as are all while nothing records.
//!
//! A program with a tower stack of its own puts [`AgentopsLayer`] into it, outside of what retries:
//!
//! ```
//! use std::time::Duration;
//!
//! use agentops_async_openai::AgentopsLayer;
//! use async_openai::middleware::{ReqwestService, retry::OpenAIRetryLayer};
//! use async_openai::{Client, config::OpenAIConfig};
//!
//! let service = tower::ServiceBuilder::new()
//!     .concurrency_limit(8)
//!     .layer(AgentopsLayer::new().include_usage(true))
//!     .timeout(Duration::from_secs(60))
//!     .layer(OpenAIRetryLayer::default())
//!     .service(ReqwestService::new(reqwest::Client::new()));
//! let client = Client::with_config(OpenAIConfig::default()).with_http_service(service);
//! # drop(client);
//! ```

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use agentops::Exchange;
use async_openai::error::OpenAIError;
use async_openai::middleware::retry::{OpenAIRetry, OpenAIRetryLayer};
use async_openai::middleware::{HttpRequestFactory, ReqwestService};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Request, Response, ResponseBuilderExt as _};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};
use tower_layer::Layer;
use tower_service::Service;

/// What a client does by default, recorded: to be given to [`with_http_service`](async_openai::Client::with_http_service).
///
/// That is a [`reqwest::Client`] of its own, behind async-openai's retries. A client that was configured is given to
/// [`service_with`].
#[must_use]
pub fn service() -> Recorded<OpenAIRetry<ReqwestService>> {
    service_with(reqwest::Client::new())
}

/// As [`service`], with an HTTP client that is there already.
///
/// ```
/// use async_openai::Client;
///
/// let http = reqwest::Client::builder().user_agent("my-agent").build()?;
/// let client = Client::new().with_http_service(agentops_async_openai::service_with(http));
/// # drop(client);
/// # Ok::<(), reqwest::Error>(())
/// ```
#[must_use]
pub fn service_with(client: reqwest::Client) -> Recorded<OpenAIRetry<ReqwestService>> {
    let retried = OpenAIRetryLayer::default().layer(ReqwestService::new(client));
    AgentopsLayer::new().layer(retried)
}

/// Records model calls, as a layer of a tower stack under an async-openai client.
///
/// Outside of a layer that retries, a call is one span with all its attempts; inside, each attempt is a span.
#[derive(Debug, Clone, Copy, Default)]
pub struct AgentopsLayer {
    include_usage: bool,
}

impl AgentopsLayer {
    /// A layer that changes nothing of a request but `traceparent`.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            include_usage: false,
        }
    }

    /// Asks for the tokens of streamed chats: adds `stream_options.include_usage` to requests that say nothing of it.
    ///
    /// OpenAI counts the tokens of a stream only where it is asked to. It then sends one more chunk, which has no
    /// choices: a program that takes the first choice of each chunk for granted must be ready for it, so this is off
    /// unless it is wanted. While nothing records no request is changed.
    #[must_use]
    pub const fn include_usage(mut self, include_usage: bool) -> Self {
        self.include_usage = include_usage;
        self
    }
}

impl<S> Layer<S> for AgentopsLayer {
    type Service = Recorded<S>;

    fn layer(&self, inner: S) -> Recorded<S> {
        Recorded {
            inner,
            layer: *self,
        }
    }
}

/// A service whose model calls are recorded; made by [`AgentopsLayer`].
#[derive(Debug, Clone)]
pub struct Recorded<S> {
    inner: S,
    layer: AgentopsLayer,
}

impl<S> Service<HttpRequestFactory> for Recorded<S>
where
    S: Service<HttpRequestFactory, Response = Response> + Clone + Send + 'static,
    S::Error: Into<OpenAIError>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = OpenAIError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, OpenAIError>> + Send>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), OpenAIError>> {
        self.inner.poll_ready(task).map_err(Into::into)
    }

    fn call(&mut self, requests: HttpRequestFactory) -> Self::Future {
        if !Exchange::enabled() {
            let sent = self.inner.call(requests);
            return Box::pin(async { sent.await.map_err(Into::into) });
        }
        // The one that is ready is the one that is called.
        let next = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, next);
        Box::pin(recorded(inner, requests, self.layer))
    }
}

async fn recorded<S>(
    mut inner: S,
    requests: HttpRequestFactory,
    layer: AgentopsLayer,
) -> Result<Response, OpenAIError>
where
    S: Service<HttpRequestFactory, Response = Response>,
    S::Error: Into<OpenAIError>,
{
    let mut first = requests.build().await?;
    layer.prepare(&mut first);
    let body = first.body().and_then(reqwest::Body::as_bytes);
    let mut exchange = Exchange::begin(first.method().as_str(), first.url().as_str(), body);
    let requests = observed(first, requests, &exchange, layer);
    let sent = exchange.run(inner.call(requests));
    match sent.await.map_err(Into::into) {
        Ok(response) => Ok(teed(response, exchange)),
        Err(error) => {
            match &error {
                OpenAIError::ApiError(refusal) => {
                    // Whoever retried has read the body.
                    exchange.response(refusal.status_code.as_u16(), Some(JSON), None);
                    let body = json!({ "error": refusal.api_error });
                    exchange.chunk(body.to_string().as_bytes());
                    exchange.finish();
                }
                error => exchange.fail(error),
            }
            Err(error)
        }
    }
}

const JSON: &str = "application/json";

/// The same requests, counted, and with what is sent along.
fn observed(
    first: Request,
    requests: HttpRequestFactory,
    exchange: &Exchange,
    layer: AgentopsLayer,
) -> HttpRequestFactory {
    let attempts = exchange.attempts();
    let traceparent = exchange
        .traceparent()
        .and_then(|text| HeaderValue::from_str(&text).ok());
    let first = Arc::new(Mutex::new(Some(first)));
    HttpRequestFactory::new(move || {
        let (first, requests) = (first.clone(), requests.clone());
        let (attempts, traceparent) = (attempts.clone(), traceparent.clone());
        async move {
            // It was made to be looked at, and need not be made again.
            let made = first.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut request = match made {
                Some(request) => request,
                None => {
                    let mut request = requests.build().await?;
                    layer.prepare(&mut request);
                    request
                }
            };
            attempts.count();
            if let Some(traceparent) = traceparent {
                request
                    .headers_mut()
                    .entry(TRACEPARENT)
                    .or_insert(traceparent);
            }
            Ok(request)
        }
    })
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

impl AgentopsLayer {
    fn prepare(self, request: &mut Request) {
        if !self.include_usage || !request.url().path().ends_with("/completions") {
            return;
        }
        let body = request.body().and_then(reqwest::Body::as_bytes);
        if let Some(body) = body.and_then(with_usage) {
            *request.body_mut() = Some(body.into());
        }
    }
}

/// A streamed chat's request with the wish for usage; `None` where it is no such request, or says what it wants.
fn with_usage(body: &[u8]) -> Option<Vec<u8>> {
    // Values stay as they are written: a schema's fields are answered in their order.
    let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(body).ok()?;
    if fields.get("stream")?.get() != "true" {
        return None;
    }
    let said = fields
        .get("stream_options")
        .map_or("null", |said| said.get());
    let options: Option<Map<String, Value>> = serde_json::from_str(said).ok()?;
    let mut options = options.unwrap_or_default();
    if options
        .get("include_usage")
        .is_some_and(|said| !said.is_null())
    {
        return None;
    }
    options.insert("include_usage".into(), true.into());
    fields.insert("stream_options".into(), to_raw_value(&options).ok()?);
    serde_json::to_vec(&fields).ok()
}

/// The same response, whose body is looked at as it passes.
fn teed(response: Response, mut exchange: Exchange) -> Response {
    if !exchange.is_going() {
        return response;
    }
    let text = |headers: &HeaderMap, name| {
        let value: Option<&HeaderValue> = headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let headers = response.headers();
    let (kind, wait) = (text(headers, CONTENT_TYPE), text(headers, RETRY_AFTER));
    exchange.response(response.status().as_u16(), kind.as_deref(), wait.as_deref());

    let url = response.url().clone();
    let (mut parts, inner) = http::Response::from(response).into_parts();
    // An address is given to the builder of a response, and to nothing else.
    let addressed = http::Response::builder().url(url).body(());
    if let Ok(addressed) = addressed {
        parts.extensions.extend(addressed.into_parts().0.extensions);
    }
    let body = reqwest::Body::wrap(Teed { inner, exchange });
    http::Response::from_parts(parts, body).into()
}

/// A body that tells an exchange what passes.
#[derive(Debug)]
struct Teed {
    inner: reqwest::Body,
    exchange: Exchange,
}

impl Body for Teed {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.inner).poll_frame(task);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(bytes) = frame.data_ref() {
                    this.exchange.chunk(bytes);
                }
                // Nobody asks for more of what has no more.
                if this.inner.is_end_stream() {
                    this.exchange.finish();
                }
            }
            Poll::Ready(Some(Err(error))) => this.exchange.fail(error),
            Poll::Ready(None) => this.exchange.finish(),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_the_wish_for_usage_is_added_to_a_request() {
        #[track_caller]
        fn check(body: &str, expected: Option<&str>) {
            let body = with_usage(body.as_bytes()).map(|body| String::from_utf8(body).unwrap());
            assert_eq!(body.as_deref(), expected);
        }
        check(
            r#"{"n":1.10,"response_format":{"z":1,"a":{"y":1e2,"b":2}},"stream":true}"#,
            Some(
                r#"{"n":1.10,"response_format":{"z":1,"a":{"y":1e2,"b":2}},"stream":true,"stream_options":{"include_usage":true}}"#,
            ),
        );
        check(
            r#"{"stream":true,"stream_options":null}"#,
            Some(r#"{"stream":true,"stream_options":{"include_usage":true}}"#),
        );
        check(
            r#"{"stream":true,"stream_options":{"include_obfuscation":false}}"#,
            Some(
                r#"{"stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true}}"#,
            ),
        );
        check(
            r#"{"stream":true,"stream_options":{"include_usage":false}}"#,
            None,
        );
        check(r#"{"stream":true,"stream_options":1}"#, None);
        check(r#"{"stream":false}"#, None);
        check("[]", None);
    }
}
