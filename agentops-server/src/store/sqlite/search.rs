//! Words in what spans carried: found by an index that is made in the background, and beyond it by reading.
//!
//! The index is behind what comes in, never what is shown: spans that it has not reached are few, and are read. Words
//! that are asked for must all be there; a quoted phrase counts as one.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::span::{Log, Span};
use agentops_core::model::wire;
use memchr::memmem;
use rusqlite::{Connection, OptionalExtension, params};

use super::payload::Unpacker;
use super::tail::Tail;
use super::{Reader, read, text};
use crate::store::{Hit, Search, StoreError};

/// How many spans are indexed in one transaction, and of how many bytes: each makes a segment, and segments are merged
/// again and again; but whoever commits waits meanwhile.
pub(super) const CHUNK: i64 = 1_000;
const CHUNK_BYTES: usize = 2 << 20;

/// How much stands around a word that was found, in bytes before and after.
const AROUND: usize = 80;

/// How many spans beyond the index are read at most, the newest first; the index is not behind for long.
const BEYOND: i64 = 20_000;

/// A span's payload is another than it was: it is found by its new words.
pub(super) fn changed(conn: &Connection, row: i64) -> Result<(), StoreError> {
    if row <= read::meta(conn, "indexed")? {
        removed(conn, row)?;
        conn.prepare_cached("INSERT OR IGNORE INTO unindexed VALUES (?1)")?
            .execute([row])?;
    }
    Ok(())
}

/// A span is no more.
pub(super) fn removed(conn: &Connection, row: i64) -> Result<(), StoreError> {
    if row <= read::meta(conn, "indexed")? {
        for sql in [
            "DELETE FROM words WHERE rowid = ?1",
            "DELETE FROM unindexed WHERE id = ?1",
        ] {
            conn.prepare_cached(sql)?.execute([row])?;
        }
    }
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
        "SELECT payload.id, dict, z FROM unindexed JOIN payload ON payload.id = unindexed.id LIMIT ?1",
        params![CHUNK / 2],
    )?;
    let has_logs = has_logs(conn)?;
    let mut insert = conn.prepare_cached("INSERT INTO words (rowid, body) VALUES (?1, ?2)")?;
    let (mut count, mut bytes) = (0, 0);
    let mut add = |row: i64, words: &str| {
        count += 1;
        bytes += words.len();
        insert.execute(params![row, text::apart(words)])?;
        Ok::<bool, StoreError>(count < CHUNK && bytes < CHUNK_BYTES)
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
        room = add(packed.row, &read_back(&packed)?)?;
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
            "SELECT id, dict, z FROM payload WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3",
            params![reached, before, CHUNK],
        )?;
        for packed in rows {
            room = add(packed.row, &read_back(&packed)?)?;
            reached = packed.row;
            if !room {
                break;
            }
        }
    }
    if room {
        for (row, words) in tail {
            room = if has_logs {
                add(
                    *row,
                    &text::with_logs(words.to_string(), &logs(conn, *row)?),
                )?
            } else {
                add(*row, words)?
            };
            reached = *row;
            if !room {
                break;
            }
        }
    }
    conn.prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'indexed'")?
        .execute([reached])?;
    Ok((reached, !room))
}

/// A span's payload, as it is stored.
struct Packed {
    row: i64,
    dict: i64,
    bytes: Vec<u8>,
}

fn packed(
    conn: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<Packed>, StoreError> {
    let mut ask = conn.prepare_cached(sql)?;
    let rows = ask.query_map(values, |row| {
        Ok(Packed {
            row: row.get(0)?,
            dict: row.get(1)?,
            bytes: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
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
    phrases: Vec<Vec<String>>,
    /// What stands in a span's bytes as it is, in small or capital letters, if the span has the words.
    certain: Vec<memmem::Finder<'static>>,
}

impl Needle {
    /// `None` where there is nothing to look for.
    fn new(words: &str) -> Option<Self> {
        let terms = terms(words);
        let phrases: Vec<Vec<String>> = terms.iter().map(|term| tokens(term)).collect();
        // Numbers are not written as they read; of other letters the small ones may be other bytes.
        let is_certain = |token: &&String| {
            token.is_ascii() && token.starts_with(|first: char| first.is_ascii_alphabetic())
        };
        let certain = phrases.iter().flatten().filter(is_certain);
        let certain = certain
            .map(|token| memmem::Finder::new(token).into_owned())
            .collect();
        (!terms.is_empty()).then_some(Self {
            terms,
            phrases,
            certain,
        })
    }

    /// Each term as a phrase, so that nothing in it is a command; also as older rows were indexed, where that is another.
    fn query(&self) -> String {
        let phrase = |tokens: &[String]| format!("\"{}\"", tokens.join(" "));
        let phrases = self.terms.iter().zip(&self.phrases).map(|(term, tokens)| {
            let before: Vec<String> = split(term).collect();
            match *tokens == before {
                true => phrase(tokens),
                false => format!("({} OR {})", phrase(tokens), phrase(&before)),
            }
        });
        phrases.collect::<Vec<_>>().join(" AND ")
    }

    /// Whether a span of these bytes, in small letters, may have the words.
    fn may_be_in(&self, bytes: &[u8]) -> bool {
        self.certain
            .iter()
            .all(|finder| finder.find(bytes).is_some())
    }

    fn is_in(&self, words: &str) -> bool {
        let words = tokens(words);
        self.phrases.iter().all(|phrase| {
            words
                .windows(phrase.len())
                .any(|window| window == phrase.as_slice())
        })
    }
}

/// The words of a text as the index knows them.
fn tokens(text: &str) -> Vec<String> {
    split(&text::apart(text)).collect()
}

fn split(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().flat_map(char::to_lowercase).collect())
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
            let rows = packed(
                &self.conn,
                "SELECT payload.id, dict, z FROM words JOIN payload ON payload.id = words.rowid
                    JOIN span ON span.id = words.rowid JOIN session ON session.id = span.session
                 WHERE words MATCH ?1 AND (?2 IS NULL OR span.session = ?2) AND NOT session.hidden
                 ORDER BY words.rowid DESC LIMIT ?3",
                params![needle.query(), session, wanted.limit as i64],
            )?;
            for packed in rows {
                let row = packed.row;
                let hit = self.hit(packed, &needle, has_logs, true)?;
                hits.extend(hit.map(|hit| (row, hit)));
            }
        }
        hits.sort_unstable_by_key(|(row, _)| Reverse(*row));
        hits.truncate(wanted.limit);
        Ok(hits.into_iter().map(|(_, hit)| hit).collect())
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
                "SELECT payload.id, dict, z FROM payload CROSS JOIN span ON span.id = payload.id
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

    /// A span that may have been found, or is sure to be; `None` where it does not have the words after all.
    fn hit(
        &mut self,
        packed: Packed,
        needle: &Needle,
        has_logs: bool,
        sure: bool,
    ) -> Result<Option<Hit>, StoreError> {
        let whole = self
            .unpacker
            .unpack(&self.conn, packed.dict, &packed.bytes)?;
        if !sure && !has_logs && !needle.may_be_in(&whole.to_ascii_lowercase()) {
            return Ok(None);
        }
        let Ok(span) = wire::decode_span(&whole) else {
            return Ok(None);
        };
        let words = words(&self.conn, packed.row, &span, has_logs)?;
        if !sure && !needle.is_in(&words) {
            return Ok(None);
        }
        let session = self
            .conn
            .prepare_cached(
                "SELECT key FROM session JOIN span ON span.session = session.id WHERE span.id = ?1",
            )?
            .query_row([packed.row], |row| row.get::<_, [u8; 16]>(0))
            .optional()?;
        Ok(session.map(|key| Hit {
            session: SessionId(u128::from_be_bytes(key)),
            span: SpanId(span.id.0),
            start: span.start,
            kind: span.kind,
            excerpt: excerpt(&words, &needle.terms),
            name: span.name,
        }))
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
