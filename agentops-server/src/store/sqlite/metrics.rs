//! Sums over time and groups of errors, from what is kept of them.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::span::SpanKind;
use agentops_core::model::time::UnixNanos;
use rusqlite::types::Value as Sql;
use rusqlite::{params, params_from_iter};

use super::Reader;
use super::read::{self, kind_number, kind_of};
use super::rolls::{clamp, kind, middle};
use crate::store::{Condition, Fault, GroupBy, Histogram, Point, Series, Step, StoreError, Wanted};

/// The length of each of equal parts.
fn step(time: u64, parts: u64) -> i64 {
    clamp(time.div_ceil(parts).max(1))
}

/// The percentiles that are told.
const PERCENTILES: [u64; 3] = [50, 95, 99];

/// How many durations fell into each bucket, in their order.
type Buckets = Vec<(i32, u64)>;

/// A point in time, and by what sums are kept apart there.
type Place = (i64, i64);

impl Reader {
    pub(super) fn series(&mut self, wanted: &Series) -> Result<Vec<Point>, StoreError> {
        match wanted.by {
            GroupBy::Kind => self.rolled(wanted, kind::KIND),
            GroupBy::Model => self.rolled(wanted, kind::MODEL),
            GroupBy::Tool => self.rolled(wanted, kind::TOOL),
            GroupBy::Agent => self.rolled(wanted, kind::AGENT),
            GroupBy::Tag => self.by_session(wanted, kind::TAG),
            GroupBy::Environment => self.by_session(wanted, kind::ENVIRONMENT),
            GroupBy::Version => self.by_session(wanted, kind::VERSION),
        }
    }

    fn project(&self, name: Option<&str>) -> Result<Option<i64>, StoreError> {
        let Some(name) = name else {
            return Ok(None);
        };
        let mut ask = self
            .conn
            .prepare_cached("SELECT id FROM str WHERE s = ?1")?;
        let mut rows = ask.query([name])?;
        // A project that nobody named has nothing.
        Ok(Some(match rows.next()? {
            Some(row) => row.get(0)?,
            None => -1,
        }))
    }

    fn rolled(&mut self, wanted: &Series, kind: u8) -> Result<Vec<Point>, StoreError> {
        let project = self.project(wanted.project.as_deref())?;
        let period = match wanted.step {
            Step::Hour | Step::Whole => 0,
            Step::Day => 1,
        };
        let (since, until) = (clamp(wanted.since), clamp(wanted.until));
        let place = placing(wanted);
        let mut points = BTreeMap::<Place, Point>::new();
        let mut ask = self.conn.prepare_cached(
            "SELECT at, dim, n, errors, duration, input, output, cache_read, cache_write, reasoning, cost, unpriced
             FROM roll WHERE period = ?1 AND kind = ?2 AND at >= ?3 AND at < ?4 AND (?5 IS NULL OR project = ?5)",
        )?;
        let mut rows = ask.query(params![period, kind, since, until, project])?;
        while let Some(row) = rows.next()? {
            let (at, dim) = (place(row.get(0)?), row.get(1)?);
            let point = points.entry((at, dim)).or_default();
            point.at = at as u64;
            let mut figures = [
                &mut point.count,
                &mut point.errors,
                &mut point.duration,
                &mut point.input,
                &mut point.output,
                &mut point.cache_read,
                &mut point.cache_write,
                &mut point.reasoning,
            ];
            // Here, not in SQL, which fails where a sum is too large.
            for (column, figure) in (2..).zip(&mut figures) {
                **figure = figure.saturating_add(row.get::<_, i64>(column)?.max(0) as u64);
            }
            point.cost = point.cost.saturating_add(row.get(10)?);
            point.unpriced = point
                .unpriced
                .saturating_add(row.get::<_, i64>(11)?.max(0) as u64);
        }
        drop(rows);
        drop(ask);
        let asked = (period, since, until, project);
        for ((at, dim), latency) in self.percentiles(asked, kind, |at, dim| (place(at), dim))? {
            if let Some(point) = points.get_mut(&(at, dim)) {
                point.latency = Some(latency);
            }
        }
        if kind == kind::MODEL || kind == kind::KIND {
            // Only model calls have it; by kind of span, it is that of them all.
            let calls = (kind == kind::KIND).then(|| i64::from(kind_number(SpanKind::Llm)));
            let of = move |at, model| (place(at), calls.unwrap_or(model));
            let first = self.percentiles(asked, kind::FIRST_TOKEN, of)?;
            for (key, percentiles) in first {
                if let Some(point) = points.get_mut(&key) {
                    point.first_token = Some(percentiles);
                }
            }
        }
        let mut names = HashMap::new();
        let mut answer = Vec::with_capacity(points.len());
        for ((_, dim), mut point) in points {
            // What was all taken away again was never there.
            let nothing = Point {
                at: point.at,
                ..Point::default()
            };
            if point == nothing {
                continue;
            }
            if kind == kind::KIND {
                point.group = kind_of(dim).as_str().to_owned();
            } else {
                let name = match names.entry(dim) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => entry.insert(self.text(dim)?),
                };
                point.group.clone_from(name);
            }
            answer.push(point);
        }
        answer.sort_by(|a, b| (a.at, &a.group).cmp(&(b.at, &b.group)));
        Ok(answer)
    }

    fn text(&self, id: i64) -> Result<String, StoreError> {
        Ok(self
            .conn
            .prepare_cached("SELECT s FROM str WHERE id = ?1")?
            .query_row([id], |row| row.get(0))?)
    }

    fn percentiles(
        &self,
        (period, since, until, project): (i64, i64, i64, Option<i64>),
        kind: u8,
        place: impl Fn(i64, i64) -> Place,
    ) -> Result<Vec<(Place, [u64; 3])>, StoreError> {
        let mut ask = self.conn.prepare_cached(
            "SELECT at, dim, bucket, n FROM hist
             WHERE period = ?1 AND kind = ?2 AND at >= ?3 AND at < ?4 AND (?5 IS NULL OR project = ?5) AND n > 0",
        )?;
        let mut rows = ask.query(params![period, kind, since, until, project])?;
        let mut counts: Vec<(Place, i32, u64)> = Vec::new();
        while let Some(row) = rows.next()? {
            let place = place(row.get(0)?, row.get(1)?);
            counts.push((place, row.get(2)?, row.get::<_, i64>(3)? as u64));
        }
        // Those of several projects, or hours, stand apart.
        counts.sort_unstable();
        let mut groups: Vec<(Place, Buckets)> = Vec::new();
        for (place, bucket, n) in counts {
            match groups.last_mut() {
                Some((last, buckets)) if *last == place => buckets.push((bucket, n)),
                _ => groups.push((place, vec![(bucket, n)])),
            }
        }
        let found = groups.into_iter();
        Ok(found
            .filter_map(|(key, buckets)| Some((key, percentiles(&buckets)?)))
            .collect())
    }

    /// Sums of whole sessions, for what spans do not say.
    fn by_session(&mut self, wanted: &Series, kind: u8) -> Result<Vec<Point>, StoreError> {
        let project = self.project(wanted.project.as_deref())?;
        let step = match wanted.step {
            Step::Hour => 3_600_000_000_000_i64,
            Step::Day => 86_400_000_000_000,
            Step::Whole => i64::MAX,
        };
        let mut ask = self.conn.prepare_cached(
            "SELECT start - start % ?1 AS at, str.s, end_state IS 1, end - start, input, output, cache_read, cache_write,
                reasoning, coalesce(cost, 0), partial
             FROM session JOIN session_dim d ON d.session = session.id AND d.kind = ?2 JOIN str ON str.id = d.dim
             WHERE start >= ?3 AND start < ?4 AND NOT hidden AND (?5 IS NULL OR project = ?5)",
        )?;
        let mut rows = ask.query(params![
            step,
            kind,
            clamp(wanted.since),
            clamp(wanted.until),
            project
        ])?;
        let place = placing(wanted);
        let mut points = BTreeMap::<(i64, String), (Point, Buckets)>::new();
        while let Some(row) = rows.next()? {
            let (at, group): (i64, String) = (place(row.get(0)?), row.get(1)?);
            let number =
                |column| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.max(0) as u64);
            let (point, times) = points.entry((at, group)).or_default();
            point.count += 1;
            point.errors += u64::from(row.get::<_, bool>(2)?);
            if let Some(duration) = row.get::<_, Option<i64>>(3)? {
                let duration = duration.max(0) as u64;
                point.duration = point.duration.saturating_add(duration);
                times.push((super::rolls::bucket(duration), 1));
            }
            point.input = point.input.saturating_add(number(4)?);
            point.output = point.output.saturating_add(number(5)?);
            point.cache_read = point.cache_read.saturating_add(number(6)?);
            point.cache_write = point.cache_write.saturating_add(number(7)?);
            point.reasoning = point.reasoning.saturating_add(number(8)?);
            point.cost = point.cost.saturating_add(row.get(9)?);
            point.unpriced += u64::from(row.get::<_, bool>(10)?);
        }
        let points = points
            .into_iter()
            .map(|((at, group), (mut point, mut times))| {
                times.sort_unstable();
                point.at = at as u64;
                point.group = group;
                point.latency = percentiles(&times);
                point
            });
        Ok(points.collect())
    }

    pub(super) fn faults(
        &mut self,
        wanted: &Wanted,
        limit: usize,
    ) -> Result<Vec<Fault>, StoreError> {
        let (conditions, values) = read::conditions(wanted);
        let mut groups = values.clone();
        groups.push(Sql::Integer(limit as i64));
        let sql = format!(
            "SELECT fault.id, fault.kind, fault.code, str.s, fault.shape, count(*), count(DISTINCT span.session),
                min(span.start), max(span.start)
             FROM span JOIN session ON session.id = span.session JOIN fault ON fault.id = span.error
                JOIN str ON str.id = fault.name
             WHERE span.error IS NOT NULL AND {conditions}
             GROUP BY span.error ORDER BY max(span.start) DESC, fault.id LIMIT ?"
        );
        let mut ask = self.conn.prepare_cached(&sql)?;
        let rows = ask.query_map(params_from_iter(groups), |row| {
            Ok(Fault {
                id: row.get::<_, i64>(0)? as u64,
                kind: kind_of(row.get(1)?),
                code: row.get(2)?,
                name: row.get(3)?,
                shape: row.get(4)?,
                count: row.get::<_, i64>(5)? as u64,
                sessions: row.get::<_, i64>(6)? as u64,
                first: row.get::<_, i64>(7)? as u64,
                last: row.get::<_, i64>(8)? as u64,
                sample: (SessionId(0), SpanId(0)),
            })
        })?;
        let mut faults: Vec<Fault> = rows.collect::<Result<_, _>>()?;
        // SQL does not say of which row the newest start is.
        let sql = format!(
            "SELECT session.key, span.span FROM span JOIN session ON session.id = span.session
             WHERE {conditions} AND span.error = ? ORDER BY span.start DESC, span.id DESC LIMIT 1"
        );
        let mut ask = self.conn.prepare_cached(&sql)?;
        for fault in &mut faults {
            let mut values = values.clone();
            values.push(Sql::Integer(fault.id as i64));
            fault.sample = ask.query_row(params_from_iter(values), |row| {
                let key = u128::from_be_bytes(row.get(0)?);
                Ok((SessionId(key), SpanId(row.get::<_, i64>(1)? as u64)))
            })?;
        }
        Ok(faults)
    }

    pub(super) fn fault_times(
        &mut self,
        wanted: &Wanted,
        fault: u64,
        time: &Range<UnixNanos>,
        parts: u64,
    ) -> Result<Vec<u64>, StoreError> {
        let parts = parts.max(1);
        let step = step(time.end.saturating_sub(time.start), parts);
        let (conditions, values) = read::conditions(wanted);
        let sql = format!(
            "SELECT (span.start - ?) / ?, count(*) FROM span JOIN session ON session.id = span.session
             WHERE span.error = ? AND span.start >= ? AND span.start < ? AND {conditions} GROUP BY 1"
        );
        let start = clamp(time.start);
        let ours = [start, step, clamp(fault), start, clamp(time.end)];
        let all = ours.into_iter().map(Sql::Integer).chain(values);
        let mut times = vec![0; parts as usize];
        let mut ask = self.conn.prepare_cached(&sql)?;
        let mut rows = ask.query(params_from_iter(all))?;
        while let Some(row) = rows.next()? {
            if let Some(count) = times.get_mut(row.get::<_, i64>(0)? as usize) {
                *count = row.get::<_, i64>(1)? as u64;
            }
        }
        Ok(times)
    }

    pub(super) fn histogram(
        &mut self,
        wanted: &Wanted,
        parts: u64,
    ) -> Result<Histogram, StoreError> {
        let parts = parts.max(1);
        let (conditions, values) = read::conditions(wanted);
        // Not `min` and `max` together, for which every session is looked at.
        let end = |order| {
            format!("SELECT start FROM session WHERE {conditions} ORDER BY start {order} LIMIT 1")
        };
        let sql = format!("SELECT ({}), ({})", end("ASC"), end("DESC"));
        let ends: (Option<i64>, Option<i64>) = self
            .conn
            .prepare_cached(&sql)?
            .query_row(params_from_iter(values.iter().chain(&values)), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let (Some(first), Some(last)) = ends else {
            return Ok(Histogram::default());
        };
        let (mut since, mut until) = (first, last + 1);
        // What was asked for is shown, where it says so, and not only the part of it in which there is something.
        for condition in &wanted.conditions {
            match condition {
                Condition::Since(at) => since = clamp(*at),
                Condition::Until(at) => until = clamp(*at),
                _ => {}
            }
        }
        let step = step(until.saturating_sub(since).max(0) as u64, parts);
        let sql = format!(
            "SELECT (start - ?) / ?, count(*), total(end_state IS 1) FROM session WHERE {conditions} GROUP BY 1"
        );
        let all = [since, step].into_iter().map(Sql::Integer).chain(values);
        let mut histogram = Histogram {
            since: since.max(0) as u64,
            step: step as u64,
            parts: vec![(0, 0); parts as usize],
        };
        let mut ask = self.conn.prepare_cached(&sql)?;
        let mut rows = ask.query(params_from_iter(all))?;
        while let Some(row) = rows.next()? {
            if let Some(part) = histogram.parts.get_mut(row.get::<_, i64>(0)? as usize) {
                *part = (row.get::<_, i64>(1)? as u64, row.get::<_, f64>(2)? as u64);
            }
        }
        Ok(histogram)
    }
}

/// The point that something of a time belongs to.
fn placing(wanted: &Series) -> impl Fn(i64) -> i64 + Copy {
    let whole = (wanted.step == Step::Whole).then(|| clamp(wanted.since));
    move |at| whole.unwrap_or(at)
}

/// Of buckets in order.
fn percentiles(buckets: &[(i32, u64)]) -> Option<[u64; 3]> {
    let all: u64 = buckets.iter().map(|(_, n)| n).sum();
    if all == 0 {
        return None;
    }
    Some(PERCENTILES.map(|percentile| {
        let wanted = (all * percentile).div_ceil(100).max(1);
        let mut seen = 0;
        let found = buckets.iter().find(|(_, n)| {
            seen += n;
            seen >= wanted
        });
        found.map_or(0, |(bucket, _)| middle(*bucket))
    }))
}
