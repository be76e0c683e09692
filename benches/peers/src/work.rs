//! What is recorded: values as agents have them, bodies that do next to nothing, and futures that wait.

use std::fmt;
use std::hint::black_box;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use serde::Serialize;

/// The first argument, 48 bytes.
pub const QUERY: &str = "where is the parent of a span decided, and when?";

/// The third argument.
pub const LIMIT: u32 = 20;

/// What the second argument is.
#[derive(Debug, Clone, Serialize)]
pub struct Filter {
    pub path: String,
    pub endings: Vec<String>,
    pub whole_words: bool,
}

/// The second argument.
pub static FILTER: LazyLock<Filter> = LazyLock::new(|| Filter {
    path: "agentops-core/src/record".into(),
    endings: vec!["rs".into(), "toml".into()],
    whole_words: true,
});

/// What a call with three arguments returns.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    pub file: &'static str,
    pub line: u32,
    pub score: f64,
}

/// What every call might fail with; none does.
#[derive(Debug)]
pub struct Refusal;

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refusal {}

/// The body of a call without values.
#[inline(always)]
pub fn count(n: u64) -> Result<u64, Refusal> {
    black_box(n).checked_add(1).ok_or(Refusal)
}

/// The body of a call with three arguments.
#[inline(always)]
pub fn find(query: &str, filter: &Filter, limit: u32) -> Result<Answer, Refusal> {
    let line = limit
        .checked_sub(black_box(filter.endings.len()) as u32)
        .ok_or(Refusal)?;
    let score = black_box(query.len()) as f64 / 64.0;
    Ok(Answer {
        file: "agentops-core/src/record/span.rs",
        line,
        score,
    })
}

/// A value as JSON, made where it is called.
pub fn json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("it has a form in JSON")
}

/// Is ready when it was polled that many times before.
#[derive(Debug)]
pub struct Waits(pub u32);

impl Future for Waits {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

/// Polls until it is ready, without a box and without a wake-up.
#[inline(always)]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut task = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut task) {
            return output;
        }
    }
}
