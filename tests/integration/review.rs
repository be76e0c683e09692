//! What a review found: each case is a program of its own that tries to break recording, and what it has to say.

use std::process::Command;

use agentops::operation;

use crate::harness::{draw, record, record_async, the};

/// What `probe CASE` printed.
fn probe(case: &str) -> String {
    let home = std::env::temp_dir().join(format!("agentops-review-{case}-{}", std::process::id()));
    let output = Command::new(env!("CARGO_BIN_EXE_probe"))
        .arg(case)
        .env("AGENTOPS_HOME", &home)
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("it runs");
    let _ = std::fs::remove_dir_all(&home);
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    text(output.stdout) + &text(output.stderr)
}

#[operation]
fn leaf() {}

#[test]
fn spans_that_end_out_of_order_leave_no_wrong_parent() {
    let trace = record(|| {
        let a = agentops::span("a").start();
        let b = agentops::span("b").start();
        drop(a);
        drop(b);
        leaf();
    });
    assert_eq!(
        the(&trace, "leaf").parent_id,
        the(&trace, "test").id.some(),
        "{}",
        draw(&trace)
    );
}

#[operation(capture_return = false)]
async fn told(from: u8) {
    for n in 0..20 {
        agentops::current_span().set_attribute(format!("n{n}"), from);
        tokio::task::yield_now().await;
    }
}

#[test]
fn what_a_task_says_on_another_thread_is_kept() {
    let trace = record_async(async {
        let mut tasks = Vec::new();
        let place = agentops::current_span().context();
        for n in 0..200 {
            tasks.push(tokio::spawn(below(place, n)));
        }
        for task in tasks {
            task.await.expect("it runs");
        }
    });
    let told: Vec<_> = trace
        .spans
        .iter()
        .filter(|span| span.name == "told")
        .collect();
    assert_eq!(told.len(), 200);
    let lost: usize = told.iter().map(|span| 20 - span.attributes.len()).sum();
    assert_eq!(lost, 0, "attributes were lost of {} calls", told.len());
}

#[operation(skip_all, parent = place)]
async fn below(place: agentops::SpanContext, n: u8) {
    let _ = place;
    told(n).await;
}

#[test]
fn what_a_scoped_thread_says_of_a_span_is_kept() {
    let trace = record(|| {
        for _ in 0..50 {
            let span = agentops::span("noted").start();
            let current = agentops::current_span();
            std::thread::scope(|scope| {
                scope.spawn(move || current.set_attribute("said", 1));
            });
            drop(span);
        }
    });
    let kept = trace
        .spans
        .iter()
        .filter(|span| span.attributes.contains_key("said"));
    assert_eq!(kept.count(), 50);
}

#[test]
fn a_flush_says_what_was_lost() {
    let said = probe("slow");
    assert!(
        said.contains("kept 1000001 of") || said.contains("flush said false"),
        "{said}"
    );
}

#[test]
fn nobody_waits_for_an_exporter_that_panicked() {
    let said = probe("panicking_exporter");
    assert!(!said.contains("after 5."), "{said}");
}

#[test]
fn a_guard_that_is_dropped_ends_the_only_automatic_session() {
    let said = probe("second_automatic");
    assert!(!said.contains("false"), "{said}");
}

#[test]
fn an_agents_name_may_come_from_its_own_method() {
    let said = probe("agent_recursion");
    assert!(!said.contains("overflowed its stack"), "{said}");
}

#[test]
fn destructors_of_a_thread_may_say_something() {
    for case in ["tls0", "tls1", "tls2"] {
        let said = probe(case);
        assert!(said.contains("thread ended: true"), "{case}: {said}");
    }
    let said = probe("tls3");
    assert!(said.contains("reason in a destructor"), "{said}");
}

#[test]
fn a_panic_that_is_caught_around_a_poll_is_an_error() {
    let said = probe("poll_panic_caught");
    assert!(said.contains("in poll\"))"), "{said}");
}

#[test]
fn a_value_that_panics_never_reaches_the_caller() {
    let said = probe("end_with_panic");
    assert!(
        said.contains("end_with panicked the host: false")
            && said.contains("log panicked the host: false"),
        "{said}"
    );
}

#[test]
fn a_flush_may_be_asked_to_wait_for_ever() {
    let said = probe("flush_max");
    assert!(said.contains("true"), "{said}");
}

#[test]
fn a_future_dropped_in_a_session_is_dropped_in_its_place() {
    let said = probe("in_place_drop");
    let strangers = said
        .lines()
        .filter(|line| line.contains("parent=None"))
        .count();
    assert_eq!(strangers, 1, "{said}");
}

#[test]
fn what_is_captured_after_the_first_value_is_ignored() {
    let said = probe("greedy");
    assert!(said.contains(r#""b": Number(7)"#), "{said}");
    assert!(said.contains(r#""usage": Number(2)"#), "{said}");
}

#[test]
fn a_session_opened_by_an_exporter_takes_nobody_in() {
    let said = probe("muted_session");
    assert!(said.contains("(expected 11): spans=11"), "{said}");
}

#[test]
fn a_log_that_comes_after_its_span_is_kept() {
    let said = probe("log_after_end");
    assert!(said.contains("losses={}"), "{said}");
}

#[test]
fn a_session_held_over_two_runs_loses_nothing() {
    let said = probe("rerun");
    assert!(
        said.contains("spans=6") && said.contains("losses={}"),
        "{said}"
    );
}

#[test]
fn a_spool_among_exporters_finds_its_home() {
    let said = probe("spool_new");
    assert!(said.contains("flush true"), "{said}");
    let said = probe("spool_order");
    assert!(said.contains("home used: true"), "{said}");
}

#[test]
fn long_values_do_not_starve_recorders() {
    let said = probe("starved");
    assert!(said.contains("losses={}"), "{said}");
}

#[test]
fn memory_is_bounded_when_values_are_long() {
    let said = probe("boxed_memory");
    let kib = said
        .split("recorded hwm ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let kib: u64 = kib
        .and_then(|kib| kib.parse().ok())
        .expect("it says how much");
    assert!(kib < 64 * 1024, "{said}");
}

#[test]
fn memory_is_bounded_when_sessions_come_and_go() {
    let said = probe("sessions_memory");
    let kib = said
        .rsplit("hwm ")
        .next()
        .and_then(|rest| rest.split(' ').next());
    let kib: u64 = kib
        .and_then(|kib| kib.parse().ok())
        .expect("it says how much");
    assert!(kib < 64 * 1024, "{said}");
}
