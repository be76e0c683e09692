//! Where batches go: the trait, and a thread and a bounded queue for each exporter.
//!
//! An exporter that is slow or broken costs its own queue, never the program and never another exporter; what its
//! queue cannot hold is counted and told to it later. Knows frames, not how they came about.

pub(crate) mod console;
pub(crate) mod memory;
pub(crate) mod spool;

pub use crate::process::batch::{Batch, Piece};
pub use console::Console;
pub use memory::Memory;
pub use spool::Spool;

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::model::event::{Loss, LossCause, Resource};
use crate::model::{frame, wire};
use crate::process::batch::Delivery;
use crate::process::queue::Queue;
use crate::process::ticket::Ticket;
use crate::record::{clock, local};
use crate::sync::{AtomicU64, Relaxed};

/// Bytes of frames that wait for an exporter.
const LIMIT: usize = 8 << 20;
/// How long an exporter that failed is left alone.
const RETRY: Duration = Duration::from_secs(1);

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
    lost: Arc<AtomicU64>,
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
        };
        let (worker, resource) = (outlet.clone(), resource.clone());
        let thread = thread::Builder::new()
            .name(format!("agentops-{name}"))
            .spawn(move || worker.run(exporter, &resource))?;
        Ok((outlet, thread))
    }

    pub(crate) fn deliver(&self, batch: &Arc<Batch>) {
        if self.queue.push(Delivery::Batch(batch.clone())).is_err() {
            self.lost.fetch_add(batch.spans(), Relaxed);
        }
    }

    pub(crate) fn flush(&self, ticket: Arc<Ticket>) {
        if let Err(Delivery::Flush(ticket)) = self.queue.push(Delivery::Flush(ticket)) {
            ticket.done(false);
        }
    }

    pub(crate) fn close(&self) {
        self.queue.close();
    }

    fn run(&self, mut exporter: Box<dyn SpanExporter>, resource: &Resource) {
        local::mute();
        exporter.set_resource(resource);
        let mut warned = false;
        let mut kept_all = true;
        loop {
            match self.queue.pop(Duration::from_secs(60)) {
                Some(Delivery::Batch(batch)) => {
                    kept_all &= self.export(&mut *exporter, &batch, &mut warned);
                }
                Some(Delivery::Flush(ticket)) => {
                    ticket.done(exporter.force_flush().is_ok() && kept_all);
                    kept_all = true;
                }
                None if self.queue.is_done() => break,
                None => {}
            }
        }
        exporter.shutdown();
    }

    /// Tries until it works, or until there is no more room behind; `false`: the batch is lost.
    fn export(&self, exporter: &mut dyn SpanExporter, batch: &Batch, warned: &mut bool) -> bool {
        let mut error = match exporter.export(batch) {
            Ok(()) => {
                self.tell_losses(exporter);
                return true;
            }
            Err(error) => error,
        };
        if !std::mem::replace(warned, true) {
            warn(&error);
        }
        while !self.queue.is_closed_or_crowded() {
            thread::sleep(RETRY);
            match exporter.export(batch) {
                Ok(()) => return true,
                Err(again) => error = again,
            }
        }
        self.lost.fetch_add(batch.spans(), Relaxed);
        let _ = error.cause;
        false
    }

    /// What had to be left out is told as soon as something gets through.
    fn tell_losses(&self, exporter: &mut dyn SpanExporter) {
        let count = self.lost.swap(0, Relaxed);
        if count == 0 {
            return;
        }
        let loss = Loss {
            time: clock::wall(),
            session: None,
            cause: LossCause::ExportFull,
            count,
        };
        let mut batch = Batch::default();
        let told = frame::append(
            &mut batch.frames,
            frame::Kind::Loss,
            &[&wire::encode_loss(&loss)],
        );
        if told.is_err() || exporter.export(&batch).is_err() {
            self.lost.fetch_add(count, Relaxed);
        }
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
