//! What no session is like, whichever way it comes in: it is cut alike, said, and counted.

use std::fs::{self, File};
use std::io::Write as _;
use std::time::{Duration, Instant};

use agentops_core::model::frame::{self, Kind};
use agentops_core::model::span::{Span, SpanKind};
use agentops_core::model::wire;
use serde_json::{Value, json};

use crate::seed::{self, GOOD};
use crate::site::Site;

/// A call that took more tokens than there are, and earned money.
fn absurd() -> Span {
    let mut span = seed::span(GOOD, SpanKind::Llm, &"n".repeat(5_000), (2, 1), (1, 2));
    span.llm = Some(seed::call("m", (u64::MAX / 4, u64::MAX / 4), Some(-5)));
    span.tags = (0..1_200).map(|n| format!("t{n:04}")).collect();
    for n in 0..1_100 {
        span.attributes.insert(format!("k{n}"), n.into());
    }
    span
}

fn spool_file() -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::header(&mut bytes);
    let mut resource = (*seed::resource("")).clone();
    resource.service = "s".repeat(3_000);
    let resource = wire::encode_resource(&resource);
    frame::append(&mut bytes, Kind::Resource, &[&resource]).expect("it fits");
    let mut facts = seed::facts(GOOD, &"f".repeat(3_000));
    facts.tags = (0..1_200).map(|n| format!("t{n:04}")).collect();
    let facts = wire::encode_facts(&facts);
    frame::append(&mut bytes, Kind::Session, &[&facts]).expect("it fits");
    let root = seed::span(GOOD, SpanKind::Session, "root", (1, 0), (0, 5));
    for span in [root, absurd()] {
        let span = wire::encode_span(&span);
        frame::append_span(&mut bytes, Kind::Span, &[], &span).expect("it fits");
    }
    bytes
}

fn imported(site: &Site, bytes: &[u8]) -> String {
    let answer = site.ask("POST", "/api/v1/import", &[], bytes);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["skipped"], 0);
    answer.json()["cut"].to_string()
}

#[track_caller]
fn is_within_limits(site: &Site) {
    let session = site.json(&format!("/api/v1/sessions/{GOOD}?spans=full"));
    let length = |value: &Value| value.as_str().map(str::len);
    assert_eq!(length(&session["name"]), Some(1_024));
    assert_eq!(length(&session["service"]), Some(1_024));
    assert_eq!(session["tags"].as_array().map(Vec::len), Some(1_000));
    assert_eq!(session["tokens"]["total"], 0);
    assert_eq!(session["cost"]["partial"], true);
    let spans = session["spans"].as_array().expect("spans");
    let call = spans.iter().find(|span| span["kind"] == "LLM");
    let call = call.expect("the call");
    assert_eq!(length(&call["name"]), Some(1_024));
    assert_eq!(call["tags"].as_array().map(Vec::len), Some(1_000));
    let attributes = call["attributes"].as_object();
    assert_eq!(attributes.map(serde_json::Map::len), Some(1_000));
    assert_eq!(
        (&call["llm"]["usage"], &call["llm"]["cost"]["usd"]),
        (&Value::Null, &Value::Null)
    );
}

#[track_caller]
fn says_what_was_cut(said: &str) {
    for part in [
        "100 attributes left out",
        "names cut to 1024 bytes",
        "2 numbers left out",
        "400 tags left out",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_spool_file_that_is_imported_is_held_to_limits() {
    let site = Site::new("limits-import", |_| {});
    says_what_was_cut(&imported(&site, &spool_file()));
    is_within_limits(&site);
}

#[test]
fn a_session_as_json_is_held_to_limits() {
    let site = Site::new("limits-json", |_| {});
    imported(&site, &spool_file());
    let exported = site.get(&format!("/api/v1/export/{GOOD}?format=json"));
    let mut session: Value = serde_json::from_slice(&exported.body).expect("JSON");
    let tags: Vec<String> = (0..1_200).map(|n| format!("t{n:04}")).collect();
    session["tags"] = json!(tags);
    for member in ["name", "service"] {
        session[member] = "n".repeat(3_000).into();
    }
    let call = &mut session["spans"][1];
    assert_eq!(call["kind"], "LLM");
    call["name"] = "n".repeat(3_000).into();
    call["tags"] = json!(tags);
    for n in 0..100 {
        call["attributes"][format!("more{n}")] = n.into();
    }
    call["llm"]["usage"] = json!({"input": 1_u64 << 62, "output": 1, "total": 1_u64 << 62});
    call["llm"]["cost"] = json!({"usd": -0.5});

    let site = Site::new("limits-json-again", |_| {});
    let said = imported(&site, session.to_string().as_bytes());
    says_what_was_cut(&said);
    is_within_limits(&site);
}

#[test]
fn a_spool_that_is_followed_is_held_to_limits() {
    let site = Site::new("limits-spool", |_| {});
    let spool = site.home.join("spool");
    fs::create_dir_all(&spool).expect("a spool");
    let name = "limits-1795323600000-1-0.agentops";
    let mut file = File::create(spool.join(format!("{name}.part"))).expect("a file");
    file.write_all(&spool_file()).expect("it is written");
    fs::rename(spool.join(format!("{name}.part")), spool.join(name)).expect("it is there");
    let until = Instant::now() + Duration::from_secs(60);
    let counted = "agentops_refused_total{what=\"parts\",cause=\"numbers\"} 2";
    // It is counted once the file is in the store.
    while spool.join(name).exists() || !site.get("/metrics").text().contains(counted) {
        assert!(Instant::now() < until, "{}", site.get("/metrics").text());
        std::thread::yield_now();
    }
    is_within_limits(&site);
}
