//! Captures in a process of their own, where guards come and go: does what its argument says, and fails where a trace
//! is not what it should be.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use agentops::export::Memory;
use agentops::testing::capture;
use agentops::{EndState, Guard};

const STEP: &str = "SESSION run {\"n\":1} -> 2\n  TOOL step {\"n\":1} -> 2\n";

#[agentops::tool]
fn step(n: u8) -> u8 {
    n + 1
}

#[agentops::session]
fn run(n: u8) -> u8 {
    step(n)
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("alone") => alone(),
        Some("under_a_guard") => under_a_guard(),
        Some("beside_guards") => beside_guards(),
        other => panic!("{other:?} is nothing that it does"),
    }
}

/// Nothing is recorded of what runs outside captures, also where a guard says that nothing is to be recorded at all.
fn alone() {
    let disabled = agentops::builder()
        .disabled(true)
        .init()
        .expect("it can be off");
    assert_eq!(capture(|| run(1)).to_string(), STEP);
    drop(disabled);
    assert_eq!(step(1), 2);
    let span = agentops::span("orphan").start();
    assert_eq!(agentops::current_span().id(), None);
    drop(span);
    assert_eq!(capture(|| run(1)).to_string(), STEP);
}

fn init(memory: &Memory) -> Guard {
    let builder = agentops::builder()
        .service_name("guarded")
        .exporter(memory.clone());
    builder.init().expect("no other guard is alive")
}

/// A guard that was there first keeps its sessions, and its orphans never join a capture.
fn under_a_guard() {
    let memory = Memory::new();
    let guard = init(&memory);
    let trace = capture(|| {
        let orphan = std::thread::spawn(|| step(7));
        assert_eq!(orphan.join().expect("it runs"), 8);
        run(1)
    });
    assert_eq!(trace.to_string(), STEP);
    assert_eq!(trace.session.service, "guarded");
    assert!(agentops::init().is_err_and(|error| error.is_already_initialised()));
    guard.end(EndState::Success);
    let mut names: Vec<_> = memory
        .traces()
        .into_iter()
        .map(|trace| trace.session.facts.name)
        .collect();
    names.sort();
    assert_eq!(names, ["capture", "guarded", "run"]);
    assert_eq!(capture(|| run(1)).to_string(), STEP);
    within_a_capture();
}

/// Code under test may start and stop recording itself.
fn within_a_capture() {
    let memory = Memory::new();
    let trace = capture(|| {
        let guard = init(&memory);
        run(1);
        drop(guard);
        run(1)
    });
    assert_eq!(trace.to_string(), STEP.repeat(2));
    let ran = memory
        .traces()
        .into_iter()
        .filter(|trace| trace.session.facts.name == "run");
    assert_eq!(ran.count(), 1);
}

/// Threads capture without a pause while guards come and go: no capture misses anything, and every guard's exporter
/// has its own session whole, and its orphan in the automatic one.
fn beside_guards() {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    assert_eq!(capture(|| run(1)).to_string(), STEP);
                }
            });
        }
        for _ in 0..20 {
            let memory = Memory::new();
            let guard = init(&memory);
            let session = agentops::start_session("guarded's own");
            let id = session.id().expect("it records");
            session.in_scope(|| step(2));
            session.end(EndState::Success);
            assert_eq!(step(3), 4);
            assert!(agentops::flush(Duration::from_secs(20)));
            drop(guard);
            let trace = memory.trace(id).expect("it was exported");
            assert_eq!(
                (trace.spans.len(), trace.session.state.as_str()),
                (2, "ended")
            );
            let traces = memory.traces();
            assert!(traces.iter().all(|trace| trace.session.counts.dropped == 0));
            let automatic = traces
                .iter()
                .find(|trace| trace.session.facts.name == "guarded");
            let automatic = automatic.expect("an orphan opens it");
            assert_eq!(automatic.spans.len(), 2);
            assert_eq!(automatic.session.facts.end_state, Some(EndState::Success));
        }
        over.store(true, Relaxed);
    });
}
