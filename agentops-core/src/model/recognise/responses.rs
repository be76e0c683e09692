//! OpenAI's responses, which Azure, OpenRouter, xAI, vLLM and others speak too.
//!
//! Reads requests with items, responses with items, and streams of events: by the response that the last event brings,
//! or, where a stream was cut off, by the pieces before it. Why an answer ended is told in the words that chat
//! completions have for it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::openai::{self, arguments, as_words, cost, maker_of};
use super::{GLANCE, Seen, count, given, is_nonsense, nearest, owned, parsed, text};
use crate::model::llm::{Completion, Cost, LlmCall, Message, Part, ToolRequest, Usage};

type Fields = Map<String, Value>;

/// What of a request is a parameter.
const PARAMETERS: [&str; 24] = [
    "background",
    "conversation",
    "include",
    "max_output_tokens",
    "max_tool_calls",
    "parallel_tool_calls",
    "presence_penalty",
    "frequency_penalty",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
];

/// Recognises a response by its request, its answer, or both.
pub(super) fn response(seen: &Seen<'_>) -> Option<LlmCall> {
    let answer = seen.response.and_then(|response| {
        nearest(response, as_events).or_else(|| nearest(response, as_response))
    });
    let request = seen.request.and_then(|request| {
        let answered = answer.is_some();
        nearest(request, |value| as_request(value, answered))
    });
    if answer.is_none() && !(request.is_some() && seen.by_request) {
        return None;
    }
    let field = |name: &str| request?.get(name).filter(|value| !value.is_null());
    let answer = answer.unwrap_or_else(|| seen.response.map(Answer::of_part).unwrap_or_default());
    let mut parameters = given(request, &PARAMETERS);
    // The tier that was granted is the one that is paid for.
    if let (Some(asked), Some(granted)) = (parameters.get_mut("service_tier"), answer.service_tier)
    {
        *asked = granted.into();
    }
    let request_model = request.and_then(|request| owned(request, "model"));
    let maker = || maker_of(answer.model.as_deref(), request_model.as_deref());
    Some(LlmCall {
        provider: answer.provider.or_else(maker).map(str::to_owned),
        operation: Some("chat".into()),
        response_id: answer.id,
        streaming: answer.streamed || field("stream") == Some(&Value::Bool(true)),
        messages: request.map(messages).unwrap_or_default(),
        completions: answer.completion.into_iter().collect(),
        usage: answer.usage,
        cost: answer.cost,
        parameters,
        model: answer.model,
        request_model,
        ..LlmCall::default()
    })
}

// The request.

/// An object with `input`: of items, or of text where something else shows what is asked for.
fn as_request(value: &Value, answered: bool) -> Option<&Fields> {
    const MARKS: [&str; 9] = [
        "instructions",
        "tools",
        "stream",
        "reasoning",
        "max_output_tokens",
        "temperature",
        "previous_response_id",
        "store",
        "conversation",
    ];
    let fields = value.as_object()?;
    if fields.contains_key("messages") {
        return None;
    }
    let input = fields.get("input");
    // What a prompt stored with the provider, or the conversation so far, asks for needs no input.
    let is_stored = answered && fields.contains_key("model");
    let is_request = match input {
        Some(Value::String(_)) => {
            fields.contains_key("model")
                && (answered || MARKS.iter().any(|mark| fields.contains_key(*mark)))
        }
        Some(Value::Array(items)) => items.first().is_some_and(is_item),
        Some(_) => false,
        None => is_stored,
    };
    is_request.then_some(fields)
}

fn is_item(item: &Value) -> bool {
    let Some(fields) = item.as_object() else {
        return false;
    };
    let is_message = text(fields, "role").is_some() && fields.contains_key("content");
    is_message || text(fields, "type").is_some_and(is_item_type)
}

fn is_item_type(kind: &str) -> bool {
    matches!(
        kind,
        "message" | "reasoning" | "item_reference" | "compaction"
    ) || kind.ends_with("_call")
        || kind.ends_with("_call_output")
}

fn messages(request: &Fields) -> Vec<Message> {
    let mut messages = Vec::new();
    match request.get("instructions") {
        Some(Value::String(text)) if !text.is_empty() => messages.push(Message {
            role: "system".into(),
            content: vec![Part::Text(text.clone())],
            ..Message::default()
        }),
        Some(Value::Array(items)) => items.iter().for_each(|item| push(&mut messages, item)),
        _ => {}
    }
    match request.get("input") {
        Some(Value::String(text)) => messages.push(Message {
            role: "user".into(),
            content: vec![Part::Text(text.clone())],
            ..Message::default()
        }),
        Some(Value::Array(items)) => items.iter().for_each(|item| push(&mut messages, item)),
        _ => {}
    }
    messages
}

/// Adds an item; what the assistant thought, said and asked for in one turn is one message.
fn push(messages: &mut Vec<Message>, item: &Value) {
    let Some(fields) = item.as_object() else {
        return;
    };
    let kind = text(fields, "type").unwrap_or("message");
    if let Some(role) = text(fields, "role").filter(|_| kind == "message") {
        let content = content(fields.get("content"));
        if role == "assistant"
            && let Some(thoughts) = messages.last_mut().filter(|last| is_thoughts(last))
        {
            thoughts.content.extend(content);
            return;
        }
        messages.push(Message {
            role: role.to_owned(),
            content,
            ..Message::default()
        });
    } else if kind.ends_with("_output") {
        messages.push(Message {
            role: "tool".into(),
            content: output(fields, item),
            tool_call_id: owned(fields, "call_id"),
            ..Message::default()
        });
    } else {
        if messages.last().is_none_or(|last| last.role != "assistant") {
            messages.push(Message {
                role: "assistant".into(),
                ..Message::default()
            });
        }
        if let Some(turn) = messages.last_mut() {
            said(item, &mut turn.content, &mut turn.tool_calls);
        }
    }
}

fn is_thoughts(message: &Message) -> bool {
    let is_thought = |part: &Part| matches!(part, Part::Reasoning(_));
    message.role == "assistant"
        && message.tool_calls.is_empty()
        && message.content.iter().all(is_thought)
}

/// What a tool answered: text, parts, or whatever else the item has.
fn output(fields: &Fields, item: &Value) -> Vec<Part> {
    match fields.get("output") {
        Some(output @ (Value::String(_) | Value::Array(_))) => content(Some(output)),
        _ => vec![Part::Other(item.clone())],
    }
}

// What requests and answers have in common.

fn content(content: Option<&Value>) -> Vec<Part> {
    match content {
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::String(text)) => vec![Part::Text(text.clone())],
        Some(Value::Array(parts)) => parts.iter().map(part).collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(other) => vec![Part::Other(other.clone())],
    }
}

fn part(part: &Value) -> Part {
    let field = |key: &str| part.get(key).and_then(Value::as_str).map(str::to_owned);
    let known = match part.get("type").and_then(Value::as_str) {
        Some("input_text" | "output_text" | "text") => field("text").map(Part::Text),
        Some("refusal") => field("refusal").map(Part::Refusal),
        Some("reasoning_text" | "summary_text") => field("text").map(Part::Reasoning),
        _ => part.as_str().map(|text| Part::Text(text.to_owned())),
    };
    known.unwrap_or_else(|| Part::Other(part.clone()))
}

/// Adds what an item of the assistant says or asks for.
fn said(item: &Value, parts: &mut Vec<Part>, tools: &mut Vec<ToolRequest>) {
    let Some(fields) = item.as_object() else {
        return;
    };
    let request = |arguments: Value| ToolRequest {
        id: owned(fields, "call_id"),
        name: owned(fields, "name").unwrap_or_default(),
        arguments,
    };
    match text(fields, "type") {
        Some("message") | None => parts.extend(content(fields.get("content"))),
        Some("reasoning") => {
            let full = content(fields.get("content"));
            parts.extend(if full.is_empty() {
                content(fields.get("summary"))
            } else {
                full
            });
        }
        Some("function_call") => tools.push(request(arguments(fields.get("arguments")))),
        Some("custom_tool_call") => {
            tools.push(request(fields.get("input").cloned().unwrap_or_default()));
        }
        // Tools that the provider runs by itself.
        Some(_) => parts.push(Part::Other(item.clone())),
    }
}

// The answer.

#[derive(Default)]
struct Answer {
    provider: Option<&'static str>,
    service_tier: Option<String>,
    id: Option<String>,
    model: Option<String>,
    streamed: bool,
    completion: Option<Completion>,
    usage: Option<Usage>,
    cost: Option<Cost>,
}

/// `{"object": "response", "output": [{"type": "message", …}], …}`.
fn as_response(value: &Value) -> Option<Answer> {
    let fields = value.as_object()?;
    let output = fields.get("output")?.as_array()?;
    if text(fields, "object") != Some("response") && !output.iter().any(is_output) {
        return None;
    }
    let mut answer = Answer::default();
    answer.read(fields);
    Some(answer)
}

/// An item that only this shape has.
fn is_output(item: &Value) -> bool {
    let Some(fields) = item.as_object() else {
        return false;
    };
    match text(fields, "type") {
        Some("message") => fields.get("content").is_some_and(Value::is_array),
        Some("function_call") => fields.contains_key("call_id"),
        Some("reasoning") => fields.contains_key("summary"),
        _ => false,
    }
}

/// An event, or an `Ok` with an event in it; its kind without `response.`.
fn as_event(value: &Value) -> Option<(&str, &Fields)> {
    let fields = value.as_object()?;
    let fields = fields
        .get("Ok")
        .and_then(Value::as_object)
        .unwrap_or(fields);
    Some((text(fields, "type")?.strip_prefix("response.")?, fields))
}

/// The events of a stream, in the order in which they came.
fn as_events(value: &Value) -> Option<Answer> {
    let items = value.as_array()?;
    items.iter().take(GLANCE).find_map(as_event)?;
    let mut answer = Answer {
        streamed: true,
        ..Answer::default()
    };
    let mut output = BTreeMap::<u64, Streamed<'_>>::new();
    for (kind, event) in items.iter().filter_map(as_event) {
        if let Some(response) = event.get("response").and_then(Value::as_object) {
            answer.read(response);
        } else if let Some(at) = count(event.get("output_index")) {
            output.entry(at).or_default().push(kind, event);
        }
    }
    let complete = answer.completion.as_ref();
    if complete.is_none_or(|complete| complete.content.is_empty() && complete.tool_calls.is_empty())
    {
        let mut pieced = Completion {
            role: "assistant".into(),
            ..answer.completion.take().unwrap_or_default()
        };
        for item in output.into_values() {
            item.finish(&mut pieced);
        }
        if pieced.finish_reason.as_deref() == Some("stop") && !pieced.tool_calls.is_empty() {
            pieced.finish_reason = Some("tool_calls".into());
        }
        let is_something = !pieced.content.is_empty()
            || !pieced.tool_calls.is_empty()
            || pieced.finish_reason.is_some();
        answer.completion = is_something.then_some(pieced);
    }
    Some(answer)
}

impl Answer {
    fn read(&mut self, response: &Fields) {
        self.id = owned(response, "id").or(self.id.take());
        self.model = owned(response, "model").or(self.model.take());
        self.service_tier = owned(response, "service_tier").or(self.service_tier.take());
        self.provider = self.provider.or_else(|| provider(response));
        if let Some(used) = response.get("usage").and_then(Value::as_object) {
            self.usage = usage(used).or(self.usage);
            self.cost = cost(used).or(self.cost.take());
        }
        let items = response.get("output").and_then(Value::as_array);
        if let Some(usage) = &mut self.usage {
            let items = items.into_iter().flatten();
            let searches = items.filter(|item| is_search(item)).count() as u64;
            usage.web_searches = usage.web_searches.max(searches);
        }
        self.completion = completion(items.into_iter().flatten(), finish_reason(response))
            .or(self.completion.take());
    }

    /// What a function returned that keeps only a part: the items, or the text.
    fn of_part(value: &Value) -> Self {
        let items = nearest(value, |value| {
            value.as_array().filter(|items| items.iter().any(is_output))
        });
        let completion = match items {
            Some(items) => completion(items.iter(), None),
            None => as_words(value),
        };
        Self {
            completion,
            usage: nearest(value, |value| usage(value.as_object()?)),
            ..Self::default()
        }
    }
}

/// A search of the web. What it finds may be opened and looked through, which costs nothing more.
fn is_search(item: &Value) -> bool {
    let field = |key: &str| item.get(key).and_then(Value::as_str);
    let action = item.get("action").filter(|action| !action.is_null());
    let kind = action.map(|action| action.get("type").and_then(Value::as_str));
    field("type") == Some("web_search_call")
        && field("status") != Some("failed")
        && kind.is_none_or(|kind| kind == Some("search"))
}

/// All that the items say, if they say something or why they do not.
fn completion<'a>(
    items: impl Iterator<Item = &'a Value>,
    finish_reason: Option<&str>,
) -> Option<Completion> {
    let mut completion = Completion {
        role: "assistant".into(),
        ..Completion::default()
    };
    for item in items {
        said(item, &mut completion.content, &mut completion.tool_calls);
    }
    let asks = !completion.tool_calls.is_empty();
    let reason = finish_reason.map(|reason| match reason {
        "stop" if asks => "tool_calls",
        reason => reason,
    });
    completion.finish_reason = reason.map(str::to_owned);
    (asks || reason.is_some() || !completion.content.is_empty()).then_some(completion)
}

fn finish_reason(response: &Fields) -> Option<&str> {
    match text(response, "status")? {
        "completed" => Some("stop"),
        "failed" => Some("error"),
        "incomplete" => {
            let details = response.get("incomplete_details")?.as_object()?;
            text(details, "reason").map(|reason| match reason {
                "max_output_tokens" => "length",
                reason => reason,
            })
        }
        "in_progress" | "queued" => None,
        other => Some(other),
    }
}

/// An item that is put together again from its pieces, should the whole one never come.
#[derive(Default)]
struct Streamed<'a> {
    /// As it was begun, or as it was at its end.
    item: Option<&'a Value>,
    is_whole: bool,
    thoughts: String,
    said: String,
    refusal: String,
    /// A tool's arguments or input.
    arguments: String,
}

impl<'a> Streamed<'a> {
    fn push(&mut self, kind: &str, event: &'a Fields) {
        let delta = text(event, "delta").unwrap_or_default();
        match kind {
            "output_item.added" if !self.is_whole => self.item = event.get("item"),
            "output_item.done" => {
                self.item = event.get("item");
                self.is_whole = true;
            }
            "output_text.delta" => self.said.push_str(delta),
            "refusal.delta" => self.refusal.push_str(delta),
            "reasoning_text.delta" | "reasoning_summary_text.delta" => {
                self.thoughts.push_str(delta);
            }
            "function_call_arguments.delta" | "custom_tool_call_input.delta" => {
                self.arguments.push_str(delta);
            }
            _ => {}
        }
    }

    fn finish(self, completion: &mut Completion) {
        let Completion {
            content,
            tool_calls,
            ..
        } = completion;
        if let Some(item) = self.item.filter(|_| self.is_whole) {
            return said(item, content, tool_calls);
        }
        let begun = self.item.and_then(Value::as_object);
        let kind = begun.and_then(|item| text(item, "type"));
        let before = tool_calls.len();
        if let Some(item) = self.item {
            said(item, content, tool_calls);
        }
        if let Some(request) = tool_calls.get_mut(before) {
            request.arguments = match kind {
                Some("custom_tool_call") => Value::String(self.arguments),
                _ => parsed(&self.arguments),
            };
        }
        let some = |text: String, part: fn(String) -> Part| (!text.is_empty()).then(|| part(text));
        content.extend(some(self.thoughts, Part::Reasoning));
        content.extend(some(self.said, Part::Text));
        content.extend(some(self.refusal, Part::Refusal));
    }
}

// What it took.

/// The object `usage`; others have the same two counts, and no total.
pub(super) fn usage(usage: &Fields) -> Option<Usage> {
    let number = |key: &str| count(usage.get(key));
    let detail = |group: &str, key: &str| {
        let detail = usage.get(group).and_then(|group| group.get(key));
        count(detail).unwrap_or_default()
    };
    // Of a conversation by sound.
    let cached = |group: &str| {
        let cached = usage
            .get(group)
            .and_then(|group| group.get("cached_tokens_details"));
        count(cached.and_then(|cached| cached.get("audio_tokens"))).unwrap_or_default()
    };
    if is_nonsense(usage, &["output_tokens"]) {
        return None;
    }
    let (input, output) = (
        number("input_tokens")?,
        number("output_tokens").unwrap_or_default(),
    );
    Some(Usage {
        input,
        output,
        cache_read: detail("input_tokens_details", "cached_tokens"),
        cache_write: detail("input_tokens_details", "cache_write_tokens"),
        reasoning: detail("output_tokens_details", "reasoning_tokens"),
        // Of a transcription, it is one detail.
        input_audio: detail("input_tokens_details", "audio_tokens")
            .max(detail("input_token_details", "audio_tokens")),
        cache_read_audio: cached("input_tokens_details").max(cached("input_token_details")),
        output_audio: detail("output_tokens_details", "audio_tokens"),
        total: number("total_tokens")?,
        ..Usage::default()
    })
}

/// The provider, by marks that only it leaves on a response.
fn provider(response: &Fields) -> Option<&'static str> {
    if response.contains_key("content_filters") {
        return Some("azure.ai.openai");
    }
    openai::provider(response)
}
