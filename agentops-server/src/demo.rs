//! A run to look at before there is one's own: what `research_team --break` recorded, played in at its own pace.
//!
//! The recording is a spool file in the binary. Each play is a session of its own, as of now; its spans start and end
//! when they did, so that it can be watched. Knows the store's way in, and nothing of what is shown.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agentops_core::model::event::{Event, Resource};
use agentops_core::model::frame::Reader;
use agentops_core::model::id::{SessionId, TraceId};
use agentops_core::model::llm::LlmCall;
use agentops_core::model::session::SessionFacts;
use agentops_core::model::span::{Span, Status};
use agentops_core::model::time::UnixNanos;

use crate::ingest::price;

/// `research_team --break`, recorded; `agentops-server/demo/record` makes it again.
const RECORDING: &[u8] = include_bytes!("../demo/research_team.agentops.gz");

/// A run that can be played.
#[derive(Debug)]
pub struct Recording {
    resource: Arc<Resource>,
    facts: SessionFacts,
    spans: Vec<Span>,
}

/// Something that happens at its time.
#[derive(Debug)]
pub struct Step {
    /// After the beginning of the run.
    pub after: Duration,
    /// What happens.
    pub event: Event,
}

impl Recording {
    /// The run in the binary.
    ///
    /// # Panics
    ///
    /// Where the binary was built with a recording that does not read back, which a test prevents.
    #[must_use]
    pub fn bundled() -> Self {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(RECORDING)
            .read_to_end(&mut bytes)
            .expect("the recording unpacks");
        Self::read(&bytes).expect("the recording is a spool file with a session")
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes).ok()?;
        let mut spans = HashMap::new();
        let mut facts: Option<SessionFacts> = None;
        for event in &mut reader {
            match event {
                Event::SpanEnded(span) => _ = spans.insert(span.id, *span),
                Event::Session(found) => match &mut facts {
                    Some(facts) => agentops_core::model::trace::complete(facts, *found),
                    facts => *facts = Some(*found),
                },
                _ => {}
            }
        }
        let mut spans: Vec<Span> = spans.into_values().collect();
        spans.sort_by_key(|span| (span.start, span.id));
        let mut resource = reader.resource()?.clone();
        // It was recorded elsewhere, by a process that is long gone.
        (resource.host, resource.pid) = Default::default();
        Some(Self {
            resource: Arc::new(resource),
            facts: facts?,
            spans,
        })
    }

    /// Who recorded it.
    #[must_use]
    pub fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    /// What happens when, in a session of its own that begins at `start`.
    #[must_use]
    pub fn steps(&self, session: SessionId, start: UnixNanos) -> Vec<Step> {
        let began = self.facts.start;
        let moved = |time: UnixNanos| start + time.saturating_sub(began);
        let mut steps = Vec::with_capacity(2 * self.spans.len() + 2);
        let mut facts = SessionFacts {
            id: session,
            trace_id: session.trace(),
            start,
            end: self.facts.end.map(moved),
            ..self.facts.clone()
        };
        let ended = facts.clone();
        (facts.end, facts.end_state, facts.end_state_reason) = (None, None, None);
        steps.push(Step {
            after: Duration::ZERO,
            event: Event::Session(Box::new(facts)),
        });
        for span in &self.spans {
            let span = self.moved(span, session, &moved);
            let end = span.end.unwrap_or(span.start);
            steps.push(Step {
                after: Duration::from_nanos(span.start - start),
                event: Event::SpanStarted(Box::new(begun(&span))),
            });
            steps.push(Step {
                after: Duration::from_nanos(end - start),
                event: Event::SpanEnded(Box::new(span)),
            });
        }
        let end = ended.end.unwrap_or(start);
        steps.push(Step {
            after: Duration::from_nanos(end - start),
            event: Event::Session(Box::new(ended)),
        });
        // What happens at once stays in its order: parents start before their children, and end after them.
        steps.sort_by_key(|step| step.after);
        steps
    }

    fn moved(
        &self,
        span: &Span,
        session: SessionId,
        moved: &impl Fn(UnixNanos) -> UnixNanos,
    ) -> Span {
        let mut span = span.clone();
        span.session_id = session;
        span.trace_id = session.trace();
        span.start = moved(span.start);
        span.end = span.end.map(moved);
        for log in &mut span.logs {
            log.time = moved(log.time);
        }
        for link in &mut span.links {
            if link.trace_id == TraceId(self.facts.trace_id.0) {
                link.trace_id = session.trace();
            }
        }
        if let Some(error) = &mut span.error {
            error.time = moved(error.time);
        }
        price(&mut span);
        span
    }
}

/// A span as it is known while it runs.
fn begun(span: &Span) -> Span {
    let asked = span.llm.as_ref().map(|call| {
        let mut asked = LlmCall::default();
        asked.provider.clone_from(&call.provider);
        asked.request_model.clone_from(&call.request_model);
        asked.operation.clone_from(&call.operation);
        asked.messages.clone_from(&call.messages);
        asked.parameters.clone_from(&call.parameters);
        asked.streaming = call.streaming;
        asked
    });
    Span {
        open: true,
        end: None,
        status: Status::Unset,
        cancelled: false,
        busy: None,
        polls: None,
        output: None,
        error: None,
        logs: Vec::new(),
        llm: asked,
        ..span.clone()
    }
}

/// An id for a session that begins now: a UUID of version 7.
pub fn session_id(now: SystemTime) -> (SessionId, UnixNanos) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut random = [0; 10];
    // Without random bytes two plays in one millisecond would be one session, which harms nobody.
    _ = getrandom::fill(&mut random);
    let millis = u64::try_from(since.as_millis()).unwrap_or(0);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    let nanos = u64::try_from(since.as_nanos()).unwrap_or(0);
    (SessionId(id.as_u128()), nanos)
}

#[cfg(test)]
mod tests {
    use agentops_core::model::trace::Traces;

    use super::*;

    const NOW: UnixNanos = 1_800_000_000_000_000_000;

    #[test]
    fn a_play_is_the_run_that_was_recorded_at_another_time() {
        let recording = Recording::bundled();
        let steps = recording.steps(SessionId(7), NOW);
        assert!(steps.is_sorted_by_key(|step| step.after));
        let mut traces = Traces::default();
        let mut most_open = 0;
        for (at, step) in steps.into_iter().enumerate() {
            traces.apply(recording.resource(), step.event);
            if at % 7 == 0 {
                let open = traces
                    .get(SessionId(7))
                    .map_or(0, |trace| trace.session.counts.open);
                most_open = most_open.max(open);
            }
        }
        let trace = traces.take(SessionId(7)).expect("a session");
        let session = &trace.session;
        assert_eq!(session.facts.start, NOW);
        assert_eq!(session.facts.name, "research_team");
        assert!(session.facts.tags.contains(&"stand-in".to_owned()));
        assert_eq!(session.counts.open, 0);
        assert!(most_open > 3, "{most_open}");
        assert!(session.counts.errors > 0 && session.counts.llm_calls > 5);
        assert!(session.cost.total.is_some_and(|cost| cost > 0) && !session.cost.partial);
        assert!(
            trace
                .spans
                .iter()
                .all(|span| span.start >= NOW && span.trace_id == TraceId(7))
        );
    }
}
