//! `agentops import`: files read in, of sessions, OTLP requests or a spool.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use agentops_core::model::id::SessionId;
use agentops_core::model::tree::text;
use serde::Serialize;

use super::progress::Progress;
use super::{Failure, Output, Recorded, say};
use crate::ingest::import::{self, Unread};
use crate::store::Store;

/// Read sessions in
///
/// What `agentops export` wrote, an OTLP request, or a spool file.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reading a file in twice changes nothing; a session that was deleted comes back.

Examples:
  agentops import session.json
  agentops export last | AGENTOPS_HOME=/other agentops import -")]
pub(super) struct Args {
    /// The files; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Answer with JSON: an object for each file, with its `sessions`, `spans`, `skipped` and `cut`
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer {
    file: String,
    sessions: Vec<String>,
    spans: u64,
    skipped: u64,
    /// What was cut or left out of the rest, in words.
    cut: Option<String>,
}

pub(super) fn run(args: &Args, recorded: &Recorded, output: &mut Output) -> Result<(), Failure> {
    let store = &recorded.store;
    let mut answers = Vec::new();
    let mut progress = Progress::new("importing");
    // What comes by standard input is as long as it is.
    let sizes = args.files.iter().filter_map(|path| path.metadata().ok());
    let mut all: u64 = sizes.map(|file| file.len()).sum();
    let mut before = 0;
    for path in &args.files {
        let bytes = contents(path)?;
        let size = bytes.len() as u64;
        if path == Path::new("-") {
            all += size;
        }
        let mut reached = |part: u64, whole: u64| {
            let share = u128::from(size) * u128::from(part) / u128::from(whole.max(1));
            progress.at(before + u64::try_from(share).unwrap_or(size), all);
        };
        let mut commit = |batch: &_| store.commit(batch).map(drop);
        let mut unhide = |ids: &[SessionId]| store.unhide(ids).map(drop);
        let read = import::read(store, &bytes, &mut commit, &mut unhide, &mut reached);
        before += size;
        let read = read.map_err(|why| {
            let what = |why: &dyn std::fmt::Display| {
                format!("failed to read {} in: {why}", path.display())
            };
            match why {
                Unread::Store(error) => Failure::told(what(&error), error.help()),
                why => Failure::told(what(&why), ""),
            }
        })?;
        store.settle(true)?;
        answers.push(Answer {
            file: path.display().to_string(),
            sessions: read.sessions.iter().map(SessionId::to_string).collect(),
            spans: read.spans,
            skipped: read.skipped,
            cut: read.refused.message(),
        });
    }
    drop(progress);
    if args.json {
        return output.json(&answers);
    }
    for answer in &answers {
        for session in &answer.sessions {
            output.text(&format!("{session}\n"))?;
        }
        if answer.skipped > 0 {
            say(format_args!(
                "warning: {}: {} could not be read, the others were",
                answer.file,
                text::plural(answer.skipped, "span")
            ));
        }
        if let Some(cut) = &answer.cut {
            say(format_args!("warning: {}: {cut}", answer.file));
        }
    }
    Ok(())
}

fn contents(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| {
        Failure::told(
            format!("failed to read {}: {error}", path.display()),
            "name a file that `agentops export` wrote, or - for standard input",
        )
    })
}
