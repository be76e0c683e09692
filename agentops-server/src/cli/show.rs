//! `agentops show`: one session, whole.
//!
//! Draws what became of it and the tree for people, the published JSON for programs, and helps on where an id names none
//! or several.

use agentops_core::model::json;
use agentops_core::model::session::Session;
use agentops_core::model::tree::{self, Style, text};
use serde::Serialize;

use super::{Failure, Output, Recorded};
use crate::query::blame::{Blame, Portion};
use crate::query::loops::Loop;
use crate::query::{self, Run, Severity, Unresolved, Verdict, blame, loops, verdict};

/// As the published JSON has it, with what became of it.
#[derive(Serialize)]
struct Answer<'a, A: Serialize, B: Serialize> {
    #[serde(flatten)]
    session: A,
    verdict: &'a Verdict,
    spans: B,
}

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
    let Some(run) = Run::read(store, id)? else {
        return Err(explain(Unresolved::Unknown, &args.id, recorded)?);
    };
    let verdict = verdict::of(store, &run)?;
    if args.json {
        return output.json(&Answer {
            session: json::session_alone(&trace.session),
            verdict: &verdict,
            spans: json::spans(&trace.spans),
        });
    }
    let style = output.style;
    output.text(&tree::head(&trace, style))?;
    let color = color_of(verdict.severity);
    output.text(&note("verdict", &verdict.text, color, style))?;
    if let Some(line) = costs(&blame::of(store, &run)?) {
        output.text(&note("cost", &line, "", style))?;
    }
    if let Some(line) = rounds(&loops::of(&run)) {
        output.text(&note("loop", &line, "33", style))?;
    }
    if !trace.spans.is_empty() {
        output.text("\n")?;
    }
    output.text(&tree::body(&trace, style))
}

/// So many of a kind are told in a line.
const TOLD: usize = 3;

/// Who the money went to and what of it was wasted; `None` where there is none.
fn costs(blame: &Blame) -> Option<String> {
    blame.cost.known.filter(|cost| *cost > 0)?;
    let mut line = portions(&blame.agents);
    if blame.models.len() > 1 {
        line += &format!(" · {}", portions(&blame.models));
    }
    let waste = &blame.waste;
    let ways = [
        (waste.retried.cost, "calls that were made again"),
        (waste.failed.cost, "calls that failed"),
        (waste.loops.cost, "loops"),
        (waste.resent.cost, "context sent again past the cache"),
    ];
    let ways = ways.into_iter().filter_map(|(cost, why)| {
        let cost = cost.filter(|cost| *cost > 0)?;
        Some(format!("{} in {why}", tree::usd(cost)))
    });
    let ways: Vec<String> = ways.collect();
    if !ways.is_empty() {
        line += &format!("; wasted {}", ways.join(", "));
    }
    Some(line)
}

fn portions(portions: &[Portion]) -> String {
    let told = portions.iter().filter_map(|portion| {
        let share = portion.share.filter(|share| *share > 0.0)?;
        let name = portion.name.as_deref().unwrap_or("unnamed");
        let percent = (share * 100.0).round();
        let percent = match percent {
            0.0 => "< 1".into(),
            percent => format!("{percent}"),
        };
        Some(format!("{} {percent} %", text::clean(name)))
    });
    let all: Vec<String> = told.collect();
    let mut line = all
        .iter()
        .take(TOLD)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if all.len() > TOLD {
        line += &format!(", {} more", all.len() - TOLD);
    }
    line
}

/// What was done over and over; `None` where nothing was.
fn rounds(loops: &[Loop]) -> Option<String> {
    let told = loops.iter().take(TOLD).map(|found| {
        let name = text::clean(&found.name);
        let mut line = format!("{name} {} times with the same request", found.rounds);
        let mut cost = found.took.cost.unwrap_or(0);
        cost = cost.saturating_add(found.between.cost.unwrap_or(0));
        if cost > 0 {
            line += &format!(" ({})", tree::usd(cost));
        }
        line
    });
    let mut line = told.collect::<Vec<_>>().join(", ");
    if loops.len() > TOLD {
        line += &format!(", and {} more", loops.len() - TOLD);
    }
    (!loops.is_empty()).then_some(line)
}

/// A line of its own, in several where there is no room; what does not fit a line by itself is cut.
fn note(word: &str, said: &str, color: &str, style: Style) -> String {
    let room = style.width.unwrap_or(usize::MAX);
    let mut line = format!("{word}:");
    let mut lines = Vec::new();
    for word in said.split(' ') {
        if text::width(&line) + 1 + text::width(word) <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(line);
            line = format!("  {}", text::fit(word, room.saturating_sub(2)));
        }
    }
    lines.push(line);
    let paint = |line: String| match style.color && !color.is_empty() {
        true => format!("\x1b[{color}m{line}\x1b[0m\n"),
        false => line + "\n",
    };
    lines.into_iter().map(paint).collect()
}

fn color_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "32",
        Severity::Error => "31",
        Severity::Warning | Severity::Running | Severity::Lost => "33",
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_takes_as_many_lines_as_it_needs() {
        let said = "`sql` failed 3 times with “timeout after 30 s”; `日本語日本語日本語日本語日本語` gave up.";
        let style = |color, width| Style { color, width };
        let expected = "verdict: `sql` failed 3 times with “timeout after 30 s”; `日本語日本語日本語日本語日本語` gave up.\n";
        assert_eq!(note("verdict", said, "31", style(false, None)), expected);
        let expected = "
^[31mverdict: `sql` failed 3^[0m
^[31m  times with “timeout^[0m
^[31m  after 30 s”;^[0m
^[31m  `日本語日本語日本語日…^[0m
^[31m  gave up.^[0m
";
        let drawn = note("verdict", said, "31", style(true, Some(24)));
        assert_eq!(format!("\n{drawn}").replace('\x1b', "^"), expected);
        assert_eq!(note("cost", "a b", "", style(true, None)), "cost: a b\n");
    }

    #[test]
    fn few_are_told_of_many() {
        let portion = |name: &str, share| Portion {
            name: Some(name.into()),
            share: Some(share),
            ..Portion::default()
        };
        let all = [
            portion("coder", 0.7751),
            portion("writer", 0.2),
            portion("x\x1b", 0.0204),
            portion("tester", 0.004),
            portion("nobody", 0.0),
        ];
        assert_eq!(
            portions(&all),
            "coder 78 %, writer 20 %, x\\u{1b} 2 %, 1 more"
        );
        assert_eq!(portions(&all[3..]), "tester < 1 %");
    }
}
