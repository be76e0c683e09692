//! The threads behind the recorder: one copies words out of the rings, one makes spans of them.
//!
//! The drainer runs no user code and waits for nothing but the processor, so that rings stay empty; the processor
//! joins, recognises, redacts and encodes, and never waits for I/O: exporters have threads and queues of their own.
//! Knows what records look like, not who wrote them or where they will go.

pub(crate) mod batch;
pub(crate) mod drain;
mod encode;
pub(crate) mod estimate;
mod exchange;
pub(crate) mod join;
mod limit;
pub(crate) mod queue;
pub(crate) mod redact;
pub(crate) mod ticket;

/// What the error record in an END's payload says.
pub(crate) fn failure(payload: &[u8]) -> String {
    join::read_error(payload, crate::model::span::SpanKind::Session, 0).details
}
