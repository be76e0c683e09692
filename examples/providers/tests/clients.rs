//! What agentops records of real clients: a test for each row of README's table, each asserting the whole record.
//!
//! The clients talk to the loopback server, whose answers follow from the question. What is expected is written out.

#![expect(
    deprecated,
    reason = "most programs still use `generateContent`, for which gemini-rust names a successor"
)]

use std::cell::Cell;
use std::pin::pin;
use std::sync::Once;

use agentops::llm;
use agentops::model::json;
use agentops::model::span::{SpanKind, Status};
use agentops::prelude::*;
use agentops::testing::{Trace, capture_async};
use agentops_loopback::{Break, KEY, Loopback};
use async_openai::types::chat::ChatCompletionResponseStream;
use futures_util::{Stream, StreamExt as _};
use genai::chat::{ChatOptions, ChatRequest};
use providers::{
    Endpoint, Endpoints, anthropic, gemini, http, many, ollama, openai, rigged, weather,
};
use serde_json::{Value, json};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

thread_local! {
    /// Whether the test on this thread has a layer.
    static LISTENING: Cell<bool> = const { Cell::new(false) };
}

/// What a process has one of: the layer, for tests that listen, and a provider of TLS.
///
/// A subscriber for each test would not do: a span's place in the code asks whoever is there first whether it is wanted,
/// and remembers the answer.
fn prepare() {
    static READY: Once = Once::new();
    READY.call_once(|| {
        let wanted = dynamic_filter_fn(|_, _| LISTENING.get());
        tracing_subscriber::registry()
            .with(agentops::layer().with_filter(wanted))
            .init();
        let provider = rustls::crypto::ring::default_provider();
        provider.install_default().expect("it is the only one");
    });
}

/// From here on the test has the layer.
fn listen() {
    LISTENING.set(true);
}

/// A server, and a provider that it plays.
async fn server(of: fn(Endpoints) -> Option<Endpoint>) -> (Loopback, Endpoint) {
    prepare();
    let server = Loopback::start().await;
    let endpoint = of(Endpoints::of(&server)).expect("it plays them all");
    (server, endpoint)
}

/// Reads a stream to its end.
async fn read<T, E: std::fmt::Debug>(stream: impl Stream<Item = Result<T, E>>) {
    let mut stream = pin!(stream);
    while let Some(item) = stream.next().await {
        item.expect("a piece");
    }
}

/// The record of the only model call of this name, without what another run has otherwise, and the unit prices.
#[track_caller]
fn call(trace: &Trace, name: &str) -> Value {
    let span = trace.span(name);
    assert_eq!(span.kind, SpanKind::Llm);
    let call = span.llm.as_ref().expect("it is understood");
    let mut call = serde_json::to_value(json::llm(call)).expect("a record is JSON");
    let waited = call["time_to_first_token_ms"].take();
    assert_eq!(waited.is_number(), call["streaming"] == true, "{waited}");
    if let Some(cost) = call["cost"].as_object_mut() {
        cost.remove("prices");
    }
    let fields = call.as_object_mut().expect("a record is an object");
    fields.retain(|_, value| !value.is_null());
    call
}

/// A record, with what all of them have in common.
fn record(fields: Value) -> Value {
    let mut record = json!({"operation": "chat", "parameters": {}, "streaming": false});
    let both = (record.as_object_mut(), fields);
    let (Some(record_fields), Value::Object(fields)) = both else {
        panic!("fields are expected");
    };
    record_fields.extend(fields);
    record
}

fn said(role: &str, text: &str) -> Value {
    json!({"role": role, "content": [{"type": "text", "text": text}]})
}

fn answered(text: &str, finish_reason: Option<&str>) -> Value {
    json!([{"role": "assistant", "content": [{"type": "text", "text": text}], "tool_calls": [],
        "finish_reason": finish_reason}])
}

/// A wish for the weather in Paris.
fn wished(finish_reason: &str) -> Value {
    let wish =
        json!({"id": "call_loopback", "name": "get_weather", "arguments": {"city": "Paris"}});
    json!([{"role": "assistant", "content": [], "tool_calls": [wish], "finish_reason": finish_reason}])
}

fn used(input: u64, output: u64) -> Value {
    json!({"input": input, "output": output, "cache_read": 0, "cache_write": 0, "reasoning": 0,
        "total": input + output, "estimated": false, "reported": false})
}

/// In USD, for tokens at these prices for a million; the sum is made of whole nano-USD.
fn costs(input: (u64, f64), output: (u64, f64)) -> Value {
    let nanos = |(tokens, price): (u64, f64)| (tokens as f64 * price * 1e3).round();
    let (input, output) = (nanos(input), nanos(output));
    let usd = |nanos: f64| match nanos {
        0.0 => json!(0),
        nanos => json!(nanos / 1e9),
    };
    json!({"usd": usd(input + output), "input_usd": usd(input), "output_usd": usd(output),
        "price_table": "genai-prices 0.2.1"})
}

const MINI: (f64, f64) = (0.15, 0.6);

fn mini(input: u64, output: u64) -> Value {
    costs((input, MINI.0), (output, MINI.1))
}

const WEATHER: &str = "What is the weather in Paris?";

fn offered() -> Value {
    json!([{"type": "function", "function": {"name": "get_weather", "description": weather::DESCRIPTION,
        "parameters": weather::parameters()}}])
}

// async-openai

#[tokio::test]
async fn async_openai_a_call() {
    let (_server, endpoint) = server(|all| all.openai).await;
    let trace = capture_async(async {
        let client = openai::client(&endpoint);
        openai::chat(&client, openai::question(&endpoint.model, WEATHER))
            .await
            .expect("an answer");
    })
    .await;
    let expected = record(json!({
        "provider": "openai", "request_model": "gpt-4o-mini", "model": "gpt-4o-mini-2024-07-18",
        "response_id": "chatcmpl-loopback", "messages": [said("user", WEATHER)],
        "completions": wished("tool_calls"), "usage": used(8, 7), "cost": mini(8, 7),
        "parameters": {"max_completion_tokens": 200, "tools": offered()},
    }));
    assert_eq!(call(&trace, "chat"), expected);
}

fn streamed_by_openai() -> Value {
    record(json!({
        "provider": "openai", "request_model": "gpt-4o-mini", "model": "gpt-4o-mini-2024-07-18",
        "response_id": "chatcmpl-loopback", "messages": [said("user", WEATHER)], "streaming": true,
        "completions": wished("tool_calls"), "usage": used(8, 7), "cost": mini(8, 7),
        "parameters": {"max_completion_tokens": 200, "tools": offered(), "stream_options": {"include_usage": true}},
    }))
}

#[tokio::test]
async fn async_openai_a_stream() {
    let (_server, endpoint) = server(|all| all.openai).await;
    let trace = capture_async(async {
        let client = openai::client(&endpoint);
        let question = openai::question(&endpoint.model, WEATHER);
        read(
            openai::stream(&client, openai::streaming(question))
                .await
                .expect("a stream"),
        )
        .await;
    })
    .await;
    assert_eq!(call(&trace, "stream"), streamed_by_openai());
    assert_eq!(trace.span("stream").attributes["stream.ended"], "end");
}

type Answer = Result<ChatCompletionResponseStream, async_openai::error::OpenAIError>;

/// Nothing in its signature speaks of a stream.
#[llm]
async fn ask(
    endpoint: &Endpoint,
    request: async_openai::types::chat::CreateChatCompletionRequest,
) -> Answer {
    openai::client(endpoint).chat().create_stream(request).await
}

#[tokio::test]
async fn async_openai_a_stream_behind_an_alias() {
    let (_server, endpoint) = server(|all| all.openai).await;
    let trace = capture_async(async {
        let question = openai::question(&endpoint.model, WEATHER);
        read(
            ask(&endpoint, openai::streaming(question))
                .await
                .expect("a stream"),
        )
        .await;
    })
    .await;
    assert_eq!(call(&trace, "ask"), streamed_by_openai());
}

/// Whoever has all that they want drops the stream before its end.
#[tokio::test]
async fn async_openai_a_stream_that_is_dropped_keeps_what_came() {
    let (_server, endpoint) = server(|all| all.openai).await;
    let trace = capture_async(async {
        let client = openai::client(&endpoint);
        let question = openai::question(&endpoint.model, "One two three?");
        let mut stream = openai::stream(&client, openai::streaming(question))
            .await
            .expect("a stream");
        // The role and two words.
        for _ in 0..3 {
            stream.next().await.expect("more").expect("a piece");
        }
    })
    .await;
    let call = call(&trace, "stream");
    assert_eq!(call["completions"], answered("You asked: ", None));
    assert_eq!(
        (&call["usage"], &call["cost"]["usd"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(trace.span("stream").attributes["stream.ended"], "dropped");
}

#[tokio::test]
async fn async_openai_an_error_within_a_stream_is_the_spans() {
    let (server, endpoint) = server(|all| all.openai).await;
    for how in [Break::Error, Break::Cut] {
        server.break_next(3, how);
        let trace = capture_async(async {
            let client = openai::client(&endpoint);
            let question = openai::question(&endpoint.model, "One two three?");
            let stream = openai::stream(&client, openai::streaming(question)).await;
            let items: Vec<_> = stream.expect("a stream").collect().await;
            assert!(items.iter().any(Result::is_err), "{items:?}");
        })
        .await;
        let span = trace.span("stream");
        assert_eq!(
            (span.status, span.error.is_some()),
            (Status::Error, true),
            "{how:?}"
        );
        assert_eq!(span.attributes["stream.ended"], "error");
        assert_eq!(
            call(&trace, "stream")["completions"],
            answered("You asked: ", None)
        );
    }
}

#[tokio::test]
async fn async_openai_a_refusal_says_why() {
    let (server, endpoint) = server(|all| all.openai).await;
    server.fail_next(400, None, None);
    let trace = capture_async(async {
        let client = openai::client(&endpoint);
        let question = openai::question(&endpoint.model, WEATHER);
        openai::chat(&client, question)
            .await
            .expect_err("it is refused");
    })
    .await;
    assert_eq!(trace.span("chat").status, Status::Error);
    let call = call(&trace, "chat");
    assert_eq!(call["request_model"], "gpt-4o-mini");
    assert_eq!(call["messages"], json!([said("user", WEATHER)]));
    let error = trace.span("chat").error.as_ref().expect("it says why");
    assert_eq!(
        error.details,
        "400 Bad Request invalid_request_error: Bad Request"
    );
}

// reqwest

#[tokio::test]
async fn reqwest_and_json() {
    let (_server, endpoint) = server(|all| all.openai).await;
    let trace = capture_async(async {
        http::headline_writer(&endpoint, "Why is the sky blue?")
            .await
            .expect("an answer");
    })
    .await;
    let expected = record(json!({
        "provider": "openai", "request_model": "gpt-4o-mini", "model": "gpt-4o-mini-2024-07-18",
        "response_id": "chatcmpl-loopback",
        "messages": [said("system", "Answer in one line."), said("user", "Why is the sky blue?")],
        "completions": answered("You asked: Why is the sky blue?", Some("stop")),
        "usage": used(10, 8), "cost": mini(10, 8), "parameters": {"temperature": 0.2},
    }));
    assert_eq!(call(&trace, "post"), expected);
}

// genai

#[tokio::test]
async fn genai_a_call() {
    let (_server, endpoint) = server(|all| all.openai).await;
    let trace = capture_async(async {
        let request = ChatRequest::from_user("Why?").with_system("Be brief.");
        let client = many::client(&endpoint).expect("a client");
        many::chat(&client, &endpoint.model, request)
            .await
            .expect("an answer");
    })
    .await;
    let expected = record(json!({
        "provider": "openai", "request_model": "gpt-4o-mini", "model": "gpt-4o-mini-2024-07-18",
        "messages": [said("system", "Be brief."), said("user", "Why?")],
        "completions": answered("You asked: Why?", Some("stop")), "usage": used(4, 4), "cost": mini(4, 4),
    }));
    assert_eq!(call(&trace, "chat"), expected);
}

fn streamed_by_genai() -> Value {
    record(json!({
        "provider": "openai", "request_model": "gpt-4o-mini", "streaming": true, "messages": [said("user", "Why?")],
        "completions": answered("You asked: Why?", Some("stop")), "usage": used(1, 4), "cost": mini(1, 4),
    }))
}

#[tokio::test]
async fn genai_a_stream() {
    let (_server, endpoint) = server(|all| all.openai).await;
    let trace = capture_async(async {
        let client = many::client(&endpoint).expect("a client");
        let options = ChatOptions::default().with_capture_usage(true);
        let request = ChatRequest::from_user("Why?");
        let stream = many::stream(&client, &endpoint.model, request, options).await;
        read(stream.expect("a stream")).await;
    })
    .await;
    assert_eq!(call(&trace, "stream"), streamed_by_genai());
}

/// Where the struct itself is wanted, the stream in it is observed.
#[tokio::test]
async fn genai_a_stream_that_is_observed() {
    let (_server, endpoint) = server(|all| all.openai).await;
    let trace = capture_async(async {
        let client = many::client(&endpoint).expect("a client");
        let options = ChatOptions::default().with_capture_usage(true);
        let request = ChatRequest::from_user("Why?");
        let asked = json!({"model": endpoint.model, "request": request});
        let response = client
            .exec_chat_stream(&*endpoint.model, request, Some(&options))
            .await;
        let response = response.expect("a stream");
        assert_eq!(&*response.model_iden.model_name, "gpt-4o-mini");
        read(response.stream.observe_with(&asked)).await;
    })
    .await;
    let span = trace
        .spans
        .iter()
        .find(|span| span.kind == SpanKind::Llm)
        .expect("it is observed");
    let name = span.name.clone();
    assert_eq!(call(&trace, &name), streamed_by_genai());
}

// misanthropic

#[tokio::test]
async fn misanthropic_a_call() {
    let (_server, endpoint) = server(|all| all.anthropic).await;
    let trace = capture_async(async {
        let client = anthropic::client(&endpoint).expect("a client");
        let prompt = anthropic::question(&endpoint.model, "Why?").expect("a prompt");
        anthropic::message(&client, &prompt)
            .await
            .expect("an answer");
    })
    .await;
    let expected = record(json!({
        "provider": "anthropic", "request_model": "claude-haiku-4-5", "model": "claude-haiku-4-5",
        "response_id": "msg_loopback", "messages": [said("system", "Be brief."), said("user", "Why?")],
        "completions": answered("You asked: Why?", Some("end_turn")), "usage": used(4, 4),
        "cost": costs((4, 1.0), (4, 5.0)), "parameters": {"max_tokens": 4096},
    }));
    assert_eq!(call(&trace, "message"), expected);
}

#[tokio::test]
async fn misanthropic_a_stream() {
    let (_server, endpoint) = server(|all| all.anthropic).await;
    let trace = capture_async(async {
        let client = anthropic::client(&endpoint).expect("a client");
        let prompt = anthropic::question(&endpoint.model, "Why?").expect("a prompt");
        read(anthropic::stream(&client, &prompt).await.expect("a stream")).await;
    })
    .await;
    let expected = record(json!({
        "provider": "anthropic", "request_model": "claude-haiku-4-5", "model": "claude-haiku-4-5", "streaming": true,
        "response_id": "msg_loopback", "messages": [said("system", "Be brief."), said("user", "Why?")],
        "completions": answered("You asked: Why?", Some("end_turn")), "usage": used(4, 4),
        "cost": costs((4, 1.0), (4, 5.0)), "parameters": {"max_tokens": 4096},
    }));
    assert_eq!(call(&trace, "stream"), expected);
}

#[tokio::test]
async fn misanthropic_an_error_within_a_stream_is_the_spans() {
    let (server, endpoint) = server(|all| all.anthropic).await;
    // The message, its first block, a ping and two words.
    server.break_next(5, Break::Error);
    let trace = capture_async(async {
        let client = anthropic::client(&endpoint).expect("a client");
        let prompt = anthropic::question(&endpoint.model, "One two three?").expect("a prompt");
        let stream = anthropic::stream(&client, &prompt).await;
        let items: Vec<_> = stream.expect("a stream").collect().await;
        assert!(items.iter().any(Result::is_err), "{items:?}");
    })
    .await;
    let span = trace.span("stream");
    assert_eq!(span.status, Status::Error);
    assert_eq!(span.attributes["stream.ended"], "error");
    let error = span.error.as_ref().expect("it says why");
    assert!(error.details.contains("Overloaded"), "{}", error.details);
    assert_eq!(
        call(&trace, "stream")["completions"],
        answered("You asked: ", None)
    );
}

// gemini-rust

fn told_by_gemini(streaming: bool) -> Value {
    record(json!({
        "provider": "gcp.gemini", "model": "gemini-2.5-flash", "response_id": "loopback", "streaming": streaming,
        "messages": [said("user", "Why?")], "completions": answered("You asked: Why?", Some("STOP")),
        "usage": used(1, 4), "cost": costs((1, 0.3), (4, 2.5)),
    }))
}

#[tokio::test]
async fn gemini_rust_a_call() {
    let (_server, endpoint) = server(|all| all.gemini).await;
    let trace = capture_async(async {
        let client = gemini::client(&endpoint).expect("a client");
        gemini::generate(&client, "Why?").await.expect("an answer");
    })
    .await;
    assert_eq!(call(&trace, "generate"), told_by_gemini(false));
}

#[tokio::test]
async fn gemini_rust_a_stream() {
    let (_server, endpoint) = server(|all| all.gemini).await;
    let trace = capture_async(async {
        let client = gemini::client(&endpoint).expect("a client");
        read(gemini::stream(&client, "Why?").await.expect("a stream")).await;
    })
    .await;
    assert_eq!(call(&trace, "stream"), told_by_gemini(true));
}

// ollama-rs

fn told_by_ollama(streaming: bool) -> Value {
    record(json!({
        "provider": "ollama", "request_model": "llama3.2", "model": "llama3.2", "streaming": streaming,
        "messages": [said("system", "Answer as a translator would."), said("user", "Why?")],
        "completions": answered("You asked: Why?", None), "usage": used(9, 4),
        "cost": {"usd": 0, "input_usd": 0, "output_usd": 0, "price_table": "local"},
    }))
}

#[tokio::test]
async fn ollama_rs_a_call() {
    let (_server, endpoint) = server(|all| all.ollama).await;
    let trace = capture_async(async {
        let client = ollama::client(&endpoint).expect("a client");
        ollama::chat(&client, ollama::question(&endpoint.model, "Why?"))
            .await
            .expect("an answer");
    })
    .await;
    assert_eq!(call(&trace, "chat"), told_by_ollama(false));
}

#[tokio::test]
async fn ollama_rs_a_stream() {
    let (_server, endpoint) = server(|all| all.ollama).await;
    let trace = capture_async(async {
        let client = ollama::client(&endpoint).expect("a client");
        let question = ollama::question(&endpoint.model, "Why?");
        read(ollama::stream(&client, question).await.expect("a stream")).await;
    })
    .await;
    assert_eq!(call(&trace, "stream"), told_by_ollama(true));
}

#[tokio::test]
async fn ollama_rs_an_answer_that_is_cut_off_is_an_error() {
    let (server, endpoint) = server(|all| all.ollama).await;
    server.break_next(2, Break::Cut);
    let trace = capture_async(async {
        let client = ollama::client(&endpoint).expect("a client");
        let question = ollama::question(&endpoint.model, "One two three?");
        let stream = ollama::stream(&client, question).await.expect("a stream");
        let items: Vec<_> = stream.collect().await;
        assert!(items.last().is_some_and(Result::is_err), "{items:?}");
    })
    .await;
    let span = trace.span("stream");
    assert_eq!(span.status, Status::Error);
    assert_eq!(span.attributes["stream.ended"], "error");
    let call = call(&trace, "stream");
    assert_eq!(call["completions"], answered("You asked: ", None));
    assert_eq!(call["usage"], Value::Null);
}

// Clients with spans of `tracing`.

/// The records of all model calls, in their order.
fn calls(trace: &Trace) -> Vec<Value> {
    let spans = trace.spans.iter().filter(|span| span.kind == SpanKind::Llm);
    let records = spans.filter_map(|span| span.llm.as_ref());
    records
        .map(|call| {
            let mut call = serde_json::to_value(json::llm(call)).expect("a record is JSON");
            if let Some(cost) = call["cost"].as_object_mut() {
                cost.remove("prices");
            }
            let fields = call.as_object_mut().expect("a record is an object");
            fields.retain(|_, value| !value.is_null());
            call
        })
        .collect()
}

#[tokio::test]
async fn rig_an_agent_with_a_tool() {
    listen();
    let (_server, endpoint) = server(|all| all.openai).await;
    let trace = capture_async(async {
        rigged::ask(&endpoint, WEATHER).await.expect("an answer");
    })
    .await;
    let expected = "\
AGENT meteorologist, by rig
  LLM chat · gpt-4o-mini
  TOOL get_weather
  LLM chat · gpt-4o-mini
";
    assert_eq!(trace.outline(), expected);
    let text = r#"{"temperature":15,"sky":"cloudy"}"#;
    let asked = json!({"provider": "openai", "request_model": "gpt-4o-mini", "model": "gpt-4o-mini-2024-07-18",
        "response_id": "resp_loopback"});
    let with = |more: Value| {
        let mut fields = asked.clone();
        let both = (fields.as_object_mut(), more);
        if let (Some(fields), Value::Object(more)) = both {
            fields.extend(more);
        }
        record(fields)
    };
    let wish = wished("tool_call");
    let told = json!({"role": "user", "content": [{"temperature": 15, "sky": "cloudy"}], "tool_call_id": "call_loopback"});
    let wished_before =
        json!({"role": "assistant", "content": [], "tool_calls": wish[0]["tool_calls"]});
    let expected = [
        with(json!({
            "messages": [said("system", "Be brief."), said("user", WEATHER)],
            "completions": wish, "usage": used(10, 7), "cost": mini(10, 7),
        })),
        with(json!({
            "messages": [said("system", "Be brief."), said("user", WEATHER), wished_before, told],
            // OpenAI's responses have no reason to finish.
            "completions": answered(&format!("The tool says: {text}"), Some("unknown")),
            "usage": used(22, 12), "cost": mini(22, 12),
        })),
    ];
    assert_eq!(calls(&trace), expected);
    let tool = trace.span("get_weather");
    assert_eq!(
        tool.tool.as_ref().and_then(|tool| tool.call_id.as_deref()),
        Some("call_loopback")
    );
    // The agent repeats what its calls used.
    assert_eq!(trace.session.counts.llm_calls, 2);
    assert_eq!(
        (trace.session.tokens.input, trace.session.tokens.output),
        (32, 19)
    );
    assert_eq!(trace.session.cost.total, Some(5_700 + 10_500));
}

/// Without an attribute what was used is known, and with one what was said, too; each call counts once.
#[tokio::test]
async fn genai_with_spans() {
    listen();
    let (_server, endpoint) = server(|all| all.openai).await;
    let trace = capture_async(async {
        let client = many::client(&endpoint).expect("a client");
        let request = ChatRequest::from_user("Why?");
        client
            .exec_chat(&*endpoint.model, request.clone(), None)
            .await
            .expect("an answer");
        many::chat(&client, &endpoint.model, request)
            .await
            .expect("an answer");
    })
    .await;
    let expected = "\
LLM chat gpt-4o-mini · gpt-4o-mini
LLM chat · gpt-4o-mini
  LLM chat gpt-4o-mini · gpt-4o-mini
";
    assert_eq!(trace.outline(), expected);
    let nothing =
        json!([{"role": "assistant", "content": [], "tool_calls": [], "finish_reason": "stop"}]);
    let spans = record(json!({
        "provider": "openai", "request_model": "gpt-4o-mini", "model": "gpt-4o-mini-2024-07-18", "messages": [],
        "completions": nothing, "usage": used(1, 4), "cost": mini(1, 4),
    }));
    let mut ours = record(json!({
        "provider": "openai", "request_model": "gpt-4o-mini", "model": "gpt-4o-mini-2024-07-18",
        "messages": [said("user", "Why?")], "completions": answered("You asked: Why?", Some("stop")),
        "usage": used(1, 4), "cost": mini(1, 4),
    }));
    ours["usage"]["reported"] = true.into();
    assert_eq!(calls(&trace), [spans.clone(), ours, spans]);
    assert_eq!(trace.session.counts.llm_calls, 2);
    assert_eq!(
        (trace.session.tokens.input, trace.session.tokens.output),
        (2, 8)
    );
    assert_eq!(trace.session.cost.total, Some(2 * 2_550));
}

#[tokio::test]
async fn gemini_rust_with_spans() {
    listen();
    let (_server, endpoint) = server(|all| all.gemini).await;
    let trace = capture_async(async {
        let client = gemini::client(&endpoint).expect("a client");
        gemini::generate(&client, "Why?").await.expect("an answer");
        read(gemini::stream(&client, "Why?").await.expect("a stream")).await;
        client
            .generate_content()
            .with_user_message("Why?")
            .execute()
            .await
            .expect("an answer");
    })
    .await;
    let expected = "\
LLM generate · gemini-2.5-flash
  LLM generate_content_raw
LLM stream · gemini-2.5-flash
  LLM generate_content_stream (unset)
LLM generate_content_raw
";
    assert_eq!(trace.outline(), expected);
    // The span alone says what was used, but neither of what model nor what was said.
    let alone = json!({"provider": "gcp.gemini", "operation": "generate_content", "streaming": false, "messages": [],
        "completions": [], "parameters": {}, "usage": used(1, 4),
        "cost": {"usd": null, "input_usd": null, "output_usd": null, "price_table": null}});
    assert_eq!(calls(&trace)[4], alone);
    assert_eq!(trace.session.counts.llm_calls, 3);
    assert_eq!(
        (trace.session.tokens.input, trace.session.tokens.output),
        (3, 12)
    );
    assert_eq!(trace.session.cost.total, Some(2 * (300 + 10_000)));
}

// Secrets.

const PLANTED: &str = "sk-proj-PLANTED0123456789abcdefghijklmnopqrstuvwxyz";
/// As Azure's and Mistral's are: nothing in it says what it is.
const PLAIN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// A client whose derived `Debug` prints its key, as those do that keep it in a `String`.
#[derive(Debug, Clone)]
struct Talkative {
    http: reqwest::Client,
    api_key: String,
}

#[llm]
async fn tell(client: &Talkative, body: Value, url: &str) -> Result<Value, reqwest::Error> {
    let request = client.http.post(url).bearer_auth(&client.api_key);
    request.json(&body).send().await?.json().await
}

#[tokio::test]
async fn a_clients_key_is_recorded_nowhere() {
    for key in [PLANTED, PLAIN] {
        let (server, endpoint) = server(|all| all.openai).await;
        server.accept_key(key);
        let trace = capture_async(async {
            let url = format!("{}/chat/completions", endpoint.base_url);
            let messages = json!([{"role": "user", "content": "Why?"}]);
            let body = json!({"model": endpoint.model, "messages": messages});
            // Both hold it: in a field, and in a header of the client within.
            let mut headers = reqwest::header::HeaderMap::new();
            headers.insert("x-api-key", key.parse().expect("a header"));
            let http = reqwest::Client::builder().default_headers(headers).build();
            let client = Talkative {
                http: http.expect("a client"),
                api_key: key.into(),
            };
            assert_eq!(format!("{client:?}").matches(key).count(), 2);
            tell(&client, body, &url).await.expect("an answer");
        })
        .await;
        assert_eq!(call(&trace, "tell")["usage"], used(1, 4));
        assert_eq!(server.requests()[0].header("x-api-key"), Some(key));
        nowhere(&trace, key);
    }
}

/// Neither in the trace as values, nor as the contract's JSON, nor as text.
#[track_caller]
fn nowhere(trace: &Trace, secret: &str) {
    for text in [
        format!("{trace:?}"),
        json::to_string(trace, true),
        trace.to_string(),
    ] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test]
async fn no_key_of_any_client_is_recorded() {
    listen();
    prepare();
    let server = Loopback::start().await;
    let mut all = Endpoints::of(&server);
    let long = format!("{PLANTED:-<108}");
    server.accept_key(PLANTED);
    server.accept_key(&long);
    for (endpoint, key) in [
        (&mut all.openai, PLANTED),
        (&mut all.gemini, PLANTED),
        (&mut all.anthropic, &long),
    ] {
        endpoint.as_mut().expect("it plays them all").key = key.into();
    }
    let (openai, gemini, anthropic) = (all.openai, all.gemini, all.anthropic);
    let trace = capture_async(async {
        let endpoint = openai.expect("it plays OpenAI");
        openai::forecaster(&endpoint, WEATHER)
            .await
            .expect("an answer");
        http::headline_writer(&endpoint, WEATHER)
            .await
            .expect("an answer");
        many::reporter(&endpoint, WEATHER).await.expect("an answer");
        rigged::ask(&endpoint, WEATHER).await.expect("an answer");
        gemini::guide(&gemini.expect("it plays Gemini"), WEATHER)
            .await
            .expect("an answer");
        anthropic::editor(&anthropic.expect("it plays Anthropic"), WEATHER)
            .await
            .expect("an answer");
    })
    .await;
    assert!(trace.session.counts.llm_calls >= 10, "{trace}");
    nowhere(&trace, "PLANTED");
    nowhere(&trace, KEY);
}
