//! Where a run's money and time went: blame, waste, loops, the critical path, context.

use agentops_core::model::id::SpanId;
use agentops_core::model::llm::{Cost, LlmCall, Message, Prices, Usage};
use agentops_core::model::session::EndState;
use agentops_core::model::span::{SpanKind, Status, ToolCall};
use agentops_server::query::blame::{Blame, Portion};
use agentops_server::query::critical::CriticalPath;
use agentops_server::query::{self};
use serde_json::{Value, json};

use super::verdict::{RUN, Story, store};
use SpanKind::{Agent, Llm, Task, Tool};

/// Nano-USD.
const CENT: i64 = 10_000_000;

fn blame(story: &Story) -> Blame {
    let (_home, store) = store();
    story.tell(&store);
    query::blame(&store, RUN)
        .expect("it is read")
        .expect("it is there")
}

fn shares(portions: &[Portion]) -> Vec<(&str, Option<i64>, Option<f64>, u64)> {
    let told = portions.iter().map(|portion| {
        let name = portion.name.as_deref().unwrap_or("-");
        (name, portion.cost.known, portion.share, portion.calls)
    });
    told.collect()
}

fn paid(name: &str, cost: i64) -> Option<ToolCall> {
    Some(ToolCall {
        name: name.into(),
        cost: Some(cost),
        ..ToolCall::default()
    })
}

#[test]
fn each_cent_is_somebodys() {
    let story = Story::new()
        .span(Agent, "coder", 2, 1, [0, 5_000])
        .span(Llm, "ask", 3, 2, [100, 300])
        .call("a", (1_000, 100), Some(70 * CENT))
        .span(Tool, "search", 4, 2, [300, 400])
        .with(|span| span.tool = paid("search", 5 * CENT))
        .span(Agent, "writer", 5, 1, [5_000, 9_000])
        .span(Llm, "ask", 6, 5, [5_100, 5_300])
        .call("b", (500, 10), Some(25 * CENT))
        .with(|span| span.llm.as_mut().expect("a call").model = Some("acme-2".into()))
        .span(Llm, "ask", 7, 5, [5_400, 5_500])
        .call("c", (10, 1), None)
        .ended(9_000, EndState::Success, None);
    let blame = blame(&story);
    assert_eq!(
        shares(&blame.agents),
        [
            ("coder", Some(75 * CENT), Some(0.75), 1),
            ("writer", Some(25 * CENT), Some(0.25), 2)
        ]
    );
    assert_eq!(
        shares(&blame.models),
        [
            ("acme-1", Some(70 * CENT), Some(0.7), 2),
            ("acme-2", Some(25 * CENT), Some(0.25), 1)
        ]
    );
    assert_eq!(
        shares(&blame.tools),
        [("search", Some(5 * CENT), Some(0.05), 1)]
    );
    assert!(blame.cost.partial && blame.agents[1].cost.partial && !blame.agents[0].cost.partial);
    assert_eq!(blame.waste.cost(), None);
    let json = serde_json::to_value(&blame).expect("JSON");
    let expected = json!({
        "name": "coder", "cost": {"usd": 0.75, "partial": false, "estimated": false}, "share": 0.75,
        "calls": 1, "failed": 0, "input": 1000, "output": 100, "duration_ms": 200.0,
    });
    assert_eq!(json["agents"][0], expected);
    let nothing = json!({"calls": 0, "duration_ms": 0.0, "tokens": 0, "usd": null});
    let expected = json!({
        "usd": null, "retried": nothing, "failed": nothing, "loops": nothing,
        "resent": {"calls": 0, "tokens": 0, "usd": null, "known": 0, "unknown": 3},
    });
    assert_eq!(json["waste"], expected);
}

#[test]
fn what_failed_is_waste_with_all_within_it() {
    let broke = |span: &mut agentops_core::model::span::Span| span.status = Status::Error;
    let story = Story::new()
        // Broke off after it was paid for, and was asked again.
        .span(Llm, "ask", 2, 1, [0, 100])
        .call("a", (10, 1), Some(3 * CENT))
        .with(broke)
        .span(Llm, "ask", 3, 1, [200, 300])
        .call("a", (10, 1), Some(4 * CENT))
        // Failed after a model was asked within it, and was left at that.
        .span(Tool, "summarise", 4, 1, [300, 900])
        .failed("Io", "no disk")
        .input(json!({"of": "a"}))
        .span(Llm, "ask", 5, 4, [400, 500])
        .call("b", (100, 10), Some(20 * CENT))
        .ended(1_000, EndState::Success, None);
    let waste = blame(&story).waste;
    let took = |took: query::loops::Took| (took.calls, took.tokens, took.cost, took.nanos);
    assert_eq!(took(waste.retried), (1, 11, Some(3 * CENT), 100_000_000));
    assert_eq!(took(waste.failed), (1, 110, Some(20 * CENT), 600_000_000));
    assert_eq!(took(waste.loops), (0, 0, None, 0));
    assert_eq!(waste.cost(), Some(23 * CENT));
}

/// A tool asked for the same three times, with a model asked before each; and once for something else.
fn in_circles() -> Story {
    let mut story = Story::new().span(Agent, "coder", 2, 1, [0, 9_000]);
    for round in 0..3 {
        let from = 1_000 * round;
        story = story
            .span(Llm, "ask", 10 + round, 2, [from, from + 400])
            .call(&format!("round {round}"), (100, 10), Some(2 * CENT))
            .span(Tool, "search", 20 + round, 2, [from + 400, from + 500])
            .input(json!({"for": "refund policy", "pages": [1, 2]}))
            .with(|span| span.tool = paid("search", CENT));
    }
    story
        .span(Tool, "search", 30, 2, [5_000, 5_100])
        .input(json!({"for": "refund policy", "pages": [1, 3]}))
        .ended(9_000, EndState::Success, None)
}

#[test]
fn the_same_three_times_is_a_loop() {
    let (_home, store) = store();
    in_circles().tell(&store);
    let loops = query::loops(&store, RUN)
        .expect("it is read")
        .expect("it is there");
    let expected = json!([{
        "kind": "TOOL", "name": "search", "agent": "coder", "rounds": 3, "failed": 0,
        "span_ids": ["0000000000000014", "0000000000000015", "0000000000000016"],
        "from_ms": 400.0, "to_ms": 2500.0,
        "took": {"calls": 2, "duration_ms": 200.0, "tokens": 0, "usd": 0.02},
        "between": {"calls": 2, "duration_ms": 800.0, "tokens": 220, "usd": 0.04},
    }]);
    assert_eq!(serde_json::to_value(&loops).expect("JSON"), expected);
    let waste = blame(&in_circles()).waste;
    assert_eq!((waste.loops.calls, waste.cost()), (2, Some(2 * CENT)));
}

#[track_caller]
fn rounds(story: Story, expected: &[(&str, u64, u64)]) {
    let (_home, store) = store();
    story.ended(90_000, EndState::Success, None).tell(&store);
    let loops = query::loops(&store, RUN)
        .expect("it is read")
        .expect("it is there");
    let told: Vec<_> = loops
        .iter()
        .map(|found| (&*found.name, found.rounds, found.failed))
        .collect();
    assert_eq!(told, expected);
}

fn four_times(kind: SpanKind, name: &str, each: impl Fn(Story, u64) -> Story) -> Story {
    (0..4).fold(Story::new(), |story, nth| {
        let story = story.span(kind, name, 10 + nth, 1, [nth * 100, nth * 100 + 50]);
        each(story, nth)
    })
}

#[test]
fn only_what_is_the_same_is_a_loop() {
    let same = |story: Story, _| story.input(json!({"a": 1}));
    rounds(four_times(Tool, "now", same), &[("now", 4, 0)]);
    rounds(
        four_times(Tool, "sql", |story, nth| {
            same(story, nth).failed("Io", "no")
        }),
        &[("sql", 4, 4)],
    );
    rounds(
        four_times(Tool, "next", |story, nth| story.input(json!({"a": nth}))),
        &[],
    );
    // Who knows what was asked where it was cut, hidden or not captured.
    for hole in [
        json!({"a": {"$truncated": {"bytes": 70_000}}}),
        json!({"a": "[redacted]"}),
    ] {
        rounds(
            four_times(Tool, "now", |story, _| story.input(hole.clone())),
            &[],
        );
    }
    rounds(four_times(Tool, "now", |story, _| story), &[]);
    rounds(four_times(Task, "step", same), &[]);
    rounds(
        four_times(Llm, "ask", |story, _| story.call("Why?", (1, 1), None)),
        &[("ask", 4, 0)],
    );
    rounds(
        four_times(Llm, "ask", |story, nth| {
            story.call(&format!("Why {nth}?"), (1, 1), None)
        }),
        &[],
    );
    rounds(
        four_times(Llm, "ask", |story, nth| {
            story.call("Why?", (1, 1), None).with(|span| {
                let call = span.llm.take().expect("a call");
                span.llm = Some(call.parameter("seed", nth));
            })
        }),
        &[],
    );
}

#[test]
fn context_that_was_sent_again_past_the_cache() {
    // Each call says what the one before it said, and two messages more.
    let said = |nth: u64, input: u64, cached: u64, prices: bool| {
        move |span: &mut agentops_core::model::span::Span| {
            let mut call = LlmCall::new()
                .request_model("acme-1")
                .usage(Usage::new(input, 10).cache_read(cached));
            for round in 0..=nth {
                call = call
                    .message(Message::new("user").text(format!("question {round}")))
                    .message(Message::new("assistant").text(format!("answer {round}")));
            }
            let mut cost = Cost::new(CENT);
            let mut known = Prices::default();
            (known.input, known.cache_read) = (3_000_000_000, Some(300_000_000));
            cost.prices = prices.then_some(known);
            span.llm = Some(call.cost(cost));
        }
    };
    let story = |cached: [u64; 4], prices| {
        let inputs = [1_000, 3_000, 6_000, 9_000];
        let mut story = Story::new();
        for nth in 0..4_u64 {
            let at = nth as usize;
            story = story
                .span(Llm, "ask", 10 + nth, 1, [nth * 100, nth * 100 + 50])
                .with(said(nth, inputs[at], cached[at], prices));
        }
        story.ended(1_000, EndState::Success, None)
    };
    let resent = |story| blame(&story).waste.resent;
    // 1,000 came from the cache; then 3,000 did not; then 2,000 of 6,000 did.
    let found = resent(story([0, 1_000, 0, 2_000], true));
    assert_eq!((found.calls, found.tokens, found.known), (2, 7_000, 4));
    assert_eq!(found.cost, Some(7_000 * 2_700));
    let found = resent(story([0, 1_000, 0, 2_000], false));
    assert_eq!((found.tokens, found.cost), (7_000, None));
    // Nobody knows whether there is a cache.
    let found = resent(story([0; 4], true));
    assert_eq!((found.calls, found.known, found.unknown), (0, 0, 4));
}

fn path(story: &Story) -> CriticalPath {
    let (_home, store) = store();
    story.tell(&store);
    query::critical_path(&store, RUN)
        .expect("it is read")
        .expect("it is there")
}

/// The segments in milliseconds, by name.
fn segments(story: &Story) -> Vec<(String, u64, u64)> {
    let path = path(story);
    let name = |id: SpanId| {
        let part = path.spans.iter().find(|part| part.span == id);
        part.expect("each segment has a part").name.clone()
    };
    let ms = 1_000_000;
    path.segments
        .iter()
        .map(|segment| (name(segment.span), segment.from / ms, segment.to / ms))
        .collect()
}

#[track_caller]
fn waits(story: Story, expected: &[(&str, u64, u64)]) {
    let found = segments(&story);
    let found: Vec<_> = found
        .iter()
        .map(|(name, from, to)| (&**name, *from, *to))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn one_after_the_other_with_gaps() {
    let story = Story::new()
        .span(Task, "run", 1, 0, [0, 100])
        .span(Tool, "a", 2, 1, [10, 30])
        .span(Tool, "b", 3, 1, [50, 90])
        .ended(100, EndState::Success, None);
    waits(
        story,
        &[
            ("run", 0, 10),
            ("a", 10, 30),
            ("run", 30, 50),
            ("b", 50, 90),
            ("run", 90, 100),
        ],
    );
}

#[test]
fn of_those_beside_each_other_the_last_counts() {
    let story = Story::new()
        .span(Task, "run", 1, 0, [0, 100])
        .span(Tool, "quick", 2, 1, [10, 40])
        .span(Tool, "slow", 3, 1, [10, 80])
        .span(Llm, "ask", 4, 3, [20, 70])
        .span(Tool, "late", 5, 1, [75, 95])
        .ended(100, EndState::Success, None);
    // `slow` had not ended when `late` began, and yet it was what ran until then.
    waits(
        story,
        &[
            ("run", 0, 10),
            ("slow", 10, 20),
            ("ask", 20, 70),
            ("slow", 70, 75),
            ("late", 75, 95),
            ("run", 95, 100),
        ],
    );
}

#[test]
fn what_outlives_its_parent_and_what_is_open() {
    let story = Story::new()
        .span(Task, "run", 1, 0, [0, 100])
        .span(Task, "spawns", 2, 1, [10, 20])
        .span(Tool, "spawned", 3, 2, [15, 90])
        .ended(100, EndState::Success, None);
    waits(
        story,
        &[
            ("run", 0, 10),
            ("spawns", 10, 15),
            ("spawned", 15, 90),
            ("run", 90, 100),
        ],
    );
    let story = Story::new()
        .span(Task, "run", 1, 0, [0, 0])
        .open()
        .span(Tool, "done", 2, 1, [10, 60])
        .span(Tool, "hangs", 3, 1, [20, 0])
        .open();
    waits(
        story,
        &[("run", 0, 10), ("done", 10, 20), ("hangs", 20, 60)],
    );
    // Nothing ran from 20 to 50, nor at the end.
    let story = Story::new()
        .span(Task, "a", 2, 0, [0, 20])
        .span(Task, "b", 3, 0, [50, 60])
        .ended(100, EndState::Success, None);
    let path = path(&story);
    assert_eq!((path.duration, path.idle), (100_000_000, 70_000_000));
    let json = serde_json::to_value(&path).expect("JSON");
    let expected = json!({
        "duration_ms": 100.0, "idle_ms": 70.0,
        "segments": [
            {"span_id": "0000000000000002", "from_ms": 0.0, "to_ms": 20.0},
            {"span_id": "0000000000000003", "from_ms": 50.0, "to_ms": 60.0},
        ],
        "spans": [
            {"span_id": "0000000000000002", "kind": "TASK", "name": "a", "duration_ms": 20.0},
            {"span_id": "0000000000000003", "kind": "TASK", "name": "b", "duration_ms": 10.0},
        ],
        "segments_left_out": 0,
        "spans_left_out": 0,
    });
    assert_eq!(json, expected);
}

#[test]
fn context_grows_and_is_made_smaller() {
    let (_home, store) = store();
    let mut story =
        Story::new()
            .span(Agent, "coder", 2, 1, [0, 9_000])
            .span(Agent, "writer", 3, 1, [0, 9_000]);
    let inputs = [1_000, 4_000, 9_000, 4_500, 4_499, 2_000];
    for (nth, input) in (0_u64..).zip(inputs) {
        story = story
            .span(Llm, "ask", 10 + nth, 2, [nth * 100, nth * 100 + 50])
            .call("a", (input, 1), None)
            .with(|span| {
                let call = span.llm.as_mut().expect("a call");
                call.usage = Some(Usage::new(input, 1).cache_read(input / 2));
            });
    }
    story
        .span(Llm, "ask", 30, 3, [350, 360])
        .call("b", (10, 1), None)
        .ended(9_000, EndState::Success, None)
        .tell(&store);
    let growth = query::context(&store, RUN)
        .expect("it is read")
        .expect("it is there");
    let json = serde_json::to_value(&growth).expect("JSON");
    let field = |agent: usize, of: &str| json[agent][of].clone();
    assert_eq!(
        [
            field(0, "agent"),
            field(0, "peak"),
            field(0, "compactions"),
            field(0, "cached")
        ],
        [json!("coder"), json!(9_000), json!(1), json!(0.5)]
    );
    let compacted: Vec<&Value> = json[0]["calls"]
        .as_array()
        .expect("calls")
        .iter()
        .map(|call| &call["compacted"])
        .collect();
    assert_eq!(compacted, [false, false, false, false, false, true]);
    let expected = json!({
        "agent": "writer", "peak": 10, "cached": 0.0, "compactions": 0, "calls_left_out": 0,
        "calls": [{"span_id": "000000000000001e", "time_ms": 350.0, "model": "acme-1", "input": 10,
            "cache_read": 0, "estimated": false, "compacted": false}],
    });
    assert_eq!(json[1], expected);
}

/// A long run: agents that ask `calls` times each and repeat themselves, 150 times each in three rounds.
fn long(agents: u64, calls: u64) -> Story {
    let mut story = Story::new();
    let mut id = 1_000;
    for agent in 0..agents {
        let from = agent * 100_000;
        let own = 10 + agent;
        story = story.span(
            Agent,
            &format!("agent-{agent}"),
            own,
            1,
            [from, from + 90_000],
        );
        for call in 0..calls {
            let at = from + call * 10;
            id += 1;
            // It grows, and is made smaller at every 150th.
            let input = 1_000 + agent + (call % 150) * 10;
            story = story
                .span(Llm, "ask", id, own, [at, at + 4])
                .call("a", (input, 1), Some(CENT));
            id += 1;
            story = story
                .span(
                    Tool,
                    &format!("tool-{}", call / 3),
                    id,
                    own,
                    [at + 5, at + 9],
                )
                .with(|span| span.input = Some(json!({"of": agent})));
        }
    }
    let end = agents * 100_000;
    story.ended(end, EndState::Success, None)
}

#[test]
fn a_long_run_is_told_of_shortly_and_nothing_is_left_out_in_silence() {
    let (_home, store) = store();
    long(25, 450).tell(&store);
    let insight = query::insight(&store, RUN)
        .expect("it is read")
        .expect("it is there");
    let whole = serde_json::to_string(&insight).expect("JSON");
    assert!(whole.len() < 600_000, "{}", whole.len());

    let loops = query::loops(&store, RUN).expect("read").expect("there");
    assert!(loops.len() > 100);
    assert_eq!(insight.loops, loops[..100]);
    assert_eq!(insight.loops_left_out, loops.len() as u64 - 100);

    let blame = query::blame(&store, RUN).expect("read").expect("there");
    let (short, out) = (&insight.cost, insight.cost.left_out);
    assert_eq!(short.agents, blame.agents);
    assert_eq!(short.tools, blame.tools[..50]);
    assert_eq!([out.agents, out.models, out.tools], [0, 0, 150 - 50]);
    assert_eq!((short.cost, &short.waste), (blame.cost, &blame.waste));

    let path = query::critical_path(&store, RUN)
        .expect("read")
        .expect("there");
    let short = &insight.critical_path;
    assert_eq!(short.spans, path.spans[..100]);
    assert_eq!(short.spans_left_out, path.spans.len() as u64 - 100);
    let kept = short.segments.len() as u64;
    assert_eq!(kept + short.segments_left_out, path.segments.len() as u64);
    assert_eq!(kept, 200);
    assert!(short.segments.is_sorted_by_key(|segment| segment.from));
    let least = short.segments.iter().map(|kept| kept.to - kept.from).min();
    let left_out = path
        .segments
        .iter()
        .filter(|one| !short.segments.contains(one));
    assert!(left_out.map(|one| one.to - one.from).max() <= least);

    let whole = query::context(&store, RUN).expect("read").expect("there");
    assert_eq!(insight.context_left_out, 5);
    // The last agents send the most.
    for (short, whole) in insight.context.iter().zip(&whole[5..]) {
        let facts = (&short.agent, short.peak, short.cached, short.compactions);
        let expected = (&whole.agent, whole.peak, whole.cached, whole.compactions);
        assert_eq!(facts, expected);
        let kept = short.calls.len() as u64;
        assert!((50..=120).contains(&kept), "{kept}");
        assert_eq!(kept + short.calls_left_out, whole.calls.len() as u64);
        assert_eq!(
            short.calls.iter().map(|call| call.input).max(),
            Some(whole.peak)
        );
        let compacted = short.calls.iter().filter(|call| call.compacted);
        assert_eq!(compacted.count() as u64, whole.compactions);
        assert!(whole.compactions > 0);
        assert!(short.calls.is_sorted_by_key(|call| call.at));
        assert!(short.calls.iter().all(|call| whole.calls.contains(call)));
    }
    assert_eq!(insight.context.len(), 20);
}
