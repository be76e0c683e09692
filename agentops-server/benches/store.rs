//! What the store costs and how fast it answers: `cargo bench -p agentops-server --bench store [SPANS]`, 500,000 spans
//! without a number; `costs` or `answers` is one half of it.
//!
//! Costs are CPU time of the threads at work, side by side with what SQLite takes for the same bytes at the least, in
//! turns. How long answers take is measured while spans come in at 10,000 a second, as time and as CPU time of whoever
//! asks. A program that ends with an error has found spans that are not there once, sums that are not those of the
//! spans, or figures so far beyond their targets that no busy machine explains them; with `--strict`, a target that was
//! missed. No time but CPU time counts otherwise. `--keep FILE` leaves the store there, for `tests/interop/duckdb.py`. `tests/interop/phoenix` puts Phoenix beside it.
#![expect(clippy::print_stdout, reason = "a program for people to run and read")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use agentops_core::model::agent::AgentRef;
use agentops_core::model::error::ErrorRecord;
use agentops_core::model::event::{Event, Resource};
use agentops_core::model::frame::{self, Kind};
use agentops_core::model::id::{SessionId, SpanId, TraceId};
use agentops_core::model::llm::{Cost, LlmCall, Usage};
use agentops_core::model::span::{Span, SpanKind, Status, ToolCall};
use agentops_core::model::wire;
use agentops_server::store::sqlite::{Durability, Sqlite};
use agentops_server::store::{
    Batch, Condition, GroupBy, Search, Series, Sort, Step, Store, Wanted,
};
use rusqlite::{Connection, params};
use rustix::time::ClockId;
use serde_json::{Map, json};

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Spans of one commit.
const BATCH: usize = 500;

/// Spans of one turn of a comparison, and how many turns there are.
const TURN: usize = 10_000;
const TURNS: usize = 7;

/// How many spans 30 days have where costs are compared: sums over time cost the less the more spans share them. As many
/// as when the targets were set.
const DENSITY: u64 = 200_000;

/// So many times its target is beyond what other work on the same machine explains.
const WRONG: f64 = 4.0;

/// What takes less than a moment is asked so often at once: CPU time is told in moments.
const MANY: usize = 100;

/// How many spans come in each second while questions are asked.
const LIVE: u64 = 10_000;

const BASE: u64 = 1_795_323_600_000_000_000;
const DAYS: u64 = 30;
const DAY: u64 = 86_400_000_000_000;

/// Text as people write it: what spans carry is taken from here.
const TEXT: [&str; 4] = [
    include_str!("../../README.md"),
    include_str!("../../ARCHITECTURE.md"),
    include_str!("../src/store/sqlite/write.rs"),
    include_str!("../../agentops-core/src/model/rollup.rs"),
];

const SORTS: [Sort; 7] = [
    Sort::Newest,
    Sort::Oldest,
    Sort::Cost,
    Sort::Duration,
    Sort::Tokens,
    Sort::Spans,
    Sort::Errors,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut numbers = arguments
        .iter()
        .filter_map(|word| word.replace('_', "").parse().ok());
    let said = |word: &str| arguments.iter().any(|argument| argument == word);
    let mut report = Report {
        strict: said("--strict"),
        failed: false,
    };
    if !said("answers") {
        costs(&mut report);
    }
    if !said("costs") {
        let mut words = arguments.iter();
        let keep = words.find(|word| *word == "--keep").and(words.next());
        let spans = numbers.next().unwrap_or(500_000);
        answers(spans, keep.map(Path::new), &mut report);
    }
    println!(
        "not here: spans visible a second beside Phoenix (tests/interop/phoenix); spans lost at a kill (tests/server/kills)"
    );
    match report.failed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

struct Report {
    strict: bool,
    failed: bool,
}

/// How long something took, and how much of that its thread was at work.
#[derive(Clone, Copy)]
struct Took {
    time: Duration,
    cpu: Duration,
}

impl Report {
    /// What must be so.
    fn holds(&mut self, what: &str, holds: bool) {
        self.failed |= !holds;
        println!("{what:<62} {}", if holds { "yes" } else { "NO" });
    }

    /// A figure that should not be larger than its target; where it is many times as large, something is wrong.
    fn at_most(&mut self, what: &str, found: f64, target: f64) {
        let kept = found <= target;
        self.failed |= self.strict && !kept || found > target * WRONG;
        let verdict = if kept { "" } else { "  MISSED" };
        println!("{what:<62} {found:>10.4}  (at most {target}){verdict}");
    }

    /// How long answers took: the target is for a machine that does nothing else.
    fn within(&mut self, what: &str, took: Vec<Took>, target: f64) {
        let at = |percent: usize, of: fn(&Took) -> Duration| {
            let mut took: Vec<Duration> = took.iter().map(of).collect();
            took.sort_unstable();
            took[(took.len() * percent / 100).min(took.len() - 1)].as_secs_f64() * 1e3
        };
        let p95 = at(95, |took| took.time);
        let kept = p95 < target;
        self.failed |= self.strict && !kept;
        let verdict = if kept { "" } else { "  MISSED" };
        println!(
            "{what:<44} p50 {:>8.2} p95 {p95:>8.2} ms, CPU {:>7.2} {:>7.2}  (less than {target}){verdict}",
            at(50, |took| took.time),
            at(50, |took| took.cpu),
            at(95, |took| took.cpu),
        );
    }
}

/// CPU time that this thread has had.
fn cpu() -> Duration {
    had(ClockId::ThreadCPUTime)
}

/// That of all threads together, those that have ended, too.
fn all_cpu() -> Duration {
    had(ClockId::ProcessCPUTime)
}

fn had(clock: ClockId) -> Duration {
    Duration::try_from(rustix::time::clock_gettime(clock)).unwrap_or_default()
}

/// CPU microseconds of each of so many.
fn each(count: usize, work: impl FnOnce()) -> f64 {
    each_took(count, work).1
}

/// Microseconds of each of so many, and CPU microseconds of all threads.
fn each_took(count: usize, work: impl FnOnce()) -> (f64, f64) {
    let (started, before) = (Instant::now(), all_cpu());
    work();
    let took = [started.elapsed(), all_cpu().saturating_sub(before)];
    let [time, cpu] = took.map(|took| took.as_secs_f64() * 1e6 / count as f64);
    (time, cpu)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A place for files; gone at the end.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let own = format!("bench-{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(own);
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Numbers that look random, the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }

    /// About `mean`, mostly less, now and then far more.
    fn skewed(&mut self, mean: u64) -> u64 {
        let uniform = (self.next(1_000_000) + 1) as f64 / 1_000_000.0;
        (-uniform.ln() * mean as f64) as u64 + 1
    }
}

/// Runs of agents, several at once.
struct Load {
    random: Random,
    lines: Vec<&'static str>,
    running: Vec<Running>,
    /// Sizes of sessions that come before others, from the last on.
    large: Vec<u64>,
    sessions: u64,
    spans: u64,
    total: u64,
    resources: Vec<Arc<Resource>>,
    /// Spans to take copies of, where making them up would take what is to be measured.
    ready: Vec<Span>,
}

struct Running {
    id: SessionId,
    left: u64,
    next: u64,
    start: u64,
    resource: usize,
}

impl Load {
    /// So many spans are spread over the days.
    fn new(total: u64, large: &[u64]) -> Self {
        let resource = |number: usize| {
            Arc::new(Resource {
                service: format!("service {number}"),
                project: format!("project {number}"),
                service_version: Some(format!("1.{number}")),
                pid: Some(number as u64),
                ..Resource::default()
            })
        };
        let lines = TEXT.iter().flat_map(|text| text.lines());
        Self {
            random: Random(0x2545_f491_4f6c_dd1d),
            lines: lines.filter(|line| line.len() > 20).collect(),
            running: Vec::new(),
            large: large.to_vec(),
            sessions: 0,
            spans: 0,
            total,
            resources: (0..8).map(resource).collect(),
            ready: Vec::new(),
        }
    }

    /// From now on what spans say is one of so many things.
    fn repeat(&mut self, count: usize) {
        self.ready = (2..).take(count).map(|at| self.made(at)).collect();
    }

    fn text(&mut self, length: u64) -> String {
        let mut text = String::new();
        while (text.len() as u64) < length {
            text.push_str(self.lines[self.random.next(self.lines.len() as u64) as usize]);
            text.push('\n');
        }
        text.truncate(text.floor_char_boundary(length as usize));
        text
    }

    fn batch(&mut self, size: usize) -> Batch {
        Batch {
            events: (0..size).map(|_| self.event()).collect(),
            ..Batch::default()
        }
    }

    fn event(&mut self) -> (Arc<Resource>, Event) {
        while self.running.len() < 6 {
            self.sessions += 1;
            let id = 0x019c_0000_0000_7000_8000_0000_0000_0000 + u128::from(self.sessions);
            let left = self.large.pop();
            let running = Running {
                id: SessionId(id),
                left: left.unwrap_or_else(|| 10 + self.random.skewed(70)),
                next: 1,
                start: BASE + self.spans * (DAYS * DAY / self.total.max(1)),
                resource: self.random.next(8) as usize,
            };
            self.running.push(running);
        }
        let at = self.random.next(6) as usize;
        let Running {
            id,
            next,
            start,
            resource,
            ..
        } = self.running[at];
        let span = self.span(id, next, start);
        self.spans += 1;
        let running = &mut self.running[at];
        running.next += 1;
        running.left -= 1;
        if running.left == 0 {
            self.running.swap_remove(at);
        }
        (
            self.resources[resource].clone(),
            Event::SpanEnded(Box::new(span)),
        )
    }

    fn span(&mut self, session: SessionId, number: u64, start: u64) -> Span {
        let mut span = match self.ready.len() as u64 {
            0 => self.made(number),
            _ if number == 1 => self.made(number),
            many => self.ready[self.random.next(many) as usize].clone(),
        };
        let began = start + number * 40_000_000 + self.random.next(20_000_000);
        // Ids are random but for what makes the parent's known.
        let id = |number: u64| {
            SpanId((number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ session.0 as u64) | 1)
        };
        span.id = id(number);
        span.parent_id = (number > 1).then(|| id(self.random.next(number - 1) + 1));
        (span.session_id, span.trace_id) = (session, TraceId(session.0));
        span.start = began;
        span.end = Some(began + self.random.skewed(800_000_000));
        if let Some(error) = &mut span.error {
            error.time = began;
        }
        span
    }

    /// What a span says; which it is, and when it was, comes later.
    fn made(&mut self, number: u64) -> Span {
        let kind = match self.random.next(10) {
            _ if number == 1 => SpanKind::Agent,
            0..=3 => SpanKind::Llm,
            4..=7 => SpanKind::Tool,
            8 => SpanKind::Agent,
            _ => SpanKind::Operation,
        };
        let length = match self.random.next(500) {
            0 => 20_000 + self.random.next(80_000),
            _ => self.random.skewed(480),
        };
        let (asked, answered) = (self.text(length), self.text(length / 3 + 20));
        let (agent, tool) = (self.random.next(20), self.random.next(40));
        let failed = self.random.next(40) == 0;
        let llm = (kind == SpanKind::Llm).then(|| {
            let mut usage = Usage::default();
            (usage.input, usage.output) = (length / 4, length / 12 + 5);
            let mut cost = Cost::default();
            cost.total = (length * 300) as i64;
            let mut call = LlmCall::default();
            call.provider = Some("openai".into());
            call.model = Some(format!("model-{}", self.random.next(12)));
            (call.usage, call.cost) = (Some(usage), Some(cost));
            call.time_to_first_token = Some(self.random.skewed(300_000_000));
            call
        });
        Span {
            id: SpanId(number),
            parent_id: None,
            session_id: SessionId::default(),
            trace_id: TraceId::default(),
            agent: Some(AgentRef {
                id: format!("agent-{agent}"),
                name: format!("agent {agent}"),
                role: None,
                model: None,
            }),
            name: match kind {
                SpanKind::Tool => format!("tool_{tool}"),
                SpanKind::Llm => "chat".into(),
                SpanKind::Agent => format!("agent {agent}"),
                _ => format!("step {tool}"),
            },
            kind,
            status: if failed { Status::Error } else { Status::Ok },
            cancelled: false,
            open: false,
            adopted: false,
            start: 0,
            end: None,
            busy: None,
            polls: None,
            thread: None,
            source: None,
            input: Some(json!({ "prompt": asked })),
            output: Some(json!(answered)),
            attributes: Map::from_iter([
                (
                    "tenant".to_owned(),
                    json!(format!("tenant-{}", self.random.next(200))),
                ),
                ("attempt".to_owned(), json!(self.random.next(3))),
            ]),
            version: None,
            tags: Vec::new(),
            links: Vec::new(),
            logs: Vec::new(),
            error: failed.then(|| ErrorRecord {
                kind: kind.as_str().into(),
                code: "Timeout".into(),
                details: format!("no answer within {} ms", self.random.next(30_000)),
                ..ErrorRecord::default()
            }),
            llm,
            tool: (kind == SpanKind::Tool).then(|| ToolCall {
                name: format!("tool_{tool}"),
                ..ToolCall::default()
            }),
            operation_type: None,
            guardrail: None,
        }
    }
}

fn spans_of(batch: &Batch) -> impl Iterator<Item = &Span> {
    batch.events.iter().filter_map(|(_, event)| match event {
        Event::SpanEnded(span) => Some(&**span),
        _ => None,
    })
}

/// What SQLite takes at the least: one wide table, no index, the text as it is.
fn plain(path: &Path) -> Connection {
    let conn = Connection::open(path).expect("it opens");
    conn.execute_batch(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = wal; PRAGMA synchronous = full; PRAGMA cache_size = -65536;
         PRAGMA wal_autocheckpoint = 2000;
         CREATE TABLE span (id INTEGER PRIMARY KEY, session BLOB, span INTEGER, parent INTEGER, project TEXT, kind TEXT,
            status INTEGER, name TEXT, agent TEXT, model TEXT, start INTEGER, end INTEGER, input INTEGER,
            output INTEGER, cost INTEGER, body BLOB) STRICT",
    )
    .expect("a table");
    conn
}

fn insert(conn: &Connection, span: &Span, body: &[u8]) {
    let llm = span.llm.as_ref();
    let usage = llm.and_then(|llm| llm.usage);
    let row = params![
        span.session_id.0.to_be_bytes(),
        span.id.0 as i64,
        span.parent_id.map(|id| id.0 as i64),
        "project",
        span.kind.as_str(),
        span.status as u8,
        span.name,
        span.agent.as_ref().map(|agent| &agent.name),
        llm.and_then(|llm| llm.model.as_ref()),
        span.start as i64,
        span.end.map(|end| end as i64),
        usage.map(|usage| usage.input as i64),
        usage.map(|usage| usage.output as i64),
        llm.and_then(|llm| llm.cost.as_ref()).map(|cost| cost.total),
        body,
    ];
    conn.prepare_cached(
        "INSERT INTO span (session, span, parent, project, kind, status, name, agent, model, start, end, input, output,
            cost, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )
    .and_then(|mut insert| insert.execute(row))
    .expect("a row");
}

/// What taking spans in costs, beside SQLite's limit.
fn costs(report: &mut Report) {
    let dir = Dir::new("costs");
    let store = Sqlite::open(&dir.file("store.db"), Durability::Full).expect("it opens");
    let (wide, single) = (plain(&dir.file("wide.db")), plain(&dir.file("single.db")));
    let mut load = Load::new(DENSITY, &[]);
    let mut figures: [Vec<f64>; 5] = Default::default();
    let mut times: [Vec<f64>; 2] = Default::default();
    let mut bytes = 0;
    for turn in 0..=TURNS {
        let batches: Vec<Batch> = (0..TURN / BATCH).map(|_| load.batch(BATCH)).collect();
        let bodies: Vec<Vec<u8>> = batches
            .iter()
            .flat_map(spans_of)
            .map(wire::encode_span)
            .collect();
        bytes += bodies.iter().map(Vec::len).sum::<usize>();
        let (limit_time, limit) = each_took(TURN, || {
            let mut bodies = bodies.iter();
            for batch in &batches {
                wide.execute_batch("BEGIN IMMEDIATE").expect("it begins");
                spans_of(batch)
                    .zip(&mut bodies)
                    .for_each(|(span, body)| insert(&wide, span, body));
                wide.execute_batch("COMMIT").expect("it commits");
            }
        });
        let (commit_time, commit) = each_took(TURN, || {
            // As the server does: one prepares its batch while the other's is written.
            let batches = Mutex::new(batches.iter());
            let next = || batches.lock().expect("nobody panics").next();
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        while let Some(batch) = next() {
                            store.commit(batch).expect("it commits");
                        }
                    });
                }
            });
        });
        let index = each(TURN, || {
            while store.maintain(Duration::from_millis(5)).expect("upkeep") {}
        });
        let few = 300;
        let one = each(few, || {
            for (span, body) in batches.iter().flat_map(spans_of).zip(&bodies).take(few) {
                single.execute_batch("BEGIN IMMEDIATE").expect("it begins");
                insert(&single, span, body);
                single.execute_batch("COMMIT").expect("it commits");
            }
        });
        let mut spool = std::fs::File::create(dir.file("spool")).expect("a file");
        let append = each(TURN, || {
            let mut buffer = Vec::new();
            for body in &bodies {
                buffer.clear();
                frame::append_span(&mut buffer, Kind::Span, &[], body).expect("it fits");
                std::io::Write::write_all(&mut spool, &buffer).expect("it is written");
            }
        });
        // The first is without a dictionary and with empty caches.
        if turn > 0 {
            for (figures, figure) in figures.iter_mut().zip([limit, commit, index, one, append]) {
                figures.push(figure);
            }
            for (times, time) in times.iter_mut().zip([limit_time, commit_time]) {
                times.push(time);
            }
        }
    }
    let [limit, commit, index, one, append] = figures.map(median);
    let [limit_time, commit_time] = times.map(median);
    println!(
        "CPU µs a span in commits of {BATCH}, each durable; {} bytes a span",
        bytes / (TURN * (TURNS + 1))
    );
    println!(
        "SQLite's limit {limit:.1}, ours {commit:.1}, index {index:.1}; each span for itself {one:.1}, spool {append:.2}"
    );
    println!(
        "spans a second, durable: SQLite's limit {:.0}, ours {:.0}",
        1e6 / limit_time,
        1e6 / commit_time
    );
    report.at_most(
        "time for a durable span / that of SQLite's limit",
        commit_time / limit_time,
        2.0,
    );
    println!("commit / SQLite's limit, CPU {:>44.4}", commit / limit);
    report.at_most(
        "commit and index / SQLite's limit, CPU",
        (commit + index) / limit,
        6.0,
    );
    report.at_most("spool / a commit for each span", append / one, 1.0 / 25.0);
}

/// How large the file is, how much of it is the index of words, and how much is free: what was written anew was elsewhere.
fn sizes(path: &Path) -> [f64; 3] {
    let conn = Connection::open(path).expect("it opens");
    let ask = |sql: &str| -> f64 { conn.query_row(sql, [], |row| row.get(0)).expect(sql) };
    let all = ask(
        "SELECT CAST(page_count * page_size AS REAL) FROM pragma_page_count(), pragma_page_size()",
    );
    // Each with its key, twice.
    let words = ask("SELECT total(length(z) + 2 * length(term) + 40) FROM block");
    let free = ask(
        "SELECT CAST(freelist_count * page_size AS REAL) FROM pragma_freelist_count(), pragma_page_size()",
    );
    [all, words, free]
}

/// How fast questions are answered, with spans coming in.
fn answers(spans: u64, keep: Option<&Path>, report: &mut Report) {
    let dir = Dir::new("answers");
    let path = keep.map_or_else(|| dir.file("store.db"), Path::to_owned);
    let store = Sqlite::open(&path, Durability::Full).expect("it opens");
    let mut load = Load::new(spans, &[10_000, 10_000, 10_000, 100_000.min(spans / 5)]);
    let (mut bytes, mut busy, started) = (0, Duration::ZERO, Instant::now());
    while load.spans < spans {
        let batch = load.batch(BATCH);
        bytes += spans_of(&batch)
            .map(|span| wire::encode_span(span).len())
            .sum::<usize>();
        let before = all_cpu();
        store.commit(&batch).expect("it commits");
        store.maintain(Duration::from_millis(20)).expect("upkeep");
        busy += all_cpu().saturating_sub(before);
    }
    let before = all_cpu();
    while store.maintain(Duration::from_millis(50)).expect("upkeep") {}
    busy += all_cpu().saturating_sub(before);
    println!(
        "{spans} spans in {} sessions, {} bytes a span: {:.0} s, {:.1} µs CPU a span with the index",
        load.sessions,
        bytes as u64 / spans,
        started.elapsed().as_secs_f64(),
        busy.as_secs_f64() * 1e6 / spans as f64
    );
    let [all, words, free] = sizes(&path);
    println!(
        "bytes that are free / raw bytes {:>41.4}",
        free / bytes as f64
    );
    report.at_most(
        "bytes / raw bytes, without the index of words",
        (all - words - free) / bytes as f64,
        0.6,
    );
    report.at_most("bytes / raw bytes, with it", all / bytes as f64, 1.0);
    ratios(&path, &store, report);

    load.repeat(2_000);
    let (over, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let (started, mut largest) = (Instant::now(), 0);
    let before = all_cpu();
    let (busy, commits) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let (mut made, mut commits) = (Duration::ZERO, 0);
            while !over.load(Ordering::Relaxed) {
                // What came while the last was written is committed together, as the server does.
                let ago = sent.load(Ordering::Relaxed) * 1_000_000 / LIVE;
                let next = Duration::from_micros(ago) + Duration::from_millis(10);
                std::thread::sleep(next.saturating_sub(started.elapsed()));
                let come = started.elapsed().as_micros() as u64 * LIVE / 1_000_000;
                let size = (come - sent.load(Ordering::Relaxed)).min(BATCH as u64);
                let before = cpu();
                let batch = load.batch(size as usize);
                made += cpu().saturating_sub(before);
                store.commit(&batch).expect("it commits");
                sent.fetch_add(size, Ordering::Relaxed);
                commits += 1;
                largest = largest.max(wal(&path));
            }
            (made, commits)
        });
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let more = store.maintain(Duration::from_millis(5)).expect("upkeep");
                std::thread::sleep(Duration::from_millis(if more { 5 } else { 100 }));
            }
        });
        let asked = cpu();
        ask(&store, report);
        let asked = cpu().saturating_sub(asked);
        over.store(true, Ordering::Relaxed);
        let (made, commits) = sender.join().expect("it ends");
        // Whoever asks, and whoever makes up spans, is not the store.
        (all_cpu().saturating_sub(before + asked + made), commits)
    });
    let sent = sent.load(Ordering::Relaxed);
    let each = busy.as_secs_f64() * 1e6 / sent as f64;
    println!(
        "meanwhile {:.0} of {LIVE} spans a second came in, in {commits} commits, at {each:.1} µs CPU a span",
        sent as f64 / started.elapsed().as_secs_f64(),
    );
    // Two processors, of which one is for whoever asks.
    report.at_most(
        "CPU s for what comes in a second, at 10,000 spans",
        each * LIVE as f64 / 1e6,
        1.0,
    );
    report.at_most("MB of write-ahead log", largest as f64 / 1e6, 128.0);
    counts(&store, &path, spans + sent, report);
}

fn wal(path: &Path) -> u64 {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    std::fs::metadata(wal).map_or(0, |wal| wal.len())
}

/// Whether everything is there once, and sums are those of the spans.
fn counts(store: &Sqlite, path: &Path, sent: u64, report: &mut Report) {
    store.settle(true).expect("sums");
    let conn = Connection::open(path).expect("it opens");
    let number = |sql: &str| -> i64 { conn.query_row(sql, [], |row| row.get(0)).expect(sql) };
    let there = number("SELECT count(*) FROM (SELECT DISTINCT session, span FROM span)");
    report.holds("every span is there once", there == sent as i64);
    report.holds(
        "with what it carried",
        number("SELECT count(*) FROM span JOIN payload ON payload.id = span.id") == there
            && number("SELECT count(*) FROM payload") == there,
    );
    let totals = store.totals(&Wanted::default()).expect("totals");
    report.holds(
        "sessions count their spans",
        totals.spans == sent && number("SELECT sum(spans) FROM session") == there,
    );
    let of = |by, step| {
        let wanted = Series {
            by,
            step,
            since: 0,
            until: u64::MAX,
            project: None,
        };
        let points = store.series(&wanted).expect("sums");
        let count: u64 = points.iter().map(|point| point.count).sum();
        (count, points.iter().map(|point| point.cost).sum::<i64>())
    };
    let kinds = of(GroupBy::Kind, Step::Day);
    report.holds(
        "sums over time count their spans",
        kinds.0 == sent && kinds == of(GroupBy::Kind, Step::Hour),
    );
    report.holds(
        "and cost what sessions cost",
        Some(kinds.1) == totals.cost && of(GroupBy::Model, Step::Day).1 == kinds.1,
    );
}

/// Answers beside what they would take without what is kept for them.
fn ratios(path: &Path, store: &Sqlite, report: &mut Report) {
    let conn = Connection::open(path).expect("it opens");
    let wanted = Wanted {
        limit: 50,
        ..Wanted::default()
    };
    let list = || {
        each(MANY, || {
            (0..MANY).for_each(|_| drop(store.sessions(&wanted).expect("a list")))
        })
    };
    let grouped = || {
        each(1, || {
            let mut ask = conn
                .prepare(
                    "SELECT session, min(start), max(end), count(*), sum(cost), sum(input), sum(status = 2)
                     FROM span GROUP BY session ORDER BY min(start) DESC LIMIT 50",
                )
                .expect("a question");
            let mut rows = ask.query([]).expect("an answer");
            while rows.next().expect("a row").is_some() {}
        })
    };
    let (list, grouped) = turns(list, grouped);
    println!(
        "CPU ms: a list {:.3}, by GROUP BY {:.0}",
        list / 1e3,
        grouped / 1e3
    );
    let spans: f64 = conn
        .query_row("SELECT CAST(count(*) AS REAL) FROM span", [], |row| {
            row.get(0)
        })
        .expect("a count");
    // A thousandth at five million: the other way takes as long as there are spans.
    report.at_most(
        "list / list by GROUP BY",
        list / grouped,
        0.001 * (5e6 / spans).max(1.0),
    );

    let kept = || {
        each(MANY, || {
            (0..MANY).for_each(|_| drop(store.series(&month()).expect("sums")))
        })
    };
    let scanned = || each(1, || scan(&conn));
    let (kept, scanned) = turns(kept, scanned);
    println!(
        "CPU ms: sums of {DAYS} days {:.2}, by a look at every span {:.0}",
        kept / 1e3,
        scanned / 1e3
    );
    report.at_most(
        "sums that are kept / sums of every span",
        kept / scanned,
        0.2,
    );
}

/// Medians of both, asked in turns.
fn turns(one: impl Fn() -> f64, other: impl Fn() -> f64) -> (f64, f64) {
    let (ones, others) = (0..TURNS).map(|_| (one(), other())).unzip();
    (median(ones), median(others))
}

/// Sums by model and day, with how long calls took, of every span.
fn scan(conn: &Connection) {
    let mut sums = HashMap::<(i64, i64), (i64, i64, Vec<i64>)>::new();
    let mut ask = conn
        .prepare("SELECT start, model, cost, input, end - start FROM span WHERE model IS NOT NULL")
        .expect("a question");
    let mut rows = ask.query([]).expect("an answer");
    while let Some(row) = rows.next().expect("a row") {
        let number = |column| {
            row.get::<_, Option<i64>>(column)
                .expect("a number")
                .unwrap_or(0)
        };
        let sum = sums.entry((number(0) / DAY as i64, number(1))).or_default();
        sum.0 += number(2);
        sum.1 += number(3);
        sum.2.push(number(4));
    }
    for (_, _, times) in sums.values_mut() {
        times.sort_unstable();
    }
    std::hint::black_box(sums);
}

fn month() -> Series {
    Series {
        by: GroupBy::Model,
        step: Step::Day,
        since: BASE - DAY,
        until: BASE + (DAYS + 1) * DAY,
        project: None,
    }
}

fn timed<T>(times: usize, mut ask: impl FnMut(usize) -> T) -> Vec<Took> {
    let once = |at| {
        let (started, before) = (Instant::now(), cpu());
        drop(ask(at));
        Took {
            time: started.elapsed(),
            cpu: cpu().saturating_sub(before),
        }
    };
    (0..times).map(once).collect()
}

fn ask(store: &dyn Store, report: &mut Report) {
    let first = |at: usize| Wanted {
        sort: SORTS[at % SORTS.len()],
        limit: 50,
        ..Wanted::default()
    };
    let list = |wanted: &Wanted| store.sessions(wanted).expect("a list");
    report.within(
        "list of 50, by each sort",
        timed(210, |at| list(&first(at))),
        5.0,
    );
    let later: Vec<Wanted> = (0..SORTS.len())
        .map(|at| Wanted {
            after: list(&first(at)).next,
            ..first(at)
        })
        .collect();
    report.within(
        "the page after it",
        timed(210, |at| list(&later[at % SORTS.len()])),
        5.0,
    );
    let filters = [
        Condition::Project("project 3".into()),
        Condition::Agent("agent 7".into()),
        Condition::Model("model-3".into()),
        Condition::Tool("tool_9".into()),
        Condition::Error("Timeout".into()),
        Condition::Since(BASE + 10 * DAY),
        Condition::MinCost(1_000_000),
        Condition::Version("1.4".into()),
        Condition::Name("chat".into()),
        Condition::Text("agent 1".into()),
    ];
    let filtered = |at: usize| Wanted {
        conditions: vec![filters[at % filters.len()].clone()],
        ..first(0)
    };
    report.within(
        "list of 50 with a filter",
        timed(200, |at| list(&filtered(at))),
        5.0,
    );
    let totals = timed(20, |_| store.totals(&Wanted::default()).expect("totals"));
    report.within("totals of all sessions", totals, 50.0);

    let largest = Wanted {
        sort: Sort::Spans,
        limit: 1,
        ..Wanted::default()
    };
    let largest = list(&largest).sessions.remove(0);
    let id = largest.facts.id;
    let outline = || {
        store
            .outline(id)
            .expect("an outline")
            .expect("it is there")
            .rows
    };
    let what = format!("columns of a session of {} spans", largest.counts.spans);
    report.within(&what, timed(7, |_| outline()), 300.0);
    let rows = outline();
    let span = |at: usize| {
        store
            .span(id, rows[at * 1_999 % rows.len()].id)
            .expect("a span")
    };
    report.within("one span of it", timed(50, span), 5.0);

    for words in [
        "agentops",
        "\"the store\"",
        "sum spans",
        "tenant",
        "nothinglikeit",
    ] {
        let search = Search {
            words: words.into(),
            session: None,
            limit: 50,
        };
        let mut found = 0;
        let took = timed(40, |_| found = store.search(&search).expect("hits").len());
        report.within(&format!("search for {words}: {found}"), took, 10.0);
    }
    report.within(
        "sums of 30 days by model",
        timed(40, |_| store.series(&month()).expect("sums")),
        20.0,
    );
    let hours = Series {
        by: GroupBy::Kind,
        step: Step::Hour,
        since: BASE + 20 * DAY,
        until: BASE + 21 * DAY,
        project: None,
    };
    report.within(
        "sums of a day by hour",
        timed(40, |_| store.series(&hours).expect("sums")),
        20.0,
    );
    let faults = timed(10, |_| {
        store.faults(&Wanted::default(), 50).expect("faults")
    });
    report.within("errors by kind", faults, 100.0);
}
