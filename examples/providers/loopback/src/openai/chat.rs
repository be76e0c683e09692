//! Chat completions.
//!
//! Written from <https://platform.openai.com/docs/api-reference/chat>.

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::dated;
use crate::answer::{Question, Reply, pieces};
use crate::protocol::{Answer, Refusal, data, json as to_json, known, read};

#[derive(Debug, Deserialize)]
struct ChatRequest {
    model: String,
    messages: Vec<Message>,
    #[serde(default)]
    tools: Vec<OfferedTool>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    n: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "role", rename_all = "lowercase")]
enum Message {
    #[serde(alias = "developer")]
    System {
        content: Content,
    },
    User {
        content: Content,
    },
    Assistant {
        content: Option<Content>,
        #[serde(default)]
        tool_calls: Vec<ToolCall>,
    },
    Tool {
        content: Content,
        #[serde(rename = "tool_call_id")]
        _tool_call_id: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ContentPart {
    Text { text: String },
    ImageUrl {},
    InputAudio {},
    File {},
    Refusal { refusal: String },
}

#[derive(Debug, Deserialize)]
struct OfferedTool {
    function: OfferedFunction,
}

#[derive(Debug, Deserialize)]
struct OfferedFunction {
    name: String,
    description: Option<String>,
    #[serde(default)]
    parameters: Value,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ToolCall {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    id: String,
    r#type: String,
    function: CalledFunction,
}

#[derive(Debug, Serialize, Deserialize)]
struct CalledFunction {
    name: String,
    arguments: String,
}

#[derive(Debug, Serialize)]
struct Completion {
    id: &'static str,
    object: &'static str,
    created: u64,
    model: String,
    choices: Vec<Choice>,
    usage: Usage,
    system_fingerprint: &'static str,
}

#[derive(Debug, Serialize)]
struct Choice {
    index: usize,
    message: Said,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Debug, Serialize)]
struct Said {
    role: &'static str,
    content: Option<String>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptTokens,
    completion_tokens_details: CompletionTokens,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct PromptTokens {
    cached_tokens: u64,
    audio_tokens: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct CompletionTokens {
    reasoning_tokens: u64,
    audio_tokens: u64,
    accepted_prediction_tokens: u64,
    rejected_prediction_tokens: u64,
}

#[derive(Debug, Serialize)]
struct Chunk {
    id: &'static str,
    object: &'static str,
    created: u64,
    model: String,
    system_fingerprint: &'static str,
    choices: Vec<ChunkChoice>,
    /// Present, and null before the last chunk, only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Usage>>,
}

#[derive(Debug, Serialize)]
struct ChunkChoice {
    index: usize,
    delta: Value,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

impl Content {
    fn text(&self) -> String {
        match self {
            Content::Text(text) => text.clone(),
            Content::Parts(parts) => parts
                .iter()
                .map(|part| match part {
                    ContentPart::Text { text } => text,
                    ContentPart::Refusal { refusal } => refusal,
                    ContentPart::ImageUrl {}
                    | ContentPart::InputAudio {}
                    | ContentPart::File {} => "",
                })
                .collect(),
        }
    }
}

impl ChatRequest {
    fn question(&self) -> Question {
        let mut question = Question::default();
        for message in &self.messages {
            match message {
                Message::System { content } => question.said(&content.text()),
                Message::User { content } => question.asked(&content.text()),
                Message::Assistant {
                    content,
                    tool_calls,
                } => {
                    if let Some(content) = content {
                        question.said(&content.text());
                    }
                    for call in tool_calls {
                        question.said(&call.function.arguments);
                    }
                }
                Message::Tool { content, .. } => question.told(&content.text()),
            }
        }
        for tool in &self.tools {
            let function = &tool.function;
            question.offered(
                function.name.clone(),
                function.description.clone(),
                function.parameters.clone(),
            );
        }
        question
    }
}

pub(super) fn answer(body: &Value) -> Result<Answer, Refusal> {
    let request: ChatRequest = read(body)?;
    known(&request.model)?;
    if request.messages.is_empty() {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1.";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
    }
    let question = request.question();
    let reply = question.reply();
    let choices = request.n.unwrap_or(1).clamp(1, 8);
    let (input, output) = (question.tokens(), reply.tokens() * choices as u64);
    let usage = Usage {
        prompt_tokens: input,
        completion_tokens: output,
        total_tokens: input + output,
        prompt_tokens_details: PromptTokens::default(),
        completion_tokens_details: CompletionTokens::default(),
    };
    if request.stream.unwrap_or_default() {
        let options = request.stream_options.as_ref();
        let wanted = options.and_then(|options| options.include_usage) == Some(true);
        return Ok(Answer::Events(chunks(
            &request.model,
            choices,
            &reply,
            wanted.then_some(usage),
        )));
    }
    let completion = Completion {
        id: ID,
        object: "chat.completion",
        created: CREATED,
        model: dated(&request.model),
        choices: (0..choices).map(|index| choice(index, &reply)).collect(),
        usage,
        system_fingerprint: "fp_loopback",
    };
    Ok(Answer::Json(to_json(&completion)))
}

const ID: &str = "chatcmpl-loopback";
const CREATED: u64 = 1_767_225_600;
const CALL_ID: &str = "call_loopback";

fn choice(index: usize, reply: &Reply) -> Choice {
    let (content, tool_calls) = match reply {
        Reply::Text(text) => (Some(text.clone()), Vec::new()),
        Reply::Call { name, arguments } => {
            let function = CalledFunction {
                name: name.clone(),
                arguments: arguments.to_string(),
            };
            let call = ToolCall {
                index: None,
                id: CALL_ID.into(),
                r#type: "function".into(),
                function,
            };
            (None, vec![call])
        }
    };
    Choice {
        index,
        message: Said {
            role: "assistant",
            content,
            refusal: None,
            tool_calls,
        },
        logprobs: None,
        finish_reason: finish_reason(reply),
    }
}

fn finish_reason(reply: &Reply) -> &'static str {
    match reply {
        Reply::Text(_) => "stop",
        Reply::Call { .. } => "tool_calls",
    }
}

fn chunks(model: &str, choices: usize, reply: &Reply, usage: Option<Usage>) -> Vec<String> {
    let chunk = |choices: Vec<ChunkChoice>, last: Option<Usage>| {
        data(&Chunk {
            id: ID,
            object: "chat.completion.chunk",
            created: CREATED,
            model: dated(model),
            system_fingerprint: "fp_loopback",
            choices,
            usage: usage.map(|_| last),
        })
    };
    let mut events = Vec::new();
    let mut push = |delta: &Value, finish_reason| {
        for index in 0..choices {
            let choice = ChunkChoice {
                index,
                delta: delta.clone(),
                logprobs: None,
                finish_reason,
            };
            events.push(chunk(vec![choice], None));
        }
    };
    match reply {
        Reply::Text(text) => {
            push(
                &json!({"role": "assistant", "content": "", "refusal": null}),
                None,
            );
            for piece in pieces(text) {
                push(&json!({"content": piece}), None);
            }
        }
        Reply::Call { name, arguments } => {
            let function = json!({"name": name, "arguments": ""});
            let call = json!({"index": 0, "id": CALL_ID, "type": "function", "function": function});
            push(
                &json!({"role": "assistant", "content": null, "tool_calls": [call]}),
                None,
            );
            let arguments = arguments.to_string();
            let (first, rest) =
                arguments.split_at(arguments.floor_char_boundary(arguments.len() / 2));
            for part in [first, rest] {
                let call = json!({"index": 0, "function": {"arguments": part}});
                push(&json!({"tool_calls": [call]}), None);
            }
        }
    }
    push(&json!({}), Some(finish_reason(reply)));
    if usage.is_some() {
        events.push(chunk(Vec::new(), usage));
    }
    events.push("data: [DONE]\n\n".into());
    events
}
