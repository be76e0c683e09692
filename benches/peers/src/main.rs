//! `peers time` prints nanoseconds per span of agentops beside fastrace, medians and ratios of one run;
//! `peers count LIBRARY CASE SPANS` records so many spans and nothing else, for an instruction counter.
//!
//! Each library runs in a process of its own, in turns, and its exporter works between batches, not during them, so
//! that only the recording thread is measured. Every exporter gets its spans encoded, or as the library has them.

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

/// Spans of one batch; all of them fit the buffers of either library.
const BATCH: u32 = 1000;
const BATCHES: usize = 100;
const WARM_UP: u32 = 50_000;
const ROUNDS: usize = 5;
const LIBRARIES: [&str; 3] = ["none", "fastrace", "agentops"];
const CASES: [&str; 2] = ["bare", "args"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["time"] => compare(),
        ["one", library, case] => println!("{}", measure(library, case)),
        ["count", library, case, spans] => count(library, case, spans.parse().expect("a number of spans")),
        _ => {
            eprintln!("usage: peers time | peers count LIBRARY CASE SPANS");
            std::process::exit(2);
        }
    }
}

fn compare() {
    let program = std::env::current_exe().expect("this program has a path");
    println!("{:<6} {:<9} {:>9} {:>12}", "case", "library", "ns/span", "to fastrace");
    for case in CASES {
        let mut rounds = vec![Vec::new(); LIBRARIES.len()];
        for _ in 0..ROUNDS {
            for (library, results) in LIBRARIES.iter().zip(&mut rounds) {
                let output = Command::new(&program).args(["one", library, case]).output().expect("it runs");
                let text = String::from_utf8_lossy(&output.stdout);
                results.push(text.trim().parse::<f64>().expect("it prints a number"));
            }
        }
        let medians: Vec<f64> = rounds.iter_mut().map(|results| median(results)).collect();
        for (library, ns) in LIBRARIES.iter().zip(&medians) {
            println!("{case:<6} {library:<9} {ns:>9.1} {:>11.2}x", ns / medians[1]);
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Median over batches of nanoseconds per span.
fn measure(library: &str, case: &str) -> f64 {
    let (run, settle) = prepare(library, case);
    // Buffers get the size that they keep.
    run(WARM_UP);
    let mut batches: Vec<f64> = (0..BATCHES)
        .map(|_| {
            settle();
            let start = Instant::now();
            run(BATCH);
            start.elapsed().as_nanos() as f64 / f64::from(BATCH)
        })
        .collect();
    median(&mut batches)
}

fn count(library: &str, case: &str, spans: u32) {
    let (run, settle) = prepare(library, case);
    run(BATCH);
    settle();
    for _ in 0..spans / BATCH {
        run(BATCH);
        settle();
    }
}

type Steps = (fn(u32), fn());

fn prepare(library: &str, case: &str) -> Steps {
    match library {
        "agentops" => {
            let guard = agentops::builder().exporter(Discard).init().expect("nothing records yet");
            // The guard outlives the measurement, and the process is its end.
            std::mem::forget(guard);
            let run: fn(u32) = if case == "args" { agentops_args } else { agentops_bare };
            (run, || assert!(agentops::flush(Duration::from_secs(10))))
        }
        "fastrace" => {
            fastrace::set_reporter(Silent, fastrace::collector::Config::default());
            let run: fn(u32) = if case == "args" { fastrace_args } else { fastrace_bare };
            (run, fastrace::flush)
        }
        _ => {
            let run: fn(u32) = if case == "args" { none_args } else { none_bare };
            (run, || {})
        }
    }
}

struct Discard;

impl agentops::export::SpanExporter for Discard {
    fn export(&mut self, batch: &agentops::export::Batch) -> Result<(), agentops::export::ExportError> {
        black_box(batch.frames().len());
        Ok(())
    }
}

struct Silent;

impl fastrace::collector::Reporter for Silent {
    fn report(&mut self, spans: Vec<fastrace::collector::SpanRecord>) {
        black_box(spans.len());
    }
}

mod bare {
    use super::black_box;

    #[inline(never)]
    pub fn none(n: u64) -> u64 {
        black_box(n) + 1
    }

    #[agentops::operation(skip_all, capture_return = false)]
    #[inline(never)]
    pub fn agentops(n: u64) -> u64 {
        black_box(n) + 1
    }

    #[fastrace::trace]
    #[inline(never)]
    pub fn fastrace(n: u64) -> u64 {
        black_box(n) + 1
    }
}

mod args {
    use super::black_box;

    #[inline(never)]
    pub fn none(n: u64, name: &str, ratio: f64) -> u64 {
        black_box(n + name.len() as u64 + ratio as u64)
    }

    #[agentops::operation]
    #[inline(never)]
    pub fn agentops(n: u64, name: &str, ratio: f64) -> u64 {
        black_box(n + name.len() as u64 + ratio as u64)
    }

    // The return value by hand: the attribute has no word for it.
    #[fastrace::trace(properties = { "n": "{n}", "name": "{name}", "ratio": "{ratio}" })]
    #[inline(never)]
    pub fn fastrace(n: u64, name: &str, ratio: f64) -> u64 {
        let returned = black_box(n + name.len() as u64 + ratio as u64);
        fastrace::local::LocalSpan::add_property(|| ("return", returned.to_string()));
        returned
    }
}

#[inline(never)]
fn none_bare(spans: u32) {
    for n in 0..spans {
        black_box(bare::none(n.into()));
    }
}

#[inline(never)]
fn none_args(spans: u32) {
    for n in 0..spans {
        black_box(args::none(n.into(), "a name of some length", 0.5));
    }
}

#[inline(never)]
#[agentops::session(skip_all)]
fn agentops_bare(spans: u32) {
    for n in 0..spans {
        black_box(bare::agentops(n.into()));
    }
}

#[inline(never)]
#[agentops::session(skip_all)]
fn agentops_args(spans: u32) {
    for n in 0..spans {
        black_box(args::agentops(n.into(), "a name of some length", 0.5));
    }
}

#[inline(never)]
fn fastrace_bare(spans: u32) {
    let root = fastrace::Span::root("root", fastrace::collector::SpanContext::random());
    let _guard = root.set_local_parent();
    for n in 0..spans {
        black_box(bare::fastrace(n.into()));
    }
}

#[inline(never)]
fn fastrace_args(spans: u32) {
    let root = fastrace::Span::root("root", fastrace::collector::SpanContext::random());
    let _guard = root.set_local_parent();
    for n in 0..spans {
        black_box(args::fastrace(n.into(), "a name of some length", 0.5));
    }
}
