//! Homes that cannot be written to, that fill up, that go away, and files that are damaged: the program runs on as it
//! would have, says so once, and nothing is lost that could be kept.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use agentops_tests::checker;

use crate::command::agentops;
use crate::exits::Home;

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");
const SOAK: &str = env!("CARGO_BIN_EXE_soak");

/// The same exit code and the same output as with a good home, and one line that says what is wrong.
#[track_caller]
fn check(mut command: Command, expected: &str) {
    let output = command.arg("fails").output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"failed: three is too many\n");
    let warning = String::from_utf8(output.stderr).expect("it prints text");
    assert!(
        warning.starts_with(expected) && warning.ends_with("; recording goes on in memory\n"),
        "{warning}"
    );
    assert_eq!(warning.lines().count(), 1, "{warning}");
}

#[test]
fn no_home_is_known() {
    let mut command = Command::new(VICTIM);
    ["AGENTOPS_HOME", "HOME", "XDG_DATA_HOME", "LOCALAPPDATA"]
        .iter()
        .for_each(|variable| _ = command.env_remove(variable));
    check(
        command,
        "agentops: cannot write: no home directory is known; set AGENTOPS_HOME",
    );
}

#[test]
fn the_home_cannot_be_made() {
    let file = Home::new("homes-below-a-file");
    fs::write(file.path(), "a file").expect("it can be written");
    let home = file.path().join("home");
    let mut command = Command::new(VICTIM);
    command.env("AGENTOPS_HOME", &home);
    check(
        command,
        &format!("agentops: cannot write to {}: ", home.display()),
    );
    fs::remove_file(file.path()).expect("it is there");
}

#[cfg(unix)]
#[test]
fn the_home_is_read_only() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new("homes-read-only");
    fs::create_dir_all(home.path()).expect("it can be made");
    let mode = |mode| {
        fs::set_permissions(home.path(), fs::Permissions::from_mode(mode))
            .expect("it is ours to set");
    };
    mode(0o555);
    // Permissions are nothing to root; the kernel's own directories are closed to everybody.
    let closed = if fs::create_dir(home.path().join("probe")).is_ok() {
        Path::new("/proc")
    } else {
        home.path()
    };
    let mut command = Command::new(VICTIM);
    command.env("AGENTOPS_HOME", closed);
    check(
        command,
        &format!("agentops: cannot write to {}: ", closed.display()),
    );
    mode(0o755);
}

/// A program that has recorded and flushed, and goes on when it is told to.
struct Held {
    child: Child,
    flushed: bool,
}

impl Held {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .arg("--hold")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("it is piped"))
            .read_line(&mut line)
            .expect("it speaks");
        let flushed = match &*line {
            "flushed=true\n" => true,
            "flushed=false\n" => false,
            other => panic!("{other:?}"),
        };
        Self { child, flushed }
    }

    /// What it prints to stderr until its end.
    fn end(mut self) -> String {
        let mut input = self.child.stdin.take().expect("it is piped");
        input.write_all(b"\n").expect("it listens");
        let output = self.child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("it prints text")
    }
}

fn soak(home: &Home, count: u64) -> Command {
    let mut command = home.program(SOAK, "args");
    command.arg(count.to_string());
    command
}

#[track_caller]
fn check_whole(home: &Home, count: u64) {
    let report = checker::check(home.path()).expect("the spool can be read");
    assert_eq!(report.faults(count, true), [""; 0], "{report}");
}

#[test]
fn what_memory_kept_is_written_when_there_is_a_home_again() {
    let home = Home::new("homes-later");
    fs::write(home.path(), "in the way").expect("it can be written");
    let held = Held::start(soak(&home, 10_000));
    assert!(!held.flushed, "there is nowhere to write to");
    fs::remove_file(home.path()).expect("it is there");
    let warnings = held.end();
    assert_eq!(warnings.lines().count(), 1, "{warnings}");
    check_whole(&home, 10_000);
}

/// The disk is full where a file may not grow: the limit is the process's own, and can be lifted from outside.
#[cfg(target_os = "linux")]
#[test]
fn what_memory_kept_is_written_when_the_disk_has_room_again() {
    let home = Home::new("homes-full");
    let mut command = Command::new("sh");
    command
        // Without the trap the signal would end the program, which a full disk does not.
        .args(["-c", "trap '' XFSZ; ulimit -S -f 4000; exec \"$0\" \"$@\""])
        .args([SOAK, "args", "40000"])
        .env("AGENTOPS_HOME", home.path());
    let held = Held::start(command);
    assert!(!held.flushed, "not all of it fits");
    let report = checker::check(home.path()).expect("the spool can be read");
    assert!(report.spans > 0 && report.spans < 40_000, "{report}");
    assert_eq!(
        (report.torn, report.damaged),
        (0, 0),
        "a full disk tears nothing"
    );
    let lifted = Command::new("prlimit")
        .args(["--fsize=unlimited", "--pid", &held.child.id().to_string()])
        .status();
    assert!(lifted.expect("prlimit runs").success());
    let warnings = held.end();
    assert!(
        warnings.starts_with("agentops: cannot write to ") && warnings.lines().count() == 1,
        "{warnings}"
    );
    check_whole(&home, 40_000);
}

#[cfg(unix)]
#[test]
fn a_home_that_is_removed_is_made_again() {
    let home = Home::new("homes-removed");
    let held = Held::start(soak(&home, 100));
    assert!(held.flushed);
    fs::remove_dir_all(home.path()).expect("it is there");
    assert_eq!(held.end(), "");
    // What was in it is gone with it; what followed is there: the session's end.
    let (sessions, _) = agentops(home.path(), &["sessions", "--json"]);
    let session = &sessions["sessions"][0];
    assert_eq!(
        (&session["name"], &session["state"]),
        (&"soak".into(), &"ended".into())
    );
}

fn the_file(home: &Home) -> PathBuf {
    let spool = fs::read_dir(home.path().join("spool")).expect("there is a spool");
    let mut files = spool.flatten().map(|entry| entry.path());
    files.next().expect("there is a file")
}

#[test]
fn spans_that_a_damaged_piece_takes_along_are_counted() {
    const SPANS: u64 = 50;
    let home = Home::new("homes-damaged");
    assert!(
        soak(&home, SPANS)
            .output()
            .expect("it runs")
            .status
            .success()
    );
    let path = the_file(&home);
    let whole = fs::read(&path).expect("it can be read");
    for text in ["gen_ai.agent.name", "code.function.name"] {
        let mut bytes = whole.clone();
        let at = position(&bytes, text).expect("a piece has it");
        bytes[at] ^= 0xff;
        fs::write(&path, bytes).expect("it can be written");
        // What was taken in from the file before is none of this one's.
        for file in ["agentops.db", "agentops.db-wal", "agentops.db-shm"] {
            _ = fs::remove_file(home.path().join(file));
        }
        let (session, warnings) = agentops(home.path(), &["show", "last", "--json"]);
        let there = session["spans"].as_array().expect("it has spans").len() as u64;
        let dropped = session["counts"]["dropped"].as_u64().expect("a number");
        assert!(dropped >= SPANS, "{text}: {dropped}");
        assert_eq!(there + dropped, SPANS + 1, "{text}: {warnings}");
        // The piece itself, the spans, and what was written of some of them before they ended.
        let damaged = warnings.split(" damaged records").next();
        let damaged = damaged.and_then(|text| text.rsplit(' ').next()?.parse::<u64>().ok());
        assert!(
            damaged.is_some_and(|damaged| (dropped + 1..=2 * dropped + 1).contains(&damaged)),
            "{text}: {warnings}"
        );
    }
}

fn position(bytes: &[u8], text: &str) -> Option<usize> {
    bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes())
}

#[test]
fn a_file_of_a_newer_format_stays_as_it_is() {
    let home = Home::new("homes-newer");
    let spool = home.path().join("spool");
    fs::create_dir_all(&spool).expect("it can be made");
    let newer: &Path = &spool.join("soak-1-1-0.agentops");
    fs::write(newer, b"AGENTOPS\x02\0\0\0whatever it holds then").expect("it can be written");
    let mut command = soak(&home, 1000);
    // However little room there is: what cannot be counted is not removed.
    command.env("AGENTOPS_SPOOL_LIMIT", "1");
    assert!(command.output().expect("it runs").status.success());
    let (_, warnings) = agentops(home.path(), &["show", "last", "--json"]);
    assert!(
        warnings.contains("a newer agentops wrote it (format 2"),
        "{warnings}"
    );
    assert!(
        fs::read(newer)
            .expect("it is there")
            .ends_with(b"whatever it holds then")
    );
}

#[test]
fn what_goes_to_keep_the_limit_is_told() {
    let home = Home::new("homes-limit");
    for first in [0_u64, 4000, 8000] {
        let mut command = soak(&home, 4000);
        command
            .args(["--first", &first.to_string()])
            .env("AGENTOPS_SPOOL_LIMIT", "1M");
        let output = command.output().expect("it runs");
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
    }
    let report = checker::check(home.path()).expect("the spool can be read");
    assert!(report.told >= 4000, "{report}");
    assert_eq!(
        report.spans + report.own + report.told,
        12_000 + 3,
        "{report}"
    );
    let (sessions, notes) = agentops(home.path(), &["sessions", "--json"]);
    let text = format!("{} spans of older sessions removed", grouped(report.told));
    assert!(notes.contains(&text), "{notes}");
    let all = sessions["sessions"].as_array().expect("a list");
    assert!(all.iter().all(|session| session["counts"]["dropped"] == 0));
}

/// As the command writes numbers.
fn grouped(number: u64) -> String {
    agentops::model::tree::text::plural(number, "span")
        .split(" span")
        .next()
        .unwrap_or_default()
        .to_owned()
}
