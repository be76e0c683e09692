//! What is answered over HTTP: ingest, questions, changes as they happen.
//!
//! Handlers are thin: they read a request, ask `query` or hand to `ingest`, and write the answer. What may be asked and
//! by whom is decided in `auth`, before any of them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::auth::{self, Access};
use crate::home::Home;
use crate::ingest::upload::Objects;
use crate::ingest::writer::Writer;
use crate::live::Live;
use crate::stats::{Now, Stats};
use crate::ui;

mod ingest;

pub use ingest::Room;

mod about;
pub mod answer;
pub mod error;
mod events;
mod params;
mod questions;
mod rest;
mod short;
mod stream;

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
    /// What AgentOps' SDKs uploaded.
    pub objects: Objects,
    /// Where all of it is.
    pub home: Home,
}

/// All routes, behind what decides who may ask.
pub fn router(app: App) -> Router {
    let routes = routes()
        .merge(questions::routes(&app))
        .fallback(page)
        .method_not_allowed_fallback(questions::no_method);
    guarded(routes, app)
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
        .route("/v4/objects/{name}", get(ingest::object))
}

/// The dashboard, or that there is nothing.
async fn page(request: Request) -> Response {
    match ui::answer(&request) {
        Some(answer) => answer,
        None => questions::no_route(request.uri()).into_response(),
    }
}

/// Nothing is reached but through here: what is added to the routes needs the token unless `auth` opens it.
fn guarded(routes: Router<App>, app: App) -> Router {
    routes
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(app.access.clone(), auth::guard))
        .layer(from_fn_with_state(app.stats.clone(), count))
        .layer(from_fn(rest::read_out))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream};
    use std::path::Path;

    use crate::auth::Token;
    use crate::store::sqlite::{Durability, Sqlite};

    fn status(address: SocketAddr, method: &str, path: &str) -> u16 {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let status = answer.split(' ').nth(1).expect("a status");
        status.parse().expect("a number")
    }

    /// What is added to the routes is found by what axum says of them, and must be guarded or stand here.
    #[tokio::test(flavor = "multi_thread")]
    async fn every_route_needs_the_token_but_those_that_write_and_tell_of_life() {
        let open = [
            ("GET", "/healthz"),
            ("POST", "/v1/logs"),
            ("POST", "/v1/metrics"),
            ("POST", "/v1/traces"),
            ("POST", "/v3/auth/token"),
            ("POST", "/v4/logs/upload/"),
            ("POST", "/v4/objects/upload/"),
        ];
        let said = format!("{:?}", routes());
        let paths: std::collections::BTreeSet<&str> = said
            .split('"')
            .filter(|text| text.starts_with('/'))
            .collect();
        let known = open.iter().all(|(_, path)| paths.contains(path));
        assert!(known && paths.contains("/metrics"), "{said}");

        let path = std::env::temp_dir().join(format!("agentops-routes-{}", std::process::id()));
        let home = Home::at(path.clone());
        home.make().expect("a home");
        let store = Sqlite::open(Path::new(&path.join("agentops.db")), Durability::Process);
        let live = Arc::new(Live::new(Arc::new(store.expect("a store"))));
        let stats = Arc::new(Stats::default());
        let app = App {
            writer: Writer::start(live.clone(), stats.clone()).expect("a thread"),
            live,
            stats,
            access: Access::Token(Token::of(&home).expect("a token")),
            room: Room::default(),
            objects: Objects::of(&home),
            home,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router(app)).await });
        let walk = move |paths: Vec<String>| {
            for path in paths {
                for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
                    let refused = status(address, method, &path) == 401;
                    let is_open = open.contains(&(method, &*path));
                    assert_eq!(refused, !is_open, "{method} {path}");
                }
            }
        };
        let paths = paths
            .iter()
            .copied()
            .chain(["/", "/v1/traces/", "//v1/traces", "/nowhere"]);
        let paths = paths
            .map(|path| path.replace(['{', '}', '*'], ""))
            .collect();
        tokio::task::spawn_blocking(move || walk(paths))
            .await
            .expect("all are guarded");
        std::fs::remove_dir_all(&path).expect("it can be removed");
    }
}
