//! One recorder for all tests of this binary, a session for each, and a way to write a trace down.

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use agentops::export::Memory;
use agentops::model::id::SpanId;
use agentops::model::span::{Span, Status};
use agentops::model::trace::Trace;
use agentops::{EndState, start_session};

/// The memory that everything in this process is recorded into.
pub(crate) fn memory() -> &'static Memory {
    static MEMORY: OnceLock<Memory> = OnceLock::new();
    MEMORY.get_or_init(|| {
        let memory = Memory::new();
        let builder = agentops::builder()
            .exporter(memory.clone())
            .exporter(crate::redaction::Leaving)
            .service_name("tests");
        let guard = builder
            .auto_start_session(false)
            .init()
            .expect("nothing records yet");
        // Recording goes on until the process ends.
        std::mem::forget(guard);
        memory
    })
}

/// Runs `work` in a session of its own, and gives what it recorded.
pub(crate) fn record(work: impl FnOnce()) -> Trace {
    memory();
    let session = start_session("test");
    let id = session.id().expect("it records");
    session.in_scope(work);
    session.end(EndState::Success);
    recorded(id)
}

/// Runs a future in a session of its own on two threads, and gives what it recorded.
pub(crate) fn record_async(work: impl Future<Output = ()>) -> Trace {
    memory();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build();
    let runtime = runtime.expect("a runtime starts");
    let session = start_session("test");
    let id = session.id().expect("it records");
    runtime.block_on(session.run(work));
    session.end(EndState::Success);
    recorded(id)
}

/// What has been recorded of a session.
pub(crate) fn recorded(session: agentops::model::id::SessionId) -> Trace {
    let whole = agentops::flush(Duration::from_secs(20));
    let trace = memory().trace(session).expect("the session was recorded");
    assert!(
        whole,
        "a flush covers all; lost: {:?}",
        trace.session.losses
    );
    trace
}

/// Everything below the session's own span, one line each:
/// `TOOL grep @agent {input} -> output {attributes} ! code: details`.
pub(crate) fn draw(trace: &Trace) -> String {
    let mut text = String::new();
    for span in &trace.spans {
        let depth = depth(trace, span);
        if depth > 0 {
            let _ = writeln!(
                text,
                "{:indent$}{}",
                "",
                line(span),
                indent = (depth - 1) * 2
            );
        }
    }
    text
}

fn depth(trace: &Trace, span: &Span) -> usize {
    let mut depth = 0;
    let mut parent = span.parent_id;
    while let Some(above) = parent.and_then(|id| find(trace, id)) {
        depth += 1;
        parent = above.parent_id;
    }
    depth
}

fn find(trace: &Trace, id: SpanId) -> Option<&Span> {
    trace.spans.iter().find(|span| span.id == id)
}

fn line(span: &Span) -> String {
    let mut line = format!("{} {}", span.kind, span.name);
    if let Some(agent) = span.agent.as_ref().filter(|agent| agent.name != "default") {
        let _ = write!(line, " @{}", agent.name);
    }
    if let Some(input) = &span.input {
        let _ = write!(line, " {input}");
    }
    if let Some(output) = &span.output {
        let _ = write!(line, " -> {output}");
    }
    if !span.attributes.is_empty() {
        let _ = write!(
            line,
            " {:?}",
            serde_json::Value::Object(span.attributes.clone()).to_string()
        );
    }
    for log in &span.logs {
        let _ = write!(line, " [{} {}]", log.level, log.message);
    }
    if let Some(error) = &span.error {
        let _ = write!(line, " ! {}: {}", error.code, error.details);
    }
    match (span.status, span.cancelled, span.open) {
        (_, _, true) => line += " (open)",
        (_, true, _) => line += " (cancelled)",
        (Status::Unset, false, false) => line += " (unset)",
        _ => {}
    }
    line
}

/// The one span of this name.
pub(crate) fn the<'a>(trace: &'a Trace, name: &str) -> &'a Span {
    let mut named = trace.spans.iter().filter(|span| span.name == name);
    let span = named
        .next()
        .unwrap_or_else(|| panic!("no span {name:?} in\n{}", draw(trace)));
    assert!(
        named.next().is_none(),
        "more than one span {name:?} in\n{}",
        draw(trace)
    );
    span
}
