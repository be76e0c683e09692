//! All that was recorded on this machine until now: the store, with what the spool had taken in.
//!
//! Where a server runs, it takes in; what was there when a command asked is waited for. Where the data directory cannot
//! be written to, an answer comes from the store as it is, or from one that is made for this answer alone. Knows no
//! command.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Failure, say};
use crate::home::{Home, HomeError};
use crate::ingest::spool::{ImportError, Importer};
use crate::store::sqlite::{Durability, Sqlite};
use crate::store::{Store, StoreError};

/// The file that the store is in.
pub(super) const DATABASE: &str = "agentops.db";

/// For how long another process that imports is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// All that was recorded on this machine.
pub(super) struct Recorded {
    pub(super) home: Home,
    pub(super) store: Sqlite,
    /// Something could not be read.
    pub(super) problems: bool,
    /// Whether what comes later may be kept in the store, too.
    keeps: Keeps,
}

/// What becomes of what is taken in.
enum Keeps {
    /// It is in the store of the home.
    Home,
    /// It is not taken in.
    Nothing,
    /// It is in a store that goes with the answer.
    Answer(#[expect(dead_code, reason = "held until the answer is given")] Scratch),
}

/// Why what was recorded cannot be had.
enum Why {
    Home(HomeError),
    /// The home may be read, and nothing be written there.
    Closed(Failure),
    Store(StoreError),
    Import(ImportError),
}

/// All that was recorded until now, for a command that writes.
pub(super) fn recorded() -> Result<Recorded, Failure> {
    let home = Home::from_env()?;
    Ok(open(home).and_then(|mut recorded| {
        recorded.problems = recorded.take_in()?;
        Ok(recorded)
    })?)
}

/// All that was recorded until now, for a command that only reads: the home need not be writable, nor have room.
pub(super) fn readable() -> Result<Recorded, Failure> {
    let home = Home::from_env()?;
    let mut recorded = match open(home.clone()) {
        Ok(recorded) => recorded,
        Err(Why::Closed(_)) => return closed(home),
        Err(why) => return Err(why.into()),
    };
    match recorded.take_in() {
        Ok(problems) => recorded.problems = problems,
        Err(Why::Closed(_)) => {
            drop(recorded.store);
            return closed(home);
        }
        // What is in the store is answered; it says that this is not all.
        Err(Why::Store(error) | Why::Import(ImportError::Store(error))) if error.may_pass() => {
            say(format_args!(
                "warning: {error}, so what was recorded last is not shown; {}",
                error.help()
            ));
            recorded.keeps = Keeps::Nothing;
        }
        Err(why) => return Err(why.into()),
    }
    Ok(recorded)
}

fn open(home: Home) -> Result<Recorded, Why> {
    home.check().map_err(Why::Home)?;
    home.make().map_err(|error| Why::Closed(error.into()))?;
    let store = Sqlite::open(&home.path().join(DATABASE), Durability::Process)?;
    Ok(Recorded {
        home,
        store,
        problems: false,
        keeps: Keeps::Home,
    })
}

/// What can be had of a home that cannot be written to.
///
/// The store as it is, where all of the spool is in it or a server sees to that; else a copy of it that takes the spool
/// in, and goes with the answer.
fn closed(home: Home) -> Result<Recorded, Failure> {
    let database = home.path().join(DATABASE);
    let path = home.path().display();
    if database.exists()
        && let Ok(store) = Sqlite::open_to_read(&database)
    {
        let asked = Instant::now();
        let sizes = sizes(&home)?;
        while Importer::runs(&home) && asked.elapsed() < PATIENCE {
            if Importer::has_caught_up(&home, &store, &sizes)? {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let whole = Importer::has_caught_up(&home, &store, &sizes)?;
        if whole || Importer::runs(&home) {
            return Ok(Recorded {
                home,
                store,
                problems: false,
                keeps: Keeps::Nothing,
            });
        }
    }
    say(format_args!(
        "note: {path} cannot be written to, so the spool is read for this answer alone"
    ));
    let scratch = Scratch::new().map_err(|error| {
        Failure::told(
            format!(
                "{path} cannot be written to, and neither can {}: {error}",
                std::env::temp_dir().display()
            ),
            "make one of them writable; TMPDIR names another directory for what is needed for an answer",
        )
    })?;
    let copy = scratch.dir.join(DATABASE);
    if database.exists() {
        for suffix in ["", "-wal"] {
            let name = format!("{DATABASE}{suffix}");
            match fs::copy(home.path().join(&name), scratch.dir.join(&name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(HomeError::unreadable(home.path().join(name), error).into());
                }
                _ => {}
            }
        }
        // A copy is as closed as what it was made of.
        open_up(&scratch.dir);
    }
    let mut recorded = Recorded {
        store: Sqlite::open(&copy, Durability::Process)?,
        home,
        problems: false,
        keeps: Keeps::Answer(scratch),
    };
    recorded.problems = recorded.take_in()?;
    Ok(recorded)
}

fn sizes(home: &Home) -> Result<Vec<(String, u64)>, HomeError> {
    Importer::sizes(home).map_err(|error| HomeError::unreadable(home.spool(), error))
}

impl Recorded {
    /// Takes in what the spool has, or waits for whoever does. Whether something could not be read.
    fn take_in(&self) -> Result<bool, Why> {
        let sizes = sizes(&self.home).map_err(Why::Home)?;
        let asked = Instant::now();
        loop {
            if let Some(mut importer) = self.importer()? {
                let problems = self.step(&mut importer)?;
                while self.store.maintain(Duration::from_millis(20))?
                    && asked.elapsed() < Duration::from_millis(100)
                {}
                return Ok(problems);
            }
            // A server follows the spool, and does what can wait; what was there when this was asked is what must be in
            // the answer.
            if Importer::has_caught_up(&self.home, &self.store, &sizes)?
                || asked.elapsed() > PATIENCE
            {
                self.store.settle(true)?;
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Takes in what is new since then, for a command that follows.
    pub(super) fn take_in_more(&self, importer: &mut Option<Importer>) -> Result<(), Failure> {
        if importer.is_none() {
            *importer = self.importer().ok().flatten();
        }
        if let Some(importer) = importer {
            self.step(importer)?;
        }
        Ok(())
    }

    /// Who takes in the spool; `None` where somebody else does, or nobody.
    fn importer(&self) -> Result<Option<Importer>, Why> {
        match self.keeps {
            Keeps::Home => Importer::new(&self.home).map_err(|error| {
                Why::Closed(HomeError::unwritable(self.home.path().into(), error).into())
            }),
            Keeps::Nothing => Ok(None),
            Keeps::Answer(_) => Ok(Some(Importer::that_leaves_files(&self.home))),
        }
    }

    fn step(&self, importer: &mut Importer) -> Result<bool, Why> {
        let mut commit = |batch: &_| self.store.commit(batch).map(drop);
        let problems = importer.step(&self.store, &mut commit)?;
        for problem in &problems {
            say(format_args!("warning: {problem}"));
        }
        // An answer's sums lag behind nothing that is in it.
        self.store.settle(true)?;
        Ok(!problems.is_empty())
    }
}

/// A directory for one answer, for its owner alone, and gone with it.
struct Scratch {
    dir: PathBuf,
    /// Held for as long as the answer takes, so that others see what was left behind by whom.
    _lock: File,
}

/// How the names of such directories begin.
const SCRATCH: &str = "agentops-answer-";

/// After so long whoever makes one holds its lock.
const SETTLED: Duration = Duration::from_secs(60);

impl Scratch {
    fn new() -> io::Result<Self> {
        let temp = std::env::temp_dir();
        clear(&temp);
        let number = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), SCRATCH);
        let dir = temp.join(format!("{SCRATCH}{number:016x}"));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        // Fails where there is one already, whoever made it.
        builder.create(&dir)?;
        let lock = File::create(dir.join("lock"))?;
        lock.try_lock()?;
        Ok(Self { dir, _lock: lock })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next.
        _ = fs::remove_dir_all(&self.dir);
    }
}

/// Removes what answers left behind that were interrupted.
fn clear(temp: &Path) {
    let entries = fs::read_dir(temp).into_iter().flatten().flatten();
    for entry in entries {
        let is_ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(SCRATCH));
        let lock = entry.path().join("lock");
        // Who has just made one may not hold it yet.
        let is_old = || {
            let made = lock.metadata().and_then(|made| made.modified());
            made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > SETTLED))
        };
        let is_left = || File::open(&lock).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_ours && is_old() && is_left() {
            _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(unix)]
fn open_up(dir: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        // Where this fails, opening it tells why.
        _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o600));
    }
}

#[cfg(not(unix))]
fn open_up(_dir: &Path) {}

impl From<HomeError> for Why {
    fn from(error: HomeError) -> Self {
        Self::Home(error)
    }
}

impl From<StoreError> for Why {
    fn from(error: StoreError) -> Self {
        match error.is_closed() {
            true => Self::Closed(error.into()),
            false => Self::Store(error),
        }
    }
}

impl From<ImportError> for Why {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => error.into(),
            error => Self::Import(error),
        }
    }
}

impl From<Why> for Failure {
    fn from(why: Why) -> Self {
        match why {
            Why::Home(error) => error.into(),
            Why::Closed(failure) => failure,
            Why::Store(error) => error.into(),
            Why::Import(error) => error.into(),
        }
    }
}
