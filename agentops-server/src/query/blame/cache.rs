//! Context that was sent again and paid for in full, though a cache could have had it.
//!
//! Said only of models that answered from a cache at least once in the session, of calls whose messages begin with all
//! messages of an earlier call, and by the tokens that the provider counted for that earlier one. Reads whole spans, some
//! at most; how many calls were looked at is part of the answer.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::llm::{LlmCall, Message, Part};
use agentops_core::model::time::UnixNanos;
use serde::{Serialize, Serializer};

use crate::query::money::Usd;
use crate::query::run::Run;
use crate::store::{Store, StoreError};

/// Whole spans that are read at most.
const READS: usize = 500;

/// What an answer leaves of a text that nobody may see.
const REDACTED: &str = "[redacted]";

/// Context that was sent again and not read from a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resent {
    /// Calls that did.
    pub calls: u64,
    /// Tokens that an earlier call had sent already, and that were not read from a cache.
    pub tokens: u64,
    /// What they cost more than from a cache, in nano-USD; `None` where no price tells.
    pub cost: Option<i64>,
    /// Calls of which it is known whether they did.
    pub known: u64,
    /// Calls of which it is not.
    pub unknown: u64,
}

/// What a call had sent.
struct Sent {
    input: u64,
    end: UnixNanos,
}

/// Counts the calls of `counts`; others are what they may have repeated.
pub(super) fn resent(
    store: &dyn Store,
    run: &Run,
    counts: impl Fn(usize) -> bool,
) -> Result<Resent, StoreError> {
    let caching: HashSet<&str> = run
        .rows
        .iter()
        .filter(|row| row.usage.is_some_and(|usage| usage.cache_read > 0))
        .filter_map(|row| row.model.as_deref())
        .collect();
    let mut found = Resent::default();
    let mut sent = HashMap::<(&str, u64), Sent>::new();
    let mut reads = READS;
    for (at, row) in run.rows.iter().enumerate() {
        let totals = &run.sums.spans[at];
        let usage = row
            .usage
            .filter(|usage| totals.is_call && totals.counts_usage && !usage.estimated);
        let (Some(usage), Some(model)) = (usage, row.model.as_deref()) else {
            found.unknown += u64::from(totals.is_call && counts(at));
            continue;
        };
        if !caching.contains(model) || reads == 0 {
            found.unknown += u64::from(counts(at));
            continue;
        }
        reads -= 1;
        let call = read(store, run.session.facts.id, row.id)?;
        let Some((marks, call)) = call.and_then(|call| Some((marks(&call)?, call))) else {
            found.unknown += u64::from(counts(at));
            continue;
        };
        if counts(at) {
            found.known += 1;
            // The longest beginning that some call had sent before this one began.
            let before = marks
                .iter()
                .rev()
                .filter_map(|mark| sent.get(&(model, *mark)))
                .find(|sent| sent.end <= row.start);
            let again = before.map_or(0, |sent| sent.input.min(usage.input));
            let missed = again.saturating_sub(usage.cache_read);
            if missed > 0 {
                found.calls += 1;
                found.tokens = found.tokens.saturating_add(missed);
                if let Some(more) = dearer(&call, missed) {
                    found.cost = Some(found.cost.unwrap_or(0).saturating_add(more));
                }
            }
        }
        if let (Some(&whole), Some(end)) = (marks.last(), row.end) {
            let input = usage.input;
            sent.entry((model, whole)).or_insert(Sent { input, end });
        }
    }
    Ok(found)
}

fn read(
    store: &dyn Store,
    session: SessionId,
    span: SpanId,
) -> Result<Option<LlmCall>, StoreError> {
    Ok(store.span(session, span)?.and_then(|span| span.llm))
}

/// A number for each beginning of the messages, the last for all; `None` where they are not known whole.
fn marks(call: &LlmCall) -> Option<Vec<u64>> {
    let mut hasher = DefaultHasher::new();
    let mut marks = Vec::with_capacity(call.messages.len());
    for message in &call.messages {
        add(&mut hasher, message)?;
        marks.push(hasher.clone().finish());
    }
    (!marks.is_empty()).then_some(marks)
}

fn add(hasher: &mut DefaultHasher, message: &Message) -> Option<()> {
    let mut text = |kind: u8, text: &str| {
        (kind, text).hash(hasher);
        let is_whole = !text.contains(REDACTED) && !text.contains("\"$truncated\"");
        is_whole.then_some(())
    };
    text(0, &message.role)?;
    text(1, message.name.as_deref().unwrap_or_default())?;
    for part in &message.content {
        match part {
            Part::Text(said) => text(2, said)?,
            Part::Reasoning(said) => text(3, said)?,
            Part::Refusal(said) => text(4, said)?,
            Part::Other(value) => text(5, &value.to_string())?,
            _ => return None,
        }
    }
    for wish in &message.tool_calls {
        text(6, &wish.name)?;
        text(7, &wish.arguments.to_string())?;
    }
    text(8, message.tool_call_id.as_deref().unwrap_or_default())
}

/// What tokens cost more than they would have from a cache.
fn dearer(call: &LlmCall, tokens: u64) -> Option<i64> {
    let prices = call.cost.as_ref()?.prices.as_ref()?;
    let more = prices.input.checked_sub(prices.cache_read?)?;
    let nanos = u128::from(tokens) * u128::from(more) / 1_000_000;
    i64::try_from(nanos).ok()
}

impl Serialize for Resent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View {
            calls: u64,
            tokens: u64,
            usd: Option<Usd>,
            known: u64,
            unknown: u64,
        }
        View {
            calls: self.calls,
            tokens: self.tokens,
            usd: self.cost.map(Usd),
            known: self.known,
            unknown: self.unknown,
        }
        .serialize(serializer)
    }
}
