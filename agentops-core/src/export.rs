//! Where batches go: the trait, and a thread and a bounded queue for each exporter.
//!
//! An exporter that is slow or broken costs its own queue, never the program and never another exporter; what its
//! queue cannot hold is counted and told to it later. Knows frames, not how they came about.

pub(crate) mod console;
pub(crate) mod memory;
pub(crate) mod outlets;
pub(crate) mod spool;

pub use crate::process::batch::{Batch, Piece};
pub use console::Console;
pub use memory::Memory;
pub use spool::Spool;

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::model::event::{Loss, LossCause, Resource};
use crate::model::{frame, wire};
use crate::process::batch::Delivery;
use crate::process::queue::Queue;
use crate::process::ticket::Ticket;
use crate::record::ring::PROGRESS;
use crate::record::{clock, local};
use crate::sync::{AtomicBool, AtomicU64, Relaxed};

/// Bytes of frames that wait for an exporter.
const LIMIT: usize = 8 << 20;
/// How long a full queue is waited for while its exporter takes nothing.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long an exporter that failed is left alone.
const RETRY: Duration = Duration::from_secs(1);
/// How long an exporter's thread sleeps while nothing happens.
const IDLE: Duration = Duration::from_secs(60);

/// Takes what was recorded somewhere.
///
/// Runs on a thread of its own, one call at a time; it may take its time, and it must not record.
pub trait SpanExporter: Send {
    /// Called once, before anything else, with what is known of this process.
    fn set_resource(&mut self, resource: &Resource) {
        let _ = resource;
    }

    /// Keeps a batch.
    ///
    /// # Errors
    ///
    /// The batch is offered again after a while, for as long as there is room for those that follow.
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError>;

    /// Makes sure that what was exported stays, whatever happens to the process.
    ///
    /// # Errors
    ///
    /// Where it cannot be sure.
    fn force_flush(&mut self) -> Result<(), ExportError> {
        Ok(())
    }

    /// Called once, after everything else.
    fn shutdown(&mut self) {}
}

/// Why a batch was not kept.
#[derive(Debug)]
pub struct ExportError {
    text: String,
    cause: LossCause,
}

impl ExportError {
    /// A failure that another try may mend.
    pub fn new(text: impl Into<String>, cause: LossCause) -> Self {
        Self {
            text: text.into(),
            cause,
        }
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ExportError {}

/// The processor's end of an exporter's queue.
#[derive(Debug, Clone)]
pub(crate) struct Outlet {
    queue: Arc<Queue<Delivery>>,
    /// Spans that were left out and not told of yet.
    lost: Arc<AtomicU64>,
    /// Something was left out since the last flush.
    incomplete: Arc<AtomicBool>,
}

impl Outlet {
    /// Starts a thread for an exporter.
    pub(crate) fn start(
        name: &str,
        exporter: Box<dyn SpanExporter>,
        resource: &Arc<Resource>,
    ) -> std::io::Result<(Self, thread::JoinHandle<()>)> {
        let outlet = Self {
            queue: Arc::new(Queue::new(LIMIT)),
            lost: Arc::default(),
            incomplete: Arc::default(),
        };
        let (worker, resource) = (outlet.clone(), resource.clone());
        let thread = thread::Builder::new()
            .name(format!("agentops-{name}"))
            .spawn(move || worker.run(exporter, &resource))?;
        Ok((outlet, thread))
    }

    pub(crate) fn deliver(&self, batch: &Arc<Batch>) {
        let delivery = Delivery::Batch(batch.clone());
        let tell = || {
            PROGRESS.0.fetch_add(1, Relaxed);
        };
        if self.queue.push_patiently(delivery, PATIENCE, tell).is_err() {
            self.lose(batch);
        }
    }

    fn lose(&self, batch: &Batch) {
        self.lost.fetch_add(batch.spans(), Relaxed);
        self.incomplete.store(true, Relaxed);
    }

    pub(crate) fn flush(&self, ticket: Arc<Ticket>) {
        if let Err(Delivery::Flush(ticket)) = self.queue.push(Delivery::Flush(ticket)) {
            ticket.done(false);
        }
    }

    pub(crate) fn close(&self) {
        self.queue.close();
    }

    fn run(&self, exporter: Box<dyn SpanExporter>, resource: &Resource) {
        local::mute();
        let mut worker = Worker {
            outlet: self,
            exporter,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            retry_at: Instant::now(),
            cause: LossCause::ExportFull,
            warned: false,
        };
        worker.exporter.set_resource(resource);
        loop {
            let patience = if worker.backlog.is_empty() {
                IDLE
            } else {
                RETRY
            };
            match self.queue.pop(patience) {
                Some(Delivery::Batch(batch)) => worker.take(batch),
                Some(Delivery::Flush(ticket)) => ticket.done(worker.flush()),
                None if self.queue.is_done() => break,
                None => worker.catch_up(),
            }
        }
        worker.leave();
    }
}

/// An exporter's thread.
struct Worker<'a> {
    outlet: &'a Outlet,
    exporter: Box<dyn SpanExporter>,
    /// What the exporter did not take, oldest first.
    backlog: VecDeque<Arc<Batch>>,
    backlog_bytes: usize,
    /// When it is asked again.
    retry_at: Instant,
    /// Why it did not, the last time.
    cause: LossCause,
    warned: bool,
}

impl Worker<'_> {
    fn take(&mut self, batch: Arc<Batch>) {
        if !self.backlog.is_empty() && Instant::now() >= self.retry_at {
            self.catch_up();
        }
        if !self.backlog.is_empty() || !self.export(&batch) {
            self.postpone(batch);
        } else {
            self.tell_losses();
        }
    }

    /// Offers a batch once. An exporter that panics has not taken it.
    fn export(&mut self, batch: &Batch) -> bool {
        let exported = catch_unwind(AssertUnwindSafe(|| self.exporter.export(batch)));
        let panicked = |_| Err(ExportError::new("an exporter panicked", LossCause::Refused));
        let Err(error) = exported.unwrap_or_else(panicked) else {
            return true;
        };
        self.cause = error.cause;
        self.retry_at = Instant::now() + RETRY;
        if !std::mem::replace(&mut self.warned, true) {
            warn(&error);
        }
        false
    }

    /// Keeps a batch for later, where there is room.
    fn postpone(&mut self, batch: Arc<Batch>) {
        if self.backlog_bytes + batch.frames().len() > LIMIT {
            self.outlet.lose(&batch);
        } else {
            self.backlog_bytes += batch.frames().len();
            self.backlog.push_back(batch);
        }
    }

    /// Offers what was postponed, up to the first batch that is not taken.
    fn catch_up(&mut self) {
        while let Some(batch) = self.backlog.pop_front() {
            if !self.export(&batch) {
                self.backlog.push_front(batch);
                return;
            }
            self.backlog_bytes -= batch.frames().len();
        }
        self.tell_losses();
    }

    /// Whether all that was delivered since the last flush is kept. Never waits for an exporter that fails.
    fn flush(&mut self) -> bool {
        self.catch_up();
        let flushed = catch_unwind(AssertUnwindSafe(|| self.exporter.force_flush()));
        let kept = self.backlog.is_empty() && matches!(flushed, Ok(Ok(())));
        kept && !self.outlet.incomplete.swap(false, Relaxed)
    }

    fn leave(mut self) {
        self.catch_up();
        self.exporter.shutdown();
    }

    /// What had to be left out is told as soon as something gets through.
    fn tell_losses(&mut self) {
        let count = self.outlet.lost.swap(0, Relaxed);
        if count == 0 {
            return;
        }
        let loss = Loss {
            time: clock::wall(),
            session: None,
            cause: self.cause,
            count,
        };
        let mut batch = Batch::default();
        let told = frame::append(
            &mut batch.frames,
            frame::Kind::Loss,
            &[&wire::encode_loss(&loss)],
        );
        if told.is_err() || !self.export(&batch) {
            self.outlet.lost.fetch_add(count, Relaxed);
        }
        self.cause = LossCause::ExportFull;
    }
}

/// The one line that a broken exporter prints.
#[expect(
    clippy::print_stderr,
    reason = "a loss is never silent, and there is nobody else to tell"
)]
fn warn(error: &ExportError) {
    eprintln!("agentops: {error}; recording goes on in memory");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Panics, refuses, and then takes everything, in turn.
    struct Moody {
        calls: u32,
        taken: Arc<AtomicU64>,
    }

    impl SpanExporter for Moody {
        fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
            self.calls += 1;
            match self.calls {
                1 => panic!("not in the mood"),
                2 => Err(ExportError::new("later", LossCause::Refused)),
                _ => {
                    self.taken.fetch_add(batch.spans(), Relaxed);
                    Ok(())
                }
            }
        }
    }

    #[test]
    fn what_an_exporter_does_not_take_is_offered_again() {
        let taken = Arc::new(AtomicU64::new(0));
        let exporter = Moody {
            calls: 0,
            taken: taken.clone(),
        };
        let started = Outlet::start("test", Box::new(exporter), &Arc::default());
        let (outlet, thread) = started.expect("a thread starts");
        let flush = || {
            let ticket = Arc::new(Ticket::default());
            ticket.expect(1);
            outlet.flush(ticket.clone());
            ticket.wait(Duration::from_secs(20))
        };
        let batch = Arc::new(Batch {
            spans: 3,
            ..Batch::default()
        });
        outlet.deliver(&batch);
        assert!(!flush(), "it panicked, and then it refused");
        outlet.deliver(&batch);
        assert!(flush());
        assert_eq!(taken.load(Relaxed), 6);
        outlet.close();
        thread
            .join()
            .expect("a panic of an exporter is not one of its thread");
    }

    /// Takes its time over each batch.
    struct Slow(Arc<AtomicU64>);

    impl SpanExporter for Slow {
        fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
            thread::sleep(Duration::from_millis(1));
            self.0.fetch_add(batch.spans(), Relaxed);
            Ok(())
        }
    }

    #[test]
    fn a_slow_exporter_is_waited_for() {
        let taken = Arc::new(AtomicU64::new(0));
        let started = Outlet::start("test", Box::new(Slow(taken.clone())), &Arc::default());
        let (outlet, thread) = started.expect("a thread starts");
        let batch = Arc::new(Batch {
            frames: vec![0; LIMIT / 4],
            spans: 1,
            ..Batch::default()
        });
        (0..100).for_each(|_| outlet.deliver(&batch));
        outlet.close();
        thread.join().expect("it ends");
        assert_eq!((taken.load(Relaxed), outlet.lost.load(Relaxed)), (100, 0));
    }
}
