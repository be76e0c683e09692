//! `agentops sessions`: what was recorded, newest first.
//!
//! A table for people, the published JSON for programs. Knows how a list looks, not how it is found.

use agentops_core::model::json;
use agentops_core::model::session::{EndState, Session, SessionState};
use agentops_core::model::tree::{self, Style, text};
use serde::Serialize;

use super::{Failure, Output, Recorded, say};
use crate::query::Filter;
use crate::store::{Store, Wanted};

/// As `GET /api/v1/sessions` answers.
#[derive(Serialize)]
struct Answer<S> {
    sessions: Vec<S>,
}

/// List sessions, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  agentops sessions --limit 5
  agentops sessions --filter 'tag=stand-in state=error'
  agentops sessions --json | jq -r '.sessions[].id'")]
pub(super) struct Args {
    /// Answer with JSON: an object whose `sessions` look as in `show --json`, without their spans
    #[arg(long)]
    json: bool,

    /// Show at most this many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,

    /// Show only sessions that every word of EXPR fits
    ///
    /// Words are separated by spaces; what has some stands in quotes, as in `tag="two words"`. `tag=`, `agent=`, `tool=`,
    /// `error=` (its code), `env=`, `version=` and `project=` want the whole name, `model=` and `name=` a part of it;
    /// `state=` wants running, ended, lost, success, error or indeterminate. A word without `=` is looked for in names,
    /// ids, tags, agents and models.
    #[arg(
        long,
        value_name = "EXPR",
        default_value = "",
        hide_default_value = true
    )]
    filter: Filter,
}

pub(super) fn run(args: &Args, recorded: &Recorded, output: &mut Output) -> Result<(), Failure> {
    let store = &recorded.store;
    let wanted = Wanted {
        conditions: args.filter.conditions().to_vec(),
        limit: args.limit,
        ..Wanted::default()
    };
    let shown = store.sessions(&wanted)?.sessions;
    let found = store.totals(&wanted)?.sessions;
    if args.json {
        let sessions = shown.iter().map(json::session_alone).collect();
        output.json(&Answer { sessions })?;
    } else if !shown.is_empty() {
        let sessions: Vec<&Session> = shown.iter().collect();
        output.text(&table(&sessions, output.style))?;
    }
    if found == 0 {
        let all = store.totals(&Wanted::default())?.sessions;
        return Err(match all {
            0 => super::show::nothing_recorded(recorded),
            all => Failure::told(
                format!("none of {} fits the filter", text::plural(all, "session")),
                "`agentops sessions` without --filter lists all",
            ),
        });
    }
    let older = found.saturating_sub(shown.len() as u64);
    if older > 0 {
        let older = text::plural(older, "older session");
        say(format_args!("{older} not shown; --limit {found} shows all"));
    }
    if let Some(removed) = super::removed(store)? {
        say(removed);
    }
    Ok(())
}

/// Columns that names keep, however narrow the terminal is.
const MIN_NAME: usize = 16;
/// Columns that names are given where nothing is cut.
const WIDE_NAME: usize = 64;
/// Columns that tags have, or they are not shown.
const MIN_TAGS: usize = 8;

const HEADER: [&str; COLUMNS] = [
    "ID",
    "NAME",
    "STATE",
    "STARTED (UTC)",
    "DURATION",
    "SPANS",
    "TOKENS",
    "COST",
    "TAGS",
];
const COLUMNS: usize = 9;
const NAME: usize = 1;
const STATE: usize = 2;
const TAGS: usize = 8;
/// What goes where there is no room, in this order: tags, spans, tokens, duration.
const EXPENDABLE: [usize; 4] = [TAGS, 5, 6, 4];

/// One line for each session, below a header.
fn table(sessions: &[&Session], style: Style) -> String {
    let mut rows = vec![HEADER.map(String::from)];
    rows.extend(sessions.iter().map(|session| row(session)));
    let mut widths = [0; COLUMNS];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = text::width(cell).max(*width);
        }
    }
    match style.width {
        Some(all) => squeeze(&mut widths, all),
        // Nothing is cut for a program, and one long name does not make every line as long.
        None => widths[NAME] = widths[NAME].min(WIDE_NAME),
    }

    let mut out = String::new();
    for (at, cells) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, cell) in cells.iter().enumerate() {
            if widths[column] == 0 {
                continue;
            }
            let cell = match style.width {
                Some(_) => text::fit(cell, widths[column]),
                None => cell.into(),
            };
            let space = " ".repeat(widths[column].saturating_sub(text::width(&cell)));
            let paint = match at.checked_sub(1) {
                None => "2",
                Some(session) if column == STATE => color_of(sessions[session]),
                Some(_) => "",
            };
            let cell = match paint {
                paint if style.color && !paint.is_empty() && !cell.is_empty() => {
                    format!("\x1b[{paint}m{cell}\x1b[0m")
                }
                _ => cell.into_owned(),
            };
            let numeric = (4..TAGS).contains(&column);
            line += &if numeric {
                space + &cell
            } else {
                cell + &space
            };
            line += "  ";
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

/// Makes the columns fit: names and tags are cut first, then whole columns go, which are then 0 wide.
fn squeeze(widths: &mut [usize; COLUMNS], all: usize) {
    let total = |widths: &[usize]| -> usize {
        widths
            .iter()
            .filter(|width| **width > 0)
            .map(|width| width + 2)
            .sum::<usize>()
            - 2
    };
    let wanted = *widths;
    widths[NAME] = widths[NAME].min(MIN_NAME);
    widths[TAGS] = widths[TAGS].min(MIN_TAGS);
    for column in EXPENDABLE {
        if total(widths) > all {
            widths[column] = 0;
        }
    }
    for column in [NAME, TAGS] {
        if widths[column] > 0 {
            let room = all.saturating_sub(total(widths));
            widths[column] = wanted[column].min(widths[column] + room);
        }
    }
}

fn row(session: &Session) -> [String; COLUMNS] {
    let facts = &session.facts;
    let state = match (session.state, facts.end_state) {
        (SessionState::Ended, Some(end_state)) => end_state.as_str(),
        (state, _) => state.as_str(),
    };
    let tokens = session.tokens.total;
    [
        tree::short_id(facts.id),
        text::clean(&facts.name).into_owned(),
        // Beside the state, for that column is never left out: what is not all there must not look as if it were.
        match session.counts.dropped {
            0 => state.into(),
            lost => format!("{state}, {} lost", text::count(lost)),
        },
        text::time(facts.start),
        facts.end.map_or_else(String::new, |end| {
            text::duration(end.saturating_sub(facts.start))
        }),
        text::count(session.counts.spans),
        match (tokens, session.tokens.estimated) {
            (0, _) => String::new(),
            (tokens, false) => text::count(tokens),
            (tokens, true) => format!("~{}", text::count(tokens)),
        },
        tree::session_cost(&session.cost).unwrap_or_default(),
        text::clean(&facts.tags.join(", ")).into_owned(),
    ]
}

/// The parameters of the escape that colours a session's state.
fn color_of(session: &Session) -> &'static str {
    match (session.state, session.facts.end_state) {
        (SessionState::Ended, Some(EndState::Success)) => "32",
        (SessionState::Ended, Some(EndState::Error)) => "31",
        (SessionState::Ended, None) => "",
        _ => "33",
    }
}

#[cfg(test)]
mod tests {
    use agentops_core::model::session::{SessionCost, SessionFacts, Tokens};

    use super::*;

    #[test]
    fn a_session_that_is_not_all_there_says_so() {
        let mut session = Session {
            facts: SessionFacts {
                name: "run".into(),
                start: 1_795_323_600_000_000_000,
                end: Some(1_795_323_612_400_000_000),
                end_state: Some(EndState::Success),
                ..SessionFacts::default()
            },
            state: SessionState::Ended,
            ..Session::default()
        };
        (session.counts.spans, session.counts.dropped) = (17, 8);
        let style = Style {
            color: false,
            width: Some(70),
        };
        let expected = "
ID        NAME  STATE            STARTED (UTC)     DURATION  COST
00000000  run   Success, 8 lost  2026-11-22 05:00    12.4 s
";
        assert_eq!(format!("\n{}", table(&[&session], style)), expected);
    }

    #[test]
    fn names_and_tags_give_way_in_a_narrow_terminal() {
        let session = Session {
            facts: SessionFacts {
                name: "a_name_that_is_\x1b[31m_rather_long".into(),
                start: 1_795_323_600_000_000_000,
                end: Some(1_795_323_612_400_000_000),
                end_state: Some(EndState::Success),
                tags: vec!["stand-in".into(), "nightly".into()],
                ..SessionFacts::default()
            },
            state: SessionState::Ended,
            tokens: Tokens {
                total: 12_345,
                ..Tokens::default()
            },
            cost: SessionCost {
                total: Some(12_300_000),
                ..SessionCost::default()
            },
            ..Session::default()
        };
        let drawn = |width, color| format!("\n{}", table(&[&session], Style { color, width }));
        let expected = "
ID        NAME              STATE    STARTED (UTC)     DURATION  TOKENS     COST
00000000  a_name_that_is_…  Success  2026-11-22 05:00    12.4 s   12345  $0.0123
";
        assert_eq!(drawn(Some(80), false), expected);
        let expected = "
ID        NAME              STATE    STARTED (UTC)        COST
00000000  a_name_that_is_…  Success  2026-11-22 05:00  $0.0123
";
        assert_eq!(drawn(Some(50), false), expected);
        let expected = r"
ID        NAME                                   STATE    STARTED (UTC)     DURATION  SPANS  TOKENS     COST  TAGS
00000000  a_name_that_is_\u{1b}[31m_rather_long  Success  2026-11-22 05:00    12.4 s      0   12345  $0.0123  stand-in,…
";
        assert_eq!(drawn(Some(120), false), expected);
        let expected = r"
^[2mID^[0m        ^[2mNAME^[0m                                   ^[2mSTATE^[0m    ^[2mSTARTED (UTC)^[0m     ^[2mDURATION^[0m  ^[2mSPANS^[0m  ^[2mTOKENS^[0m     ^[2mCOST^[0m  ^[2mTAGS^[0m
00000000  a_name_that_is_\u{1b}[31m_rather_long  ^[32mSuccess^[0m  2026-11-22 05:00    12.4 s      0   12345  $0.0123  stand-in, nightly
";
        assert_eq!(drawn(None, true).replace('\x1b', "^"), expected);

        let mut long = session.clone();
        long.facts.name = "n".repeat(1_000);
        let piped = Style {
            color: false,
            width: None,
        };
        let lines = table(&[&session, &long], piped);
        let lengths: Vec<usize> = lines.lines().map(str::len).collect();
        assert!(lengths[1] < 200 && lengths[2] > 1_000, "{lines}");
    }
}
