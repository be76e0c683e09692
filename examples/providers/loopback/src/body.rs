//! What is sent back: pieces, one after another, and how they end.
//!
//! Between two pieces the connection gets its turn, so that a client sees them arrive apart. Knows no protocol.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

#[derive(Debug)]
pub(crate) struct Pieces {
    left: VecDeque<Bytes>,
    /// The connection ends instead of the body.
    cut: bool,
    rested: bool,
}

impl Pieces {
    pub(crate) fn whole(text: String) -> Self {
        Self::stream(vec![text])
    }

    pub(crate) fn stream(pieces: Vec<String>) -> Self {
        Self {
            left: pieces.into_iter().map(Bytes::from).collect(),
            cut: false,
            rested: true,
        }
    }

    pub(crate) fn then_cut(mut self) -> Self {
        self.cut = true;
        self
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if !self.rested {
            self.rested = true;
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.rested = false;
        match self.left.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None if self.cut => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && !self.cut
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.left.iter().map(|piece| piece.len() as u64).sum();
        if self.cut || self.left.len() > 1 {
            return SizeHint::default();
        }
        SizeHint::with_exact(left)
    }
}
