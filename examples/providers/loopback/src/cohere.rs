//! Cohere's protocol: chat, second version.
//!
//! Written from <https://docs.cohere.com/reference/chat> and <https://docs.cohere.com/reference/chat-stream>.

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::{Question, Reply, pieces};
use crate::protocol::{Answer, Refusal, json as to_json, known, named, read};

#[derive(Debug, Deserialize)]
struct Request {
    model: String,
    messages: Vec<Message>,
    #[serde(default)]
    tools: Vec<Tool>,
    stream: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: Role,
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    User,
    Assistant,
    Tool,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part {
    Text { text: String },
    ImageUrl {},
    Document { document: Value },
}

#[derive(Debug, Deserialize)]
struct Tool {
    function: Function,
}

#[derive(Debug, Deserialize)]
struct Function {
    name: String,
    description: Option<String>,
    #[serde(default)]
    parameters: Value,
}

#[derive(Debug, Serialize)]
struct Response {
    id: &'static str,
    finish_reason: &'static str,
    message: Value,
    usage: Usage,
}

#[derive(Debug, Serialize)]
struct Usage {
    billed_units: Units,
    tokens: Units,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Units {
    input_tokens: u64,
    output_tokens: u64,
}

impl Content {
    fn text(&self) -> String {
        match self {
            Content::Text(text) => text.clone(),
            Content::Parts(parts) => parts
                .iter()
                .map(|part| match part {
                    Part::Text { text } => text.clone(),
                    Part::Document { document } => document.to_string(),
                    Part::ImageUrl {} => String::new(),
                })
                .collect(),
        }
    }
}

pub(crate) fn answer(body: &Value) -> Result<Answer, Refusal> {
    let request: Request = read(body)?;
    known(&request.model)?;
    let mut question = Question::default();
    for message in &request.messages {
        let text = message
            .content
            .as_ref()
            .map(Content::text)
            .unwrap_or_default();
        match message.role {
            Role::User => question.asked(&text),
            Role::Tool => question.told(&text),
            Role::System | Role::Assistant => question.said(&text),
        }
    }
    for Tool { function } in request.tools {
        question.offered(function.name, function.description, function.parameters);
    }
    let reply = question.reply();
    let units = Units {
        input_tokens: question.tokens(),
        output_tokens: reply.tokens(),
    };
    let usage = Usage {
        billed_units: units,
        tokens: units,
    };
    let (finish_reason, message) = match &reply {
        Reply::Text(text) => (
            "COMPLETE",
            json!({"role": "assistant", "content": [{"type": "text", "text": text}]}),
        ),
        Reply::Call { name, arguments } => (
            "TOOL_CALL",
            json!({"role": "assistant", "tool_plan": "I will use the tool.", "tool_calls": [called(name, arguments)]}),
        ),
    };
    if request.stream.unwrap_or_default() {
        return Ok(Answer::Events(events(&reply, finish_reason, &usage)));
    }
    Ok(Answer::Json(to_json(&Response {
        id: ID,
        finish_reason,
        message,
        usage,
    })))
}

const ID: &str = "c14c80c3-18eb-4519-9460-6c92edd8cfb4";

fn called(name: &str, arguments: &Value) -> Value {
    let function = json!({"name": name, "arguments": arguments.to_string()});
    json!({"id": "call_loopback", "type": "function", "function": function})
}

fn events(reply: &Reply, finish_reason: &str, usage: &Usage) -> Vec<String> {
    let mut events = Vec::new();
    let mut push =
        |event: Value| events.push(named(event["type"].as_str().unwrap_or_default(), &event));
    push(
        json!({"type": "message-start", "id": ID, "delta": {"message": {"role": "assistant", "content": [],
        "tool_plan": "", "tool_calls": [], "citations": []}}}),
    );
    let delta = |kind: &str, message: Value| json!({"type": kind, "index": 0, "delta": {"message": message}});
    match reply {
        Reply::Text(text) => {
            push(delta(
                "content-start",
                json!({"content": {"type": "text", "text": ""}}),
            ));
            for piece in pieces(text) {
                push(delta("content-delta", json!({"content": {"text": piece}})));
            }
            push(json!({"type": "content-end", "index": 0}));
        }
        Reply::Call { name, arguments } => {
            let mut call = called(name, arguments);
            call["function"]["arguments"] = "".into();
            push(delta("tool-call-start", json!({"tool_calls": call})));
            let arguments = json!({"function": {"arguments": arguments.to_string()}});
            push(delta("tool-call-delta", json!({"tool_calls": arguments})));
            push(json!({"type": "tool-call-end", "index": 0}));
        }
    }
    push(
        json!({"type": "message-end", "id": ID, "delta": {"finish_reason": finish_reason, "usage": usage}}),
    );
    events
}

pub(crate) fn error(_: StatusCode, message: &str) -> Value {
    json!({"id": ID, "message": message})
}

/// A stream that fails ends with an end that says so.
pub(crate) fn error_event() -> String {
    let event = json!({"type": "message-end", "id": ID, "delta": {"finish_reason": "ERROR",
        "error": "The server had an error while processing your request"}});
    named("message-end", &event)
}
