//! What rig sends through the recorded client is recorded once, whole, and is what it was without.

#[path = "hook/agents.rs"]
mod agents;
#[path = "hook/transport.rs"]
mod transport;

use agentops::model;
use agentops::model::span::Span;
use agentops::testing::{Trace, capture_with_async};
use serde_json::{Value, json};

/// A key of a shape that no pattern knows for one.
const KEY: &str = "correct-horse-battery-staple";

/// What a future recorded, on two threads.
fn record<T>(work: impl Future<Output = T>) -> (T, Trace) {
    let (output, trace) = run(capture_with_async(work));
    let all = model::json::to_string(&trace, true);
    assert!(!all.contains(KEY), "a key is in\n{all}");
    (output, trace)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime starts").block_on(work)
}

/// What was asked and answered, as the contract writes it, without what it does not say and what a clock says.
fn call(span: &Span) -> Value {
    let call = span.llm.as_ref().expect("it is a model call");
    let mut call = serde_json::to_value(model::json::llm(call)).expect("it is JSON");
    let fields = call.as_object_mut().expect("a record");
    let took = fields.remove("time_to_first_token_ms");
    let is_there = took.is_some_and(|took| took.is_number());
    let is_streamed = fields["streaming"] == true && fields["completions"] != json!([]);
    assert_eq!(is_there, is_streamed, "{fields:?}");
    fields.retain(|_, value| !value.is_null());
    call
}
