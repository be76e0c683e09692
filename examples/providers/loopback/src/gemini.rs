//! Gemini's protocol: `generateContent`, `streamGenerateContent` with `alt=sse`, and `embedContent`.
//!
//! Written from <https://ai.google.dev/api/generate-content>, <https://ai.google.dev/api/embeddings> and
//! <https://cloud.google.com/apis/design/errors>.

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::{Question, Reply, pieces, vector};
use crate::protocol::{Answer, Refusal, data, json as to_json, known, read};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    contents: Vec<Content>,
    #[serde(alias = "system_instruction")]
    system_instruction: Option<Content>,
    #[serde(default)]
    tools: Vec<Tool>,
}

#[derive(Debug, Deserialize)]
struct Content {
    role: Option<String>,
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    text: Option<String>,
    #[serde(alias = "function_call")]
    function_call: Option<Value>,
    #[serde(alias = "function_response")]
    function_response: Option<FunctionResponse>,
}

#[derive(Debug, Deserialize)]
struct FunctionResponse {
    response: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tool {
    #[serde(default, alias = "function_declarations")]
    function_declarations: Vec<Declaration>,
}

#[derive(Debug, Deserialize)]
struct Declaration {
    name: String,
    description: Option<String>,
    #[serde(default, alias = "parametersJsonSchema")]
    parameters: Value,
}

#[derive(Debug, Deserialize)]
struct EmbedRequest {
    content: Content,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    candidates: Vec<Candidate>,
    usage_metadata: UsageMetadata,
    model_version: String,
    response_id: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
    index: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageMetadata {
    prompt_token_count: u64,
    candidates_token_count: u64,
    total_token_count: u64,
}

impl Request {
    fn question(&self) -> Question {
        let mut question = Question::default();
        for part in self
            .system_instruction
            .iter()
            .flat_map(|content| &content.parts)
        {
            question.said(part.text.as_deref().unwrap_or_default());
        }
        for content in &self.contents {
            let from_user = content.role.as_deref() != Some("model");
            for part in &content.parts {
                match part {
                    Part {
                        function_response: Some(answer),
                        ..
                    } => question.told(&answer.response.to_string()),
                    Part {
                        function_call: Some(call),
                        ..
                    } => question.said(&call.to_string()),
                    Part {
                        text: Some(text), ..
                    } if from_user => question.asked(text),
                    Part {
                        text: Some(text), ..
                    } => question.said(text),
                    Part { .. } => {}
                }
            }
        }
        for declaration in self
            .tools
            .iter()
            .flat_map(|tool| &tool.function_declarations)
        {
            question.offered(
                declaration.name.clone(),
                declaration.description.clone(),
                declaration.parameters.clone(),
            );
        }
        question
    }
}

/// The model and the method stand in the path, as `models/gemini-2.5-flash:generateContent`.
pub(crate) fn answer(path: &str, body: &Value) -> Result<Answer, Refusal> {
    let last = path.rsplit('/').next().unwrap_or_default();
    let (model, method) = last.split_once(':').unwrap_or((last, ""));
    known(model)?;
    if method == "embedContent" {
        let request: EmbedRequest = read(body)?;
        let text: String = request
            .content
            .parts
            .into_iter()
            .filter_map(|part| part.text)
            .collect();
        return Ok(Answer::Json(
            json!({"embedding": {"values": vector(&text, 8)}}),
        ));
    }
    let request: Request = read(body)?;
    if request.contents.is_empty() {
        let message = "* GenerateContentRequest.contents: contents is not specified\n";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
    }
    let question = request.question();
    let reply = question.reply();
    let usage = |output: u64| UsageMetadata {
        prompt_token_count: question.tokens(),
        candidates_token_count: output,
        total_token_count: question.tokens() + output,
    };
    let response = |part: Value, last: bool| {
        to_json(&Response {
            candidates: vec![Candidate {
                content: json!({"parts": [part], "role": "model"}),
                finish_reason: last.then_some("STOP"),
                index: 0,
            }],
            usage_metadata: usage(if last { reply.tokens() } else { 1 }),
            model_version: model.into(),
            response_id: "loopback",
        })
    };
    let call =
        |name: &str, arguments: &Value| json!({"functionCall": {"name": name, "args": arguments}});
    if method == "streamGenerateContent" {
        let events = match &reply {
            Reply::Text(text) => {
                let pieces = pieces(text);
                let last = pieces.len().saturating_sub(1);
                let responses = pieces.iter().enumerate();
                responses
                    .map(|(i, piece)| data(&response(json!({"text": piece}), i == last)))
                    .collect()
            }
            Reply::Call { name, arguments } => vec![data(&response(call(name, arguments), true))],
        };
        return Ok(Answer::Events(events));
    }
    let part = match &reply {
        Reply::Text(text) => json!({"text": text}),
        Reply::Call { name, arguments } => call(name, arguments),
    };
    Ok(Answer::Json(response(part, true)))
}

pub(crate) fn error(status: StatusCode, message: &str) -> Value {
    let name = match status.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        400..500 => "INVALID_ARGUMENT",
        _ => "INTERNAL",
    };
    json!({"error": {"code": status.as_u16(), "message": message, "status": name}})
}
