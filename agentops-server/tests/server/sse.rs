//! Changes as they happen: what a listener is told, and what it is told when it comes back.

use std::io::{BufRead, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};

use agentops_core::model::event::Event;
use agentops_core::model::frame::{self, Kind};
use agentops_core::model::span::{Span, SpanKind, Status};
use agentops_core::model::wire;
use agentops_server::store::Store as _;
use serde_json::{Value, json};

use crate::seed::{self, BAD, GOOD, LIVE};
use crate::site::Site;

/// A connection that events arrive on.
pub(crate) struct Listener(BufReader<TcpStream>);

/// Listens to a server, and has heard its greeting.
pub(crate) fn hello(address: SocketAddr) -> Listener {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET /api/v1/events HTTP/1.1\r\nhost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut listener = Listener::read(stream);
    assert_eq!(listener.next().event, "hello");
    listener
}

#[derive(Debug)]
struct Told {
    id: Option<u64>,
    event: String,
    data: Value,
}

impl Listener {
    fn new(site: &Site, query: &str, seen: Option<u64>) -> Self {
        let seen = seen.map(|seen| format!("last-event-id: {seen}"));
        let headers: Vec<&str> = seen.iter().map(String::as_str).collect();
        let path = format!("/api/v1/events{query}");
        Self::read(site.send("GET", &path, &headers, b""))
    }

    fn read(stream: TcpStream) -> Self {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).expect("a head"), 0);
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("text/event-stream"), "{head}");
        Self(reader)
    }

    /// The next event, past the lengths of chunks and past heartbeats.
    fn next(&mut self) -> Told {
        let mut told = Told {
            id: None,
            event: String::new(),
            data: Value::Null,
        };
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).expect("an event");
            assert_ne!(read, 0, "the stream has ended");
            let line = line.trim_end();
            if let Some(id) = line.strip_prefix("id: ") {
                told.id = Some(id.parse().expect("a number"));
            } else if let Some(event) = line.strip_prefix("event: ") {
                told.event = event.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                told.data = serde_json::from_str(data).expect("JSON");
            } else if line.is_empty() && !told.event.is_empty() {
                return told;
            }
        }
    }

    /// The next changes, however many events they come in, until `enough`.
    fn until(&mut self, enough: impl Fn(&Value) -> bool) -> Told {
        loop {
            let told = self.next();
            assert_eq!(told.event, "changes");
            if enough(&told.data) {
                return told;
            }
        }
    }
}

fn step(id: u64) -> Span {
    seed::span(LIVE, SpanKind::Operation, "step", (id, 1), (100, 200))
}

/// Sends spans in as a file, so that the server that is asked takes them.
fn send(site: &Site, spans: &[Span]) {
    let mut bytes = Vec::new();
    frame::header(&mut bytes);
    let resource = wire::encode_resource(&seed::resource(""));
    frame::append(&mut bytes, Kind::Resource, &[&resource]).expect("it is short");
    for span in spans {
        let kind = if span.open { Kind::Pending } else { Kind::Span };
        frame::append_span(&mut bytes, kind, &[], &wire::encode_span(span)).expect("it is short");
    }
    let answer = site.ask("POST", "/api/v1/import", &[], &bytes);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["spans"], spans.len());
}

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list");
    list.iter()
        .map(|item| item["name"].as_str().expect("a name"))
        .collect()
}

#[test]
fn a_listener_hears_what_changes_as_it_is_now() {
    let site = Site::new("events", seed::all);
    let mut all = Listener::new(&site, "", None);
    let mut one = Listener::new(&site, &format!("?session={LIVE}"), None);
    let mut other = Listener::new(&site, &format!("?session={GOOD}"), None);
    let hello = all.next();
    assert_eq!(
        (hello.event.as_str(), hello.id),
        ("hello", hello.data["sequence"].as_u64())
    );
    assert_eq!(one.next().event, "hello");
    assert_eq!(other.next().event, "hello");

    let mut open = step(7);
    (open.open, open.end, open.status) = (true, None, Status::Unset);
    send(&site, &[open]);
    let told = all.next();
    assert_eq!(told.event, "changes");
    assert_eq!(told.id, told.data["sequence"].as_u64());
    assert!(told.id > hello.id);
    assert_eq!(names(&told.data["sessions"]), ["crawl"]);
    assert_eq!(
        told.data["sessions"][0],
        site.json(&format!("/api/v1/sessions/{LIVE}"))
    );
    assert_eq!(told.data["spans"], json!([]), "pages with lists draw none");
    let told = one.next();
    assert_eq!(
        told.data["spans"],
        json!([{
            "id": "0000000000000007", "parent_id": "0000000000000001", "session_id": LIVE.to_string(), "name": "step",
            "kind": "OPERATION", "agent": "default", "model": null, "status": "unset", "cancelled": false, "open": true,
            "start_time": "2026-11-22T05:02:00.100000000Z", "duration_ms": null, "thread": 1, "tokens": null,
            "cost": {"usd": null, "tool_usd": null}, "time_to_first_token_ms": null
        }])
    );

    send(&site, &[step(7)]);
    let told = one.next();
    assert_eq!(told.data["spans"][0]["open"], false);
    assert_eq!(told.data["spans"][0]["duration_ms"], 100.0);
    assert_eq!(told.data["sessions"][0]["counts"]["open"], 1);

    site.ask("DELETE", &format!("/api/v1/sessions/{GOOD}"), &[], b"");
    let told = all.until(|data| data["removed"] != json!([]));
    assert_eq!(told.data["removed"], json!([GOOD.to_string()]));
    // It has heard nothing of the session before.
    assert_eq!(other.next().data["removed"], json!([GOOD.to_string()]));
    site.ask(
        "POST",
        &format!("/api/v1/sessions/{GOOD}/restore"),
        &[],
        b"",
    );
    assert_eq!(names(&other.next().data["sessions"]), ["triage"]);
}

#[test]
fn many_changes_are_few_events() {
    let site = Site::new("events-many", seed::all);
    let mut one = Listener::new(&site, &format!("?session={LIVE}"), None);
    one.next();
    let begun = std::time::Instant::now();
    for id in 0..60 {
        send(&site, &[step(1_000 + id)]);
    }
    let (mut events, mut seen) = (0, std::collections::BTreeSet::new());
    while seen.len() < 60 {
        let told = one.next();
        events += 1;
        for span in told.data["spans"].as_array().expect("spans") {
            seen.insert(span["id"].as_str().expect("an id").to_owned());
        }
    }
    let tenths = begun.elapsed().as_millis() / 100;
    assert!(
        events <= tenths + 2,
        "{events} events in {tenths} tenths of a second"
    );
}

#[test]
fn who_comes_back_is_told_what_came_in_between() {
    let mut site = Site::new("events-resume", seed::all);
    let mut first = Listener::new(&site, "", None);
    let hello = first.next();
    send(&site, &[step(11)]);
    let seen = first.next().id.expect("an id");
    drop(first);

    // Nothing was missed.
    let mut second = Listener::new(&site, "", Some(seen));
    assert_eq!(
        (second.next().event, seen > hello.id.expect("an id")),
        ("hello".into(), true)
    );
    drop(second);

    send(&site, &[step(12), step(13)]);
    let mut third = Listener::new(&site, &format!("?session={LIVE}"), Some(seen));
    let hello = third.next();
    assert_eq!(
        (&*hello.event, hello.id),
        ("hello", None),
        "its id would pass for what is still to be told"
    );
    let told = third.next();
    assert_eq!(names(&told.data["spans"]), ["step", "step"]);
    let seen = told.id.expect("an id");
    drop(third);

    // The server forgets what it told; the store knows which sessions changed.
    send(&site, &[step(14)]);
    site.kill();
    site.start();
    let mut fourth = Listener::new(&site, "", Some(seen));
    assert_eq!(fourth.next().event, "hello");
    let told = fourth.next();
    assert_eq!(names(&told.data["sessions"]), ["crawl"]);
    assert_eq!(told.data["refetch"], json!([LIVE.to_string()]));
    let seen = told.id.expect("an id");
    let mut fifth = Listener::new(&site, "", Some(seen));
    let hello = fifth.next();
    assert_eq!(
        (&*hello.event, hello.id),
        ("hello", Some(seen)),
        "nothing was missed"
    );

    // Of another store.
    let mut sixth = Listener::new(&site, "", Some(1_000_000));
    let reset = sixth.next();
    assert_eq!((&*reset.event, reset.id), ("reset", Some(seen)));
}

#[test]
fn what_other_processes_write_is_told() {
    let site = Site::new("events-elsewhere", seed::all);
    let mut all = Listener::new(&site, "", None);
    all.next();
    let store = site.store();
    seed::put(&store, "", vec![Event::SpanEnded(Box::new(step(21)))]);
    let told = all.until(|data| data["refetch"] != json!([]));
    assert_eq!(names(&told.data["sessions"]), ["crawl"]);
    assert_eq!(told.data["refetch"], json!([LIVE.to_string()]));
    store
        .hide(&[BAD], std::time::Duration::from_secs(60))
        .expect("it is hidden");
    let told = all.until(|data| data["removed"] != json!([]));
    assert_eq!(told.data["removed"], json!([BAD.to_string()]));
    assert_eq!(told.data["refetch"], json!([]));
}
