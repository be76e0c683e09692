//! Where batches go: the trait, and a thread and a bounded queue for each exporter.
//!
//! An exporter that is slow or broken costs its own queue, never the program and never another exporter; what its
//! queue cannot hold is counted and told to it later. Knows frames, not how they came about.

mod backlog;
pub(crate) mod console;
mod disk;
pub(crate) mod memory;
mod private;
pub(crate) mod spool;
mod thin;

pub use crate::process::batch::{Batch, Piece};
pub use console::Console;
pub use memory::Memory;
pub use spool::Spool;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::model::event::{LossCause, Resource};
use crate::process::ticket::Ticket;
use crate::record::ring::PROGRESS;
use crate::record::{clock, local};
use crate::sync::Relaxed;
pub(crate) use backlog::OverflowTo;
use backlog::{Backlog, Next};

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

    /// Whether what is exported goes to this machine's disk. What waits for others may wait on disk; what waits for the
    /// disk waits in memory.
    fn is_local_disk(&self) -> bool {
        false
    }
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
    backlog: Arc<Backlog>,
}

impl Outlet {
    /// Starts a thread for an exporter. What it cannot take in time waits where `overflow` says.
    pub(crate) fn start(
        name: &str,
        exporter: Box<dyn SpanExporter>,
        resource: &Arc<Resource>,
        overflow: Option<OverflowTo>,
    ) -> std::io::Result<(Self, thread::JoinHandle<()>)> {
        let overflow = overflow.filter(|_| !exporter.is_local_disk());
        let outlet = Self {
            backlog: Arc::new(Backlog::new(overflow)),
        };
        let (worker, resource) = (outlet.clone(), resource.clone());
        let thread = thread::Builder::new()
            .name(format!("agentops-{name}"))
            .spawn(move || worker.run(exporter, &resource))?;
        Ok((outlet, thread))
    }

    pub(crate) fn deliver(&self, batch: &Arc<Batch>) {
        self.backlog.push(batch, || {
            PROGRESS.0.fetch_add(1, Relaxed);
        });
    }

    pub(crate) fn flush(&self, ticket: Arc<Ticket>) {
        self.backlog.flush(ticket);
    }

    pub(crate) fn close(&self) {
        self.backlog.close();
    }

    /// Once closed, it leaves what it could not hand over by then.
    pub(crate) fn leave_by(&self, deadline: Instant) {
        self.backlog.leave_by(deadline);
    }

    fn run(&self, exporter: Box<dyn SpanExporter>, resource: &Resource) {
        local::mute();
        let mut worker = Worker {
            backlog: &self.backlog,
            exporter,
            warned: false,
        };
        worker.exporter.set_resource(resource);
        while worker.step() {}
        self.backlog.close();
        self.backlog.abandon();
        let _ = worker.tell_losses();
        worker.exporter.shutdown();
    }
}

/// An exporter's thread.
struct Worker<'a> {
    backlog: &'a Backlog,
    exporter: Box<dyn SpanExporter>,
    warned: bool,
}

impl Worker<'_> {
    /// `false`: there is nothing more to do.
    fn step(&mut self) -> bool {
        match self.backlog.next() {
            Next::Batch(batch) => self.offer(&batch),
            Next::Flush(ticket) => {
                ticket.done(self.flush());
                true
            }
            Next::Losses => match self.tell_losses() {
                Ok(()) => true,
                Err(cause) => self.backlog.refused(cause, 0),
            },
            Next::Closed => false,
        }
    }

    /// Offers a batch until it is taken. `false`: it never will be.
    fn offer(&mut self, batch: &Batch) -> bool {
        let mut flushes = 0;
        while let Err(cause) = self.export(batch) {
            if !self.backlog.refused(cause, flushes) {
                return false;
            }
            flushes = self.backlog.flushes();
        }
        self.backlog.taken();
        // Where it is not taken, it is told later.
        let _ = self.tell_losses();
        true
    }

    /// Offers a batch once. An exporter that panics has not taken it.
    fn export(&mut self, batch: &Batch) -> Result<(), LossCause> {
        let exported = catch_unwind(AssertUnwindSafe(|| self.exporter.export(batch)));
        let panicked = |_| Err(ExportError::new("an exporter panicked", LossCause::Refused));
        let Err(error) = exported.unwrap_or_else(panicked) else {
            return Ok(());
        };
        if !std::mem::replace(&mut self.warned, true) {
            warn(&error);
        }
        Err(error.cause)
    }

    /// Whether all that was delivered since the last flush is kept.
    fn flush(&mut self) -> bool {
        let told = self.tell_losses();
        let flushed = catch_unwind(AssertUnwindSafe(|| self.exporter.force_flush()));
        self.backlog.is_complete() && told.is_ok() && matches!(flushed, Ok(Ok(())))
    }

    /// What had to be left out is told as soon as something gets through.
    fn tell_losses(&mut self) -> Result<(), LossCause> {
        let losses = self.backlog.losses();
        if losses.is_empty() {
            return Ok(());
        }
        let told = self.export(&losses.batch(clock::wall()));
        if told.is_err() {
            self.backlog.give_back(losses);
        }
        told
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
    use crate::sync::AtomicU64;
    use std::time::Duration;

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
        let started = Outlet::start("test", Box::new(exporter), &Arc::default(), None);
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
        let started = Outlet::start("test", Box::new(Slow(taken.clone())), &Arc::default(), None);
        let (outlet, thread) = started.expect("a thread starts");
        let batch = Arc::new(Batch {
            frames: vec![0; backlog::WHOLE / 4],
            spans: 1,
            ..Batch::default()
        });
        (0..100).for_each(|_| outlet.deliver(&batch));
        outlet.close();
        thread.join().expect("it ends");
        assert_eq!(taken.load(Relaxed), 100);
        assert!(outlet.backlog.losses().is_empty());
    }
}
