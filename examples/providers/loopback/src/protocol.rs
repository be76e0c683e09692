//! Which provider a request is for, and what all of them have in common.
//!
//! A protocol reads a body into types of its own, and writes answers and errors in its own shape.

use hyper::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::openai;

/// What a protocol answers.
#[derive(Debug)]
pub(crate) enum Answer {
    Json(Value),
    /// Events as they are sent, each with its empty line.
    Events(Vec<String>),
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
    OpenAi,
}

impl Protocol {
    /// The one that has this path.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let last = path.trim_end_matches('/');
        match last {
            _ if last.ends_with("/chat/completions") => Some(Self::OpenAi),
            _ => None,
        }
    }

    pub(crate) fn answer(self, path: &str, body: &Value) -> Result<Answer, Refusal> {
        match self {
            Self::OpenAi => openai::answer(path, body),
        }
    }

    /// The body of an error.
    pub(crate) fn error(self, status: StatusCode, message: &str) -> Value {
        match self {
            Self::OpenAi => openai::error(status, message),
        }
    }

    pub(crate) fn needs_key(self) -> bool {
        match self {
            Self::OpenAi => true,
        }
    }

    /// What its streams are said to be.
    pub(crate) fn stream_type(self) -> &'static str {
        match self {
            Self::OpenAi => "text/event-stream",
        }
    }

    /// What it sends when it fails within a stream.
    pub(crate) fn error_event(self) -> String {
        match self {
            Self::OpenAi => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                data(&openai::error(status, BROKEN))
            }
        }
    }
}

/// What a provider says of itself when it fails.
pub(crate) const BROKEN: &str = "The server had an error while processing your request";

/// A server-sent event without a name.
pub(crate) fn data(value: &impl Serialize) -> String {
    format!("data: {}\n\n", json(value))
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
