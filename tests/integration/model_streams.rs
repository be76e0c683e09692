//! Model calls that answer in pieces: what a stream yielded is put together, whoever reads it and however far.

use std::fmt;
use std::pin::{Pin, pin};

use agentops::llm;
use agentops::model::llm::{Completion, LlmCall, Part};
use agentops::model::span::Status;
use agentops::prelude::*;
use agentops::testing::{Trace, capture};
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use futures_util::{FutureExt as _, TryFutureExt as _};
use serde::Serialize;
use serde_json::{Value, json};

// What a client's types look like.

#[derive(Debug, Clone, Serialize)]
struct Chunk {
    id: &'static str,
    object: &'static str,
    model: &'static str,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Debug, Clone, Serialize)]
struct Choice {
    index: u32,
    delta: Delta,
    finish_reason: Option<&'static str>,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Delta {
    role: Option<&'static str>,
    content: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Value>,
}

#[derive(Debug, Clone, Serialize)]
struct Usage {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u32,
}

#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection reset")
    }
}

impl std::error::Error for Broken {}

fn chunk(choices: Vec<Choice>) -> Chunk {
    Chunk {
        id: "chatcmpl-1",
        object: "chat.completion.chunk",
        model: "gpt-4o-mini-2024-07-18",
        choices,
        usage: None,
    }
}

fn delta(delta: Delta, finish_reason: Option<&'static str>) -> Chunk {
    chunk(vec![Choice {
        index: 0,
        delta,
        finish_reason,
    }])
}

fn says(content: &'static str) -> Chunk {
    let content = Some(content);
    delta(
        Delta {
            content,
            ..Delta::default()
        },
        None,
    )
}

fn begins() -> Chunk {
    let role = Some("assistant");
    delta(
        Delta {
            role,
            ..Delta::default()
        },
        None,
    )
}

fn ends(reason: &'static str) -> Chunk {
    delta(Delta::default(), Some(reason))
}

fn counts() -> Chunk {
    let usage = Usage {
        prompt_tokens: 11,
        completion_tokens: 2,
        total_tokens: 13,
    };
    Chunk {
        usage: Some(usage),
        ..chunk(Vec::new())
    }
}

fn calls(tool: Value) -> Chunk {
    let tool_calls = vec![tool];
    delta(
        Delta {
            tool_calls,
            ..Delta::default()
        },
        None,
    )
}

fn greeting() -> Vec<Result<Chunk, Broken>> {
    let chunks = [begins(), says("Hel"), says("lo"), ends("stop"), counts()];
    chunks.into_iter().map(Ok).collect()
}

// What a program looks like: the request is an argument, and what comes back is a stream in one of these ways.

fn request() -> Value {
    json!({"model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "greet me"}]})
}

/// As clients have it: an alias that says nothing of what it is.
type Reply = Pin<Box<dyn Stream<Item = Result<Chunk, Broken>> + Send>>;

#[llm]
async fn aliased(request: Value, chunks: Chunks) -> Result<Reply, Broken> {
    drop(request);
    Ok(stream::iter(chunks.0).boxed())
}

#[llm]
async fn boxed(request: Value, chunks: Chunks) -> BoxStream<'static, Result<Chunk, Broken>> {
    drop(request);
    stream::iter(chunks.0).boxed()
}

#[llm]
fn opaque(request: Value, chunks: Chunks) -> impl Stream<Item = Result<Chunk, Broken>> + Send {
    drop(request);
    stream::iter(chunks.0)
}

#[llm]
async fn tried(
    request: Value,
    chunks: Chunks,
) -> Result<impl Stream<Item = Result<Chunk, Broken>> + Send, Broken> {
    drop(request);
    Ok(stream::iter(chunks.0))
}

#[llm]
fn blocking(request: Value, chunks: Chunks) -> impl Iterator<Item = Result<Chunk, Broken>> {
    drop(request);
    chunks.0.into_iter()
}

struct Chunks(Vec<Result<Chunk, Broken>>);

fn now<F: Future>(future: F) -> F::Output {
    future.now_or_never().expect("it has nothing to wait for")
}

/// Reads so many items, and drops the rest.
fn read<S: Stream>(count: usize, items: S) {
    now(pin!(items).take(count).for_each(async |_| {}));
}

fn streamed(items: Vec<Result<Chunk, Broken>>, count: usize) -> Trace {
    capture(|| {
        let reply = now(aliased(request(), Chunks(items))).expect("it answers");
        read(count, reply);
    })
}

fn call(trace: &Trace) -> &LlmCall {
    let [span] = &trace.spans[..] else {
        panic!("one span, not\n{trace}");
    };
    span.llm.as_ref().expect("it is a model call")
}

fn text(completion: &Completion) -> String {
    let texts = completion.content.iter().map(|part| match part {
        Part::Text(text) => &**text,
        other => panic!("no text: {other:?}"),
    });
    texts.collect()
}

#[track_caller]
fn check_greeting(trace: &Trace) {
    let call = call(trace);
    assert!(call.streaming);
    assert!(call.time_to_first_token.is_some());
    assert_eq!(call.request_model.as_deref(), Some("gpt-4o-mini"));
    assert_eq!(call.model.as_deref(), Some("gpt-4o-mini-2024-07-18"));
    assert_eq!(call.messages.len(), 1);
    assert_eq!(text(&call.completions[0]), "Hello");
    assert_eq!(call.completions[0].finish_reason.as_deref(), Some("stop"));
    let usage = call.usage.expect("the last chunk says it");
    assert_eq!((usage.input, usage.output, usage.total), (11, 2, 13));
    let span = &trace.spans[0];
    assert_eq!((span.status, span.cancelled), (Status::Ok, false));
    assert_eq!(span.attributes["stream.ended"], "end");
    assert_eq!(span.attributes["stream.items"], 5);
    let output = span.output.as_ref().and_then(Value::as_array);
    assert_eq!(output.map(Vec::len), Some(5));
}

#[test]
fn however_a_stream_is_returned_its_answer_is_put_together() {
    check_greeting(&streamed(greeting(), usize::MAX));
    check_greeting(&capture(|| {
        read(9, now(boxed(request(), Chunks(greeting()))));
    }));
    check_greeting(&capture(|| read(9, opaque(request(), Chunks(greeting())))));
    check_greeting(&capture(|| {
        let reply = now(tried(request(), Chunks(greeting())));
        read(9, reply.unwrap_or_else(|_| unreachable!("it answers")));
    }));
    check_greeting(&capture(|| {
        blocking(request(), Chunks(greeting())).for_each(drop);
    }));
}

/// A client that stops at `[DONE]` does not ask for the end of the stream.
#[test]
fn a_stream_that_is_dropped_after_its_last_chunk_is_complete() {
    check_greeting(&streamed(greeting(), 5));
}

#[test]
fn a_stream_that_is_dropped_half_way_is_cancelled_and_keeps_what_was_said() {
    let trace = streamed(greeting(), 2);
    let call = call(&trace);
    assert_eq!(text(&call.completions[0]), "Hel");
    assert_eq!((call.usage, call.streaming), (None, true));
    let span = &trace.spans[0];
    assert_eq!((span.status, span.cancelled), (Status::Unset, true));
    assert_eq!(span.attributes["stream.ended"], "dropped");
    assert_eq!(span.attributes["stream.items"], 2);
    // Of what nobody asked for nothing came.
    let trace = streamed(greeting(), 0);
    assert_eq!(self::call(&trace).time_to_first_token, None);
    assert_eq!(trace.spans[0].attributes["stream.ended"], "dropped");
}

#[test]
fn an_error_in_mid_stream_is_the_spans_and_leaves_what_was_said() {
    // Whether or not anybody asks what comes after it.
    for count in [4, 9] {
        let mut items = greeting();
        items.truncate(3);
        items.push(Err(Broken));
        let trace = streamed(items, count);
        let span = &trace.spans[0];
        assert_eq!((span.status, span.cancelled), (Status::Error, false));
        let error = span.error.as_ref().expect("an item was one");
        assert_eq!(error.details, "connection reset");
        assert_eq!(span.attributes["stream.ended"], "error");
        assert_eq!(text(&call(&trace).completions[0]), "Hello");
    }
}

#[test]
fn tools_that_are_asked_for_in_pieces_are_put_together() {
    let items = [
        begins(),
        calls(json!({"index": 0, "id": "call_1", "type": "function",
            "function": {"name": "grep", "arguments": ""}})),
        calls(json!({"index": 0, "function": {"arguments": "{\"pattern\":"}})),
        calls(json!({"index": 1, "id": "call_2", "type": "function",
            "function": {"name": "ls", "arguments": "{}"}})),
        calls(json!({"index": 0, "function": {"arguments": "\"fn\"}"}})),
        ends("tool_calls"),
    ];
    let trace = streamed(items.into_iter().map(Ok).collect(), 6);
    let answer = &call(&trace).completions[0];
    let asked: Vec<_> = answer
        .tool_calls
        .iter()
        .map(|call| (&*call.name, call.id.as_deref(), &call.arguments))
        .collect();
    let expected = [
        ("grep", Some("call_1"), &json!({"pattern": "fn"})),
        ("ls", Some("call_2"), &json!({})),
    ];
    assert_eq!(asked, expected);
    assert_eq!(answer.finish_reason.as_deref(), Some("tool_calls"));
    assert!(!trace.spans[0].cancelled);
}

#[llm(model = "gpt-4o-mini")]
fn words(prompt: &str) -> impl Stream<Item = String> + use<> {
    let words = prompt.split_inclusive(' ').map(str::to_owned);
    stream::iter(words.collect::<Vec<_>>())
}

#[test]
fn words_without_anything_around_them_are_the_answer() {
    let trace = capture(|| read(9, words("to be or not")));
    let call = call(&trace);
    assert_eq!(text(&call.completions[0]), "to be or not");
    assert_eq!(call.usage, None, "nobody counted");
    let output = &trace.spans[0].output;
    assert_eq!(*output, Some(json!(["to ", "be ", "or ", "not"])));
}

/// In a process of its own, with the environment's answer to what its code leaves open.
#[test]
fn what_nobody_counted_is_estimated_where_that_is_asked_for() {
    let home = std::env::temp_dir().join(format!("agentops-estimates-{}", std::process::id()));
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_estimates"))
        .env_clear()
        .env("AGENTOPS_HOME", &home)
        .output();
    let output = output.expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
}

#[llm(capture_return = false)]
fn hushed(chunks: Chunks) -> impl Stream<Item = Result<Chunk, Broken>> {
    stream::iter(chunks.0)
}

#[test]
fn what_is_not_to_be_captured_is_not() {
    let trace = capture(|| read(9, hushed(Chunks(greeting()))));
    let call = call(&trace);
    assert!(call.completions.is_empty() && call.usage.is_none());
    assert!(call.streaming && call.time_to_first_token.is_some());
    assert_eq!(trace.spans[0].output, None);
}

#[llm(model = "gpt-4o-mini", skip(count))]
fn long(count: usize) -> impl Stream<Item = Chunk> {
    let said = std::iter::repeat_n(says("la"), count);
    let all = std::iter::once(begins()).chain(said);
    stream::iter(all.chain([ends("length"), counts()]))
}

#[test]
fn a_stream_without_bounds_has_a_record_with_bounds() {
    let count = 30_000;
    let trace = capture(|| read(count + 3, long(count)));
    let call = call(&trace);
    let said = text(&call.completions[0]);
    assert!(said.len() > 10_000 && said.len() < 2 * count);
    assert_eq!(call.completions[0].finish_reason.as_deref(), Some("length"));
    assert_eq!(call.usage.map(|usage| usage.total), Some(13));
    let span = &trace.spans[0];
    assert_eq!(span.attributes["stream.items"], count + 3);
    let output = span.output.as_ref().and_then(Value::as_array);
    let marks = output.expect("items").iter();
    let marks = marks.filter(|item| item.get("$truncated").is_some());
    assert_eq!(marks.count(), 1);
}

/// A plain answer in a type whose name does not say that it is none.
#[derive(Debug, Serialize)]
struct Answer {
    text: &'static str,
}

#[llm(model = "gpt-4o-mini")]
async fn whole(prompt: &str) -> Result<Answer, Broken> {
    match prompt {
        "" => Err(Broken),
        _ => Ok(Answer { text: "yes" }),
    }
}

#[test]
fn an_answer_in_one_piece_stays_one() {
    let trace = capture(|| {
        now(whole("is it?")).expect("it answers");
        now(whole("")).expect_err("it fails");
    });
    let expected = "\
LLM whole · gpt-4o-mini {\"prompt\":\"is it?\"} -> {\"text\":\"yes\"}
LLM whole · gpt-4o-mini {\"prompt\":\"\"} ! Broken: connection reset
";
    assert_eq!(trace.to_string(), expected);
    assert!(trace.spans.iter().all(|span| {
        let call = span.llm.as_ref().expect("a model call");
        !call.streaming && call.time_to_first_token.is_none()
    }));
}

// A client that nobody has annotated.

struct Client;

impl Client {
    async fn chat(&self, request: &Value) -> Result<Value, Broken> {
        match request["model"].as_str() {
            None => Err(Broken),
            Some(model) => Ok(
                json!({"id": "chatcmpl-1", "object": "chat.completion", "model": model,
                "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"},
                    "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}}),
            ),
        }
    }

    async fn stream(&self, request: &Value) -> Result<Reply, Broken> {
        match request["model"].as_str() {
            None => Err(Broken),
            Some(_) => Ok(stream::iter(greeting()).boxed()),
        }
    }
}

#[track_caller]
fn check_answer(trace: &Trace, request_model: Option<&str>) {
    let call = call(trace);
    assert!(!call.streaming && call.time_to_first_token.is_none());
    assert_eq!(call.request_model.as_deref(), request_model);
    assert_eq!(call.model.as_deref(), Some("gpt-4o-mini"));
    assert_eq!(text(&call.completions[0]), "Hello");
    assert_eq!(call.usage.map(|usage| usage.total), Some(13));
    assert_eq!(trace.spans[0].status, Status::Ok);
}

#[test]
fn what_a_client_gives_back_can_be_observed() {
    let trace = capture(|| {
        let request = request();
        now(Client.chat(&request).observe()).expect("it answers");
    });
    check_answer(&trace, None);
    let trace = capture(|| {
        let request = request();
        now(Client.chat(&request).observe_with(&request)).expect("it answers");
    });
    check_answer(&trace, Some("gpt-4o-mini"));
    assert_eq!(call(&trace).messages.len(), 1);
    let trace = capture(|| {
        let answer = now(Client.chat(&request()));
        answer.observe_with(request()).expect("it answers");
    });
    check_answer(&trace, Some("gpt-4o-mini"));
    let trace = capture(|| {
        let answer = now(Client.chat(&request())).expect("it answers");
        assert_eq!(answer.observe()["id"], "chatcmpl-1");
    });
    check_answer(&trace, None);
}

#[test]
fn errors_of_what_is_observed_are_the_spans() {
    let check = |trace: Trace| {
        assert_eq!(
            trace.to_string(),
            "LLM model call ! Broken: connection reset\n"
        );
    };
    let nothing = json!({});
    check(capture(|| {
        now(Client.chat(&nothing).observe()).expect_err("no model")
    }));
    check(capture(|| {
        now(Client.chat(&nothing)).observe().expect_err("no model")
    }));
    check(capture(|| {
        assert!(now(Client.stream(&nothing).observe()).is_err());
    }));
    check(capture(|| {
        assert!(now(Client.stream(&nothing)).observe().is_err());
    }));
    let trace = capture(|| drop(Client.chat(&nothing).observe()));
    assert_eq!(trace.to_string(), "LLM model call (cancelled)\n");
}

#[test]
fn streams_can_be_observed_from_their_request_on_or_from_where_they_begin() {
    let trace = capture(|| {
        let request = request();
        let reply = now(Client.stream(&request).observe_with(&request));
        read(5, reply.unwrap_or_else(|_| unreachable!("it answers")));
    });
    check_greeting(&trace);
    let trace = capture(|| {
        let reply = now(Client.stream(&request())).unwrap_or_else(|_| unreachable!("it answers"));
        read(9, reply.observe_with(request()));
    });
    check_greeting(&trace);
    let trace = capture(|| {
        let reply = now(Client.stream(&request())).observe_with(request());
        read(9, reply.unwrap_or_else(|_| unreachable!("it answers")));
    });
    check_greeting(&trace);
    let half = capture(|| read(2, stream::iter(greeting()).observe()));
    assert!(half.spans[0].cancelled);
    assert_eq!(text(&call(&half).completions[0]), "Hel");
}

fn broke<T>() -> anyhow::Result<T> {
    let error = anyhow::Error::new(Broken);
    Err(error.context("no answer"))
}

fn answered() -> Value {
    json!({"object": "chat.completion", "model": "gpt-4o-mini", "choices": [],
        "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}})
}

#[track_caller]
fn check_failed(trace: &Trace, details: &str, chain: &[&str]) {
    let [span] = &trace.spans[..] else {
        panic!("one span, not\n{trace}");
    };
    let error = span.error.as_ref().expect("it failed");
    assert_eq!(error.details, details);
    assert_eq!(error.chain, chain);
    assert_eq!(span.status, Status::Error);
}

/// What [`broke`] says.
const WHY: (&str, &[&str]) = ("no answer", &["connection reset"]);

/// Errors that are no `std::error::Error`: those of programs, those of clients that say less, and those of either kind.
#[test]
fn whatever_the_error_is_what_is_observed_says_it() {
    let check = |trace: &Trace| check_failed(trace, WHY.0, WHY.1);
    check(&capture(|| {
        now(async { broke::<Value>() }.observe()).expect_err("it fails");
    }));
    check(&capture(|| {
        broke::<Value>().observe().expect_err("it fails");
    }));
    check(&capture(|| {
        let opened = now(async { broke::<Reply>() }.observe());
        assert!(opened.is_err());
    }));
    check(&capture(|| assert!(broke::<Reply>().observe().is_err())));
    let items = || vec![Ok(says("Hel")), broke()];
    check(&capture(|| read(9, stream::iter(items()).observe())));
    check(&capture(|| {
        let reply = now(async { anyhow::Ok(stream::iter(items())) }.observe());
        read(9, reply.unwrap_or_else(|_| unreachable!("it answers")));
    }));
    let boxed = |error: anyhow::Error| -> Box<dyn std::error::Error + Send + Sync> { error.into() };
    check(&capture(|| {
        let outcome = broke::<Value>().map_err(boxed);
        outcome.observe().expect_err("it fails");
    }));
    let text = capture(|| {
        Err::<Value, _>("no such model".to_owned())
            .observe()
            .expect_err("it fails");
    });
    check_failed(&text, "no such model", &[]);
    // As ollama-rs has it: it broke off.
    let nothing: Vec<Result<Chunk, ()>> = vec![Ok(says("Hel")), Err(())];
    let broken_off = capture(|| read(9, stream::iter(nothing).observe()));
    check_failed(&broken_off, "()", &[]);
    assert_eq!(text_of(&broken_off), "Hel");

    // And where all goes well, they change nothing.
    let answer = capture(|| {
        let answer = now(async { anyhow::Ok(answered()) }.observe_with(request()));
        assert_eq!(answer.expect("it answers")["choices"], json!([]));
    });
    assert_eq!(call(&answer).usage.map(|usage| usage.total), Some(13));
}

fn text_of(trace: &Trace) -> String {
    text(&call(trace).completions[0])
}

/// An error that could be taken for an answer.
#[derive(Debug, Serialize)]
struct Spoken(&'static str);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Spoken {}

#[test]
fn an_error_that_can_be_serialised_is_an_error() {
    let trace = capture(|| {
        now(async { Err::<Value, _>(Spoken("no more")) }.observe()).expect_err("it fails");
    });
    check_failed(&trace, "no more", &[]);
}

fn unfailing() -> impl Stream<Item = Chunk> {
    stream::iter(greeting().into_iter().filter_map(Result::ok))
}

#[test]
fn what_never_fails_can_be_observed() {
    let trace = capture(|| {
        let answer = now(std::future::ready(answered()).observe_plain_with(request()));
        assert_eq!(answer["model"], "gpt-4o-mini");
    });
    assert_eq!(call(&trace).usage.map(|usage| usage.total), Some(13));
    assert_eq!(call(&trace).messages.len(), 1);
    check_greeting(&capture(|| {
        read(9, unfailing().observe_plain_with(request()))
    }));
    check_greeting(&capture(|| {
        let opening = async { unfailing() };
        read(9, now(opening.observe_plain_with(request())));
    }));
    check_greeting(&capture(|| {
        let opening = async { anyhow::Ok(unfailing()) };
        let opened = now(opening.observe_plain_with(request()));
        read(9, opened.unwrap_or_else(|_| unreachable!("it answers")));
    }));
    check_greeting(&capture(|| {
        let opened = anyhow::Ok(unfailing()).observe_plain_with(request());
        read(9, opened.unwrap_or_else(|_| unreachable!("it answers")));
    }));
    check_greeting(&capture(|| {
        let opening = async { stream::iter(greeting()) };
        read(9, now(opening.observe_with(request())));
    }));
    let half = capture(|| read(2, unfailing().observe_plain()));
    assert!(half.spans[0].cancelled);
    let refused = capture(|| {
        let opening = async { broke::<stream::Empty<Chunk>>() };
        assert!(now(opening.observe_plain()).is_err());
    });
    check_failed(&refused, WHY.0, WHY.1);
}

// A client that answers with a struct of its own, with the stream in it.

struct Answering {
    model: &'static str,
    stream: Events,
}

struct Events {
    inner: stream::Iter<std::vec::IntoIter<Result<Chunk, Broken>>>,
}

impl Stream for Events {
    type Item = Result<Chunk, Broken>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        task: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.inner.poll_next_unpin(task)
    }
}

impl Client {
    async fn answering(&self, request: &Value) -> Result<Answering, Broken> {
        match request["model"].as_str() {
            None => Err(Broken),
            Some(_) => Ok(Answering {
                model: "gpt-4o-mini",
                stream: Events {
                    inner: stream::iter(greeting()),
                },
            }),
        }
    }
}

/// The stream alone is what an attribute can follow.
#[llm]
async fn unpacked(request: Value) -> Result<impl Stream<Item = Result<Chunk, Broken>>, Broken> {
    Ok(Client.answering(&request).await?.stream)
}

#[llm]
async fn packed(request: Value) -> Result<Answering, Broken> {
    Client.answering(&request).await
}

#[test]
fn a_stream_within_a_struct_is_followed_from_where_it_is_taken_out() {
    check_greeting(&capture(|| {
        let reply = now(unpacked(request()));
        read(9, reply.unwrap_or_else(|_| unreachable!("it answers")));
    }));
    // From the request on, and with why there is none.
    check_greeting(&capture(|| {
        let request = request();
        let stream = Client.answering(&request).map_ok(|answer| answer.stream);
        let stream = now(stream.observe_with(&request));
        read(9, stream.unwrap_or_else(|_| unreachable!("it answers")));
    }));
    let refused = capture(|| {
        let nothing = json!({});
        let stream = Client.answering(&nothing).map_ok(|answer| answer.stream);
        assert!(now(stream.observe_with(&nothing)).is_err());
    });
    check_failed(&refused, "connection reset", &[]);
    // From the answer on.
    check_greeting(&capture(|| {
        let answer =
            now(Client.answering(&request())).unwrap_or_else(|_| unreachable!("it answers"));
        read(9, answer.stream.observe_with(request()));
    }));
    // Around a struct the span ends with the call, and what comes later is a call within it.
    let trace = capture(|| {
        let answer = now(packed(request())).unwrap_or_else(|_| unreachable!("it answers"));
        assert_eq!(answer.model, "gpt-4o-mini");
        read(9, answer.stream);
    });
    assert_eq!((call(&trace).streaming, call(&trace).usage), (false, None));
    assert!(trace.session.cost.partial, "nobody knows what it took");
}

#[test]
fn what_is_observed_goes_where_it_went() {
    fn goes<T: Send + Sync + Unpin>(value: T) -> T {
        value
    }
    let trace = capture(|| {
        let observed = goes(stream::iter(greeting())).observe();
        let reading = std::thread::spawn(|| read(9, goes(observed)));
        reading.join().expect("it reads");
    });
    let call = call(&trace);
    assert_eq!(text(&call.completions[0]), "Hello");
    let ready = goes(std::future::ready(Ok::<_, Broken>(1)));
    assert!(matches!(now(goes(ready.observe())), Ok(1)));
}
