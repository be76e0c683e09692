//! The server's parts put together: the store, the importer that follows the spool, the thread that commits requests,
//! the routes; and how they stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::api::{self, App, Room};
use crate::auth::{self, Access};
use crate::home::Home;
use crate::ingest::spool::{ImportError, Importer};
use crate::ingest::upload::Objects;
use crate::ingest::writer::Writer;
use crate::live::Live;
use crate::log;
use crate::stats::Stats;
use crate::store::{Batch, Store, StoreError};

/// How often the spool is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How long what failed is left alone: what is full or busy now is so in a moment, too, and a line about it is enough.
const TROUBLE: Duration = Duration::from_secs(1);

/// What can wait is done in pieces of this length, so that a commit never waits for longer.
const PIECE: Duration = Duration::from_millis(5);

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// What goes into its store, and who watches.
    pub live: Arc<Live>,
    signs: Arc<Signs>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

/// What the threads and the rest tell one another.
#[derive(Debug, Default)]
struct Signs {
    stop: AtomicBool,
    removed: Notify,
    stats: Arc<Stats>,
}

impl Signs {
    /// Whether to go on; what failed is told, and left alone for a while.
    fn go_on_after(&self, error: &StoreError) -> bool {
        if error.is_removed() {
            self.removed.notify_one();
            return false;
        }
        log::warn(&format_args!("{error}; {}", error.help()));
        std::thread::sleep(TROUBLE);
        true
    }
}

/// Starts everything on a listener: within a tokio runtime.
pub fn start(
    home: &Home,
    store: Arc<dyn Store>,
    listener: tokio::net::TcpListener,
    access: Access,
) -> std::io::Result<Server> {
    let address = listener.local_addr()?;
    if !auth::may_listen(address.ip()) {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "only this machine may reach it: listen on 127.0.0.1 or [::1]",
        ));
    }
    let live = Arc::new(Live::new(store));
    let stats = Arc::new(Stats::default());
    let signs = Arc::new(Signs {
        stats: stats.clone(),
        ..Signs::default()
    });
    let writer = Writer::start(live.clone(), stats.clone())?;
    let mut threads = Vec::new();
    for (name, work) in [
        ("agentops-import", import as fn(&Home, &Live, &Signs)),
        ("agentops-upkeep", upkeep),
    ] {
        let (home, live, signs) = (home.clone(), live.clone(), signs.clone());
        let thread = std::thread::Builder::new().name(name.into());
        threads.push(thread.spawn(move || work(&home, &live, &signs))?);
    }
    let app = App {
        live: live.clone(),
        writer,
        stats,
        access,
        room: Room::default(),
        objects: Objects::of(home),
        home: home.clone(),
    };
    tokio::spawn(async move { axum::serve(listener, api::router(app)).await });
    Ok(Server {
        address,
        live,
        signs,
        threads,
    })
}

impl Server {
    /// Returns once the store is not where it was opened any more, so that nothing more may be taken in.
    pub fn removed(&self) -> impl Future<Output = ()> + 'static {
        let signs = self.signs.clone();
        async move { signs.removed.notified().await }
    }

    /// Stops following the spool, and waits for what is being written.
    pub fn stop(self) {
        self.signs.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // A thread that panicked has said so.
            _ = thread.join();
        }
    }
}

/// Follows the spool, as soon as nobody else does.
fn import(home: &Home, live: &Live, signs: &Signs) {
    let mut importer = None;
    while !signs.stop.load(Ordering::Relaxed) {
        if importer.is_none() {
            importer = Importer::new(home).ok().flatten();
        }
        if let Some(importer) = &mut importer {
            let mut commit = |batch: &Batch| live.commit(batch).map(drop);
            match importer.step(&**live.store(), &mut commit) {
                Ok(problems) => problems.iter().for_each(|problem| {
                    log::warn(problem);
                    if let Some(refused) = problem.refused() {
                        refused.count_in(&signs.stats, "spans");
                    }
                }),
                Err(ImportError::Store(error)) => {
                    if !signs.go_on_after(&error) {
                        return;
                    }
                }
                Err(ImportError::Unreadable { path, error }) => {
                    log::warn(&format_args!("failed to read {}: {error}", path.display()));
                    std::thread::sleep(TROUBLE);
                }
            }
        }
        std::thread::sleep(LOOK);
    }
}

/// Does what can wait, whenever there is something.
fn upkeep(_home: &Home, live: &Live, signs: &Signs) {
    while !signs.stop.load(Ordering::Relaxed) {
        let kept_up = live.settle(false).and_then(|()| live.catch_up());
        match kept_up.and_then(|()| live.store().maintain(PIECE)) {
            Ok(true) => std::thread::sleep(PIECE),
            Ok(false) => std::thread::sleep(LOOK),
            Err(error) => {
                if !signs.go_on_after(&error) {
                    return;
                }
            }
        }
    }
}

/// Why a server does not start.
#[derive(Debug)]
pub enum StartError {
    /// Its store does not open.
    Store(StoreError),
    /// It cannot listen.
    Listen(std::io::Error),
}
