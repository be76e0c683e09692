//! Embeddings.
//!
//! Written from <https://platform.openai.com/docs/api-reference/embeddings>.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::{Question, vector};
use crate::protocol::{Answer, Refusal, json, known, read};

#[derive(Debug, Deserialize)]
struct Request {
    model: String,
    input: Input,
    dimensions: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Serialize)]
struct Response {
    object: &'static str,
    data: Vec<Embedding>,
    model: String,
    usage: Usage,
}

#[derive(Debug, Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Usage {
    prompt_tokens: u64,
    total_tokens: u64,
}

pub(super) fn answer(body: &Value) -> Result<Answer, Refusal> {
    let request: Request = read(body)?;
    known(&request.model)?;
    let texts = match request.input {
        Input::One(text) => vec![text],
        Input::Many(texts) => texts,
    };
    let mut question = Question::default();
    for text in &texts {
        question.said(text);
    }
    let dimensions = request.dimensions.unwrap_or(8);
    let data = texts.iter().enumerate().map(|(index, text)| Embedding {
        object: "embedding",
        index,
        embedding: vector(text, dimensions),
    });
    Ok(Answer::Json(json(&Response {
        object: "list",
        data: data.collect(),
        model: request.model,
        usage: Usage {
            prompt_tokens: question.tokens(),
            total_tokens: question.tokens(),
        },
    })))
}
