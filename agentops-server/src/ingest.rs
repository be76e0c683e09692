//! How data comes in: from spool files, and from the network.
//!
//! Each source becomes events of the model, which the store takes in. Validates, never trusts, and never changes what it
//! reads.

use agentops_core::model::event::Event;
use agentops_core::model::pricing;
use agentops_core::model::span::Span;

use limit::Refused;

pub mod import;
mod json;
pub mod limit;
pub mod otlp;
pub mod spool;
pub mod upload;
pub mod writer;

/// What every event passes on its way in: it is brought within limits, and priced.
fn admit(event: &mut Event, refused: &mut Refused) {
    match event {
        Event::SpanStarted(span) | Event::SpanEnded(span) => {
            limit::span(span, refused);
            price(span);
        }
        Event::Session(facts) => limit::facts(facts, refused),
        Event::Log { log, .. } => limit::attributes(&mut log.attributes, refused),
        _ => {}
    }
}

/// Prices a model call that its recorder did not: programs carry prices only if they ask for them.
pub(crate) fn price(span: &mut Span) {
    if let Some(call) = span.llm.as_mut().filter(|call| call.cost.is_none()) {
        call.cost = pricing::price(call, span.start);
    }
}
