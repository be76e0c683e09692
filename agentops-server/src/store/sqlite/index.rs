//! Keeps the index of words: makes segments of what has come, and fewer and larger ones of those, a little at a time.
//!
//! It is behind what comes in, never what is shown, for `search` reads what it has not reached. What changes or goes is
//! marked in the segments that have it, and left out once they are made new. Knows nothing of questions.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use agentops_core::model::id::SessionId;
use agentops_core::model::span::{Log, Span};
use agentops_core::model::wire;
use rusqlite::{Connection, OptionalExtension, params};

use super::payload::Unpacker;
use super::segment::{Block, Builder, Input, Merge};
use super::{read, text};
use crate::store::{Kind, StoreError};

/// How many spans are indexed in one transaction, and of how many bytes: each makes a segment, and segments are merged
/// again and again; but whoever commits waits meanwhile.
pub(super) const CHUNK: i64 = 1_000;
const CHUNK_BYTES: usize = 2 << 20;

/// So many segments are made one, those of each level, which has so many times the spans of the one before. The largest
/// have 30,000 to 300,000 spans, so that not too much is written again at once.
const TOGETHER: usize = 8;
const LEVELS: u32 = 5;

/// How many blocks are written or removed in one transaction.
const BLOCKS: usize = 64;

/// The level of a segment that is being made of others.
const BEING_MADE: i64 = -1;

/// A span's payload is another than it was: it is found by its new words.
pub(super) fn changed(conn: &Connection, row: i64) -> Result<(), StoreError> {
    if row <= read::meta(conn, "indexed")? {
        drop_words(conn, row, false)?;
        conn.prepare_cached("INSERT OR IGNORE INTO unindexed VALUES (?1)")?
            .execute([row])?;
    }
    Ok(())
}

/// A span is no more.
pub(super) fn removed(conn: &Connection, row: i64) -> Result<(), StoreError> {
    if row <= read::meta(conn, "indexed")? {
        drop_words(conn, row, true)?;
        conn.prepare_cached("DELETE FROM unindexed WHERE id = ?1")?
            .execute([row])?;
    }
    Ok(())
}

/// What segments say of a span is not so any more; where it is gone it has to leave them.
fn drop_words(conn: &Connection, row: i64, gone: bool) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO dropped SELECT id, ?1, ?2 FROM segment WHERE ready AND last >= ?1 AND first <= ?1
         ON CONFLICT DO UPDATE SET gone = max(gone, excluded.gone)",
    )?
    .execute(params![row, gone])?;
    Ok(())
}

/// Whether there is something to index.
pub(super) fn lags(conn: &Connection) -> Result<bool, StoreError> {
    Ok(conn
        .prepare_cached(
            "SELECT coalesce((SELECT max(id) FROM payload), 0) > (SELECT value FROM meta WHERE key = 'indexed')
                OR EXISTS (SELECT 1 FROM unindexed)",
        )?
        .query_row([], |row| row.get(0))?)
}

/// Indexes some spans, of which the last are in `tail`. The last that is indexed, and whether there are more.
pub(super) fn index(
    conn: &Connection,
    unpacker: &mut Unpacker,
    builder: &mut Builder,
    tail: &[(i64, Arc<str>)],
) -> Result<(i64, bool), StoreError> {
    let mut reached = read::meta(conn, "indexed")?;
    // Those that have changed first, half of the room at most, so that neither waits for the other.
    let again = packed(
        conn,
        "SELECT payload.id, dict, z, NULL FROM unindexed CROSS JOIN payload ON payload.id = unindexed.id ORDER BY unindexed.id LIMIT ?1",
        params![CHUNK / 2],
    )?;
    let are_more = again.len() as i64 == CHUNK / 2;
    let has_logs = has_logs(conn)?;
    let (mut count, mut bytes) = (0, 0);
    let mut add = |builder: &mut Builder, row: i64, words: &str| {
        count += 1;
        bytes += words.len();
        builder.add(row, &text::apart(words));
        count < CHUNK && bytes < CHUNK_BYTES
    };
    let mut read_back = |packed: &Packed| {
        let whole = unpacker.unpack(conn, packed.dict, &packed.bytes).ok();
        // What does not read back cannot be found by its words, and is shown as broken where it is asked for.
        match whole.and_then(|whole| wire::decode_span(&whole).ok()) {
            Some(span) => words(conn, packed.row, &span, has_logs),
            None => Ok(String::new()),
        }
    };
    let mut room = true;
    for packed in again {
        room = add(builder, packed.row, &read_back(&packed)?);
        conn.prepare_cached("DELETE FROM unindexed WHERE id = ?1")?
            .execute([packed.row])?;
        if !room {
            break;
        }
    }
    // Apart, for all others follow what is indexed.
    store(conn, builder)?;
    let before = tail.first().map_or(i64::MAX, |(first, _)| *first);
    if room && before > reached + 1 {
        let rows = packed(
            conn,
            "SELECT id, dict, z, NULL FROM payload WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3",
            params![reached, before, CHUNK],
        )?;
        for packed in rows {
            room = add(builder, packed.row, &read_back(&packed)?);
            reached = packed.row;
            if !room {
                break;
            }
        }
    }
    if room {
        for (row, words) in tail {
            room = if has_logs {
                let words = text::with_logs(words.to_string(), &logs(conn, *row)?);
                add(builder, *row, &words)
            } else {
                add(builder, *row, words)
            };
            reached = *row;
            if !room {
                break;
            }
        }
    }
    store(conn, builder)?;
    conn.prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'indexed'")?
        .execute([reached])?;
    Ok((reached, are_more || !room))
}

/// Stores what was gathered, if there is anything.
fn store(conn: &Connection, builder: &mut Builder) -> Result<(), StoreError> {
    if let Some((count, rows, blocks)) = builder.finish() {
        let id = conn
            .prepare_cached(
                "INSERT INTO segment (level, ready, first, last, spans) VALUES (?1, 1, ?2, ?3, ?4)",
            )?
            .insert(params![
                level(count as i64),
                rows.start,
                rows.end - 1,
                count as i64
            ])?;
        blocks.iter().try_for_each(|block| write(conn, id, block))?;
    }
    Ok(())
}

/// What segments of so many spans are made one with.
fn level(spans: i64) -> i64 {
    spans.max(1).ilog(TOGETHER as i64).into()
}

fn write(conn: &Connection, segment: i64, block: &Block) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT INTO block (segment, term, row, z) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![segment, block.term, block.row, block.bytes])?;
    Ok(())
}

/// Segments that are being made one.
pub(super) struct Merging {
    id: i64,
    from: Vec<i64>,
    /// How many spans they have.
    spans: i64,
    /// What was left out: the segment, and the span.
    left_out: HashSet<(i64, i64)>,
    merge: Merge,
}

impl fmt::Debug for Merging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merging")
            .field("id", &self.id)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// Whether segments are to be made one, or one is to go, or, where it may, has something in it that has to go.
pub(super) fn is_scattered(conn: &Connection, may_go: bool) -> Result<bool, StoreError> {
    let is_unready = conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM segment WHERE NOT ready)")?
        .query_row([], |row| row.get(0))?;
    Ok(is_unready || to_merge(conn, may_go)?.is_some())
}

/// What upkeep has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// There was nothing to do.
    Nothing,
    Some,
    /// Something does not read back: all is made anew.
    Anew,
}

/// Goes on with making segments one, or begins it where it is time; or removes some of what nobody reads.
pub(super) fn merge(
    conn: &Connection,
    merging: &mut Option<Merging>,
    may_go: bool,
) -> Result<Step, StoreError> {
    if let Some(going) = merging {
        if being_made(conn)?.is_none_or(|(id, _)| id != going.id) {
            // Another process has taken it for abandoned.
            *merging = None;
            return Ok(Step::Some);
        }
        let blocks = going.merge.next(BLOCKS, |segment, begins| {
            block_behind(conn, segment, begins)
        })?;
        let Some(blocks) = blocks else {
            *merging = None;
            begin_anew(conn)?;
            return Ok(Step::Anew);
        };
        for block in blocks {
            write(conn, going.id, &block)?;
        }
        if going.merge.is_over() {
            replace(conn, going)?;
            *merging = None;
        }
        return Ok(Step::Some);
    }
    if clear(conn)? {
        return Ok(Step::Some);
    }
    // One at a time, so that what one is made of is nobody else's.
    if being_made(conn)?.is_some() {
        return Ok(Step::Nothing);
    }
    let Some(from) = to_merge(conn, may_go)? else {
        return Ok(Step::Nothing);
    };
    *merging = Some(begin(conn, from)?);
    Ok(Step::Some)
}

/// The segment that is being made, and how much of it there is.
pub(super) fn being_made(conn: &Connection) -> Result<Option<(i64, i64)>, StoreError> {
    Ok(conn
        .prepare_cached(
            "SELECT id, (SELECT count(*) FROM block WHERE segment = segment.id) FROM segment
             WHERE NOT ready AND level = ?1",
        )?
        .query_row([BEING_MADE], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// What nobody goes on to make is removed.
pub(super) fn abandon(conn: &Connection, segment: i64) -> Result<(), StoreError> {
    conn.prepare_cached("UPDATE segment SET level = 0 WHERE id = ?1 AND level = ?2")?
        .execute([segment, BEING_MADE])?;
    Ok(())
}

/// Of the spans all can be made that is here.
pub(super) fn begin_anew(conn: &Connection) -> Result<(), StoreError> {
    for sql in [
        "UPDATE segment SET ready = 0, level = 0",
        "DELETE FROM unindexed",
        "UPDATE meta SET value = 0 WHERE key = 'indexed'",
    ] {
        conn.execute(sql, [])?;
    }
    Ok(())
}

/// Removes some blocks of segments that are not ready, and those that have none.
fn clear(conn: &Connection) -> Result<bool, StoreError> {
    let mut room = BLOCKS;
    while room > 0 {
        let unready = conn
            .prepare_cached("SELECT id FROM segment WHERE NOT ready AND level <> ?1 LIMIT 1")?
            .query_row([BEING_MADE], |row| row.get::<_, i64>(0))
            .optional()?;
        let Some(id) = unready else { break };
        let removed = conn
            .prepare_cached(
                "DELETE FROM block WHERE id IN (SELECT id FROM block WHERE segment = ?1 LIMIT ?2)",
            )?
            .execute(params![id, room as i64])?;
        if removed < room {
            for sql in [
                "DELETE FROM dropped WHERE segment = ?1",
                "DELETE FROM segment WHERE id = ?1",
            ] {
                conn.prepare_cached(sql)?.execute([id])?;
            }
        }
        room -= removed.clamp(1, room);
    }
    Ok(room < BLOCKS)
}

/// Many that follow one another, so that segments do not overlap more than they have to, the smallest first, and none as
/// large as all others, so that each is not written again too often; or one that something has to leave.
fn to_merge(conn: &Connection, may_go: bool) -> Result<Option<Vec<i64>>, StoreError> {
    let segments: Vec<(i64, u32, i64)> = conn
        .prepare_cached("SELECT id, level, spans FROM segment WHERE ready ORDER BY first, id")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for most in 0..LEVELS {
        let found = segments.windows(TOGETHER).find(|some| {
            let all: i64 = some.iter().map(|(.., spans)| spans).sum();
            let fits = |(_, level, spans): &(i64, u32, i64)| *level <= most && spans * 2 <= all;
            some.iter().all(fits)
        });
        if let Some(some) = found {
            return Ok(Some(some.iter().map(|(id, ..)| *id).collect()));
        }
    }
    Ok(conn
        .prepare_cached("SELECT segment FROM dropped WHERE gone AND ?1 LIMIT 1")?
        .query_row([may_go], |row| Ok(vec![row.get(0)?]))
        .optional()?)
}

fn begin(conn: &Connection, from: Vec<i64>) -> Result<Merging, StoreError> {
    let mut inputs = Vec::with_capacity(from.len());
    let mut left_out = HashSet::new();
    let mut all = 0;
    for &id in &from {
        let (spans, rows): (i64, Range<i64>) = conn
            .prepare_cached("SELECT spans, first, last FROM segment WHERE id = ?1")?
            .query_row([id], |row| {
                Ok((row.get(0)?, row.get(1)?..row.get::<_, i64>(2)? + 1))
            })?;
        let gone: Vec<i64> = conn
            .prepare_cached("SELECT row FROM dropped WHERE segment = ?1")?
            .query_map([id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        left_out.extend(gone.iter().map(|row| (id, *row)));
        all += spans;
        inputs.push(Input { id, rows, gone });
    }
    let first = inputs.iter().map(|input| input.rows.start).min();
    let end = inputs.iter().map(|input| input.rows.end).max();
    let rows = first.unwrap_or(0)..end.unwrap_or(0);
    Ok(Merging {
        // Nothing is found in it before it is ready.
        id: conn
            .prepare_cached(
                "INSERT INTO segment (level, ready, first, last, spans) VALUES (?1, 0, ?2, ?3, 0)",
            )?
            .insert(params![BEING_MADE, rows.start, rows.end - 1])?,
        from,
        spans: all,
        left_out,
        merge: Merge::new(inputs),
    })
}

/// The block of a segment behind one that begins so, or its first.
fn block_behind(
    conn: &Connection,
    segment: i64,
    begins: Option<&(Vec<u8>, i64)>,
) -> Result<Option<Block>, StoreError> {
    // No term is empty.
    let (term, row) = begins.map_or((&[][..], 0), |(term, row)| (term, *row));
    Ok(conn
        .prepare_cached(
            "SELECT term, row, z FROM block WHERE segment = ?1 AND (term, row) > (?2, ?3)
             ORDER BY term, row LIMIT 1",
        )?
        .query_row(params![segment, term, row], block_from)
        .optional()?)
}

pub(super) fn block_from(row: &rusqlite::Row<'_>) -> rusqlite::Result<Block> {
    Ok(Block {
        term: row.get(0)?,
        row: row.get(1)?,
        bytes: row.get(2)?,
    })
}

/// Puts a segment that was made of others in their place; what has left them since has to leave it, too.
fn replace(conn: &Connection, done: &Merging) -> Result<(), StoreError> {
    for &id in &done.from {
        let since: Vec<(i64, bool)> = conn
            .prepare_cached("DELETE FROM dropped WHERE segment = ?1 RETURNING row, gone")?
            .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (row, gone) in since {
            if !done.left_out.contains(&(id, row)) {
                conn.prepare_cached(
                    "INSERT INTO dropped VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET gone = max(gone, excluded.gone)",
                )?
                .execute(params![done.id, row, gone])?;
            }
        }
        conn.prepare_cached("UPDATE segment SET ready = 0 WHERE id = ?1")?
            .execute([id])?;
    }
    // Where nothing is left of them, nothing takes their place.
    let spans = done.spans - done.merge.left_out() as i64;
    conn.prepare_cached(
        "UPDATE segment SET level = ?2, spans = ?3, ready = EXISTS (SELECT 1 FROM block WHERE segment = ?1)
         WHERE id = ?1",
    )?
    .execute(params![done.id, level(spans), spans])?;
    Ok(())
}

const BROKEN: &str = "the index of words";

pub(super) fn broken() -> StoreError {
    StoreError(Kind::Corrupt(BROKEN))
}

/// Whether that is what failed.
pub(super) fn is_broken(error: &StoreError) -> bool {
    matches!(error.0, Kind::Corrupt(BROKEN))
}

/// A span's payload, as it is stored.
pub(super) struct Packed {
    pub(super) row: i64,
    pub(super) dict: i64,
    pub(super) bytes: Vec<u8>,
    /// Where that was asked for.
    pub(super) session: SessionId,
}

pub(super) fn packed(
    conn: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<Packed>, StoreError> {
    let mut ask = conn.prepare_cached(sql)?;
    let rows = ask.query_map(values, packed_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn packed_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Packed> {
    let session = row.get::<_, Option<[u8; 16]>>(3)?;
    Ok(Packed {
        row: row.get(0)?,
        dict: row.get(1)?,
        bytes: row.get(2)?,
        session: SessionId(session.map_or(0, u128::from_be_bytes)),
    })
}

/// Whether any log came by itself.
pub(super) fn has_logs(conn: &Connection) -> Result<bool, StoreError> {
    Ok(conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM log)")?
        .query_row([], |row| row.get(0))?)
}

/// All that a span says in words, with the logs that came by themselves.
pub(super) fn words(
    conn: &Connection,
    row: i64,
    span: &Span,
    has_logs: bool,
) -> Result<String, StoreError> {
    if !has_logs {
        return Ok(text::words(span, &[]));
    }
    Ok(text::words(span, &logs(conn, row)?))
}

/// The logs of a span that came by themselves.
fn logs(conn: &Connection, row: i64) -> Result<Vec<Log>, StoreError> {
    let mut ask = conn.prepare_cached(
        "SELECT z FROM log JOIN span ON span.session = log.session AND span.span = log.span
         WHERE span.id = ?1 ORDER BY log.time, log.id",
    )?;
    let records = ask.query_map([row], |row| row.get::<_, Vec<u8>>(0))?;
    let records: Vec<Vec<u8>> = records.collect::<Result<_, _>>()?;
    let logs = records.iter();
    Ok(logs
        .filter_map(|record| Some(wire::decode_log(record).ok()?.log))
        .collect())
}
