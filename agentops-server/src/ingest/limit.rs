//! How much is kept of what came, whichever way it came in.
//!
//! Names, tags and attributes stand in lists and beside sums, so that one sender's may not weigh on everything else; what
//! a call took and cost is added up, so that what no call takes may not spoil the sums. What is cut or left out is
//! counted by cause; inputs and outputs stay as they are. Knows nothing of where events come from.

use std::collections::BTreeMap;

use agentops_core::model::event::Resource;
use agentops_core::model::llm::Usage;
use agentops_core::model::session::SessionFacts;
use agentops_core::model::span::Span;
use serde_json::{Map, Value};

use crate::stats::Stats;

/// How many attributes of a span are kept besides those that have a place.
const MAX_ATTRIBUTES: usize = 1_000;

/// How many bytes of a name are kept: names are columns of every list.
const MAX_NAME: usize = 1_024;

/// How many tags of a span or a session are kept.
const MAX_TAGS: usize = 1_000;

/// How many bytes are kept of what a session says in its own words.
const MAX_TEXT: usize = 64 << 10;

/// How many tokens a call may have taken: a hundred times what the longest context holds. Sums of 64 bits hold those of
/// nine thousand million such calls.
const MAX_TOKENS: u64 = 1_000_000_000;

/// What a call may have cost, in nano-USD: up to 10,000 USD. Sums of 64 bits hold nine thousand million USD, which is
/// nearly a million such calls.
const COSTS: std::ops::RangeInclusive<i64> = 0..=10_000_000_000_000;

/// What was not taken of what came, and why.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Whole spans or logs.
    pub items: BTreeMap<&'static str, u64>,
    /// Parts of those that were taken.
    pub parts: BTreeMap<&'static str, u64>,
    /// What is wrong with the first that is not as OTLP has it.
    why: Option<String>,
}

/// Names are cut, and attributes beyond any use left out; what went in and came out stays as it is.
pub(super) fn span(span: &mut Span, refused: &mut Refused) {
    let mut cuts = 0;
    cuts += u64::from(cut(&mut span.name));
    if let Some(agent) = &mut span.agent {
        cuts += u64::from(cut(&mut agent.name)) + u64::from(cut(&mut agent.id));
    }
    if let Some(tool) = &mut span.tool {
        cuts += u64::from(cut(&mut tool.name));
    }
    if let Some(call) = &mut span.llm {
        for name in [&mut call.model, &mut call.request_model, &mut call.provider] {
            cuts += name.as_mut().map_or(0, |name| u64::from(cut(name)));
        }
    }
    if let Some(error) = &mut span.error {
        cuts += u64::from(cut(&mut error.code));
    }
    refused.part("names", cuts);
    tags(&mut span.tags, refused);
    attributes(&mut span.attributes, refused);
    numbers(span, refused);
}

/// The same of what a session says of itself.
pub(super) fn facts(facts: &mut SessionFacts, refused: &mut Refused) {
    let mut cuts = u64::from(cut(&mut facts.name));
    for name in [&mut facts.user_id, &mut facts.conversation_id] {
        cuts += name.as_mut().map_or(0, |name| u64::from(cut(name)));
    }
    // These are words that sessions are found by.
    for key in ["deployment.environment.name", "environment"] {
        if let Some(Value::String(name)) = facts.attributes.get_mut(key) {
            cuts += u64::from(cut(name));
        }
    }
    refused.part("names", cuts);
    let texts = [&mut facts.end_state_reason, &mut facts.video];
    let cuts = texts.into_iter().flatten();
    let cuts = cuts.filter_map(|text| cut_to(text, MAX_TEXT).then_some(()));
    refused.part("texts", cuts.count() as u64);
    tags(&mut facts.tags, refused);
    attributes(&mut facts.attributes, refused);
}

fn tags(tags: &mut Vec<String>, refused: &mut Refused) {
    refused.part("tags", tags.len().saturating_sub(MAX_TAGS) as u64);
    tags.truncate(MAX_TAGS);
    let cuts = tags.iter_mut().filter_map(|tag| cut(tag).then_some(()));
    refused.part("names", cuts.count() as u64);
}

pub(super) fn attributes(attributes: &mut Map<String, Value>, refused: &mut Refused) {
    let keys: Vec<String> = attributes.keys().skip(MAX_ATTRIBUTES).cloned().collect();
    keys.iter().for_each(|key| drop(attributes.remove(key)));
    refused.part("attributes", keys.len() as u64);
}

/// What no call took or cost is not known: sums would never be right again.
fn numbers(span: &mut Span, refused: &mut Refused) {
    let mut wrong = 0;
    if let Some(call) = &mut span.llm {
        let counts = |usage: &Usage| {
            [
                usage.input,
                usage.output,
                usage.cache_read,
                usage.cache_write,
                usage.cache_write_1h,
                usage.reasoning,
                usage.input_audio,
                usage.cache_read_audio,
                usage.output_audio,
                usage.web_searches,
                usage.total,
            ]
        };
        let is_taken = |usage: &mut Usage| counts(usage).into_iter().all(|n| n <= MAX_TOKENS);
        wrong += u64::from(keep(&mut call.usage, is_taken));
        wrong += u64::from(keep(&mut call.cost, |cost| {
            let parts = [Some(cost.total), cost.input, cost.output];
            parts
                .into_iter()
                .flatten()
                .all(|cost| COSTS.contains(&cost))
        }));
    }
    if let Some(tool) = &mut span.tool {
        wrong += u64::from(keep(&mut tool.cost, |cost| COSTS.contains(cost)));
    }
    refused.part("numbers", wrong);
}

/// Takes away what is not as it should be; whether it did.
fn keep<T>(value: &mut Option<T>, is_right: impl FnOnce(&mut T) -> bool) -> bool {
    let was_there = value.is_some();
    *value = value.take_if(is_right);
    was_there && value.is_none()
}

/// What a process says of itself: it stands beside each of its sessions.
pub(super) fn resource(mut resource: Resource, refused: &mut Refused) -> Resource {
    let names = [&mut resource.service, &mut resource.project];
    let names = names.into_iter().chain(&mut resource.service_version);
    let host = &mut resource.host;
    let host = [
        &mut host.os,
        &mut host.arch,
        &mut host.hostname,
        &mut host.rustc,
        &mut host.sdk,
    ];
    let cuts = names
        .chain(host.into_iter().flatten())
        .filter_map(|name| cut(name).then_some(()));
    refused.part("names", cuts.count() as u64);
    resource
}

/// Whether a name had to be cut.
fn cut(name: &mut String) -> bool {
    cut_to(name, MAX_NAME)
}

fn cut_to(text: &mut String, longest: usize) -> bool {
    if text.len() <= longest {
        return false;
    }
    text.truncate(text.floor_char_boundary(longest));
    true
}

impl Refused {
    /// Some are not as OTLP has them, the first for this reason.
    pub(super) fn not_otlp(&mut self, count: u64, why: Option<String>) {
        if count > 0 {
            *self.items.entry("not_otlp").or_default() += count;
            self.why = why;
        }
    }

    /// A span or a log is not taken.
    pub(super) fn item(&mut self, cause: &'static str) {
        *self.items.entry(cause).or_default() += 1;
    }

    /// Parts are left out.
    pub(super) fn part(&mut self, cause: &'static str, count: u64) {
        if count > 0 {
            *self.parts.entry(cause).or_default() += count;
        }
    }

    /// Whether all was taken as it came.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.parts.is_empty()
    }

    /// Counts them, of what they are.
    pub fn count_in(&self, stats: &Stats, what: &'static str) {
        for (cause, count) in &self.items {
            stats.refused(what, cause, *count);
        }
        for (cause, count) in &self.parts {
            stats.refused("parts", cause, *count);
        }
    }

    /// How many spans or logs were not taken.
    pub fn count(&self) -> u64 {
        self.items.values().sum()
    }

    /// What to tell the sender; nothing where all was taken.
    pub fn message(&self) -> Option<String> {
        let said: Vec<String> = self
            .items
            .iter()
            .map(|(cause, count)| match (*cause, &self.why) {
                ("not_otlp", Some(why)) => format!("{count} refused: {}: {why}", reason(cause)),
                _ => format!("{count} refused: {}", reason(cause)),
            })
            .chain(
                self.parts
                    .iter()
                    .map(|(cause, count)| format!("{count} {}", reason(cause))),
            )
            .collect();
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// What a cause says to people.
fn reason(cause: &'static str) -> &'static str {
    match cause {
        "no_valid_id" => "their trace id (16 bytes) or span id (8 bytes) is missing or not valid",
        "not_otlp" => "they are not as OTLP has them, the first",
        "deep" => "values left out: 28 lists inside one another are kept",
        "no_start" => "they have no start time",
        "truncated" | "malformed" => "they are no valid protobuf",
        "too_many_values" => "they have more than a million values",
        "too_many" => "a request may have 100000; send them in several",
        "attributes" => "attributes left out: 1000 are kept beside those that have a meaning here",
        "names" => "names cut to 1024 bytes",
        "texts" => "texts cut to 64 KiB",
        "tags" => "tags left out: 1000 are kept",
        "numbers" => {
            "numbers left out: a call has at most 10^9 tokens, and costs from 0 to 10000 USD"
        }
        other => other,
    }
}
