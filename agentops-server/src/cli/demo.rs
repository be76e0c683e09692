//! `agentops demo`: a server with a run going on in it.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use agentops_core::model::id::SessionId;
use agentops_core::model::time::UnixNanos;
use agentops_core::model::tree;

use super::{DATABASE, Failure, Output, say, serve};
use crate::demo::{self, Recording};
use crate::home::Home;
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
    let home = Home::at(place.0.clone());
    let store = Arc::new(Sqlite::open(&place.0.join(DATABASE), Durability::Process)?);
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
    let Some(session) = serve::run_with(&args.listen, &home, store.clone(), output, beside)? else {
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
struct Place(std::path::PathBuf);

impl Place {
    fn new() -> Result<Self, Failure> {
        let name = format!("agentops-demo-{}", std::process::id());
        let place = Self(std::env::temp_dir().join(name));
        Home::at(place.0.clone()).make()?;
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What stays is in the directory for temporary files.
        _ = std::fs::remove_dir_all(&self.0);
    }
}
