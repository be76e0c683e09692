//! Sessions: by attribute and by hand, how they end, what belongs to them.

use agentops::model::session::SessionState;
use agentops::testing::capture;
use agentops::{EndState, operation, session};

use crate::harness::{draw, memory, record_async, recorded};

#[operation]
fn step(n: u8) -> u8 {
    n + 1
}

#[session(tags = ["nightly"], name = "job")]
fn job(fail: bool) -> Result<(), String> {
    step(1);
    agentops::current_session().tag("late");
    agentops::current_session().attribute("size", 3);
    if fail { Err("no luck".into()) } else { Ok(()) }
}

#[test]
fn a_session_ends_as_its_function_does() {
    let good = capture(|| job(false));
    let facts = &good.session.facts;
    assert_eq!(
        (facts.end_state, facts.end_state_reason.as_deref()),
        (Some(EndState::Success), None)
    );
    assert_eq!(
        (&*facts.name, good.session.state),
        ("job", SessionState::Ended)
    );
    assert_eq!(facts.tags, ["nightly", "late"]);
    assert_eq!(facts.attributes["size"], 3);
    assert_eq!(facts.id.trace(), facts.trace_id);
    assert_eq!(facts.id.0 >> 76 & 0xf, 7, "a session's id is a UUID v7");
    assert_eq!(facts.root, Some(good.spans[0].id));
    let expected = r#"SESSION job {"fail":false} -> null
  OPERATION step {"n":1} -> 2
"#;
    assert_eq!(good.to_string(), expected);
    assert_eq!(good.session.counts.spans, 2);
    assert_eq!(good.session.agents, ["default"]);
    assert!(good.session.host.hostname.is_some() && good.session.host.rustc.is_some());

    let bad = capture(|| job(true));
    assert_eq!(bad.session.facts.end_state, Some(EndState::Error));
    assert_eq!(
        bad.session.facts.end_state_reason.as_deref(),
        Some("no luck")
    );
    let expected = r#"SESSION job {"fail":true} ! String: no luck
  OPERATION step {"n":1} -> 2
"#;
    assert_eq!(bad.to_string(), expected);
}

#[test]
fn two_sessions_by_hand_go_on_at_once_and_end_in_any_order() {
    let trace = capture(|| {
        let first = agentops::start_session("first")
            .user("u1")
            .conversation("c")
            .video("https://video.example/1");
        let second = agentops::start_session("second").tag("b");
        second.in_scope(|| step(2));
        first.in_scope(|| {
            step(1);
            second.in_scope(|| step(3));
            step(4);
        });
        first.end_with_reason(EndState::Error, "given up");
        second.in_scope(|| step(5));
        drop(second);
    });
    let expected = r#"SESSION first ! Error: given up
  OPERATION step {"n":1} -> 2
  OPERATION step {"n":4} -> 5
SESSION second
  OPERATION step {"n":2} -> 3
  OPERATION step {"n":3} -> 4
  OPERATION step {"n":5} -> 6
"#;
    assert_eq!(trace.to_string(), expected);
    let facts = &trace.nested[0].session.facts;
    assert_eq!(
        (facts.end_state, facts.end_state_reason.as_deref()),
        (Some(EndState::Error), Some("given up"))
    );
    assert_eq!(
        (facts.user_id.as_deref(), facts.conversation_id.as_deref()),
        (Some("u1"), Some("c"))
    );
    assert_eq!(facts.video.as_deref(), Some("https://video.example/1"));
    let facts = &trace.nested[1].session.facts;
    assert_eq!(
        (facts.end_state, facts.end_state_reason.as_deref()),
        (Some(EndState::Indeterminate), Some("dropped"))
    );
}

#[test]
fn a_session_inside_a_session_is_one_of_its_own() {
    let outer = capture(|| {
        let session = agentops::start_session("outer");
        session.in_scope(|| job(false)).expect("it succeeds");
        session.end(EndState::Success);
    });
    let [inner] = &outer.nested[..] else {
        panic!("one session within")
    };
    assert_eq!(
        inner.session.facts.parent_session_id,
        Some(outer.session.facts.id)
    );
    assert_eq!(inner.spans[0].links[0].span_id, outer.spans[0].id);
    assert_eq!(inner.spans[0].parent_id, None);
    assert_eq!((outer.spans.len(), inner.spans.len()), (1, 2));
}

#[test]
fn without_an_automatic_session_an_orphan_has_one_of_its_own() {
    memory();
    let before: Vec<_> = memory()
        .traces()
        .iter()
        .map(|trace| trace.session.facts.id)
        .collect();
    let seen = std::thread::spawn(|| {
        let span = agentops::span("orphan of this test").start();
        let id = agentops::current_span().session_id().expect("it records");
        step(1);
        drop(span);
        assert_eq!(agentops::current_span().session_id(), None);
        id
    });
    let id = seen.join().expect("it runs");
    assert!(!before.contains(&id));
    let trace = recorded(id);
    assert_eq!(trace.session.facts.name, "orphan of this test");
    assert_eq!(trace.session.facts.end_state, Some(EndState::Success));
    assert_eq!(draw(&trace), "OPERATION step {\"n\":1} -> 2\n");
}

#[test]
fn a_second_init_is_an_error_and_changes_nothing() {
    memory();
    let error = agentops::init().expect_err("it was initialised before");
    assert!(error.is_already_initialised());
    assert_eq!(
        capture(|| step(1)).to_string(),
        "OPERATION step {\"n\":1} -> 2\n"
    );
}

/// Records when it is dropped.
struct OnDrop;

impl Drop for OnDrop {
    fn drop(&mut self) {
        step(9);
    }
}

#[test]
fn a_future_that_runs_in_a_session_is_dropped_in_it() {
    let trace = capture(|| {
        let session = agentops::start_session("tenant");
        let mut work = Box::pin(session.run(async {
            let _on_drop = OnDrop;
            std::future::pending::<()>().await;
        }));
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(work.as_mut().poll(&mut task).is_pending());
        drop(work);
        session.end(EndState::Success);
    });
    let expected = r#"SESSION tenant
  OPERATION step {"n":9} -> 10
"#;
    assert_eq!(trace.to_string(), expected);
}

#[test]
fn spans_that_end_in_any_order_leave_no_wrong_parent() {
    let trace = capture(|| {
        let spans: Vec<_> = ["a", "b", "c", "d"]
            .map(|name| agentops::span(name).start())
            .into();
        // a, c, b, d: two of them while one within is still current.
        let [a, b, c, d] = spans.try_into().expect("four spans");
        drop(a);
        drop(c);
        drop(b);
        step(1);
        drop(d);
        step(2);
    });
    let expected = r#"OPERATION a
  OPERATION b
    OPERATION c
      OPERATION d
        OPERATION step {"n":1} -> 2
OPERATION step {"n":2} -> 3
"#;
    assert_eq!(trace.to_string(), expected);
}

#[test]
fn spans_by_hand_held_across_awaits_leave_nothing_behind() {
    let trace = record_async(async {
        for _ in 0..200 {
            let span = agentops::span("held").start();
            tokio::task::yield_now().await;
            drop(span);
        }
        agentops::span("after").in_scope(|| ());
        step(1);
    });
    let expected = "OPERATION held\n".repeat(200) + "OPERATION after\nOPERATION step\n";
    assert_eq!(trace.outline(), expected);
}

/// A guard that outlives the session it was made in, and one that ends while another place is current.
#[test]
fn an_ended_span_is_not_current_again_after_another_session() {
    let trace = capture(|| {
        let a = agentops::span("a").start();
        let inner = agentops::start_session("inner");
        inner.in_scope(|| drop(a));
        inner.end(EndState::Success);
        step(1);
    });
    let expected = r#"OPERATION a
  SESSION inner
OPERATION step {"n":1} -> 2
"#;
    assert_eq!(trace.to_string(), expected);
}
