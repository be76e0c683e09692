//! How data comes in: from spool files, and from the network.
//!
//! Each source becomes events of the model, which the store takes in. Validates, never trusts, and never changes what it
//! reads.

use agentops_core::model::pricing;
use agentops_core::model::span::Span;

pub mod agentops;
pub mod import;
mod json;
pub mod otlp;
pub mod spool;
pub mod writer;

/// Prices a model call that its recorder did not: programs carry prices only if they ask for them.
pub(crate) fn price(span: &mut Span) {
    if let Some(call) = span.llm.as_mut().filter(|call| call.cost.is_none()) {
        call.cost = pricing::price(call, span.start);
    }
}
