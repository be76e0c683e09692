//! Questions over HTTP: routes, and what each asks of `query`.
//!
//! Handlers read parameters, ask on a blocking thread, of which few run at once, and write the answer. What did not
//! change since it was asked for is not written again. Who may ask is decided before this.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::json;
use agentops_core::model::span::Level;
use agentops_core::model::time::rfc3339;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use tokio::sync::Semaphore;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use super::answer::{
    Deleted, ErrorList, FaultAnswer, HistogramAnswer, ImportAnswer, LogList, MetricsAnswer,
    Restored, SearchAnswer, SessionList, SpanLog,
};
use super::error::ApiError;
use super::params::{self, FILTERS, Params};
use super::{App, about, events, short, stream};
use crate::home::Home;
use crate::ingest::import;
use crate::live::Live;
use crate::query::{self, Export, Format, Unresolved};
use crate::store::{GroupBy, Search, Series, Step, Store, StoreError};

/// How many questions are asked of the store at once.
const AT_ONCE: usize = 8;

/// For how long a deleted session can be brought back.
const GRACE: Duration = Duration::from_secs(600);

/// How many sessions are deleted or brought back by one request.
const TOGETHER: usize = 1_000;

/// The largest file that is read in.
const LARGEST: usize = 256 << 20;

/// Into how many parts time is cut where nobody says.
const PARTS: u64 = 24;

/// How far back metrics go where nobody says.
const RECENT: Duration = Duration::from_secs(30 * 86_400);

/// What may be asked, and how much at once.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    live: Arc<Live>,
    home: Home,
    permits: Arc<Semaphore>,
    /// Tells answers of this process from those of others.
    nonce: Arc<str>,
}

/// The routes of all questions.
pub(super) fn routes(app: &App) -> Router<App> {
    let asked = Asked {
        live: app.live.clone(),
        home: app.home.clone(),
        permits: Arc::new(Semaphore::new(AT_ONCE)),
        nonce: nonce().into(),
    };
    Router::new()
        .route("/api/v1/sessions", get(sessions).delete(delete_many))
        .route("/api/v1/sessions/restore", post(restore_many))
        .route("/api/v1/sessions/{id}", get(session).delete(delete_one))
        .route("/api/v1/sessions/{id}/restore", post(restore_one))
        .route("/api/v1/sessions/{id}/spans/{span}", get(span))
        .route("/api/v1/sessions/{id}/skeleton", get(skeleton))
        .route("/api/v1/sessions/{id}/verdict", get(verdict))
        .route("/api/v1/sessions/{id}/logs", get(logs))
        .route("/api/v1/search", get(search))
        .route("/api/v1/metrics", get(metrics))
        .route("/api/v1/histogram", get(histogram))
        .route("/api/v1/errors", get(errors))
        .route("/api/v1/prices", get(about::prices))
        .route("/api/v1/about", get(about::about))
        .route("/api/v1/export/{id}", get(export))
        .route(
            "/api/v1/import",
            post(import_file).layer(DefaultBodyLimit::max(LARGEST)),
        )
        .route("/api/v1/events", get(events::listen))
        // On the way to the same machine more than this takes longer than what it saves.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .with_state(asked)
}

fn nonce() -> String {
    let mut bytes = [0; 8];
    // Where the system has no randomness, the time tells one start from another.
    if getrandom::fill(&mut bytes).is_err() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        bytes = now.map_or(0, |now| now.as_nanos() as u64).to_le_bytes();
    }
    format!("{:016x}", u64::from_le_bytes(bytes))
}

impl Asked {
    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    /// Asks on a thread that may block.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Live) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let stopping = || {
            ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "no_answer",
                "the question was given up; the server's own messages say why",
            )
        };
        let permit = self
            .permits
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| stopping())?;
        let live = self.live.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            question(&live)
        });
        answer.await.map_err(|_| stopping())
    }

    /// Asks for JSON; says only that it is as it was where that is so.
    async fn json(
        &self,
        headers: &HeaderMap,
        version: impl FnOnce(&dyn Store) -> Result<u64, ApiError> + Send + 'static,
        question: impl FnOnce(&dyn Store) -> Result<Vec<u8>, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        let nonce = self.nonce.clone();
        let known = headers.get(header::IF_NONE_MATCH).cloned();
        let (tag, body) = self
            .ask(move |live| {
                let store = &**live.store();
                // Before the question: what changes in between is asked for again.
                let tag = format!("W/\"{nonce}-{}\"", version(store)?);
                let same = known.is_some_and(|known| matches(&known, &tag));
                let body = if same { None } else { Some(question(store)?) };
                Ok::<_, ApiError>((tag, body))
            })
            .await??;
        let mut response = match body {
            Some(body) => json_response(body),
            None => StatusCode::NOT_MODIFIED.into_response(),
        };
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        let revalidate = HeaderValue::from_static("private, no-cache");
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, revalidate);
        Ok(response)
    }

    /// Asks for JSON that changes with more than the store.
    pub(super) async fn fresh<T: Serialize>(
        &self,
        question: impl FnOnce(&Live) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        let body = self
            .ask(move |live| question(live).map(|answer| written(&answer)))
            .await??;
        let mut response = json_response(body);
        let never = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, never);
        Ok(response)
    }
}

fn matches(known: &HeaderValue, tag: &str) -> bool {
    let is_tag = |known: &str| [tag, "*"].contains(&known.trim());
    known
        .to_str()
        .is_ok_and(|known| known.split(',').any(is_tag))
}

fn written(answer: &impl Serialize) -> Vec<u8> {
    // Keys are strings and nothing else can fail in memory.
    serde_json::to_vec(answer).unwrap_or_default()
}

fn json_response(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// What a path names, as text.
type Named<T> = Result<Path<T>, PathRejection>;

fn named<T>(path: Named<T>) -> Result<T, ApiError> {
    path.map(|Path(named)| named)
        .map_err(|_| ApiError::bad("bad_encoding", "the path is not UTF-8 in percent encoding"))
}

fn sequence(store: &dyn Store) -> Result<u64, ApiError> {
    Ok(store.sequence()?)
}

/// The session that an id means, as on the command line.
pub(super) fn resolve(store: &dyn Store, id: &str) -> Result<SessionId, ApiError> {
    query::resolve(store, id)?.map_err(|why| match why {
        Unresolved::NothingRecorded => ApiError::missing(
            "nothing_recorded",
            "no session has been recorded yet; run a program that uses agentops, or send OTLP to /v1/traces",
        ),
        Unresolved::Unknown => no_session(id),
        Unresolved::Ambiguous(fits) => {
            let ids: Vec<String> = fits
                .iter()
                .map(|session| session.facts.id.to_string())
                .collect();
            ApiError::new(
                StatusCode::CONFLICT,
                "ambiguous_id",
                format!(
                    "several sessions have such an id: {}; give more of it",
                    ids.join(", ")
                ),
            )
        }
    })
}

fn no_session(id: &str) -> ApiError {
    let id: String = id.chars().take(80).collect();
    ApiError::missing(
        "no_such_session",
        format!(
            "no session has an id that starts or ends with {id:?}; GET /api/v1/sessions lists what there is"
        ),
    )
}

/// Somebody deleted what was just there.
fn gone(id: SessionId) -> ApiError {
    no_session(&id.to_string())
}

async fn sessions(
    State(asked): State<Asked>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let params = Params::read(text.as_deref(), &[&FILTERS, &["sort", "limit", "cursor"]])?;
    let mut wanted = params.wanted()?;
    wanted.sort = params.sort()?;
    wanted.limit = params.limit(50, 500)?;
    wanted.after = params.cursor(wanted.sort)?;
    asked
        .json(&headers, sequence, move |store| {
            let page = store.sessions(&wanted)?;
            Ok(written(&SessionList {
                sessions: page.sessions.iter().map(json::session_alone).collect(),
                next_cursor: page.next.map(|next| params::cursor(wanted.sort, next)),
                totals: store.totals(&wanted)?.into(),
            }))
        })
        .await
}

/// The version of a session that an id means.
fn version(id: String) -> impl FnOnce(&dyn Store) -> Result<u64, ApiError> {
    move |store| {
        let id = resolve(store, &id)?;
        store.version(id)?.ok_or_else(|| gone(id))
    }
}

async fn session(
    State(asked): State<Asked>,
    path: Named<String>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = named(path)?;
    let params = Params::read(text.as_deref(), &[&["spans"]])?;
    let full = params.read_one("spans", "full, or left out", |text| {
        (text == "full").then_some(())
    })?;
    if full.is_some() {
        return written_out(&asked, id, Format::Json).await;
    }
    asked
        .json(&headers, version(id.clone()), move |store| {
            let id = resolve(store, &id)?;
            let session = store.session(id)?.ok_or_else(|| gone(id))?;
            Ok(written(&json::session_alone(&session)))
        })
        .await
}

async fn span(
    State(asked): State<Asked>,
    path: Named<(String, String)>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (id, span) = named(path)?;
    let params = Params::read(text.as_deref(), &[&["limit"]])?;
    let may_be = "at least 4096: about how many bytes of the span are wanted";
    let limit = params.read_one("limit", may_be, |text| {
        text.parse().ok().filter(|limit| *limit >= short::LEAST)
    })?;
    let span: SpanId = span.parse().map_err(|_| {
        ApiError::bad(
            "bad_span_id",
            "a span's id is 16 hex digits in small letters",
        )
    })?;
    asked
        .json(&headers, version(id.clone()), move |store| {
            let id = resolve(store, &id)?;
            let span = query::span(store, id, span)?.ok_or_else(|| {
                ApiError::missing(
                    "no_such_span",
                    format!("session {id} has no span {span}; GET /api/v1/sessions/{id}/skeleton lists its spans"),
                )
            })?;
            let span = json::one_span(&span);
            Ok(match limit {
                Some(limit) => written(&short::short(&span, limit)),
                None => written(&span),
            })
        })
        .await
}

async fn skeleton(
    State(asked): State<Asked>,
    path: Named<String>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = named(path)?;
    Params::read(text.as_deref(), &[])?;
    asked
        .json(&headers, version(id.clone()), move |store| {
            let id = resolve(store, &id)?;
            let skeleton = query::skeleton(store, id)?.ok_or_else(|| gone(id))?;
            Ok(written(&skeleton))
        })
        .await
}

async fn verdict(
    State(asked): State<Asked>,
    path: Named<String>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = named(path)?;
    Params::read(text.as_deref(), &[])?;
    // Of any commit: what a session failed from may be in another one.
    asked
        .json(&headers, sequence, move |store| {
            let id = resolve(store, &id)?;
            let insight = query::insight(store, id)?.ok_or_else(|| gone(id))?;
            Ok(written(&insight))
        })
        .await
}

async fn logs(
    State(asked): State<Asked>,
    path: Named<String>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = named(path)?;
    let params = Params::read(
        text.as_deref(),
        &[&["level", "q", "span", "limit", "cursor"]],
    )?;
    let levels = "TRACE, DEBUG, INFO, WARN or ERROR: the least that is wanted";
    let level = params.read_one("level", levels, |text| text.parse::<Level>().ok())?;
    let span = params.read_one(
        "span",
        "a span's id: 16 hex digits in small letters",
        |text| text.parse().ok(),
    )?;
    let wanted = query::LogsWanted {
        level,
        words: params.one("q")?.map(str::to_lowercase),
        span,
        limit: params.limit(1_000, 10_000)?,
        after: params.read_one(
            "cursor",
            "the next_cursor of a page of logs of this session",
            query::LogCursor::read,
        )?,
    };
    asked
        .json(&headers, version(id.clone()), move |store| {
            let id = resolve(store, &id)?;
            let page = query::logs(store, id, &wanted)?;
            let logs = page.logs.iter();
            Ok(written(&LogList {
                logs: logs
                    .map(|found| SpanLog::new(found.at.span, &found.name, &found.log))
                    .collect(),
                next_cursor: page.next.map(|next| next.to_string()),
            }))
        })
        .await
}

async fn search(
    State(asked): State<Asked>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let params = Params::read(text.as_deref(), &[&["q", "session", "limit"]])?;
    let words = params.one("q")?.map(str::to_owned);
    let words = words.ok_or_else(|| params::bad("q", "given: the words to look for"))?;
    let session = params.one("session")?.map(str::to_owned);
    let limit = params.limit(50, 500)?;
    asked
        .json(&headers, sequence, move |store| {
            let session = session.map(|id| resolve(store, &id)).transpose()?;
            let hits = store.search(&Search {
                words,
                session,
                limit,
            })?;
            Ok(written(&SearchAnswer {
                hits: hits.into_iter().map(Into::into).collect(),
            }))
        })
        .await
}

const GROUPS: [(&str, GroupBy); 7] = [
    ("model", GroupBy::Model),
    ("kind", GroupBy::Kind),
    ("agent", GroupBy::Agent),
    ("tool", GroupBy::Tool),
    ("tag", GroupBy::Tag),
    ("environment", GroupBy::Environment),
    ("version", GroupBy::Version),
];

async fn metrics(
    State(asked): State<Asked>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::read(
        text.as_deref(),
        &[&["group_by", "interval", "since", "until", "project"]],
    )?;
    let names: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
    let (group, by) = params
        .read_one(
            "group_by",
            &format!("one of {}", names.join(", ")),
            |text| GROUPS.into_iter().find(|(name, _)| *name == text),
        )?
        .unwrap_or(GROUPS[0]);
    let (interval, step) = params
        .read_one("interval", "hour, day or all", |text| match text {
            "all" => Some(("all", Step::Whole)),
            "hour" => Some(("hour", Step::Hour)),
            "day" => Some(("day", Step::Day)),
            _ => None,
        })?
        .unwrap_or(("day", Step::Day));
    let until = params
        .time("until")?
        .unwrap_or_else(|| now().saturating_add(1));
    let recent = RECENT.as_nanos() as u64;
    let since = params.time("since")?;
    let series = Series {
        by,
        step,
        since: since.unwrap_or_else(|| until.saturating_sub(recent)),
        until,
        project: params.one("project")?.map(str::to_owned),
    };
    asked
        .fresh(move |live| {
            Ok(MetricsAnswer {
                group_by: group,
                interval,
                since: rfc3339(series.since),
                until: rfc3339(series.until),
                points: live
                    .store()
                    .series(&series)?
                    .into_iter()
                    .map(Into::into)
                    .collect(),
            })
        })
        .await
}

pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

async fn errors(
    State(asked): State<Asked>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let params = Params::read(text.as_deref(), &[&FILTERS, &["limit"]])?;
    let wanted = params.wanted()?;
    let limit = params.limit(50, 500)?;
    asked
        .json(&headers, sequence, move |store| {
            let faults = store.faults(&wanted, limit)?;
            let first = faults.iter().map(|fault| fault.first).min();
            let last = faults.iter().map(|fault| fault.last).max();
            let time = first.unwrap_or(0)..last.map_or(0, |last| last.saturating_add(1));
            let errors = faults.into_iter().map(|fault| {
                let times = store.fault_times(&wanted, fault.id, time.clone(), PARTS)?;
                Ok(FaultAnswer::new(fault, times))
            });
            Ok(written(&ErrorList {
                errors: errors.collect::<Result<_, StoreError>>()?,
                since: first.map(|_| rfc3339(time.start)),
                until: first.map(|_| rfc3339(time.end)),
            }))
        })
        .await
}

async fn histogram(
    State(asked): State<Asked>,
    RawQuery(text): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let params = Params::read(text.as_deref(), &[&FILTERS, &["parts"]])?;
    let wanted = params.wanted()?;
    let parts = params.read_one("parts", "a number from 1 to 500", |text| {
        text.parse().ok().filter(|parts| (1..=500).contains(parts))
    })?;
    asked
        .json(&headers, sequence, move |store| {
            let found = store.histogram(&wanted, parts.unwrap_or(PARTS))?;
            Ok(written(&HistogramAnswer::from(found)))
        })
        .await
}

/// Deleting wants whole ids: nobody should lose a session to a short one.
fn whole_id(text: &str) -> Result<SessionId, ApiError> {
    text.parse().map_err(|_| {
        ApiError::bad(
            "bad_session_id",
            "this needs the whole id of a session, as GET /api/v1/sessions gives it",
        )
    })
}

fn whole_ids(text: Option<&str>) -> Result<Vec<SessionId>, ApiError> {
    let params = Params::read(text, &[&["id"]])?;
    let ids: Vec<SessionId> = params.all("id").map(whole_id).collect::<Result<_, _>>()?;
    if ids.is_empty() || ids.len() > TOGETHER {
        let may_be = format!("given once for each session, 1 to {TOGETHER} times");
        return Err(params::bad("id", &may_be));
    }
    Ok(ids)
}

async fn delete_one(State(asked): State<Asked>, path: Named<String>) -> Result<Response, ApiError> {
    let id = whole_id(&named(path)?)?;
    delete_all(&asked, vec![id]).await
}

async fn delete_many(
    State(asked): State<Asked>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    delete_all(&asked, whole_ids(text.as_deref())?).await
}

async fn delete_all(asked: &Asked, ids: Vec<SessionId>) -> Result<Response, ApiError> {
    asked
        .fresh(move |live| {
            let until = now().saturating_add(GRACE.as_nanos() as u64);
            let hidden = live.hide(&ids, GRACE)?;
            let deleted: Vec<SessionId> = hidden.sessions.iter().map(|(id, _)| *id).collect();
            if deleted.is_empty() {
                return Err(gone(ids[0]));
            }
            let unknown = ids.iter().filter(|id| !deleted.contains(id));
            Ok(Deleted {
                unknown: unknown.map(SessionId::to_string).collect(),
                deleted: deleted.iter().map(SessionId::to_string).collect(),
                restorable_until: rfc3339(until),
            })
        })
        .await
}

async fn restore_one(
    State(asked): State<Asked>,
    path: Named<String>,
) -> Result<Response, ApiError> {
    let id = whole_id(&named(path)?)?;
    restore_all(&asked, vec![id]).await
}

async fn restore_many(
    State(asked): State<Asked>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    restore_all(&asked, whole_ids(text.as_deref())?).await
}

async fn restore_all(asked: &Asked, ids: Vec<SessionId>) -> Result<Response, ApiError> {
    asked
        .fresh(move |live| {
            let restored = live.unhide(&ids)?;
            if restored.sessions.is_empty() {
                return Err(ApiError::missing(
                    "not_restorable",
                    "no such session is deleted, or it is too late: what is deleted goes for good after ten minutes",
                ));
            }
            let ids = restored.sessions.iter();
            Ok(Restored {
                restored: ids.map(|(id, _)| id.to_string()).collect(),
            })
        })
        .await
}

async fn export(
    State(asked): State<Asked>,
    path: Named<String>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let id = named(path)?;
    let params = Params::read(text.as_deref(), &[&["format"]])?;
    let may_be = format!("one of {}", Format::NAMES.join(", "));
    let format = params.read_one("format", &may_be, |text| text.parse().ok())?;
    let format = format.unwrap_or(Format::Json);
    let mut response = written_out(&asked, id.clone(), format).await?;
    let name = format!("attachment; filename=\"session.{}\"", format.extension());
    if let Ok(name) = HeaderValue::from_str(&name) {
        response
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// A session in pieces, each read when the one before it was taken.
async fn written_out(asked: &Asked, id: String, format: Format) -> Result<Response, ApiError> {
    let export = asked
        .ask(move |live| {
            let store = &**live.store();
            let id = resolve(store, &id)?;
            Export::of(store, id, format)?.ok_or_else(|| gone(id))
        })
        .await??;
    let body = Body::from_stream(stream::pieces(asked.clone(), export));
    Ok(([(header::CONTENT_TYPE, format.media_type())], body).into_response())
}

async fn import_file(
    State(asked): State<Asked>,
    RawQuery(text): RawQuery,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    Params::read(text.as_deref(), &[])?;
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!(
                "at most {} MiB are read in at once; `agentops import` takes larger files",
                LARGEST >> 20
            ),
        ),
        _ => ApiError::bad(
            "unreadable_body",
            "the body did not arrive whole; send it again",
        ),
    })?;
    asked
        .fresh(move |live| {
            let mut commit = |batch: &_| live.commit(batch).map(drop);
            let mut unhide = |ids: &[SessionId]| live.unhide(ids).map(drop);
            let read = import::read(
                &**live.store(),
                &body,
                &mut commit,
                &mut unhide,
                &mut |_, _| {},
            )?;
            live.settle(true)?;
            Ok(ImportAnswer {
                sessions: read.sessions.iter().map(SessionId::to_string).collect(),
                spans: read.spans,
                skipped: read.skipped,
                cut: read.refused.message(),
            })
        })
        .await
}

impl From<import::Unread> for ApiError {
    fn from(unread: import::Unread) -> Self {
        match unread {
            import::Unread::Store(error) => StoreError::into(error),
            unread => Self::bad("not_importable", unread.to_string()),
        }
    }
}

/// There is nothing of that name.
pub(super) fn no_route(uri: &axum::http::Uri) -> ApiError {
    let path: String = uri.path().chars().take(200).collect();
    ApiError::missing(
        "no_such_route",
        format!("there is nothing at {path:?}; questions begin with /api/v1/sessions"),
    )
}

/// It is there, and cannot be asked in this way.
pub(super) async fn no_method(method: axum::http::Method, uri: axum::http::Uri) -> ApiError {
    let path: String = uri.path().chars().take(200).collect();
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{method} is not for {path:?}; the allow header names what is"),
    )
}
