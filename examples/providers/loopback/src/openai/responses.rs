//! Responses.
//!
//! Written from <https://platform.openai.com/docs/api-reference/responses> and
//! <https://platform.openai.com/docs/api-reference/responses-streaming>.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::dated;
use crate::answer::{Question, Reply, pieces};
use crate::protocol::{Answer, Refusal, json as to_json, known, named, read};

#[derive(Debug, Deserialize)]
struct Request {
    model: String,
    input: Input,
    instructions: Option<String>,
    #[serde(default)]
    tools: Vec<Tool>,
    stream: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Items(Vec<Item>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Item {
    Typed(TypedItem),
    /// A message may leave its type out.
    Message(Message),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum TypedItem {
    Message(Message),
    FunctionCall { arguments: String },
    FunctionCallOutput { output: Content },
    Reasoning {},
}

#[derive(Debug, Deserialize)]
struct Message {
    role: Role,
    content: Content,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    System,
    Developer,
    User,
    Assistant,
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
    InputText { text: String },
    OutputText { text: String },
    Refusal { refusal: String },
    InputImage {},
    InputFile {},
}

#[derive(Debug, Deserialize)]
struct Tool {
    r#type: String,
    name: Option<String>,
    description: Option<String>,
    #[serde(default)]
    parameters: Value,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Usage {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct InputDetails {
    cached_tokens: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

/// The fields that say what was asked are given back in every state of a response.
#[derive(Debug, Clone, Serialize)]
struct Response {
    id: &'static str,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    error: Option<()>,
    incomplete_details: Option<()>,
    instructions: Option<String>,
    max_output_tokens: Option<u64>,
    model: String,
    output: Vec<Value>,
    parallel_tool_calls: bool,
    previous_response_id: Option<String>,
    store: bool,
    temperature: f64,
    text: Value,
    tool_choice: &'static str,
    tools: Value,
    top_p: f64,
    truncation: &'static str,
    usage: Option<Usage>,
    metadata: Map<String, Value>,
}

impl Content {
    fn text(&self) -> String {
        match self {
            Content::Text(text) => text.clone(),
            Content::Parts(parts) => parts
                .iter()
                .map(|part| match part {
                    Part::InputText { text } | Part::OutputText { text } => text,
                    Part::Refusal { refusal } => refusal,
                    Part::InputImage {} | Part::InputFile {} => "",
                })
                .collect(),
        }
    }
}

impl Request {
    fn question(&self) -> Question {
        let mut question = Question::default();
        if let Some(instructions) = &self.instructions {
            question.said(instructions);
        }
        match &self.input {
            Input::Text(text) => question.asked(text),
            Input::Items(items) => {
                for item in items {
                    item.take_in(&mut question);
                }
            }
        }
        for tool in &self.tools {
            if let (true, Some(name)) = (tool.r#type == "function", &tool.name) {
                let parameters = tool.parameters.clone();
                question.offered(name.clone(), tool.description.clone(), parameters);
            }
        }
        question
    }
}

impl Item {
    fn take_in(&self, question: &mut Question) {
        match self {
            Item::Typed(TypedItem::Message(message)) | Item::Message(message) => {
                let text = message.content.text();
                match message.role {
                    Role::User => question.asked(&text),
                    Role::System | Role::Developer | Role::Assistant => question.said(&text),
                }
            }
            Item::Typed(TypedItem::FunctionCall { arguments }) => question.said(arguments),
            Item::Typed(TypedItem::FunctionCallOutput { output }) => question.told(&output.text()),
            Item::Typed(TypedItem::Reasoning {}) => {}
        }
    }
}

pub(super) fn answer(body: &Value) -> Result<Answer, Refusal> {
    let request: Request = read(body)?;
    known(&request.model)?;
    let question = request.question();
    let reply = question.reply();
    let (input, output) = (question.tokens(), reply.tokens());
    let begun = Response {
        id: "resp_loopback",
        object: "response",
        created_at: 1_767_225_600,
        status: "in_progress",
        error: None,
        incomplete_details: None,
        instructions: request.instructions.clone(),
        max_output_tokens: None,
        model: dated(&request.model),
        output: Vec::new(),
        parallel_tool_calls: true,
        previous_response_id: None,
        store: true,
        temperature: 1.0,
        text: json!({"format": {"type": "text"}}),
        tool_choice: "auto",
        tools: body.get("tools").cloned().unwrap_or_else(|| json!([])),
        top_p: 1.0,
        truncation: "disabled",
        usage: None,
        metadata: Map::new(),
    };
    let done = Response {
        status: "completed",
        output: vec![item(&reply, "completed", true)],
        usage: Some(Usage {
            input_tokens: input,
            input_tokens_details: InputDetails { cached_tokens: 0 },
            output_tokens: output,
            output_tokens_details: OutputDetails {
                reasoning_tokens: 0,
            },
            total_tokens: input + output,
        }),
        ..begun.clone()
    };
    if request.stream.unwrap_or_default() {
        Ok(Answer::Events(events(&begun, &done, &reply)))
    } else {
        Ok(Answer::Json(to_json(&done)))
    }
}

/// What was put out, filled or before it is.
fn item(reply: &Reply, status: &str, full: bool) -> Value {
    match reply {
        Reply::Text(text) => {
            let part =
                json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
            let content = if full { vec![part] } else { Vec::new() };
            json!({"id": "msg_loopback", "type": "message", "status": status, "role": "assistant", "content": content})
        }
        Reply::Call { name, arguments } => {
            let arguments = if full {
                arguments.to_string()
            } else {
                String::new()
            };
            json!({"id": "fc_loopback", "type": "function_call", "status": status, "call_id": "call_loopback",
                "name": name, "arguments": arguments})
        }
    }
}

fn events(begun: &Response, done: &Response, reply: &Reply) -> Vec<String> {
    let mut events = Vec::new();
    let mut push = |kind: &str, fields: Value| {
        let mut event = json!({"type": kind, "sequence_number": events.len()});
        if let (Value::Object(event), Value::Object(fields)) = (&mut event, fields) {
            event.extend(fields);
        }
        events.push(named(kind, &event));
    };
    push("response.created", json!({"response": begun}));
    push("response.in_progress", json!({"response": begun}));
    let begun = item(reply, "in_progress", false);
    push(
        "response.output_item.added",
        json!({"output_index": 0, "item": begun}),
    );
    match reply {
        Reply::Text(text) => {
            let place = json!({"item_id": "msg_loopback", "output_index": 0, "content_index": 0});
            let at = |more: Value| {
                let mut fields = place.clone();
                if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
                    fields.extend(more);
                }
                fields
            };
            let part = |text: &str| json!({"part": {"type": "output_text", "text": text, "annotations": [], "logprobs": []}});
            push("response.content_part.added", at(part("")));
            for piece in pieces(text) {
                push(
                    "response.output_text.delta",
                    at(json!({"delta": piece, "logprobs": []})),
                );
            }
            push(
                "response.output_text.done",
                at(json!({"text": text, "logprobs": []})),
            );
            push("response.content_part.done", at(part(text)));
        }
        Reply::Call { name, arguments } => {
            let arguments = arguments.to_string();
            push(
                "response.function_call_arguments.delta",
                json!({"item_id": "fc_loopback", "output_index": 0, "delta": arguments}),
            );
            push(
                "response.function_call_arguments.done",
                json!({"item_id": "fc_loopback", "output_index": 0, "name": name, "arguments": arguments}),
            );
        }
    }
    let ended = item(reply, "completed", true);
    push(
        "response.output_item.done",
        json!({"output_index": 0, "item": ended}),
    );
    push("response.completed", json!({"response": done}));
    events
}
