//! What AgentOps set out to cost, held against what was measured.

use peers::measure::Burst;

use crate::report::{self, Measured, Times};
use crate::run::{Burster, Key};

/// A time is at most so many times another one.
struct Ratio {
    title: &'static str,
    ours: Key,
    theirs: Key,
    most: f64,
}

const RATIOS: [Ratio; 11] = [
    ratio(
        "(a) bare, to fastrace",
        ("bare", "agentops"),
        ("bare", "fastrace"),
        0.60,
    ),
    ratio(
        "(a) bare, to tracing + layer",
        ("bare", "agentops"),
        ("bare", "tracing-layer"),
        0.20,
    ),
    ratio(
        "(a) bare, to opentelemetry_sdk",
        ("bare", "agentops"),
        ("bare", "opentelemetry"),
        0.10,
    ),
    ratio(
        "(a) bare, to tracing-opentelemetry",
        ("bare", "agentops"),
        ("bare", "tracing-opentelemetry"),
        0.03,
    ),
    ratio(
        "(b) three arguments, to fastrace",
        ("args", "agentops"),
        ("args", "fastrace"),
        0.12,
    ),
    ratio(
        "(b) three arguments, to fastrace given JSON",
        ("args", "agentops"),
        ("json", "fastrace"),
        0.25,
    ),
    ratio(
        "(c) one poll, to fastrace",
        ("poll", "agentops"),
        ("poll", "fastrace"),
        0.35,
    ),
    ratio(
        "(d) ten polls, to fastrace",
        ("polls", "agentops"),
        ("polls", "fastrace"),
        0.45,
    ),
    ratio(
        "(d) without busy time, to fastrace",
        ("polls", "agentops:no-busy-time"),
        ("polls", "fastrace"),
        0.10,
    ),
    ratio(
        "(d) without busy time, to tracing + layer",
        ("polls", "agentops:no-busy-time"),
        ("polls", "tracing-layer"),
        0.25,
    ),
    ratio(
        "(e) trace of 100, to fastrace",
        ("traces", "agentops"),
        ("traces", "fastrace"),
        0.60,
    ),
];

const fn ratio(title: &'static str, ours: Key, theirs: Key, most: f64) -> Ratio {
    Ratio {
        title,
        ours,
        theirs,
        most,
    }
}

/// What has to be timed.
pub fn times() -> Vec<Key> {
    let mut keys: Vec<Key> = RATIOS
        .iter()
        .flat_map(|ratio| [ratio.ours, ratio.theirs])
        .collect();
    keys.extend([
        ("off", "agentops"),
        ("off-args", "agentops"),
        ("off-args", "none"),
    ]);
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// What has to burst.
pub fn bursts() -> Vec<Burster> {
    let of = |case| {
        [("agentops", false), ("fastrace", false), ("agentops", true)].map(
            |(library, thread_ends)| Burster {
                case,
                library,
                thread_ends,
            },
        )
    };
    ["bare", "args"].into_iter().flat_map(of).collect()
}

pub fn print(measured: &Measured) {
    println!("## Targets\n");
    report::header("measure", &["target", "measured", ""]);
    ratios(&measured.times, "");
    let time = |key: Key| measured.times[&key];
    at_most(
        "(a) bare, above two readings of the clock, ns",
        time(("bare", "agentops")) - measured.clock,
        4.0,
    );
    at_most("(f) not initialised, ns", time(("off", "agentops")), 2.5);
    let untouched = time(("off-args", "agentops")) - time(("off-args", "none"));
    at_most(
        "(f) not initialised, three arguments, above the same without a library, ns",
        untouched,
        2.5,
    );
    for (case, title, most) in [
        ("bare", "(a) bare, instructions", 190.0),
        ("args", "(b) three arguments, instructions", 1300.0),
    ] {
        match measured
            .instructions
            .iter()
            .find(|(key, _)| *key == (case, "agentops"))
        {
            Some((_, count)) => at_most(title, *count, most),
            None => line(title, format!("<= {most}"), "no valgrind".into(), false),
        }
    }
    for (case, title) in [
        ("bare", "(h) allocations per span, bare"),
        ("args", "(h) the same, three arguments"),
    ] {
        let found = measured
            .allocations
            .iter()
            .find(|(key, _)| *key == (case, "agentops"));
        let (_, allocations) = found.expect("it was counted");
        let said = format!(
            "{:.4}, {} in the median batch",
            allocations.per_span, allocations.of_a_batch
        );
        line(title, "0".into(), said, allocations.of_a_batch == 0);
    }
    losses(&measured.bursts);
    if let Some(times) = &measured.other_times {
        ratios(times, "other profile: ");
    }
    println!();
}

fn losses(bursts: &[(Burster, Vec<Burst>)]) {
    for (burster, bursts) in bursts
        .iter()
        .filter(|(burster, _)| burster.library == "agentops")
    {
        let then = if burster.thread_ends {
            ", then the thread ends"
        } else {
            ""
        };
        let title = format!("(i) {}{then}", burster.case);
        let worst = |part: fn(&Burst) -> usize| bursts.iter().map(part).max().unwrap_or(0);
        let lost = worst(|burst| burst.made - burst.delivered);
        let left = worst(|burst| burst.made - burst.covered);
        let twice = worst(|burst| burst.twice);
        line(
            &format!("{title}: loss in the worst round"),
            "0, flush covers all".into(),
            format!("{lost} lost, {left} left out by flush, {twice} twice"),
            lost + left + twice == 0,
        );
        let memory = bursts.iter().map(report::memory).fold(0.0, f64::max);
        at_most(
            &format!("{title}: peak MiB in the worst round"),
            memory,
            32.0,
        );
    }
    for case in ["bare", "args"] {
        let rate = |library| {
            let burster = Burster {
                case,
                library,
                thread_ends: false,
            };
            let found = bursts.iter().find(|(key, _)| *key == burster);
            report::median(&found.expect("it burst").1, report::per_cpu_second)
        };
        let times = rate("agentops") / rate("fastrace");
        let title = format!("(i) {case}: delivered per CPU second, to fastrace");
        line(&title, ">= 5x".into(), format!("{times:.2}x"), times >= 5.0);
    }
}

fn ratios(times: &Times, which: &str) {
    for Ratio {
        title,
        ours,
        theirs,
        most,
    } in RATIOS
    {
        let ratio = times[&ours] / times[&theirs];
        let said = format!(
            "{ratio:.3}x ({:.1} / {:.1} ns)",
            times[&ours], times[&theirs]
        );
        line(
            &format!("{which}{title}"),
            format!("<= {most:.2}x"),
            said,
            ratio <= most,
        );
    }
}

fn at_most(title: &str, value: f64, most: f64) {
    line(
        title,
        format!("<= {most}"),
        format!("{value:.1}"),
        value <= most,
    );
}

fn line(title: &str, target: String, said: String, met: bool) {
    report::row(
        title,
        [target, said, if met { "met" } else { "**NOT met**" }.into()],
    );
}
