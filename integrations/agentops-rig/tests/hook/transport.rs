//! A transport under the recorded client, which sees what is sent and says what each test has it say.

use std::sync::{Arc, Mutex};

use agentops::model::span::{SpanKind, Status};
use agentops_rig::recorded;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, Request, Response, StatusCode};
use rig_http::http_client::{
    BoxedStream, Error, HttpClientExt, LazyBody, MultipartForm, Result, StreamingResponse,
};
use rig_http::wasm_compat::WasmCompatSend;
use serde_json::json;
use tokio::sync::mpsc;

use super::{KEY, record, run};

const CHAT: &str = "http://h/v1/chat/completions";
const QUESTION: &str = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Where?"}]}"#;
const ANSWER: &str = r#"{"model":"gpt-4o-mini","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Here."}}]}"#;

/// What was sent: address, headers, and the body as far as it has one.
type Sent = (String, HeaderMap, String);

/// Keeps what is sent, and answers with the pieces that are given to it.
#[derive(Clone)]
struct Scripted {
    sent: Arc<Mutex<Vec<Sent>>>,
    status: StatusCode,
    pieces: Arc<Mutex<mpsc::UnboundedReceiver<Result<Bytes>>>>,
}

impl Scripted {
    fn new(status: StatusCode) -> (Self, mpsc::UnboundedSender<Result<Bytes>>) {
        let (say, pieces) = mpsc::unbounded_channel();
        let this = Self {
            sent: Arc::default(),
            status,
            pieces: Arc::new(Mutex::new(pieces)),
        };
        (this, say)
    }

    fn keep<T>(&self, request: &Request<T>, body: impl Into<String>) {
        let sent = (
            request.uri().to_string(),
            request.headers().clone(),
            body.into(),
        );
        self.sent.lock().expect("nobody panicked").push(sent);
    }

    fn answer<B>(&self, body: B) -> Response<B> {
        let response = Response::builder().status(self.status);
        let response = response.header("content-type", "text/event-stream");
        response.body(body).expect("it is valid")
    }

    fn pieces(&self) -> BoxedStream {
        let pieces = self.pieces.clone();
        Box::pin(stream::poll_fn(move |task| {
            pieces.lock().expect("nobody panicked").poll_recv(task)
        }))
    }

    fn whole<U: From<Bytes> + 'static>(&self) -> LazyBody<U> {
        let mut pieces = self.pieces();
        Box::pin(async move {
            let whole = pieces.next().await.unwrap_or(Err(Error::StreamEnded))?;
            Ok(U::from(whole))
        })
    }
}

impl HttpClientExt for Scripted {
    fn send<T, U>(
        &self,
        request: Request<T>,
    ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + WasmCompatSend + 'static
    where
        T: Into<Bytes> + WasmCompatSend,
        U: From<Bytes> + WasmCompatSend + 'static,
    {
        let request = request.map(Into::into);
        self.keep(&request, String::from_utf8_lossy(request.body()));
        let answer = self.answer(self.whole());
        async { Ok(answer) }
    }

    fn send_multipart<U>(
        &self,
        request: Request<MultipartForm>,
    ) -> impl Future<Output = Result<Response<LazyBody<U>>>> + WasmCompatSend + 'static
    where
        U: From<Bytes> + WasmCompatSend + 'static,
    {
        self.keep(&request, format!("{:?}", request.body()));
        let answer = self.answer(self.whole());
        async { Ok(answer) }
    }

    async fn send_streaming<T>(&self, request: Request<T>) -> Result<StreamingResponse>
    where
        T: Into<Bytes> + WasmCompatSend,
    {
        let request = request.map(Into::into);
        self.keep(&request, String::from_utf8_lossy(request.body()));
        Ok(self.answer(self.pieces()))
    }
}

fn request<T>(url: &str, body: T) -> Request<T> {
    let request = Request::post(url).header("x-api-key", KEY);
    request.body(body).expect("it is valid")
}

/// The same request to the client alone and to the recorded one, in one piece: what arrived, and what was got.
async fn both(url: &str, body: &'static str, answer: &'static str) -> [(Sent, String); 2] {
    async fn ask(
        http: impl HttpClientExt,
        inner: &Scripted,
        url: &str,
        body: &'static str,
    ) -> (Sent, String) {
        let answer = http
            .send::<_, Bytes>(request(url, body))
            .await
            .expect("it answers");
        let got = answer.into_body().await.expect("a body");
        let sent = inner.sent.lock().expect("nobody panicked").remove(0);
        (sent, String::from_utf8_lossy(&got).into_owned())
    }
    let (http, say) = Scripted::new(StatusCode::OK);
    for _ in 0..2 {
        say.send(Ok(answer.into())).expect("it listens");
    }
    let alone = ask(http.clone(), &http, url, body).await;
    [alone, ask(recorded(http.clone()), &http, url, body).await]
}

#[test]
fn a_call_is_the_same_but_for_the_trace_that_it_belongs_to() {
    let ([alone, mut with], trace) = record(both(CHAT, QUESTION, ANSWER));
    let span = trace.span("model call");
    let parent = with.0.1.remove("traceparent").expect("it was sent along");
    assert_eq!(parent, format!("00-{}-{}-01", span.trace_id, span.id));
    assert_eq!(alone, with);
    assert_eq!((span.kind, span.status), (SpanKind::Llm, Status::Ok));
}

#[test]
fn what_is_no_model_call_is_left_alone() {
    let (_, trace) = record(async {
        let [alone, with] = both("http://h/v1/search", r#"{"query":"model"}"#, "[]").await;
        assert_eq!(alone, with);
        let (http, say) = Scripted::new(StatusCode::OK);
        say.send(Ok("{}".into())).expect("it listens");
        let form = MultipartForm::new()
            .text("purpose", "batch")
            .text("model", "gpt-4o");
        let request = request("http://h/v1/files", form.clone());
        let answer = recorded(http.clone())
            .send_multipart::<Bytes>(request)
            .await;
        let got = answer
            .expect("it answers")
            .into_body()
            .await
            .expect("a body");
        assert_eq!(got, "{}");
        let sent = http.sent.lock().expect("nobody panicked").remove(0);
        assert_eq!(sent.2, format!("{form:?}"));
        assert_eq!(sent.1.get("traceparent"), None);
    });
    assert_eq!(trace.outline(), "");
}

/// What is spoken is a call of a model, of which the request says nothing that can be read.
#[test]
fn a_form_to_a_model_passes_as_it_is() {
    let form = || {
        MultipartForm::new()
            .text("model", "whisper-1")
            .text("language", "en")
    };
    let (sent, trace) = record(async {
        let (http, say) = Scripted::new(StatusCode::OK);
        say.send(Ok(r#"{"text":"Hello"}"#.into()))
            .expect("it listens");
        let request = request("http://h/v1/audio/transcriptions", form());
        let answer = recorded(http.clone())
            .send_multipart::<Bytes>(request)
            .await;
        let got = answer
            .expect("it answers")
            .into_body()
            .await
            .expect("a body");
        assert_eq!(got, r#"{"text":"Hello"}"#);
        http.sent.lock().expect("nobody panicked").remove(0)
    });
    assert_eq!(sent.2, format!("{:?}", form()));
    assert_eq!(trace.span("model call").status, Status::Ok);
}

/// Each piece is said only when the one before it was got.
#[test]
fn a_stream_is_passed_on_as_it_comes() {
    let pieces = ["data: {\"choi", "ces\":[]}\n\n", "data: [DONE]\n\n"];
    let ((), trace) = record(async {
        let (http, say) = Scripted::new(StatusCode::OK);
        let answer = recorded(http).send_streaming(request(CHAT, QUESTION)).await;
        let mut body = answer.expect("it answers").into_body();
        for piece in pieces {
            say.send(Ok(piece.into())).expect("it listens");
            let got = body.next().await.expect("a piece").expect("whole");
            assert_eq!(got, piece);
        }
        drop(say);
        assert!(body.next().await.is_none());
    });
    let span = trace.span("model call");
    assert_eq!(span.attributes["stream.ended"], "end");
    assert!(
        span.llm
            .as_ref()
            .is_some_and(|call| call.time_to_first_token.is_some())
    );
}

#[test]
fn a_stream_that_is_dropped_ends_its_call() {
    let ((), trace) = record(async {
        let (http, say) = Scripted::new(StatusCode::OK);
        let event = "data: {\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"He\"}}]}\n\n";
        say.send(Ok(event.into())).expect("it listens");
        let answer = recorded(http).send_streaming(request(CHAT, QUESTION)).await;
        let mut body = answer.expect("it answers").into_body();
        body.next().await.expect("an event").expect("whole");
    });
    let span = trace.span("model call");
    assert_eq!((span.status, span.cancelled), (Status::Unset, true));
    assert_eq!(span.attributes["stream.ended"], "dropped");
    let said = &super::call(span)["completions"][0]["content"];
    assert_eq!(*said, json!([{"type": "text", "text": "He"}]));
}

/// A transport may pass on what was refused, in place of an error.
#[test]
fn an_answer_that_was_refused_is_passed_on() {
    let refusal = r#"{"error":{"message":"Slow down.","type":"requests","code":"busy"}}"#;
    let ((), trace) = record(async {
        let (http, say) = Scripted::new(StatusCode::TOO_MANY_REQUESTS);
        say.send(Ok(refusal.into())).expect("it listens");
        let answer = recorded(http)
            .send::<_, Bytes>(request(CHAT, QUESTION))
            .await;
        let answer = answer.expect("it answers");
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.into_body().await.expect("a body"), refusal);
    });
    let error = trace.span("model call").error.as_ref().expect("it failed");
    assert_eq!((&*error.code, &*error.details), ("busy", "Slow down."));
}

/// In a process of its own, for tests of this one may record at the same time.
#[test]
fn nothing_happens_while_nothing_records() {
    let program = std::env::current_exe().expect("it runs");
    let output = std::process::Command::new(program)
        .args(["--exact", "transport::without_recording", "--ignored"])
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
    let [alone, with] = run(both(CHAT, QUESTION, ANSWER));
    assert_eq!(alone, with);
    assert_eq!(with.0.1.get("traceparent"), None);
}
