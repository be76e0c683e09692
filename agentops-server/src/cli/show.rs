//! `agentops show`: one session, whole.
//!
//! Draws the tree for people, the published JSON for programs, and helps on where an id names none or several.

use agentops_core::model::json;
use agentops_core::model::trace::Trace;
use agentops_core::model::tree::{self, text};

use super::{Failure, Output};
use crate::query::{self, Unresolved};
use crate::store::Store;

/// How many sessions are listed where an id fits several.
const CANDIDATES: usize = 10;

/// Show one session: its tree with times, tokens, costs and errors
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reading the tree:
  1204→311     tokens that went into a model call, and that came out
  Σ $0.0004    what an agent and all beneath it cost; with a + where something
               in it has no price
  ~            estimated: nobody counted, and the program asked for an estimate
  unpriced     a call whose price is not known: never counted as 0
  ✗            it failed; the line below says why, at the span where it started
  @researcher  who does it, where that is not the agent above

Examples:
  agentops show last
  agentops show 6a7e8c90
  agentops show last --json | jq '.spans[].error | select(.)'")]
pub(super) struct Args {
    /// The session: `last` (the newest that no other session started), its id, or how the id starts or ends
    #[arg(value_name = "ID")]
    id: String,

    /// Answer with JSON: the session with all its spans, parents before children
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, store: &Store, output: &mut Output) -> Result<(), Failure> {
    let trace = query::resolve(store, &args.id).map_err(|why| explain(why, &args.id, store))?;
    if args.json {
        return output.json(&json::session(trace, true));
    }
    output.text(&tree::render(trace, output.style))
}

fn explain(why: Unresolved<'_>, id: &str, store: &Store) -> Failure {
    match why {
        Unresolved::NothingRecorded => nothing_recorded(store),
        Unresolved::Unknown => {
            let removed = super::removed(store).map_or_else(String::new, |removed| {
                format!("\n      it may be gone: {removed}")
            });
            Failure::told(
                format!("no session has an id that starts or ends with {id:?}"),
                format!(
                    "`agentops sessions` lists what there is; `agentops show last` shows the newest{removed}"
                ),
            )
        }
        Unresolved::Ambiguous(fits) => {
            let lines: String = fits
                .iter()
                .take(CANDIDATES)
                .map(|trace| candidate(trace))
                .collect();
            let more = match fits.len().saturating_sub(CANDIDATES) {
                0 => String::new(),
                more => format!("\n  and {more} more"),
            };
            Failure::told(
                format!(
                    "{id:?} fits the ids of {} sessions:{lines}{more}",
                    fits.len()
                ),
                "give more of the id, from its start or its end",
            )
        }
    }
}

fn candidate(trace: &Trace) -> String {
    let facts = &trace.session.facts;
    format!(
        "\n  {}  {}  {}",
        facts.id,
        text::time(facts.start),
        text::clean(&facts.name)
    )
}

/// Where there is no session at all, with what to run.
pub(super) fn nothing_recorded(store: &Store) -> Failure {
    let looked = store.looked_in().display();
    if store.problems().is_empty() {
        Failure::told(
            format!("no session has been recorded yet; looked in {looked}"),
            "run a program that uses agentops, for instance `cargo run --example research_team`, and ask again\n      \
             if yours has run already, give this command the same AGENTOPS_HOME",
        )
    } else {
        Failure::told(
            format!("no session could be read in {looked}"),
            "the warnings above say why, file by file",
        )
    }
}
