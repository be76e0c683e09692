//! Ways for a program to end, and what its spool says of each: read back with the format's own reader.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use agentops::model::frame::Reader;
use agentops::model::trace::{Trace, Traces};
use agentops::{EndState, SpanKind};

use crate::harness::draw;

/// A home that is removed when the test is over.
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn new(name: &str) -> Self {
        let home =
            std::env::temp_dir().join(format!("agentops-exits-{name}-{}", std::process::id()));
        // Left behind by a run that was killed.
        let _ = std::fs::remove_dir_all(&home);
        Self(home)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn command(&self, case: &str) -> Command {
        self.program(env!("CARGO_BIN_EXE_victim"), case)
    }

    pub(crate) fn program(&self, path: &str, case: &str) -> Command {
        let mut command = self.command_of(path);
        command.arg(case);
        command
    }

    pub(crate) fn command_of(&self, path: &str) -> Command {
        let mut command = Command::new(path);
        command
            .env("AGENTOPS_HOME", &self.0)
            .env_remove("RUST_BACKTRACE");
        command
    }

    pub(crate) fn run(&self, case: &str) -> (i32, String, String) {
        let output = self.command(case).output().expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
        (
            output.status.code().unwrap_or(-1),
            text(output.stdout),
            text(output.stderr),
        )
    }

    pub(crate) fn traces(&self) -> Vec<Trace> {
        traces_of(&self.files())
    }

    fn files(&self) -> Vec<PathBuf> {
        files(&self.0)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The spool files of a home, oldest first.
fn files(home: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(home.join("spool")).expect("there is a spool");
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let spool = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "agentops")
    };
    let mut files: Vec<_> = paths.filter(spool).collect();
    files.sort();
    files
}

pub(crate) fn read(home: &Path) -> Vec<Trace> {
    traces_of(&files(home))
}

fn traces_of(files: &[PathBuf]) -> Vec<Trace> {
    let mut traces = Traces::default();
    for path in files {
        let bytes = std::fs::read(path).expect("it can be read");
        let mut reader = Reader::new(&bytes).expect("it is a spool file");
        let events: Vec<_> = reader.by_ref().collect();
        assert_eq!((reader.damaged(), reader.tail()), (0, None));
        let resource = reader.resource().expect("it says who wrote it").clone();
        events
            .into_iter()
            .for_each(|event| traces.apply(&resource, event));
    }
    let mut traces = traces.finish();
    traces.reverse();
    traces
}

fn end(trace: &Trace) -> (Option<EndState>, Option<&str>) {
    (
        trace.session.facts.end_state,
        trace.session.facts.end_state_reason.as_deref(),
    )
}

#[test]
fn what_runs_outside_any_session_shares_the_automatic_one() {
    let home = Home::new("orphans");
    assert_eq!(
        home.run("orphans"),
        (0, "orphans done\n".into(), String::new())
    );
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_eq!(
        (end(trace), &*trace.session.facts.name),
        ((Some(EndState::Success), None), "victim")
    );
    assert_eq!(trace.session.facts.tags, ["script"]);
    assert_eq!(
        draw(trace),
        "TOOL step {\"n\":1} -> 1\nTOOL step {\"n\":2} -> 2\n"
    );
}

#[test]
fn a_program_that_fails_keeps_its_exit_code_and_its_reason() {
    let home = Home::new("fails");
    assert_eq!(
        home.run("fails"),
        (1, "failed: three is too many\n".into(), String::new())
    );
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_eq!(
        end(trace),
        (Some(EndState::Error), Some("three is too many"))
    );
    assert!(draw(trace).ends_with("TOOL step {\"n\":3} ! String: three is too many\n"));
}

#[test]
fn a_program_that_panics_ends_its_session() {
    let home = Home::new("panics");
    let (code, _, stderr) = home.run("panics");
    assert_eq!(code, 101);
    assert!(
        stderr.contains("on purpose") && !stderr.contains("agentops"),
        "{stderr}"
    );
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_eq!(
        end(trace),
        (Some(EndState::Error), Some("panicked: on purpose"))
    );
    assert_eq!(draw(trace), "OPERATION explode ! panic: on purpose\n");
}

#[test]
fn an_exit_in_the_middle_keeps_what_was_flushed() {
    let home = Home::new("exits");
    assert_eq!(home.run("exits").0, 7);
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_eq!(end(trace), (Some(EndState::Success), None));
    assert_eq!(trace.session.counts.spans, 3);
}

#[test]
fn after_the_guard_nothing_is_recorded() {
    let home = Home::new("drops");
    assert_eq!(home.run("drops"), (0, "drops done\n".into(), String::new()));
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_eq!(trace.session.counts.spans, 3);
    assert!(
        !std::fs::read_dir(home.0.join("spool"))
            .expect("there is a spool")
            .flatten()
            .any(|entry| {
                entry
                    .path()
                    .extension()
                    .is_some_and(|extension| extension == "lock")
            })
    );
}

#[test]
fn what_comes_after_the_end_opens_no_other_session() {
    let home = Home::new("late");
    assert_eq!(home.run("late"), (0, "late done\n".into(), String::new()));
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_eq!(end(trace), (Some(EndState::Success), None));
}

#[test]
fn a_killed_program_leaves_what_it_had_begun() {
    let home = Home::new("hangs");
    let mut child = home
        .command("hangs")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped"))
        .read_line(&mut line)
        .expect("it speaks");
    assert_eq!(line, "ready\n");
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_eq!(end(trace), (None, None));
    assert_eq!(
        draw(trace),
        "TOOL step {\"n\":1} -> 1\nOPERATION still open (open)\n"
    );
    assert_eq!(trace.session.counts.open, 2);
}

#[test]
fn a_home_that_cannot_be_written_changes_nothing_but_one_line() {
    let home = Home::new("unwritable");
    std::fs::write(&home.0, "a file where a directory should be").expect("it can be written");
    let (code, stdout, stderr) = home.run("fails");
    assert_eq!((code, &*stdout), (1, "failed: three is too many\n"));
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("agentops: cannot write to "), "{stderr}");
    std::fs::remove_file(&home.0).expect("it is there");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_what_was_recorded() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new("modes");
    home.run("fails");
    let mode = |path: &Path| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode(&home.0), mode(&home.0.join("spool"))), (0o700, 0o700));
    for file in std::fs::read_dir(home.0.join("spool"))
        .expect("there is a spool")
        .flatten()
    {
        assert_eq!(mode(&file.path()), 0o600);
    }
}

const WHOLE: &str = env!("CARGO_BIN_EXE_whole_program");
const NAMELESS: &str = env!("CARGO_BIN_EXE_nameless");

#[test]
fn main_s_result_ends_the_automatic_session() {
    for (number, state, reason) in [
        ("7", EndState::Success, None),
        (
            "seven",
            EndState::Error,
            Some("invalid digit found in string"),
        ),
    ] {
        let home = Home::new(&format!("main-{number}"));
        let output = home.program(WHOLE, number).output().expect("it runs");
        assert_eq!(output.status.success(), reason.is_none());
        let stderr = String::from_utf8(output.stderr).expect("it prints text");
        assert!(
            !stderr.contains("recorded"),
            "the last line is for terminals: {stderr}"
        );
        let [trace] = &home.traces()[..] else {
            panic!("one session")
        };
        assert_eq!(end(trace), (Some(state), reason));
        assert_eq!(
            (&*trace.session.facts.name, &trace.session.facts.tags[..]),
            ("the program", &["cli".to_owned()][..])
        );
        assert_eq!(draw(trace), "TOOL step {\"n\":1} -> 2\n");
        let session = trace
            .spans
            .iter()
            .find(|span| span.kind == SpanKind::Session);
        let error = session.and_then(|span| span.error.as_ref());
        assert_eq!(
            error.map(|error| (&*error.code, &*error.details)),
            reason.map(|reason| ("ParseIntError", reason))
        );
    }
}

#[test]
fn a_program_s_session_is_called_what_code_says_then_the_environment_then_the_crate() {
    for (case, program, variable, expected) in [
        ("code", WHOLE, "from outside", "the program"),
        ("environment", NAMELESS, "from outside", "from outside"),
        ("crate", NAMELESS, "", "nameless"),
    ] {
        let home = Home::new(&format!("named-by-{case}"));
        home.program(program, "7")
            .env("AGENTOPS_TRACE_NAME", variable)
            .env("AGENTOPS_SERVICE_NAME", "a service")
            .output()
            .expect("it runs");
        let [trace] = &home.traces()[..] else {
            panic!("one session")
        };
        assert_eq!(trace.session.facts.name, expected);
    }
}

const EXIT_CODE: &str = env!("CARGO_BIN_EXE_exit_code");

#[test]
fn an_exit_code_that_main_returns_ends_the_automatic_session() {
    for (code, state, reason) in [
        ("0", EndState::Success, None),
        ("3", EndState::Error, Some("exit code 3")),
    ] {
        let home = Home::new(&format!("exit-code-{code}"));
        let output = home.program(EXIT_CODE, code).output().expect("it runs");
        assert_eq!(output.status.code(), code.parse().ok());
        let [trace] = &home.traces()[..] else {
            panic!("one session")
        };
        assert_eq!(end(trace), (Some(state), reason));
        assert_eq!(
            draw(trace),
            format!("TOOL step {{\"n\":{code}}} -> {code}\n")
        );
    }
}

#[test]
fn process_exit_keeps_what_was_flushed_and_loses_the_end() {
    let home = Home::new("process-exit");
    let output = home
        .program(EXIT_CODE, "exits")
        .arg("9")
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(9));
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    // The reader adds `Indeterminate: process ended`, for the file's lock is free.
    assert_eq!(end(trace), (None, None));
    assert!(draw(trace).starts_with("TOOL step {\"n\":1} -> 1\n"));
}

#[test]
fn what_is_open_goes_on_in_the_next_run_of_the_recorder() {
    let home = Home::new("twice");
    assert_eq!(home.run("twice"), (0, "twice done\n".into(), String::new()));
    let [held, over, gone] = &home.traces()[..] else {
        panic!("three sessions")
    };
    let dropped = (Some(EndState::Indeterminate), Some("dropped"));
    assert_eq!((end(gone), end(over)), (dropped, dropped));
    assert_eq!(draw(over), "TOOL step {\"n\":7} -> 7\n");
    assert_eq!(end(held), (Some(EndState::Success), None));
    assert_eq!(held.session.facts.tags, ["kept"]);
    let expected = "OPERATION detached -> \"late\"
AGENT planner
  TOOL step {\"n\":6} -> 6
TOOL step {\"n\":1} -> 1
TOOL step {\"n\":4} -> 4
TOOL step {\"n\":5} -> 5
";
    assert_eq!(draw(held), expected);
    assert_eq!(
        (held.session.counts.open, held.session.counts.dropped),
        (0, 0)
    );
    // The second run's own file says of itself all that is needed to read it.
    let [_, second] = &home.files()[..] else {
        panic!("a file for each run")
    };
    let [held, over] = &traces_of(std::slice::from_ref(second))[..] else {
        panic!("two sessions")
    };
    let dropped = (Some(EndState::Indeterminate), Some("dropped"));
    assert_eq!(
        (end(over), end(held)),
        (dropped, (Some(EndState::Success), None))
    );
    assert_eq!(held.session.facts.name, "held");
    assert_eq!(held.session.counts.spans, 6);
}

#[test]
fn nothing_is_lost_where_recording_stops_and_starts_under_load() {
    let home = Home::new("cycles");
    let (code, stdout, stderr) = home.run("cycles");
    assert_eq!((code, &*stderr), (0, ""));
    let recorded: u64 = stdout
        .lines()
        .next()
        .and_then(|line| line.parse().ok())
        .expect("it says how many");
    let traces = home.traces();
    assert_eq!((traces.len(), home.files().len()), (3, 9));
    let mut spans = 0;
    for trace in &traces {
        assert_eq!(end(trace), (Some(EndState::Success), None));
        let counts = &trace.session.counts;
        assert_eq!((counts.open, counts.dropped), (0, 0));
        spans += counts.spans - 1;
    }
    assert_eq!(spans, recorded);
}

#[test]
fn a_span_outside_every_trace_joins_the_only_one_and_neither_of_two() {
    let home = Home::new("traces");
    assert_eq!(
        home.run("traces"),
        (0, "traces done\n".into(), String::new())
    );
    let traces = home.traces();
    let seen: Vec<_> = traces
        .iter()
        .map(|trace| {
            let facts = &trace.session.facts;
            let spans = &trace.spans[1..];
            let steps: Vec<_> = spans
                .iter()
                .map(|span| {
                    (
                        span.input
                            .as_ref()
                            .map_or(0, |input| input["n"].as_i64().unwrap_or(0)),
                        span.adopted,
                    )
                })
                .collect();
            (
                &*facts.name,
                end(trace).0,
                facts.tags.join(","),
                facts.attributes.get("trace.metadata.customer").cloned(),
                steps,
            )
        })
        .collect();
    let (success, error) = (Some(EndState::Success), Some(EndState::Error));
    let tags = |tags: &str| tags.to_owned();
    assert_eq!(
        seen,
        [
            (
                "first",
                success,
                tags("one,a,b"),
                Some("ann".into()),
                vec![(1, true)]
            ),
            (
                "second",
                error,
                tags(""),
                Some("bob".into()),
                vec![(20, false), (21, true)]
            ),
            (
                "automatic",
                success,
                tags(""),
                None,
                vec![(10, false), (11, false)]
            ),
            ("third", error, tags(""), None, vec![]),
        ]
    );
}

#[test]
fn a_trace_that_nobody_ends_ends_with_the_recorder() {
    let home = Home::new("forgets");
    assert_eq!(home.run("forgets").0, 0);
    let traces = home.traces();
    let ends: Vec<_> = traces
        .iter()
        .map(|trace| (&*trace.session.facts.name, end(trace)))
        .collect();
    let shutdown = (Some(EndState::Indeterminate), Some("shutdown"));
    assert_eq!(ends, [("forgotten", shutdown), ("leaked", (None, None))]);
}

#[test]
fn main_is_a_session_from_the_start() {
    let home = Home::new("early");
    let output = home.program(WHOLE, "early").output().expect("it runs");
    assert!(!output.status.success());
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    let reason = "cannot parse integer from empty string";
    assert_eq!(end(trace), (Some(EndState::Error), Some(reason)));
    assert_eq!(trace.session.facts.tags, ["cli", "early"]);
    assert_eq!(trace.spans[0].attributes["size"], 3);
    assert_eq!(trace.session.counts.spans, 1);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_session_and_then_the_program() {
    use std::os::unix::process::ExitStatusExt;
    for (signal, number, reason) in [("INT", 2, "SIGINT"), ("TERM", 15, "SIGTERM")] {
        let home = Home::new(&format!("signal-{signal}"));
        let mut child = home
            .program(WHOLE, "waits")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped"))
            .read_line(&mut line)
            .expect("it speaks");
        let kill = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(kill.success());
        assert_eq!(child.wait().expect("it ends").signal(), Some(number));
        let [trace] = &home.traces()[..] else {
            panic!("one session")
        };
        assert_eq!(end(trace), (Some(EndState::Indeterminate), Some(reason)));
        assert_eq!(draw(trace), "TOOL step {\"n\":1} -> 2\n");
    }
}
