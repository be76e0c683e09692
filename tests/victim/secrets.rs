//! A program that has secrets everywhere, and does not keep them to itself: `secrets all`, `secrets many`.
#![expect(
    clippy::print_stdout,
    reason = "it is a program, and its output is compared"
)]

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use std::{fmt, io, thread};

use agentops::{Agent, EndState, Level, agent, current_span, llm, operation, start_session, tool};
use serde_json::{Value, json};

/// No byte of it may leave, in whatever form: it stands in every secret.
const CANARY: &str = "C4N4RY0123456789ABCDEF";
/// Stands in what is content, and no secret.
const WORDS: &str = "ordinary words";

fn key() -> String {
    format!("sk-proj-{CANARY}")
}

fn text() -> String {
    format!("{WORDS} {} https://u:{CANARY}@host", key())
}

#[derive(Debug)]
struct Failure(io::Error);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", text())
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[tool(attributes(kept = 7, api_key = CANARY, seen = text()), returns(size = |value: &Value| value.as_object().map(|o| o.len()), token = |_| CANARY))]
fn look_up(password: &str, card: Value, ssn: u64, body: &str) -> Value {
    assert!(ssn > 0 && !body.is_empty() && password == CANARY);
    json!({"card": card, "said": text(), "closure": "for the closure", CANARY_KEY: 1, "none": null})
}

/// A key of a map that is a secret itself.
const CANARY_KEY: &str = "ghp_C4N4RY0123456789ABCDEF";

#[operation]
fn fail() -> Result<(), Failure> {
    Err(Failure(io::Error::new(io::ErrorKind::NotFound, text())))
}

#[operation]
fn explode() {
    panic!("{}", text());
}

#[llm]
fn chat(request: &Value, secret: &str) -> Value {
    assert_eq!(
        (secret, request["model"].as_str()),
        (CANARY, Some("gpt-4o-mini"))
    );
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": text(),
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "login",
                "arguments": json!({"user": WORDS, "password": CANARY}).to_string()}}]}}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
    })
}

/// The prompt itself is a secret by its name.
#[llm(model = "gpt-4o-mini")]
fn whisper(secret: &str) -> String {
    format!("{WORDS}: {} letters", secret.len())
}

/// In pieces, none of which looks like a secret.
#[llm]
fn stream(request: &Value) -> Value {
    assert!(request.is_object());
    let chunk = |delta: Value| json!({"object": "chat.completion.chunk", "model": "gpt-4o-mini", "choices": [{"index": 0, "delta": delta}]});
    json!([
        chunk(json!({"role": "assistant", "content": "a key: sk-pr"})),
        chunk(json!({"content": "oj-C4N4"})),
        chunk(json!({"content": "RY0123456789ABCDEF."})),
        {"object": "chat.completion.chunk", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}},
    ])
}

struct Spy;

#[agent]
impl Spy {
    fn work(&self, prompt: &str) -> usize {
        current_span().log(Level::Info, text());
        current_span().set_attribute("cookie", CANARY);
        current_span().set_attribute(text(), text());
        prompt.len()
    }
}

impl Agent for Spy {
    fn name(&self) -> Cow<'_, str> {
        format!("spy {}", key()).into()
    }

    fn role(&self) -> Option<Cow<'_, str>> {
        Some(text().into())
    }
}

#[derive(Agent)]
struct Keeper {
    #[agentops(role)]
    role: String,
    #[agentops(state)]
    notes: Vec<String>,
    #[agentops(state)]
    token: &'static str,
    #[agentops(state, redact)]
    number: u64,
}

#[agent]
impl Keeper {
    fn keep(&self) -> bool {
        self.token.len() as u64 > self.number
    }
}

/// A model call and a tool of somebody else's, as spans of `tracing`.
fn foreign() {
    let messages = json!([{"role": "user", "parts": [{"type": "text", "content": text()},
        {"type": "tool_call", "id": "c", "name": "login", "arguments": {"user": WORDS, "password": CANARY}}]}]);
    let call = tracing::info_span!(
        "foreign chat",
        gen_ai.operation.name = "chat",
        gen_ai.request.model = "gpt-4o-mini",
        gen_ai.input.messages = %messages,
        gen_ai.usage.input_tokens = 5,
        gen_ai.usage.output_tokens = 2,
        unheard.of = text(),
        unheard.count = 3,
    );
    let tool = tracing::info_span!(
        parent: &call,
        "foreign tool",
        gen_ai.tool.name = "login",
        gen_ai.tool.call.arguments = %json!({"user": WORDS, "password": CANARY}),
        error.type = "refused",
        otel.status_code = "ERROR",
        otel.status_description = text(),
    );
    drop(tool);
}

fn all() {
    let guard = agentops::builder()
        .install_tracing()
        .redact_keys(["ssn"])
        .redact_pointers(["/input/card/number", "/output/card/number"])
        .redact(|field| match field.text() {
            "for the closure" => field.redact(),
            "for the panic" => panic!("{}", field.text()),
            _ => {
                // What it does to be recorded is not, and does no harm.
                current_span().set_attribute("from the closure", CANARY);
                agentops::span("from the closure").in_scope(|| ());
            }
        })
        .init();
    let session = start_session(text())
        .tag(text())
        .user(key())
        .conversation(key())
        .video(format!("https://u:{CANARY}@host/video"))
        .attribute("authorization", CANARY)
        .attribute("note", json!({"deep": [{"secret": CANARY}]}));
    let before = thread::Builder::new()
        .name(format!("thread {}", key()))
        .spawn(session_work(&session));
    session.in_scope(|| {
        let body = json!({"password": CANARY, "n": 1}).to_string();
        look_up(CANARY, json!({"number": CANARY, "name": WORDS}), 4711, &body);
        let _ = fail();
        let _ = catch_unwind(AssertUnwindSafe(explode));
        let request = json!({"model": "gpt-4o-mini", "temperature": 0.5, "messages": [
            {"role": "system", "content": text()}, {"role": "user", "content": [{"type": "text", "text": text()}]},
            {"role": "tool", "tool_call_id": "call_0", "content": json!({"token": CANARY}).to_string()}]});
        chat(&request, CANARY);
        whisper(CANARY);
        foreign();
        stream(&request);
        Spy.work(&text());
        let (role, notes) = (text(), vec![text()]);
        let keeper = Keeper { role, notes, token: CANARY, number: 1 };
        keeper.keep();
        let by_hand = agentops::span(format!("by hand {}", key())).start();
        current_span().record_error_text(text());
        by_hand.end_with(json!({"pwd": [CANARY], "panic": "for the panic"}));
    });
    before.expect("it starts").join().expect("it ends");
    session.end_with_reason(EndState::Indeterminate, text());
    drop(guard);
}

fn session_work(session: &agentops::Session) -> impl FnOnce() + Send + 'static {
    let place = session.in_scope(|| current_span().context());
    move || {
        place.in_scope(|| {
            let open = agentops::span("open for a while").start();
            // So that it is told of before it ends.
            assert!(agentops::flush(Duration::from_secs(10)));
            drop(open);
        });
    }
}

#[operation]
fn count(n: u64, name: &str, ratio: f64) -> u64 {
    n + name.len() as u64 + ratio as u64
}

/// More than fits anywhere, and a closure that takes its time.
fn many() {
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let guard = agentops::builder()
        .redact(|_| {
            if ASKED.fetch_add(1, Relaxed).is_multiple_of(1000) {
                thread::sleep(Duration::from_millis(1));
            }
        })
        .init();
    for n in 0..200_000 {
        count(n, "a name", 0.5);
    }
    assert!(agentops::flush(Duration::from_secs(120)));
    println!("asked {} times", ASKED.load(Relaxed));
    drop(guard);
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("many") => many(),
        _ => all(),
    }
}
