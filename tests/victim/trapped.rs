//! A small program that is recorded, and that walks into a trap: `trapped CASE`.
#![expect(
    clippy::print_stdout,
    reason = "it is a program, and its output is compared"
)]

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use agentops::export::{Batch, ExportError, SpanExporter};
use agentops::model::event::Event;
use agentops::model::frame::Reader;
use agentops::{EndState, operation, session, start_session};

/// Long enough for every machine, and still an end.
const LONG: Duration = Duration::from_secs(60);

#[operation]
fn step(n: u64) -> u64 {
    n
}

#[operation]
fn long(text: &str) -> usize {
    text.len()
}

#[session]
fn job(steps: u64) -> u64 {
    (0..steps).map(step).sum()
}

fn main() -> ExitCode {
    let case = std::env::args().nth(1).unwrap_or_default();
    match &*case {
        "short_threads" => short_threads(),
        "crowd" => crowd(),
        "storm" => storm(),
        "nosy" => nosy(),
        "starts_while_unwinding" => starts_while_unwinding(),
        #[cfg(unix)]
        "forks" => return forks::once(),
        #[cfg(unix)]
        "forks_under_load" => return forks::under_load(),
        "exits" | "aborts" | "returns" | "panics" | "panics_twice" => end(&case),
        other => {
            println!("unknown case {other:?}");
            return ExitCode::from(2);
        }
    }
    println!("{case} done");
    ExitCode::SUCCESS
}

/// A program that begins to record while a panic is going on.
fn starts_while_unwinding() {
    struct CleansUp;
    impl Drop for CleansUp {
        fn drop(&mut self) {
            let _guard = agentops::init().expect("no other guard is alive");
            job(1);
        }
    }
    let unwound = std::panic::catch_unwind(|| {
        let _cleans_up = CleansUp;
        panic!("the program's own");
    });
    assert!(unwound.is_err());
}

/// Memory that the process holds, and the most that it ever held, in KiB; 0 where nobody tells.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or(0)
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// Threads that record one span each and end right after it.
fn short_threads() {
    const SPAWNERS: u64 = 8;
    const EACH: u64 = 1250;
    let guard = agentops::init();
    step(0);
    let (before, _) = memory();
    thread::scope(|scope| {
        for spawner in 0..SPAWNERS {
            scope.spawn(move || {
                for n in spawner * EACH..(spawner + 1) * EACH {
                    let short = thread::Builder::new()
                        .name(format!("short-{n}"))
                        .spawn(move || step(n));
                    short.expect("a thread starts").join().expect("it runs");
                }
            });
        }
    });
    let (_, most) = memory();
    println!("{}", most.saturating_sub(before));
    drop(guard);
}

/// Threads that fill most of a ring and end, faster than anybody can read them.
fn storm() {
    let guard = agentops::init();
    step(0);
    let text = "x".repeat(1000);
    let (before, _) = memory();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..2000 {
                    thread::scope(|scope| {
                        scope.spawn(|| (0..12).for_each(|_| _ = long(&text)));
                    });
                }
            });
        }
    });
    let (_, most) = memory();
    println!("{}", most.saturating_sub(before));
    drop(guard);
}

/// 512 threads that live and record at the same time.
fn crowd() {
    const THREADS: usize = 512;
    let guard = agentops::init();
    step(0);
    let (ready, go, done) = (
        Barrier::new(THREADS + 1),
        Barrier::new(THREADS + 1),
        Barrier::new(THREADS + 1),
    );
    thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let (ready, go, done) = (&ready, &go, &done);
            scope.spawn(move || {
                ready.wait();
                go.wait();
                (0..100).for_each(|n| _ = step(thread * 100 + n));
                done.wait();
            });
        }
        ready.wait();
        let (before, _) = memory();
        go.wait();
        done.wait();
        let (_, most) = memory();
        println!("{}", most.saturating_sub(before));
    });
    drop(guard);
}

type Parcel = Arc<Mutex<Option<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>>>>;

/// An exporter that does all that an exporter must not.
struct Nosy {
    calls: Arc<AtomicU64>,
    hung: Arc<AtomicBool>,
    parcel: Parcel,
}

impl SpanExporter for Nosy {
    fn export(&mut self, _: &Batch) -> Result<(), ExportError> {
        step(99);
        job(3);
        let span = agentops::span("inside").start();
        agentops::current_span().log(agentops::Level::Error, "inside");
        agentops::current_span().set_attribute("inside", 1);
        agentops::current_span().record_error_text("inside");
        agentops::current_session().tag("inside");
        drop(span);
        let session = start_session("inside").tag("inside");
        session.in_scope(|| step(98));
        session.end(EndState::Error);
        let again = agentops::init();
        let flushed = agentops::flush(Duration::from_secs(3600));
        self.hung
            .fetch_or(flushed || again.is_ok(), Ordering::Relaxed);
        // A span that began elsewhere ends here.
        drop(self.parcel.lock().expect("nobody panicked").take());
        self.calls.fetch_add(1, Ordering::Release);
        Ok(())
    }

    fn force_flush(&mut self) -> Result<(), ExportError> {
        step(97);
        let flushed = agentops::flush(Duration::from_secs(3600));
        self.hung.fetch_or(flushed, Ordering::Relaxed);
        Ok(())
    }
}

fn nosy() {
    #[operation]
    async fn never() {
        std::future::pending::<()>().await;
    }
    let exporter = Nosy {
        calls: Arc::default(),
        hung: Arc::default(),
        parcel: Arc::default(),
    };
    let (calls, hung, parcel) = (
        exporter.calls.clone(),
        exporter.hung.clone(),
        exporter.parcel.clone(),
    );
    let guard = agentops::builder().exporter(exporter).spool().init();
    let session = start_session("outside");
    session.in_scope(|| {
        let mut future = Box::pin(never());
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(future.as_mut().poll(&mut task).is_pending());
        *parcel.lock().expect("nobody panicked") = Some(future);
        step(1);
        assert!(agentops::flush(LONG));
        step(2);
    });
    session.end(EndState::Success);
    assert!(agentops::flush(LONG));
    assert!(calls.load(Ordering::Acquire) >= 2);
    assert!(!hung.load(Ordering::Relaxed));
    drop(guard);
}

/// Waits until so many spans have got into the spool, without asking for it.
fn wait_until_kept(spans: usize) {
    let home = std::env::var_os("AGENTOPS_HOME").expect("there is a home");
    let spool = std::path::PathBuf::from(home).join("spool");
    let ended = |bytes: Vec<u8>| {
        let events = Reader::new(&bytes).into_iter().flatten();
        events
            .filter(|event| matches!(event, Event::SpanEnded(_)))
            .count()
    };
    let kept = || {
        let files = std::fs::read_dir(&spool).into_iter().flatten().flatten();
        let bytes = files.map(|file| std::fs::read(file.path()).unwrap_or_default());
        bytes.map(ended).sum::<usize>()
    };
    let start = Instant::now();
    while kept() < spans {
        assert!(start.elapsed() < LONG, "what was recorded is never kept");
        thread::yield_now();
    }
}

/// Ends without a word to the recorder.
fn end(case: &str) {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("once more");
        }
    }
    let guard = agentops::init();
    job(3);
    long("the last");
    // The job's own span, its three steps, and the last.
    wait_until_kept(5);
    match case {
        "exits" => std::process::exit(3),
        "aborts" => std::process::abort(),
        "returns" => std::mem::forget(guard),
        "panics" => {
            std::mem::forget(guard);
            panic!("on purpose");
        }
        _ => {
            let _bomb = Bomb;
            panic!("on purpose");
        }
    }
}

#[cfg(unix)]
mod forks {
    use fork::Fork;

    use super::*;

    /// What a child does that records as if nothing had happened.
    fn child(leave: impl FnOnce()) -> ! {
        (0..100_000).for_each(|n| _ = step(n));
        let text = "x".repeat(20_000);
        (0..1000).for_each(|_| _ = long(&text));
        job(2);
        thread::spawn(|| step(1)).join().expect("it runs");
        let session = start_session("child").tag("child");
        session.in_scope(|| step(1));
        session.end(EndState::Success);
        let flushed = agentops::flush(Duration::from_secs(3600));
        leave();
        std::process::exit(if flushed { 1 } else { 7 });
    }

    /// The exit code of a child, which is killed by its parent's own end if it hangs.
    fn code(child: i32) -> i32 {
        let status = fork::waitpid(child).expect("it is a child");
        status >> 8 & 0xff
    }

    pub(super) fn once() -> ExitCode {
        let guard = agentops::init().expect("nothing records yet");
        job(2);
        let session = start_session("around the fork");
        let forked = session.in_scope(|| {
            step(1);
            fork::fork().expect("it forks")
        });
        let pid = match forked {
            Fork::Child => return session.in_scope(|| child(|| drop(guard))),
            Fork::Parent(pid) => pid,
        };
        session.in_scope(|| step(2));
        let status = code(pid);
        session.end(EndState::Success);
        drop(guard);
        println!("{status}");
        ExitCode::SUCCESS
    }

    pub(super) fn under_load() -> ExitCode {
        let guard = agentops::init().expect("nothing records yet");
        let stop = AtomicBool::new(false);
        let failed = thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    job(20);
                    long(&"x".repeat(9000));
                }
            });
            let mut failed = 0;
            for n in 0..20 {
                step(n);
                match fork::fork().expect("it forks") {
                    Fork::Child => child(|| ()),
                    Fork::Parent(pid) => failed += u32::from(code(pid) != 7),
                }
            }
            stop.store(true, Ordering::Relaxed);
            failed
        });
        drop(guard);
        println!("{failed}");
        ExitCode::SUCCESS
    }
}
