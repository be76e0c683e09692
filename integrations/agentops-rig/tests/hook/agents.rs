//! Agents of rig, with a tool, through providers of rig: their own spans and ours are one tree, and count once.

use std::convert::Infallible;
use std::sync::Once;

use agentops::InCurrentSpan as _;
use agentops::model::span::{Span, SpanKind, Status};
use agentops::testing::Trace;
use agentops_loopback::{Break, Loopback};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use rig_agent::prelude::*;
use rig_agent::tool::ToolContext;
use rig_core::operation::Completion;
use rig_core::providers::anthropic::wire::AnthropicConfig;
use rig_core::providers::gemini::GeminiConfig;
use rig_core::providers::openai::OpenAIConfig;
use rig_reqwest::ReqwestClient;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing_subscriber::prelude::*;

use super::{KEY, call, record};

/// The subscriber of the whole program.
fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        tracing_subscriber::registry()
            .with(agentops::layer())
            .init();
    });
}

struct Weather;

#[derive(Deserialize)]
struct Place {
    city: String,
}

impl Tool for Weather {
    const NAME: &'static str = "get_weather";
    type Args = Place;
    type Output = String;
    type Error = Infallible;

    fn description(&self) -> String {
        "The weather of a city".into()
    }

    fn parameters(&self) -> Value {
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
    }

    async fn call(&self, _: &mut ToolContext, place: Place) -> Result<String, Infallible> {
        Ok(format!("Rain in {}", place.city))
    }
}

async fn provider() -> Loopback {
    let server = Loopback::start().await;
    server.accept_key(KEY);
    server
}

fn http() -> ReqwestClient {
    let client = rig_reqwest::reqwest::Client::builder().no_proxy().build();
    client.expect("it asks nothing of the machine").into()
}

fn openai(server: &Loopback) -> DynModel<Completion> {
    let config = OpenAIConfig::new(KEY).with_base_url(format!("{}/v1", server.url()));
    let openai = config.connect(agentops_rig::recorded(http()));
    openai.chat("gpt-4o-mini").into()
}

fn anthropic(server: &Loopback) -> DynModel<Completion> {
    let config = AnthropicConfig::new(KEY).with_base_url(server.url());
    let anthropic = config.connect(agentops_rig::recorded(http()));
    anthropic.completion("claude-sonnet-4-5").into()
}

/// Its key stands in the address.
fn gemini(server: &Loopback) -> DynModel<Completion> {
    let config = GeminiConfig::new(KEY).with_base_url(server.url());
    let gemini = config.connect(agentops_rig::recorded(http()));
    gemini.completion("gemini-2.5-flash").into()
}

fn agent(model: DynModel<Completion>) -> Agent {
    AgentBuilder::new(model)
        .name("forecaster")
        .preamble("Be brief.")
        .max_tokens(100)
        .tool(Weather)
        .build()
}

/// Asks the agent, and gives what it said in the end.
async fn prompt(agent: &Agent, streaming: bool) -> Result<String, String> {
    let prompt = agent.prompt("How is the weather in Paris?").max_turns(4);
    if !streaming {
        let response = prompt.await.map_err(|error| error.to_string())?;
        return Ok(response.output().to_string());
    }
    let mut items = prompt.stream();
    while let Some(item) = items.next().await {
        if let MultiTurnStreamItem::FinalResponse(response) =
            item.map_err(|error| error.to_string())?
        {
            return Ok(response.output().to_string());
        }
    }
    Err("it said nothing".into())
}

/// What the provider said, in the shape of our records.
struct Said {
    provider: &'static str,
    request_model: &'static str,
    model: &'static str,
    response_id: &'static str,
    /// The model's wish for the tool, and the message that tells the tool's result.
    wish: Value,
    result: Value,
    text: &'static str,
    /// Tokens in and out, of each call.
    tokens: [(u64, u64); 2],
    finish_reasons: [&'static str; 2],
    parameters: Value,
}

fn text(text: &str) -> Value {
    json!([{"type": "text", "text": text}])
}

impl Said {
    /// The first call and the second.
    fn calls(&self, streaming: bool) -> [Value; 2] {
        let asked = [
            json!({"role": "system", "content": text("Be brief.")}),
            json!({"role": "user", "content": text("How is the weather in Paris?")}),
        ];
        let wished = json!({"role": "assistant", "content": [], "tool_calls": [self.wish]});
        let [first, second] = &asked;
        let told = json!([first, second, wished, self.result]);
        let said = [
            (json!([]), json!([self.wish])),
            (text(self.text), json!([])),
        ];
        let mut messages = [json!(asked), told].into_iter();
        let mut tokens = self.tokens.into_iter();
        let mut reasons = self.finish_reasons.into_iter();
        said.map(|(content, tool_calls)| {
            let (input, output) = tokens.next().expect("of each");
            json!({
                "provider": self.provider, "operation": "chat", "streaming": streaming,
                "request_model": self.request_model, "model": self.model, "response_id": self.response_id,
                "parameters": self.parameters, "messages": messages.next(),
                "completions": [{"role": "assistant", "content": content, "tool_calls": tool_calls,
                    "finish_reason": reasons.next()}],
                "usage": {"input": input, "output": output, "total": input + output, "cache_read": 0,
                    "cache_write": 0, "reasoning": 0, "estimated": false, "reported": false},
                "cost": {"usd": null, "input_usd": null, "output_usd": null, "price_table": null},
            })
        })
    }
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]})
}

fn wish(id: Option<&str>) -> Value {
    json!({"id": id, "name": "get_weather", "arguments": {"city": "Paris"}})
}

fn result(id: &str) -> Value {
    json!({"role": "tool", "content": text("Rain in Paris"), "tool_call_id": id})
}

fn of_openai(streaming: bool) -> Said {
    let function = json!({"name": "get_weather", "description": "The weather of a city", "parameters": schema()});
    let mut parameters =
        json!({"max_tokens": 100, "tools": [{"type": "function", "function": function}]});
    if streaming {
        parameters["stream_options"] = json!({"include_usage": true});
    }
    Said {
        provider: "openai",
        request_model: "gpt-4o-mini",
        model: "gpt-4o-mini-2024-07-18",
        response_id: "chatcmpl-loopback",
        wish: wish(Some("call_loopback")),
        result: result("call_loopback"),
        text: "The tool says: Rain in Paris",
        tokens: [(10, 7), (17, 7)],
        finish_reasons: ["tool_calls", "stop"],
        parameters,
    }
}

fn of_anthropic(streaming: bool) -> Said {
    let tool = json!({"name": "get_weather", "description": "The weather of a city",
        "input_schema": schema(), "eager_input_streaming": true});
    let mut parameters = json!({"max_tokens": 100, "tools": [tool]});
    if streaming {
        parameters["tool_choice"] = json!({"type": "auto"});
    }
    Said {
        provider: "anthropic",
        request_model: "claude-sonnet-4-5",
        model: "claude-sonnet-4-5",
        response_id: "msg_loopback",
        wish: wish(Some("toolu_loopback")),
        result: result("toolu_loopback"),
        text: "The tool says: Rain in Paris",
        tokens: [(10, 7), (17, 7)],
        finish_reasons: ["tool_use", "end_turn"],
        parameters,
    }
}

fn of_gemini(_: bool) -> Said {
    let function = json!({"name": "get_weather", "description": "The weather of a city",
        "parametersJsonSchema": schema()});
    let tool = json!({"functionDeclarations": [function], "codeExecution": null});
    Said {
        provider: "gcp.gemini",
        request_model: "gemini-2.5-flash",
        model: "gemini-2.5-flash",
        response_id: "loopback",
        wish: wish(None),
        result: json!({"role": "tool", "name": "get_weather", "content": [{"result": "Rain in Paris"}]}),
        text: r#"The tool says: {"result":"Rain in Paris"}"#,
        tokens: [(10, 7), (28, 11)],
        finish_reasons: ["STOP", "STOP"],
        parameters: json!({"maxOutputTokens": 100, "tools": [tool]}),
    }
}

/// The recorded calls, oldest first.
fn calls(trace: &Trace) -> Vec<&Span> {
    let mut calls: Vec<_> = trace
        .spans
        .iter()
        .filter(|span| span.name == "model call")
        .collect();
    calls.sort_by_key(|span| span.start);
    calls
}

#[track_caller]
fn check(model: fn(&Loopback) -> DynModel<Completion>, said: fn(bool) -> Said) {
    listen();
    for streaming in [false, true] {
        let (done, trace) = record(async {
            let server = provider().await;
            let output = prompt(&agent(model(&server)), streaming).await;
            (output, server.requests())
        });
        let (output, requests) = done;
        let expected = said(streaming);
        assert_eq!(output.as_deref(), Ok(expected.text));
        let outline = "\
AGENT forecaster
  LLM chat · MODEL
    LLM model call · MODEL
  TOOL get_weather
  LLM chat · MODEL
    LLM model call · MODEL
";
        let outline = outline.replace("MODEL", expected.request_model);
        assert_eq!(trace.outline(), outline);

        let recorded = calls(&trace);
        let found: Vec<_> = recorded.iter().map(|span| call(span)).collect();
        assert_eq!(found, expected.calls(streaming));
        for (span, request) in recorded.iter().zip(&requests) {
            assert_eq!((span.status, span.cancelled), (Status::Ok, false));
            let parent = format!("00-{}-{}-01", span.trace_id, span.id);
            assert_eq!(request.header("traceparent"), Some(&*parent));
        }

        // Counted once, though rig's spans say the same, and all of it but for what was said.
        let (tokens, counts) = (trace.session.tokens, trace.session.counts);
        let [(first_in, first_out), (second_in, second_out)] = expected.tokens;
        let (input, output) = (first_in + second_in, first_out + second_out);
        assert_eq!((tokens.input, tokens.output), (input, output));
        assert_eq!(tokens.total, input + output);
        assert_eq!((counts.llm_calls, counts.tool_calls), (2, 1));
        assert_eq!(requests.len(), 2);
        let own = trace.spans.iter().filter(|span| span.name == "chat");
        for span in own.inspect(|span| assert_eq!(span.kind, SpanKind::Llm)) {
            let call = span.llm.as_ref().expect("it is a model call");
            assert!(call.usage.is_some_and(|usage| usage.output > 0));
            assert!(call.messages.is_empty() && call.completions.is_empty());
        }
    }
}

#[test]
fn an_agent_on_openai_is_recorded_once_and_whole() {
    check(openai, of_openai);
}

#[test]
fn an_agent_on_anthropic_is_recorded_once_and_whole() {
    check(anthropic, of_anthropic);
}

#[test]
fn an_agent_on_gemini_is_recorded_once_and_whole() {
    check(gemini, of_gemini);
}

/// What becomes of the second call, where something happens to it.
fn second(streaming: bool, happens: impl FnOnce(&Loopback)) -> (Result<String, String>, Trace) {
    listen();
    record(async {
        let server = provider().await;
        server.answer_next();
        happens(&server);
        prompt(&agent(openai(&server)), streaming).await
    })
}

#[test]
fn what_the_provider_refuses_is_an_error_of_the_call() {
    for streaming in [false, true] {
        let (output, trace) = second(streaming, |server| server.fail_next(429, Some("2"), None));
        output.expect_err("it was refused");
        let calls = calls(&trace);
        assert_eq!(calls[0].status, Status::Ok);
        assert_eq!(calls[1].status, Status::Error);
        let error = &call(calls[1])["provider_error"];
        assert_eq!(
            (&error["status"], &error["retry_after_ms"]),
            (&json!(429), &json!(2000.0))
        );
        assert_eq!(error["code"], "rate_limit_exceeded");
    }
}

#[test]
fn an_answer_that_breaks_off_is_an_error_of_the_call() {
    for (streaming, how) in [
        (false, Break::Cut),
        (true, Break::Cut),
        (true, Break::Error),
    ] {
        let (output, trace) = second(streaming, |server| server.break_next(2, how));
        output.expect_err("it broke off");
        let calls = calls(&trace);
        assert_eq!(
            (calls[1].status, calls[1].cancelled),
            (Status::Error, false)
        );
        assert_eq!(trace.session.tokens.input, 10);
    }
}

/// The program is told the whole address, and the key in it.
#[test]
fn a_provider_that_is_not_there_is_an_error_of_the_call() {
    listen();
    let (output, trace) = record(async {
        let server = provider().await;
        let agent = agent(gemini(&server));
        drop(server);
        prompt(&agent, false).await
    });
    let told = output.expect_err("nobody is there");
    assert!(told.contains(KEY), "{told}");
    let error = calls(&trace)[0].error.as_ref().expect("it failed");
    assert_eq!(error.code, "ConnectionRefused");
}

#[test]
fn calls_at_the_same_time_do_not_mix() {
    const CALLS: usize = 16;
    listen();
    let ((), trace) = record(async {
        let server = provider().await;
        let agent = agent(openai(&server));
        let asked = (0..CALLS).map(|n| {
            let work = agent.prompt(format!("Who is number {n}?")).into_future();
            tokio::spawn(work.in_current_span())
        });
        for answer in join_all(asked).await {
            answer.expect("no panic").expect("it answers");
        }
    });
    let mut asked: Vec<_> = calls(&trace)
        .into_iter()
        .map(|span| {
            let call = call(span);
            let question = call["messages"][1]["content"][0]["text"].as_str();
            let question = question.expect("text").to_owned();
            let answer = text(&format!("You asked: {question}"));
            assert_eq!(call["completions"][0]["content"], answer);
            question
        })
        .collect();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), CALLS);
    assert_eq!(trace.session.counts.llm_calls, CALLS as u64);
}
