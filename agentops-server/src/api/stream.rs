//! Answers that are written while they are read: each piece waits until the one before it was taken.
//!
//! A task makes the pieces and a bounded channel hands them over, so that whoever reads slowly holds nothing but a
//! piece. Knows nothing of what is in them.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use axum::response::sse::Event;
use futures_core::Stream;
use tokio::sync::mpsc;

use super::questions::Asked;
use crate::query::{Export, ExportError};

/// What arrives in a channel.
#[derive(Debug)]
pub(super) struct Arriving<T>(mpsc::Receiver<T>);

impl<T> Stream for Arriving<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(cx)
    }
}

/// Events for one listener.
pub(super) type Events = Arriving<Result<Event, Infallible>>;

/// A channel for events.
pub(super) fn events() -> (mpsc::Sender<Result<Event, Infallible>>, Events) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, Arriving(receiver))
}

/// The pieces of a session that is written out. Where it cannot be written to its end, the connection breaks, so that
/// nobody takes a part for the whole.
pub(super) fn pieces(asked: Asked, mut export: Export) -> Arriving<io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let read = asked.ask(move |live| {
                let piece = export.next(&**live.store());
                (export, piece)
            });
            let piece = match read.await {
                Ok((next, Ok(piece))) => {
                    export = next;
                    match piece {
                        Some(piece) => Ok(Bytes::from(piece)),
                        None => return,
                    }
                }
                Ok((_, Err(ExportError::Deleted))) => {
                    _ = sender
                        .send(Err(io::Error::other("it was deleted meanwhile")))
                        .await;
                    return;
                }
                Ok((_, Err(ExportError::Store(error)))) => {
                    _ = sender.send(Err(io::Error::other(error))).await;
                    return;
                }
                Err(_) => {
                    _ = sender
                        .send(Err(io::Error::other("the server is stopping")))
                        .await;
                    return;
                }
            };
            if piece.as_ref().is_ok_and(Bytes::is_empty) {
                continue;
            }
            if sender.send(piece).await.is_err() {
                // Whoever asked has gone.
                return;
            }
        }
    });
    Arriving(receiver)
}
