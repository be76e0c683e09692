//! Where batches wait that memory has no room for: files that nobody but this process can read.
//!
//! First in, first out, in segments, so that what was read gives its room back. What is written here has been through
//! the processor, redaction included. On Unix a file has no name from the moment it is open: a crash leaves nothing
//! behind, and what must outlive one is in the spool. Knows batches as bytes, not exporters.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::thin::{self, Losses};
use super::{Batch, Piece, private};
use crate::model::event::LossCause;
use crate::sync::Relaxed;
use crate::sync::fixed::AtomicU64;

/// Bytes after which a new file is begun.
const SEGMENT: u64 = 16 << 20;

/// Tells files of one process apart.
static FILES: AtomicU64 = AtomicU64::new(0);

/// A queue of batches on disk.
#[derive(Debug)]
pub(super) struct Disk {
    directory: PathBuf,
    limit: u64,
    segment: u64,
    /// Oldest first.
    segments: VecDeque<Segment>,
}

#[derive(Debug)]
struct Segment {
    writer: File,
    reader: File,
    /// Until it is gone.
    _name: Name,
    written: u64,
    read: u64,
    batches: u64,
    /// What is lost where the rest is never read.
    left: Losses,
}

/// A file's name, removed at the latest when nobody holds it any more.
#[derive(Debug)]
struct Name(PathBuf);

/// What could not be read back.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) batches: u64,
    pub(super) losses: Losses,
}

impl Disk {
    /// Files will be made in `directory`, once there is something to write.
    pub(super) fn new(directory: PathBuf, limit: u64) -> Self {
        Self {
            directory,
            limit,
            segment: SEGMENT.min(limit),
            segments: VecDeque::new(),
        }
    }

    /// Appends a batch, all of it or nothing.
    pub(super) fn append(&mut self, batch: &Batch) -> io::Result<()> {
        let bytes = encode(batch)?;
        let all: u64 = self.segments.iter().map(|segment| segment.written).sum();
        if all + bytes.len() as u64 > self.limit {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let full = |last: &Segment| last.written + bytes.len() as u64 > self.segment;
        if self.segments.back().is_none_or(full) {
            self.segments.push_back(Segment::open(&self.directory)?);
        }
        let Some(last) = self.segments.back_mut() else {
            return Ok(());
        };
        last.append(&bytes)?;
        last.batches += 1;
        last.left.add_all(thin::lose(batch, LossCause::Shutdown));
        Ok(())
    }

    /// The oldest batch; `None` where there is none. What cannot be read is given up.
    pub(super) fn take(&mut self) -> Result<Option<Batch>, Unreadable> {
        while self.segments.front().is_some_and(Segment::is_read) {
            self.segments.pop_front();
        }
        let Some(first) = self.segments.front_mut() else {
            return Ok(None);
        };
        match first.take() {
            Ok(batch) => {
                if first.is_read() {
                    self.segments.pop_front();
                }
                Ok(Some(batch))
            }
            Err(_) => Err(self.give_up_first()),
        }
    }

    fn give_up_first(&mut self) -> Unreadable {
        let first = self.segments.pop_front();
        let (batches, left) = first
            .map(|first| (first.batches, first.left))
            .unwrap_or_default();
        let losses = left.renamed(LossCause::Shutdown, LossCause::Write);
        Unreadable { batches, losses }
    }

    /// Gives up all that is left; `last` still sees what is in the last file.
    pub(super) fn clear(&mut self, mut last: impl FnMut(&Batch)) -> Losses {
        let mut losses = Losses::default();
        for segment in &mut self.segments {
            losses.add_all(mem::take(&mut segment.left));
        }
        if let Some(mut segment) = self.segments.pop_back() {
            while !segment.is_read()
                && let Ok(batch) = segment.take()
            {
                last(&batch);
            }
        }
        self.segments.clear();
        losses
    }
}

impl Segment {
    fn open(directory: &Path) -> io::Result<Self> {
        private::create_dir(directory)?;
        let number = FILES.fetch_add(1, Relaxed);
        let pid = std::process::id();
        // The name is free unless a process of this number was killed on a system that keeps names of open files.
        let path = directory.join(format!("agentops-overflow-{pid}-{number}"));
        let writer = private::create(&path)?;
        let name = Name(path);
        let reader = File::open(&name.0)?;
        if cfg!(unix) {
            fs::remove_file(&name.0)?;
        }
        Ok(Self {
            writer,
            reader,
            _name: name,
            written: 0,
            read: 0,
            batches: 0,
            left: Losses::default(),
        })
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.writer.write_all(bytes) {
            Ok(()) => {
                self.written += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.writer.set_len(self.written)?;
                Err(error)
            }
        }
    }

    fn take(&mut self) -> io::Result<Batch> {
        let mut length = [0; 4];
        self.reader.read_exact(&mut length)?;
        let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
        self.reader.read_exact(&mut bytes)?;
        self.read += 4 + bytes.len() as u64;
        let batch = decode(bytes).ok_or(io::ErrorKind::InvalidData)?;
        self.batches = self.batches.saturating_sub(1);
        self.left
            .remove_all(&thin::lose(&batch, LossCause::Shutdown));
        Ok(batch)
    }

    fn is_read(&self) -> bool {
        self.read == self.written
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if !cfg!(unix) {
            let _ = fs::remove_file(&self.0);
        }
    }
}

/// `length:u32 spans:u64 latest:u64 pieces:u32 (number:u32 length:u32 bytes)* frames`, little-endian.
fn encode(batch: &Batch) -> io::Result<Vec<u8>> {
    let pieces: usize = batch.pieces.iter().map(|piece| 8 + piece.bytes.len()).sum();
    let mut bytes = Vec::with_capacity(24 + pieces + batch.frames.len());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&batch.spans.to_le_bytes());
    bytes.extend_from_slice(&batch.latest.to_le_bytes());
    bytes.extend_from_slice(&(batch.pieces.len() as u32).to_le_bytes());
    for piece in &batch.pieces {
        bytes.extend_from_slice(&piece.number.to_le_bytes());
        bytes.extend_from_slice(&(piece.bytes.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&piece.bytes);
    }
    bytes.extend_from_slice(&batch.frames);
    let length = u32::try_from(bytes.len() - 4).map_err(|_| io::ErrorKind::FileTooLarge)?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

fn decode(mut bytes: Vec<u8>) -> Option<Batch> {
    let mut rest = &bytes[..];
    let spans = u64::from_le_bytes(take(&mut rest)?);
    let latest = u64::from_le_bytes(take(&mut rest)?);
    let count = u32::from_le_bytes(take(&mut rest)?);
    let mut pieces = Vec::new();
    for _ in 0..count {
        let number = u32::from_le_bytes(take(&mut rest)?);
        let length = u32::from_le_bytes(take(&mut rest)?);
        let (piece, after) = rest.split_at_checked(length as usize)?;
        rest = after;
        pieces.push(Piece {
            number,
            bytes: Arc::from(piece),
        });
    }
    let frames_at = bytes.len() - rest.len();
    bytes.drain(..frames_at);
    Some(Batch {
        frames: bytes,
        pieces,
        spans,
        latest,
    })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::frame::{self, Kind};

    fn batch(number: u32, bytes: usize) -> Batch {
        let mut batch = Batch {
            spans: number.into(),
            latest: 9,
            ..Batch::default()
        };
        batch.pieces.push(Piece {
            number,
            bytes: Arc::from([number as u8; 3]),
        });
        frame::append(&mut batch.frames, Kind::Heartbeat, &[&vec![7; bytes]]).expect("it is short");
        batch
    }

    #[test]
    fn batches_come_back_in_order_and_room_comes_back_too() {
        let directory = std::env::temp_dir().join(format!("agentops-disk-{}", std::process::id()));
        let mut disk = Disk {
            segment: 1000,
            ..Disk::new(directory.clone(), 4000)
        };
        let mut oldest = 0;
        for turn in 0..5 {
            let mut newest = oldest;
            while disk.append(&batch(newest, 300)).is_ok() {
                newest += 1;
            }
            assert!(newest - oldest > 8, "{newest} in turn {turn}");
            while let Some(read) = disk.take().expect("it can be read") {
                let written = batch(oldest, 300);
                assert_eq!(
                    (read.frames, read.spans, read.latest, read.pieces.len()),
                    (written.frames, written.spans, written.latest, 1)
                );
                assert_eq!(read.pieces[0].bytes, written.pieces[0].bytes);
                oldest += 1;
            }
            assert_eq!((oldest, disk.segments.len()), (newest, 0));
        }
        let left = fs::read_dir(&directory).expect("it is there").count();
        assert_eq!(left, 0);
        fs::remove_dir(&directory).expect("it is empty");
    }
}
