//! Recorders that start again by other rules, while something goes on, or in a fork: nothing leaks, hangs or is mixed up.

use crate::exits::Home;

#[track_caller]
fn check(case: &str) {
    let home = Home::new(&format!("restarts-{case}"));
    let mut command = home.program(env!("CARGO_BIN_EXE_restarts"), case);
    let output = command.output().expect("it runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The rules of the run that is going on hold for all that its exporters get, whoever said it.
#[test]
fn what_is_still_open_is_redacted_by_the_rules_of_the_next_run() {
    for case in [
        "sites_two_runs",
        "names_two_runs",
        "notes_two_runs",
        "session_two_runs",
        "content_two_runs",
        "thread_two_runs",
    ] {
        check(case);
    }
}

#[test]
fn what_is_open_in_a_capture_is_redacted_by_the_rules_of_the_guard() {
    for case in [
        "sites_after_capture",
        "notes_after_capture",
        "thread_after_capture",
    ] {
        check(case);
    }
}

#[test]
fn a_code_that_is_taken_from_a_message_is_content() {
    check("error_code");
}

#[test]
fn what_is_said_after_the_end_is_kept_over_runs() {
    check("late_attribute");
}

#[test]
fn a_session_that_ends_elsewhere_is_taken_off_the_list() {
    check("wrong_session");
}

#[test]
fn a_serialize_that_breaks_the_rules_takes_nothing_that_stands_beside_it() {
    check("odd_serialize");
}

#[test]
fn panics_of_others_are_not_those_of_spans() {
    check("init_in_panic");
    check("detached_amid_panic");
}

#[cfg(target_os = "linux")]
#[test]
fn a_fork_that_starts_recording_does_not_hang() {
    check("fork_init");
}
