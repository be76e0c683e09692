//! What the stores of these tests hold: fixed ids, fixed times.

use std::sync::Arc;

use agentops_core::model::agent::AgentRef;
use agentops_core::model::error::ErrorRecord;
use agentops_core::model::event::{Event, Loss, LossCause, Resource};
use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::llm::{Completion, Cost, LlmCall, Message, Part, Usage};
use agentops_core::model::session::{EndState, Host, SessionFacts};
use agentops_core::model::span::{Level, Log, Source, Span, SpanKind, Status, Thread, ToolCall};
use agentops_server::store::sqlite::Sqlite;
use agentops_server::store::{Batch, Store};
use serde_json::{Map, Value, json};

/// 2026-11-22T05:00:00Z
pub(crate) const START: u64 = 1_795_323_600_000_000_000;
const SECOND: u64 = 1_000_000_000;

/// Ended well: an agent, a priced model call, a tool, logs.
pub(crate) const GOOD: SessionId = SessionId(0x019c_6b1e_6f2a_7c3d_9b41_5d0f_6a7e_8c90);
/// Failed: a tool that timed out twice.
pub(crate) const BAD: SessionId = SessionId(0x019c_6b1f_0000_7000_8000_0000_0000_8c91);
/// Goes on.
pub(crate) const LIVE: SessionId = SessionId(0x019c_6b20_0000_7000_8000_0000_0000_8c92);
/// Its process is gone.
pub(crate) const LOST: SessionId = SessionId(0x019c_6b21_0000_7000_8000_0000_0000_8c93);
/// Of some other program, without anything of ours.
pub(crate) const FOREIGN: SessionId = SessionId(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);

pub(crate) fn resource(project: &str) -> Arc<Resource> {
    Arc::new(Resource {
        service: "research".into(),
        project: project.into(),
        service_version: Some("1.2.0".into()),
        pid: Some(7),
        host: Host {
            os: Some("linux".into()),
            cpu_count: Some(2),
            sdk: Some("agentops-rust/0.1.0".into()),
            ..Host::default()
        },
    })
}

/// A span from `start` to `end`, in milliseconds after the session's start.
pub(crate) fn span(
    session: SessionId,
    kind: SpanKind,
    name: &str,
    (id, parent): (u64, u64),
    (start, end): (u64, u64),
) -> Span {
    let begin = begin(session);
    Span {
        id: SpanId(id),
        parent_id: SpanId(parent).some(),
        session_id: session,
        trace_id: session.trace(),
        agent: Some(agent("default")),
        name: name.into(),
        kind,
        status: Status::Ok,
        cancelled: false,
        open: false,
        adopted: false,
        start: begin + start * 1_000_000,
        end: Some(begin + end * 1_000_000),
        busy: None,
        polls: None,
        thread: Some(Thread {
            id: 1,
            name: Some("main".into()),
        }),
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
    }
}

pub(crate) fn agent(name: &str) -> AgentRef {
    AgentRef {
        id: format!("id of {name}"),
        name: name.into(),
        role: None,
        model: None,
    }
}

/// Sessions begin a minute apart.
fn begin(session: SessionId) -> u64 {
    let order = [GOOD, BAD, LIVE, LOST, FOREIGN];
    let at = order.iter().position(|known| *known == session);
    START + at.unwrap_or(order.len()) as u64 * 60 * SECOND
}

pub(crate) fn facts(session: SessionId, name: &str) -> SessionFacts {
    SessionFacts {
        id: session,
        trace_id: session.trace(),
        root: Some(SpanId(1)),
        name: name.into(),
        start: begin(session),
        ..SessionFacts::default()
    }
}

pub(crate) fn call(model: &str, (input, output): (u64, u64), cost: Option<i64>) -> LlmCall {
    let mut call = LlmCall::default();
    call.provider = Some("openai".into());
    call.request_model = Some(model.into());
    call.model = Some(model.into());
    call.operation = Some("chat".into());
    call.streaming = true;
    call.time_to_first_token = Some(120_000_000);
    call.attempts = Some(1);
    let mut usage = Usage::default();
    (usage.input, usage.output) = (input, output);
    usage.total = input + output;
    usage.cache_read = input / 2;
    call.usage = Some(usage);
    call.cost = cost.map(|total| {
        let mut cost = Cost::default();
        cost.total = total;
        cost.price_table = Some("provider".into());
        cost
    });
    let mut message = Message::default();
    message.role = "user".into();
    message.content = vec![
        Part::Text("Where is the <b>refund</b> policy?".into()),
        Part::Other(json!({"type": "image", "url": "data:,"})),
    ];
    call.messages = vec![message];
    let mut completion = Completion::default();
    completion.role = "assistant".into();
    completion.content = vec![
        Part::Reasoning("Look it up.".into()),
        Part::Text("In the handbook.".into()),
    ];
    completion.finish_reason = Some("stop".into());
    call.completions = vec![completion];
    call.parameters = object(json!({"temperature": 0.2}));
    call
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn log(at: u64, level: Level, message: &str) -> Log {
    Log {
        time: at,
        level,
        target: "research::plan".into(),
        message: message.into(),
        attributes: object(json!({"n": 1})),
    }
}

fn failed(mut span: Span, code: &str, details: &str) -> Span {
    span.status = Status::Error;
    span.error = Some(ErrorRecord {
        kind: span.kind.as_str().into(),
        code: code.into(),
        details: details.into(),
        rust_type: Some("std::io::Error".into()),
        chain: vec!["the network is down".into()],
        time: span.end.unwrap_or(span.start),
        ..ErrorRecord::default()
    });
    span
}

fn ended(spans: Vec<Span>) -> impl Iterator<Item = Event> {
    spans.into_iter().map(|span| match span.open {
        true => Event::SpanStarted(Box::new(span)),
        false => Event::SpanEnded(Box::new(span)),
    })
}

pub(crate) fn good() -> Vec<Event> {
    let mut root = span(GOOD, SpanKind::Session, "triage", (1, 0), (0, 2_100));
    root.logs
        .push(log(begin(GOOD) + 5_000_000, Level::Info, "begun"));
    root.tags = vec!["demo".into(), "prod".into()];
    let mut plan = span(GOOD, SpanKind::Agent, "planner", (2, 1), (1, 1_900));
    plan.agent = Some(agent("planner"));
    plan.input = Some(json!({"question": "refund?"}));
    plan.output = Some(json!("handbook"));
    plan.source = Some(Source {
        file: "src/plan.rs".into(),
        line: 32,
        function: "plan::planner".into(),
    });
    let mut chat = span(GOOD, SpanKind::Llm, "chat", (3, 2), (10, 1_200));
    chat.agent = Some(agent("planner"));
    chat.llm = Some(call("gpt-4o-mini", (1_204, 311), Some(12_300_001)));
    let mut grep = span(GOOD, SpanKind::Tool, "grep", (4, 2), (1_250, 1_400));
    grep.agent = Some(agent("planner"));
    grep.input = Some(json!({"pattern": "refund"}));
    grep.output = Some(json!(["handbook.md:7"]));
    grep.tool = Some(ToolCall {
        name: "grep".into(),
        cost: Some(1_000_000),
        ..ToolCall::default()
    });
    grep.logs
        .push(log(begin(GOOD) + 1_300_000_000, Level::Warn, "slow disk"));
    let mut told = facts(GOOD, "triage");
    told.end = root.end;
    told.end_state = Some(EndState::Success);
    told.tags = vec!["demo".into(), "prod".into()];
    told.user_id = Some("ada".into());
    told.attributes = object(json!({"deployment.environment.name": "staging", "retries": 0}));
    let mut events = vec![Event::Session(Box::new(told))];
    events.extend(ended(vec![root, plan, chat, grep]));
    events
}

pub(crate) fn bad() -> Vec<Event> {
    let mut root = span(BAD, SpanKind::Session, "refund-agent", (1, 0), (0, 48_000));
    root.tags = vec!["prod".into()];
    let mut first = span(BAD, SpanKind::Tool, "sql", (2, 1), (100, 30_100));
    first.agent = Some(agent("coder"));
    let mut second = span(BAD, SpanKind::Tool, "sql", (3, 1), (31_000, 47_000));
    second.agent = Some(agent("coder"));
    let mut chat = span(BAD, SpanKind::Llm, "chat", (4, 1), (30_200, 30_900));
    chat.agent = Some(agent("coder"));
    chat.llm = Some(call("made-up-model", (10, 5), None));
    let mut told = facts(BAD, "refund-agent");
    told.end = root.end;
    told.end_state = Some(EndState::Error);
    told.end_state_reason = Some("gave up".into());
    told.tags = vec!["prod".into()];
    let mut events = vec![Event::Session(Box::new(told))];
    events.extend(ended(vec![
        failed(root, "Timeout", "timeout after 48 s"),
        failed(first, "Timeout", "timeout after 30 s"),
        failed(second, "Timeout", "timeout after 16 s"),
        chat,
    ]));
    events
}

pub(crate) fn live() -> Vec<Event> {
    let mut root = span(LIVE, SpanKind::Session, "crawl", (1, 0), (0, 0));
    (root.open, root.end, root.status) = (true, None, Status::Unset);
    let step = span(LIVE, SpanKind::Operation, "fetch", (2, 1), (10, 20));
    let mut events = vec![Event::Session(Box::new(facts(LIVE, "crawl")))];
    events.extend(ended(vec![root, step]));
    events
}

fn lost() -> Vec<Event> {
    let mut root = span(LOST, SpanKind::Session, "nightly", (1, 0), (0, 0));
    (root.open, root.end, root.status) = (true, None, Status::Unset);
    let mut events = vec![Event::Session(Box::new(facts(LOST, "nightly")))];
    events.extend(ended(vec![root]));
    events.push(Event::Loss(Loss {
        time: begin(LOST),
        session: Some(LOST),
        cause: LossCause::RingFull,
        count: 3,
    }));
    events
}

pub(crate) fn foreign() -> Vec<Event> {
    let mut root = span(FOREIGN, SpanKind::Unknown, "GET /", (1, 0), (0, 12));
    root.agent = None;
    ended(vec![root]).collect()
}

/// Puts events into a store.
pub(crate) fn put(store: &Sqlite, project: &str, events: Vec<Event>) {
    let resource = resource(project);
    let batch = Batch {
        events: events
            .into_iter()
            .map(|event| (resource.clone(), event))
            .collect(),
        ..Batch::default()
    };
    store.commit(&batch).expect("it is taken in");
}

/// All of the sessions above.
pub(crate) fn all(store: &Sqlite) {
    put(store, "", good());
    put(store, "shop", bad());
    put(store, "", live());
    put(store, "", lost());
    put(store, "", foreign());
    let gone = Batch {
        lost: vec![LOST],
        ..Batch::default()
    };
    store.commit(&gone).expect("it is taken in");
}
