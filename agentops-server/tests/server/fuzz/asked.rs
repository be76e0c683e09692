//! Questions that nobody would ask: each is answered, or told what is wrong with it; none is too much for the server.

use agentops_server::query::Filter;
use agentops_server::store::{Store, Wanted};
use serde_json::Value;

use super::{Input, Numbers, rounds};
use crate::harness::{Answer, Server};
use crate::seed::{self, BAD, GOOD};

/// Parameters that there are somewhere.
const NAMES: [&str; 33] = [
    "project",
    "state",
    "end_state",
    "tag",
    "agent",
    "model",
    "tool",
    "error",
    "fault",
    "environment",
    "version",
    "name",
    "q",
    "since",
    "until",
    "min_cost",
    "root",
    "foreign",
    "sort",
    "limit",
    "cursor",
    "spans",
    "level",
    "span",
    "session",
    "group_by",
    "interval",
    "parts",
    "format",
    "id",
    "last_event_id",
    "",
    "nothing",
];

/// What may stand in them: what is meant to, and what tells something to those behind them.
const VALUES: [&str; 61] = [
    "default",
    "shop",
    "running",
    "ended",
    "lost",
    "Success",
    "error",
    "nightly",
    "planner",
    "gpt-4o",
    "search",
    "Timeout",
    "prod",
    "1.2.0",
    "true",
    "false",
    "1",
    "50",
    "newest",
    "-cost",
    "cost",
    "duration",
    "model",
    "kind",
    "hour",
    "day",
    "all",
    "INFO",
    "json",
    "2026-11-22",
    "2026-11-22T05:00:00Z",
    "2026-11-22T05:00:00.123456789+02:00",
    "1970-01-01",
    "9999-12-31T23:59:60Z",
    "0",
    "-1",
    "18446744073709551616",
    "1e400",
    "NaN",
    "0.000000001",
    "handbook",
    "\"",
    "\"a b\"",
    "a*",
    "*",
    "NEAR(a b)",
    "a AND",
    "OR",
    "-a",
    "^a",
    "body:a",
    "{",
    "(",
    "'; DROP TABLE span; --",
    "%",
    "_",
    "\u{0}",
    "\u{202e}",
    "日本語",
    "\u{1F980}",
    "ẞΣ",
];

/// Where questions go; `{}` is something that names a session.
const PATHS: [&str; 13] = [
    "/api/v1/sessions",
    "/api/v1/sessions/{}",
    "/api/v1/sessions/{}/skeleton",
    "/api/v1/sessions/{}/verdict",
    "/api/v1/sessions/{}/logs",
    "/api/v1/sessions/{}/spans/0000000000000003",
    "/api/v1/search",
    "/api/v1/metrics",
    "/api/v1/histogram",
    "/api/v1/errors",
    "/api/v1/export/{}",
    "/api/v1/about",
    "/api/v1/prices",
];

/// A text as it stands in an address; now and then as nobody may write it.
fn encoded(text: &str, numbers: &mut Numbers) -> String {
    let broken = numbers.below(16) == 0;
    let mut out = String::new();
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if plain || (broken && byte.is_ascii_graphic()) {
            out.push(byte.into());
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    if broken {
        const ODD: [&str; 11] = [
            "%", "%f", "%zz", "%ff", "+", "&", "=", "#", "%00", "/", "..",
        ];
        out += *numbers.of(&ODD);
    }
    out
}

fn value(numbers: &mut Numbers, cursors: &[String]) -> String {
    match numbers.below(12) {
        0 if !cursors.is_empty() => {
            let mut cursor = numbers.of(cursors).clone();
            let at = numbers.below(cursor.len() + 1);
            match numbers.below(4) {
                0 => cursor.truncate(at),
                1 => cursor.insert(at, 'A'),
                _ => {}
            }
            cursor
        }
        1 => numbers.of(&VALUES).repeat(numbers.below(400)),
        2 => format!("{} {}", numbers.of(&VALUES), numbers.of(&VALUES)),
        3 => String::new(),
        _ => numbers.of(&VALUES).to_string(),
    }
}

#[track_caller]
fn is_well(answer: &Answer, path: &str) -> Option<Value> {
    let said = || String::from_utf8_lossy(&answer.body).into_owned();
    let fine = matches!(answer.status, 200 | 400 | 404 | 414);
    assert!(fine, "{}: {}", answer.status, said());
    if path.starts_with("/api/v1/export") && answer.status == 200 {
        return None;
    }
    // What is no address at all is refused before anybody here sees it.
    let is_address = !path.contains(['"', '<', '>', '\\', '^', '`', '{', '|', '}']);
    if !is_address && answer.status == 400 && answer.body.is_empty() {
        return None;
    }
    let json = answer.json();
    if answer.status != 200 {
        let error = &json["error"];
        let told = |field: &str| error[field].as_str().is_some_and(|text| !text.is_empty());
        assert!(told("code") && told("message"), "{json}");
    }
    Some(json)
}

#[test]
fn any_question_is_answered_or_refused() {
    let server = Server::start("fuzz-asked");
    seed::all(&server.store);
    let sessions = [
        GOOD.to_string(),
        BAD.to_string(),
        "last".into(),
        "8c9".into(),
        "%20".into(),
        "..".into(),
        "%FF".into(),
    ];
    let mut cursors = Vec::new();
    rounds("questions", 400, |numbers| {
        let name: &String = numbers.of(&sessions);
        let mut path = numbers.of(&PATHS).replace("{}", name);
        let mut mark = '?';
        for _ in 0..numbers.below(5) {
            let name = numbers.of(&NAMES);
            let value = value(numbers, &cursors);
            path = format!("{path}{mark}{name}={}", encoded(&value, numbers));
            mark = '&';
        }
        let told = Input(path.clone());
        let answer = server.get(&path);
        let json = is_well(&answer, &path);
        drop(told);
        let cursor = json.as_ref().and_then(|json| json["next_cursor"].as_str());
        if let Some(cursor) = cursor.filter(|_| cursors.len() < 64) {
            cursors.push(cursor.to_owned());
        }
    });
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn any_filter_is_understood_or_refused() {
    const KEYS: [&str; 14] = [
        "tag=", "agent=", "tool=", "error=", "env=", "version=", "project=", "model=", "name=",
        "state=", "=", "x=", "", "tag",
    ];
    let server = Server::start("fuzz-filters");
    seed::all(&server.store);
    let all = Wanted {
        limit: 100,
        foreign: true,
        ..Wanted::default()
    };
    let count = server
        .store
        .sessions(&all)
        .expect("an answer")
        .sessions
        .len();
    let mut fits = 0;
    rounds("filters", 1_000, |numbers| {
        let words: Vec<String> = (0..numbers.below(6))
            .map(|_| format!("{}{}", numbers.of(&KEYS), value(numbers, &[])))
            .collect();
        let text = words.join(" ");
        let told = Input(text.clone());
        if let Ok(filter) = text.parse::<Filter>() {
            let wanted = Wanted {
                conditions: filter.conditions().to_vec(),
                ..all.clone()
            };
            let page = server.store.sessions(&wanted).expect("an answer");
            let totals = server.store.totals(&wanted).expect("an answer");
            assert_eq!(totals.sessions, page.sessions.len() as u64);
            assert!(page.sessions.len() <= count);
            fits += u64::from(!page.sessions.is_empty() && !filter.conditions().is_empty());
        }
        drop(told);
    });
    assert!(fits > 10, "{fits} filters fitted something");
}
