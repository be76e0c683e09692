//! The JSON of a session as `docs/json.md` describes it: its example is what the command answers, and its tables name
//! every field of it, and none besides.

use std::collections::BTreeSet;
use std::time::Duration;

use agentops_core::model::event::{Loss, LossCause};
use agentops_core::model::llm::{
    Completion, Cost, Message, Part, Prices, ProviderError, ToolRequest,
};
use agentops_core::model::span::{Guardrail, Link, Source, ToolCall};

use super::*;

const PAGE: &str = include_str!("../../../docs/json.md");

/// A session that uses every field there is.
fn whole() -> Spool {
    let ms = |ms: u64| ms * 1_000_000;
    let object = |value: Value| value.as_object().cloned().expect("an object");
    let mut facts = facts(RUN, "research_team", START);
    facts.tags = vec!["nightly".into()];
    facts.parent_session_id = Some(OTHER);
    facts.conversation_id = Some("thread-12".into());
    facts.user_id = Some("u-7".into());
    facts.video = Some("https://example.com/run.mp4".into());
    facts.attributes = object(json!({"ticket": 4711}));
    facts.end_state_reason = Some("no such file: src/ring.rs".into());

    let mut read = span(RUN, SpanKind::Tool, "read_file", 3, 2, ms(700), ms(702));
    read.status = Status::Error;
    read.adopted = true;
    read.agent = Some(AgentRef {
        id: "a1".into(),
        name: "planner".into(),
        role: Some("plans the work".into()),
        model: Some("gpt-4o".into()),
    });
    read.busy = Some(ms(1));
    read.polls = Some(3);
    read.source = Some(Source {
        file: "src/tools.rs".into(),
        line: 32,
        function: "tools::read_file".into(),
    });
    read.input = Some(json!({"path": "src/ring.rs"}));
    read.attributes = object(json!({"retries": 0}));
    read.version = Some("2".into());
    read.tags = vec!["io".into()];
    read.links = vec![Link {
        trace_id: OTHER.trace(),
        span_id: SpanId(9),
        attributes: object(json!({"why": "follows"})),
    }];
    read.logs = vec![Log {
        time: START + ms(701),
        level: Level::Info,
        target: "research::tools".into(),
        message: "looking".into(),
        attributes: object(json!({"ms": 7})),
    }];
    read.error = Some(ErrorRecord {
        kind: "TOOL".into(),
        code: "NotFound".into(),
        details: "no such file: src/ring.rs".into(),
        rust_type: Some("std::io::Error".into()),
        chain: vec!["os error 2".into()],
        stack: Some("0: research::tools::read_file".into()),
        time: START + ms(702),
        ..ErrorRecord::default()
    });
    let tool = ToolCall {
        name: "read_file".into(),
        description: Some("reads a file".into()),
        call_id: Some("call_1".into()),
        cost: Some(500_000),
    };
    read.tool = Some(tool);
    read.operation_type = Some("function".into());
    read.guardrail = Some(Guardrail {
        spec: Some("input".into()),
        triggered: Some(true),
    });
    let log = read.logs.pop().expect("one");

    let mut ask = span(RUN, SpanKind::Llm, "ask", 2, 1, ms(1), ms(600));
    ask.attributes = object(
        json!({"stream.items": 12, "stream.time_to_first_item_ms": 120.5, "stream.ended": "dropped"}),
    );
    ask.llm = Some(call());

    let end = ended(facts.clone(), ms(1_400), EndState::Error);
    let loss = Loss {
        time: START + ms(900),
        session: Some(RUN),
        cause: LossCause::Content,
        count: 2,
    };
    let resource = Resource {
        service: "research".into(),
        service_version: Some("1.2.0".into()),
        pid: Some(7),
        host: Host {
            os: Some("linux".into()),
            cpu_count: Some(2),
            ..Host::default()
        },
        ..Resource::default()
    };
    Spool::new()
        .frame(Kind::Resource, &wire::encode_resource(&resource))
        .frame(Kind::Loss, &wire::encode_loss(&loss))
        .facts(&facts)
        .frame(
            Kind::Log,
            &wire::encode_log(&log, RUN, RUN.trace(), SpanId(3)),
        )
        .span(&ask)
        .span(&read)
        .span(&span(
            RUN,
            SpanKind::Session,
            "research_team",
            1,
            0,
            0,
            ms(1_400),
        ))
        .facts(&end)
}

fn call() -> LlmCall {
    let wish = ToolRequest::new("read_file", json!({"path": "src/ring.rs"})).id("call_1");
    let mut prices = Prices::default();
    prices.model = "acme/acme-1".into();
    (prices.input, prices.output) = (1_000_000_000, 10_000_000_000);
    prices.cache_read = Some(100_000_000);
    prices.cache_write = Some(1_250_000_000);
    prices.cache_write_1h = Some(2_000_000_000);
    prices.reasoning = Some(12_000_000_000);
    prices.input_audio = Some(32_000_000_000);
    prices.cache_read_audio = Some(400_000_000);
    prices.output_audio = Some(64_000_000_000);
    prices.call = Some(5_000_000);
    prices.web_search = Some(10_000_000);
    let mut cost = Cost::new(15_060_000)
        .split(60_000, 0)
        .price_table("prices.json 1f2e3d4c");
    cost.prices = Some(prices);
    let mut error = ProviderError::default();
    error.status = Some(529);
    error.code = Some("overloaded".into());
    error.kind = Some("overloaded_error".into());
    error.message = "Overloaded".into();
    error.retry_after = Some(2_000_000_000);
    let usage = Usage::new(60, 12)
        .cache_read(20)
        .cache_write(10)
        .cache_write_1h(5)
        .reasoning(4)
        .input_audio(3)
        .cache_read_audio(1)
        .output_audio(2)
        .web_searches(1)
        .estimated(true);
    let mut call = LlmCall::new()
        .provider("acme")
        .request_model("acme-1")
        .model("acme-1-2026-10-01")
        .operation("chat")
        .response_id("resp_1")
        .streaming(true)
        .message(Message::new("system").text("Be brief."))
        .message(
            Message::new("user")
                .name("ada")
                .text("What is in this picture?")
                .part(Part::Other(
                    json!({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}),
                )),
        )
        .message(Message::new("assistant").tool_call(wish.clone()))
        .message(
            Message::new("tool")
                .tool_call_id("call_1")
                .text("pub struct Ring;"),
        )
        .completion(
            Completion::new()
                .part(Part::Reasoning("A ring, then.".into()))
                .text("A ring.")
                .tool_call(wish)
                .finish_reason("tool_calls"),
        )
        .completion(Completion::new().part(Part::Refusal("I cannot say.".into())))
        .usage(usage)
        .cost(cost)
        .parameter("temperature", 0.2)
        .time_to_first_token(Duration::from_micros(120_500))
        .attempts(2);
    call.provider_error = Some(error);
    call
}

/// Between the page's first line that starts so and the next that ends it.
fn example() -> &'static str {
    let (_, after) = PAGE.split_once("```json\n").expect("an example");
    after.split_once("```").expect("it ends").0
}

/// Fields as the page names them: `spans[].llm.usage.input`. What is somebody else's to fill ends with its own name.
fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    const FREE: [&str; 5] = [
        ".attributes",
        ".input",
        ".output",
        ".arguments",
        ".parameters",
    ];
    if !path.is_empty() && !path.ends_with("[]") {
        found.insert(path.to_owned());
    }
    // Tokens and prices have an input and an output, too, which are numbers.
    if FREE.iter().any(|free| path.ends_with(free))
        || path == "attributes"
        || path == "losses"
        || path.ends_with(".content[]")
    {
        return;
    }
    match value {
        Value::Object(fields_of) => {
            for (key, value) in fields_of {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                fields(value, &path, found);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| fields(item, &format!("{path}[]"), found)),
        _ => {}
    }
}

#[test]
fn the_page_about_json_shows_what_the_command_answers() {
    let home = Home::new("json_page");
    home.spool("research-1000-7-0", &whole().0);
    let answer = home.run(&["show", "last", "--json"]);
    assert_eq!((answer.code, &*answer.err), (Some(0), ""));
    assert_eq!(
        example(),
        answer.out,
        "docs/json.md has another example than this:\n{}",
        answer.out
    );
}

#[test]
fn the_page_about_json_names_every_field() {
    let example: Value = serde_json::from_str(example()).expect("JSON");
    let mut there = BTreeSet::new();
    fields(&example, "", &mut there);
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `"));
    let named: BTreeSet<String> = rows
        .filter_map(|row| Some(row.split_once('`')?.0.to_owned()))
        .collect();
    let missing: Vec<_> = there.difference(&named).collect();
    assert!(
        missing.is_empty(),
        "docs/json.md says nothing of {missing:?}"
    );
    let gone: Vec<_> = named.difference(&there).collect();
    assert!(
        gone.is_empty(),
        "docs/json.md speaks of {gone:?}, which the example lacks"
    );
}
