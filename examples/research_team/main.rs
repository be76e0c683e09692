//! `cargo run --example research_team -- [PATH] [QUESTION]`: a team of agents answers a question about a source tree.
//!
//! This file reads the command line, chooses who plays the model, runs one recorded session and shows it. The agents,
//! their tools and the guardrail are in `src/`; start with `src/agents.rs`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people to run and read"
)]

use std::env;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use agentops::export::Memory;
use agentops::model::tree::{self, Style};
use research_team::agents::{self, Error};
use research_team::model::{DEFAULT_MODEL, Model};
use research_team::standin;
use research_team::tools::SourceTree;

const HELP: &str = "\
A team of agents answers a question about a source tree, and its run is recorded.

Usage: cargo run --example research_team -- [--break] [PATH] [QUESTION]

  PATH      a source tree; this repository by default
  QUESTION  what to find out; name what you mean as the code does
  --break   let the stand-in cite a line that does not exist, to see the guardrail stop it

With OPENAI_API_KEY set, the agents ask that service (or OPENAI_BASE_URL; OPENAI_MODEL names the model).
Without, a rule-based stand-in answers on this machine, and nothing leaves it.";

/// What this repository is asked unless the user asks otherwise.
const OUR_QUESTION: &str = "How does a span get from the ring into the spool?";
/// What any other tree is asked.
const ANY_QUESTION: &str = "What does `main` do first?";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = match Arguments::parse(env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("error: {mistake}; see --help");
            return ExitCode::from(2);
        }
    };
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    // TLS for the real service; the client wants to be told which implementation before it is made.
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("no provider was chosen before");

    let name = env::var("OPENAI_MODEL").unwrap_or_else(|_| DEFAULT_MODEL.to_owned());
    let (model, tag) = if has_key() {
        (Model::service(&name)?, None)
    } else {
        let address = standin::start(arguments.break_citation)?;
        println!(
            "No OPENAI_API_KEY is set: a rule-based stand-in on {address} answers; \
             costs are what {name} would have charged."
        );
        let base_url = format!("http://{address}/v1");
        (Model::local(&name, &base_url)?, Some("stand-in"))
    };

    // The spool is for the `agentops` command, the copy in memory for the tree that this program prints.
    let recorded = Memory::new();
    let _guard = agentops::builder()
        .exporter(recorded.clone())
        .spool()
        .init()?;

    let tree = SourceTree::new(&arguments.path);
    let outcome = research_team(&model, &tree, &arguments.question, tag).await;
    show(&recorded);
    outcome?;
    Ok(())
}

/// The recorded session, from the question to the answer. The answer is printed in here, before the session's tree.
#[agentops::session(name = "research_team", capture(question))]
async fn research_team(
    model: &Model,
    tree: &SourceTree,
    question: &str,
    tag: Option<&str>,
) -> Result<String, Error> {
    if let Some(tag) = tag {
        agentops::current_session().tag(tag);
    }
    println!("\n{question}\n");
    let answer = agents::research(model, tree, question).await?;
    println!("{answer}");
    Ok(answer)
}

/// Prints the session as a tree, and how to see it again.
fn show(recorded: &Memory) {
    agentops::flush(Duration::from_secs(2));
    let style = Style {
        color: std::io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none(),
        width: None,
    };
    for session in recorded.traces() {
        println!("\n{}", tree::render(&session, style));
    }
    println!("To see it again: {}", show_command());
}

fn has_key() -> bool {
    env::var("OPENAI_API_KEY").is_ok_and(|key| !key.is_empty())
}

/// An error and what it came from, each said once: some errors repeat their cause in their own text.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

struct Arguments {
    path: PathBuf,
    question: String,
    break_citation: bool,
}

impl Arguments {
    /// `None` where help was asked for.
    fn parse(given: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
        let mut break_citation = false;
        let mut positional = Vec::new();
        for argument in given {
            match argument.as_str() {
                "-h" | "--help" => return Ok(None),
                "--break" => break_citation = true,
                option if option.starts_with("--") => {
                    return Err(format!("there is no option {option}"));
                }
                _ => positional.push(argument),
            }
        }
        if break_citation && has_key() {
            return Err(
                "--break is for the stand-in only, so OPENAI_API_KEY must not be set".to_owned(),
            );
        }
        let mut positional = positional.into_iter();
        let path = positional.next().map(PathBuf::from);
        let asked = positional.next();
        if positional.next().is_some() {
            return Err("a path and a question are expected, the question in quotes".to_owned());
        }
        let unasked = if path.is_some() {
            ANY_QUESTION
        } else {
            OUR_QUESTION
        };
        let path = path.unwrap_or_else(default_path);
        if !path.is_dir() {
            return Err(format!("{} is not a directory", path.display()));
        }
        Ok(Some(Arguments {
            path,
            question: asked.unwrap_or_else(|| unasked.to_owned()),
            break_citation,
        }))
    }
}

/// This repository; the directory we are in where the program was carried away from it.
fn default_path() -> PathBuf {
    let repository = repository();
    if repository.is_dir() {
        repository
    } else {
        PathBuf::from(".")
    }
}

fn repository() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_path_buf()
}

/// What shows the session again, as it can be typed in this directory.
fn show_command() -> String {
    let on_path = |directory: PathBuf| {
        directory
            .join(format!("agentops{}", env::consts::EXE_SUFFIX))
            .is_file()
    };
    if env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(on_path)) {
        return "agentops show last".to_owned();
    }
    let repository = repository();
    if env::current_dir().is_ok_and(|directory| directory.starts_with(&repository)) {
        return "cargo run -q -p agentops-server -- show last".to_owned();
    }
    let manifest = repository.join("Cargo.toml");
    format!(
        "cargo run -q --manifest-path {} -p agentops-server -- show last",
        manifest.display()
    )
}
