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
    /// How many values in it were nested too deep to be kept.
    pub cut: u64,
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
        .or_else(|| level_named(&severity_text))
        .unwrap_or(Level::Info);
    let session = session.or_else(|| trace.map(|trace| SessionId(trace.0)));
    Ok(LogRecord {
        session: session.ok_or(WireError::missing("session or trace id"))?,
        trace: trace.unwrap_or_default(),
        span: span.unwrap_or_default(),
        log,
        cut: budget.cut,
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

/// The level that loggers give a name of their own; any case, and levels between ours, as `INFO2`.
fn level_named(name: &str) -> Option<Level> {
    let name = name.trim().to_ascii_lowercase();
    Some(match name.trim_end_matches(['2', '3', '4']) {
        "trace" | "verbose" | "finest" | "finer" => Level::Trace,
        "debug" | "fine" => Level::Debug,
        "info" | "information" | "informational" | "notice" | "log" => Level::Info,
        "warn" | "warning" => Level::Warn,
        "error" | "err" | "severe" | "critical" | "crit" | "fatal" | "alert" | "emergency"
        | "panic" => Level::Error,
        _ => return None,
    })
}

/// The level that an attribute names.
pub(super) fn level_of(value: &Value) -> Option<Level> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_told_by_a_name_alone() {
        for (name, level) in [
            ("WARNING", Level::Warn),
            ("Warn3", Level::Warn),
            ("fatal", Level::Error),
            ("Critical", Level::Error),
            (" Information ", Level::Info),
            ("verbose", Level::Trace),
            ("DEBUG", Level::Debug),
            ("loud", Level::Info),
        ] {
            let mut record = Vec::new();
            super::super::proto::bytes(&mut record, number::TRACE_ID, &[1; 16]);
            super::super::proto::bytes(&mut record, number::SEVERITY_TEXT, name.as_bytes());
            let read = decode_log(&record).map(|record| record.log.level);
            assert_eq!(read, Ok(level), "{name}");
        }
    }
}
