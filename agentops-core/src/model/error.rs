//! Why a span failed.

use super::time::UnixNanos;

/// The one error record that a failing span has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorRecord {
    /// The span's kind: `TOOL`, `LLM`, …
    pub kind: String,
    /// What it can be grouped by: `NotFound`, `429`, `Timeout`.
    pub code: String,
    /// What it says of itself.
    pub details: String,
    /// The Rust type of the error value; `None` for panics and where it is not known.
    pub rust_type: Option<String>,
    /// What each `source()` says, outermost first.
    pub chain: Vec<String>,
    /// A backtrace, where one was taken.
    pub stack: Option<String>,
    /// Names of the spans around it, from the session inwards.
    pub span_trace: Vec<String>,
    /// When it was recorded.
    pub time: UnixNanos,
}
