//! Commands beside a server that runs on the same store: out, in, away and along.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Output, Stdio};

use agentops_core::model::event::Event;
use agentops_core::model::span::SpanKind;
use serde_json::Value;

use crate::seed::{self, BAD, GOOD, LIVE};
use crate::site::Site;

fn run(site: &Site, args: &[&str]) -> Output {
    site.command(args).output().expect("agentops runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn what_is_exported_is_imported_elsewhere() {
    let from = Site::new("command-export", seed::all);
    let to = Site::new("command-import", |_| {});
    let out = run(&from, &["export", "6a7e8c90"]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert_eq!(out.stdout, from.get(&format!("/api/v1/export/{GOOD}")).body);

    let file = from.home.join("out.otlp");
    let path = file.to_str().expect("text");
    let otlp = run(
        &from,
        &[
            "export",
            &BAD.to_string(),
            "--format",
            "otlp",
            "--output",
            path,
        ],
    );
    assert!(otlp.status.success() && otlp.stdout.is_empty());

    let mut import = to
        .command(&["import", "-", path])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("agentops runs");
    let mut stdin = import.stdin.take().expect("it was piped");
    stdin.write_all(&out.stdout).expect("it is sent");
    drop(stdin);
    let said = import.wait_with_output().expect("it ends");
    assert!(said.status.success());
    assert_eq!(text(&said.stdout), format!("{GOOD}\n{BAD}\n"));
    for id in [GOOD, BAD] {
        let path = format!("/api/v1/sessions/{id}?spans=full");
        assert_eq!(to.get(&path).body, from.get(&path).body);
    }

    let json = run(&to, &["import", path, "--json"]);
    let read: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(
        (&read[0]["spans"], &read[0]["skipped"]),
        (&4.into(), &0.into())
    );
}

#[test]
fn what_is_deleted_is_gone_for_the_server_too() {
    let site = Site::new("command-delete", seed::all);
    let gone = run(&site, &["delete", "6a7e8c90", "last"]);
    assert!(gone.status.success(), "{}", text(&gone.stderr));
    assert_eq!(site.get(&format!("/api/v1/sessions/{GOOD}")).status, 404);
    assert!(text(&gone.stdout).starts_with(&format!("{GOOD}\n")));
    assert!(text(&gone.stderr).contains("2 sessions deleted; for ten minutes"));

    let back = run(&site, &["delete", "--undo", &GOOD.to_string()]);
    assert_eq!(text(&back.stdout), format!("{GOOD}\n"));
    assert_eq!(site.get(&format!("/api/v1/sessions/{GOOD}")).status, 200);

    let now = run(&site, &["delete", "--now", "--json", &GOOD.to_string()]);
    let told: Value = serde_json::from_slice(&now.stdout).expect("JSON");
    assert_eq!(told, serde_json::json!({"deleted": [GOOD.to_string()]}));
    let late = run(&site, &["delete", "--undo", &GOOD.to_string()]);
    assert_eq!(late.status.code(), Some(1));
    assert!(text(&late.stderr).contains("too late"));
}

/// Ends with its test, however that ends.
struct Followed(Child);

impl Drop for Followed {
    fn drop(&mut self) {
        // It has ended by itself where all went well.
        _ = self.0.kill();
    }
}

#[test]
fn a_session_is_followed_to_its_end() {
    let site = Site::new("command-tail", seed::all);
    let tail = site
        .command(&[
            "tail",
            "--until-end",
            &LIVE.to_string(),
            "--filter",
            "crawl",
        ])
        .stdout(Stdio::piped())
        .spawn();
    let mut tail = Followed(tail.expect("agentops runs"));
    let mut lines = BufReader::new(tail.0.stdout.take().expect("it was piped")).lines();
    let mut next = || lines.next().map(|line| line.expect("text"));
    assert_eq!(next().as_deref(), Some("00008c92  crawl begins"));
    assert_eq!(
        next().as_deref(),
        Some("00008c92  ✓ operation fetch 10.0 ms")
    );
    let store = site.store();
    let step = seed::span(LIVE, SpanKind::Tool, "parse\u{1b}[31m", (3, 1), (20, 50));
    seed::put(&store, "", vec![Event::SpanEnded(Box::new(step))]);
    assert_eq!(
        next().as_deref(),
        Some("00008c92  ✓ tool parse\\u{1b}[31m 30.0 ms")
    );
    let root = seed::span(LIVE, SpanKind::Session, "crawl", (1, 0), (0, 90));
    let mut facts = seed::facts(LIVE, "crawl");
    facts.end = root.end;
    facts.end_state = Some(agentops_core::model::session::EndState::Success);
    seed::put(
        &store,
        "",
        vec![
            Event::Session(Box::new(facts)),
            Event::SpanEnded(Box::new(root)),
        ],
    );
    assert_eq!(
        next().as_deref(),
        Some("00008c92  crawl Success after 90.0 ms")
    );
    assert_eq!(next(), None);
    assert!(tail.0.wait().expect("it ends").success());
}

#[test]
fn what_cannot_be_done_says_what_can() {
    let site = Site::new("command-errors", seed::all);
    let broken = site.home.join("broken");
    std::fs::write(&broken, "nothing").expect("a file");
    let broken = broken.to_str().expect("text");
    for (args, code, expected) in [
        (vec!["export", "ffff"], 1, "no session has an id"),
        (
            vec!["export", "last", "--format", "pdf"],
            2,
            "one of json, otlp, csv",
        ),
        (
            vec!["export", "last", "--output", "/nowhere/at/all"],
            1,
            "--output",
        ),
        (vec!["import", "/nowhere/at/all"], 1, "agentops export"),
        (vec!["import", broken], 1, "neither a session"),
        (vec!["import"], 2, "FILE"),
        (vec!["delete", "019c"], 1, "fits the ids of"),
        (vec!["delete", "last", "ffff"], 1, "no session has an id"),
        (vec!["delete", "--undo", "last"], 1, "whole id"),
        (
            vec!["tail", "--until-end", "ffff"],
            1,
            "no session has an id",
        ),
    ] {
        let out = run(&site, &args);
        assert_eq!(out.status.code(), Some(code), "{args:?}");
        let said = text(&out.stderr);
        assert!(said.contains(expected), "{args:?}: {said}");
        assert!(out.stdout.is_empty());
    }
    // A mistake in one id deletes none of the others.
    assert_eq!(site.json("/api/v1/sessions")["totals"]["sessions"], 4);
}
