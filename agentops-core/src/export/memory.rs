//! Keeps traces in memory, for tests and for programs that show their own.

use std::sync::Arc;

use super::{ExportError, SpanExporter};
use crate::model::event::Resource;
use crate::model::id::SessionId;
use crate::model::trace::{Trace, Traces};
use crate::process::batch::Batch;
use crate::sync::fixed::{Mutex, lock};

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
    /// Not decoded yet: that is left to whoever asks, and never holds up what arrives.
    arrived: Arc<Mutex<Vec<Batch>>>,
    decoded: Arc<Mutex<Decoded>>,
}

#[derive(Debug, Default)]
struct Decoded {
    resource: Resource,
    traces: Traces,
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
        self.with_traces(|traces| traces.clone().finish())
    }

    /// One session.
    #[must_use]
    pub fn trace(&self, session: SessionId) -> Option<Trace> {
        self.with_traces(|traces| traces.get(session))
    }

    fn with_traces<R>(&self, ask: impl FnOnce(&Traces) -> R) -> R {
        let decoded = &mut *lock(&self.decoded);
        let arrived = std::mem::take(&mut *lock(&self.arrived));
        for event in arrived.iter().flat_map(Batch::events) {
            decoded.traces.apply(&decoded.resource, event);
        }
        ask(&decoded.traces)
    }
}

impl SpanExporter for Memory {
    fn set_resource(&mut self, resource: &Resource) {
        lock(&self.decoded).resource = resource.clone();
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        lock(&self.arrived).push(batch.clone());
        Ok(())
    }
}
