//! What a fuzzer would send: requests that were nearly OTLP, in bytes, in values and in attributes; each must be taken or
//! refused, and what was taken must read as well as anything else. `asked` does so with questions, `spool` with files.
//!
//! Inputs are made of what other tests send: a thousand, always the same; where `AGENTOPS_FUZZ` is a number of seconds,
//! others each time, and for as long.

use std::time::{Duration, Instant};

use agentops_core::model::event::Event;
use agentops_core::model::json as published;
use agentops_core::model::trace::Traces;
use agentops_core::model::tree::{self, Style};
use agentops_core::model::wire;
use agentops_server::ingest::otlp::{self, Compression, Format, Taken};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::{Value, json};

use crate::otlp::{dialects, pairs, request, span};

mod asked;
mod spool;

/// Bytes as a request of each kind, compressed in each way.
fn bytes(input: &[u8]) {
    for format in [Format::Protobuf, Format::Json] {
        for taken in [otlp::traces(input, format), otlp::logs(input, format)] {
            taken.iter().for_each(reads_well);
        }
    }
    for compression in [Compression::Gzip, Compression::Deflate, Compression::Zstd] {
        let _ = compression.undo(input);
    }
}

/// A request whose values are odd, which protobuf and JSON must tell alike.
fn mapping(input: &Value) {
    let text = input.to_string();
    let Ok(taken) = otlp::traces(text.as_bytes(), Format::Json) else {
        return;
    };
    reads_well(&taken);
    // Another's reading of the same; it is stricter, and then there is nothing to compare with.
    let theirs: Result<ExportTraceServiceRequest, _> = serde_json::from_value(input.clone());
    if let Ok(theirs) = theirs {
        let again = otlp::traces(&theirs.encode_to_vec(), Format::Protobuf).expect("it is OTLP");
        assert_eq!(spans(&taken), spans(&again));
    }
}

fn spans(taken: &Taken) -> Vec<&Event> {
    taken.events.iter().map(|(_, event)| event).collect()
}

fn reads_well(taken: &Taken) {
    let mut traces = Traces::default();
    for (resource, event) in &taken.events {
        if let Event::SpanEnded(span) | Event::SpanStarted(span) = event {
            let encoded = wire::encode_span(span);
            let again = wire::decode_span(&encoded).expect("what was taken can be kept");
            assert_eq!(again.id, span.id);
            assert_eq!(wire::encode_span(&again), encoded);
        }
        traces.apply(resource, event.clone());
    }
    for trace in traces.finish() {
        let text = published::to_string(&trace, true);
        let _: Value = serde_json::from_str(&text).expect("JSON");
        let _ = tree::render(&trace, Style::default());
    }
}

/// Numbers that are the same wherever they are made.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

fn corpus() -> Vec<Value> {
    let spans: Vec<Value> = dialects()
        .into_iter()
        .zip(1..)
        .map(|((_, attributes), id)| span(id, id - 1, "chat", id, 5, attributes))
        .collect();
    let mut requests: Vec<Value> = spans
        .iter()
        .map(|span| request("any", std::slice::from_ref(span)))
        .collect();
    let mut whole = spans[0].clone();
    whole["status"] = json!({"code": 2, "message": "no"});
    whole["events"] = json!([{"name": "exception", "timeUnixNano": "1",
        "attributes": [{"key": "exception.type", "value": {"stringValue": "a.B"}}]}]);
    whole["links"] =
        json!([{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "0af7651916cd43dd"}]);
    requests.push(request("any", &[whole]));
    requests.push(request("any", &spans));
    requests.push(json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
        {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "0af7651916cd43dd", "body": {"stringValue": "x"}, "severityNumber": 9}]}]}]}));
    requests
}

/// Values that stand where others are expected.
fn odd() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1e308),
        json!(""),
        json!("18446744073709551616"),
        json!("NaN"),
        json!("0"),
        json!("session"),
        json!("agentops.span.kind"),
        json!("agentops.session.id"),
        json!("agentops.session.end_state"),
        json!("agentops.tags"),
        json!("gen_ai.usage.cost"),
        json!("[{\"role\":\"user\"}]"),
        json!("\u{0}\u{202e}ä"),
        json!([]),
        json!({}),
        json!({"intValue": "-9223372036854775808"}),
        json!({"doubleValue": "Infinity"}),
        json!({"boolValue": false}),
        json!({"bytesValue": "AAE="}),
        json!({"arrayValue": {"values": [{"stringValue": "a"}, {}]}}),
        json!({"kvlistValue": {"values": [{"key": "", "value": {"intValue": 1}}]}}),
        json!({"stringValue": "{\"a\":[1,{\"b\":null}]}"}),
    ]
}

/// Puts something else in the place of a part, or doubles it, or takes it away.
fn change(value: &mut Value, others: &[Value], numbers: &mut Numbers) {
    let inside = numbers.below(8) != 0;
    match value {
        Value::Array(items) if inside && !items.is_empty() => {
            let at = numbers.below(items.len());
            match numbers.below(16) {
                0 => drop(items.remove(at)),
                1 => items.insert(at, items[at].clone()),
                2 => {
                    let other = numbers.below(items.len());
                    items.swap(at, other);
                }
                _ => change(&mut items[at], others, numbers),
            }
        }
        Value::Object(fields) if inside && !fields.is_empty() => {
            let at = numbers.below(fields.len());
            let key = fields.keys().nth(at).cloned().unwrap_or_default();
            match numbers.below(32) {
                0 => drop(fields.remove(&key)),
                _ => change(&mut fields[&key], others, numbers),
            }
        }
        other => *other = numbers.of(others).clone(),
    }
}

/// Cuts, doubles, splices and changes bytes.
fn damage(mut input: Vec<u8>, others: &[Vec<u8>], numbers: &mut Numbers) -> Vec<u8> {
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(input.len() + 1);
        match numbers.below(5) {
            0 => input.truncate(at),
            1 => {
                let other = numbers.of(others);
                let from = numbers.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            2 => {
                let piece = input[at..].to_vec();
                input.splice(at..at, piece.into_iter().take(64));
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = match numbers.below(3) {
                        0 => 0xff,
                        1 => *byte ^ (1 << numbers.below(8)),
                        _ => numbers.below(256) as u8,
                    };
                }
            }
        }
    }
    input
}

/// Says which input it was that broke something.
struct Input(String);

impl Drop for Input {
    #[expect(clippy::print_stderr, reason = "beside the panic's message")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input was {}", self.0);
        }
    }
}

/// Does something over and over, with other numbers each time; says how often where it was for long.
#[expect(clippy::print_stdout, reason = "for the person who runs it for long")]
fn rounds(of: &str, few: u64, mut round: impl FnMut(&mut Numbers)) {
    let seconds = std::env::var("AGENTOPS_FUZZ")
        .ok()
        .and_then(|seconds| seconds.parse().ok());
    let until = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut numbers = Numbers(match until {
        None => 0x5eed,
        Some(_) => std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0) | 1,
    });
    let mut count = 0_u64;
    while until.map_or(count < few, |until| Instant::now() < until) {
        count += 1;
        round(&mut numbers);
    }
    if until.is_some() {
        println!("{of}: {count} inputs");
    }
}

#[test]
fn any_request_is_taken_or_refused() {
    let requests = corpus();
    let mut encoded: Vec<Vec<u8>> = Vec::new();
    for request in &requests {
        mapping(request);
        let text = request.to_string().into_bytes();
        for json_to_proto in [wire::traces_from_json, wire::logs_from_json] {
            let read = json_to_proto(&text).expect("OTLP");
            assert_eq!((read.refused, read.why), (0, None));
            encoded.push(read.request);
        }
        encoded.push(zstd::encode_all(&text[..], 1).expect("memory"));
        encoded.push(text);
    }
    encoded.iter().for_each(|input| bytes(input));
    let odd = odd();
    rounds("requests, of bytes and of values", 1_000, |numbers| {
        let input = numbers.of(&encoded).clone();
        let input = damage(input, &encoded, numbers);
        let told = Input(input.escape_ascii().to_string());
        bytes(&input);
        drop(told);
        let mut request = numbers.of(&requests).clone();
        for _ in 0..=numbers.below(6) {
            change(&mut request, &odd, numbers);
        }
        let told = Input(request.to_string());
        mapping(&request);
        drop(told);
    });
}

/// The names of all attributes that mean something, in any vocabulary, as the sources have them.
fn keys() -> Vec<String> {
    const SOURCES: [&str; 2] = [
        include_str!("../../../agentops-core/src/model/semconv.rs"),
        include_str!("../../../agentops-core/src/model/dialect.rs"),
    ];
    let texts = SOURCES
        .iter()
        .flat_map(|source| source.split('"').skip(1).step_by(2));
    let names = texts.filter(|text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !text.is_empty() && text.len() < 80 && text.bytes().all(plain)
    });
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

/// Values that attributes have, and others.
fn values() -> Vec<Value> {
    let mut values: Vec<Value> = dialects()
        .into_iter()
        .flat_map(|(_, attributes)| attributes.as_object().cloned().expect("an object"))
        .map(|(_, value)| value)
        .collect();
    values.extend([
        json!(true),
        json!(-1),
        json!(i64::MAX),
        json!(1.5),
        json!(-1e300),
        json!(""),
        json!("12"),
        json!("-12.5"),
        json!("1e9"),
        json!("nan"),
        json!("tool"),
        json!("Success"),
        json!("[1,2"),
        json!("{\"input\":1e99,\"output\":-1,\"total\":\"3\"}"),
        json!("[{\"role\":5,\"content\":[null,{\"type\":\"text\"}],\"tool_calls\":[{}]}]"),
        json!("\u{0}\u{202e}ä"),
        json!([]),
        json!(["a", 1, null]),
        json!({"": {"a": [{}]}}),
    ]);
    values
}

#[test]
fn any_attributes_are_taken() {
    let (keys, values) = (keys(), values());
    assert!(keys.len() > 200, "{} names", keys.len());
    rounds("spans of attributes", 1_000, |numbers| {
        let mut attributes = serde_json::Map::new();
        for _ in 0..numbers.below(16) {
            let mut key = numbers.of(&keys).clone();
            // Many names go on with places and fields.
            while numbers.below(3) == 0 {
                let more = [
                    ".0",
                    ".1",
                    ".00",
                    ".18446744073709551616",
                    ".role",
                    ".content",
                    ".message",
                    ".",
                ];
                key += *numbers.of(&more);
            }
            attributes.insert(key, numbers.of(&values).clone());
        }
        let mut span = span(1, 0, "any", 0, 5, Value::Object(attributes.clone()));
        if numbers.below(4) == 0 {
            span["events"] = json!([{"name": numbers.of::<String>(&keys), "timeUnixNano": "1", "attributes": pairs(&Value::Object(attributes))}]);
        }
        let scope: &String = numbers.of(&keys);
        let input = request(scope, &[span]);
        let told = Input(input.to_string());
        mapping(&input);
        drop(told);
    });
}
