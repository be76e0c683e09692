//! Questions about runs that nobody would make: circles, parents that never came, absurd times, everything open or failed.

use std::cell::Cell;
use std::sync::Arc;

use agentops_core::model::event::{Event, Resource};
use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::llm::{Cost, LlmCall, Message, Usage};
use agentops_core::model::session::{EndState, SessionFacts};
use agentops_core::model::span::{Span, SpanKind, Status, ToolCall};
use agentops_server::query;
use agentops_server::store::sqlite::Sqlite;
use agentops_server::store::{Batch, Store};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;

use super::verdict::{START, Story, store};

const TIMES: [u64; 5] = [0, 1, START, START + 1_000_000_000, u64::MAX];

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => (0..60_u64).prop_map(|at| START + at * 1_000_000),
        1 => (0..TIMES.len()).prop_map(|at| TIMES[at]),
    ]
}

/// A span whose id is its place, from 1.
fn span() -> impl Strategy<Value = Span> {
    let shape = (
        0..30_u64,
        0..SpanKind::ALL.len(),
        0..8_u8,
        0..3_u8,
        time(),
        time(),
    );
    let figures = (
        proptest::option::of(0..2_000_u64),
        proptest::option::of(0..1_000_i64),
        proptest::option::of(0..100_i64),
        0..4_u8,
        0..3_u8,
    );
    (shape, figures).prop_map(|((parent, kind, how, name, start, end), figures)| {
        let (usage, cost, tool, said, agent) = figures;
        let name = ["sql", "ask", "step"][usize::from(name)];
        let agent = ["coder", "writer", ""][usize::from(agent)];
        let story = Story::new()
            .span(SpanKind::Agent, agent, 1, 0, [0, 0])
            .span(SpanKind::ALL[kind], name, 1, parent, [0, 0]);
        let story = match (how, said) {
            (0..4, _) => story,
            (4, _) => story.open(),
            (_, 0) => story.failed("Timeout", "timeout after 30 s"),
            (_, 1) => story.failed("Io", "no disk\nat all"),
            (_, 2) => story.failed("", ""),
            _ => story.with(|span| span.status = Status::Error),
        };
        let mut span = story.last();
        span.parent_id = SpanId(parent).some();
        span.agent = span.agent.filter(|_| !agent.is_empty());
        span.start = start;
        span.end = span.end.map(|_| end);
        span.cancelled = how == 3 || how == 7;
        if how == 2 {
            span.status = Status::Unset;
        }
        span.input = (said > 0).then(|| json!({ "a": said }));
        span.tool = tool.map(|cost| ToolCall {
            cost: Some(cost),
            ..ToolCall::default()
        });
        if usage.is_some() || cost.is_some() {
            let mut call = LlmCall::new()
                .model("acme-1")
                .message(Message::new("user").text(["a", "b"][usize::from(said % 2)]));
            call.usage = usage.map(|input| Usage::new(input, 10).cache_read(input / 3));
            call.cost = cost.map(Cost::new);
            span.llm = Some(call);
        }
        span
    })
}

fn facts() -> impl Strategy<Value = Option<SessionFacts>> {
    let ends = (0..4_usize, 0..4_usize, time(), time(), 0..30_u64);
    proptest::option::weighted(
        0.8,
        ends.prop_map(|(state, why, start, end, root)| {
            let state = [
                None,
                Some(EndState::Success),
                Some(EndState::Error),
                Some(EndState::Indeterminate),
            ][state];
            let why = [
                None,
                Some("cancelled"),
                Some("timeout after 30 s, and that was it"),
                Some(""),
            ][why];
            SessionFacts {
                root: SpanId(root).some(),
                name: "run".into(),
                start,
                end: state.map(|_| end),
                end_state: state,
                end_state_reason: why.map(str::to_owned),
                ..SessionFacts::default()
            }
        }),
    )
}

fn tell(store: &Sqlite, id: SessionId, spans: &[Span], facts: Option<SessionFacts>, lost: bool) {
    let resource = Arc::new(Resource::default());
    let facts = facts.map(|facts| {
        Event::Session(Box::new(SessionFacts {
            id,
            trace_id: id.trace(),
            ..facts
        }))
    });
    let spans = spans.iter().map(|span| match span.open {
        true => Event::SpanStarted(Box::new(span.clone())),
        false => Event::SpanEnded(Box::new(span.clone())),
    });
    let batch = Batch {
        events: facts
            .into_iter()
            .chain(spans)
            .map(|event| (resource.clone(), event))
            .collect(),
        lost: lost.then_some(id).into_iter().collect(),
        ..Batch::default()
    };
    store.commit(&batch).expect("it is taken in");
}

fn check(store: &Sqlite, id: SessionId, spans: &[Span]) -> Result<(), TestCaseError> {
    let failed = |wanted: SpanId| {
        spans.iter().any(|span| {
            span.id == wanted && span.status == Status::Error && !span.cancelled && !span.open
        })
    };
    let session = store.session(id).expect("it is read").expect("a session");
    let verdict = query::verdict(store, id).expect("it is read").expect("one");
    prop_assert!(!verdict.text.is_empty());
    if let Some(failure) = &verdict.failure {
        prop_assert!(failed(failure.place.span), "{}", verdict.text);
        prop_assert!(failure.attempts > 0);
    } else {
        prop_assert!(!verdict.text.contains(" failed with "), "{}", verdict.text);
    }
    if let Some(place) = &verdict.gave_up {
        prop_assert!(failed(place.span), "{}", verdict.text);
    }
    serde_json::to_string(&verdict).expect("JSON");

    let blame = query::blame(store, id).expect("it is read").expect("one");
    let sum = |portions: &[query::blame::Portion]| -> i64 {
        portions
            .iter()
            .filter_map(|portion| portion.cost.known)
            .sum()
    };
    let whole = session.cost.total.unwrap_or(0);
    prop_assert_eq!(sum(&blame.agents), whole);
    prop_assert_eq!(sum(&blame.models) + sum(&blame.tools), whole);
    let waste = &blame.waste;
    let wasted = [waste.retried, waste.failed, waste.loops];
    let wasted: i64 = wasted.iter().filter_map(|took| took.cost).sum();
    prop_assert!(wasted <= whole);
    serde_json::to_string(&blame).expect("JSON");

    let path = query::critical_path(store, id)
        .expect("it is read")
        .expect("one");
    let mut last = 0;
    let mut busy = 0;
    for segment in &path.segments {
        prop_assert!(
            last <= segment.from && segment.from < segment.to && segment.to <= path.duration
        );
        last = segment.to;
        busy += segment.to - segment.from;
    }
    prop_assert_eq!(busy + path.idle, path.duration);
    prop_assert_eq!(path.spans.iter().map(|part| part.nanos).sum::<u64>(), busy);

    for found in query::loops(store, id).expect("it is read").expect("one") {
        prop_assert!(found.rounds >= 3 && found.failed <= found.rounds);
    }
    let growth = query::context(store, id).expect("it is read").expect("one");
    let sent: u64 = growth
        .iter()
        .flat_map(|agent| &agent.calls)
        .map(|call| call.input)
        .sum();
    prop_assert_eq!(sent, session.tokens.input);
    // Each by itself is as it stands among all; of very many some.
    let whole = query::trace(store, id)
        .expect("it is read")
        .expect("it is there");
    for span in whole.spans.iter().take(40) {
        let alone = query::span(store, id, span.id).expect("it is read");
        prop_assert_eq!(alone.as_ref(), Some(span));
    }
    Ok(())
}

#[test]
fn whatever_is_told_there_is_an_answer() {
    let (_home, store) = store();
    let next = Cell::new(1_u128 << 100);
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(256)
    };
    let runs = (
        proptest::collection::vec(span(), 1..28),
        facts(),
        proptest::bool::weighted(0.2),
    );
    let ran = TestRunner::new(config).run(&runs, |(mut spans, facts, lost)| {
        let id = SessionId(next.replace(next.get() + 1));
        for (nth, span) in (1..).zip(&mut spans) {
            (span.id, span.session_id, span.trace_id) = (SpanId(nth), id, id.trace());
            // Which one is the session's own is then a matter of the order in which it is looked for.
            if facts.as_ref().is_none_or(|facts| facts.root.is_none())
                && span.kind == SpanKind::Session
            {
                span.kind = SpanKind::Unknown;
            }
        }
        tell(&store, id, &spans, facts, lost);
        check(&store, id, &spans)
    });
    ran.expect("each holds");
}

#[test]
fn deep_and_wide() {
    let (_home, store) = store();
    let id = SessionId(1 << 100);
    let told = |spans: Vec<Span>, text: &str| {
        tell(&store, id, &spans, None, false);
        check(&store, id, &spans).expect("it holds");
        let verdict = query::verdict(&store, id).expect("it is read");
        assert_eq!(verdict.expect("one").text, text);
    };
    let failed = Story::new()
        .span(SpanKind::Task, "step", 1, 0, [0, 100])
        .failed("Io", "no disk is there")
        .last();
    let at = |id: u64, parent: u64| Span {
        id: SpanId(id),
        parent_id: SpanId(parent).some(),
        session_id: SessionId(1 << 100),
        ..failed.clone()
    };
    let mut spans: Vec<Span> = (1..=10_000).map(|nth| at(nth, nth - 1)).collect();
    spans.extend((1..=2_000).map(|nth| Span {
        name: "leaf".into(),
        ..at(10_000 + nth, 10_000)
    }));
    told(
        spans,
        "`leaf` failed 2000 times with “no disk is there”; `step` gave up. First at 100 ms.",
    );
}
