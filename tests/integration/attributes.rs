//! The attributes, on every kind of function, with every argument.

use std::collections::HashMap;

use agentops::testing::capture;
use agentops::{SpanKind, agent, guardrail, llm, operation, task, tool, workflow};
use serde::Serialize;

use crate::harness::record_async;

#[derive(Serialize)]
struct Query {
    pattern: &'static str,
    limit: Option<u8>,
}

#[derive(Debug)]
struct OnlyDebug;

struct Nothing;

#[tool]
fn grep(query: &Query, _in: OnlyDebug, whole: bool) -> Vec<&'static str> {
    if whole {
        vec![query.pattern; usize::from(query.limit.unwrap_or(1))]
    } else {
        vec![]
    }
}

#[tool(name = "renamed", skip(key), version = 2, tags = ["io"], cost = 0.25, description = "reads")]
fn read(path: &str, key: Nothing) -> usize {
    let Nothing = key;
    path.len()
}

#[operation(skip_all, attributes(size = path.len(), "dotted.key" = path), returns(half = |n| n / 2))]
fn measure(path: &str) -> usize {
    path.len()
}

#[task(capture(b), capture_return = false)]
fn pick(a: u8, b: u8) -> u8 {
    a + b
}

#[workflow]
fn nested(text: &str) -> String {
    agentops::current_span().log(agentops::Level::Warn, format_args!("measuring {text}"));
    agentops::current_span().set_attribute("hand", [1, 2]);
    let size = measure(text);
    format!("{text}:{size}")
}

#[test]
fn functions_are_recorded_with_what_went_in_and_came_out() {
    let trace = capture(|| {
        assert_eq!(
            grep(
                &Query {
                    pattern: "x",
                    limit: Some(2)
                },
                OnlyDebug,
                true
            ),
            ["x", "x"]
        );
        assert_eq!(read("four", Nothing), 4);
        assert_eq!(pick(1, 2), 3);
        assert_eq!(nested("abc"), "abc:3");
    });
    let expected = r#"TOOL grep {"query":{"pattern":"x","limit":2},"_in":"OnlyDebug","whole":true} -> ["x","x"]
TOOL renamed {"path":"four"} -> 4
TASK pick {"b":2}
WORKFLOW nested {"text":"abc"} -> "abc:3" hand=[1,2] [WARN measuring abc]
  OPERATION measure -> 3 size=3 dotted.key="abc" half=1
"#;
    assert_eq!(trace.to_string(), expected);
    let read = trace.span("renamed");
    let tool = read.tool.as_ref().expect("a tool span says so");
    assert_eq!(
        (tool.cost, tool.description.as_deref()),
        (Some(250_000_000), Some("reads"))
    );
    assert_eq!(
        (read.version.as_deref(), &read.tags[..]),
        (Some("2"), &["io".to_owned()][..])
    );
    let source = read.source.as_ref().expect("a span knows its function");
    assert!(
        source.file.ends_with("attributes.rs") && source.function.ends_with("attributes::read"),
        "{source:?}"
    );
    assert!(read.thread.as_ref().is_some_and(|thread| thread.id > 0));
    assert_eq!(
        trace.span("pick").operation_type.as_deref(),
        Some("function")
    );
}

#[operation(returns(half = |n| n / 2))]
fn even(n: u8) -> Result<u8, String> {
    if n.is_multiple_of(2) {
        Ok(n)
    } else {
        Err(format!("{n} is odd"))
    }
}

#[test]
fn what_follows_from_a_returned_value_is_absent_where_the_call_failed() {
    let trace = capture(|| (even(4), even(5)));
    let expected = r#"OPERATION even {"n":4} -> 4 half=2
OPERATION even {"n":5} ! String: 5 is odd
"#;
    assert_eq!(trace.to_string(), expected);
}

struct Writer {
    pen: String,
}

#[agent(role = "writes", model = "gpt-4o-mini")]
impl Writer {
    fn new(pen: &str) -> Self {
        Self { pen: pen.into() }
    }

    fn write(&self, text: &str) -> String {
        self.revise(text.len()) + &self.stroke()
    }

    #[tool]
    fn stroke(&self) -> String {
        self.pen.clone()
    }

    fn revise(&self, by: usize) -> String {
        "-".repeat(by)
    }

    #[agentops::skip]
    fn unseen(&self) -> u8 {
        7
    }

    async fn later(&mut self, text: &str) -> usize {
        tokio::task::yield_now().await;
        self.pen.push_str(text);
        self.pen.len()
    }
}

#[test]
fn a_call_that_enters_an_agent_opens_it_and_its_own_calls_do_not() {
    let trace = capture(|| {
        let writer = Writer::new("|");
        assert_eq!(writer.write("ab"), "--|");
        assert_eq!(writer.unseen(), 7);
        assert_eq!(writer.stroke(), "|");
    });
    let expected = r#"AGENT Writer
  OPERATION write {"text":"ab"} -> "--|"
    OPERATION revise {"by":2} -> "--"
    TOOL stroke -> "|"
AGENT Writer
  TOOL stroke -> "|"
"#;
    assert_eq!(trace.to_string(), expected);
    let agents: Vec<_> = trace
        .spans
        .iter()
        .filter_map(|span| span.agent.as_ref())
        .collect();
    let writer = agents
        .iter()
        .find(|agent| agent.name == "Writer")
        .expect("the agent ran");
    assert_eq!(
        (writer.role.as_deref(), writer.model.as_deref()),
        (Some("writes"), Some("gpt-4o-mini"))
    );
    assert!(
        agents
            .iter()
            .filter(|agent| agent.name == "Writer")
            .all(|agent| agent == writer)
    );
    assert_eq!(trace.session.agents, ["Writer"]);
}

#[agent(name = "planner")]
fn plan(goal: &str) -> Vec<String> {
    vec![ask(goal)]
}

#[llm]
fn ask(prompt: &str) -> String {
    prompt.to_uppercase()
}

#[guardrail(spec = "output")]
async fn check(answer: &str) -> Result<(), String> {
    tokio::task::yield_now().await;
    if answer.is_empty() {
        Err("nothing was said".into())
    } else {
        Ok(())
    }
}

#[operation]
async fn outer(n: u8) -> u8 {
    let (a, b) = tokio::join!(inner(n), inner(n + 1));
    a + b
}

#[operation(boxed)]
async fn inner(n: u8) -> u8 {
    for _ in 0..n {
        tokio::task::yield_now().await;
    }
    n
}

#[test]
fn futures_keep_their_place_wherever_they_are_polled() {
    let trace = record_async(async {
        assert_eq!(plan("go"), ["GO"]);
        assert_eq!(outer(3).await, 7);
        assert_eq!(check("").await, Err("nothing was said".into()));
        let mut writer = Writer::new("a");
        assert_eq!(writer.later("b").await, 2);
    });
    let expected = r#"AGENT planner {"goal":"go"} -> ["GO"]
  LLM ask {"prompt":"go"} -> "GO"
OPERATION outer {"n":3} -> 7
  OPERATION inner {"n":3} -> 3
  OPERATION inner {"n":4} -> 4
GUARDRAIL check {"answer":""} ! String: nothing was said
AGENT Writer
  OPERATION later {"text":"b"} -> 2
"#;
    assert_eq!(trace.to_string(), expected);
    let outer = trace.span("outer");
    assert!(
        outer.polls >= Some(2) && outer.busy.is_some() && outer.busy <= outer.duration(),
        "{outer:?}"
    );
    let check = trace
        .span("check")
        .guardrail
        .as_ref()
        .expect("a guardrail span says so");
    assert_eq!(
        (check.spec.as_deref(), check.triggered),
        (Some("output"), Some(true))
    );
}

#[test]
fn a_future_that_is_never_polled_leaves_nothing() {
    let trace = capture(|| drop(outer(1)));
    assert_eq!(trace.to_string(), "");
}

#[test]
fn a_future_that_is_dropped_early_is_cancelled_and_its_drops_belong_to_it() {
    struct OnDrop;
    impl Drop for OnDrop {
        fn drop(&mut self) {
            ask("while dropping");
        }
    }
    #[operation]
    async fn stuck() {
        let _on_drop = OnDrop;
        std::future::pending::<()>().await;
    }
    let trace = record_async(async {
        tokio::select! {
            biased;
            () = stuck() => {}
            () = tokio::task::yield_now() => {}
        }
        ask("after");
    });
    let expected = r#"OPERATION stuck (cancelled)
  LLM ask {"prompt":"while dropping"} -> "WHILE DROPPING"
LLM ask {"prompt":"after"} -> "AFTER"
"#;
    assert_eq!(trace.to_string(), expected);
}

#[operation(parent = place, links = [place])]
fn elsewhere(place: agentops::SpanContext) -> u8 {
    ask("child");
    u8::from(place.span_id().is_some())
}

#[test]
fn a_parent_and_links_can_be_named() {
    let mut place = None;
    let trace = capture(|| {
        let first = agentops::span("first").start();
        place = Some(agentops::current_span().context());
        drop(first);
        let second = agentops::span("second")
            .kind(agentops::SpanKind::Tool)
            .start();
        elsewhere(place.expect("it was set"));
        ask("sibling");
        second.end_with("done");
    });
    let expected = r#"OPERATION first
  OPERATION elsewhere {"place":"PLACE"} -> 1
    LLM ask {"prompt":"child"} -> "CHILD"
TOOL second -> "done"
  LLM ask {"prompt":"sibling"} -> "SIBLING"
"#;
    let elsewhere = trace.span("elsewhere");
    assert_eq!(elsewhere.links[0].span_id, trace.span("first").id);
    assert_eq!(elsewhere.links[0].trace_id, trace.session.facts.trace_id);
    let captured = elsewhere
        .input
        .as_ref()
        .and_then(|input| input["place"].as_str())
        .expect("it has a Debug");
    let captured = serde_json::to_string(captured).expect("text is JSON");
    assert_eq!(trace.to_string().replace(&captured, "\"PLACE\""), expected);
}

#[test]
fn an_attribute_cannot_speak_over_ours() {
    let trace = capture(|| {
        let span = agentops::span("honest").start();
        agentops::current_span().set_attribute("agentops.session.id", "another");
        drop(span);
    });
    let expected = "OPERATION honest user.agentops.session.id=\"another\"\n";
    assert_eq!(trace.to_string(), expected);
}

/// Asks itself for its name.
struct Labelled;

impl agentops::Agent for Labelled {
    fn name(&self) -> std::borrow::Cow<'_, str> {
        self.label().into()
    }
}

#[agent]
impl Labelled {
    fn label(&self) -> String {
        "by its own word".into()
    }

    fn work(&self) -> u8 {
        1
    }
}

#[test]
fn an_agents_name_may_come_from_its_own_method() {
    let trace = capture(|| assert_eq!(Labelled.work(), 1));
    let agents: Vec<_> = trace
        .spans
        .iter()
        .filter(|span| span.kind == SpanKind::Agent)
        .collect();
    assert_eq!(agents.len(), 1, "{trace}");
    assert_eq!(agents[0].name, "by its own word");
}

/// Writes more than the one value that it may.
struct Greedy;

impl agentops::Capture for Greedy {
    fn capture(&self, sink: &mut agentops::Sink<'_>) {
        sink.text(format_args!("first"));
        sink.text(format_args!("second"));
    }
}

#[operation(capture_return = false)]
fn takes(a: &Greedy, b: u8, c: HashMap<String, u8>) -> usize {
    let Greedy = a;
    c.len() + usize::from(b)
}

#[test]
fn a_value_never_takes_the_place_of_the_next() {
    let long = "k".repeat(70_000);
    let trace = capture(|| {
        assert_eq!(
            takes(
                &Greedy,
                7,
                HashMap::from([(long.clone(), 1), ("usage".into(), 2)])
            ),
            9
        );
    });
    let input = trace.span("takes").input.as_ref().expect("it was captured");
    assert_eq!(
        (&input["a"], &input["b"], &input["c"]["usage"]),
        (&"first".into(), &7.into(), &2.into())
    );
    assert_eq!(
        input["c"][&long[..64 * 1024]],
        1,
        "a key is cut as a string is"
    );
}
