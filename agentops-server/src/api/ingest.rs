//! The routes that take something in: OTLP's, and those that AgentOps' SDKs call.
//!
//! A request is answered once what it carries is durable, in the encoding that it came in, and says what of it was not
//! taken. How requests are read is `ingest`'s business, how they are written the writer's.

use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agentops_core::model::id::TraceId;
use axum::Json;
use axum::body::{Body, BodyDataStream};
use axum::extract::{Path, State};
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_core::Stream as _;
use serde_json::{Map, Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::App;
use super::error::LATER;
use crate::ingest::limit;
use crate::ingest::otlp::{self, Compression, Format, Taken, Unreadable};
use crate::ingest::upload;
use crate::ingest::writer::Refused;
use crate::log;

/// How long a body may be as it comes.
const MAX_BODY: usize = 16 << 20;

/// How long an upload of AgentOps' SDKs may be; they themselves stop there.
const MAX_UPLOAD: usize = 25 << 20;

/// For how long the rest of a body is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What bodies may take in memory, all together.
const ROOM: usize = 256 << 20;

/// How many bodies are taken apart at once: each may take far more memory then.
const AT_ONCE: usize = 4;

/// Room for bodies, from their arrival until they are durable.
#[derive(Debug, Clone)]
pub struct Room {
    bytes: Arc<Semaphore>,
    decoding: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            bytes: Arc::new(Semaphore::new(ROOM)),
            decoding: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Room {
    /// Room for so many bytes, where there is as much.
    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let bytes = u32::try_from(bytes).map_err(|_| Problem::NoRoom)?;
        let room = self.bytes.clone().try_acquire_many_owned(bytes);
        room.map_err(|_| Problem::NoRoom)
    }
}

/// What a route takes.
#[derive(Debug, Clone, Copy)]
enum Signal {
    Spans,
    Logs,
}

impl Signal {
    fn as_str(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Logs => "logs",
        }
    }

    /// The member of a partial success that counts what was refused.
    fn rejected(self) -> &'static str {
        match self {
            Self::Spans => "rejectedSpans",
            Self::Logs => "rejectedLogRecords",
        }
    }
}

pub(super) async fn traces(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    otlp(&app, Signal::Spans, &headers, body).await
}

pub(super) async fn logs(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    otlp(&app, Signal::Logs, &headers, body).await
}

/// Metrics have no place here; who sends them must not be told to try again for ever.
pub(super) async fn metrics(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let Some(format) = format(&headers) else {
        return Problem::Format.answer(Format::Json);
    };
    match look_at(&app, format, &headers, body).await {
        Ok(()) => {
            app.stats.refused("metrics", "not_kept", 1);
            success(format, "rejectedDataPoints", 0, None)
        }
        Err(problem) => problem.answer(format),
    }
}

/// Whether a request can be read at all: who sends what cannot is told here, too.
async fn look_at(
    app: &App,
    format: Format,
    headers: &HeaderMap,
    body: Body,
) -> Result<(), Problem> {
    let compression = compression(headers)?;
    let (body, mut room) = receive(&app.room, headers, body, MAX_BODY).await?;
    let _turn = app.room.decoding.clone().acquire_owned().await;
    let worker = app.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let decoded = worker.undo(compression, &body, &mut room)?;
        otlp::metrics(&decoded, format).map_err(Problem::Unreadable)
    });
    looked.await.map_err(|_| Problem::Broken)?
}

impl App {
    /// A body as it was before it was compressed; what came small and is large takes its room as well.
    fn undo<'a>(
        &self,
        compression: Compression,
        body: &'a [u8],
        room: &mut OwnedSemaphorePermit,
    ) -> Result<Cow<'a, [u8]>, Problem> {
        let decoded = compression.undo(body).map_err(Problem::Unreadable)?;
        self.stats.body(body.len(), decoded.len());
        let more = decoded.len().saturating_sub(body.len());
        room.merge(self.room.take(more)?);
        Ok(decoded)
    }
}

fn compression(headers: &HeaderMap) -> Result<Compression, Problem> {
    let encoding = headers.get(CONTENT_ENCODING).map(|value| value.to_str());
    let compression = match encoding {
        None => Some(Compression::None),
        Some(name) => name.ok().and_then(Compression::named),
    };
    compression.ok_or(Problem::Encoding)
}

async fn otlp(app: &App, signal: Signal, headers: &HeaderMap, body: Body) -> Response {
    let Some(format) = format(headers) else {
        app.stats.refused("requests", "content_type", 1);
        return Problem::Format.answer(Format::Json);
    };
    match take(app, signal, format, headers, body).await {
        Ok(refused) => {
            let count = refused.count();
            success(format, signal.rejected(), count, refused.message())
        }
        Err(problem) => {
            app.stats.refused("requests", problem.cause(), 1);
            log::warn(&format_args!(
                "a request of {} was refused: {}",
                signal.as_str(),
                problem.message()
            ));
            problem.answer(format)
        }
    }
}

async fn take(
    app: &App,
    signal: Signal,
    format: Format,
    headers: &HeaderMap,
    body: Body,
) -> Result<limit::Refused, Problem> {
    let compression = compression(headers)?;
    let (body, mut room) = receive(&app.room, headers, body, MAX_BODY).await?;
    let turn = app.room.decoding.clone().acquire_owned().await;
    let worker = app.clone();
    let taken = tokio::task::spawn_blocking(move || {
        let decoded = worker.undo(compression, &body, &mut room)?;
        let taken = match signal {
            Signal::Spans => otlp::traces(&decoded, format),
            Signal::Logs => otlp::logs(&decoded, format),
        };
        let taken = taken.map_err(Problem::Unreadable)?;
        Ok::<(Taken, OwnedSemaphorePermit), Problem>((taken, room))
    });
    let taken = taken.await.map_err(|_| Problem::Broken)?;
    drop(turn);
    let (taken, _room) = taken?;
    app.writer
        .commit(taken.events)
        .await
        .map_err(Problem::Refused)?;
    app.stats.ingested(signal.as_str(), taken.accepted);
    taken.refused.count_in(&app.stats, signal.as_str());
    if let Some(message) = taken.refused.message() {
        log::warn(&format_args!(
            "of a request of {}: {message}",
            signal.as_str()
        ));
    }
    Ok(taken.refused)
}

/// A body, as it comes, and the room that it takes until it is dropped.
async fn receive(
    room: &Room,
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<(Vec<u8>, OwnedSemaphorePermit), Problem> {
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    let length = length.and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(Problem::TooLong(limit));
    }
    let gathered = gather(room, body.into_data_stream(), length, limit);
    match tokio::time::timeout(PATIENCE, gathered).await {
        Ok(gathered) => gathered,
        Err(_) => Err(Problem::Slow),
    }
}

/// Room is taken for what has come, not for what was announced: who sends nothing keeps nobody out.
async fn gather(
    room: &Room,
    mut chunks: BodyDataStream,
    length: Option<usize>,
    limit: usize,
) -> Result<(Vec<u8>, OwnedSemaphorePermit), Problem> {
    let mut taken = room.take(0)?;
    let mut body = Vec::new();
    while let Some(chunk) = poll_fn(|cx| Pin::new(&mut chunks).poll_next(cx)).await {
        let chunk = chunk.map_err(|_| Problem::CutShort)?;
        let needed = body.len() + chunk.len();
        if needed > limit {
            return Err(Problem::TooLong(limit));
        }
        let has = taken.num_permits();
        if needed > has {
            let next = (2 * has).min(length.unwrap_or(limit)).max(needed);
            taken.merge(room.take(next - has)?);
            body.reserve_exact(next - body.len());
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, taken))
}

/// Why a request was not taken.
#[derive(Debug)]
enum Problem {
    Format,
    Encoding,
    TooLong(usize),
    CutShort,
    Slow,
    NoRoom,
    Unreadable(Unreadable),
    Refused(Refused),
    Broken,
}

impl Problem {
    fn cause(&self) -> &'static str {
        match self {
            Self::Format => "content_type",
            Self::Encoding => "content_encoding",
            Self::TooLong(_) | Self::Unreadable(Unreadable::TooLong) => "too_long",
            Self::CutShort => "cut_short",
            Self::Slow => "slow",
            Self::NoRoom | Self::Refused(Refused::Crowded) => "too_many",
            Self::Unreadable(Unreadable::Compression(_)) => "compression",
            Self::Unreadable(Unreadable::Message(_)) => "malformed",
            Self::Refused(Refused::Later(_)) => "store_busy",
            Self::Refused(Refused::Failed(_)) => "store_failed",
            Self::Broken => "broken",
        }
    }

    /// What is wrong with our own end passes, or is mended; what was sent is kept for then by whoever sent it.
    fn status(&self) -> StatusCode {
        match self {
            Self::Format | Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong(_) | Self::Unreadable(Unreadable::TooLong) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::CutShort | Self::Unreadable(_) => StatusCode::BAD_REQUEST,
            Self::NoRoom | Self::Refused(Refused::Crowded) => StatusCode::TOO_MANY_REQUESTS,
            Self::Refused(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Format => {
                "send application/x-protobuf or application/json as the content type".into()
            }
            Self::Encoding => {
                "send the body as it is, or with content-encoding gzip, deflate or zstd".into()
            }
            Self::TooLong(limit) => {
                format!(
                    "the request is longer than {} MiB; send it in several",
                    limit >> 20
                )
            }
            Self::CutShort => "the request ended before its body did".into(),
            Self::Slow => "the body did not come within 30 seconds".into(),
            Self::NoRoom => "too many requests are being taken in; send it again".into(),
            Self::Unreadable(error) => error.to_string(),
            Self::Refused(error) => format!("{error}; send it again"),
            Self::Broken => "the request could not be taken apart; please report it".into(),
        }
    }

    /// In the way of OTLP: a status with a message, in the encoding of the request.
    fn answer(&self, format: Format) -> Response {
        let (status, message) = (self.status(), self.message());
        // As gRPC numbers them.
        let code = match status {
            StatusCode::TOO_MANY_REQUESTS => 8,
            StatusCode::SERVICE_UNAVAILABLE => 14,
            StatusCode::INTERNAL_SERVER_ERROR => 13,
            _ => 3,
        };
        let body = match format {
            Format::Json => json!({"code": code, "message": message})
                .to_string()
                .into_bytes(),
            Format::Protobuf => {
                let mut status = vec![0x08, code];
                field(&mut status, 2, message.as_bytes());
                status
            }
        };
        let mut answer = (status, [(CONTENT_TYPE, content_type(format))], body).into_response();
        if matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            answer.headers_mut().insert(RETRY_AFTER, LATER.into());
        }
        answer
    }

    /// In the way of everything else here.
    fn plain(&self) -> Response {
        let body = json!({"error": {"code": self.cause(), "message": self.message()}});
        let mut answer = (self.status(), Json(body)).into_response();
        if let Self::Refused(_) | Self::NoRoom = self {
            answer.headers_mut().insert(RETRY_AFTER, LATER.into());
        }
        answer
    }
}

fn format(headers: &HeaderMap) -> Option<Format> {
    Format::named(headers.get(CONTENT_TYPE)?.to_str().ok()?)
}

fn content_type(format: Format) -> &'static str {
    match format {
        Format::Protobuf => "application/x-protobuf",
        Format::Json => "application/json",
    }
}

/// What OTLP answers: nothing where all is well, else how much was refused and why.
fn success(
    format: Format,
    rejected: &'static str,
    count: u64,
    message: Option<String>,
) -> Response {
    let body = match format {
        Format::Json => {
            let body = match &message {
                Some(message) => {
                    json!({"partialSuccess": {rejected: count.to_string(), "errorMessage": message}})
                }
                None => json!({"partialSuccess": {}}),
            };
            body.to_string().into_bytes()
        }
        Format::Protobuf => {
            let mut body = Vec::new();
            if let Some(message) = &message {
                let mut partial = Vec::new();
                if count > 0 {
                    partial.push(0x08);
                    varint(&mut partial, count);
                }
                field(&mut partial, 2, message.as_bytes());
                field(&mut body, 1, &partial);
            }
            body
        }
    };
    ([(CONTENT_TYPE, content_type(format))], body).into_response()
}

/// A field of protobuf that has a length.
fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// What AgentOps' SDKs ask for first. On loopback writing is open, so that any key gets what it needs to go on.
pub(super) async fn token(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let body = match receive(&app.room, &headers, body, 1 << 16).await {
        Ok((body, _)) => body,
        Err(problem) => return problem.plain(),
    };
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    if asked["api_key"].as_str().is_none_or(str::is_empty) {
        let message = "send {\"api_key\": \"…\"}; on this machine any key will do";
        let body = json!({"error": {"code": "api_key", "message": message}});
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    }
    let body = json!({"token": "loopback", "project_id": "default", "project_prem_status": "pro"});
    Json(body).into_response()
}

/// What a program printed, for the session of its trace.
pub(super) async fn upload_logs(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let trace = headers
        .get("trace-id")
        .and_then(|value| value.to_str().ok());
    let Some(trace) = trace.and_then(upload::session) else {
        let message = "send the trace's id in decimal as the header Trace-Id";
        return bad(&app, "trace_id", message);
    };
    let (text, _room) = match uploaded(&app, &headers, body).await {
        Ok(uploaded) => uploaded,
        Err(answer) => return answer,
    };
    let size = text.len();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_nanos() as u64);
    let worker = app.clone();
    let found = tokio::task::spawn_blocking(move || {
        // Where the store does not say, the commit after this will say why.
        let store = &**worker.live.store();
        let home = store.session_of(TraceId(trace.0)).ok().flatten();
        let session = home.unwrap_or(trace);
        let events = match upload::is_kept(store, session, &text) {
            Ok(true) => Vec::new(),
            _ => vec![upload::printed(session, text, now)],
        };
        (session, events)
    });
    let Ok((session, events)) = found.await else {
        return Problem::Broken.plain();
    };
    if let Err(refused) = app.writer.commit(events).await {
        let problem = Problem::Refused(refused);
        app.stats.refused("uploads", problem.cause(), 1);
        return problem.plain();
    }
    // Where it is read again: among the logs of the session's own span.
    let path = format!("api/v1/sessions/{session}?spans=full");
    kept(&app, &headers, &path, size)
}

/// Anything else, which names no session.
pub(super) async fn upload_object(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let (text, _room) = match uploaded(&app, &headers, body).await {
        Ok(uploaded) => uploaded,
        Err(answer) => return answer,
    };
    let size = text.len();
    let objects = app.objects.clone();
    let name = tokio::task::spawn_blocking(move || objects.keep(text.as_bytes())).await;
    match name {
        Ok(Ok(name)) => kept(&app, &headers, &format!("v4/objects/{name}"), size),
        Ok(Err(error)) => {
            let problem = Problem::Refused(Refused::Failed(format!(
                "the object could not be written: {error}"
            )));
            app.stats.refused("uploads", problem.cause(), 1);
            log::warn(&problem.message());
            problem.plain()
        }
        Err(_) => Problem::Broken.plain(),
    }
}

/// An object as it was uploaded; as no page, whatever it is.
pub(super) async fn object(State(app): State<App>, Path(name): Path<String>) -> Response {
    let objects = app.objects.clone();
    let read = tokio::task::spawn_blocking(move || objects.read(&name)).await;
    match read {
        Ok(Ok(Some(object))) => {
            let headers = [
                (CONTENT_TYPE, "application/octet-stream"),
                (CONTENT_DISPOSITION, "attachment"),
                (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, object).into_response()
        }
        Ok(Ok(None)) => {
            let message = "there is no such object; its address is in the answer to its upload";
            let body = json!({"error": {"code": "not_found", "message": message}});
            (StatusCode::NOT_FOUND, Json(body)).into_response()
        }
        Ok(Err(error)) => {
            let why = format!("the object could not be read: {error}");
            Problem::Refused(Refused::Failed(why)).plain()
        }
        Err(_) => Problem::Broken.plain(),
    }
}

/// The text of an upload.
async fn uploaded(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<(String, OwnedSemaphorePermit), Response> {
    let (body, room) = receive(&app.room, headers, body, MAX_UPLOAD)
        .await
        .map_err(|problem| {
            app.stats.refused("uploads", problem.cause(), 1);
            problem.plain()
        })?;
    app.stats.body(body.len(), body.len());
    let said: Result<Map<String, Value>, _> = serde_json::from_slice(&body);
    match said.map(|mut said| said.remove("body")) {
        Ok(Some(Value::String(text))) => Ok((text, room)),
        _ => Err(bad(app, "body", "send {\"body\": \"…\"}")),
    }
}

fn bad(app: &App, cause: &'static str, message: &str) -> Response {
    app.stats.refused("uploads", cause, 1);
    let body = json!({"error": {"code": cause, "message": message}});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

/// What those SDKs expect: where it is, and how large.
fn kept(app: &App, headers: &HeaderMap, path: &str, size: usize) -> Response {
    app.stats.ingested("uploads", 1);
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let url = format!("http://{}/{path}", host.unwrap_or("localhost"));
    Json(json!({"url": url, "size": size})).into_response()
}
