//! HTTP exchanges with providers, as hooks in clients tell of them: whatever pieces a body comes in, it is one record.

use std::io;

use agentops::model::llm::{Completion, LlmCall, ProviderError, Usage};
use agentops::model::span::{Span, Status};
use agentops::testing::{Trace, capture};
use agentops::{Exchange, SpanKind};
use serde_json::{Value, json};

const URL: &str = "https://me:secret@api.openai.com/v1/chat/completions?key=secret";

fn request() -> Value {
    json!({"model": "gpt-4o-mini", "stream": true, "temperature": 0.2,
        "messages": [{"role": "user", "content": "Greet me."}]})
}

/// What a hook does before it has an answer.
fn begin() -> Exchange {
    let exchange = Exchange::begin("POST", URL, Some(request().to_string().as_bytes()));
    exchange.attempt();
    exchange
}

const CHUNKS: &str = concat!(
    r#"data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"},"finish_reason":null}]}"#,
    "\n\n",
    r#"data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":null}]}"#,
    "\n\n",
    r#"data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    "\n\n",
    r#"data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-4o-mini-2024-07-18","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":2,"total_tokens":13}}"#,
    "\n\n",
);

/// The record of a call that was answered with a greeting.
fn greeting() -> LlmCall {
    let answer = Completion::new().text("Hello").finish_reason("stop");
    asked()
        .model("gpt-4o-mini-2024-07-18")
        .response_id("c1")
        .completion(answer)
        .usage(Usage::new(11, 2))
}

fn asked() -> LlmCall {
    LlmCall::new()
        .provider("openai")
        .request_model("gpt-4o-mini")
        .operation("chat")
        .streaming(true)
        .prompt("user", "Greet me.")
        .parameter("temperature", 0.2)
        .attempts(1)
}

/// The only span, and its call without what a clock says.
#[track_caller]
fn one(trace: &Trace) -> (&Span, LlmCall) {
    let [span] = &trace.spans[..] else {
        panic!("one span, not\n{trace}");
    };
    assert_eq!(span.kind, SpanKind::Llm);
    assert!(!span.open, "it has ended");
    let mut call = span.llm.clone().expect("it is a model call");
    call.time_to_first_token = None;
    call.cost = None;
    (span, call)
}

/// How a span ended: status, whether cancelled, the error's code, and how its stream did.
fn ended(span: &Span) -> (Status, bool, Option<&str>, Option<&str>) {
    let error = span.error.as_ref().map(|error| &*error.code);
    let stream = span.attributes.get("stream.ended").and_then(Value::as_str);
    (span.status, span.cancelled, error, stream)
}

fn streamed(pieces: &[&[u8]], then: impl FnOnce(&mut Exchange)) -> Trace {
    capture(|| {
        let mut exchange = begin();
        exchange.response(200, Some("text/event-stream"), None);
        pieces.iter().for_each(|piece| exchange.chunk(piece));
        then(&mut exchange);
    })
}

#[test]
fn an_answer_in_one_piece_is_one_record() {
    let body = json!({"id": "c1", "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Hello"}}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 2, "total_tokens": 13}});
    let text = body.to_string();
    let mut request = request();
    request["stream"] = false.into();
    // Read to its end, or dropped by a client that knows how long it is.
    for finishes in [true, false] {
        let trace = capture(|| {
            let mut exchange = Exchange::begin("post", URL, Some(request.to_string().as_bytes()));
            exchange.attempt();
            exchange.response(200, Some("application/json"), None);
            text.as_bytes()
                .chunks(7)
                .for_each(|piece| exchange.chunk(piece));
            if finishes {
                exchange.finish();
            }
        });
        let (span, call) = one(&trace);
        assert_eq!(call, greeting().streaming(false));
        assert_eq!(ended(span), (Status::Ok, false, None, None));
        assert_eq!(span.input, Some(request.clone()));
        assert_eq!(span.output, Some(body.clone()));
        assert_eq!(
            Value::Object(span.attributes.clone()),
            json!({"server.address": "api.openai.com", "http.response.status_code": 200})
        );
        assert!(span.source.is_none(), "it stands nowhere in the program");
        assert_eq!(span.name, "model call");
        assert!(!format!("{trace:?}").contains("secret"));
    }
}

#[test]
fn a_stream_is_one_record_in_whatever_pieces_it_comes() {
    let whole = format!("{CHUNKS}data: [DONE]\n\n");
    let windows = whole.replace('\n', "\r\n");
    for text in [whole, windows] {
        for size in [1, 2, 3, 7, 64, 1000, usize::MAX] {
            let pieces: Vec<_> = text.as_bytes().chunks(size.min(text.len())).collect();
            let trace = streamed(&pieces, Exchange::finish);
            let (span, call) = one(&trace);
            assert_eq!(call, greeting(), "in pieces of {size}");
            assert_eq!(ended(span), (Status::Ok, false, None, Some("end")));
            let output = span.output.as_ref().and_then(Value::as_array);
            assert_eq!(output.map(Vec::len), Some(4));
            let first = span.llm.as_ref().and_then(|call| call.time_to_first_token);
            assert!(first.is_some());
        }
    }
}

#[test]
fn the_span_ends_with_the_event_that_ends_the_answer() {
    for then in [drop::<Exchange> as fn(Exchange), std::mem::forget] {
        let trace = capture(|| {
            let mut exchange = begin();
            exchange.response(200, Some("text/event-stream"), None);
            exchange.chunk(CHUNKS.as_bytes());
            assert!(exchange.is_going());
            exchange.chunk(b"data: [DONE]");
            assert!(!exchange.is_going());
            // What is said then is said to nobody.
            exchange.chunk(b"\n\ndata: {\"error\": {\"message\": \"no\"}}\n\n");
            exchange.fail(&io::Error::other("no"));
            then(exchange);
        });
        let (span, call) = one(&trace);
        assert_eq!(call, greeting());
        assert_eq!(ended(span), (Status::Ok, false, None, Some("end")));
    }
}

#[test]
fn a_stream_that_is_dropped_says_so_unless_all_was_said() {
    let half = CHUNKS.find("data: {").unwrap_or_default();
    let half = half + CHUNKS[half + 1..].find("data: {").unwrap_or_default() + 20;
    let trace = streamed(&[&CHUNKS.as_bytes()[..half]], |_| {});
    let (span, call) = one(&trace);
    let said = Completion::new().text("Hel");
    let expected = asked()
        .model("gpt-4o-mini-2024-07-18")
        .response_id("c1")
        .completion(said);
    assert_eq!(call, expected);
    assert_eq!(
        ended(span),
        (Status::Unset, true, None, Some("dropped")),
        "{trace}"
    );

    // All but the mark that nothing follows.
    let trace = streamed(&[CHUNKS.as_bytes()], |_| {});
    let (span, call) = one(&trace);
    assert_eq!(call, greeting());
    assert_eq!(ended(span), (Status::Ok, false, None, Some("end")));

    // Headers came, and nobody asked for the body.
    let trace = streamed(&[], |_| {});
    let (span, call) = one(&trace);
    assert_eq!((call, &span.output), (asked(), &None));
    assert_eq!(ended(span), (Status::Unset, true, None, Some("dropped")));

    // Nobody waited for an answer.
    let trace = capture(|| drop(begin()));
    let (span, call) = one(&trace);
    assert_eq!(call, asked());
    assert_eq!(ended(span), (Status::Unset, true, None, None));
}

#[test]
fn an_error_in_mid_stream_is_the_spans_and_leaves_what_was_said() {
    let said = CHUNKS.find("\n\n").unwrap_or_default() + 2;
    let said = &CHUNKS[..said];
    let partial = || {
        asked()
            .model("gpt-4o-mini-2024-07-18")
            .response_id("c1")
            .completion(Completion::new().text("Hel"))
    };
    for event in [
        "data: {\"error\": {\"message\": \"overloaded\", \"type\": \"server_error\"}}\n\n",
        // Not known for one before it is read.
        "data: {\"id\": \"c1\", \"error\": {\"message\": \"overloaded\", \"type\": \"server_error\"}}\n\n",
    ] {
        let trace = streamed(&[said.as_bytes(), event.as_bytes()], |_| {});
        let (span, call) = one(&trace);
        let mut expected = partial();
        expected.provider_error = Some(error("server_error", "overloaded"));
        assert_eq!(call, expected);
        let (status, _, code, stream) = ended(span);
        assert_eq!(
            (status, code, stream),
            (Status::Error, Some("server_error"), Some("error"))
        );
        assert_eq!(
            span.error.as_ref().map(|error| &*error.details),
            Some("overloaded")
        );
    }

    let trace = streamed(&[said.as_bytes()], |exchange| {
        exchange.fail(&io::Error::from(io::ErrorKind::ConnectionReset));
    });
    let (span, call) = one(&trace);
    assert_eq!(call, partial());
    assert_eq!(
        ended(span),
        (Status::Error, false, Some("ConnectionReset"), Some("error"))
    );
}

fn error(kind: &str, message: &str) -> ProviderError {
    let mut error = ProviderError::default();
    error.kind = Some(kind.into());
    error.message = message.into();
    error
}

#[test]
fn a_refusal_tells_what_the_provider_said() {
    let body = json!({"error": {"message": "Rate limit reached", "type": "requests",
        "code": "rate_limit_exceeded"}});
    let trace = capture(|| {
        let mut exchange = begin();
        exchange.attempt();
        exchange.attempts().count();
        exchange.response(429, Some("application/json"), Some("2"));
        exchange.chunk(body.to_string().as_bytes());
        exchange.finish();
    });
    let (span, call) = one(&trace);
    let mut expected = asked().attempts(3);
    let mut said = error("requests", "Rate limit reached");
    said.status = Some(429);
    said.code = Some("rate_limit_exceeded".into());
    said.retry_after = Some(2_000_000_000);
    expected.provider_error = Some(said);
    assert_eq!(call, expected);
    assert_eq!(
        ended(span),
        (Status::Error, false, Some("rate_limit_exceeded"), None)
    );

    // A gateway's page, and nothing at all.
    for (body, details) in [
        ("<h1>Bad gateway</h1>", "<h1>Bad gateway</h1>"),
        ("", "HTTP status 502"),
    ] {
        let trace = capture(|| {
            let mut exchange = begin();
            exchange.response(502, Some("text/html"), None);
            exchange.chunk(body.as_bytes());
            exchange.finish();
        });
        let (span, call) = one(&trace);
        assert_eq!(ended(span), (Status::Error, false, Some("502"), None));
        assert_eq!(
            span.error.as_ref().map(|error| &*error.details),
            Some(details)
        );
        assert_eq!(
            call.provider_error.and_then(|error| error.status),
            Some(502)
        );
    }
}

#[test]
fn a_request_that_is_sent_again_is_one_call() {
    let trace = capture(|| {
        let mut exchange = begin();
        exchange.response(503, Some("application/json"), Some("1"));
        exchange.chunk(b"{\"error\": {\"message\": \"later\", \"code\": \"busy\"}}");
        exchange.attempt();
        exchange.response(200, Some("text/event-stream"), None);
        exchange.chunk(CHUNKS.as_bytes());
        exchange.finish();
    });
    let (span, call) = one(&trace);
    assert_eq!(call, greeting().attempts(2));
    assert_eq!(ended(span), (Status::Ok, false, None, Some("end")));
}

#[test]
fn what_calls_no_model_costs_nothing_and_records_nothing() {
    let trace = capture(|| {
        for (method, url, body) in [
            ("GET", "https://api.openai.com/v1/models", None),
            ("GET", URL, None),
            ("POST", "https://api.openai.com/v1/files", Some("{}")),
            (
                "POST",
                "https://example.org/search",
                Some("{\"q\": \"messages\"}"),
            ),
            ("POST", "no address", Some("{}")),
            (
                "POST",
                "https://discord.com/api/v10/channels/1/messages",
                Some("{\"content\": \"to people\"}"),
            ),
            (
                "POST",
                "https://example.org/oauth/complete",
                Some("client_secret=hunter2&code=x"),
            ),
            ("POST", "https://example.org/v1/messages", None),
        ] {
            let mut exchange = Exchange::begin(method, url, body.map(str::as_bytes));
            assert!(!exchange.is_going());
            assert_eq!(exchange.traceparent(), None);
            exchange.attempt();
            exchange.response(200, None, None);
            exchange.chunk(b"{}");
            exchange.finish();
        }
    });
    assert!(trace.spans.is_empty(), "{trace}");
    // A gateway of one's own.
    let trace = capture(|| {
        let body = request().to_string();
        Exchange::begin("POST", "http://llm.internal/ask", Some(body.as_bytes())).finish();
    });
    assert_eq!(one(&trace).1.messages.len(), 1);
    // One that speaks as Anthropic does, and names the model in the midst.
    let trace = capture(|| {
        let system = "Be brief. ".repeat(1000);
        let body = json!({"messages": [{"role": "user", "content": &system}],
            "model": "claude-haiku-4-5", "system": system});
        let url = "http://llm.internal/v1/messages";
        Exchange::begin("POST", url, Some(body.to_string().as_bytes())).finish();
    });
    assert_eq!(
        one(&trace).1.request_model.as_deref(),
        Some("claude-haiku-4-5")
    );
}

#[test]
fn it_is_within_what_called_it_and_others_are_within_it() {
    let mut sent = None;
    let trace = capture(|| {
        let _tool = agentops::span("look").kind(SpanKind::Tool).start();
        let mut exchange = begin();
        sent = exchange.traceparent();
        let mut work = std::pin::pin!(exchange.run(async { agentops::current_span().id() }));
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        let inside = work.as_mut().poll(&mut task);
        assert_eq!(inside, std::task::Poll::Ready(exchange.context().span_id()));
        exchange.finish();
        assert_ne!(agentops::current_span().id(), None);
    });
    let (tool, call) = (trace.span("look"), trace.span("model call"));
    assert_eq!(call.parent_id, Some(tool.id));
    let expected = format!("00-{}-{}-01", call.trace_id, call.id);
    assert_eq!(sent, Some(expected));
}

#[test]
fn it_ends_on_whichever_thread_it_is() {
    fn is<T: Send + Sync>(_: &T) {}
    let trace = capture(|| {
        let mut exchange = begin();
        is(&exchange);
        let reader = std::thread::spawn(move || {
            exchange.response(200, Some("text/event-stream"), None);
            exchange.chunk(CHUNKS.as_bytes());
            exchange.finish();
        });
        reader.join().expect("it reads");
    });
    assert_eq!(one(&trace).1, greeting());
}

/// Of what is too long to be kept the end is, for what was used stands there.
#[test]
fn a_long_answer_keeps_what_was_used() {
    let vector = vec![0.015_625; 1536];
    let list: Vec<_> = (0..200)
        .map(|index| json!({"object": "embedding", "index": index, "embedding": vector}))
        .collect();
    let body = json!({"object": "list", "data": list, "model": "text-embedding-3-small",
        "usage": {"prompt_tokens": 800, "total_tokens": 800}});
    // As OpenAI orders it.
    let body = body.to_string();
    assert!(body.len() > 2 << 20);
    let trace = capture(|| {
        let url = "https://api.openai.com/v1/embeddings";
        let request = br#"{"model": "text-embedding-3-small", "input": ["a"]}"#;
        let mut exchange = Exchange::begin("POST", url, Some(request));
        exchange.response(200, Some("application/json"), None);
        body.as_bytes()
            .chunks(16 * 1024)
            .for_each(|piece| exchange.chunk(piece));
        exchange.finish();
    });
    let (span, call) = one(&trace);
    assert_eq!(call.usage, Some(Usage::new(800, 0)));
    assert_eq!(call.operation.as_deref(), Some("embeddings"));
    let truncated = &span.output.as_ref().expect("some of it is kept")["$truncated"];
    assert_eq!(truncated["bytes"], body.len());

    let filler = CHUNKS.split_inclusive("\n\n").nth(1).unwrap_or_default();
    let pieces: Vec<&[u8]> =
        std::iter::once(CHUNKS.split_inclusive("\n\n").next().unwrap_or_default())
            .chain(std::iter::repeat_n(filler, 20_000))
            .chain(CHUNKS.split_inclusive("\n\n").skip(2))
            .map(str::as_bytes)
            .collect();
    let trace = streamed(&pieces, Exchange::finish);
    let (_, call) = one(&trace);
    assert_eq!(call.usage, Some(Usage::new(11, 2)));
    let reason = call.completions[0].finish_reason.as_deref();
    assert_eq!(reason, Some("stop"));
}

#[test]
fn providers_and_models_are_told_by_addresses_where_bodies_do_not() {
    let trace = capture(|| {
        let url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key=secret";
        let body = br#"{"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}"#;
        let mut exchange = Exchange::begin("POST", url, Some(body));
        exchange.response(200, Some("text/event-stream"), None);
        exchange.chunk(b"data: {\"candidates\": [{\"content\": {\"role\": \"model\", \"parts\": [{\"text\": \"Hello\"}]}, \"finishReason\": \"STOP\"}], \"usageMetadata\": {\"promptTokenCount\": 1, \"candidatesTokenCount\": 2, \"totalTokenCount\": 3}}\r\n\r\n");
        exchange.finish();
    });
    let (_, call) = one(&trace);
    assert_eq!(
        (call.provider.as_deref(), call.request_model.as_deref()),
        (Some("gcp.gemini"), Some("gemini-2.5-flash"))
    );
    assert_eq!(call.usage, Some(Usage::new(1, 2)));
    assert!(!format!("{trace:?}").contains("secret"));

    let trace = capture(|| {
        let url = "https://api.groq.com/openai/v1/chat/completions";
        let body = br#"{"model": "llama-3.3-70b-versatile", "messages": [{"role": "user", "content": "Hi"}]}"#;
        Exchange::begin("POST", url, Some(body)).fail_with("no route");
    });
    let (span, call) = one(&trace);
    assert_eq!(call.provider.as_deref(), Some("groq"));
    assert_eq!(
        span.error.as_ref().map(|error| &*error.details),
        Some("no route")
    );
}

/// Providers say which key was wrong, and clients write an address in ways of their own.
#[test]
fn errors_do_not_tell_what_stood_in_the_query() {
    let url =
        "https://gateway.example/v1/chat/completions?api-version=2024-10-21&key=it's%2Dodd%2bkey";
    let sent = || Exchange::begin("POST", url, Some(request().to_string().as_bytes()));
    let refusal = json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": [{"metadata": "it's%2Dodd%2bkey"}],
        "message": "key it's-odd+key is not valid at https://gateway.example/v1?key=it%27s-odd%2Bkey, says 2024-10-21"}});
    for (content_type, text) in [
        ("application/json", refusal.to_string()),
        ("text/event-stream", format!("data: {refusal}\n\n")),
        ("text/html", "it's-odd+key?".to_owned()),
    ] {
        let trace = capture(|| {
            let mut exchange = sent();
            exchange.response(400, Some(content_type), None);
            exchange.chunk(text.as_bytes());
            exchange.finish();
        });
        let (span, call) = one(&trace);
        assert!(call.provider_error.is_some(), "{trace}");
        assert_eq!(span.status, Status::Error);
        assert!(!format!("{trace:?}").contains("odd"), "{trace:?}");
        if content_type == "application/json" {
            let details = span.error.as_ref().map(|error| &*error.details);
            let expected = "key … is not valid at https://gateway.example/v1…, says 2024-10-21";
            assert_eq!(details, Some(expected));
        }
    }
    for reason in [
        "no answer from https://gateway.example/v1?key=it%27s-odd%2Bkey",
        "no answer (https://me:odd@gateway.example/?key=(it%27s-odd)): closed",
        "no answer from /v1?key=it's-odd+key",
    ] {
        let trace = capture(|| sent().fail_with(reason));
        let details = &one(&trace).0.error.as_ref().unwrap().details;
        assert!(details.starts_with("no answer"), "{details}");
        assert!(!format!("{trace:?}").contains("odd"), "{trace:?}");
    }
    // An answer is left as it is.
    let trace = capture(|| {
        let mut exchange = sent();
        exchange.response(200, Some("application/json"), None);
        exchange.chunk(br#"{"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "https://a.example/?q=odd"}}]}"#);
        exchange.finish();
    });
    let answer = &one(&trace).1.completions[0].content;
    assert!(format!("{answer:?}").contains("?q=odd"), "{answer:?}");
}

/// Ollama answers in lines.
#[test]
fn a_refusal_in_plain_words_is_no_stream() {
    let trace = capture(|| {
        let mut exchange = begin();
        exchange.response(520, Some("text/plain"), None);
        exchange.chunk(b"error code: 520");
        exchange.finish();
    });
    let error = one(&trace).0.error.as_ref().expect("it was refused");
    assert_eq!(error.details, "error code: 520");
}

#[test]
fn binary_events_are_a_stream() {
    let fixture = include_str!("../../agentops-core/fixtures/bedrock/event_stream.json");
    let fixture: Value = serde_json::from_str(fixture).expect("it is JSON");
    let hex: String = fixture["hex"]
        .as_array()
        .expect("its frames")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let digits = (0..hex.len()).step_by(2);
    let bytes: Vec<u8> = digits
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("it is hex"))
        .collect();
    let url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse-stream";
    for size in [1, 7, bytes.len()] {
        let trace = capture(|| {
            let mut exchange = Exchange::begin("POST", url, Some(b"{}"));
            exchange.response(200, Some("application/vnd.amazon.eventstream"), None);
            bytes.chunks(size).for_each(|piece| exchange.chunk(piece));
            exchange.finish();
        });
        let (span, call) = one(&trace);
        assert!(call.streaming && call.usage.is_some(), "{call:?}");
        assert_eq!(ended(span), (Status::Ok, false, None, Some("end")));
    }
}

#[test]
fn lines_of_json_are_a_stream() {
    let lines = concat!(
        "{\"model\":\"llama3.2\",\"message\":{\"role\":\"assistant\",\"content\":\"Hel\"},\"done\":false}\n",
        "{\"model\":\"llama3.2\",\"message\":{\"role\":\"assistant\",\"content\":\"lo\"},\"done\":false}\n",
        "{\"model\":\"llama3.2\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":4,\"eval_count\":2}\n",
    );
    for size in [1, 5, 100, usize::MAX] {
        let trace = capture(|| {
            let url = "http://127.0.0.1:11434/api/chat";
            let body = br#"{"model": "llama3.2", "messages": [{"role": "user", "content": "Hi"}]}"#;
            let mut exchange = Exchange::begin("POST", url, Some(body));
            exchange.response(200, Some("application/x-ndjson"), None);
            lines
                .as_bytes()
                .chunks(size.min(lines.len()))
                .for_each(|piece| exchange.chunk(piece));
            assert!(!exchange.is_going(), "`done` is done");
        });
        let (span, call) = one(&trace);
        assert_eq!(
            call.completions,
            [Completion::new().text("Hello").finish_reason("stop")]
        );
        assert_eq!(
            (call.usage, call.provider.as_deref()),
            (Some(Usage::new(4, 2)), Some("ollama"))
        );
        assert_eq!(ended(span), (Status::Ok, false, None, Some("end")));
        assert_eq!(span.attributes["server.port"], 11434);
    }
}

/// As a client writes its errors, address and all.
#[derive(Debug)]
struct Unreachable(std::io::Error);

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no answer from https://me:word@h/v1/completions?key=abc#d")
    }
}

impl std::error::Error for Unreachable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn an_attempt_that_failed_is_the_calls_end_only_where_none_follows() {
    let url = "https://me:word@h/v1/completions?key=abc#d";
    let fail = |exchange: &mut Exchange| {
        let reset = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "at ?key=abc#d");
        exchange.fail_attempt(&Unreachable(reset));
        assert!(exchange.is_going());
    };
    let trace = capture(|| {
        Exchange::begin("POST", url, None).fail_with(format!("no answer from {url}"));
    });
    let error = one(&trace).0.error.as_ref().expect("it failed");
    assert_eq!(error.details, "no answer from https://…h/v1/completions…");

    let trace = capture(|| fail(&mut Exchange::begin("POST", url, None)));
    let span = one(&trace).0;
    assert_eq!((span.status, span.cancelled), (Status::Error, false));
    let error = span.error.as_ref().expect("it failed");
    assert_eq!(error.code, "ConnectionReset");
    assert_eq!(error.details, "no answer from https://…h/v1/completions…");
    assert_eq!(error.chain, ["at …"]);

    let trace = capture(|| {
        let mut exchange = Exchange::begin("POST", url, None);
        fail(&mut exchange);
        exchange.response(200, None, None);
        exchange.chunk(b"{}");
        exchange.finish();
    });
    let span = one(&trace).0;
    assert_eq!((span.status, &span.error), (Status::Ok, &None));
}
