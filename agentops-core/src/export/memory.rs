//! Keeps traces in memory, for tests and for programs that show their own.

use std::sync::{Arc, Mutex};

use super::{ExportError, SpanExporter};
use crate::model::event::Resource;
use crate::model::id::SessionId;
use crate::model::trace::{Trace, Traces};
use crate::process::batch::Batch;
use crate::sync::lock;

/// An exporter that keeps every trace for as long as one of its clones lives.
///
/// ```no_run
/// use agentops_core::{builder, export::Memory};
///
/// let memory = Memory::new();
/// let guard = builder().exporter(memory.clone()).init()?;
/// // … run …
/// agentops_core::flush(std::time::Duration::from_secs(1));
/// for trace in memory.traces() {
///     println!("{trace}");
/// }
/// # drop(guard);
/// # Ok::<(), agentops_core::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Memory {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    resource: Resource,
    traces: Traces,
    /// Not decoded yet: that is left to whoever asks, so that recording never waits for it.
    batches: Vec<Batch>,
}

impl Memory {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What has arrived so far, newest session first. [`flush`](crate::flush) before, to have all of it.
    #[must_use]
    pub fn traces(&self) -> Vec<Trace> {
        lock(&self.kept).traces().clone().finish()
    }

    /// One session.
    #[must_use]
    pub fn trace(&self, session: SessionId) -> Option<Trace> {
        lock(&self.kept).traces().get(session)
    }
}

impl Kept {
    fn traces(&mut self) -> &Traces {
        for batch in std::mem::take(&mut self.batches) {
            for event in batch.events() {
                self.traces.apply(&self.resource, event);
            }
        }
        &self.traces
    }
}

impl SpanExporter for Memory {
    fn set_resource(&mut self, resource: &Resource) {
        lock(&self.kept).resource = resource.clone();
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        lock(&self.kept).batches.push(batch.clone());
        Ok(())
    }
}
