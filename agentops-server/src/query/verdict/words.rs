//! A verdict in plain English.
//!
//! Every sentence is made here, of what was found; names and messages are shown so that no terminal obeys them.

use std::borrow::Cow;

use agentops_core::model::span::SpanKind;
use agentops_core::model::tree::text::{clean, duration, plural};
use agentops_core::model::tree::usd;

use super::{Failure, Judge, Outcome, Place, Verdict, Withheld};
use crate::query::Spent;

/// So much of a message is quoted.
const QUOTED: usize = 160;

/// So many names are told.
const NAMES: usize = 3;

impl Judge<'_> {
    /// `session` is the name of the one within this one that the failure is in; `went_on` did not fail over it.
    pub(super) fn text(
        &self,
        outcome: Outcome,
        verdict: &Verdict,
        session: Option<&str>,
        went_on: Option<usize>,
    ) -> String {
        let failure = verdict.failure.as_ref();
        let clause = failure.map(|failure| match session {
            Some(name) => format!("in session {}, {}", name_of(name), clause(failure)),
            None => clause(failure),
        });
        let tail = failure.map_or_else(String::new, |failure| self.tail(failure));
        let before = clause
            .as_ref()
            .map_or_else(String::new, |clause| format!(" Before, {clause}."));
        let reason = self.run.session.facts.end_state_reason.as_deref();
        let reason = reason.and_then(quote);
        match outcome {
            Outcome::Failed => match clause {
                Some(clause) => {
                    let by_hand = !self.chief().is_some_and(|at| self.run.failed(at));
                    let message = failure.and_then(|failure| failure.message.as_deref());
                    let said = self.run.session.facts.end_state_reason.as_deref();
                    let is_told = message
                        .zip(said)
                        .is_some_and(|(message, reason)| reason.contains(message));
                    let then = match (&verdict.gave_up, by_hand && !is_told, reason) {
                        (Some(place), false, _) => format!("; {} gave up", name_of(&place.name)),
                        (_, true, Some(reason)) => {
                            format!("; the run was ended as an error: {reason}")
                        }
                        (_, true, None) => "; the run was ended as an error".into(),
                        (None, false, _) => String::new(),
                    };
                    format!("{}{then}.{tail}", sentence(&clause))
                }
                None => match reason {
                    Some(reason) => {
                        format!(
                            "Ended as an error by its own word: {reason}; no span failed of it."
                        )
                    }
                    None => "Ended as an error by its own word; no span failed of it.".into(),
                },
            },
            Outcome::Succeeded => match (clause, failure) {
                (Some(clause), Some(failure)) if failure.recovered => {
                    format!("Succeeded, after {clause} and then worked.{tail}")
                }
                (Some(clause), _) => {
                    let who = went_on.map(|at| name_of(&self.run.rows[at].name).into_owned());
                    let who = who.unwrap_or_else(|| "the run".into());
                    format!("Succeeded, though {clause}; {who} went on.{tail}")
                }
                _ if self.run.lacks_root() => "Nothing went wrong in what came.".into(),
                _ => "Nothing went wrong.".into(),
            },
            Outcome::Cancelled => {
                let end = self
                    .run
                    .session
                    .facts
                    .end
                    .unwrap_or_else(|| self.run.last());
                let at = duration(self.run.offset(end));
                format!("Cancelled at {at}, before it was done.{before}")
            }
            Outcome::Unsaid => match (clause, reason) {
                (Some(clause), _) => {
                    format!("Ended without saying how it went, and {clause}.{tail}")
                }
                (None, Some(reason)) => {
                    format!("Ended as indeterminate: {reason}; no span failed.")
                }
                (None, None) => "Ended without saying how it went; no span failed.".into(),
            },
            Outcome::Running => {
                let spent =
                    spent(&self.spent_by(u64::MAX)).map(|spent| format!(", {spent} spent so far"));
                let spent = spent.unwrap_or_default();
                let within = verdict.within.as_ref().map(|(place, since)| {
                    let since = duration(self.run.offset(*since));
                    format!(", in {} since {since}", subject(place))
                });
                format!("Running{}{spent}.{before}", within.unwrap_or_default())
            }
            Outcome::Lost => {
                let within = verdict.within.as_ref();
                let within =
                    within.map(|(place, _)| format!(" while {} was running", subject(place)));
                let within = within.unwrap_or_default();
                let last = match self.run.offset(self.run.last()) {
                    0 => String::new(),
                    last => {
                        let spent = spent(&self.spent_by(u64::MAX));
                        let spent = spent.map(|spent| format!(", {spent} spent by then"));
                        let spent = spent.unwrap_or_default();
                        format!(" Last heard of at {}{spent}.", duration(last))
                    }
                };
                format!("The process ended{within}, and never said how it went.{last}{before}")
            }
        }
    }

    /// When it was, and what had been paid for.
    fn tail(&self, failure: &Failure) -> String {
        let at = duration(self.run.offset(failure.time));
        let word = if failure.attempts > 1 {
            "First at"
        } else {
            "At"
        };
        match spent(&failure.spent) {
            Some(spent) => format!(" {word} {at}, {spent} spent by then."),
            None => format!(" {word} {at}."),
        }
    }

    pub(super) fn notes(
        &self,
        outcome: Outcome,
        verdict: &Verdict,
        withheld: Option<(usize, Withheld)>,
    ) -> Vec<String> {
        let session = &self.run.session;
        let mut notes = Vec::new();
        if let Some((at, how)) = withheld {
            let call = name_of(&self.run.rows[at].name);
            notes.push(match how {
                Withheld::Filtered => {
                    format!("The last model call, {call}, was stopped by a content filter.")
                }
                Withheld::Refused => {
                    format!("In the last model call, {call}, the model refused to answer.")
                }
            });
        }
        if outcome != Outcome::Failed && verdict.other_failures > 0 && verdict.failure.is_some() {
            let more = plural(verdict.other_failures, "other failure");
            notes.push(format!("{more} did not end it either."));
        }
        if session.counts.dropped > 0 {
            let lost = plural(session.counts.dropped, "span");
            notes.push(format!(
                "{lost} got lost in recording: something may be missing here."
            ));
        }
        let over = !matches!(outcome, Outcome::Running | Outcome::Lost);
        if over && session.counts.open > 0 {
            notes.push(format!(
                "{} never ended.",
                plural(session.counts.open, "span")
            ));
        }
        let ours = session.facts.root;
        let orphans = self
            .run
            .rows
            .iter()
            .enumerate()
            .skip(1)
            .filter(|(at, row)| {
                row.parent_id.is_some_and(|id| id != row.id)
                    && self.run.parent(*at).is_none()
                    && Some(row.id) != ours
            });
        let orphans = orphans.count() as u64;
        if self.run.lacks_root() {
            notes.push(match over {
                false => "The span that all of this ran in has not come yet.".into(),
                true => "The span that all of this ran in never came: how it ended is not known."
                    .to_owned(),
            });
        } else if orphans > 0 {
            notes.push(format!(
                "Of {} the span around it is not here.",
                plural(orphans, "span")
            ));
        }
        let cost = &session.cost;
        let sum = match cost.total {
            Some(_) => "more was spent than is known",
            None => "what was spent is not known",
        };
        let unpriced = &cost.unpriced_models;
        if !unpriced.is_empty() {
            let have = if unpriced.len() == 1 { "has" } else { "have" };
            notes.push(format!("{} {have} no price: {sum}.", list(unpriced)));
        } else if cost.partial && over {
            notes.push(format!("Not every call said what it took: {sum}."));
        }
        notes
    }
}

/// Who failed, how often, and with what.
fn clause(failure: &Failure) -> String {
    let who = match failure.is_session {
        true => Cow::Borrowed("the run itself"),
        false => Cow::Owned(subject(&failure.place)),
    };
    let times = match failure.attempts {
        0 | 1 => String::new(),
        times => format!(" {} times", times),
    };
    let refused = failure.provider.as_ref().filter(|_| !failure.answered);
    let did = match refused {
        Some(error) => {
            let status = error.status.map(|status| status.to_string());
            let code = error.code.as_ref().or(error.kind.as_ref());
            let code = code.map(|code| clean(code).into_owned());
            let code = code.filter(|code| Some(code) != status.as_ref());
            let mut said = status.into_iter().chain(code).collect::<Vec<_>>().join(" ");
            if let Some(wait) = error.retry_after {
                let comma = if said.is_empty() { "" } else { ", " };
                said += &format!("{comma}retry after {}", duration(wait));
            }
            let said = if said.is_empty() {
                said
            } else {
                format!(" ({said})")
            };
            format!("was refused{times}{said}")
        }
        None if failure.code.as_deref() == Some("panic") => format!("panicked{times}"),
        None if failure.place.kind == SpanKind::Guardrail => format!("tripped{times}"),
        None => format!("failed{times}"),
    };
    let message = failure.message.as_deref().and_then(quote);
    let code = || failure.code.as_deref().filter(|code| *code != "panic");
    let with = message.or_else(|| code().map(|code| name_of(code).into_owned()));
    match with {
        Some(with) => format!("{who} {did} with {with}"),
        None => format!("{who} {did}"),
    }
}

/// A span with a word for what it is, where its name may not say.
fn subject(place: &Place) -> String {
    let word = match place.kind {
        SpanKind::Llm => "model call ",
        SpanKind::Guardrail => "guardrail ",
        SpanKind::Agent => "agent ",
        SpanKind::Session => "session ",
        _ => "",
    };
    format!("{word}{}", name_of(&place.name))
}

fn name_of(name: &str) -> Cow<'_, str> {
    Cow::Owned(format!("`{}`", shortened(name)))
}

fn quote(message: &str) -> Option<String> {
    let line = message
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())?;
    Some(format!("“{}”", shortened(line)))
}

fn shortened(text: &str) -> String {
    let mut kept: String = text.chars().take(QUOTED).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    clean(&kept).into_owned()
}

fn list(names: &[String]) -> String {
    let told: Vec<_> = names.iter().take(NAMES).map(|name| name_of(name)).collect();
    let more = names.len().saturating_sub(NAMES);
    match (told.split_last(), more) {
        (Some((last, [])), _) => last.to_string(),
        (_, 1..) => format!("{} and {more} more", told.join(", ")),
        (Some((last, before)), 0) => format!("{} and {last}", before.join(", ")),
        (None, 0) => String::new(),
    }
}

fn spent(spent: &Spent) -> Option<String> {
    let about = if spent.estimated { "about " } else { "" };
    match (spent.known, spent.partial) {
        (Some(known), false) => Some(format!("{about}{}", usd(known))),
        (Some(known), true) => Some(format!("more than {about}{}", usd(known))),
        (None, true) => Some("an unknown sum".into()),
        (None, false) => None,
    }
}

/// With a capital, where it begins with a word of ours.
fn sentence(clause: &str) -> String {
    let mut chars = clause.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
