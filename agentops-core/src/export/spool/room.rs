//! Keeps all spool files together within their limit: the oldest go first, and what was in them is counted.
//!
//! Asked each time a file is begun. An account of what was removed earlier goes on to the file that is begun. Removes nothing that somebody writes to, and nothing that it cannot count.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::lock_path;
use crate::model::event::{Loss, LossCause};
use crate::model::frame::{HEAD_LEN, HEADER_LEN, Kind, MAGIC, MAX_FRAME, VERSION};
use crate::model::wire;

/// An account of a loss is a few dozen bytes.
const LOSS_LEN: usize = 4096;

/// Removes the oldest files that nobody writes to, until there are no more than `limit` bytes; how many ended spans
/// were in them, with those that they themselves say were removed before.
pub(super) fn make(spool: &Path, limit: u64) -> u64 {
    let Ok(entries) = fs::read_dir(spool) else {
        return 0;
    };
    let mut files: Vec<_> = entries
        .flatten()
        .map(|entry| (entry.path(), entry.metadata()))
        .filter_map(|(path, metadata)| {
            let named = path
                .extension()
                .is_some_and(|extension| extension == "agentops");
            let metadata = metadata.ok().filter(|found| named && found.is_file())?;
            Some((metadata.modified().ok(), metadata.len(), path))
        })
        .collect();
    files.sort();
    let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
    let mut removed = 0;
    for (_, length, path) in files {
        if total <= limit {
            break;
        }
        if !is_abandoned(&path) {
            continue;
        }
        let Ok(spans) = spans(&path) else { continue };
        // Another process may have come first, and counts it then.
        if fs::remove_file(&path).is_ok() {
            let _ = fs::remove_file(lock_path(&path));
            total -= length;
            removed += spans;
        }
    }
    removed
}

pub(super) fn is_abandoned(spool_file: &Path) -> bool {
    match File::open(lock_path(spool_file)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(_) => true,
    }
}

/// How many ended spans are in a file, by the kinds of its frames: up to the first that cannot be one.
///
/// # Errors
///
/// Where it cannot be read, or is of a format that is not known here.
fn spans(path: &Path) -> io::Result<u64> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut header = [0; HEADER_LEN];
    if !fill(&mut file, &mut header)? {
        return Ok(0);
    }
    if header[..MAGIC.len()] != MAGIC || header[MAGIC.len()..] != VERSION.to_le_bytes() {
        return Err(io::Error::other("not a spool file of this version"));
    }
    let mut spans = 0;
    let mut head = [0; HEAD_LEN + 1];
    while fill(&mut file, &mut head)? {
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if length == 0 || length > MAX_FRAME {
            break;
        }
        // The kind is a part of the length, and has been read.
        let length = length - 1;
        if head[HEAD_LEN] == Kind::Loss as u8 && length <= LOSS_LEN {
            let mut payload = vec![0; length];
            if !fill(&mut file, &mut payload)? {
                break;
            }
            spans += wire::decode_loss(&payload).map_or(0, removed);
        } else {
            spans += u64::from(head[HEAD_LEN] == Kind::Span as u8);
            file.seek_relative(length as i64)?;
        }
    }
    Ok(spans)
}

fn removed(loss: Loss) -> u64 {
    if loss.cause == LossCause::SpoolLimit {
        loss.count
    } else {
        0
    }
}

/// `false`: the file ends before.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::frame;

    /// A directory with files of `spans` spans each, the oldest first.
    fn spool(name: &str, files: u32, spans: u32) -> std::path::PathBuf {
        let spool = std::env::temp_dir().join(format!("agentops-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&spool);
        fs::create_dir_all(&spool).expect("it can be made");
        let mut bytes = Vec::new();
        frame::header(&mut bytes);
        frame::append(&mut bytes, Kind::Resource, &[]).expect("it is short");
        for _ in 0..spans {
            frame::append_span(&mut bytes, Kind::Pending, &[], b"as long").expect("it is short");
            frame::append_span(&mut bytes, Kind::Span, &[], b"as it may be").expect("it is short");
        }
        for file in 0..files {
            let path = spool.join(format!("s-1-1-{file}.agentops"));
            fs::write(&path, &bytes).expect("it can be written");
            let age = std::time::Duration::from_secs(u64::from(files - file));
            let file = File::options()
                .append(true)
                .open(path)
                .expect("it is there");
            let modified = std::time::SystemTime::now() - age;
            file.set_modified(modified).expect("it can be set");
        }
        spool
    }

    fn left(spool: &Path) -> Vec<String> {
        let entries = fs::read_dir(spool).expect("it is there").flatten();
        let mut names: Vec<_> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_oldest_go_first_and_are_counted() {
        let spool = spool("room", 4, 5);
        let each = fs::metadata(spool.join("s-1-1-0.agentops"))
            .expect("it is there")
            .len();
        assert_eq!(make(&spool, 4 * each), 0);
        assert_eq!(make(&spool, 4 * each - 1), 5);
        assert_eq!(make(&spool, each), 10);
        assert_eq!(left(&spool), ["s-1-1-3.agentops"]);
        fs::remove_dir_all(&spool).expect("it can be removed");
    }

    #[test]
    fn what_is_written_to_or_not_understood_stays() {
        let spool = spool("room-kept", 3, 5);
        let lock = File::create(spool.join("s-1-1-0.agentops.lock")).expect("it can be made");
        lock.try_lock().expect("it is free");
        let newer = spool.join("s-1-1-1.agentops");
        fs::write(&newer, b"AGENTOPS\x02\0\0\0of the future").expect("it can be written");
        fs::write(spool.join("notes.txt"), [0; 100]).expect("it can be written");
        assert_eq!(make(&spool, 0), 5);
        assert_eq!(
            left(&spool),
            [
                "notes.txt",
                "s-1-1-0.agentops",
                "s-1-1-0.agentops.lock",
                "s-1-1-1.agentops"
            ]
        );
        fs::remove_dir_all(&spool).expect("it can be removed");
    }

    #[test]
    fn a_torn_file_counts_what_is_whole_in_it() {
        let spool = spool("room-torn", 1, 5);
        let path = spool.join("s-1-1-0.agentops");
        let bytes = fs::read(&path).expect("it is there");
        for (length, expected) in [(0, 0), (11, 0), (bytes.len() - 40, 4)] {
            fs::write(&path, &bytes[..length]).expect("it can be written");
            assert_eq!(spans(&path).expect("it can be read"), expected, "{length}");
        }
        fs::write(&path, [&bytes[..], &[0; 100]].concat()).expect("it can be written");
        assert_eq!(make(&spool, 0), 5);
        fs::remove_dir_all(&spool).expect("it can be removed");
    }
}
