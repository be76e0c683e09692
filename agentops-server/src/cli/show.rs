//! `agentops show`: one session, whole.
//!
//! Draws the tree for people, the published JSON for programs, and helps on where an id names none or several.

use agentops_core::model::json;
use agentops_core::model::session::Session;
use agentops_core::model::tree::{self, text};

use super::{Failure, Output, Recorded};
use crate::query::{self, Unresolved};

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

pub(super) fn run(args: &Args, recorded: &Recorded, output: &mut Output) -> Result<(), Failure> {
    let store = &recorded.store;
    let id = match query::resolve(store, &args.id)? {
        Ok(id) => id,
        Err(why) => return Err(explain(why, &args.id, recorded)?),
    };
    let Some(trace) = query::trace(store, id)? else {
        return Err(explain(Unresolved::Unknown, &args.id, recorded)?);
    };
    if args.json {
        return output.json(&json::session(&trace, true));
    }
    output.text(&tree::render(&trace, output.style))
}

pub(super) fn explain(why: Unresolved, id: &str, recorded: &Recorded) -> Result<Failure, Failure> {
    Ok(match why {
        Unresolved::NothingRecorded => nothing_recorded(recorded),
        Unresolved::Unknown => {
            let removed = super::removed(&recorded.store)?.map_or_else(String::new, |removed| {
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
            let lines: String = fits.iter().take(CANDIDATES).map(candidate).collect();
            let (several, more) = match fits.len() > CANDIDATES {
                true => (format!("more than {CANDIDATES}"), "\n  and more"),
                false => (fits.len().to_string(), ""),
            };
            Failure::told(
                format!("{id:?} fits the ids of {several} sessions:{lines}{more}"),
                "give more of the id, from its start or its end",
            )
        }
    })
}

fn candidate(session: &Session) -> String {
    let facts = &session.facts;
    format!(
        "\n  {}  {}  {}",
        facts.id,
        text::time(facts.start),
        text::clean(&facts.name)
    )
}

/// Where there is no session at all, with what to run.
pub(super) fn nothing_recorded(recorded: &Recorded) -> Failure {
    let looked = recorded.home.spool();
    let looked = looked.display();
    if recorded.problems {
        Failure::told(
            format!("no session could be read in {looked}"),
            "the warnings above say why, file by file",
        )
    } else {
        Failure::told(
            format!("no session has been recorded yet; looked in {looked}"),
            "run a program that uses agentops, for instance `cargo run --example research_team`, and ask again\n      \
             if yours has run already, give this command the same AGENTOPS_HOME",
        )
    }
}
