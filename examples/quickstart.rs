//! The smallest agent that can be seen: `cargo run --example quickstart`, then `agentops show last`.
#![expect(clippy::print_stdout, reason = "a program for people to run and read")]

use std::{fs, io};

struct Librarian;

#[agentops::agent(role = "answers questions about files")]
impl Librarian {
    fn answer(&self, question: &str) -> io::Result<String> {
        let lines = count_lines("notes.txt").or_else(|_| count_lines("Cargo.toml"))?;
        Ok(ask(&format!("{question} It has {lines} lines.")))
    }
}

#[agentops::tool(description = "counts the lines of a file")]
fn count_lines(path: &str) -> io::Result<usize> {
    Ok(fs::read_to_string(path)?.lines().count())
}

#[agentops::llm(model = "gpt-4o-mini", provider = "openai")]
fn ask(prompt: &str) -> String {
    format!("You said: {prompt}") // Your model's client is called here.
}

#[agentops::main]
fn main() -> io::Result<()> {
    println!("{}", Librarian.answer("Is the file long?")?);
    Ok(())
}
