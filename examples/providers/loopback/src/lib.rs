//! A server on this machine that speaks the protocols of model providers.
//!
//! Programs and tests talk to it with the providers' real clients, and need neither a key nor a network. What it reads
//! and writes are types of its own, made from the providers' documentation: it shares none with agentops, nor with a
//! client, so that it can say what is wrong with either.
//!
//! Answers follow from the request alone. A question that speaks of a tool that is offered is answered with a call of
//! it, the result of a tool with a text that quotes it, and anything else with a text that quotes the question.
//!
//! ```
//! use agentops_loopback::{KEY, Loopback};
//! use serde_json::{Value, json};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # rustls::crypto::ring::default_provider().install_default().unwrap();
//! let server = Loopback::start().await;
//! let answer: Value = reqwest::Client::new()
//!     .post(format!("{}/v1/chat/completions", server.url()))
//!     .bearer_auth(KEY)
//!     .json(&json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello?"}]}))
//!     .send()
//!     .await?
//!     .json()
//!     .await?;
//! assert_eq!(answer["choices"][0]["message"]["content"], "You asked: Hello?");
//! assert_eq!(server.requests()[0].body["model"], "gpt-4o-mini");
//! # Ok::<(), reqwest::Error>(())
//! # }).unwrap();
//! ```

mod answer;
mod anthropic;
mod body;
mod cohere;
mod gemini;
mod ollama;
mod openai;
mod protocol;
mod server;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::HeaderMap;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The key that every server takes.
pub const KEY: &str = "sk-loopback-0123456789abcdef";

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Loopback {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// A request that arrived, whatever was answered.
#[derive(Debug, Clone)]
pub struct Request {
    /// `POST` and the like.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// What follows the question mark, if anything does.
    pub query: Option<String>,
    /// All of them, as they were sent.
    pub headers: HeaderMap,
    /// The body; null where it is not JSON.
    pub body: Value,
}

/// How a stream ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// With the event that the provider sends when it fails in the middle, then regularly.
    Error,
    /// With the connection.
    Cut,
}

/// What is to happen to a request.
#[derive(Debug)]
pub(crate) enum Script {
    /// It is answered as it asks.
    Answer,
    Fail {
        status: u16,
        retry_after: Option<String>,
        body: Option<String>,
    },
    Break {
        after: usize,
        how: Break,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    requests: Mutex<Vec<Request>>,
    scripts: Mutex<VecDeque<Script>>,
    keys: Mutex<Vec<String>>,
}

impl Loopback {
    /// Starts a server on a port that is free.
    ///
    /// # Panics
    ///
    /// Where this machine has no loopback device, and outside a tokio runtime.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a port of the loopback device");
        let address = listener.local_addr().expect("a port that is bound");
        let shared = Arc::new(Shared::default());
        let accepting = tokio::spawn(server::accept(listener, shared.clone()));
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// Where it is, as `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Takes one more key.
    pub fn accept_key(&self, key: impl Into<String>) {
        lock(&self.shared.keys).push(key.into());
    }

    /// The next request that nothing is said of yet is answered with an error: with this `body`, or without one in the
    /// shape that the provider gives its errors of this status.
    pub fn fail_next(&self, status: u16, retry_after: Option<&str>, body: Option<&str>) {
        self.then(Script::Fail {
            status,
            retry_after: retry_after.map(Into::into),
            body: body.map(Into::into),
        });
    }

    /// The stream of the next request that nothing is said of yet ends after so many events. An answer that is no
    /// stream is cut in its middle, or comes whole.
    pub fn break_next(&self, after: usize, how: Break) {
        self.then(Script::Break { after, how });
    }

    /// The next request that nothing is said of yet is answered as it asks, before what is said of the one after it.
    pub fn answer_next(&self) {
        self.then(Script::Answer);
    }

    fn then(&self, script: Script) {
        lock(&self.shared.scripts).push_back(script);
    }

    /// What has arrived, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Request {
    /// The text of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Shared {
    /// Notes what arrived, and says what is to happen to it.
    pub(crate) fn arrived(&self, request: Request) -> Script {
        lock(&self.requests).push(request);
        lock(&self.scripts).pop_front().unwrap_or(Script::Answer)
    }

    pub(crate) fn takes(&self, key: &str) -> bool {
        key == KEY || lock(&self.keys).iter().any(|taken| taken == key)
    }
}

/// A test that failed while it held the lock has left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
