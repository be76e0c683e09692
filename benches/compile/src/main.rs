//! What an attribute costs the compiler: crates of many annotated functions, compiled beside the same ones without.
//!
//! `cargo run` in this directory measures everything, and writes Markdown. Dependencies are built before; what counts is
//! the CPU time, user and system, of one `rustc` for one crate. The variants take turns in rounds, and the least is kept:
//! what else the machine does can only add to it.

mod compiler;
mod work;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use compiler::{Compiler, Cost, Goal};
use work::{Flavour, VARIANTS, Variant};

const USAGE: &str = "\
usage: cargo run -- [--functions N] [--runs N] [--only TEXT]...
       --functions N   functions in each crate, 1000 unless told
       --runs N        rounds, of which the least counts, 3 unless told
       --only TEXT     only rows and columns whose names have it: `sync`, `async build`, `fastrace`;
                       what is given twice is joined by `or`, and `plain` is always there";

/// What is asked of a run.
struct Options {
    functions: usize,
    runs: usize,
    only: Vec<String>,
}

/// A column of the table.
type Column = (Flavour, Goal);

/// The least that each variant cost in each column.
type Costs = BTreeMap<(Column, usize), Cost>;

fn main() -> ExitCode {
    let Some(options) = Options::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let columns: Vec<Column> = options.columns();
    let variants: Vec<usize> = options.variants();
    let costs = measure(&options, &columns, &variants);
    print(&options, &columns, &variants, &costs);
    ExitCode::SUCCESS
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
        let mut options = Options {
            functions: 1000,
            runs: 3,
            only: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let value = arguments.next();
            match argument.as_str() {
                "--functions" => options.functions = value?.parse().ok().filter(|&n| n > 0)?,
                "--runs" => options.runs = value?.parse().ok().filter(|&n| n > 0)?,
                "--only" => options.only.push(value?),
                _ => return None,
            }
        }
        Some(options)
    }

    fn columns(&self) -> Vec<Column> {
        let all = [Flavour::Sync, Flavour::Async]
            .into_iter()
            .flat_map(|flavour| [Goal::Check, Goal::Build].map(|goal| (flavour, goal)));
        let all: Vec<Column> = all.collect();
        let names: Vec<String> = all.iter().map(title).collect();
        let chosen = self.chosen(&names);
        chosen.into_iter().map(|at| all[at]).collect()
    }

    fn variants(&self) -> Vec<usize> {
        let names: Vec<String> = VARIANTS.iter().map(|variant| variant.name.into()).collect();
        let mut chosen = self.chosen(&names);
        if chosen.first() != Some(&work::PLAIN) {
            chosen.insert(0, work::PLAIN);
        }
        chosen
    }

    /// Which of the names are asked for; all, where nothing is said of any.
    fn chosen(&self, names: &[String]) -> Vec<usize> {
        let asked = |name: &String| {
            self.only.iter().any(|only| match only.as_str() {
                // Not every `async` is asked for by its end.
                "sync" => name.starts_with("sync"),
                only => name.contains(only),
            })
        };
        let chosen: Vec<usize> = (0..names.len()).filter(|&at| asked(&names[at])).collect();
        if chosen.is_empty() {
            (0..names.len()).collect()
        } else {
            chosen
        }
    }
}

fn title((flavour, goal): &Column) -> String {
    format!("{} {}", flavour.name(), goal.name())
}

fn measure(options: &Options, columns: &[Column], variants: &[usize]) -> Costs {
    let compiler = Compiler::new();
    let mut costs = Costs::new();
    for run in 1..=options.runs {
        for &column in columns {
            for &at in variants {
                eprintln!("{run}: {}, {}", title(&column), VARIANTS[at].name);
                let (flavour, goal) = column;
                let source = work::source(&VARIANTS[at], flavour, options.functions);
                let cost = compiler.compile(&source, goal);
                let least = costs.entry((column, at)).or_insert(cost);
                least.cpu = least.cpu.min(cost.cpu);
            }
        }
    }
    costs
}

fn print(options: &Options, columns: &[Column], variants: &[usize], costs: &Costs) {
    let Options {
        functions, runs, ..
    } = options;
    let heads: Vec<String> = columns.iter().map(title).collect();
    println!(
        "CPU milliseconds per function above the plain crate; {functions} functions, least of {runs}.\n"
    );
    header("variant", &heads);
    for &at in variants {
        let cells = columns.iter().map(|&column| {
            let cost = costs[&(column, at)].cpu;
            if at == work::PLAIN {
                format!("({:.2} s in all)", cost.as_secs_f64())
            } else {
                format!("{:.2}", above(costs, column, at, *functions))
            }
        });
        row(VARIANTS[at].name, cells);
    }

    println!("\nThe same as ratios.\n");
    header("ours / theirs", &heads);
    for (ours, theirs) in work::COMPARED {
        let [ours, theirs] = [ours, theirs].map(work::position);
        if !variants.contains(&ours) || !variants.contains(&theirs) {
            continue;
        }
        let cells = columns.iter().map(|&column| {
            let [ours, theirs] = [ours, theirs].map(|at| above(costs, column, at, *functions));
            format!("{:.2}", ours / theirs)
        });
        row(&compared(&VARIANTS[ours], &VARIANTS[theirs]), cells);
    }

    println!("\nKiB of library per function above the plain crate, debug information included.\n");
    let built: Vec<Column> = columns
        .iter()
        .copied()
        .filter(|(_, goal)| *goal == Goal::Build)
        .collect();
    header("variant", &built.iter().map(title).collect::<Vec<_>>());
    for &at in variants.iter().filter(|&&at| at != work::PLAIN) {
        let cells = built.iter().map(|&column| {
            let [size, plain] =
                [at, work::PLAIN].map(|at| costs[&(column, at)].bytes as f64 / 1024.0);
            format!("{:.2}", (size - plain) / *functions as f64)
        });
        row(VARIANTS[at].name, cells);
    }
}

fn compared(ours: &Variant, theirs: &Variant) -> String {
    format!("{} / {}", ours.name, theirs.name)
}

/// Milliseconds per function that a variant costs more than the plain crate.
fn above(costs: &Costs, column: Column, at: usize, functions: usize) -> f64 {
    let milliseconds = |cpu: Duration| cpu.as_secs_f64() * 1e3;
    let [cost, plain] = [at, work::PLAIN].map(|at| milliseconds(costs[&(column, at)].cpu));
    (cost - plain) / functions as f64
}

fn header(first: &str, others: &[String]) {
    println!("| {first} | {} |", others.join(" | "));
    println!("|---|{}", "---:|".repeat(others.len()));
}

fn row(first: &str, cells: impl Iterator<Item = String>) {
    println!("| {first} | {} |", cells.collect::<Vec<_>>().join(" | "));
}
