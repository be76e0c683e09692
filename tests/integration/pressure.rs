//! Exporters that do not keep up: nothing is lost while there is room anywhere, and nothing without being counted.

use std::process::Command;

use crate::exits::{Home, read};

#[track_caller]
fn check(case: &str, expected: &str) -> Home {
    let home = Home::new(case);
    let output = Command::new(env!("CARGO_BIN_EXE_pressure"))
        .arg(case)
        .env("AGENTOPS_HOME", home.path())
        .output()
        .expect("it runs");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
    assert_eq!(out, expected, "{err}");
    home
}

#[test]
fn a_hanging_exporter_costs_nobody_anything() {
    let home = check(
        "hangs",
        "200001 spans elsewhere\nkept: true\n200001 spans, {}\n",
    );
    let left = std::fs::read_dir(home.path().join("overflow")).expect("it was used");
    assert_eq!(left.count(), 0);
}

#[test]
fn without_room_anywhere_what_is_left_is_whole_in_itself() {
    check(
        "no-room",
        "kept: false\nkept since: true\n21 sessions\nspans lost: true, without content: true\n",
    );
}

#[test]
fn dropping_is_a_choice() {
    check("drops", "kept: false\n4 sessions\n");
}

#[test]
fn a_program_ends_while_an_exporter_hangs() {
    let home = check("ends", "done\n");
    let traces = read(home.path());
    let [trace] = &traces[..] else {
        panic!("{} traces", traces.len())
    };
    assert_eq!(
        (trace.session.counts.spans, trace.session.counts.dropped),
        (1001, 0)
    );
}
