//! Anthropic's protocol: messages.
//!
//! Written from <https://docs.anthropic.com/en/api/messages>, <https://docs.anthropic.com/en/api/messages-streaming>
//! and <https://docs.anthropic.com/en/api/errors>.

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::{Question, Reply, pieces};
use crate::protocol::{Answer, Refusal, json as to_json, known, named, read};

#[derive(Debug, Deserialize)]
struct Request {
    model: String,
    max_tokens: u64,
    messages: Vec<Message>,
    system: Option<Content>,
    #[serde(default)]
    tools: Vec<Tool>,
    stream: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: Role,
    content: Content,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    User,
    Assistant,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Text { text: String },
    ToolUse { input: Value },
    ToolResult { content: Option<Content> },
    Thinking { thinking: String },
    Image {},
    Document {},
}

#[derive(Debug, Deserialize)]
struct Tool {
    name: String,
    description: Option<String>,
    input_schema: Value,
}

#[derive(Debug, Serialize)]
struct Response {
    id: &'static str,
    r#type: &'static str,
    role: &'static str,
    model: String,
    content: Vec<Value>,
    stop_reason: Option<&'static str>,
    stop_sequence: Option<String>,
    usage: Usage,
}

#[derive(Debug, Serialize)]
struct Usage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
}

impl Content {
    fn text(&self) -> String {
        match self {
            Content::Text(text) => text.clone(),
            Content::Blocks(blocks) => blocks.iter().map(Block::text).collect(),
        }
    }
}

impl Block {
    fn text(&self) -> String {
        match self {
            Block::Text { text } | Block::Thinking { thinking: text } => text.clone(),
            Block::ToolUse { input } => input.to_string(),
            Block::ToolResult { content } => {
                content.as_ref().map(Content::text).unwrap_or_default()
            }
            Block::Image {} | Block::Document {} => String::new(),
        }
    }
}

impl Request {
    fn question(&self) -> Question {
        let mut question = Question::default();
        if let Some(system) = &self.system {
            question.said(&system.text());
        }
        for Message { role, content } in &self.messages {
            match (role, content) {
                (Role::Assistant, content) => question.said(&content.text()),
                (Role::User, Content::Text(text)) => question.asked(text),
                (Role::User, Content::Blocks(blocks)) => {
                    for block in blocks {
                        match block {
                            Block::ToolResult { .. } => question.told(&block.text()),
                            Block::Text { text } => question.asked(text),
                            other => question.said(&other.text()),
                        }
                    }
                }
            }
        }
        for tool in &self.tools {
            let schema = tool.input_schema.clone();
            question.offered(tool.name.clone(), tool.description.clone(), schema);
        }
        question
    }
}

pub(crate) fn answer(body: &Value) -> Result<Answer, Refusal> {
    let request: Request = read(body)?;
    known(&request.model)?;
    if request.max_tokens == 0 {
        let message = "max_tokens: Input should be greater than or equal to 1";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
    }
    let question = request.question();
    let reply = question.reply();
    let block = match &reply {
        Reply::Text(text) => json!({"type": "text", "text": text}),
        Reply::Call { name, arguments } => {
            json!({"type": "tool_use", "id": "toolu_loopback", "name": name, "input": arguments})
        }
    };
    let response = |content, stop_reason, output_tokens| {
        to_json(&Response {
            id: "msg_loopback",
            r#type: "message",
            role: "assistant",
            model: request.model.clone(),
            content,
            stop_reason,
            stop_sequence: None,
            usage: Usage {
                input_tokens: question.tokens(),
                cache_creation_input_tokens: 0,
                cache_read_input_tokens: 0,
                output_tokens,
            },
        })
    };
    if request.stream.unwrap_or_default() {
        let begun = response(Vec::new(), None, 1);
        return Ok(Answer::Events(events(&begun, &reply)));
    }
    let message = response(vec![block], Some(stop_reason(&reply)), reply.tokens());
    Ok(Answer::Json(message))
}

fn stop_reason(reply: &Reply) -> &'static str {
    match reply {
        Reply::Text(_) => "end_turn",
        Reply::Call { .. } => "tool_use",
    }
}

fn events(begun: &Value, reply: &Reply) -> Vec<String> {
    let mut events = Vec::new();
    let mut push = |event: Value| events.push(event_of(&event));
    push(json!({"type": "message_start", "message": begun}));
    let delta = |delta: Value| json!({"type": "content_block_delta", "index": 0, "delta": delta});
    match reply {
        Reply::Text(text) => {
            push(
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            );
            push(json!({"type": "ping"}));
            for piece in pieces(text) {
                push(delta(json!({"type": "text_delta", "text": piece})));
            }
        }
        Reply::Call { name, arguments } => {
            let block =
                json!({"type": "tool_use", "id": "toolu_loopback", "name": name, "input": {}});
            push(json!({"type": "content_block_start", "index": 0, "content_block": block}));
            push(json!({"type": "ping"}));
            let arguments = arguments.to_string();
            let (first, rest) =
                arguments.split_at(arguments.floor_char_boundary(arguments.len() / 2));
            for part in ["", first, rest] {
                push(delta(
                    json!({"type": "input_json_delta", "partial_json": part}),
                ));
            }
        }
    }
    push(json!({"type": "content_block_stop", "index": 0}));
    push(
        json!({"type": "message_delta", "delta": {"stop_reason": stop_reason(reply), "stop_sequence": null},
        "usage": {"output_tokens": reply.tokens()}}),
    );
    push(json!({"type": "message_stop"}));
    events
}

/// Its events have the name that their data has.
fn event_of(event: &Value) -> String {
    named(event["type"].as_str().unwrap_or_default(), event)
}

pub(crate) fn error(status: StatusCode, message: &str) -> Value {
    let kind = match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..500 => "invalid_request_error",
        _ => "api_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_loopback"})
}

pub(crate) fn error_event() -> String {
    event_of(
        &json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    )
}
