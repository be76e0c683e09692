//! The spool: files on this machine that the `agentops` command reads.
//!
//! Each process appends to files of its own, and holds a lock beside each for as long as it lives, so that a reader
//! can tell a quiet process from a dead one. A file is made when there is something to write. What cannot be written
//! is taken back to the last whole frame, so that a full disk leaves nothing torn.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{ExportError, SpanExporter};
use crate::model::event::{LossCause, Resource};
use crate::model::{frame, options, wire};
use crate::process::batch::Batch;
use crate::record::clock;

/// Bytes after which a new file is begun.
const ROTATE: u64 = 64 << 20;
/// Bytes of all spool files together; the oldest go first.
const DEFAULT_CAP: u64 = 4 << 30;

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
    cap: u64,
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
            cap: DEFAULT_CAP,
        }
    }

    fn write(&mut self, batch: &Batch) -> io::Result<()> {
        let length = self.file.as_ref().map(|current| current.length);
        if length.is_none_or(|length| length > self.rotate) {
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
        self.make_room(&spool);
        let path = loop {
            let path = spool.join(format!(
                "{}-{}-{}-{}.agentops",
                self.name,
                self.started,
                std::process::id(),
                self.files
            ));
            self.files += 1;
            // Another run of this process may have begun in the same millisecond.
            if !path.exists() {
                break path;
            }
        };
        let lock = private::create(&path.with_extension("agentops.lock"))?;
        lock.try_lock()
            .map_err(|_| io::Error::other("the lock of a new spool file is taken"))?;
        let file = private::create(&path)?;
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
        Ok(current)
    }

    /// Removes the oldest files of processes that are gone, until there is room.
    fn make_room(&self, spool: &Path) {
        let Ok(entries) = fs::read_dir(spool) else {
            return;
        };
        let mut files: Vec<_> = entries
            .flatten()
            .filter(|entry| {
                entry
                    .path()
                    .extension()
                    .is_some_and(|extension| extension == "agentops")
            })
            .filter_map(|entry| Some((entry.metadata().ok()?, entry.path())))
            .collect();
        let mut total: u64 = files.iter().map(|(metadata, _)| metadata.len()).sum();
        files.sort_by_key(|(metadata, _)| metadata.modified().ok());
        for (metadata, path) in files {
            if total <= self.cap {
                break;
            }
            if is_abandoned(&path) && fs::remove_file(&path).is_ok() {
                let _ = fs::remove_file(lock_path(&path));
                total -= metadata.len();
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

fn is_abandoned(spool_file: &Path) -> bool {
    match File::open(lock_path(spool_file)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(_) => true,
    }
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
            let at = at
                .map(|path| path.display().to_string())
                .unwrap_or_default();
            ExportError::new(format!("cannot write to {at}: {error}"), LossCause::Write)
        })
    }

    fn shutdown(&mut self) {
        self.close();
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

/// Files that only their owner can read: they hold prompts.
mod private {
    use super::*;

    #[cfg(unix)]
    pub(super) fn create(path: &Path) -> io::Result<File> {
        use std::os::unix::fs::OpenOptionsExt;
        OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
    }

    #[cfg(unix)]
    pub(super) fn create_dir(path: &Path) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
    }

    // A user's own data directory is private on the other systems we write for; never compiled so far.
    #[cfg(not(unix))]
    pub(super) fn create(path: &Path) -> io::Result<File> {
        OpenOptions::new().append(true).create_new(true).open(path)
    }

    #[cfg(not(unix))]
    pub(super) fn create_dir(path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert!(!is_abandoned(
                &home.join("spool").join(locks[0].trim_end_matches(".lock"))
            ));
        }
        spool.shutdown();
        assert_eq!(names(), (3, vec![]));
        fs::remove_dir_all(&home).expect("it can be removed");
    }
}
