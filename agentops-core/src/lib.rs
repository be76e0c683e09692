//! The runtime under the `agentops` crate: records, processes and exports agent sessions.
//!
//! Programs add [`agentops`](https://docs.rs/agentops); this crate is where its types live.
//! Data flows one way, `record` → `process` → `export`, and all three speak the vocabulary of [`model`], which is
//! also all that the server knows of this crate.

pub mod model;

#[cfg(feature = "record")]
#[doc(hidden)]
pub mod __private;
#[cfg(feature = "record")]
mod bridge;
#[cfg(feature = "record")]
mod client;
#[cfg(feature = "record")]
mod config;
#[cfg(feature = "record")]
mod error;
#[cfg(feature = "record")]
pub mod export;
#[cfg(feature = "record")]
mod monitor;
#[cfg(feature = "record")]
mod process;
#[cfg(feature = "record")]
mod record;
#[cfg(feature = "record")]
mod stats;
#[cfg(feature = "record")]
mod sync;
#[cfg(feature = "record")]
pub mod testing;

#[cfg(feature = "record")]
pub use bridge::spawn::{InCurrentSpan, each_in_current_span, in_current_span, spawn};
#[cfg(feature = "tracing")]
pub use bridge::tracing::{layer, layer_with};
#[cfg(feature = "record")]
pub use client::{Guard, flush, init};
#[cfg(feature = "record")]
pub use config::{Builder, Overflow, builder};
#[cfg(feature = "record")]
pub use error::Error;

#[cfg(feature = "record")]
pub use model::id::AgentId;
#[cfg(feature = "record")]
pub use model::session::EndState;
#[cfg(feature = "record")]
pub use model::span::{Level, SpanKind};
#[cfg(feature = "record")]
pub use process::redact::Redact;
#[cfg(feature = "record")]
pub use record::agent::Agent;
#[cfg(feature = "record")]
pub use record::capture::{Capture, Sink};
#[cfg(feature = "record")]
pub use record::context::SpanContext;
#[cfg(feature = "record")]
pub use record::exchange::{Attempts, Exchange};
#[cfg(feature = "record")]
pub use record::fault::ErrorCode;
#[cfg(feature = "record")]
pub use record::manual::{DetachedSpan, ManualSpan, SpanBuilder, span};
#[cfg(feature = "record")]
pub use record::note::{CurrentSpan, current_span};
#[cfg(feature = "record")]
pub use record::observe::{
    Failure, GivesObserved, Observe, ObservePlain, ObservedFuture, ObservedStream, OpensObserved,
    ways,
};
#[cfg(feature = "record")]
pub use record::session::{CurrentSession, Session, current_session, start_session};
#[cfg(feature = "record")]
pub use record::trace_api::{
    TraceContext, end_all_traces, end_session, end_trace, start_trace, update_trace_metadata,
};
