//! The body of an answer, of which the recorder gets a copy as it passes.
//!
//! Says what the body inside says: frames, sizes, errors and the end. Knows nothing of what is in it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use http_body::{Frame, SizeHint};
use reqwest::Body;

use crate::{Call, lock};

/// A body on its way to the program.
#[derive(Debug)]
pub(crate) struct Tee {
    body: Body,
    call: Arc<Mutex<Call>>,
    /// The attempt that this is the answer of. After another has begun, nobody wants to know what it says.
    attempt: u32,
}

impl Tee {
    pub(crate) fn new(body: Body, call: Arc<Mutex<Call>>, attempt: u32) -> Self {
        Self {
            body,
            call,
            attempt,
        }
    }
}

impl http_body::Body for Tee {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(task));
        let mut call = lock(&self.call);
        if call.passed == self.attempt {
            let exchange = &mut call.exchange;
            match &frame {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        exchange.chunk(data);
                    }
                    // Some do not ask for an end that they know of.
                    if self.body.is_end_stream() {
                        exchange.finish();
                    }
                }
                Some(Err(error)) => exchange.fail(error),
                None => exchange.finish(),
            }
        }
        drop(call);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
