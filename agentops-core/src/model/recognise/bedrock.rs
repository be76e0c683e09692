//! Bedrock's Converse API, one shape for the models of many makers.
//!
//! Reads requests, responses, and streams collected into an array of events, as the service writes them in JSON. Blocks
//! have no type here: the one field that they have names it. The model is a part of the address, so that it is found
//! only where a caller keeps `modelId` beside or in the body.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::openai::{self, Request, as_message};
use super::{Seen, count, given, is_nonsense, nearest, owned, parsed, text};
use crate::model::llm::{Completion, LlmCall, Message, Part, ToolRequest, Usage};

type Fields = Map<String, Value>;

/// What of a request is a parameter, beside all that is in `inferenceConfig`.
const PARAMETERS: [&str; 7] = [
    "additionalModelRequestFields",
    "guardrailConfig",
    "outputConfig",
    "performanceConfig",
    "requestMetadata",
    "serviceTier",
    "toolConfig",
];

/// Recognises a conversation by its request, its response, or both.
pub(super) fn converse(seen: &Seen<'_>) -> Option<LlmCall> {
    let answer = seen.response.and_then(|response| {
        nearest(response, as_events).or_else(|| nearest(response, as_response))
    });
    let (request, answer) = Request::and(seen, answer, is_ours, Answer::of_parts)?;
    let mut parameters = given(request.body, &PARAMETERS);
    let inference = request.field("inferenceConfig").and_then(Value::as_object);
    parameters.extend(inference.cloned().unwrap_or_default());
    let system = request.field("system").map(|system| said("system", system));
    let asked = request.messages.iter().flat_map(turn);
    Some(LlmCall {
        provider: Some("aws.bedrock".into()),
        request_model: model_id(seen),
        operation: Some("chat".into()),
        streaming: answer.streamed,
        messages: system.into_iter().chain(asked).collect(),
        completions: answer.completion.into_iter().collect(),
        usage: answer.usage,
        parameters,
        ..LlmCall::default()
    })
}

/// The model that stands in the address, where a caller keeps it by that name.
pub(super) fn model_id(seen: &Seen<'_>) -> Option<String> {
    nearest(seen.request?, |value| {
        let fields = value.as_object()?;
        owned(fields, "modelId").or_else(|| owned(fields, "model_id"))
    })
}

/// Whether a request can be told from those of others, whose blocks have a type.
fn is_ours(request: &Request<'_>) -> bool {
    let is_block = |block: &Value| {
        let fields = block.as_object();
        fields.is_some_and(|fields| {
            !fields.contains_key("type") && KINDS.iter().any(|kind| fields.contains_key(*kind))
        })
    };
    request
        .field("inferenceConfig")
        .is_some_and(Value::is_object)
        || request.field("toolConfig").is_some_and(Value::is_object)
        || request
            .messages
            .iter()
            .filter_map(|message| as_message(message)?.1.get("content")?.as_array()?.first())
            .any(is_block)
}

/// The fields that name what a block is.
const KINDS: [&str; 11] = [
    "text",
    "toolUse",
    "toolResult",
    "reasoningContent",
    "image",
    "document",
    "video",
    "audio",
    "guardContent",
    "cachePoint",
    "citationsContent",
];

/// One message; results of tools stand in a user's message here, and are messages of their own in the record.
fn turn(value: &Value) -> Vec<Message> {
    let Some((role, body)) = as_message(value) else {
        return Vec::new();
    };
    let blocks = blocks(body.get("content").unwrap_or(body));
    let mut turn: Vec<Message> = Vec::new();
    for block in blocks {
        if let Some(result) = block.get("toolResult").and_then(Value::as_object) {
            turn.push(tool_result(result));
            continue;
        }
        if turn.last().is_none_or(|last| last.tool_call_id.is_some()) {
            turn.push(said(&role, &Value::Null));
        }
        if let Some(message) = turn.last_mut() {
            say(block, &mut message.content, &mut message.tool_calls);
        }
    }
    if turn.is_empty() {
        turn.push(said(&role, &Value::Null));
    }
    turn
}

fn said(role: &str, content: &Value) -> Message {
    let mut message = Message {
        role: role.into(),
        ..Message::default()
    };
    for block in blocks(content) {
        say(block, &mut message.content, &mut message.tool_calls);
    }
    message
}

fn tool_result(result: &Fields) -> Message {
    let mut message = said("tool", result.get("content").unwrap_or(&Value::Null));
    message.tool_call_id = Some(text(result, "toolUseId").unwrap_or_default().to_owned());
    if text(result, "status") == Some("error") {
        let mark = json!({"toolResult": {"status": "error"}});
        message.content.push(Part::Other(mark));
    }
    message
}

/// Content as a list of blocks; text is one block, and so is an object.
fn blocks(content: &Value) -> &[Value] {
    match content {
        Value::Array(blocks) => blocks,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}

/// Adds what one block says to what its message says.
fn say(block: &Value, content: &mut Vec<Part>, tool_calls: &mut Vec<ToolRequest>) {
    let words =
        |text: &str, part: fn(String) -> Part| (!text.is_empty()).then(|| part(text.into()));
    let reasoning = block.pointer("/reasoningContent/reasoningText/text");
    let tool = block.get("toolUse").and_then(Value::as_object);
    if let Some(text) = block.as_str().or_else(|| block.get("text")?.as_str()) {
        content.extend(words(text, Part::Text));
    } else if let Some(text) = reasoning.and_then(Value::as_str) {
        content.extend(words(text, Part::Reasoning));
    } else if let Some(tool) = tool {
        tool_calls.push(ToolRequest {
            id: owned(tool, "toolUseId"),
            name: owned(tool, "name").unwrap_or_default(),
            arguments: tool.get("input").cloned().unwrap_or_default(),
        });
    } else if !block.is_null() && block.get("cachePoint").is_none() {
        content.push(Part::Other(block.clone()));
    }
}

/// What a response tells; neither the model nor an id is among it.
#[derive(Default)]
struct Answer {
    streamed: bool,
    completion: Option<Completion>,
    usage: Option<Usage>,
}

/// `{"output": {"message": {…}}, "stopReason": "end_turn", "usage": {"inputTokens": …}}`.
fn as_response(value: &Value) -> Option<Answer> {
    let fields = value.as_object()?;
    let message = fields.get("output")?.get("message")?;
    let content = message
        .get("content")
        .filter(|content| content.is_array())?;
    let usage = fields.get("usage").and_then(Value::as_object);
    let usage = usage.and_then(self::usage);
    if usage.is_none() && !fields.contains_key("stopReason") {
        return None;
    }
    Some(Answer {
        streamed: false,
        completion: Some(completion(content, owned(fields, "stopReason"))),
        usage,
    })
}

impl Answer {
    /// Reads what a function kept of an answer: its message, its text, its usage. Only to a request that is ours.
    fn of_parts(response: &Value) -> Self {
        let reply = |value: &Value| {
            let (role, body) = as_message(value)?;
            let content = body.get("content").filter(|_| role == "assistant")?;
            Some(completion(content, None))
        };
        // Of a history, the last word.
        let reply = nearest(response, |value| match value {
            Value::Array(items) => items.iter().rev().find_map(reply),
            value => reply(value),
        });
        Self {
            streamed: false,
            completion: reply.or_else(|| openai::reply(response)),
            usage: nearest(response, |value| usage(value.as_object()?)),
        }
    }
}

fn completion(content: &Value, finish_reason: Option<String>) -> Completion {
    let said = said("assistant", content);
    Completion {
        role: said.role,
        content: said.content,
        tool_calls: said.tool_calls,
        finish_reason,
    }
}

/// The events of a stream, in the order in which they came; items that are none are passed over.
fn as_events(value: &Value) -> Option<Answer> {
    let items = value.as_array()?;
    items.iter().take(super::GLANCE).find_map(as_event)?;
    let mut streamed = BTreeMap::<u64, Streamed<'_>>::new();
    let (mut usage, mut finish_reason) = (None, None);
    for (kind, event) in items.iter().filter_map(as_event) {
        let index = || count(event.get("contentBlockIndex")).unwrap_or_default();
        match kind {
            "contentBlockStart" => {
                let start = event.get("start").and_then(Value::as_object);
                streamed.entry(index()).or_default().start = start;
            }
            "contentBlockDelta" => {
                if let Some(delta) = event.get("delta").and_then(Value::as_object) {
                    streamed.entry(index()).or_default().push(delta);
                }
            }
            "messageStop" => finish_reason = owned(event, "stopReason").or(finish_reason),
            "metadata" => {
                let counts = event.get("usage").and_then(Value::as_object);
                usage = counts.and_then(self::usage).or(usage);
            }
            _ => {}
        }
    }
    let blocks = streamed.into_values().map(Streamed::finish).collect();
    Some(Answer {
        streamed: true,
        completion: Some(completion(&blocks, finish_reason)),
        usage,
    })
}

/// An event, or an `Ok` with an event in it. `metadata` alone may be anybody's.
fn as_event(value: &Value) -> Option<(&str, &Fields)> {
    const KINDS: [&str; 6] = [
        "messageStart",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ];
    let fields = value.as_object()?;
    let fields = fields
        .get("Ok")
        .and_then(Value::as_object)
        .unwrap_or(fields);
    let (kind, event) = fields.iter().next().filter(|_| fields.len() == 1)?;
    let event = event.as_object()?;
    let is_usage = || {
        event
            .get("usage")
            .is_some_and(|usage| usage.get("inputTokens").is_some())
    };
    (KINDS.contains(&kind.as_str()) && (kind != "metadata" || is_usage()))
        .then_some((kind.as_str(), event))
}

/// A block that is put together again from its pieces.
#[derive(Default)]
struct Streamed<'a> {
    start: Option<&'a Fields>,
    text: String,
    reasoning: String,
    input: Option<String>,
    others: Option<&'a Fields>,
}

impl<'a> Streamed<'a> {
    fn push(&mut self, delta: &'a Fields) {
        let inner = |kind: &str, key: &str| delta.get(kind)?.get(key)?.as_str();
        if let Some(text) = delta.get("text").and_then(Value::as_str) {
            self.text.push_str(text);
        } else if let Some(text) = inner("reasoningContent", "text") {
            self.reasoning.push_str(text);
        } else if let Some(input) = inner("toolUse", "input") {
            self.input.get_or_insert_default().push_str(input);
        } else if inner("reasoningContent", "signature").is_none() {
            self.others = Some(delta);
        }
    }

    /// The block as a whole response would have had it.
    fn finish(self) -> Value {
        let tool = self
            .start
            .and_then(|start| start.get("toolUse")?.as_object());
        if tool.is_some() || self.input.is_some() {
            let mut tool = tool.cloned().unwrap_or_default();
            let input = self.input.filter(|input| !input.is_empty());
            let input = input.map_or_else(|| json!({}), |input| parsed(&input));
            tool.insert("input".into(), input);
            json!({"toolUse": tool})
        } else if !self.reasoning.is_empty() {
            json!({"reasoningContent": {"reasoningText": {"text": self.reasoning}}})
        } else if !self.text.is_empty() {
            json!({"text": self.text})
        } else {
            self.others.cloned().map(Value::Object).unwrap_or_default()
        }
    }
}

/// The object `usage`. Here cached tokens stand beside the input, in the record they are a part of it.
fn usage(usage: &Fields) -> Option<Usage> {
    let number = |key: &str| count(usage.get(key));
    let (fresh, output) = (number("inputTokens"), number("outputTokens"));
    let is_said = fresh.is_some() || output.is_some();
    let parts = [
        "inputTokens",
        "outputTokens",
        "cacheReadInputTokens",
        "cacheWriteInputTokens",
    ];
    if !is_said || is_nonsense(usage, &parts) {
        return None;
    }
    let output = output.unwrap_or_default();
    let cache_read = number("cacheReadInputTokens").unwrap_or_default();
    let cache_write = number("cacheWriteInputTokens").unwrap_or_default();
    let details = usage.get("cacheDetails").and_then(Value::as_array);
    let for_an_hour = details.and_then(|details| {
        let is_hour = |detail: &&Value| detail.get("ttl").and_then(Value::as_str) == Some("1h");
        count(details.iter().find(is_hour)?.get("inputTokens"))
    });
    let input = fresh
        .unwrap_or_default()
        .saturating_add(cache_read)
        .saturating_add(cache_write);
    let sum = input.saturating_add(output);
    Some(Usage {
        input,
        output,
        cache_read,
        cache_write,
        cache_write_1h: for_an_hour.unwrap_or_default(),
        // Not every model's total has the cached tokens in it.
        total: number("totalTokens").map_or(sum, |total| total.max(sum)),
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::recognise::recognise;

    #[test]
    fn cached_tokens_are_made_a_part_of_the_input() {
        let used = |usage: Value| {
            super::usage(usage.as_object().unwrap())
                .map(|usage| (usage.input, usage.output, usage.total))
        };
        let cached = json!({"inputTokens": 4, "outputTokens": 2, "totalTokens": 16, "cacheReadInputTokens": 10});
        assert_eq!(used(cached), Some((14, 2, 16)));
        assert_eq!(
            used(json!({"inputTokens": 4, "totalTokens": 4, "cacheWriteInputTokens": 10})),
            Some((14, 0, 14))
        );
        assert_eq!(used(json!({"totalTokens": 4})), None);
    }

    #[test]
    fn a_stream_that_was_dropped_keeps_what_it_had() {
        let events = json!([
            {"metadata": {"source": "elsewhere"}},
            {"Ok": {"contentBlockDelta": {"delta": {"text": "Hi"}, "contentBlockIndex": 0}}},
            {"throttlingException": {"message": "slow down"}},
            {"contentBlockDelta": {"delta": {"toolUse": {"input": "{\"a"}}, "contentBlockIndex": 1}},
            {"contentBlockDelta": {"delta": {"citation": {"title": "A"}}, "contentBlockIndex": 2}},
        ]);
        let call = recognise(None, Some(&events)).unwrap();
        let whole = &call.completions[0];
        let citation = json!({"citation": {"title": "A"}});
        assert_eq!(
            whole.content,
            [Part::Text("Hi".into()), Part::Other(citation)]
        );
        assert_eq!(whole.tool_calls[0].arguments, json!("{\"a"));
        assert_eq!((call.streaming, call.usage), (true, None));
        assert!(recognise(None, Some(&json!([events[0]]))).is_none());
    }

    #[test]
    fn a_request_is_told_by_blocks_without_a_type() {
        let provider = |content: Value| {
            let request =
                json!({"modelId": "m", "messages": [{"role": "user", "content": content}]});
            let call = recognise(Some(&request), Some(&json!("text"))).unwrap();
            assert_eq!(call.completions.len(), 1);
            call.provider
        };
        assert_eq!(
            provider(json!([{"text": "x"}])).as_deref(),
            Some("aws.bedrock")
        );
        assert_eq!(
            provider(json!([{"cachePoint": {}}])).as_deref(),
            Some("aws.bedrock")
        );
        assert_eq!(provider(json!([{"type": "text", "text": "x"}])), None);
        assert_eq!(provider(json!("x")), None);
    }

    #[test]
    fn an_answer_is_found_in_parts() {
        let user = json!({"role": "user", "content": [{"text": "x"}]});
        let reply = json!({"role": "assistant", "content": [{"text": "Hi"}]});
        let usage = json!({"inputTokens": 1, "outputTokens": 2});
        for (answer, total) in [
            (json!([reply, usage]), Some(3)),
            (json!([user, reply, user]), None),
            (json!({"reply": reply, "usage": usage}), Some(3)),
            (json!(["Hi", usage]), Some(3)),
        ] {
            let request = json!({"messages": [user]});
            let call = recognise(Some(&request), Some(&answer)).unwrap();
            assert_eq!(
                call.completions[0].content,
                [Part::Text("Hi".into())],
                "{answer}"
            );
            assert_eq!(call.usage.map(|usage| usage.total), total, "{answer}");
        }
    }
}
