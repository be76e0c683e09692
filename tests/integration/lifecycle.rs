//! What lives how long, and where it belongs: traces as AgentOps spells them, spans by hand, places taken along, and
//! what is said and ended late.

use agentops::testing::capture;
use std::sync::mpsc;
use std::time::Duration;

use agentops::model::session::SessionState;
use agentops::model::span::Status;
use agentops::{
    EndState, Level, Session, SpanContext, SpanKind, current_span, end_trace, operation, span,
    start_session, start_trace,
};

use crate::harness::{draw, memory, record_async, recorded};

#[operation]
fn step(n: u32) -> u32 {
    n + 1
}

#[operation]
async fn wait(n: u32) -> u32 {
    tokio::task::yield_now().await;
    step(n)
}

/// AgentOps' documented example of concurrent traces, in our spelling:
///
/// ```python
/// agentops.init(auto_start_session=False)
/// trace_1 = agentops.start_trace("workflow_1")
/// trace_2 = agentops.start_trace("workflow_2")
///
/// # Work with both traces concurrently
/// agentops.end_trace(trace_1, "Success")
/// agentops.end_trace(trace_2, "Success")
/// ```
#[test]
fn concurrent_traces_do_what_agentops_says_of_them() {
    // `init` with `auto_start_session(false)`.
    memory();
    let trace_1 = start_trace("workflow_1");
    let trace_2 = start_trace("workflow_2");

    // Work with both traces concurrently: on threads, and on tasks that move between threads.
    let (one, two) = (trace_1, trace_2);
    let turns = std::thread::spawn(move || {
        for n in 0..10 {
            one.in_scope(|| step(n));
            two.in_scope(|| step(100 + n));
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime starts");
    runtime.block_on(async {
        let tasks: Vec<_> = (0..20)
            .flat_map(|n| [(one, 10 + n), (two, 110 + n)])
            .map(|(trace, n)| tokio::spawn(trace.run(wait(n))))
            .collect();
        for task in tasks {
            task.await.expect("it runs");
        }
    });
    turns.join().expect("it runs");
    // An orphan in between is nobody's: it has a session of its own.
    let orphan = std::thread::spawn(|| {
        let span = span("orphan").start();
        let session = span.context().session_id();
        step(1000);
        session
    });
    let orphan = orphan.join().expect("it runs").expect("it records");

    end_trace(&trace_1, EndState::Success);
    end_trace(&trace_2, EndState::Success);

    for (trace, name, first) in [(trace_1, "workflow_1", 0), (trace_2, "workflow_2", 100)] {
        let trace = recorded(trace.id().expect("it records"));
        let facts = &trace.session.facts;
        assert_eq!(
            (&*facts.name, facts.end_state),
            (name, Some(EndState::Success))
        );
        let mut steps: Vec<_> = trace
            .spans
            .iter()
            .filter(|span| span.name == "step")
            .map(|span| span.input.as_ref().and_then(|input| input["n"].as_u64()))
            .collect();
        steps.sort_unstable();
        let expected: Vec<_> = (first..first + 30).map(Some).collect();
        assert_eq!(steps, expected);
        // The session's own, a step for each turn, and two spans for each task.
        assert_eq!(trace.session.counts.spans, 1 + 10 + 40);
        assert_eq!(
            (trace.session.counts.open, trace.session.counts.dropped),
            (0, 0)
        );
    }
    assert_eq!(
        draw(&recorded(orphan)),
        "OPERATION step {\"n\":1000} -> 1001\n"
    );
}

#[test]
fn a_span_by_hand_says_all_that_an_annotated_function_does() {
    let trace = capture(|| {
        let first = span("first").start();
        let place = first.context();
        drop(first);
        let fetch = span("fetch")
            .kind(SpanKind::Tool)
            .input(serde_json::json!({"url": "https://example.org"}))
            .attribute("attempt", 1)
            .tag("slow")
            .link(place)
            .start();
        fetch.set_attribute("attempt", 2);
        fetch.log(Level::Warn, "slow");
        fetch.end_with([1, 2]);
        span("elsewhere").parent(place).in_scope(|| step(1));
        step(2);
        span("fails")
            .start()
            .fail(&"x".parse::<u8>().expect_err("it is no number"));
        span("gives up").start().fail_with("no luck");
        span("planner").kind(SpanKind::Agent).in_scope(|| step(3));
        let response = serde_json::json!({
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
        });
        span("ask")
            .kind(SpanKind::Llm)
            .input(serde_json::json!({
                "model": "gpt-4o-mini",
                "messages": [{"role": "user", "content": "hello"}]
            }))
            .start()
            .end_with(response);
    });
    let fetch = trace.span("fetch");
    assert_eq!(fetch.tags, ["slow"]);
    assert_eq!(fetch.links[0].span_id, trace.span("first").id);
    assert_eq!(fetch.tool.as_ref().map(|tool| &*tool.name), Some("fetch"));
    let call = trace.span("ask").llm.as_ref().expect("a model call");
    assert_eq!(
        (
            call.request_model.as_deref(),
            call.messages.len(),
            call.completions.len()
        ),
        (Some("gpt-4o-mini"), 1, 1)
    );
    let expected = r#"OPERATION first
  OPERATION elsewhere
    OPERATION step {"n":1} -> 2
TOOL fetch {"url":"https://example.org"} -> [1,2] attempt=2 [WARN slow]
OPERATION step {"n":2} -> 3
OPERATION fails ! ParseIntError: invalid digit found in string
OPERATION gives up ! str: no luck
AGENT planner
  OPERATION step {"n":3} -> 4
"#;
    assert!(draw(&trace).starts_with(expected), "{}", draw(&trace));
}

#[test]
fn a_span_by_hand_goes_along_with_futures() {
    let trace = record_async(async {
        let fetched = tokio::spawn(span("fetch").kind(SpanKind::Tool).instrument(wait(1)));
        assert_eq!(fetched.await.expect("it runs"), 2);
        // Dropped early.
        drop(span("given up").instrument(std::future::pending::<()>()));
        let talk = span("talk").input("hello").start_detached();
        assert_eq!(talk.run(wait(2)).await, 3);
        step(3);
        let talk = tokio::task::spawn_blocking(move || {
            talk.in_scope(|| step(4));
            talk
        });
        talk.await.expect("it runs").end_with("bye");
        span("fails").start_detached().fail_with("no luck");
        let panics = span("panics").start_detached();
        let task = tokio::task::spawn_blocking(move || {
            let _panics = panics;
            std::panic::panic_any(1_u8);
        });
        assert!(task.await.is_err());
    });
    let expected = r#"TOOL fetch
  OPERATION wait {"n":1} -> 2
    OPERATION step {"n":1} -> 2
OPERATION given up (cancelled)
OPERATION talk "hello" -> "bye"
  OPERATION wait {"n":2} -> 3
    OPERATION step {"n":2} -> 3
  OPERATION step {"n":4} -> 5
OPERATION step {"n":3} -> 4
OPERATION fails ! str: no luck
OPERATION panics ! panic: "#;
    assert!(draw(&trace).starts_with(expected), "{}", draw(&trace));
    assert!(trace.span("fetch").polls.is_some_and(|polls| polls >= 2));
}

/// Names beyond those that are kept for ever: each span carries its own.
#[test]
fn spans_with_an_id_in_their_name_keep_it() {
    let trace = capture(|| {
        for id in 0..1500 {
            span(format!("request {id}"))
                .kind(SpanKind::Tool)
                .in_scope(|| {
                    if id == 1400 {
                        span("inner 1400").start().fail_with("no luck");
                    }
                });
        }
    });
    let tools = trace
        .spans
        .iter()
        .filter(|span| span.kind == SpanKind::Tool);
    let names: Vec<_> = tools.map(|span| &*span.name).collect();
    let expected: Vec<_> = (0..1500).map(|id| format!("request {id}")).collect();
    assert_eq!(names, expected);
    let last = trace.span("request 1499");
    assert_eq!(
        last.tool.as_ref().map(|tool| &*tool.name),
        Some("request 1499")
    );
    assert_eq!(
        last.source.as_ref().map(|source| source.line),
        trace
            .span("request 0")
            .source
            .as_ref()
            .map(|source| source.line)
    );
    let error = trace.span("inner 1400").error.as_ref().expect("it failed");
    assert_eq!(error.span_trace, ["request 1400", "inner 1400"]);
}

#[test]
fn threads_and_closures_take_their_place_along() {
    let trace = capture(|| {
        span("outer").in_scope(|| {
            assert_eq!(agentops::spawn(|| step(1)).join().ok(), Some(2));
            std::thread::scope(|scope| {
                scope.spawn(agentops::in_current_span(|| step(2)));
            });
            // A job that goes through a channel to a worker, which is in no place of its own.
            let (give, take) = mpsc::channel::<Box<dyn FnOnce() -> u32 + Send>>();
            let worker = std::thread::spawn(move || {
                for job in take {
                    job();
                    assert_eq!(current_span().id(), None);
                }
            });
            give.send(Box::new(agentops::in_current_span(|| step(3))))
                .expect("the worker lives");
            drop(give);
            worker.join().expect("it runs");
            // What a parallel iterator does: many calls of one closure, on other threads.
            let each = agentops::each_in_current_span(step);
            std::thread::scope(|scope| {
                for n in 4..6 {
                    let each = &each;
                    scope.spawn(move || each(n)).join().expect("it runs");
                }
            });
            let place = current_span().context();
            std::thread::scope(|scope| {
                scope.spawn(|| place.in_scope(|| step(6)));
            });
        });
        step(7);
    });
    let expected = r#"OPERATION outer
  OPERATION step {"n":1} -> 2
  OPERATION step {"n":2} -> 3
  OPERATION step {"n":3} -> 4
  OPERATION step {"n":4} -> 5
  OPERATION step {"n":5} -> 6
  OPERATION step {"n":6} -> 7
OPERATION step {"n":7} -> 8
"#;
    assert_eq!(draw(&trace), expected);
}

#[test]
fn what_is_said_of_a_span_after_its_end_is_kept() {
    memory();
    let mut root = None;
    let trace = capture(|| {
        root = Some(current_span());
        let span = span("over").start();
        let handle = span.handle();
        span.set_attribute("early", true);
        drop(span);
        // Read together with the end, and long after it.
        handle.log(Level::Info, "just after");
        assert!(agentops::flush(Duration::from_secs(20)));
        std::thread::spawn(move || {
            handle.log(Level::Warn, "long after");
            handle.set_attribute("late", 1);
            handle.record_error_text("too late");
        })
        .join()
        .expect("it runs");
    });
    let over = trace.span("over");
    let logs: Vec<_> = over
        .logs
        .iter()
        .map(|log| (log.level, &*log.message))
        .collect();
    assert_eq!(
        logs,
        [
            (Level::Info, "just after"),
            (Level::Warn, "long after"),
            (Level::Info, "attribute late was set after the end"),
            (Level::Error, "str: too late"),
        ]
    );
    assert_eq!(over.logs[2].attributes["late"], 1);
    assert_eq!((over.status, over.attributes.len()), (Status::Ok, 1));
    // And of a session that is over.
    let root = root.expect("it ran");
    root.log(Level::Info, "the end");
    let trace = recorded(trace.session.facts.id);
    assert_eq!(trace.spans[0].logs[0].message, "the end");
    assert_eq!(trace.session.counts.dropped, 0);
}

#[test]
fn spans_that_outlive_their_session_are_open_until_they_end() {
    memory();
    let session = start_session("short");
    let id = session.id().expect("it records");
    let (late, place) = session.in_scope(|| {
        let late = span("late").start_detached();
        let place = late.context();
        (late, place)
    });
    session.end(EndState::Success);
    let trace = recorded(id);
    assert_eq!(
        (
            trace.session.state,
            trace.session.counts.open,
            trace.session.facts.end_state
        ),
        (SessionState::Ended, 1, Some(EndState::Success))
    );
    assert_eq!(draw(&trace), "OPERATION late (open)\n");
    let ended = trace.session.facts.end;
    // Spans may even start in it.
    place.in_scope(|| step(1));
    late.end_with("done");
    let trace = recorded(id);
    assert_eq!(
        draw(&trace),
        "OPERATION late -> \"done\"\n  OPERATION step {\"n\":1} -> 2\n"
    );
    assert_eq!(
        (trace.session.facts.end, trace.session.counts.open),
        (ended, 0)
    );
    assert!(trace.span("late").end > ended);
}

#[test]
fn a_session_is_used_from_many_threads_at_once() {
    memory();
    let session = start_session("shared");
    let id = session.id().expect("it records");
    let work = |session: &Session, n: u32| {
        session.in_scope(|| step(n));
        assert_eq!(current_span().session_id(), None);
    };
    std::thread::scope(|scope| {
        for n in 0..8 {
            let session = &session;
            scope.spawn(move || (0..50).for_each(|turn| work(session, n * 50 + turn)));
        }
    });
    // It ends on another thread than it started on.
    std::thread::spawn(move || session.end(EndState::Success))
        .join()
        .expect("it runs");
    let trace = recorded(id);
    assert_eq!(
        (trace.session.counts.spans, trace.session.counts.open),
        (401, 0)
    );
    let root = trace.spans[0].id;
    assert!(
        trace.spans[1..]
            .iter()
            .all(|span| span.parent_id == Some(root))
    );
}

/// Two thousand threads that end after one span each: rings, threads and sessions of all are used again.
#[test]
fn many_short_threads_lose_nothing() {
    let trace = capture(|| {
        let place: SpanContext = current_span().into();
        for _ in 0..500 {
            std::thread::scope(|scope| {
                for n in 0..4 {
                    scope.spawn(move || place.in_scope(|| step(n)));
                }
            });
        }
    });
    assert_eq!(
        (trace.session.counts.spans, trace.session.counts.dropped),
        (2000, 0)
    );
    let threads: std::collections::HashSet<_> = trace
        .spans
        .iter()
        .map(|span| span.thread.as_ref().map(|thread| thread.id))
        .collect();
    assert_eq!(threads.len(), 2000);
}
