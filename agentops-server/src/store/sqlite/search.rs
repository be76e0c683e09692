//! Words in what spans carried: found by an index that is made in the background, and beyond it by reading.
//!
//! The index is behind what comes in, never what is shown: spans that it has not reached are few, and are read. Words
//! that are asked for must all be there; a quoted phrase counts as one.

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::wire;
use rusqlite::{Connection, OptionalExtension, params};

use super::payload::Unpacker;
use super::{Reader, read, text};
use crate::store::{Hit, Search, StoreError};

/// How many spans are indexed in one transaction.
const CHUNK: i64 = 250;

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
        conn.prepare_cached("DELETE FROM words WHERE rowid = ?1")?
            .execute([row])?;
    }
    Ok(())
}

/// Indexes some spans. Whether there are more.
pub(super) fn index(conn: &Connection, unpacker: &mut Unpacker) -> Result<bool, StoreError> {
    let from = read::meta(conn, "indexed")?;
    let rows = {
        let mut ask = conn.prepare_cached(
            "SELECT id, dict, z, 0 FROM payload WHERE id > ?1
             UNION ALL SELECT payload.id, dict, z, 1 FROM unindexed JOIN payload ON payload.id = unindexed.id
             LIMIT ?2",
        )?;
        let rows = ask.query_map(params![from, CHUNK], packed)?;
        rows.collect::<Result<Vec<_>, _>>()?
    };
    let mut reached = from;
    for (row, dict, bytes, again) in &rows {
        // What does not read back cannot be found by its words, and is shown as broken where it is asked for.
        let words = unpacker
            .unpack(conn, *dict, bytes)
            .ok()
            .and_then(|whole| wire::decode_span(&whole).ok())
            .map(|span| text::words(&span))
            .unwrap_or_default();
        conn.prepare_cached("INSERT INTO words (rowid, body) VALUES (?1, ?2)")?
            .execute(params![row, words])?;
        if *again {
            conn.prepare_cached("DELETE FROM unindexed WHERE id = ?1")?
                .execute([row])?;
        } else {
            reached = reached.max(*row);
        }
    }
    conn.prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'indexed'")?
        .execute([reached])?;
    Ok(rows.len() as i64 == CHUNK)
}

type Packed = (i64, i64, Vec<u8>, bool);

fn packed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Packed> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
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

impl Reader {
    pub(super) fn search(&mut self, wanted: &Search) -> Result<Vec<Hit>, StoreError> {
        let terms = terms(&wanted.words);
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let session = match wanted.session {
            None => None,
            Some(id) => match self.row_of(id)? {
                Some(row) => Some(row),
                None => return Ok(Vec::new()),
            },
        };
        let mut hits = self.beyond(&terms, session, wanted.limit)?;
        let missing = wanted.limit.saturating_sub(hits.len());
        if missing > 0 {
            // Each term as a phrase, so that nothing in it is a command.
            let query: Vec<String> = terms
                .iter()
                .map(|term| format!("\"{}\"", term.replace('"', "")))
                .collect();
            let rows = {
                let mut ask = self.conn.prepare_cached(
                    "SELECT payload.id, dict, z, 0 FROM words JOIN payload ON payload.id = words.rowid
                        JOIN span ON span.id = words.rowid JOIN session ON session.id = span.session
                     WHERE words MATCH ?1 AND (?2 IS NULL OR span.session = ?2) AND NOT session.hidden
                     ORDER BY words.rowid DESC LIMIT ?3",
                )?;
                let rows =
                    ask.query_map(params![query.join(" "), session, missing as i64], packed)?;
                rows.collect::<Result<Vec<_>, _>>()?
            };
            for (row, dict, bytes, _) in rows {
                hits.extend(self.hit(row, dict, &bytes, &terms, false)?);
            }
        }
        Ok(hits)
    }

    /// What the index has not reached: read, the newest first.
    fn beyond(
        &mut self,
        terms: &[String],
        session: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Hit>, StoreError> {
        let from = read::meta(&self.conn, "indexed")?;
        let rows = {
            let mut ask = self.conn.prepare_cached(
                "SELECT payload.id, dict, z, 0 FROM payload JOIN span ON span.id = payload.id
                    JOIN session ON session.id = span.session
                 WHERE (payload.id > ?1 OR payload.id IN (SELECT id FROM unindexed))
                    AND (?2 IS NULL OR span.session = ?2) AND NOT session.hidden
                 ORDER BY payload.id DESC LIMIT ?3",
            )?;
            let rows = ask.query_map(params![from, session, BEYOND], packed)?;
            rows.collect::<Result<Vec<_>, _>>()?
        };
        let mut hits = Vec::new();
        for (row, dict, bytes, _) in rows {
            hits.extend(self.hit(row, dict, &bytes, terms, true)?);
            if hits.len() >= limit {
                break;
            }
        }
        Ok(hits)
    }

    /// A span that was found; `None` where it does not have the words after all.
    fn hit(
        &mut self,
        row: i64,
        dict: i64,
        bytes: &[u8],
        terms: &[String],
        check: bool,
    ) -> Result<Option<Hit>, StoreError> {
        let whole = self.unpacker.unpack(&self.conn, dict, bytes)?;
        let Ok(span) = wire::decode_span(&whole) else {
            return Ok(None);
        };
        let words = text::words(&span);
        let small = words.to_lowercase();
        let all = || {
            terms
                .iter()
                .all(|term| small.contains(&term.to_lowercase()))
        };
        if check && !all() {
            return Ok(None);
        }
        let session = self
            .conn
            .prepare_cached(
                "SELECT key FROM session JOIN span ON span.session = session.id WHERE span.id = ?1",
            )?
            .query_row([row], |row| row.get::<_, [u8; 16]>(0))
            .optional()?;
        Ok(session.map(|key| Hit {
            session: SessionId(u128::from_be_bytes(key)),
            span: SpanId(span.id.0),
            start: span.start,
            kind: span.kind,
            excerpt: excerpt(&words, &small, terms),
            name: span.name,
        }))
    }
}

/// The first of the words with what stands around it, on one line.
fn excerpt(words: &str, small: &str, terms: &[String]) -> String {
    let first = terms
        .iter()
        .filter_map(|term| small.find(&term.to_lowercase()))
        .min();
    // Small letters may be longer or shorter than capitals: near enough is good enough.
    let at = first.unwrap_or(0).min(words.len());
    let from = words.floor_char_boundary(at.saturating_sub(AROUND));
    let to = words.floor_char_boundary((at + AROUND).min(words.len()));
    words[from..to.max(from)]
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
