//! The `agentops` command: takes in what programs record, keeps it, and answers what is asked of it.
//!
//! Data comes in through `ingest`, is held by `store`, told of while it changes by `live`, asked for through `query`, and
//! shown by `cli` and `api`; each knows only what stands before it here. `serve` puts them together. Of the SDK it uses
//! the model alone, so that nothing of the recorder is in it. The library is this package's own: nothing of it is
//! promised to others.
#![expect(
    missing_docs,
    reason = "what is public is so for this package's benches and tests alone"
)]

use std::process::ExitCode;

pub mod api;
pub mod auth;
mod cli;
pub mod demo;
pub mod home;
pub mod ingest;
pub mod live;
mod log;
pub mod query;
pub mod serve;
pub mod stats;
pub mod store;
mod ui;

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    cli::run()
}
