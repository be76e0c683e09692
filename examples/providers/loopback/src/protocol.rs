//! Which provider a request is for, and what all of them have in common.
//!
//! A protocol reads a body into types of its own, and writes answers and errors in its own shape.

use hyper::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{anthropic, cohere, gemini, ollama, openai};

/// What a protocol answers.
#[derive(Debug)]
pub(crate) enum Answer {
    Json(Value),
    /// Events as they are sent, each with its empty line.
    Events(Vec<String>),
    /// Lines of JSON, each with its end.
    Lines(Vec<String>),
}

/// Why it does not answer.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, message }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Anthropic,
    Cohere,
    Gemini,
    Ollama,
    OpenAi,
}

impl Protocol {
    /// The one that has this path, wherever its client was told that it begins.
    pub(crate) fn of(path: &str) -> Option<Self> {
        const PATHS: [(&str, Protocol); 11] = [
            (":generateContent", Protocol::Gemini),
            (":streamGenerateContent", Protocol::Gemini),
            (":embedContent", Protocol::Gemini),
            ("/api/chat", Protocol::Ollama),
            ("/api/generate", Protocol::Ollama),
            ("/api/embed", Protocol::Ollama),
            ("/v2/chat", Protocol::Cohere),
            ("/messages", Protocol::Anthropic),
            ("/chat/completions", Protocol::OpenAi),
            ("/responses", Protocol::OpenAi),
            ("/embeddings", Protocol::OpenAi),
        ];
        let known = PATHS.iter().find(|(end, _)| path.ends_with(end));
        known.map(|(_, protocol)| *protocol)
    }

    pub(crate) fn answer(self, path: &str, body: &Value) -> Result<Answer, Refusal> {
        match self {
            Self::Anthropic => anthropic::answer(body),
            Self::Cohere => cohere::answer(body),
            Self::Gemini => gemini::answer(path, body),
            Self::Ollama => ollama::answer(path, body),
            Self::OpenAi => openai::answer(path, body),
        }
    }

    /// Models that run on the machine ask for none.
    pub(crate) fn needs_key(self) -> bool {
        self != Self::Ollama
    }

    /// The body of an error.
    pub(crate) fn error(self, status: StatusCode, message: &str) -> Value {
        match self {
            Self::Anthropic => anthropic::error(status, message),
            Self::Cohere => cohere::error(status, message),
            Self::Gemini => gemini::error(status, message),
            Self::Ollama => ollama::error(status, message),
            Self::OpenAi => openai::error(status, message),
        }
    }

    /// What it sends when it fails within a stream.
    pub(crate) fn error_event(self) -> String {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        match self {
            Self::Anthropic => anthropic::error_event(),
            Self::Cohere => cohere::error_event(),
            Self::Gemini | Self::OpenAi => data(&self.error(status, BROKEN)),
            Self::Ollama => format!("{}\n", self.error(status, BROKEN)),
        }
    }
}

/// What a provider says of itself when it fails.
const BROKEN: &str = "The server had an error while processing your request";

/// A server-sent event without a name.
pub(crate) fn data(value: &impl Serialize) -> String {
    format!("data: {}\n\n", json(value))
}

/// A server-sent event with one.
pub(crate) fn named(name: &str, value: &impl Serialize) -> String {
    format!("event: {name}\n{}", data(value))
}

/// The types of the protocols have text as keys, and numbers that are finite.
pub(crate) fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("types that JSON can say")
}

/// Reads a request; what is wrong with it is the refusal.
pub(crate) fn read<T: DeserializeOwned>(body: &Value) -> Result<T, Refusal> {
    serde_json::from_value(body.clone())
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))
}

/// Models that nobody has.
pub(crate) fn known(model: &str) -> Result<(), Refusal> {
    if model.is_empty() || model.starts_with("no-such") {
        let message =
            format!("The model `{model}` does not exist or you do not have access to it.");
        return Err(Refusal::new(StatusCode::NOT_FOUND, message));
    }
    Ok(())
}
