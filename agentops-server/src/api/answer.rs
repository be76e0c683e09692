//! What the API answers with, apart from sessions and spans, which `model::json` writes.
//!
//! The field names here are the contract; the user interface's types are read off what these write.

use std::collections::BTreeMap;

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::json::{self, Usd};
use agentops_core::model::span::Log;
use agentops_core::model::time::{millis, rfc3339};
use serde::Serialize;

use crate::store::{Fault, Histogram, Hit, Point, Row, Totals};

/// A page of sessions.
#[derive(Debug, Serialize)]
pub struct SessionList<S> {
    pub sessions: Vec<S>,
    /// Where to go on; `null` at the end.
    pub next_cursor: Option<String>,
    /// Of all that fit, wherever pages end.
    pub totals: TotalsAnswer,
}

#[derive(Debug, Serialize)]
pub struct TotalsAnswer {
    pub sessions: u64,
    pub running: u64,
    pub failed: u64,
    pub spans: u64,
    pub tokens: u64,
    pub cost: CostAnswer,
}

#[derive(Debug, Serialize)]
pub struct CostAnswer {
    pub usd: Option<Usd>,
    /// Something is missing from it.
    pub partial: bool,
}

impl From<Totals> for TotalsAnswer {
    fn from(totals: Totals) -> Self {
        Self {
            sessions: totals.sessions,
            running: totals.running,
            failed: totals.failed,
            spans: totals.spans,
            tokens: totals.tokens,
            cost: CostAnswer {
                usd: totals.cost.map(json::usd),
                partial: totals.partial,
            },
        }
    }
}

/// A page of logs.
#[derive(Debug, Serialize)]
pub struct LogList<L> {
    pub logs: Vec<L>,
    pub next_cursor: Option<String>,
}

/// A log, and the span that it was written in.
#[derive(Debug, Serialize)]
pub struct SpanLog<L> {
    pub span_id: String,
    pub span_name: String,
    pub log: L,
}

impl<'a> SpanLog<LogAnswer<'a>> {
    pub fn new(span: SpanId, name: &str, log: &'a Log) -> Self {
        Self {
            span_id: span.to_string(),
            span_name: name.to_owned(),
            log: LogAnswer(log),
        }
    }
}

/// A log as sessions have it.
#[derive(Debug)]
pub struct LogAnswer<'a>(&'a Log);

impl Serialize for LogAnswer<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::log(self.0).serialize(serializer)
    }
}

/// Spans in which words were found.
#[derive(Debug, Serialize)]
pub struct SearchAnswer {
    pub hits: Vec<HitAnswer>,
}

#[derive(Debug, Serialize)]
pub struct HitAnswer {
    pub session_id: String,
    pub span_id: String,
    pub name: String,
    pub kind: &'static str,
    pub start_time: String,
    /// The words, and what stands around them.
    pub excerpt: String,
}

impl From<Hit> for HitAnswer {
    fn from(hit: Hit) -> Self {
        Self {
            session_id: hit.session.to_string(),
            span_id: hit.span.to_string(),
            name: hit.name,
            kind: hit.kind.as_str(),
            start_time: rfc3339(hit.start),
            excerpt: hit.excerpt,
        }
    }
}

/// Sums over time.
#[derive(Debug, Serialize)]
pub struct MetricsAnswer {
    pub group_by: &'static str,
    pub interval: &'static str,
    pub since: String,
    pub until: String,
    pub points: Vec<PointAnswer>,
}

/// One group in one interval.
#[derive(Debug, Serialize)]
pub struct PointAnswer {
    pub time: String,
    pub group: String,
    pub count: u64,
    pub errors: u64,
    /// In all.
    pub duration_ms: f64,
    pub tokens: PointTokens,
    pub cost: PointCost,
    pub latency_ms: Option<Percentiles>,
    pub time_to_first_token_ms: Option<Percentiles>,
}

#[derive(Debug, Serialize)]
pub struct PointTokens {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub reasoning: u64,
}

#[derive(Debug, Serialize)]
pub struct PointCost {
    pub usd: Usd,
    /// Calls whose price is not known: they are not in `usd`.
    pub unpriced: u64,
}

/// Within 5 % of what they are.
#[derive(Debug, Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
}

impl From<[u64; 3]> for Percentiles {
    fn from([p50, p95, p99]: [u64; 3]) -> Self {
        Self {
            p50: millis(p50),
            p95: millis(p95),
            p99: millis(p99),
        }
    }
}

impl From<Point> for PointAnswer {
    fn from(point: Point) -> Self {
        Self {
            time: rfc3339(point.at),
            group: point.group,
            count: point.count,
            errors: point.errors,
            duration_ms: millis(point.duration),
            tokens: PointTokens {
                input: point.input,
                output: point.output,
                cache_read: point.cache_read,
                cache_write: point.cache_write,
                reasoning: point.reasoning,
            },
            cost: PointCost {
                usd: json::usd(point.cost),
                unpriced: point.unpriced,
            },
            latency_ms: point.latency.map(Into::into),
            time_to_first_token_ms: point.first_token.map(Into::into),
        }
    }
}

/// Errors by what is the same when they happen again.
#[derive(Debug, Serialize)]
pub struct ErrorList {
    pub errors: Vec<FaultAnswer>,
    /// The time that `over_time` is of: from the first of all these errors to the last; `null` where there is none.
    pub since: Option<String>,
    pub until: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct FaultAnswer {
    /// For `/api/v1/sessions?fault=`, which lists the sessions that it happened in.
    pub id: u64,
    /// The kind of the spans.
    pub kind: &'static str,
    pub code: String,
    /// The name of the spans.
    pub name: String,
    /// What the messages have in common.
    pub message: String,
    pub count: u64,
    pub sessions: u64,
    pub first_time: String,
    pub last_time: String,
    /// How often, in equal parts of the time of the list.
    pub over_time: Vec<u64>,
    /// The newest.
    pub sample: Sample,
}

#[derive(Debug, Serialize)]
pub struct Sample {
    pub session_id: String,
    pub span_id: String,
}

impl FaultAnswer {
    pub fn new(fault: Fault, over_time: Vec<u64>) -> Self {
        let (session, span) = fault.sample;
        Self {
            id: fault.id,
            kind: fault.kind.as_str(),
            code: fault.code,
            name: fault.name,
            message: fault.shape,
            count: fault.count,
            sessions: fault.sessions,
            first_time: rfc3339(fault.first),
            last_time: rfc3339(fault.last),
            over_time,
            sample: Sample {
                session_id: session.to_string(),
                span_id: span.to_string(),
            },
        }
    }
}

/// How many sessions started when.
#[derive(Debug, Serialize)]
pub struct HistogramAnswer {
    /// When the first part begins; `null` where no session fits.
    pub since: Option<String>,
    /// How long each part is.
    pub step_ms: f64,
    pub parts: Vec<PartAnswer>,
}

#[derive(Debug, Serialize)]
pub struct PartAnswer {
    pub sessions: u64,
    pub failed: u64,
}

impl From<Histogram> for HistogramAnswer {
    fn from(histogram: Histogram) -> Self {
        let parts = histogram.parts.into_iter();
        Self {
            since: (histogram.step > 0).then(|| rfc3339(histogram.since)),
            step_ms: millis(histogram.step),
            parts: parts
                .map(|(sessions, failed)| PartAnswer { sessions, failed })
                .collect(),
        }
    }
}

/// What this server is, and what it keeps.
#[derive(Debug, Serialize)]
pub struct AboutAnswer {
    pub version: &'static str,
    pub data: DataAnswer,
}

#[derive(Debug, Serialize)]
pub struct DataAnswer {
    /// Where it is.
    pub path: String,
    /// What the store takes.
    pub bytes: u64,
    /// What programs recorded and was not removed yet.
    pub spool_bytes: u64,
    /// Of all sessions that can be seen, those of other programs included.
    pub totals: TotalsAnswer,
    /// Spans that went to keep the spool within its limit.
    pub removed_spans: u64,
    /// What programs lost, by cause.
    pub losses: BTreeMap<&'static str, u64>,
}

/// Prices in use.
#[derive(Debug, Serialize)]
pub struct PriceListAnswer {
    /// The tables and their versions: the one that counts first, and what it is before.
    pub table: String,
    /// The user's own prices, which go before every table.
    pub own: Option<FileAnswer>,
    /// A newer table than the one that is built in.
    pub newer: Option<FileAnswer>,
    /// Models that were called, by what they cost.
    pub used: Vec<UsedAnswer>,
}

/// Where something may be kept.
#[derive(Debug, Serialize)]
pub struct FileAnswer {
    pub path: String,
    pub exists: bool,
}

/// A model that was called.
#[derive(Debug, Serialize)]
pub struct UsedAnswer {
    pub model: String,
    pub calls: u64,
    /// Calls whose price is not known.
    pub unpriced: u64,
    pub usd: Usd,
    /// What a call costs now; `null` where that cannot be told by the name alone.
    pub quote: Option<QuoteAnswer>,
}

#[derive(Debug, Serialize)]
pub struct QuoteAnswer {
    pub price_table: String,
    /// In USD for a million tokens.
    pub prices: serde_json::Value,
}

/// What was deleted.
#[derive(Debug, Serialize)]
pub struct Deleted {
    pub deleted: Vec<String>,
    /// Ids that no session has.
    pub unknown: Vec<String>,
    /// Until then `POST /api/v1/sessions/{id}/restore` brings them back.
    pub restorable_until: String,
}

/// What was brought back.
#[derive(Debug, Serialize)]
pub struct Restored {
    pub restored: Vec<String>,
}

/// What was read in.
#[derive(Debug, Serialize)]
pub struct ImportAnswer {
    pub sessions: Vec<String>,
    pub spans: u64,
    /// What could not be read; the rest was.
    pub skipped: u64,
    /// What was cut or left out of the rest, in words.
    pub cut: Option<String>,
}

/// Where a listener begins.
#[derive(Debug, Serialize)]
pub struct Hello {
    pub sequence: u64,
}

/// What changed in a tenth of a second.
#[derive(Debug, Serialize)]
pub struct ChangesAnswer<S> {
    pub sequence: u64,
    /// Sessions as they are now.
    pub sessions: Vec<S>,
    /// Spans as they are now, where they are told.
    pub spans: Vec<SpanRow>,
    /// Sessions that were deleted.
    pub removed: Vec<String>,
    /// Sessions of which more changed than is told here: what is shown of their spans is to be asked for again.
    pub refetch: Vec<String>,
}

/// A span without what it carried.
#[derive(Debug, Serialize)]
pub struct SpanRow {
    pub id: String,
    pub parent_id: Option<String>,
    pub session_id: String,
    pub name: String,
    pub kind: &'static str,
    pub agent: Option<String>,
    pub model: Option<String>,
    pub status: &'static str,
    pub cancelled: bool,
    pub open: bool,
    pub start_time: String,
    pub duration_ms: Option<f64>,
    pub thread: Option<u64>,
    pub tokens: Option<RowTokens>,
    pub cost: RowCost,
    pub time_to_first_token_ms: Option<f64>,
}

#[derive(Debug, Serialize)]
pub struct RowTokens {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    pub reasoning: u64,
    pub total: u64,
    pub estimated: bool,
}

#[derive(Debug, Serialize)]
pub struct RowCost {
    /// Of its model call.
    pub usd: Option<Usd>,
    /// Of its tool.
    pub tool_usd: Option<Usd>,
}

impl SpanRow {
    pub fn new(session: SessionId, row: &Row) -> Self {
        let end = row.end.filter(|_| !row.open);
        Self {
            id: row.id.to_string(),
            parent_id: row.parent_id.map(|id| id.to_string()),
            session_id: session.to_string(),
            name: row.name.as_ref().to_owned(),
            kind: row.kind.as_str(),
            agent: row.agent.as_deref().map(str::to_owned),
            model: row.model.as_deref().map(str::to_owned),
            status: row.status.as_str(),
            cancelled: row.cancelled,
            open: row.open,
            start_time: rfc3339(row.start),
            duration_ms: end.map(|end| millis(end.saturating_sub(row.start))),
            thread: row.thread,
            tokens: row.usage.map(|usage| RowTokens {
                input: usage.input,
                output: usage.output,
                cache_read: usage.cache_read,
                cache_write: usage.cache_write,
                reasoning: usage.reasoning,
                total: usage.total,
                estimated: usage.estimated,
            }),
            cost: RowCost {
                usd: row.cost.map(json::usd),
                tool_usd: row.tool_cost.map(json::usd),
            },
            time_to_first_token_ms: row.first_token.map(millis),
        }
    }
}
