//! A verdict as JSON.
//!
//! Fields are there in any case, and `null` where they do not apply, as in the JSON of sessions.

use agentops_core::model::json;
use agentops_core::model::llm::ProviderError;
use agentops_core::model::time::millis;
use serde::{Serialize, Serializer};

use super::{Place, Verdict};
use crate::query::Spent;

#[derive(Serialize)]
struct View<'a> {
    severity: &'static str,
    text: &'a str,
    notes: &'a [String],
    session_id: Option<String>,
    span_id: Option<String>,
    kind: Option<&'static str>,
    name: Option<&'a str>,
    agent: Option<&'a str>,
    model: Option<&'a str>,
    code: Option<&'a str>,
    message: Option<&'a str>,
    attempts: u64,
    recovered: bool,
    time_ms: Option<f64>,
    spent: Option<Spent>,
    provider_error: Option<Refusal<'a>>,
    gave_up: Option<PlaceView<'a>>,
    within: Option<Within<'a>>,
    other_failures: u64,
}

#[derive(Serialize)]
struct PlaceView<'a> {
    span_id: String,
    kind: &'static str,
    name: &'a str,
}

#[derive(Serialize)]
struct Within<'a> {
    #[serde(flatten)]
    place: PlaceView<'a>,
    since_ms: f64,
}

struct Refusal<'a>(&'a ProviderError);

impl<'a> From<&'a Place> for PlaceView<'a> {
    fn from(place: &'a Place) -> Self {
        Self {
            span_id: place.span.to_string(),
            kind: place.kind.as_str(),
            name: &place.name,
        }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let failure = self.failure.as_ref();
        let since_start = |at: u64| millis(at.saturating_sub(self.start));
        View {
            severity: self.severity.as_str(),
            text: &self.text,
            notes: &self.notes,
            session_id: failure.map(|failure| failure.session.to_string()),
            span_id: failure.map(|failure| failure.place.span.to_string()),
            kind: failure.map(|failure| failure.place.kind.as_str()),
            name: failure.map(|failure| &*failure.place.name),
            agent: failure.and_then(|failure| failure.agent.as_deref()),
            model: failure.and_then(|failure| failure.model.as_deref()),
            code: failure.and_then(|failure| failure.code.as_deref()),
            message: failure.and_then(|failure| failure.message.as_deref()),
            attempts: failure.map_or(0, |failure| failure.attempts),
            recovered: failure.is_some_and(|failure| failure.recovered),
            time_ms: failure.map(|failure| since_start(failure.time)),
            spent: failure.map(|failure| failure.spent),
            provider_error: failure
                .and_then(|failure| failure.provider.as_ref())
                .map(Refusal),
            gave_up: self.gave_up.as_ref().map(Into::into),
            within: self.within.as_ref().map(|(place, since)| Within {
                place: place.into(),
                since_ms: since_start(*since),
            }),
            other_failures: self.other_failures,
        }
        .serialize(serializer)
    }
}

impl Serialize for Refusal<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json::provider_error(self.0).serialize(serializer)
    }
}
