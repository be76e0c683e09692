//! Sums of whole sessions: what calls used and cost counts once, however they stand within one another.

use std::fmt;

use agentops::model::id::SpanId;
use agentops::model::llm::{Cost, LlmCall, Usage};
use agentops::testing::{Trace, capture};
use agentops::{agent, current_span, llm, tool};
use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::info_span;

use crate::harness::record_async;
use crate::logs::listen;

/// Each span within its parent, with what it used, what it adds to the cost, and what it costs with all beneath it; then
/// the session's own sums. Costs are in micro-USD, a `+` where something is missing.
fn sums(trace: &Trace) -> String {
    fn cost(nanos: Option<i64>, partial: bool) -> String {
        let amount = nanos.map_or_else(|| "-".into(), |nanos| (nanos / 1000).to_string());
        amount + if partial { "+" } else { "" }
    }
    fn put(trace: &Trace, within: Option<SpanId>, depth: usize, text: &mut String) {
        for (span, totals) in trace.spans.iter().zip(&trace.totals) {
            if span.parent_id != within {
                continue;
            }
            text.push_str(&format!("{:depth$}{} {}", "", span.kind, span.name));
            if let Some(usage) = span.llm.as_ref().and_then(|call| call.usage) {
                let repeated = if usage.reported { " again" } else { "" };
                text.push_str(&format!(" {}>{}{repeated}", usage.input, usage.output));
            }
            let (own, all) = (totals.own_cost, totals.cost);
            let whole = cost(all, totals.partial);
            text.push_str(&format!(" ${} of {whole}\n", cost(own, false)));
            put(trace, Some(span.id), depth + 2, text);
        }
    }
    let mut text = String::new();
    put(trace, trace.session.facts.root, 0, &mut text);
    let session = &trace.session;
    let calls = (session.counts.llm_calls, session.counts.tool_calls);
    let tokens = (
        session.tokens.input,
        session.tokens.output,
        session.tokens.total,
    );
    let sum = cost(session.cost.total, session.cost.partial);
    let models = session.models.join(" ");
    text.push_str(&format!(
        "{} calls, {} tools: {}>{}, {} tokens, ${sum}, {models}\n",
        calls.0, calls.1, tokens.0, tokens.1, tokens.2
    ));
    text
}

#[track_caller]
fn check(trace: &Trace, expected: &str) {
    assert_eq!(sums(trace), expected);
}

#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("overloaded")
    }
}

impl std::error::Error for Refused {}

/// What a provider answers who says what it charged.
fn answer(model: &str, tokens: (u64, u64), micro_usd: Option<u64>) -> Value {
    let mut usage = json!({"prompt_tokens": tokens.0, "completion_tokens": tokens.1,
        "total_tokens": tokens.0 + tokens.1});
    if let Some(cost) = micro_usd {
        usage["cost"] = json!(cost as f64 / 1e6);
    }
    json!({"id": "gen-1", "object": "chat.completion", "model": model, "provider": "Acme",
        "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Yes."}}],
        "usage": usage})
}

fn request(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Is it?"}]})
}

/// One request of a client: an answer, or none.
#[llm(skip(answers))]
fn chat(request: Value, answers: Option<Value>) -> Result<Value, Refused> {
    drop(request);
    answers.ok_or(Refused)
}

fn ask(model: &str, tokens: (u64, u64), micro_usd: u64) {
    let answer = answer(model, tokens, Some(micro_usd));
    chat(request(model), Some(answer)).expect("it answers");
}

#[test]
fn attempts_within_one_span_are_one_call() {
    #[llm]
    fn patient() {
        for attempt in 1..=3 {
            // What a client's hook says of each attempt, the last of which was billed.
            current_span().record_llm(LlmCall::new().model("acme-1").attempts(attempt));
        }
        current_span().record_llm(
            LlmCall::new()
                .usage(Usage::new(10, 2))
                .cost(Cost::new(7_000)),
        );
    }
    let trace = capture(patient);
    check(
        &trace,
        "\
LLM patient 10>2 $7 of 7
1 calls, 0 tools: 10>2, 12 tokens, $7, acme-1
",
    );
    let call = trace.spans[0].llm.as_ref().expect("it is a call");
    assert_eq!(call.attempts, Some(3));
}

/// A retry of the program's own, around a client that knows none.
#[tool]
fn retried(model: &str) {
    chat(request(model), None).expect_err("it is overloaded");
    ask(model, (10, 2), 7);
}

#[test]
fn an_attempt_that_failed_is_a_call_and_leaves_nothing_open() {
    check(
        &capture(|| retried("acme-1")),
        "\
TOOL retried $- of 7
  LLM chat $- of -
  LLM chat 10>2 $7 of 7
2 calls, 1 tools: 10>2, 12 tokens, $7, acme-1
",
    );
}

#[test]
fn an_attempt_that_failed_after_it_was_billed_counts() {
    #[llm]
    fn cut_off(request: Value) -> Result<(), Refused> {
        drop(request);
        let billed = LlmCall::new()
            .usage(Usage::new(10, 1))
            .cost(Cost::new(5_000));
        current_span().record_llm(billed);
        Err(Refused)
    }
    let trace = capture(|| {
        cut_off(request("acme-1")).expect_err("it breaks off");
        ask("acme-1", (10, 2), 7);
    });
    check(
        &trace,
        "\
LLM cut_off 10>1 $5 of 5
LLM chat 10>2 $7 of 7
2 calls, 0 tools: 20>3, 23 tokens, $12, acme-1
",
    );
}

#[test]
fn a_fallback_is_counted_beside_what_it_stands_in_for() {
    /// Answers badly first, so that a better model is asked.
    #[llm]
    fn routed() {
        ask("acme-1", (100, 20), 30);
        ask("acme-2", (110, 25), 400);
    }
    check(
        &capture(routed),
        "\
LLM routed $- of 430
  LLM chat 100>20 $30 of 30
  LLM chat 110>25 $400 of 400
2 calls, 0 tools: 210>45, 255 tokens, $430, acme-1 acme-2
",
    );
}

#[llm(skip(answer))]
async fn chat_async(request: Value, answer: Value) -> Value {
    drop(request);
    tokio::task::yield_now().await;
    answer
}

#[agent]
async fn crowd() {
    let one = |cost| chat_async(request("acme-1"), answer("acme-1", (10, 2), Some(cost)));
    tokio::join!(one(1), one(20), async { tokio::join!(one(300), one(4000)) });
}

#[test]
fn calls_that_run_at_once_are_all_counted_once() {
    let trace = record_async(crowd());
    check(
        &trace,
        "\
AGENT crowd $- of 4321
  LLM chat_async 10>2 $1 of 1
  LLM chat_async 10>2 $20 of 20
  LLM chat_async 10>2 $300 of 300
  LLM chat_async 10>2 $4000 of 4000
4 calls, 0 tools: 40>8, 48 tokens, $4321, acme-1
",
    );
    let agent = trace.span("crowd");
    assert!(
        trace
            .spans
            .iter()
            .all(|span| span.id == agent.id || span.parent_id == Some(agent.id))
    );
}

/// What rig says of an agent when it is done: what all its calls took together.
fn invoke_agent(calls: impl FnOnce(), total: (u64, u64)) {
    let span = info_span!(
        target: "rig::agent",
        "invoke_agent",
        gen_ai.operation.name = "invoke_agent",
        gen_ai.agent.name = "helper",
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
    );
    let _in = span.enter();
    calls();
    span.record("gen_ai.usage.input_tokens", total.0);
    span.record("gen_ai.usage.output_tokens", total.1);
}

#[test]
fn what_an_agent_says_of_all_its_calls_is_said_again() {
    listen();
    let trace = capture(|| {
        let calls = || {
            ask("acme-1", (100, 20), 30);
            retried("acme-1");
        };
        invoke_agent(calls, (110, 22));
    });
    check(
        &trace,
        "\
AGENT helper 110>22 again $- of 37
  LLM chat 100>20 $30 of 30
  TOOL retried $- of 7
    LLM chat $- of -
    LLM chat 10>2 $7 of 7
3 calls, 1 tools: 110>22, 132 tokens, $37, acme-1
",
    );
}

#[test]
fn what_an_agent_says_counts_where_its_calls_say_nothing() {
    listen();
    #[llm(model = "acme-1")]
    fn silent() {}
    check(
        &capture(|| invoke_agent(silent, (110, 22))),
        "\
AGENT helper 110>22 $- of -+
  LLM silent $- of -
1 calls, 0 tools: 110>22, 132 tokens, $-+, acme-1
",
    );
}

#[agent]
fn plan() {
    ask("acme-1", (100, 20), 30);
    let all = LlmCall::new().usage(Usage::new(100, 20));
    current_span().record_llm(all.cost(Cost::new(30_000)));
}

#[test]
fn an_agent_of_ours_may_say_it_too() {
    check(
        &capture(plan),
        "\
AGENT plan 100>20 again $- of 30
  LLM chat 100>20 $30 of 30
1 calls, 0 tools: 100>20, 120 tokens, $30, acme-1
",
    );
}

/// A function of the user's around a client that a hook records as well.
#[llm(skip(outer, inner))]
fn hooked(request: Value, outer: bool, inner: bool) -> Value {
    let all = answer("acme-1", (10, 2), Some(7));
    let silent = json!({"id": "x", "object": "chat.completion", "model": "acme-1", "choices": []});
    let pick = |says| if says { all.clone() } else { silent.clone() };
    chat(request, Some(pick(inner))).expect("it answers");
    pick(outer)
}

#[test]
fn a_call_that_two_spans_record_is_one_call() {
    let of = |outer, inner| capture(|| drop(hooked(request("acme-1"), outer, inner)));
    check(
        &of(true, true),
        "\
LLM hooked 10>2 again $- of 7
  LLM chat 10>2 $7 of 7
1 calls, 0 tools: 10>2, 12 tokens, $7, acme-1
",
    );
    check(
        &of(false, true),
        "\
LLM hooked $- of 7
  LLM chat 10>2 $7 of 7
1 calls, 0 tools: 10>2, 12 tokens, $7, acme-1
",
    );
    check(
        &of(true, false),
        "\
LLM hooked 10>2 $7 of 7
  LLM chat $- of -
1 calls, 0 tools: 10>2, 12 tokens, $7, acme-1
",
    );
    // Somebody paid, and nobody knows what.
    check(
        &of(false, false),
        "\
LLM hooked $- of -+
  LLM chat $- of -+
1 calls, 0 tools: 0>0, 0 tokens, $-+, acme-1
",
    );
}

#[test]
fn a_session_that_is_priced_in_part_says_what_is_missing() {
    #[tool]
    fn both() {
        ask("acme-1", (10, 2), 7);
        let unpriced = answer("acme-own", (10, 2), None);
        chat(request("acme-own"), Some(unpriced)).expect("it answers");
    }
    let trace = capture(both);
    check(
        &trace,
        "\
TOOL both $- of 7+
  LLM chat 10>2 $7 of 7
  LLM chat 10>2 $- of -+
2 calls, 1 tools: 20>4, 24 tokens, $7+, acme-1 acme-own
",
    );
    assert_eq!(trace.session.cost.unpriced_models, ["acme-own"]);
}

#[test]
fn usage_that_is_said_twice_of_one_span_counts_once() {
    listen();
    let trace = capture(|| {
        let span = info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.request.model = "acme-1",
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.usage.cost = Empty,
        );
        // As clients do: when the stream begins, and for good when it has ended.
        for output in [1, 20, 20] {
            span.record("gen_ai.usage.input_tokens", 100);
            span.record("gen_ai.usage.output_tokens", output);
        }
    });
    let usage = trace.span("chat").llm.as_ref().and_then(|call| call.usage);
    assert_eq!(usage, Some(Usage::new(100, 20)));
    assert_eq!(trace.session.tokens.total, 120);

    #[llm]
    fn by_hand() {
        for output in [1, 2, 2] {
            let call = LlmCall::new().model("acme-1").usage(Usage::new(10, output));
            current_span().record_llm(call.cost(Cost::new(7_000)));
        }
    }
    check(
        &capture(by_hand),
        "\
LLM by_hand 10>2 $7 of 7
1 calls, 0 tools: 10>2, 12 tokens, $7, acme-1
",
    );
}

/// In USD, for each call: 0.25 of them are 250000 millionths.
#[tool(cost = 0.25)]
fn search(query: &str, deeper: bool) -> Result<(), Refused> {
    ask("acme-1", (10, 2), 7);
    if deeper {
        return search(query, false);
    }
    if query.is_empty() {
        Err(Refused)
    } else {
        Ok(())
    }
}

#[tool(cost = 0.000_5)]
fn look_up() {}

/// Calls a model without a span for it.
#[tool(cost = 0.001)]
fn transcribe() {
    let call = LlmCall::new().model("acme-1").usage(Usage::new(10, 2));
    current_span().record_llm(call.cost(Cost::new(7_000)));
}

#[test]
fn a_tool_that_is_a_call_as_well_costs_both() {
    check(
        &capture(transcribe),
        "\
TOOL transcribe 10>2 $1007 of 1007
0 calls, 1 tools: 10>2, 12 tokens, $1007, acme-1
",
    );
}

#[test]
fn tools_cost_what_they_say_each_time() {
    let trace = capture(|| {
        look_up();
        search("x", true).expect("it finds");
        search("", false).expect_err("nothing to find");
        hooked(request("acme-1"), true, true);
    });
    check(
        &trace,
        "\
TOOL look_up $500 of 500
TOOL search $250000 of 500014
  LLM chat 10>2 $7 of 7
  TOOL search $250000 of 250007
    LLM chat 10>2 $7 of 7
TOOL search $250000 of 250007
  LLM chat 10>2 $7 of 7
LLM hooked 10>2 again $- of 7
  LLM chat 10>2 $7 of 7
4 calls, 4 tools: 40>8, 48 tokens, $750528, acme-1
",
    );
}
