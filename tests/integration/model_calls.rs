//! Model calls: what an `#[llm]` function's arguments and answer say is understood.

use agentops::llm;
use agentops::testing::capture;
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
