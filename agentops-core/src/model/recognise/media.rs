//! Calls of models that answer in something other than words: embeddings, images, and speech made into text.
//!
//! Reads OpenAI's shapes, which many others have for embeddings. Numbers of an embedding are not kept, for nobody reads
//! them; what such a call took is.

use serde_json::{Map, Value, json};

use super::openai::maker_of;
use super::{GLANCE, Seen, count, given, nearest, owned, plain, responses, text};
use crate::model::llm::{Completion, LlmCall, Message, Part, Usage};

type Fields = Map<String, Value>;

/// What of a request is a parameter.
const PARAMETERS: [&str; 25] = [
    "background",
    "chunking_strategy",
    "dimensions",
    "encoding_format",
    "include",
    "input_fidelity",
    "input_type",
    "instructions",
    "language",
    "moderation",
    "n",
    "output_compression",
    "output_dimension",
    "output_dtype",
    "output_format",
    "partial_images",
    "quality",
    "response_format",
    "size",
    "speed",
    "style",
    "temperature",
    "timestamp_granularities",
    "truncation",
    "voice",
];

/// Recognises embeddings by their answer, or by a request that can be for nothing else.
pub(super) fn embeddings(seen: &Seen<'_>) -> Option<LlmCall> {
    let answer = seen.response.and_then(|response| {
        nearest(response, |value| {
            let fields = value.as_object()?;
            let first = fields.get("data")?.as_array()?.first()?.as_object()?;
            let is_one = text(first, "object") == Some("embedding")
                || first.get("embedding").is_some_and(Value::is_array);
            is_one.then_some(fields)
        })
    });
    let request = seen.request.and_then(|request| {
        nearest(request, |value| {
            let fields = value.as_object()?;
            let is_named = || text(fields, "model").is_some_and(|model| model.contains("embed"));
            let is_one = fields.contains_key("input") && (answer.is_some() || is_named());
            is_one.then_some(fields)
        })
    });
    if answer.is_none() && !(request.is_some() && seen.by_request) {
        return None;
    }
    let inputs = match request.and_then(|request| request.get("input")) {
        Some(Value::Array(inputs)) if inputs.iter().any(Value::is_string) => inputs.as_slice(),
        Some(input) => std::slice::from_ref(input),
        None => &[],
    };
    let call = call("embeddings", request, answer);
    Some(LlmCall {
        messages: asked(inputs.iter().map(|input| match input {
            Value::String(text) => Part::Text(text.clone()),
            tokens => Part::Other(tokens.clone()),
        })),
        usage: answer.and_then(embedded),
        ..call
    })
}

/// Nothing comes out that is counted in tokens.
fn embedded(answer: &Fields) -> Option<Usage> {
    let usage = answer.get("usage")?;
    let number = |key: &str| count(usage.get(key));
    let total = number("total_tokens");
    let input = number("prompt_tokens").or(total)?;
    Some(Usage {
        input,
        total: total.unwrap_or(input),
        ..Usage::default()
    })
}

/// Recognises images by the answer, whole or streamed.
pub(super) fn images(seen: &Seen<'_>) -> Option<LlmCall> {
    let is_image = |fields: &Fields| {
        let data = ["b64_json", "url"];
        data.iter().any(|key| text(fields, key).is_some())
    };
    let response = seen.response?;
    let whole = nearest(response, |value| {
        let fields = value
            .as_object()
            .filter(|fields| fields.contains_key("created"))?;
        let first = fields.get("data")?.as_array()?.first()?.as_object()?;
        is_image(first).then_some(fields)
    });
    let last = last_event(
        response,
        &["image_generation.completed", "image_edit.completed"],
    );
    let answer = whole.or(last)?;
    let data = answer.get("data").and_then(Value::as_array);
    let images = data.into_iter().flatten().filter_map(Value::as_object);
    let completions = images.chain(last).map(|image| {
        let mut part = image.clone();
        part.retain(|key, _| matches!(key.as_str(), "b64_json" | "url" | "revised_prompt"));
        part.insert("type".to_owned(), "image".into());
        Completion {
            role: "assistant".into(),
            content: vec![Part::Other(Value::Object(part))],
            ..Completion::default()
        }
    });
    let request = prompted(seen);
    let prompt = request.and_then(|request| owned(request, "prompt"));
    Some(LlmCall {
        streaming: last.is_some(),
        messages: asked(prompt.map(Part::Text).into_iter()),
        completions: completions.collect(),
        ..call("image_generation", request, Some(answer))
    })
}

/// Recognises speech made into text by an answer that says what it took, whole or streamed.
pub(super) fn transcription(seen: &Seen<'_>) -> Option<LlmCall> {
    let response = seen.response?;
    let whole = nearest(response, |value| {
        let fields = value.as_object()?;
        let kind = fields.get("usage")?.get("type")?.as_str()?;
        let is_one = matches!(kind, "tokens" | "duration") && text(fields, "text").is_some();
        is_one.then_some(fields)
    });
    let last = last_event(response, &["transcript.text.done"]);
    let answer = whole.or(last)?;
    let request = seen.request.and_then(|request| {
        nearest(request, |value| {
            value.as_object().filter(|body| body.contains_key("file"))
        })
    });
    let request = request.or_else(|| prompted(seen));
    let prompt = request.and_then(|request| owned(request, "prompt"));
    let file = request.and_then(|request| request.get("file"));
    let file = file.map(|file| Part::Other(json!({"type": "file", "file": file})));
    Some(LlmCall {
        streaming: last.is_some(),
        messages: asked(prompt.map(Part::Text).into_iter().chain(file)),
        completions: text(answer, "text")
            .map(plain::answer)
            .into_iter()
            .collect(),
        ..call("transcription", request, Some(answer))
    })
}

/// What all of them have in common.
fn call(operation: &str, request: Option<&Fields>, answer: Option<&Fields>) -> LlmCall {
    let model = answer.and_then(|answer| owned(answer, "model"));
    let request_model = request.and_then(|request| owned(request, "model"));
    let maker = maker_of(model.as_deref(), request_model.as_deref());
    LlmCall {
        provider: maker.map(str::to_owned),
        operation: Some(operation.to_owned()),
        response_id: answer.and_then(|answer| owned(answer, "id")),
        parameters: given(request, &PARAMETERS),
        usage: answer.and_then(|answer| responses::usage(answer.get("usage")?.as_object()?)),
        model,
        request_model,
        ..LlmCall::default()
    }
}

fn asked(parts: impl Iterator<Item = Part>) -> Vec<Message> {
    let content: Vec<_> = parts.collect();
    let message = (!content.is_empty()).then(|| Message {
        role: "user".into(),
        content,
        ..Message::default()
    });
    message.into_iter().collect()
}

fn prompted<'a>(seen: &Seen<'a>) -> Option<&'a Fields> {
    nearest(seen.request?, |value| {
        value
            .as_object()
            .filter(|body| text(body, "prompt").is_some())
    })
}

/// The event that ends a stream and has all of the answer in it.
fn last_event<'a>(response: &'a Value, kinds: &[&str]) -> Option<&'a Fields> {
    let last = response.as_array()?.iter().rev().take(GLANCE);
    let mut events = last.filter_map(Value::as_object);
    events.find(|event| text(event, "type").is_some_and(|kind| kinds.contains(&kind)))
}
