//! Connections and requests: what arrived is noted, what the script says is done, and the protocol answers the rest.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::body::Pieces;
use crate::protocol::{Answer, Protocol, Refusal};
use crate::{Break, Request, Script, Shared};

/// Serves until it is dropped, and every connection with it.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // Pieces are small, and none waits for the one before it to be acknowledged.
        drop(stream.set_nodelay(true));
        let shared = shared.clone();
        let service = service_fn(move |request| {
            let shared = shared.clone();
            async move { Ok::<_, Infallible>(serve(&shared, request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        // One that fails has a client that sees it.
        connections.spawn(async { drop(connection.await) });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(shared: &Shared, request: hyper::Request<Incoming>) -> Response<Pieces> {
    let (head, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return with(StatusCode::BAD_REQUEST, JSON, Pieces::whole(String::new())),
    };
    let parsed = serde_json::from_slice::<Value>(&body);
    let path = head.uri.path().to_owned();
    let script = shared.arrived(Request {
        method: head.method.to_string(),
        path: path.clone(),
        query: head.uri.query().map(Into::into),
        headers: head.headers.clone(),
        body: parsed.as_ref().cloned().unwrap_or_default(),
    });
    let Some(protocol) = Protocol::of(&path) else {
        let error = json!({"error": {"message": format!("nothing is at {path}")}});
        return whole(StatusCode::NOT_FOUND, &error);
    };
    if let Script::Fail {
        status,
        retry_after,
        body,
    } = script
    {
        return failed(protocol, status, retry_after, body);
    }
    let query = head.uri.query().unwrap_or_default();
    let answer = match parsed {
        _ if head.method != Method::POST => Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("{} is not allowed here", head.method),
        )),
        _ if protocol.needs_key() && !shared.takes(key(&head.headers, query)) => Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "Incorrect API key provided.",
        )),
        Err(error) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            format!("We could not parse the JSON body of your request: {error}"),
        )),
        Ok(body) => protocol.answer(&path, &body),
    };
    match answer {
        Ok(answer) => sent(protocol, answer, &script),
        Err(refusal) => {
            let error = protocol.error(refusal.status, &refusal.message);
            whole(refusal.status, &error)
        }
    }
}

/// The key, in the place where the client puts it.
fn key<'a>(headers: &'a HeaderMap, query: &'a str) -> &'a str {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text(AUTHORIZATION.as_str())
        .map(|value| value.strip_prefix("Bearer ").unwrap_or(value))
        .or_else(|| text("x-api-key"))
        .or_else(|| text("x-goog-api-key"))
        .or_else(|| text("api-key"))
        .or_else(|| query.split('&').find_map(|pair| pair.strip_prefix("key=")))
        .unwrap_or_default()
}

const JSON: &str = "application/json";

fn with(status: StatusCode, content_type: &'static str, body: Pieces) -> Response<Pieces> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type.parse().expect("a type of ours"));
    headers.insert("x-request-id", "req_loopback".parse().expect("letters"));
    response
}

fn whole(status: StatusCode, value: &Value) -> Response<Pieces> {
    with(status, JSON, Pieces::whole(value.to_string()))
}

fn failed(
    protocol: Protocol,
    status: u16,
    retry_after: Option<String>,
    body: Option<String>,
) -> Response<Pieces> {
    let status = StatusCode::from_u16(status).expect("a status that HTTP has");
    let body = body.unwrap_or_else(|| {
        let reason = status.canonical_reason().unwrap_or("failed");
        protocol.error(status, reason).to_string()
    });
    let mut response = with(status, JSON, Pieces::whole(body));
    if let Some(after) = retry_after {
        let after = after.parse().expect("a value that a header can have");
        response.headers_mut().insert(RETRY_AFTER, after);
    }
    response
}

fn sent(protocol: Protocol, answer: Answer, script: &Script) -> Response<Pieces> {
    match answer {
        Answer::Json(value) => {
            let mut text = value.to_string();
            let body = match script {
                Script::Break {
                    how: Break::Cut, ..
                } => {
                    let half = text.floor_char_boundary(text.len() / 2);
                    text.truncate(half);
                    Pieces::whole(text).then_cut()
                }
                _ => Pieces::whole(text),
            };
            with(StatusCode::OK, JSON, body)
        }
        Answer::Events(events) => with(
            StatusCode::OK,
            "text/event-stream",
            streamed(protocol, events, script),
        ),
        Answer::Lines(lines) => with(
            StatusCode::OK,
            "application/x-ndjson",
            streamed(protocol, lines, script),
        ),
    }
}

fn streamed(protocol: Protocol, mut pieces: Vec<String>, script: &Script) -> Pieces {
    let Script::Break { after, how } = script else {
        return Pieces::stream(pieces);
    };
    pieces.truncate(*after);
    match how {
        Break::Error => {
            pieces.push(protocol.error_event());
            Pieces::stream(pieces)
        }
        Break::Cut => Pieces::stream(pieces).then_cut(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{KEY, Loopback};

    use super::*;

    fn chat(stream: bool) -> Value {
        json!({
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": "One two three?"}],
            "stream": stream,
            "stream_options": {"include_usage": true},
        })
    }

    async fn ask(server: &Loopback, key: &str, body: &Value) -> reqwest::Response {
        // Another test may have chosen the same one.
        drop(rustls::crypto::ring::default_provider().install_default());
        let url = format!("{}/v1/chat/completions", server.url());
        let request = reqwest::Client::new().post(url).bearer_auth(key).json(body);
        request.send().await.expect("it is there")
    }

    #[tokio::test]
    async fn a_script_is_followed_in_order() {
        let server = Loopback::start().await;
        server.fail_next(429, Some("2"), None);
        server.fail_next(500, None, Some("<html>"));
        let answer = ask(&server, KEY, &chat(false)).await;
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["retry-after"], "2");
        let error: Value = answer.json().await.expect("an error of the provider");
        assert_eq!(error["error"]["code"], "rate_limit_exceeded");
        let answer = ask(&server, KEY, &chat(false)).await;
        assert_eq!(answer.status(), 500);
        assert_eq!(answer.text().await.expect("a body"), "<html>");
        let answer = ask(&server, KEY, &chat(false)).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(server.requests().len(), 3);
        assert_eq!(
            server.requests()[2].header("authorization"),
            Some(&*format!("Bearer {KEY}"))
        );
    }

    #[tokio::test]
    async fn a_wrong_key_and_a_malformed_request_are_refused() {
        let server = Loopback::start().await;
        assert_eq!(ask(&server, "sk-other", &chat(false)).await.status(), 401);
        server.accept_key("sk-other");
        assert_eq!(ask(&server, "sk-other", &chat(false)).await.status(), 200);
        let nothing = json!({"model": "gpt-4o-mini", "messages": [{"role": "nobody"}]});
        let answer = ask(&server, KEY, &nothing).await;
        assert_eq!(answer.status(), 400);
        let error: Value = answer.json().await.expect("an error of the provider");
        assert_eq!(error["error"]["type"], "invalid_request_error");
    }

    #[tokio::test]
    async fn a_stream_ends_as_it_is_told_to() {
        let server = Loopback::start().await;
        let text = ask(&server, KEY, &chat(true)).await.text().await;
        let text = text.expect("a whole stream");
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        assert!(text.contains(r#""total_tokens":"#), "{text}");
        server.break_next(2, Break::Error);
        let text = ask(&server, KEY, &chat(true)).await.text().await;
        let text = text.expect("a stream with an error");
        assert_eq!(text.matches("data: ").count(), 3, "{text}");
        assert!(text.contains("server_error"), "{text}");
        server.break_next(2, Break::Cut);
        let cut = ask(&server, KEY, &chat(true)).await.text().await;
        assert!(cut.is_err(), "{cut:?}");
        server.break_next(0, Break::Cut);
        let cut = ask(&server, KEY, &chat(false)).await.text().await;
        assert!(cut.is_err(), "{cut:?}");
    }

    /// A question, its refusal and its stream, in each protocol.
    #[tokio::test]
    async fn every_protocol_answers_refuses_and_breaks_off() {
        let user = json!([{"role": "user", "content": "Hi?"}]);
        let gemini = json!({"contents": [{"role": "user", "parts": [{"text": "Hi?"}]}]});
        let chat = json!({"model": "m", "messages": user, "stream": true});
        let messages = json!({"model": "m", "messages": user, "max_tokens": 9, "stream": true});
        let generate = "/v1beta/models/m:streamGenerateContent?alt=sse";
        let cases = [
            (
                "/v1/chat/completions",
                &chat,
                "/error/message",
                r#""content":"Hi?""#,
            ),
            (
                "/v1/responses",
                &json!({"model": "m", "input": "Hi?", "stream": true}),
                "/error/message",
                "response.completed",
            ),
            ("/v1/messages", &messages, "/error/message", "message_stop"),
            (
                generate,
                &gemini,
                "/error/status",
                r#""finishReason":"STOP""#,
            ),
            (
                "/api/chat",
                &json!({"model": "m", "messages": user}),
                "/error",
                r#""done":true"#,
            ),
            (
                "/api/generate",
                &json!({"model": "m", "prompt": "Hi?"}),
                "/error",
                r#""done":true"#,
            ),
            ("/v2/chat", &chat, "/message", "message-end"),
        ];
        let server = Loopback::start().await;
        let client = reqwest::Client::new();
        for (path, body, wrong, last) in cases {
            let send = |body: Value| {
                let url = format!("{}{path}", server.url());
                client.post(url).bearer_auth(KEY).json(&body).send()
            };
            let text = send(body.clone()).await.expect("an answer").text().await;
            let text = text.expect("a whole stream");
            assert!(
                text.contains("Hi?") && text.contains(last),
                "{path}: {text}"
            );
            let answer = send(json!({"model": 7})).await.expect("an answer");
            assert_eq!(answer.status(), 400, "{path}");
            let error: Value = answer.json().await.expect("JSON");
            assert!(
                error.pointer(wrong).is_some_and(Value::is_string),
                "{path}: {error}"
            );
            server.break_next(1, Break::Error);
            let text = send(body.clone()).await.expect("an answer").text().await;
            let text = text.expect("a stream with an error");
            assert!(!text.contains(last) || path == "/v2/chat", "{path}: {text}");
            assert!(text.to_lowercase().contains("error"), "{path}: {text}");
        }
    }
}
