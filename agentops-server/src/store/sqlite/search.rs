//! Words in what spans carried: found by the index that is made in the background, and beyond it by reading.
//!
//! Spans that the index has not reached are few. Of its segments the newest are asked first, and what they find is read
//! before it is shown. Words that are asked for must all be there; a quoted phrase counts as one.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use agentops_core::model::id::SpanId;
use agentops_core::model::wire;
use memchr::memmem;
use rusqlite::{Connection, OptionalExtension, params};

use super::index::{Packed, block_from, broken, has_logs, packed, packed_of, words};
use super::segment::{self, Block};
use super::tail::Tail;
use super::{Reader, read, text};
use crate::store::{Hit, Search, StoreError};

/// How much stands around a word that was found, in bytes before and after.
const AROUND: usize = 80;

/// How many spans beyond the index are read at most, the newest first; the index is not behind for long.
const BEYOND: i64 = 20_000;

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

/// What a segment has of all that is looked for, from the newest on.
struct Stream<'a> {
    segment: Asked,
    cursors: Vec<Cursor<'a>>,
    row: i64,
    /// The oldest that is looked for.
    oldest: i64,
}

impl<'a> Stream<'a> {
    /// At the newest of some, where there is one.
    fn open(
        conn: &Connection,
        needle: &'a Needle,
        segment: Asked,
        rows: &Range<i64>,
    ) -> Result<Option<Self>, StoreError> {
        let words = needle.words.iter();
        let mut stream = Self {
            row: rows.end.min(segment.last + 1),
            oldest: rows.start,
            segment,
            cursors: words.map(|word| Cursor::new(word)).collect(),
        };
        Ok(stream.advance(conn, needle)?.then_some(stream))
    }

    /// To the next. Whether there is one.
    fn advance(&mut self, conn: &Connection, needle: &Needle) -> Result<bool, StoreError> {
        loop {
            match align(conn, &self.segment, &mut self.cursors, self.row - 1)? {
                Some(row) if row >= self.oldest => self.row = row,
                _ => return Ok(false),
            }
            if needle.is_at(&self.cursors) {
                return Ok(true);
            }
        }
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
        // The newest of each segment, as far as one is that new: what is found next is the newest of these.
        let mut segments = segments.into_iter().peekable();
        let mut streams: Vec<Stream<'_>> = Vec::new();
        let mut hits: Vec<(i64, Hit)> = Vec::new();
        while hits.len() < limit {
            let newest = (0..streams.len()).max_by_key(|at| streams[*at].row);
            let row = newest.map(|at| streams[at].row);
            if let Some(segment) = segments.next_if(|next| row.is_none_or(|row| next.last >= row)) {
                streams.extend(Stream::open(&self.conn, needle, segment, &rows)?);
                continue;
            }
            let Some(at) = newest else { break };
            let Stream { row, segment, .. } = &streams[at];
            let row = *row;
            if let Some(packed) = self.found(row, segment.id, session)?
                && let Some(hit) = self.hit(packed, needle, has_logs, true)?
            {
                hits.push((row, hit));
            }
            if !streams[at].advance(&self.conn, needle)? {
                streams.swap_remove(at);
            }
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
            // What it says is here; its logs are not.
            if has_logs || needle.may_be_in(span.as_bytes()) && needle.is_in(span) {
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
        let small = words.to_ascii_lowercase();
        if !needle.is_in(&small) {
            return Ok(None);
        }
        Ok(Some(Hit {
            session: packed.session,
            span: SpanId(span.id.0),
            start: span.start,
            kind: span.kind,
            excerpt: excerpt(&words, &small, &needle.terms),
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

/// The first of the words with what stands around it, on one line. `small` is the same text with ASCII in small letters.
fn excerpt(words: &str, small: &str, terms: &[String]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_asked_is_looked_for_by_a_word_at_least() {
        for c in '\0'..=char::MAX {
            let Some(needle) = Needle::new(&c.to_string()) else {
                continue;
            };
            assert!(
                needle.phrases.iter().all(|phrase| !phrase.is_empty()),
                "{c:?}"
            );
            let asked = format!("otter {c}");
            let needle = Needle::new(&asked).unwrap();
            assert!(
                needle.phrases.iter().all(|phrase| !phrase.is_empty()),
                "{c:?}"
            );
            assert!(needle.is_in(&asked), "{c:?}");
        }
    }

    #[test]
    fn capitals_make_no_difference() {
        for (text, asked) in [
            ("ΟΔΟΣ", "οδος"),
            ("οδος", "ΟΔΟΣ"),
            ("Étude", "éTUDE"),
            ("МОСКВА", "москва"),
        ] {
            assert!(Needle::new(asked).unwrap().is_in(text), "{asked}");
        }
    }
}
