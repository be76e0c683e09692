//! Secrets do not leave: they are planted wherever a program's text goes, and looked for in every byte that comes out.

use agentops::testing::{Trace, capture};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use agentops::export::{Batch, ExportError, SpanExporter};
use agentops::model::frame::Reader;
use agentops::model::span::Status;
use agentops::model::trace::Traces;
use agentops::{Level, current_span, operation, tool};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use tracing_subscriber::prelude::*;

/// Stands in every secret that is planted here, whatever its form: letters and digits that any alphabet has.
const CANARY: &str = "C4N4RY0123456789ABCDEF";
use crate::harness::memory;

const REDACTED: &str = "[redacted]";

static LEFT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Keeps what leaves the recorder, byte for byte, while somebody looks.
pub(crate) struct Leaving;

impl SpanExporter for Leaving {
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let mut left = LEFT.lock().expect("nobody panicked");
        if left.capacity() > 0 {
            left.extend_from_slice(batch.frames());
            for piece in batch.pieces() {
                left.extend_from_slice(&piece.bytes);
            }
        }
        Ok(())
    }
}

fn count(bytes: &[u8], what: &str) -> usize {
    bytes
        .windows(what.len())
        .filter(|window| *window == what.as_bytes())
        .count()
}

/// Secrets that are known by their form: all of it, and what is left of it.
const FORMS: [(&str, &str); 14] = [
    ("sk-C4N4RY0123456789ABCDEF", REDACTED),
    ("sk-ant-api03-C4N4RY0123456789ABCDEF_-", REDACTED),
    ("AKIAC4N4RY0123456789ABCDEF", REDACTED),
    ("ghp_C4N4RY0123456789ABCDEF", REDACTED),
    ("github_pat_C4N4RY0123456789ABCDEF_x", REDACTED),
    ("xoxb-1-C4N4RY0123456789ABCDEF", REDACTED),
    ("AIzaSyC4N4RY0123456789ABCDEFghijklmn", REDACTED),
    ("Bearer C4N4RY0123456789ABCDEF", "Bearer [redacted]"),
    (
        "Authorization: Basic C4N4RY0123456789ABCDEF",
        "Authorization: Basic [redacted]",
    ),
    (
        "eyJC4N4RY0123456789ABCDEF.C4N4RY0123456789ABCDEF.C4N4RY",
        REDACTED,
    ),
    (
        "-----BEGIN PRIVATE KEY-----\nC4N4RY0123456789ABCDEF\n-----END PRIVATE KEY-----",
        REDACTED,
    ),
    (
        "https://u:C4N4RY0123456789ABCDEF@host/a",
        "https://u:[redacted]@host/a",
    ),
    ("redis://:C4N4RY@host", "redis://:[redacted]@host"),
    ("glpat-C4N4RY0123456789ABCDEF", REDACTED),
];

const NAMES: [&str; 12] = [
    "password",
    "api_key",
    "apiKey",
    "x-api-key",
    "Authorization",
    "client.secret",
    "accessToken",
    "token",
    "cookie",
    "db credentials",
    "PRIVATE_KEY",
    "passwd",
];

/// What is recorded, and what may be seen of it.
#[derive(Debug, Clone)]
struct Planted<T> {
    value: T,
    seen: T,
}

fn same<T: Clone>(value: T) -> Planted<T> {
    Planted {
        seen: value.clone(),
        value,
    }
}

fn plain_text() -> impl Strategy<Value = String> {
    const WORDS: [&str; 19] = [
        "prompt_tokens",
        "task-force",
        "author",
        "a",
        "ü",
        " ",
        "\n",
        "\"",
        "{",
        "risk-assessment",
        "https://host",
        "\\",
        "-",
        "_",
        ":",
        "I",
        "z",
        "B",
        "J",
    ];
    prop::collection::vec(select(&WORDS[..]), 0..6).prop_map(|words| words.concat())
}

fn secret_text() -> impl Strategy<Value = Planted<String>> {
    let before = select(&["", "x ", "key=", "\n", "ü ", "(", "\"", "a: "][..]);
    let after = select(&["", " y", "\n", "\"", " ü"][..]);
    (before, select(&FORMS[..]), after).prop_map(|(before, (secret, left), after)| Planted {
        value: format!("{before}{secret}{after}"),
        seen: format!("{before}{left}{after}"),
    })
}

fn value() -> impl Strategy<Value = Planted<Value>> {
    let leaf = prop_oneof![
        Just(same(Value::Null)),
        any::<bool>().prop_map(|value| same(value.into())),
        any::<i64>().prop_map(|value| same(value.into())),
        any::<u64>().prop_map(|value| same(value.into())),
        (-1e9..1e9).prop_map(|value: f64| same(value.into())),
        plain_text().prop_map(|text| same(text.into())),
        secret_text().prop_map(|text| Planted {
            value: text.value.into(),
            seen: text.seen.into(),
        }),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let entry = prop_oneof![
            3 => inner.clone().prop_map(|value| (false, value)),
            1 => inner.clone().prop_map(|value| (true, value)),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| Planted {
                value: items.iter().map(|item| item.value.clone()).collect(),
                seen: items.iter().map(|item| item.seen.clone()).collect(),
            }),
            (prop::collection::vec(entry, 0..5), 0..NAMES.len())
                .prop_map(|(entries, first)| object(entries, first)),
            inner.prop_map(|value| Planted {
                value: json!([value.value]).to_string().into(),
                seen: json!([value.seen]).to_string().into(),
            }),
        ]
    })
}

fn object(entries: Vec<(bool, Planted<Value>)>, first: usize) -> Planted<Value> {
    let (mut value, mut seen) = (Map::new(), Map::new());
    for (number, (hidden, entry)) in entries.into_iter().enumerate() {
        if hidden {
            let name = format!("{}_{number}", NAMES[(first + number) % NAMES.len()]);
            value.insert(name.clone(), json!([CANARY, entry.value]));
            seen.insert(name, REDACTED.into());
        } else {
            value.insert(format!("k{number}"), entry.value);
            seen.insert(format!("k{number}"), entry.seen);
        }
    }
    Planted {
        value: value.into(),
        seen: seen.into(),
    }
}

#[tool(attributes(given = value, password = value), returns(back = |value: &Value| value.clone(), token = |value: &Value| value.clone()))]
fn echo(value: &Value, secret: &Value) -> Value {
    current_span().set_attribute("said", value);
    current_span().set_attribute("api key", secret);
    value.clone()
}

#[operation]
fn refuse(text: String) -> Result<(), Box<dyn std::error::Error>> {
    current_span().log(Level::Warn, &text);
    Err(text.into())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_planted_anywhere_is_found_nowhere(planted in value(), text in secret_text(), name in select(&NAMES[..])) {
        memory();
        *LEFT.lock().expect("nobody panicked") = Vec::with_capacity(1 << 16);
        let trace = capture(|| {
            echo(&planted.value, &json!([CANARY, planted.value]));
            refuse(text.value.clone()).expect_err("it refuses");
            agentops::current_session().attribute(name, &planted.value);
            agentops::current_session().attribute("noted", &planted.value);
            agentops::current_session().tag(&text.value);
        });
        prop_assert!(agentops::flush(Duration::from_secs(20)));
        let left = std::mem::take(&mut *LEFT.lock().expect("nobody panicked"));
        prop_assert!(left.len() > 1000, "somebody saw it");
        prop_assert_eq!(count(&left, "C4N4RY"), 0);
        let span = trace.span("echo");
        let attribute = |key: &str| span.attributes.get(key).cloned();
        prop_assert_eq!(span.input.clone(), Some(json!({"value": planted.seen, "secret": REDACTED})));
        prop_assert_eq!(span.output.clone(), Some(planted.seen.clone()));
        if !planted.seen.is_null() {
            for key in ["given", "back", "said"] {
                prop_assert_eq!(attribute(key), Some(on_the_wire(&planted.seen)), "{}", key);
            }
        }
        for key in ["password", "token", "api key"] {
            prop_assert_eq!(attribute(key), Some(REDACTED.into()), "{}", key);
        }
        let facts = &trace.session.facts;
        prop_assert_eq!(facts.attributes.get(name), Some(&REDACTED.into()));
        prop_assert_eq!(&facts.tags, std::slice::from_ref(&text.seen));
        let span = trace.span("refuse");
        prop_assert_eq!(&span.logs[0].message, &text.seen);
        prop_assert_eq!(&span.error.as_ref().expect("it failed").details, &text.seen);
    }
}

/// As it comes back from an attribute, where the wire's integers end at 63 bits.
fn on_the_wire(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_none() && number.is_u64() => {
            number.to_string().into()
        }
        Value::Array(items) => items.iter().map(on_the_wire).collect(),
        Value::Object(pairs) => pairs
            .iter()
            .map(|(key, value)| (key.clone(), on_the_wire(value)))
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn a_secret_at_the_limit_is_not_cut_in_half() {
    const LIMIT: usize = 64 * 1024;
    for (secret, left) in FORMS {
        for at in [
            LIMIT - secret.len() - 1,
            LIMIT - secret.len(),
            LIMIT - secret.len() / 2,
            LIMIT - 4,
            LIMIT - 1,
            LIMIT,
        ] {
            let text = format!("{} {secret} {}", "x".repeat(at - 1), "y ".repeat(8 * 1024));
            let trace = capture(|| drop(echo(&text.clone().into(), &Value::Null)));
            let output = trace.span("echo").output.as_ref().expect("it was recorded");
            assert_eq!(output["$truncated"]["bytes"], text.len());
            let seen = output["text"].as_str().expect("what is left");
            let whole = format!("{} {left} {}", "x".repeat(at - 1), "y ".repeat(8 * 1024));
            assert_eq!(seen, &whole[..LIMIT], "{secret} at {at}");
        }
    }
}

/// JSON text that is cut is no JSON any more.
#[test]
fn names_are_known_in_json_text_that_is_cut() {
    let text = json!({"password": CANARY, "rest": "x".repeat(100_000)}).to_string();
    let trace = capture(|| drop(echo(&text.clone().into(), &Value::Null)));
    let output = trace.span("echo").output.as_ref().expect("it was recorded");
    let seen = output["text"].as_str().expect("what is left");
    assert!(seen.starts_with(r#"{"password":"[redacted]","rest":"xxx"#));
    assert_eq!(seen.len(), 64 * 1024);
}

/// The program `secrets`, its home, and what it left there.
struct Run {
    home: PathBuf,
    stdout: String,
    bytes: Vec<u8>,
    traces: Vec<Trace>,
}

impl Run {
    fn new(case: &str, variables: &[(&str, &str)]) -> Self {
        let name = format!(
            "agentops-secrets-{case}-{}-{}",
            variables.len(),
            std::process::id()
        );
        let home = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&home);
        let output = Command::new(env!("CARGO_BIN_EXE_secrets"))
            .arg(case)
            .env("AGENTOPS_HOME", &home)
            .env("RUST_BACKTRACE", "1")
            .envs(variables.iter().copied())
            .output()
            .expect("it runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let (mut bytes, mut traces) = (Vec::new(), Traces::default());
        for entry in std::fs::read_dir(home.join("spool")).expect("there is a spool") {
            let path = entry.expect("it can be listed").path();
            let file = std::fs::read(&path).expect("it can be read");
            if path
                .extension()
                .is_some_and(|extension| extension == "agentops")
            {
                let mut reader = Reader::new(&file).expect("it is a spool file");
                let events: Vec<_> = reader.by_ref().collect();
                let resource = reader.resource().expect("it says who wrote it").clone();
                events
                    .into_iter()
                    .for_each(|event| traces.apply(&resource, event));
            }
            bytes.extend(file);
        }
        Self {
            home,
            stdout: String::from_utf8(output.stdout).expect("it prints text"),
            bytes,
            traces: traces.finish().into_iter().map(Trace::from).collect(),
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

const WORDS: &str = "ordinary words";

#[test]
fn nothing_secret_reaches_the_disk() {
    let run = Run::new("all", &[]);
    let [trace] = &run.traces[..] else {
        panic!("one session, and none of the closure's")
    };
    assert_eq!(count(&run.bytes, "C4N4RY"), 0, "{trace}");
    let text = format!("{WORDS} {REDACTED} https://u:{REDACTED}@host");
    let facts = &trace.session.facts;
    assert_eq!(facts.name, text);
    assert_eq!(facts.tags, [&*text]);
    assert_eq!(
        (facts.user_id.as_deref(), facts.conversation_id.as_deref()),
        (Some(REDACTED), Some(REDACTED))
    );
    assert_eq!(
        facts.video.as_deref(),
        Some("https://u:[redacted]@host/video")
    );
    assert_eq!(facts.end_state_reason.as_deref(), Some(&*text));
    assert_eq!(
        facts.attributes["note"],
        json!({"deep": [{"secret": REDACTED}]})
    );
    let span = trace.span("look_up");
    assert_eq!(
        span.input,
        Some(
            json!({"password": REDACTED, "card": {"number": REDACTED, "name": WORDS}, "ssn": REDACTED,
            "body": r#"{"password":"[redacted]","n":1}"#})
        )
    );
    assert_eq!(
        span.output,
        Some(
            json!({"card": {"number": REDACTED, "name": WORDS}, "said": text, "closure": REDACTED, REDACTED: 1, "none": null})
        )
    );
    assert_eq!(
        (
            &span.attributes["kept"],
            &span.attributes["size"],
            &span.attributes["token"]
        ),
        (&json!(7), &json!(5), &json!(REDACTED))
    );
    let failed = trace.span("fail").error.as_ref().expect("it failed");
    assert_eq!(
        (&*failed.code, &failed.details, &failed.chain),
        ("NotFound", &text, &vec![text.clone()])
    );
    let panicked = trace.span("explode").error.as_ref().expect("it panicked");
    assert_eq!((&*panicked.code, &panicked.details), ("panic", &text));
    assert!(
        panicked
            .stack
            .as_ref()
            .is_some_and(|stack| stack.contains("explode"))
    );
    let foreign = trace.span("foreign chat");
    let call = foreign.llm.as_ref().expect("it is a model call");
    let message = &call.messages[0];
    assert_eq!(
        message.content,
        [agentops::model::llm::Part::Text(text.clone())]
    );
    let hidden = json!({"user": WORDS, "password": REDACTED});
    assert_eq!(message.tool_calls[0].arguments, hidden);
    assert_eq!(foreign.attributes["unheard.of"], text);
    let refused = trace.span("login");
    assert_eq!(refused.input, Some(hidden));
    let details = refused.error.as_ref().map(|error| &*error.details);
    assert_eq!(details, Some(&*text));
    let chat = trace.span("chat").llm.as_ref().expect("it is a model call");
    assert_eq!(
        chat.usage.map(|usage| (usage.input, usage.output)),
        Some((1000, 10))
    );
    assert_eq!(
        (chat.model.as_deref(), &chat.parameters["temperature"]),
        (Some("gpt-4o-mini-2024-07-18"), &json!(0.5))
    );
    assert_eq!(chat.messages.len(), 3);
    assert_eq!(
        chat.completions[0].tool_calls[0].arguments,
        json!({"user": WORDS, "password": REDACTED})
    );
    let whispered = trace.span("whisper");
    assert_eq!(whispered.input, Some(json!({"secret": REDACTED})));
    let streamed = trace.span("stream");
    assert_eq!(
        streamed.output,
        Some(REDACTED.into()),
        "its pieces make a secret"
    );
    let call = streamed.llm.as_ref().expect("it is a model call");
    assert_eq!(call.usage.map(|usage| usage.total), Some(7));
    assert!(
        format!("{:?}", call.completions).contains("a key: [redacted]."),
        "{call:?}"
    );
    let agents: Vec<_> = trace
        .spans
        .iter()
        .filter_map(|span| span.agent.as_ref())
        .map(|agent| &*agent.name)
        .collect();
    assert!(agents.contains(&"spy [redacted]"), "{agents:?}");
    let keeper = trace.span("Keeper");
    assert_eq!(
        keeper.attributes["agentops.agent.state"],
        json!({"notes": [text], "token": REDACTED, "number": REDACTED})
    );
    let role = keeper.agent.as_ref().and_then(|agent| agent.role.as_ref());
    assert_eq!(role, Some(&text));
    let by_hand = trace.span("by hand [redacted]");
    assert_eq!(
        by_hand.output,
        Some(json!({"pwd": REDACTED, "panic": REDACTED}))
    );
    assert!(
        trace
            .spans
            .iter()
            .all(|span| span.name != "from the closure")
    );
}

#[test]
fn without_content_what_was_done_is_known_and_what_was_said_is_not() {
    let run = Run::new("all", &[("AGENTOPS_CAPTURE_CONTENT", "false")]);
    let [trace] = &run.traces[..] else {
        panic!("one session")
    };
    assert_eq!(count(&run.bytes, "C4N4RY"), 0, "{trace}");
    for span in &trace.spans {
        assert_eq!((&span.input, &span.output), (&None, &None), "{}", span.name);
        assert!(span.logs.iter().all(|log| log.message.is_empty()));
        assert!(span.error.iter().all(|error| error.details.is_empty()
            && error.chain.is_empty()
            && error.stack.is_none()));
        assert!(span.llm.iter().all(|call| call.messages.is_empty()));
        assert!(
            span.llm
                .iter()
                .flat_map(|call| &call.completions)
                .all(|choice| choice.content.is_empty() && choice.tool_calls.is_empty())
        );
    }
    assert!(trace.span("Keeper").attributes.is_empty());
    let foreign = trace.span("foreign chat");
    let used = foreign.llm.as_ref().and_then(|call| call.usage);
    assert_eq!(used.map(|used| (used.input, used.output)), Some((5, 2)));
    let attributes = Value::Object(foreign.attributes.clone());
    assert_eq!(attributes, json!({"unheard.count": 3}));
    let refused = trace.span("login").error.as_ref().expect("it failed");
    assert_eq!((&*refused.code, &*refused.details), ("refused", ""));
    let span = trace.span("look_up");
    assert_eq!(
        (&span.attributes["kept"], &span.attributes["size"]),
        (&json!(7), &json!(5))
    );
    let failed = trace.span("fail");
    assert_eq!(failed.status, Status::Error);
    let error = failed.error.as_ref().expect("it failed");
    assert_eq!(error.code, "NotFound");
    assert!(
        error
            .rust_type
            .as_ref()
            .is_some_and(|name| name.ends_with("Failure"))
    );
    assert_eq!(
        trace
            .span("explode")
            .error
            .as_ref()
            .map(|error| &*error.code),
        Some("panic")
    );
    let chat = trace.span("chat").llm.as_ref().expect("it is a model call");
    assert_eq!(
        chat.usage.map(|usage| (usage.input, usage.output)),
        Some((1000, 10))
    );
    assert_eq!(
        (chat.model.as_deref(), &chat.parameters["temperature"]),
        (Some("gpt-4o-mini-2024-07-18"), &json!(0.5))
    );
    assert_eq!(
        chat.completions[0].finish_reason.as_deref(),
        Some("tool_calls")
    );
    assert_eq!(
        trace
            .span("stream")
            .llm
            .as_ref()
            .and_then(|call| call.usage)
            .map(|usage| usage.total),
        Some(7)
    );
    assert_eq!(
        trace.spans.iter().flat_map(|span| &span.logs).count(),
        1,
        "that something was logged is known"
    );
}

#[test]
fn a_closure_that_takes_its_time_costs_nothing_but_time() {
    let run = Run::new("many", &[]);
    assert!(run.stdout.starts_with("asked "), "{}", run.stdout);
    let [trace] = &run.traces[..] else {
        panic!("one session")
    };
    assert_eq!(
        (trace.spans.len(), trace.session.counts.dropped),
        (200_001, 0)
    );
}

/// What a library logs, it logs into other libraries' hands.
#[test]
fn fields_of_logs_are_looked_through() {
    let subscriber = tracing_subscriber::registry().with(agentops::layer());
    let trace = capture(|| {
        let span = agentops::span("logs").start();
        tracing::subscriber::with_default(subscriber, || {
            let headers = [("authorization", "Basic eDp5")];
            tracing::warn!(
                password = CANARY,
                ?headers,
                url = "https://u:hunter2@host",
                tokens = 5,
                "sent {CANARY_KEY}"
            );
        });
        drop(span);
    });
    let log = &trace.span("logs").logs[0];
    assert_eq!(log.message, "sent [redacted]");
    let field = |key: &str| log.attributes[key].clone();
    assert_eq!(field("password"), REDACTED);
    assert_eq!(
        field("headers"),
        r#"[("authorization", "Basic [redacted]")]"#
    );
    assert_eq!(
        (field("url"), field("tokens")),
        (json!("https://u:[redacted]@host"), json!(5))
    );
}

const CANARY_KEY: &str = "ghp_C4N4RY0123456789ABCDEF";
