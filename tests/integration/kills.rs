//! `kill -9` at random moments, and what is in the spool afterwards.
//!
//! `tests/kill --runs 200` does it more often; how often is in `AGENTOPS_TEST_KILLS`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agentops_tests::checker;
use agentops_tests::payload::mix;

use crate::command::agentops;
use crate::exits::Home;

/// In the median run nothing older than this is missing.
const MEDIAN: u64 = 100_000_000;
/// In no run anything older than this.
const ALL: u64 = 1_000_000_000;
/// Victims at a time: they sleep most of theirs.
const AT_A_TIME: u64 = 4;

#[test]
fn a_kill_costs_a_moment() {
    let runs = std::env::var("AGENTOPS_TEST_KILLS").map_or(20, |runs| {
        runs.parse().expect("AGENTOPS_TEST_KILLS is a number")
    });
    let missing = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for first in 0..AT_A_TIME {
            let missing = &missing;
            scope.spawn(move || {
                for run in (first..runs).step_by(AT_A_TIME as usize) {
                    let age = kill(run);
                    missing.lock().expect("nobody panicked").push(age);
                }
            });
        }
    });
    let mut missing = missing.into_inner().expect("nobody panicked");
    missing.sort_unstable();
    let (median, worst) = (missing[missing.len() / 2], missing[missing.len() - 1]);
    let ms = |nanos: u64| nanos as f64 / 1e6;
    let _ = writeln!(
        io::stdout(),
        "{runs} kills: the oldest span that is missing is {:.1} ms old in the median run, {:.1} ms in the worst",
        ms(median),
        ms(worst)
    );
    assert!(median < MEDIAN && worst < ALL, "{missing:?}");
}

/// One run: how long before the kill the oldest span ended that is missing, in nanoseconds; 0 where none is.
fn kill(run: u64) -> u64 {
    let home = Home::new(&format!("kill-{run}"));
    fs::create_dir_all(home.path()).expect("it can be made");
    let mut command = home.command_of(env!("CARGO_BIN_EXE_told"));
    let mut child = command
        .arg(home.path())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    thread::sleep(Duration::from_millis(250 + mix(run) % 1350));
    let killed = now();
    child.kill().expect("it can be killed");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");

    let report = checker::check(home.path()).expect("the spool can be read");
    assert_eq!(
        (report.duplicates, report.wrong, report.told, report.damaged),
        (0, 0, 0, 0),
        "{report}"
    );
    let (sessions, _) = agentops(home.path(), &["sessions", "--json"]);
    let session = &sessions["sessions"][0];
    assert_eq!(
        (&session["state"], &session["end_state_reason"]),
        (&"lost".into(), &"process ended".into())
    );
    let numbers = read_back(home.path(), report.torn);
    let told: Vec<_> = (0..2).map(|thread| told(home.path(), thread)).collect();
    let most = told.iter().flatten().map(|(n, _)| *n).max().unwrap_or(0);
    let checked: BTreeSet<u64> = (0..=most).filter(|n| report.numbers.contains(*n)).collect();
    assert_eq!(numbers, checked);
    assert!(
        most > 0 && report.numbers.len() == checked.len() as u64,
        "{report}"
    );

    // A span has ended by the time that the next one of its thread is told.
    let ended = told.iter().flat_map(|told| told.windows(2));
    let missing = ended.filter(|pair| !report.numbers.contains(pair[0].0));
    let oldest = missing.map(|pair| pair[1].1).min();
    oldest.map_or(0, |ended| killed.saturating_sub(ended))
}

/// The numbers that the command shows. It says how much of a file was torn.
fn read_back(home: &Path, torn: u64) -> BTreeSet<u64> {
    let (session, warnings) = agentops(home, &["show", "last", "--json"]);
    assert_eq!(session["counts"]["dropped"], 0);
    let told = warnings.contains(&format!("its last {torn} bytes were skipped"));
    assert_eq!(
        (told, warnings.is_empty()),
        (torn > 0, torn == 0),
        "{warnings}"
    );
    let spans = session["spans"].as_array().expect("it has spans");
    let ended = spans.iter().filter(|span| span["open"] == false);
    ended
        .filter_map(|span| span["input"]["n"].as_u64())
        .collect()
}

/// What a thread of the victim told, in order: numbers, each with the time before it was recorded.
fn told(home: &Path, thread: u64) -> Vec<(u64, u64)> {
    let text = fs::read_to_string(home.join(format!("told-{thread}"))).unwrap_or_default();
    let lines = text.lines().map(|line| {
        let (n, time) = line.split_once(' ').expect("a line is whole");
        (n.parse().expect("a number"), time.parse().expect("a time"))
    });
    lines.collect()
}

fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_nanos() as u64
}

#[test]
fn a_torn_tail_is_reported_and_costs_nothing_before_it() {
    let home = Home::new("kill-torn");
    let mut command = home.program(env!("CARGO_BIN_EXE_soak"), "args");
    assert!(
        command
            .arg("50")
            .output()
            .expect("it runs")
            .status
            .success()
    );
    let spool = home.path().join("spool");
    let file = fs::read_dir(spool)
        .expect("there is a spool")
        .flatten()
        .next();
    let file = file.expect("there is a file").path();
    let bytes = fs::read(&file).expect("it can be read");
    let whole = checker::check(home.path())
        .expect("the spool can be read")
        .frames;
    for cut in [1, 8, 9, 30] {
        fs::write(&file, &bytes[..bytes.len() - cut]).expect("it can be written");
        let report = checker::check(home.path()).expect("the spool can be read");
        assert_eq!((report.frames, report.torn > 0), (whole - 1, true));
        // The session's end is what was torn off.
        assert_eq!(read_back(home.path(), report.torn), (0..50).collect());
    }
}
