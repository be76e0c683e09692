//! Cohere's chat, version 2.
//!
//! Its messages look like OpenAI's and are read by the same code; the envelope around an answer, the events of a
//! stream and the plan that a model makes before it calls tools are its own. A stream is put together into the message
//! that a whole response would have had.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::openai::{self, Request};
use super::{Seen, count, given, is_nonsense, model_name, nearest, owned, text};
use crate::model::llm::{Completion, LlmCall, Message, Part, Usage};

type Fields = Map<String, Value>;

/// What of a request is a parameter: the rest is the prompt, or other arguments of the function.
const PARAMETERS: [&str; 18] = [
    "citation_options",
    "documents",
    "frequency_penalty",
    "k",
    "logprobs",
    "max_tokens",
    "p",
    "presence_penalty",
    "priority",
    "response_format",
    "safety_mode",
    "seed",
    "stop_sequences",
    "strict_tools",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
];

/// Recognises a chat by its request, its response, or both.
pub(super) fn chat(seen: &Seen<'_>) -> Option<LlmCall> {
    let answer = seen.response.and_then(|response| {
        nearest(response, as_events).or_else(|| nearest(response, as_response))
    });
    let (request, answer) = Request::and(seen, answer, is_ours, |response| Answer {
        completion: openai::reply(response),
        ..Answer::default()
    })?;
    Some(LlmCall {
        provider: Some("cohere".into()),
        request_model: model_name(request.field("model")),
        operation: Some("chat".into()),
        response_id: answer.id,
        streaming: answer.streamed || request.field("stream") == Some(&Value::Bool(true)),
        messages: request.messages.iter().filter_map(message).collect(),
        completions: answer.completion.into_iter().collect(),
        usage: answer.usage,
        parameters: given(request.body, &PARAMETERS),
        ..LlmCall::default()
    })
}

/// Whether a request can be told from OpenAI's, which has messages of the same look.
fn is_ours(request: &Request<'_>) -> bool {
    let model = model_name(request.field("model")).unwrap_or_default();
    let is_plan = |message: &Value| message.get("tool_plan").is_some_and(Value::is_string);
    ["command-", "c4ai-"]
        .iter()
        .any(|family| model.starts_with(family))
        || ["citation_options", "safety_mode", "strict_tools"]
            .iter()
            .any(|name| request.field(name).is_some())
        || request.messages.iter().any(is_plan)
}

fn message(value: &Value) -> Option<Message> {
    let mut message = openai::message(value)?;
    message
        .content
        .splice(0..0, value.as_object().and_then(plan));
    Some(message)
}

fn completion(message: &Fields, finish_reason: Option<String>) -> Completion {
    let mut completion = openai::completion(message);
    completion.content.splice(0..0, plan(message));
    let citations = message.get("citations").and_then(Value::as_array);
    if let Some(citations) = citations.filter(|citations| !citations.is_empty()) {
        let citations = json!({"type": "citations", "citations": citations});
        completion.content.push(Part::Other(citations));
    }
    Completion {
        finish_reason,
        ..completion
    }
}

/// What a model thinks of its tools before it calls them.
fn plan(message: &Fields) -> Option<Part> {
    owned(message, "tool_plan").map(Part::Reasoning)
}

/// What a response tells; the model is not among it.
#[derive(Default)]
struct Answer {
    id: Option<String>,
    streamed: bool,
    completion: Option<Completion>,
    usage: Option<Usage>,
}

/// `{"id": …, "finish_reason": "COMPLETE", "message": {…}, "usage": {"billed_units": {…}, "tokens": {…}}}`.
fn as_response(value: &Value) -> Option<Answer> {
    let fields = value.as_object()?;
    let message = fields.get("message")?.as_object()?;
    let reason = owned(fields, "finish_reason");
    let is_shouted = reason.as_deref().is_some_and(|reason| {
        reason
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    });
    let usage = fields.get("usage").and_then(Value::as_object);
    let is_billed = usage.is_some_and(|usage| {
        usage.contains_key("billed_units") || usage.get("tokens").is_some_and(Value::is_object)
    });
    if text(message, "role") != Some("assistant") || !(is_shouted || is_billed) {
        return None;
    }
    Some(Answer {
        id: owned(fields, "id"),
        streamed: false,
        completion: Some(completion(message, reason)),
        usage: usage.and_then(self::usage),
    })
}

/// The events of a stream, in the order in which they came; items that are none are passed over.
fn as_events(value: &Value) -> Option<Answer> {
    let items = value.as_array()?;
    items.iter().take(super::GLANCE).find_map(as_event)?;
    let mut answer = Answer {
        streamed: true,
        ..Answer::default()
    };
    let mut streamed = Streamed::default();
    let mut finish_reason = None;
    for (kind, event) in items.iter().filter_map(as_event) {
        let delta = event.get("delta").and_then(Value::as_object);
        answer.id = answer.id.or_else(|| owned(event, "id"));
        if kind == "message-end" {
            finish_reason = delta.and_then(|delta| owned(delta, "finish_reason"));
            let usage = delta.and_then(|delta| delta.get("usage")?.as_object());
            answer.usage = usage.and_then(self::usage);
        } else if let Some(message) = delta.and_then(|delta| delta.get("message")?.as_object()) {
            let index = count(event.get("index")).unwrap_or_default();
            streamed.push(index, message);
        }
    }
    answer.completion = Some(completion(&streamed.finish(), finish_reason));
    Some(answer)
}

/// An event, or an `Ok` with an event in it.
fn as_event(value: &Value) -> Option<(&str, &Fields)> {
    const KINDS: [&str; 11] = [
        "message-start",
        "content-start",
        "content-delta",
        "content-end",
        "tool-plan-delta",
        "tool-call-start",
        "tool-call-delta",
        "tool-call-end",
        "citation-start",
        "citation-end",
        "message-end",
    ];
    let fields = value.as_object()?;
    let fields = fields
        .get("Ok")
        .and_then(Value::as_object)
        .unwrap_or(fields);
    let kind = text(fields, "type")?;
    KINDS.contains(&kind).then_some((kind, fields))
}

/// A message that is put together again from its pieces.
#[derive(Default)]
struct Streamed<'a> {
    plan: String,
    content: BTreeMap<u64, Words<'a>>,
    tools: BTreeMap<u64, Tool<'a>>,
    citations: Vec<&'a Value>,
}

#[derive(Default)]
struct Words<'a> {
    kind: Option<&'a str>,
    text: String,
    thinking: String,
}

#[derive(Default)]
struct Tool<'a> {
    id: Option<&'a str>,
    name: String,
    arguments: String,
}

impl<'a> Streamed<'a> {
    /// Adds a message with nothing in it but the next piece. Lists that are empty stand at the start of each stream.
    fn push(&mut self, index: u64, message: &'a Fields) {
        self.plan
            .push_str(text(message, "tool_plan").unwrap_or_default());
        if let Some(piece) = message.get("content").and_then(Value::as_object) {
            let words = self.content.entry(index).or_default();
            words.kind = words.kind.or_else(|| text(piece, "type"));
            words.text.push_str(text(piece, "text").unwrap_or_default());
            words
                .thinking
                .push_str(text(piece, "thinking").unwrap_or_default());
        }
        if let Some(piece) = message.get("tool_calls").and_then(Value::as_object) {
            let tool = self.tools.entry(index).or_default();
            tool.id = tool.id.or_else(|| text(piece, "id"));
            if let Some(function) = piece.get("function").and_then(Value::as_object) {
                tool.name
                    .push_str(text(function, "name").unwrap_or_default());
                tool.arguments
                    .push_str(text(function, "arguments").unwrap_or_default());
            }
        }
        self.citations.extend(
            message
                .get("citations")
                .filter(|citation| citation.is_object()),
        );
    }

    /// The message as a whole response would have had it.
    fn finish(self) -> Fields {
        let content = self.content.into_values().map(|words| {
            let thinks = words.kind == Some("thinking")
                || words.text.is_empty() && !words.thinking.is_empty();
            if thinks {
                json!({"type": "thinking", "thinking": words.thinking})
            } else {
                json!({"type": "text", "text": words.text})
            }
        });
        let tools = self.tools.into_values().map(|tool| {
            let function = json!({"name": tool.name, "arguments": tool.arguments});
            json!({"id": tool.id, "type": "function", "function": function})
        });
        Fields::from_iter([
            ("role".to_owned(), "assistant".into()),
            ("tool_plan".to_owned(), self.plan.into()),
            ("content".to_owned(), content.collect()),
            ("tool_calls".to_owned(), tools.collect()),
            (
                "citations".to_owned(),
                self.citations.into_iter().cloned().collect(),
            ),
        ])
    }
}

/// The object `usage`. Billed units are what is paid for; tokens count what Cohere adds to a prompt, too.
fn usage(usage: &Fields) -> Option<Usage> {
    let counts = |group: &str| {
        let number = |key: &str| count(usage.get(group)?.get(key));
        let (input, output) = (number("input_tokens"), number("output_tokens"));
        (input.is_some() || output.is_some())
            .then_some((input.unwrap_or_default(), output.unwrap_or_default()))
    };
    let has_nonsense = |group: &str| {
        let counts = usage.get(group).and_then(Value::as_object);
        counts.is_some_and(|counts| is_nonsense(counts, &["input_tokens", "output_tokens"]))
    };
    if has_nonsense("billed_units") {
        return None;
    }
    let (input, output) =
        counts("billed_units").or_else(|| counts("tokens").filter(|_| !has_nonsense("tokens")))?;
    Some(Usage {
        input,
        output,
        cache_read: count(usage.get("cached_tokens")).unwrap_or_default(),
        total: input.saturating_add(output),
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::recognise::recognise;

    #[test]
    fn what_is_billed_is_counted_first() {
        let used = |usage: Value| {
            super::usage(usage.as_object().unwrap()).map(|usage| (usage.input, usage.output))
        };
        let (billed, tokens) = (
            json!({"input_tokens": 1, "output_tokens": 2}),
            json!({"input_tokens": 90}),
        );
        assert_eq!(
            used(json!({"billed_units": billed, "tokens": tokens})),
            Some((1, 2))
        );
        assert_eq!(
            used(json!({"billed_units": {"search_units": 1}, "tokens": tokens})),
            Some((90, 0))
        );
        assert_eq!(used(json!({"billed_units": null})), None);
    }

    #[test]
    fn a_stream_that_was_dropped_keeps_what_it_had() {
        let piece = |content: Value| json!({"Ok": {"type": "content-delta", "index": 0, "delta": {"message": {"content": content}}}});
        let events = json!([piece(json!({"thinking": "Hm"})), {"Err": "reset"}, piece(json!({"thinking": "."})), 3]);
        let call = recognise(None, Some(&events)).unwrap();
        assert!(call.streaming);
        assert_eq!(call.completions[0].content, [Part::Reasoning("Hm.".into())]);
        assert_eq!(
            (call.completions[0].finish_reason.as_deref(), call.usage),
            (None, None)
        );
    }

    #[test]
    fn a_request_is_taken_by_its_model_or_by_its_own_fields() {
        let provider = |request: Value, response: Value| {
            recognise(Some(&request), Some(&response)).unwrap().provider
        };
        let user = json!([{"role": "user", "content": "x"}]);
        let ours = json!({"model": "command-a-03-2025", "messages": user});
        assert_eq!(
            provider(ours.clone(), json!("text")).as_deref(),
            Some("cohere")
        );
        assert_eq!(
            provider(
                json!({"safety_mode": "OFF", "messages": user}),
                json!("text")
            )
            .as_deref(),
            Some("cohere")
        );
        assert_eq!(
            provider(
                json!({"model": "commander", "messages": user}),
                json!("text")
            ),
            None
        );
        let compatible =
            json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}}]});
        assert_eq!(provider(ours, compatible), None);
    }
}
