//! Captures: what a test ran is in its trace, all of it, and nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use agentops::model::session::SessionState;
use agentops::testing::{Trace, capture, capture_async, capture_with, capture_with_async};
use agentops::{EndState, operation, prelude::*, session, tool};

#[tool]
fn add(a: u8, b: u8) -> u8 {
    a + b
}

#[session(tags = ["nightly"])]
fn job(n: u8) -> u8 {
    add(n, 1)
}

#[operation]
async fn later(n: u8) -> u8 {
    tokio::task::yield_now().await;
    add(n, 2)
}

#[track_caller]
fn check(trace: &Trace, expected: &str) {
    assert_eq!(trace.to_string(), expected);
}

#[test]
fn bare_spans_are_in_a_session_of_the_captures_own() {
    let (sum, trace) = capture_with(|| add(1, 2) + add(3, 4));
    assert_eq!(sum, 10);
    check(
        &trace,
        r#"TOOL add {"a":1,"b":2} -> 3
TOOL add {"a":3,"b":4} -> 7
"#,
    );
    let facts = &trace.session.facts;
    assert_eq!(
        (&*facts.name, facts.end_state),
        ("capture", Some(EndState::Success))
    );
    assert_eq!(trace.session.counts.spans, 2);
    assert_eq!((trace.spans.len(), trace.totals.len()), (2, 2));
}

#[test]
fn nothing_leaves_an_empty_trace() {
    let trace = capture(|| ());
    assert!(trace.spans.is_empty() && trace.nested.is_empty());
    check(&trace, "");
}

#[test]
fn a_session_alone_is_the_trace() {
    let trace = capture(|| job(1));
    check(
        &trace,
        r#"SESSION job {"n":1} -> 2
  TOOL add {"a":1,"b":1} -> 2
"#,
    );
    let facts = &trace.session.facts;
    assert_eq!(
        (&*facts.name, facts.tags.join(" ")),
        ("job", "nightly".into())
    );
    assert_eq!(facts.parent_session_id, None);
    assert!(
        trace.spans[0].links.is_empty(),
        "{:?}",
        trace.spans[0].links
    );
}

#[test]
fn sessions_stand_where_they_were_opened() {
    #[operation]
    fn twice() {
        job(1);
        add(5, 5);
        job(2);
    }
    let trace = capture(|| {
        job(0);
        twice();
    });
    check(
        &trace,
        r#"SESSION job {"n":0} -> 1
  TOOL add {"a":0,"b":1} -> 1
OPERATION twice
  SESSION job {"n":1} -> 2
    TOOL add {"a":1,"b":1} -> 2
  TOOL add {"a":5,"b":5} -> 10
  SESSION job {"n":2} -> 3
    TOOL add {"a":2,"b":1} -> 3
"#,
    );
    let nested = &trace.nested;
    let inputs: Vec<_> = nested
        .iter()
        .map(|job| &job.spans[0].input.as_ref().expect("it has one")["n"])
        .collect();
    assert_eq!(inputs, [0, 1, 2]);
    check(
        &nested[2],
        r#"SESSION job {"n":2} -> 3
  TOOL add {"a":2,"b":1} -> 3
"#,
    );
}

#[test]
fn what_is_said_of_the_capture_itself_is_kept() {
    let trace = capture(|| {
        agentops::current_span().log(agentops::Level::Info, "by the way");
        agentops::current_span().set_attribute("k", [1]);
        add(1, 1);
    });
    check(
        &trace,
        r#"SESSION capture k=[1] [INFO by the way]
  TOOL add {"a":1,"b":1} -> 2
"#,
    );
    let trace = capture(|| {
        agentops::current_session().tag("mine");
        job(1)
    });
    assert_eq!(
        (
            &*trace.session.facts.name,
            trace.session.facts.tags.join(" ")
        ),
        ("capture", "mine".into())
    );
    assert_eq!(trace.nested.len(), 1);
}

#[test]
fn a_capture_within_a_capture_belongs_to_both() {
    let (inner, outer) = capture_with(|| {
        add(1, 1);
        let inner = capture(|| add(2, 2));
        add(3, 3);
        inner
    });
    check(&inner, "TOOL add {\"a\":2,\"b\":2} -> 4\n");
    check(
        &outer,
        r#"TOOL add {"a":1,"b":1} -> 2
SESSION capture
  TOOL add {"a":2,"b":2} -> 4
TOOL add {"a":3,"b":3} -> 6
"#,
    );
}

/// Opens a session, and in it the next one.
fn chain(left: u8) {
    let session = agentops::start_session(format!("level {left}"));
    session.in_scope(|| {
        if left > 0 {
            chain(left - 1);
        }
    });
    session.end(EndState::Success);
}

#[test]
fn sessions_in_sessions_are_nested_as_deep_as_they_go() {
    let mut trace = &capture(|| chain(50));
    let lines = trace.outline();
    assert_eq!(
        lines.lines().last(),
        Some(&*format!("{:100}SESSION level 0", ""))
    );
    for level in (0..=50).rev() {
        assert_eq!(trace.session.facts.name, format!("level {level}"));
        assert_eq!(trace.nested.len(), usize::from(level > 0));
        trace = trace.nested.first().unwrap_or(trace);
    }
}

#[test]
fn what_a_result_records_when_it_is_dropped_is_in_it() {
    struct OnDrop;
    impl Drop for OnDrop {
        fn drop(&mut self) {
            add(9, 9);
        }
    }
    let expected = "TOOL add {\"a\":9,\"b\":9} -> 18\n";
    check(&capture(|| OnDrop), expected);
    check(
        &crate::harness::record_async(async { drop(OnDrop) }),
        expected,
    );
    let (kept, trace) = capture_with(|| OnDrop);
    check(&trace, "");
    drop(kept);
}

#[test]
fn errors_do_not_know_of_the_capture() {
    #[tool]
    fn refuse() -> Result<(), String> {
        Err("no".into())
    }
    let trace = capture(refuse);
    check(&trace, "TOOL refuse ! String: no\n");
    let error = trace.span("refuse").error.as_ref().expect("it failed");
    assert_eq!(error.span_trace, ["refuse"]);
    assert_eq!(trace.session.facts.end_state, Some(EndState::Success));
}

#[test]
fn threads_belong_to_the_capture_whose_place_they_have() {
    let trace = capture(|| {
        let place = agentops::current_span().context();
        std::thread::scope(|scope| {
            scope.spawn(move || place.in_scope(|| add(1, 1)));
            // Its place was left behind.
            scope.spawn(|| add(2, 2));
        });
    });
    check(&trace, "TOOL add {\"a\":1,\"b\":1} -> 2\n");
}

#[test]
fn parallel_captures_have_nothing_of_one_another() {
    std::thread::scope(|scope| {
        for n in 0..8 {
            scope.spawn(move || {
                for turn in 0..20 {
                    let trace = capture(|| {
                        job(n);
                        add(n, turn);
                    });
                    let sums = (n + 1, n + turn);
                    let expected = format!(
                        "SESSION job {{\"n\":{n}}} -> {0}\n  TOOL add {{\"a\":{n},\"b\":1}} -> {0}\nTOOL add {{\"a\":{n},\"b\":{turn}}} -> {1}\n",
                        sums.0, sums.1
                    );
                    check(&trace, &expected);
                }
            });
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn futures_are_captured_wherever_they_are_polled() {
    let (sum, trace) = capture_with_async(async {
        let task = tokio::spawn(later(1).in_current_span());
        let lost = tokio::spawn(later(9));
        let sum = task.await.expect("it runs") + later(2).await;
        lost.await.expect("it runs");
        sum
    })
    .await;
    assert_eq!(sum, 7);
    assert_eq!(trace.outline(), "OPERATION later\n  TOOL add\n".repeat(2));
    assert_eq!(
        (trace.session.counts.spans, trace.session.counts.open),
        (4, 0)
    );
}

#[tokio::test]
async fn what_goes_on_is_open_and_what_was_given_up_is_cancelled() {
    let mut task = None;
    let trace = capture_async(async {
        let (started, begun) = tokio::sync::oneshot::channel();
        task = Some(tokio::spawn(
            waits(started, std::future::pending()).in_current_span(),
        ));
        begun.await.expect("it begins");
        tokio::select! {
            biased;
            () = waits(tokio::sync::oneshot::channel().0, std::future::pending()) => {}
            () = std::future::ready(()) => {}
        }
    })
    .await;
    check(
        &trace,
        "OPERATION waits (open)\nOPERATION waits (cancelled)\n",
    );
    task.expect("it was spawned").abort();
}

#[operation(skip_all)]
async fn waits(started: tokio::sync::oneshot::Sender<()>, forever: std::future::Pending<()>) {
    let _ = started.send(());
    forever.await;
}

#[test]
fn a_handle_left_open_is_shown_open() {
    let (handle, trace) = capture_with(|| agentops::start_session("left"));
    check(&trace, "SESSION left (open)\n");
    assert_eq!(trace.session.state, SessionState::Running);
    drop(handle);
}

#[test]
fn a_panic_goes_on_once_it_is_recorded() {
    let outer = capture(|| {
        let payload = catch_unwind(AssertUnwindSafe(|| capture(|| panic!("no"))));
        assert_eq!(payload.expect_err("it panics").downcast_ref(), Some(&"no"));
        add(1, 1);
    });
    assert_eq!(
        outer.nested[0].session.facts.end_state,
        Some(EndState::Error)
    );
    assert_eq!(
        outer.outline(),
        "SESSION capture ! Error\nTOOL add\n",
        "{outer}"
    );
    // The thread is where it was.
    check(&capture(|| add(1, 1)), "TOOL add {\"a\":1,\"b\":1} -> 2\n");
}

#[test]
fn a_span_is_found_by_its_name() {
    let trace = capture(|| {
        job(4);
        add(1, 2);
        later_by_hand();
    });
    assert_eq!(trace.span("by hand").output, Some("done".into()));
    assert_eq!(
        trace.span("job").input.as_ref().map(|input| &input["n"]),
        Some(&4.into())
    );
    for (name, message) in [
        ("add", "more than one span is called"),
        ("sub", "no span is called"),
    ] {
        let panic =
            catch_unwind(AssertUnwindSafe(|| trace.span(name).id)).expect_err("it has no answer");
        let text = panic.downcast_ref::<String>().expect("it says so");
        assert!(
            text.starts_with(message) && text.ends_with(&trace.outline()),
            "{text}"
        );
    }
}

fn later_by_hand() {
    agentops::span("by hand").start().end_with("done");
}

/// In a process of its own: there the recorder is the captures', until a guard comes, and after it has gone.
#[test]
fn captures_need_no_recorder_and_leave_a_guard_what_is_its() {
    let home = std::env::temp_dir().join(format!("agentops-captures-{}", std::process::id()));
    for what in ["alone", "beside_guards", "under_a_guard"] {
        let output = Command::new(env!("CARGO_BIN_EXE_captures"))
            .arg(what)
            .env("AGENTOPS_HOME", &home)
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && output.stdout.is_empty(),
            "{what}: {said}"
        );
        assert_eq!(said, "", "{what}");
        assert!(!home.exists(), "{what}");
    }
}
