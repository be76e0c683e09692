//! `agentops completions`: what a shell needs to complete commands and arguments.

use clap::CommandFactory;

use super::{Cli, Failure, Output};

/// Write what a shell needs to complete this command
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  agentops completions bash > ~/.local/share/bash-completion/completions/agentops
  agentops completions zsh > ~/.zfunc/_agentops
  agentops completions fish > ~/.config/fish/completions/agentops.fish")]
pub(super) struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "agentops", &mut script);
    output.text(&String::from_utf8_lossy(&script))
}
