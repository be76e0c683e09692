//! OpenAI's protocols: chat completions, responses and embeddings, with the errors and the names of models they share.

mod chat;
mod embeddings;
mod responses;

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::protocol::{Answer, Refusal};

pub(crate) fn answer(path: &str, body: &Value) -> Result<Answer, Refusal> {
    if path.ends_with("/responses") {
        responses::answer(body)
    } else if path.ends_with("/embeddings") {
        embeddings::answer(body)
    } else {
        chat::answer(body)
    }
}

pub(crate) fn error(status: StatusCode, message: &str) -> Value {
    let (kind, code) = match status.as_u16() {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        400..500 => ("invalid_request_error", None),
        _ => ("server_error", None),
    };
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// The model that answers where a name stands for the newest of a line.
fn dated(model: &str) -> String {
    let date = match model {
        "gpt-4o-mini" => "-2024-07-18",
        "gpt-4o" => "-2024-08-06",
        "gpt-4.1" | "gpt-4.1-mini" | "gpt-4.1-nano" => "-2025-04-14",
        _ => "",
    };
    format!("{model}{date}")
}
