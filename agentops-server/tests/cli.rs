//! The command from outside: whole answers of the real binary, over homes that hold what a recorder writes.
//!
//! Homes are made of frames by the model that recorder and command share. In what is compared, `~` is the home.

use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use agentops_core::model::agent::AgentRef;
use agentops_core::model::error::ErrorRecord;
use agentops_core::model::event::Resource;
use agentops_core::model::frame::{self, Kind};
use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::llm::{LlmCall, Usage};
use agentops_core::model::session::{EndState, Host, SessionFacts};
use agentops_core::model::span::{Level, Log, Span, SpanKind, Status, Thread};
use agentops_core::model::wire;
use serde_json::{Map, Value, json};

#[cfg(target_os = "linux")]
#[path = "cli/closed.rs"]
mod closed;
#[path = "cli/served.rs"]
mod served;
#[path = "cli/shape.rs"]
mod shape;

/// 2026-11-22T05:00:00Z
const START: u64 = 1_795_323_600_000_000_000;
const RUN: SessionId = SessionId(0x019c_6b1e_6f2a_7c3d_9b41_5d0f_6a7e_8c90);
const OTHER: SessionId = SessionId(0x019c_6b1f_0000_7000_8000_0000_0000_8c90);

/// A data directory of its own for each test; gone when the test succeeds.
struct Home(PathBuf);

impl Home {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("spool")).expect("a home");
        Self(path)
    }

    /// Writes a spool file.
    fn spool(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join("spool").join(format!("{name}.agentops"));
        fs::write(&path, bytes).expect("a spool file");
        path
    }

    fn run(&self, args: &[&str]) -> Answer {
        self.run_with(&[("AGENTOPS_HOME", &self.0)], args)
    }

    fn run_with(&self, env: &[(&str, &Path)], args: &[&str]) -> Answer {
        self.answer(command().envs(env.iter().copied()).args(args))
    }

    fn answer(&self, command: &mut Command) -> Answer {
        let output = command.output().expect("agentops runs");
        let text = |bytes| {
            let text = String::from_utf8(bytes).expect("UTF-8");
            text.replace(&self.0.display().to_string(), "~")
        };
        Answer {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Answer {
    /// Compares the whole answer: exit code, then stdout, then stderr below a line of dashes if there is any.
    #[track_caller]
    fn is(&self, code: i32, expected: &str) {
        let err = if self.err.is_empty() {
            String::new()
        } else {
            format!("-----\n{}", self.err)
        };
        assert_eq!(format!("\n{}{err}", self.out), expected);
        assert_eq!(self.code, Some(code));
    }
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentops"));
    command.env_clear().env("COLUMNS", "80");
    command
}

/// A spool file, frame by frame.
struct Spool(Vec<u8>);

impl Spool {
    fn new() -> Self {
        let mut bytes = Vec::new();
        frame::header(&mut bytes);
        let host = Host {
            os: Some("linux".into()),
            cpu_count: Some(2),
            ..Host::default()
        };
        let resource = Resource {
            service: "research".into(),
            pid: Some(7),
            host,
            ..Resource::default()
        };
        Self(bytes).frame(Kind::Resource, &wire::encode_resource(&resource))
    }

    fn frame(mut self, kind: Kind, payload: &[u8]) -> Self {
        frame::append(&mut self.0, kind, &[payload]).expect("a short frame");
        self
    }

    fn facts(self, facts: &SessionFacts) -> Self {
        self.frame(Kind::Session, &wire::encode_facts(facts))
    }

    fn span(mut self, span: &Span) -> Self {
        let kind = if span.open { Kind::Pending } else { Kind::Span };
        frame::append_span(&mut self.0, kind, &[], &wire::encode_span(span))
            .expect("a short frame");
        self
    }
}

fn facts(id: SessionId, name: &str, start: u64) -> SessionFacts {
    SessionFacts {
        id,
        trace_id: id.trace(),
        root: Some(SpanId(1)),
        name: name.into(),
        start,
        ..SessionFacts::default()
    }
}

fn ended(mut facts: SessionFacts, after: u64, state: EndState) -> SessionFacts {
    facts.end = Some(facts.start + after);
    facts.end_state = Some(state);
    facts
}

fn span(
    session: SessionId,
    kind: SpanKind,
    name: &str,
    id: u64,
    parent: u64,
    from: u64,
    to: u64,
) -> Span {
    Span {
        id: SpanId(id),
        parent_id: SpanId(parent).some(),
        session_id: session,
        trace_id: session.trace(),
        agent: Some(AgentRef {
            id: "a1".into(),
            name: match kind {
                SpanKind::Session => "default".into(),
                _ => "planner".into(),
            },
            role: None,
            model: None,
        }),
        name: name.into(),
        kind,
        status: Status::Ok,
        cancelled: false,
        open: false,
        adopted: false,
        start: START + from,
        end: Some(START + to),
        busy: None,
        polls: None,
        thread: Some(Thread {
            id: 1,
            name: Some("main".into()),
        }),
        source: None,
        input: None,
        output: None,
        attributes: Map::new(),
        version: None,
        tags: Vec::new(),
        links: Vec::new(),
        logs: Vec::new(),
        error: None,
        llm: None,
        tool: None,
        operation_type: None,
        guardrail: None,
    }
}

/// A run with a priced call and a tool that failed, up to where its end would be told.
fn unended_run() -> Spool {
    let mut ask = span(RUN, SpanKind::Llm, "ask", 3, 2, 2_000_000, 1_100_000_000);
    let call = LlmCall::new()
        .provider("openai")
        .request_model("gpt-4o-mini")
        .model("gpt-4o-mini-2024-07-18")
        .operation("chat")
        .prompt("user", "Where?")
        .usage(Usage::new(1_000, 100));
    ask.llm = Some(call);
    let mut read = span(
        RUN,
        SpanKind::Tool,
        "read_file",
        4,
        2,
        1_200_000_000,
        1_200_040_000,
    );
    read.status = Status::Error;
    read.input = Some(json!({"path": "src/ring.rs"}));
    read.error = Some(ErrorRecord {
        kind: "TOOL".into(),
        code: "NotFound".into(),
        details: "no such file: src/ring.rs".into(),
        time: START + 1_200_040_000,
        ..ErrorRecord::default()
    });
    let log = Log {
        time: START + 1_200_030_000,
        level: Level::Info,
        target: "research::tools".into(),
        message: "looking".into(),
        attributes: Map::new(),
    };
    Spool::new()
        .facts(&run_facts())
        .frame(
            Kind::Log,
            &wire::encode_log(&log, RUN, RUN.trace(), SpanId(4)),
        )
        .span(&ask)
        .span(&read)
        .span(&span(
            RUN,
            SpanKind::Agent,
            "planner",
            2,
            1,
            1_000_000,
            1_300_000_000,
        ))
        .span(&span(
            RUN,
            SpanKind::Session,
            "research_team",
            1,
            0,
            0,
            1_400_000_000,
        ))
}

fn run_facts() -> SessionFacts {
    let mut facts = facts(RUN, "research_team", START);
    facts.tags = vec!["stand-in".into()];
    facts
}

fn run() -> Spool {
    unended_run().facts(&ended(run_facts(), 1_400_000_000, EndState::Success))
}

/// A later, shorter run whose id ends as that of the first.
fn other() -> Spool {
    let facts = facts(OTHER, "other", START + 60_000_000_000);
    Spool::new()
        .facts(&facts)
        .facts(&ended(facts, 2_000_000, EndState::Error))
}

fn two_runs(test: &str) -> Home {
    let home = Home::new(test);
    home.spool("research-1000-7-0", &run().0);
    home.spool("other-2000-8-0", &other().0);
    home
}

#[test]
fn nothing_was_recorded_yet() {
    let home = Home::new("nothing");
    let expected = "
-----
error: no session has been recorded yet; looked in ~/spool
help: run a program that uses agentops, for instance `cargo run --example research_team`, and ask again
      if yours has run already, give this command the same AGENTOPS_HOME
";
    home.run(&["sessions"]).is(1, expected);
    home.run(&["show", "last"]).is(1, expected);
    home.run(&["show", "6a7e"]).is(1, expected);
    let expected = r#"
{
  "sessions": []
}
-----
error: no session has been recorded yet; looked in ~/spool
help: run a program that uses agentops, for instance `cargo run --example research_team`, and ask again
      if yours has run already, give this command the same AGENTOPS_HOME
"#;
    home.run(&["sessions", "--json"]).is(1, expected);
}

#[cfg(target_os = "linux")]
#[test]
fn a_default_home_need_not_exist() {
    let home = Home::new("default");
    let expected = "
-----
error: no session has been recorded yet; looked in ~/.local/share/agentops/spool
help: run a program that uses agentops, for instance `cargo run --example research_team`, and ask again
      if yours has run already, give this command the same AGENTOPS_HOME
";
    home.run_with(&[("HOME", &home.0)], &["sessions"])
        .is(1, expected);
    home.run_with(
        &[("HOME", &home.0), ("AGENTOPS_HOME", Path::new(""))],
        &["sessions"],
    )
    .is(1, expected);
    let expected = "
-----
error: the environment names no directory for data
help: set AGENTOPS_HOME to the directory that your programs record into
";
    home.run_with(&[], &["sessions"]).is(1, expected);
}

#[test]
fn a_chosen_home_must_exist() {
    let home = Home::new("wrong");
    let chosen = |path: &Path| home.run_with(&[("AGENTOPS_HOME", path)], &["sessions"]);
    let expected = "
-----
error: AGENTOPS_HOME is ~/nowhere, which does not exist
help: set AGENTOPS_HOME to the directory that your programs record into, or unset it for the default one
";
    chosen(&home.0.join("nowhere")).is(1, expected);

    fs::write(home.0.join("file"), "").expect("a file");
    let expected = "
-----
error: AGENTOPS_HOME is ~/file, which is not a directory
help: set AGENTOPS_HOME to the directory that your programs record into, or unset it for the default one
";
    chosen(&home.0.join("file")).is(1, expected);
}

/// There may have been nothing until now.
#[test]
fn import_makes_the_home_that_it_reads_into() {
    let home = Home::new("import_new_home");
    let file = home.spool("a", &run().0);
    let new = home.0.join("not").join("yet");
    let at_new = |args: &[&str]| home.run_with(&[("AGENTOPS_HOME", &new)], args);
    let answer = at_new(&["import", file.to_str().expect("UTF-8")]);
    assert_eq!((answer.code, &*answer.err), (Some(0), ""));
    let listed = at_new(&["sessions"]).out;
    assert!(listed.contains("research_team"), "{listed}");
}

/// A directory that cannot be read even by root, who may run the tests.
#[cfg(target_os = "linux")]
#[test]
fn a_home_that_cannot_be_read() {
    let home = Home::new("unreadable");
    let spool = home.0.join("spool");
    fs::remove_dir(&spool).expect("an empty directory");
    std::os::unix::fs::symlink(&spool, &spool).expect("a link to itself");
    let expected = "
-----
error: failed to read ~/spool: Too many levels of symbolic links (os error 40)
help: what a program records can be read only by the user that ran it: check owner and permissions
";
    home.run(&["sessions"]).is(1, expected);
}

#[test]
fn sessions_are_listed() {
    let home = two_runs("list");
    let expected = "
ID        NAME           STATE    STARTED (UTC)     DURATION  SPANS  TOKENS      COST  TAGS
00008c90  other          Error    2026-11-22 05:01   2.00 ms      0
6a7e8c90  research_team  Success  2026-11-22 05:00    1.40 s      4    1100  $0.00021  stand-in
";
    home.run(&["sessions"]).is(0, expected);
    let expected = "
ID        NAME   STATE  STARTED (UTC)     DURATION  SPANS  TOKENS  COST  TAGS
00008c90  other  Error  2026-11-22 05:01   2.00 ms      0
-----
1 older session not shown; --limit 2 shows all
";
    home.run(&["sessions", "--limit", "1"]).is(0, expected);
    let expected = "
ID        NAME           STATE    STARTED (UTC)     DURATION  SPANS  TOKENS      COST  TAGS
6a7e8c90  research_team  Success  2026-11-22 05:00    1.40 s      4    1100  $0.00021  stand-in
";
    home.run(&["sessions", "--filter", "tag=stand-in agent=planner"])
        .is(0, expected);
    let expected = "
-----
error: none of 2 sessions fits the filter
help: `agentops sessions` without --filter lists all
";
    home.run(&["sessions", "--filter", "nowhere"])
        .is(1, expected);
    let expected = r#"
-----
error: invalid value 'who=me' for '--filter <EXPR>': "who" is none of tag, state, agent, model, tool, error, env, version, name, project

For more information, try '--help'.
"#;
    home.run(&["sessions", "--filter", "who=me"])
        .is(2, expected);
}

#[test]
fn a_session_is_drawn() {
    let home = two_runs("show");
    let expected = "
research_team · 6a7e8c90 · Success · 1.40 s · 4 spans · 1 error · 1100 tokens · $0.00021
verdict: Succeeded, though `read_file` failed with “no such file: src/ring.rs”; `planner` went on. At 1.20 s, $0.00021 spent by then.
cost: planner 100 %

SESSION  research_team           1.40 s
AGENT    └ planner               1.30 s            Σ $0.00021
LLM        ├ ask · gpt-4o-mini   1.10 s  1000→100    $0.00021
TOOL       └ ✗ read_file        40.0 µs
               NotFound: no such file: src/ring.rs
";
    home.run(&["show", "6a7e8c90"]).is(0, expected);
    home.run(&["show", "019C6B1E-6f2a"]).is(0, expected);
    home.run(&["show", "019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90"])
        .is(0, expected);
    let expected = "
^[1mother^[0m^[2m · ^[0m^[2m00008c90^[0m^[2m · ^[0m^[31mError^[0m^[2m · ^[0m2.00 ms^[2m · ^[0m0 spans
^[31mverdict: Ended as an error by its own word; no span failed of it.^[0m
";
    home.run(&["show", "last", "--color", "always"])
        .is(0, &expected.replace('^', "\x1b"));
}

#[test]
fn last_is_the_newest_that_no_other_started() {
    let home = two_runs("last");
    let mut child = facts(SessionId(5), "child", START + 120_000_000_000);
    child.parent_session_id = Some(OTHER);
    home.spool(
        "child-3000-9-0",
        &Spool::new().facts(&ended(child, 1, EndState::Success)).0,
    );
    let answer = home.run(&["show", "last"]);
    assert!(
        answer.out.starts_with("other · 00008c90 · Error"),
        "{}",
        answer.out
    );
}

#[test]
fn an_id_must_name_one_session() {
    let home = two_runs("ids");
    let expected = r#"
-----
error: "8c90" fits the ids of 2 sessions:
  019c6b1f-0000-7000-8000-000000008c90  2026-11-22 05:01  other
  019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90  2026-11-22 05:00  research_team
help: give more of the id, from its start or its end
"#;
    home.run(&["show", "8c90"]).is(1, expected);
    let expected = r#"
-----
error: no session has an id that starts or ends with "beef"
help: `agentops sessions` lists what there is; `agentops show last` shows the newest
"#;
    home.run(&["show", "beef"]).is(1, expected);
    let expected = r#"
-----
error: no session has an id that starts or ends with "\u{1b}[2J"
help: `agentops sessions` lists what there is; `agentops show last` shows the newest
"#;
    home.run(&["show", "\x1b[2J"]).is(1, expected);
}

#[test]
fn json_is_the_published_shape() {
    let home = two_runs("json");
    let expected = r#"
{
  "id": "019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90",
  "trace_id": "019c6b1e6f2a7c3d9b415d0f6a7e8c90",
  "project": "default",
  "name": "research_team",
  "service": "research",
  "pid": 7,
  "state": "ended",
  "parent_session_id": null,
  "conversation_id": null,
  "user_id": null,
  "start_time": "2026-11-22T05:00:00.000000000Z",
  "end_time": "2026-11-22T05:00:01.400000000Z",
  "duration_ms": 1400.0,
  "end_state": "Success",
  "end_state_reason": null,
  "tags": [
    "stand-in"
  ],
  "counts": {
    "spans": 4,
    "open": 0,
    "errors": 1,
    "llm_calls": 1,
    "tool_calls": 1,
    "dropped": 0
  },
  "agents": [
    "planner"
  ],
  "models": [
    "gpt-4o-mini-2024-07-18"
  ],
  "tokens": {
    "input": 1000,
    "output": 100,
    "cache_read": 0,
    "cache_write": 0,
    "reasoning": 0,
    "total": 1100
  },
  "cost": {
    "usd": 0.00021,
    "unpriced_models": [],
    "partial": false
  },
  "host": {
    "os": "linux",
    "arch": null,
    "hostname": null,
    "cpu_count": 2,
    "memory_total_bytes": null,
    "rustc": null,
    "sdk": null
  },
  "video": null,
  "attributes": {},
  "verdict": {
    "severity": "warning",
    "text": "Succeeded, though `read_file` failed with “no such file: src/ring.rs”; `planner` went on. At 1.20 s, $0.00021 spent by then.",
    "notes": [],
    "session_id": "019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90",
    "span_id": "0000000000000004",
    "kind": "TOOL",
    "name": "read_file",
    "agent": "planner",
    "model": null,
    "code": "NotFound",
    "message": "no such file: src/ring.rs",
    "attempts": 1,
    "recovered": false,
    "time_ms": 1200.04,
    "spent": {
      "usd": 0.00021,
      "partial": false,
      "estimated": false
    },
    "provider_error": null,
    "gave_up": null,
    "within": null,
    "other_failures": 0
  },
  "spans": [
    {
      "id": "0000000000000001",
      "parent_id": null,
      "session_id": "019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90",
      "trace_id": "019c6b1e6f2a7c3d9b415d0f6a7e8c90",
      "agent": {
        "id": "a1",
        "name": "default",
        "role": null,
        "model": null
      },
      "name": "research_team",
      "kind": "SESSION",
      "status": "ok",
      "cancelled": false,
      "open": false,
      "start_time": "2026-11-22T05:00:00.000000000Z",
      "end_time": "2026-11-22T05:00:01.400000000Z",
      "duration_ms": 1400.0,
      "busy_ms": null,
      "polls": null,
      "thread": {
        "id": 1,
        "name": "main"
      },
      "source": null,
      "input": null,
      "output": null,
      "attributes": {},
      "version": null,
      "tags": [],
      "links": [],
      "logs": [],
      "error": null,
      "llm": null,
      "tool": null,
      "operation": null,
      "guardrail": null,
      "attachments": []
    },
    {
      "id": "0000000000000002",
      "parent_id": "0000000000000001",
      "session_id": "019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90",
      "trace_id": "019c6b1e6f2a7c3d9b415d0f6a7e8c90",
      "agent": {
        "id": "a1",
        "name": "planner",
        "role": null,
        "model": null
      },
      "name": "planner",
      "kind": "AGENT",
      "status": "ok",
      "cancelled": false,
      "open": false,
      "start_time": "2026-11-22T05:00:00.001000000Z",
      "end_time": "2026-11-22T05:00:01.300000000Z",
      "duration_ms": 1299.0,
      "busy_ms": null,
      "polls": null,
      "thread": {
        "id": 1,
        "name": "main"
      },
      "source": null,
      "input": null,
      "output": null,
      "attributes": {},
      "version": null,
      "tags": [],
      "links": [],
      "logs": [],
      "error": null,
      "llm": null,
      "tool": null,
      "operation": null,
      "guardrail": null,
      "attachments": []
    },
    {
      "id": "0000000000000003",
      "parent_id": "0000000000000002",
      "session_id": "019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90",
      "trace_id": "019c6b1e6f2a7c3d9b415d0f6a7e8c90",
      "agent": {
        "id": "a1",
        "name": "planner",
        "role": null,
        "model": null
      },
      "name": "ask",
      "kind": "LLM",
      "status": "ok",
      "cancelled": false,
      "open": false,
      "start_time": "2026-11-22T05:00:00.002000000Z",
      "end_time": "2026-11-22T05:00:01.100000000Z",
      "duration_ms": 1098.0,
      "busy_ms": null,
      "polls": null,
      "thread": {
        "id": 1,
        "name": "main"
      },
      "source": null,
      "input": null,
      "output": null,
      "attributes": {},
      "version": null,
      "tags": [],
      "links": [],
      "logs": [],
      "error": null,
      "llm": {
        "provider": "openai",
        "request_model": "gpt-4o-mini",
        "model": "gpt-4o-mini-2024-07-18",
        "operation": "chat",
        "streaming": false,
        "messages": [
          {
            "role": "user",
            "content": [
              {
                "type": "text",
                "text": "Where?"
              }
            ]
          }
        ],
        "completions": [],
        "usage": {
          "input": 1000,
          "output": 100,
          "cache_read": 0,
          "cache_write": 0,
          "reasoning": 0,
          "total": 1100,
          "estimated": false,
          "reported": false
        },
        "cost": {
          "usd": 0.00021,
          "input_usd": 0.00015,
          "output_usd": 0.00006,
          "price_table": "genai-prices 0.2.1",
          "prices": {
            "model": "openai/gpt-4o-mini",
            "input": 0.15,
            "output": 0.6
          }
        },
        "parameters": {},
        "time_to_first_token_ms": null,
        "attempts": null
      },
      "tool": null,
      "operation": null,
      "guardrail": null,
      "attachments": []
    },
    {
      "id": "0000000000000004",
      "parent_id": "0000000000000002",
      "session_id": "019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90",
      "trace_id": "019c6b1e6f2a7c3d9b415d0f6a7e8c90",
      "agent": {
        "id": "a1",
        "name": "planner",
        "role": null,
        "model": null
      },
      "name": "read_file",
      "kind": "TOOL",
      "status": "error",
      "cancelled": false,
      "open": false,
      "start_time": "2026-11-22T05:00:01.200000000Z",
      "end_time": "2026-11-22T05:00:01.200040000Z",
      "duration_ms": 0.04,
      "busy_ms": null,
      "polls": null,
      "thread": {
        "id": 1,
        "name": "main"
      },
      "source": null,
      "input": {
        "path": "src/ring.rs"
      },
      "output": null,
      "attributes": {},
      "version": null,
      "tags": [],
      "links": [],
      "logs": [
        {
          "time": "2026-11-22T05:00:01.200030000Z",
          "level": "INFO",
          "target": "research::tools",
          "message": "looking",
          "attributes": {}
        }
      ],
      "error": {
        "type": "TOOL",
        "code": "NotFound",
        "details": "no such file: src/ring.rs",
        "rust_type": null,
        "chain": [],
        "stack": null,
        "span_trace": [
          "research_team",
          "planner",
          "read_file"
        ],
        "time": "2026-11-22T05:00:01.200040000Z"
      },
      "llm": null,
      "tool": {
        "name": "read_file",
        "description": null,
        "call_id": null,
        "status": "failed",
        "cost_usd": null
      },
      "operation": null,
      "guardrail": null,
      "attachments": []
    }
  ]
}
"#;
    home.run(&["show", "6a7e8c90", "--json"]).is(0, expected);
    let expected = r#"
{
  "sessions": [
    {
      "id": "019c6b1f-0000-7000-8000-000000008c90",
      "trace_id": "019c6b1f000070008000000000008c90",
      "project": "default",
      "name": "other",
      "service": "research",
      "pid": 7,
      "state": "ended",
      "parent_session_id": null,
      "conversation_id": null,
      "user_id": null,
      "start_time": "2026-11-22T05:01:00.000000000Z",
      "end_time": "2026-11-22T05:01:00.002000000Z",
      "duration_ms": 2.0,
      "end_state": "Error",
      "end_state_reason": null,
      "tags": [],
      "counts": {
        "spans": 0,
        "open": 0,
        "errors": 0,
        "llm_calls": 0,
        "tool_calls": 0,
        "dropped": 0
      },
      "agents": [],
      "models": [],
      "tokens": {
        "input": 0,
        "output": 0,
        "cache_read": 0,
        "cache_write": 0,
        "reasoning": 0,
        "total": 0
      },
      "cost": {
        "usd": null,
        "unpriced_models": [],
        "partial": false
      },
      "host": {
        "os": "linux",
        "arch": null,
        "hostname": null,
        "cpu_count": 2,
        "memory_total_bytes": null,
        "rustc": null,
        "sdk": null
      },
      "video": null,
      "attributes": {}
    }
  ]
}
"#;
    home.run(&["sessions", "--json", "--filter", "name=other"])
        .is(0, expected);
}

#[test]
fn a_newer_format_is_left_alone() {
    let home = Home::new("newer");
    let mut newer = run().0;
    newer[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let file = home.spool("research-1000-7-0", &newer);
    let expected = "
-----
warning: ~/spool/research-1000-7-0.agentops was skipped and left as it is: a newer agentops wrote it (format 2, this command reads up to 1); update this command: `cargo install --path agentops-server` in a newer checkout
error: no session could be read in ~/spool
help: the warnings above say why, file by file
";
    home.run(&["sessions"]).is(1, expected);
    assert_eq!(fs::read(file).expect("the file"), newer);

    home.spool("other-2000-8-0", &other().0);
    let expected = "
ID        NAME   STATE  STARTED (UTC)     DURATION  SPANS  TOKENS  COST  TAGS
00008c90  other  Error  2026-11-22 05:01   2.00 ms      0
-----
warning: ~/spool/research-1000-7-0.agentops was skipped and left as it is: a newer agentops wrote it (format 2, this command reads up to 1); update this command: `cargo install --path agentops-server` in a newer checkout
";
    home.run(&["sessions"]).is(0, expected);
}

#[test]
fn what_is_damaged_does_not_hide_the_rest() {
    let home = Home::new("damaged");
    home.spool("other-2000-8-0", &other().0);
    home.spool("garbage-3000-9-0", b"#!/bin/sh\necho no spool at all\n");
    home.spool("headless-4000-9-0", b"AGENT");
    home.spool("empty-5000-9-0", b"");
    let mut flipped = run().0;
    let at = flipped
        .windows(12)
        .position(|bytes| bytes == b"no such file");
    flipped[at.expect("the error")] ^= 0x40;
    home.spool("flipped-1000-7-0", &flipped);
    let expected = "
ID        NAME           STATE    STARTED (UTC)     DURATION  SPANS  TOKENS      COST  TAGS
00008c90  other          Error    2026-11-22 05:01   2.00 ms      0
6a7e8c90  research_team  Success  2026-11-22 05:00    1.40 s      3    1100  $0.00021  stand-in
-----
warning: ~/spool/flipped-1000-7-0.agentops: 1 damaged record was skipped, the others were read
warning: ~/spool/garbage-3000-9-0.agentops was skipped: it is not a spool file
warning: ~/spool/headless-4000-9-0.agentops was skipped: it ends before its first record
";
    home.run(&["sessions"]).is(0, expected);
}

#[test]
fn a_torn_tail_is_skipped_and_reported() {
    let home = Home::new("torn");
    let torn = &run().0[..unended_run().0.len() + 100];
    home.spool("research-1000-7-0", torn);
    let expected = "
research_team · 6a7e8c90 · Success · 1.40 s · 4 spans · 1 error · 1100 tokens · $0.00021
verdict: Succeeded, though `read_file` failed with “no such file: src/ring.rs”; `planner` went on. At 1.20 s, $0.00021 spent by then.
cost: planner 100 %

SESSION  research_team           1.40 s
AGENT    └ planner               1.30 s            Σ $0.00021
LLM        ├ ask · gpt-4o-mini   1.10 s  1000→100    $0.00021
TOOL       └ ✗ read_file        40.0 µs
               NotFound: no such file: src/ring.rs
-----
warning: ~/spool/research-1000-7-0.agentops: its last 100 bytes were skipped, an unfinished record: the program died while writing it
";
    home.run(&["show", "last"]).is(0, expected);
}

#[test]
fn a_session_is_lost_with_its_process() {
    let home = Home::new("lost");
    let mut root = span(RUN, SpanKind::Session, "research_team", 1, 0, 0, 0);
    (root.open, root.end) = (true, None);
    let half_written = [9, 0, 0, 0, 1];
    let mut running = Spool::new()
        .facts(&facts(RUN, "research_team", START))
        .span(&root)
        .0;
    running.extend(half_written);
    home.spool("research-1000-7-0", &running);
    // The process goes on in its second file.
    let file = home.spool("research-1000-7-1", b"");
    let lock = File::create(file.with_extension("agentops.lock")).expect("a lock file");
    lock.lock().expect("a lock");
    let expected = "
research_team · 6a7e8c90 · running · 1 span
verdict: Running.

SESSION  research_team  open
-----
warning: ~/spool/research-1000-7-0.agentops: its last 5 bytes were skipped, an unfinished record: the program died while writing it
";
    home.run(&["show", "last"]).is(0, expected);

    drop(lock);
    let expected = "
research_team · 6a7e8c90 · lost · 1 span
reason: process ended
verdict: The process ended, and never said how it went.

SESSION  research_team  lost
";
    home.run(&["show", "last"]).is(0, expected);

    // It speaks again: recording went on in a run of its own.
    let again = Spool::new().facts(&facts(RUN, "research_team", START)).0;
    let file = home.spool("research-2000-7-0", &again);
    let lock = File::create(file.with_extension("agentops.lock")).expect("a lock file");
    lock.lock().expect("a lock");
    let expected = "
research_team · 6a7e8c90 · running · 1 span
verdict: Running.

SESSION  research_team  open
";
    home.run(&["show", "last"]).is(0, expected);
}

#[test]
fn a_reader_may_leave_early() {
    let home = two_runs("pipe");
    for args in [&["sessions"][..], &["show", "6a7e8c90", "--json"]] {
        let mut child = command()
            .env("AGENTOPS_HOME", &home.0)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("agentops runs");
        drop(child.stdout.take());
        let mut err = String::new();
        child
            .stderr
            .take()
            .expect("stderr")
            .read_to_string(&mut err)
            .expect("UTF-8");
        assert_eq!(
            (child.wait().expect("an end").code(), err.as_str()),
            (Some(0), "")
        );
    }
}

#[test]
fn prices_explain_themselves() {
    let home = Home::new("prices");
    home.run(&["prices", "show", "us.amazon.nova-lite-v1:0"])
        .is(
            0,
            "
us.amazon.nova-lite-v1:0
  listed as        aws/amazon.nova-lite-v1:0
  price table      genai-prices 0.2.1
  input            $0.06 for a million tokens
  cache read       $0.015 for a million tokens
  output           $0.24 for a million tokens
",
        );
    home.run(&["prices", "show", "ft:gpt-4.1-2025-04-14:acme::x", "--json"])
        .is(
            0,
            r#"
{
  "model": "ft:gpt-4.1-2025-04-14:acme::x",
  "provider": null,
  "name": "gpt-4.1-2025-04-14",
  "price_table": "genai-prices 0.2.1, base model",
  "prices": {
    "model": "openai/gpt-4.1",
    "input": 2,
    "output": 8,
    "cache_read": 0.5,
    "web_search": 0.01
  }
}
"#,
        );
    home.run(&["prices", "show", "gpt-7", "--provider", "openai"])
        .is(
            1,
            r#"
-----
error: no price of "gpt-7" of "openai" is known
help: look whether a newer table has it: `agentops prices update --url`; or give it a price in the file that AGENTOPS_PRICES names: `agentops prices show --help` says how
"#,
        );
}

#[test]
fn ones_own_prices_count() {
    let cost = |prices: Option<&str>| {
        let home = Home::new("own_prices");
        home.spool("research-1000-7-0", &run().0);
        let file = home.0.join("prices.json");
        if let Some(prices) = prices {
            fs::write(&file, prices).expect("a file");
        }
        let env: [(&str, &Path); 2] = [("AGENTOPS_HOME", &home.0), ("AGENTOPS_PRICES", &file)];
        let answer = home.run_with(&env, &["show", "last", "--json"]);
        let session: Value = serde_json::from_str(&answer.out).expect("JSON");
        (session["cost"]["usd"].clone(), answer.err)
    };
    let missing =
        "warning: no prices are taken from ~/prices.json: No such file or directory (os error 2)\n";
    assert_eq!(cost(None), (json!(0.00021), missing.into()));
    // 1,000 tokens in, 100 out.
    let own = r#"{"gpt-4o-mini": {"input": 1, "output": 10}}"#;
    assert_eq!(cost(Some(own)), (json!(0.002), String::new()));
    let wrong = "warning: no prices are taken from ~/prices.json: missing field `output` at line 1 column 28\n";
    let half = r#"{"gpt-4o-mini": {"input": 1}}"#;
    assert_eq!(cost(Some(half)), (json!(0.00021), wrong.into()));
}

/// A table in the format of genai-prices, with one model that is built in and one that is not.
const NEWER: &str = r#"[{"id": "openai", "name": "OpenAI", "api_pattern": "https://api\\.openai\\.com", "models": [
    {"id": "gpt-4o-mini", "match": {"starts_with": "gpt-4o-mini"}, "prices": {"input_mtok": 1, "output_mtok": 10}},
    {"id": "gpt-9", "match": {"equals": "gpt-9"}, "prices": {"input_mtok": 9, "output_mtok": 90}}
]}]"#;

impl Home {
    /// With a configuration of its own.
    fn configured(&self, args: &[&str]) -> Answer {
        let config = self.0.join("config");
        self.run_with(
            &[("AGENTOPS_HOME", &self.0), ("XDG_CONFIG_HOME", &config)],
            args,
        )
    }

    fn table(&self) -> PathBuf {
        self.0.join("config/agentops/price-table.json")
    }

    /// Nothing is left of what was half done.
    fn check_table(&self, contents: Option<&str>) {
        let table = self.table();
        let read = fs::read_to_string(&table).ok();
        assert_eq!(read.as_deref(), contents);
        let beside = fs::read_dir(table.parent().expect("a directory"))
            .into_iter()
            .flatten();
        assert_eq!(beside.count(), usize::from(contents.is_some()));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_newer_table_is_taken_and_says_what_it_changes() {
    let home = Home::new("prices_update");
    let file = home.0.join("data.json");
    let name = file.to_str().expect("UTF-8");
    // A session keeps the prices of when it was taken in, so it is taken in afresh.
    let cost = || {
        for file in ["agentops.db", "agentops.db-wal", "agentops.db-shm"] {
            _ = fs::remove_file(home.0.join(file));
        }
        home.spool("research-1000-7-0", &run().0);
        let answer = home.configured(&["show", "last", "--json"]);
        let session: Value = serde_json::from_str(&answer.out).expect("JSON");
        session["cost"]["usd"].clone()
    };
    let update = || {
        let answer = home.configured(&["prices", "update", name, "--json"]);
        assert_eq!((answer.code, &*answer.err), (Some(0), ""));
        let mut told: Value = serde_json::from_str(&answer.out).expect("JSON");
        let models = told["models"].take().as_u64().expect("a number");
        (told, models)
    };
    assert_eq!(cost(), json!(0.00021));
    fs::write(&file, NEWER).expect("a file");
    let version = |text: &str| format!("price-table.json {:08x}", crc32(text.as_bytes()));
    let (told, models) = update();
    assert_eq!(
        told,
        json!({"price_table": version(NEWER), "before": "genai-prices 0.2.1",
            "path": "~/config/agentops/price-table.json", "models": null, "added": 1, "changed": 1, "removed": 0})
    );
    home.check_table(Some(NEWER));
    // 1,000 tokens in, 100 out.
    assert_eq!(cost(), json!(0.002));
    home.configured(&["prices", "show", "gpt-9", "--provider", "openai"])
        .is(
            0,
            &format!(
                "
gpt-9
  listed as        openai/gpt-9
  price table      {}
  input            $9.00 for a million tokens
  output           $90.00 for a million tokens
",
                version(NEWER)
            ),
        );
    let of_old = home.configured(&["prices", "show", "gpt-4.1"]);
    assert!(of_old.out.contains("genai-prices 0.2.1"), "{}", of_old.out);

    // The short form, which knows neither.
    let short = r#"{"acme-1": {"input": 1, "output": 2}}"#;
    fs::write(&file, short).expect("a file");
    home.configured(&["prices", "update", name]).is(
        0,
        &format!(
            "
{}: {} models with a price, 1 added, 1 changed, 1 removed since {}
kept as ~/config/agentops/price-table.json; a server that runs takes it when it is started again
",
            version(short),
            models,
            version(NEWER)
        ),
    );
    assert_eq!(cost(), json!(0.00021));
    let (told, same) = update();
    assert_eq!(
        (&told["added"], &told["changed"], &told["removed"]),
        (&json!(0), &json!(0), &json!(0))
    );
    assert_eq!(
        (told["before"].as_str(), same),
        (Some(&*version(short)), models)
    );
}

/// As RFC 1952 has it, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (!(crc & 1)).wrapping_add(1))
        })
    })
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_no_table_changes_nothing() {
    let home = Home::new("prices_no_table");
    let file = home.0.join("data.json");
    let name = file.to_str().expect("UTF-8");
    home.configured(&["prices", "update", name]).is(
        1,
        "
-----
error: failed to read ~/data.json: No such file or directory (os error 2)
help: name a file with a price table, or fetch the newest one: `agentops prices update --url`
",
    );
    home.check_table(None);
    fs::write(&file, NEWER).expect("a file");
    assert_eq!(home.configured(&["prices", "update", name]).code, Some(0));
    for (text, why) in [
        ("[]", "there is no model in it"),
        ("{}", "there is no model in it"),
        (
            r#"{"m": {"input": 1}}"#,
            "missing field `output` at line 1 column 18",
        ),
    ] {
        fs::write(&file, text).expect("a file");
        home.configured(&["prices", "update", name]).is(
            1,
            &format!(
                "
-----
error: ~/data.json is no price table: {why}
help: nothing was changed; `agentops prices update --help` says what a table looks like
"
            ),
        );
        home.check_table(Some(NEWER));
    }
    // A table that somebody broke by hand is warned of, and replaced.
    fs::write(home.table(), "[").expect("a file");
    let broken = home.configured(&["prices", "show", "gpt-4o-mini"]);
    assert!(broken.out.contains("genai-prices 0.2.1"), "{}", broken.out);
    assert!(
        broken.err.starts_with(
            "warning: the price table ~/config/agentops/price-table.json is not used: "
        )
    );
    fs::write(&file, NEWER).expect("a file");
    assert_eq!(home.configured(&["prices", "update", name]).code, Some(0));
    home.check_table(Some(NEWER));
    let usage = home.configured(&["prices", "update"]);
    assert_eq!(usage.code, Some(2));
}

/// Answers one request after another on loopback, each in its own way; its address.
fn web(answers: &'static [&'static str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = move || {
        let answer = |answer: &&str| {
            let (mut stream, _) = listener.accept().expect("a request");
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("it asks") > 0 {
                request.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).expect("it listens");
            String::from_utf8(request).expect("text")
        };
        answers.iter().map(answer).collect()
    };
    (format!("http://{address}"), std::thread::spawn(serve))
}

#[cfg(target_os = "linux")]
#[test]
fn a_table_is_fetched_whole_or_not_at_all() {
    let home = Home::new("prices_fetched");
    let table = r#"{"acme-1": {"input": 1, "output": 2}}"#;
    let (url, server) = web(&[
        "HTTP/1.1 302 Found\r\nlocation: /data.json\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 37\r\nconnection: close\r\n\r\n{\"acme-1\": {\"input\": 1, \"output\": 2}}",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 37\r\nconnection: close\r\n\r\n{\"acme-1\": {\"input\"",
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>",
    ]);
    let update = || home.configured(&["prices", "update", "--url", &url]);
    let done = update();
    assert_eq!((done.code, &*done.err), (Some(0), ""));
    assert!(
        done.out
            .contains(" 1 added, 0 changed, 0 removed since genai-prices 0.2.1\n"),
        "{}",
        done.out
    );
    home.check_table(Some(table));
    let fails = |why: &str| {
        let answer = update();
        assert_eq!((answer.code, &*answer.out), (Some(1), ""));
        assert!(answer.err.contains(why), "{}", answer.err);
        assert!(
            answer.err.contains("help: nothing was changed; "),
            "{}",
            answer.err
        );
        home.check_table(Some(table));
    };
    fails("http status: 404");
    fails("failed to fetch");
    fails("is no price table: ");
    let requests = server.join().expect("it served");
    assert!(
        requests[1].starts_with("GET /data.json HTTP/1.1\r\n"),
        "{}",
        requests[1]
    );
    assert!(
        requests[0].contains("\r\nuser-agent: agentops/"),
        "{}",
        requests[0]
    );
    // Nobody is there any more.
    fails("failed to fetch");
}

#[test]
fn help_helps() {
    let home = Home::new("help");
    // Lines between paragraphs are padded, which nobody sees.
    let help = |args: &[&str]| {
        let answer = home.run(args);
        let lines = answer
            .out
            .lines()
            .map(|line| format!("{}\n", line.trim_end()));
        Answer {
            out: lines.collect(),
            ..answer
        }
    };
    let expected = "
Shows what your agents did: every session with its agents, model calls, tools,
errors and costs

Usage: agentops [OPTIONS] <COMMAND>

Commands:
  serve        Take in what programs record, and answer questions about it
  demo         Watch a recorded run of a small team of agents
  sessions     List sessions, newest first
  show         Show one session: its tree with times, tokens, costs and errors
  tail         Follow sessions as they run
  export       Write a session out
  import       Read sessions in
  delete       Delete sessions, or bring them back
  prices       Show what a model costs, and take newer prices
  doctor       Say what is configured, what was lost, and what goes unobserved
  completions  Write what a shell needs to complete this command
  help         Print this message or the help of the given subcommand(s)

Options:
      --color <WHEN>  When to use colours; `auto` is on a terminal, unless
                      NO_COLOR is set [default: auto] [possible values: auto,
                      always, never]
  -h, --help          Print help
  -V, --version       Print version

Where sessions come from:
  Programs that use the agentops crate record into a spool on this machine,
  under $AGENTOPS_HOME, else in the user's data directory (on Linux
  ~/.local/share/agentops). No server has to run.

Exit status:
  0  there is an answer
  1  there is none: no such session, nothing recorded, data that cannot be read
  2  the command was not understood
";
    help(&["--help"]).is(0, expected);
    let expected = "
List sessions, newest first

Usage: agentops sessions [OPTIONS]

Options:
      --json
          Answer with JSON: an object whose `sessions` look as in `show --json`,
          without their spans

      --limit <N>
          Show at most this many

          [default: 50]

      --filter <EXPR>
          Show only sessions that every word of EXPR fits

          Words are separated by spaces; what has some stands in quotes, as in
          `tag=\"two words\"`. `tag=`, `agent=`, `tool=`, `error=` (its code),
          `env=`, `version=` and `project=` want the whole name, `model=` and
          `name=` a part of it; `state=` wants running, ended, lost, success,
          error or indeterminate. A word without `=` is looked for in names,
          ids, tags, agents and models.

      --color <WHEN>
          When to use colours; `auto` is on a terminal, unless NO_COLOR is set

          [default: auto]
          [possible values: auto, always, never]

  -h, --help
          Print help (see a summary with '-h')

Examples:
  agentops sessions --limit 5
  agentops sessions --filter 'tag=stand-in state=error'
  agentops sessions --json | jq -r '.sessions[].id'
";
    help(&["sessions", "--help"]).is(0, expected);
    let expected = "
Show one session: its tree with times, tokens, costs and errors

Usage: agentops show [OPTIONS] <ID>

Arguments:
  <ID>  The session: `last` (the newest that no other session started), its id,
        or how the id starts or ends

Options:
      --json          Answer with JSON: the session with all its spans, parents
                      before children
      --color <WHEN>  When to use colours; `auto` is on a terminal, unless
                      NO_COLOR is set [default: auto] [possible values: auto,
                      always, never]
  -h, --help          Print help

Reading the tree:
  1204→311     tokens that went into a model call, and that came out
  Σ $0.0004    what an agent and all beneath it cost; with a + where something
               in it has no price
  ~            estimated: nobody counted, and the program asked for an estimate
  unpriced     a call whose price is not known: never counted as 0
  ✗            it failed; the line below says why, at the span where it started
  @researcher  who does it, where that is not the agent above

Examples:
  agentops show last
  agentops show 6a7e8c90
  agentops show last --json | jq '.spans[].error | select(.)'
";
    help(&["show", "--help"]).is(0, expected);
}

#[test]
fn of_the_core_only_the_model_is_used() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![package.join("src")];
    let mut uses = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).expect("a source");
            for (at, name) in source.match_indices("agentops_core") {
                let rest = &source[at + name.len()..];
                assert!(
                    rest.starts_with("::model::"),
                    "{} uses agentops_core{rest:.20}",
                    path.display()
                );
                uses += 1;
            }
        }
    }
    assert!(uses > 0);

    let line = |manifest: PathBuf| -> String {
        let manifest = fs::read_to_string(manifest).expect("a manifest");
        let line = manifest
            .lines()
            .find(|line| line.starts_with("agentops-core "));
        line.expect("a line for the core").into()
    };
    assert!(line(package.join("../Cargo.toml")).contains("default-features = false"));
    let ours = line(package.join("Cargo.toml"));
    assert!(
        ours.contains("workspace = true, features = [\"pricing\"] }"),
        "{ours}"
    );
}
