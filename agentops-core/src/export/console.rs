//! Prints each session as a tree when it has ended.

use std::io::{self, IsTerminal, Write};

use super::{ExportError, SpanExporter};
use crate::model::event::{Event, Resource};
use crate::model::trace::Traces;
use crate::model::tree::{self, Style};
use crate::process::batch::Batch;

/// An exporter that prints the tree of each session that ends, on standard error.
///
/// Colours are used on a terminal, and where `NO_COLOR` is not set.
#[derive(Debug, Default)]
pub struct Console {
    resource: Resource,
    traces: Traces,
}

impl Console {
    /// Nothing is printed before the first session has ended.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl SpanExporter for Console {
    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.clone();
    }

    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let mut ended = Vec::new();
        for event in batch.events() {
            if let Event::Session(facts) = &event
                && facts.end.is_some()
            {
                ended.push(facts.id);
            }
            self.traces.apply(&self.resource, event);
        }
        let style = Style {
            color: io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
            width: None,
        };
        for session in ended {
            if let Some(trace) = self.traces.take(session) {
                // A closed terminal is no reason to keep the batch.
                let _ = io::stderr()
                    .lock()
                    .write_all(tree::render(&trace, style).as_bytes());
            }
        }
        Ok(())
    }
}
