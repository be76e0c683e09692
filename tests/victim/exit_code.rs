//! A program under `#[agentops::main]` that returns an exit code: `exit_code NUMBER`, or `exit_code exits NUMBER`, which
//! leaves in the middle.

use std::process::ExitCode;

#[agentops::tool]
fn step(n: u8) -> u8 {
    n
}

#[agentops::main]
fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_default();
    match &*next() {
        "exits" => {
            step(1);
            assert!(agentops::flush(std::time::Duration::from_secs(10)));
            let code = next().parse().unwrap_or(1);
            step(2);
            std::process::exit(code)
        }
        code => ExitCode::from(step(code.parse().unwrap_or(1))),
    }
}
