//! Bursts of numbered spans, each counted in the spool after the program has ended, by a checker of its own.
//!
//! `tests/soak` runs the same programs with more spans, and measures them.

use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use agentops_tests::checker::{self, Report};

use crate::exits::Home;

fn soak(home: &Home, shape: &str, count: u64) -> Command {
    let mut command = home.program(env!("CARGO_BIN_EXE_soak"), shape);
    command.arg(count.to_string());
    command
}

fn counted(home: &Home) -> Report {
    checker::check(home.path()).expect("the spool can be read")
}

/// The value of a key in what the program said.
fn value(output: &Output, key: &str) -> String {
    let text = String::from_utf8(output.stdout.clone()).expect("it prints text");
    let mut pairs = text
        .split_whitespace()
        .filter_map(|pair| pair.split_once('='));
    let pair = pairs.find(|(found, _)| *found == key);
    pair.unwrap_or_else(|| panic!("no {key} in {text:?}"))
        .1
        .to_owned()
}

#[track_caller]
fn check(shape: &str, count: u64) {
    let home = Home::new(&format!("soak-{shape}"));
    let output = soak(&home, shape, count).output().expect("it runs");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    assert_eq!(value(&output, "flushed"), "true");
    let report = counted(&home);
    let numbered = !["bare", "seen"].contains(&shape);
    assert_eq!(report.faults(count, numbered), [""; 0], "{report}");
    assert_eq!(report.sessions.len(), 1);
    if ["seen", "tokio"].contains(&shape) {
        assert_eq!(value(&output, "ids"), format!("{:016x}", report.ids));
    }
}

#[test]
fn a_tight_loop_loses_nothing() {
    check("bare", 100_000);
    check("seen", 20_000);
    check("args", 100_000);
}

#[test]
fn a_closure_that_sleeps_loses_nothing() {
    check("redact", 50_000);
}

#[test]
fn eight_threads_lose_nothing() {
    check("threads", 80_000);
}

#[test]
fn threads_that_end_right_after_their_last_span_lose_nothing() {
    check("ends", 100);
    check("ends", 10_000);
}

#[test]
fn tasks_that_move_between_threads_lose_nothing() {
    check("tokio", 20_000);
}

#[test]
fn when_flush_has_returned_the_file_has_it_all() {
    let home = Home::new("soak-flush");
    let mut child = soak(&home, "threads", 40_000)
        .arg("--hold")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("it is piped"))
        .read_line(&mut line)
        .expect("it speaks");
    assert_eq!(line, "flushed=true\n");
    // The program waits, and has not been told to go on.
    let report = counted(&home);
    assert_eq!(report.faults(40_000, true), [""; 0], "{report}");
    let mut input = child.stdin.take().expect("it is piped");
    input.write_all(b"\n").expect("it listens");
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn processes_that_share_a_home_do_not_mix() {
    const EACH: u64 = 10_000;
    let home = Home::new("soak-shared");
    let spawn = |number: u64| {
        soak(&home, "args", EACH)
            .args(["--first", &(number * EACH).to_string()])
            .env("AGENTOPS_SERVICE_NAME", "the same")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs")
    };
    let mut children: Vec<_> = (0..8).map(spawn).collect();
    // Whoever reads meanwhile sees no more than is there, and harms nothing.
    let mut most = 0;
    while children
        .iter_mut()
        .any(|child| child.try_wait().expect("it can be asked").is_none())
    {
        let spans = spans_so_far(home.path());
        assert!(
            (most..=8 * EACH).contains(&spans),
            "{most} spans, and then {spans}"
        );
        most = spans;
    }
    for child in &mut children {
        assert!(child.wait().expect("it ends").success());
    }
    let report = counted(&home);
    assert_eq!(report.faults(8 * EACH, true), [""; 0], "{report}");
    let mut blocks: Vec<_> = report.sessions.into_values().collect();
    blocks.sort_by_key(|(_, lowest, _)| *lowest);
    let expected = (0..8).map(|number| (EACH, number * EACH, (number + 1) * EACH - 1));
    assert_eq!(blocks, expected.collect::<Vec<_>>());
}

/// Ended spans that our own reader finds, in files that are being written.
fn spans_so_far(home: &std::path::Path) -> u64 {
    use agentops::model::event::Event;
    use agentops::model::frame::Reader;
    let Ok(entries) = std::fs::read_dir(home.join("spool")) else {
        return 0;
    };
    let files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "agentops")
        })
        .collect();
    let spans = files.iter().map(|path| {
        let bytes = std::fs::read(path).expect("it can be read");
        // A file without its header is one that has just been made.
        let Ok(mut reader) = Reader::new(&bytes) else {
            return 0;
        };
        let work = |event: &Event| matches!(event, Event::SpanEnded(span) if span.name == "work");
        let spans = reader.by_ref().filter(work).count();
        assert_eq!(reader.damaged(), 0);
        spans as u64
    });
    spans.sum()
}
