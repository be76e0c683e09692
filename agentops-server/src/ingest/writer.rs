//! Requests that arrive together are committed together: one sync of the disk for up to 500 spans or 10 ms.
//!
//! Whoever hands in events is answered once they are durable, or told that they are not. What waits is bounded: beyond it
//! requests are refused, to be sent again, instead of filling memory. Two threads take turns: one prepares its events
//! while those of the other are written.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use agentops_core::model::event::{Event, Resource};
use tokio::sync::{mpsc, oneshot};

use crate::live::Live;
use crate::stats::Stats;
use crate::store::{Batch, StoreError};

/// For how long a request waits for others to be committed with.
const WAIT: Duration = Duration::from_millis(10);

/// How many events are committed together; a request of more is committed whole.
const TOGETHER: usize = 500;

/// How many requests may wait.
const QUEUE: usize = 256;

/// How many commit: the store writes one batch at a time, and does half of the work before.
const COMMITTERS: usize = 2;

/// Hands events to the threads that commit.
#[derive(Debug, Clone)]
pub struct Writer {
    sender: mpsc::Sender<Submission>,
}

#[derive(Debug)]
struct Submission {
    events: Vec<(Arc<Resource>, Event)>,
    done: oneshot::Sender<Result<(), Refused>>,
}

/// Why events were not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Too much waits already.
    Crowded,
    /// The store is busy or full: the same may succeed later.
    Later(String),
    /// The store failed.
    Failed(String),
}

impl Writer {
    /// Starts the threads. They end when the last of their handles is gone.
    pub fn start(live: Arc<Live>, stats: Arc<Stats>) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..COMMITTERS {
            let (live, stats, receiver) = (live.clone(), stats.clone(), receiver.clone());
            std::thread::Builder::new()
                .name("agentops-commit".into())
                .spawn(move || run(&live, &stats, &receiver))?;
        }
        Ok(Self { sender })
    }

    /// Takes events in; they are durable when this returns.
    ///
    /// # Errors
    ///
    /// Where they are not.
    pub async fn commit(&self, events: Vec<(Arc<Resource>, Event)>) -> Result<(), Refused> {
        if events.is_empty() {
            return Ok(());
        }
        let (done, answer) = oneshot::channel();
        self.sender
            .try_send(Submission { events, done })
            .map_err(|_| Refused::Crowded)?;
        answer
            .await
            .unwrap_or_else(|_| Err(Refused::Failed("the server is stopping".into())))
    }

    /// How many requests wait.
    pub fn waiting(&self) -> usize {
        self.sender.max_capacity() - self.sender.capacity()
    }
}

fn run(live: &Live, stats: &Stats, receiver: &Mutex<mpsc::Receiver<Submission>>) {
    while let Some((batch, waiting)) = gather(receiver) {
        let began = Instant::now();
        let done = live.commit(&batch).map(|_| ()).map_err(Refused::from);
        stats.commit(began.elapsed());
        for waiting in waiting {
            // Who asked may have gone.
            _ = waiting.send(done.clone());
        }
    }
}

type Waiting = Vec<oneshot::Sender<Result<(), Refused>>>;

/// What is committed together, and who waits for that; `None` when nobody hands in anything any more.
fn gather(receiver: &Mutex<mpsc::Receiver<Submission>>) -> Option<(Batch, Waiting)> {
    let mut receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
    let first = receiver.blocking_recv()?;
    let until = Instant::now() + WAIT;
    let mut batch = Batch {
        events: first.events,
        ..Batch::default()
    };
    let mut waiting = vec![first.done];
    while batch.events.len() < TOGETHER {
        match receiver.try_recv() {
            Ok(next) => {
                batch.events.extend(next.events);
                waiting.push(next.done);
            }
            // A lone sender is not kept waiting for company that does not come.
            Err(_) if waiting.len() == 1 && receiver.is_empty() => break,
            Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(1)),
            Err(_) => break,
        }
    }
    Some((batch, waiting))
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crowded => f.write_str("too many requests wait to be written"),
            Self::Later(why) | Self::Failed(why) => f.write_str(why),
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let why = format!("{error}; {}", error.help());
        match error.may_pass() {
            true => Self::Later(why),
            false => Self::Failed(why),
        }
    }
}
