//! A program whose exporter does not keep up: `pressure CASE`. It says what came of what it recorded.
#![expect(
    clippy::print_stdout,
    reason = "it is a program, and its output is compared"
)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use agentops::export::{Batch, ExportError, SpanExporter};
use agentops::model::event::{Event, Resource};
use agentops::model::id::SessionId;
use agentops::model::trace::{Trace, Traces};
use agentops::{EndState, Overflow, operation, session, start_session};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// Hangs until it is told to go on, and keeps what it is given.
#[derive(Clone, Default)]
struct Gate {
    open: Arc<(Mutex<bool>, Condvar)>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Gate {
    fn open(&self) {
        *self.open.0.lock().expect("nobody panics with it") = true;
        self.open.1.notify_all();
    }

    fn traces(&self) -> Vec<Trace> {
        let mut traces = Traces::default();
        let resource = Resource::default();
        let mut events = self.events.lock().expect("nobody panics with it");
        events
            .drain(..)
            .for_each(|event| traces.apply(&resource, event));
        traces.finish()
    }
}

impl SpanExporter for Gate {
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let (open, changed) = &*self.open;
        let open = open.lock().expect("nobody panics with it");
        let _open = changed
            .wait_while(open, |open| !*open)
            .expect("nobody panics with it");
        let mut events = self.events.lock().expect("nobody panics with it");
        events.extend(batch.events());
        Ok(())
    }
}

/// Takes everything, and tells of it.
struct Counter(Sender<u64>);

impl SpanExporter for Counter {
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let _ = self.0.send(batch.spans());
        Ok(())
    }
}

/// How many of so many spans come in the end.
fn wait_for(spans: u64, counted: &Receiver<u64>) -> u64 {
    let (start, mut seen) = (Instant::now(), 0);
    // Signs of life come for ever.
    while seen < spans && start.elapsed() < LONG {
        let rest = LONG.saturating_sub(start.elapsed());
        seen += counted.recv_timeout(rest).unwrap_or(0);
    }
    seen
}

#[operation]
fn step(number: u64) -> u64 {
    number
}

#[operation]
fn read(text: &str) -> usize {
    text.len()
}

fn main() {
    let case = std::env::args().nth(1).unwrap_or_default();
    match &*case {
        "hangs" => hangs(),
        "no-room" => no_room(),
        "drops" => drops(),
        "ends" => ends(),
        other => println!("unknown case {other:?}"),
    }
}

/// One exporter stands still, the other gets everything meanwhile; then the first one gets it too.
fn hangs() {
    const SPANS: u64 = 200_000;
    let gate = Gate::default();
    let (say, counted) = channel();
    let builder = agentops::builder().exporter(gate.clone());
    let guard = builder.exporter(Counter(say)).init().expect("it starts");
    let session = start_session("hangs");
    session.in_scope(|| {
        for number in 0..SPANS {
            let _ = step(number);
        }
    });
    session.end(EndState::Success);
    println!("{} spans elsewhere", wait_for(SPANS + 1, &counted));
    gate.open();
    println!("kept: {}", agentops::flush(LONG));
    drop(guard);
    let traces = gate.traces();
    let [trace] = &traces[..] else {
        panic!("{} traces", traces.len())
    };
    let outputs = trace
        .spans
        .iter()
        .filter_map(|span| span.output.as_ref()?.as_u64());
    assert!(outputs.is_sorted(), "the order was not kept");
    println!("{} spans, {:?}", trace.spans.len(), trace.session.losses);
}

/// An exporter stands still, and there is no disk: what is left of it all is whole in itself.
fn no_room() {
    const SESSIONS: u64 = 20;
    const SPANS: u64 = 600;
    let gate = Gate::default();
    let builder = agentops::builder().exporter(gate.clone());
    // A directory that cannot be made, for it would be in a file.
    let program = std::env::current_exe().expect("it has a name");
    let guard = builder.home(program).init().expect("it starts");
    let text = "what it is about ".repeat(300);
    let outer = start_session("outer");
    let slow = outer.in_scope(|| agentops::span("slow").start());
    assert!(!agentops::flush(Duration::ZERO));
    for _ in 0..SESSIONS {
        let session = start_session("inner");
        session.in_scope(|| {
            for _ in 0..SPANS {
                let _ = read(&text);
            }
        });
        session.end(EndState::Success);
    }
    drop(slow);
    outer.end(EndState::Success);
    // Until it has come as far as the exporter, which takes nothing.
    assert!(!agentops::flush(Duration::from_millis(500)));
    gate.open();
    println!("kept: {}", agentops::flush(LONG));
    println!("kept since: {}", agentops::flush(LONG));
    drop(guard);
    let traces = gate.traces();
    let (mut lost, mut cut) = (0, 0);
    for trace in &traces {
        let counts = &trace.session.counts;
        let recorded = if trace.session.facts.name == "outer" {
            2
        } else {
            SPANS + 1
        };
        assert_eq!(counts.spans + counts.dropped, recorded, "{counts:?}");
        assert_eq!(counts.open, 0);
        assert_eq!(trace.session.facts.end_state, Some(EndState::Success));
        lost += counts.dropped;
        let inputs = trace.spans.iter().filter_map(|span| span.input.as_ref());
        cut += inputs
            .filter(|input| !input["$truncated"]["bytes"].is_null())
            .count();
    }
    println!("{} sessions", traces.len());
    println!("spans lost: {}, without content: {}", lost > 0, cut > 0);
}

/// Threads that never wait: what was lost is counted, and what is there is whole.
fn drops() {
    let gate = Gate::default();
    gate.open();
    let builder = agentops::builder().exporter(gate.clone());
    let guard = builder.overflow(Overflow::Drop).init().expect("it starts");
    let lost = AtomicBool::new(false);
    let text = "x".repeat(60_000);
    let recorded: BTreeMap<SessionId, u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| until_lost(&lost, &text)))
            .collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.map(|session| session.expect("it runs")).collect()
    });
    println!("kept: {}", agentops::flush(LONG));
    drop(guard);
    let traces = gate.traces();
    assert_eq!(traces.len(), recorded.len());
    for trace in &traces {
        let (facts, counts) = (&trace.session.facts, &trace.session.counts);
        assert_eq!(counts.spans + counts.dropped, recorded[&facts.id]);
        assert_eq!((counts.open, facts.end_state), (0, Some(EndState::Success)));
    }
    println!("{} sessions", traces.len());
}

/// Makes spans until one of them is not recorded, and says how many.
fn until_lost(lost: &AtomicBool, text: &str) -> (SessionId, u64) {
    let id = AtomicU64::new(0);
    let session = start_session("drops");
    let session_id = session.id().expect("it records");
    let mut spans = 1;
    session.in_scope(|| {
        let outside = agentops::current_span().id();
        while !lost.load(Ordering::Relaxed) {
            seen(&id, text);
            spans += 1;
            if outside.is_some_and(|outside| outside.0 == id.load(Ordering::Relaxed)) {
                lost.store(true, Ordering::Relaxed);
            }
        }
    });
    session.end(EndState::Success);
    (session_id, spans)
}

#[operation(skip(id))]
fn seen(id: &AtomicU64, text: &str) {
    let _ = text;
    let current = agentops::current_span().id();
    id.store(current.map_or(0, |span| span.0), Ordering::Relaxed);
}

/// The program ends while an exporter stands still. The spool has everything.
fn ends() {
    let gate = Gate::default();
    let _guard = agentops::builder().exporter(gate).spool().init();
    job();
    println!("done");
}

#[session]
fn job() {
    for number in 0..1000 {
        let _ = step(number);
    }
}
