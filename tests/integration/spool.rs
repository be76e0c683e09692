//! The spool, read without any of our own code: frames by the format's description, spans by another implementation.

use std::collections::HashMap;
use std::process::Command;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use prost::Message as _;

const SPAN: u8 = 1;
const SHARED: u8 = 7;

/// A varint at the start of `bytes`, and what follows it.
fn varint(bytes: &[u8]) -> (u64, &[u8]) {
    let end = bytes
        .iter()
        .position(|byte| byte & 0x80 == 0)
        .expect("a varint ends");
    let value = bytes[..=end]
        .iter()
        .rev()
        .fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
    (value, &bytes[end + 1..])
}

/// Ended spans of a file, each the shared pieces that it names and then its own bytes.
fn spans(file: &[u8]) -> Vec<Span> {
    assert_eq!(&file[..8], b"AGENTOPS");
    assert_eq!(file[8..12], 1_u32.to_le_bytes());
    let (mut rest, mut shared, mut spans) = (&file[12..], HashMap::new(), Vec::new());
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[..4].try_into().expect("four bytes")) as usize;
        let (kind, payload) = (rest[8], &rest[9..8 + length]);
        rest = &rest[8 + length..];
        let (mut first, mut payload) = varint(payload);
        if kind == SHARED {
            shared.insert(first, payload);
        } else if kind == SPAN {
            let mut message = Vec::new();
            while first > 0 {
                let number;
                (number, payload) = varint(payload);
                message.extend_from_slice(shared[&number]);
                first -= 1;
            }
            message.extend_from_slice(payload);
            spans.push(Span::decode(&*message).expect("an OTLP span"));
        }
    }
    spans
}

fn attribute(span: &Span, key: &str) -> String {
    let values: Vec<_> = span
        .attributes
        .iter()
        .filter(|pair| pair.key == key)
        .collect();
    assert_eq!(values.len(), 1, "{key} in {span:?}");
    match values[0]
        .value
        .as_ref()
        .and_then(|value| value.value.as_ref())
    {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{key} is {other:?}"),
    }
}

#[test]
fn what_the_recorder_writes_is_otlp_to_others() {
    let home = std::env::temp_dir().join(format!("agentops-spool-{}", std::process::id()));
    let mut program = Command::new(env!("CARGO_BIN_EXE_victim"));
    let output = program
        .arg("fails")
        .env("AGENTOPS_HOME", &home)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let files = std::fs::read_dir(home.join("spool"))
        .expect("there is a spool")
        .flatten();
    let files: Vec<_> = files
        .map(|file| std::fs::read(file.path()).expect("it can be read"))
        .collect();
    std::fs::remove_dir_all(&home).expect("it can be removed");
    let [file] = &files[..] else {
        panic!("one file, and no lock of a process that ended")
    };

    let spans = spans(file);
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(
        names,
        [
            "execute_tool step",
            "execute_tool step",
            "execute_tool step",
            "execute_tool step",
            "job"
        ]
    );
    let (job, failed) = (&spans[4], &spans[3]);
    assert!(
        spans
            .iter()
            .all(|span| span.trace_id == job.trace_id && span.trace_id.len() == 16)
    );
    assert!(
        spans[..4]
            .iter()
            .all(|span| span.parent_span_id == job.span_id && span.kind == 1)
    );
    assert!(
        job.parent_span_id.is_empty() && job.start_time_unix_nano <= failed.start_time_unix_nano
    );
    assert!(failed.start_time_unix_nano <= failed.end_time_unix_nano);
    let session = attribute(job, "agentops.session.id").replace('-', "");
    assert_eq!(
        session,
        job.trace_id
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    );
    let expected = [
        ("agentops.span.kind", "tool"),
        ("agentops.entity.name", "step"),
        ("agentops.entity.input", "{\"n\":3}"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "step"),
        ("gen_ai.agent.name", "default"),
        ("code.function.name", "victim::step"),
        ("thread.name", "main"),
    ];
    for (key, value) in expected {
        assert_eq!(attribute(failed, key), value, "{key}");
    }
    let status = failed.status.as_ref().expect("it failed");
    assert_eq!(
        (status.code(), &*status.message),
        (StatusCode::Error, "three is too many")
    );
    assert_eq!(
        failed
            .events
            .iter()
            .map(|event| &*event.name)
            .collect::<Vec<_>>(),
        ["exception"]
    );
    assert_eq!(attribute(&spans[1], "agentops.entity.output"), "1");
    assert_eq!(attribute(job, "agentops.session.end_state"), "Error");
}
