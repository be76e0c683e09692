//! Questions over HTTP: whole answers, every filter and order, pages, and what hostile requests get.

use agentops_core::model::event::Event;
use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::span::SpanKind;
use serde_json::{Value, json};

use crate::seed::{self, BAD, FOREIGN, GOOD, LIVE, LOST};
use crate::site::{Site, is, pretty};

fn names(list: &Value) -> Vec<&str> {
    let sessions = list["sessions"].as_array().expect("a list");
    sessions
        .iter()
        .map(|session| session["name"].as_str().expect("a name"))
        .collect()
}

#[test]
fn whole_answers() {
    let site = Site::new("whole", seed::all);
    for (name, path) in [
        ("sessions.json", "/api/v1/sessions".to_owned()),
        ("session.json", format!("/api/v1/sessions/{GOOD}")),
        ("session-full.json", format!("/api/v1/sessions/{GOOD}?spans=full")),
        ("failed-full.json", format!("/api/v1/sessions/{BAD}?spans=full")),
        ("span.json", format!("/api/v1/sessions/{GOOD}/spans/0000000000000003")),
        ("span-short.json", format!("/api/v1/sessions/{GOOD}/spans/0000000000000003?limit=4096")),
        ("span-failed.json", format!("/api/v1/sessions/{BAD}/spans/0000000000000002")),
        ("logs.json", format!("/api/v1/sessions/{GOOD}/logs")),
        ("search.json", "/api/v1/search?q=handbook".to_owned()),
        ("errors.json", "/api/v1/errors".to_owned()),
        ("histogram.json", "/api/v1/histogram?parts=3".to_owned()),
        (
            "metrics-model.json",
            "/api/v1/metrics?group_by=model&interval=day&since=2026-11-01&until=2026-12-01".to_owned(),
        ),
        (
            "metrics-tag.json",
            "/api/v1/metrics?group_by=tag&interval=hour&since=2026-11-22T05:00:00Z&until=2026-11-22T06:00:00Z"
                .to_owned(),
        ),
    ] {
        is(name, &pretty(&site.json(&path)));
    }
    for (name, id) in [("verdict-good.json", GOOD), ("verdict-bad.json", BAD)] {
        let verdict = site.json(&format!("/api/v1/sessions/{id}/verdict"));
        is(name, &pretty(&verdict));
    }
    let mut skeleton = site.json(&format!("/api/v1/sessions/{GOOD}/skeleton"));
    assert!(skeleton["sequence"].as_u64().is_some_and(|at| at > 0));
    skeleton["sequence"] = json!("…");
    is("skeleton.json", &pretty(&skeleton));
}

#[test]
fn one_span_is_what_the_whole_session_has_of_it() {
    let site = Site::new("one-span", seed::all);
    for id in [GOOD, BAD, LIVE, LOST, FOREIGN] {
        let whole = site.json(&format!("/api/v1/sessions/{id}?spans=full"));
        for span in whole["spans"].as_array().expect("spans") {
            let path = format!(
                "/api/v1/sessions/{id}/spans/{}",
                span["id"].as_str().expect("an id")
            );
            assert_eq!(&site.json(&path), span);
        }
    }
}

#[test]
fn every_filter_selects() {
    let site = Site::new("filters", seed::all);
    for (filter, expected) in [
        ("", vec!["nightly", "crawl", "refund-agent", "triage"]),
        (
            "foreign=true",
            vec!["GET /", "nightly", "crawl", "refund-agent", "triage"],
        ),
        ("project=shop", vec!["refund-agent"]),
        ("project=default&state=ended", vec!["triage"]),
        ("project=nowhere", vec![]),
        ("state=running", vec!["crawl"]),
        ("state=ended", vec!["refund-agent", "triage"]),
        ("state=lost", vec!["nightly"]),
        ("end_state=Error", vec!["refund-agent"]),
        ("end_state=success", vec!["triage"]),
        ("end_state=Indeterminate", vec!["nightly"]),
        ("tag=prod", vec!["refund-agent", "triage"]),
        ("tag=prod&tag=demo", vec!["triage"]),
        ("q=tag%3D%22demo%22", vec!["triage"]),
        ("agent=coder", vec!["refund-agent"]),
        ("model=GPT-4o", vec!["triage"]),
        ("tool=sql", vec!["refund-agent"]),
        ("error=Timeout", vec!["refund-agent"]),
        ("environment=staging", vec!["triage"]),
        ("version=1.2.0&state=running", vec!["crawl"]),
        ("name=REFUND", vec!["refund-agent"]),
        ("q=planner", vec!["triage"]),
        ("q=tag%3Dprod+state%3Derror", vec!["refund-agent"]),
        (
            "since=2026-11-22T05:01:00Z&until=2026-11-22T05:02:00Z",
            vec!["refund-agent"],
        ),
        (
            "since=2026-11-22T06:01:00+01:00&until=2026-11-22T05:02:00Z",
            vec!["refund-agent"],
        ),
        ("since=2026-11-23", vec![]),
        ("min_cost=0.0133", vec!["triage"]),
        ("min_cost=0.013300002", vec![]),
        ("max_cost=0.013300002", vec!["triage"]),
        ("max_cost=0.01", vec![]),
        ("root=true&state=lost", vec!["nightly"]),
        (
            "sort=oldest",
            vec!["triage", "refund-agent", "crawl", "nightly"],
        ),
        ("sort=cost&state=ended", vec!["triage", "refund-agent"]),
        ("sort=duration&state=ended", vec!["refund-agent", "triage"]),
        ("sort=tokens&state=ended", vec!["triage", "refund-agent"]),
        ("sort=errors&limit=1", vec!["refund-agent"]),
        ("sort=spans&state=running", vec!["crawl"]),
    ] {
        let list = site.json(&format!("/api/v1/sessions?{filter}"));
        assert_eq!(names(&list), expected, "{filter}");
        if !filter.contains("limit") {
            assert_eq!(list["totals"]["sessions"], expected.len(), "{filter}");
        }
    }
    let errors = site.json("/api/v1/errors");
    for error in errors["errors"].as_array().expect("errors") {
        let list = site.json(&format!("/api/v1/sessions?fault={}", error["id"]));
        assert_eq!(names(&list), ["refund-agent"]);
        assert_eq!(error["sessions"], 1);
    }
    assert_eq!(
        site.json("/api/v1/errors?project=default")["errors"],
        json!([])
    );
}

fn sum(values: &Value, of: &str) -> u64 {
    let values = values.as_array().expect("a list");
    let number = |value: &Value| value.pointer(of).and_then(Value::as_u64);
    values
        .iter()
        .map(|value| number(value).expect("a number"))
        .sum()
}

#[test]
fn parts_of_time_are_all_of_it() {
    let site = Site::new("parts", seed::all);
    for filter in [
        "",
        "state=ended",
        "tag=prod&foreign=true",
        "since=2026-11-23",
    ] {
        let totals = &site.json(&format!("/api/v1/sessions?{filter}"))["totals"];
        for parts in [1, 2, 7, 500] {
            let path = format!("/api/v1/histogram?{filter}&parts={parts}");
            let found = site.json(&path)["parts"].clone();
            assert_eq!(sum(&found, "/sessions"), totals["sessions"], "{path}");
            assert_eq!(sum(&found, "/failed"), totals["failed"], "{path}");
        }
    }
    for error in site.json("/api/v1/errors")["errors"]
        .as_array()
        .expect("errors")
    {
        assert_eq!(sum(&error["over_time"], ""), error["count"], "{error}");
    }
    for by in ["kind", "model", "agent", "tag", "version"] {
        let path = format!("/api/v1/metrics?group_by={by}&since=2026-11-01&until=2026-12-01");
        let hours = site.json(&format!("{path}&interval=hour"));
        let whole = site.json(&format!("{path}&interval=all"));
        for figure in ["/count", "/errors", "/tokens/input", "/cost/unpriced"] {
            let all = sum(&whole["points"], figure);
            assert_eq!(all, sum(&hours["points"], figure), "{by} {figure}");
        }
        let groups: Vec<&Value> = whole["points"]
            .as_array()
            .expect("points")
            .iter()
            .map(|point| &point["group"])
            .collect();
        let mut once = groups.clone();
        once.dedup();
        assert_eq!(groups, once, "{by}");
    }
}

#[test]
fn a_server_tells_what_it_keeps_and_by_which_prices_it_counts() {
    let site = Site::new("about", seed::all);
    let about = site.json("/api/v1/about");
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert!(
        about["data"]["bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 0)
    );
    let all = site.json("/api/v1/sessions?foreign=true");
    assert_eq!(about["data"]["totals"], all["totals"]);

    let prices = site.json("/api/v1/prices");
    assert!(
        prices["table"]
            .as_str()
            .is_some_and(|table| table.contains("genai-prices"))
    );
    let used = prices["used"].as_array().expect("models");
    let model = |name: &str| {
        let found = used.iter().find(|used| used["model"] == name);
        found.unwrap_or_else(|| panic!("{name} is not in {used:?}"))
    };
    let unknown = model("made-up-model");
    assert_eq!(
        (&unknown["quote"], &unknown["unpriced"]),
        (&Value::Null, &json!(1))
    );
    let known = model("gpt-4o-mini");
    assert_eq!(known["unpriced"], 0);
    assert_eq!(known["quote"]["prices"]["model"], "openai/gpt-4o-mini");
}

/// A session that is nothing but its own span.
fn small(number: u64) -> (SessionId, Vec<Event>) {
    let id = SessionId(0x019d_0000_0000_7000_8000_0000_0000_0000 + u128::from(number));
    let mut span = seed::span(
        id,
        SpanKind::Session,
        &format!("run {number:02}"),
        (1, 0),
        (0, 1 + number % 3),
    );
    span.start += number * 1_000_000_000;
    span.end = span.end.map(|end| end + number * 1_000_000_000);
    let mut facts = seed::facts(id, &span.name);
    (facts.start, facts.end) = (span.start, span.end);
    (
        id,
        vec![
            Event::Session(Box::new(facts)),
            Event::SpanEnded(Box::new(span)),
        ],
    )
}

#[test]
fn pages_have_everything_once_while_more_arrives() {
    let site = Site::new("pages", |store| {
        for number in 0..25 {
            seed::put(store, "", small(number).1);
        }
    });
    for sort in ["newest", "oldest", "duration", "spans", "cost"] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = site.json(&format!("/api/v1/sessions?sort={sort}&limit=4{cursor}"));
            seen.extend(names(&page).into_iter().map(str::to_owned));
            // Newer than all that was there, and beyond every page of the newest first.
            let late = 100 + pages;
            if sort == "newest" {
                let imported = site.store();
                seed::put(&imported, "", small(late).1);
            }
            pages += 1;
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        seen.retain(|name| {
            name < &"run 25".to_owned() || name.len() == 6 && name < &"run 25".to_owned()
        });
        seen.retain(|name| name.len() == 6);
        let mut sorted = seen.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!((seen.len(), sorted.len()), (25, 25), "{sort}");
        match sort {
            "newest" => assert!(seen.iter().rev().eq(&sorted)),
            "oldest" => assert_eq!(seen, sorted),
            _ => {}
        }
    }
}

#[test]
fn logs_come_in_pages_and_by_level() {
    let site = Site::new("logs", seed::all);
    let path = format!("/api/v1/sessions/{GOOD}/logs");
    let said = |list: &Value| -> Vec<String> {
        let logs = list["logs"].as_array().expect("logs");
        logs.iter()
            .map(|log| log["log"]["message"].as_str().expect("text").to_owned())
            .collect()
    };
    let first = site.json(&format!("{path}?limit=1"));
    assert_eq!(said(&first), ["begun"]);
    let next = first["next_cursor"].as_str().expect("there is more");
    let second = site.json(&format!("{path}?limit=1&cursor={next}"));
    assert_eq!(said(&second), ["slow disk"]);
    assert_eq!(second["next_cursor"], Value::Null);
    assert_eq!(
        said(&site.json(&format!("{path}?level=WARN"))),
        ["slow disk"]
    );
    assert_eq!(said(&site.json(&format!("{path}?q=BEG"))), ["begun"]);
    let span = site.json(&format!("{path}?span=0000000000000004"));
    assert_eq!(said(&span), ["slow disk"]);
}

#[test]
fn ids_are_resolved_as_on_the_command_line() {
    let site = Site::new("ids", seed::all);
    let id = |path: &str| site.json(&format!("/api/v1/sessions/{path}"))["id"].clone();
    for text in [
        GOOD.to_string(),
        "019c6b1e".into(),
        "019C6B1E6F2A7C3D9B415D0F6A7E8C90".into(),
        "6a7e8c90".into(),
    ] {
        assert_eq!(id(&text), GOOD.to_string(), "{text}");
    }
    assert_eq!(id("last"), FOREIGN.to_string());
    let several = site.get("/api/v1/sessions/019c");
    assert_eq!(several.status, 409);
    assert_eq!(several.json()["error"]["code"], "ambiguous_id");
    let empty = Site::new("ids-empty", |_| {});
    let none = empty.get("/api/v1/sessions/last");
    assert_eq!(
        (none.status, &none.json()["error"]["code"]),
        (404, &json!("nothing_recorded"))
    );
}

#[test]
fn what_did_not_change_is_not_sent_again() {
    let site = Site::new("etags", seed::all);
    let store = site.store();
    let one = format!("/api/v1/sessions/{GOOD}");
    for path in [
        "/api/v1/sessions".to_owned(),
        one.clone(),
        format!("{one}/skeleton"),
        format!("{one}/verdict"),
        format!("{one}/logs"),
        format!("{one}/spans/0000000000000003"),
        "/api/v1/errors".into(),
        "/api/v1/search?q=handbook".into(),
    ] {
        let first = site.get(&path);
        let tag = first.header("etag").expect("a tag").to_owned();
        let again = site.ask("GET", &path, &[&format!("if-none-match: {tag}")], b"");
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), Some(&*tag));
        let any = site.ask("GET", &path, &["if-none-match: *"], b"");
        assert_eq!(any.status, 304, "{path}");
        let other = site.ask("GET", &path, &["if-none-match: W/\"another\""], b"");
        assert_eq!(other.status, 200);
    }
    let tag = site.get(&one).header("etag").expect("a tag").to_owned();
    let list = site
        .get("/api/v1/sessions")
        .header("etag")
        .expect("a tag")
        .to_owned();
    seed::put(&store, "", small(1).1);
    let same = site.ask("GET", &one, &[&format!("if-none-match: {tag}")], b"");
    assert_eq!(same.status, 304, "another session changed");
    let changed = site.ask(
        "GET",
        "/api/v1/sessions",
        &[&format!("if-none-match: {list}")],
        b"",
    );
    assert_eq!(changed.status, 200);
}

#[test]
fn answers_are_compressed_on_request() {
    use std::io::Read as _;
    let site = Site::new("gzip", seed::all);
    let path = format!("/api/v1/sessions/{GOOD}?spans=full");
    let plain = site.get(&path);
    assert_eq!(plain.header("content-encoding"), None);
    let packed = site.ask("GET", &path, &["accept-encoding: gzip"], b"");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&*packed.body)
        .read_to_end(&mut text)
        .expect("gzip");
    assert_eq!(text, plain.body);
}

#[test]
fn mistakes_are_named_with_what_may_be() {
    let site = Site::new("mistakes", seed::all);
    let mut told = String::new();
    for (method, path) in [
        ("GET", "/api/v1/sessions?sort=best"),
        ("GET", "/api/v1/sessions?limit=0"),
        ("GET", "/api/v1/sessions?limit=501"),
        ("GET", "/api/v1/sessions?limit=1&limit=2"),
        ("GET", "/api/v1/sessions?cursor=x"),
        ("GET", "/api/v1/sessions?state=odd"),
        ("GET", "/api/v1/sessions?end_state=odd"),
        ("GET", "/api/v1/sessions?since=yesterday"),
        ("GET", "/api/v1/sessions?min_cost=-1"),
        ("GET", "/api/v1/sessions?fault=x"),
        ("GET", "/api/v1/sessions?root=yes"),
        ("GET", "/api/v1/sessions?q=colour%3Dred"),
        ("GET", "/api/v1/sessions?colour=red"),
        ("GET", "/api/v1/sessions?tag=%FF"),
        ("GET", "/api/v1/sessions/ffff"),
        ("GET", "/api/v1/sessions/%FF"),
        ("GET", "/api/v1/sessions/last?spans=some"),
        ("GET", "/api/v1/sessions/last/spans/1"),
        (
            "GET",
            "/api/v1/sessions/last/spans/0000000000000003?limit=4095",
        ),
        (
            "GET",
            "/api/v1/sessions/last/spans/0000000000000003?limit=all",
        ),
        ("GET", "/api/v1/sessions/019c6b1e/spans/00000000000000ff"),
        ("GET", "/api/v1/sessions/last/skeleton?x=1"),
        ("GET", "/api/v1/sessions/last/verdict?x=1"),
        ("GET", "/api/v1/sessions/last/logs?level=loud"),
        ("GET", "/api/v1/sessions/last/logs?cursor=1.2"),
        ("GET", "/api/v1/search"),
        ("GET", "/api/v1/metrics?group_by=colour"),
        ("GET", "/api/v1/metrics?interval=year"),
        ("GET", "/api/v1/export/last?format=pdf"),
        ("GET", "/api/v1/events?last_event_id=x"),
        ("DELETE", "/api/v1/sessions/last"),
        ("DELETE", "/api/v1/sessions"),
        (
            "DELETE",
            "/api/v1/sessions/019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c99",
        ),
        (
            "POST",
            "/api/v1/sessions/019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90/restore",
        ),
        ("POST", "/api/v1/import"),
        ("POST", "/api/v1/sessions"),
        ("GET", "/api/v1/nothing"),
        ("GET", "/api"),
    ] {
        let answer = site.ask(method, path, &[], b"");
        assert!(
            (400..500).contains(&answer.status),
            "{path}: {}",
            answer.status
        );
        let body = answer.json();
        let error = body["error"].as_object().expect("an error");
        assert_eq!(
            (body.as_object().map(|body| body.len()), error.len()),
            (Some(1), 2)
        );
        let said = |key: &str| error[key].as_str().expect("text").to_owned();
        told.push_str(&format!(
            "{method} {path}\n{} {}\n{}\n\n",
            answer.status,
            said("code"),
            said("message")
        ));
    }
    is("mistakes.txt", &told);
    assert_eq!(
        site.ask("POST", "/api/v1/sessions", &[], b"")
            .header("allow")
            .map(|allow| allow.contains("GET")),
        Some(true)
    );
}

#[test]
fn hostile_words_are_only_words() {
    let site = Site::new("hostile", seed::all);
    let before = site.get("/api/v1/sessions").body;
    let words = [
        "' OR 1=1 --",
        "'; DROP TABLE session; --",
        "\" OR \"\"=\"",
        "%",
        "_",
        "\\",
        "<script>alert(1)</script>",
        "\u{0}\u{1}\u{7f}",
        "\r\nx-injected: 1",
        "{\"$gt\":0}",
        "NEAR(a b)",
        "a* OR b",
        "\"",
        "ﷺ",
    ];
    for word in words {
        let coded: String = word.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for name in [
            "project",
            "tag",
            "agent",
            "model",
            "tool",
            "error",
            "environment",
            "version",
            "name",
        ] {
            let list = site.json(&format!("/api/v1/sessions?{name}={coded}"));
            assert_eq!(list["sessions"], json!([]), "{name}={word:?}");
        }
        for path in [
            format!("/api/v1/sessions?q={coded}"),
            format!("/api/v1/search?q={coded}"),
            format!("/api/v1/metrics?project={coded}"),
            format!("/api/v1/errors?error={coded}"),
            format!("/api/v1/sessions/{coded}"),
            format!("/api/v1/sessions/{GOOD}/spans/{coded}"),
            format!("/api/v1/export/{coded}"),
            format!("/api/v1/events?session={coded}"),
            format!("/api/v1/sessions?cursor={coded}"),
            format!("/api/v1/{coded}"),
        ] {
            let answer = site.get(&path);
            assert!(answer.status < 500, "{path}: {}", answer.text());
            assert_eq!(answer.header("x-injected"), None);
            answer.json();
        }
    }
    let long = "a".repeat(5_000);
    for path in [
        format!("/api/v1/sessions?tag={long}"),
        format!("/api/v1/sessions/{long}"),
        format!("/api/v1/sessions?{long}=1"),
        format!("/api/v1/sessions?{}", "tag=a&".repeat(2_000)),
        format!("/api/v1/sessions?q={}", "a+".repeat(490)),
    ] {
        let answer = site.get(&path);
        assert!((400..500).contains(&answer.status), "{}", answer.status);
        assert!(answer.body.len() < 2_000);
    }
    assert_eq!(site.get("/api/v1/sessions").body, before);
}

#[test]
fn what_is_deleted_is_gone_at_once_and_comes_back() {
    let site = Site::new("delete", seed::all);
    let before = site.json("/api/v1/sessions");
    let whole = site.get(&format!("/api/v1/sessions/{BAD}?spans=full")).body;
    let deleted = site.ask("DELETE", &format!("/api/v1/sessions/{BAD}"), &[], b"");
    let answer = deleted.json();
    assert_eq!(deleted.status, 200);
    assert_eq!(answer["deleted"], json!([BAD.to_string()]));
    assert_eq!(
        names(&site.json("/api/v1/sessions")),
        ["nightly", "crawl", "triage"]
    );
    for path in [
        format!("/api/v1/sessions/{BAD}"),
        format!("/api/v1/sessions/{BAD}/skeleton"),
        format!("/api/v1/sessions/{BAD}/spans/0000000000000002"),
        format!("/api/v1/sessions/{BAD}/logs"),
        format!("/api/v1/export/{BAD}"),
    ] {
        assert_eq!(site.get(&path).status, 404, "{path}");
    }
    assert_eq!(site.json("/api/v1/errors")["errors"], json!([]));
    assert_eq!(site.json("/api/v1/search?q=timeout")["hits"], json!([]));
    let again = site.ask("DELETE", &format!("/api/v1/sessions/{BAD}"), &[], b"");
    assert_eq!(again.status, 404);

    let restore = format!("/api/v1/sessions/{BAD}/restore");
    let restored = site.ask("POST", &restore, &[], b"");
    assert_eq!(restored.json(), json!({"restored": [BAD.to_string()]}));
    assert_eq!(site.ask("POST", &restore, &[], b"").status, 404);
    assert_eq!(site.json("/api/v1/sessions"), before);
    assert_eq!(
        site.get(&format!("/api/v1/sessions/{BAD}?spans=full")).body,
        whole
    );

    let other = SessionId(7);
    let many = site.ask(
        "DELETE",
        &format!("/api/v1/sessions?id={GOOD}&id={BAD}&id={other}"),
        &[],
        b"",
    );
    let many = many.json();
    assert_eq!(many["deleted"], json!([GOOD.to_string(), BAD.to_string()]));
    assert_eq!(many["unknown"], json!([other.to_string()]));
    assert_eq!(names(&site.json("/api/v1/sessions")), ["nightly", "crawl"]);
    let back = site.ask(
        "POST",
        &format!("/api/v1/sessions/restore?id={GOOD}&id={BAD}"),
        &[],
        b"",
    );
    assert_eq!(back.status, 200);
    assert_eq!(site.json("/api/v1/sessions"), before);
}

#[test]
fn columns_hold_a_tree_whatever_spans_claim() {
    let id = SessionId(0x019d_1111_0000_7000_8000_0000_0000_0001);
    let site = Site::new("columns", |store| {
        let mut spans = vec![
            seed::span(id, SpanKind::Operation, "a", (1, 2), (0, 10)),
            seed::span(id, SpanKind::Operation, "b", (2, 1), (1, 9)),
            seed::span(id, SpanKind::Operation, "orphan", (3, 99), (2, 8)),
            seed::span(id, SpanKind::Operation, "self", (4, 4), (3, 7)),
        ];
        // 10,000 deep.
        for at in 0..10_000 {
            spans.push(seed::span(
                id,
                SpanKind::Operation,
                "deep",
                (1_000 + at, 999 + at),
                (10, 20),
            ));
        }
        let events = spans
            .into_iter()
            .map(|span| Event::SpanEnded(Box::new(span)));
        seed::put(store, "", events.collect());
    });
    let skeleton = site.json(&format!("/api/v1/sessions/{id}/skeleton"));
    let count = skeleton["spans"].as_u64().expect("a number") as usize;
    assert_eq!(count, 10_004);
    let ids = skeleton["ids"].as_str().expect("ids");
    assert_eq!(ids.len(), count * 16);
    let parents = skeleton["parent"].as_array().expect("parents");
    let flags = skeleton["flags"].as_array().expect("flags");
    for column in ["kind", "name", "agent", "start", "duration", "thread"] {
        assert_eq!(
            skeleton[column].as_array().map(Vec::len),
            Some(count),
            "{column}"
        );
    }
    for (at, parent) in parents.iter().enumerate() {
        assert!(
            parent.as_i64().expect("a place") < at as i64,
            "parents before children"
        );
    }
    let place = |id: u64| {
        let hex = SpanId(id).to_string();
        (0..count)
            .find(|at| ids[at * 16..at * 16 + 16] == hex)
            .expect("it is there")
    };
    assert_eq!(flags[place(3)].as_u64().map(|bits| bits & 16), Some(16));
    assert_eq!(flags[place(4)].as_u64().map(|bits| bits & 16), Some(0));
    assert_eq!(parents[place(2)], place(1));
    let whole = site.json(&format!("/api/v1/sessions/{id}?spans=full"));
    let spans = whole["spans"].as_array().expect("spans");
    for (at, span) in spans.iter().enumerate() {
        assert_eq!(span["id"], ids[at * 16..at * 16 + 16], "the same order");
    }
}

#[test]
fn columns_name_the_parents_that_are_not_there() {
    let site = Site::new("orphans", |store| {
        let span = |place, at| {
            let span = seed::span(LIVE, SpanKind::Operation, "step", place, (at, at + 1));
            Event::SpanEnded(Box::new(span))
        };
        seed::put(
            store,
            "",
            vec![span((1, 0), 1), span((2, 0x99), 2), span((3, 2), 3)],
        );
    });
    let columns = site.json(&format!("/api/v1/sessions/{LIVE}/skeleton"));
    assert_eq!(columns["parent"], json!([-1, -1, 1]));
    assert_eq!(columns["flags"], json!([4, 4 | 16, 4]));
    assert_eq!(
        columns["orphans"],
        json!({"at": [1], "parent": ["0000000000000099"]})
    );
}

#[test]
fn capitals_make_no_difference_to_filters_in_any_script() {
    let site = Site::new("capitals", |store| {
        let mut facts = seed::facts(LIVE, "Étude ΟΔΟΣ");
        facts.tags = vec!["МОСКВА".into()];
        seed::put(store, "", vec![Event::Session(Box::new(facts))]);
    });
    // é, ς and москва, as they stand in addresses.
    for query in [
        "name=%C3%A9tude",
        "name=%C3%89TUDE",
        "q=%CE%BF%CE%B4%CE%BF%CF%82",
        "q=%CE%9F%CE%94",
        "q=%D0%BC%D0%BE%D1%81%D0%BA%D0%B2%D0%B0",
    ] {
        let list = site.json(&format!("/api/v1/sessions?{query}"));
        assert_eq!(
            list["sessions"].as_array().map(Vec::len),
            Some(1),
            "{query}"
        );
    }
    let list = site.json("/api/v1/sessions?name=%C3%A8tude");
    assert_eq!(list["sessions"], json!([]));
}
