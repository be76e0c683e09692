use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::model::agent::AgentRef;
use crate::model::error::ErrorRecord;
use crate::model::event::{Heartbeat, Loss, LossCause, Resource};
use crate::model::id::{SessionId, SpanId, TraceId};
use crate::model::llm::{
    Completion, Cost, LlmCall, Message, Part, Prices, ProviderError, ToolRequest, Usage,
};
use crate::model::semconv;
use crate::model::session::{EndState, Host, SessionFacts};
use crate::model::span::{
    Guardrail, Level, Link, Log, Source, Span, SpanKind, Status, Thread, ToolCall,
};

/// A span with every field set.
pub(in crate::model) fn full_span() -> Span {
    let kind = SpanKind::Llm;
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
        kind,
        status: Status::Error,
        cancelled: true,
        open: false,
        adopted: true,
        start: 1_795_323_600_000_000_007,
        end: Some(1_795_323_601_000_000_007),
        busy: Some(400),
        polls: Some(3),
        thread: Some(Thread {
            id: 1,
            name: Some("main".into()),
        }),
        source: Some(Source {
            file: "src/tools.rs".into(),
            line: 32,
            function: "tools::ask".into(),
        }),
        input: Some(
            json!({"pattern": "fn main", "n": u64::MAX, "deep": [[1.5, null, {"é": "\u{0}"}]]}),
        ),
        output: Some(json!("words")),
        attributes: object(json!({
            "k": "v", "int": -5, "float": 1.0, "yes": true, "none": null, "empty": {}, "nothing": [],
            "list": [1, "two", [3.5], {"four": null}], "map": {"a": {"b": []}},
        })),
        version: Some("1.2".into()),
        tags: vec!["demo".into(), String::new()],
        links: vec![Link {
            trace_id: TraceId(9),
            span_id: SpanId(8),
            attributes: object(json!({"why": "retry"})),
        }],
        logs: vec![log()],
        error: Some(ErrorRecord {
            kind: kind.as_str().into(),
            code: "NotFound".into(),
            details: "no such file".into(),
            rust_type: Some("std::io::Error".into()),
            chain: vec!["outer".into(), "inner".into()],
            stack: Some("0: main".into()),
            span_trace: vec!["research_team".into(), "planner".into()],
            time: 1_795_323_600_500_000_000,
        }),
        llm: Some(full_call()),
        tool: Some(ToolCall {
            name: "grep".into(),
            description: Some("searches".into()),
            call_id: Some("call_1".into()),
            cost: Some(1_000_000),
        }),
        operation_type: Some("function".into()),
        guardrail: Some(Guardrail {
            spec: Some("input".into()),
            triggered: Some(false),
        }),
    }
}

fn log() -> Log {
    Log {
        time: 5,
        level: Level::Warn,
        target: "research::tools".into(),
        message: "exception".into(),
        attributes: object(json!({"path": "x.rs", "tries": 2})),
    }
}

fn full_call() -> LlmCall {
    let request = ToolRequest {
        id: Some("c1".into()),
        name: "grep".into(),
        arguments: json!({"p": [1]}),
    };
    let bare = ToolRequest {
        id: None,
        name: "ls".into(),
        arguments: json!("not json {"),
    };
    let image = Part::Other(json!({"type": "image_url", "image_url": {"url": "data:"}}));
    let sly = Part::Other(json!({"type": "text", "content": "not words of ours"}));
    let answer = |content: Vec<Part>| Message {
        role: "tool".into(),
        content,
        tool_call_id: Some("c1".into()),
        ..Message::default()
    };
    LlmCall {
        provider: Some("openai".into()),
        request_model: Some("gpt-4o-mini".into()),
        model: Some("gpt-4o-mini-2024-07-18".into()),
        operation: Some("chat".into()),
        response_id: Some("chatcmpl-1".into()),
        streaming: true,
        messages: vec![
            Message {
                role: "system".into(),
                content: vec![Part::Text("be brief".into())],
                ..Message::default()
            },
            Message {
                role: "user".into(),
                name: Some("ann".into()),
                content: vec![
                    Part::Text("what is this?".into()),
                    image,
                    sly,
                    Part::Other(json!(5)),
                ],
                ..Message::default()
            },
            Message {
                role: "assistant".into(),
                content: vec![Part::Reasoning("hm".into())],
                tool_calls: vec![request.clone(), bare.clone()],
                ..Message::default()
            },
            answer(vec![Part::Text("src/main.rs:1".into())]),
            answer(vec![]),
            answer(vec![
                Part::Text("a".into()),
                Part::Text("b".into()),
                Part::Other(json!([1])),
            ]),
        ],
        completions: vec![
            Completion {
                role: "assistant".into(),
                content: vec![Part::Text("a cat".into()), Part::Refusal("no".into())],
                tool_calls: vec![request, bare],
                finish_reason: Some("stop".into()),
            },
            Completion {
                role: "assistant".into(),
                ..Completion::default()
            },
        ],
        usage: Some(Usage {
            input: 10,
            output: 20,
            cache_read: 3,
            cache_write: 4,
            cache_write_1h: 2,
            reasoning: 5,
            input_audio: 6,
            cache_read_audio: 1,
            output_audio: 7,
            web_searches: 8,
            total: 31,
            estimated: true,
            reported: true,
        }),
        cost: Some(Cost {
            total: 123,
            input: Some(100),
            output: Some(23),
            price_table: Some("2026-11".into()),
            prices: Some(Prices {
                model: "openai/gpt-4o".into(),
                input: 2_500_000_000,
                output: 10_000_000_000,
                cache_read: Some(1_250_000_000),
                ..Prices::default()
            }),
        }),
        parameters: object(json!({"temperature": 0.25, "stop": ["x"]})),
        time_to_first_token: Some(120_000_001),
        attempts: Some(2),
        provider_error: Some(ProviderError {
            status: Some(529),
            code: Some("overloaded".into()),
            kind: Some("overloaded_error".into()),
            message: "come back later".into(),
            retry_after: Some(1_500_000_000),
        }),
    }
}

fn full_facts() -> SessionFacts {
    SessionFacts {
        id: SessionId(1 << 90),
        trace_id: TraceId(2 << 90),
        root: Some(SpanId(3)),
        parent_session_id: Some(SessionId(4)),
        name: "research_team".into(),
        start: 5,
        end: Some(6),
        end_state: Some(EndState::Error),
        end_state_reason: Some("a citation is wrong".into()),
        tags: vec!["stand-in".into()],
        conversation_id: Some("conv".into()),
        user_id: Some("ann".into()),
        video: Some("/tmp/video".into()),
        attributes: object(json!({"question": "why?", "tries": 3, "nested": {"a": [1]}})),
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

/// What is left of a span that has only ids and a name.
fn bare_span() -> Vec<u8> {
    let mut buf = Vec::new();
    put::ids(&mut buf, TraceId(1), SpanId(2), None);
    put::name(&mut buf, "bare");
    buf
}

fn decoded(write: impl FnOnce(&mut Vec<u8>)) -> Span {
    let mut bytes = bare_span();
    write(&mut bytes);
    decode_span(&bytes).unwrap()
}

#[test]
fn a_full_span_comes_back() {
    for kind in SpanKind::ALL {
        let mut span = Span {
            kind,
            ..full_span()
        };
        span.error.as_mut().unwrap().kind = kind.as_str().into();
        assert_eq!(decode_span(&encode_span(&span)), Ok(span));
    }
}

#[test]
fn an_open_span_comes_back() {
    let span = Span {
        open: true,
        end: None,
        ..full_span()
    };
    assert_eq!(decode_span(&encode_span(&span)), Ok(span));
    // Marked as pending, whatever its end says; and without an end, though nothing marks it.
    assert!(decoded(|buf| (put::times(buf, 1, 2), put::pending(buf)).0).open);
    assert!(decoded(|buf| put::start(buf, 1)).open);
    assert!(!decoded(|buf| put::times(buf, 1, 2)).open);
}

#[test]
fn pieces_may_come_in_any_order() {
    let span = full_span();
    let whole = encode_span(&span);
    let mut pieces = Vec::new();
    let mut rest = &whole[..];
    while !rest.is_empty() {
        let mut fields = proto::Fields::new(rest);
        fields.next().unwrap().unwrap();
        let taken = rest.len() - fields.rest().len();
        pieces.push(&rest[..taken]);
        rest = &rest[taken..];
    }
    pieces.reverse();
    assert_eq!(decode_span(&pieces.concat()), Ok(span));
}

#[test]
fn the_later_of_two_counts() {
    let span = decoded(|buf| {
        put::name(buf, "later");
        put::attr_i64(buf, "k", 1);
        put::attr_str(buf, "k", "two");
        put::status(buf, Status::Error, Some("what went wrong"));
        put::status(buf, Status::Ok, None);
    });
    assert_eq!(
        (span.name.as_str(), &span.attributes["k"]),
        ("later", &json!("two"))
    );
    assert_eq!((span.status, span.error), (Status::Ok, None));
}

#[test]
fn otlp_names_are_those_of_genai() {
    let otlp_name = |kind, call: Option<&LlmCall>| {
        let mut buf = Vec::new();
        put::entity(&mut buf, kind, "grep", call);
        let name = proto::Fields::new(&buf).find_map(|field| match field {
            Ok((proto::span::NAME, proto::Field::Bytes(name))) => Some(name.to_vec()),
            _ => None,
        });
        String::from_utf8(name.unwrap()).unwrap()
    };
    let call = full_call();
    assert_eq!(otlp_name(SpanKind::Llm, Some(&call)), "chat gpt-4o-mini");
    assert_eq!(otlp_name(SpanKind::Llm, Some(&LlmCall::default())), "chat");
    assert_eq!(otlp_name(SpanKind::Llm, None), "grep");
    assert_eq!(otlp_name(SpanKind::Tool, None), "execute_tool grep");
    assert_eq!(otlp_name(SpanKind::Agent, None), "invoke_agent grep");
    assert_eq!(otlp_name(SpanKind::Workflow, None), "invoke_workflow grep");
    assert_eq!(otlp_name(SpanKind::Session, None), "grep");
}

#[test]
fn older_names_fill_what_current_ones_leave() {
    let span = decoded(|buf| {
        put::attr_i64(buf, "gen_ai.usage.input_tokens", 1);
        put::attr_i64(buf, "gen_ai.usage.prompt_tokens", 10);
        put::attr_i64(buf, "gen_ai.usage.completion_tokens", 20);
        put::attr_str(buf, "gen_ai.system", "openai");
        put::attr_strs(buf, "gen_ai.response.finish_reasons", &["stop"]);
    });
    let call = span.llm.unwrap();
    let usage = call.usage.unwrap();
    assert_eq!((usage.input, usage.output, usage.total), (1, 20, 21));
    assert_eq!(call.provider.as_deref(), Some("openai"));
    assert_eq!(call.completions[0].finish_reason.as_deref(), Some("stop"));
    let current = decoded(|buf| {
        put::attr_str(buf, "gen_ai.provider.name", "azure.ai.openai");
        put::attr_str(buf, "gen_ai.system", "openai");
    });
    assert_eq!(
        current.llm.unwrap().provider.as_deref(),
        Some("azure.ai.openai")
    );
}

#[test]
fn what_does_not_fit_stays_an_attribute() {
    let span = decoded(|buf| {
        put::attr_i64(buf, semconv::ENTITY_NAME, 5);
        put::attr_str(buf, semconv::SPAN_KIND, "mystery");
        put::attr_i64(buf, semconv::CODE_LINE, 1 << 40);
        put::attr_i64(buf, semconv::USAGE_INPUT, -1);
        put::attr_str(
            buf,
            semconv::INPUT_MESSAGES,
            r#"[{"role":"user","content":"hi"}]"#,
        );
        put::attr_str(buf, semconv::OPERATION_NAME, "create_agent");
        put::attr_str(buf, semconv::ERROR_TYPE, "timeout");
        put::attr_str(buf, semconv::USER_ID, "ann");
    });
    assert_eq!((span.name.as_str(), span.kind), ("bare", SpanKind::Unknown));
    assert_eq!((span.source, span.llm, span.error), (None, None, None));
    let expected = json!({
        "agentops.entity.name": 5, "agentops.span.kind": "mystery", "code.line.number": 1_u64 << 40,
        "gen_ai.usage.input_tokens": -1, "gen_ai.input.messages": [{"role": "user", "content": "hi"}],
        "gen_ai.operation.name": "create_agent", "error.type": "timeout", "user.id": "ann",
    });
    assert_eq!(Value::Object(span.attributes), expected);
}

#[test]
fn values_that_json_or_the_wire_cannot_say_become_text() {
    let span = decoded(|buf| {
        put::attr_f64(buf, "nan", f64::NAN);
        put::attr_f64(buf, "inf", f64::NEG_INFINITY);
        put::attr_u64(buf, "large", u64::MAX);
        put::attr_json(buf, "larger", &json!([u64::MAX]));
        put::attr_text(buf, "bytes", |buf| buf.extend_from_slice(b"\xff!"));
        put::attr_text(buf, semconv::ENTITY_INPUT, |buf| {
            buf.extend_from_slice(b"{cut")
        });
    });
    let expected = json!({
        "nan": "NaN", "inf": "-Infinity", "large": "18446744073709551615",
        "larger": ["18446744073709551615"], "bytes": "\u{fffd}!",
    });
    assert_eq!(Value::Object(span.attributes), expected);
    assert_eq!(span.input, Some(json!("{cut")));
}

#[test]
fn nesting_has_an_end_both_ways() {
    let deep = |levels: usize| (0..levels).fold(json!(1), |value, _| json!([value]));
    for levels in [put::MAX_DEPTH - 1, put::MAX_DEPTH] {
        let span = decoded(|buf| put::attr_json(buf, "k", &deep(levels)));
        assert_eq!(span.attributes["k"], deep(levels), "{levels}");
    }
    let mut value = &decoded(|buf| put::attr_json(buf, "k", &deep(100))).attributes["k"];
    for _ in 0..put::MAX_DEPTH {
        value = &value[0];
    }
    assert_eq!(value, &json!(deep(100 - put::MAX_DEPTH).to_string()));

    // More levels than we write, from someone who does not stop.
    let mut bomb = Vec::new();
    for _ in 0..2_000 {
        let inner = std::mem::take(&mut bomb);
        proto::nested(&mut bomb, proto::any::ARRAY, |buf| {
            proto::bytes(buf, proto::any::VALUES, &inner);
        });
    }
    let mut bytes = bare_span();
    proto::nested(&mut bytes, proto::span::ATTRIBUTES, |buf| {
        proto::bytes(buf, proto::any::KEY, b"k");
        proto::bytes(buf, proto::any::VALUE, &bomb);
    });
    assert!(decode_span(&bytes).is_ok());
}

#[test]
fn more_values_than_anyone_needs_are_refused() {
    let mut bytes = bare_span();
    bytes.resize(bytes.len() + 2 * (value::MAX_VALUES + 1), 0);
    let start = bare_span().len();
    for field in bytes[start..].chunks_exact_mut(2) {
        field[0] = proto::span::EVENTS << 3 | 2;
    }
    assert_eq!(decode_span(&bytes), Err(WireError::TOO_MANY));
}

#[test]
fn a_span_needs_ids() {
    let span = full_span();
    for (trace, id, missing) in [(0, 1, "trace id"), (1, 0, "span id")] {
        let bytes = encode_span(&Span {
            trace_id: TraceId(trace),
            id: SpanId(id),
            ..span.clone()
        });
        assert_eq!(decode_span(&bytes), Err(WireError::missing(missing)));
    }
    assert_eq!(
        decode_span(&[]).unwrap_err().to_string(),
        "the message has no valid trace id"
    );
}

#[test]
fn exceptions_of_others_are_read() {
    let foreign = |name: &str| {
        let mut event = Vec::new();
        proto::bytes(&mut event, proto::span::EVENT_NAME, b"exception");
        let attributes = [("exception.type", name), ("exception.message", "bad")];
        for (key, text) in attributes {
            proto::nested(&mut event, proto::span::EVENT_ATTRIBUTES, |buf| {
                proto::bytes(buf, proto::any::KEY, key.as_bytes());
                proto::nested(buf, proto::any::VALUE, |buf| {
                    proto::bytes(buf, proto::any::STRING, text.as_bytes())
                });
            });
        }
        event
    };
    let span = decoded(|buf| {
        proto::bytes(buf, proto::span::EVENTS, &foreign("KeyError"));
        proto::bytes(buf, proto::span::EVENTS, &foreign("openai.RateLimitError"));
        put::status(buf, Status::Error, Some("bad"));
    });
    let error = span.error.unwrap();
    assert_eq!(
        (error.code.as_str(), error.details.as_str()),
        ("RateLimitError", "bad")
    );
    assert_eq!(
        (
            span.logs[0].level,
            &span.logs[0].attributes["exception.type"]
        ),
        (Level::Error, &json!("KeyError"))
    );

    let silent = decoded(|buf| put::status(buf, Status::Error, Some("bad")));
    assert_eq!(silent.error.unwrap().details, "bad");
}

#[test]
fn several_answers_in_one_message_become_several() {
    let message = r#"[{"role":"tool","parts":[
        {"type":"tool_call_response","id":"1","response":"a"},
        {"type":"tool_call_response","id":"2","response":{"rows":3}}]}]"#;
    let span = decoded(|buf| put::attr_str(buf, semconv::INPUT_MESSAGES, message));
    let messages = span.llm.unwrap().messages;
    let ids: Vec<_> = messages
        .iter()
        .map(|message| message.tool_call_id.as_deref())
        .collect();
    assert_eq!(ids, [Some("1"), Some("2")]);
    assert_eq!(messages[1].content, [Part::Other(json!({"rows": 3}))]);
}

#[test]
fn messages_have_the_shape_of_the_conventions() {
    let mut buf = Vec::new();
    let call = full_call();
    serde_json::to_writer(&mut buf, &messages::Prompt(&call.messages[1..4])).unwrap();
    let expected = json!([
        {"role": "user", "name": "ann", "parts": [
            {"type": "text", "content": "what is this?"},
            {"type": "image_url", "image_url": {"url": "data:"}},
            {"type": "agentops.other", "value": {"type": "text", "content": "not words of ours"}},
            {"type": "agentops.other", "value": 5},
        ]},
        {"role": "assistant", "parts": [
            {"type": "reasoning", "content": "hm"},
            {"type": "tool_call", "id": "c1", "name": "grep", "arguments": {"p": [1]}},
            {"type": "tool_call", "name": "ls", "arguments": "not json {"},
        ]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "src/main.rs:1"}]},
    ]);
    assert_eq!(serde_json::from_slice::<Value>(&buf).unwrap(), expected);
}

#[test]
fn facts_come_back_from_their_list_and_from_the_span() {
    let facts = full_facts();
    assert_eq!(decode_facts(&encode_facts(&facts)), Ok(facts.clone()));
    let least = SessionFacts {
        id: SessionId(1),
        trace_id: TraceId(1),
        ..SessionFacts::default()
    };
    assert_eq!(decode_facts(&encode_facts(&least)), Ok(least));
    assert!(decode_facts(&[]).is_err());

    let mut bytes = Vec::new();
    put::ids(&mut bytes, facts.trace_id, facts.root.unwrap(), None);
    put::entity(&mut bytes, SpanKind::Session, "research_team", None);
    put::times(&mut bytes, 5, 6);
    put::attr_str(&mut bytes, "mine", "kept");
    put::session(&mut bytes, facts.id);
    put::facts(&mut bytes, &facts);
    assert_eq!(span_facts(&bytes), Ok(Some(facts.clone())));
    let span = decode_span(&bytes).unwrap();
    assert_eq!((span.session_id, span.tags), (facts.id, facts.tags));
    assert_eq!(Value::Object(span.attributes), json!({"mine": "kept"}));
    assert_eq!(span_facts(&encode_span(&full_span())), Ok(None));
}

#[test]
fn logs_heartbeats_losses_and_resources_come_back() {
    let record = LogRecord {
        session: SessionId(1),
        trace: TraceId(2),
        span: SpanId(3),
        log: log(),
        cut: 0,
    };
    let bytes = encode_log(&record.log, record.session, record.trace, record.span);
    assert_eq!(decode_log(&bytes), Ok(record));
    assert!(decode_log(&[]).is_err());

    for heartbeat in [
        Heartbeat {
            time: 1,
            cpu: Some(2),
            memory: Some(u64::MAX),
        },
        Heartbeat::default(),
    ] {
        assert_eq!(
            decode_heartbeat(&encode_heartbeat(&heartbeat)),
            Ok(heartbeat)
        );
    }
    for cause in LossCause::ALL {
        let loss = Loss {
            time: 1,
            session: Some(SessionId(2)),
            cause,
            count: 3,
        };
        assert_eq!(decode_loss(&encode_loss(&loss)), Ok(loss));
    }
    for resource in [full_resource(), Resource::default()] {
        assert_eq!(decode_resource(&encode_resource(&resource)), Ok(resource));
    }
}

fn full_resource() -> Resource {
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
            memory_total_bytes: Some(1 << 33),
            rustc: Some("1.95.0".into()),
            sdk: Some("agentops-rust/0.1.0".into()),
        },
    }
}

#[test]
fn a_request_comes_back() {
    let spans = [
        encode_span(&full_span()),
        encode_span(&Span {
            id: SpanId(4),
            ..full_span()
        }),
    ];
    let request = encode_request(
        &encode_resource(&full_resource()),
        spans.iter().map(Vec::as_slice),
    );
    let decoded = decode_request(&request).unwrap();
    let expected = vec![
        full_span(),
        Span {
            id: SpanId(4),
            ..full_span()
        },
    ];
    assert_eq!(decoded, [(full_resource(), expected)]);
}

/// All decoders on the same bytes: any answer is right but a panic.
fn decode_all(bytes: &[u8]) {
    drop((
        decode_span(bytes),
        span_facts(bytes),
        decode_log(bytes),
        decode_facts(bytes),
        decode_heartbeat(bytes),
    ));
    drop((
        decode_loss(bytes),
        decode_resource(bytes),
        decode_request(bytes),
    ));
}

#[test]
fn cut_short_anywhere_nothing_panics() {
    let spans = [encode_span(&full_span())];
    let request = encode_request(
        &encode_resource(&full_resource()),
        spans.iter().map(Vec::as_slice),
    );
    let log = encode_log(&log(), SessionId(1), TraceId(2), SpanId(3));
    for whole in [&spans[0], &request, &log, &encode_facts(&full_facts())] {
        (0..whole.len()).for_each(|len| decode_all(&whole[..len]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_span_comes_back(span in any_span()) {
        let bytes = encode_span(&span);
        let mut longer = b"before".to_vec();
        encode_span_into(&span, &mut longer);
        prop_assert_eq!(longer.strip_prefix(b"before"), Some(&bytes[..]));
        prop_assert_eq!(decode_span(&bytes), Ok(span));
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in vec(any::<u8>(), 0..256)) {
        decode_all(&bytes);
    }

    #[test]
    fn a_changed_span_is_decoded_or_refused(span in any_span(), changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = encode_span(&span);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        decode_all(&bytes);
    }
}

fn word() -> BoxedStrategy<String> {
    prop_oneof![Just(String::new()), "[a-z]{1,6}", "\\PC{0,200}"].boxed()
}

/// JSON whose floats are short enough to come back from text to the last bit.
fn any_json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(word(), inner, 0..4).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
    .boxed()
}

/// Attributes whose names are no one else's.
fn any_attributes() -> BoxedStrategy<Map<String, Value>> {
    let pair = (word(), any_json()).prop_map(|(key, value)| (format!("app.{key}"), value));
    vec(pair, 0..4).prop_map(Map::from_iter).boxed()
}

fn any_part() -> BoxedStrategy<Part> {
    prop_oneof![
        word().prop_map(Part::Text),
        word().prop_map(Part::Reasoning),
        word().prop_map(Part::Refusal),
        any_json().prop_map(Part::Other),
        word().prop_map(|name| Part::Other(json!({"type": name}))),
        Just(Part::Other(json!({"type": "tool_call", "name": "x"}))),
    ]
    .boxed()
}

fn any_requests() -> BoxedStrategy<Vec<ToolRequest>> {
    let request = (option::of(word()), word(), any_json());
    vec(
        request.prop_map(|(id, name, arguments)| ToolRequest {
            id,
            name,
            arguments,
        }),
        0..3,
    )
    .boxed()
}

fn any_message() -> BoxedStrategy<Message> {
    let fields = (
        word(),
        option::of(word()),
        vec(any_part(), 0..3),
        any_requests(),
        option::of(word()),
    );
    fields
        .prop_map(|(role, name, content, tool_calls, tool_call_id)| Message {
            role,
            name,
            content,
            tool_calls,
            tool_call_id,
        })
        .boxed()
}

fn any_completion() -> BoxedStrategy<Completion> {
    let fields = (
        word(),
        vec(any_part(), 0..3),
        any_requests(),
        option::of(word()),
    );
    fields
        .prop_map(|(role, content, tool_calls, finish_reason)| Completion {
            role,
            content,
            tool_calls,
            finish_reason,
        })
        .boxed()
}

fn any_usage() -> BoxedStrategy<Usage> {
    (
        any::<[u64; 3]>(),
        any::<[u64; 5]>(),
        any::<[u64; 3]>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(
                [input, output, total],
                [
                    cache_read,
                    cache_write,
                    cache_write_1h,
                    cache_read_audio,
                    reasoning,
                ],
                [input_audio, output_audio, web_searches],
                estimated,
                reported,
            )| Usage {
                input,
                output,
                cache_read,
                cache_write,
                cache_write_1h,
                reasoning,
                input_audio,
                cache_read_audio,
                output_audio,
                web_searches,
                total,
                estimated,
                reported,
            },
        )
        .boxed()
}

fn any_cost() -> BoxedStrategy<Cost> {
    let fields = (
        any::<i64>(),
        any::<Option<i64>>(),
        any::<Option<i64>>(),
        option::of(word()),
        option::of(any_prices()),
    );
    fields
        .prop_map(|(total, input, output, price_table, prices)| Cost {
            total,
            input,
            output,
            price_table,
            prices,
        })
        .boxed()
}

fn any_provider_error() -> BoxedStrategy<ProviderError> {
    let fields = (
        any::<Option<u16>>(),
        option::of(word()),
        option::of(word()),
        word(),
        any::<Option<u64>>(),
    );
    fields
        .prop_map(|(status, code, kind, message, retry_after)| ProviderError {
            status,
            code,
            kind,
            message,
            retry_after,
        })
        .boxed()
}

fn any_prices() -> BoxedStrategy<Prices> {
    let fields = (
        word(),
        any::<[u64; 2]>(),
        any::<[Option<u64>; 5]>(),
        any::<[Option<u64>; 4]>(),
    );
    fields
        .prop_map(
            |(
                model,
                [input, output],
                [
                    cache_read,
                    cache_write,
                    cache_write_1h,
                    cache_read_audio,
                    reasoning,
                ],
                [input_audio, output_audio, call, web_search],
            )| Prices {
                model,
                input,
                output,
                cache_read,
                cache_write,
                cache_write_1h,
                reasoning,
                input_audio,
                cache_read_audio,
                output_audio,
                call,
                web_search,
            },
        )
        .boxed()
}

fn any_call() -> BoxedStrategy<LlmCall> {
    let names = (
        option::of(word()),
        option::of(word()),
        option::of(word()),
        option::of("chat|embeddings"),
    );
    let said = (
        vec(any_message(), 0..4),
        vec(any_completion(), 0..3),
        any_attributes(),
    );
    let took = (
        option::of(any_usage()),
        option::of(any_cost()),
        option::of(0..1_u64 << 50),
        any::<Option<u32>>(),
        option::of(any_provider_error()),
    );
    (names, any::<bool>(), said, took)
        .prop_map(|(names, streaming, said, took)| LlmCall {
            provider: names.0,
            request_model: names.1.clone(),
            model: names.2,
            operation: names.3,
            response_id: names.1,
            streaming,
            messages: said.0,
            completions: said.1,
            parameters: said.2,
            usage: took.0,
            cost: took.1,
            time_to_first_token: took.2,
            attempts: took.3,
            provider_error: took.4,
        })
        .boxed()
}

fn any_log() -> BoxedStrategy<Log> {
    let level = prop::sample::select(vec![
        Level::Trace,
        Level::Debug,
        Level::Info,
        Level::Warn,
        Level::Error,
    ]);
    let fields = (any::<u64>(), level, word(), word(), any_attributes());
    fields
        .prop_map(|(time, level, target, message, attributes)| Log {
            time,
            level,
            target,
            message,
            attributes,
        })
        .boxed()
}

fn any_error() -> BoxedStrategy<ErrorRecord> {
    let texts = (word(), word(), option::of(word()), option::of(word()));
    (texts, vec(word(), 0..3), vec(word(), 0..3), any::<u64>())
        .prop_map(
            |((code, details, rust_type, stack), chain, span_trace, time)| ErrorRecord {
                kind: String::new(),
                code,
                details,
                rust_type,
                chain,
                stack,
                span_trace,
                time,
            },
        )
        .boxed()
}

fn any_agent() -> BoxedStrategy<AgentRef> {
    let fields = (word(), word(), option::of(word()), option::of(word()));
    fields
        .prop_map(|(id, name, role, model)| AgentRef {
            id,
            name,
            role,
            model,
        })
        .boxed()
}

fn any_tool() -> BoxedStrategy<ToolCall> {
    let fields = (
        word(),
        option::of(word()),
        option::of(word()),
        any::<Option<i64>>(),
    );
    fields
        .prop_map(|(name, description, call_id, cost)| ToolCall {
            name,
            description,
            call_id,
            cost,
        })
        .boxed()
}

fn any_link() -> BoxedStrategy<Link> {
    let fields = (1..=u128::MAX, 1..=u64::MAX, any_attributes());
    fields
        .prop_map(|(trace, span, attributes)| Link {
            trace_id: TraceId(trace),
            span_id: SpanId(span),
            attributes,
        })
        .boxed()
}

/// Any span that is as the recorder leaves it: what an open one has no end, what a tool is says so.
fn any_span() -> BoxedStrategy<Span> {
    let ids = (
        1..=u64::MAX,
        any::<Option<std::num::NonZeroU64>>(),
        any::<u128>(),
        1..=u128::MAX,
    );
    let kind = prop::sample::select(SpanKind::ALL.to_vec());
    let status = prop::sample::select(vec![Status::Unset, Status::Ok, Status::Error]);
    let is = (word(), kind, status, any::<(bool, bool)>());
    let times = (
        any::<u64>(),
        any::<Option<std::num::NonZeroU64>>(),
        any::<Option<u64>>(),
        any::<Option<u64>>(),
    );
    let place = (
        option::of((any::<u64>(), option::of(word()))),
        option::of((word(), any::<u32>(), word())),
    );
    let values = (
        option::of(any_json()),
        option::of(any_json()),
        any_attributes(),
        option::of(word()),
    );
    let lists = (
        vec(word(), 0..3),
        vec(any_link(), 0..2),
        vec(any_log(), 0..3),
    );
    let records = (
        option::of(any_error()),
        option::of(any_call()),
        option::of(any_tool()),
        option::of(any_agent()),
    );
    let rest = (
        option::of(word()),
        option::of((word(), any::<Option<bool>>())),
    );
    (ids, is, times, place, values, lists, records, rest)
        .prop_map(|(ids, is, times, place, values, lists, records, rest)| {
            let kind = is.1;
            let with_kind = |error| ErrorRecord {
                kind: kind.as_str().into(),
                ..error
            };
            let guardrail = rest.1.map(|(spec, triggered)| Guardrail {
                spec: Some(spec),
                triggered,
            });
            Span {
                id: SpanId(ids.0),
                parent_id: ids.1.map(|id| SpanId(id.get())),
                session_id: SessionId(ids.2),
                trace_id: TraceId(ids.3),
                agent: records.3,
                name: is.0,
                kind,
                status: is.2,
                cancelled: is.3.0,
                open: times.1.is_none(),
                adopted: is.3.1,
                start: times.0,
                end: times.1.map(|end| end.get()),
                busy: times.2,
                polls: times.3,
                thread: place.0.map(|(id, name)| Thread { id, name }),
                source: place.1.map(|(file, line, function)| Source {
                    file,
                    line,
                    function,
                }),
                input: values.0,
                output: values.1,
                attributes: values.2,
                version: values.3,
                tags: lists.0,
                links: lists.1,
                logs: lists.2,
                error: records.0.map(with_kind),
                llm: records.1,
                tool: records
                    .2
                    .or_else(|| (kind == SpanKind::Tool).then(ToolCall::default)),
                operation_type: rest.0,
                guardrail: guardrail
                    .or_else(|| (kind == SpanKind::Guardrail).then(Guardrail::default)),
            }
        })
        .boxed()
}
