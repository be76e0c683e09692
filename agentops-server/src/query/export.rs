//! Sessions written out whole, piece by piece: JSON as it is published, OTLP, or a table.
//!
//! Each piece is a page of spans, so that neither memory nor a transaction grows with the session. JSON and OTLP can be
//! read in again; a table is for looking at. Knows nothing of where the pieces go.

use std::fmt::Write as _;
use std::str::FromStr;

use agentops_core::model::event::Resource;
use agentops_core::model::id::SessionId;
use agentops_core::model::session::Session;
use agentops_core::model::span::Span;
use agentops_core::model::time::{millis, rfc3339};
use agentops_core::model::{json, trace, wire};
use serde::Serialize;

use super::whole::{Left, Whole};
use crate::store::{Store, StoreError};

/// What a session is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Otlp,
    Csv,
}

impl Format {
    /// As it is asked for.
    pub const NAMES: [&str; 3] = ["json", "otlp", "csv"];

    /// How files of it end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Otlp => "otlp",
            Self::Csv => "csv",
        }
    }

    /// As HTTP calls it.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Otlp => "application/x-protobuf",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }
}

impl FromStr for Format {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "json" => Ok(Self::Json),
            "otlp" => Ok(Self::Otlp),
            "csv" => Ok(Self::Csv),
            _ => Err(()),
        }
    }
}

/// A session that is being written out.
#[derive(Debug)]
pub struct Export {
    whole: Whole,
    format: Format,
    begun: bool,
    ended: bool,
}

/// Why a session was not written to its end.
#[derive(Debug)]
pub enum Broken {
    Store(StoreError),
    /// Somebody has deleted it.
    Deleted,
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Export {
    /// Begins to write a session; `None` where there is none.
    pub fn of(
        store: &dyn Store,
        id: SessionId,
        format: Format,
    ) -> Result<Option<Self>, StoreError> {
        Ok(Whole::of(store, id)?.map(|whole| Self {
            whole,
            format,
            begun: false,
            ended: false,
        }))
    }

    /// How many spans there are, and how many were written.
    pub fn progress(&self) -> (usize, usize) {
        self.whole.progress()
    }

    /// The next piece; `None` after the last.
    pub fn next(&mut self, store: &dyn Store) -> Result<Option<Vec<u8>>, Broken> {
        if self.ended {
            return Ok(None);
        }
        let first = !std::mem::replace(&mut self.begun, true);
        let spans = match self.whole.next(store)? {
            Left::Spans(spans) => spans,
            Left::Nothing => {
                self.ended = true;
                Vec::new()
            }
            Left::Deleted => return Err(Broken::Deleted),
        };
        let session = &self.whole.session;
        Ok(Some(match self.format {
            Format::Json => as_json(session, &spans, first, self.ended),
            Format::Otlp => as_otlp(session, &spans),
            Format::Csv => as_csv(session, &spans, first),
        }))
    }
}

fn as_json(session: &Session, spans: &[Span], first: bool, last: bool) -> Vec<u8> {
    let mut piece = Vec::new();
    if first {
        put(&mut piece, &json::session_alone(session));
        // The spans are the last field of the object.
        piece.pop();
        piece.extend_from_slice(b",\"spans\":[");
    }
    for (at, span) in spans.iter().enumerate() {
        if !(first && at == 0) {
            piece.push(b',');
        }
        put(&mut piece, &json::one_span(span));
    }
    if last {
        piece.extend_from_slice(b"]}\n");
    }
    piece
}

/// Appends a value as JSON.
fn put(piece: &mut Vec<u8>, value: &impl Serialize) {
    // Keys are strings and nothing else can fail in memory.
    _ = serde_json::to_writer(piece, value);
}

/// Requests one after another are one request.
fn as_otlp(session: &Session, spans: &[Span]) -> Vec<u8> {
    if spans.is_empty() {
        return Vec::new();
    }
    let project = match &*session.project {
        trace::DEFAULT_PROJECT => String::new(),
        project => project.to_owned(),
    };
    let resource = Resource {
        service: session.service.clone(),
        service_version: session.service_version.clone(),
        pid: session.pid,
        project,
        host: session.host.clone(),
    };
    let encoded: Vec<Vec<u8>> = spans
        .iter()
        .map(|span| {
            let mut bytes = wire::encode_span(span);
            if Some(span.id) == session.facts.root {
                wire::put::facts(&mut bytes, &session.facts);
            }
            bytes
        })
        .collect();
    let encoded = encoded.iter().map(Vec::as_slice);
    wire::encode_request(&wire::encode_resource(&resource), encoded)
}

const COLUMNS: [&str; 23] = [
    "session_id",
    "span_id",
    "parent_id",
    "name",
    "kind",
    "agent",
    "status",
    "cancelled",
    "open",
    "start_time",
    "end_time",
    "duration_ms",
    "provider",
    "model",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_usd",
    "time_to_first_token_ms",
    "error_code",
    "error_details",
];

fn as_csv(session: &Session, spans: &[Span], first: bool) -> Vec<u8> {
    let mut table = String::new();
    if first {
        table.push_str(&COLUMNS.join(","));
        table.push_str("\r\n");
    }
    for span in spans {
        let llm = span.llm.as_ref();
        let usage = llm.and_then(|llm| llm.usage);
        let tokens = |of: fn(&agentops_core::model::llm::Usage) -> u64| {
            usage.map(|usage| of(&usage).to_string())
        };
        let cost = llm.and_then(|llm| llm.cost.as_ref()).map(|cost| cost.total);
        let tool_cost = span.tool.as_ref().and_then(|tool| tool.cost);
        let usd = cost.or(tool_cost).map(json::usd);
        let error = span.error.as_ref();
        let cells: [Option<String>; 23] = [
            Some(session.facts.id.to_string()),
            Some(span.id.to_string()),
            span.parent_id.map(|id| id.to_string()),
            Some(span.name.clone()),
            Some(span.kind.as_str().into()),
            span.agent.as_ref().map(|agent| agent.name.clone()),
            Some(span.status.as_str().into()),
            Some(span.cancelled.to_string()),
            Some(span.open.to_string()),
            Some(rfc3339(span.start)),
            span.end.map(rfc3339),
            span.duration().map(|nanos| millis(nanos).to_string()),
            llm.and_then(|llm| llm.provider.clone()),
            llm.and_then(|llm| llm.model.clone().or_else(|| llm.request_model.clone())),
            tokens(|usage| usage.input),
            tokens(|usage| usage.output),
            tokens(|usage| usage.cache_read),
            tokens(|usage| usage.cache_write),
            tokens(|usage| usage.reasoning),
            usd.and_then(|usd| serde_json::to_string(&usd).ok()),
            llm.and_then(|llm| llm.time_to_first_token)
                .map(|nanos| millis(nanos).to_string()),
            error.map(|error| error.code.clone()),
            error.map(|error| error.details.clone()),
        ];
        let cells = cells.map(|cell| cell.map_or_else(String::new, |cell| quoted(&cell)));
        _ = write!(table, "{}\r\n", cells.join(","));
    }
    table.into_bytes()
}

/// A cell: in quotes where it needs them, and never a formula, which is what spreadsheets take some first letters for.
fn quoted(cell: &str) -> String {
    let formula =
        cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
    let needs = formula || cell.contains(['"', ',', '\n', '\r']);
    if !needs {
        return cell.to_owned();
    }
    let mark = if formula { "'" } else { "" };
    format!("\"{mark}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_no_formulas_and_stay_in_their_place() {
        for (cell, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"so\"\nnow", "\"say \"\"so\"\"\nnow\""),
            ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
            ("@cmd", "\"'@cmd\""),
            ("-0.5", "-0.5"),
            ("-rf", "\"'-rf\""),
            ("", ""),
        ] {
            assert_eq!(quoted(cell), expected);
        }
    }
}
