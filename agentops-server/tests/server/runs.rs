//! Runs as other programs' exporters send them: children before their parents, names and agents on one span alone.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{SERVER, Server};
use crate::otlp::{TRACE, request, span};

fn call() -> Value {
    json!({"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100})
}

fn agent(name: &str) -> Value {
    json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name})
}

/// What each place says of how the session goes: itself, the list, the verdict.
fn states(server: &Server) -> [String; 3] {
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let id = format!("{TRACE:032x}");
    let session = server.get(&format!("/api/v1/sessions/{id}")).json();
    let list = server.get("/api/v1/sessions").json();
    let verdict = server.get(&format!("/api/v1/sessions/{id}/verdict")).json();
    [
        text(&session["state"]),
        text(&list["sessions"][0]["state"]),
        text(&verdict["verdict"]["severity"]),
    ]
}

fn verdict(server: &Server) -> Value {
    let path = format!("/api/v1/sessions/{TRACE:032x}/verdict");
    server.get(&path).json()["verdict"].clone()
}

/// Lets the time pass for which the session's root is waited for.
fn fall_silent(test: &str) {
    let database = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let conn = rusqlite::Connection::open(database.join("agentops.db")).expect("it opens");
    let changed = conn.execute("UPDATE session SET waits = 1 WHERE waits <> 0", []);
    assert_eq!(changed, Ok(1), "it waited");
}

#[test]
fn a_trace_goes_on_until_its_root_has_come() {
    let server = Server::start("runs-root");
    let children = [
        span(3, 2, "chat", 20, 300, call()),
        span(2, 1, "step", 10, 500, json!({})),
    ];
    server.spans(&request("", &children));
    assert_eq!(states(&server), ["running", "running", "running"]);
    let running = server.get("/api/v1/sessions?state=running").json();
    assert_eq!(running["sessions"].as_array().map(Vec::len), Some(1));
    let said = verdict(&server);
    assert_eq!(
        said["notes"],
        json!(["The span that all of this ran in has not come yet."])
    );

    // By its own clock it began after them.
    let mut root = span(1, 0, "team", 15, 900, agent("lead"));
    root["status"] = json!({"code": 2, "message": "out of luck"});
    server.spans(&request("", &[root]));
    assert_eq!(states(&server), ["ended", "ended", "error"]);
    let said = verdict(&server);
    assert_eq!(
        (&said["text"], &said["notes"]),
        (
            &json!("Agent `lead` failed with “out of luck”. At 905 ms, $0.0035 spent by then."),
            &json!([])
        )
    );
    let list = server.get("/api/v1/sessions").json();
    assert_eq!(list["sessions"][0]["name"], "lead");
}

#[test]
fn a_root_that_never_comes_is_waited_for_only_so_long() {
    let test = "runs-silence";
    let server = Server::start(test);
    server.spans(&request("", &[span(2, 1, "chat", 20, 300, call())]));
    assert_eq!(states(&server)[0], "running");
    fall_silent(test);
    server.store().settle(false).expect("it settles");
    assert_eq!(states(&server), ["ended", "ended", "ok"]);
    let said = verdict(&server);
    assert_eq!(said["text"], "Nothing went wrong in what came.");
    assert_eq!(
        said["notes"],
        json!(["The span that all of this ran in never came: how it ended is not known."])
    );
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let id = format!("{TRACE:032x}");
    let tail = Command::new(SERVER)
        .args(["tail", "--until-end", &id])
        .env("AGENTOPS_HOME", &home)
        .output()
        .expect("it runs");
    assert!(tail.status.success(), "{tail:?}");

    // It comes after all.
    let mut root = span(1, 0, "team", 0, 900, agent("lead"));
    root["status"] = json!({"code": 1});
    server.spans(&request("", &[root]));
    assert_eq!(states(&server), ["ended", "ended", "ok"]);
    assert_eq!(verdict(&server)["text"], "Nothing went wrong.");
}
