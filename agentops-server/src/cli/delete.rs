//! `agentops delete`: sessions removed, for good unless a server runs that can bring them back.

use std::time::Duration;

use agentops_core::model::id::SessionId;
use agentops_core::model::tree::text;
use serde::Serialize;

use super::progress::Progress;
use super::{Failure, Output, Recorded, say};
use crate::query;
use crate::store::Store;

/// For how long what was deleted can be brought back.
const GRACE: Duration = Duration::from_secs(600);

/// How long one step of removing takes.
const PIECE: Duration = Duration::from_millis(50);

/// Delete sessions, or bring them back
///
/// For ten minutes, `agentops delete --undo` brings them back.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  agentops delete 6a7e8c90
  agentops delete --undo 019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90
  agentops sessions --json --filter tag=scratch | jq -r '.sessions[].id' | xargs agentops delete --now")]
pub(super) struct Args {
    /// The sessions: `last`, ids, or how ids start or end
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,

    /// Remove them at once and for good
    #[arg(long, conflicts_with = "undo")]
    now: bool,

    /// Bring deleted sessions back; this needs their whole ids
    #[arg(long)]
    undo: bool,

    /// Answer with JSON: an object with the ids that were `deleted` or `restored`
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deleted: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    restored: Vec<String>,
}

pub(super) fn run(args: &Args, recorded: &Recorded, output: &mut Output) -> Result<(), Failure> {
    let store = &recorded.store;
    if args.undo {
        return undo(args, store, output);
    }
    // All of them first: a mistake in the last costs none of the others.
    let mut ids: Vec<SessionId> = Vec::new();
    for text in &args.ids {
        match query::resolve(store, text)? {
            Ok(id) if ids.contains(&id) => {}
            Ok(id) => ids.push(id),
            Err(why) => return Err(super::show::explain(why, text, recorded)?),
        }
    }
    let grace = if args.now { Duration::ZERO } else { GRACE };
    let hidden = store.hide(&ids, grace)?;
    if args.now {
        let mut progress = Progress::new("removing");
        let all = ids.len() as u64;
        let mut steps = 0;
        while store.maintain(PIECE)? {
            steps += 1;
            // How much is left is known only at the end: the bar slows down on its way there.
            progress.at(steps, steps + all.max(10));
        }
    }
    let deleted: Vec<String> = hidden
        .sessions
        .iter()
        .map(|(id, _)| id.to_string())
        .collect();
    let count = text::plural(deleted.len() as u64, "session");
    told(
        args,
        output,
        |ids| Answer {
            deleted: ids,
            restored: Vec::new(),
        },
        deleted,
    )?;
    if !args.json {
        say(match args.now {
            true => format!("{count} removed"),
            false => format!(
                "{count} deleted; for ten minutes `agentops delete --undo ID…` brings them back"
            ),
        });
    }
    Ok(())
}

fn undo(args: &Args, store: &dyn Store, output: &mut Output) -> Result<(), Failure> {
    let mut ids = Vec::new();
    for text in &args.ids {
        let id: SessionId = text.parse().map_err(|_| {
            Failure::told(
                format!("{text:?} is not the whole id of a session"),
                "`agentops delete` printed the ids that it deleted",
            )
        })?;
        ids.push(id);
    }
    let shown = store.unhide(&ids)?;
    if shown.sessions.is_empty() {
        return Err(Failure::told(
            "no such session is deleted, or it is too late",
            "what is deleted goes for good after ten minutes; `agentops import` reads an export of it in",
        ));
    }
    let restored = shown
        .sessions
        .iter()
        .map(|(id, _)| id.to_string())
        .collect();
    told(
        args,
        output,
        |ids| Answer {
            deleted: Vec::new(),
            restored: ids,
        },
        restored,
    )
}

fn told(
    args: &Args,
    output: &mut Output,
    answer: impl FnOnce(Vec<String>) -> Answer,
    ids: Vec<String>,
) -> Result<(), Failure> {
    if args.json {
        return output.json(&answer(ids));
    }
    ids.iter()
        .try_for_each(|id| output.text(&format!("{id}\n")))
}
