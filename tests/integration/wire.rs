//! Our OTLP against another implementation's, both ways.
//!
//! `opentelemetry-proto` is generated from the published `.proto` files, so that what it reads and writes is what
//! everyone else does. That our own two halves agree with one another is tested beside them.

use std::time::Duration;

use agentops_core::model::agent::AgentRef;
use agentops_core::model::error::ErrorRecord;
use agentops_core::model::event::{Heartbeat, Resource};
use agentops_core::model::id::{SessionId, SpanId, TraceId};
use agentops_core::model::llm::{Completion, Cost, LlmCall, ProviderError, ToolRequest, Usage};
use agentops_core::model::session::Host;
use agentops_core::model::span::{
    Guardrail, Level, Link, Log, Source, Span, SpanKind, Status, Thread, ToolCall,
};
use agentops_core::model::wire;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as OtlpValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span as OtlpSpan;
use prost::Message as _;
use serde_json::{Map, Value, json};

#[test]
fn others_read_every_field_of_our_spans() {
    let span = span();
    let bytes = wire::encode_span(&span);
    let request = wire::encode_request(&wire::encode_resource(&resource()), [&bytes[..]]);
    let request = ExportTraceServiceRequest::decode(&request[..]).unwrap();

    let [of_resource] = &request.resource_spans[..] else {
        panic!("{request:?}")
    };
    assert_eq!(
        attributes(&of_resource.resource.as_ref().unwrap().attributes),
        json!({
            "service.name": "research_team", "agentops.project": "demo", "service.version": "0.1.0",
            "process.pid": 42, "os.type": "linux", "host.arch": "x86_64", "host.name": "box",
            "agentops.host.cpu_count": 2, "agentops.host.memory_total_bytes": 1024, "agentops.rustc": "1.95.0",
            "telemetry.sdk.name": "agentops-rust", "telemetry.sdk.version": "0.1.0",
            "telemetry.sdk.language": "rust",
        })
    );
    let [of_scope] = &of_resource.scope_spans[..] else {
        panic!("{request:?}")
    };
    assert_eq!(of_scope.scope.as_ref().unwrap().name, "agentops");
    let [otlp] = &of_scope.spans[..] else {
        panic!("{request:?}")
    };

    assert_eq!(otlp.trace_id, span.trace_id.0.to_be_bytes());
    assert_eq!(otlp.span_id, span.id.0.to_be_bytes());
    assert_eq!(otlp.parent_span_id, 7_u64.to_be_bytes());
    assert_eq!((otlp.name.as_str(), otlp.kind), ("chat gpt-4o-mini", 3));
    assert_eq!(
        (otlp.start_time_unix_nano, otlp.end_time_unix_nano),
        (1_000, 2_000)
    );
    let status = otlp.status.as_ref().unwrap();
    assert_eq!(
        (status.code, status.message.as_str()),
        (2, "too many requests")
    );
    assert_eq!(attributes(&otlp.attributes), span_attributes());

    let [link] = &otlp.links[..] else {
        panic!("{otlp:?}")
    };
    assert_eq!(
        (&link.trace_id[..], &link.span_id[..]),
        (&9_u128.to_be_bytes()[..], &8_u64.to_be_bytes()[..])
    );
    assert_eq!(attributes(&link.attributes), json!({"why": "retry"}));

    let [log, exception] = &otlp.events[..] else {
        panic!("{otlp:?}")
    };
    assert_eq!(
        (log.name.as_str(), log.time_unix_nano),
        ("slow down", 1_500)
    );
    assert_eq!(
        attributes(&log.attributes),
        json!({"tries": 2, "agentops.log.level": "WARN", "agentops.log.target": "client"})
    );
    assert_eq!(
        (exception.name.as_str(), exception.time_unix_nano),
        ("exception", 1_900)
    );
    assert_eq!(
        attributes(&exception.attributes),
        json!({
            "exception.type": "client::Error", "exception.message": "too many requests",
            "exception.stacktrace": "0: main", "agentops.error.code": "429",
            "agentops.error.chain": ["outer", "inner"], "agentops.error.span_trace": ["research_team", "planner"],
        })
    );
}

#[test]
fn we_read_every_field_of_spans_that_others_write() {
    let request = wire::encode_request(
        &wire::encode_resource(&resource()),
        [&wire::encode_span(&span())[..]],
    );
    let mut theirs = ExportTraceServiceRequest::decode(&request[..]).unwrap();
    let otlp = &mut theirs.resource_spans[0].scope_spans[0].spans[0];
    // What we do not know does no harm, and what has no place of its own stays an attribute.
    otlp.trace_state = "vendor=1".into();
    otlp.flags = 0x101;
    otlp.dropped_attributes_count = 3;
    otlp.attributes
        .push(pair("http.route", OtlpValue::StringValue("/v1".into())));
    otlp.attributes
        .push(pair("raw", OtlpValue::BytesValue(b"foo".to_vec())));
    let mut expected = span();
    expected
        .attributes
        .insert("http.route".into(), "/v1".into());
    expected.attributes.insert("raw".into(), "Zm9v".into());
    assert_eq!(
        wire::decode_request(&theirs.encode_to_vec()),
        Ok(vec![(resource(), vec![expected])])
    );
}

#[test]
fn nesting_that_we_write_is_nesting_that_others_read() {
    let value = (0..200).fold(json!(1), |value, _| json!({ "k": value }));
    let mut deep = span();
    deep.links[0].attributes = Map::from_iter([("deep".into(), value.clone())]);
    deep.logs[0].attributes = Map::from_iter([("deep".into(), value)]);
    let request = wire::encode_request(&[], [&wire::encode_span(&deep)[..]]);
    ExportTraceServiceRequest::decode(&request[..]).unwrap();
}

#[test]
fn long_texts_have_lengths_that_others_read() {
    for len in [0, 100, 127, 128, 16_300, 16_384, 70_000, 2_100_000] {
        let long = Span {
            input: Some("x".repeat(len).into()),
            ..span()
        };
        let otlp = OtlpSpan::decode(&wire::encode_span(&long)[..]).unwrap();
        let input = &attributes(&otlp.attributes)["agentops.entity.input"];
        assert_eq!(input.as_str().unwrap().len(), len + 2);
    }
}

#[test]
fn logs_and_lists_are_read_by_others_too() {
    let log = &span().logs[0];
    let bytes = wire::encode_log(log, SessionId(1), TraceId(2), SpanId(3));
    let otlp = LogRecord::decode(&bytes[..]).unwrap();
    assert_eq!(
        (
            otlp.time_unix_nano,
            otlp.severity_number,
            otlp.severity_text.as_str()
        ),
        (1_500, 13, "WARN")
    );
    assert_eq!(otlp.body.clone().map(json_of), Some(json!("slow down")));
    assert_eq!(
        (&otlp.trace_id[..], &otlp.span_id[..]),
        (&2_u128.to_be_bytes()[..], &3_u64.to_be_bytes()[..])
    );
    assert_eq!(
        attributes(&otlp.attributes),
        json!({
            "tries": 2, "agentops.log.target": "client",
            "agentops.session.id": "00000000-0000-0000-0000-000000000001",
        })
    );
    assert_eq!(wire::decode_log(&otlp.encode_to_vec()).unwrap().log, *log);

    let heartbeat = Heartbeat {
        time: 1,
        cpu: Some(2),
        memory: Some(3),
    };
    let list = KeyValueList::decode(&wire::encode_heartbeat(&heartbeat)[..]).unwrap();
    assert_eq!(
        attributes(&list.values),
        json!({"agentops.time": 1, "agentops.process.cpu_ns": 2, "agentops.process.memory_bytes": 3})
    );
}

fn attributes(pairs: &[KeyValue]) -> Value {
    let mut seen = Map::new();
    for KeyValue { key, value, .. } in pairs {
        let before = seen.insert(key.clone(), json_of(value.clone().unwrap()));
        assert_eq!(before, None, "{key} twice");
    }
    Value::Object(seen)
}

fn json_of(value: AnyValue) -> Value {
    match value.value {
        None => Value::Null,
        Some(OtlpValue::StringValue(text)) => text.into(),
        Some(OtlpValue::BoolValue(value)) => value.into(),
        Some(OtlpValue::IntValue(int)) => int.into(),
        Some(OtlpValue::DoubleValue(float)) => float.into(),
        Some(OtlpValue::ArrayValue(array)) => array.values.into_iter().map(json_of).collect(),
        Some(OtlpValue::KvlistValue(list)) => attributes(&list.values),
        other => panic!("{other:?}"),
    }
}

fn pair(key: &str, value: OtlpValue) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn resource() -> Resource {
    Resource {
        service: "research_team".into(),
        project: "demo".into(),
        service_version: Some("0.1.0".into()),
        pid: Some(42),
        host: Host {
            os: Some("linux".into()),
            arch: Some("x86_64".into()),
            hostname: Some("box".into()),
            cpu_count: Some(2),
            memory_total_bytes: Some(1024),
            rustc: Some("1.95.0".into()),
            sdk: Some("agentops-rust/0.1.0".into()),
        },
    }
}

/// A span with every field set.
fn span() -> Span {
    Span {
        id: SpanId(0x8f3c_0d12_ab45_ef67),
        parent_id: Some(SpanId(7)),
        session_id: SessionId(0x019c_6b1e_6f2a_7c3d_9b41_5d0f_6a7e_8c90),
        trace_id: TraceId(0x019c_6b1e_6f2a_7c3d_9b41_5d0f_6a7e_8c91),
        agent: Some(AgentRef {
            id: "a1".into(),
            name: "planner".into(),
            role: Some("plans".into()),
            model: Some("gpt-4o".into()),
        }),
        name: "ask".into(),
        kind: SpanKind::Llm,
        status: Status::Error,
        cancelled: true,
        open: false,
        adopted: true,
        start: 1_000,
        end: Some(2_000),
        busy: Some(400),
        polls: Some(3),
        thread: Some(Thread {
            id: 1,
            name: Some("main".into()),
        }),
        source: Some(Source {
            file: "src/ask.rs".into(),
            line: 32,
            function: "ask::ask".into(),
        }),
        input: Some(json!({"prompt": "why?"})),
        output: Some(json!("because")),
        attributes: object(json!({
            "k": "v", "int": -5, "float": 1.5, "yes": true, "none": null, "list": [1, "two", []], "map": {"a": {"b": 1}},
        })),
        version: Some("1.2".into()),
        tags: vec!["demo".into()],
        links: vec![Link {
            trace_id: TraceId(9),
            span_id: SpanId(8),
            attributes: object(json!({"why": "retry"})),
        }],
        logs: vec![Log {
            time: 1_500,
            level: Level::Warn,
            target: "client".into(),
            message: "slow down".into(),
            attributes: object(json!({"tries": 2})),
        }],
        error: Some(ErrorRecord {
            kind: "LLM".into(),
            code: "429".into(),
            details: "too many requests".into(),
            rust_type: Some("client::Error".into()),
            chain: vec!["outer".into(), "inner".into()],
            stack: Some("0: main".into()),
            span_trace: vec!["research_team".into(), "planner".into()],
            time: 1_900,
        }),
        llm: Some(call()),
        tool: Some(ToolCall {
            name: "grep".into(),
            description: Some("searches".into()),
            call_id: Some("call_1".into()),
            cost: Some(5),
        }),
        operation_type: Some("function".into()),
        guardrail: Some(Guardrail {
            spec: Some("input".into()),
            triggered: Some(false),
        }),
    }
}

fn call() -> LlmCall {
    let request = ToolRequest::new("grep", json!({"p": 1})).id("c1");
    let mut usage = Usage::new(10, 20)
        .cache_read(3)
        .cache_write(4)
        .reasoning(5)
        .estimated(true)
        .reported(true);
    (usage.input_audio, usage.output_audio) = (6, 7);
    usage.cache_read_audio = 2;
    let mut error = ProviderError::default();
    error.status = Some(529);
    error.code = Some("overloaded".into());
    error.kind = Some("overloaded_error".into());
    error.message = "come back later".into();
    error.retry_after = Some(5);
    let mut call = LlmCall::new()
        .provider("openai")
        .request_model("gpt-4o-mini")
        .model("gpt-4o-mini-2024-07-18")
        .operation("chat")
        .response_id("chatcmpl-1")
        .streaming(true)
        .prompt("user", "why?")
        .completion(
            Completion::new()
                .tool_call(request)
                .finish_reason("tool_calls"),
        )
        .usage(usage)
        .cost(Cost::new(1_500).split(500, 1_000).price_table("v1"))
        .parameter("temperature", 0.25)
        .time_to_first_token(Duration::from_millis(250))
        .attempts(2);
    call.provider_error = Some(error);
    call
}

/// What [`span`] is in attributes.
fn span_attributes() -> Value {
    let own = json!({
        "k": "v", "int": -5, "float": 1.5, "yes": true, "none": null, "list": [1, "two", []], "map": {"a": {"b": 1}},
        "agentops.session.id": "019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90",
        "agentops.span.kind": "llm", "agentops.entity.name": "ask",
        "agentops.span.cancelled": true, "agentops.span.adopted": true,
        "agentops.async.busy_ns": 400, "agentops.async.polls": 3,
        "agentops.entity.input": r#"{"prompt":"why?"}"#, "agentops.entity.output": r#""because""#,
        "agentops.entity.version": "1.2", "agentops.tags": ["demo"], "agentops.operation.type": "function",
        "gen_ai.agent.id": "a1", "gen_ai.agent.name": "planner",
        "agentops.agent.role": "plans", "agentops.agent.model": "gpt-4o",
        "thread.id": 1, "thread.name": "main",
        "code.file.path": "src/ask.rs", "code.line.number": 32, "code.function.name": "ask::ask",
        "gen_ai.tool.name": "grep", "gen_ai.tool.description": "searches", "gen_ai.tool.call.id": "call_1",
        "agentops.tool.cost_nano_usd": 5,
        "agentops.guardrail.spec": "input", "agentops.guardrail.triggered": false,
        "error.type": "429",
    });
    let call = json!({
        "gen_ai.provider.name": "openai", "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o-mini", "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": "chatcmpl-1", "gen_ai.request.stream": true,
        "gen_ai.input.messages": r#"[{"role":"user","parts":[{"type":"text","content":"why?"}]}]"#,
        "gen_ai.output.messages": concat!(
            r#"[{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"grep","arguments":{"p":1}}],"#,
            r#""finish_reason":"tool_calls"}]"#
        ),
        "gen_ai.response.finish_reasons": ["tool_calls"],
        "agentops.llm.parameters": r#"{"temperature":0.25}"#,
        "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 20, "agentops.usage.total_tokens": 30,
        "gen_ai.usage.cache_read.input_tokens": 3, "gen_ai.usage.cache_write.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "agentops.usage.cache_read_audio_tokens": 2, "gen_ai.usage.audio.input_tokens": 6, "gen_ai.usage.audio.output_tokens": 7,
        "agentops.provider_error.status": 529, "agentops.provider_error.code": "overloaded",
        "agentops.provider_error.type": "overloaded_error", "agentops.provider_error.message": "come back later",
        "agentops.provider_error.retry_after_ns": 5,
        "agentops.usage.estimated": true, "agentops.usage.reported": true,
        "agentops.cost.total_nano_usd": 1_500, "gen_ai.usage.cost": 0.000_001_5,
        "agentops.cost.input_nano_usd": 500, "agentops.cost.output_nano_usd": 1_000, "agentops.cost.price_table": "v1",
        "gen_ai.response.time_to_first_chunk": 0.25, "agentops.llm.attempts": 2,
    });
    object(own).into_iter().chain(object(call)).collect()
}
