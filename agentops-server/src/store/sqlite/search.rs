//! Words in what spans carried: found by an index that is made in the background, and beyond it by reading.
//!
//! The index is behind what comes in, never what is shown: spans that it has not reached are few, and are read. It is in
//! segments, each of some spans, of which several small ones are made one larger later; the newest are asked first. What
//! it finds is read before it is shown. Words that are asked for must all be there; a quoted phrase counts as one.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::span::{Log, Span};
use agentops_core::model::wire;
use memchr::memmem;
use rusqlite::{Connection, OptionalExtension, params};

use super::payload::Unpacker;
use super::segment::{self, Block, Builder, Input, Merge};
use super::tail::Tail;
use super::{Reader, read, text};
use crate::store::{Hit, Kind, Search, StoreError};

/// How many spans are indexed in one transaction, and of how many bytes: each makes a segment, and segments are merged
/// again and again; but whoever commits waits meanwhile.
pub(super) const CHUNK: i64 = 1_000;
const CHUNK_BYTES: usize = 2 << 20;

/// How much stands around a word that was found, in bytes before and after.
const AROUND: usize = 80;

/// How many spans beyond the index are read at most, the newest first; the index is not behind for long.
const BEYOND: i64 = 20_000;

/// So many segments of one level are made one, which is of a higher one, up to the last: that of some 300,000 spans.
const TOGETHER: i64 = 8;
const LEVELS: i64 = 6;

/// How many blocks are written or removed in one transaction.
const BLOCKS: usize = 250;

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
    tail: &[(i64, Arc<str>)],
) -> Result<(i64, bool), StoreError> {
    let mut reached = read::meta(conn, "indexed")?;
    // Those that have changed first, half of the room at most, so that neither waits for the other.
    let again = packed(
        conn,
        "SELECT payload.id, dict, z, NULL FROM unindexed CROSS JOIN payload ON payload.id = unindexed.id ORDER BY unindexed.id LIMIT ?1",
        params![CHUNK / 2],
    )?;
    let has_logs = has_logs(conn)?;
    // Those that were indexed before are apart: the others follow what is indexed.
    let (mut old, mut new) = (Builder::default(), Builder::default());
    let (mut count, mut bytes) = (0, 0);
    let mut add = |to: &mut Builder, row: i64, words: &str| {
        count += 1;
        bytes += words.len();
        to.add(row, &text::apart(words));
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
        room = add(&mut old, packed.row, &read_back(&packed)?);
        conn.prepare_cached("DELETE FROM unindexed WHERE id = ?1")?
            .execute([packed.row])?;
        if !room {
            break;
        }
    }
    let before = tail.first().map_or(i64::MAX, |(first, _)| *first);
    if room && before > reached + 1 {
        let rows = packed(
            conn,
            "SELECT id, dict, z, NULL FROM payload WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3",
            params![reached, before, CHUNK],
        )?;
        for packed in rows {
            room = add(&mut new, packed.row, &read_back(&packed)?);
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
                add(&mut new, *row, &words)
            } else {
                add(&mut new, *row, words)
            };
            reached = *row;
            if !room {
                break;
            }
        }
    }
    for builder in [old, new] {
        let spans = builder.len() as i64;
        if let Some((rows, blocks)) = builder.finish() {
            let id = insert(conn, &rows, spans, true)?;
            blocks.iter().try_for_each(|block| write(conn, id, block))?;
        }
    }
    conn.prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'indexed'")?
        .execute([reached])?;
    Ok((reached, !room))
}

/// Stores a segment without its blocks. Nothing is found in it before it is ready.
fn insert(
    conn: &Connection,
    rows: &Range<i64>,
    spans: i64,
    ready: bool,
) -> Result<i64, StoreError> {
    let level = spans.max(1).ilog(TOGETHER);
    Ok(conn
        .prepare_cached(
            "INSERT INTO segment (level, ready, first, last, spans) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .insert(params![level, ready, rows.start, rows.end - 1, spans])?)
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
    Ok(conn
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM segment WHERE NOT ready) OR ?3 AND EXISTS (SELECT 1 FROM dropped WHERE gone)
                OR EXISTS (SELECT 1 FROM segment WHERE ready AND level < ?2 GROUP BY level HAVING count(*) >= ?1)",
        )?
        .query_row(params![TOGETHER, LEVELS, may_go], |row| row.get(0))?)
}

/// Goes on with making segments one, or begins it where it is time; or removes some of what nobody reads. Whether there
/// was something to do.
pub(super) fn merge(
    conn: &Connection,
    merging: &mut Option<Merging>,
    may_go: bool,
) -> Result<bool, StoreError> {
    if let Some(going) = merging {
        let blocks = going.merge.next(BLOCKS, |segment, begins| {
            block_behind(conn, segment, begins)
        })?;
        for block in blocks.ok_or_else(broken)? {
            write(conn, going.id, &block)?;
        }
        if going.merge.is_over() {
            replace(conn, going)?;
            *merging = None;
        }
        return Ok(true);
    }
    if clear(conn)? {
        return Ok(true);
    }
    let Some(from) = to_merge(conn, may_go)? else {
        return Ok(false);
    };
    *merging = Some(begin(conn, from)?);
    Ok(true)
}

/// Removes some blocks of a segment that is not ready, and that once it has none.
fn clear(conn: &Connection) -> Result<bool, StoreError> {
    let unready = conn
        .prepare_cached("SELECT id FROM segment WHERE NOT ready LIMIT 1")?
        .query_row([], |row| row.get::<_, i64>(0))
        .optional()?;
    let Some(id) = unready else {
        return Ok(false);
    };
    let removed = conn
        .prepare_cached(
            "DELETE FROM block WHERE id IN (SELECT id FROM block WHERE segment = ?1 LIMIT ?2)",
        )?
        .execute(params![id, BLOCKS as i64])?;
    if removed < BLOCKS {
        for sql in [
            "DELETE FROM dropped WHERE segment = ?1",
            "DELETE FROM segment WHERE id = ?1",
        ] {
            conn.prepare_cached(sql)?.execute([id])?;
        }
    }
    Ok(true)
}

/// The oldest of a level that has many, or one that something has to leave.
fn to_merge(conn: &Connection, may_go: bool) -> Result<Option<Vec<i64>>, StoreError> {
    let level = conn
        .prepare_cached(
            "SELECT level FROM segment WHERE ready AND level < ?2 GROUP BY level HAVING count(*) >= ?1 LIMIT 1",
        )?
        .query_row([TOGETHER, LEVELS], |row| row.get::<_, i64>(0))
        .optional()?;
    let mut ask = conn.prepare_cached(
        "SELECT id FROM segment WHERE ready AND level = ?1 ORDER BY first, id LIMIT ?2",
    )?;
    let several = match level {
        Some(level) => ask
            .query_map([level, TOGETHER], |row| row.get(0))?
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    if !several.is_empty() {
        return Ok(Some(several));
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
        all += spans - gone.len() as i64;
        inputs.push(Input { id, rows, gone });
    }
    let first = inputs.iter().map(|input| input.rows.start).min();
    let end = inputs.iter().map(|input| input.rows.end).max();
    let rows = first.unwrap_or(0)..end.unwrap_or(0);
    Ok(Merging {
        id: insert(conn, &rows, all, false)?,
        from,
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

fn block_from(row: &rusqlite::Row<'_>) -> rusqlite::Result<Block> {
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
    conn.prepare_cached(
        "UPDATE segment SET ready = EXISTS (SELECT 1 FROM block WHERE segment = ?1) WHERE id = ?1",
    )?
    .execute([done.id])?;
    Ok(())
}

fn broken() -> StoreError {
    StoreError(Kind::Corrupt("the index of words"))
}

/// A span's payload, as it is stored.
struct Packed {
    row: i64,
    dict: i64,
    bytes: Vec<u8>,
    /// Where that was asked for.
    session: SessionId,
}

fn packed(
    conn: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<Packed>, StoreError> {
    let mut ask = conn.prepare_cached(sql)?;
    let rows = ask.query_map(values, packed_of)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn packed_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Packed> {
    let session = row.get::<_, Option<[u8; 16]>>(3)?;
    Ok(Packed {
        row: row.get(0)?,
        dict: row.get(1)?,
        bytes: row.get(2)?,
        session: SessionId(session.map_or(0, u128::from_be_bytes)),
    })
}

/// Whether any log came by itself.
fn has_logs(conn: &Connection) -> Result<bool, StoreError> {
    Ok(conn
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM log)")?
        .query_row([], |row| row.get(0))?)
}

/// All that a span says in words, with the logs that came by themselves.
fn words(conn: &Connection, row: i64, span: &Span, has_logs: bool) -> Result<String, StoreError> {
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

/// Words as they were asked for: quoted ones together.
fn terms(words: &str) -> Vec<String> {
    let mut terms = Vec::new();
    for (at, piece) in words.split('"').enumerate() {
        if at % 2 == 1 {
            terms.push(piece.trim().to_owned());
        } else {
            terms.extend(piece.split_whitespace().map(str::to_owned));
        }
    }
    terms.retain(|term| term.chars().any(char::is_alphanumeric));
    terms
}

/// What is looked for, as the index sees it: of each term the words in it, which must follow one another.
struct Needle {
    terms: Vec<String>,
    /// All that is looked for, each once, and the phrases that are made of it.
    words: Vec<Vec<u8>>,
    phrases: Vec<Vec<usize>>,
    /// What stands in a span's bytes as it is, in small or capital letters, if the span has the words.
    certain: Vec<memmem::Finder<'static>>,
}

impl Needle {
    /// `None` where there is nothing to look for.
    fn new(asked: &str) -> Option<Self> {
        let terms = terms(asked);
        let (mut words, mut phrases) = (Vec::<Vec<u8>>::new(), Vec::new());
        for term in &terms {
            let mut phrase = Vec::new();
            segment::terms(&text::apart(term), |word| {
                let place = words.iter().position(|known| known == word);
                phrase.push(place.unwrap_or(words.len()));
                if place.is_none() {
                    words.push(word.to_vec());
                }
            });
            phrases.push(phrase);
        }
        // Numbers are not written as they read; of other letters the small ones may be other bytes.
        let is_certain = |word: &&Vec<u8>| word.is_ascii() && word[0].is_ascii_alphabetic();
        let certain = words.iter().filter(is_certain);
        let certain = certain
            .map(|word| memmem::Finder::new(word).into_owned())
            .collect();
        (!words.is_empty()).then_some(Self {
            terms,
            words,
            phrases,
            certain,
        })
    }

    /// Whether a span of these bytes, in small letters, may have the words.
    fn may_be_in(&self, bytes: &[u8]) -> bool {
        self.certain
            .iter()
            .all(|finder| finder.find(bytes).is_some())
    }

    fn is_in(&self, text: &str) -> bool {
        let mut there = Vec::new();
        segment::terms(&text::apart(text), |word| {
            there.push(self.words.iter().position(|wanted| wanted == word));
        });
        self.phrases.iter().all(|phrase| {
            let mut windows = there.windows(phrase.len());
            windows.any(|window| {
                let mut pairs = window.iter().zip(phrase);
                pairs.all(|(there, wanted)| *there == Some(*wanted))
            })
        })
    }

    /// Whether words with these positions are phrases, where there are any.
    fn is_at(&self, cursors: &[Cursor<'_>]) -> bool {
        let mut phrases = self.phrases.iter().filter(|phrase| phrase.len() > 1);
        phrases.all(|phrase| {
            let places: Vec<Vec<u64>> = phrase
                .iter()
                .map(|word| cursors[*word].positions())
                .collect();
            places[0].iter().any(|start| {
                let mut behind = (1..).zip(&places[1..]);
                behind.all(|(step, places)| places.binary_search(&(start + step)).is_ok())
            })
        })
    }
}

/// A segment that is asked.
struct Asked {
    id: i64,
    first: i64,
    last: i64,
}

/// Where a word is in a segment, from the newest span on.
struct Cursor<'a> {
    word: &'a [u8],
    block: Option<Block>,
    /// The spans of the run that was read last, and where their positions are in it.
    docs: Vec<(i64, Range<usize>)>,
    run: Vec<u8>,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(word: &'a [u8]) -> Self {
        Self {
            word,
            block: None,
            docs: Vec::new(),
            run: Vec::new(),
            at: 0,
        }
    }

    /// The newest span with the word that is not behind `row`.
    fn seek(
        &mut self,
        conn: &Connection,
        segment: &Asked,
        row: i64,
    ) -> Result<Option<i64>, StoreError> {
        if self.docs.first().is_none_or(|(first, _)| *first > row) {
            let is_here = |block: &Block| (block.term.as_slice(), block.row) <= (self.word, row);
            let block = match self.block.take().filter(is_here) {
                Some(block) => block,
                None => match block_of(conn, segment.id, self.word, row)? {
                    Some(block) => block,
                    None => return Ok(None),
                },
            };
            let block = self.block.insert(block);
            let found = segment::find(&block.bytes, segment.first, self.word, row);
            let Some(run) = found.ok_or_else(broken)? else {
                return Ok(None);
            };
            self.docs = segment::docs(&run).ok_or_else(broken)?;
            self.run.clear();
            self.run.extend_from_slice(run.bytes());
        }
        self.at = self.docs.partition_point(|(doc, _)| *doc <= row) - 1;
        Ok(Some(self.docs[self.at].0))
    }

    fn positions(&self) -> Vec<u64> {
        segment::positions(&self.run[self.docs[self.at].1.clone()])
    }
}

/// The last block that begins with a word and a span, or before them.
fn block_of(
    conn: &Connection,
    segment: i64,
    word: &[u8],
    row: i64,
) -> Result<Option<Block>, StoreError> {
    Ok(conn
        .prepare_cached(
            "SELECT term, row, z FROM block WHERE segment = ?1 AND (term, row) <= (?2, ?3)
             ORDER BY term DESC, row DESC LIMIT 1",
        )?
        .query_row(params![segment, word, row], block_from)
        .optional()?)
}

impl Reader {
    pub(super) fn search(
        &mut self,
        wanted: &Search,
        tail: &Mutex<Tail>,
    ) -> Result<Vec<Hit>, StoreError> {
        let Some(needle) = Needle::new(&wanted.words) else {
            return Ok(Vec::new());
        };
        let session = match wanted.session {
            None => None,
            Some(id) => match self.row_of(id)? {
                Some(row) => Some(row),
                None => return Ok(Vec::new()),
            },
        };
        let has_logs = has_logs(&self.conn)?;
        let from = read::meta(&self.conn, "indexed")?;
        let mut hits = self.beyond(&needle, session, wanted.limit, has_logs, from, tail)?;
        // Behind what is newer than the index, and has filled the page, nothing of the index is newer.
        if hits.iter().filter(|(row, _)| *row > from).count() < wanted.limit {
            let found = self.indexed(&needle, session, wanted.limit, has_logs)?;
            hits.extend(found);
        }
        hits.sort_unstable_by_key(|(row, _)| Reverse(*row));
        hits.truncate(wanted.limit);
        Ok(hits.into_iter().map(|(_, hit)| hit).collect())
    }

    /// What the index has, the newest first, and some at most.
    fn indexed(
        &mut self,
        needle: &Needle,
        session: Option<i64>,
        limit: usize,
        has_logs: bool,
    ) -> Result<Vec<(i64, Hit)>, StoreError> {
        let rows = match session {
            Some(session) => self.rows_of(session)?,
            None => i64::MIN..i64::MAX,
        };
        let segments: Vec<Asked> = self
            .conn
            .prepare_cached(
                "SELECT id, first, last FROM segment WHERE ready AND last >= ?1 AND first < ?2
                 ORDER BY last DESC, id DESC",
            )?
            .query_map([rows.start, rows.end], |row| {
                Ok(Asked {
                    id: row.get(0)?,
                    first: row.get(1)?,
                    last: row.get(2)?,
                })
            })?
            .collect::<Result<_, _>>()?;
        let mut hits: Vec<(i64, Hit)> = Vec::new();
        for segment in segments {
            // What is older than what has filled the page is not shown.
            let mut oldest = rows.start;
            if hits.len() >= limit {
                oldest = hits.last().map_or(oldest, |(row, _)| row + 1);
            }
            if segment.last < oldest {
                break;
            }
            let words = needle.words.iter();
            let mut cursors: Vec<Cursor<'_>> = words.map(|word| Cursor::new(word)).collect();
            let mut behind = segment.last.min(rows.end - 1);
            let mut found = 0;
            while found < limit
                && let Some(row) = align(&self.conn, &segment, &mut cursors, behind)?
                && row >= oldest
            {
                behind = row - 1;
                if !needle.is_at(&cursors) {
                    continue;
                }
                if let Some(packed) = self.found(row, segment.id, session)?
                    && let Some(hit) = self.hit(packed, needle, has_logs, true)?
                {
                    hits.push((row, hit));
                    found += 1;
                }
            }
            hits.sort_unstable_by_key(|(row, _)| Reverse(*row));
            hits.truncate(limit);
        }
        Ok(hits)
    }

    /// Between which rows the spans of a session are.
    fn rows_of(&self, session: i64) -> Result<Range<i64>, StoreError> {
        let (first, last): (Option<i64>, Option<i64>) = self
            .conn
            .prepare_cached("SELECT min(id), max(id) FROM span WHERE session = ?1")?
            .query_row([session], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(first
            .zip(last)
            .map_or(0..0, |(first, last)| first..last + 1))
    }

    /// A span that a segment has, where that is still so and it may be shown.
    fn found(
        &self,
        row: i64,
        segment: i64,
        session: Option<i64>,
    ) -> Result<Option<Packed>, StoreError> {
        Ok(self
            .conn
            .prepare_cached(
                "SELECT payload.id, dict, z, session.key FROM span JOIN session ON session.id = span.session
                    JOIN payload ON payload.id = span.id
                 WHERE span.id = ?1 AND (?3 IS NULL OR span.session = ?3) AND NOT session.hidden
                    AND NOT EXISTS (SELECT 1 FROM dropped WHERE segment = ?2 AND row = ?1)",
            )?
            .query_row(params![row, segment, session], packed_of)
            .optional()?)
    }

    /// What the index has not reached: the newest first, those that came last without reading what does not have the
    /// words.
    fn beyond(
        &mut self,
        needle: &Needle,
        session: Option<i64>,
        limit: usize,
        has_logs: bool,
        from: i64,
        tail: &Mutex<Tail>,
    ) -> Result<Vec<(i64, Hit)>, StoreError> {
        let sequence = read::sequence(&self.conn)?;
        let tail = {
            let tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            // Where somebody else has written since, what is in it may be no more.
            match tail.sequence() >= sequence {
                true => tail.from(from + 1, usize::MAX),
                false => Vec::new(),
            }
        };
        let mut hits = Vec::new();
        for (row, span) in tail.iter().rev() {
            if hits.len() >= limit {
                return Ok(hits);
            }
            if has_logs || needle.may_be_in(span.as_bytes()) {
                let one = self.read_back("payload.id = ?1 AND ?2", [*row, 1], session)?;
                self.keep_hits(one, needle, has_logs, 1, &mut hits)?;
            }
        }
        let older = tail.first().map_or(i64::MAX, |(first, _)| *first);
        let rows = self.read_back(
            "payload.id > ?1 AND payload.id < ?2",
            [from, older],
            session,
        )?;
        self.keep_hits(rows, needle, has_logs, limit, &mut hits)?;
        let changed = "payload.id IN (SELECT id FROM unindexed WHERE id <= ?1 AND id <= ?2)";
        let rows = self.read_back(changed, [from, from], session)?;
        self.keep_hits(rows, needle, has_logs, limit, &mut hits)?;
        Ok(hits)
    }

    /// Spans that the index has not reached, the newest first.
    fn read_back(
        &self,
        which: &str,
        [one, other]: [i64; 2],
        session: Option<i64>,
    ) -> Result<Vec<Packed>, StoreError> {
        packed(
            &self.conn,
            &format!(
                "SELECT payload.id, dict, z, session.key FROM payload CROSS JOIN span ON span.id = payload.id
                    CROSS JOIN session ON session.id = span.session
                 WHERE {which} AND (?3 IS NULL OR span.session = ?3) AND NOT session.hidden
                 ORDER BY payload.id DESC LIMIT ?4"
            ),
            params![one, other, session, BEYOND],
        )
    }

    /// Adds those that have the words, some at most.
    fn keep_hits(
        &mut self,
        rows: Vec<Packed>,
        needle: &Needle,
        has_logs: bool,
        limit: usize,
        hits: &mut Vec<(i64, Hit)>,
    ) -> Result<(), StoreError> {
        let mut found = 0;
        for packed in rows {
            let row = packed.row;
            if let Some(hit) = self.hit(packed, needle, has_logs, false)? {
                hits.push((row, hit));
                found += 1;
            }
            if found >= limit {
                break;
            }
        }
        Ok(())
    }

    /// A span that may have been found, or is said to be; `None` where it does not have the words after all.
    fn hit(
        &mut self,
        packed: Packed,
        needle: &Needle,
        has_logs: bool,
        is_said: bool,
    ) -> Result<Option<Hit>, StoreError> {
        let whole = self
            .unpacker
            .unpack(&self.conn, packed.dict, &packed.bytes)?;
        if !is_said && !has_logs && !needle.may_be_in(&whole.to_ascii_lowercase()) {
            return Ok(None);
        }
        let Ok(span) = wire::decode_span(&whole) else {
            return Ok(None);
        };
        let words = words(&self.conn, packed.row, &span, has_logs)?;
        if !needle.is_in(&words) {
            return Ok(None);
        }
        Ok(Some(Hit {
            session: packed.session,
            span: SpanId(span.id.0),
            start: span.start,
            kind: span.kind,
            excerpt: excerpt(&words, &needle.terms),
            name: span.name,
        }))
    }
}

/// The newest span, not behind `row`, that all words are in.
fn align(
    conn: &Connection,
    segment: &Asked,
    cursors: &mut [Cursor<'_>],
    mut row: i64,
) -> Result<Option<i64>, StoreError> {
    loop {
        let from = row;
        for cursor in &mut *cursors {
            match cursor.seek(conn, segment, row)? {
                Some(found) => row = found,
                None => return Ok(None),
            }
        }
        // The first must be where the last is.
        if cursors.len() == 1 || row == from {
            return Ok(Some(row));
        }
    }
}

/// The first of the words with what stands around it, on one line.
fn excerpt(words: &str, terms: &[String]) -> String {
    let small = words.to_ascii_lowercase();
    let place = |term: &String| {
        let term = term.to_lowercase();
        let found = memmem::find(small.as_bytes(), term.as_bytes());
        // Capitals beyond ASCII take longer to look for.
        found.or_else(|| (!term.is_ascii()).then(|| small.to_lowercase().find(&term))?)
    };
    let first = terms.iter().filter_map(place).min();
    // Small letters may be longer or shorter than capitals: near enough is good enough.
    let at = first.unwrap_or(0).min(words.len());
    let from = words.floor_char_boundary(at.saturating_sub(AROUND));
    let to = words.floor_char_boundary((at + AROUND).min(words.len()));
    words[from..to.max(from)]
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
