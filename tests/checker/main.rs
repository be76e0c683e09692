//! Counts what is in a spool, and says what is wrong with it: `checker HOME [COUNT [bare] [IDS]]`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a program, and that is what it is for"
)]

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(|word| &**word).collect();
    let (home, count, numbered, ids) = match words[..] {
        [home] => (home, None, false, None),
        [home, count] => (home, Some(count), true, None),
        [home, count, "bare"] => (home, Some(count), false, None),
        [home, count, "bare", ids] => (home, Some(count), false, Some(ids)),
        [home, count, ids] => (home, Some(count), true, Some(ids)),
        _ => {
            eprintln!("usage: checker HOME [COUNT [bare] [IDS]]");
            return ExitCode::from(2);
        }
    };
    let report = match agentops_tests::checker::check(Path::new(home)) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("{home}: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{report}");
    let mut faults = match count.map(str::parse) {
        None => Vec::new(),
        Some(Ok(count)) => report.faults(count, numbered),
        Some(Err(error)) => vec![format!("COUNT: {error}")],
    };
    if ids.is_some_and(|ids| *ids != format!("{:016x}", report.ids)) {
        faults.push("the ids are not those that the program saw".into());
    }
    faults.iter().for_each(|fault| eprintln!("{fault}"));
    if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
