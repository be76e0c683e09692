//! Whole spans, packed: OTLP bytes under zstd, with dictionaries trained on what the store holds.
//!
//! Spans of agents repeat one another's names, prompts and shapes, so that a dictionary halves what a row alone would
//! take, and each row is still read by itself. Every blob names its dictionary; 0 is none.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::io;

use rusqlite::{Connection, OptionalExtension};
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::compress_bound;

use crate::store::{Kind, StoreError};

/// With a dictionary as fast as those below it, which pack less: what spans repeat is found in it.
const LEVEL: i32 = 3;

/// The longest span that is believed: longer than any frame or request may be.
const LONGEST: usize = 256 << 20;

/// A dictionary is trained once there is so much to learn from, and is so large.
const SAMPLE: usize = 4 << 20;
const DICT: usize = 112 << 10;

/// So much of a span says what it is like.
const HEAD: usize = 64 << 10;

/// What spans come to at the most once they are packed, but for the longest.
const ROOM: usize = 64 << 10;

/// Packs with the newest dictionary, and sees when there is enough to train the first on.
#[derive(Debug)]
pub(super) struct Packer {
    own: Press,
    /// Bytes that were packed without a dictionary since it was last tried to make one; `None` once there is one.
    untaught: Option<usize>,
}

/// Those who pack without the writer, one for each that does so at a time.
#[derive(Debug)]
pub(super) struct Presses {
    dict: i64,
    dictionary: Option<Vec<u8>>,
    idle: Vec<Press>,
}

/// Packs with one dictionary.
pub(super) struct Press {
    compressor: Compressor<'static>,
    dict: i64,
    /// Where spans are packed, each over the one before.
    room: Vec<u8>,
}

/// A span as it is stored.
pub(super) struct Packed {
    pub(super) dict: i64,
    pub(super) bytes: Vec<u8>,
    /// How long it was.
    whole: usize,
}

impl Presses {
    /// With the newest dictionary that is stored for good.
    pub(super) fn new(conn: &Connection) -> Result<Self, StoreError> {
        let (dict, dictionary) = newest(conn)?.unzip();
        Ok(Self {
            dict: dict.unwrap_or(0),
            dictionary,
            idle: Vec::new(),
        })
    }

    pub(super) fn take(&mut self) -> Result<Press, StoreError> {
        match self.idle.pop() {
            Some(press) => Ok(press),
            None => Press::new(self.dict, self.dictionary.as_deref()),
        }
    }

    /// Takes back one that is not needed any more.
    pub(super) fn give(&mut self, press: Press) {
        if press.dict == self.dict {
            self.idle.push(press);
        }
    }
}

impl Press {
    fn new(dict: i64, dictionary: Option<&[u8]>) -> Result<Self, StoreError> {
        let compressor = match dictionary {
            Some(bytes) => Compressor::with_dictionary(LEVEL, bytes),
            None => Compressor::new(LEVEL),
        };
        Ok(Self {
            compressor: compressor.map_err(broken)?,
            dict,
            room: Vec::with_capacity(ROOM),
        })
    }

    pub(super) fn pack(&mut self, bytes: &[u8]) -> Result<Packed, StoreError> {
        let packed = if compress_bound(bytes.len()) <= ROOM {
            let length = self.compressor.compress_to_buffer(bytes, &mut self.room);
            self.room[..length.map_err(broken)?].to_vec()
        } else {
            self.compressor.compress(bytes).map_err(broken)?
        };
        Ok(Packed {
            dict: self.dict,
            bytes: packed,
            whole: bytes.len(),
        })
    }
}

/// Unpacks, whatever dictionary was used.
#[derive(Default)]
pub(super) struct Unpacker(HashMap<i64, Decompressor<'static>>);

impl Packer {
    pub(super) fn new(conn: &Connection) -> Result<Self, StoreError> {
        let (dict, dictionary) = newest(conn)?.unzip();
        // Without one, what another process packed may be enough.
        let untaught = dict.is_none().then_some(SAMPLE);
        Ok(Self {
            own: Press::new(dict.unwrap_or(0), dictionary.as_deref())?,
            untaught,
        })
    }

    /// What the writer itself packs with.
    pub(super) fn own(&mut self) -> &mut Press {
        &mut self.own
    }

    /// Something that was packed is stored.
    pub(super) fn stored(&mut self, packed: &Packed) {
        if let Some(untaught) = &mut self.untaught {
            *untaught += packed.whole.min(HEAD);
        }
    }

    /// Whether there may be enough to make a dictionary of.
    pub(super) fn may_learn(&self) -> bool {
        self.untaught.is_some_and(|bytes| bytes >= SAMPLE)
    }

    /// Makes a dictionary of the newest spans in the store, once they are enough, and uses it from now on. Whether it
    /// did.
    pub(super) fn learn(
        &mut self,
        conn: &Connection,
        unpacker: &mut Unpacker,
    ) -> Result<bool, StoreError> {
        if !self.may_learn() {
            return Ok(false);
        }
        self.untaught = Some(0);
        let (mut lessons, mut sizes) = (Vec::new(), Vec::new());
        let mut ask = conn.prepare("SELECT dict, z FROM payload ORDER BY id DESC")?;
        let mut rows = ask.query([])?;
        while let Some(row) = rows.next()?.filter(|_| lessons.len() < SAMPLE) {
            let span = unpacker.unpack(
                conn,
                row.get(0)?,
                row.get_ref(1)?.as_blob().unwrap_or_default(),
            );
            // What does not read back is told of where it is asked for.
            let Ok(span) = span else { continue };
            let head = &span[..span.len().min(HEAD)];
            lessons.extend_from_slice(head);
            sizes.push(head.len());
        }
        if lessons.len() < SAMPLE {
            return Ok(false);
        }
        // What has nothing in common makes no dictionary; what comes later may.
        let Ok(bytes) = zstd::dict::from_continuous(&lessons, &sizes, DICT) else {
            return Ok(false);
        };
        conn.execute("INSERT INTO dict (d) VALUES (?1)", [&bytes])?;
        self.own = Press::new(conn.last_insert_rowid(), Some(&bytes))?;
        self.untaught = None;
        Ok(true)
    }
}

impl Unpacker {
    /// The bytes that were packed.
    pub(super) fn unpack(
        &mut self,
        conn: &Connection,
        dict: i64,
        packed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let size = zstd::zstd_safe::get_frame_content_size(packed)
            .ok()
            .flatten()
            .and_then(|size| usize::try_from(size).ok())
            .filter(|&size| size <= LONGEST)
            .ok_or(StoreError(Kind::Corrupt("the payload of a span")))?;
        let decompressor = match self.0.entry(dict) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let decompressor = match dict {
                    0 => Decompressor::new(),
                    _ => {
                        let bytes: Vec<u8> =
                            conn.query_row("SELECT d FROM dict WHERE id = ?1", [dict], |row| {
                                row.get(0)
                            })?;
                        Decompressor::with_dictionary(&bytes)
                    }
                };
                entry.insert(decompressor.map_err(broken)?)
            }
        };
        decompressor
            .decompress(packed, size)
            .map_err(|_| StoreError(Kind::Corrupt("the payload of a span")))
    }
}

/// The newest dictionary, if there is any.
fn newest(conn: &Connection) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
    Ok(conn
        .query_row(
            "SELECT id, d FROM dict ORDER BY id DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?)
}

fn broken(error: io::Error) -> StoreError {
    StoreError(Kind::Engine(error.into()))
}

impl fmt::Debug for Press {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Press")
            .field("dict", &self.dict)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unpacker").field(&self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_whatever_was_packed_before() {
        let conn = Connection::open_in_memory().unwrap();
        let mut press = Press::new(0, None).unwrap();
        let mut unpacker = Unpacker::default();
        for length in [1000, 0, 3 * ROOM, 1, ROOM, ROOM - ROOM / 64, 1000] {
            // As good as random, so that it packs to no less.
            let bytes: Vec<u8> = (0..length as u64)
                .map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8)
                .collect();
            let packed = press.pack(&bytes).unwrap();
            assert_eq!(packed.whole, length);
            assert_eq!(unpacker.unpack(&conn, 0, &packed.bytes).unwrap(), bytes);
        }
    }
}
