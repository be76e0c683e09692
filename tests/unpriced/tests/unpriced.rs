//! Without the feature `pricing` a model call has its usage and no cost: what is not known is not 0.

use agentops::testing::capture;
use serde::Serialize;

#[derive(Serialize)]
struct Request {
    model: &'static str,
    messages: Vec<Message>,
}

#[derive(Serialize)]
struct Message {
    role: &'static str,
    content: String,
}

#[derive(Serialize)]
struct Response {
    object: &'static str,
    model: &'static str,
    choices: Vec<Choice>,
    usage: Usage,
}

#[derive(Serialize)]
struct Choice {
    index: u32,
    message: Message,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

#[agentops::session]
fn run() -> usize {
    let answer = complete(Request {
        model: "gpt-4o-mini",
        messages: vec![Message {
            role: "user",
            content: "hello".into(),
        }],
    });
    answer.choices.len()
}

#[agentops::llm(provider = "openai")]
fn complete(request: Request) -> Response {
    Response {
        object: "chat.completion",
        model: request.model,
        choices: vec![Choice {
            index: 0,
            message: Message {
                role: "assistant",
                content: "hello to you".into(),
            },
            finish_reason: "stop",
        }],
        usage: Usage {
            prompt_tokens: 8,
            completion_tokens: 3,
            total_tokens: 11,
        },
    }
}

#[test]
fn a_model_call_has_usage_and_no_cost() {
    let trace = capture(run);
    assert_eq!(
        trace.outline(),
        "SESSION run\n  LLM complete · gpt-4o-mini\n"
    );
    assert_eq!(trace.session.cost.total, None);
    assert_eq!(trace.session.tokens.total, 11);
    let call = trace
        .span("complete")
        .llm
        .as_ref()
        .expect("it is a model call");
    assert_eq!(call.model.as_deref(), Some("gpt-4o-mini"));
    assert!(call.usage.is_some());
    assert_eq!(call.cost, None);
}
