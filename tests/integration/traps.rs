//! What recorders fall into: records in another order than they were written, values larger than a ring, threads that
//! are gone, users' code that misbehaves while it is captured, forks, and ends without a word.

use agentops::testing::capture;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use agentops::model::span::{Span, Status};
use agentops::model::trace::Trace;
use agentops::{EndState, agent, llm, operation, start_session};
use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::exits::Home;
use crate::harness::{draw, memory, recorded};

/// Nothing was lost, and nothing is left open.
fn assert_whole(trace: &Trace) {
    let counts = &trace.session.counts;
    assert_eq!((counts.open, counts.dropped), (0, 0));
}

fn named<'a>(trace: &'a Trace, name: &str) -> Vec<&'a Span> {
    trace
        .spans
        .iter()
        .filter(|span| span.name == name)
        .collect()
}

fn input(span: &Span) -> &serde_json::Value {
    span.input.as_ref().expect("it was captured")
}

// ── records that are read in another order than they were written ──

#[operation]
async fn outer(n: u64) -> u64 {
    tokio::task::yield_now().await;
    let inner = middle(n).await;
    tokio::task::yield_now().await;
    inner
}

#[operation]
async fn middle(n: u64) -> u64 {
    tokio::task::yield_now().await;
    inner(n)
}

#[operation]
fn inner(n: u64) -> u64 {
    n
}

#[test]
fn futures_may_be_polled_by_whichever_thread_comes_by() {
    const TASKS: u64 = 1000;
    memory();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .expect("a runtime starts");
    let session = start_session("tasks");
    let id = session.id().expect("it records");
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|n| tokio::spawn(session.run(outer(n))))
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.expect("it runs"), n as u64);
        }
    });
    session.end(EndState::Success);
    let trace = recorded(id);
    assert_whole(&trace);
    assert_eq!(trace.session.counts.spans, 1 + 3 * TASKS);
    let (outer, middle, inner) = (
        named(&trace, "outer"),
        named(&trace, "middle"),
        named(&trace, "inner"),
    );
    assert_eq!((outer.len(), middle.len(), inner.len()), (1000, 1000, 1000));
    for (children, parents) in [(&middle, &outer), (&inner, &middle)] {
        for child in children {
            let parent = parents
                .iter()
                .find(|parent| Some(parent.id) == child.parent_id);
            let parent = parent.expect("its parent is one level up");
            assert_eq!(input(child), input(parent));
            assert!(parent.start <= child.start && child.end <= parent.end);
        }
    }
}

#[operation]
async fn crosses(n: u64) -> u64 {
    let mut polled = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut polled, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    n
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn spans_may_end_on_another_thread_or_be_dropped_there() {
    const SPANS: u64 = 2000;
    let trace = capture(|| {
        let (send, receive) = mpsc::channel();
        let ender = thread::spawn(move || {
            for (n, mut future) in receive.into_iter().enumerate() {
                let future: &mut Pin<Box<dyn Future<Output = u64> + Send>> = &mut future;
                if n % 2 == 0 {
                    assert_eq!(poll(future.as_mut()), Poll::Ready(n as u64));
                }
            }
        });
        for n in 0..SPANS {
            let mut future: Pin<Box<dyn Future<Output = u64> + Send>> = Box::pin(crosses(n));
            assert!(poll(future.as_mut()).is_pending());
            send.send(future).expect("somebody listens");
        }
        drop(send);
        ender.join().expect("it runs");
    });
    assert_whole(&trace);
    let spans = named(&trace, "crosses");
    assert_eq!(spans.len(), SPANS as usize);
    for (n, span) in spans.iter().enumerate() {
        assert_eq!(input(span)["n"], n);
        assert_eq!(span.cancelled, n % 2 == 1);
        assert_eq!(span.output, (n % 2 == 0).then(|| n.into()));
    }
}

// ── values of any size ──

#[operation]
fn carries(text: &str) -> &str {
    text
}

/// Text of which every part can be told from every other.
fn text(seed: usize, length: usize) -> String {
    let mut text = String::with_capacity(length + 8);
    for word in 0.. {
        if text.len() >= length {
            break;
        }
        text += &format!("{:x}.", seed * 0x9e37 + word * 0x79b9);
    }
    text.truncate(length);
    text
}

#[test]
fn values_around_the_longest_that_fits_a_ring_arrive_whole() {
    let lengths = || (8192 - 64..8192 + 64).chain([2 * 8192, 65536]);
    let trace = capture(|| lengths().for_each(|length| _ = carries(&text(length, length))));
    assert_whole(&trace);
    let spans = named(&trace, "carries");
    assert_eq!(spans.len(), lengths().count());
    for (span, length) in spans.iter().zip(lengths()) {
        let text = text(length, length);
        assert_eq!(input(span)["text"], *text, "{length}");
        assert_eq!(span.output, Some((*text).into()), "{length}");
    }
}

#[operation]
fn heavy(parts: Vec<String>) -> Vec<String> {
    parts
}

#[llm]
fn complete(prompt: &str) -> String {
    prompt.into()
}

#[test]
fn megabytes_from_several_threads_arrive_whole() {
    const PART: usize = 64 * 1024;
    let parts = |seed| {
        (0..16)
            .map(|part| text(seed + part, PART))
            .collect::<Vec<_>>()
    };
    let trace = capture(|| {
        let place = agentops::current_span().context();
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                thread::spawn(move || {
                    place.in_scope(|| {
                        for turn in 0..3 {
                            let seed = (thread * 10 + turn) * 100;
                            assert_eq!(heavy(parts(seed)).len(), 16);
                            inner(seed as u64);
                        }
                    });
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("it runs"));
    });
    assert_whole(&trace);
    let spans = named(&trace, "heavy");
    assert_eq!((spans.len(), named(&trace, "inner").len()), (12, 12));
    let mut seen = Vec::new();
    for span in spans {
        let first = input(span)["parts"][0].as_str().expect("text");
        let seed = (0..4)
            .flat_map(|thread| (0..3).map(move |turn| (thread * 10 + turn) * 100))
            .find(|seed| text(*seed, PART) == first)
            .expect("it is one of those that were given");
        let expected = serde_json::Value::from(parts(seed));
        assert!(input(span)["parts"] == expected && span.output == Some(expected));
        seen.push(seed);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 12);
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    let long = text(1, 5 << 20);
    let many: Vec<_> = (0..100).map(|part| text(part, 60_000)).collect();
    let trace = capture(|| {
        carries(&long);
        complete(&long[..1 << 20]);
        drop(heavy(many.clone()));
    });
    assert_whole(&trace);
    let cut = &input(trace.span("carries"))["text"];
    assert_eq!(
        cut["$truncated"]["bytes"],
        5 << 20,
        "{:.200}",
        cut.to_string()
    );
    assert_eq!(cut["text"], long[..64 * 1024]);
    assert_eq!(input(trace.span("complete"))["prompt"], long[..1 << 20]);
    let parts = input(trace.span("heavy"))["parts"]
        .as_array()
        .expect("a list");
    let (mark, kept) = parts.split_last().expect("something is kept");
    assert!(kept.len() >= 60 && kept.len() < 100, "{}", kept.len());
    assert!(kept.iter().zip(&many).all(|(kept, part)| kept == part));
    assert!(mark["$truncated"].is_object(), "{mark:.200}");
}

// ── threads that are gone ──

#[test]
fn a_thread_may_end_right_after_its_last_span() {
    memory();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            thread::spawn(|| {
                let session = start_session("short life");
                let id = session.id().expect("it records");
                session.in_scope(|| (0..2000).for_each(|n| _ = inner(n)));
                session.end(EndState::Success);
                id
            })
        })
        .collect();
    for thread in threads {
        let trace = recorded(thread.join().expect("it runs"));
        assert_whole(&trace);
        assert_eq!(trace.session.counts.spans, 2001);
    }
}

/// Records a long value, many spans and a log when its thread's locals are destroyed.
struct Last(Option<agentops::Session>);

impl Drop for Last {
    fn drop(&mut self) {
        let session = self.0.take().expect("it was set");
        session.in_scope(|| {
            carries(&text(1, 100_000));
            carries(&text(2, 8_000));
            (0..2000).for_each(|n| _ = inner(n));
            let span = agentops::span("says something").start();
            agentops::current_span().log(agentops::Level::Info, text(3, 20_000));
            drop(span);
        });
        session.end_with_reason(EndState::Success, "in a destructor");
    }
}

thread_local! {
    static LAST: std::cell::RefCell<Last> = const { std::cell::RefCell::new(Last(None)) };
}

#[test]
fn destructors_of_thread_locals_record_values_of_any_size() {
    memory();
    let thread = thread::Builder::new().name("ending".into()).spawn(|| {
        // Registered before the recorder's own locals, and so destroyed after them.
        LAST.with_borrow_mut(|last| {
            let session = start_session("at the end");
            let id = session.id().expect("it records");
            last.0 = Some(session);
            id
        })
    });
    let trace = recorded(thread.expect("a thread starts").join().expect("it runs"));
    assert_whole(&trace);
    assert_eq!(trace.session.counts.spans, 2004);
    let facts = &trace.session.facts;
    assert_eq!(facts.end_state_reason.as_deref(), Some("in a destructor"));
    let texts = named(&trace, "carries");
    let text = |seed, length| serde_json::Value::from(text(seed, length));
    assert_eq!(input(texts[0])["text"]["text"], text(1, 64 * 1024));
    assert_eq!(input(texts[1])["text"], text(2, 8_000));
    assert_eq!(
        trace.span("says something").logs[0].message,
        text(3, 20_000)
    );
    let threads = trace
        .spans
        .iter()
        .map(|span| span.thread.as_ref().map(|thread| thread.id));
    let threads: std::collections::HashSet<_> = threads.collect();
    assert_eq!(threads.len(), 1, "one thread stays one thread");
}

const TRAPPED: &str = env!("CARGO_BIN_EXE_trapped");

/// Runs a case of the victim; its exit code, and what it printed.
fn run(home: &Home, case: &str) -> (Option<i32>, String) {
    let output = home.program(TRAPPED, case).output().expect("it runs");
    let stdout = String::from_utf8(output.stdout).expect("it prints text");
    (output.status.code(), stdout)
}

/// What a victim's memory grew by, in KiB, at most.
const GROWTH: u64 = 32 << 10;

fn grown(stdout: &str) -> u64 {
    let first = stdout.lines().next().unwrap_or_default();
    first.parse().expect("it says what it grew by")
}

#[test]
fn recording_begins_while_a_panic_goes_on() {
    let home = Home::new("starts-while-unwinding");
    let (code, stdout) = run(&home, "starts_while_unwinding");
    assert_eq!(code, Some(0), "{stdout}");
    let traces = home.traces();
    assert!(traces.iter().any(|trace| !named(trace, "step").is_empty()));
}

#[test]
fn rings_of_dead_threads_are_used_again() {
    let home = Home::new("short-threads");
    let (code, stdout) = run(&home, "short_threads");
    assert_eq!(code, Some(0));
    assert!(grown(&stdout) <= GROWTH, "{} KiB", grown(&stdout));
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_whole(trace);
    let steps = named(trace, "step");
    assert_eq!(steps.len(), 10_001);
    let short = |span: &&&Span| {
        span.thread
            .as_ref()
            .and_then(|thread| thread.name.as_deref())
            != Some("main")
    };
    let mut numbers: Vec<_> = steps
        .iter()
        .filter(short)
        .map(|span| {
            let thread = span.thread.as_ref().expect("it ran on one");
            let number = input(span)["n"].as_u64().expect("a number");
            assert_eq!(thread.name, Some(format!("short-{number}")));
            (number, thread.id)
        })
        .collect();
    numbers.sort_unstable();
    assert!(numbers.iter().map(|(number, _)| *number).eq(0..10_000));
    numbers.sort_unstable_by_key(|(_, thread)| *thread);
    numbers.dedup_by_key(|(_, thread)| *thread);
    assert_eq!(numbers.len(), 10_000, "no two threads are one");
}

#[test]
fn a_storm_of_threads_waits_for_what_it_left_behind() {
    let home = Home::new("storm");
    let (code, stdout) = run(&home, "storm");
    assert_eq!(code, Some(0));
    // All that waits is full at once here; the rings of all its threads would be 128 MiB.
    let most = GROWTH + (16 << 10);
    assert!(grown(&stdout) <= most, "{} KiB", grown(&stdout));
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_whole(trace);
    assert_eq!(named(trace, "long").len(), 96_000);
}

#[test]
fn a_crowd_of_threads_shares_a_bounded_memory() {
    let home = Home::new("crowd");
    let (code, stdout) = run(&home, "crowd");
    assert_eq!(code, Some(0));
    assert!(grown(&stdout) <= GROWTH, "{} KiB", grown(&stdout));
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_whole(trace);
    let mut numbers: Vec<_> = named(trace, "step")
        .iter()
        .map(|span| input(span)["n"].as_u64().expect("a number"))
        .collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq([0].into_iter().chain(0..51_200)));
}

// ── our own threads ──

#[test]
fn an_exporter_that_records_is_not_recorded_and_harms_nobody() {
    let home = Home::new("nosy");
    assert_eq!(run(&home, "nosy"), (Some(0), "nosy done\n".into()));
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_whole(trace);
    assert_eq!(trace.session.facts.name, "outside");
    let drawn = "OPERATION never {} (cancelled)\nOPERATION step {\"n\":1} -> 1\nOPERATION step {\"n\":2} -> 2\n";
    assert_eq!(
        draw(trace).replace("never {}", "never"),
        drawn.replace("never {}", "never")
    );
    assert!(trace.session.facts.tags.is_empty());
}

// ── users' code that misbehaves while it is captured ──

#[operation]
fn takes<T: fmt::Debug>(value: T, n: u64) -> u64 {
    drop(value);
    n
}

#[operation]
fn takes_serialize<T: Serialize>(value: T, n: u64) -> u64 {
    drop(value);
    n
}

#[operation]
fn fails_with<E: fmt::Display>(error: E) -> Result<(), E> {
    Err(error)
}

fn type_name_of(value: &serde_json::Value) -> &str {
    value["$type"].as_str().unwrap_or_default()
}

/// What a panic carries that panics again when it is dropped, each time one time fewer.
struct Bomb(u32);

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0 > 0 {
            panic_any(Bomb(self.0 - 1));
        }
    }
}

struct Explodes;

impl fmt::Debug for Explodes {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic_any(Bomb(3))
    }
}

impl fmt::Display for Explodes {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic_any(Bomb(3))
    }
}

impl Serialize for Explodes {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic_any(Bomb(3))
    }
}

struct ExplodesAsCapture;

impl agentops::Capture for ExplodesAsCapture {
    fn capture(&self, _: &mut agentops::Sink<'_>) {
        panic_any(Bomb(3))
    }
}

struct ExplodesAsCode;

impl fmt::Display for ExplodesAsCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("shown all the same")
    }
}

impl agentops::ErrorCode for ExplodesAsCode {
    fn error_code(&self) -> String {
        panic_any(Bomb(3))
    }
}

struct ExplodesAsAgent;

impl agentops::Agent for ExplodesAsAgent {
    fn name(&self) -> std::borrow::Cow<'_, str> {
        panic_any(Bomb(3))
    }
}

#[agent]
impl ExplodesAsAgent {
    fn act(&self) -> u64 {
        inner(1)
    }
}

#[operation]
fn takes_capture(value: ExplodesAsCapture, n: u64) -> u64 {
    let ExplodesAsCapture = value;
    n
}

#[operation]
fn fails_in_code() -> Result<(), ExplodesAsCode> {
    Err(ExplodesAsCode)
}

#[test]
fn panics_whose_payload_panics_are_contained_everywhere() {
    let trace = capture(|| {
        assert_eq!(takes(Explodes, 1), 1);
        assert_eq!(takes_serialize(Explodes, 2), 2);
        assert_eq!(takes_capture(ExplodesAsCapture, 3), 3);
        assert!(fails_with(Explodes).is_err());
        assert!(fails_in_code().is_err());
        assert_eq!(ExplodesAsAgent.act(), 1);
        let span = agentops::span("notes").start();
        agentops::current_span().log(agentops::Level::Info, Explodes);
        agentops::current_span().set_attribute("k", Explodes);
        span.end_with(Explodes);
    });
    assert_whole(&trace);
    for (name, n) in [("takes", 1), ("takes_serialize", 2), ("takes_capture", 3)] {
        let span = trace.span(name);
        assert!(
            type_name_of(&input(span)["value"]).contains("Explodes"),
            "{span:?}"
        );
        assert_eq!(
            (&input(span)["n"], &span.output),
            (&n.into(), &Some(n.into()))
        );
    }
    let error = |name| trace.span(name).error.as_ref().expect("it failed");
    assert_eq!(error("fails_with").code, "Explodes");
    assert!(error("fails_with").details.contains("Explodes"));
    assert_eq!(
        (
            &*error("fails_in_code").code,
            &*error("fails_in_code").details
        ),
        ("ExplodesAsCode", "shown all the same")
    );
    assert_eq!(trace.span("inner").output, Some(1.into()));
    let notes = trace.span("notes");
    assert!(type_name_of(&notes.attributes["k"]).contains("Explodes"));
    assert_eq!(notes.logs.len(), 1);
}

/// Goes on writing whatever the writer answers.
struct Endless;

impl fmt::Debug for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        loop {
            let _ = f.write_str("and on ");
        }
    }
}

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Goes on giving elements whatever the serializer answers.
struct EndlessList;

impl Serialize for EndlessList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        loop {
            let _ = list.serialize_element(&1);
        }
    }
}

/// A well-behaved list without an end, in one that has one.
struct EndlessIterator;

impl Serialize for EndlessIterator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(std::iter::repeat(7))
    }
}

#[test]
fn what_never_ends_is_stopped() {
    let trace = capture(|| {
        assert_eq!(takes(Endless, 1), 1);
        assert_eq!(takes_serialize(EndlessList, 2), 2);
        assert_eq!(takes_serialize(vec![EndlessIterator], 3), 3);
        assert!(fails_with(Endless).is_err());
        let span = agentops::span("logs").start();
        agentops::current_span().log(agentops::Level::Info, Endless);
        drop(span);
    });
    assert_whole(&trace);
    let again = "and on ".repeat(10_000);
    let taken = &input(trace.span("takes"))["value"];
    assert_eq!(
        taken["text"],
        again[..64 * 1024],
        "{:.200}",
        taken.to_string()
    );
    let lists = named(&trace, "takes_serialize");
    assert!(type_name_of(&input(lists[0])["value"]).contains("EndlessList"));
    let list = input(lists[1])["value"][0].as_array().expect("a list");
    assert!(list.len() >= 10_000 && list[..10_000].iter().all(|element| element == 7));
    let error = trace.span("fails_with").error.as_ref().expect("it failed");
    assert_eq!(
        (&*error.code, &*error.details),
        ("Endless", &again[..64 * 1024])
    );
    assert!(
        trace.span("logs").logs[0]
            .message
            .starts_with("and on and on")
    );
}

/// An error that needs the failing function itself to say what it is.
struct Circular;

impl fmt::Display for Circular {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = fails_with(Self);
        agentops::current_span().set_attribute("again", CircularValue);
        f.write_str("round and round")
    }
}

struct CircularValue;

impl Serialize for CircularValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        takes_serialize(Self, 1);
        agentops::current_span().set_attribute("again", Self);
        agentops::current_span().log(agentops::Level::Info, Circular);
        serializer.serialize_str("a value")
    }
}

/// Says in a log what it is.
struct CircularLog;

impl fmt::Display for CircularLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        agentops::current_span().log(agentops::Level::Info, Self);
        f.write_str("said")
    }
}

#[test]
fn a_message_that_logs_itself_is_logged() {
    let trace = capture(|| {
        let span = agentops::span("around").start();
        agentops::current_span().log(agentops::Level::Info, CircularLog);
        drop(span);
    });
    assert_whole(&trace);
    let logs = &trace.span("around").logs;
    assert!(logs.iter().any(|log| log.message == "said"));
    assert!(logs.len() < 10, "{}", logs.len());
}

#[test]
fn values_that_need_themselves_to_be_shown_are_shown() {
    let trace = capture(|| {
        let span = agentops::span("around").start();
        assert!(fails_with(Circular).is_err());
        assert_eq!(takes_serialize(CircularValue, 2), 2);
        drop(span);
    });
    assert_whole(&trace);
    let around = trace.span("around").id;
    let below = |name| {
        named(&trace, name)
            .into_iter()
            .filter(|span| span.parent_id == Some(around))
    };
    let error = below("fails_with")
        .filter_map(|span| span.error.as_ref())
        .find(|error| error.details == "round and round");
    assert_eq!(error.expect("it says what it is").code, "Circular");
    let shown = |span: &Span| {
        span.input
            .as_ref()
            .is_some_and(|input| input["value"] == "a value")
    };
    assert!(below("takes_serialize").any(shown));
}

#[test]
fn what_only_capturing_calls_is_no_call_of_the_programs() {
    struct Asks;
    impl fmt::Debug for Asks {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let answer = fails_with("inside").err().unwrap_or_default();
            write!(f, "it said {answer:?}")
        }
    }
    let trace = capture(|| _ = takes(Asks, 1));
    assert_whole(&trace);
    assert!(named(&trace, "fails_with").is_empty());
    assert_eq!(input(trace.span("takes"))["value"], "it said \"inside\"");
}

#[derive(serde::Serialize)]
struct Held<'a> {
    // Serde's own way for a lock is to lock it.
    #[serde(serialize_with = "if_free")]
    lock: &'a Mutex<u64>,
}

fn if_free<S: Serializer>(lock: &Mutex<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match lock.try_lock() {
        Ok(value) => serializer.serialize_u64(*value),
        Err(_) => serializer.serialize_str("held"),
    }
}

#[operation]
fn takes_lock(lock: &Mutex<u64>, shared: &Arc<Mutex<u64>>) -> u64 {
    let _ = (lock, shared);
    1
}

#[test]
fn a_lock_that_the_caller_holds_is_not_waited_for() {
    let lock = Mutex::new(1);
    let shared = Arc::new(Mutex::new(1));
    let trace = capture(|| {
        let (_held, _too) = (lock.lock().expect("free"), shared.lock().expect("free"));
        takes_lock(&lock, &shared);
        takes_serialize(Held { lock: &lock }, 1);
    });
    assert_whole(&trace);
    let locks = input(trace.span("takes_lock"));
    assert!(type_name_of(&locks["lock"]).contains("Mutex"));
    assert!(type_name_of(&locks["shared"]).contains("Mutex"));
    assert_eq!(
        input(trace.span("takes_serialize"))["value"]["lock"],
        "held"
    );
}

#[test]
fn a_panic_that_nobody_raised_is_recorded_too() {
    let trace = capture(|| {
        #[operation]
        fn unwinds() {
            resume_unwind(Box::new(7_u8));
        }
        let payload = catch_unwind(unwinds).expect_err("it unwinds");
        assert_eq!(payload.downcast_ref(), Some(&7_u8));
    });
    assert_eq!(trace.span("unwinds").status, Status::Error);
}

#[test]
fn what_runs_while_another_panic_unwinds_has_not_panicked() {
    struct CleansUp;
    impl Drop for CleansUp {
        fn drop(&mut self) {
            let _span = agentops::span("clean up").start();
            inner(1);
        }
    }
    #[operation]
    fn breaks() {
        let _clean_up = CleansUp;
        let _span = agentops::span("broken").start();
        panic!("on purpose");
    }
    let trace = capture(|| assert!(catch_unwind(breaks).is_err()));
    let expected = "OPERATION breaks ! panic: on purpose\n  OPERATION broken ! panic: on purpose\n  OPERATION clean up\n    OPERATION inner {\"n\":1} -> 1\n";
    assert_eq!(draw(&trace), expected);
}

// ── forks, and ends without a word ──

#[cfg(unix)]
#[test]
fn a_fork_neither_hangs_nor_writes_into_its_parents_spool() {
    let home = Home::new("forks");
    assert_eq!(run(&home, "forks"), (Some(0), "7\n".into()));
    let [job, around] = &home.traces()[..] else {
        panic!("two sessions")
    };
    assert_whole(job);
    assert_eq!(job.session.counts.spans, 3);
    assert_whole(around);
    assert_eq!(around.session.facts.end_state, Some(EndState::Success));
    assert_eq!(
        draw(around),
        "OPERATION step {\"n\":1} -> 1\nOPERATION step {\"n\":2} -> 2\n"
    );
}

#[cfg(unix)]
#[test]
fn forks_of_a_busy_program_do_not_hang() {
    let home = Home::new("forks-under-load");
    assert_eq!(run(&home, "forks_under_load"), (Some(0), "0\n".into()));
    for trace in home.traces() {
        assert_whole(&trace);
    }
}

#[test]
fn what_was_recorded_in_time_survives_any_end() {
    for (case, code) in [
        ("exits", Some(3)),
        ("aborts", None),
        ("returns", Some(0)),
        ("panics", Some(101)),
        ("panics_twice", None),
    ] {
        let home = Home::new(&format!("ends-{case}"));
        let (status, _) = run(&home, case);
        assert_eq!(status, code, "{case}");
        let traces = home.traces();
        let [job, rest] = &traces[..] else {
            panic!("{case}: two sessions, not {}", traces.len())
        };
        assert_eq!(
            (job.session.counts.spans, job.session.counts.open),
            (4, 0),
            "{case}"
        );
        assert_eq!(job.session.facts.end_state, Some(EndState::Success));
        assert_eq!(draw(rest), "OPERATION long {\"text\":\"the last\"} -> 8\n");
        assert_eq!(
            rest.session.facts.end_state, None,
            "{case}: nobody said how it ended"
        );
    }
}

// ── guards and futures that are not treated as they should be ──

#[test]
fn guards_and_futures_that_are_forgotten_do_not_reach_beyond_their_session() {
    memory();
    let first = capture(|| {
        std::mem::forget(agentops::span("forgotten").start());
        inner(1);
        let mut future = Box::pin(crosses(1));
        assert!(poll(future.as_mut()).is_pending());
        std::mem::forget(future);
        inner(2);
    });
    let drawn = "OPERATION forgotten (open)\n  OPERATION inner {\"n\":1} -> 1\n  OPERATION crosses {\"n\":1} (open)\n  OPERATION inner {\"n\":2} -> 2\n";
    assert_eq!(draw(&first), drawn);
    assert_eq!(first.session.facts.end_state, Some(EndState::Success));
    let second = capture(|| _ = inner(3));
    assert_eq!(draw(&second), "OPERATION inner {\"n\":3} -> 3\n");
}

#[test]
fn guards_may_be_dropped_in_any_order() {
    let trace = capture(|| {
        let spans: Vec<_> = ["a", "b", "c", "d"]
            .map(|name| Some(agentops::span(name).start()))
            .into();
        let mut spans = spans;
        for at in [1, 3, 0, 2] {
            spans[at] = None;
            inner(at as u64);
        }
    });
    assert_whole(&trace);
    let expected = "OPERATION a\n  OPERATION b\n    OPERATION c\n      OPERATION d\n        OPERATION inner {\"n\":1} -> 1\n      OPERATION inner {\"n\":3} -> 3\n      OPERATION inner {\"n\":0} -> 0\nOPERATION inner {\"n\":2} -> 2\n";
    assert_eq!(draw(&trace), expected);
}

#[test]
fn spans_may_stand_ten_thousand_deep_in_one_another() {
    const DEEP: u64 = 10_000;
    let trace = capture(|| {
        let mut spans: Vec<_> = (0..DEEP).map(|_| agentops::span("deep").start()).collect();
        inner(7);
        while let Some(span) = spans.pop() {
            drop(span);
        }
        inner(8);
    });
    assert_whole(&trace);
    assert_eq!(trace.session.counts.spans, DEEP + 2);
    let parents: std::collections::HashMap<_, _> = trace
        .spans
        .iter()
        .map(|span| (span.id, span.parent_id))
        .collect();
    let [deepest, shallow] = named(&trace, "inner")[..] else {
        panic!("two of them")
    };
    let depth = |mut span: agentops::model::id::SpanId| {
        let mut depth = 0;
        while let Some(Some(parent)) = parents.get(&span) {
            (depth, span) = (depth + 1, *parent);
        }
        depth
    };
    assert_eq!((depth(deepest.id), depth(shallow.id)), (DEEP + 1, 1));
}

#[test]
fn a_future_dropped_on_another_thread_ends_what_it_holds() {
    #[operation]
    async fn holds() {
        let _span = inside().await;
        std::future::pending::<()>().await;
    }
    #[operation]
    async fn inside() {
        std::future::pending::<()>().await;
    }
    let trace = capture(|| {
        let mut future = Box::pin(holds());
        assert!(poll(future.as_mut()).is_pending());
        let dropped = AssertUnwindSafe(future);
        thread::spawn(move || drop(dropped))
            .join()
            .expect("it runs");
        inner(1);
    });
    assert_whole(&trace);
    let expected = "OPERATION holds (cancelled)\n  OPERATION inside (cancelled)\nOPERATION inner {\"n\":1} -> 1\n";
    assert_eq!(draw(&trace), expected);
}
