//! What was measured, as tables.

use std::process::ExitCode;
use std::time::Duration;

use peers::measure::{self, BATCH, Burst, CASES};

use crate::run::{Allocations, Burster, Key, Program};
use crate::targets;

pub const LIBRARIES: [&str; 6] = [
    "none",
    "agentops",
    "fastrace",
    "tracing-layer",
    "tracing-opentelemetry",
    "opentelemetry",
];
/// Those that have settings of their own for more or less loss, so set.
const TUNED: [&str; 3] = [
    "fastrace:tuned",
    "tracing-opentelemetry:tuned",
    "opentelemetry:tuned",
];
/// Those that export.
const EXPORTING: [&str; 8] = [
    "agentops",
    "agentops:requests",
    "fastrace",
    "fastrace:tuned",
    "tracing-opentelemetry",
    "tracing-opentelemetry:tuned",
    "opentelemetry",
    "opentelemetry:tuned",
];
/// What bursts, and whether the thread ends right after.
const BURSTS: [(&str, bool); 5] = [
    ("bare", false),
    ("args", false),
    ("traces", false),
    ("bare", true),
    ("args", true),
];
const BURST: u32 = 1_000_000;
const SMALL_BURST: u32 = 200_000;

/// What the targets are held against.
pub struct Measured {
    pub clock: f64,
    pub times: Times,
    /// Of the other profile.
    pub other_times: Option<Times>,
    pub instructions: Vec<(Key, f64)>,
    pub allocations: Vec<(Key, Allocations)>,
    pub bursts: Vec<(Burster, Vec<Burst>)>,
}

pub type Times = std::collections::BTreeMap<Key, f64>;

pub fn all(other: Option<&str>) {
    let program = Program::this();
    print!("{}", method());

    let mut keys = timed(&["none", "agentops", "agentops:no-busy-time"]);
    keys.extend(timed(&LIBRARIES[2..]));
    keys.extend(timed(&TUNED));
    let clock = program.clock();
    let times = program.times(&keys);
    print_times(
        "Nanoseconds per span on the recording thread (ratio to fastrace)",
        &times,
        &TUNED,
    );
    println!("Two readings of the clock: {clock:.1} ns.\n");

    let other_times = other.map(|other| {
        let keys: Vec<Key> = keys
            .iter()
            .filter(|key| !key.1.ends_with(":tuned"))
            .copied()
            .collect();
        let times = Program::at(other).times(&keys);
        print_times("The same, built with the other profile", &times, &[]);
        times
    });

    let mut instructions = Vec::new();
    let counted: Vec<Key> = keys
        .iter()
        .filter(|key| !key.1.ends_with(":tuned"))
        .copied()
        .collect();
    for (case, library) in counted {
        instructions.extend(
            program
                .instructions(library, case)
                .map(|count| ((case, library), count)),
        );
    }
    print_instructions(&instructions);

    let mut allocations = Vec::new();
    for case in ["bare", "args", "json", "poll"] {
        for library in &LIBRARIES[1..] {
            allocations.push(((case, *library), program.allocations(library, case)));
        }
    }
    print_allocations(&allocations);

    let threads: Vec<Key> = ["1", "2"]
        .iter()
        .flat_map(|threads| LIBRARIES[1..].iter().map(|library| (*threads, *library)))
        .collect();
    print_threads(&program.threads(&threads, "300000"));

    let mut bursters = Vec::new();
    for (case, thread_ends) in BURSTS {
        bursters.extend(EXPORTING.map(|library| Burster {
            case,
            library,
            thread_ends,
        }));
    }
    let bursts = program.bursts(bursters, BURST);
    print_bursts(&bursts);

    targets::print(&Measured {
        clock,
        times,
        other_times,
        instructions,
        allocations,
        bursts,
    });
}

pub fn targets(other: Option<&str>) {
    let program = Program::this();
    print!("{}", method());
    let keys = targets::times();
    let clock = program.clock();
    let times = program.times(&keys);
    let other_times = other.map(|other| Program::at(other).times(&keys));
    let instructions = ["bare", "args"]
        .into_iter()
        .filter_map(|case| Some(((case, "agentops"), program.instructions("agentops", case)?)))
        .collect();
    let allocations = ["bare", "args"]
        .map(|case| ((case, "agentops"), program.allocations("agentops", case)))
        .to_vec();
    let bursts = program.bursts(targets::bursts(), BURST);
    targets::print(&Measured {
        clock,
        times,
        other_times,
        instructions,
        allocations,
        bursts,
    });
}

/// Holds instructions per span against `CASE=MOST`, and allocations and losses against none.
pub fn gate(most: &[&str]) -> ExitCode {
    let program = Program::this();
    let mut failures = Vec::new();
    println!(
        "{:<10} {:>10} {:>10} {:>8}",
        "case", "agentops", "fastrace", "at most"
    );
    for bound in most {
        let (case, most) = bound
            .split_once('=')
            .unwrap_or_else(|| panic!("{bound} is no bound"));
        let most: f64 = most
            .parse()
            .unwrap_or_else(|_| panic!("{bound} is no bound"));
        let count = |library| {
            program
                .instructions(library, case)
                .expect("valgrind is there")
        };
        let (ours, theirs) = (count("agentops"), count("fastrace"));
        println!("{case:<10} {ours:>10.0} {theirs:>10.0} {most:>8.0}");
        if ours > most {
            failures.push(format!(
                "a span of case {case} costs {ours:.0} instructions, at most {most} are allowed"
            ));
        }
    }
    for case in ["bare", "args", "poll"] {
        let allocations = program.allocations("agentops", case).of_a_batch;
        println!("{case}: {allocations} allocations in a batch of {BATCH} spans");
        if allocations > 0 {
            failures.push(format!("spans of case {case} allocate"));
        }
    }
    for (case, thread_ends) in BURSTS {
        let library = "agentops";
        let burst = program.burst(
            Burster {
                case,
                library,
                thread_ends,
            },
            SMALL_BURST,
        );
        let (lost, uncovered) = (burst.made - burst.delivered, burst.made - burst.covered);
        let then = if thread_ends {
            ", then the thread ends"
        } else {
            ""
        };
        println!(
            "{case}: {} spans{then}: {lost} lost, {uncovered} not covered by the flush",
            burst.made
        );
        if lost + uncovered + burst.twice > 0 {
            failures.push(format!(
                "a burst of case {case}{then} did not arrive, each span once, with its flush"
            ));
        }
    }
    failures
        .iter()
        .for_each(|failure| eprintln!("instructions: {failure}"));
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Every case of libraries; those that differ only while polling are asked only about that.
fn timed(libraries: &[&'static str]) -> Vec<Key> {
    CASES
        .iter()
        .flat_map(|case| libraries.iter().map(|library| (case.name, *library)))
        .filter(|(case, library)| *library != "agentops:no-busy-time" || *case == "polls")
        .filter(|(case, library)| !library.ends_with(":tuned") || !case.starts_with("off"))
        .collect()
}

fn method() -> String {
    let lock = include_str!("../Cargo.lock");
    let version = |name: &str| {
        let (_, rest) = lock
            .split_once(&format!("name = \"{name}\"\nversion = \""))
            .expect("it is locked");
        rest.split_once('"').expect("a version ends").0
    };
    let versions: Vec<String> = [
        "fastrace",
        "fastrace-opentelemetry",
        "tracing",
        "tracing-subscriber",
        "tracing-opentelemetry",
        "opentelemetry",
        "opentelemetry_sdk",
        "opentelemetry-proto",
    ]
    .iter()
    .map(|name| format!("{name} {}", version(name)))
    .collect();
    format!(
        "# Recording with agentops and with its peers

Versions: {}.

- One library per process; processes in turns, three rounds, medians of medians. Every exporter encodes OTLP protobuf
  and gives the bytes to a receiver in the process, which reads the spans' ids.
- Nanoseconds: 100 batches of {BATCH} spans; the exporter is flushed between batches, untimed, so nobody's buffers
  overflow; roots are opened before and closed after, untimed, except in (e).
- Three arguments: a `&str` of {} bytes, a struct of a string, two strings in a list and a bool, a number; the return
  value is a `Result` of a struct of a string, a number and a float. Own form: AgentOps' attribute; fastrace
  `#[trace(properties)]` with `{{:?}}`, the return value added by hand; tracing `#[instrument(ret, err)]`;
  OpenTelemetry by hand with strings, numbers and `{{:?}}`. As JSON: each value by `serde_json` on the calling thread;
  AgentOps has no such form, and its own is shown again.
- agentops is used by its attributes; kind, agent, status and errors are in. Its `json` is its `args`.
- tracing-layer reads no clock, keeps no times and exports nothing: the price of `tracing` alone.
- Tuned: fastrace reports each 10 ms; the batch processor has a queue of a million spans, and exports each 100 ms;
  tracing-opentelemetry also leaves out locations, threads and idle times.

",
        versions.join(", "),
        peers::work::QUERY.len(),
    )
}

fn print_times(title: &str, times: &Times, tuned: &[&'static str]) {
    let mut libraries = LIBRARIES.to_vec();
    libraries.extend(tuned);
    println!("## {title}\n");
    header("case", &libraries);
    let cell = |case: &str, library: &str| {
        let (Some(ns), Some(fastrace)) =
            (find(times, case, library), find(times, case, "fastrace"))
        else {
            return String::new();
        };
        match library {
            "none" | "fastrace" => format!("{ns:.1}"),
            _ => format!("{ns:.1} ({:.2}x)", ns / fastrace),
        }
    };
    for case in CASES {
        row(
            case.title,
            libraries.iter().map(|library| cell(case.name, library)),
        );
        if case.name == "polls" {
            let cells = ["", &cell("polls", "agentops:no-busy-time")];
            let empty = vec![""; libraries.len() - 2];
            row(
                "(d) with busy time off",
                cells.into_iter().chain(empty).map(String::from),
            );
        }
    }
    println!();
}

fn find(times: &Times, case: &str, library: &str) -> Option<f64> {
    times
        .iter()
        .find(|(key, _)| key.0 == case && key.1 == library)
        .map(|(_, ns)| *ns)
}

fn print_instructions(instructions: &[(Key, f64)]) {
    println!("## Instructions per span, recording thread only\n");
    if instructions.is_empty() {
        println!("There is no valgrind here.\n");
        return;
    }
    let mut libraries = LIBRARIES.to_vec();
    libraries.insert(2, "agentops:no-busy-time");
    header("case", &libraries);
    for case in CASES {
        row(
            case.title,
            libraries.iter().map(|library| {
                let found = instructions
                    .iter()
                    .find(|(key, _)| *key == (case.name, *library));
                found
                    .map(|(_, count)| format!("{count:.0}"))
                    .unwrap_or_default()
            }),
        );
    }
    println!();
}

fn print_allocations(allocations: &[(Key, Allocations)]) {
    println!("## (h) Allocations per span / bytes allocated, recording thread, steady state\n");
    header("case", &LIBRARIES[1..]);
    for case in CASES
        .iter()
        .filter(|case| allocations.iter().any(|(key, _)| key.0 == case.name))
    {
        row(
            case.title,
            LIBRARIES[1..].iter().map(|library| {
                let found = allocations
                    .iter()
                    .find(|(key, _)| *key == (case.name, *library));
                found
                    .map(|(_, allocations)| {
                        format!(
                            "{:.3} / {:.0}",
                            allocations.per_span, allocations.bytes_per_span
                        )
                    })
                    .unwrap_or_default()
            }),
        );
    }
    println!();
}

fn print_threads(threads: &Times) {
    println!("## (g) Millions of spans per second made in a tight loop, exporter running\n");
    header("threads", &LIBRARIES[1..]);
    for count in ["1", "2"] {
        let cell = |library: &&str| find(threads, count, library).map(|rate| format!("{rate:.2}"));
        row(
            count,
            LIBRARIES[1..]
                .iter()
                .map(|library| cell(library).unwrap_or_default()),
        );
    }
    println!();
}

fn print_bursts(bursts: &[(Burster, Vec<Burst>)]) {
    println!("## (i) {BURST} spans in a tight loop\n");
    println!(
        "In traces of 1000 spans beside the root, or of 100. Medians, with the worst round in brackets. Memory is the \
         peak above what the process had before the library was started; the CPU is that of all threads, and delivered spans count.\n"
    );
    header(
        "case",
        &[
            "library",
            "lost %",
            "not covered by flush %",
            "twice",
            "caller, ns per span",
            "CPU of all threads, ns per delivered span",
            "delivered, M per CPU s",
            "peak MiB",
            "bytes per span",
        ],
    );
    for (burster, bursts) in bursts {
        let percent = |part: fn(&Burst) -> usize| {
            let mut values: Vec<f64> = bursts
                .iter()
                .map(|burst| part(burst) as f64 / burst.made as f64 * 100.0)
                .collect();
            let median = measure::median(&mut values);
            format!("{median:.2} ({:.2})", values[values.len() - 1])
        };
        let case = measure::case(burster.case).title;
        row(
            &if burster.thread_ends {
                format!("{case}, then the thread ends")
            } else {
                case.into()
            },
            [
                burster.library.into(),
                percent(|burst| burst.made - burst.delivered),
                percent(|burst| burst.made - burst.covered),
                bursts
                    .iter()
                    .map(|burst| burst.twice)
                    .max()
                    .unwrap_or(0)
                    .to_string(),
                format!(
                    "{:.0}",
                    median(bursts, |burst| per(burst.recording, burst.made))
                ),
                format!(
                    "{:.0}",
                    median(bursts, |burst| per(burst.cpu, burst.delivered))
                ),
                format!("{:.2}", median(bursts, per_cpu_second)),
                format!("{:.1}", median(bursts, memory)),
                format!(
                    "{:.0}",
                    median(bursts, |burst| burst.bytes as f64 / burst.delivered as f64)
                ),
            ],
        );
    }
    println!();
}

/// Nanoseconds for each.
fn per(time: Duration, spans: usize) -> f64 {
    time.as_nanos() as f64 / spans as f64
}

/// Millions of delivered spans.
pub fn per_cpu_second(burst: &Burst) -> f64 {
    burst.delivered as f64 / burst.cpu.as_secs_f64() / 1e6
}

/// MiB.
pub fn memory(burst: &Burst) -> f64 {
    burst.memory as f64 / 1024.0
}

pub fn median(bursts: &[Burst], figure: fn(&Burst) -> f64) -> f64 {
    measure::median(&mut bursts.iter().map(figure).collect::<Vec<_>>())
}

pub fn header(first: &str, others: &[&str]) {
    println!("| {first} | {} |", others.join(" | "));
    println!("|---|{}", "---:|".repeat(others.len()));
}

pub fn row(first: &str, others: impl IntoIterator<Item = String>) {
    println!(
        "| {first} | {} |",
        others.into_iter().collect::<Vec<_>>().join(" | ")
    );
}
