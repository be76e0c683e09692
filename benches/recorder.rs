//! What the recorder costs, stage by stage: `cargo bench -p agentops`.
//!
//! The caller's nanoseconds for a span, recorded and not; CPU time of all threads and spans per second for a burst that
//! goes through to an exporter that keeps nothing; and what it takes to decode what an exporter gets. For comparisons
//! with other libraries there is `benches/peers`; times here say nothing between machines.
#![expect(clippy::print_stdout, reason = "a program for people to run and read")]

use std::fs;
use std::hint::black_box;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use agentops::export::{Batch, ExportError, SpanExporter};

/// Spans of one timed batch; all of them fit a thread's ring.
const BATCH: u32 = 500;
const PATIENCE: Duration = Duration::from_secs(60);

#[agentops::operation(skip_all, capture_return = false)]
#[inline(never)]
fn bare(n: u32) -> u32 {
    black_box(n)
}

#[agentops::tool]
#[inline(never)]
fn args(query: &str, endings: &[&str], limit: u32) -> Result<usize, String> {
    if black_box(limit) == 0 {
        return Err("nothing is wanted".into());
    }
    Ok(query.len() + endings.len())
}

#[agentops::operation(skip_all, capture_return = false)]
async fn waits(polls: u32) {
    let mut left = polls;
    std::future::poll_fn(|_| {
        left -= 1;
        if left == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// What is recorded, and how so many spans of it are.
type Case = (&'static str, fn(u32));

const CASES: [Case; 4] = [
    ("bare", |spans| {
        for n in 0..spans {
            black_box(bare(n));
        }
    }),
    ("three arguments and a return value", |spans| {
        for _ in 0..spans {
            let _ = black_box(args(QUERY, &["rs", "toml"], 20));
        }
    }),
    ("async, one poll", |spans| {
        for _ in 0..spans {
            block_on(waits(1));
        }
    }),
    ("async, ten polls", |spans| {
        for _ in 0..spans {
            block_on(waits(10));
        }
    }),
];
const QUERY: &str = "where is the parent of a span decided, and when?";

#[agentops::session(skip_all)]
fn session(body: impl FnOnce()) {
    body();
}

fn main() {
    // `cargo test --all-targets` runs this too, and only wants to see it run.
    let thorough = std::env::args().any(|argument| argument == "--bench");
    let (batches, burst) = if thorough {
        (200, 1_000_000)
    } else {
        (2, 2_000)
    };

    println!("{:<52} {:>10}", "recording, caller's thread", "ns/span");
    for (name, record) in CASES {
        println!(
            "{:<52} {:>10.1}",
            format!("not initialised, {name}"),
            time(record, batches)
        );
    }
    let guard = agentops::builder()
        .exporter(Discard)
        .init()
        .expect("nothing records yet");
    for (name, record) in CASES {
        println!("{name:<52} {:>10.1}", time(record, batches));
    }

    println!(
        "\n{:<52} {:>10} {:>12}",
        "a burst, all threads", "CPU ns/span", "spans/s"
    );
    for (name, record) in CASES {
        let (cpu, start) = (cpu(), Instant::now());
        session(|| record(burst));
        assert!(agentops::flush(PATIENCE), "all of it arrives");
        let rate = f64::from(burst) / start.elapsed().as_secs_f64();
        let cpu = cpu
            .zip(self::cpu())
            .map(|(before, after)| (after - before) as f64 / f64::from(burst));
        let cpu = cpu.map_or("unknown".into(), |cpu| format!("{cpu:.1}"));
        println!("{name:<52} {cpu:>10} {rate:>12.0}");
    }
    drop(guard);

    println!(
        "\n{:<52} {:>10} {:>12}",
        "decoding what an exporter gets", "ns/span", "bytes/span"
    );
    for (name, record) in CASES {
        let batches = Arc::<Mutex<Vec<Batch>>>::default();
        let guard = agentops::builder()
            .exporter(Keep(batches.clone()))
            .init()
            .expect("the last one has ended");
        session(|| record(burst / 10));
        drop(guard);
        let batches = batches.lock().expect("nothing panics while it is held");
        let start = Instant::now();
        let events: usize = batches
            .iter()
            .map(|batch| black_box(batch.events()).len())
            .sum();
        let took = start.elapsed();
        let bytes: usize = batches.iter().map(|batch| batch.frames().len()).sum();
        let of = |total: f64| total / events as f64;
        println!(
            "{name:<52} {:>10.1} {:>12.0}",
            of(took.as_nanos() as f64),
            of(bytes as f64)
        );
    }
}

/// Nanoseconds per span, the median over batches, with exporters idle.
fn time(record: fn(u32), batches: usize) -> f64 {
    let mut times: Vec<f64> = (0..batches)
        .map(|_| {
            agentops::flush(PATIENCE);
            let mut took = Duration::ZERO;
            session(|| {
                let start = Instant::now();
                record(BATCH);
                took = start.elapsed();
            });
            took.as_nanos() as f64 / f64::from(BATCH)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[batches / 2]
}

/// Nanoseconds of CPU time of the threads that run; Linux alone says it without unsafe code or another dependency.
fn cpu() -> Option<u64> {
    let threads = fs::read_dir("/proc/self/task").ok()?;
    let of = |thread: std::io::Result<fs::DirEntry>| {
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    threads.map(of).sum()
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut task = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut task) {
            return output;
        }
    }
}

struct Discard;

impl SpanExporter for Discard {
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        black_box(batch.frames().len());
        Ok(())
    }
}

struct Keep(Arc<Mutex<Vec<Batch>>>);

impl SpanExporter for Keep {
    fn export(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.0
            .lock()
            .expect("nothing panics while it is held")
            .push(batch.clone());
        Ok(())
    }
}
