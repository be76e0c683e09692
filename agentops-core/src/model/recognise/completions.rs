//! OpenAI's older completions of text, which vLLM, llama.cpp and other servers speak too.
//!
//! Reads responses and streams whose choices have `text`; what such a request looks like says too little by itself,
//! so that it is read only beside such an answer.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::openai::{Answer, maker_of};
use super::{GLANCE, Seen, count, given, nearest, owned, text};
use crate::model::llm::{Completion, LlmCall, Message, Part};

type Fields = Map<String, Value>;

/// What of a request is a parameter.
const PARAMETERS: [&str; 17] = [
    "best_of",
    "echo",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_tokens",
    "min_p",
    "n",
    "presence_penalty",
    "repetition_penalty",
    "seed",
    "stop",
    "stream_options",
    "suffix",
    "temperature",
    "top_k",
    "top_p",
];

/// Recognises a completion of text by its answer.
pub(super) fn completion(seen: &Seen<'_>) -> Option<LlmCall> {
    let answer = nearest(seen.response?, |value| {
        as_stream(value).or_else(|| as_whole(value))
    })?;
    let request = seen.request.and_then(|request| {
        nearest(request, |value| {
            value.as_object().filter(|body| body.contains_key("prompt"))
        })
    });
    let field = |name: &str| request?.get(name).filter(|value| !value.is_null());
    let request_model = request.and_then(|request| owned(request, "model"));
    let maker = || maker_of(answer.model.as_deref(), request_model.as_deref());
    Some(LlmCall {
        provider: answer.provider.or_else(maker).map(str::to_owned),
        operation: Some("text_completion".into()),
        response_id: answer.id,
        streaming: answer.streamed || field("stream") == Some(&Value::Bool(true)),
        messages: field("prompt").map(messages).unwrap_or_default(),
        completions: answer.completions,
        usage: answer.usage,
        cost: answer.cost,
        parameters: given(request, &PARAMETERS),
        model: answer.model,
        request_model,
        ..LlmCall::default()
    })
}

/// A prompt, or several of them; they may be lists of tokens, too.
fn messages(prompt: &Value) -> Vec<Message> {
    let message = |part: Part| Message {
        role: "user".into(),
        content: vec![part],
        ..Message::default()
    };
    match prompt {
        Value::String(text) => vec![message(Part::Text(text.clone()))],
        Value::Array(prompts) if prompts.iter().all(Value::is_string) => prompts
            .iter()
            .filter_map(Value::as_str)
            .map(|text| message(Part::Text(text.to_owned())))
            .collect(),
        tokens => vec![message(Part::Other(tokens.clone()))],
    }
}

fn as_whole(value: &Value) -> Option<Answer> {
    let body = as_body(value)?;
    Some(read(false, [body].into_iter()))
}

/// The chunks of a stream; each of them looks like a whole answer.
fn as_stream(value: &Value) -> Option<Answer> {
    let items = value.as_array()?;
    items.iter().take(GLANCE).find_map(as_body)?;
    Some(read(true, items.iter().filter_map(as_body)))
}

fn as_body(value: &Value) -> Option<&Fields> {
    let fields = value.as_object()?;
    let fields = fields
        .get("Ok")
        .and_then(Value::as_object)
        .unwrap_or(fields);
    let choices = fields.get("choices")?.as_array()?;
    let has_text = |choice: &Value| choice.get("text").is_some_and(Value::is_string);
    (text(fields, "object") == Some("text_completion") || choices.iter().any(has_text))
        .then_some(fields)
}

fn read<'a>(streamed: bool, bodies: impl Iterator<Item = &'a Fields>) -> Answer {
    let mut answer = Answer {
        streamed,
        ..Answer::default()
    };
    let mut choices = BTreeMap::<u64, (String, Option<String>)>::new();
    for body in bodies {
        answer.read_head(body);
        let said = body.get("choices").and_then(Value::as_array);
        for choice in said.into_iter().flatten().filter_map(Value::as_object) {
            let index = count(choice.get("index")).unwrap_or_default();
            let (words, reason) = choices.entry(index).or_default();
            words.push_str(text(choice, "text").unwrap_or_default());
            *reason = owned(choice, "finish_reason").or(reason.take());
        }
    }
    answer.completions = choices
        .into_values()
        .map(|(words, finish_reason)| Completion {
            role: "assistant".into(),
            content: (!words.is_empty())
                .then_some(Part::Text(words))
                .into_iter()
                .collect(),
            finish_reason,
            ..Completion::default()
        })
        .collect();
    answer
}
