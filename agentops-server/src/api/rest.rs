//! What is left of a body that was answered before it was read to its end.
//!
//! Many clients send all they have before they read: closing on them in the middle costs them the answer, and with it the
//! reason. Stands around every route; what is left is read and dropped beside the answer, within bounds. Knows nothing of
//! who reads a body or why they stopped.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::header::EXPECT;
use axum::middleware::Next;
use axum::response::Response;
use futures_core::Stream;
use tokio::runtime::Handle;

/// How much is read and dropped: twice as much as the longest body that any route takes.
const MAX_REST: u64 = 50 << 20;

/// For how long it may come.
const PATIENCE: Duration = Duration::from_secs(10);

/// For how long nothing may come.
const SILENCE: Duration = Duration::from_secs(1);

/// Reads every body to its end, whoever answers before that.
pub(super) async fn read_out(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let asks_first = request.headers().contains_key(EXPECT);
    let is_too_long = request.body().size_hint().lower() > MAX_REST;
    let request = request.map(|body| {
        Body::from_stream(Whole {
            body: Some(body.into_data_stream()),
            is_sent: !asks_first,
            is_too_long,
        })
    });
    next.run(request).await
}

/// A body that is read to its end even if nobody wants it.
struct Whole {
    /// Until its end.
    body: Option<BodyDataStream>,
    /// Whether it comes without being asked for: reading asks for it.
    is_sent: bool,
    is_too_long: bool,
}

impl Stream for Whole {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_next(cx);
        self.is_sent = true;
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.body = None;
        }
        polled
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        let rest = self.body.take();
        let rest = rest.filter(|_| self.is_sent && !self.is_too_long);
        if let (Some(rest), Ok(runtime)) = (rest, Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(PATIENCE, read_and_drop(rest)));
        }
    }
}

async fn read_and_drop(mut rest: BodyDataStream) {
    let mut left = MAX_REST;
    loop {
        let next = poll_fn(|cx| Pin::new(&mut rest).poll_next(cx));
        let Ok(Some(Ok(bytes))) = tokio::time::timeout(SILENCE, next).await else {
            return;
        };
        match left.checked_sub(bytes.len() as u64) {
            Some(less) => left = less,
            None => return,
        }
    }
}
