//! What the layer records of the real client's calls, and that the client does not notice.

use std::env;
use std::process::Command;

use agentops::Exchange;
use agentops::model::llm::{Completion, LlmCall, Part, Usage};
use agentops::model::rollup;
use agentops::model::span::{Span, SpanKind, Status};
use agentops::testing::{Trace, capture_async, capture_with_async};
use agentops_async_openai::{AgentopsLayer, service};
use agentops_loopback::{Break, KEY, Loopback};
use async_openai::Client;
use async_openai::config::{AzureConfig, Config, OpenAIConfig};
use async_openai::error::OpenAIError;
use async_openai::middleware::ReqwestService;
use async_openai::middleware::retry::OpenAIRetryLayer;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, ChatCompletionStreamOptions, CreateChatCompletionRequest,
    CreateChatCompletionRequestArgs, CreateChatCompletionResponse,
    CreateChatCompletionStreamResponse,
};
use async_openai::types::embeddings::CreateEmbeddingRequestArgs;
use async_openai::types::responses::{CreateResponseArgs, ResponseStreamEvent};
use futures_util::future::join_all;
use futures_util::{Stream, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower_layer::Layer as _;

fn config(url: &str) -> OpenAIConfig {
    let base = format!("{url}/v1");
    OpenAIConfig::new().with_api_base(base).with_api_key(KEY)
}

fn observed(server: &Loopback) -> Client<OpenAIConfig> {
    Client::with_config(config(&server.url())).with_http_service(service())
}

fn plain(server: &Loopback) -> Client<OpenAIConfig> {
    Client::with_config(config(&server.url()))
}

fn question(text: &str) -> CreateChatCompletionRequest {
    let message = ChatCompletionRequestUserMessage::from(text);
    CreateChatCompletionRequestArgs::default()
        .model("gpt-4o-mini")
        .temperature(0.5)
        .messages([message.into()])
        .build()
        .expect("a whole request")
}

/// As [`question`], to be answered in pieces, with the tokens that it took.
fn counted(text: &str) -> CreateChatCompletionRequest {
    CreateChatCompletionRequest {
        stream_options: Some(ChatCompletionStreamOptions {
            include_usage: Some(true),
            include_obfuscation: None,
        }),
        ..question(text)
    }
}

async fn ask<C: Config>(
    client: &Client<C>,
    text: &str,
) -> Result<CreateChatCompletionResponse, OpenAIError> {
    client.chat().create(question(text)).await
}

/// All that a stream says, and how it broke off.
async fn read(
    mut items: impl Stream<Item = Result<CreateChatCompletionStreamResponse, OpenAIError>> + Unpin,
) -> (String, Option<String>) {
    let mut text = String::new();
    while let Some(item) = items.next().await {
        match item {
            Ok(chunk) => {
                let said = chunk
                    .choices
                    .into_iter()
                    .filter_map(|choice| choice.delta.content);
                text.extend(said);
            }
            Err(error) => return (text, Some(error.to_string())),
        }
    }
    (text, None)
}

/// The only span.
#[track_caller]
fn one(trace: &Trace) -> &Span {
    let [span] = &trace.spans[..] else {
        panic!("one span, not\n{trace}");
    };
    assert_eq!((span.kind, span.open), (SpanKind::Llm, false));
    span
}

/// Its call without what a clock says.
#[track_caller]
fn call(span: &Span) -> LlmCall {
    let mut call = span.llm.clone().expect("it is a model call");
    call.time_to_first_token = None;
    call
}

/// How a span ended: status, whether cancelled, the error's code, and how its stream did.
fn ended(span: &Span) -> (Status, bool, Option<&str>, Option<&str>) {
    let error = span.error.as_ref().map(|error| &*error.code);
    let stream = span.attributes.get("stream.ended").and_then(Value::as_str);
    (span.status, span.cancelled, error, stream)
}

fn said(call: &LlmCall) -> String {
    let parts = call.completions.iter().flat_map(|choice| &choice.content);
    let texts = parts.filter_map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// The record of a question that was asked once and answered.
fn answered(text: &str, usage: Usage) -> LlmCall {
    let answer = Completion::new()
        .text(format!("You asked: {text}"))
        .finish_reason("stop");
    LlmCall::new()
        .provider("openai")
        .request_model("gpt-4o-mini")
        .model("gpt-4o-mini-2024-07-18")
        .operation("chat")
        .prompt("user", text)
        .completion(answer)
        .parameter("temperature", 0.5)
        .usage(usage)
        .attempts(1)
}

#[tokio::test]
async fn a_call_is_one_record_and_the_answer_is_the_same() {
    let server = Loopback::start().await;
    let (answer, trace) = capture_with_async(ask(&observed(&server), "Hello?")).await;
    let answer = answer.expect("it answers");
    let without = ask(&plain(&server), "Hello?").await.expect("it answers");
    assert_eq!(json!(answer), json!(without));

    let span = one(&trace);
    let usage = answer.usage.expect("it counts");
    let usage = Usage::new(usage.prompt_tokens.into(), usage.completion_tokens.into());
    let expected = answered("Hello?", usage).response_id(answer.id);
    let mut call = call(span);
    call.cost = None;
    assert_eq!(call, expected);
    assert_eq!(ended(span), (Status::Ok, false, None, None));
    let attributes = json!({"server.address": "127.0.0.1", "server.port": server.port(),
        "http.response.status_code": 200});
    assert_eq!(Value::Object(span.attributes.clone()), attributes);

    let [first, second] = &server.requests()[..] else {
        panic!("each asked once");
    };
    let place = format!("00-{}-{}-01", span.trace_id, span.id);
    assert_eq!(first.header("traceparent"), Some(&*place));
    assert_eq!(second.header("traceparent"), None);
    let headers = |request: &agentops_loopback::Request| {
        let mut headers = request.headers.clone();
        headers.remove("traceparent");
        headers
    };
    assert_eq!(headers(first), headers(second));
    assert_eq!(first.body, second.body);
    assert_eq!(span.input.as_ref(), Some(&first.body));
    assert!(!format!("{trace:?}").contains(KEY));
}

#[tokio::test]
async fn a_stream_is_one_record_and_says_the_same() {
    let server = Loopback::start().await;
    let work = async |client: Client<OpenAIConfig>| {
        let stream = client.chat().create_stream(counted("One two three?")).await;
        read(stream.expect("it answers")).await
    };
    let (text, trace) = capture_with_async(work(observed(&server))).await;
    assert_eq!(text, ("You asked: One two three?".to_owned(), None));
    assert_eq!(text, work(plain(&server)).await);

    let span = one(&trace);
    assert_eq!(ended(span), (Status::Ok, false, None, Some("end")));
    let call = call(span);
    assert!(call.streaming);
    assert_eq!(said(&call), text.0);
    assert_eq!(call.completions[0].finish_reason.as_deref(), Some("stop"));
    assert!(
        call.usage
            .is_some_and(|usage| usage.input > 0 && usage.output > 0)
    );
    let first = span.llm.as_ref().and_then(|call| call.time_to_first_token);
    assert!(first.is_some());
    assert_eq!(server.requests()[0].body, server.requests()[1].body);
}

#[tokio::test]
async fn usage_is_asked_for_only_where_it_is_wanted() {
    let server = Loopback::start().await;
    let client = |layer: AgentopsLayer| {
        let service = layer.layer(ReqwestService::new(reqwest::Client::new()));
        Client::with_config(config(&server.url())).with_http_service(service)
    };
    let asks = async |layer: AgentopsLayer, request: CreateChatCompletionRequest| {
        let client = client(layer);
        let trace = capture_async(async {
            let stream = client.chat().create_stream(request).await;
            read(stream.expect("it answers")).await
        });
        let trace = trace.await;
        let requests = server.requests();
        let sent = requests.last().expect("it asked").body.clone();
        assert_eq!(one(&trace).input.as_ref(), Some(&sent), "as it was sent");
        (call(one(&trace)).usage.is_some(), sent)
    };
    let (counted, before) = asks(AgentopsLayer::new(), question("Hello?")).await;
    assert!(!counted);
    let wanted = AgentopsLayer::new().include_usage(true);
    let (counted, after) = asks(wanted, question("Hello?")).await;
    assert!(counted);
    let mut expected = before;
    expected["stream_options"] = json!({"include_usage": true});
    assert_eq!(after, expected);

    // Who says what he wants gets it, and an answer in one piece is counted in any case.
    let mut refused = self::counted("Hello?");
    if let Some(options) = &mut refused.stream_options {
        options.include_usage = Some(false);
    }
    let (counted, after) = asks(wanted, refused).await;
    assert!(!counted);
    assert_eq!(after["stream_options"], json!({"include_usage": false}));
    ask(&client(wanted), "Hello?").await.expect("it answers");
    let requests = server.requests();
    let last = requests.last().expect("it asked");
    assert_eq!(last.body.get("stream_options"), None);
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_one_call() {
    let server = Loopback::start().await;
    server.fail_next(429, Some("0"), None);
    server.fail_next(503, Some("0"), None);
    let trace = capture_async(async {
        let answer = ask(&observed(&server), "Hello?").await;
        assert!(answer.is_ok(), "the client tries again: {answer:?}");
    });
    let trace = trace.await;
    let span = one(&trace);
    let call = call(span);
    assert_eq!(
        (call.attempts, said(&call)),
        (Some(3), "You asked: Hello?".into())
    );
    assert_eq!(call.provider_error, None);
    assert_eq!(ended(span), (Status::Ok, false, None, None));
    let requests = server.requests();
    let [first, second, third] = &requests[..] else {
        panic!("it was sent three times");
    };
    for again in [second, third] {
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("traceparent"), first.header("traceparent"));
    }
}

#[tokio::test]
async fn a_refusal_tells_what_the_provider_said() {
    let server = Loopback::start().await;
    let refused = async |client: Client<OpenAIConfig>, text: &str| {
        capture_with_async(ask(&client, text)).await
    };

    // Not to be tried again.
    let wrong = config(&server.url()).with_api_key("sk-wrong");
    let wrong = Client::with_config(wrong).with_http_service(service());
    let (error, trace) = refused(wrong, "Hello?").await;
    assert!(error.unwrap_err().to_string().contains("Incorrect API key"));
    let span = one(&trace);
    let error = call(span).provider_error.expect("it says why");
    assert_eq!(
        (error.status, error.code.as_deref(), &*error.message),
        (
            Some(401),
            Some("invalid_api_key"),
            "Incorrect API key provided."
        )
    );
    assert_eq!(
        ended(span),
        (Status::Error, false, Some("invalid_api_key"), None)
    );

    // Tried again in vain; the client's retries have read the body.
    for _ in 0..4 {
        server.fail_next(429, Some("0"), None);
    }
    let (error, trace) = refused(observed(&server), "Hello?").await;
    assert!(error.is_err());
    let span = one(&trace);
    let call = call(span);
    assert_eq!(call.attempts, Some(4));
    let error = call.provider_error.expect("it says why");
    assert_eq!(
        (error.status, error.code.as_deref(), error.kind.as_deref()),
        (Some(429), Some("rate_limit_exceeded"), Some("requests"))
    );
    let code = Some("rate_limit_exceeded");
    assert_eq!(ended(span), (Status::Error, false, code, None));

    // Nobody is there.
    let gone = config("http://127.0.0.1:1");
    let layer = AgentopsLayer::new().layer(ReqwestService::new(reqwest::Client::new()));
    let gone = Client::with_config(gone).with_http_service(layer);
    let (error, trace) = refused(gone, "Hello?").await;
    let error = error.unwrap_err();
    let span = one(&trace);
    assert_eq!((span.status, span.cancelled), (Status::Error, false));
    let details = span.error.as_ref().map(|error| &*error.details);
    assert_eq!(details, Some(&*error.to_string()));
}

#[tokio::test]
async fn a_stream_that_breaks_off_says_how_and_keeps_what_was_said() {
    let server = Loopback::start().await;
    for (how, code) in [(Break::Error, Some("server_error")), (Break::Cut, None)] {
        server.break_next(3, how);
        let work = async {
            let client = observed(&server);
            let stream = client
                .chat()
                .create_stream(question("One two three?"))
                .await;
            read(stream.expect("it answers")).await
        };
        let ((text, error), trace) = capture_with_async(work).await;
        assert!(error.is_some(), "the client is told");
        let span = one(&trace);
        assert_eq!(said(&call(span)), text);
        assert!(!text.is_empty());
        let (status, cancelled, told, stream) = ended(span);
        assert_eq!((status, stream), (Status::Error, Some("error")));
        assert!(!cancelled);
        if code.is_some() {
            assert_eq!(told, code);
            assert!(call(span).provider_error.is_some());
        }
    }
}

/// A server that is told what to send, and when: the head of a request has come when it is there.
async fn accepted(listener: &TcpListener) -> TcpStream {
    let (mut peer, _) = listener.accept().await.expect("a client");
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !request.ends_with(b"}") {
        let read = peer.read(&mut piece).await.expect("a request");
        assert_ne!(read, 0, "a whole request");
        request.extend_from_slice(&piece[..read]);
    }
    peer
}

const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

fn event(text: &str, finish_reason: Option<&str>) -> String {
    let chunk = json!({"id": "c1", "object": "chat.completion.chunk", "created": 1,
        "model": "gpt-4o-mini", "choices": [
            {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}]});
    format!("data: {chunk}\n\n")
}

async fn listening() -> (TcpListener, Client<OpenAIConfig>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("a port that is bound");
    let config = config(&format!("http://{address}"));
    (
        listener,
        Client::with_config(config).with_http_service(service()),
    )
}

/// The server sends the second piece once the client has the first.
#[tokio::test]
async fn pieces_are_passed_on_as_they_come() {
    let (listener, client) = listening().await;
    let (has_first, first_is_there) = tokio::sync::oneshot::channel();
    let serving = async {
        let mut peer = accepted(&listener).await;
        let first = format!("{HEAD}{}", event("Hel", None));
        peer.write_all(first.as_bytes()).await.expect("a peer");
        first_is_there.await.expect("the client goes on");
        let rest = format!("{}data: [DONE]\n\n", event("lo", Some("stop")));
        peer.write_all(rest.as_bytes()).await.expect("a peer");
        peer
    };
    let trace = capture_async(async {
        let asking = async {
            let stream = client.chat().create_stream(question("Hello?")).await;
            let mut stream = stream.expect("it answers");
            let first = stream.next().await.expect("an item").expect("a chunk");
            assert_eq!(first.choices[0].delta.content.as_deref(), Some("Hel"));
            has_first.send(()).expect("a server");
            assert_eq!(read(stream).await, ("lo".into(), None));
        };
        // The server's end stays open: the answer is over at its last event.
        let ((), peer) = tokio::join!(asking, serving);
        drop(peer);
    });
    let trace = trace.await;
    let span = one(&trace);
    assert_eq!(said(&call(span)), "Hello");
    assert_eq!(ended(span), (Status::Ok, false, None, Some("end")));
}

#[tokio::test]
async fn a_stream_that_is_dropped_half_way_is_cancelled() {
    let (listener, client) = listening().await;
    let trace = capture_async(async {
        let asking = async {
            let stream = client.chat().create_stream(question("Hello?")).await;
            let first = stream.expect("it answers").next().await;
            assert!(first.is_some_and(|item| item.is_ok()));
        };
        let serving = async {
            let mut peer = accepted(&listener).await;
            let first = format!("{HEAD}{}", event("Hel", None));
            peer.write_all(first.as_bytes()).await.expect("a peer");
            // Until the client has hung up, which it does when nobody reads the stream.
            while peer.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
        };
        tokio::join!(asking, serving);
    });
    let trace = trace.await;
    let span = one(&trace);
    assert_eq!(said(&call(span)), "Hel");
    assert_eq!(ended(span), (Status::Unset, true, None, Some("dropped")));
}

/// Whoever gives up has asked nevertheless.
#[tokio::test]
async fn a_call_that_is_given_up_is_cancelled() {
    let (listener, client) = listening().await;
    let trace = capture_async(async {
        tokio::select! {
            answer = ask(&client, "Hello?") => panic!("nobody answers: {answer:?}"),
            _peer = accepted(&listener) => {}
        }
    });
    let trace = trace.await;
    let span = one(&trace);
    assert_eq!(call(span).messages.len(), 1);
    assert_eq!(call(span).attempts, Some(1));
    assert_eq!(ended(span), (Status::Unset, true, None, None));
}

#[tokio::test]
async fn embeddings_and_responses_are_calls_too() {
    let server = Loopback::start().await;
    let client = observed(&server);
    let request = CreateEmbeddingRequestArgs::default()
        .model("text-embedding-3-small")
        .input(["One", "two"])
        .build()
        .expect("a whole request");
    let work = async { client.embeddings().create(request).await };
    let (vectors, trace) = capture_with_async(work).await;
    let vectors = vectors.expect("it answers");
    let embedded = call(one(&trace));
    assert_eq!(embedded.operation.as_deref(), Some("embeddings"));
    let usage = Usage::new(vectors.usage.prompt_tokens.into(), 0);
    assert_eq!(embedded.usage, Some(usage));

    let request = CreateResponseArgs::default()
        .model("gpt-4.1-mini")
        .input("Hello?")
        .build()
        .expect("a whole request");
    let work = async { client.responses().create(request.clone()).await };
    let (answer, trace) = capture_with_async(work).await;
    let answer = answer.expect("it answers");
    let responded = call(one(&trace));
    assert_eq!(Some(said(&responded)), answer.output_text());
    assert!(responded.usage.is_some());

    let (said_at_once, trace) = capture_with_async(async {
        let stream = client.responses().create_stream(request).await;
        let mut items = stream.expect("it answers");
        let mut text = String::new();
        while let Some(item) = items.next().await {
            if let ResponseStreamEvent::ResponseOutputTextDelta(piece) = item.expect("an event") {
                text.push_str(&piece.delta);
            }
        }
        text
    })
    .await;
    let span = one(&trace);
    let streamed = call(span);
    assert_eq!(said(&streamed), said_at_once);
    assert!(streamed.streaming && streamed.usage.is_some());
    assert_eq!(ended(span), (Status::Ok, false, None, Some("end")));
}

#[tokio::test]
async fn azure_is_called_by_its_deployment() {
    let server = Loopback::start().await;
    let config = AzureConfig::new()
        .with_api_base(server.url())
        .with_api_version("2024-10-21")
        .with_deployment_id("mine")
        .with_api_key(KEY);
    let client = Client::with_config(config).with_http_service(service());
    let trace = capture_async(async {
        ask(&client, "Hello?").await.expect("it answers");
    });
    let trace = trace.await;
    let asked = server.requests().remove(0);
    assert_eq!(asked.path, "/openai/deployments/mine/chat/completions");
    assert_eq!(said(&call(one(&trace))), "You asked: Hello?");
    assert!(!format!("{trace:?}").contains(KEY));
}

#[tokio::test]
async fn what_calls_no_model_is_left_alone() {
    let server = Loopback::start().await;
    let client = observed(&server);
    let trace = capture_async(async {
        // The server has no list of them.
        assert!(client.models().list().await.is_err());
    });
    assert!(trace.await.spans.is_empty());
    assert_eq!(server.requests()[0].header("traceparent"), None);
}

#[agentops::llm]
async fn answer(
    client: &Client<OpenAIConfig>,
    prompt: &str,
) -> Result<CreateChatCompletionResponse, OpenAIError> {
    ask(client, prompt).await
}

#[agentops::agent]
async fn assistant(client: &Client<OpenAIConfig>) {
    answer(client, "Hello?").await.expect("it answers");
}

#[tokio::test]
async fn within_an_annotated_function_tokens_count_once() {
    let server = Loopback::start().await;
    let client = observed(&server);
    let trace = capture_async(assistant(&client)).await;
    let outline = trace.outline();
    let kinds: Vec<_> = trace.spans.iter().map(|span| span.kind).collect();
    assert_eq!(
        kinds,
        [SpanKind::Agent, SpanKind::Llm, SpanKind::Llm],
        "{outline}"
    );
    let [_, outer, inner] = &trace.spans[..] else {
        panic!("three spans, not\n{outline}");
    };
    assert_eq!(inner.parent_id, Some(outer.id));
    let usage = inner.llm.as_ref().and_then(|call| call.usage);
    let usage = usage.expect("it counts");
    let mut spans = trace.spans.clone();
    let sums = rollup::roll_up(&mut spans);
    assert_eq!(
        (sums.tokens.input, sums.tokens.output),
        (usage.input, usage.output)
    );
    assert_eq!(sums.counts.llm_calls, 1);
}

#[tokio::test]
async fn calls_at_once_are_kept_apart() {
    let server = Loopback::start().await;
    let client = observed(&server);
    let names: Vec<_> = (0..10).map(|number| format!("task {number}")).collect();
    let task = async |name: &String| {
        let client = client.clone();
        let work = async move {
            let stream = client.chat().create_stream(counted(name)).await;
            let (text, error) = read(stream.expect("it answers")).await;
            assert_eq!((text, error), (format!("You asked: {name}"), None));
        };
        agentops::span(name).instrument(work).await;
    };
    let trace = capture_async(join_all(names.iter().map(task)));
    let trace = trace.await;
    assert_eq!(trace.spans.len(), 20);
    for name in &names {
        let task = trace.span(name);
        let within: Vec<_> = trace
            .spans
            .iter()
            .filter(|span| span.parent_id == Some(task.id))
            .collect();
        let [span] = within[..] else {
            panic!("one call in each task, not\n{trace}");
        };
        assert_eq!(said(&call(span)), format!("You asked: {name}"));
    }
}

/// A stack of the program's own, with errors of another type.
#[tokio::test]
async fn it_stands_anywhere_in_a_stack() {
    let server = Loopback::start().await;
    server.fail_next(500, Some("0"), None);
    let transport = ReqwestService::new(reqwest::Client::new());
    let inside = tower::ServiceBuilder::new()
        .concurrency_limit(1)
        .layer(OpenAIRetryLayer::default())
        .layer(AgentopsLayer::new())
        .service(transport.clone());
    let client = Client::with_config(config(&server.url())).with_http_service(inside);
    let trace = capture_async(async {
        ask(&client, "Hello?").await.expect("it is tried again");
    });
    let trace = trace.await;
    let attempts: Vec<_> = trace
        .spans
        .iter()
        .map(|span| (span.status, call(span).attempts))
        .collect();
    assert_eq!(attempts, [(Status::Error, Some(1)), (Status::Ok, Some(1))]);

    // Nobody answers there.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("a port that is bound");
    let outside = tower::ServiceBuilder::new()
        .layer(AgentopsLayer::new())
        .timeout(std::time::Duration::from_millis(1))
        .service(transport);
    let client = Client::with_config(config(&format!("http://{address}")));
    let client = client.with_http_service(outside);
    let (error, trace) = capture_with_async(ask(&client, "Hello?")).await;
    assert!(matches!(error, Err(OpenAIError::Boxed(_))), "{error:?}");
    assert_eq!(one(&trace).status, Status::Error);
}

/// Runs in a process of its own, for others here record.
#[test]
fn nothing_is_touched_while_nothing_records() {
    const CHILD: &str = "LAYER_TEST_CHILD";
    if env::var_os(CHILD).is_none() {
        let this = env::current_exe().expect("a path");
        let output = Command::new(this)
            .args(["--exact", "nothing_is_touched_while_nothing_records"])
            .env(CHILD, "1")
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let server = Loopback::start().await;
        let layer = AgentopsLayer::new().include_usage(true);
        let layer = layer.layer(ReqwestService::new(reqwest::Client::new()));
        let observed = Client::with_config(config(&server.url())).with_http_service(layer);
        for client in [observed, plain(&server)] {
            let stream = client.chat().create_stream(question("Hello?")).await;
            let read = read(stream.expect("it answers")).await;
            assert_eq!(read, ("You asked: Hello?".into(), None));
            ask(&client, "Hello?").await.expect("it answers");
        }
        let requests = server.requests();
        let sent: Vec<_> = requests
            .iter()
            .map(|request| {
                (
                    &request.method,
                    &request.path,
                    &request.headers,
                    &request.body,
                )
            })
            .collect();
        assert_eq!(sent[..2], sent[2..]);
        assert_eq!(agentops::current_span().id(), None);
        assert!(!Exchange::enabled(), "nothing has started to record");
        let url = format!("{}/v1/chat/completions", server.url());
        let mut exchange = Exchange::begin("POST", &url, Some(b"{}"));
        assert_eq!((exchange.is_going(), exchange.traceparent()), (false, None));
        exchange.response(200, None, None);
        exchange.chunk(b"{}");
        exchange.finish();
    });
}
