//! What nobody sends in good faith: nothing falls over, what is refused is counted, and the rest goes on.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{START, Server};
use crate::otlp::{pairs, request, span};

const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;
const JSON: (&str, &str) = ("content-type", "application/json");
const PROTO: (&str, &str) = ("content-type", "application/x-protobuf");

/// Headers, a body, the status that comes of it, and what is said.
type Case<'a> = (&'a [(&'a str, &'a str)], Vec<u8>, u16, &'a str);

#[test]
fn what_cannot_be_read_is_refused_with_the_reason() {
    let server = Server::start("hostile-bodies");
    let gzip = |body: &[u8]| {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        to.write_all(body)
            .and_then(|()| to.finish())
            .expect("memory")
    };
    let bomb = gzip(&vec![b' '; 65 << 20]);
    assert!(bomb.len() < 200_000);
    let zstd_bomb = zstd::encode_all(&vec![b' '; 65 << 20][..], 1).expect("memory");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cases: [Case<'_>; 14] = [
        (&[JSON], b"".into(), 400, "EOF"),
        (&[JSON], b"[]".into(), 400, "an object with `resourceSpans`"),
        (
            &[JSON],
            b"{\"resourceSpans\":[{\"scopeSpans\":3}]}".into(),
            400,
            "an array as `scopeSpans`",
        ),
        (&[JSON], b"{} x".into(), 400, "trailing"),
        (
            &[JSON],
            b"{\"resourceSpans\":\xff}".into(),
            400,
            "expected value",
        ),
        (&[JSON], deep.into_bytes(), 400, "invalid type"),
        (&[JSON, ("content-encoding", "gzip")], bomb, 413, "64 MiB"),
        (
            &[JSON, ("content-encoding", "zstd")],
            zstd_bomb,
            413,
            "64 MiB",
        ),
        (
            &[JSON, ("content-encoding", "gzip")],
            b"{}".into(),
            400,
            "does not decompress",
        ),
        (
            &[JSON, ("content-encoding", "br")],
            b"{}".into(),
            415,
            "gzip, deflate or zstd",
        ),
        (
            &[("content-type", "text/html")],
            b"{}".into(),
            415,
            "application/x-protobuf",
        ),
        (&[PROTO], b"\x0a\xff".into(), 400, "cut short"),
        (&[PROTO], b"\x0b".into(), 400, "not protobuf"),
        (
            &[JSON, ("content-length", "99999999999")],
            b"".into(),
            413,
            "16 MiB",
        ),
    ];
    for (headers, body, status, said) in cases {
        for path in ["/v1/traces", "/v1/logs"] {
            if path == "/v1/logs" && status == 400 && headers == [JSON] {
                continue;
            }
            let answer = server.send("POST", path, headers, &body);
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.status, status, "{headers:?}: {text}");
            assert!(text.contains(said), "{headers:?}: {text}");
        }
    }
    assert_eq!(server.send("GET", "/healthz", &[], b"").status, 200);
    assert!(server.counted("agentops_refused_total{what=\"requests\",cause=\"malformed\"}") >= 8);
    assert_eq!(
        server.counted("agentops_refused_total{what=\"requests\",cause=\"too_long\"}"),
        6
    );
}

/// A span that is wrong costs itself alone, whichever way it came.
#[test]
fn what_is_wrong_with_one_costs_that_one() {
    let server = Server::start("hostile-one");
    let wrong: [(&str, Value, &str); 6] = [
        (
            "startTimeUnixNano",
            json!("-5"),
            "nanoseconds, as a number or as digits as `startTimeUnixNano`",
        ),
        (
            "startTimeUnixNano",
            json!([]),
            "nanoseconds, as a number or as digits as `startTimeUnixNano`",
        ),
        ("attributes", json!("none"), "an array as `attributes`"),
        ("name", json!(5), "a string as `name`"),
        ("status", json!(2), "an object as `status`"),
        (
            "traceId",
            json!("xyz"),
            "their trace id (16 bytes) or span id (8 bytes) is missing",
        ),
    ];
    for (trace, (member, value, said)) in (1_u128..).zip(wrong) {
        let of_trace = |id, name: &str| {
            let mut span = span(id, 0, name, 0, 1, json!({}));
            span["traceId"] = format!("{trace:032x}").into();
            span
        };
        let mut bad = of_trace(2, "bad");
        bad[member] = value;
        let body = request("", &[of_trace(1, "good"), bad, of_trace(3, "good")]).to_string();
        let answer = server.send("POST", "/v1/traces", &[JSON], body.as_bytes());
        assert_eq!(answer.status, 200, "{:?}", answer.json());
        let partial = &answer.json()["partialSuccess"];
        assert_eq!(partial["rejectedSpans"], "1", "{partial}");
        let told = partial["errorMessage"].as_str().expect("a message");
        assert!(told.contains(said), "{told}");
        assert_eq!(server.session(trace)["counts"]["spans"], 2);
    }
    let refused = "agentops_refused_total{what=\"spans\",cause=\"not_otlp\"}";
    assert_eq!(server.counted(refused), 5);

    let log = |time: &str, text: &str| json!({"traceId": format!("{:032x}", 1), "timeUnixNano": time, "body": {"stringValue": text}});
    let logs = [log("1", "first"), log("-5", "bad"), log("2", "second")];
    let body = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": logs}]}]}).to_string();
    let answer = server.send("POST", "/v1/logs", &[JSON], body.as_bytes());
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(
        (answer.status, &partial["rejectedLogRecords"]),
        (200, &json!("1"))
    );
    assert!(
        partial["errorMessage"]
            .to_string()
            .contains("`timeUnixNano`"),
        "{partial}"
    );
}

/// What is nested too deep is left out and said, in JSON as in protobuf.
#[test]
fn what_is_nested_too_deep_is_said() {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;

    let server = Server::start("hostile-deep");
    for (trace, levels, cut) in [(1_u128, 28, 0), (2, 29, 1), (3, 45, 1), (4, 5_000, 1)] {
        let in_lists = (0..levels).fold(r#"{"stringValue":"x"}"#.to_owned(), |inner, level| {
            match level % 2 {
                0 => format!(r#"{{"arrayValue":{{"values":[{inner}]}}}}"#),
                _ => format!(r#"{{"kvlistValue":{{"values":[{{"key":"k","value":{inner}}}]}}}}"#),
            }
        });
        let mut good = span(1, 0, "deep", 0, 1, json!({}));
        good["traceId"] = format!("{trace:032x}").into();
        good["attributes"] = json!([{"key": "k", "value": "DEEP"}]);
        let text = request("", &[good])
            .to_string()
            .replace("\"DEEP\"", &in_lists);
        let mut bodies = vec![(JSON, text.clone().into_bytes())];
        // As deep as the other program's own reader goes.
        if levels <= 29 {
            let read: ExportTraceServiceRequest = serde_json::from_str(&text).expect("OTLP");
            bodies.push((PROTO, read.encode_to_vec()));
        }
        for (kind, body) in bodies {
            let answer = server.send("POST", "/v1/traces", &[kind], &body);
            let told = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.status, 200, "{levels} {kind:?}: {told}");
            let says = told.contains("1 values left out: 28 lists inside one another are kept");
            assert_eq!(says, cut == 1, "{levels} {kind:?}: {told}");
            let kept = server.session(trace)["spans"][0]["attributes"].to_string();
            assert_eq!(
                kept.contains("[nested too deep]"),
                cut == 1,
                "{levels} {kind:?}"
            );
        }
    }
}

#[test]
fn parents_may_be_ten_thousand_deep_and_go_in_circles() {
    let server = Server::start("hostile-parents");
    let deep: Vec<Value> = (1..=10_000)
        .map(|id| span(id, id - 1, "deeper", id, 1, json!({})))
        .collect();
    server.spans(&request("", &deep));
    let circle = [
        span(20_001, 20_002, "a", 0, 1, json!({})),
        span(20_002, 20_001, "b", 0, 1, json!({})),
        span(20_003, 20_003, "own", 0, 1, json!({})),
    ];
    server.spans(&request("", &circle));
    // Sums of large sessions may lag; this is what they catch up in.
    while server
        .store()
        .maintain(Duration::from_secs(1))
        .expect("the store works")
    {}
    let session = server.session(TRACE);
    assert_eq!(session["counts"]["spans"], 10_003);
    assert_eq!(session["spans"].as_array().map(Vec::len), Some(10_003));
}

#[test]
fn any_text_comes_back_as_it_was() {
    let server = Server::start("hostile-texts");
    let texts = [
        "'; DROP TABLE span; --",
        "<script>alert(1)</script>",
        "\u{0}\u{1}\u{1b}[31m\u{7f}\r\n\t",
        "\u{202e}\u{feff}\u{ffff}",
        "%s%n{}{{}}",
        "\"\\",
        "",
    ];
    let spans: Vec<Value> = texts.iter().zip(1..).map(|(text, id)| {
        let mut span = span(id, 0, text, id, 1, json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": text, "gen_ai.agent.name": text,
            *text: text, "agentops.tags": [text], "input.value": text, "error.type": text}));
        span["status"] = json!({"code": 2, "message": text});
        span
    }).collect();
    server.spans(&request("x", &spans));
    let session = server.session(TRACE);
    for (text, span) in texts
        .iter()
        .zip(session["spans"].as_array().expect("spans"))
    {
        if !text.is_empty() {
            assert_eq!(
                (
                    &span["name"],
                    &span["agent"]["name"],
                    &span["attributes"][text],
                    &span["input"]
                ),
                (&json!(text), &json!(text), &json!(text), &json!(text))
            );
        }
        assert_eq!(span["error"]["details"], json!(text));
    }
    // What a terminal would obey is not shown to one.
    assert!(!server.tree(TRACE).contains(['\u{1b}', '\u{0}', '\u{202e}']));
}

#[test]
fn names_are_cut_and_attributes_counted() {
    let server = Server::start("hostile-sizes");
    let mut many = serde_json::Map::new();
    for n in 0..1_500 {
        many.insert(format!("k{n}"), n.into());
    }
    let long = "ä".repeat(2_000);
    let request = request("", &[span(1, 0, &long, 0, 1, many.into())]);
    let answer = server.send(
        "POST",
        "/v1/traces",
        &[JSON],
        request.to_string().as_bytes(),
    );
    let said = answer.json();
    assert_eq!(said["partialSuccess"]["rejectedSpans"], "0");
    let message = said["partialSuccess"]["errorMessage"]
        .as_str()
        .expect("a warning");
    assert!(
        message.contains("501 attributes left out") && message.contains("1 names cut"),
        "{message}"
    );
    let session = server.session(TRACE);
    assert_eq!(session["spans"][0]["name"], "ä".repeat(512));
    assert_eq!(
        session["spans"][0]["attributes"]
            .as_object()
            .map(serde_json::Map::len),
        Some(1_000)
    );
    assert_eq!(
        server.counted("agentops_refused_total{what=\"parts\",cause=\"attributes\"}"),
        501
    );
}

/// What a session says of itself stands in every list, as names do.
#[test]
fn what_sessions_say_is_cut_too() {
    let server = Server::start("hostile-facts");
    let tags: Vec<String> = (0..1_500).map(|n| format!("t{n:04}")).collect();
    let long = "ä".repeat(100_000);
    let said = json!({"agentops.span.kind": "session", "entity.name": long, "user.id": long, "langfuse.session.id": long,
        "agentops.tags": tags, "deployment.environment.name": long});
    let body = request("", &[span(1, 0, "s", 0, 1, said)]).to_string();
    let answer = server.send("POST", "/v1/traces", &[JSON], body.as_bytes());
    let told = answer.json()["partialSuccess"]["errorMessage"].to_string();
    assert!(
        told.contains("names cut to 1024 bytes") && told.contains("tags left out: 1000 are kept"),
        "{told}"
    );
    let session = server.session(TRACE);
    let cut = json!("ä".repeat(512));
    for found in [
        &session["user_id"],
        &session["conversation_id"],
        &session["attributes"]["deployment.environment.name"],
    ] {
        assert_eq!(found, &cut, "{session}");
    }
    assert_eq!(session["tags"].as_array().map(Vec::len), Some(1_000));
    assert!(
        session["name"]
            .as_str()
            .is_some_and(|name| name.len() <= 1_024)
    );
}

#[test]
fn times_and_numbers_may_be_absurd() {
    let server = Server::start("hostile-numbers");
    let mut spans = Vec::new();
    for (id, (start, end)) in [
        (0, 0),
        (u64::MAX, u64::MAX),
        (START, 1),
        (1, u64::MAX),
        (START, START),
    ]
    .into_iter()
    .enumerate()
    {
        let mut span = span(
            id as u64 + 1,
            0,
            "odd",
            0,
            1,
            json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": i64::MAX, "gen_ai.usage.output_tokens": i64::MAX, "gen_ai.usage.cost": 1e300,
            "gen_ai.response.time_to_first_chunk": -1.0}),
        );
        span["startTimeUnixNano"] = start.to_string().into();
        span["endTimeUnixNano"] = end.to_string().into();
        spans.push(span);
    }
    spans.push(json!({"traceId": format!("{TRACE:032x}"), "spanId": "00000000000000ff",
        "attributes": pairs(&json!({"gen_ai.usage.input_tokens": -5, "gen_ai.usage.output_tokens": "many"}))}));
    let body = request("", &spans).to_string();
    let answer = server.send("POST", "/v1/traces", &[JSON], body.as_bytes());
    let said = answer.json()["partialSuccess"]["errorMessage"].to_string();
    // Of each call its tokens and its cost.
    assert!(said.contains("8 numbers left out"), "{said}");
    assert!(
        said.contains("2 refused: they have no start time"),
        "{said}"
    );
    let session = server.session(TRACE);
    assert_eq!(session["counts"]["spans"], 4);
    assert_eq!(session["tokens"]["total"], 0);
    assert_eq!(
        (&session["cost"]["usd"], &session["cost"]["partial"]),
        (&Value::Null, &json!(true))
    );
    server.tree(TRACE);
    assert_eq!(server.send("GET", "/healthz", &[], b"").status, 200);
}

/// Room is for what has come: bodies that were announced and do not come keep nobody out.
#[test]
fn who_sends_nothing_keeps_nobody_out() {
    let server = Server::start("hostile-idle");
    let body = request("", &[span(1, 0, "patient", 0, 1, json!({}))]).to_string();
    let idle: Vec<TcpStream> = ["content-length: 16777216", "transfer-encoding: chunked"]
        .into_iter()
        .cycle()
        .take(64)
        .map(|length| {
            let mut stream = TcpStream::connect(server.address).expect("it listens");
            let head = format!(
                "POST /v1/traces HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n{length}\r\n\r\n",
                server.address,
            );
            stream.write_all(head.as_bytes()).expect("it reads");
            stream
        })
        .collect();
    // The server has met all of them by the time that some of these are answered.
    for _ in 0..50 {
        let answer = server.send("POST", "/v1/traces", &[JSON], body.as_bytes());
        assert_eq!(answer.status, 200, "{:?}", answer.json());
    }
    drop(idle);
    assert_eq!(server.session(TRACE)["counts"]["spans"], 1);
}

/// What came takes room until it is given up; others hear of it, and come again.
#[test]
fn whoever_finds_no_room_is_told_to_come_again() {
    let server = Server::start("hostile-room");
    let body = request("", &[span(1, 0, "patient", 0, 1, json!({}))]).to_string();
    let send = || server.send("POST", "/v1/traces", &[JSON], body.as_bytes());
    let begin = |part: &[u8]| {
        let mut stream = TcpStream::connect(server.address).expect("it listens");
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            server.address,
            16 << 20
        );
        stream.write_all(head.as_bytes()).expect("it reads");
        stream.write_all(part).expect("it reads");
        stream
    };
    let part = vec![b' '; (16 << 20) - 1];
    let mut begun = Vec::new();
    let mut answers = (0..200).map(|_| {
        begun.push(begin(&part));
        send()
    });
    let refused = answers.find(|answer| answer.status == 429);
    let refused = refused.expect("all room is taken");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.json()["code"], 8);
    drop(begun);
    let taken = (0..10_000).any(|_| send().status == 200);
    assert!(taken, "there is room again");
    assert_eq!(server.session(TRACE)["counts"]["spans"], 1);
    assert!(server.counted("agentops_refused_total{what=\"requests\",cause=\"too_many\"}") > 0);
}

/// A path, headers, a host, and the status that comes of it.
type RefusedCase<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, u16);

/// Most clients read nothing before they have sent everything.
#[test]
fn who_is_refused_hears_why_after_sending_everything() {
    let server = Server::start("hostile-rest");
    let body = vec![b' '; 20 << 20];
    let own = format!("{}", server.address);
    let html = [("content-type", "text/html")];
    let brotli = [JSON, ("content-encoding", "br")];
    let cases: [RefusedCase<'_>; 6] = [
        ("/v1/traces", &[JSON], &own, 413),
        ("/v1/traces", &html, &own, 415),
        ("/v1/logs", &brotli, &own, 415),
        ("/api/v1/import", &[JSON], &own, 401),
        (
            "/v1/traces",
            &[JSON, ("origin", "http://evil.example")],
            &own,
            403,
        ),
        ("/v1/traces", &[JSON], "evil.example", 403),
    ];
    for (path, headers, host, status) in cases {
        for is_chunked in [false, true] {
            let mut stream = TcpStream::connect(server.address).expect("it listens");
            let length = match is_chunked {
                true => "transfer-encoding: chunked".into(),
                false => format!("content-length: {}", body.len()),
            };
            let mut head = format!(
                "POST {path} HTTP/1.1\r\nhost: {host}\r\n{length}\r\nconnection: close\r\n"
            );
            for (name, value) in headers {
                head += &format!("{name}: {value}\r\n");
            }
            stream.write_all(head.as_bytes()).expect("it reads");
            stream.write_all(b"\r\n").expect("it reads");
            if is_chunked {
                let size = format!("{:x}\r\n", body.len());
                stream.write_all(size.as_bytes()).expect("it reads");
            }
            stream.write_all(&body).expect("it reads all of it");
            if is_chunked {
                stream
                    .write_all(b"\r\n0\r\n\r\n")
                    .expect("it reads all of it");
            }
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("a whole answer");
            let said = answer.split(' ').nth(1).and_then(|said| said.parse().ok());
            assert_eq!(said, Some(status), "{path} {headers:?} {host}: {answer}");
        }
    }
}

/// Who asks whether to send at all is told no, and sends nothing.
#[test]
fn who_asks_first_is_not_told_to_send_what_is_refused() {
    let server = Server::start("hostile-expect");
    let headers = [
        JSON,
        ("content-length", "20000000"),
        ("expect", "100-continue"),
    ];
    let answer = server.send("POST", "/v1/traces", &headers, b"");
    assert_eq!(answer.status, 413);
}
