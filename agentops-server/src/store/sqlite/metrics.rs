//! Sums over time and groups of errors, from what is kept of them.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::time::UnixNanos;
use rusqlite::types::Value as Sql;
use rusqlite::{params, params_from_iter};

use super::Reader;
use super::read::{self, kind_of};
use super::rolls::{self, Key, Rolls, Sums, Times, clamp, kind, middle};
use super::thin::Counted;
use crate::store::{Condition, Fault, GroupBy, Histogram, Point, Series, Step, StoreError, Wanted};

/// The length of each of equal parts.
fn step(time: u64, parts: u64) -> i64 {
    clamp(time.div_ceil(parts).max(1))
}

/// The percentiles that are told.
const PERCENTILES: [u64; 3] = [50, 95, 99];

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
        let (since, until) = (clamp(wanted.since), clamp(wanted.until));
        if since >= until {
            return Ok(Vec::new());
        }
        let [hour, day] = [rolls::HOUR, rolls::DAY].map(clamp);
        // Whole hours, of which what lies outside is taken away; in the midst of them whole days, where that will do.
        let hours = down(since, hour)..up(until, hour);
        let days = match wanted.step {
            Step::Hour => hours.end..hours.end,
            Step::Day | Step::Whole => {
                let begin = up(since, day).min(hours.end);
                begin..down(until, day).max(begin)
            }
        };
        let place = |at: i64| match wanted.step {
            Step::Hour => at,
            Step::Day => down(at, day),
            Step::Whole => since,
        };
        let mut points = HashMap::<Place, Sums>::new();
        let mut ask = self.conn.prepare_cached(
            "SELECT n, errors, duration, input, output, cache_read, cache_write, reasoning, cost, unpriced, times, first,
                at, dim
             FROM roll WHERE period = ?1 AND kind = ?2 AND at >= ?3 AND at < ?4 AND (?5 IS NULL OR project = ?5)",
        )?;
        for (period, from, to) in [
            (rolls::HOURS, hours.start, days.start),
            (rolls::DAYS, days.start, days.end),
            (rolls::HOURS, days.end, hours.end),
        ] {
            let mut rows = ask.query(params![period, kind, from, to, project])?;
            while let Some(row) = rows.next()? {
                let at = place(row.get(12)?);
                let sums = points.entry((at, row.get(13)?)).or_default();
                sums.add(&Sums::of(row)?);
            }
        }
        let mut add = |key: Key, change: &Sums| {
            let at = key.at(rolls::HOURS);
            let is_asked_for = key.kind == kind
                && hours.contains(&at)
                && project.is_none_or(|project| project == key.project);
            if is_asked_for {
                let sums = points.entry((place(at), key.dim)).or_default();
                sums.add(change);
            }
        };
        rolls::changes(&self.conn, |key, change| add(key, &change))?;
        let mut outside = Rolls::default();
        for time in [hours.start..since, until..hours.end] {
            if time.is_empty() {
                continue;
            }
            read::spans_of_time(&self.conn, &time, |project, span| {
                outside.change(project, span, span.counted, Counted::default());
            })?;
        }
        for (key, change) in outside.into_changes() {
            add(key, &change);
        }
        let mut names = HashMap::new();
        let mut answer = Vec::with_capacity(points.len());
        for ((at, dim), sums) in points {
            // What was all taken away again was never there.
            if sums == Sums::default() {
                continue;
            }
            let mut point = point(at, &sums);
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
        let mut points = BTreeMap::<(i64, String), (Point, Times)>::new();
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
                times.count(rolls::bucket(duration), 1);
            }
            point.input = point.input.saturating_add(number(4)?);
            point.output = point.output.saturating_add(number(5)?);
            point.cache_read = point.cache_read.saturating_add(number(6)?);
            point.cache_write = point.cache_write.saturating_add(number(7)?);
            point.reasoning = point.reasoning.saturating_add(number(8)?);
            point.cost = point.cost.saturating_add(row.get(9)?);
            point.unpriced += u64::from(row.get::<_, bool>(10)?);
        }
        let points = points.into_iter().map(|((at, group), (mut point, times))| {
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
        let sql = format!("SELECT id FROM session WHERE {conditions}");
        let mut ask = self.conn.prepare_cached(&sql)?;
        let mut rows = ask.query(params_from_iter(values))?;
        // Numbers of sessions follow one another: a place for each takes less than a set of them.
        let mut wanted = Vec::new();
        while let Some(row) = rows.next()? {
            let session = usize::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
            if session >= wanted.len() {
                wanted.resize(session + 1, false);
            }
            wanted[session] = true;
        }
        drop(rows);
        // Every span that failed is looked at, in the index alone.
        let mut ask = self.conn.prepare_cached(
            "SELECT error, start, session, id FROM span INDEXED BY span_error WHERE error IS NOT NULL ORDER BY error, start, session",
        )?;
        let mut rows = ask.query([])?;
        let mut groups: Vec<Group> = Vec::new();
        while let Some(row) = rows.next()? {
            let session: i64 = row.get(2)?;
            let place = usize::try_from(session).unwrap_or(usize::MAX);
            if !wanted.get(place).is_some_and(|wanted| *wanted) {
                continue;
            }
            let (error, start): (i64, i64) = (row.get(0)?, row.get(1)?);
            if groups.last().is_none_or(|last| last.error != error) {
                groups.push(Group {
                    error,
                    count: 0,
                    sessions: HashSet::new(),
                    first: start,
                    last: (start, 0),
                });
            }
            if let Some(group) = groups.last_mut() {
                group.count += 1;
                group.sessions.insert(session);
                group.last = group.last.max((start, row.get(3)?));
            }
        }
        drop(rows);
        groups.sort_unstable_by_key(|group| (Reverse(group.last.0), group.error));
        groups.truncate(limit);
        groups.iter().map(|group| self.fault(group)).collect()
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

    fn fault(&self, group: &Group) -> Result<Fault, StoreError> {
        let sample = self
            .conn
            .prepare_cached(
                "SELECT session.key, span.span FROM span JOIN session ON session.id = span.session WHERE span.id = ?1",
            )?
            .query_row([group.last.1], |row| {
                let key = u128::from_be_bytes(row.get(0)?);
                Ok((SessionId(key), SpanId(row.get::<_, i64>(1)? as u64)))
            })?;
        Ok(self
            .conn
            .prepare_cached(
                "SELECT kind, code, s, shape FROM fault JOIN str ON str.id = fault.name WHERE fault.id = ?1",
            )?
            .query_row([group.error], |row| {
                Ok(Fault {
                    id: group.error as u64,
                    kind: kind_of(row.get(0)?),
                    code: row.get(1)?,
                    name: row.get(2)?,
                    shape: row.get(3)?,
                    count: group.count,
                    sessions: group.sessions.len() as u64,
                    first: group.first as u64,
                    last: group.last.0 as u64,
                    sample,
                })
            })?)
    }
}

/// The spans that failed in one way.
struct Group {
    error: i64,
    count: u64,
    sessions: HashSet<i64>,
    first: i64,
    /// The newest: its start, and its row.
    last: (i64, i64),
}

/// The last border of steps that is not after a time, and the first that is not before it.
fn down(at: i64, step: i64) -> i64 {
    at - at % step
}

fn up(at: i64, step: i64) -> i64 {
    down(at.saturating_add(step - 1), step)
}

/// The point that something of a time belongs to.
fn placing(wanted: &Series) -> impl Fn(i64) -> i64 + Copy {
    let whole = (wanted.step == Step::Whole).then(|| clamp(wanted.since));
    move |at| whole.unwrap_or(at)
}

/// A point without its group.
fn point(at: i64, sums: &Sums) -> Point {
    let f = &sums.figures;
    let whole = |figure: i64| figure.max(0) as u64;
    Point {
        at: at as u64,
        group: String::new(),
        count: whole(f.n),
        errors: whole(f.errors),
        duration: whole(f.duration),
        input: whole(f.input),
        output: whole(f.output),
        cache_read: whole(f.cache_read),
        cache_write: whole(f.cache_write),
        reasoning: whole(f.reasoning),
        cost: f.cost,
        unpriced: whole(f.unpriced),
        latency: percentiles(&sums.times),
        first_token: percentiles(&sums.first),
    }
}

fn percentiles(times: &Times) -> Option<[u64; 3]> {
    let all: u64 = times.iter().map(|(_, n)| n).sum();
    if all == 0 {
        return None;
    }
    Some(PERCENTILES.map(|percentile| {
        let wanted = (all * percentile).div_ceil(100).max(1);
        let mut seen = 0;
        let found = times.iter().find(|(_, n)| {
            seen += n;
            seen >= wanted
        });
        found.map_or(0, |(bucket, _)| middle(bucket))
    }))
}
