//! Prompts and answers in the shape that GenAI conventions give them: `[{"role", "parts": [{"type", …}]}]`.
//!
//! [`put`](super::put) writes them as JSON text, the span's decoder reads them. What has no place in that shape is
//! wrapped, so that the same record comes back; how a provider writes its messages is the recogniser's business.

use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::value::text;
use crate::model::llm::{Completion, Message, Part, ToolRequest};

/// The type of a part that would be taken for something else if it were written as it is.
const OTHER: &str = "agentops.other";

/// Messages of a prompt, written in the conventions' shape.
pub(super) struct Prompt<'a>(pub(super) &'a [Message]);

/// Choices of an answer, written in the conventions' shape.
pub(super) struct Completions<'a>(pub(super) &'a [Completion]);

/// Reads a prompt; hands back what has another shape.
pub(in crate::model) fn prompt(value: Value) -> Result<Vec<Message>, Value> {
    Ok(heads(value)?.into_iter().flat_map(messages).collect())
}

/// Reads an answer; hands back what has another shape.
pub(in crate::model) fn completions(value: Value) -> Result<Vec<Completion>, Value> {
    Ok(heads(value)?.into_iter().map(completion).collect())
}

impl Serialize for Prompt<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|message| MessageShape {
            role: &message.role,
            name: message.name.as_deref(),
            parts: Parts {
                content: &message.content,
                tool_calls: &message.tool_calls,
                answers: message.tool_call_id.as_deref(),
            },
            finish_reason: None,
        }))
    }
}

impl Serialize for Completions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|choice| MessageShape {
            role: &choice.role,
            name: None,
            parts: Parts {
                content: &choice.content,
                tool_calls: &choice.tool_calls,
                answers: None,
            },
            finish_reason: choice.finish_reason.as_deref(),
        }))
    }
}

#[derive(Serialize)]
struct MessageShape<'a> {
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    parts: Parts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'a str>,
}

struct Parts<'a> {
    content: &'a [Part],
    tool_calls: &'a [ToolRequest],
    answers: Option<&'a str>,
}

impl Serialize for Parts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut parts = serializer.serialize_seq(None)?;
        match self.answers {
            Some(id) => parts.serialize_element(&PartShape::ToolCallResponse {
                id,
                response: Answer(self.content),
            })?,
            None => {
                for part in self.content {
                    parts.serialize_element(&shape(part))?;
                }
            }
        }
        for ToolRequest {
            id,
            name,
            arguments,
        } in self.tool_calls
        {
            parts.serialize_element(&PartShape::ToolCall {
                id: id.as_deref(),
                name,
                arguments,
            })?;
        }
        parts.end()
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PartShape<'a> {
    Text {
        content: &'a str,
    },
    Reasoning {
        content: &'a str,
    },
    Refusal {
        content: &'a str,
    },
    ToolCall {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        name: &'a str,
        arguments: &'a Value,
    },
    ToolCallResponse {
        id: &'a str,
        response: Answer<'a>,
    },
    #[serde(rename = "agentops.other")]
    Wrapped {
        value: &'a Value,
    },
    #[serde(untagged)]
    Raw(&'a Value),
}

/// What a tool answered: words where it is words, else parts.
struct Answer<'a>(&'a [Part]);

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [Part::Text(text)] => serializer.serialize_str(text),
            parts => serializer.collect_seq(parts.iter().map(shape)),
        }
    }
}

fn shape(part: &Part) -> PartShape<'_> {
    match part {
        Part::Text(content) => PartShape::Text { content },
        Part::Reasoning(content) => PartShape::Reasoning { content },
        Part::Refusal(content) => PartShape::Refusal { content },
        Part::Other(value) if is_foreign(value) => PartShape::Raw(value),
        Part::Other(value) => PartShape::Wrapped { value },
    }
}

/// Whether it is a part of a type that we do not read.
fn is_foreign(value: &Value) -> bool {
    let ours = [
        "text",
        "reasoning",
        "refusal",
        "tool_call",
        "tool_call_response",
        OTHER,
    ];
    part_type(value).is_some_and(|name| !ours.contains(&name))
}

fn part_type(value: &Value) -> Option<&str> {
    value.get("type")?.as_str()
}

/// A message with its parts still as they came.
struct Head {
    role: String,
    name: Option<String>,
    parts: Vec<Value>,
    finish_reason: Option<String>,
}

/// Takes messages apart if every one has a role and parts, and leaves them alone otherwise.
fn heads(value: Value) -> Result<Vec<Head>, Value> {
    let fits = |message: &Value| message["role"].is_string() && message["parts"].is_array();
    match value {
        Value::Array(messages) if messages.iter().all(fits) => {
            Ok(messages.into_iter().map(head).collect())
        }
        other => Err(other),
    }
}

fn head(mut message: Value) -> Head {
    let mut take_text = |key: &str| {
        message
            .get_mut(key)
            .and_then(|value| text(value.take()).ok())
    };
    let (role, name, finish_reason) = (
        take_text("role"),
        take_text("name"),
        take_text("finish_reason"),
    );
    Head {
        role: role.unwrap_or_default(),
        name,
        parts: array(message["parts"].take()),
        finish_reason,
    }
}

fn array(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values,
        _ => Vec::new(),
    }
}

/// One message, or one for each tool whose answer it carries: a record of ours answers one request.
fn messages(head: Head) -> Vec<Message> {
    let blank = Message {
        role: head.role,
        name: head.name,
        ..Message::default()
    };
    let mut done = Vec::new();
    let mut message = blank.clone();
    for value in head.parts {
        match part_type(&value) {
            Some("tool_call_response") => {
                let (id, answer) = response(value);
                if message.tool_call_id.is_some() {
                    done.push(std::mem::replace(&mut message, blank.clone()));
                }
                message.tool_call_id = Some(id);
                message.content.extend(answer);
            }
            Some("tool_call") if value["name"].is_string() => {
                message.tool_calls.push(request(value))
            }
            _ => message.content.push(part(value)),
        }
    }
    done.push(message);
    done
}

fn completion(head: Head) -> Completion {
    let mut choice = Completion {
        role: head.role,
        finish_reason: head.finish_reason,
        ..Completion::default()
    };
    for value in head.parts {
        match part_type(&value) {
            Some("tool_call") if value["name"].is_string() => {
                choice.tool_calls.push(request(value))
            }
            _ => choice.content.push(part(value)),
        }
    }
    choice
}

fn part(mut value: Value) -> Part {
    let of_words: fn(String) -> Part = match part_type(&value) {
        Some("text") => Part::Text,
        Some("reasoning") => Part::Reasoning,
        Some("refusal") => Part::Refusal,
        Some(OTHER) => {
            return Part::Other(value.get_mut("value").map(Value::take).unwrap_or_default());
        }
        _ => return Part::Other(value),
    };
    match value.get_mut("content") {
        Some(Value::String(words)) => of_words(std::mem::take(words)),
        _ => Part::Other(value),
    }
}

fn request(mut value: Value) -> ToolRequest {
    let mut take = |key: &str| value.get_mut(key).map(Value::take).unwrap_or_default();
    ToolRequest {
        id: text(take("id")).ok(),
        name: text(take("name")).unwrap_or_default(),
        arguments: take("arguments"),
    }
}

/// The request that a tool answers, and what it says.
fn response(mut value: Value) -> (String, Vec<Part>) {
    let id = value
        .get_mut("id")
        .and_then(|id| text(id.take()).ok())
        .unwrap_or_default();
    // Some emitters call it by the name that it has among a tool's own attributes.
    let said = ["response", "result"].into_iter();
    let said = said
        .filter_map(|key| value.get_mut(key).map(Value::take))
        .next();
    let answer = match said {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(words)) => vec![Part::Text(words)],
        Some(Value::Array(parts)) if parts.iter().all(|value| part_type(value).is_some()) => {
            parts.into_iter().map(part).collect()
        }
        Some(other) => vec![Part::Other(other)],
    };
    (id, answer)
}
