//! A small program under `#[agentops::main]`, which ends in the way it is told to: `whole_program CASE`.
#![expect(
    clippy::print_stdout,
    reason = "it is a program, and its output is compared"
)]

use std::io::Write as _;

#[agentops::tool]
fn step(n: u32) -> u32 {
    n + 1
}

#[agentops::main(name = "the program", tags = ["cli"])]
fn main() -> Result<(), std::num::ParseIntError> {
    if std::env::args().nth(1).as_deref() == Some("early") {
        // Before anything annotated has run.
        agentops::current_session().tag("early");
        agentops::current_span().set_attribute("size", 3);
        return "".parse::<u32>().map(drop);
    }
    step(1);
    match std::env::args().nth(1).as_deref() {
        Some("waits") => {
            println!("ready");
            // Whoever waits for the word reads it from a pipe.
            let _ = std::io::stdout().flush();
            std::thread::park();
            Ok(())
        }
        Some(number) => number.parse::<u32>().map(drop),
        None => Ok(()),
    }
}
