//! What is said of a run: sessions built by hand, each with the sentence that was expected of it before there was any code.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agentops_core::model::agent::AgentRef;
use agentops_core::model::error::ErrorRecord;
use agentops_core::model::event::{Event, Loss, LossCause, Resource};
use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::llm::{Completion, Cost, LlmCall, Message, Part, ProviderError, Usage};
use agentops_core::model::session::{EndState, SessionFacts};
use agentops_core::model::span::{Guardrail, Link, Span, SpanKind, Status};
use agentops_server::query;
use agentops_server::store::sqlite::{Durability, Sqlite};
use agentops_server::store::{Batch, Store};
use serde_json::{Map, Value, json};

use SpanKind::{Agent, Guardrail as Guard, Llm, Session, Task, Tool, Unknown};

/// 2026-11-22T05:00:00Z
pub(crate) const START: u64 = 1_795_323_600_000_000_000;
pub(crate) const RUN: SessionId = SessionId(0x019c_6b1e_6f2a_7c3d_9b41_5d0f_6a7e_8c90);
const INNER: SessionId = SessionId(0x019c_6b1f_0000_7000_8000_0000_0000_0001);

/// Nano-USD.
const CENT: i64 = 10_000_000;

/// A session that is told to a store event by event.
pub(crate) struct Story {
    id: SessionId,
    facts: Option<SessionFacts>,
    spans: Vec<Span>,
    lost: bool,
    dropped: u64,
}

impl Story {
    pub(crate) fn new() -> Self {
        Self::of(RUN, "research_team")
    }

    fn of(id: SessionId, name: &str) -> Self {
        let facts = SessionFacts {
            id,
            trace_id: id.trace(),
            root: Some(SpanId(1)),
            name: name.into(),
            start: START,
            ..SessionFacts::default()
        };
        Self {
            id,
            facts: Some(facts),
            spans: Vec::new(),
            lost: false,
            dropped: 0,
        }
    }

    /// Of a program that knows nothing of sessions.
    fn foreign() -> Self {
        let mut story = Self::new();
        story.facts = None;
        story
    }

    /// A span from `start` to `end`, in milliseconds; of the agent that `name` says, or of the one around it.
    pub(crate) fn span(
        mut self,
        kind: SpanKind,
        name: &str,
        id: u64,
        parent: u64,
        times: [u64; 2],
    ) -> Self {
        let around = self.spans.iter().find(|span| span.id.0 == parent);
        let agent = match kind {
            Agent => name.to_owned(),
            _ => around
                .and_then(|span| span.agent.as_ref())
                .map_or("default".to_owned(), |agent| agent.name.clone()),
        };
        let ms = |at: u64| START + at * 1_000_000;
        self.spans.push(Span {
            id: SpanId(id),
            parent_id: SpanId(parent).some(),
            session_id: self.id,
            trace_id: self.id.trace(),
            agent: Some(AgentRef {
                id: agent.clone(),
                name: agent,
                role: None,
                model: None,
            }),
            name: name.into(),
            kind,
            status: Status::Ok,
            cancelled: false,
            open: false,
            adopted: false,
            start: ms(times[0]),
            end: Some(ms(times[1])),
            busy: None,
            polls: None,
            thread: None,
            source: None,
            input: None,
            output: None,
            attributes: Map::new(),
            version: None,
            tags: Vec::new(),
            links: Vec::new(),
            logs: Vec::new(),
            error: None,
            llm: None,
            tool: None,
            operation_type: None,
            guardrail: None,
        });
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Span)) -> Self {
        change(self.spans.last_mut().expect("a span"));
        self
    }

    pub(crate) fn last(mut self) -> Span {
        self.spans.pop().expect("a span")
    }

    /// The last span failed.
    pub(crate) fn failed(self, code: &str, details: &str) -> Self {
        self.with(|span| {
            span.status = Status::Error;
            span.error = Some(ErrorRecord {
                kind: span.kind.as_str().into(),
                code: code.into(),
                details: details.into(),
                time: span.end.unwrap_or_default(),
                ..ErrorRecord::default()
            });
        })
    }

    fn cancelled(self) -> Self {
        self.with(|span| {
            span.cancelled = true;
            span.status = Status::Unset;
        })
    }

    pub(crate) fn open(self) -> Self {
        self.with(|span| {
            span.open = true;
            span.end = None;
            span.status = Status::Unset;
        })
    }

    /// The last span asked a model, for so many tokens, which cost so much.
    pub(crate) fn call(self, prompt: &str, tokens: (u64, u64), cost: Option<i64>) -> Self {
        self.with(|span| {
            let mut call = LlmCall::new()
                .request_model("acme-1")
                .model("acme-1")
                .message(Message::new("user").text(prompt))
                .usage(Usage::new(tokens.0, tokens.1));
            call.cost = cost.map(Cost::new);
            if span.status == Status::Ok {
                call = call.completion(Completion::new().text("yes"));
            }
            span.llm = Some(call);
        })
    }

    /// The provider refused what the last span asked.
    fn refused(self, status: u16, code: &str, message: &str, retry_after: Option<u64>) -> Self {
        self.failed(code, message).with(|span| {
            let mut error = ProviderError::default();
            error.status = Some(status);
            error.code = Some(code.into());
            error.message = message.into();
            error.retry_after = retry_after.map(|seconds| seconds * 1_000_000_000);
            let mut call = LlmCall::new()
                .request_model("acme-1")
                .message(Message::new("user").text("Hi"));
            call.provider_error = Some(error);
            span.llm = Some(call);
        })
    }

    pub(crate) fn input(self, input: Value) -> Self {
        self.with(|span| span.input = Some(input))
    }

    /// Around all: the session's own span, which ended so after so many milliseconds.
    fn root(self, to: u64) -> Self {
        self.span(Session, "research_team", 1, 0, [0, to])
    }

    pub(crate) fn ended(mut self, to: u64, state: EndState, reason: Option<&str>) -> Self {
        let facts = self.facts.as_mut().expect("a session that says so");
        facts.end = Some(START + to * 1_000_000);
        facts.end_state = Some(state);
        facts.end_state_reason = reason.map(str::to_owned);
        self
    }

    fn succeeded(self, to: u64) -> Self {
        self.root(to).ended(to, EndState::Success, None)
    }

    /// The session's own span failed, and the session with it.
    fn broke(self, to: u64, code: &str, details: &str) -> Self {
        self.root(to)
            .failed(code, details)
            .ended(to, EndState::Error, Some(details))
    }

    pub(crate) fn tell(&self, store: &Sqlite) {
        let resource = Arc::new(Resource {
            service: "research".into(),
            ..Resource::default()
        });
        let facts = self
            .facts
            .iter()
            .map(|facts| Event::Session(facts.clone().into()));
        let spans = self.spans.iter().map(|span| match span.open {
            true => Event::SpanStarted(span.clone().into()),
            false => Event::SpanEnded(span.clone().into()),
        });
        let loss = (self.dropped > 0).then(|| {
            Event::Loss(Loss {
                time: START,
                session: Some(self.id),
                cause: LossCause::RingFull,
                count: self.dropped,
            })
        });
        let events = facts.chain(spans).chain(loss);
        let batch = Batch {
            events: events.map(|event| (resource.clone(), event)).collect(),
            lost: self.lost.then_some(self.id).into_iter().collect(),
            ..Batch::default()
        };
        store.commit(&batch).expect("it is taken in");
    }

    #[track_caller]
    fn reads(&self, severity: &str, expected: &str) -> Value {
        let (_home, store) = store();
        self.tell(&store);
        reads(&store, self.id, severity, expected)
    }
}

/// A store of its own, and what removes it.
pub(crate) fn store() -> (Home, Sqlite) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("verdict-{}-{next}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a folder");
    let store = Sqlite::open(&path.join("agentops.db"), Durability::Process).expect("a store");
    (Home(path), store)
}

pub(crate) struct Home(std::path::PathBuf);

impl Drop for Home {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
fn reads(store: &Sqlite, id: SessionId, severity: &str, expected: &str) -> Value {
    let verdict = query::verdict(store, id)
        .expect("it is read")
        .expect("it is there");
    let mut text = verdict.text.clone();
    for note in &verdict.notes {
        text.push('\n');
        text.push_str(note);
    }
    assert_eq!(text, expected);
    let json = serde_json::to_value(&verdict).expect("JSON");
    assert_eq!(json["severity"], severity);
    json
}

#[test]
fn nothing_went_wrong() {
    let verdict = Story::new()
        .span(Agent, "planner", 2, 1, [1, 900])
        .span(Llm, "ask", 3, 2, [2, 800])
        .call("Where?", (100, 10), Some(CENT))
        .succeeded(1_000)
        .reads("ok", "Nothing went wrong.");
    let expected = json!({
        "severity": "ok", "text": "Nothing went wrong.", "notes": [],
        "session_id": null, "span_id": null, "kind": null, "name": null, "agent": null, "model": null,
        "code": null, "message": null, "attempts": 0, "recovered": false, "time_ms": null, "spent": null,
        "provider_error": null, "gave_up": null, "within": null, "other_failures": 0,
    });
    assert_eq!(verdict, expected);
}

#[test]
fn a_tool_that_failed_and_recovered() {
    let verdict = Story::new()
        .span(Agent, "planner", 2, 1, [1, 4_900])
        .span(Llm, "ask", 3, 2, [2, 1_000])
        .call("Where?", (100, 10), Some(CENT))
        .span(Tool, "search", 4, 2, [1_000, 1_200])
        .failed("Io", "connection reset")
        .span(Tool, "search", 5, 2, [1_300, 1_500])
        .span(Llm, "ask", 6, 2, [1_500, 4_800])
        .call("And?", (100, 10), Some(CENT))
        .succeeded(5_000)
        .reads(
            "warning",
            "Succeeded, after `search` failed with “connection reset” and then worked. At 1.20 s, $0.0100 spent by then.",
        );
    assert_eq!(verdict["recovered"], json!(true));
    assert_eq!(verdict["span_id"], "0000000000000004");
}

/// A model asks for a tool three times over, which fails each time; then its agent gives up, in words of its own.
fn gave_up() -> Story {
    let mut story = Story::new().span(Agent, "coder", 2, 1, [100, 96_000]);
    for round in 0..3 {
        let from = 21_000 + round * 25_000;
        story = story
            .span(Llm, "ask", 10 + round, 2, [from - 10_000, from])
            .call(&format!("round {round}"), (1_000, 100), Some(31 * CENT))
            .span(Tool, "sql", 20 + round, 2, [from, from + 400])
            .failed("Timeout", "timeout after 30 s");
    }
    story
}

#[test]
fn a_tool_that_never_recovered() {
    let sentence = "`sql` failed 3 times with “timeout after 30 s”; `coder` gave up. First at 21.4 s, $0.3100 spent by then.";
    let mut story = gave_up();
    for (code, details) in [
        ("Timeout", "timeout after 30 s"),
        ("GaveUp", "no answer in 3 rounds"),
    ] {
        story.spans[0].status = Status::Error;
        story.spans[0].error = Some(ErrorRecord {
            code: code.into(),
            details: details.into(),
            ..ErrorRecord::default()
        });
        let told = Story {
            facts: story.facts.clone(),
            spans: story.spans.clone(),
            ..Story::new()
        };
        let verdict = told.broke(97_000, code, details).reads("error", sentence);
        let expected = json!({
            "severity": "error", "text": sentence, "notes": [],
            "session_id": RUN.to_string(), "span_id": "0000000000000014", "kind": "TOOL", "name": "sql",
            "agent": "coder", "model": null, "code": "Timeout", "message": "timeout after 30 s", "attempts": 3,
            "recovered": false, "time_ms": 21400.0, "spent": {"usd": 0.31, "partial": false, "estimated": false},
            "provider_error": null, "gave_up": {"span_id": "0000000000000002", "kind": "AGENT", "name": "coder"},
            "within": null, "other_failures": 0,
        });
        assert_eq!(verdict, expected);
    }
}

#[test]
fn what_was_followed_by_other_work_is_not_to_blame() {
    Story::new()
        .span(Agent, "coder", 2, 1, [0, 9_000])
        .failed("Budget", "no tokens left")
        .span(Tool, "read_file", 3, 2, [100, 200])
        .failed("NotFound", "no such file: a.rs")
        .span(Tool, "list_files", 4, 2, [300, 400])
        .span(Tool, "grep", 5, 2, [500, 600])
        .broke(9_100, "Budget", "no tokens left")
        .reads(
            "error",
            "Agent `coder` failed with “no tokens left”. At 9.00 s.",
        );
}

#[test]
fn a_storm_of_retries_that_ends_in_surrender() {
    let mut story = Story::new()
        .span(Agent, "writer", 2, 1, [0, 9_000])
        .failed("Overloaded", "the model is overloaded");
    for nth in 0..8 {
        story = story
            .span(Llm, "ask", 10 + nth, 2, [1_000 * nth, 1_000 * nth + 500])
            .refused(529, "overloaded_error", "the model is overloaded", None);
    }
    let verdict = story.broke(9_100, "Overloaded", "the model is overloaded").reads(
        "error",
        "Model call `ask` was refused 8 times (529 overloaded_error) with “the model is overloaded”; `writer` gave up. First at 500 ms.",
    );
    assert_eq!(verdict["attempts"], 8);
}

#[test]
fn a_storm_of_retries_that_blows_over() {
    let mut story = Story::new().span(Agent, "writer", 2, 1, [0, 9_000]);
    for nth in 0..5 {
        story = story
            .span(Tool, "fetch", 10 + nth, 2, [1_000 * nth, 1_000 * nth + 500])
            .failed("Io", &format!("connection {nth} reset"));
    }
    story
        .span(Tool, "fetch", 20, 2, [6_000, 6_500])
        .succeeded(9_100)
        .reads(
            "warning",
            "Succeeded, after `fetch` failed 5 times with “connection 0 reset” and then worked. First at 500 ms.",
        );
}

#[test]
fn the_sibling_that_was_cancelled_is_not_to_blame() {
    let verdict = Story::new()
        .span(Agent, "planner", 2, 1, [0, 1_300])
        .failed("Http", "404 for b")
        .span(Task, "fetch_a", 3, 2, [100, 1_201])
        .cancelled()
        .span(Task, "fetch_b", 4, 2, [100, 1_200])
        .failed("Http", "404 for b")
        .span(Task, "fetch_c", 5, 2, [100, 1_201])
        .cancelled()
        .with(|span| span.status = Status::Error)
        .broke(1_400, "Http", "404 for b")
        .reads(
            "error",
            "`fetch_b` failed with “404 for b”; `planner` gave up. At 1.20 s.",
        );
    assert_eq!(verdict["span_id"], "0000000000000004");
}

#[test]
fn a_guardrail_tripped() {
    let details = "src/lib.rs:9999 does not exist";
    Story::new()
        .span(Agent, "writer", 2, 1, [0, 11_000])
        .span(Guard, "check_citations", 3, 1, [12_000, 12_400])
        .failed("Uncited", details)
        .with(|span| {
            span.guardrail = Some(Guardrail {
                spec: Some("output".into()),
                triggered: Some(true),
            });
        })
        .broke(12_500, "Uncited", details)
        .reads(
            "error",
            "Guardrail `check_citations` tripped with “src/lib.rs:9999 does not exist”. At 12.4 s.",
        );
}

#[test]
fn a_panic() {
    let details = "attempt to divide by zero";
    Story::new()
        .span(Agent, "planner", 2, 1, [0, 300])
        .failed("panic", details)
        .span(Tool, "divide", 3, 2, [100, 200])
        .failed("panic", details)
        .root(400)
        .failed("panic", details)
        .ended(
            400,
            EndState::Error,
            Some("panicked: attempt to divide by zero"),
        )
        .reads(
            "error",
            "`divide` panicked with “attempt to divide by zero”; `planner` gave up. At 200 ms.",
        );
}

#[test]
fn a_process_that_is_gone() {
    let mut story = Story::new()
        .root(0)
        .open()
        .span(Agent, "planner", 2, 1, [100, 0])
        .open()
        .span(Llm, "ask", 3, 2, [200, 1_200])
        .call("Where?", (100, 10), Some(CENT))
        .span(Llm, "ask", 4, 2, [1_300, 0])
        .open();
    story.lost = true;
    let verdict = story.reads(
        "lost",
        "The process ended while model call `ask` was running, and never said how it went. \
         Last heard of at 1.30 s, $0.0100 spent by then.",
    );
    assert_eq!(verdict["span_id"], Value::Null);
    let within =
        json!({"span_id": "0000000000000004", "kind": "LLM", "name": "ask", "since_ms": 1300.0});
    assert_eq!(verdict["within"], within);
}

#[test]
fn it_goes_on() {
    let story = Story::new()
        .root(0)
        .open()
        .span(Agent, "planner", 2, 1, [100, 0])
        .open()
        .span(Tool, "sql", 3, 2, [200, 700])
        .failed("Timeout", "timeout after 0.5 s");
    story.reads(
        "running",
        "Running, in agent `planner` since 100 ms. Before, `sql` failed with “timeout after 0.5 s”.",
    );
    Story::new().reads("running", "Running.");
}

#[test]
fn a_model_without_a_price() {
    Story::new()
        .span(Llm, "ask", 3, 1, [2, 800])
        .call("Where?", (100, 10), None)
        .succeeded(1_000)
        .reads(
            "ok",
            "Nothing went wrong.\n`acme-1` has no price: what was spent is not known.",
        );
    Story::new()
        .span(Llm, "ask", 3, 1, [2, 800])
        .call("Where?", (100, 10), None)
        .span(Llm, "ask", 4, 1, [900, 950])
        .call("Where?", (100, 10), Some(CENT))
        .span(Tool, "ls", 5, 1, [960, 970])
        .failed("Io", "no disk")
        .broke(1_000, "Io", "no disk")
        .reads(
            "error",
            "`ls` failed with “no disk”. At 970 ms, more than $0.0100 spent by then.\n\
             `acme-1` has no price: more was spent than is known.",
        );
}

#[test]
fn a_call_that_was_refused() {
    let message = "Rate limit reached for acme-1";
    let verdict = Story::new()
        .span(Agent, "writer", 2, 1, [0, 900])
        .failed("Api", "the model could not be asked")
        .span(Task, "think", 3, 2, [100, 800])
        .failed("rate_limit_exceeded", message)
        .span(Llm, "ask", 4, 3, [200, 700])
        .refused(429, "rate_limit_exceeded", message, Some(20))
        .broke(1_000, "Api", "the model could not be asked")
        .reads(
            "error",
            "Model call `ask` was refused (429 rate_limit_exceeded, retry after 20.0 s) with \
             “Rate limit reached for acme-1”; `writer` gave up. At 700 ms.",
        );
    let expected = json!({"status": 429, "code": "rate_limit_exceeded", "type": null, "message": message,
        "retry_after_ms": 20000.0});
    assert_eq!(verdict["provider_error"], expected);

    Story::new()
        .span(Llm, "ask", 4, 1, [200, 700])
        .refused(400, "content_filter", "The prompt was filtered", None)
        .broke(1_000, "content_filter", "The prompt was filtered")
        .reads(
            "error",
            "Model call `ask` was refused (400 content_filter) with “The prompt was filtered”. At 700 ms.",
        );
}

#[test]
fn a_session_within_failed() {
    let (_home, store) = store();
    let opened = |story: Story| {
        story
            .span(Agent, "planner", 2, 1, [0, 900])
            .span(Task, "delegate", 3, 2, [50, 850])
    };
    let mut outer = opened(Story::new());
    for span in &mut outer.spans {
        span.status = Status::Error;
        span.error = Some(ErrorRecord {
            code: "Io".into(),
            details: "no such folder".into(),
            ..ErrorRecord::default()
        });
    }
    outer.broke(1_000, "Io", "no such folder").tell(&store);
    let mut inner = Story::of(INNER, "lookup")
        .span(Tool, "grep", 2, 1, [300, 400])
        .failed("Io", "no such folder")
        .broke(800, "Io", "no such folder")
        .with(|span| {
            span.links.push(Link {
                trace_id: RUN.trace(),
                span_id: SpanId(3),
                attributes: Map::new(),
            });
        });
    inner.facts.as_mut().expect("facts").parent_session_id = Some(RUN);
    inner.tell(&store);
    let verdict = reads(
        &store,
        RUN,
        "error",
        "In session `lookup`, `grep` failed with “no such folder”; `planner` gave up. At 400 ms.",
    );
    assert_eq!(verdict["session_id"], INNER.to_string());
    assert_eq!(verdict["span_id"], "0000000000000002");
    reads(
        &store,
        INNER,
        "error",
        "`grep` failed with “no such folder”. At 400 ms.",
    );
}

#[test]
fn a_session_within_failed_and_nobody_minded() {
    let (_home, store) = store();
    Story::new()
        .span(Agent, "planner", 2, 1, [0, 900])
        .succeeded(1_000)
        .tell(&store);
    let mut inner = Story::of(INNER, "lookup")
        .span(Tool, "grep", 2, 1, [300, 400])
        .failed("Io", "no such folder")
        .broke(800, "Io", "no such folder");
    inner.facts.as_mut().expect("facts").parent_session_id = Some(RUN);
    inner.tell(&store);
    reads(
        &store,
        RUN,
        "warning",
        "Succeeded, though in session `lookup`, `grep` failed with “no such folder”; the run went on. At 400 ms.",
    );
}

#[test]
fn sessions_that_started_one_another_come_to_an_end() {
    let id = |nth: u128| SessionId(INNER.0 + nth % 8);
    let ring = |nth: u128| id(nth + 1);
    let star = |_: u128| id(0);
    for parent in [&ring as &dyn Fn(u128) -> SessionId, &star] {
        let (_home, store) = store();
        for nth in 0..8 {
            let mut story =
                Story::of(id(nth), "one").ended(800, EndState::Error, Some("no reason is good"));
            story.facts.as_mut().expect("facts").parent_session_id = Some(parent(nth));
            story.tell(&store);
        }
        let sentence =
            "Ended as an error by its own word: “no reason is good”; no span failed of it.";
        for nth in 0..8 {
            reads(&store, id(nth), "error", sentence);
        }
    }
}

#[test]
fn an_error_that_was_passed_over() {
    let verdict = Story::new()
        .span(Agent, "planner", 2, 1, [0, 900])
        .span(Task, "look", 3, 2, [50, 250])
        .failed("NotFound", "no such file: a.rs")
        .span(Tool, "read_file", 4, 3, [100, 200])
        .failed("NotFound", "no such file: a.rs")
        .span(Tool, "grep", 5, 2, [300, 400])
        .failed("Io", "no disk")
        .succeeded(1_000)
        .reads(
            "warning",
            "Succeeded, though `read_file` failed with “no such file: a.rs”; `planner` went on. At 200 ms.\n\
             1 other failure did not end it either.",
        );
    assert_eq!(verdict["other_failures"], 1);
}

#[test]
fn an_error_by_its_own_word() {
    Story::new()
        .span(Tool, "ls", 2, 1, [0, 10])
        .root(1_000)
        .ended(1_000, EndState::Error, Some("the quota is used up"))
        .reads(
            "error",
            "Ended as an error by its own word: “the quota is used up”; no span failed of it.",
        );
    Story::new()
        .span(Tool, "sql", 2, 1, [0, 10])
        .failed("Timeout", "timeout after 30 s")
        .root(1_000)
        .ended(1_000, EndState::Error, Some("could not finish"))
        .reads(
            "error",
            "`sql` failed with “timeout after 30 s”; the run was ended as an error: “could not finish”. At 10.0 ms.",
        );
}

#[test]
fn an_answer_that_was_not_to_be_said() {
    let asked = |reason: &str| {
        Story::new()
            .span(Agent, "writer", 2, 1, [1, 900])
            .span(Llm, "ask", 3, 2, [2, 100])
            .call("Where?", (100, 10), Some(CENT))
            .span(Llm, "ask", 4, 2, [200, 800])
            .call("And how?", (100, 0), Some(CENT))
            .with(|span| {
                let call = span.llm.as_mut().expect("a call");
                call.completions = vec![Completion::new().finish_reason(reason)];
            })
    };
    asked("content_filter")
        .span(Tool, "parse", 5, 1, [900, 950])
        .failed("Empty", "no JSON in the answer")
        .root(1_000)
        .ended(1_000, EndState::Error, Some("could not finish"))
        .reads(
            "error",
            "`parse` failed with “no JSON in the answer”; the run was ended as an error: “could not finish”. At 950 ms, $0.0200 spent by then.\n\
             The last model call, `ask`, was stopped by a content filter.",
        );
    asked("SAFETY")
        .root(1_000)
        .ended(1_000, EndState::Error, None)
        .reads(
            "error",
            "Ended as an error by its own word; no span failed of it.\n\
             The last model call, `ask`, was stopped by a content filter.",
        );
    asked("refusal").succeeded(1_000).reads(
        "ok",
        "Nothing went wrong.\nIn the last model call, `ask`, the model refused to answer.",
    );
    asked("stop")
        .with(|span| {
            let call = span.llm.as_mut().expect("a call");
            call.completions = vec![Completion::new().part(Part::Refusal("I must not.".into()))];
        })
        .succeeded(1_000)
        .reads(
            "ok",
            "Nothing went wrong.\nIn the last model call, `ask`, the model refused to answer.",
        );
    asked("stop")
        .succeeded(1_000)
        .reads("ok", "Nothing went wrong.");
}

#[test]
fn what_was_over_long_before_is_not_to_blame_for_the_end() {
    Story::new()
        .span(Tool, "sql", 2, 1, [0, 10])
        .failed("Timeout", "timeout after 30 s")
        .span(Agent, "writer", 3, 1, [20, 900])
        .root(1_000)
        .ended(1_000, EndState::Error, Some("the quota is used up"))
        .reads(
            "error",
            "Ended as an error by its own word: “the quota is used up”; no span failed of it.",
        );
}

#[test]
fn an_error_that_somebody_kept_and_raised_later() {
    Story::new()
        .span(Agent, "planner", 2, 1, [0, 900])
        .span(Tool, "read_file", 3, 2, [100, 200])
        .failed("NotFound", "no such file: a.rs")
        .span(Tool, "grep", 4, 2, [300, 400])
        .failed("Io", "no disk is there")
        .span(Tool, "list", 5, 2, [500, 600])
        .root(1_000)
        .ended(1_000, EndState::Error, Some("gave up: no such file: a.rs"))
        .reads(
            "error",
            "`read_file` failed with “no such file: a.rs”. At 200 ms.",
        );
}

#[test]
fn the_run_itself_failed() {
    Story::new()
        .span(Tool, "ls", 2, 1, [0, 10])
        .broke(1_000, "Config", "no configuration")
        .reads(
            "error",
            "The run itself failed with “no configuration”. At 1.00 s.",
        );
}

#[test]
fn it_was_cancelled() {
    Story::new()
        .span(Tool, "ls", 2, 1, [0, 3_000])
        .cancelled()
        .root(3_200)
        .cancelled()
        .ended(3_200, EndState::Indeterminate, Some("cancelled"))
        .reads("warning", "Cancelled at 3.20 s, before it was done.");
}

#[test]
fn a_trace_of_others_that_says_no_end() {
    let unset = |span: &mut Span| span.status = Status::Unset;
    Story::foreign()
        .span(Unknown, "main", 1, 0, [0, 1_000])
        .with(unset)
        .span(Llm, "chat", 2, 1, [100, 200])
        .with(unset)
        .reads(
            "ok",
            "Ended without saying how it went; no span failed.\n\
             Not every call said what it took: what was spent is not known.",
        );
    Story::foreign()
        .span(Unknown, "main", 1, 0, [0, 1_000])
        .with(unset)
        .span(Unknown, "step", 2, 1, [50, 300])
        .with(unset)
        .span(Llm, "chat", 3, 2, [100, 200])
        .failed("500", "internal error")
        .reads(
            "warning",
            "Ended without saying how it went, and model call `chat` failed with “internal error”. At 200 ms.",
        );
    // Who fails above, and says nothing between.
    Story::foreign()
        .span(Unknown, "main", 1, 0, [0, 1_000])
        .with(|span| span.status = Status::Error)
        .span(Unknown, "step", 2, 1, [50, 300])
        .with(unset)
        .span(Llm, "chat", 3, 2, [100, 200])
        .failed("500", "internal error")
        .reads(
            "error",
            "Model call `chat` failed with “internal error”. At 200 ms.",
        );
}

#[test]
fn what_is_not_all_there() {
    let mut story = Story::new()
        .span(Tool, "ls", 2, 1, [0, 10])
        .open()
        .span(Tool, "cat", 3, 77, [20, 30])
        .succeeded(1_000);
    story.dropped = 12;
    story.reads(
        "ok",
        "Nothing went wrong.\n12 spans got lost in recording: something may be missing here.\n\
         1 span never ended.\nOf 1 span the span around it is not here.",
    );
}

#[test]
fn names_and_messages_give_no_orders() {
    Story::new()
        .span(Tool, "rm\x1b[2J", 2, 1, [0, 10])
        .failed("X", &format!("\n\n a\u{202e}b {}\nsecond", "x".repeat(500)))
        .broke(1_000, "X", "other")
        .reads(
            "error",
            &format!(
                "`rm\\u{{1b}}[2J` failed with “a\\u{{202e}}b {}…”. At 10.0 ms.",
                "x".repeat(156)
            ),
        );
}

#[test]
fn there_is_no_such_session() {
    let (_home, store) = store();
    assert_eq!(query::verdict(&store, RUN).expect("it is read"), None);
}
