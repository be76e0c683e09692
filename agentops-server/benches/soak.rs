//! A server under load for as long as wanted: `tests/soak-server [MINUTES] [--flat-out]`, or
//! `cargo bench -p agentops-server --bench soak -- MINUTES`.
//!
//! The real server takes 10,000 spans a second as OTLP protobuf over HTTP (with `--flat-out` as many as it can), and is
//! asked what a dashboard asks, over and over. Each minute tells how long answers took and what memory the server holds,
//! which must not grow; at the end everything that was acknowledged is counted, by what answers say and in the file. It
//! sends what another's types encode, and shares nothing with what it measures.
#![expect(clippy::print_stdout, reason = "a program for people to run and read")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use serde_json::Value;

/// Spans of a second.
const RATE: u64 = 10_000;

/// Spans of a request, as exporters send them.
const TOGETHER: u64 = 200;

/// Connections that send.
const SENDERS: u64 = 4;

/// Spans of most sessions, and of every hundredth.
const FEW: u64 = 60;
const MANY: u64 = 20_000;

/// Tokens of each model call.
const INPUT: i64 = 1_200;
const OUTPUT: i64 = 300;

/// Text as people write it: what spans carry is taken from here.
const TEXT: [&str; 2] = [
    include_str!("../../README.md"),
    include_str!("../../ARCHITECTURE.md"),
];

/// So much more memory than in the first third is flat.
const GROWTH: f64 = 1.2;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let minutes = words.iter().find_map(|word| word.parse::<f64>().ok());
    let Some(minutes) = minutes else {
        println!("it takes as many minutes as it is told: `--bench soak -- 30`");
        return ExitCode::SUCCESS;
    };
    let flat_out = words.iter().any(|word| word == "--flat-out");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("soak-server");
    _ = std::fs::remove_dir_all(&home);
    std::fs::create_dir_all(&home).expect("a home");
    let server = Server::start(&home);
    let load = Load {
        address: server.address,
        over: AtomicBool::new(false),
        flat_out,
        begun: Instant::now(),
        texts: texts(),
        requests: AtomicU64::new(0),
        sent: Mutex::default(),
        took: Mutex::default(),
        newest: AtomicU64::new(0),
    };
    let until = load.begun + Duration::from_secs_f64(minutes * 60.0);
    let mut memory = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| load.send());
        }
        for question in &QUESTIONS {
            scope.spawn(|| load.ask(question));
        }
        scope.spawn(|| load.listen());
        let mut minute = 0;
        while Instant::now() < until {
            minute += 1;
            let next = load.begun + Duration::from_secs(60 * minute);
            std::thread::sleep(next.min(until).saturating_duration_since(Instant::now()));
            memory.push(load.tell(minute, &server));
        }
        load.over.store(true, Ordering::Relaxed);
    });
    let seconds = load.begun.elapsed().as_secs_f64();
    let sent = load.sent.lock().expect("nobody panicked").clone();
    println!(
        "{} spans in {seconds:.0} s, {:.0} a second; {} requests were to be sent again",
        sent.spans,
        sent.spans as f64 / seconds,
        sent.again
    );
    let counted = load.count(&sent, &home);
    drop(server);
    let flat = is_flat(&memory);
    println!("counts: {}", if counted { "as sent" } else { "WRONG" });
    println!("memory: {}", if flat { "flat" } else { "GROWS" });
    if counted && flat {
        std::fs::remove_dir_all(&home).expect("it can be removed");
        return ExitCode::SUCCESS;
    }
    println!("what is left of it is in {}", home.display());
    ExitCode::FAILURE
}

/// The server, killed at the end.
struct Server {
    child: Child,
    address: SocketAddr,
    database: PathBuf,
}

impl Server {
    fn start(home: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_agentops"))
            .args(["serve", "--no-token", "--addr", "127.0.0.1:0", "--data"])
            .arg(home)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its answers"))
            .read_line(&mut line)
            .expect("an address");
        let address = line.trim_end().strip_prefix("http://");
        let address = address.and_then(|address| address.parse().ok());
        Self {
            child,
            address: address.expect("an address"),
            database: home.join("agentops.db"),
        }
    }

    /// What it holds in MiB: by itself, and with the pages of files that it looks at.
    fn memory(&self) -> [f64; 2] {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        ["RssAnon:", "VmRSS:"].map(|name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            kib.unwrap_or(0.0) / 1024.0
        })
    }

    /// CPU time that it has had, in seconds.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        ticks
            .filter_map(|ticks| ticks.parse::<f64>().ok())
            .sum::<f64>()
            / 100.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// What was acknowledged.
#[derive(Debug, Default, Clone)]
struct Sent {
    spans: u64,
    calls: u64,
    errors: u64,
    sessions: u64,
    again: u64,
}

/// All that sends and asks.
struct Load {
    address: SocketAddr,
    over: AtomicBool,
    flat_out: bool,
    begun: Instant,
    texts: Vec<String>,
    requests: AtomicU64,
    sent: Mutex<Sent>,
    /// How long what took, since it was last told.
    took: Mutex<BTreeMap<&'static str, Vec<Duration>>>,
    /// The session that was sent last.
    newest: AtomicU64,
}

/// What is asked, and the time in between in milliseconds; `{}` is a session's id.
type Question = (&'static str, &'static str, u64);
const QUESTIONS: [Question; 6] = [
    ("list", "/api/v1/sessions?foreign=true&limit=50", 200),
    (
        "filter",
        "/api/v1/sessions?foreign=true&tool=tool-7&sort=spans&limit=50",
        500,
    ),
    ("session", "/api/v1/sessions/{}", 300),
    ("columns", "/api/v1/sessions/{}/skeleton", 500),
    (
        "search",
        "/api/v1/search?q=recorder%20thread&limit=50",
        1_000,
    ),
    (
        "metrics",
        "/api/v1/metrics?group_by=model&interval=hour",
        1_000,
    ),
];

impl Load {
    fn took(&self, what: &'static str, took: Duration) {
        let mut all = self.took.lock().expect("nobody panicked");
        all.entry(what).or_default().push(took);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Sends request after request, each when it is due: one that is late makes none of the others late.
    fn send(&self) {
        let mut connection = None;
        while !self.is_over() {
            let number = self.requests.fetch_add(1, Ordering::Relaxed);
            let due = self.begun + Duration::from_micros(number * TOGETHER * 1_000_000 / RATE);
            if !self.flat_out {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            let (body, counts) = self.request(number);
            let began = match self.flat_out {
                true => Instant::now(),
                false => due,
            };
            loop {
                let stream = connection.get_or_insert_with(|| {
                    BufReader::new(TcpStream::connect(self.address).expect("it listens"))
                });
                match post(stream, self.address, &body) {
                    200 => break,
                    429 | 503 => {
                        self.sent.lock().expect("nobody panicked").again += 1;
                        std::thread::sleep(Duration::from_millis(100));
                    }
                    status => panic!("{status} to a request that is well"),
                }
            }
            self.took("acknowledged", began.elapsed());
            let mut sent = self.sent.lock().expect("nobody panicked");
            sent.spans += counts.spans;
            sent.calls += counts.calls;
            sent.errors += counts.errors;
            sent.sessions += counts.sessions;
        }
    }

    /// The request of a number, and what is in it: of spans in their order, each session's own last.
    fn request(&self, number: u64) -> (Vec<u8>, Sent) {
        let mut counts = Sent::default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("a clock").as_nanos() as u64;
        let first = number * TOGETHER;
        let spans = (first..first + TOGETHER).map(|number| {
            let (session, at, size) = place(number);
            counts.spans += 1;
            if at + 1 == size {
                counts.sessions += 1;
                self.newest.store(session, Ordering::Relaxed);
            }
            let is_root = at + 1 == size;
            let is_call = !is_root && at % 3 == 0;
            let has_failed = at % 50 == 7;
            counts.calls += u64::from(is_call);
            counts.errors += u64::from(has_failed);
            let text = &self.texts[(number % self.texts.len() as u64) as usize];
            let mut attributes = vec![text_pair("gen_ai.conversation.id", &format!("c{session}"))];
            let name = if is_root {
                attributes.push(text_pair("gen_ai.operation.name", "invoke_agent"));
                attributes.push(text_pair("gen_ai.agent.name", "planner"));
                "invoke_agent planner".to_owned()
            } else if is_call {
                let model = ["gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-flash"];
                attributes.push(text_pair("gen_ai.operation.name", "chat"));
                attributes.push(text_pair(
                    "gen_ai.request.model",
                    model[(at % 9 / 3) as usize],
                ));
                attributes.push(number_pair("gen_ai.usage.input_tokens", INPUT));
                attributes.push(number_pair("gen_ai.usage.output_tokens", OUTPUT));
                attributes.push(text_pair("gen_ai.prompt", text));
                "chat".to_owned()
            } else {
                let tool = format!("tool-{}", at % 20);
                attributes.push(text_pair("gen_ai.operation.name", "execute_tool"));
                attributes.push(text_pair("gen_ai.tool.name", &tool));
                attributes.push(text_pair("gen_ai.tool.call.result", text));
                tool
            };
            Span {
                trace_id: trace(session).to_be_bytes().into(),
                span_id: (number + 1).to_be_bytes().into(),
                parent_span_id: match is_root {
                    true => Vec::new(),
                    false => (number - at + size).to_be_bytes().into(),
                },
                name,
                kind: 1,
                start_time_unix_nano: now - 50_000_000 + at,
                end_time_unix_nano: now,
                attributes,
                status: has_failed.then(|| Status {
                    message: "the tool gave up".into(),
                    code: 2,
                }),
                ..Span::default()
            }
        });
        let spans = spans.collect();
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource {
                    attributes: vec![text_pair("service.name", "soak")],
                    ..Resource::default()
                }),
                scope_spans: vec![ScopeSpans {
                    spans,
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }],
        };
        (request.encode_to_vec(), counts)
    }

    /// Asks one thing over and over.
    fn ask(&self, &(what, path, apart): &Question) {
        while !self.is_over() {
            std::thread::sleep(Duration::from_millis(apart));
            let session = trace(self.newest.load(Ordering::Relaxed));
            let began = Instant::now();
            let (status, _) = get(
                self.address,
                &path.replace("{}", &format!("{session:032x}")),
            );
            self.took(what, began.elapsed());
            // The newest may not have begun when this does.
            assert!(
                status == 200 || status == 404 && path.contains("{}"),
                "{what}: {status}"
            );
        }
    }

    /// Listens to what changes, and comes back where it is told that this was too much.
    fn listen(&self) {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a timeout");
        let mut stream = BufReader::new(stream);
        let head = format!(
            "GET /api/v1/events?foreign=true HTTP/1.1\r\nhost: {}\r\n\r\n",
            self.address
        );
        stream
            .get_mut()
            .write_all(head.as_bytes())
            .expect("it reads");
        let mut last = Instant::now();
        let mut line = String::new();
        while !self.is_over() {
            line.clear();
            let read = stream.read_line(&mut line).expect("something is told");
            assert_ne!(read, 0, "it goes on telling");
            if line.starts_with("event:") {
                self.took("events apart", last.elapsed());
                last = Instant::now();
            }
        }
    }

    /// A line for the minute that has passed; the memory that the server holds.
    fn tell(&self, minute: u64, server: &Server) -> f64 {
        let took = std::mem::take(&mut *self.took.lock().expect("nobody panicked"));
        let [own, all] = server.memory();
        let spans = self.sent.lock().expect("nobody panicked").spans;
        let size = |suffix: &str| {
            let name = format!("{}{suffix}", server.database.display());
            std::fs::metadata(name).map_or(0, |found| found.len()) >> 20
        };
        let mut line = format!(
            "minute {minute:>2}: {spans:>9} spans; memory {own:.0} MiB ({all:.0} with files); CPU {:.0} s; database {} + {} MiB; p95 in ms:",
            server.cpu(),
            size(""),
            size("-wal")
        );
        for (what, mut took) in took {
            took.sort_unstable();
            let at = took[(took.len() * 95 / 100).min(took.len() - 1)];
            _ = write!(line, " {what} {:.1}", at.as_secs_f64() * 1e3);
        }
        println!("{line}");
        own
    }

    /// Whether all that was acknowledged is there, and all is once, as lists, metrics and the file have it.
    fn count(&self, sent: &Sent, home: &Path) -> bool {
        // Sums of large sessions may lag for a moment.
        let until = Instant::now() + Duration::from_secs(60);
        let mut said = self.said();
        while said[0] != sent.spans && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(200));
            said = self.said();
        }
        let tokens = (INPUT + OUTPUT) as u64;
        let expected = [sent.spans, sent.errors, sent.calls, sent.calls * tokens];
        println!(
            "sessions say {said:?} of spans, errors, calls and tokens, sent were {expected:?}"
        );
        let mut right = said == expected;

        let (_, body) = get(self.address, "/api/v1/metrics?group_by=kind&interval=day");
        let points: Value = serde_json::from_slice(&body).expect("JSON");
        let points = points["points"].as_array().expect("a list");
        let sum = |field: &str| -> u64 {
            let all = points.iter().filter_map(|point| point[field].as_u64());
            all.sum()
        };
        let summed = [sum("count"), sum("errors")];
        println!("metrics say {summed:?} of spans and errors");
        right &= summed == [sent.spans, sent.errors];

        let file = rusqlite::Connection::open(home.join("agentops.db")).expect("the file opens");
        let ask = |sql: &str| -> u64 {
            let number: i64 = file.query_row(sql, [], |row| row.get(0)).expect(sql);
            number as u64
        };
        let found = [
            ask("SELECT count(*) FROM span"),
            ask("SELECT count(DISTINCT span) FROM span"),
        ];
        let whole: String = file
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("it can be checked");
        println!("the file has {found:?} spans and different ones; integrity_check: {whole}");
        right && found == [sent.spans, sent.spans] && whole == "ok"
    }

    /// Spans, errors, calls and tokens of all sessions.
    fn said(&self) -> [u64; 4] {
        let mut sums = [0; 4];
        let mut cursor = String::new();
        loop {
            let (status, body) = get(
                self.address,
                &format!("/api/v1/sessions?foreign=true&limit=500{cursor}"),
            );
            assert_eq!(status, 200);
            let page: Value = serde_json::from_slice(&body).expect("JSON");
            for session in page["sessions"].as_array().expect("a list") {
                let counts = &session["counts"];
                let told = [
                    &counts["spans"],
                    &counts["errors"],
                    &counts["llm_calls"],
                    &session["tokens"]["total"],
                ];
                for (sum, number) in sums.iter_mut().zip(told) {
                    *sum += number.as_u64().expect("a number");
                }
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return sums,
            }
        }
    }
}

/// The session that a span is of, its place in it, and how many spans the session has.
fn place(number: u64) -> (u64, u64, u64) {
    // A hundred sessions, of which the last is large.
    let round = 99 * FEW + MANY;
    let (rounds, within) = (number / round, number % round);
    match within < 99 * FEW {
        true => (rounds * 100 + within / FEW, within % FEW, FEW),
        false => (rounds * 100 + 99, within - 99 * FEW, MANY),
    }
}

fn trace(session: u64) -> u128 {
    0x019c_0000_0000_7000_8000_0000_0000_0001 + u128::from(session)
}

fn text_pair(key: &str, text: &str) -> KeyValue {
    pair(key, Any::StringValue(text.into()))
}

fn number_pair(key: &str, number: i64) -> KeyValue {
    pair(key, Any::IntValue(number))
}

fn pair(key: &str, value: Any) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

/// Pieces of text of a kilobyte, each different.
fn texts() -> Vec<String> {
    let all: Vec<char> = TEXT.concat().chars().collect();
    let starts = (0..all.len().saturating_sub(1_200)).step_by(37);
    starts
        .map(|start| all[start..start + 600 + start % 600].iter().collect())
        .collect()
}

/// Sends a request over a connection that stays open; its status.
fn post(stream: &mut BufReader<TcpStream>, address: SocketAddr, body: &[u8]) -> u16 {
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let out = stream.get_mut();
    out.write_all(head.as_bytes()).expect("it reads");
    out.write_all(body).expect("it reads");
    let (status, length) = head_of(stream);
    let mut answer = vec![0; length.expect("a length")];
    stream.read_exact(&mut answer).expect("an answer");
    assert!(status != 200 || answer.is_empty(), "some were refused");
    status
}

/// Asks for something, over a connection of its own.
fn get(address: SocketAddr, path: &str) -> (u16, Vec<u8>) {
    let stream = TcpStream::connect(address).expect("it listens");
    let mut stream = BufReader::new(stream);
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream
        .get_mut()
        .write_all(head.as_bytes())
        .expect("it reads");
    let (status, _) = head_of(&mut stream);
    let mut body = Vec::new();
    stream.read_to_end(&mut body).expect("an answer");
    (status, body)
}

/// The status, and the length of what follows.
fn head_of(stream: &mut BufReader<TcpStream>) -> (u16, Option<usize>) {
    let (mut status, mut length) = (0, None);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).expect("a line");
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest[..3].parse().expect("a status");
        } else if let Some(rest) = line.strip_prefix("content-length: ") {
            length = rest.parse().ok();
        } else if line.is_empty() {
            return (status, length);
        }
    }
}

/// Whether the last third holds no more than the first, but for a little.
fn is_flat(memory: &[f64]) -> bool {
    // What it takes to begin with is not growth.
    let settled = &memory[memory.len().min(1)..];
    let third = settled.len().div_ceil(3);
    if third == 0 {
        return true;
    }
    let most = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
    most(&settled[settled.len() - third..]) <= most(&settled[..third]) * GROWTH + 8.0
}
