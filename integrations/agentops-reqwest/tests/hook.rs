//! What goes through a client with the middleware is recorded, and is what it was without it.

#[path = "hook/server.rs"]
mod server;

use std::process::Command;
use std::time::Duration;

use agentops::InCurrentSpan as _;
use agentops::model::json;
use agentops::model::span::{Span, SpanKind, Status};
use agentops::testing::{Trace, capture_with_async};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Response, StatusCode};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, RequestBuilder};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use server::{END, Server, chunk, head, whole};

/// A key of a shape that no pattern knows for one.
const KEY: &str = "correct-horse-battery-staple";

const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Here."}}],"usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":10}}"#;

const EVENTS: [&str; 5] = [
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"He\"}}]}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"re.\"}}]}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":2,\"total_tokens\":10}}\n\n",
    "data: [DONE]\n\n",
];

fn question() -> Value {
    json!({"model": "gpt-4o-mini", "temperature": 0.5,
        "messages": [{"role": "user", "content": "Where?"}]})
}

fn streamed() -> Value {
    let mut question = question();
    question["stream"] = json!(true);
    question
}

fn ok(body: &str) -> String {
    whole("200 OK", "application/json", body)
}

/// A client as the program makes it.
fn plain() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().build();
    client.expect("it asks nothing of the machine")
}

fn client() -> ClientWithMiddleware {
    ClientBuilder::new(plain())
        .with(agentops_reqwest::recorder())
        .build()
}

/// Tries three times, at once.
fn retries() -> RetryTransientMiddleware<ExponentialBackoff> {
    let policy = ExponentialBackoff::builder()
        .retry_bounds(Duration::ZERO, Duration::ZERO)
        .build_with_max_retries(2);
    RetryTransientMiddleware::new_with_policy(policy)
}

/// Both sides of a conversation, on two threads, and what of it was recorded.
fn talk<A, B>(
    provider: impl AsyncFnOnce(Server) -> A,
    program: impl AsyncFnOnce(String) -> B,
) -> (A, B, Trace) {
    let both = async {
        let server = Server::start().await;
        let url = server.url();
        tokio::join!(provider(server), program(url))
    };
    let ((asked, got), trace) = run(capture_with_async(both));
    let all = json::to_string(&trace, true);
    assert!(!all.contains(KEY), "a key is in\n{all}");
    (asked, got, trace)
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime starts").block_on(work)
}

fn only(trace: &Trace) -> &Span {
    let [span] = &trace.spans[..] else {
        panic!("one span, not\n{trace}");
    };
    assert_eq!(span.kind, SpanKind::Llm);
    span
}

/// What was asked and answered, as the contract writes it, without what it does not say.
fn call(span: &Span) -> Value {
    let call = span.llm.as_ref().expect("it is a model call");
    let mut call = serde_json::to_value(json::llm(call)).expect("it is JSON");
    let fields = call.as_object_mut().expect("a record");
    let took = fields.remove("time_to_first_token_ms");
    let is_there = took.is_some_and(|took| took.is_number());
    let is_streamed = fields["streaming"] == true && fields["completions"] != json!([]);
    assert_eq!(is_there, is_streamed, "{fields:?}");
    fields.retain(|_, value| !value.is_null());
    call
}

/// What is recorded of [`question`] and [`ANSWER`], or [`EVENTS`].
fn said(attempts: Option<u32>, streaming: bool) -> Value {
    let mut call = json!({
        "provider": "openai", "operation": "chat", "streaming": streaming,
        "request_model": "gpt-4o-mini", "model": "gpt-4o-mini-2024-07-18", "response_id": "chatcmpl-1",
        "parameters": {"temperature": 0.5},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Where?"}]}],
        "completions": [{"role": "assistant", "content": [{"type": "text", "text": "Here."}],
            "finish_reason": "stop", "tool_calls": []}],
        "usage": {"input": 8, "output": 2, "total": 10, "cache_read": 0, "cache_write": 0, "reasoning": 0,
            "estimated": false, "reported": false},
        "cost": {"usd": null, "input_usd": null, "output_usd": null, "price_table": null},
    });
    if let Some(attempts) = attempts {
        call["attempts"] = attempts.into();
    }
    call
}

fn text(text: &str) -> Value {
    json!([{"type": "text", "text": text}])
}

#[test]
fn a_call_is_recorded_whole() {
    let ([asked], answer, trace) = talk(
        async |server| server.answer([ok(ANSWER)]).await,
        async |url| {
            let url = format!("{url}/v1/chat/completions");
            let request = client().post(url).bearer_auth(KEY).json(&question());
            let answer = request.send().await.expect("it answers");
            answer.text().await.expect("a body")
        },
    );
    assert_eq!(answer, ANSWER);
    assert_eq!(asked.body, question().to_string().into_bytes());
    let span = only(&trace);
    assert_eq!((span.status, span.cancelled), (Status::Ok, false));
    assert_eq!(call(span), said(None, false));
    let traceparent = format!("00-{}-{}-01", span.trace_id, span.id);
    assert_eq!(asked.header("traceparent"), Some(&*traceparent));
    assert_eq!(trace.session.counts.llm_calls, 1);
}

/// The provider sends an event only once the program has the one before it.
#[track_caller]
fn check_stream(kind: &str, path: &str, events: &'static [&'static str], expected: &Value) {
    let (tell, mut told) = mpsc::unbounded_channel::<Vec<u8>>();
    let ((), (), trace) = talk(
        async |server| {
            let mut asked = server.asked().await;
            asked.say(&head(kind)).await;
            for event in events {
                asked.say(&chunk(event)).await;
                let got = told.recv().await.expect("it is still read");
                assert_eq!(String::from_utf8_lossy(&got), **event);
            }
            asked.say(END).await;
        },
        async |url| {
            let request = client().post(format!("{url}{path}")).json(&streamed());
            let answer = request.send().await.expect("it answers");
            let mut pieces = answer.bytes_stream();
            while let Some(piece) = pieces.next().await {
                let piece = piece.expect("it goes on");
                tell.send(piece.into()).expect("it listens");
            }
        },
    );
    let span = only(&trace);
    assert_eq!((span.status, span.cancelled), (Status::Ok, false));
    assert_eq!(span.attributes["stream.ended"], "end");
    assert_eq!(&call(span), expected);
}

#[test]
fn a_stream_of_events_is_passed_on_as_it_comes() {
    let path = "/v1/chat/completions";
    check_stream("text/event-stream", path, &EVENTS, &said(None, true));
}

#[test]
fn a_stream_of_lines_is_passed_on_as_it_comes() {
    let lines = &[
        "{\"model\":\"llama3.2\",\"message\":{\"role\":\"assistant\",\"content\":\"He\"},\"done\":false}\n",
        "{\"model\":\"llama3.2\",\"message\":{\"role\":\"assistant\",\"content\":\"re.\"},\"done\":false}\n",
        "{\"model\":\"llama3.2\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":8,\"eval_count\":2}\n",
    ];
    let mut expected = said(None, true);
    let others = [
        ("provider", json!("ollama")),
        ("model", json!("llama3.2")),
        ("parameters", json!({})),
        ("response_id", Value::Null),
    ];
    for (field, value) in others {
        expected[field] = value;
    }
    expected
        .as_object_mut()
        .expect("a record")
        .retain(|_, value| !value.is_null());
    check_stream("application/x-ndjson", "/api/chat", lines, &expected);
}

/// What a program gets of an answer.
async fn taken(answer: reqwest_middleware::Result<Response>) -> Value {
    let answer = answer.expect("it answers");
    let headers: Vec<_> = answer
        .headers()
        .iter()
        .map(|(k, v)| format!("{k}: {v:?}"))
        .collect();
    json!({
        "status": answer.status().as_u16(),
        "headers": headers,
        "version": format!("{:?}", answer.version()),
        "path": answer.url().path(),
        "length": answer.content_length(),
        "address": answer.remote_addr().is_some(),
        "body": answer.text().await.expect("a body"),
    })
}

/// The same conversation without the middleware and with it: neither side may see a difference, save for `traceparent`
/// where a call is recorded.
#[track_caller]
fn check_same(answer: &str, ask: impl Fn(ClientWithMiddleware, String) -> RequestBuilder) -> Trace {
    let talk = |client: ClientWithMiddleware| {
        talk(
            async |server| {
                let [asked] = server.answer([answer.to_owned()]).await;
                let is_its_own = |line: &&str| {
                    let names = ["host: ", "traceparent: "];
                    !names.iter().any(|name| line.starts_with(name))
                };
                let head: Vec<_> = asked.head.lines().filter(is_its_own).collect();
                let text = format!(
                    "{}\n{}",
                    head.join("\n"),
                    String::from_utf8_lossy(&asked.body)
                );
                // Each form has its own.
                let kind = asked.header("content-type").unwrap_or_default();
                match kind.split_once("boundary=") {
                    Some((_, boundary)) => text.replace(boundary, "boundary"),
                    None => text,
                }
            },
            async |url| taken(ask(client, url).send().await).await,
        )
    };
    let (asked, got, _) = talk(ClientBuilder::new(plain()).build());
    let (asked_too, got_too, trace) = talk(client());
    assert_eq!(asked_too, asked);
    assert_eq!(got_too, got);
    trace
}

#[test]
fn neither_side_sees_a_difference() {
    let chat = |client: ClientWithMiddleware, url| {
        let url = format!("{url}/v1/chat/completions");
        client
            .post(url)
            .bearer_auth(KEY)
            .header("x-api-key", KEY)
            .json(&question())
    };
    assert_eq!(only(&check_same(&ok(ANSWER), chat)).status, Status::Ok);
    let events = format!(
        "{}{}{}",
        head("text/event-stream"),
        EVENTS.map(chunk).concat(),
        END
    );
    assert_eq!(only(&check_same(&events, chat)).status, Status::Ok);
    let refusal = whole("429 Too Many Requests", "application/json", REFUSAL);
    assert_eq!(only(&check_same(&refusal, chat)).status, Status::Error);
    let page = whole("502 Bad Gateway", "text/html", "<html>");
    assert_eq!(only(&check_same(&page, chat)).status, Status::Error);
}

#[test]
fn what_is_no_model_call_is_left_alone() {
    let mut traces = vec![
        check_same(&ok("{\"rows\":2}"), |client, url| {
            client
                .post(format!("{url}/search"))
                .json(&json!({"query": "rust"}))
        }),
        check_same(&ok("[]"), |client, url| {
            client.get(format!("{url}/v1/models"))
        }),
        check_same(&ok("{}"), |client, url| {
            let part = Part::text("{\"model\":\"gpt-4o\",\"messages\":[]}").file_name("a.json");
            let form = Form::new().text("purpose", "batch").part("file", part);
            client.post(format!("{url}/v1/files")).multipart(form)
        }),
    ];
    traces.push(check_same(&ok("{}"), |client, url| {
        let pieces = ["one ", "two"].map(Ok::<_, std::io::Error>);
        let body = Body::wrap_stream(stream::iter(pieces));
        client.put(format!("{url}/v1/upload")).body(body)
    }));
    for trace in traces {
        assert_eq!(trace.outline(), "");
    }
}

const REFUSAL: &str = r#"{"error":{"message":"Slow down.","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;

fn refusal() -> String {
    let head = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 2\r\nconnection: close\r\n";
    let length = REFUSAL.len();
    format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{REFUSAL}")
}

async fn ask(client: ClientWithMiddleware, url: String) -> reqwest_middleware::Result<Response> {
    let url = format!("{url}/v1/chat/completions?key={KEY}");
    client
        .post(url)
        .bearer_auth(KEY)
        .json(&question())
        .send()
        .await
}

#[test]
fn what_the_provider_refuses_is_an_error_of_the_call() {
    let (_, (status, body), trace) = talk(
        async |server| server.answer([refusal()]).await,
        async |url| {
            let answer = ask(client(), url).await.expect("it answers");
            (answer.status(), answer.text().await.expect("a body"))
        },
    );
    assert_eq!((status, &*body), (StatusCode::TOO_MANY_REQUESTS, REFUSAL));
    let span = only(&trace);
    assert_eq!(span.status, Status::Error);
    let expected = json!({"status": 429, "code": "rate_limit_exceeded", "type": "requests",
        "message": "Slow down.", "retry_after_ms": 2000.0});
    assert_eq!(call(span)["provider_error"], expected);
    let error = span.error.as_ref().expect("it failed");
    assert_eq!(
        (&*error.code, &*error.details),
        ("rate_limit_exceeded", "Slow down.")
    );
}

/// An error that nobody reads the body of.
#[test]
fn what_is_refused_and_not_read_is_an_error_too() {
    let (_, status, trace) = talk(
        async |server| server.answer([refusal()]).await,
        async |url| ask(client(), url).await.expect("it answers").status(),
    );
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    let span = only(&trace);
    assert_eq!((span.status, span.cancelled), (Status::Error, false));
}

/// Bodies that stand nowhere in memory cannot be told from each other.
#[test]
fn calls_whose_bodies_are_streams_are_two_however_alike() {
    let (_, _, trace) = talk(
        async |server| server.answer([refusal(), refusal()]).await,
        async |url| {
            let mut extensions = http::Extensions::new();
            for _ in 0..2 {
                let body = Body::wrap(Body::from(question().to_string()));
                let request = plain()
                    .post(format!("{url}/v1/chat/completions"))
                    .body(body);
                let request = request.build().expect("a request");
                let answer = client()
                    .execute_with_extensions(request, &mut extensions)
                    .await;
                assert_eq!(
                    answer.expect("it answers").status(),
                    StatusCode::TOO_MANY_REQUESTS
                );
            }
        },
    );
    let failed = trace
        .spans
        .iter()
        .filter(|span| span.status == Status::Error);
    assert_eq!(failed.count(), 2, "{trace}");
}

#[test]
fn a_provider_that_is_not_there_is_an_error_of_the_call() {
    let ((), error, trace) = talk(
        async |server| drop(server),
        async |url| ask(client(), url).await.expect_err("nobody is there"),
    );
    assert!(error.is_connect());
    // The client tells the program all of its address.
    assert!(error.to_string().contains(KEY), "{error}");
    let span = only(&trace);
    assert_eq!(span.status, Status::Error);
    let error = span.error.as_ref().expect("it failed");
    assert_eq!(error.code, "ConnectionRefused");
    assert!(
        error
            .details
            .starts_with("error sending request for url (http://127.0.0.1:"),
        "{error:?}"
    );
    assert_eq!(call(span)["request_model"], "gpt-4o-mini");
}

/// With the retries outside each attempt is seen, and all of them are one call.
#[test]
fn attempts_within_retries_are_one_call() {
    let client = || {
        ClientBuilder::new(plain())
            .with(retries())
            .with(agentops_reqwest::recorder())
            .build()
    };
    let (asked, body, trace) = talk(
        async |server| server.answer([refusal(), ok(ANSWER)]).await,
        async |url| {
            ask(client(), url)
                .await
                .expect("it answers")
                .text()
                .await
                .expect("a body")
        },
    );
    assert_eq!(body, ANSWER);
    let span = only(&trace);
    assert_eq!(span.status, Status::Ok);
    assert_eq!(call(span), said(Some(2), false));
    let parents = asked.each_ref().map(|asked| asked.header("traceparent"));
    let traceparent = format!("00-{}-{}-01", span.trace_id, span.id);
    assert_eq!(parents, [Some(&*traceparent); 2]);

    let (_, body, trace) = talk(
        async |server| server.answer([refusal(), refusal(), refusal()]).await,
        async |url| {
            ask(client(), url)
                .await
                .expect("it answers")
                .text()
                .await
                .expect("a body")
        },
    );
    assert_eq!(body, REFUSAL);
    let span = only(&trace);
    assert_eq!(
        (span.status, &call(span)["attempts"]),
        (Status::Error, &json!(3))
    );

    let ((), error, trace) = talk(
        async |server| drop(server),
        async |url| ask(client(), url).await.expect_err("nobody is there"),
    );
    assert!(error.is_middleware());
    let span = only(&trace);
    assert_eq!(
        (span.status, &call(span)["attempts"]),
        (Status::Error, &json!(3))
    );
}

/// With the retries inside the call is one, and what was tried for it is not told.
#[test]
fn attempts_that_are_not_seen_are_not_counted() {
    let client = || {
        ClientBuilder::new(plain())
            .with(agentops_reqwest::recorder())
            .with(retries())
            .build()
    };
    let (_, got, trace) = talk(
        async |server| server.answer([refusal(), ok(ANSWER)]).await,
        async |url| taken(ask(client(), url).await).await,
    );
    assert_eq!(got["body"], ANSWER);
    assert_eq!(call(only(&trace)), said(None, false));

    let ((), error, trace) = talk(
        async |server| drop(server),
        async |url| ask(client(), url).await.expect_err("nobody is there"),
    );
    assert!(error.is_middleware());
    let error = only(&trace).error.as_ref().expect("it failed");
    assert_eq!(error.code, "ConnectionRefused");
    assert_eq!(error.details, "Request failed after 2 retries");
    let chain = error.chain.join("\n");
    assert!(chain.contains("/v1/chat/completions…)"), "{chain}");
}

/// On both sides of the retries it is still one call, and its attempts are known.
#[test]
fn a_call_is_recorded_once_however_often_it_passes() {
    let (_, body, trace) = talk(
        async |server| server.answer([refusal(), ok(ANSWER)]).await,
        async |url| {
            let client = ClientBuilder::new(plain())
                .with(agentops_reqwest::recorder())
                .with(retries())
                .with(agentops_reqwest::recorder())
                .build();
            ask(client, url)
                .await
                .expect("it answers")
                .text()
                .await
                .expect("a body")
        },
    );
    assert_eq!(body, ANSWER);
    assert_eq!(call(only(&trace)), said(Some(2), false));
}

#[test]
fn a_stream_that_breaks_is_an_error_of_the_call() {
    let (_, (got, error), trace) = talk(
        async |server| {
            let mut asked = server.asked().await;
            asked.say(&head("text/event-stream")).await;
            asked.say(&chunk(EVENTS[0])).await;
        },
        async |url| {
            let answer = ask(client(), url).await.expect("it answers");
            let mut pieces = answer.bytes_stream();
            let first = pieces.next().await.expect("an event").expect("whole");
            (
                first,
                pieces.next().await.expect("more").expect_err("it broke"),
            )
        },
    );
    assert_eq!(got, EVENTS[0]);
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    let span = only(&trace);
    assert_eq!(span.status, Status::Error);
    assert_eq!(span.attributes["stream.ended"], "error");
    assert_eq!(call(span)["completions"][0]["content"], text("He"));
}

#[test]
fn an_error_in_a_stream_is_an_error_of_the_call() {
    let event = "data: {\"error\":{\"message\":\"The server had an error.\",\"type\":\"server_error\",\"code\":null}}\n\n";
    let text = format!(
        "{}{}{}{END}",
        head("text/event-stream"),
        chunk(EVENTS[0]),
        chunk(event)
    );
    let (_, body, trace) = talk(
        async |server| server.answer([text]).await,
        async |url| {
            ask(client(), url)
                .await
                .expect("it answers")
                .text()
                .await
                .expect("a body")
        },
    );
    assert_eq!(body, format!("{}{event}", EVENTS[0]));
    let span = only(&trace);
    assert_eq!(span.status, Status::Error);
    assert_eq!(
        call(span)["provider_error"]["message"],
        "The server had an error."
    );
}

/// The program hangs up, and the provider notices.
#[test]
fn a_stream_that_is_dropped_ends_its_call() {
    let (hung_up, _, trace) = talk(
        async |server| {
            let mut asked = server.asked().await;
            asked.say(&head("text/event-stream")).await;
            asked.say(&chunk(EVENTS[0])).await;
            asked.hung_up().await
        },
        async |url| {
            let answer = ask(client(), url).await.expect("it answers");
            let mut pieces = answer.bytes_stream();
            pieces.next().await.expect("an event").expect("whole");
        },
    );
    assert!(hung_up);
    let span = only(&trace);
    assert_eq!((span.status, span.cancelled), (Status::Unset, true));
    assert_eq!(span.attributes["stream.ended"], "dropped");
    assert_eq!(call(span)["completions"][0]["content"], text("He"));
}

/// A client that knows the protocol reads no further than the last event.
#[test]
fn a_stream_that_is_dropped_after_its_last_event_is_whole() {
    let (_, _, trace) = talk(
        async |server| {
            let mut asked = server.asked().await;
            let all = EVENTS.map(chunk).concat();
            asked
                .say(&format!("{}{all}", head("text/event-stream")))
                .await;
            asked.hung_up().await
        },
        async |url| {
            let answer = ask(client(), url).await.expect("it answers");
            let mut pieces = answer.bytes_stream();
            let mut read = Vec::new();
            while !read.ends_with(b"[DONE]\n\n") {
                read.extend(pieces.next().await.expect("an event").expect("whole"));
            }
        },
    );
    let span = only(&trace);
    assert_eq!((span.status, span.cancelled), (Status::Ok, false));
    assert_eq!(span.attributes["stream.ended"], "end");
}

/// Nobody waits for the answer any longer.
#[test]
fn a_call_that_is_given_up_is_cancelled() {
    let (given_up, give_up) = oneshot::channel();
    let (_, (), trace) = talk(
        async |server| {
            let mut asked = server.asked().await;
            given_up.send(()).expect("it waits");
            asked.hung_up().await
        },
        async |url| {
            tokio::select! {
                _ = ask(client(), url) => panic!("nobody answers"),
                given_up = give_up => given_up.expect("it was asked"),
            }
        },
    );
    let span = only(&trace);
    assert_eq!((span.status, span.cancelled), (Status::Unset, true));
    assert_eq!(call(span)["request_model"], "gpt-4o-mini");
}

#[test]
fn calls_at_the_same_time_do_not_mix() {
    const CALLS: usize = 24;
    let (_, (), trace) = talk(
        async |server| {
            let mut waiting = Vec::new();
            for _ in 0..CALLS {
                waiting.push(server.asked().await);
            }
            // The last that asked is the first that is answered.
            for mut asked in waiting.into_iter().rev() {
                let body: Value = serde_json::from_slice(&asked.body).expect("JSON");
                let asks = body["messages"][0]["content"].as_str().expect("text");
                asked.say(&ok(&ANSWER.replace("Here.", asks))).await;
            }
        },
        async |url| {
            let client = client();
            let calls = (0..CALLS).map(|n| {
                let mut question = question();
                question["messages"][0]["content"] = json!(format!("question {n}"));
                let request = client
                    .post(format!("{url}/v1/chat/completions"))
                    .json(&question);
                let work = async { request.send().await.expect("it answers").text().await };
                tokio::spawn(work.in_current_span())
            });
            for answer in join_all(calls).await {
                answer.expect("no panic").expect("a body");
            }
        },
    );
    let mut asked: Vec<_> = trace
        .spans
        .iter()
        .map(|span| {
            let call = call(span);
            let question = &call["messages"][0]["content"];
            assert_eq!(&call["completions"][0]["content"], question);
            question.to_string()
        })
        .collect();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), CALLS);
}

/// The client's span is where the program is.
#[test]
fn a_call_stands_where_it_is_made() {
    let (_, _, trace) = talk(
        async |server| server.answer([ok(ANSWER)]).await,
        async |url| {
            let work = async { ask(client(), url).await.expect("it answers").text().await };
            agentops::span("research").instrument(work).await
        },
    );
    assert_eq!(
        trace.outline(),
        "OPERATION research\n  LLM model call · gpt-4o-mini\n"
    );
}

/// In a process of its own, for tests of this one may record at the same time.
#[test]
fn nothing_happens_while_nothing_records() {
    let program = std::env::current_exe().expect("it runs");
    let output = Command::new(program)
        .args(["--exact", "without_recording", "--ignored"])
        .env_remove("AGENTOPS")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[test]
#[ignore = "run by `nothing_happens_while_nothing_records`"]
fn without_recording() {
    let work = async {
        let server = Server::start().await;
        let url = server.url();
        tokio::join!(server.answer([refusal(), ok(ANSWER)]), async {
            let client = ClientBuilder::new(plain())
                .with(retries())
                .with(agentops_reqwest::recorder())
                .build();
            taken(ask(client, url).await).await
        })
    };
    let (asked, got) = run(work);
    assert_eq!(
        (&got["status"], &got["body"]),
        (&json!(200), &json!(ANSWER))
    );
    for asked in asked {
        assert_eq!(asked.header("traceparent"), None);
        assert_eq!(asked.body, question().to_string().into_bytes());
    }
}

/// A trace that the program has begun by itself goes on.
#[test]
fn a_traceparent_of_the_programs_own_stays() {
    const OWN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let ([asked], _, trace) = talk(
        async |server| server.answer([ok(ANSWER)]).await,
        async |url| {
            let url = format!("{url}/v1/chat/completions");
            let request = client()
                .post(url)
                .header("traceparent", OWN)
                .json(&question());
            taken(request.send().await).await
        },
    );
    assert_eq!(asked.header("traceparent"), Some(OWN));
    assert_eq!(call(only(&trace)), said(None, false));
}
