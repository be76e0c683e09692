//! A small program that is recorded, and that ends in the way it is told to: `victim CASE`.
#![expect(
    clippy::print_stdout,
    reason = "it is a program, and its output is compared"
)]

use std::process::ExitCode;

use agentops::{operation, session, tool};

#[tool]
fn step(n: u32) -> Result<u32, String> {
    if n == 3 {
        Err("three is too many".into())
    } else {
        Ok(n)
    }
}

#[operation]
fn explode() {
    panic!("on purpose");
}

#[session]
fn job(steps: u32) -> Result<u32, String> {
    (0..steps).map(step).sum()
}

fn main() -> ExitCode {
    let case = std::env::args().nth(1).unwrap_or_default();
    match &*case {
        "orphans" => orphans(),
        "fails" => return fails(),
        "panics" => panics(),
        "exits" => {
            let _guard = agentops::init();
            let _ = job(2);
            assert!(agentops::flush(std::time::Duration::from_secs(10)));
            std::process::exit(7);
        }
        "hangs" => {
            let _guard = agentops::init();
            hangs();
        }
        "drops" => {
            let guard = agentops::init();
            let _ = job(2);
            drop(guard);
            // After the guard nothing is recorded, and nothing breaks.
            let _ = job(3);
        }
        "late" => late(),
        "hears" => hears(),
        "deaf" => deaf(),
        "loud exporter" => loud_exporter(),
        "hook logs" => hook_logs(),
        "has a subscriber" => has_a_subscriber(),
        "traces" => traces(),
        "cycles" => cycles(),
        "twice" => twice(),
        "forgets" => {
            let _guard = agentops::init();
            forgets();
        }
        other => {
            println!("unknown case {other:?}");
            return ExitCode::from(2);
        }
    }
    println!("{case} done");
    ExitCode::SUCCESS
}

fn orphans() {
    let guard = agentops::builder().default_tags(["script"]).init();
    let _ = step(1);
    std::thread::spawn(|| step(2))
        .join()
        .expect("it runs")
        .expect("it works");
    drop(guard);
}

/// A thread goes on while the guard is dropped.
fn late() {
    let guard = agentops::init();
    let (say, hear) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        for n in 10..10_000 {
            let _ = step(n);
            let _ = say.send(());
        }
    });
    let _ = hear.recv();
    drop(guard);
    thread.join().expect("it runs");
}

/// Asks for events and records of the whole program.
fn hears() {
    let guard = agentops::builder().install_tracing().init();
    let (open, opened) = std::sync::mpsc::channel();
    let (said, hear) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        tracing::error!("on a thread, too early");
        said.send(()).expect("somebody waits");
        opened.recv().expect("it is told");
        tracing::error!("on a thread");
    });
    hear.recv().expect("it speaks");
    tracing::info!("before anything is open");
    log::info!("likewise");
    let _ = step(1);
    tracing::info!(from = "tracing", "outside");
    log::warn!(target: "another", "from {}", "log");
    log::debug!("below the level");
    drop(agentops::span("work").start());
    open.send(()).expect("it waits");
    thread.join().expect("it runs");
    drop(guard);
    tracing::info!("after the guard");
    // Asked again, it is there already.
    let guard = agentops::builder().install_tracing().init();
    let _ = step(2);
    log::info!("the second time");
    drop(guard);
}

/// Asks for nothing, and nothing is installed.
fn deaf() {
    let guard = agentops::init();
    let _ = step(1);
    tracing::error!("nobody hears it");
    log::error!("nor this");
    drop(guard);
    assert!(!tracing::dispatcher::has_been_set());
    assert_eq!(log::max_level(), log::LevelFilter::Off);
}

/// Says on our own threads what it does.
struct Loud;

impl agentops::export::SpanExporter for Loud {
    fn export(&mut self, _: &agentops::export::Batch) -> Result<(), agentops::export::ExportError> {
        tracing::error!("exporting");
        let _ = step(1);
        Ok(())
    }
}

fn loud_exporter() {
    let builder = agentops::builder().spool().exporter(Loud);
    let guard = builder.install_tracing().init();
    let session = agentops::start_session("the only one");
    session.in_scope(|| tracing::info!("the program"));
    // It is open while the exporter speaks, and would adopt what belongs to nobody.
    assert!(agentops::flush(std::time::Duration::from_secs(10)));
    assert!(agentops::flush(std::time::Duration::from_secs(10)));
    session.end(agentops::EndState::Success);
    drop(guard);
}

fn hook_logs() {
    std::panic::set_hook(Box::new(|_| tracing::error!("it panicked")));
    let guard = agentops::builder().install_tracing().init();
    assert!(std::panic::catch_unwind(explode).is_err());
    drop(guard);
}

fn has_a_subscriber() {
    tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::new())
        .expect("it is the first");
    let guard = agentops::builder().install_tracing().init();
    let _ = step(1);
    drop(guard);
    assert_eq!(log::max_level(), log::LevelFilter::Off);
}

/// A session, an agent and spans that go on from one run of the recorder into the next.
fn twice() {
    let guard = agentops::init();
    let session = agentops::start_session("held").tag("kept");
    let detached = session.in_scope(|| agentops::span("detached").start_detached());
    let agent = session.in_scope(|| {
        agentops::span("planner")
            .kind(agentops::SpanKind::Agent)
            .start_detached()
    });
    let _ = session.in_scope(|| step(1));
    let place = agentops::start_session("over").in_scope(|| agentops::current_span().context());
    drop(agentops::start_session("gone"));
    drop(guard);
    let _ = session.in_scope(|| step(2));
    let guard = agentops::init();
    // In a session that ended before.
    let _ = place.in_scope(|| step(7));
    // Outside it: the only session that is open is this one.
    let _ = step(4);
    let _ = session.in_scope(|| step(5));
    let _ = agent.in_scope(|| step(6));
    agent.end();
    detached.end_with("late");
    session.end(agentops::EndState::Success);
    drop(guard);
}

/// Where spans outside every trace go: to the only one that is open, and to neither of two.
fn traces() {
    use agentops::{EndState, end_all_traces, end_trace, start_trace, update_trace_metadata};

    let guard = agentops::builder().trace_name("automatic").init();
    let first = start_trace("first").tag("one");
    let _ = step(1);
    assert!(update_trace_metadata([("customer", "ann")]));
    assert!(update_trace_metadata([("tags", ["a", "b"])]));
    let second = start_trace("second");
    let _ = step(10);
    assert!(!update_trace_metadata([("customer", "nobody's")]));
    let _ = second.in_scope(|| {
        assert!(update_trace_metadata([("customer", "bob")]));
        step(20)
    });
    end_trace(&first, EndState::Success);
    // Once is enough, by whichever copy of the handle.
    end_trace(&first, EndState::Error);
    let _ = std::thread::spawn(|| step(21)).join();
    let _third = start_trace("third");
    end_all_traces(EndState::Error);
    end_trace(None, EndState::Success);
    let _ = step(11);
    drop(guard);
}

/// Threads that record all the time, while the recorder stops and starts again: says how many spans were recorded.
fn cycles() {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
    static STOP: AtomicBool = AtomicBool::new(false);
    static RECORDED: AtomicU64 = AtomicU64::new(0);

    fn count(span: &agentops::ManualSpan) {
        if span.handle().id().is_some() {
            RECORDED.fetch_add(1, Relaxed);
        }
    }

    let mut guard = agentops::builder().auto_start_session(false).init();
    let threads: Vec<_> = (0..3)
        .map(|n| agentops::start_session(format!("session {n}")))
        .map(|session| {
            std::thread::spawn(move || {
                while !STOP.load(Relaxed) {
                    session.in_scope(|| {
                        let outer = agentops::span("outer").start();
                        count(&outer);
                        let inner = agentops::span("inner").start();
                        count(&inner);
                        inner.end_with("done");
                    });
                    std::thread::yield_now();
                }
                session
            })
        })
        .collect();
    for _ in 0..8 {
        assert!(agentops::flush(std::time::Duration::from_secs(10)));
        drop(guard);
        guard = agentops::builder().auto_start_session(false).init();
    }
    STOP.store(true, Relaxed);
    for thread in threads {
        thread
            .join()
            .expect("it runs")
            .end(agentops::EndState::Success);
    }
    drop(guard);
    println!("{}", RECORDED.load(Relaxed));
}

/// Traces that nobody ends.
fn forgets() {
    agentops::start_trace("forgotten")
        .in_scope(|| step(1))
        .expect("it works");
    let _session = std::mem::ManuallyDrop::new(agentops::start_session("leaked"));
}

fn fails() -> ExitCode {
    let _guard = agentops::init();
    match job(5) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn panics() {
    let _guard = agentops::init();
    explode();
}

#[session]
fn hangs() {
    let _ = step(1);
    let open = agentops::span("still open").start();
    assert!(agentops::flush(std::time::Duration::from_secs(10)));
    println!("ready");
    // Until it is killed.
    std::thread::park();
    drop(open);
}
