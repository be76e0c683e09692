//! Spool files of this machine: `<home>/spool/<name>-<unix millis>-<pid>-<n>.agentops`, followed while they grow.
//!
//! Each file is one process's; the lock beside it tells whether that process lives. What is read is committed together
//! with how far it was read, so that nothing is taken in twice or not at all; a file goes once its process is gone and
//! all of it is in the store. What is from the future, or cannot be read, is reported and stays as it is.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use agentops_core::model::event::{Event, Resource};
use agentops_core::model::frame::{Follower, HeaderError, MAX_FRAME};
use agentops_core::model::id::SessionId;
use agentops_core::model::tree::text;

use super::admit;
use super::limit::{self, Refused};
use crate::home::Home;
use crate::store::{Batch, Store, StoreError};

/// For how long a process that records can be silent: it writes every ten seconds that it lives.
const SILENCE: Duration = Duration::from_secs(40);

/// How many events are committed together at most.
const BATCH: usize = 2_000;

/// How much of a file is read at once, unless a frame is longer.
const READ: usize = 1 << 20;

/// Says who imports: held for as long as somebody does.
const LOCK: &str = "import.lock";

/// Follows all spool files of a home. There is one for each home.
#[derive(Debug)]
pub struct Importer {
    dir: PathBuf,
    files: HashMap<PathBuf, Followed>,
    /// Who was already said to have spoken in which session.
    voices: HashSet<(String, SessionId, bool)>,
    /// Files that cannot be read, each reported once.
    refused: HashSet<PathBuf>,
    buffer: Vec<u8>,
    /// Held by who removes files that are in its store; without it they stay.
    lock: Option<Held>,
}

/// A lock that is let go at once: a child that this process just starts has its files open for a moment more.
#[derive(Debug)]
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // Where that fails it is let go when the last has closed it.
        _ = self.0.unlock();
    }
}

/// A file that is followed.
#[derive(Debug)]
struct Followed {
    file: File,
    follower: Follower,
    /// Who recorded, in the words of the file, and as it is kept.
    said: Option<Resource>,
    resource: Arc<Resource>,
    damaged: u64,
}

/// Something that could not be read.
#[derive(Debug)]
pub struct Problem {
    file: PathBuf,
    what: What,
}

#[derive(Debug)]
enum What {
    Unreadable(io::Error),
    NotASpool,
    Newer { found: u32, supported: u32 },
    Headless,
    Damaged(u64),
    Torn { bytes: u64 },
    Limited(Refused),
}

/// Why nothing was imported.
#[derive(Debug)]
pub enum ImportError {
    Store(StoreError),
    Unreadable { path: PathBuf, error: io::Error },
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Importer {
    /// The importer of a home; `None` where another process has it.
    pub fn new(home: &Home) -> io::Result<Option<Self>> {
        let lock = File::options()
            .create(true)
            .append(true)
            .open(home.path().join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Some(Self {
            lock: Some(Held(lock)),
            ..Self::that_leaves_files(home)
        }))
    }

    /// An importer into a store that does not stay: it leaves all files as they are, and may be one of many.
    pub fn that_leaves_files(home: &Home) -> Self {
        Self {
            dir: home.spool(),
            files: HashMap::new(),
            voices: HashSet::new(),
            refused: HashSet::new(),
            buffer: Vec::new(),
            lock: None,
        }
    }

    /// Whether another process takes in the spool of a home, or just did.
    pub fn runs(home: &Home) -> bool {
        // Shared, so that two who ask do not take one another for it.
        let lock = File::open(home.path().join(LOCK));
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Takes in what is new in all files, by `commit`, which is told each batch. What could not be read is told once.
    pub fn step(
        &mut self,
        store: &dyn Store,
        commit: &mut dyn FnMut(&Batch) -> Result<(), StoreError>,
    ) -> Result<Vec<Problem>, ImportError> {
        let files = files(&self.dir).map_err(|error| ImportError::Unreadable {
            path: self.dir.clone(),
            error,
        })?;
        // Asked first: a process that ends while its file is being read has not lost what is read too early.
        let alive: HashSet<String> = files
            .iter()
            .filter(|file| is_held(file) && !is_inherited(file))
            .map(|file| process(file))
            .collect();
        let mut problems = Vec::new();
        let mut finished = Vec::new();
        for (at, path) in files.iter().enumerate() {
            if self.refused.contains(path) {
                continue;
            }
            // A process that has begun another file writes to that one.
            let own = process(path);
            let is_last = !files[at + 1..].iter().any(|later| process(later) == own);
            let lives = alive.contains(&own) && is_last;
            let mut report = |what| {
                problems.push(Problem {
                    file: path.clone(),
                    what,
                });
            };
            match self.file(path, lives, store, commit) {
                Ok((over, found)) => {
                    found.into_iter().for_each(&mut report);
                    if over {
                        finished.push(path.clone());
                    }
                }
                Err(Failed::Here(what)) => {
                    report(what);
                    self.refused.insert(path.clone());
                    self.files.remove(path);
                }
                Err(Failed::Everywhere(error)) => {
                    // What was read is not in the store: it is read again from where the store is.
                    self.files.remove(path);
                    self.voices.clear();
                    return Err(error.into());
                }
            }
        }
        self.close(store, &files, finished, &alive, commit)?;
        Ok(problems)
    }
    /// Takes in what is new in one file: whether there will be nothing more of it, and what could not be read.
    fn file(
        &mut self,
        path: &Path,
        lives: bool,
        store: &dyn Store,
        commit: &mut dyn FnMut(&Batch) -> Result<(), StoreError>,
    ) -> Result<(bool, Vec<What>), Failed> {
        let name = name(path);
        let followed = match self.files.entry(path.to_owned()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let file = File::open(path).map_err(What::Unreadable)?;
                entry.insert(Followed {
                    file,
                    follower: Follower::resume(store.position(&name)?),
                    said: None,
                    resource: Arc::default(),
                    damaged: 0,
                })
            }
        };
        let process = process(path);
        let mut room = READ;
        let mut tail = None;
        let mut refused = Refused::default();
        loop {
            let from = followed.follower.offset();
            self.buffer.clear();
            followed
                .file
                .seek(SeekFrom::Start(from))
                .map_err(What::Unreadable)?;
            let mut piece = (&followed.file).take(room as u64);
            piece
                .read_to_end(&mut self.buffer)
                .map_err(What::Unreadable)?;
            let all = self.buffer.len() < room;
            let last = all && !lives;
            let events = match last {
                true => followed.follower.finish(&self.buffer),
                false => followed.follower.feed(&self.buffer),
            };
            let mut events = match events {
                Ok(events) => events,
                // Nothing was recorded yet, or ever.
                Err(HeaderError::Truncated) if lives || self.buffer.is_empty() => {
                    return Ok((!lives, Vec::new()));
                }
                Err(HeaderError::Truncated) => return Err(What::Headless.into()),
                Err(HeaderError::Newer { found, supported }) => {
                    return Err(What::Newer { found, supported }.into());
                }
                Err(_) => return Err(What::NotASpool.into()),
            };
            let mut batch = Batch::default();
            while batch.events.len() < BATCH {
                let Some(mut event) = events.next() else {
                    tail = events.tail();
                    break;
                };
                if let Some(resource) = events
                    .resource()
                    .filter(|found| followed.said.as_ref() != Some(found))
                {
                    followed.said = Some(resource.clone());
                    followed.resource = Arc::new(limit::resource(resource.clone(), &mut refused));
                }
                admit(&mut event, &mut refused);
                let spoke = match &event {
                    Event::Session(facts) => Some((facts.id, true)),
                    Event::SpanStarted(span) | Event::SpanEnded(span) => {
                        Some((span.session_id, false))
                    }
                    _ => None,
                };
                if let Some((session, opened)) = spoke {
                    let voice = (process.clone(), session, opened);
                    if !self.voices.contains(&voice) {
                        batch.voices.push(voice.clone());
                        self.voices.insert(voice);
                    }
                }
                batch.events.push((followed.resource.clone(), event));
            }
            let full = batch.events.len() == BATCH;
            let reached = followed.follower.offset();
            if !batch.events.is_empty() {
                batch.positions.push((name.clone(), reached));
                commit(&batch)?;
            }
            if full || reached > from && !all {
                room = READ;
            } else if reached == from && !all && room < MAX_FRAME + READ {
                // A frame that is longer than what was read.
                room = (room * 4).min(MAX_FRAME + READ);
            } else {
                break;
            }
        }
        let mut problems = Vec::new();
        let damaged = followed.follower.damaged();
        if damaged > followed.damaged {
            problems.push(What::Damaged(damaged - followed.damaged));
            followed.damaged = damaged;
        }
        if !refused.is_empty() {
            problems.push(What::Limited(refused));
        }
        // The last frame of a process that lives may be half written.
        if let Some(tail) = tail.filter(|_| !lives) {
            problems.push(What::Torn { bytes: tail.bytes });
        }
        Ok((!lives, problems))
    }

    /// Lets go of files that are in the store to their end, and of sessions that nobody speaks for any more.
    fn close(
        &mut self,
        store: &dyn Store,
        files: &[PathBuf],
        finished: Vec<PathBuf>,
        alive: &HashSet<String>,
        commit: &mut dyn FnMut(&Batch) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let alive: Vec<String> = alive.iter().cloned().collect();
        let mut batch = Batch {
            lost: store.deserted(&alive)?,
            ..Batch::default()
        };
        for path in &finished {
            self.files.remove(path);
            // A file that stays is read again from where it was read to, which is its end.
            if self.lock.is_some() && fs::remove_file(path).is_ok() {
                _ = fs::remove_file(lock_of(path));
            }
        }
        let there: HashSet<String> = files
            .iter()
            .filter(|path| path.exists())
            .map(|path| name(path))
            .collect();
        let processes: HashSet<&str> = there.iter().map(|name| process_of(name)).collect();
        for (file, _) in store.positions()? {
            if there.contains(&file) {
                continue;
            }
            let process = process_of(&file).to_owned();
            if !processes.contains(&*process) && !batch.silent.contains(&process) {
                self.voices.retain(|(voice, _, _)| *voice != process);
                batch.silent.push(process);
            }
            batch.gone.push(file);
        }
        if !batch.is_empty() {
            commit(&batch)?;
        }
        Ok(())
    }

    /// Whether another importer has taken in all that was in the files when this is asked.
    pub fn has_caught_up(
        home: &Home,
        store: &dyn Store,
        sizes: &[(String, u64)],
    ) -> Result<bool, StoreError> {
        for (file, size) in sizes {
            // A file that is gone was taken in whole.
            if home.spool().join(file).exists() && store.position(file)? < *size {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The spool files of a home, each with its size.
    pub fn sizes(home: &Home) -> io::Result<Vec<(String, u64)>> {
        let files = files(&home.spool())?;
        let sized = files
            .iter()
            .filter_map(|path| Some((name(path), path.metadata().ok()?.len())));
        Ok(sized.collect())
    }
}

/// Why a file was not taken in.
enum Failed {
    /// For a reason of its own.
    Here(What),
    /// Nor will any other be.
    Everywhere(StoreError),
}

impl Problem {
    /// What was left out by limits.
    pub fn refused(&self) -> Option<&Refused> {
        match &self.what {
            What::Limited(refused) => Some(refused),
            _ => None,
        }
    }
}

impl From<What> for Failed {
    fn from(what: What) -> Self {
        Self::Here(what)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Everywhere(error)
    }
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The process that a file is of: its name without the number, for one process may have begun several.
fn process_of(name: &str) -> &str {
    let stem = name.strip_suffix(".agentops").unwrap_or(name);
    stem.rsplit_once('-').map_or(stem, |(process, _)| process)
}

fn process(path: &Path) -> String {
    process_of(&name(path)).to_owned()
}

fn lock_of(path: &Path) -> OsString {
    let mut lock = OsString::from(path);
    lock.push(".lock");
    lock
}

/// The spool files of a directory, in the order in which they were begun.
fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let named = path
            .extension()
            .is_some_and(|extension| extension == "agentops");
        // A pipe of that name would be waited on for ever; what cannot be looked at is for whoever opens it to report.
        if named
            && path
                .metadata()
                .map_or(true, |metadata| !is_pipe_like(&metadata))
        {
            files.push(path);
        }
    }
    files.sort_by_cached_key(|path| (begun(path), path.clone()));
    Ok(files)
}

fn is_pipe_like(metadata: &std::fs::Metadata) -> bool {
    !metadata.is_file() && !metadata.is_dir()
}

/// When a file was begun, by its name: milliseconds, process, number.
fn begun(path: &Path) -> [u64; 3] {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut numbers = stem.rsplit('-').map(|part| part.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let (number, process, millis) = (next(), next(), next());
    [millis, process, number]
}

/// Whether the process that writes a file lives: it holds the lock beside the file until it ends.
fn is_held(path: &Path) -> bool {
    // Shared, so that two readers do not take one another for the owner.
    File::open(lock_of(path)).is_ok_and(|lock| match lock.try_lock_shared() {
        Ok(()) => false,
        Err(TryLockError::WouldBlock) => true,
        // Where locks do not work, who lives is who has written lately.
        Err(TryLockError::Error(_)) => path
            .metadata()
            .and_then(|metadata| metadata.modified())
            .map_or(true, |written| is_recent(written, SystemTime::now())),
    })
}

/// Whether a file's lock is held by a fork alone: forks hold what their parent held, and it may be gone.
///
/// Then nobody writes, and the process that the file is named for is not there. Either may be so for a while, or because
/// it is another machine's or container's; both together are not. Where there is no `/proc` the lock decides.
fn is_inherited(path: &Path) -> bool {
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    let silent = written.is_ok_and(|written| !is_recent(written, SystemTime::now()));
    let processes = Path::new("/proc");
    let [_, process, _] = begun(path);
    silent && processes.join("self").exists() && !processes.join(process.to_string()).exists()
}

/// Whether a process may still live that wrote last at `written`: it writes a heartbeat every ten seconds, and three
/// may be late. A clock that was set back declares nobody dead.
fn is_recent(written: SystemTime, now: SystemTime) -> bool {
    now.duration_since(written)
        .map_or(true, |silence| silence < SILENCE)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.file.display().to_string();
        let file = text::clean(&path);
        match &self.what {
            What::Limited(refused) => {
                let said = refused.message().unwrap_or_default();
                write!(f, "{file}: {said}")
            }
            What::Unreadable(error) => write!(f, "{file} was skipped: {error}"),
            What::NotASpool => write!(f, "{file} was skipped: it is not a spool file"),
            What::Newer { found, supported } => write!(
                f,
                "{file} was skipped and left as it is: a newer agentops wrote it (format {found}, this command reads \
                 up to {supported}); update this command: `cargo install --path agentops-server` in a newer checkout"
            ),
            What::Headless => write!(f, "{file} was skipped: it ends before its first record"),
            What::Damaged(1) => write!(
                f,
                "{file}: 1 damaged record was skipped, the others were read"
            ),
            What::Damaged(count) => write!(
                f,
                "{file}: {count} damaged records were skipped, the others were read"
            ),
            What::Torn { bytes } => write!(
                f,
                "{file}: its last {bytes} bytes were skipped, an unfinished record: the program died while writing it"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_silent_for_too_long_is_gone() {
        let now = SystemTime::now();
        let ago = |seconds| now - Duration::from_secs(seconds);
        assert!(is_recent(ago(39), now) && !is_recent(ago(40), now));
        assert!(is_recent(now + Duration::from_secs(3600), now));
    }

    #[test]
    fn files_are_read_in_the_order_of_their_begin() {
        let mut names = ["b-9-1-0", "a-10-1-10", "my-run-10-1-9", "zz", "a-10-0-99"];
        names.sort_by_key(|name| begun(Path::new(&format!("{name}.agentops"))));
        assert_eq!(
            names,
            ["zz", "b-9-1-0", "a-10-0-99", "my-run-10-1-9", "a-10-1-10"]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_lock_that_only_a_fork_holds_is_no_sign_of_life() {
        let mut ended = std::process::Command::new("true").spawn().expect("it runs");
        ended.wait().expect("it ends");
        let dir = std::env::temp_dir().join(format!("agentops-forks-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("it can be made");
        let held = |process: u32, silent: Duration| {
            let path = dir.join(format!("name-1-{process}-0.agentops"));
            let file = File::create(&path).expect("it can be written");
            let at = std::time::SystemTime::now() - silent;
            file.set_modified(at).expect("it can be dated");
            let lock = File::create(dir.join(format!("name-1-{process}-0.agentops.lock")));
            let lock = lock.expect("it can be written");
            lock.try_lock().expect("nobody else has it");
            let seen = (is_held(&path), is_inherited(&path));
            drop(lock);
            seen
        };
        let (dead, alive) = (ended.id(), std::process::id());
        assert_eq!(held(dead, SILENCE * 2), (true, true));
        assert_eq!(held(dead, SILENCE / 2), (true, false));
        assert_eq!(held(alive, SILENCE * 2), (true, false));
        fs::remove_dir_all(&dir).expect("it can be removed");
    }
}
