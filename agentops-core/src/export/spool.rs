//! The spool: files on this machine that the `agentops` command reads.
//!
//! Each process appends to files of its own, and holds a lock beside each for as long as it lives, so that a reader
//! can tell a quiet process from a dead one. A file is made when there is something to write. What cannot be written
//! is taken back to the last whole frame, so that a full disk leaves nothing torn.

mod room;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{ExportError, SpanExporter, private};
use crate::model::event::{Loss, LossCause, Resource};
use crate::model::{frame, options, wire};
use crate::process::batch::Batch;
use crate::record::clock;

/// Bytes after which a new file is begun.
const ROTATE: u64 = 64 << 20;
/// Bytes after which a new file is begun, however little the limit is.
const LEAST_ROTATE: u64 = 64 << 10;
/// Bytes of all spool files together, unless somebody says otherwise.
const DEFAULT_LIMIT: u64 = 4 << 30;

/// The exporter that is used where none is named.
#[derive(Debug)]
pub struct Spool {
    home: Option<PathBuf>,
    header: Vec<u8>,
    name: String,
    /// In milliseconds: files of one process have all of their name but the number in common.
    started: u64,
    file: Option<Current>,
    files: u32,
    rotate: u64,
    limit: u64,
    /// Spans in files that were removed to make room, and not told of yet.
    removed: u64,
}

#[derive(Debug)]
struct Current {
    file: File,
    path: PathBuf,
    length: u64,
    /// Pieces that are in this file already.
    pieces: HashSet<u32>,
    /// Held, not read: its lock is the sign of life.
    _lock: File,
}

impl Spool {
    /// Writes below `AGENTOPS_HOME`, else below the platform's data directory.
    #[must_use]
    pub fn new() -> Self {
        options::home(|name: &str| std::env::var_os(name)).map_or_else(Self::nowhere, Self::at)
    }

    /// Writes below `home`.
    #[must_use]
    pub fn at(home: impl Into<PathBuf>) -> Self {
        Self {
            home: Some(home.into()),
            ..Self::nowhere()
        }
    }

    /// How many bytes all files in the spool may have together, 4 GiB unless said; the oldest are removed first, and a
    /// file that is being written to never is.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        // Files are removed whole: of fewer than a few there would be nothing left.
        self.rotate = (bytes / 4).clamp(LEAST_ROTATE, ROTATE);
        self
    }

    /// Keeps what it is given in memory, for nobody knows where a home would be.
    pub(crate) fn nowhere() -> Self {
        Self {
            home: None,
            header: Vec::new(),
            name: String::new(),
            started: clock::wall() / 1_000_000,
            file: None,
            files: 0,
            rotate: ROTATE,
            limit: DEFAULT_LIMIT,
            removed: 0,
        }
    }

    fn write(&mut self, batch: &Batch) -> io::Result<()> {
        let goes_on = |current: &Current| current.length <= self.rotate && current.is_there();
        if !self.file.as_ref().is_some_and(goes_on) {
            // The new lock is held before the old one goes: at no time does the process look dead.
            let next = self.open()?;
            self.close();
            self.file = Some(next);
        }
        let Some(current) = &mut self.file else {
            return Ok(());
        };
        current.append(batch)
    }

    /// Done with a file. Its lock goes: whether the process lives is what the lock of its newest file says.
    fn close(&mut self) {
        if let Some(current) = self.file.take() {
            let lock = lock_path(&current.path);
            drop(current);
            let _ = fs::remove_file(lock);
        }
    }

    fn open(&mut self) -> io::Result<Current> {
        let home = self
            .home
            .clone()
            .ok_or_else(|| io::Error::other("no home directory is known; set AGENTOPS_HOME"))?;
        let spool = home.join("spool");
        private::create_dir(&home)?;
        private::create_dir(&spool)?;
        // The file that is begun may become so long.
        self.removed += room::make(&spool, self.limit.saturating_sub(self.rotate));
        let (path, lock) = self.name_file(&spool)?;
        let file = match private::create(&path) {
            Ok(file) => file,
            Err(error) => {
                let _ = fs::remove_file(lock_path(&path));
                return Err(error);
            }
        };
        let mut current = Current {
            file,
            path,
            length: 0,
            pieces: HashSet::new(),
            _lock: lock,
        };
        if let Err(error) = current.write(&self.header) {
            // Tried again each second: a full disk must not fill with empty files.
            let _ = fs::remove_file(&current.path);
            let _ = fs::remove_file(lock_path(&current.path));
            return Err(error);
        }
        if current.tell_removed(self.removed).is_ok() {
            self.removed = 0;
        }
        Ok(current)
    }

    /// A name that no other file has, with the lock beside it.
    fn name_file(&mut self, spool: &Path) -> io::Result<(PathBuf, File)> {
        loop {
            let name = format!(
                "{}-{}-{}-{}.agentops",
                self.name,
                self.started,
                std::process::id(),
                self.files
            );
            let path = spool.join(name);
            let lock = if path.exists() {
                Err(io::ErrorKind::AlreadyExists.into())
            } else {
                private::create(&lock_path(&path))
            };
            match lock {
                // Another process had this number at this moment: the clock was set back, or it runs in a container
                // of its own. What sets the files of the two apart is when they started.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.started += 1,
                Err(error) => return Err(error),
                Ok(lock) => {
                    self.files += 1;
                    lock.try_lock()
                        .map_err(|_| io::Error::other("the lock of a new spool file is taken"))?;
                    return Ok((path, lock));
                }
            }
        }
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self::new()
    }
}

impl Current {
    /// Whether anybody else can still find the file: somebody may have removed it, and what is written would be lost.
    #[cfg(unix)]
    fn is_there(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        self.file
            .metadata()
            .is_ok_and(|metadata| metadata.nlink() > 0)
    }

    // An open file cannot be removed there.
    #[cfg(not(unix))]
    fn is_there(&self) -> bool {
        true
    }

    fn append(&mut self, batch: &Batch) -> io::Result<()> {
        let new: Vec<_> = batch
            .pieces()
            .iter()
            .filter(|piece| !self.pieces.contains(&piece.number))
            .collect();
        if !new.is_empty() {
            let mut frames = Vec::with_capacity(new.len() * 256);
            for piece in &new {
                frame::append_shared(&mut frames, piece.number, &piece.bytes)
                    .map_err(io::Error::other)?;
            }
            self.write(&frames)?;
            self.pieces.extend(new.iter().map(|piece| piece.number));
        }
        self.write(batch.frames())
    }

    /// An account of the spans that had to make room.
    fn tell_removed(&mut self, count: u64) -> io::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let loss = Loss {
            time: clock::wall(),
            session: None,
            cause: LossCause::SpoolLimit,
            count,
        };
        let mut bytes = Vec::new();
        frame::append(&mut bytes, frame::Kind::Loss, &[&wire::encode_loss(&loss)])
            .map_err(io::Error::other)?;
        self.write(&bytes)
    }

    /// All of it or nothing.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.file.write_all(bytes) {
            Ok(()) => {
                self.length += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Half a frame at the end would hide what is written after it.
                let _ = self.file.set_len(self.length);
                Err(error)
            }
        }
    }
}

/// Beside each spool file, for as long as its process lives.
fn lock_path(spool_file: &Path) -> PathBuf {
    spool_file.with_extension("agentops.lock")
}

impl SpanExporter for Spool {
    fn set_resource(&mut self, resource: &Resource) {
        self.name = file_name(&resource.service);
        self.header.clear();
        frame::header(&mut self.header);
        // Without its resource a file is still readable; one of 64 MiB is not to be expected.
        let _ = frame::append(
            &mut self.header,
            frame::Kind::Resource,
            &[&wire::encode_resource(resource)],
        );
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.write(batch).map_err(|error| {
            let at = self
                .file
                .as_ref()
                .map(|current| current.path.clone())
                .or_else(|| self.home.clone());
            let at = at.map_or_else(String::new, |path| format!(" to {}", path.display()));
            ExportError::new(format!("cannot write{at}: {error}"), LossCause::Write)
        })
    }

    fn shutdown(&mut self) {
        self.close();
    }

    fn is_local_disk(&self) -> bool {
        true
    }
}

/// What is safe in a file's name on every system.
fn file_name(service: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
            c
        } else {
            '_'
        }
    };
    let name: String = service.chars().map(safe).take(48).collect();
    if name.is_empty() {
        "unnamed".into()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Event;
    use crate::model::id::{SpanId, TraceId};
    use crate::model::wire::put;

    #[test]
    fn a_services_name_becomes_a_files_name() {
        assert_eq!(file_name("research_team"), "research_team");
        assert_eq!(file_name("../a b\u{1b}"), "___a_b_");
        assert_eq!(file_name(""), "unnamed");
    }

    #[test]
    fn a_long_file_is_followed_by_another_and_one_lock_is_held() {
        let home = std::env::temp_dir().join(format!("agentops-rotation-{}", std::process::id()));
        let mut spool = Spool {
            rotate: 100,
            ..Spool::at(&home)
        };
        spool.set_resource(&Resource {
            service: "s".into(),
            ..Resource::default()
        });
        let mut batch = Batch::default();
        frame::append(&mut batch.frames, frame::Kind::Heartbeat, &[&[0; 200]])
            .expect("it is short");
        let names = || {
            let entries = fs::read_dir(home.join("spool"))
                .expect("there is a spool")
                .flatten();
            let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
            let (locks, files): (Vec<_>, Vec<_>) = names.partition(|name| name.ends_with(".lock"));
            (files.len(), locks)
        };
        for files in 1..=3 {
            spool.export(&batch).expect("it can be written");
            let (count, locks) = names();
            assert_eq!((count, locks.len()), (files, 1));
            assert!(
                locks[0].ends_with(&format!("-{}.agentops.lock", files - 1)),
                "{locks:?}"
            );
            assert!(!room::is_abandoned(
                &home.join("spool").join(locks[0].trim_end_matches(".lock"))
            ));
        }
        spool.shutdown();
        assert_eq!(names(), (3, vec![]));
        fs::remove_dir_all(&home).expect("it can be removed");
    }

    fn some_batch() -> Batch {
        let mut batch = Batch::default();
        frame::append(&mut batch.frames, frame::Kind::Heartbeat, &[&[0; 200]])
            .expect("it is short");
        batch
    }

    #[test]
    fn two_that_start_at_once_under_one_number_have_files_of_their_own() {
        let home = std::env::temp_dir().join(format!("agentops-twins-{}", std::process::id()));
        let _ = fs::remove_dir_all(&home);
        // As after a clock that was set back: the second one starts when the first one did.
        let mut twins = [(); 3].map(|()| Spool {
            started: 5,
            ..Spool::at(&home)
        });
        for spool in &mut twins {
            spool.export(&some_batch()).expect("it can be written");
        }
        let mut paths: Vec<_> = twins
            .iter()
            .filter_map(|spool| Some(spool.file.as_ref()?.path.file_name()?.to_owned()))
            .collect();
        paths.dedup();
        assert_eq!(paths.len(), 3, "{paths:?}");
        twins[0].shutdown();
        // A process that is gone leaves no lock, and its file is not written to either.
        let mut late = Spool {
            started: 5,
            ..Spool::at(&home)
        };
        late.export(&some_batch()).expect("it can be written");
        assert_eq!(late.started, 8);
        fs::remove_dir_all(&home).expect("it can be removed");
    }

    #[test]
    fn a_limit_is_kept_and_what_goes_is_told() {
        let home = std::env::temp_dir().join(format!("agentops-limit-{}", std::process::id()));
        let _ = fs::remove_dir_all(&home);
        let mut spool = Spool::at(&home).limit(1 << 20);
        spool.set_resource(&Resource::default());
        let mut span = Vec::new();
        put::ids(&mut span, TraceId(1), SpanId(1), None);
        put::times(&mut span, 1, 2);
        put::attr_str(&mut span, "filler", &"x".repeat(1000));
        let mut batch = Batch::default();
        for _ in 0..100 {
            frame::append_span(&mut batch.frames, frame::Kind::Span, &[], &span)
                .expect("it is short");
        }
        let written = 200;
        let (mut told, mut kept, mut bytes_there) = (0, 0, 0);
        for _ in 0..written {
            spool.export(&batch).expect("it can be written");
        }
        spool.shutdown();
        for file in fs::read_dir(home.join("spool"))
            .expect("there is a spool")
            .flatten()
        {
            let bytes = fs::read(file.path()).expect("it can be read");
            assert!(bytes.len() < 1 << 20);
            bytes_there += bytes.len();
            let reader = frame::Reader::new(&bytes).expect("it is a spool file");
            for event in reader {
                match event {
                    Event::SpanEnded(_) => kept += 1,
                    Event::Loss(loss) => {
                        assert_eq!(loss.cause, LossCause::SpoolLimit);
                        told += loss.count;
                    }
                    _ => {}
                }
            }
        }
        assert!(bytes_there <= 1 << 20, "{bytes_there}");
        assert_eq!((told > 0, told + kept), (true, written * 100));
        fs::remove_dir_all(&home).expect("it can be removed");
    }
}
