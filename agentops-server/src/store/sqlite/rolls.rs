//! Sums over time: what each span adds to the hour and the day that it started in, under each of its names.
//!
//! Changes are gathered for a commit and written at its end. What a span has added is in its row, so that the same is
//! taken away when it no longer counts or its session is deleted: sums equal what a count of all spans would give.

use std::collections::HashMap;

use rusqlite::Connection;

use super::thin::{Counted, Thin};
use crate::store::StoreError;

const HOUR: u64 = 3_600_000_000_000;
const DAY: u64 = 24 * HOUR;

/// Steps to twice the time: neighbours differ by 9 %.
const BUCKETS_PER_OCTAVE: f64 = 8.0;

/// By what a sum is kept apart.
pub(super) mod kind {
    /// Spans of a kind; its number.
    pub(in super::super) const KIND: u8 = 1;
    /// Model calls, by model.
    pub(in super::super) const MODEL: u8 = 2;
    /// Tools, by name.
    pub(in super::super) const TOOL: u8 = 3;
    /// Agents, by name.
    pub(in super::super) const AGENT: u8 = 4;
    /// Times to the first token, by model.
    pub(in super::super) const FIRST_TOKEN: u8 = 5;
    /// What a session alone is found by.
    pub(in super::super) const TAG: u8 = 6;
    pub(in super::super) const ERROR: u8 = 7;
    pub(in super::super) const ENVIRONMENT: u8 = 8;
    pub(in super::super) const VERSION: u8 = 9;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    period: u8,
    kind: u8,
    at: i64,
    project: i64,
    dim: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Figures {
    n: i64,
    errors: i64,
    duration: i64,
    input: i64,
    output: i64,
    cache_read: i64,
    cache_write: i64,
    reasoning: i64,
    cost: i64,
    unpriced: i64,
}

/// Changes of sums that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Rolls {
    sums: HashMap<Key, Figures>,
    hists: HashMap<(Key, i32), i64>,
}

impl Rolls {
    /// The span counts as `now`, and counted as `before`.
    pub(super) fn change(&mut self, project: i64, span: &Thin, before: Counted, now: Counted) {
        if before == now {
            return;
        }
        self.add(project, span, before, -1);
        self.add(project, span, now, 1);
    }

    fn add(&mut self, project: i64, span: &Thin, counted: Counted, sign: i64) {
        if counted == Counted::default() {
            return;
        }
        let ended = counted.has(Counted::ENDED);
        let mut own = Figures::default();
        if ended {
            own.n = 1;
            own.errors = i64::from(span.status == agentops_core::model::span::Status::Error);
            own.duration = clamp(span.duration());
        }
        let mut spent = Figures::default();
        if let Some(usage) = span.usage.filter(|_| counted.has(Counted::USAGE)) {
            spent.input = clamp(usage.input);
            spent.output = clamp(usage.output);
            spent.cache_read = clamp(usage.cache_read);
            spent.cache_write = clamp(usage.cache_write);
            spent.reasoning = clamp(usage.reasoning);
        }
        if counted.has(Counted::COST) {
            spent.cost = span.cost.unwrap_or(0);
        }
        spent.unpriced = i64::from(counted.has(Counted::UNPRICED));
        if counted.has(Counted::TOOL_COST) {
            spent.cost = spent.cost.saturating_add(span.tool_cost.unwrap_or(0));
        }

        self.put(
            project,
            span,
            kind::KIND,
            i64::from(super::read::kind_number(span.kind)),
            own.and(spent),
            sign,
        );
        if ended {
            self.time(
                project,
                span,
                kind::KIND,
                i64::from(super::read::kind_number(span.kind)),
                span.duration(),
                sign,
            );
        }
        if span.kind == agentops_core::model::span::SpanKind::Tool {
            self.put(project, span, kind::TOOL, span.name.0, own.and(spent), sign);
            if ended {
                self.time(
                    project,
                    span,
                    kind::TOOL,
                    span.name.0,
                    span.duration(),
                    sign,
                );
            }
        }
        if let Some((model, _)) = span.model {
            let call = if counted.has(Counted::CALL) {
                own
            } else {
                Figures::default()
            };
            self.put(project, span, kind::MODEL, model, call.and(spent), sign);
            if ended && counted.has(Counted::CALL) {
                self.time(project, span, kind::MODEL, model, span.duration(), sign);
                if let Some(first) = span.first_token {
                    self.time(project, span, kind::FIRST_TOKEN, model, first, sign);
                }
            }
        }
        if let Some((agent, _)) = span.agent {
            let is_agent = span.kind == agentops_core::model::span::SpanKind::Agent;
            let call = if is_agent { own } else { Figures::default() };
            self.put(project, span, kind::AGENT, agent, call.and(spent), sign);
            if ended && is_agent {
                self.time(project, span, kind::AGENT, agent, span.duration(), sign);
            }
        }
    }

    fn put(&mut self, project: i64, span: &Thin, kind: u8, dim: i64, figures: Figures, sign: i64) {
        if figures == Figures::default() {
            return;
        }
        for key in keys(project, span.start, kind, dim) {
            self.sums.entry(key).or_default().add(figures, sign);
        }
    }

    fn time(&mut self, project: i64, span: &Thin, kind: u8, dim: i64, nanos: u64, sign: i64) {
        let bucket = bucket(nanos);
        for key in keys(project, span.start, kind, dim) {
            *self.hists.entry((key, bucket)).or_default() += sign;
        }
    }

    /// Writes what was gathered.
    pub(super) fn write(&mut self, conn: &Connection) -> Result<(), StoreError> {
        let mut sums: Vec<_> = self
            .sums
            .drain()
            .filter(|(_, f)| *f != Figures::default())
            .collect();
        sums.sort_unstable_by_key(|(key, _)| *key);
        // A sum that 64 bits do not hold would be no integer, which the cast prevents.
        let mut put = conn.prepare_cached(
            "INSERT INTO roll VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
             ON CONFLICT DO UPDATE SET
                n = CAST(n + excluded.n AS INTEGER),
                errors = CAST(errors + excluded.errors AS INTEGER),
                duration = CAST(duration + excluded.duration AS INTEGER),
                input = CAST(input + excluded.input AS INTEGER),
                output = CAST(output + excluded.output AS INTEGER),
                cache_read = CAST(cache_read + excluded.cache_read AS INTEGER),
                cache_write = CAST(cache_write + excluded.cache_write AS INTEGER),
                reasoning = CAST(reasoning + excluded.reasoning AS INTEGER),
                cost = CAST(cost + excluded.cost AS INTEGER),
                unpriced = CAST(unpriced + excluded.unpriced AS INTEGER)",
        )?;
        for (k, f) in sums {
            put.execute(rusqlite::params![
                k.period,
                k.at,
                k.project,
                k.kind,
                k.dim,
                f.n,
                f.errors,
                f.duration,
                f.input,
                f.output,
                f.cache_read,
                f.cache_write,
                f.reasoning,
                f.cost,
                f.unpriced
            ])?;
        }
        let mut hists: Vec<_> = self.hists.drain().filter(|(_, n)| *n != 0).collect();
        hists.sort_unstable_by_key(|(key, _)| *key);
        let mut put = conn.prepare_cached(
            "INSERT INTO hist VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET n = n + excluded.n",
        )?;
        for ((k, bucket), n) in hists {
            put.execute(rusqlite::params![
                k.period, k.at, k.project, k.kind, k.dim, bucket, n
            ])?;
        }
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.sums.clear();
        self.hists.clear();
    }
}

impl Figures {
    fn and(mut self, more: Self) -> Self {
        self.add(more, 1);
        self
    }

    fn add(&mut self, more: Self, sign: i64) {
        self.n += sign * more.n;
        self.errors += sign * more.errors;
        self.duration = self.duration.saturating_add(sign * more.duration);
        self.input = self.input.saturating_add(sign * more.input);
        self.output = self.output.saturating_add(sign * more.output);
        self.cache_read = self.cache_read.saturating_add(sign * more.cache_read);
        self.cache_write = self.cache_write.saturating_add(sign * more.cache_write);
        self.reasoning = self.reasoning.saturating_add(sign * more.reasoning);
        self.cost = self.cost.saturating_add(sign * more.cost);
        self.unpriced += sign * more.unpriced;
    }
}

fn keys(project: i64, start: u64, kind: u8, dim: i64) -> [Key; 2] {
    let key = |period, step| Key {
        period,
        kind,
        at: clamp(start - start % step),
        project,
        dim,
    };
    [key(0, HOUR), key(1, DAY)]
}

/// Durations of about the same length: eight to each doubling, from a microsecond on.
pub(super) fn bucket(nanos: u64) -> i32 {
    let micros = (nanos as f64 / 1_000.0).max(1.0);
    (micros.log2() * BUCKETS_PER_OCTAVE).floor() as i32
}

/// The middle of a bucket, in nanoseconds.
pub(super) fn middle(bucket: i32) -> u64 {
    (((f64::from(bucket) + 0.5) / BUCKETS_PER_OCTAVE).exp2() * 1_000.0) as u64
}

/// What is larger than the store can hold is as large as it can hold.
pub(super) fn clamp(number: u64) -> i64 {
    // Half of the range leaves room for sums.
    number.min(i64::MAX as u64 / 2) as i64
}
