//! Spool files of this machine, read whole: `<home>/spool/<name>-<unix millis>-<pid>-<n>.agentops`.
//!
//! Each file is one process's; the lock beside it tells whether that process lives. Files are only read: what is
//! damaged, unfinished or from the future is reported and stays as it is.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use agentops_core::model::event::Event;
use agentops_core::model::frame::{HeaderError, Reader};
use agentops_core::model::id::SessionId;
use agentops_core::model::pricing;
use agentops_core::model::span::Span;
use agentops_core::model::trace::{Trace, Traces};
use agentops_core::model::tree::text;

/// For how long a process that records can be silent: it writes every ten seconds that it lives.
const SILENCE: Duration = Duration::from_secs(40);

/// What all files had to say.
#[derive(Debug)]
pub(crate) struct Contents {
    /// Every session, newest first.
    pub(crate) traces: Vec<Trace>,
    /// How many spans of older sessions were removed to keep the spool within its limit.
    pub(crate) removed: u64,
    /// What could not be read, by file.
    pub(crate) problems: Vec<Problem>,
}

/// Something that could not be read.
#[derive(Debug)]
pub(crate) struct Problem {
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
}

/// Who speaks of a session.
#[derive(Debug, Default)]
struct Voices {
    /// A process that opened it lives.
    owner_lives: bool,
    /// A process that opened it was seen.
    owned: bool,
    /// Any process that recorded in it lives.
    anyone_lives: bool,
}

/// Reads all spool files in `dir`; where there is no such directory, there are none.
///
/// # Errors
///
/// Where the directory cannot be listed. A file that cannot be read is a [`Problem`].
pub(crate) fn read(dir: &Path) -> io::Result<Contents> {
    let mut traces = Traces::default();
    let mut problems = Vec::new();
    let mut voices = HashMap::new();
    let files = files(dir)?;
    // Asked first: a process that ends while its file is being read has not lost what is read too early.
    let alive: HashSet<String> = files
        .iter()
        .filter(|file| is_held(file) && !is_inherited(file))
        .map(|file| process(file))
        .collect();
    for file in files {
        let lives = alive.contains(&process(&file));
        let mut report = |what| {
            problems.push(Problem {
                file: file.clone(),
                what,
            })
        };
        if let Err(what) = read_file(&file, lives, &mut traces, &mut voices, &mut report) {
            report(what);
        }
    }
    for (session, voices) in voices {
        // Only who opened a session can lose it; where nobody here did, whoever speaks last.
        if !(voices.owner_lives || (!voices.owned && voices.anyone_lives)) {
            traces.mark_lost(session);
        }
    }
    Ok(Contents {
        removed: traces.removed(),
        traces: traces.finish(),
        problems,
    })
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

fn read_file(
    path: &Path,
    lives: bool,
    traces: &mut Traces,
    voices: &mut HashMap<SessionId, Voices>,
    report: &mut impl FnMut(What),
) -> Result<(), What> {
    let bytes = fs::read(path).map_err(What::Unreadable)?;
    let mut reader = match Reader::new(&bytes) {
        Ok(reader) => reader,
        Err(HeaderError::Newer { found, supported }) => {
            return Err(What::Newer { found, supported });
        }
        // Nothing was recorded yet, or ever.
        Err(HeaderError::Truncated) if lives || bytes.is_empty() => return Ok(()),
        Err(HeaderError::Truncated) => return Err(What::Headless),
        Err(_) => return Err(What::NotASpool),
    };
    let resource = reader.resource().cloned().unwrap_or_default();

    let (mut opened, mut seen) = (HashSet::new(), HashSet::new());
    for mut event in &mut reader {
        match &mut event {
            Event::Session(facts) => _ = opened.insert(facts.id),
            Event::SpanStarted(span) | Event::SpanEnded(span) => {
                seen.insert(span.session_id);
                price(span);
            }
            _ => {}
        }
        traces.apply(&resource, event);
    }
    for session in seen {
        voices.entry(session).or_default().anyone_lives |= lives;
    }
    for session in opened {
        let voices = voices.entry(session).or_default();
        voices.owned = true;
        voices.owner_lives |= lives;
    }

    if reader.damaged() > 0 {
        report(What::Damaged(reader.damaged()));
    }
    // The last frame of a process that lives may be half written.
    if let Some(tail) = reader.tail().filter(|_| !lives) {
        report(What::Torn { bytes: tail.bytes });
    }
    Ok(())
}

/// The process that a file is of: its name without the number, for one process may have begun several.
fn process(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.rsplit_once('-')
        .map_or(&*stem, |(process, _)| process)
        .to_owned()
}

/// Whether the process that writes a file lives: it holds the lock beside the file until it ends.
fn is_held(path: &Path) -> bool {
    let mut lock = OsString::from(path);
    lock.push(".lock");
    // Shared, so that two readers do not take one another for the owner.
    File::open(lock).is_ok_and(|lock| match lock.try_lock_shared() {
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

/// Prices a model call that its recorder did not: programs carry prices only if they ask for them.
fn price(span: &mut Span) {
    if let Some(call) = span.llm.as_mut().filter(|call| call.cost.is_none()) {
        call.cost = pricing::price(call, span.start);
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.file.display().to_string();
        let file = text::clean(&path);
        match &self.what {
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
