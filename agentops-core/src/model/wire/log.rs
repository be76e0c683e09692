//! Logs as OTLP `LogRecord`s.
//!
//! A span's logs travel beside it, for they come while it is open. Knows nothing of logs as events of spans.

use serde_json::Value;

use super::WireError;
use super::proto::{Field, Fields, log as number};
use super::put;
use super::span::{span_id, trace_id};
use super::value::{self, Budget, lossy, parsed, text};
use crate::model::id::{SessionId, SpanId, TraceId};
use crate::model::semconv;
use crate::model::span::{Level, Log};

/// A log, and where it belongs.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecord {
    /// The session.
    pub session: SessionId,
    /// The trace; zero where it is not said.
    pub trace: TraceId,
    /// The span; zero where it was logged outside any.
    pub span: SpanId,
    /// What was logged.
    pub log: Log,
}

/// Encodes a log.
#[must_use]
pub fn encode_log(log: &Log, session: SessionId, trace: TraceId, span: SpanId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    put::log(&mut bytes, log, session, trace, span);
    bytes
}

/// Decodes a log. One that names no session belongs to that of its trace.
///
/// # Errors
///
/// Where the bytes are no protobuf, or tell neither session nor trace.
pub fn decode_log(bytes: &[u8]) -> Result<LogRecord, WireError> {
    let mut budget = Budget::new();
    let (mut trace, mut span, mut session) = (None, None, None);
    let (mut severity, mut severity_text, mut observed) = (0, String::new(), 0);
    let mut log = Log {
        time: 0,
        level: Level::Info,
        target: String::new(),
        message: String::new(),
        attributes: Default::default(),
    };
    for field in Fields::new(bytes) {
        match field? {
            (number::TIME, Field::Fixed64(at)) => log.time = at,
            (number::OBSERVED_TIME, Field::Fixed64(at)) => observed = at,
            (number::SEVERITY_NUMBER, Field::Varint(number)) => severity = number,
            (number::SEVERITY_TEXT, Field::Bytes(bytes)) => severity_text = lossy(bytes),
            (number::BODY, Field::Bytes(bytes)) => {
                log.message = text(value::any_value(bytes, &mut budget)?)
                    .unwrap_or_else(|body| body.to_string());
            }
            (number::TRACE_ID, Field::Bytes(bytes)) => trace = trace_id(bytes),
            (number::SPAN_ID, Field::Bytes(bytes)) => span = span_id(bytes),
            (number::ATTRIBUTES, Field::Bytes(bytes)) => {
                let (key, value) = value::pair(bytes, &mut budget)?;
                let unknown = match key.as_str() {
                    semconv::SESSION_ID => parsed(value).map(|id| session = Some(id)),
                    semconv::LOG_TARGET => text(value).map(|target| log.target = target),
                    _ => Err(value),
                };
                if let Err(value) = unknown {
                    log.attributes.insert(key, value);
                }
            }
            _ => {}
        }
    }
    if log.time == 0 {
        log.time = observed;
    }
    log.level = level(severity)
        .or_else(|| severity_text.parse().ok())
        .unwrap_or(Level::Info);
    let session = session.or_else(|| trace.map(|trace| SessionId(trace.0)));
    Ok(LogRecord {
        session: session.ok_or(WireError::missing("session or trace id"))?,
        trace: trace.unwrap_or_default(),
        span: span.unwrap_or_default(),
        log,
    })
}

/// The level of a number in OpenTelemetry's range; fatal is an error here.
fn level(severity: u64) -> Option<Level> {
    match severity {
        1..=4 => Some(Level::Trace),
        5..=8 => Some(Level::Debug),
        9..=12 => Some(Level::Info),
        13..=16 => Some(Level::Warn),
        17..=24 => Some(Level::Error),
        _ => None,
    }
}

/// The level that an attribute names.
pub(super) fn level_of(value: &Value) -> Option<Level> {
    value.as_str()?.parse().ok()
}
