//! What recognising a model call costs the processor's thread: `cargo bench -p agentops-core --bench recognise`.
//!
//! An exchange of 10 kB as JSON that is parsed already, as it is when the recogniser gets it, and with the parsing; a
//! stream of 1000 events as the items that it was parsed into, and as text. The median of many batches; a bound
//! that is not kept ends the program with an error.
#![expect(clippy::print_stdout, reason = "a program for people to run and read")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use agentops_core::model::llm::LlmCall;
use agentops_core::model::recognise::recognise;
use agentops_core::model::recognise::sse::Events;
use serde_json::{Value, json};

const BATCHES: usize = 200;
const EXCHANGE: Duration = Duration::from_micros(60);
const STREAM: Duration = Duration::from_millis(2);
const EVENTS: usize = 1000;

fn main() -> ExitCode {
    let (request, response) = exchange();
    let mut arguments = std::env::args().skip(1);
    if let Some(times) = arguments.find_map(|word| word.parse::<u32>().ok()) {
        let text = Value::String(stream());
        for _ in 0..times {
            black_box(recognise(Some(&request), Some(&text)));
        }
        return ExitCode::SUCCESS;
    }
    let (asked, answered) = (request.to_string(), response.to_string());
    println!("exchange: {} bytes", asked.len() + answered.len());
    let mut is_fast = bounded("a chat exchange", EXCHANGE, 10, || {
        recognise(Some(&request), Some(&response))
    });
    is_fast &= bounded("the same, parsed first", EXCHANGE, 10, || {
        let (request, response) = (parse(&asked), parse(&answered));
        recognise(Some(&request), Some(&response))
    });

    let text = stream();
    println!("stream: {EVENTS} events, {} bytes", text.len());
    let mut events = Events::default();
    events.push(text.as_bytes());
    let items = Value::Array(events.finish());
    is_fast &= bounded("the items of a stream", STREAM, 1, || {
        recognise(Some(&request), Some(&items))
    });
    let text = Value::String(text);
    is_fast &= bounded("the text of a stream", STREAM, 1, || {
        recognise(Some(&request), Some(&text))
    });
    if is_fast {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether a case took no longer than it may; prints what it took.
fn bounded(
    case: &str,
    bound: Duration,
    times: u32,
    mut call: impl FnMut() -> Option<LlmCall>,
) -> bool {
    let found = call().is_some_and(|call| !call.completions.is_empty() && call.usage.is_some());
    assert!(found, "{case} is recognised");
    let batch = |_| {
        let start = Instant::now();
        for _ in 0..times {
            black_box(call());
        }
        start.elapsed() / times
    };
    let mut took: Vec<Duration> = (0..BATCHES).map(batch).collect();
    took.sort_unstable();
    let median = took[took.len() / 2];
    println!(
        "{case}: {median:.1?}, at best {:.1?} (bound {bound:?})",
        took[0]
    );
    median < bound
}

/// A conversation with tools of about 10 kB.
fn exchange() -> (Value, Value) {
    let words = "The parent of a span is decided where its callsite is entered. ".repeat(7);
    let tool = |name: &str| {
        json!({"type": "function", "function": {"name": name, "description": "Looks into the files of the project.", "parameters": {
            "type": "object", "required": ["pattern"],
            "properties": {"pattern": {"type": "string"}, "limit": {"type": "integer"}, "case": {"type": "boolean"}}
        }}})
    };
    let mut messages = vec![json!({"role": "system", "content": words})];
    for turn in 0..5 {
        let id = format!("call_{turn}");
        let function =
            json!({"name": "grep", "arguments": "{\"pattern\": \"parent\", \"limit\": 20}"});
        messages.extend([
            json!({"role": "user", "content": [{"type": "text", "text": words}]}),
            json!({"role": "assistant", "content": null, "tool_calls": [{"id": id, "type": "function", "function": function}]}),
            json!({"role": "tool", "tool_call_id": id, "content": words}),
            json!({"role": "assistant", "content": words}),
        ]);
    }
    let request = json!({
        "model": "gpt-4o-mini", "messages": messages, "temperature": 0.2, "max_completion_tokens": 500,
        "tools": [tool("grep"), tool("read"), tool("list")],
    });
    let response = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": words.repeat(3), "refusal": null}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 2500, "completion_tokens": 300, "total_tokens": 2800, "prompt_tokens_details": {"cached_tokens": 2048}},
    });
    (request, response)
}

/// Chunks as OpenAI sends them, one word each, with padding that hides how long it is.
fn stream() -> String {
    const WORDS: [&str; 8] = [
        "The",
        " parent",
        " of",
        " a",
        " span",
        " is",
        " \"root\"",
        ".\n",
    ];
    let chunk = |at: usize, choices: Value, usage: Value| {
        let padding = &"nV5lKbW2xRqE"[at % 7..];
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini-2024-07-18",
            "service_tier": "default", "system_fingerprint": "fp_44709d6fcb", "choices": choices, "usage": usage,
            "obfuscation": padding,
        });
        format!("data: {chunk}\n\n")
    };
    let word = |at: usize| json!([{"index": 0, "delta": {"content": WORDS[at % WORDS.len()]}, "logprobs": null, "finish_reason": null}]);
    let end = json!([{"index": 0, "delta": {}, "logprobs": null, "finish_reason": "stop"}]);
    let usage = json!({"prompt_tokens": 2500, "completion_tokens": 998, "total_tokens": 3498});
    let mut text: String = (0..EVENTS - 2)
        .map(|at| chunk(at, word(at), Value::Null))
        .collect();
    text += &chunk(0, end, Value::Null);
    text += &chunk(1, json!([]), usage);
    text + "data: [DONE]\n\n"
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("it was written by the same library")
}
