//! What recording costs with AgentOps and with its peers: `peers all` measures everything, `peers targets` what the
//! targets need, and both write Markdown. `peers gate` fails where a span costs more instructions than it may.
//!
//! Each measurement runs in a process of its own, which this program starts with one of the other commands; processes
//! take turns in rounds, and medians are what is shown.

mod report;
mod run;
mod targets;

use std::process::ExitCode;

use peers::measure::{self, case};

const USAGE: &str = "\
usage: peers all [OTHER]       everything; OTHER is this program, built with another profile
       peers targets [OTHER]   what the targets need
       peers gate CASE=MOST…   instructions per span, allocations and losses of agentops
one measurement, of a LIBRARY such as agentops, agentops:no-busy-time, fastrace or opentelemetry:tuned:
       peers one LIBRARY CASE             nanoseconds per span
       peers clock                        nanoseconds for two readings of the clock
       peers count LIBRARY CASE BATCHES   records, for an instruction counter
       peers burst LIBRARY CASE SPANS [thread]
       peers threads LIBRARY THREADS SPANS";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| {
        text.parse()
            .unwrap_or_else(|_| panic!("{text} is no number"))
    };
    match arguments[..] {
        ["all"] => report::all(None),
        ["all", other] => report::all(Some(other)),
        ["targets"] => report::targets(None),
        ["targets", other] => report::targets(Some(other)),
        ["gate", ref most @ ..] => return report::gate(most),
        ["one", library, name] => println!("{}", measure::time(library, case(name))),
        ["clock"] => println!("{}", measure::time_clock()),
        ["count", library, name, batches] => measure::count(library, case(name), number(batches)),
        ["burst", library, name, spans] => {
            println!(
                "{}",
                measure::burst(library, case(name), number(spans), false)
            );
        }
        ["burst", library, name, spans, "thread"] => {
            println!(
                "{}",
                measure::burst(library, case(name), number(spans), true)
            );
        }
        ["threads", library, threads, spans] => {
            println!(
                "{}",
                measure::threads(library, number(threads) as usize, number(spans))
            );
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
