//! Processes that are killed at any moment: what was acknowledged is there, and is there once.
//!
//! Spans are counted by their ids; losses, which nothing tells apart, by their number, so that anything taken in twice
//! shows. Twenty kills of each kind by default; `tests/kill-server` is for more.

#![expect(
    clippy::print_stderr,
    reason = "what was random stands beside a failure"
)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use agentops_core::model::event::{Event, Loss, LossCause, Resource};
use agentops_core::model::frame::{self, Kind};
use agentops_core::model::id::{SessionId, SpanId, TraceId};
use agentops_core::model::llm::{Cost, LlmCall, Usage};
use agentops_core::model::session::{SessionFacts, SessionState};
use agentops_core::model::span::{Span, SpanKind, Status};
use agentops_core::model::wire;
use agentops_server::home::Home;
use agentops_server::ingest::spool::Importer;
use agentops_server::store::sqlite::{Durability, Sqlite};
use agentops_server::store::{Batch, GroupBy, Search, Series, Step, Store, StoreError, Wanted};

use crate::harness::{self, Process};

const START: u64 = 1_795_323_600_000_000_000;

/// Spans of a session.
const PER_SESSION: u64 = 400;

/// Names the store that a child commits to, and the first span that was not acknowledged.
const STORE: &str = "AGENTOPS_TEST_STORE";
const FROM: &str = "AGENTOPS_TEST_FROM";

fn kills() -> u32 {
    let wanted = std::env::var("AGENTOPS_KILLS").ok();
    wanted.and_then(|kills| kills.parse().ok()).unwrap_or(20)
}

/// Moments that differ from run to run; what they were is printed with a failure.
struct Moments(u64);

impl Moments {
    fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = now.map_or(1, |now| now.as_nanos() as u64) | 1;
        eprintln!("moments from {seed}");
        Self(seed)
    }

    /// So many milliseconds at most.
    fn next(&mut self, longest: u64) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_micros(self.0 % (longest * 1_000))
    }
}

/// A data directory; gone when the test succeeds.
fn home(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    _ = fs::remove_dir_all(&path);
    fs::create_dir_all(path.join("spool")).expect("a home");
    path
}

fn session_of(number: u64) -> SessionId {
    SessionId(0x019c_0000_0000_7000_8000_0000_0000_0000 + u128::from(number / PER_SESSION))
}

/// The span of a number: a model call with a cost of its own.
fn span(number: u64) -> Span {
    let mut usage = Usage::default();
    (usage.input, usage.output) = (10, 3);
    let mut cost = Cost::default();
    cost.total = 7;
    let mut call = LlmCall::default();
    (call.model, call.usage, call.cost) = (Some("m".into()), Some(usage), Some(cost));
    let session = session_of(number);
    Span {
        id: SpanId(number + 1),
        parent_id: None,
        session_id: session,
        trace_id: TraceId(session.0),
        agent: None,
        name: "ask".into(),
        kind: SpanKind::Llm,
        status: Status::Ok,
        cancelled: false,
        open: false,
        adopted: false,
        start: START + number,
        end: Some(START + number + 1_000_000),
        busy: None,
        polls: None,
        thread: None,
        source: None,
        input: Some(serde_json::json!({ "question": format!("what is word{number}") })),
        output: None,
        attributes: Default::default(),
        version: None,
        tags: Vec::new(),
        links: Vec::new(),
        logs: Vec::new(),
        error: None,
        llm: Some(call),
        tool: None,
        operation_type: None,
        guardrail: None,
    }
}

/// All spans up to a number are in the store, each once, and all sums say so; those beyond it are what they may be.
fn check(database: &Path, acknowledged: u64) -> u64 {
    check_all(database, std::slice::from_ref(&(0..acknowledged)))
}

/// The same of several ranges of numbers.
fn check_all(database: &Path, acknowledged: &[Range<u64>]) -> u64 {
    let store = Sqlite::open(database, Durability::Process).expect("the store opens");
    let conn = rusqlite::Connection::open(database).expect("the file opens");
    let ask = |sql: &str| -> i64 { conn.query_row(sql, [], |row| row.get(0)).expect(sql) };
    // A segment that was being made is another process's, until nothing has come of it for a while.
    let started = Instant::now();
    while store
        .maintain(Duration::from_millis(50))
        .expect("it settles")
        || ask("SELECT count(*) FROM segment WHERE NOT ready") > 0
    {
        assert!(started.elapsed() < Duration::from_secs(60), "it settles");
    }
    let whole: String = conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("it can be checked");
    assert_eq!(whole, "ok");
    for (what, count) in [
        ("block WHERE segment NOT IN (SELECT id FROM segment)", 0),
        ("unindexed", 0),
        ("pragma_foreign_key_check", 0),
    ] {
        assert_eq!(
            ask(&format!("SELECT count(*) FROM {what}")),
            count,
            "{what}"
        );
    }

    let mut there = BTreeSet::new();
    let mut found = 0;
    for session in sessions(&store) {
        let id = session.facts.id;
        let mut after = None;
        let before = found;
        loop {
            let page = store.spans(id, after, 1_000).expect("spans");
            let Some(last) = page.last() else { break };
            after = Some((last.start, last.id));
            found += page.len() as u64;
            there.extend(page.iter().map(|span| span.id.0 - 1));
        }
        let spans = found - before;
        assert_eq!(session.counts.spans, spans);
        assert_eq!(session.counts.llm_calls, spans);
        assert_eq!(session.tokens.total, spans * 13);
        assert_eq!(session.cost.total, Some(spans as i64 * 7));
    }
    assert_eq!(there.len() as u64, found, "each is there once");
    for number in acknowledged.iter().cloned().flatten() {
        assert!(there.contains(&number), "span {number} was acknowledged");
    }
    assert_eq!(ask("SELECT count(*) FROM span"), found as i64);
    assert_eq!(ask("SELECT count(*) FROM payload"), found as i64);
    let wanted = Series {
        by: GroupBy::Model,
        step: Step::Day,
        since: 0,
        until: u64::MAX,
        project: None,
    };
    let points = store.series(&wanted).expect("sums");
    let counts: u64 = points.iter().map(|point| point.count).sum();
    let cost: i64 = points.iter().map(|point| point.cost).sum();
    assert_eq!((counts, cost), (found, found as i64 * 7));
    assert_eq!(
        ask("SELECT sum(n) FROM roll WHERE period = 0 AND kind = 2"),
        found as i64
    );
    let ends = acknowledged
        .iter()
        .filter(|range| !range.is_empty())
        .flat_map(|range| [range.start, range.end - 1]);
    for number in ends {
        let search = Search {
            words: format!("word{number}"),
            session: None,
            limit: 10,
        };
        let hits = store.search(&search).expect("it searches");
        let found: Vec<u64> = hits.iter().map(|hit| hit.span.0 - 1).collect();
        assert_eq!(found, [number]);
    }
    found
}

fn sessions(store: &Sqlite) -> Vec<agentops_core::model::session::Session> {
    let wanted = Wanted {
        limit: 100_000,
        foreign: true,
        ..Wanted::default()
    };
    store.sessions(&wanted).expect("sessions").sessions
}

/// What the killed process does. No test of its own: it runs until it is killed.
#[test]
#[ignore = "started, and killed, by another test"]
fn committer() {
    let (Ok(database), Ok(from)) = (std::env::var(STORE), std::env::var(FROM)) else {
        panic!("{STORE} and {FROM} are set by who starts this");
    };
    let store = Sqlite::open(Path::new(&database), Durability::Process).expect("the store opens");
    let store = Arc::new(store);
    let upkeep = store.clone();
    std::thread::spawn(move || {
        loop {
            upkeep.maintain(Duration::from_millis(5)).expect("upkeep");
            std::thread::yield_now();
        }
    });
    let resource = Arc::new(Resource::default());
    let mut number: u64 = from.parse().expect("a number");
    let stdout = std::io::stdout();
    loop {
        let size = 1 + number % 37;
        let spans = (number..number + size).flat_map(|number| {
            let mut started = span(number);
            (started.open, started.end) = (true, None);
            [
                Event::SpanStarted(Box::new(started)),
                Event::SpanEnded(Box::new(span(number))),
            ]
        });
        let batch = Batch {
            events: spans.map(|event| (resource.clone(), event)).collect(),
            ..Batch::default()
        };
        store.commit(&batch).expect("it is committed");
        number += size;
        let mut out = stdout.lock();
        writeln!(out, "acknowledged {number}").expect("somebody listens");
        out.flush().expect("somebody listens");
    }
}

fn start_committer(database: &Path, from: u64) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--ignored", "--exact", "kills::committer", "--nocapture"])
        .env(STORE, database)
        .env(FROM, from.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts")
}

#[test]
fn what_was_acknowledged_outlives_a_kill() {
    let home = home("kills-committer");
    let database = home.join("agentops.db");
    let mut moments = Moments::new();
    let mut acknowledged = 0;
    for _ in 0..kills() {
        let mut child = start_committer(&database, acknowledged);
        let mut lines = BufReader::new(child.stdout.take().expect("its answers")).lines();
        let heard =
            |line: &str| -> Option<u64> { line.strip_prefix("acknowledged ")?.parse().ok() };
        // Not before it has begun.
        let first = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| heard(&line));
        acknowledged = first.expect("it acknowledges something");
        let wait = moments.next(60);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(wait);
            child.kill().expect("it can be killed");
            child.wait().expect("it is gone");
        });
        for line in lines.map_while(Result::ok) {
            acknowledged = heard(&line).unwrap_or(acknowledged);
        }
        killer.join().expect("it was killed");
    }
    let found = check(&database, acknowledged);
    eprintln!("{acknowledged} acknowledged, {found} there");
    fs::remove_dir_all(home).expect("it can be removed");
}

/// What a program writes: spans, each beside a loss of one, which only counts.
fn frames(number: u64, into: &mut Vec<u8>) {
    let span = wire::encode_span(&span(number));
    frame::append_span(into, Kind::Span, &[], &span).expect("it fits");
    let loss = Loss {
        time: START,
        session: Some(session_of(number)),
        cause: LossCause::Write,
        count: 1,
    };
    frame::append(into, Kind::Loss, &[&wire::encode_loss(&loss)]).expect("it fits");
}

/// A spool file of this process, held as its recorder holds it.
struct Spool {
    file: File,
    lock: File,
}

impl Spool {
    fn new(home: &Path, number: u64) -> Self {
        let name = format!(
            "killed-1795323600000-{}-{number}.agentops",
            std::process::id()
        );
        let path = home.join("spool").join(&name);
        let lock = File::create(home.join("spool").join(format!("{name}.lock"))).expect("a lock");
        lock.lock().expect("nobody else has it");
        let mut bytes = Vec::new();
        frame::header(&mut bytes);
        let resource = wire::encode_resource(&Resource::default());
        frame::append(&mut bytes, Kind::Resource, &[&resource]).expect("it fits");
        let mut file = File::create(path).expect("a spool file");
        file.write_all(&bytes).expect("it is written");
        Self { file, lock }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // A process that another test just starts may have it open for a moment more.
        _ = self.lock.unlock();
    }
}

fn spool_is_empty(home: &Path) -> bool {
    let entries = fs::read_dir(home.join("spool")).expect("the spool");
    let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    !names.any(|name| name.ends_with(".agentops"))
}

#[test]
fn a_server_that_is_killed_takes_everything_from_the_spool_once() {
    let home = home("kills-server");
    let database = home.join("agentops.db");
    let mut moments = Moments::new();
    let (over, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let total = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 0;
            let mut spool = Spool::new(&home, 0);
            while !over.load(Ordering::Relaxed) {
                let mut bytes = Vec::new();
                for _ in 0..=number % 7 {
                    frames(number, &mut bytes);
                    number += 1;
                }
                // In two pieces, so that the importer meets frames that are half written.
                let (now, then) = bytes.split_at(bytes.len() / 2 + 3);
                spool.file.write_all(now).expect("it is written");
                spool.file.write_all(then).expect("it is written");
                written.store(number, Ordering::Relaxed);
                if number % 500 < 7 {
                    spool = Spool::new(&home, number);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            number
        });
        for _ in 0..kills() {
            let server = Process::start(&home);
            std::thread::sleep(moments.next(250));
            server.kill();
        }
        over.store(true, Ordering::Relaxed);
        writer.join().expect("it has written")
    });
    assert_eq!(total, written.load(Ordering::Relaxed));

    let server = Process::start(&home);
    let conn = rusqlite::Connection::open(&database).expect("the file opens");
    let commits = || -> i64 {
        let sql = "SELECT value FROM meta WHERE key = 'sequence'";
        conn.query_row(sql, [], |row| row.get(0)).expect("a number")
    };
    let mut last = (commits(), Instant::now());
    while !spool_is_empty(&home) {
        if commits() != last.0 {
            last = (commits(), Instant::now());
        }
        assert!(last.1.elapsed() < Duration::from_secs(60), "it goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(conn);
    server.kill();
    assert_eq!(check(&database, total), total);
    let store = Sqlite::open(&database, Durability::Process).expect("the store opens");
    let lost: u64 = sessions(&store)
        .iter()
        .map(|session| session.counts.dropped)
        .sum();
    assert_eq!(lost, total, "each loss is counted once");
    eprintln!("{total} written, {total} there");
    drop(store);
    fs::remove_dir_all(home).expect("it can be removed");
}

/// Names what a sender sends to: a home, with the server's address in a file.
const HOME: &str = "AGENTOPS_TEST_SENDER";

/// The first number of each sender; the last of them writes to the spool, the others send OTLP.
const SENDERS: [u64; 3] = [0, 1 << 32, 2 << 32];
const SPOOLS: u64 = SENDERS[2];

/// What a killed sender does. No test of its own: it runs until it is killed.
#[test]
#[ignore = "started, and killed, by another test"]
fn sender() {
    let (Ok(home), Ok(from)) = (std::env::var(HOME), std::env::var(FROM)) else {
        panic!("{HOME} and {FROM} are set by who starts this");
    };
    let home = Path::new(&home);
    let mut number: u64 = from.parse().expect("a number");
    let mut spool = (number >= SPOOLS).then(|| Spool::new(home, number));
    loop {
        let numbers = number..number + 1 + number % 37;
        match &mut spool {
            Some(spool) => spool.append(numbers.clone()),
            None => {
                let body = otlp(numbers.clone());
                while !is_taken(home, &body) {
                    std::thread::yield_now();
                }
            }
        }
        number = numbers.end;
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {number}").expect("somebody listens");
        out.flush().expect("somebody listens");
        drop(out);
        if spool.is_some() {
            // No faster than the others, or nothing but the spool would be taken in.
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Spool {
    fn append(&mut self, numbers: Range<u64>) {
        let mut bytes = Vec::new();
        for number in numbers {
            let span = wire::encode_span(&span(number));
            frame::append_span(&mut bytes, Kind::Span, &[], &span).expect("it fits");
        }
        // In two pieces, so that a kill leaves a frame half written.
        let (now, then) = bytes.split_at(bytes.len() / 2 + 3);
        self.file.write_all(now).expect("it is written");
        self.file.write_all(then).expect("it is written");
    }
}

/// Spans as a request of OTLP: each a field of a scope's spans, of a resource's, of the request's.
fn otlp(numbers: Range<u64>) -> Vec<u8> {
    let field = |number: u8, bytes: &[u8]| {
        let mut field = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length >= 0x80 {
            field.push(length as u8 | 0x80);
            length >>= 7;
        }
        field.push(length as u8);
        field.extend_from_slice(bytes);
        field
    };
    let spans = numbers.flat_map(|number| field(2, &wire::encode_span(&span(number))));
    let spans: Vec<u8> = spans.collect();
    field(1, &field(2, &spans))
}

/// Whether the server that runs now, if one does, has taken a request whole.
fn is_taken(home: &Path, body: &[u8]) -> bool {
    let address = fs::read_to_string(home.join("address")).expect("an address");
    let address = address.parse().expect("an address");
    let protobuf = [("content-type", "application/x-protobuf")];
    let answer = harness::try_send(address, "POST", "/v1/traces", &protobuf, body);
    answer.is_some_and(|answer| {
        assert!(
            matches!(answer.status, 200 | 429 | 503),
            "{answer:?} to what is well"
        );
        assert!(answer.status != 200 || answer.body.is_empty(), "{answer:?}");
        answer.status == 200
    })
}

/// A sender that runs, and what was acknowledged to it.
struct Sender {
    child: Child,
    heard: std::thread::JoinHandle<u64>,
}

impl Sender {
    fn start(home: &Path, from: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--ignored", "--exact", "kills::sender", "--nocapture"])
            .env(HOME, home)
            .env(FROM, from.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("its answers")).lines();
        let heard = std::thread::spawn(move || {
            let heard = |line: String| line.strip_prefix("acknowledged ")?.parse().ok();
            lines
                .map_while(Result::ok)
                .filter_map(heard)
                .last()
                .unwrap_or(from)
        });
        Self { child, heard }
    }

    /// The first number that was not acknowledged.
    fn kill(mut self) -> u64 {
        let ended = self.child.try_wait().expect("it can be asked");
        assert!(ended.is_none(), "a sender ended by itself: {ended:?}");
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
        self.heard.join().expect("it was heard")
    }
}

fn start_with_address(home: &Path) -> Process {
    let server = Process::start(home);
    let new = home.join("address.new");
    fs::write(&new, server.address.to_string()).expect("it can be written");
    fs::rename(new, home.join("address")).expect("it can be moved");
    server
}

#[test]
fn a_server_and_senders_that_are_killed_keep_what_was_acknowledged() {
    let home = home("kills-senders");
    let database = home.join("agentops.db");
    let mut moments = Moments::new();
    let mut server = Some(start_with_address(&home));
    let mut reached = SENDERS;
    let mut senders = SENDERS.map(|from| Some(Sender::start(&home, from)));
    for _ in 0..kills() {
        std::thread::sleep(moments.next(250));
        // The server as often as all senders together.
        let victim = moments.next(6).as_millis() as usize;
        match (senders.get_mut(victim), server.take()) {
            (Some(sender), running) => {
                let killed = sender.take().expect("it runs").kill();
                assert!(killed >= reached[victim]);
                reached[victim] = killed;
                *sender = Some(Sender::start(&home, killed));
                server = running;
            }
            (None, running) => {
                running.expect("it runs").kill();
                server = Some(start_with_address(&home));
            }
        }
    }
    for (sender, reached) in senders.into_iter().zip(&mut reached) {
        *reached = sender.expect("it runs").kill();
    }
    // What the last sender wrote to the spool is taken in once its process is gone.
    let until = Instant::now() + Duration::from_secs(60);
    while !spool_is_empty(&home) {
        assert!(Instant::now() < until, "it goes on");
        std::thread::sleep(Duration::from_millis(20));
    }
    server.expect("it runs").kill();
    let acknowledged: Vec<Range<u64>> = SENDERS
        .into_iter()
        .zip(reached)
        .map(|(from, to)| from..to)
        .collect();
    for range in &acknowledged {
        assert!(
            !range.is_empty(),
            "every sender came to something: {range:?}"
        );
    }
    let found = check_all(&database, &acknowledged);
    let all: u64 = acknowledged
        .iter()
        .map(|range| range.end - range.start)
        .sum();
    eprintln!("{all} acknowledged, {found} there");
    fs::remove_dir_all(home).expect("it can be removed");
}

/// Where an importer dies.
#[derive(Debug, Clone, Copy)]
enum Death {
    BeforeCommit,
    AfterCommit,
}

/// Lets an importer die at its commit of a number: whether it came to that.
fn import_until(home: &Home, database: &Path, at: usize, death: Death) -> bool {
    let store = Sqlite::open(database, Durability::Process).expect("the store opens");
    let mut importer = Importer::new(home)
        .expect("a lock")
        .expect("nobody else imports");
    let mut count = 0;
    let died = importer.step(&store, &mut |batch: &Batch| {
        count += 1;
        if count == at + 1 && matches!(death, Death::BeforeCommit) {
            return Err(died());
        }
        store.commit(batch)?;
        if count == at + 1 {
            return Err(died());
        }
        Ok(())
    });
    died.is_err()
}

/// An error like any other, to leave the importer by.
fn died() -> StoreError {
    Sqlite::open(Path::new("/nowhere/at/all"), Durability::Process)
        .expect_err("there is no such place")
}

#[test]
fn an_importer_that_dies_at_any_step_has_taken_in_nothing_twice() {
    let mut deaths = 0;
    for death in [Death::BeforeCommit, Death::AfterCommit] {
        for at in 0..8 {
            let path = home(&format!("kills-step-{death:?}-{at}"));
            let database = path.join("agentops.db");
            let home = Home::at(path.clone());
            // More than one batch in the first, and a session that its process did not end.
            for (file, numbers) in [(0, 0..2_500), (1, 2_500..2_600)] {
                let mut spool = Spool::new(&path, file);
                let mut bytes = Vec::new();
                for number in numbers {
                    frames(number, &mut bytes);
                }
                let facts = SessionFacts {
                    id: session_of(0),
                    trace_id: TraceId(session_of(0).0),
                    start: START,
                    // A span of its own that never came.
                    root: Some(SpanId(u64::MAX)),
                    ..SessionFacts::default()
                };
                frame::append(&mut bytes, Kind::Session, &[&wire::encode_facts(&facts)])
                    .expect("it fits");
                spool.file.write_all(&bytes).expect("it is written");
            }
            deaths += u32::from(import_until(&home, &database, at, death));
            for _ in 0..3 {
                import_until(&home, &database, usize::MAX - 1, death);
            }
            assert!(
                spool_is_empty(&path),
                "{death:?} at {at}: files go once they are in the store"
            );
            assert_eq!(check(&database, 2_600), 2_600, "{death:?} at {at}");
            let store = Sqlite::open(&database, Durability::Process).expect("the store opens");
            let sessions = sessions(&store);
            let lost: u64 = sessions.iter().map(|session| session.counts.dropped).sum();
            assert_eq!(lost, 2_600, "{death:?} at {at}: each loss once");
            let told = sessions
                .iter()
                .find(|session| session.facts.id == session_of(0));
            let state = told.map(|session| session.state);
            assert_eq!(state, Some(SessionState::Lost), "{death:?} at {at}");
            assert_eq!(
                store.positions().expect("positions"),
                [],
                "{death:?} at {at}"
            );
            drop(store);
            fs::remove_dir_all(path).expect("it can be removed");
        }
    }
    assert!(deaths >= 8, "it died {deaths} times");
}

/// The same importer goes on after a failure that passes, as a server's does.
#[test]
fn an_importer_whose_commits_fail_loses_nothing() {
    let path = home("kills-refused");
    let database = path.join("agentops.db");
    let mut spool = Spool::new(&path, 0);
    let mut bytes = Vec::new();
    for number in 0..2_500 {
        frames(number, &mut bytes);
    }
    spool.file.write_all(&bytes).expect("it is written");
    drop(spool);
    let store = Sqlite::open(&database, Durability::Process).expect("the store opens");
    let mut importer = Importer::new(&Home::at(path.clone()))
        .expect("a lock")
        .expect("nobody else imports");
    let mut count = 0;
    while !spool_is_empty(&path) {
        let stepped = importer.step(&store, &mut |batch: &Batch| {
            count += 1;
            match count % 2 {
                0 => store.commit(batch).map(drop),
                _ => Err(died()),
            }
        });
        assert!(count < 100, "{stepped:?}");
    }
    drop((importer, store));
    assert_eq!(check(&database, 2_500), 2_500);
    fs::remove_dir_all(path).expect("it can be removed");
}
