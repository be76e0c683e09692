//! Streams that nobody counted, in a process of its own: whether their tokens are estimated is the whole process's to say.

use std::time::Duration;

use agentops::export::Memory;
use agentops::llm;
use agentops::model::llm::Usage;
use agentops::model::trace::Trace;
use serde_json::{Value, json};

const SECRET: &str = "sk-ant-C4N4RYC4N4RYC4N4RYC4N4RY1234";

/// What a provider streams, in so many chunks of eight letters.
#[llm(skip(chunks, counted))]
fn stream(request: Value, chunks: usize, counted: bool) -> impl Iterator<Item = Value> {
    drop(request);
    let chunk = |choices: Value| json!({"id": "c", "object": "chat.completion.chunk", "model": "acme-1", "choices": choices});
    let said = move |text: &str| {
        chunk(json!([{"index": 0, "delta": {"content": text}, "finish_reason": null}]))
    };
    let mut last = chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]));
    if counted {
        last["usage"] = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5});
    }
    (0..chunks).map(move |_| said("fourfour")).chain([last])
}

/// Not streamed, and not counted either.
#[llm]
fn whole(request: Value) -> Value {
    let model = &request["model"];
    json!({"id": "c", "object": "chat.completion", "model": model, "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]})
}

fn request(text: &str) -> Value {
    json!({"model": "acme-1", "messages": [{"role": "user", "content": text}]})
}

fn record(builder: agentops::Builder, work: impl FnOnce()) -> Trace {
    let memory = Memory::new();
    let guard = builder.exporter(memory.clone()).init();
    let guard = guard.expect("no other guard");
    work();
    assert!(agentops::flush(Duration::from_secs(20)));
    drop(guard);
    memory.traces().pop().expect("there was a session")
}

/// What each call used, in the order in which they began.
fn usage(trace: &Trace) -> Vec<Option<Usage>> {
    let calls = trace.spans.iter().filter_map(|span| span.llm.as_ref());
    calls.map(|call| call.usage).collect()
}

fn all() {
    stream(request("12345678"), 2, false).for_each(drop);
    stream(request("12345678"), 2, true).for_each(drop);
    stream(request("12345678"), 2, false).take(1).for_each(drop);
    whole(request("12345678"));
}

fn main() {
    let counted = Some(Usage::new(3, 2));
    let about = |input, output| Some(Usage::new(input, output).estimated(true));

    // Nobody asked: nothing is known, and it says so.
    let trace = record(agentops::builder(), all);
    assert_eq!(usage(&trace), [None, counted, None, None]);
    let cost = &trace.session.cost;
    assert!(cost.partial && !cost.estimated && cost.total.is_none());
    assert_eq!(trace.session.tokens.total, 5);

    // Eight letters and a message; twice eight letters; one that was dropped after the first.
    let asked = || agentops::builder().estimate_usage(true);
    let expected = [about(6, 4), counted, about(6, 2), None];
    let trace = record(asked(), all);
    assert_eq!(usage(&trace), expected);
    assert_eq!(trace.session.tokens.total, 23);

    // Whatever may be seen of it.
    let trace = record(asked().capture_content(false), all);
    assert_eq!(usage(&trace), expected);
    let secret = || stream(request(SECRET), 1, false).for_each(drop);
    let trace = record(asked(), secret);
    assert!(!format!("{trace:?}").contains("C4N4RY"));
    let length = SECRET.len() as u64;
    assert_eq!(usage(&trace), [about(4 + length.div_ceil(4), 2)]);

    // Of what was not kept nobody knows how long it was.
    let long = || stream(request("12345678"), 30_000, false).for_each(drop);
    assert_eq!(usage(&record(asked(), long)), [None]);

    // And it is over when it is not asked for any more.
    assert_eq!(usage(&record(agentops::builder(), all))[0], None);
}
