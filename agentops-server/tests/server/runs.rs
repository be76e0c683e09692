//! Runs as other programs' exporters send them: children before their parents, names and agents on one span alone.

use std::path::Path;
use std::process::Command;

use agentops_core::model::id::SessionId;
use agentops_server::query;
use serde_json::{Value, json};

use crate::harness::{SERVER, START, Server};
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

/// Whom all places say that a run's model calls belong to.
fn belongs_to(server: &Server) -> Value {
    let id = format!("{TRACE:032x}");
    let verdict = server.get(&format!("/api/v1/sessions/{id}/verdict")).json();
    let agents = |portions: &Value| -> Value {
        let portions = portions.as_array().expect("portions");
        let spent = portions.iter().filter(|portion| portion["calls"] != 0);
        spent
            .map(|portion| json!([portion["name"], portion["calls"]]))
            .collect()
    };
    let metrics = "/api/v1/metrics?group_by=agent&interval=all&since=1970-01-01T00:00:00Z";
    let points = server.get(metrics).json()["points"].clone();
    let points = points.as_array().expect("points").iter();
    let points = points.filter(|point| point["tokens"]["input"] != 0);
    let alone = server
        .get(&format!("/api/v1/sessions/{id}/spans/{:016x}", 3))
        .json();
    let session = SessionId(TRACE);
    let whole = query::Whole::of(server.store(), session).expect("it answers");
    let spans = whole.expect("a session").next(server.store());
    let Ok(query::Left::Spans(spans)) = spans else {
        panic!("{spans:?}");
    };
    let call = spans.iter().find(|span| span.name == "chat");
    let agent = call.expect("the call").agent.as_ref();
    json!({
        "blame": agents(&verdict["cost"]["agents"]),
        "metrics": points.map(|point| json!([point["group"], point["tokens"]["input"]])).collect::<Value>(),
        "span": agent.map(|agent| agent.name.clone()),
        "alone": alone["agent"]["name"],
        "json": server.session(TRACE)["spans"].as_array().expect("spans").last().expect("a span")["agent"]["name"],
        "context": verdict["context"][0]["agent"],
    })
}

#[test]
fn a_call_belongs_to_the_nearest_agent_around_it() {
    let of = |agent: Value| {
        json!({"blame": [[agent, 1]], "metrics": [[agent, 1000]], "span": agent, "alone": agent, "json": agent,
            "context": agent})
    };
    let call = span(3, 2, "chat", 30, 300, call());
    let step = span(2, 4, "step", 20, 400, json!({}));
    let lead = span(1, 0, "lead", 0, 900, agent("lead"));
    let writer = span(4, 1, "writer", 10, 500, agent("writer"));

    let server = Server::start("runs-agents");
    let all = [&lead, &writer, &step, &call].map(Clone::clone);
    server.spans(&request("", &all));
    assert_eq!(belongs_to(&server), of(json!("writer")));

    // Each before what is around it.
    let server = Server::start("runs-agents-late");
    server.spans(&request("", &[call]));
    let nobody = belongs_to(&server);
    assert_eq!(nobody["blame"], json!([[null, 1]]));
    assert_eq!(
        (&nobody["metrics"], &nobody["span"]),
        (&json!([]), &json!(null))
    );
    let mut step_of_lead = step;
    step_of_lead["parentSpanId"] = format!("{:016x}", 5).into();
    server.spans(&request("", &[step_of_lead, lead]));
    let between = span(5, 1, "between", 10, 600, json!({}));
    server.spans(&request("", &[between]));
    assert_eq!(belongs_to(&server), of(json!("lead")));
}

#[test]
fn a_call_moves_to_an_agent_that_comes_between() {
    let server = Server::start("runs-agents-between");
    let open = |took| span(4, 1, "writer", 10, took, agent("writer"));
    let lead = span(1, 0, "lead", 0, 900, agent("lead"));
    server.spans(&request("", &[span(3, 4, "chat", 30, 300, call())]));
    let unnamed = span(4, 1, "writer", 10, 0, json!({}));
    server.spans(&request("", &[lead, unnamed]));
    assert_eq!(belongs_to(&server)["metrics"], json!([["lead", 1000]]));
    server.spans(&request("", &[open(500)]));
    assert_eq!(belongs_to(&server)["metrics"], json!([["writer", 1000]]));
    assert_eq!(belongs_to(&server)["blame"], json!([["writer", 1]]));

    let id = format!("{TRACE:032x}");
    let list = server.get("/api/v1/sessions?agent=writer").json();
    assert_eq!(list["sessions"][0]["agents"], json!(["lead", "writer"]));
    let gone = server.send(
        "DELETE",
        &format!("/api/v1/sessions/{id}"),
        &[("authorization", &format!("Bearer {}", server.token))],
        b"",
    );
    assert!(gone.status < 300, "{gone:?}");
    let metrics = "/api/v1/metrics?group_by=agent&interval=all&since=1970-01-01T00:00:00Z";
    assert_eq!(server.get(metrics).json()["points"], json!([]));
}

/// Sends a log of a span, as OpenTelemetry's exporters do: it names no session.
fn log(server: &Server, span: u64, message: &str) {
    let log = json!({"timeUnixNano": (START + 5).to_string(), "severityNumber": 9,
        "body": {"stringValue": message}, "traceId": format!("{TRACE:032x}"), "spanId": format!("{span:016x}")});
    let body =
        json!({"resourceLogs": [{"scopeLogs": [{"scope": {"name": "app"}, "logRecords": [log]}]}]});
    let json = [("content-type", "application/json")];
    let answer = server.send("POST", "/v1/logs", &json, body.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The logs of a session: of which span, and what they say.
fn logs(server: &Server, session: u128) -> Value {
    let path = format!("/api/v1/sessions/{session:032x}/logs");
    let logs = server.get(&path).json()["logs"].clone();
    let logs = logs.as_array().cloned().unwrap_or_default();
    logs.iter()
        .map(|log| json!([log["span_id"], log["log"]["message"]]))
        .collect()
}

#[test]
fn a_log_goes_to_its_span_in_whichever_session_that_is() {
    let (first, second) = (0x0f0f_u128 << 64, 0x0e0e_u128 << 64);
    let session = |id: u64, parent: u64, session: u128| {
        let of = SessionId(session).to_string();
        span(
            id,
            parent,
            "run",
            0,
            900,
            json!({"agentops.session.id": of, "agentops.span.kind": "session"}),
        )
    };
    let spans = [session(1, 0, first), session(3, 1, second)];
    let of = |id: u64, message: &str| json!([format!("{id:016x}"), message]);
    for (at, before) in [true, false].into_iter().enumerate() {
        let server = Server::start(&format!("runs-logs-{at}"));
        let all = || {
            // As often as the sender likes.
            for _ in 0..2 {
                for span in [1, 3] {
                    log(&server, span, &format!("of {span}"));
                }
                log(&server, 9, "of nobody");
            }
        };
        if before {
            all();
        }
        for span in &spans {
            server.spans(&request("", std::slice::from_ref(span)));
        }
        all();
        assert_eq!(
            logs(&server, first),
            json!([of(1, "of 1"), of(1, "of nobody")]),
            "{before}"
        );
        assert_eq!(logs(&server, second), json!([of(3, "of 3")]), "{before}");
        let found = server.get("/api/v1/search?q=of%203").json();
        assert_eq!(
            found["hits"][0]["span_id"],
            format!("{:016x}", 3),
            "{found}"
        );
    }
}

#[test]
fn each_session_is_in_a_list_of_roots() {
    let server = Server::start("runs-roots");
    let session = |number: u128, parent: u128| {
        let said = |id: u128| SessionId(id << 64).to_string();
        let mut span = span(
            number as u64,
            0,
            "run",
            0,
            900,
            json!({"agentops.session.id": said(number),
            "agentops.session.parent_id": said(parent), "agentops.span.kind": "session"}),
        );
        span["traceId"] = format!("{:032x}", number << 64).into();
        server.spans(&request("", &[span]));
    };
    let roots = || -> Vec<u64> {
        let listed = server.get("/api/v1/sessions?root=true").json();
        let ids = listed["sessions"].as_array().expect("sessions").iter();
        let mut ids: Vec<u64> = ids
            .map(|session| session["trace_id"].as_str().expect("a trace"))
            .map(|id| u64::from_str_radix(&id[..16], 16).expect("a number"))
            .collect();
        ids.sort_unstable();
        ids
    };
    // Of a parent that is there, of one that is not, and two of each other with one beneath them.
    for (number, parent) in [(1, 0xff), (2, 1), (3, 4), (4, 3), (5, 4)] {
        session(number, parent);
    }
    assert_eq!(roots(), [1, 3, 4]);
    let path = format!("/api/v1/sessions/{}", SessionId(1 << 64));
    let bearer = format!("Bearer {}", server.token);
    let gone = server.send("DELETE", &path, &[("authorization", &bearer)], b"");
    assert!(gone.status < 300, "{gone:?}");
    assert_eq!(roots(), [2, 3, 4]);
}
