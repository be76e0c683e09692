//! All that was recorded on this machine until now: the store, with what the spool had taken in.
//!
//! Where a server runs, it takes in; what was there when a command asked is waited for. Knows no command.

use std::time::{Duration, Instant};

use super::{Failure, say};
use crate::home::{Home, HomeError};
use crate::ingest::spool::Importer;
use crate::store::Store;
use crate::store::sqlite::{Durability, Sqlite};

/// All that was recorded on this machine.
pub(super) struct Recorded {
    pub(super) home: Home,
    pub(super) store: Sqlite,
    /// Something could not be read.
    pub(super) problems: bool,
}

/// The file that the store is in.
pub(super) const DATABASE: &str = "agentops.db";

/// For how long another process that imports is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// All that was recorded on this machine until now.
pub(super) fn recorded() -> Result<Recorded, Failure> {
    let home = Home::from_env()?;
    home.check()?;
    home.make()?;
    let store = Sqlite::open(&home.path().join(DATABASE), Durability::Process)?;
    let problems = take_in(&home, &store)?;
    Ok(Recorded {
        home,
        store,
        problems,
    })
}

/// Takes in what the spool has, or waits for whoever does. Whether something could not be read.
fn take_in(home: &Home, store: &Sqlite) -> Result<bool, Failure> {
    let sizes =
        Importer::sizes(home).map_err(|error| HomeError::unreadable(home.spool(), error))?;
    let asked = Instant::now();
    let problems = loop {
        let importer = Importer::new(home)
            .map_err(|error| HomeError::unreadable(home.path().into(), error))?;
        if let Some(mut importer) = importer {
            let problems = importer.step(store, &mut |batch| store.commit(batch).map(drop))?;
            for problem in &problems {
                say(format_args!("warning: {problem}"));
            }
            break !problems.is_empty();
        }
        // A server follows the spool; what was there when this was asked is what must be in the answer.
        if Importer::has_caught_up(home, store, &sizes)? || asked.elapsed() > PATIENCE {
            break false;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    // An answer's sums lag behind nothing that is in it.
    store.settle(true)?;
    while store.maintain(Duration::from_millis(20))? && asked.elapsed() < Duration::from_millis(100)
    {
    }
    Ok(problems)
}
