//! What tests of this binary share: threads for futures, and one recorder with a memory for what no capture holds.

use std::sync::OnceLock;
use std::time::Duration;

use agentops::export::Memory;
use agentops::model::id::SessionId;
use agentops::model::trace::Trace;
use agentops::testing::{self, capture_async};

/// Runs a future on two threads, and gives what it recorded.
pub(crate) fn record_async(work: impl Future<Output = ()>) -> testing::Trace {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build();
    runtime
        .expect("a runtime starts")
        .block_on(capture_async(work))
}

/// The memory that everything in this process is recorded into, from the first call on: for sessions that stand outside
/// every capture.
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
            .expect("nobody else holds a guard");
        // It goes on until the process ends.
        std::mem::forget(guard);
        memory
    })
}

/// What has been recorded of a session.
pub(crate) fn recorded(session: SessionId) -> testing::Trace {
    let whole = agentops::flush(Duration::from_secs(20));
    let trace = memory().trace(session).expect("the session was recorded");
    assert!(
        whole,
        "a flush covers all; lost: {:?}",
        trace.session.losses
    );
    trace.into()
}

/// Everything below the session's own span, as captures draw it.
pub(crate) fn draw(trace: &Trace) -> String {
    let mut trace = trace.clone();
    let root = trace.session.facts.root;
    trace.spans.retain(|span| Some(span.id) != root);
    testing::Trace::from(trace).to_string()
}
