//! What a recorder that starts again, or in the wrong moment, must not do: each case in a process of its own, which
//! fails where it did.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agentops::export::{Batch, ExportError, Memory, SpanExporter};
use agentops::testing::capture;
use agentops::{EndState, current_span, operation, session, span, start_session, tool};

const FLUSH: Duration = Duration::from_secs(20);
const SECRET: &str = "C4N4RY";

/// Keeps every byte.
#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl SpanExporter for Bytes {
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        let mut left = self.0.lock().expect("nobody panicked");
        left.extend_from_slice(batch.frames());
        for piece in batch.pieces() {
            left.extend_from_slice(&piece.bytes);
        }
        Ok(())
    }
}

impl Bytes {
    fn assert_clean(&self) {
        let bytes = self.0.lock().expect("nobody panicked");
        assert!(bytes.len() > 100, "something left");
        let at = bytes
            .windows(SECRET.len())
            .position(|window| window == SECRET.as_bytes());
        if let Some(at) = at {
            let around = &bytes[at.saturating_sub(60)..(at + 40).min(bytes.len())];
            panic!("a secret left: {}", String::from_utf8_lossy(around));
        }
    }
}

#[operation]
fn serve(customer: &str) -> usize {
    customer.len()
}

#[tool(name = "tool C4N4RY", tags = ["C4N4RY"])]
fn named() {}

fn main() {
    let case = std::env::args().nth(1).expect("a case");
    match &*case {
        "sites_two_runs" => sites_two_runs(),
        "names_two_runs" => names_two_runs(),
        "notes_two_runs" => notes_two_runs(),
        "session_two_runs" => session_two_runs(),
        "content_two_runs" => content_two_runs(),
        "thread_two_runs" => thread_two_runs(),
        "sites_after_capture" => sites_after_capture(),
        "notes_after_capture" => notes_after_capture(),
        "thread_after_capture" => thread_after_capture(),
        "error_code" => error_code(),
        "late_attribute" => late_attribute(),
        "init_in_panic" => init_in_panic(),
        "wrong_session" => wrong_session(),
        "odd_serialize" => odd_serialize(),
        "detached_amid_panic" => detached_amid_panic(),
        "fork_init" => fork_init(),
        other => panic!("{other}"),
    }
}

fn plain() -> agentops::Guard {
    agentops::builder()
        .exporter(Memory::new())
        .init()
        .expect("no other guard")
}

fn strict(bytes: &Bytes) -> agentops::Guard {
    agentops::builder()
        .exporter(bytes.clone())
        .redact_keys(["customer"])
        .init()
        .expect("no other guard")
}

fn closure(bytes: &Bytes) -> agentops::Guard {
    agentops::builder()
        .exporter(bytes.clone())
        .redact(|field| {
            if field.text().contains(SECRET) {
                field.redact();
            }
        })
        .init()
        .expect("no other guard")
}

fn sites_two_runs() {
    let guard = plain();
    serve("x");
    drop(guard);
    let bytes = Bytes::default();
    let guard = strict(&bytes);
    serve(SECRET);
    assert!(agentops::flush(FLUSH));
    drop(guard);
    bytes.assert_clean();
}

fn names_two_runs() {
    let guard = plain();
    named();
    drop(guard);
    let bytes = Bytes::default();
    let guard = closure(&bytes);
    named();
    assert!(agentops::flush(FLUSH));
    drop(guard);
    bytes.assert_clean();
}

fn notes_two_runs() {
    let guard = plain();
    let session = start_session("s");
    let open = session.in_scope(|| span("x").attribute("customer", SECRET).start_detached());
    assert!(agentops::flush(FLUSH));
    drop(guard);
    let bytes = Bytes::default();
    let guard = strict(&bytes);
    open.end();
    session.end(EndState::Success);
    assert!(agentops::flush(FLUSH));
    drop(guard);
    bytes.assert_clean();
}

fn session_two_runs() {
    let guard = plain();
    let session = start_session("s").attribute("customer", SECRET);
    assert!(agentops::flush(FLUSH));
    drop(guard);
    let bytes = Bytes::default();
    let guard = strict(&bytes);
    session.end(EndState::Success);
    assert!(agentops::flush(FLUSH));
    drop(guard);
    bytes.assert_clean();
}

fn content_two_runs() {
    let guard = plain();
    let session = start_session("s");
    let open = session.in_scope(|| span("x").start_detached());
    open.handle().record_error_text(SECRET);
    assert!(agentops::flush(FLUSH));
    drop(guard);
    let bytes = Bytes::default();
    let guard = agentops::builder()
        .exporter(bytes.clone())
        .capture_content(false)
        .init()
        .expect("no other guard");
    open.end();
    session.end(EndState::Success);
    assert!(agentops::flush(FLUSH));
    drop(guard);
    bytes.assert_clean();
}

fn on_named_thread(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .name(format!("for {SECRET}"))
        .spawn(run)
        .expect("a thread starts")
        .join()
        .expect("it does not panic");
}

fn thread_two_runs() {
    on_named_thread(|| {
        let guard = plain();
        serve("x");
        drop(guard);
        let bytes = Bytes::default();
        let guard = closure(&bytes);
        serve("y");
        assert!(agentops::flush(FLUSH));
        drop(guard);
        bytes.assert_clean();
    });
}

fn sites_after_capture() {
    capture(|| serve("x"));
    capture(named);
    let bytes = Bytes::default();
    let guard = strict(&bytes);
    serve(SECRET);
    assert!(agentops::flush(FLUSH));
    drop(guard);
    bytes.assert_clean();
}

fn notes_after_capture() {
    let bytes = Bytes::default();
    capture(|| {
        agentops::current_session().attribute("customer", SECRET);
        let open = span("x").attribute("customer", SECRET).start_detached();
        capture(|| serve("it has been read"));
        let guard = strict(&bytes);
        serve("y");
        open.end();
        assert!(agentops::flush(FLUSH));
        drop(guard);
    });
    bytes.assert_clean();
}

fn thread_after_capture() {
    on_named_thread(|| {
        capture(|| serve("x"));
        let bytes = Bytes::default();
        let guard = closure(&bytes);
        serve("y");
        assert!(agentops::flush(FLUSH));
        drop(guard);
        bytes.assert_clean();
    });
}

/// Its `Debug` is what it displays, as of many errors that are shown by `main`.
struct Told(String);

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Told {}

#[operation]
fn refuse() -> Result<(), Told> {
    Err(Told(format!("{SECRET} is not a customer")))
}

fn error_code() {
    let bytes = Bytes::default();
    let guard = agentops::builder()
        .exporter(bytes.clone())
        .capture_content(false)
        .init()
        .expect("no other guard");
    refuse().expect_err("it refuses");
    assert!(agentops::flush(FLUSH));
    drop(guard);
    bytes.assert_clean();
}

fn late_attribute() {
    let guard = plain();
    let session = start_session("s");
    let open = session.in_scope(|| span("x").start_detached());
    let handle = open.handle();
    open.end();
    session.end(EndState::Success);
    drop(guard);
    let memory = Memory::new();
    let guard = agentops::builder()
        .exporter(memory.clone())
        .init()
        .expect("no other guard");
    handle.set_attribute("k", "v");
    handle.record_error_text("late");
    serve("x");
    assert!(agentops::flush(FLUSH), "what is said late is a log");
    drop(guard);
}

fn init_in_panic() {
    struct Starts;
    impl Drop for Starts {
        fn drop(&mut self) {
            drop(plain());
        }
    }
    let caught = std::panic::catch_unwind(|| {
        let _starts = Starts;
        panic!("the program's own");
    });
    assert!(caught.is_err());
}

thread_local! {
    static KEPT: std::cell::RefCell<Option<agentops::ManualSpan>> = const { std::cell::RefCell::new(None) };
}

#[session]
fn keeps(other: agentops::SpanContext) {
    let kept = span("kept").parent(other).start();
    KEPT.with(|keep| *keep.borrow_mut() = Some(kept));
}

/// A session ends on a thread that is in another one.
fn wrong_session() {
    let memory = Memory::new();
    let guard = agentops::builder()
        .exporter(memory.clone())
        .service_name("auto")
        .init()
        .expect("no other guard");
    let other = start_session("other");
    let place = other.in_scope(|| current_span().context());
    keeps(place);
    KEPT.with(|keep| keep.borrow_mut().take());
    other.end(EndState::Success);
    // No session is open: this is the automatic one's.
    serve("orphan");
    assert!(agentops::flush(FLUSH));
    let home: Vec<_> = memory
        .traces()
        .into_iter()
        .filter(|trace| trace.spans.iter().any(|span| span.name == "serve"))
        .map(|trace| trace.session.facts.name)
        .collect();
    drop(guard);
    assert_eq!(home, ["auto"]);
}

fn detached_amid_panic() {
    struct CleansUp;
    impl Drop for CleansUp {
        fn drop(&mut self) {
            drop(span("by guard").start());
            span("detached").start_detached().end();
        }
    }
    let trace = capture(|| {
        std::panic::catch_unwind(|| {
            let _cleans = CleansUp;
            panic!("the program's own");
        })
        .expect_err("it panics");
    });
    assert!(trace.span("by guard").error.is_none());
    assert!(
        trace.span("detached").error.is_none(),
        "it began and ended well"
    );
}

#[cfg(target_os = "linux")]
fn fork_init() {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    let stop = AtomicBool::new(false);
    let mut hung = 0;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    capture(|| serve("captured"));
                }
            });
        }
        for _ in 0..200 {
            match fork::fork().expect("it forks") {
                fork::Fork::Child => {
                    // A worker of a server that forks.
                    drop(agentops::builder().exporter(Memory::new()).init());
                    std::process::exit(0);
                }
                fork::Fork::Parent(child) => {
                    let begun = Instant::now();
                    let ended = || {
                        std::fs::read_to_string(format!("/proc/{child}/stat"))
                            .map_or(true, |stat| stat.contains(") Z "))
                    };
                    while !ended() {
                        if begun.elapsed() > Duration::from_secs(3) {
                            hung += 1;
                            std::process::Command::new("kill")
                                .args(["-9", &child.to_string()])
                                .status()
                                .expect("there is kill");
                            break;
                        }
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    let _ = fork::waitpid(child);
                }
            }
            if hung > 2 {
                break;
            }
        }
        stop.store(true, Relaxed);
    });
    assert_eq!(hung, 0, "children that never got past init");
}

#[cfg(not(target_os = "linux"))]
fn fork_init() {}

/// Serialises itself against the rules.
#[derive(Clone, Copy)]
struct Odd(u8);

impl serde::Serialize for Odd {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple};
        match self.0 {
            0 => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_key("a")?;
                map.serialize_key("b")?;
                map.end()
            }
            1 => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_key("a")?;
                map.end()
            }
            2 => {
                let mut seq = serializer.serialize_seq(Some(1))?;
                for n in 0..5 {
                    seq.serialize_element(&n)?;
                }
                seq.end()
            }
            3 => {
                let seq = serializer.serialize_seq(Some(1_000_000))?;
                seq.end()
            }
            4 => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_key(&Odd(2))?;
                map.serialize_value(&Odd(1))?;
                map.end()
            }
            5 => {
                let mut map = serializer.serialize_map(None)?;
                let _ = map.serialize_entry("a", &Odd(6));
                let _ = map.serialize_entry("b", &Odd(6));
                map.end()
            }
            6 => {
                let mut seq = serializer.serialize_seq(None)?;
                seq.serialize_element("half")?;
                Err(S::Error::custom("no more"))
            }
            7 => {
                let mut seq = serializer.serialize_struct("S", 3)?;
                seq.skip_field("x")?;
                let _ = seq.serialize_field("y", &Odd(6));
                seq.end()
            }
            8 => {
                let mut tuple = serializer.serialize_tuple(0)?;
                tuple.serialize_element(&f64::NAN)?;
                tuple.serialize_element(&u128::MAX)?;
                tuple.serialize_element(&i128::MIN)?;
                tuple.serialize_element(&'\u{0}')?;
                tuple.end()
            }
            _ => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_value(&1)?;
                map.serialize_key("late")?;
                map.serialize_value(&Odd(6)).ok();
                map.serialize_key(&f32::INFINITY).ok();
                map.serialize_key(&None::<u8>).ok();
                map.end()
            }
        }
    }
}

#[operation(attributes(kept = odd))]
fn take_odd(odd: Odd, after: u8) -> Odd {
    current_span().set_attribute("said", odd);
    std::hint::black_box(after);
    odd
}

fn odd_serialize() {
    let bytes = Bytes::default();
    let guard = strict(&bytes);
    let mut wrong = 0;
    for n in 0..10 {
        capture(|| take_with(Odd(n), SECRET, 77));
        let trace = capture(|| take_odd(Odd(n), 77));
        let text = trace.to_string();
        wrong += u32::from(!text.contains("77"));
    }
    assert!(agentops::flush(FLUSH), "the processor lives");
    drop(guard);
    bytes.assert_clean();
    assert_eq!(wrong, 0);
}

#[operation]
fn take_with(odd: Odd, customer: &str, after: u8) {
    std::hint::black_box((odd, customer, after));
}
