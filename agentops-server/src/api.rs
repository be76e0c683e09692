//! What is answered over HTTP: ingest, questions, changes as they happen.
//!
//! Handlers are thin: they read a request, ask `query` or hand to `ingest`, and write the answer. What may be asked and
//! by whom is decided in `auth`, before any of them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::auth::{self, Access};
use crate::ingest::writer::Writer;
use crate::live::Live;
use crate::stats::{Now, Stats};

mod ingest;

pub use ingest::Room;

/// What every handler may use.
#[derive(Debug, Clone)]
pub struct App {
    /// The store and those who watch it.
    pub live: Arc<Live>,
    /// Takes events in.
    pub writer: Writer,
    /// What is counted.
    pub stats: Arc<Stats>,
    /// Who may read.
    pub access: Access,
    /// What bodies may take.
    pub room: Room,
}

/// All routes, behind what decides who may ask.
pub fn router(app: App) -> Router {
    guarded(routes(), app)
}

/// The routes by themselves.
fn routes() -> Router<App> {
    Router::new()
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/v1/traces", post(ingest::traces))
        .route("/v1/logs", post(ingest::logs))
        .route("/v1/metrics", post(ingest::metrics))
        .route("/v3/auth/token", post(ingest::token))
        .route("/v4/logs/upload/", post(ingest::upload_logs))
        .route("/v4/objects/upload/", post(ingest::upload_object))
}

/// Nothing is reached but through here: what is added to the routes needs the token unless `auth` opens it.
fn guarded(routes: Router<App>, app: App) -> Router {
    routes
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(app.access.clone(), auth::guard))
        .layer(from_fn_with_state(app.stats.clone(), count))
        .with_state(app)
}

/// Counts what is answered, refusals included.
async fn count(State(stats): State<Arc<Stats>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let answer = next.run(request).await;
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    stats.request(route, answer.status().as_u16());
    answer
}

/// What the server counts of itself.
async fn metrics(State(app): State<App>) -> Response {
    let live = app.live.clone();
    let store = tokio::task::spawn_blocking(move || live.store().size().ok());
    let now = Now {
        waiting: app.writer.waiting(),
        store: store.await.ok().flatten(),
    };
    let text = app.stats.text(now);
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}

/// Whether the store answers.
async fn health(State(app): State<App>) -> Result<&'static str, axum::http::StatusCode> {
    let asked = tokio::task::spawn_blocking(move || app.live.store().sequence()).await;
    match asked {
        Ok(Ok(_)) => Ok("ok\n"),
        _ => Err(axum::http::StatusCode::SERVICE_UNAVAILABLE),
    }
}
