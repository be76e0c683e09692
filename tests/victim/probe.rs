//! Programs that try to break recording: `probe CASE` prints what it saw. See `integration/review.rs`.
#![expect(
    clippy::print_stdout,
    reason = "it is a program, and its output is compared"
)]

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use agentops::export::{Batch, ExportError, Memory, SpanExporter};
use agentops::model::event::{Event, LossCause};
use agentops::model::frame::Reader;
use agentops::{EndState, agent, operation, session, tool};

#[operation(skip_all, capture_return = false)]
fn bare(n: u64) -> u64 {
    std::hint::black_box(n)
}

#[tool]
fn args(n: u64, name: &str, ratio: f64) -> u64 {
    std::hint::black_box(n + name.len() as u64 + ratio as u64)
}

#[operation]
async fn later(n: u64) -> u64 {
    n
}

#[derive(Default, Clone)]
struct Seen(Arc<Mutex<Counts>>);
#[derive(Default, Debug, Clone)]
struct Counts {
    spans: u64,
    twice: u64,
    pending: u64,
    losses: BTreeMap<String, u64>,
    sessions: HashMap<String, (String, bool)>,
    trace_zero: u64,
    ids: std::collections::HashSet<u64>,
    keep_ids: bool,
    attributes: u64,
    lines: Vec<String>,
}
impl SpanExporter for Seen {
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let mut c = self.0.lock().unwrap();
        for event in batch.events() {
            count(&mut c, event);
        }
        Ok(())
    }
}
fn count(c: &mut Counts, event: Event) {
    match event {
        Event::SpanStarted(_) => c.pending += 1,
        Event::SpanEnded(span) => {
            c.spans += 1;
            if c.keep_ids && !c.ids.insert(span.id.0) {
                c.twice += 1;
            }
            if span.trace_id.0 == 0 {
                c.trace_zero += 1;
            }
            c.attributes += span.attributes.len() as u64;
            if c.lines.len() < 50 {
                c.lines.push(format!("{} {:?} parent={:?} id={:?} status={:?} err={:?} session={:?} cancelled={} in={:?} out={:?}", span.name, span.kind, span.parent_id, span.id, span.status, span.error.as_ref().map(|e| (&e.code, &e.details)), span.session_id, span.cancelled, span.input, span.output));
            }
        }
        Event::Loss(loss) => *c.losses.entry(loss.cause.as_str().into()).or_default() += loss.count,
        Event::Session(facts) => {
            c.sessions.insert(
                facts.id.to_string(),
                (facts.name.clone(), facts.end.is_some()),
            );
        }
        _ => {}
    }
}
impl Seen {
    fn get(&self) -> Counts {
        self.0.lock().unwrap().clone()
    }
    fn show(&self, what: &str) {
        let c = self.get();
        println!(
            "{what}: spans={} twice={} pending={} losses={:?} sessions={} trace_zero={} attributes={}",
            c.spans,
            c.twice,
            c.pending,
            c.losses,
            c.sessions.len(),
            c.trace_zero,
            c.attributes
        );
    }
}

fn init(auto: bool) -> (Seen, agentops::Guard) {
    let seen = Seen::default();
    let guard = agentops::builder()
        .exporter(seen.clone())
        .auto_start_session(auto)
        .service_name("probe")
        .init()
        .unwrap();
    (seen, guard)
}
fn hwm() -> String {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let of = |key: &str| {
        text.lines().find(|l| l.starts_with(key)).unwrap()[key.len()..]
            .trim()
            .to_owned()
    };
    format!("hwm {} rss {}", of("VmHWM:"), of("VmRSS:"))
}
const LONG: Duration = Duration::from_secs(60);
fn poll_once<F: Future>(f: &mut std::pin::Pin<Box<F>>) -> Poll<F::Output> {
    f.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

struct PanicSer;
impl serde::Serialize for PanicSer {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("inside Serialize")
    }
}

/// Counts only frames cheaply: sleeps for each batch.
struct Slow(Duration, Arc<AtomicU64>);
impl SpanExporter for Slow {
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        std::thread::sleep(self.0);
        self.1.fetch_add(batch.spans(), SeqCst);
        Ok(())
    }
}
struct Broken(bool);
impl SpanExporter for Broken {
    fn export(&mut self, _: &Batch) -> Result<(), ExportError> {
        if self.0 {
            panic!("exporter panics")
        }
        Err(ExportError::new("never works", LossCause::Write))
    }
}
struct Hang;
impl SpanExporter for Hang {
    fn export(&mut self, _: &Batch) -> Result<(), ExportError> {
        loop {
            std::thread::park()
        }
    }
}

struct Labelled;
impl agentops::Agent for Labelled {
    fn name(&self) -> Cow<'_, str> {
        self.label().into()
    }
}
#[agent]
impl Labelled {
    fn label(&self) -> String {
        "x".into()
    }
    fn work(&self) -> u8 {
        1
    }
}
struct Numbered(u64);
impl agentops::Agent for Numbered {
    fn name(&self) -> Cow<'_, str> {
        format!("agent {}", self.0).into()
    }
    fn id(&self) -> Option<agentops::model::id::AgentId> {
        Some(agentops::model::id::AgentId(self.0))
    }
}
#[agent]
impl Numbered {
    fn work(&self) -> u8 {
        1
    }
}
#[agent]
fn agent_fn() -> u8 {
    println!(
        "session says its span is {:?}, the span is {:?}",
        agentops::current_session().span_id(),
        agentops::current_span().id()
    );
    1
}

#[session]
fn job(n: u64) {
    std::hint::black_box(n);
}

#[operation]
async fn explodes(n: u64) -> u64 {
    poll_fn(|_| Poll::Ready(())).await;
    if n == 1 {
        panic!("in poll")
    }
    n
}

struct InTls(agentops::CurrentSpan, u8);
impl Drop for InTls {
    fn drop(&mut self) {
        match self.1 {
            0 => self.0.set_attribute("k", 1),
            1 => self.0.record_error_text("x"),
            2 => {
                struct D;
                impl std::fmt::Display for D {
                    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        bare(1);
                        f.write_str("d")
                    }
                }
                self.0.log(agentops::Level::Info, D)
            }
            _ => panic!("reason in a destructor"),
        }
    }
}
thread_local! { static TLS: std::cell::RefCell<Option<InTls>> = const { std::cell::RefCell::new(None) }; }

struct RecordsOnDrop;
impl Drop for RecordsOnDrop {
    fn drop(&mut self) {
        bare(9);
    }
}

struct Greedy;
impl agentops::Capture for Greedy {
    fn capture(&self, sink: &mut agentops::Sink<'_>) {
        sink.serialize("first");
        sink.serialize("second");
    }
}
#[operation]
fn greedy(a: Greedy, b: u8) -> u8 {
    let _ = a;
    b
}

#[operation]
fn map_arg(m: HashMap<String, u32>) -> usize {
    m.len()
}

#[operation]
fn text_arg(text: &str) -> usize {
    text.len()
}

fn main() {
    let case = std::env::args().nth(1).unwrap_or_default();
    let start = Instant::now();
    run(&case);
    println!("[{case}] took {:?} {}", start.elapsed(), hwm());
}

fn run(case: &str) {
    match case {
        "stress" => stress(),
        // END dropped although its START exists: flushes count as passes.
        "patience" => {
            let kept = Arc::new(AtomicU64::new(0));
            let guard = agentops::builder()
                .exporter(Slow(Duration::ZERO, kept.clone()))
                .init()
                .unwrap();
            let stop = Arc::new(AtomicBool::new(false));
            let flushers: Vec<_> = (0..3)
                .map(|_| {
                    let stop = stop.clone();
                    std::thread::spawn(move || {
                        while !stop.load(SeqCst) {
                            agentops::flush(LONG);
                        }
                    })
                })
                .collect();
            let mut threads = Vec::new();
            let n = 20_000u64;
            for _ in 0..3 {
                let (tx, rx) =
                    mpsc::sync_channel::<std::pin::Pin<Box<dyn Future<Output = u64> + Send>>>(4);
                threads.push(std::thread::spawn(move || {
                    for i in 0..n {
                        let mut f: std::pin::Pin<Box<dyn Future<Output = u64> + Send>> =
                            Box::pin(later_two(i));
                        let _ = f.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                        tx.send(f).unwrap();
                    }
                }));
                threads.push(std::thread::spawn(move || {
                    for mut f in rx {
                        let _ = f.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    }
                }));
            }
            threads.into_iter().for_each(|t| t.join().unwrap());
            stop.store(true, SeqCst);
            flushers.into_iter().for_each(|t| t.join().unwrap());
            println!("flush {}", agentops::flush(LONG));
            drop(guard);
            println!("expected {} kept {}", 3 * n + 1, kept.load(SeqCst));
        }
        // A note that happened before the END, on another thread, read after it.
        "late_note" => {
            let (seen, guard) = init(true);
            let (tx, rx) = mpsc::sync_channel::<agentops::CurrentSpan>(0);
            let (back, done) = mpsc::sync_channel::<()>(0);
            let n = 100_000;
            let helper = std::thread::spawn(move || {
                bare(0);
                for s in rx {
                    s.set_attribute("said", 1);
                    back.send(()).unwrap();
                }
            });
            for _ in 0..n {
                let span = agentops::span("noted").start();
                tx.send(agentops::current_span()).unwrap();
                done.recv().unwrap();
                drop(span);
            }
            drop(tx);
            helper.join().unwrap();
            println!("flush {} expected attributes {n}", agentops::flush(LONG));
            seen.show("late_note");
            drop(guard);
        }
        "log_after_end" => {
            let (seen, guard) = init(true);
            let span = agentops::span("a").start();
            let current = agentops::current_span();
            drop(span);
            agentops::flush(LONG);
            current.log(agentops::Level::Info, "from a task that outlived it");
            for _ in 0..4 {
                bare(1);
                agentops::flush(LONG);
            }
            seen.show("log_after_end");
            drop(guard);
        }
        "flush_max" => {
            let (_s, _g) = init(true);
            println!("{}", agentops::flush(Duration::MAX));
        }
        "slow" => {
            let kept = Arc::new(AtomicU64::new(0));
            let guard = agentops::builder()
                .exporter(Slow(Duration::from_millis(30), kept.clone()))
                .init()
                .unwrap();
            let n = 1_000_000;
            for i in 0..n {
                bare(i);
            }
            println!(
                "flush said {} kept {} of {n}",
                agentops::flush(LONG),
                kept.load(SeqCst)
            );
            drop(guard);
        }
        "panicking_exporter" => {
            let (seen, _) = (Seen::default(), 0);
            let guard = agentops::builder()
                .exporter(seen.clone())
                .exporter(Broken(true))
                .init()
                .unwrap();
            bare(1);
            let t = Instant::now();
            println!(
                "flush(5s) {} after {:?}",
                agentops::flush(Duration::from_secs(5)),
                t.elapsed()
            );
            let t = Instant::now();
            println!(
                "flush(5s) {} after {:?}",
                agentops::flush(Duration::from_secs(5)),
                t.elapsed()
            );
            seen.show("other exporter");
            let t = Instant::now();
            drop(guard);
            println!("guard drop {:?}", t.elapsed());
        }
        "broken_exporter" => {
            let guard = agentops::builder().exporter(Broken(false)).init().unwrap();
            bare(1);
            let t = Instant::now();
            println!(
                "flush(8s) {} after {:?}",
                agentops::flush(Duration::from_secs(8)),
                t.elapsed()
            );
            let t = Instant::now();
            drop(guard);
            println!("guard drop {:?}", t.elapsed());
        }
        "hang" => {
            let guard = agentops::builder().exporter(Hang).spool().init().unwrap();
            bare(1);
            let t = Instant::now();
            drop(guard);
            println!("guard drop {:?}", t.elapsed());
        }
        "init_time" => {
            let t = Instant::now();
            let g = init(true);
            println!("init {:?}", t.elapsed());
            let t = Instant::now();
            drop(g);
            println!("drop {:?}", t.elapsed());
        }
        "second_automatic" => {
            let (seen, guard) = init(true);
            let stop = Arc::new(AtomicBool::new(false));
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let stop = stop.clone();
                    std::thread::spawn(move || {
                        while !stop.load(SeqCst) {
                            bare(1);
                            std::thread::sleep(Duration::from_micros(50));
                        }
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(50));
            drop(guard);
            stop.store(true, SeqCst);
            threads.into_iter().for_each(|t| t.join().unwrap());
            println!(
                "sessions (name, ended): {:?}",
                seen.get().sessions.values().collect::<Vec<_>>()
            );
        }
        "out_of_order" => {
            let memory = Memory::new();
            let guard = agentops::builder().exporter(memory.clone()).init().unwrap();
            let root = agentops::start_session("s");
            root.in_scope(|| {
                let a = agentops::span("a").start();
                let b = agentops::span("b").start();
                drop(a);
                bare(1);
                drop(b);
                args(2, "after both", 0.0);
            });
            let id = root.id().unwrap();
            root.end(EndState::Success);
            agentops::flush(LONG);
            println!("{}", memory.trace(id).unwrap());
            drop(guard);
        }
        "escaped_guard" => {
            let (seen, guard) = init(true);
            #[session(capture_return = false)]
            fn escapes() -> agentops::ManualSpan {
                agentops::span("escaped").start()
            }
            let s = agentops::start_session("outer");
            s.in_scope(|| {
                let span = escapes();
                drop(span);
                bare(3);
            });
            agentops::flush(LONG);
            for l in seen.get().lines {
                println!("{l}");
            }
            drop(guard);
        }
        "agent_recursion" => {
            let (_s, _g) = init(true);
            println!("{}", Labelled.work());
        }
        "agent_orphan" => {
            let (seen, guard) = init(false);
            agent_fn();
            agentops::flush(LONG);
            for l in seen.get().lines {
                println!("{l}");
            }
            drop(guard);
        }
        "tls0" | "tls1" | "tls2" | "tls3" => {
            let (seen, guard) = init(true);
            let kind = case.as_bytes()[3] - b'0';
            let (tx, rx) = mpsc::channel();
            let t = std::thread::spawn(move || {
                // Registered before ours, so that it is destroyed after ours.
                TLS.with(|t| {
                    let span = agentops::span("outer").start();
                    *t.borrow_mut() = Some(InTls(agentops::current_span(), kind));
                    std::mem::forget(span);
                });
                tx.send(()).unwrap();
            });
            rx.recv().unwrap();
            // Joined, because a thread is finished before its destructors are.
            let (tx, rx) = mpsc::channel();
            std::thread::spawn(move || {
                let _ = t.join();
                tx.send(())
            });
            println!(
                "thread ended: {}",
                rx.recv_timeout(Duration::from_secs(5)).is_ok()
            );
            seen.show(case);
            std::mem::forget(guard);
            std::process::exit(0);
        }
        "poll_panic_caught" => {
            let (seen, guard) = init(true);
            let mut f = Box::pin(explodes(1));
            let r = catch_unwind(AssertUnwindSafe(|| poll_once(&mut f)));
            println!("panicked {}", r.is_err());
            drop(f);
            agentops::flush(LONG);
            for l in seen.get().lines {
                println!("{l}");
            }
            drop(guard);
        }
        "end_with_panic" => {
            let (_s, _g) = init(true);
            let span = agentops::span("a").start();
            let r = catch_unwind(AssertUnwindSafe(|| span.end_with(PanicSer)));
            println!("end_with panicked the host: {}", r.is_err());
            let _span = agentops::span("a").start();
            struct D;
            impl std::fmt::Display for D {
                fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    panic!("display")
                }
            }
            let r = catch_unwind(AssertUnwindSafe(|| {
                agentops::current_span().log(agentops::Level::Info, D)
            }));
            println!("log panicked the host: {}", r.is_err());
        }
        "in_place_drop" => {
            let (seen, guard) = init(false);
            let s = agentops::start_session("tenant");
            let mut f = Box::pin(s.run(async {
                let _d = RecordsOnDrop;
                bare(1);
                std::future::pending::<()>().await
            }));
            let _ = poll_once(&mut f);
            drop(f);
            println!("session {:?}", s.id());
            s.end(EndState::Success);
            agentops::flush(LONG);
            for l in seen.get().lines {
                println!("{l}");
            }
            drop(guard);
        }
        "greedy" => {
            let (seen, guard) = init(true);
            greedy(Greedy, 7);
            map_arg(HashMap::from([
                ("k".repeat(70_000), 1),
                ("usage".into(), 2),
            ]));
            agentops::flush(LONG);
            for l in seen.get().lines {
                println!("{}", &l[..l.len().min(600)]);
            }
            drop(guard);
        }
        "huge_key" => {
            let (seen, guard) = init(true);
            struct K(&'static str);
            impl serde::Serialize for K {
                fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                    use serde::ser::SerializeStruct;
                    let mut s = s.serialize_struct("K", 1)?;
                    s.serialize_field(self.0, &1)?;
                    s.end()
                }
            }
            #[operation]
            fn k(k: K) -> u8 {
                let _ = k;
                1
            }
            k(K(Box::leak("k".repeat(70 << 20).into_boxed_str())));
            agentops::flush(LONG);
            seen.show("huge_key");
            drop(guard);
        }
        "boxed_memory" => {
            let (seen, guard) = init(true);
            let text = "x".repeat(60_000);
            for _ in 0..20_000 {
                text_arg(&text);
            }
            println!("recorded {}", hwm());
            agentops::flush(LONG);
            seen.show("boxed");
            drop(guard);
        }
        "sessions_memory" => {
            let kept = Arc::new(AtomicU64::new(0));
            let guard = agentops::builder()
                .exporter(Slow(Duration::ZERO, kept.clone()))
                .auto_start_session(false)
                .init()
                .unwrap();
            for round in 0..6 {
                let t = Instant::now();
                for i in 0..50_000 {
                    job(i);
                }
                agentops::flush(LONG);
                println!(
                    "{} sessions: 50k took {:?} {} kept {}",
                    (round + 1) * 50_000,
                    t.elapsed(),
                    hwm(),
                    kept.load(SeqCst)
                );
            }
            drop(guard);
        }
        "agents_memory" => {
            let kept = Arc::new(AtomicU64::new(0));
            let guard = agentops::builder()
                .exporter(Slow(Duration::ZERO, kept.clone()))
                .init()
                .unwrap();
            for round in 0..4u64 {
                for i in 0..50_000 {
                    Numbered(round * 50_000 + i).work();
                }
                agentops::flush(LONG);
                println!(
                    "{} agents: {} kept {}",
                    (round + 1) * 50_000,
                    hwm(),
                    kept.load(SeqCst)
                );
            }
            drop(guard);
        }
        "threads_memory" => {
            let kept = Arc::new(AtomicU64::new(0));
            let guard = agentops::builder()
                .exporter(Slow(Duration::ZERO, kept.clone()))
                .init()
                .unwrap();
            for round in 0..4u64 {
                for i in 0..20_000 {
                    std::thread::spawn(move || bare(i)).join().unwrap();
                }
                agentops::flush(LONG);
                println!(
                    "{} threads: {} kept {}",
                    (round + 1) * 20_000,
                    hwm(),
                    kept.load(SeqCst)
                );
            }
            drop(guard);
        }
        "starved" => {
            // The processor works on long values: recorders must wait for it, not lose.
            let (seen, guard) = init(true);
            let big: Vec<HashMap<String, String>> = (0..9000)
                .map(|i| HashMap::from([(format!("k{i}"), "\u{e9}".repeat(100))]))
                .collect();
            let big = serde_json::to_value(big).unwrap();
            #[agentops::llm]
            fn call(v: &serde_json::Value) -> u8 {
                let _ = v;
                1
            }
            let other = std::thread::spawn(|| {
                for i in 0..400_000 {
                    bare(i);
                }
            });
            for _ in 0..30 {
                call(&big);
            }
            other.join().unwrap();
            println!("flush {} expected {}", agentops::flush(LONG), 400_030);
            seen.show("starved");
            drop(guard);
        }
        "rerun" => {
            let (_a, guard) = init(true);
            let s = agentops::start_session("held");
            agentops::flush(LONG);
            drop(guard);
            let (seen, guard) = init(true);
            s.in_scope(|| bare(1));
            bare(2);
            agentops::flush(LONG);
            s.end(EndState::Success);
            for _ in 0..4 {
                bare(3);
                agentops::flush(LONG);
            }
            seen.show("second run (expected 6 bare + 0 losses)");
            drop(guard);
        }
        "spool_new" => {
            let guard = agentops::builder()
                .home(std::env::temp_dir().join("rev1-home"))
                .exporter(agentops::export::Spool::new())
                .init()
                .unwrap();
            bare(1);
            println!("flush {}", agentops::flush(Duration::from_secs(3)));
            drop(guard);
        }
        "spool_order" => {
            let home = std::env::temp_dir().join(format!("rev1-order-{}", std::process::id()));
            let guard = agentops::builder().spool().home(&home).init().unwrap();
            bare(1);
            println!("flush {}", agentops::flush(Duration::from_secs(3)));
            println!("home used: {}", home.exists());
            drop(guard);
        }
        "full_disk" => {
            // AGENTOPS_HOME is on a file system that is full.
            let guard = agentops::init().unwrap();
            bare(1);
            std::thread::sleep(Duration::from_secs(6));
            drop(guard);
        }
        "forgotten_scope" => {
            let (seen, guard) = init(false);
            let s = agentops::start_session("first");
            let id = s.id();
            let mut f = s.in_scope(|| {
                let mut f = Box::pin(later_two(2));
                let _ = poll_once(&mut f);
                f
            });
            s.end(EndState::Success);
            for i in 0..5000 {
                job(i);
            }
            agentops::flush(LONG);
            std::thread::sleep(Duration::from_secs(61));
            job(1);
            agentops::flush(LONG);
            seen.0.lock().unwrap().lines.clear();
            let _ = poll_once(&mut f);
            agentops::flush(LONG);
            println!("session was {id:?}");
            for l in seen.get().lines {
                println!("{l}");
            }
            seen.show("forgotten_scope");
            drop(f);
            drop(guard);
        }
        "muted_session" => {
            struct Opens(Option<agentops::Session>, Seen);
            impl SpanExporter for Opens {
                fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
                    if self.0.is_none() {
                        self.0 = Some(agentops::start_session("from an exporter"));
                    }
                    self.1.export(batch)
                }
            }
            let seen = Seen::default();
            let guard = agentops::builder()
                .exporter(Opens(None, seen.clone()))
                .init()
                .unwrap();
            bare(1);
            agentops::flush(LONG);
            for _ in 0..10 {
                bare(2);
                agentops::flush(LONG);
            }
            seen.show("muted_session (expected 11)");
            drop(guard);
            seen.show("end");
        }
        other => println!("unknown {other}"),
    }
}

#[operation]
async fn later_two(n: u64) -> u64 {
    let mut first = true;
    poll_fn(move |_| {
        if std::mem::take(&mut first) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    n
}

fn stress() {
    let home = std::env::temp_dir().join(format!("rev1-stress-{}", std::process::id()));
    let guard = agentops::builder()
        .home(&home)
        .service_name("stress")
        .init()
        .unwrap();
    println!("start {}", hwm());
    let one = std::env::args()
        .nth(2)
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000_000u64);
    let s = agentops::start_session("stress");
    let mut total = 1;
    s.in_scope(|| {
        let t = Instant::now();
        for i in 0..one {
            bare(i);
        }
        println!(
            "{one} bare recorded in {:?} ({:.1} ns/span)",
            t.elapsed(),
            t.elapsed().as_nanos() as f64 / one as f64
        );
        println!(
            "flush {} total {:?} {}",
            agentops::flush(LONG),
            t.elapsed(),
            hwm()
        );
        let t = Instant::now();
        for i in 0..one {
            args(i, "a name of some length", 0.5);
        }
        println!(
            "{one} args recorded in {:?} ({:.1} ns/span)",
            t.elapsed(),
            t.elapsed().as_nanos() as f64 / one as f64
        );
        println!(
            "flush {} total {:?} {}",
            agentops::flush(LONG),
            t.elapsed(),
            hwm()
        );
        total += 2 * one;
    });
    let t = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                s.in_scope(|| {
                    for i in 0..one / 10 {
                        bare(i);
                    }
                })
            });
        }
    });
    println!("8 x {} bare in {:?}", one / 10, t.elapsed());
    println!(
        "flush {} total {:?} {}",
        agentops::flush(LONG),
        t.elapsed(),
        hwm()
    );
    total += 8 * (one / 10);
    s.end(EndState::Success);
    drop(guard);
    println!("end {}", hwm());
    let mut c = Counts {
        keep_ids: true,
        ..Counts::default()
    };
    let mut bytes_total = 0;
    let mut damaged = 0;
    let mut files: Vec<_> = std::fs::read_dir(home.join("spool"))
        .unwrap()
        .flatten()
        .map(|e| e.path())
        .collect();
    files.sort();
    for path in &files {
        if path.extension().is_some_and(|e| e == "agentops") {
            let bytes = std::fs::read(path).unwrap();
            bytes_total += bytes.len();
            let mut reader = Reader::new(&bytes).unwrap();
            for event in reader.by_ref() {
                count(&mut c, event);
            }
            damaged += u64::from(reader.damaged() > 0 || reader.tail().is_some());
        }
    }
    println!(
        "spool: files {} bytes {} ({} B/span) damaged {damaged}",
        files.len(),
        bytes_total,
        bytes_total as u64 / total
    );
    println!(
        "expected {total} got {} twice {} pending {} LOST {} losses {:?}",
        c.spans,
        c.twice,
        c.pending,
        total as i64 - c.spans as i64,
        c.losses
    );
    println!("files left: {files:?}");
    std::fs::remove_dir_all(home).unwrap();
}
