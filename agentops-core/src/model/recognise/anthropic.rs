//! Anthropic's Messages API, which Bedrock, Vertex AI and gateways to other models speak too.
//!
//! Reads requests, responses, and streams collected into an array of events, also as client crates write their own
//! types. What a stream sends piece by piece is put together into the blocks that a whole response would have had, so
//! that there is one reader of blocks; errors in between are passed over, and what came before them stays.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::openai::{self, Request, as_message};
use super::{Seen, bedrock, count, given, is_nonsense, model_name, nearest, owned, parsed, text};
use crate::model::llm::{Completion, LlmCall, Message, Part, ToolRequest, Usage};

type Fields = Map<String, Value>;

/// What of a request is a parameter: the rest is the prompt, or other arguments of the function.
const PARAMETERS: [&str; 19] = [
    "betas",
    "cache_control",
    "container",
    "context_management",
    "inference_geo",
    "max_tokens",
    "mcp_servers",
    "metadata",
    "output_config",
    "output_format",
    "service_tier",
    "speed",
    "stop_sequences",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

/// Recognises a message by its request, its response, or both.
pub(super) fn messages(seen: &Seen<'_>) -> Option<LlmCall> {
    let answer = seen.response.and_then(|response| {
        nearest(response, as_events).or_else(|| nearest(response, as_response))
    });
    let answered = answer.is_some();
    let (request, answer) = Request::and(seen, answer, is_ours, Answer::of_parts)?;
    let request_model = model_name(request.field("model")).or_else(|| bedrock::model_id(seen));
    let model = answer.model;
    let mut parameters = given(request.body, &PARAMETERS);
    // The tier that was granted is the one that is paid for; the standard one goes without saying.
    if let Some(granted) = answer.service_tier
        && (granted != "standard" || parameters.contains_key("service_tier"))
    {
        parameters.insert("service_tier".into(), granted.into());
    }
    let seller = seller(
        request.field("anthropic_version"),
        answer.id.as_deref(),
        model.as_deref().or(request_model.as_deref()),
        answered,
    );
    let system = request.field("system").map(system);
    let asked = request.messages.iter().flat_map(turn);
    Some(LlmCall {
        provider: seller.map(str::to_owned),
        operation: Some("chat".into()),
        response_id: answer.id,
        streaming: answer.streamed || request.field("stream") == Some(&Value::Bool(true)),
        messages: system.into_iter().flatten().chain(asked).collect(),
        completions: answer.completion.into_iter().collect(),
        usage: answer.counts.usage(),
        parameters,
        request_model,
        model,
        ..LlmCall::default()
    })
}

/// Whether a request can be told from OpenAI's, which has messages of the same look.
fn is_ours(request: &Request<'_>) -> bool {
    let model = model_name(request.field("model"));
    let model = model.as_deref().unwrap_or_default();
    let has_tool_schema = || {
        let tools = request.field("tools").and_then(Value::as_array);
        tools.is_some_and(|tools| tools.iter().any(|tool| tool.get("input_schema").is_some()))
    };
    let is_block = |block: &Value| {
        let kind = block.get("type").and_then(Value::as_str);
        match kind.unwrap_or_default() {
            "tool_use" | "tool_result" | "redacted_thinking" | "server_tool_use" => true,
            "thinking" => block.get("signature").is_some(),
            "image" | "document" => block.get("source").is_some(),
            _ => block.get("cache_control").is_some() && is_claude(model),
        }
    };
    let has_block = || {
        let content = request
            .messages
            .iter()
            .filter_map(|message| as_message(message)?.1.get("content"));
        content.flat_map(blocks).any(is_block)
    };
    // Each of these roles is a field or a block here.
    let has_foreign_role = || {
        request
            .messages
            .iter()
            .filter_map(as_message)
            .any(|(role, _)| ["system", "developer", "tool", "function"].contains(&role.as_str()))
    };
    request.field("anthropic_version").is_some()
        || has_tool_schema()
        || has_block()
        || ((is_claude(model) || model.is_empty() && request.field("system").is_some())
            && !has_foreign_role())
}

/// A model's name as its maker, Bedrock or Vertex AI writes it; a path before it is a gateway's.
fn is_claude(model: &str) -> bool {
    model.starts_with("claude") || model.contains("anthropic.claude")
}

/// Who runs the model: each of those who sell it leaves a mark of its own on requests, ids or names.
fn seller(
    version: Option<&Value>,
    id: Option<&str>,
    model: Option<&str>,
    answered: bool,
) -> Option<&'static str> {
    let version = version.and_then(Value::as_str).unwrap_or_default();
    let id = id.unwrap_or_default();
    let name = model.unwrap_or_default();
    let is_bedrocks = name.contains("anthropic.claude");
    if version.starts_with("bedrock") || id.starts_with("msg_bdrk_") || is_bedrocks {
        Some("aws.bedrock")
    } else if version.starts_with("vertex") || id.starts_with("msg_vrtx_") {
        Some("gcp.vertex_ai")
    } else if is_claude(name) || model.is_none() && answered {
        Some("anthropic")
    } else {
        None
    }
}

// What was asked.

/// The field `system`: text, or blocks of it.
fn system(system: &Value) -> Option<Message> {
    let mut message = Message {
        role: "system".into(),
        ..Message::default()
    };
    for block in blocks(system) {
        say(block, &mut message.content, &mut message.tool_calls);
    }
    (!message.content.is_empty()).then_some(message)
}

/// One message; results of tools stand in a user's message here, and are messages of their own in the record.
fn turn(value: &Value) -> Vec<Message> {
    let Some((role, body)) = as_message(value) else {
        return Vec::new();
    };
    let mut turn: Vec<Message> = Vec::new();
    for block in blocks(body.get("content").unwrap_or(body)) {
        if let Some(result) = tool_result(block) {
            turn.push(result);
            continue;
        }
        if turn.last().is_none_or(|last| last.tool_call_id.is_some()) {
            turn.push(Message {
                role: role.clone(),
                ..Message::default()
            });
        }
        if let Some(said) = turn.last_mut() {
            say(block, &mut said.content, &mut said.tool_calls);
        }
    }
    if turn.is_empty() {
        turn.push(Message {
            role,
            ..Message::default()
        });
    }
    turn
}

fn tool_result(block: &Value) -> Option<Message> {
    let fields = block.as_object()?;
    if text(fields, "type") != Some("tool_result") {
        return None;
    }
    let mut message = Message {
        role: "tool".into(),
        tool_call_id: Some(text(fields, "tool_use_id").unwrap_or_default().to_owned()),
        ..Message::default()
    };
    for block in fields.get("content").map(blocks).unwrap_or_default() {
        say(block, &mut message.content, &mut message.tool_calls);
    }
    if fields.get("is_error") == Some(&Value::Bool(true)) {
        let mark = json!({"type": "tool_result", "is_error": true});
        message.content.push(Part::Other(mark));
    }
    Some(message)
}

/// Content as a list of blocks; text is one block, and so is an object.
fn blocks(content: &Value) -> &[Value] {
    match content {
        Value::Array(blocks) => blocks,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}

/// Adds what one block says to what its message says. Tools that the provider calls itself ask nobody for anything.
fn say(block: &Value, content: &mut Vec<Part>, tool_calls: &mut Vec<ToolRequest>) {
    let field = |key: &str| block.get(key).and_then(Value::as_str);
    let words = |text: Option<&str>, part: fn(String) -> Part| {
        let text = text.filter(|text| !text.is_empty());
        text.map(|text| part(text.to_owned()))
    };
    let kind = field("type").or_else(|| block.is_string().then_some("words"));
    match kind {
        Some("words") => content.extend(words(block.as_str(), Part::Text)),
        Some("text") if field("text").is_some() => {
            content.extend(words(field("text"), Part::Text));
            let citations = block.get("citations").and_then(Value::as_array);
            if let Some(citations) = citations.filter(|citations| !citations.is_empty()) {
                let citations = json!({"type": "citations", "citations": citations});
                content.push(Part::Other(citations));
            }
        }
        Some("thinking") if field("thinking").is_some() => {
            content.extend(words(field("thinking"), Part::Reasoning));
        }
        Some("tool_use") if field("name").is_some() => tool_calls.push(ToolRequest {
            id: field("id").map(str::to_owned),
            name: field("name").unwrap_or_default().to_owned(),
            arguments: block.get("input").cloned().unwrap_or_default(),
        }),
        _ if block.is_null() => {}
        _ => content.push(Part::Other(block.clone())),
    }
}

// What was answered.

/// What a response tells.
#[derive(Default)]
struct Answer {
    id: Option<String>,
    model: Option<String>,
    streamed: bool,
    completion: Option<Completion>,
    counts: Counts,
    service_tier: Option<String>,
}

/// `{"type": "message", "role": "assistant", "content": [...], "stop_reason": …, "usage": …}`.
fn as_response(value: &Value) -> Option<Answer> {
    let fields = value.as_object()?;
    let content = fields
        .get("content")
        .filter(|content| content.is_array() || content.is_string())?;
    let usage = fields.get("usage").and_then(Value::as_object);
    let is_counted = usage.is_some_and(|usage| usage.contains_key("input_tokens"));
    let is_reply = text(fields, "role") == Some("assistant");
    let is_message = text(fields, "type") == Some("message");
    if !(fields.contains_key("stop_reason") && (is_reply || is_counted))
        && !(is_message && is_counted)
    {
        return None;
    }
    let mut answer = Answer::default();
    answer.read_head(fields);
    let mut completion = completion(blocks(content));
    completion.finish_reason = owned(fields, "stop_reason");
    answer.completion = Some(completion);
    Some(answer)
}

fn completion(blocks: &[Value]) -> Completion {
    let mut completion = Completion {
        role: "assistant".into(),
        ..Completion::default()
    };
    for block in blocks {
        say(block, &mut completion.content, &mut completion.tool_calls);
    }
    completion
}

impl Answer {
    /// Reads what a function kept of an answer: its blocks, its text, its usage. Only to a request that is ours.
    fn of_parts(response: &Value) -> Self {
        let counts = nearest(response, |value| {
            let mut counts = Counts::default();
            counts.read(value.as_object()?);
            (counts.input.is_some() && counts.output.is_some()).then_some(counts)
        });
        let reply = |value: &Value| {
            let (role, body) = as_message(value)?;
            let content = blocks(body.get("content").unwrap_or(body));
            (role == "assistant").then(|| completion(content))
        };
        // Of a history, the last word.
        let reply = nearest(response, |value| match value {
            Value::Array(items) => items.iter().rev().find_map(reply),
            value => reply(value),
        });
        let content = || {
            nearest(response, |value| {
                let content = value.as_array()?;
                let is_content = content.iter().all(|block| {
                    let kind = block.get("type").and_then(Value::as_str);
                    kind.is_some_and(|kind| KINDS.contains(&kind))
                });
                (is_content && !content.is_empty()).then(|| completion(content))
            })
        };
        Self {
            completion: reply.or_else(content).or_else(|| openai::reply(response)),
            counts: counts.unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Reads what stands around the content, of a response or of the start of a stream.
    fn read_head(&mut self, head: &Fields) {
        self.id = owned(head, "id").or(self.id.take());
        self.model = model_name(head.get("model")).or(self.model.take());
        self.read_usage(head);
    }

    fn read_usage(&mut self, head: &Fields) {
        if let Some(usage) = head.get("usage").and_then(Value::as_object) {
            self.counts.read(usage);
            let tier = owned(usage, "service_tier");
            self.service_tier = tier.or(self.service_tier.take());
        }
    }
}

/// The blocks that a model writes.
const KINDS: [&str; 4] = ["text", "thinking", "redacted_thinking", "tool_use"];

// Streams.

/// The events of a stream, in the order in which they came; items that are none are passed over.
fn as_events(value: &Value) -> Option<Answer> {
    let items = value.as_array()?;
    items.iter().take(super::GLANCE).find_map(as_event)?;
    let mut answer = Answer {
        streamed: true,
        ..Answer::default()
    };
    let mut blocks = BTreeMap::<u64, Streamed<'_>>::new();
    let mut finish_reason = None;
    for (kind, event) in items.iter().filter_map(as_event) {
        let index = || count(event.get("index")).unwrap_or_default();
        match kind {
            Event::Start => {
                if let Some(message) = event.get("message").and_then(Value::as_object) {
                    answer.read_head(message);
                }
            }
            Event::BlockStart => {
                let block = event.get("content_block").and_then(Value::as_object);
                blocks.entry(index()).or_default().start = block;
            }
            Event::BlockDelta => {
                if let Some(delta) = event.get("delta").and_then(Value::as_object) {
                    blocks.entry(index()).or_default().push(delta);
                }
            }
            Event::Delta => {
                let delta = event.get("delta").and_then(Value::as_object);
                let reason = delta.and_then(|delta| owned(delta, "stop_reason"));
                finish_reason = reason.or(finish_reason);
                answer.read_usage(event);
            }
        }
    }
    let blocks: Vec<_> = blocks.into_values().map(Streamed::finish).collect();
    let mut completion = completion(&blocks);
    completion.finish_reason = finish_reason;
    answer.completion = Some(completion);
    Some(answer)
}

/// The events that say something.
#[derive(Clone, Copy)]
enum Event {
    Start,
    BlockStart,
    BlockDelta,
    Delta,
}

/// An event, or an `Ok` with an event in it; its kind is a field, or the tag around it as an enum writes it.
fn as_event(value: &Value) -> Option<(Event, &Fields)> {
    let fields = value.as_object()?;
    let fields = fields
        .get("Ok")
        .and_then(Value::as_object)
        .unwrap_or(fields);
    let (kind, fields) = match text(fields, "type") {
        Some(kind) => (kind, fields),
        None => {
            let (tag, inner) = fields.iter().next().filter(|_| fields.len() == 1)?;
            (tag.as_str(), inner.as_object()?)
        }
    };
    let event = match kind {
        "message_start" | "MessageStart" => Event::Start,
        "content_block_start" | "ContentBlockStart" => Event::BlockStart,
        "content_block_delta" | "ContentBlockDelta" => Event::BlockDelta,
        "message_delta" | "MessageDelta" => Event::Delta,
        _ => return None,
    };
    Some((event, fields))
}

/// A block that is put together again from its pieces.
#[derive(Default)]
struct Streamed<'a> {
    start: Option<&'a Fields>,
    text: String,
    thinking: String,
    input: String,
    citations: Vec<Value>,
}

impl<'a> Streamed<'a> {
    fn push(&mut self, delta: &'a Fields) {
        let piece = |key: &str| text(delta, key).unwrap_or_default();
        self.text.push_str(piece("text"));
        self.thinking.push_str(piece("thinking"));
        self.input.push_str(piece("partial_json"));
        self.citations.extend(delta.get("citation").cloned());
    }

    /// The block as a whole response would have had it.
    fn finish(self) -> Value {
        let mut block = self.start.cloned().unwrap_or_default();
        // Where the start was missed, the pieces tell what it was.
        let kind = if !self.thinking.is_empty() {
            "thinking"
        } else if !self.input.is_empty() {
            "tool_use"
        } else {
            "text"
        };
        block.entry("type").or_insert_with(|| kind.into());
        for (key, pieces) in [("text", &self.text), ("thinking", &self.thinking)] {
            if !pieces.is_empty() {
                let whole = text(&block, key).unwrap_or_default().to_owned() + pieces;
                block.insert(key.into(), whole.into());
            }
        }
        if !self.input.is_empty() {
            block.entry("name").or_insert_with(|| "".into());
            block.insert("input".into(), parsed(&self.input));
        }
        if !self.citations.is_empty() {
            block.insert("citations".into(), self.citations.into());
        }
        Value::Object(block)
    }
}

// What it took.

/// The object `usage` of a response, or of all events that have one.
#[derive(Default)]
struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    cache_read: Option<u64>,
    cache_write: Option<u64>,
    /// What of that is kept for an hour.
    cache_write_1h: Option<u64>,
    thinking: Option<u64>,
    web_searches: Option<u64>,
    /// One of them is no count.
    has_nonsense: bool,
}

impl Counts {
    /// Counts of a stream only grow, so that the greatest is the last one, and a zero that a client's type filled in
    /// takes nothing away.
    fn read(&mut self, usage: &Fields) {
        let number = |key: &str| count(usage.get(key));
        let split = |key: &str| count(usage.get("cache_creation")?.get(key));
        let written = split("ephemeral_5m_input_tokens")
            .into_iter()
            .chain(split("ephemeral_1h_input_tokens"))
            .reduce(u64::saturating_add);
        let thinking = usage.get("output_tokens_details");
        let thinking = thinking.and_then(|details| count(details.get("thinking_tokens")));
        let parts = [
            "input_tokens",
            "output_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
        ];
        self.has_nonsense |= is_nonsense(usage, &parts);
        self.input = self.input.max(number("input_tokens"));
        self.output = self.output.max(number("output_tokens"));
        self.cache_read = self.cache_read.max(number("cache_read_input_tokens"));
        self.cache_write = self
            .cache_write
            .max(number("cache_creation_input_tokens"))
            .max(written);
        self.cache_write_1h = self.cache_write_1h.max(split("ephemeral_1h_input_tokens"));
        self.thinking = self.thinking.max(thinking);
        let searches = usage.get("server_tool_use");
        let searches = searches.and_then(|used| count(used.get("web_search_requests")));
        self.web_searches = self.web_searches.max(searches);
    }

    /// Here cached tokens stand beside the input, in the record they are a part of it.
    fn usage(self) -> Option<Usage> {
        let is_said = self.input.is_some() || self.output.is_some();
        if !is_said || self.has_nonsense {
            return None;
        }
        let cache_read = self.cache_read.unwrap_or_default();
        let cache_write = self.cache_write.unwrap_or_default();
        let fresh = self.input.unwrap_or_default();
        let input = fresh.saturating_add(cache_read).saturating_add(cache_write);
        let output = self.output.unwrap_or_default();
        Some(Usage {
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h: self.cache_write_1h.unwrap_or_default(),
            reasoning: self.thinking.unwrap_or_default(),
            web_searches: self.web_searches.unwrap_or_default(),
            total: input.saturating_add(output),
            ..Usage::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::recognise::recognise;

    fn said(text: &str) -> Vec<Part> {
        vec![Part::Text(text.into())]
    }

    fn claude(messages: Value) -> Value {
        json!({"model": "claude-opus-4-5", "max_tokens": 8, "messages": messages})
    }

    fn hello() -> Value {
        claude(json!([{"role": "user", "content": "Hello"}]))
    }

    #[test]
    fn counts_of_a_stream_only_grow() {
        let events = |last: Value| {
            json!([
                {"type": "message_start", "message": {"usage": {"input_tokens": 20, "cache_read_input_tokens": 5, "output_tokens": 1}}},
                {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 7}},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last},
            ])
        };
        let used = |last: Value| {
            let usage = recognise(None, Some(&events(last))).unwrap().usage.unwrap();
            (usage.input, usage.cache_read, usage.output)
        };
        let zeros = json!({"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 9});
        assert_eq!(used(zeros), (25, 5, 9));
        assert_eq!(
            used(json!({"input_tokens": 90, "output_tokens": 9})),
            (95, 5, 9)
        );
        assert_eq!(used(json!(null)), (25, 5, 7));
    }

    #[test]
    fn written_cache_is_summed_where_only_its_parts_are_given() {
        let written = |usage: Value| {
            let mut counts = Counts::default();
            counts.read(usage.as_object().unwrap());
            counts.usage().map(|usage| (usage.input, usage.cache_write))
        };
        let split = json!({"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4});
        assert_eq!(
            written(json!({"input_tokens": 1, "cache_creation": split})),
            Some((8, 7))
        );
        // A count that nobody can have counted is not known, rather than the largest there is: it would be billed.
        let huge = json!({"input_tokens": u64::MAX, "cache_creation": split});
        assert_eq!(written(huge), None);
        assert_eq!(written(json!({"cache_creation": split})), None);
    }

    #[test]
    fn a_tier_is_told_where_it_was_asked_for_or_is_not_the_standard_one() {
        let tier = |asked: Option<&str>, granted: &str| {
            let mut request = hello();
            request["service_tier"] = json!(asked);
            let response = json!({"role": "assistant", "content": [], "stop_reason": "end_turn", "usage": {"input_tokens": 1, "service_tier": granted}});
            let call = recognise(Some(&request), Some(&response)).unwrap();
            call.parameters.get("service_tier").cloned()
        };
        assert_eq!(tier(None, "standard"), None);
        assert_eq!(tier(None, "batch"), Some(json!("batch")));
        assert_eq!(tier(Some("auto"), "standard"), Some(json!("standard")));
    }

    #[test]
    fn an_answer_is_found_whole_and_in_parts() {
        let usage = json!({"input_tokens": 3, "output_tokens": 4});
        let blocks = json!([{"type": "text", "text": "Hi"}]);
        let response = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-5", "content": blocks, "stop_reason": "end_turn", "usage": usage});
        for (answer, has_usage) in [
            (json!(response), true),
            (json!({"inner": {"response": response}, "latency": 3}), true),
            (json!([response, 3]), true),
            (
                json!({"content": "Hi", "stop_reason": null, "usage": usage}),
                true,
            ),
            (json!([blocks, usage]), true),
            (json!(blocks), false),
            (json!({"role": "assistant", "content": "Hi"}), false),
            (json!({"role": "assistant", "content": blocks}), false),
            (
                json!([hello()["messages"][0], {"role": "user", "content": [{"type": "text", "text": "x"}]}, {"role": "assistant", "content": blocks}]),
                false,
            ),
            (json!("Hi"), false),
        ] {
            let call = recognise(Some(&hello()), Some(&answer)).unwrap();
            assert_eq!(call.provider.as_deref(), Some("anthropic"), "{answer}");
            assert_eq!(call.completions.len(), 1, "{answer}");
            assert_eq!(call.completions[0].content, said("Hi"), "{answer}");
            assert_eq!(
                call.usage.map(|usage| usage.total),
                has_usage.then_some(7),
                "{answer}"
            );
        }
        assert!(recognise(None, Some(&blocks)).is_none());
    }

    #[test]
    fn models_may_be_tagged_and_events_wrapped() {
        let mut request = hello();
        request["model"] = json!({"Shared": "claude-opus-4-5"});
        let events = json!([
            {"Ok": {"MessageStart": {"message": {"model": {"Shared": "claude-opus-4-5-20251101"}, "usage": {"input_tokens": 2, "output_tokens": 1}}}}},
            {"Err": "reset"},
            {"Ok": {"ContentBlockDelta": {"index": 0, "delta": {"text": "Hi"}}}},
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
            {"ContentBlockDelta": {"index": 1, "delta": {"thinking": "Hm"}}},
            {"ContentBlockDelta": {"index": 2, "delta": {"partial_json": "[1]"}}},
        ]);
        let call = recognise(Some(&request), Some(&events)).unwrap();
        assert_eq!(call.request_model.as_deref(), Some("claude-opus-4-5"));
        assert_eq!(call.model.as_deref(), Some("claude-opus-4-5-20251101"));
        assert!(call.streaming);
        let whole = &call.completions[0];
        assert_eq!(
            whole.content,
            [Part::Text("Hi".into()), Part::Reasoning("Hm".into())]
        );
        assert_eq!(whole.tool_calls[0].arguments, json!([1]));
        assert_eq!(whole.finish_reason, None);
    }

    #[test]
    fn who_sells_the_model_is_told_by_marks() {
        let provider = |request: Value, id: &str, model: &str| {
            let response = json!({"id": id, "role": "assistant", "model": model, "content": [], "stop_reason": "end_turn"});
            recognise(Some(&request), Some(&response)).unwrap().provider
        };
        let mut vertex = hello();
        vertex["anthropic_version"] = json!("vertex-2023-10-16");
        assert_eq!(
            provider(vertex, "msg_1", "claude-opus-4-5").as_deref(),
            Some("gcp.vertex_ai")
        );
        assert_eq!(
            provider(hello(), "msg_vrtx_1", "claude-opus-4-5").as_deref(),
            Some("gcp.vertex_ai")
        );
        assert_eq!(
            provider(hello(), "msg_1", "claude-opus-4-5").as_deref(),
            Some("anthropic")
        );
        assert_eq!(provider(hello(), "1", "deepseek-chat"), None);
        assert_eq!(provider(hello(), "1", "anthropic/claude-opus-4.5"), None);
        assert_eq!(
            provider(hello(), "1", "eu.anthropic.claude-opus-4-5-v1:0").as_deref(),
            Some("aws.bedrock")
        );
        let nobodys =
            json!({"system": "Be brief.", "messages": [{"role": "user", "content": "x"}]});
        assert_eq!(recognise(Some(&nobodys), None).unwrap().provider, None);
    }

    #[test]
    fn only_requests_with_marks_of_their_own_are_taken() {
        let taken = |request: Value| {
            messages(&Seen {
                request: Some(&request),
                response: None,
                by_request: true,
            })
            .is_some()
        };
        let user = json!([{"role": "user", "content": "x"}]);
        let result =
            json!([{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]);
        assert!(taken(claude(user.clone())));
        assert!(taken(json!({"model": "glm-5", "messages": result})));
        assert!(taken(
            json!({"model": "glm-5", "messages": user, "tools": [{"name": "f", "input_schema": {}}]})
        ));
        assert!(taken(json!({"system": "Be brief.", "messages": user})));
        assert!(!taken(
            json!({"model": "gpt-4o", "system": "Be brief.", "messages": user})
        ));
        assert!(!taken(
            json!({"model": "anthropic/claude-opus-4.5", "messages": user})
        ));
        assert!(!taken(claude(
            json!([{"role": "system", "content": "x"}, {"role": "user", "content": "x"}])
        )));
        let response =
            json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}}]});
        let call = recognise(Some(&hello()), Some(&response)).unwrap();
        assert_eq!(call.completions[0].content, said("Hi"));
    }

    #[test]
    fn contents_may_be_anything() {
        let request = claude(json!([
            {"role": "user", "content": [{"type": "tool_result", "content": {"type": "text", "text": "one"}}, "two", null, 3]},
            {"role": "assistant", "content": []},
            {"role": "assistant", "content": {"type": "tool_use"}},
            {"role": "captain", "content": "aye"},
        ]));
        let messages = recognise(Some(&request), None).unwrap().messages;
        let roles: Vec<_> = messages
            .iter()
            .map(|message| message.role.as_str())
            .collect();
        assert_eq!(roles, ["tool", "user", "assistant", "assistant"]);
        assert_eq!(messages[0].content, said("one"));
        assert_eq!(
            messages[1].content,
            [Part::Text("two".into()), Part::Other(json!(3))]
        );
        assert_eq!(
            messages[3].content,
            [Part::Other(json!({"type": "tool_use"}))]
        );
    }
}
