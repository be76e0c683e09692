//! Out and in again: nothing changes on the way.

use agentops_core::model::event::Event;
use agentops_core::model::id::SessionId;
use agentops_core::model::span::SpanKind;
use agentops_server::ingest::import::read as read_in;
use agentops_server::query;
use agentops_server::store::Store as _;
use serde_json::{Value, json};

use crate::seed::{self, BAD, FOREIGN, GOOD, LIVE, LOST};
use crate::site::{Site, is};

fn export(site: &Site, id: SessionId, format: &str) -> Vec<u8> {
    let answer = site.get(&format!("/api/v1/export/{id}?format={format}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.body
}

fn import(site: &Site, bytes: &[u8]) -> Value {
    let answer = site.ask("POST", "/api/v1/import", &[], bytes);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[test]
fn json_comes_back_to_the_letter() {
    let from = Site::new("export-json", seed::all);
    let to = Site::new("import-json", |_| {});
    for id in [GOOD, BAD, LIVE, LOST, FOREIGN] {
        let out = export(&from, id, "json");
        assert_eq!(
            out.trim_ascii_end(),
            from.get(&format!("/api/v1/sessions/{id}?spans=full"))
                .body
                .trim_ascii_end()
        );
        let read = import(&to, &out);
        assert_eq!(read["sessions"], json!([id.to_string()]));
        assert_eq!(read["skipped"], 0);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        assert_eq!(text(&export(&to, id, "json")), text(&out), "{id}");
        // Twice is once.
        import(&to, &out);
        assert_eq!(text(&export(&to, id, "json")), text(&out), "{id}");
    }
    let lists = |site: &Site| site.json("/api/v1/sessions?foreign=true&end_state=Error");
    assert_eq!(lists(&from), lists(&to));
    let sums = |site: &Site, by: &str| {
        site.json(&format!(
            "/api/v1/metrics?group_by={by}&since=2026-11-01&until=2026-12-01"
        ))
    };
    for by in ["model", "tool", "agent", "kind"] {
        assert_eq!(sums(&from, by), sums(&to, by), "{by}");
    }
}

#[test]
fn otlp_comes_back_as_the_same_session() {
    let from = Site::new("export-otlp", seed::all);
    let to = Site::new("import-otlp", |_| {});
    for id in [GOOD, BAD, LIVE] {
        let out = export(&from, id, "otlp");
        assert_eq!(import(&to, &out)["sessions"], json!([id.to_string()]));
        let whole = |site: &Site| site.json(&format!("/api/v1/sessions/{id}?spans=full"));
        assert_eq!(whole(&to), whole(&from), "{id}");
    }
}

/// Whatever a record may hold, also what few of them do: not only what is published is the same.
#[test]
fn nothing_of_a_record_is_lost() {
    let id = SessionId(0x019d_3333_0000_7000_8000_0000_0000_0001);
    let from = Site::new("export-whole", |store| {
        let spans = [(1, 0), (2, 1), (3, 1)].map(|place| {
            let mut span = seed::span(id, SpanKind::Operation, "step", place, (1, 20));
            span.adopted = place.0 == 2;
            span.busy = Some(1_234_567);
            span.polls = Some(3);
            span.cancelled = place.0 == 3;
            span.version = Some("2".into());
            span.tags = vec!["a".into(), "b".into()];
            span.operation_type = Some("function".into());
            Event::SpanEnded(Box::new(span))
        });
        seed::put(store, "", spans.into());
    });
    for format in ["json", "otlp"] {
        let to = Site::new(&format!("import-whole-{format}"), |_| {});
        import(&to, &export(&from, id, format));
        let whole = |site: &Site| query::trace(&site.store(), id).expect("the store answers");
        let (from, to) = (whole(&from), whole(&to));
        assert!(from.is_some());
        assert_eq!(to, from, "{format}");
    }
}

#[test]
fn a_table_has_a_row_for_each_span() {
    let site = Site::new("export-csv", seed::all);
    let answer = site.get(&format!("/api/v1/export/{BAD}?format=csv"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/csv; charset=utf-8")
    );
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"session.csv\"")
    );
    is("export.csv", &answer.text().replace("\r\n", "\n"));
}

#[test]
fn long_sessions_come_in_pieces_and_whole() {
    let id = SessionId(0x019d_2222_0000_7000_8000_0000_0000_0001);
    let site = Site::new("export-long", |store| {
        let spans = (1..=3_001).map(|at| {
            let span = seed::span(id, SpanKind::Operation, "step", (at, at / 2), (at, at + 1));
            Event::SpanEnded(Box::new(span))
        });
        seed::put(store, "", spans.collect());
    });
    let whole: Value = serde_json::from_slice(&export(&site, id, "json")).expect("JSON");
    assert_eq!(whole["spans"].as_array().map(Vec::len), Some(3_001));
    let table = String::from_utf8(export(&site, id, "csv")).expect("text");
    assert_eq!(table.lines().count(), 3_002);
    let to = Site::new("import-long", |_| {});
    assert_eq!(import(&to, &export(&site, id, "otlp"))["spans"], 3_001);
    let again: Value = serde_json::from_slice(&export(&to, id, "json")).expect("JSON");
    assert_eq!(again, whole);

    // How far it has come is told with every batch.
    let store = to.store();
    for format in ["json", "otlp"] {
        let mut told = Vec::new();
        read_in(
            &store,
            &export(&site, id, format),
            &mut |batch| store.commit(batch).map(drop),
            &mut |_| Ok(()),
            &mut |done, all| told.push((done, all)),
        )
        .expect("it is read");
        assert!(told.len() >= 2 && told.is_sorted(), "{told:?}");
        assert_eq!(told.last(), Some(&(3_001, 3_001)), "{format}");
    }
}

#[test]
fn what_was_deleted_comes_back_by_import() {
    let site = Site::new("import-deleted", seed::all);
    let out = export(&site, GOOD, "json");
    site.ask("DELETE", &format!("/api/v1/sessions/{GOOD}"), &[], b"");
    import(&site, &out);
    assert_eq!(export(&site, GOOD, "json"), out);
    // For good this time.
    let store = site.store();
    store
        .hide(&[GOOD], std::time::Duration::ZERO)
        .expect("it is hidden");
    while store
        .maintain(std::time::Duration::from_millis(50))
        .expect("it is purged")
    {}
    assert_eq!(site.get(&format!("/api/v1/sessions/{GOOD}")).status, 404);
    // What goes on coming of it does not bring it back, and a file does.
    seed::put(&store, "", seed::good());
    assert_eq!(site.get(&format!("/api/v1/sessions/{GOOD}")).status, 404);
    import(&site, &out);
    assert_eq!(export(&site, GOOD, "json"), out);
    let restore = site.ask(
        "POST",
        &format!("/api/v1/sessions/{GOOD}/restore"),
        &[],
        b"",
    );
    assert_eq!(restore.json()["error"]["code"], "not_restorable");
    import(&site, &out);
    assert_eq!(export(&site, GOOD, "json"), out);
}

#[test]
fn what_cannot_be_read_says_what_it_is_not() {
    let site = Site::new("import-broken", seed::all);
    let whole = String::from_utf8(export(&site, GOOD, "json")).expect("text");
    for (body, expected) in [
        (b"".to_vec(), "neither a session"),
        (b"{}".to_vec(), "missing field `id`"),
        (b"{\"resourceSpans\":[]}".to_vec(), "neither a session"),
        (b"hello".to_vec(), "nor OTLP"),
        (b"AGENTOPS".to_vec(), "ends before its first record"),
        (
            whole
                .replace("\"kind\":\"TOOL\"", "\"kind\":\"HAMMER\"")
                .into_bytes(),
            "\"HAMMER\" is not a kind of spans",
        ),
        (
            whole.replace("0000000000000004", "4").into_bytes(),
            "\"4\" is not the id of a span",
        ),
        (whole.as_bytes()[..whole.len() / 2].to_vec(), "EOF"),
    ] {
        let answer = site.ask("POST", "/api/v1/import", &[], &body);
        let error = &answer.json()["error"];
        assert_eq!(
            (answer.status, &error["code"]),
            (400, &json!("not_importable"))
        );
        let message = error["message"].as_str().expect("text");
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(
        String::from_utf8(export(&site, GOOD, "json")).expect("text"),
        whole
    );
}
