//! Records many numbered spans, and says what that took: `soak SHAPE COUNT [--first N] [--off] [--hold]`.
//!
//! Each span's payload is a function of its number, so that the checker can work it out again. With `--off` nothing is
//! recorded, which is the program's own share of the memory. With `--hold` it waits for a line after the flush, so
//! that somebody else can look at the spool just then.
#![expect(
    clippy::print_stdout,
    reason = "it is a program, and its output is compared"
)]

use std::hint::black_box;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use agentops::{EndState, InCurrentSpan, operation, start_session, tool};
use agentops_tests::payload::{Text, mix, returned};

/// The ids that bodies saw, as the checker sums them up.
static IDS: AtomicU64 = AtomicU64::new(0);

#[operation(skip_all, capture_return = false)]
fn bare(n: u64) -> u64 {
    black_box(n)
}

#[operation(skip_all, capture_return = false)]
fn seen(n: u64) -> u64 {
    see();
    black_box(n)
}

#[tool]
fn work(n: u64, text: &str, odd: bool) -> u64 {
    black_box((text, odd));
    returned(n)
}

#[tool]
async fn later(n: u64, text: &str, odd: bool) -> u64 {
    tokio::task::yield_now().await;
    black_box((text, odd));
    see();
    returned(n)
}

fn see() {
    if let Some(id) = agentops::current_span().id() {
        IDS.fetch_add(mix(id.0), Relaxed);
    }
}

fn number(n: u64) {
    black_box(work(n, Text::of(n).as_str(), n % 2 == 1));
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let after = |word: &str| {
        let at = arguments.iter().position(|argument| argument == word)?;
        arguments.get(at + 1)?.parse::<u64>().ok()
    };
    let Some((shape, count)) = arguments
        .first()
        .and_then(|shape| Some((&**shape, after(shape)?)))
    else {
        println!("usage: soak SHAPE COUNT [--first N] [--off] [--hold]");
        return ExitCode::from(2);
    };
    let first = after("--first").unwrap_or(0);

    let guard = (!has("--off")).then(|| {
        let mut builder = agentops::builder().auto_start_session(false);
        if shape == "redact" {
            let asked = AtomicU64::new(0);
            builder = builder.redact(move |_| pause(&asked));
        }
        builder.init().expect("the environment makes sense")
    });
    let began = Instant::now();
    let session = start_session("soak");
    let known = session.in_scope(|| run(shape, first..first + count));
    if !known {
        println!("unknown shape {shape:?}");
        return ExitCode::from(2);
    }
    let recorded = began.elapsed();
    let flushed = agentops::flush(Duration::from_secs(120));
    let kept = began.elapsed();
    if has("--hold") {
        println!("flushed={flushed}");
        let _ = std::io::stdout().flush();
        let _ = std::io::stdin().read_line(&mut String::new());
    }
    session.end(EndState::Success);
    drop(guard);
    println!(
        "flushed={flushed} ids={:016x} recorded_ms={} kept_ms={} cpu_ms={} peak_kib={}",
        IDS.load(Relaxed),
        recorded.as_millis(),
        kept.as_millis(),
        cpu_ms(),
        peak_kib()
    );
    ExitCode::SUCCESS
}

/// A closure that takes its time: a millisecond for each thousand spans, of which each has four values to ask about.
fn pause(asked: &AtomicU64) {
    if asked.fetch_add(1, Relaxed) % 4000 == 3999 {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Whether there is such a shape.
fn run(shape: &str, numbers: std::ops::Range<u64>) -> bool {
    match shape {
        "bare" => numbers.for_each(|n| _ = bare(n)),
        "seen" => numbers.for_each(|n| _ = seen(n)),
        "args" | "redact" => numbers.for_each(number),
        "threads" => on_threads(8, numbers),
        "ends" => on_threads(100, numbers),
        "tokio" => on_tokio(numbers),
        _ => return false,
    }
    true
}

/// Each thread ends right after its last span. At most eight run at a time.
fn on_threads(threads: u64, numbers: std::ops::Range<u64>) {
    let place = agentops::current_span().context();
    let share = (numbers.end - numbers.start).div_ceil(threads).max(1);
    let starts: Vec<u64> = numbers.clone().step_by(share as usize).collect();
    for eight in starts.chunks(8) {
        let threads = eight.iter().map(|&start| {
            let part = start..(start + share).min(numbers.end);
            thread::spawn(move || place.in_scope(|| part.for_each(number)))
        });
        let threads: Vec<_> = threads.collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().expect("it runs"));
    }
}

/// A thousand tasks at a time, which move between two threads.
fn on_tokio(numbers: std::ops::Range<u64>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime starts");
    let starts: Vec<u64> = numbers.clone().step_by(1000).collect();
    let main = async {
        for start in starts {
            let part = start..(start + 1000).min(numbers.end);
            let tasks = part.map(|n| {
                let task = async move { later(n, Text::of(n).as_str(), n % 2 == 1).await };
                tokio::spawn(task.in_current_span())
            });
            let tasks: Vec<_> = tasks.collect();
            for task in tasks {
                black_box(task.await.expect("it runs"));
            }
        }
    };
    runtime.block_on(main);
}

/// CPU time of the whole process, in milliseconds; 0 where the system does not say.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name stands in parentheses and may hold spaces; ticks are hundredths of a second.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum::<u64>()
        * 10
}

/// The most memory that the process held at once; 0 where the system does not say.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
