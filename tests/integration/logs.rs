//! Events of `tracing` and records of `log` are logs of the span of the place where they happen, and of no other.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};

use agentops::model::span::{Level, Log, Span};
use agentops::model::trace::Trace;
use agentops::prelude::*;
use agentops::testing::capture;
use agentops::{EndState, operation, session, start_session, tool};
use serde_json::{Map, Value, json};
use tracing::instrument::WithSubscriber as _;
use tracing::{Event, Subscriber, debug, error, info, info_span, trace, warn};
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;

use crate::exits::Home;
use crate::harness::{draw, memory, record_async, recorded};

/// The subscriber of the whole program, for events on any thread.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(agentops::layer());
        tracing::subscriber::set_global_default(subscriber).expect("it is the only one");
    });
}

fn messages(span: &Span) -> Vec<&str> {
    span.logs.iter().map(|log| &*log.message).collect()
}

/// All but the time, and where it stands in the source.
fn plain(log: &Log) -> Log {
    let mut log = log.clone();
    assert!(log.time > 0);
    log.time = 0;
    assert_eq!(
        log.attributes.remove("code.file.path"),
        Some(file!().into())
    );
    let line = log.attributes.remove("code.line.number");
    assert!(line.and_then(|line| line.as_u64()).is_some());
    log
}

fn expected(level: Level, message: &str, attributes: Value) -> Log {
    let Value::Object(attributes) = attributes else {
        panic!("an object")
    };
    Log {
        time: 0,
        level,
        target: module_path!().into(),
        message: message.into(),
        attributes,
    }
}

#[derive(Debug)]
struct Unreachable(io::Error);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the model cannot be reached")
    }
}

impl std::error::Error for Unreachable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn a_log_has_the_events_level_target_message_and_fields() {
    listen();
    let trace = capture(|| {
        let _span = agentops::span("work").start();
        info!("plain");
        warn!(
            yes = true,
            int = -3,
            unsigned = u64::MAX,
            ratio = 0.5,
            text = "ü",
            shown = %"display",
            debugged = ?Some(1),
            r#type = "raw",
            dotted.name = 1,
            "with {} fields",
            9
        );
        info!(small = -1_i128, large = u128::MAX);
        let failure = Unreachable(io::Error::other("no route"));
        error!(error = &failure as &dyn std::error::Error, "failed");
        let bare = io::Error::other("alone");
        error!(error = &bare as &dyn std::error::Error);
        info!(target: "elsewhere", message = 5);
    });
    let logs: Vec<_> = trace.span("work").logs.iter().map(plain).collect();
    let fields = json!({
        "yes": true, "int": -3, "unsigned": u64::MAX.to_string(), "ratio": 0.5, "text": "ü", "shown": "display",
        "debugged": "Some(1)", "type": "raw", "dotted.name": 1,
    });
    let error = json!({"error": "the model cannot be reached", "error.chain": ["no route"]});
    let mut elsewhere = expected(Level::Info, "5", json!({}));
    elsewhere.target = "elsewhere".into();
    assert_eq!(
        logs,
        [
            expected(Level::Info, "plain", json!({})),
            expected(Level::Warn, "with 9 fields", fields),
            expected(
                Level::Info,
                "",
                json!({"small": -1, "large": u128::MAX.to_string()})
            ),
            expected(Level::Error, "failed", error),
            expected(Level::Error, "", json!({"error": "alone"})),
            elsewhere,
        ]
    );
}

#[tool]
fn inner(n: u32) -> u32 {
    info!("in inner {n}");
    n
}

#[operation]
fn outer(n: u32) -> u32 {
    info!("before");
    inner(n);
    info!("after");
    n
}

#[test]
fn an_event_belongs_to_the_innermost_span() {
    listen();
    let trace = capture(|| {
        info!("in the session");
        outer(1);
        info!("still there");
    });
    let expected = r#"SESSION capture [INFO in the session] [INFO still there]
  OPERATION outer {"n":1} -> 1 [INFO before] [INFO after]
    TOOL inner {"n":1} -> 1 [INFO in inner 1]
"#;
    assert_eq!(trace.to_string(), expected);
}

#[operation(skip_all)]
async fn hops(task: usize) {
    for turn in 0..20 {
        info!(task, turn, "hop");
        tokio::task::yield_now().await;
        steps(task, turn).await;
        tokio::time::sleep(std::time::Duration::from_micros(50)).await;
    }
}

#[operation(skip_all)]
async fn steps(task: usize, turn: usize) {
    tokio::task::yield_now().await;
    info!(task, turn, "step");
}

/// Whose task an event is, and which turn of it.
fn turn(log: &Log) -> (usize, usize) {
    let number = |key: &str| log.attributes[key].as_u64().expect("a number") as usize;
    (number("task"), number("turn"))
}

#[test]
fn tasks_that_hop_between_threads_keep_their_events() {
    listen();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .expect("a runtime starts");
    memory();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let session = start_session(format!("task {task}"));
            let id = session.id().expect("it records");
            let run = async move {
                session.run(hops(task)).await;
                session.end(EndState::Success);
                id
            };
            runtime.spawn(run)
        })
        .collect();
    for (number, task) in tasks.into_iter().enumerate() {
        let trace = recorded(runtime.block_on(task).expect("it runs"));
        assert_eq!(trace.session.counts.spans, 22);
        assert_eq!(messages(&trace.spans[0]), Vec::<&str>::new());
        let hops: Vec<_> = trace.span("hops").logs.iter().map(turn).collect();
        let all: Vec<_> = (0..20).map(|turn| (number, turn)).collect();
        assert_eq!(hops, all);
        let steps = trace.spans.iter().filter(|span| span.name == "steps");
        let steps: Vec<_> = steps
            .map(|span| span.logs.iter().map(turn).collect::<Vec<_>>())
            .collect();
        let one_each: Vec<_> = all.into_iter().map(|one| vec![one]).collect();
        assert_eq!(steps, one_each);
    }
}

#[operation]
async fn hub() {
    let place = agentops::current_span().context();
    let work = move || {
        info!("outside every span");
        place.in_scope(|| {
            info!("in a pool");
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.expect("a runtime starts").block_on(async {
                info!("in block_on");
                steps(1, 2).await;
            });
        });
    };
    tokio::task::spawn_blocking(work).await.expect("it runs");
    let task = tokio::spawn(async { info!("in a task") }.in_current_span());
    task.await.expect("it runs");
    let task = tokio::spawn(async { info!("outside again") });
    task.await.expect("it runs");
}

#[test]
fn blocking_threads_and_nested_executors_are_where_they_are() {
    listen();
    let trace = record_async(hub());
    let expected = "OPERATION hub [INFO in a pool] [INFO in block_on] [INFO in a task]\n  OPERATION steps [INFO step]\n";
    assert_eq!(trace.to_string(), expected);
}

#[operation(skip_all)]
async fn entered_elsewhere(foreign: tracing::Span, outer: agentops::SpanContext) {
    info!("in the task");
    let _entered = foreign.enter();
    info!("in both");
    outer.in_scope(|| info!("outside"));
    info!(parent: &foreign, "of the other");
}

#[test]
fn a_span_of_tracing_takes_no_events_elsewhere() {
    // Another layer wants spans, so they are there.
    let subscriber = tracing_subscriber::registry()
        .with(Count(Arc::default()))
        .with(agentops::layer());
    let dispatch = tracing::Dispatch::new(subscriber);
    let trace = record_async(async {
        let (foreign, outer) = tracing::dispatcher::with_default(&dispatch, || {
            let _outer = agentops::span("outer").start();
            let foreign = info_span!("foreign", n = 1);
            foreign.in_scope(|| info!("at home"));
            (foreign, agentops::current_span().context())
        });
        assert!(!foreign.is_disabled());
        let task = entered_elsewhere(foreign.clone(), outer);
        let task = tracing::Instrument::instrument(task, foreign).with_subscriber(dispatch);
        tokio::spawn(task.in_current_span()).await.expect("it runs");
    });
    assert_eq!(
        trace.to_string(),
        "OPERATION outer [INFO at home] [INFO outside]\n\
         OPERATION entered_elsewhere [INFO in the task] [INFO in both] [INFO of the other]\n"
    );
}

#[session]
fn nested(depth: u32) {
    info!("at {depth}");
    if depth > 0 {
        nested(depth - 1);
    }
    info!("back at {depth}");
    let id = agentops::current_session().id().expect("it records");
    IDS.with_borrow_mut(|ids| ids.push(id));
}

thread_local! {
    static IDS: RefCell<Vec<agentops::model::id::SessionId>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn sessions_in_one_another_and_beside_one_another_share_no_event() {
    listen();
    memory();
    nested(2);
    for (depth, id) in IDS.take().into_iter().enumerate() {
        let trace = recorded(id);
        assert_eq!(trace.spans.len(), 1);
        assert_eq!(
            messages(&trace.spans[0]),
            [format!("at {depth}"), format!("back at {depth}")]
        );
    }
    let (left, right) = (start_session("left"), start_session("right"));
    let ids = [&left, &right].map(|session| session.id().expect("it records"));
    left.in_scope(|| {
        info!("left");
        right.in_scope(|| info!("right"));
        info!("left again");
    });
    left.end(EndState::Success);
    right.in_scope(|| info!("right again"));
    right.end(EndState::Success);
    info!("outside both");
    let [left, right] = ids.map(recorded);
    assert_eq!(messages(&left.spans[0]), ["left", "left again"]);
    assert_eq!(messages(&right.spans[0]), ["right", "right again"]);
}

#[test]
fn an_event_outside_every_session_opens_none() {
    listen();
    let before = memory().traces().len();
    std::thread::spawn(|| info!("into the void"))
        .join()
        .expect("it runs");
    assert_eq!(capture(|| {}).to_string(), "");
    assert!(agentops::flush(std::time::Duration::from_secs(20)));
    let void = |trace: &Trace| {
        let logs = trace.spans.iter().flat_map(|span| &span.logs);
        logs.into_iter().any(|log| log.message == "into the void")
    };
    let traces = memory().traces();
    assert!(traces.len() > before && !traces.iter().any(void));
}

/// Runs `work` under a subscriber of its own, on this thread.
fn under(subscriber: impl Subscriber + Send + Sync, work: impl FnOnce()) {
    tracing::subscriber::with_default(subscriber, work);
}

fn one_of_each() {
    trace!("trace");
    debug!("debug");
    info!("info");
    warn!("warn");
    error!("error");
}

#[test]
fn the_level_is_info_unless_told_otherwise() {
    let trace = capture(|| {
        under(
            tracing_subscriber::registry().with(agentops::layer()),
            one_of_each,
        );
    });
    assert_eq!(messages(&trace.spans[0]), ["info", "warn", "error"]);
    let all = agentops::layer_with(LevelFilter::TRACE);
    let trace = capture(|| under(tracing_subscriber::registry().with(all), one_of_each));
    let levels: Vec<_> = trace.spans[0].logs.iter().map(|log| log.level).collect();
    let expected = [
        Level::Trace,
        Level::Debug,
        Level::Info,
        Level::Warn,
        Level::Error,
    ];
    assert_eq!(levels, expected);
}

/// Counts the events that it is shown.
struct Count(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Count {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn filters_of_layers_are_their_own_affair() {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = || Count(seen.clone());
    let check = |subscriber: Box<dyn Subscriber + Send + Sync>, ours: &[&str], others: usize| {
        let trace = capture(|| under(subscriber, one_of_each));
        assert_eq!(messages(&trace.spans[0]), ours);
        assert_eq!(seen.swap(0, Ordering::Relaxed), others);
    };
    let registry = tracing_subscriber::registry;
    let above_info = ["info", "warn", "error"];
    check(
        Box::new(registry().with(count()).with(agentops::layer())),
        &above_info,
        5,
    );
    check(
        Box::new(registry().with(agentops::layer()).with(count())),
        &above_info,
        5,
    );
    let silent = count().with_filter(EnvFilter::new("off"));
    check(
        Box::new(registry().with(silent).with(agentops::layer())),
        &above_info,
        0,
    );
    let stricter = agentops::layer().with_filter(EnvFilter::new("logs=info,error"));
    check(
        Box::new(registry().with(count()).with(stricter)),
        &["error"],
        5,
    );
    let chosen = Targets::new().with_target("integration::logs", LevelFilter::DEBUG);
    check(
        Box::new(registry().with(count()).with(agentops::layer_with(chosen))),
        &["debug", "info", "warn", "error"],
        5,
    );
    // A filter for all is a filter for this layer, too.
    check(
        Box::new(
            registry()
                .with(EnvFilter::new("warn"))
                .with(count())
                .with(agentops::layer()),
        ),
        &["warn", "error"],
        2,
    );
}

#[test]
fn no_filter_silences_spans() {
    let off = tracing_subscriber::registry()
        .with(EnvFilter::new("off"))
        .with(agentops::layer());
    let trace = capture(|| {
        under(off, || {
            outer(1);
        });
    });
    assert_eq!(
        trace.to_string(),
        "OPERATION outer {\"n\":1} -> 1\n  TOOL inner {\"n\":1} -> 1\n"
    );
}

#[test]
fn a_storm_from_many_threads_is_whole() {
    const THREADS: usize = 8;
    const EVENTS: usize = 1500;
    listen();
    let trace = capture(|| {
        let place = agentops::current_span().context();
        std::thread::scope(|scope| {
            for task in 0..THREADS {
                scope.spawn(move || {
                    place.in_scope(|| {
                        let _span = agentops::span(format!("thread {task}")).start();
                        (0..EVENTS).for_each(|turn| info!(task, turn, "storm"));
                    });
                });
            }
        });
    });
    for task in 0..THREADS {
        let span = trace.span(&format!("thread {task}"));
        let turns: Vec<_> = span.logs.iter().map(turn).collect();
        let all: Vec<_> = (0..EVENTS).map(|turn| (task, turn)).collect();
        assert!(turns == all, "{} of {EVENTS}", turns.len());
    }
    assert_eq!(trace.session.counts.dropped, 0);
}

struct Loud(&'static str);

impl Drop for Loud {
    fn drop(&mut self) {
        info!(panicking = std::thread::panicking(), "dropped {}", self.0);
    }
}

#[operation]
fn explodes() {
    let _loud = Loud("inside");
    panic!("on purpose");
}

#[test]
fn events_while_unwinding_are_recorded() {
    listen();
    let trace = capture(|| {
        let outcome = catch_unwind(|| {
            let _loud = Loud("outside");
            explodes();
        });
        assert!(outcome.is_err());
    });
    let expected = r#"SESSION capture [INFO dropped outside]
  OPERATION explodes [INFO dropped inside] ! panic: on purpose
"#;
    assert_eq!(trace.to_string(), expected);
    let [log] = &trace.span("explodes").logs[..] else {
        panic!("one log")
    };
    assert_eq!(log.attributes["panicking"], true);
}

/// Says so, with itself, each time that it is shown.
struct Chatty;

impl fmt::Debug for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        error!(again = ?self, "while it is shown");
        f.write_str("Chatty")
    }
}

struct Exploding;

impl fmt::Debug for Exploding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half")?;
        panic!("inside Debug")
    }
}

#[operation]
fn takes(chatty: Chatty) -> Chatty {
    chatty
}

#[test]
fn what_is_logged_while_a_value_is_captured_is_nobodys() {
    listen();
    let trace = capture(|| {
        takes(Chatty);
        info!(value = ?Chatty, "{:?}", Chatty);
        info!(before = 1, value = ?Exploding, after = 2, "told");
        info!("{:?}", Exploding);
    });
    let tree = r#"SESSION capture [INFO Chatty] [INFO told] [INFO {"$type":"dyn Debug"}]
  OPERATION takes {"chatty":"Chatty"} -> "Chatty"
"#;
    assert_eq!(trace.to_string(), tree);
    let logs: Vec<_> = trace.spans[0].logs.iter().map(plain).collect();
    let opaque = json!({"before": 1, "value": {"$type": "dyn Debug"}, "after": 2});
    assert_eq!(
        logs,
        [
            expected(Level::Info, "Chatty", json!({"value": "Chatty"})),
            expected(Level::Info, "told", opaque),
            expected(Level::Info, "{\"$type\":\"dyn Debug\"}", json!({})),
        ]
    );
}

#[test]
fn long_text_is_cut() {
    listen();
    let trace = capture(|| {
        let long = "ü".repeat(64 * 1024);
        info!(text = &*long, "{long}");
    });
    let log = &trace.spans[0].logs[0];
    assert_eq!(log.message.len(), 64 * 1024);
    assert_eq!(log.attributes["text"]["$truncated"]["bytes"], 128 * 1024);
}

#[test]
fn a_span_that_has_ended_still_hears() {
    listen();
    let trace = capture(|| {
        let span = agentops::span("short").start();
        let place = agentops::current_span().context();
        drop(span);
        assert!(agentops::flush(std::time::Duration::from_secs(20)));
        place.in_scope(|| info!("late"));
    });
    assert_eq!(trace.to_string(), "OPERATION short [INFO late]\n");
}

/// Logs when its thread's locals are destroyed.
struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        let place = PLACE.get().expect("it was set");
        place.in_scope(|| info!("the last word"));
    }
}

thread_local! {
    static PLACE: std::cell::Cell<Option<agentops::SpanContext>> = const { std::cell::Cell::new(None) };
    static LAST: Last = const { Last };
}

#[test]
fn events_in_destructors_of_thread_locals_are_recorded() {
    listen();
    let trace = capture(|| {
        let place = agentops::current_span().context();
        let thread = std::thread::spawn(move || {
            LAST.with(|_| PLACE.set(Some(place)));
            place.in_scope(|| info!("the first word"));
        });
        thread.join().expect("it runs");
    });
    assert_eq!(
        messages(&trace.spans[0]),
        ["the first word", "the last word"]
    );
}

#[test]
fn a_program_that_asks_for_it_is_heard_as_a_whole() {
    let home = Home::new("hears");
    assert_eq!(home.run("hears"), (0, "hears done\n".into(), String::new()));
    let traces = home.traces();
    let [first, second] = &traces[..] else {
        panic!("two runs, {} sessions", traces.len())
    };
    let logs: Vec<_> = first.spans[0]
        .logs
        .iter()
        .map(|log| (log.level, &*log.target, &*log.message))
        .collect();
    assert_eq!(
        logs,
        [
            (Level::Info, "victim", "outside"),
            (Level::Warn, "another", "from log"),
            (Level::Error, "victim", "on a thread"),
        ]
    );
    let attributes = |at: usize| {
        let mut attributes = first.spans[0].logs[at].attributes.clone();
        let line = attributes.remove("code.line.number");
        assert!(line.is_some_and(|line| line.is_u64()));
        attributes
    };
    let file = json!({"code.file.path": "tests/victim/main.rs"});
    let with = |field: Value| match (file.clone(), field) {
        (Value::Object(mut file), Value::Object(mut field)) => {
            file.append(&mut field);
            file
        }
        _ => Map::new(),
    };
    assert_eq!(attributes(0), with(json!({"from": "tracing"})));
    assert_eq!(attributes(1), with(json!({})));
    assert_eq!(messages(&second.spans[0]), ["the second time"]);
}

#[test]
fn what_our_own_threads_say_is_not_recorded() {
    let home = Home::new("loud-exporter");
    assert_eq!(
        home.run("loud exporter"),
        (0, "loud exporter done\n".into(), String::new())
    );
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_eq!(messages(&trace.spans[0]), ["the program"]);
    assert_eq!(trace.session.counts.dropped, 0);
}

#[test]
fn a_panic_hook_that_logs_is_heard() {
    let home = Home::new("hook");
    let (status, output, _) = home.run("hook logs");
    assert_eq!((status, &*output), (0, "hook logs done\n"));
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_eq!(
        draw(trace),
        "OPERATION explode [ERROR it panicked] ! panic: on purpose\n"
    );
}

#[test]
fn nothing_is_installed_that_nobody_asked_for() {
    let home = Home::new("deaf");
    assert_eq!(home.run("deaf"), (0, "deaf done\n".into(), String::new()));
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_eq!(draw(trace), "TOOL step {\"n\":1} -> 1\n");
    assert!(trace.spans[0].logs.is_empty());
}

#[test]
fn a_subscriber_that_is_there_stays() {
    let home = Home::new("subscriber");
    let (status, output, warning) = home.run("has a subscriber");
    assert_eq!((status, &*output), (0, "has a subscriber done\n"));
    assert_eq!(
        warning,
        "agentops: this program has a tracing subscriber already; add agentops::layer() to it to record its events\n"
    );
    let [trace] = &home.traces()[..] else {
        panic!("one session")
    };
    assert_eq!(draw(trace), "TOOL step {\"n\":1} -> 1\n");
}

#[test]
fn nothing_is_formatted_where_nothing_hears() {
    let formatted = AssertUnwindSafe(AtomicUsize::new(0));
    struct Counted<'a>(&'a AtomicUsize);
    impl fmt::Debug for Counted<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fetch_add(1, Ordering::Relaxed);
            f.write_str("counted")
        }
    }
    listen();
    memory();
    std::thread::scope(|scope| {
        scope.spawn(|| info!(value = ?Counted(&formatted), "outside"));
        scope.spawn(|| debug!(value = ?Counted(&formatted), "below the level"));
    });
    assert_eq!(formatted.load(Ordering::Relaxed), 0);
}
