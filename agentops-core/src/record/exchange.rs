//! One HTTP exchange with a model's provider, as a client's hook sees it: the only thing that such a hook needs.
//!
//! Opens an LLM span for a request that calls a model, copies what goes over the wire, and ends the span where the
//! answer does. Only bytes are copied here, and few of them looked at; what they say is read on the processor's thread.
//! Knows how streams end, not what is in them.

mod terminal;

use std::error::Error;
use std::fmt::{self, Display};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use pin_project_lite::pin_project;

use self::terminal::Terminal;
use super::callsite::{Callsite, Meta};
use super::capture::Sink;
use super::clock;
use super::context::{Context, SpanContext};
use super::fault;
use super::future::InPlace;
use super::local;
use super::note::{self, ANSWERED, ASKED, Ended};
use super::span;
use super::word::{self, CANCELLED, CAPTURED, END, FAILED};
use crate::model::recognise::endpoint::Endpoint;
use crate::model::span::SpanKind;
use crate::sync::Relaxed;
use crate::sync::fixed::AtomicU64;

/// Bytes of a body beyond which only its end is kept: what was used stands there.
const BEGINNING: usize = 1 << 20;
/// Bytes of the end that are kept at the least.
const LAST: usize = 32 * 1024;
/// Bytes at both ends of a body in which a call's field names are looked for, where the address does not tell.
const GLANCE: usize = 4 * 1024;

/// People see the model's name.
static CALL: Callsite = Callsite::new(Meta::new(
    SpanKind::Llm,
    "model call",
    "agentops",
    "exchange",
    &[],
    true,
));

/// One HTTP exchange with a model's provider, as an LLM span: all that a hook in an HTTP client needs.
///
/// A hook begins one for each request and tells it what happens, in this order:
///
/// | | |
/// |---|---|
/// | [`begin`](Self::begin) | the request; from here on the span runs, within what is current here |
/// | [`traceparent`](Self::traceparent) | to be sent along |
/// | [`attempt`](Self::attempt) | each time that the request is sent, where the client tries again inside the hook |
/// | [`response`](Self::response) | status and headers have come |
/// | [`chunk`](Self::chunk) | a piece of the body, in whatever pieces it comes |
/// | [`finish`](Self::finish), [`fail`](Self::fail) | there is no more of it; or it broke off |
/// | [`fail_attempt`](Self::fail_attempt) | in place of `fail`, where the client may try again outside the hook |
///
/// The span ends with the event that ends the answer, or an error among the events, even if more bytes follow; else
/// with `finish` or `fail`; else when the exchange is dropped, which says that nobody wanted the rest, unless all was
/// said. `stream.ended` of a streamed answer tells which. What is said afterwards is ignored, so that a hook need not
/// keep account.
///
/// Requests that call no model (a list of models, an upload) open no span and cost a look at their address; so do all
/// while nothing records. A model is called by posting to a path that is known for it, or a body that has a `model` and
/// `messages`; where the path is a word of others as well (`/messages`), on the host of a provider that is known, or
/// with a body that has a `model`.
///
/// Of the address only host, port and path are read; queries, headers and users' names never are, for keys stand there.
/// Errors that tell the whole address are recorded without them.
/// Of a body the first mebibyte and the end are kept. Bodies that are sound or pictures are not looked at.
///
/// ```
/// use agentops_core::Exchange;
///
/// # fn send(_: Option<String>) -> Result<Vec<Vec<u8>>, std::io::Error> { Ok(Vec::new()) }
/// # fn hook() -> Result<(), std::io::Error> {
/// let url = "https://api.openai.com/v1/chat/completions";
/// let body = br#"{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}"#;
/// let mut exchange = Exchange::begin("POST", url, Some(body));
/// exchange.attempt();
/// let pieces = match send(exchange.traceparent()) {
///     Ok(pieces) => pieces,
///     Err(error) => {
///         exchange.fail(&error);
///         return Err(error);
///     }
/// };
/// exchange.response(200, Some("text/event-stream"), None);
/// for piece in pieces {
///     exchange.chunk(&piece);
/// }
/// exchange.finish();
/// # Ok(())
/// # }
/// # hook().unwrap();
/// ```
#[must_use = "an exchange that is dropped at once ends at once"]
pub struct Exchange(Option<Box<Going>>);

/// Counts the requests that a client sends for one call, wherever it sends them; made by [`Exchange::attempts`].
#[derive(Debug, Clone)]
pub struct Attempts(Option<Arc<AtomicU64>>);

impl Attempts {
    /// The request is sent, once more.
    pub fn count(&self) {
        if let Some(count) = &self.0 {
            count.fetch_add(1, Relaxed);
        }
    }
}

/// An exchange whose span is open.
struct Going {
    context: Context,
    began: u64,
    attempts: Arc<AtomicU64>,
    /// What errors may tell of the address and nobody may read.
    secrets: Box<[Box<str>]>,
    /// The error record of an attempt that nothing has followed yet.
    fault: Option<Box<[u8]>>,
    status: u16,
    retry_after: Option<Box<str>>,
    /// When the first and the last piece of the body came; 0 before.
    first: u64,
    last: u64,
    body: Body,
    /// `None` before the response.
    terminal: Option<Terminal>,
}

impl Exchange {
    /// A request is about to be made. `url` is whole; `body` is `None` where it is not in memory.
    pub fn begin(method: &str, url: &str, body: Option<&[u8]>) -> Self {
        if !local::recording() || !method.eq_ignore_ascii_case("POST") {
            return Self::off();
        }
        let called = Endpoint::read(url).filter(|endpoint| is_call(endpoint, body));
        called.map_or_else(Self::off, |endpoint| Self::open(url, &endpoint, body))
    }

    /// Whether exchanges are recorded now: a hook that has to do something to see a request need not do it otherwise.
    #[must_use]
    pub fn enabled() -> bool {
        local::recording()
    }

    /// One that records nothing.
    pub const fn off() -> Self {
        Self(None)
    }

    #[cold]
    fn open(url: &str, endpoint: &Endpoint<'_>, body: Option<&[u8]>) -> Self {
        let mut started = span::start_bare(&CALL);
        // Its end is this one's to write.
        let context = std::mem::replace(&mut started.context, Context::NONE);
        if context.span == 0 {
            return Self::off();
        }
        local::with(|local| {
            note::share(local, context.span);
            let body = Body::whole(body.unwrap_or_default());
            let Endpoint { host, port, path } = *endpoint;
            local.with_buffer(|buffer| {
                Sink::new(buffer, false).serialize(&(host, port, path, body.facts()));
                body.write(buffer);
                note::prepared(local, ASKED, context.span, buffer);
            });
        });
        Self(Some(Box::new(Going {
            context,
            began: started.poll_began,
            attempts: Arc::default(),
            secrets: secrets(url),
            fault: None,
            status: 0,
            retry_after: None,
            first: 0,
            last: 0,
            body: Body::default(),
            terminal: None,
        })))
    }

    /// Whether it is recorded, and has not ended.
    #[must_use]
    pub fn is_going(&self) -> bool {
        self.0.is_some()
    }

    /// Its span, to name it as a parent or in a link; nowhere once it has ended.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        let going = self.0.as_ref();
        SpanContext(going.map_or(Context::NONE, |going| going.context))
    }

    /// W3C `traceparent`, to be sent with the request; `None` where nothing is recorded.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.context().traceparent()
    }

    /// Runs a future in the span, wherever it is polled: the client's own work. Without a span it runs as it would.
    pub fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        match &self.0 {
            Some(going) => Work::Within {
                work: InPlace::new(going.context, work),
            },
            None => Work::Alone { work },
        }
    }

    /// The request is sent, once more.
    pub fn attempt(&self) {
        if let Some(going) = &self.0 {
            going.attempts.fetch_add(1, Relaxed);
        }
    }

    /// Counts attempts where the exchange itself cannot be reached.
    #[must_use]
    pub fn attempts(&self) -> Attempts {
        Attempts(self.0.as_ref().map(|going| going.attempts.clone()))
    }

    /// Status and headers have come: of these `content-type` and `retry-after`, as they were sent. Said again, the later
    /// goes before the earlier, body and all.
    pub fn response(&mut self, status: u16, content_type: Option<&str>, retry_after: Option<&str>) {
        if let Some(going) = &mut self.0 {
            going.status = status;
            going.retry_after = retry_after.map(Into::into);
            going.terminal = Some(Terminal::new(content_type));
            going.body = Body::default();
            (going.first, going.last) = (0, 0);
            going.fault = None;
        }
    }

    /// A piece of the answer's body has come.
    pub fn chunk(&mut self, bytes: &[u8]) {
        let Some(going) = &mut self.0 else { return };
        if bytes.is_empty() {
            return;
        }
        going.last = clock::raw();
        if going.first == 0 {
            going.first = going.last;
        }
        let terminal = going.terminal.get_or_insert_with(|| Terminal::new(None));
        let ended = terminal.push(bytes);
        if terminal.is_readable() {
            going.body.push(bytes);
        }
        if let Some(ended) = ended {
            self.end(ended);
        }
    }

    /// The answer has come to its end.
    pub fn finish(&mut self) {
        self.end(Ended::End);
    }

    /// There is no answer, or it broke off.
    pub fn fail<E: Error + 'static>(&mut self, error: &E) {
        self.fail_attempt(error);
        self.end(Ended::Error);
    }

    /// There is no answer, or it broke off, but the request may be sent again: until [`response`](Self::response) says
    /// that it was, this is why the span failed when it ends.
    pub fn fail_attempt<E: Error + 'static>(&mut self, error: &E) {
        self.keep_fault(|going, sink| fault::of_error_without(error, &going.secrets, sink));
    }

    /// As [`fail`](Self::fail), for a reason that is text.
    pub fn fail_with(&mut self, reason: impl Display) {
        self.keep_fault(|going, sink| fault::of_text_without(&reason, &going.secrets, sink));
        self.end(Ended::Error);
    }

    fn keep_fault(&mut self, fill: impl FnOnce(&Going, &mut Sink<'_>)) {
        let Some(going) = &mut self.0 else { return };
        let record = local::with(|local| {
            local.with_buffer(|buffer| {
                fill(going, &mut Sink::for_errors(buffer));
                buffer.as_slice().into()
            })
        });
        going.fault = Some(record);
    }

    /// Ends the span, once.
    fn end(&mut self, ended: Ended) {
        let Some(mut going) = self.0.take() else {
            return;
        };
        let fault = going.fault.take();
        local::with(|local| {
            local.ready();
            let clock = clock::raw();
            going.answered(local, if fault.is_some() { Ended::Error } else { ended });
            local.with_buffer(|buffer| {
                let flags = match fault {
                    Some(fault) => {
                        buffer.extend_from_slice(&fault);
                        FAILED | CAPTURED
                    }
                    None if ended == Ended::Dropped => match span::panic_record(buffer) {
                        0 => CANCELLED,
                        panicked => panicked,
                    },
                    None => 0,
                };
                let first = word::first(END, flags, buffer.len(), 0);
                local.put_end([first, going.context.span, clock], buffer);
            });
        });
    }
}

pin_project! {
    /// What a client does for an exchange.
    #[project = Polled]
    enum Work<F> {
        Within {
            #[pin]
            work: InPlace<F>,
        },
        Alone {
            #[pin]
            work: F,
        },
    }
}

impl<F: Future> Future for Work<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<F::Output> {
        match self.project() {
            Polled::Within { work } => work.poll(task),
            Polled::Alone { work } => work.poll(task),
        }
    }
}

impl Going {
    /// What came back, for the processor to read.
    fn answered(&self, local: &local::Local, ended: Ended) {
        let first = (self.first > 0).then(|| clock::between(self.began, self.first));
        let last = (ended == Ended::Dropped && self.last > 0).then_some(self.last);
        let is_stream = self.terminal.as_ref().is_some_and(Terminal::is_stream);
        let facts = (
            (ended.as_str(), is_stream, first, last),
            (
                self.status,
                self.retry_after.as_deref(),
                self.attempts.load(Relaxed),
            ),
            self.body.facts(),
            &self.secrets,
        );
        local.with_buffer(|buffer| {
            Sink::new(buffer, false).serialize(&facts);
            self.body.write(buffer);
            note::prepared(local, ANSWERED, self.context.span, buffer);
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.end(Ended::Dropped);
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = self.context().span_id();
        f.debug_struct("Exchange").field("span", &span).finish()
    }
}

/// What stands before the host of an address, and after its path, with the sign that tells them from other text; and
/// the values of its query, as they are written and as they are meant.
fn secrets(url: &str) -> Box<[Box<str>]> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (rest, after) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    let authority = rest.split('/').next().unwrap_or(rest);
    let before = authority.rfind('@').map_or("", |at| &authority[..=at]);
    let query = after.strip_prefix('?').unwrap_or_default();
    let query = query.split('#').next().unwrap_or_default();
    let values = query.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        (!PUBLIC.contains(&name)).then_some(value)
    });
    let values = values.flat_map(|value| [value.to_owned(), decoded(value)]);
    let values = values.filter(|value| value.len() >= SHORTEST);
    let both = [before, after]
        .into_iter()
        .filter(|secret| secret.len() > 1);
    let mut all: Vec<Box<str>> = both.map(Into::into).chain(values.map(Into::into)).collect();
    // One may be a part of another.
    all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    all.dedup();
    all.into()
}

/// Parameters that are no secrets, and that errors speak of.
const PUBLIC: [&str; 3] = ["alt", "api-version", "beta"];

/// Values that are shorter are words of other text, too.
const SHORTEST: usize = 4;

/// Percent-encoded text as it is meant.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let escaped = match after {
            [high, low, ..] if *byte == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        rest = match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                &after[2..]
            }
            None => {
                bytes.push(if *byte == b'+' { b' ' } else { *byte });
                after
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    let digit = char::from(digit).to_digit(16)?;
    u8::try_from(digit).ok()
}

/// Whether what is posted there calls a model.
fn is_call(endpoint: &Endpoint<'_>, body: Option<&[u8]>) -> bool {
    if endpoint.is_model_call() {
        return true;
    }
    let Some(body) = body.filter(|body| body.trim_ascii_start().starts_with(b"{")) else {
        return false;
    };
    let has = |bytes: &[u8], field: &[u8]| bytes.windows(field.len()).any(|bytes| bytes == field);
    if endpoint.may_be_model_call() {
        return has(body, b"\"model\"");
    }
    let ends = [
        &body[..body.len().min(GLANCE)],
        &body[body.len().saturating_sub(GLANCE)..],
    ];
    let names = |field| ends.iter().any(|end| has(end, field));
    !endpoint.is_no_model_call() && names(b"\"messages\"") && names(b"\"model\"")
}

/// A body as far as it is kept: its beginning, and its end whatever came between.
#[derive(Debug, Default)]
struct Body {
    /// All of it, kept or not.
    length: usize,
    beginning: Vec<u8>,
    /// The older one first.
    last: [Vec<u8>; 2],
}

impl Body {
    fn whole(bytes: &[u8]) -> Self {
        let beginning = &bytes[..bytes.len().min(BEGINNING)];
        let rest = &bytes[beginning.len()..];
        let last = &rest[rest.len().saturating_sub(2 * LAST)..];
        Self {
            length: bytes.len(),
            beginning: beginning.into(),
            last: [last.into(), Vec::new()],
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len();
        let room = BEGINNING - self.beginning.len();
        let (beginning, mut rest) = bytes.split_at(bytes.len().min(room));
        self.beginning.extend_from_slice(beginning);
        // What comes in one piece and is longer loses its middle as well.
        rest = &rest[rest.len().saturating_sub(2 * LAST)..];
        let [older, newer] = &mut self.last;
        while !rest.is_empty() {
            if newer.len() >= LAST {
                std::mem::swap(older, newer);
                newer.clear();
            }
            let (now, later) = rest.split_at(rest.len().min(LAST - newer.len()));
            newer.extend_from_slice(now);
            rest = later;
        }
    }

    /// How long it was, and how much of that is its beginning.
    fn facts(&self) -> (usize, usize) {
        (self.length, self.beginning.len())
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.beginning);
        self.last
            .iter()
            .for_each(|part| out.extend_from_slice(part));
    }
}
