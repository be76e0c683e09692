//! `agentops demo`: a server with a run going on in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use agentops_core::model::id::SessionId;
use agentops_core::model::time::UnixNanos;
use agentops_core::model::tree;

use super::{DATABASE, Failure, Output, say, serve};
use crate::demo::{self, Recording};
use crate::home::{Home, HomeError};
use crate::live::Live;
use crate::query;
use crate::store::sqlite::{Durability, Sqlite};
use crate::store::{Batch, StoreError};

/// Watch a recorded run of a small team of agents
///
/// It is a run of the example `research_team` that fails. Serves as `serve` does, on data of its own that goes when
/// this ends, and plays the run in at its own pace. Its model was a stand-in; what it cost is what the real one would
/// have charged.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Stop at the end of the run, and print its tree
    #[arg(long)]
    once: bool,

    #[command(flatten)]
    listen: serve::Listen,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<(), Failure> {
    args.listen.check()?;
    let place = Place::new()?;
    let home = Home::at(place.path.clone());
    let store = Arc::new(Sqlite::open(
        &place.path.join(DATABASE),
        Durability::Process,
    )?);
    let once = args.once;
    say(
        "a recorded run of research_team: its model was a rule-based stand-in, costs are what gpt-4o-mini would have charged",
    );
    let beside = |live: Arc<Live>, pages: serve::Pages| async move {
        let (session, now) = demo::session_id(SystemTime::now());
        let shown = move || {
            if !once {
                let page = format!("/s/{session}");
                say(format_args!("the run is at {}", pages.at(&page)));
                pages.open(&page);
            }
        };
        let played = tokio::task::spawn_blocking(move || play(&live, session, now, shown)).await;
        played.map_err(|_| Failure::told("the run could not be played", ""))??;
        if !once {
            say("the run is over; Ctrl-C stops the server");
            std::future::pending::<()>().await;
        }
        Ok(session)
    };
    let stopped = serve::run_with(&args.listen, &home, store.clone(), output, true, beside)?;
    let Some(session) = stopped else {
        return Ok(());
    };
    if let Some(trace) = query::trace(&*store, session)? {
        output.text(&tree::render(&trace, output.style))?;
    }
    Ok(())
}

/// Plays the run in; `begun` as soon as there is something of it.
fn play(
    live: &Live,
    session: SessionId,
    now: UnixNanos,
    begun: impl FnOnce(),
) -> Result<(), StoreError> {
    let recording = Recording::bundled();
    let began = Instant::now();
    let mut begun = Some(begun);
    for step in recording.steps(session, now) {
        if let Some(wait) = step.after.checked_sub(began.elapsed()) {
            std::thread::sleep(wait);
        }
        let batch = Batch {
            events: vec![(recording.resource().clone(), step.event)],
            ..Batch::default()
        };
        live.commit(&batch)?;
        if let Some(begun) = begun.take() {
            begun();
        }
    }
    Ok(())
}

/// A directory that goes with the demo.
struct Place {
    path: PathBuf,
    /// Held for as long as the demo runs.
    _lock: File,
}

/// What every demo's directory is called, before a number.
const PLACE: &str = "agentops-demo-";

/// Says in such a directory whether its demo still runs.
const LOCK: &str = "demo.lock";

/// How long a demo takes to begin at the most, and much more.
const BEGINNING: Duration = Duration::from_secs(60);

impl Place {
    fn new() -> Result<Self, Failure> {
        collect(&std::env::temp_dir());
        let path = std::env::temp_dir().join(format!("{PLACE}{}", std::process::id()));
        Home::at(path.clone()).make()?;
        let lock = File::create(path.join(LOCK)).and_then(|lock| {
            lock.lock()?;
            Ok(lock)
        });
        let lock = lock.map_err(|error| HomeError::unwritable(path.clone(), error))?;
        Ok(Self { path, _lock: lock })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What stays is in the directory for temporary files.
        _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes what demos left that were killed. What cannot be removed is somebody else's.
fn collect(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    let is_place = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PLACE));
        number.is_some_and(|number| number.parse::<u32>().is_ok())
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
    };
    for entry in entries.flatten().filter(is_place) {
        let place = entry.path();
        let is_over = || {
            let lock = File::open(place.join(LOCK)).ok()?;
            let made = lock.metadata().ok()?.modified().ok()?;
            let is_old = made.elapsed().is_ok_and(|age| age > BEGINNING);
            (is_old && lock.try_lock().is_ok()).then_some(())
        };
        if is_over().is_some() {
            _ = fs::remove_dir_all(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn what_a_killed_demo_left_goes_and_what_runs_stays() {
        let dir = std::env::temp_dir().join(format!("agentops-collect-{}", std::process::id()));
        let place = |name: &str| {
            let place = dir.join(name);
            fs::create_dir_all(&place).expect("a directory");
            place
        };
        let locked = |name: &str| {
            let lock = File::create(place(name).join(LOCK)).expect("a lock");
            let long_ago = SystemTime::now() - 2 * BEGINNING;
            lock.set_modified(long_ago).expect("a time");
            lock
        };
        drop(locked("agentops-demo-1"));
        let runs = locked("agentops-demo-2");
        runs.lock().expect("nobody has it");
        drop(File::create(place("agentops-demo-3").join(LOCK)).expect("a lock"));
        place("agentops-demo-4");
        drop(locked("agentops-demo-mine"));
        drop(locked("agentops-demo-5/inside"));
        collect(&dir);
        let mut left: Vec<_> = fs::read_dir(&dir)
            .expect("it is there")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        left.sort();
        let numbers = ["2", "3", "4", "5", "mine"];
        assert_eq!(
            left,
            numbers.map(|number| OsString::from(format!("{PLACE}{number}")))
        );
        fs::remove_dir_all(&dir).expect("it can be removed");
    }
}
