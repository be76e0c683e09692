//! What is answered over HTTP: ingest, questions, changes as they happen.
//!
//! Handlers are thin: they read a request, ask `query` or hand to `ingest`, and write the answer. What may be asked and
//! by whom is decided in `auth`, before any of them.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use crate::ingest::writer::Writer;
use crate::live::Live;

pub mod answer;
pub mod error;
mod events;
mod params;
mod questions;
mod stream;

/// What every handler may use.
#[derive(Debug, Clone)]
pub struct App {
    /// The store and those who watch it.
    pub live: Arc<Live>,
    /// Takes events in.
    pub writer: Writer,
}

/// All routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .merge(questions::routes(&app))
        .fallback(questions::no_route)
        .method_not_allowed_fallback(questions::no_method)
        .with_state(app)
}

/// Whether the store answers.
async fn health(State(app): State<App>) -> Result<&'static str, axum::http::StatusCode> {
    let asked = tokio::task::spawn_blocking(move || app.live.store().sequence()).await;
    match asked {
        Ok(Ok(_)) => Ok("ok\n"),
        _ => Err(axum::http::StatusCode::SERVICE_UNAVAILABLE),
    }
}
