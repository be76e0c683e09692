//! Records the model calls that go through a [`reqwest_middleware`] client.
//!
//! One line, after all retries:
//!
//! ```
//! use reqwest_middleware::ClientBuilder;
//!
//! let client = ClientBuilder::new(reqwest::Client::new())
//!     // .with(RetryTransientMiddleware::new_with_policy(policy))
//!     .with(agentops_reqwest::recorder())
//!     .build();
//! # let _ = client;
//! ```
//!
//! A request that calls a model becomes an LLM span where it is made: messages, answer, tool calls, tokens, cost and
//! errors are read from the bodies, whole or streamed. Any other request passes untouched, and all do while nothing
//! records. What is recorded of a call, and what never is, [`Exchange`] says.
//!
//! # Retries
//!
//! The attempts of one call are one span. A recorder after the retries sees each of them, and counts them where there is
//! more than one; the span of a call that failed ends once it is not tried again. A recorder before the retries sees the
//! call as the program does: what it took in all, and how it ended. Both may be there: then the outer one records, and
//! the inner one counts.

mod tee;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use agentops::Exchange;
use async_trait::async_trait;
use http::Extensions;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::{Body, Request, Response, ResponseBuilderExt as _, Url};
use reqwest_middleware::{Middleware, Next, Result};

use self::tee::Tee;

/// A middleware that records model calls: see [above](crate).
#[must_use]
pub fn recorder() -> Recorder {
    Recorder(())
}

/// The middleware that [`recorder`] makes.
#[derive(Debug, Clone)]
pub struct Recorder(());

/// A call, as its attempts and their answers share it. Its span ends when nobody has it any longer, if not before.
#[derive(Debug)]
struct Call {
    exchange: Exchange,
    /// How often it has passed.
    passed: u32,
    url: Url,
    /// Where its body stands in memory. Attempts have that in common, and no two calls at the same time. `None` where it
    /// does not: such a body is not sent again.
    body: Option<(usize, usize)>,
}

/// What a recorder leaves in the extensions of a request.
#[derive(Debug, Clone)]
enum Mark {
    /// The call is on its way. A recorder that finds this stands within another.
    Passing(Weak<Mutex<Call>>),
    /// It failed. A recorder that finds this sees the next attempt.
    Failed(Arc<Mutex<Call>>),
}

#[async_trait]
impl Middleware for Recorder {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let call = match extensions.remove() {
            Some(Mark::Passing(outer)) if outer.strong_count() > 0 => {
                if let Some(call) = outer.upgrade() {
                    lock(&call).exchange.attempt();
                }
                extensions.insert(Mark::Passing(outer));
                return next.run(request, extensions).await;
            }
            Some(Mark::Failed(call)) if lock(&call).is_of(&request) => call,
            _ => match Call::begin(&request) {
                Some(call) => Arc::new(Mutex::new(call)),
                None => return next.run(request, extensions).await,
            },
        };
        let attempt = lock(&call).pass(&mut request);
        extensions.insert(Mark::Passing(Arc::downgrade(&call)));
        let sending = lock(&call).exchange.run(next.run(request, extensions));
        let sent = sending.await;
        extensions.remove::<Mark>();
        match sent {
            Ok(response) => {
                let status = response.status();
                lock(&call).answered(&response);
                if status.is_client_error() || status.is_server_error() {
                    mark_failed(&call, extensions);
                }
                Ok(with_body(response, |body| {
                    Body::wrap(Tee::new(body, call, attempt))
                }))
            }
            Err(error) => {
                lock(&call).exchange.fail_attempt(&error);
                mark_failed(&call, extensions);
                Err(error)
            }
        }
    }
}

impl Call {
    /// `None` where the request calls no model, or nothing records.
    fn begin(request: &Request) -> Option<Self> {
        let url = request.url();
        let body = request.body().and_then(Body::as_bytes);
        let exchange = Exchange::begin(request.method().as_str(), url.as_str(), body);
        exchange.is_going().then(|| Self {
            exchange,
            passed: 0,
            url: url.clone(),
            body: place(request),
        })
    }

    /// Whether the request is another attempt of this call, which goes on.
    fn is_of(&self, request: &Request) -> bool {
        let is_same_body = self.body.is_some() && self.body == place(request);
        self.exchange.is_going() && is_same_body && self.url == *request.url()
    }

    /// An attempt begins; gives its number.
    fn pass(&mut self, request: &mut Request) -> u32 {
        self.passed += 1;
        // The first may be any number of them, as long as nothing outside tries again.
        if self.passed == 2 {
            self.exchange.attempt();
        }
        if self.passed > 1 {
            self.exchange.attempt();
        }
        let parent = self.exchange.traceparent();
        if let Some(Ok(parent)) = parent.as_deref().map(HeaderValue::from_str) {
            let headers = request.headers_mut();
            headers.entry("traceparent").or_insert(parent);
        }
        self.passed
    }

    fn answered(&mut self, response: &Response) {
        let header = |name| response.headers().get(name)?.to_str().ok();
        let status = response.status().as_u16();
        let exchange = &mut self.exchange;
        exchange.response(status, header(CONTENT_TYPE), header(RETRY_AFTER));
    }
}

/// The same response with another body.
fn with_body(response: Response, body: impl FnOnce(Body) -> Body) -> Response {
    let builder = http::Response::builder().url(response.url().clone());
    let mut response = http::Response::<Body>::from(response).map(body);
    // Its address is a field, which is lost on the way, unless it is found in an extension.
    if let Some(extensions) = builder.extensions_ref() {
        response.extensions_mut().extend(extensions.clone());
    }
    response.into()
}

/// Where a request's body stands in memory: the copies of a request share it. Nothing stands nowhere.
fn place(request: &Request) -> Option<(usize, usize)> {
    let body = request.body().and_then(Body::as_bytes)?;
    (!body.is_empty()).then(|| (body.as_ptr().addr(), body.len()))
}

/// Lets the next attempt find the call, where it can be told from another call.
fn mark_failed(call: &Arc<Mutex<Call>>, extensions: &mut Extensions) {
    if lock(call).body.is_some() {
        extensions.insert(Mark::Failed(call.clone()));
    }
}

/// Nothing that could panic runs while it is held.
fn lock(call: &Mutex<Call>) -> MutexGuard<'_, Call> {
    call.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The README's example compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
