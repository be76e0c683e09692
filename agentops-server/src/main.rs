//! The `agentops` command: shows what agents did.
//!
//! Data comes in through `ingest`, is held by `store`, asked for through `query`, and shown by `cli`; each knows only
//! what stands before it here. Of the SDK it uses the model alone, so that nothing of the recorder is in it.

use std::process::ExitCode;

mod cli;
mod home;
mod ingest;
mod query;
mod store;

fn main() -> ExitCode {
    cli::run()
}
