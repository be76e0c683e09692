//! The wire: OTLP protobuf, written and read by ourselves.
//!
//! The processor appends with [`put`], one pass and no message in between; the spool and OTLP requests carry the
//! bytes; whoever reads (console, memory, the server) decodes them here, never trusting them. Nothing in here knows
//! how bytes travel, and attributes that only other SDKs use are left for who knows their dialect.

use std::fmt;

pub mod put;

mod facts;
mod foreign;
mod json;
mod log;
pub(super) mod messages;
pub(super) mod proto;
mod request;
mod resource;
mod span;
#[cfg(feature = "record")]
pub(crate) mod thin;
pub(super) mod value;

pub use facts::{
    decode_facts, decode_heartbeat, decode_loss, encode_facts, encode_heartbeat, encode_loss,
    span_facts,
};
pub use foreign::{Received, receive};
pub use json::{FromJson, JsonError, logs_from_json, traces_from_json};
pub use log::{LogRecord, decode_log, encode_log};
pub use request::{ResourceSpans, ScopeSpan, decode_request, encode_request, split_request};
pub use resource::{decode_resource, encode_resource};
#[cfg(feature = "record")]
pub(crate) use span::decode_llm;
pub(super) use span::remains as span_remains;
pub use span::{decode_span, encode_span, encode_span_into, session_of};

/// Bytes that are not the message they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireError(Fault);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fault {
    Truncated,
    Malformed,
    TooMany,
    Missing(&'static str),
}

impl WireError {
    const TRUNCATED: Self = Self(Fault::Truncated);
    pub(super) const MALFORMED: Self = Self(Fault::Malformed);
    const TOO_MANY: Self = Self(Fault::TooMany);

    /// In a word, to count by.
    #[must_use]
    pub const fn cause(&self) -> &'static str {
        match self.0 {
            Fault::Truncated => "truncated",
            Fault::Malformed => "malformed",
            Fault::TooMany => "too_many_values",
            Fault::Missing(_) => "no_valid_id",
        }
    }

    const fn missing(what: &'static str) -> Self {
        Self(Fault::Missing(what))
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Fault::Truncated => f.write_str("the message is cut short"),
            Fault::Malformed => f.write_str("the message is not protobuf"),
            Fault::TooMany => write!(f, "the message has more than {} values", value::MAX_VALUES),
            Fault::Missing(what) => write!(f, "the message has no valid {what}"),
        }
    }
}

impl std::error::Error for WireError {}

#[cfg(test)]
pub(super) mod tests;
