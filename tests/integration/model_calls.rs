//! Model calls: what an `#[llm]` function's arguments and answer say is understood.

use agentops::model::llm::{Cost, LlmCall, Part, Usage};
use agentops::testing::capture;
use agentops::{current_span, llm, tool};
use serde_json::{Value, json};

#[llm]
fn chat(request: &Value) -> Result<Value, std::io::Error> {
    assert_eq!(request["model"], "gpt-4o-mini");
    Ok(json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null,
            "tool_calls": [{"id": "call_1", "type": "function",
                "function": {"name": "grep", "arguments": "{\"pattern\":\"fn\"}"}}]}}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010,
            "prompt_tokens_details": {"cached_tokens": 200}}
    }))
}

#[test]
fn a_chat_is_understood() {
    let trace = capture(|| {
        let request = json!({"model": "gpt-4o-mini", "temperature": 0.5, "messages": [
            {"role": "system", "content": "be brief"}, {"role": "user", "content": "where?"}]});
        chat(&request).expect("it answers");
    });
    let span = trace.span("chat");
    let call = span.llm.as_ref().expect("it is a model call");
    assert_eq!(
        (call.request_model.as_deref(), call.model.as_deref()),
        (Some("gpt-4o-mini"), Some("gpt-4o-mini-2024-07-18"))
    );
    assert_eq!(
        call.messages
            .iter()
            .map(|message| &*message.role)
            .collect::<Vec<_>>(),
        ["system", "user"]
    );
    let wish = &call.completions[0].tool_calls[0];
    assert_eq!(
        (&*wish.name, &wish.arguments),
        ("grep", &json!({"pattern": "fn"}))
    );
    assert_eq!(
        call.completions[0].finish_reason.as_deref(),
        Some("tool_calls")
    );
    let usage = call.usage.expect("the answer says it");
    assert_eq!(
        (usage.input, usage.output, usage.cache_read, usage.total),
        (1000, 10, 200, 1010)
    );
    assert_eq!(call.parameters["temperature"], 0.5);
    assert_eq!(
        (trace.session.tokens.input, trace.session.tokens.output),
        (1000, 10)
    );
    assert_eq!(trace.session.counts.llm_calls, 1);
}

/// Speaks a protocol of its own, to a model that has another name here.
#[llm]
fn chat_by_hand(request: &Value) -> Result<Value, std::io::Error> {
    let call = LlmCall::new()
        .provider("acme")
        .usage(Usage::new(7, 1).cache_read(3))
        .parameter("beams", 4);
    current_span().record_llm(call);
    current_span().record_llm(LlmCall::new().model("acme-large").usage(Usage::new(8, 2)));
    chat(request)
}

#[test]
fn what_is_said_of_a_call_goes_before_what_is_recognised() {
    let trace = capture(|| {
        let request = json!({"model": "gpt-4o-mini", "temperature": 0.5, "messages": [
            {"role": "user", "content": "where?"}]});
        chat_by_hand(&request).expect("it answers");
    });
    let span = trace.span("chat_by_hand");
    let call = span.llm.as_ref().expect("it is a model call");
    assert_eq!(
        (
            call.provider.as_deref(),
            call.request_model.as_deref(),
            call.model.as_deref()
        ),
        (Some("acme"), Some("gpt-4o-mini"), Some("acme-large"))
    );
    let mut expected = Usage::new(8, 2);
    // The call within says what it used itself.
    expected.reported = true;
    assert_eq!(call.usage, Some(expected));
    assert_eq!(call.messages.len(), 1);
    assert_eq!(call.completions[0].tool_calls[0].name, "grep");
    let parameters = Value::Object(call.parameters.clone());
    assert_eq!(parameters, json!({"temperature": 0.5, "beams": 4}));
}

#[tool]
fn summarise(text: &str) -> usize {
    let call = LlmCall::new()
        .provider("openai")
        .model("gpt-4o-mini-2024-07-18")
        .prompt("user", text)
        .answer("short")
        .usage(Usage::new(1_000_000, 0))
        .cost(Cost::new(150_000_000));
    current_span().record_llm(call);
    text.len()
}

#[test]
fn a_span_of_another_kind_has_used_a_model() {
    let trace = capture(|| {
        summarise("long");
    });
    let span = trace.span("summarise");
    let call = span.llm.as_ref().expect("it says so");
    assert_eq!(
        (&*call.messages[0].role, &call.completions[0].content[..]),
        ("user", &[Part::Text("short".into())][..])
    );
    assert_eq!(
        span.tool.as_ref().map(|tool| &*tool.name),
        Some("summarise")
    );
    assert_eq!(trace.session.tokens.input, 1_000_000);
    assert_eq!(trace.session.cost.total, Some(150_000_000));
}
