//! Sums over time: what each span adds to the hour and the day that it started in, under each of its names.
//!
//! Changes are gathered for a commit, and written at its end as they are, in one piece; later those of many commits
//! are added to the sums together. Whoever asks for sums adds what waits, so that they lag behind nothing. What a span
//! has added is in its row, so that the same is taken away when it no longer counts or its session is deleted: sums
//! equal what a count of all spans would give.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use agentops_core::model::span::{SpanKind, Status};
use foldhash::fast::RandomState;
use rusqlite::{Connection, Row, params};

use super::read::kind_number;
use super::thin::{Counted, Thin};
use super::varint;
use crate::store::{Kind, StoreError};

/// Sums by hour, and by day.
pub(super) const HOURS: u8 = 0;
pub(super) const DAYS: u8 = 1;

pub(super) const HOUR: u64 = 3_600_000_000_000;
pub(super) const DAY: u64 = 24 * HOUR;

/// Steps to twice the time: neighbours differ by 9 %.
const BUCKETS_PER_OCTAVE: f64 = 8.0;

/// Sums that are remembered, so that they need not be read to be added to.
const REMEMBERED: usize = 20_000;

/// The changes of so many commits are added to the sums at once.
const TOGETHER: i64 = 64;

/// Where so many wait, nobody else adds them, and the next commit does.
const WAITING: i64 = 256;

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
    /// What a session alone is found by.
    pub(in super::super) const TAG: u8 = 6;
    pub(in super::super) const ERROR: u8 = 7;
    pub(in super::super) const ENVIRONMENT: u8 = 8;
    pub(in super::super) const VERSION: u8 = 9;
}

/// What a sum is of, in an hour or a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    period: u8,
    pub(super) kind: u8,
    at: i64,
    pub(super) project: i64,
    pub(super) dim: i64,
}

impl Key {
    /// When the hour, or the day of it, begins.
    pub(super) fn at(&self, period: u8) -> i64 {
        match period {
            HOURS => self.at,
            _ => self.at - self.at % clamp(DAY),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Figures {
    pub(super) n: i64,
    pub(super) errors: i64,
    pub(super) duration: i64,
    pub(super) input: i64,
    pub(super) output: i64,
    pub(super) cache_read: i64,
    pub(super) cache_write: i64,
    pub(super) reasoning: i64,
    pub(super) cost: i64,
    pub(super) unpriced: i64,
}

/// How many durations are in each bucket, by bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Times(Vec<(i32, i64)>);

/// All that is kept under one key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sums {
    pub(super) figures: Figures,
    pub(super) times: Times,
    /// Until the first token.
    pub(super) first: Times,
}

/// Changes of sums that are not written yet, by hour, and the sums that were written lately.
#[derive(Debug, Default)]
pub(super) struct Rolls {
    changes: HashMap<Key, Sums, RandomState>,
    written: HashMap<Key, Sums, RandomState>,
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
            own.errors = i64::from(span.status == Status::Error);
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

        let time = ended.then(|| bucket(span.duration()));
        let mut put = |kind, dim, does: bool, first: Option<i32>| {
            let figures = if does { own.and(spent) } else { spent };
            let time = time.filter(|_| does);
            if figures == Figures::default() && time.or(first).is_none() {
                return;
            }
            let key = Key {
                period: HOURS,
                kind,
                at: clamp(span.start - span.start % HOUR),
                project,
                dim,
            };
            let sums = self.changes.entry(key).or_default();
            sums.figures.add(figures, sign);
            time.into_iter()
                .for_each(|bucket| sums.times.count(bucket, sign));
            first
                .into_iter()
                .for_each(|bucket| sums.first.count(bucket, sign));
        };
        // How long models took to their first token is kept by kind, too: that of all of them.
        let is_call = counted.has(Counted::CALL) && span.model.is_some();
        let first = span.first_token.filter(|_| ended && is_call).map(bucket);
        put(kind::KIND, i64::from(kind_number(span.kind)), true, first);
        if span.kind == SpanKind::Tool {
            put(kind::TOOL, span.name.0, true, None);
        }
        if let Some((model, _)) = span.model {
            put(kind::MODEL, model, is_call, first);
        }
        if let Some((agent, _)) = span.agent {
            put(kind::AGENT, agent, span.kind == SpanKind::Agent, None);
        }
    }

    /// What was gathered, where it is not to be written.
    pub(super) fn into_changes(self) -> impl Iterator<Item = (Key, Sums)> {
        self.changes.into_iter()
    }

    /// Writes what was gathered, to be added to the sums.
    pub(super) fn write(&mut self, conn: &Connection) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        for (key, change) in self.changes.drain() {
            if change != Sums::default() {
                encode(&mut bytes, &key, &change);
            }
        }
        if bytes.is_empty() {
            return Ok(());
        }
        conn.prepare_cached("INSERT INTO roll_change (z) VALUES (?1)")?
            .execute([bytes])?;
        if waiting(conn)? >= WAITING {
            self.add_up(conn)?;
        }
        Ok(())
    }

    /// Adds changes that wait to the sums, the oldest first, some at a time.
    pub(super) fn add_up(&mut self, conn: &Connection) -> Result<(), StoreError> {
        if self.written.len() > REMEMBERED {
            self.written.clear();
        }
        let mut changes = HashMap::<Key, Sums, RandomState>::default();
        let mut last = 0;
        let mut ask = conn.prepare_cached("SELECT id, z FROM roll_change ORDER BY id LIMIT ?1")?;
        let mut rows = ask.query([TOGETHER])?;
        while let Some(row) = rows.next()? {
            last = row.get(0)?;
            decode(
                row.get_ref(1)?.as_blob().unwrap_or_default(),
                |key, change| {
                    for period in [HOURS, DAYS] {
                        let at = key.at(period);
                        let key = Key { period, at, ..key };
                        changes.entry(key).or_default().add(&change);
                    }
                },
            )?;
        }
        drop(rows);
        conn.prepare_cached("DELETE FROM roll_change WHERE id <= ?1")?
            .execute([last])?;
        let mut changes: Vec<_> = changes.into_iter().collect();
        changes.sort_unstable_by_key(|(key, _)| *key);
        let mut put = conn.prepare_cached(
            "REPLACE INTO roll VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?;
        let mut begins = None;
        let mut is_new = false;
        for (key, change) in changes {
            // Of a time that nothing is known of yet there is nothing to be read.
            if begins.replace((key.period, key.kind, key.at))
                != Some((key.period, key.kind, key.at))
            {
                is_new = !is_there(conn, &key)?;
            }
            let sums = match self.written.entry(key) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) if is_new => entry.insert(Sums::default()),
                Entry::Vacant(entry) => entry.insert(read(conn, &key)?.unwrap_or_default()),
            };
            sums.add(&change);
            let f = &sums.figures;
            put.execute(params![
                key.period,
                key.kind,
                key.at,
                key.project,
                key.dim,
                f.n,
                f.errors,
                f.duration,
                f.input,
                f.output,
                f.cache_read,
                f.cache_write,
                f.reasoning,
                f.cost,
                f.unpriced,
                sums.times.to_bytes(),
                sums.first.to_bytes(),
            ])?;
        }
        Ok(())
    }

    /// Forgets what is not in the store, and what may be there no more.
    pub(super) fn clear(&mut self) {
        self.changes.clear();
        self.written.clear();
    }
}

/// The changes of how many commits wait to be added to the sums.
pub(super) fn waiting(conn: &Connection) -> Result<i64, StoreError> {
    Ok(conn
        .prepare_cached(
            "SELECT coalesce(max(id) - (SELECT min(id) FROM roll_change) + 1, 0) FROM roll_change",
        )?
        .query_row([], |row| row.get(0))?)
}

/// Whether it is worth the while to add them up, though there is something else to do.
pub(super) fn are_many(waiting: i64) -> bool {
    waiting >= TOGETHER
}

/// Shows all changes that wait.
pub(super) fn changes(
    conn: &Connection,
    mut show: impl FnMut(Key, Sums),
) -> Result<(), StoreError> {
    let mut ask = conn.prepare_cached("SELECT z FROM roll_change")?;
    let mut rows = ask.query([])?;
    while let Some(row) = rows.next()? {
        decode(row.get_ref(0)?.as_blob().unwrap_or_default(), &mut show)?;
    }
    Ok(())
}

/// A change as it is written, after others.
fn encode(bytes: &mut Vec<u8>, key: &Key, change: &Sums) {
    bytes.push(key.kind);
    varint::put(bytes, key.at as u64 / HOUR);
    for number in [key.project, key.dim] {
        varint::put(bytes, zigzag(number));
    }
    let f = &change.figures;
    let figures = [
        f.n,
        f.errors,
        f.duration,
        f.input,
        f.output,
        f.cache_read,
        f.cache_write,
        f.reasoning,
        f.cost,
        f.unpriced,
    ];
    let is_there = (0..).zip(figures).filter(|(_, figure)| *figure != 0);
    varint::put(bytes, is_there.fold(0, |all, (at, _)| all | 1 << at));
    for figure in figures.into_iter().filter(|figure| *figure != 0) {
        varint::put(bytes, zigzag(figure));
    }
    for times in [&change.times, &change.first] {
        let times = times.to_bytes();
        varint::put(bytes, times.len() as u64);
        bytes.extend_from_slice(&times);
    }
}

fn decode(mut bytes: &[u8], mut show: impl FnMut(Key, Sums)) -> Result<(), StoreError> {
    let broken = || StoreError(Kind::Corrupt("changes of sums"));
    while let Some((&kind, rest)) = bytes.split_first() {
        bytes = rest;
        let mut next = || varint::take(&mut bytes).ok_or_else(broken);
        let key = Key {
            period: HOURS,
            kind,
            at: clamp(next()?.saturating_mul(HOUR)),
            project: unzigzag(next()?),
            dim: unzigzag(next()?),
        };
        let is_there = next()?;
        let mut figures = [0; 10];
        for (at, figure) in (0..).zip(&mut figures) {
            if is_there & 1 << at != 0 {
                *figure = unzigzag(next()?);
            }
        }
        let mut times = || {
            let length = varint::take(&mut bytes).and_then(|length| usize::try_from(length).ok());
            let (times, rest) = bytes
                .split_at_checked(length.ok_or_else(broken)?)
                .ok_or_else(broken)?;
            bytes = rest;
            Times::from_bytes(times)
        };
        let (times, first) = (times()?, times()?);
        let [
            n,
            errors,
            duration,
            input,
            output,
            cache_read,
            cache_write,
            reasoning,
            cost,
            unpriced,
        ] = figures;
        let figures = Figures {
            n,
            errors,
            duration,
            input,
            output,
            cache_read,
            cache_write,
            reasoning,
            cost,
            unpriced,
        };
        show(
            key,
            Sums {
                figures,
                times,
                first,
            },
        );
    }
    Ok(())
}

/// Whether there are sums of this kind and time.
fn is_there(conn: &Connection, key: &Key) -> Result<bool, StoreError> {
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM roll WHERE period = ?1 AND kind = ?2 AND at = ?3)",
        )?
        .query_row(params![key.period, key.kind, key.at], |row| row.get(0))?)
}

fn read(conn: &Connection, key: &Key) -> Result<Option<Sums>, StoreError> {
    let mut ask = conn.prepare_cached(
        "SELECT n, errors, duration, input, output, cache_read, cache_write, reasoning, cost, unpriced, times, first
         FROM roll WHERE period = ?1 AND kind = ?2 AND at = ?3 AND project = ?4 AND dim = ?5",
    )?;
    let key = params![key.period, key.kind, key.at, key.project, key.dim];
    let mut rows = ask.query(key)?;
    rows.next()?.map(Sums::of).transpose()
}

impl Sums {
    /// Of a row that begins with them.
    pub(super) fn of(row: &Row<'_>) -> Result<Self, StoreError> {
        let times = |column| Times::from_bytes(row.get_ref(column)?.as_blob().unwrap_or_default());
        Ok(Self {
            figures: Figures {
                n: row.get(0)?,
                errors: row.get(1)?,
                duration: row.get(2)?,
                input: row.get(3)?,
                output: row.get(4)?,
                cache_read: row.get(5)?,
                cache_write: row.get(6)?,
                reasoning: row.get(7)?,
                cost: row.get(8)?,
                unpriced: row.get(9)?,
            },
            times: times(10)?,
            first: times(11)?,
        })
    }

    pub(super) fn add(&mut self, more: &Self) {
        self.figures.add(more.figures, 1);
        self.times.add(&more.times);
        self.first.add(&more.first);
    }
}

impl Figures {
    fn and(mut self, more: Self) -> Self {
        self.add(more, 1);
        self
    }

    /// Wraps around, as durations may be absurd: what is taken away again then leaves what was there before.
    fn add(&mut self, more: Self, sign: i64) {
        let add = |sum: &mut i64, more: i64| *sum = sum.wrapping_add(sign.wrapping_mul(more));
        add(&mut self.n, more.n);
        add(&mut self.errors, more.errors);
        add(&mut self.duration, more.duration);
        add(&mut self.input, more.input);
        add(&mut self.output, more.output);
        add(&mut self.cache_read, more.cache_read);
        add(&mut self.cache_write, more.cache_write);
        add(&mut self.reasoning, more.reasoning);
        add(&mut self.cost, more.cost);
        add(&mut self.unpriced, more.unpriced);
    }
}

impl Times {
    /// So many more.
    pub(super) fn count(&mut self, bucket: i32, n: i64) {
        match self.0.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => {
                self.0[at].1 += n;
                if self.0[at].1 == 0 {
                    self.0.remove(at);
                }
            }
            Err(at) => self.0.insert(at, (bucket, n)),
        }
    }

    fn add(&mut self, more: &Self) {
        for &(bucket, n) in &more.0 {
            self.count(bucket, n);
        }
    }

    /// As it is written: of each bucket how far it is from the one before it, and how many are in it.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 3);
        let mut last = 0;
        for &(bucket, n) in &self.0 {
            // Buckets are in their order, and none is below zero; a number of durations that is would be a mistake that
            // must not be lost.
            varint::put(&mut bytes, (bucket - last) as u64);
            varint::put(&mut bytes, zigzag(n));
            last = bucket;
        }
        bytes
    }

    pub(super) fn from_bytes(mut bytes: &[u8]) -> Result<Self, StoreError> {
        let mut times = Vec::with_capacity(bytes.len() / 2);
        let mut bucket = 0_i32;
        while !bytes.is_empty() {
            let pair = varint::take(&mut bytes).zip(varint::take(&mut bytes));
            let next = pair.and_then(|(gap, n)| {
                let gap = i32::try_from(gap).ok()?;
                Some((bucket.checked_add(gap)?, unzigzag(n)))
            });
            let (at, n) = next.ok_or(StoreError(Kind::Corrupt("how long calls took")))?;
            bucket = at;
            times.push((bucket, n));
        }
        Ok(Self(times))
    }

    /// The buckets in their order, each with how many are in it.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i32, u64)> {
        self.0.iter().map(|&(bucket, n)| (bucket, n.max(0) as u64))
    }
}

/// Small where the number is near zero.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn times(pairs: &[(i32, i64)]) -> Times {
        let mut times = Times::default();
        for &(bucket, n) in pairs {
            times.count(bucket, n);
        }
        times
    }

    #[test]
    fn durations_are_read_as_they_were_written() {
        for pairs in [
            vec![],
            vec![(0, 1)],
            vec![(430, 1), (0, 127), (8, 128), (9, i64::MAX / 2)],
            vec![(3, -1)],
        ] {
            let times = times(&pairs);
            assert_eq!(Times::from_bytes(&times.to_bytes()).unwrap(), times);
        }
    }

    #[test]
    fn changes_are_read_as_they_were_written() {
        let key = Key {
            period: HOURS,
            kind: kind::MODEL,
            at: clamp(HOUR * 498_701),
            project: 3,
            dim: -1,
        };
        let mut changes = vec![(key, Sums::default()); 3];
        changes[0].1.figures = Figures {
            n: 1,
            duration: i64::MAX / 2,
            cost: -7,
            unpriced: 1,
            ..Figures::default()
        };
        changes[1].1.times = times(&[(100, 1), (440, -2)]);
        changes[2].1.first = times(&[(0, 3)]);
        let mut bytes = Vec::new();
        for (key, change) in &changes {
            encode(&mut bytes, key, change);
        }
        let mut found = Vec::new();
        decode(&bytes, |key, change| found.push((key, change))).unwrap();
        assert_eq!(found, changes);
        assert_eq!(key.at(DAYS), clamp(HOUR * (498_701 - 498_701 % 24)));
        // What is cut is refused, unless it was cut between two of them.
        let whole = (0..bytes.len()).filter(|&end| decode(&bytes[..end], |_, _| {}).is_ok());
        assert_eq!(whole.count(), 3);
    }

    #[test]
    fn sums_outlive_what_does_not_fit() {
        let of = |duration, cost| Figures {
            n: 1,
            duration,
            cost,
            ..Figures::default()
        };
        let absurd = of(i64::MAX / 2, i64::MAX / 2);
        let mut sums = of(5, 7);
        (0..5).for_each(|_| sums.add(absurd, 1));
        (0..5).for_each(|_| sums.add(absurd, -1));
        assert_eq!(sums, of(5, 7));
    }

    #[test]
    fn what_is_taken_away_is_gone() {
        let mut all = times(&[(5, 2), (7, 1)]);
        all.add(&times(&[(5, -2)]));
        assert_eq!(all, times(&[(7, 1)]));
        all.count(7, -1);
        assert!(all.to_bytes().is_empty());
    }

    #[test]
    fn bytes_that_are_no_durations_are_refused() {
        for bytes in [
            &[0x80][..],
            &[1],
            &[0xff; 12],
            &[1, 1, 0xff, 0xff, 0xff, 0xff, 0x7f, 1],
        ] {
            assert!(Times::from_bytes(bytes).is_err(), "{bytes:?}");
        }
    }
}
