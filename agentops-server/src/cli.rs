//! The command line: arguments, where answers and errors go, and exit codes.
//!
//! One module for each command; each asks the store through `query` and writes its answer to an [`Output`].
//! Knows nothing of files and formats.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::process::ExitCode;

use agentops_core::model::options;
use agentops_core::model::pricing::{self, PriceList};
use agentops_core::model::tree::{Style, text};
use clap::{Parser, Subcommand, ValueEnum};

use crate::home::{Home, HomeError};
use crate::ingest::spool::ImportError;
use crate::store::{Store, StoreError};

mod completions;
mod delete;
mod demo;
mod doctor;
mod export;
mod import;
mod open;
mod prices;
mod progress;
mod recorded;
mod serve;
mod sessions;
mod show;
mod tail;

use recorded::{DATABASE, Recorded, readable, recorded};

/// What somebody who comes for the first time asks next.
const PLACES: &str = "\
Where sessions come from:
  Programs that use the agentops crate record into a spool on this machine,
  under $AGENTOPS_HOME, else in the user's data directory (on Linux
  ~/.local/share/agentops). No server has to run.

Exit status:
  0  there is an answer
  1  there is none: no such session, nothing recorded, data that cannot be read
  2  the command was not understood";

/// Shows what your agents did: every session with its agents, model calls, tools, errors and costs.
#[derive(Debug, Parser)]
#[command(name = "agentops", version, arg_required_else_help = true, after_help = PLACES)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// When to use colours; `auto` is on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, display_order = 100, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Demo(demo::Args),
    Sessions(sessions::Args),
    Show(show::Args),
    Tail(tail::Args),
    Export(export::Args),
    Import(import::Args),
    Delete(delete::Args),
    Prices(prices::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// Where an answer goes, and what it may look like there.
struct Output {
    out: BufWriter<StdoutLock<'static>>,
    style: Style,
}

/// Why there is no answer.
enum Failure {
    /// What is wrong, and below it what to do.
    Told { what: String, help: String },
    /// The answer could not be written.
    Write(io::Error),
}

/// Runs the command that the process was started with.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let mut output = Output::new(cli.color);
    let answered =
        answer(cli.command, &mut output).and_then(|()| output.out.flush().map_err(Failure::Write));
    match answered {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough: `agentops sessions | head -1`.
        Err(Failure::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            // What was answered before stands before what went wrong.
            let _ = output.out.flush();
            say(failure);
            ExitCode::FAILURE
        }
    }
}

fn answer(command: Command, output: &mut Output) -> Result<(), Failure> {
    take_own_prices();
    match command {
        Command::Serve(args) => serve::run(&args, output),
        Command::Demo(args) => demo::run(&args, output),
        Command::Sessions(args) => sessions::run(&args, &readable()?, output),
        Command::Show(args) => show::run(&args, &readable()?, output),
        Command::Tail(args) => tail::run(&args, &readable()?, output),
        Command::Export(args) => export::run(&args, &readable()?, output),
        Command::Import(args) => {
            let home = Home::from_env()?;
            // What is read in may be the first that there is.
            if !home.path().exists() {
                home.make()?;
            }
            import::run(&args, &recorded()?, output)
        }
        Command::Delete(args) => delete::run(&args, &recorded()?, output),
        Command::Doctor(args) => doctor::run(&args, output),
        Command::Completions(args) => completions::run(&args, output),
        Command::Prices(args) => prices::run(&args, output),
    }
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// What the user's own file and a newer table say of prices counts for every answer.
fn take_own_prices() {
    let (mut list, mut warnings) = (PriceList::default(), [None, None]);
    if let Some(file) = options::prices(variable) {
        (list, warnings[0]) = PriceList::with_file(&file, std::fs::read(&file.path));
    }
    if let Some(path) = options::price_table(variable) {
        (list, warnings[1]) = list.with_table_file(&path, std::fs::read(&path));
    }
    for warning in warnings.into_iter().flatten() {
        say(format_args!("warning: {warning}"));
    }
    pricing::install(list);
}

/// Writes a line to stderr. Where even that fails there is nobody left to tell.
fn say(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// What is not there any more, where that was so much that something had to go.
fn removed(store: &dyn Store) -> Result<Option<String>, Failure> {
    let count = store.removed()?;
    Ok((count > 0).then(|| {
        format!(
            "{} of older sessions removed to keep within the spool's limit; AGENTOPS_SPOOL_LIMIT sets it",
            text::plural(count, "span")
        )
    }))
}

impl Output {
    fn new(color: Color) -> Self {
        let terminal = io::stdout().is_terminal();
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && wants_color(|key| std::env::var_os(key)),
        };
        let columns = || terminal_size::terminal_size().map_or(80, |(width, _)| width.0.into());
        let style = Style {
            color,
            width: terminal.then(columns),
        };
        Self {
            out: BufWriter::new(io::stdout().lock()),
            style,
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes()).map_err(Failure::Write)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(Failure::Write)
    }

    fn json(&mut self, value: &impl serde::Serialize) -> Result<(), Failure> {
        serde_json::to_writer_pretty(&mut self.out, value)
            .map_err(|error| Failure::Write(error.into()))?;
        self.text("\n")
    }
}

fn wants_color(env: impl Fn(&str) -> Option<std::ffi::OsString>) -> bool {
    let refused = env("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && env("TERM").is_none_or(|term| term != "dumb")
}

impl Failure {
    fn told(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Told {
            what: what.into(),
            help: help.into(),
        }
    }
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        Self::told(error.to_string(), error.help())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::told(error.to_string(), error.help())
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => error.into(),
            ImportError::Unreadable { path, error } => HomeError::unreadable(path, error).into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told { what, help } if help.is_empty() => write!(f, "error: {what}"),
            Self::Told { what, help } => write!(f, "error: {what}\nhelp: {help}"),
            Self::Write(error) => write!(f, "error: failed to write the answer: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_hang_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_color_and_dumb_terminals_are_honoured() {
        let env = |pairs: &'static [(&str, &str)]| {
            move |key: &str| {
                pairs
                    .iter()
                    .find(|(name, _)| *name == key)
                    .map(|(_, value)| value.into())
            }
        };
        assert!(wants_color(env(&[])));
        assert!(wants_color(env(&[("NO_COLOR", ""), ("TERM", "xterm")])));
        assert!(!wants_color(env(&[("NO_COLOR", "1")])));
        assert!(!wants_color(env(&[("TERM", "dumb")])));
    }
}
