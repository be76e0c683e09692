//! AgentOps by its attributes: kind, agent, status and errors are recorded with every span.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use agentops::export::{Batch, ExportError, SpanExporter};

use super::{Library, Setting};
use crate::receiver;
use crate::work::{Answer, Filter, Refusal, Waits, count, find};

/// As long as it takes: what is measured is what arrives.
const PATIENCE: Duration = Duration::from_secs(60);

static GUARD: Mutex<Option<agentops::Guard>> = Mutex::new(None);

pub struct Agentops;

impl Library for Agentops {
    fn start(&self, setting: Setting) {
        let builder = agentops::builder().busy_time(setting != Setting::NoBusyTime);
        let builder = if setting == Setting::Requests {
            builder.exporter(Requests::default())
        } else {
            builder.exporter(Frames)
        };
        let guard = builder.init().expect("nothing records yet");
        *GUARD.lock().expect("nothing panics while it is held") = Some(guard);
    }

    fn flush(&self) {
        agentops::flush(PATIENCE);
    }

    fn finish(&self) -> usize {
        drop(
            GUARD
                .lock()
                .expect("nothing panics while it is held")
                .take(),
        );
        0
    }

    fn root(&self, body: &mut dyn FnMut()) {
        session(body);
    }

    fn root_spans(&self) -> usize {
        2
    }

    super::loops!();
}

#[agentops::session(skip_all)]
fn session(body: &mut dyn FnMut()) {
    researcher(body);
}

#[agentops::agent(skip_all, role = "finds things")]
fn researcher(body: &mut dyn FnMut()) {
    body();
}

#[agentops::operation(skip_all, capture_return = false)]
#[inline(never)]
fn bare(n: u64) -> Result<u64, Refusal> {
    count(n)
}

#[agentops::tool]
#[inline(never)]
fn args(query: &str, filter: &Filter, limit: u32) -> Result<Answer, Refusal> {
    find(query, filter, limit)
}

use args as json;

#[agentops::operation(skip_all, capture_return = false)]
async fn waits(n: u64, times: u32) -> Result<u64, Refusal> {
    Waits(times).await;
    count(n)
}

#[agentops::session(skip_all)]
#[inline(never)]
fn trace() {
    for n in 1..100 {
        let _ = std::hint::black_box(bare(n));
    }
}

/// Takes batches as they are: OTLP spans in a spool's frames, with the parts that many spans share beside them.
struct Frames;

impl SpanExporter for Frames {
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        receiver::take_frames(batch.frames());
        Ok(())
    }
}

/// Makes an OTLP `ExportTraceServiceRequest` of each batch, as would be sent to a collector.
#[derive(Default)]
struct Requests {
    spans: Vec<u8>,
    request: Vec<u8>,
}

impl SpanExporter for Requests {
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let pieces: HashMap<u64, &[u8]> = batch
            .pieces()
            .iter()
            .map(|piece| (piece.number.into(), &*piece.bytes))
            .collect();
        self.spans.clear();
        for (numbers, own) in receiver::spans(batch.frames()) {
            let mut parts: [&[u8]; 4] = [own, &[], &[], &[]];
            numbers
                .zip(&mut parts[1..])
                .for_each(|(number, part)| *part = pieces[&number]);
            self.spans.push(SPANS);
            length(&mut self.spans, parts.iter().map(|part| part.len()).sum());
            parts
                .iter()
                .for_each(|part| self.spans.extend_from_slice(part));
        }
        // The resource is the same in each request; like its peers' here, it has next to nothing to say.
        self.request.clear();
        self.request.push(RESOURCE_SPANS);
        length(
            &mut self.request,
            1 + length_of(self.spans.len()) + self.spans.len(),
        );
        self.request.push(SCOPE_SPANS);
        length(&mut self.request, self.spans.len());
        self.request.extend_from_slice(&self.spans);
        receiver::take_request(&self.request);
        Ok(())
    }
}

/// Keys of fields with a length: `ExportTraceServiceRequest.resource_spans`.
const RESOURCE_SPANS: u8 = 1 << 3 | 2;
/// `ResourceSpans.scope_spans`.
const SCOPE_SPANS: u8 = 2 << 3 | 2;
/// `ScopeSpans.spans`.
const SPANS: u8 = 2 << 3 | 2;

fn length(buf: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        buf.push(length as u8 | 0x80);
        length >>= 7;
    }
    buf.push(length as u8);
}

fn length_of(length: usize) -> usize {
    (length | 1).ilog2() as usize / 7 + 1
}
