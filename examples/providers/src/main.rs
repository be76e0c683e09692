//! A little newsroom whose every member talks to a model through another client.
//!
//! Without arguments the models are played by a server on this machine, at the prices of the real ones. With a key in
//! the environment, those providers are asked that there is a key for.

use std::env;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use agentops::export::Memory;
use agentops::model::tree::{self, Style};
use agentops_loopback::Loopback;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use providers::{Endpoints, Error, anthropic, gemini, http, many, ollama, openai, rigged};

const HELP: &str = "\
Usage: providers [QUESTION]

Talks to model providers through async-openai, genai, rig, reqwest, misanthropic (Anthropic), gemini-rust and
ollama-rs, and prints what agentops saw. A server on this machine plays all providers, unless one of these is set;
then those are asked that are:

  OPENAI_API_KEY     with OPENAI_BASE_URL (https://api.openai.com/v1) and OPENAI_MODEL (gpt-4o-mini)
  ANTHROPIC_API_KEY  with ANTHROPIC_BASE_URL (https://api.anthropic.com) and ANTHROPIC_MODEL (claude-haiku-4-5)
  GEMINI_API_KEY     with GEMINI_BASE_URL (https://generativelanguage.googleapis.com/v1beta)
                     and GEMINI_MODEL (gemini-2.5-flash)
  OLLAMA_HOST        such as http://127.0.0.1:11434, with OLLAMA_MODEL (llama3.2)
";

const QUESTION: &str = "What is the weather in Paris?";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let question = env::args().nth(1).unwrap_or_else(|| QUESTION.into());
    if question == "--help" || question == "-h" {
        print(HELP);
        return ExitCode::SUCCESS;
    }
    match run(&question).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

async fn run(question: &str) -> Result<(), Error> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("no provider was chosen before");
    // Of the clients' spans, rig's: functions with attributes stand for the other calls, and say more of them.
    let rigs = filter_fn(|metadata| metadata.target().starts_with("rig"));
    tracing_subscriber::registry()
        .with(agentops::layer().with_filter(rigs))
        .init();
    let recorded = Memory::new();
    let _guard = agentops::builder()
        .exporter(recorded.clone())
        .spool()
        .init()?;

    let server = Loopback::start().await;
    let endpoints = Endpoints::from_env().unwrap_or_else(|| Endpoints::of(&server));
    let outcome = newsroom(&endpoints, question).await;

    agentops::flush(Duration::from_secs(2));
    let style = Style {
        color: std::io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none(),
        width: None,
    };
    for session in recorded.traces() {
        print(&tree::render(&session, style));
    }
    print("Messages and completions, of each call: agentops show last --json");
    outcome
}

/// Everybody in turn, as far as there is a provider for them.
#[agentops::session(name = "newsroom", capture(question))]
async fn newsroom(endpoints: &Endpoints, question: &str) -> Result<(), Error> {
    if let Some(endpoint) = &endpoints.openai {
        let forecast = openai::forecaster(endpoint, question).await?;
        http::headline_writer(endpoint, &forecast).await?;
        many::reporter(endpoint, &forecast).await?;
        rigged::ask(endpoint, question).await?;
    }
    if let Some(endpoint) = &endpoints.anthropic {
        anthropic::editor(endpoint, question).await?;
    }
    if let Some(endpoint) = &endpoints.gemini {
        gemini::guide(endpoint, question).await?;
    }
    if let Some(endpoint) = &endpoints.ollama {
        ollama::translator(endpoint, question).await?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "what the program is for")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "a program says what went wrong")]
fn complain(error: &dyn std::error::Error) {
    eprintln!("error: {error}");
}
