//! Ollama's protocol: `/api/chat`, `/api/generate` and `/api/embed`, which stream unless they are told not to.
//!
//! Written from <https://github.com/ollama/ollama/blob/main/docs/api.md>.

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::{Question, Reply, pieces, vector};
use crate::protocol::{Answer, Refusal, json as to_json, known, read};

#[derive(Debug, Deserialize)]
struct ChatRequest {
    model: String,
    messages: Vec<Message>,
    #[serde(default)]
    tools: Vec<Tool>,
    stream: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: Role,
    #[serde(default)]
    content: String,
    #[serde(default)]
    tool_calls: Vec<Value>,
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

#[derive(Debug, Deserialize)]
struct GenerateRequest {
    model: String,
    prompt: String,
    system: Option<String>,
    stream: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct EmbedRequest {
    model: String,
    input: Input,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
}

/// What every answer has; the last one says what it took.
#[derive(Debug, Serialize)]
struct Line {
    model: String,
    created_at: &'static str,
    #[serde(flatten)]
    said: Value,
    done: bool,
    #[serde(flatten)]
    end: Option<End>,
}

#[derive(Debug, Serialize)]
struct End {
    done_reason: &'static str,
    total_duration: u64,
    load_duration: u64,
    prompt_eval_count: u64,
    prompt_eval_duration: u64,
    eval_count: u64,
    eval_duration: u64,
}

const CREATED: &str = "2026-01-01T00:00:00Z";

pub(crate) fn answer(path: &str, body: &Value) -> Result<Answer, Refusal> {
    if path.ends_with("/embed") {
        return embed(&read(body)?);
    }
    if path.ends_with("/generate") {
        let request: GenerateRequest = read(body)?;
        let mut question = Question::default();
        question.said(request.system.as_deref().unwrap_or_default());
        question.asked(&request.prompt);
        let said = |text: &str, _: Option<&Value>| json!({"response": text});
        return told(&request.model, request.stream, &question, said);
    }
    let request: ChatRequest = read(body)?;
    let mut question = Question::default();
    for message in &request.messages {
        match message.role {
            Role::User => question.asked(&message.content),
            Role::Tool => question.told(&message.content),
            Role::System | Role::Assistant => question.said(&message.content),
        }
        for call in &message.tool_calls {
            question.said(&call.to_string());
        }
    }
    for Tool { function } in request.tools {
        question.offered(function.name, function.description, function.parameters);
    }
    let said = |text: &str, call: Option<&Value>| match call {
        Some(call) => {
            json!({"message": {"role": "assistant", "content": text, "tool_calls": [call]}})
        }
        None => json!({"message": {"role": "assistant", "content": text}}),
    };
    told(&request.model, request.stream, &question, said)
}

fn told(
    model: &str,
    stream: Option<bool>,
    question: &Question,
    said: impl Fn(&str, Option<&Value>) -> Value,
) -> Result<Answer, Refusal> {
    known(model)?;
    let reply = question.reply();
    let line = |said: Value, last: bool| {
        to_json(&Line {
            model: model.into(),
            created_at: CREATED,
            said,
            done: last,
            end: last.then(|| End {
                done_reason: "stop",
                total_duration: 5_000_000,
                load_duration: 1_000_000,
                prompt_eval_count: question.tokens(),
                prompt_eval_duration: 2_000_000,
                eval_count: reply.tokens(),
                eval_duration: 2_000_000,
            }),
        })
    };
    let (text, call) = match &reply {
        Reply::Text(text) => (&**text, None),
        Reply::Call { name, arguments } => {
            let function = json!({"name": name, "arguments": arguments});
            ("", Some(json!({"function": function})))
        }
    };
    if stream == Some(false) {
        return Ok(Answer::Json(line(said(text, call.as_ref()), true)));
    }
    let mut lines: Vec<Value> = Vec::new();
    if call.is_some() {
        lines.push(line(said("", call.as_ref()), false));
    }
    lines.extend(
        pieces(text)
            .into_iter()
            .map(|piece| line(said(piece, None), false)),
    );
    lines.push(line(said("", None), true));
    Ok(Answer::Lines(
        lines.iter().map(|line| format!("{line}\n")).collect(),
    ))
}

fn embed(request: &EmbedRequest) -> Result<Answer, Refusal> {
    known(&request.model)?;
    let texts = match &request.input {
        Input::One(text) => std::slice::from_ref(text),
        Input::Many(texts) => texts,
    };
    let mut question = Question::default();
    for text in texts {
        question.said(text);
    }
    let embeddings: Vec<_> = texts.iter().map(|text| vector(text, 8)).collect();
    Ok(Answer::Json(json!({
        "model": request.model, "embeddings": embeddings, "total_duration": 3_000_000, "load_duration": 1_000_000,
        "prompt_eval_count": question.tokens(),
    })))
}

pub(crate) fn error(_: StatusCode, message: &str) -> Value {
    json!({"error": message})
}
