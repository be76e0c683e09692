//! Spans and logs of many senders, each as it writes them; sessions as they read afterwards.

use std::collections::BTreeMap;
use std::io::Write as _;

use opentelemetry::trace::{
    Span as _, SpanBuilder, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Compression, Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use serde_json::{Map, Value, json};

use crate::harness::{START, Server};

pub(crate) const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;

/// A span as OTLP JSON has it; `at` and `took` in milliseconds, an end of 0 where it goes on.
pub(crate) fn span(
    id: u64,
    parent: u64,
    name: &str,
    at: u64,
    took: u64,
    attributes: Value,
) -> Value {
    let parent = match parent {
        0 => String::new(),
        parent => format!("{parent:016x}"),
    };
    let start = START + at * 1_000_000;
    let end = match took {
        0 => 0,
        took => start + took * 1_000_000,
    };
    json!({
        "traceId": format!("{TRACE:032x}"), "spanId": format!("{id:016x}"), "parentSpanId": parent, "name": name, "kind": 1,
        "startTimeUnixNano": start.to_string(), "endTimeUnixNano": end.to_string(), "attributes": pairs(&attributes),
    })
}

/// Attributes as OTLP JSON has them.
pub(crate) fn pairs(attributes: &Value) -> Value {
    let pair = |(key, value): (&String, &Value)| json!({"key": key, "value": any(value)});
    let pairs = attributes.as_object().expect("an object");
    pairs.iter().map(pair).collect()
}

fn any(value: &Value) -> Value {
    match value {
        Value::Bool(value) => json!({"boolValue": value}),
        Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Array(values) => {
            let values: Vec<Value> = values.iter().map(any).collect();
            json!({"arrayValue": {"values": values}})
        }
        Value::Object(_) => json!({"kvlistValue": {"values": pairs(value)}}),
        Value::String(text) => json!({"stringValue": text}),
        Value::Null => json!({}),
    }
}

pub(crate) fn request(scope: &str, spans: &[Value]) -> Value {
    let resource = pairs(&json!({"service.name": "shop", "deployment.environment.name": "prod"}));
    json!({"resourceSpans": [{
        "resource": {"attributes": resource},
        "scopeSpans": [{"scope": {"name": scope}, "spans": spans}],
    }]})
}

/// A call of a model in each of the dialects, which all come to one record.
pub(crate) fn dialects() -> [(&'static str, Value); 5] {
    let messages = json!([{"role": "user", "parts": [{"type": "text", "content": "hello"}]}]);
    let answer = json!([{"role": "assistant", "parts": [{"type": "text", "content": "hi"}], "finish_reason": "stop"}]);
    [
        (
            "current conventions",
            json!({
                "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
                "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100,
                "gen_ai.input.messages": messages.to_string(), "gen_ai.output.messages": answer.to_string(),
                "gen_ai.response.finish_reasons": ["stop"],
            }),
        ),
        (
            "older conventions, as AgentOps and OpenLLMetry write them",
            json!({
                "agentops.span.kind": "llm",
                "gen_ai.request.type": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o",
                "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "hello",
                "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "hi",
                "gen_ai.completion.0.finish_reason": "stop",
                "gen_ai.usage.prompt_tokens": 1000, "gen_ai.usage.completion_tokens": 100,
            }),
        ),
        (
            "OpenInference",
            json!({
                "openinference.span.kind": "LLM", "llm.request.type": "chat", "llm.provider": "openai", "llm.model_name": "gpt-4o",
                "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hello",
                "llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "hi",
                "llm.token_count.prompt": 1000, "llm.token_count.completion": 100, "llm.finish_reason": "stop",
            }),
        ),
        (
            "Langfuse",
            json!({
                "langfuse.observation.type": "generation", "langfuse.observation.model.name": "gpt-4o",
                "gen_ai.operation.name": "chat", "gen_ai.system": "openai",
                "langfuse.observation.input": "[{\"role\":\"user\",\"content\":\"hello\"}]",
                "langfuse.observation.output": "{\"role\":\"assistant\",\"content\":\"hi\",\"finish_reason\":\"stop\"}",
                "langfuse.observation.usage_details": "{\"input\":1000,\"output\":100}",
            }),
        ),
        (
            "a provider's own messages",
            json!({
                "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
                "gen_ai.prompt": "[{\"role\":\"user\",\"content\":\"hello\"}]",
                "gen_ai.completion": "[{\"role\":\"assistant\",\"content\":\"hi\",\"finish_reason\":\"stop\"}]",
                "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100,
            }),
        ),
    ]
}

#[test]
fn every_dialect_comes_to_one_record() {
    for (at, (dialect, attributes)) in dialects().into_iter().enumerate() {
        let server = Server::start(&format!("otlp-dialect-{at}"));
        server.spans(&request("", &[span(1, 0, "chat", 0, 1000, attributes)]));
        let session = server.session(TRACE);
        let call = &session["spans"][0]["llm"];
        let expected = json!({
            "kind": "LLM", "status": "ok", "provider": "openai", "request_model": "gpt-4o", "operation": "chat",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}],
            "content": [{"type": "text", "text": "hi"}], "finish_reason": "stop",
            "input": 1000, "output": 100, "total": 1100, "usd": 0.0035,
        });
        let found = json!({
            "kind": session["spans"][0]["kind"], "status": session["spans"][0]["status"],
            "provider": call["provider"], "request_model": call["request_model"], "operation": call["operation"],
            "messages": call["messages"],
            "content": call["completions"][0]["content"], "finish_reason": call["completions"][0]["finish_reason"],
            "input": call["usage"]["input"], "output": call["usage"]["output"], "total": call["usage"]["total"],
            "usd": call["cost"]["usd"],
        });
        assert_eq!(found, expected, "{dialect}");
        assert_eq!(session["cost"]["usd"], json!(0.0035), "{dialect}");
    }
}

#[test]
fn protobuf_and_json_are_one_however_they_are_compressed() {
    let spans: Vec<Value> = dialects()
        .into_iter()
        .zip(1..)
        .map(|((_, attributes), id)| span(id, id - 1, "chat", id, 1000, attributes))
        .collect();
    let mut request = request("any", &spans);
    let more = &mut request["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    more["status"] = json!({"code": 2, "message": "no"});
    more["links"] = json!([{"traceId": format!("{:032x}", 7), "spanId": format!("{:016x}", 8), "attributes": pairs(&json!({"a": [1, {"b": -2}]}))}]);
    more["events"] = json!([{"timeUnixNano": START.to_string(), "name": "exception",
        "attributes": pairs(&json!({"exception.type": "a.Timeout", "exception.message": "slow", "exception.stacktrace": "s"}))},
        {"timeUnixNano": START.to_string(), "name": "said", "attributes": pairs(&json!({"f": 0.5, "t": true}))}]);
    let json = request.to_string().into_bytes();
    // Another's reading of OTLP's JSON, and its protobuf.
    let proto: ExportTraceServiceRequest = serde_json::from_slice(&json).expect("OTLP");
    let proto = proto.encode_to_vec();
    let gzip = |body: &[u8]| {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        to.write_all(body)
            .and_then(|()| to.finish())
            .expect("memory")
    };
    let zlib = |body: &[u8]| {
        let mut to = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        to.write_all(body)
            .and_then(|()| to.finish())
            .expect("memory")
    };
    let zstd = |body: &[u8]| zstd::encode_all(body, 1).expect("memory");
    let (as_json, as_proto) = ("application/json", "application/x-protobuf");
    let mut first = None;
    for (at, (content_type, encoding, body)) in [
        (as_json, "identity", json.clone()),
        (as_proto, "identity", proto.clone()),
        (as_json, "gzip", gzip(&json)),
        (as_proto, "gzip", gzip(&proto)),
        (as_json, "zstd", zstd(&json)),
        (as_proto, "zstd", zstd(&proto)),
        (as_json, "deflate", zlib(&json)),
        (as_proto, "deflate", zlib(&proto)),
    ]
    .into_iter()
    .enumerate()
    {
        let server = Server::start(&format!("otlp-encoding-{at}"));
        let headers = [
            ("content-type", content_type),
            ("content-encoding", encoding),
        ];
        let answer = server.send("POST", "/v1/traces", &headers, &body);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some(content_type))
        );
        match content_type == as_json {
            true => assert_eq!(answer.json(), json!({"partialSuccess": {}})),
            false => assert_eq!(answer.body, b""),
        }
        let session = server.session(TRACE);
        assert_eq!(session["counts"]["spans"], 5);
        assert_eq!(session["spans"][0]["error"]["code"], "Timeout");
        assert_eq!(
            *first.get_or_insert(session.clone()),
            session,
            "{content_type} {encoding}"
        );
    }
}

#[test]
fn spans_come_in_any_order_as_often_as_they_like() {
    let all = |open: bool| {
        let took = |took| if open { 0 } else { took };
        [
            span(
                1,
                0,
                "team",
                0,
                took(900),
                json!({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "lead"}),
            ),
            span(2, 1, "step", 10, took(500), json!({})),
            span(
                3,
                2,
                "execute_tool",
                20,
                took(300),
                json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "grep"}),
            ),
        ]
    };
    let expected = "\
lead · 1c80319c · Indeterminate · 2.10 s · 4 spans

AGENT    lead      900 ms
UNKNOWN  ├ step    500 ms
TOOL     │ └ grep  300 ms
UNKNOWN  └ late    100 ms
";
    let late = span(4, 1, "late", 2_000, 100, json!({}));
    let (ends, starts) = (all(false), all(true));
    for (at, order) in [
        // In order.
        vec![
            &starts[0], &starts[1], &starts[2], &ends[2], &ends[1], &ends[0], &late,
        ],
        // Children first, ends only.
        vec![&ends[2], &ends[1], &ends[0], &late],
        // Ends before starts, and all of it twice.
        vec![
            &ends[0], &starts[0], &ends[2], &late, &ends[1], &starts[1], &starts[2], &late,
            &ends[0],
        ],
        // What is after the end first.
        vec![&late, &starts[2], &ends[2], &ends[1], &ends[0]],
    ]
    .into_iter()
    .enumerate()
    {
        let server = Server::start(&format!("otlp-order-{at}"));
        for span in order {
            server.spans(&request("", std::slice::from_ref(span)));
        }
        let session = server.session(TRACE);
        let ids: Vec<&str> = session["spans"]
            .as_array()
            .expect("spans")
            .iter()
            .filter_map(|span| span["id"].as_str())
            .collect();
        assert_eq!(
            ids,
            [
                "0000000000000001",
                "0000000000000002",
                "0000000000000003",
                "0000000000000004"
            ],
            "{at}"
        );
        assert_eq!(
            (&session["state"], &session["counts"]["open"]),
            (&json!("ended"), &json!(0)),
            "{at}"
        );
        assert_eq!(
            session["end_time"], "2026-11-22T05:00:02.100000000Z",
            "{at}"
        );
        assert_eq!(server.tree(TRACE), expected, "{at}");
        assert_eq!(session["spans"][0]["status"], "unset");
    }
}

#[test]
fn the_first_end_counts() {
    let server = Server::start("otlp-first-end");
    server.spans(&request(
        "",
        &[span(1, 0, "first", 0, 100, json!({"n": 1}))],
    ));
    server.spans(&request(
        "",
        &[span(1, 0, "second", 0, 200, json!({"n": 2}))],
    ));
    server.spans(&request("", &[span(1, 0, "open", 0, 0, json!({"n": 3}))]));
    let session = server.session(TRACE);
    assert_eq!(session["counts"]["spans"], 1);
    let found = &session["spans"][0];
    assert_eq!(
        (
            &found["name"],
            &found["duration_ms"],
            &found["attributes"]["n"]
        ),
        (&json!("first"), &json!(100.0), &json!(1))
    );
}

/// OTLP's status has no message where nobody gave one.
#[test]
fn who_failed_without_a_word_is_among_the_errors() {
    let server = Server::start("otlp-silent-failure");
    let mut silent = span(
        1,
        0,
        "refund",
        0,
        100,
        json!({"gen_ai.operation.name": "execute_tool"}),
    );
    silent["status"] = json!({"code": 2});
    server.spans(&request("", &[silent]));
    let told = server.get("/api/v1/errors").json();
    let error = &told["errors"][0];
    assert_eq!(
        (&error["name"], &error["count"], &error["sessions"]),
        (&json!("refund"), &json!(1), &json!(1)),
        "{told}"
    );
    let found = server.get(&format!("/api/v1/sessions?fault={}", error["id"]));
    assert_eq!(
        found.json()["sessions"].as_array().map(Vec::len),
        Some(1),
        "{told}"
    );
}

/// Some count tokens only after they have sent the call.
#[test]
fn a_later_end_says_what_the_first_did_not() {
    let server = Server::start("otlp-later-usage");
    let call = |tokens: Option<u64>| {
        let mut said = json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"});
        if let Some(tokens) = tokens {
            said["gen_ai.usage.input_tokens"] = tokens.into();
            said["gen_ai.usage.output_tokens"] = 0.into();
        }
        span(1, 0, "chat gpt-4o", 0, 100, said)
    };
    for tokens in [None, Some(1_000_000), Some(5)] {
        server.spans(&request("", &[call(tokens)]));
    }
    let session = server.session(TRACE);
    assert_eq!(session["tokens"]["total"], 1_000_000, "{session}");
    assert_eq!(session["cost"]["usd"], 2.5);
    assert_eq!(session["cost"]["partial"], false);
    let path = "/api/v1/metrics?group_by=model&interval=all&since=2026-11-01&until=2026-12-01";
    let models = server.get(path).json();
    assert_eq!(models["points"][0]["group"], "gpt-4o", "{models}");
    assert_eq!(models["points"][0]["tokens"]["input"], 1_000_000);
    assert_eq!(models["points"][0]["count"], 1);
}

/// Whoever sends again sends later facts too.
#[test]
fn what_a_session_said_at_its_end_stays() {
    let server = Server::start("otlp-first-session-end");
    let root = |name: &str, took, user: &str| {
        let said = json!({"agentops.span.kind": "session", "user.id": user});
        span(1, 0, name, 0, took, said)
    };
    server.spans(&request("", &[root("first.session", 100, "")]));
    server.spans(&request("", &[root("second.session", 200, "ann")]));
    let session = server.session(TRACE);
    assert_eq!(
        (
            &session["name"],
            &session["duration_ms"],
            &session["user_id"]
        ),
        (&json!("first"), &json!(100.0), &json!("ann"))
    );
}

#[test]
fn what_agentops_python_sends() {
    let server = Server::start("otlp-agentops");
    let text = |value: Value| value.to_string();
    server.spans(&request("agentops", &[
        span(1, 0, "research.session", 0, 900, json!({
            "agentops.span.kind": "session", "agentops.tags": ["a", "b"], "agentops.session.end_state": "StatusCode.OK",
            "agentops.entity.input": text(json!({"args": ["rust"], "kwargs": {}})), "host.machine": "x86_64",
            "trace.metadata.customer": "acme",
        })),
        span(2, 1, "planner.agent", 10, 800, json!({
            "agentops.span.kind": "agent", "agentops.agent.input": text(json!({"args": [], "kwargs": {"n": 1}})),
            "agentops.agent.output": "\"done\"", "agent.name": "planner",
        })),
        span(3, 2, "search.tool", 20, 100, json!({
            "agentops.span.kind": "tool", "agentops.tool.input": text(json!({"args": ["x"], "kwargs": {}})),
            "agentops.tool.output": "[1, 2]", "gen_ai.usage.total_cost": "0.05",
        })),
        span(4, 2, "openai.chat.completion", 200, 300, json!({
            "gen_ai.request.type": "chat", "gen_ai.system": "OpenAI", "gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "hello",
            "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "hi",
            "gen_ai.usage.prompt_tokens": 1000, "gen_ai.usage.completion_tokens": 100, "gen_ai.usage.total_tokens": 1100,
        })),
        span(5, 2, "check.guardrail", 600, 10, json!({
            "agentops.span.kind": "guardrail", "agentops.guardrail.spec": "input", "agentops.guardrail.input": "1",
        })),
    ]));
    let upload = |path: &str, body: &str| {
        let decimal = TRACE.to_string();
        server.send(
            "POST",
            path,
            &[("trace-id", &decimal), ("content-type", "application/json")],
            body.as_bytes(),
        )
    };
    let logs = upload("/v4/logs/upload/", r#"{"body": "line one\nline two"}"#);
    assert_eq!((logs.status, &logs.json()["size"]), (200, &json!(17)));
    // Who is not sure sends it again.
    let again = upload("/v4/logs/upload/", r#"{"body": "line one\nline two"}"#);
    assert_eq!((again.status, again.json()), (200, logs.json()));

    let session = server.session(TRACE);
    let of_session = |key: &str| session[key].clone();
    assert_eq!(of_session("name"), "research");
    assert_eq!(of_session("tags"), json!(["a", "b"]));
    assert_eq!(of_session("end_state"), "Success");
    assert_eq!(of_session("state"), "ended");
    assert_eq!(
        of_session("attributes"),
        json!({"customer": "acme", "deployment.environment.name": "prod"})
    );
    let spans: Vec<Value> = session["spans"]
        .as_array()
        .expect("spans")
        .iter()
        .map(|span| json!([span["kind"], span["name"], span["input"], span["output"]]))
        .collect();
    assert_eq!(
        spans,
        [
            json!(["SESSION", "research", {"args": ["rust"], "kwargs": {}}, null]),
            json!(["AGENT", "planner", {"args": [], "kwargs": {"n": 1}}, "done"]),
            json!(["TOOL", "search", {"args": ["x"], "kwargs": {}}, [1, 2]]),
            json!(["LLM", "openai.chat.completion", null, null]),
            json!(["GUARDRAIL", "check", 1, null]),
        ]
    );
    assert_eq!(session["spans"][2]["tool"]["cost_usd"], 0.05);
    assert_eq!(session["spans"][3]["llm"]["cost"]["usd"], 0.0035);
    assert_eq!(session["spans"][4]["guardrail"]["spec"], "input");
    let logs = &session["spans"][0]["logs"];
    assert_eq!(
        (&logs[0]["target"], &logs[0]["message"]),
        (&json!("agentops.logs"), &json!("line one\nline two"))
    );
    assert_eq!(logs.as_array().map(Vec::len), Some(1));

    // It names no trace.
    let body = r#"{"body": "<svg/>"}"#.as_bytes();
    let object = server.send("POST", "/v4/objects/upload/", &[], body).json();
    assert_eq!(object["size"], 6);
    let url = object["url"].as_str().expect("an address");
    let path = url
        .strip_prefix(&format!("http://{}", server.address))
        .expect("it is here");
    assert_eq!(server.send("GET", path, &[], b"").status, 401);
    let read = server.get(path);
    assert_eq!(
        (read.status, &*read.body, read.header("content-disposition")),
        (200, &b"<svg/>"[..], Some("attachment"))
    );
    for nowhere in [
        "/v4/objects/..%2f..%2ftoken",
        "/v4/objects/00",
        "/v4/objects/token",
    ] {
        assert_eq!(server.get(nowhere).status, 404, "{nowhere}");
    }
    let token = server.send("POST", "/v3/auth/token", &[], br#"{"api_key": "k"}"#);
    assert_eq!(
        (token.status, token.json()),
        (
            200,
            json!({"token": "loopback", "project_id": "default", "project_prem_status": "pro"})
        )
    );
    for (path, trace, body) in [
        ("/v3/auth/token", "1", "{}"),
        ("/v4/logs/upload/", "none", r#"{"body": "x"}"#),
        ("/v4/logs/upload/", "0", r#"{"body": "x"}"#),
        ("/v4/logs/upload/", "1", "{}"),
        ("/v4/objects/upload/", "1", "nonsense"),
        ("/v4/objects/upload/", "1", "3"),
    ] {
        let answer = server.send("POST", path, &[("trace-id", trace)], body.as_bytes());
        assert_eq!(answer.status, 400, "{path} {trace} {body}");
        assert!(answer.json()["error"]["message"].is_string());
    }
}

#[test]
fn spans_say_what_their_session_is() {
    let server = Server::start("otlp-session");
    server.spans(&request("", &[
        span(1, 0, "handle", 0, 900, json!({"langfuse.trace.name": "support", "user.id": "u1", "langfuse.trace.tags": ["x"]})),
        span(2, 1, "chat", 10, 100, json!({"gen_ai.operation.name": "chat", "gen_ai.conversation.id": "c1", "odd": {"a": [1]}})),
    ]));
    let session = server.session(TRACE);
    let found: BTreeMap<&str, &Value> = [
        "name",
        "user_id",
        "conversation_id",
        "tags",
        "state",
        "service",
        "duration_ms",
    ]
    .map(|key| (key, &session[key]))
    .into();
    let expected = json!({"name": "support", "user_id": "u1", "conversation_id": "c1", "tags": ["x"], "state": "ended",
        "service": "shop", "duration_ms": 900.0});
    assert_eq!(json!(found), expected);
    assert_eq!(session["spans"][1]["attributes"]["odd"], json!({"a": [1]}));
}

#[test]
fn ordinary_traces_are_kept_and_not_listed() {
    use agentops_server::store::Wanted;
    let server = Server::start("otlp-plain");
    server.spans(&request(
        "web",
        &[span(
            1,
            0,
            "GET /",
            0,
            10,
            json!({"http.request.method": "GET", "user_agent.original": "curl"}),
        )],
    ));
    let listed = |foreign| {
        let wanted = Wanted {
            limit: 10,
            foreign,
            ..Wanted::default()
        };
        server
            .store()
            .sessions(&wanted)
            .expect("the store answers")
            .sessions
            .len()
    };
    assert_eq!((listed(false), listed(true)), (0, 1));
    assert_eq!(server.session(TRACE)["spans"][0]["kind"], "HTTP");
}

#[test]
fn logs_join_their_spans() {
    let server = Server::start("otlp-logs");
    server.spans(&request(
        "",
        &[
            span(1, 0, "run", 0, 900, json!({"gen_ai.agent.name": "a"})),
            span(2, 1, "step", 0, 800, json!({})),
        ],
    ));
    let log = |span: u64, body: Value, severity: u64| {
        let mut log = json!({"timeUnixNano": (START + 5).to_string(), "severityNumber": severity, "body": any(&body),
            "attributes": pairs(&json!({"k": 1})), "traceId": format!("{TRACE:032X}")});
        if span != 0 {
            log["spanId"] = format!("{span:016x}").into();
        }
        log
    };
    let nowhere = json!({"timeUnixNano": "1", "body": {"stringValue": "lost"}});
    let body = json!({"resourceLogs": [{"scopeLogs": [{"scope": {"name": "app"}, "logRecords": [
        log(2, json!("hello"), 13), log(1, json!({"a": 1}), 9), nowhere]}]}]});
    for _ in 0..2 {
        let answer = server.send(
            "POST",
            "/v1/logs",
            &[("content-type", "application/json")],
            body.to_string().as_bytes(),
        );
        assert_eq!(
            (
                answer.status,
                &answer.json()["partialSuccess"]["rejectedLogRecords"]
            ),
            (200, &json!("1"))
        );
    }
    let session = server.session(TRACE);
    let logs = |at: usize| session["spans"][at]["logs"].clone();
    assert_eq!(
        logs(1),
        json!([{"time": "2026-11-22T05:00:00.000000005Z", "level": "WARN", "target": "app", "message": "hello", "attributes": {"k": 1}}])
    );
    assert_eq!(logs(0)[0]["message"], "{\"a\":1}");
    let metrics = server.send(
        "POST",
        "/v1/metrics",
        &[("content-type", "application/x-protobuf")],
        b"\x0a\x00",
    );
    assert_eq!((metrics.status, metrics.body), (200, Vec::new()));
}

/// Metrics are not kept, and what is none is told so as anywhere else.
#[test]
fn metrics_are_looked_at() {
    let server = Server::start("otlp-metrics");
    let request = br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m"}]}]}]}"#;
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut zipped, request).expect("memory");
    let zipped = zipped.finish().expect("memory");
    let json = ("content-type", "application/json");
    let proto = ("content-type", "application/x-protobuf");
    let gzip = ("content-encoding", "gzip");
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [u8], u16);
    let cases: [Case<'_>; 8] = [
        (&[json], request, 200),
        (&[json, gzip], &zipped, 200),
        (&[json, gzip], request, 400),
        (&[json], &zipped, 400),
        (&[json], b"junk", 400),
        (&[proto], b"\x0a\xff", 400),
        (&[proto], b"", 200),
        (&[json, ("content-encoding", "br")], request, 415),
    ];
    for (headers, body, status) in cases {
        let answer = server.send("POST", "/v1/metrics", headers, body);
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
    }
}

/// The exporter that Rust programs use, over HTTP, as they set it up.
#[test]
fn opentelemetrys_own_exporter_feeds_it() {
    // Whether its client asks for one depends on what else is built; another test may have been first.
    _ = rustls::crypto::ring::default_provider().install_default();
    let server = Server::start("otlp-exporter");
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("http://{}/v1/traces", server.address))
        .with_compression(Compression::Gzip)
        .build()
        .expect("an exporter");
    let resource = opentelemetry_sdk::Resource::builder_empty()
        .with_attribute(KeyValue::new("service.name", "shop"))
        .build();
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build();
    let tracer = provider.tracer("shop.agent");
    let kv = |key: &'static str, value: &'static str| KeyValue::new(key, value);
    let root = SpanBuilder::from_name("invoke_agent planner").with_attributes([
        kv("gen_ai.operation.name", "invoke_agent"),
        kv("gen_ai.agent.name", "planner"),
    ]);
    let root = tracer.build(root);
    let trace = u128::from_be_bytes(root.span_context().trace_id().to_bytes());
    let context = Context::new().with_span(root);
    for n in 0..700_i64 {
        let mut call = tracer.build_with_context(
            SpanBuilder::from_name("chat gpt-4o").with_attributes([
                kv("gen_ai.operation.name", "chat"),
                kv("gen_ai.provider.name", "openai"),
                kv("gen_ai.request.model", "gpt-4o"),
                KeyValue::new("gen_ai.usage.input_tokens", n),
                KeyValue::new("gen_ai.usage.output_tokens", 1_i64),
            ]),
            &context,
        );
        if n == 7 {
            call.record_error(&std::io::Error::other("no route"));
            call.set_status(Status::error("no route"));
        }
        call.end();
    }
    context.span().end();
    provider.force_flush().expect("all is taken");
    provider.shutdown().expect("it stops");
    let session = server.session(trace);
    assert_eq!(
        (
            &session["counts"]["spans"],
            &session["counts"]["llm_calls"],
            &session["counts"]["errors"]
        ),
        (&json!(701), &json!(700), &json!(1))
    );
    assert_eq!(session["tokens"]["input"], 700 * 699 / 2);
    assert_eq!(session["agents"], json!(["planner"]));
    assert_eq!(session["service"], "shop");
    assert_eq!(
        server.counted("agentops_ingested_total{what=\"spans\"}"),
        701
    );
    let failed: Vec<&Value> = session["spans"]
        .as_array()
        .expect("spans")
        .iter()
        .filter(|span| span["status"] == "error")
        .collect();
    assert_eq!(
        (failed.len(), &failed[0]["error"]["details"]),
        (1, &json!("no route"))
    );
}

#[test]
fn what_is_refused_is_said_in_the_requests_own_encoding() {
    let server = Server::start("otlp-partial");
    let mut bad = span(9, 0, "bad", 0, 1, json!({}));
    bad["spanId"] = "abc".into();
    let request = request("", &[span(1, 0, "good", 0, 1, json!({})), bad]);
    let text = "1 refused: their trace id (16 bytes) or span id (8 bytes) is missing or not valid";
    let json = [("content-type", "application/json")];
    let answer = server.send("POST", "/v1/traces", &json, request.to_string().as_bytes());
    assert_eq!(
        answer.json(),
        json!({"partialSuccess": {"rejectedSpans": "1", "errorMessage": text}})
    );
    let mut request: ExportTraceServiceRequest = {
        let mut whole = request.clone();
        whole["resourceSpans"][0]["scopeSpans"][0]["spans"][1]["spanId"] =
            format!("{:016x}", 9).into();
        serde_json::from_value(whole).expect("OTLP")
    };
    request.resource_spans[0].scope_spans[0].spans[1]
        .span_id
        .truncate(7);
    let proto = [("content-type", "application/x-protobuf")];
    let answer = server.send("POST", "/v1/traces", &proto, &request.encode_to_vec());
    let said = ExportTraceServiceResponse::decode(&answer.body[..]).expect("OTLP");
    let partial = said.partial_success.expect("not all was taken");
    assert_eq!((partial.rejected_spans, &*partial.error_message), (1, text));
    assert_eq!(server.session(TRACE)["counts"]["spans"], 1);
    assert_eq!(
        server.counted("agentops_refused_total{what=\"spans\",cause=\"no_valid_id\"}"),
        2
    );
}

/// Acknowledged by one process that is killed, shown by another.
#[test]
fn what_was_acknowledged_outlives_the_server() {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};
    let home = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("otlp-binary");
    let _ = std::fs::remove_dir_all(&home);
    let mut child = Command::new(env!("CARGO_BIN_EXE_agentops"))
        .args(["serve", "--addr", "127.0.0.1:0", "--data"])
        .arg(&home)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut address = String::new();
    BufReader::new(child.stdout.take().expect("piped"))
        .read_line(&mut address)
        .expect("it says where");
    let host = address
        .trim()
        .trim_start_matches("http://")
        .split('/')
        .next()
        .expect("a host")
        .to_owned();
    let body = request(
        "",
        &[span(1, 0, "run", 0, 10, json!({"gen_ai.agent.name": "a"}))],
    )
    .to_string();
    let answer = ureq::post(format!("http://{host}/v1/traces"))
        .content_type("application/json")
        .send(&body);
    assert_eq!(answer.expect("it is taken").status(), 200);
    child.kill().expect("it was there");
    child.wait().expect("it ends");
    let shown = Command::new(env!("CARGO_BIN_EXE_agentops"))
        .args(["show", "last", "--json"])
        .env("AGENTOPS_HOME", &home)
        .output()
        .expect("it runs");
    let shown: Map<String, Value> = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(
        (&shown["id"], &shown["counts"]["spans"]),
        (&json!("0af76519-16cd-43dd-8448-eb211c80319c"), &json!(1))
    );
}
