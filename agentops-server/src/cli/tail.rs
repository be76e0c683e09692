//! `agentops tail`: sessions as they run, a line for each thing that happens.
//!
//! Follows the store, which a running server or this command itself fills from the spool. Knows what is worth a line,
//! and nothing of how it came to be known.

use std::collections::HashMap;
use std::time::Duration;

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::json;
use agentops_core::model::session::{EndState, Session, SessionState};
use agentops_core::model::span::Status;
use agentops_core::model::tree::{self, text};
use serde::Serialize;

use super::{Failure, Output, Recorded};
use crate::query::{self, Filter};
use crate::store::{Condition, Row, Store, Wanted};

/// How often is looked.
const LOOK: Duration = Duration::from_millis(200);

/// How many sessions that changed are asked for at once.
const AT_ONCE: usize = 500;

/// Follow sessions as they run
///
/// A line for each span that ends, and for how each session ends.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  agentops tail
  agentops tail --filter 'tag=staging'
  agentops tail --json | jq -c 'select(.status == \"error\")'")]
pub(super) struct Args {
    /// Write a line of JSON for each span that ends and each session that changes
    #[arg(long)]
    json: bool,

    /// Follow only sessions that every word of EXPR fits, as in `agentops sessions`
    #[arg(
        long,
        value_name = "EXPR",
        default_value = "",
        hide_default_value = true
    )]
    filter: Filter,

    /// End once the session has ended that this names: `last`, its id, or how the id starts or ends
    #[arg(long, value_name = "ID")]
    until_end: Option<String>,
}

/// What was told of a session.
#[derive(Default)]
struct Told {
    /// Spans, and whether they were open.
    spans: HashMap<SpanId, bool>,
    state: Option<SessionState>,
}

pub(super) fn run(args: &Args, recorded: &Recorded, output: &mut Output) -> Result<(), Failure> {
    let store: &dyn Store = &recorded.store;
    let until = match &args.until_end {
        None => None,
        Some(text) => match query::resolve(store, text)? {
            Ok(id) => Some(id),
            Err(why) => return Err(super::show::explain(why, text, recorded)?),
        },
    };
    let mut importer = None;
    let mut told: HashMap<SessionId, Told> = HashMap::new();
    // What goes on when this begins is told of too.
    let mut seen = store.sequence()?;
    let running = Wanted {
        conditions: conditions(args, vec![Condition::State(SessionState::Running)]),
        limit: AT_ONCE,
        ..Wanted::default()
    };
    let mut changed: Vec<SessionId> = ids(&store.sessions(&running)?.sessions);
    changed.extend(until);
    loop {
        if !changed.is_empty() {
            let wanted = Wanted {
                conditions: conditions(args, vec![Condition::Among(std::mem::take(&mut changed))]),
                limit: AT_ONCE,
                ..Wanted::default()
            };
            for session in store.sessions(&wanted)?.sessions.iter().rev() {
                let known = told.entry(session.facts.id).or_default();
                session_changed(store, session, known, args.json, output)?;
                if session.state != SessionState::Running {
                    // Late spans of it are told with what was told before; only its end is not told again.
                    if until == Some(session.facts.id) {
                        return output.flush();
                    }
                }
            }
            output.flush()?;
        }
        std::thread::sleep(LOOK);
        recorded.take_in_more(&mut importer)?;
        if let Some(news) = store.changed(seen, AT_ONCE)? {
            seen = news.last().map_or(seen, |(_, at)| *at);
            changed = news.into_iter().map(|(id, _)| id).collect();
        } else {
            // Sessions were purged: none of those is to be told of.
            seen = store.sequence()?;
        }
    }
}

fn conditions(args: &Args, mut also: Vec<Condition>) -> Vec<Condition> {
    also.extend(args.filter.conditions().iter().cloned());
    also
}

fn ids(sessions: &[Session]) -> Vec<SessionId> {
    sessions.iter().map(|session| session.facts.id).collect()
}

fn session_changed(
    store: &dyn Store,
    session: &Session,
    told: &mut Told,
    as_json: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let begins = told.state.is_none();
    if begins && !as_json {
        let name = text::clean(&session.facts.name).into_owned();
        line(output, session, "36", &format!("{name} begins"))?;
    }
    let Some(outline) = store.outline(session.facts.id)? else {
        return Ok(());
    };
    for row in &outline.rows {
        let news = told.spans.get(&row.id) != Some(&row.open);
        told.spans.insert(row.id, row.open);
        // The session's own end is told as the session's.
        if !news || row.open || Some(row.id) == session.facts.root {
            continue;
        }
        if as_json {
            if let Some(span) = query::span(store, session.facts.id, row.id)? {
                json_line(output, &json::one_span(&span))?;
            }
        } else {
            let color = if row.status == Status::Error {
                "31"
            } else {
                ""
            };
            line(output, session, color, &ended(row))?;
        }
    }
    if told.state != Some(session.state) {
        if as_json {
            json_line(output, &json::session_alone(session))?;
        } else if session.state != SessionState::Running {
            let failed = session.facts.end_state == Some(EndState::Error);
            let color = if failed { "31" } else { "32" };
            line(output, session, color, &over(session))?;
        }
        told.state = Some(session.state);
    }
    Ok(())
}

/// How a session that is over went, by the words of the list.
fn over(session: &Session) -> String {
    let facts = &session.facts;
    let end = match session.state {
        SessionState::Lost => session.state.as_str(),
        _ => facts.end_state.map_or("ended", |end| end.as_str()),
    };
    let mut said = format!("{} {end}", text::clean(&facts.name));
    if let Some(end) = facts.end {
        said += &format!(" after {}", text::duration(end.saturating_sub(facts.start)));
    }
    if let Some(cost) = tree::session_cost(&session.cost) {
        said += &format!(", {cost}");
    }
    said
}

fn ended(row: &Row) -> String {
    let mark = if row.status == Status::Error {
        "✗"
    } else {
        "✓"
    };
    let took = row.end.map_or(0, |end| end.saturating_sub(row.start));
    let mut said = format!(
        "{mark} {} {} {}",
        row.kind.as_str().to_lowercase(),
        text::clean(&row.name),
        text::duration(took)
    );
    if let Some(usage) = row.usage {
        said += &format!(" {}→{}", usage.input, usage.output);
    }
    if let Some(cost) = row.cost {
        said += &format!(" {}", text::usd(cost));
    }
    if let Some(agent) = row.agent.as_deref().filter(|agent| *agent != "default") {
        said += &format!(" @{}", text::clean(agent));
    }
    said
}

fn line(output: &mut Output, session: &Session, color: &str, said: &str) -> Result<(), Failure> {
    let id = tree::short_id(session.facts.id);
    let said = match output.style.width {
        Some(width) => text::fit(said, width.saturating_sub(id.len() + 2).max(20)).into_owned(),
        None => said.to_owned(),
    };
    let said = match output.style.color && !color.is_empty() {
        true => format!("\x1b[{color}m{said}\x1b[0m"),
        false => said,
    };
    output.text(&format!("{id}  {said}\n"))
}

fn json_line(output: &mut Output, value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::Write(error.into()))?;
    output.text(&text)?;
    output.text("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_over_as_the_list_says() {
        let mut session = Session::default();
        session.facts.name = "run".into();
        session.state = SessionState::Lost;
        session.facts.end_state = Some(EndState::Indeterminate);
        assert_eq!(over(&session), "run lost");
        session.state = SessionState::Ended;
        session.facts.end = Some(2_000_000_000);
        assert_eq!(over(&session), "run Indeterminate after 2.00 s");
    }
}
