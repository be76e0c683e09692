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

use crate::store::{Kind, StoreError};

/// Fast, and with a dictionary within a few per cent of the slower ones.
const LEVEL: i32 = 1;

/// The longest span that is believed: longer than any frame or request may be.
const LONGEST: usize = 256 << 20;

/// A dictionary is trained once there is so much to learn from, and is so large.
const SAMPLE: usize = 4 << 20;
const DICT: usize = 112 << 10;

/// So much of a span says what it is like.
const HEAD: usize = 64 << 10;

/// Packs with the newest dictionary, and gathers what the first is trained on.
pub(super) struct Packer {
    compressor: Compressor<'static>,
    dict: i64,
    lessons: Option<Lessons>,
}

#[derive(Default)]
struct Lessons {
    bytes: Vec<u8>,
    sizes: Vec<usize>,
}

/// Unpacks, whatever dictionary was used.
#[derive(Default)]
pub(super) struct Unpacker(HashMap<i64, Decompressor<'static>>);

impl Packer {
    pub(super) fn new(conn: &Connection) -> Result<Self, StoreError> {
        let newest = conn
            .query_row(
                "SELECT id, d FROM dict ORDER BY id DESC LIMIT 1",
                [],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)),
            )
            .optional()?;
        Ok(match newest {
            Some((dict, bytes)) => Self {
                compressor: Compressor::with_dictionary(LEVEL, &bytes).map_err(broken)?,
                dict,
                lessons: None,
            },
            None => Self {
                compressor: Compressor::new(LEVEL).map_err(broken)?,
                dict: 0,
                lessons: Some(Lessons::default()),
            },
        })
    }

    /// The dictionary that was used, and the bytes packed.
    pub(super) fn pack(&mut self, bytes: &[u8]) -> Result<(i64, Vec<u8>), StoreError> {
        if let Some(lessons) = self.lessons.as_mut().filter(|had| had.bytes.len() < SAMPLE) {
            let head = &bytes[..bytes.len().min(HEAD)];
            lessons.bytes.extend_from_slice(head);
            lessons.sizes.push(head.len());
        }
        let packed = self.compressor.compress(bytes).map_err(broken)?;
        Ok((self.dict, packed))
    }

    /// Makes a dictionary of what was packed so far, once that is enough, and uses it from now on.
    pub(super) fn learn(&mut self, conn: &Connection) -> Result<(), StoreError> {
        let Some(lessons) = self.lessons.take_if(|had| had.bytes.len() >= SAMPLE) else {
            return Ok(());
        };
        // What has nothing in common makes no dictionary, and needs none.
        let Ok(bytes) = zstd::dict::from_continuous(&lessons.bytes, &lessons.sizes, DICT) else {
            return Ok(());
        };
        conn.execute("INSERT INTO dict (d) VALUES (?1)", [&bytes])?;
        self.compressor = Compressor::with_dictionary(LEVEL, &bytes).map_err(broken)?;
        self.dict = conn.last_insert_rowid();
        Ok(())
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

fn broken(error: io::Error) -> StoreError {
    StoreError(Kind::Engine(error.into()))
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer")
            .field("dict", &self.dict)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unpacker").field(&self.0.keys()).finish()
    }
}
