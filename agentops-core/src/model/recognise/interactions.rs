//! Google's Interactions API, which takes the place of `generateContent` for new models and agents.
//!
//! Reads requests, interactions, and streams collected into an array of events. An interaction is a list of steps: what
//! the user said, what the model thought, said and asked for; a stream sends each of them piece by piece. Why it ended
//! is told in the words that chat completions have for it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::openai::{self, arguments};
use super::{GLANCE, Seen, count, gemini, given, is_nonsense, nearest, owned, parsed, text};
use crate::model::llm::{Completion, LlmCall, Message, Part, ToolRequest, Usage};

type Fields = Map<String, Value>;

/// What of a request is a parameter, beside all that is in `generation_config`.
const PARAMETERS: [&str; 13] = [
    "agent",
    "agent_config",
    "background",
    "cached_content",
    "environment",
    "previous_interaction_id",
    "response_format",
    "response_mime_type",
    "response_modalities",
    "safety_settings",
    "service_tier",
    "store",
    "tools",
];

/// Recognises an interaction by its request, its answer, or both.
pub(super) fn interaction(seen: &Seen<'_>) -> Option<LlmCall> {
    let answer = seen.response.and_then(|response| {
        nearest(response, as_events).or_else(|| nearest(response, as_interaction))
    });
    let answered = answer.is_some();
    let request = seen
        .request
        .and_then(|request| nearest(request, |value| as_request(value, answered)));
    if answer.is_none() && !(request.is_some() && seen.by_request) {
        return None;
    }
    let answer = answer.unwrap_or_else(|| seen.response.map(Answer::of_part).unwrap_or_default());
    let mut parameters = given(request, &PARAMETERS);
    let config = request.and_then(|request| request.get("generation_config")?.as_object());
    let config = config.into_iter().flatten();
    parameters.extend(
        config
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    // The tier that was granted is the one that is paid for.
    if let (Some(asked), Some(granted)) = (parameters.get_mut("service_tier"), answer.service_tier)
    {
        *asked = granted.into();
    }
    let streams = request.is_some_and(|request| request.get("stream") == Some(&Value::Bool(true)));
    Some(LlmCall {
        provider: Some("gcp.gemini".into()),
        operation: Some("chat".into()),
        response_id: answer.id,
        streaming: answer.streamed || streams,
        messages: request.map(messages).unwrap_or_default(),
        completions: answer.completion.into_iter().collect(),
        usage: answer.usage,
        parameters,
        model: answer.model.as_deref().map(model),
        request_model: request.and_then(|request| text(request, "model").map(model)),
        ..LlmCall::default()
    })
}

/// A model without `models/` before it.
fn model(name: &str) -> String {
    name.strip_prefix("models/").unwrap_or(name).to_owned()
}

// The request.

/// An object with `input`, and with what no other API has beside or in it.
fn as_request(value: &Value, answered: bool) -> Option<&Fields> {
    const MARKS: [&str; 3] = [
        "generation_config",
        "previous_interaction_id",
        "system_instruction",
    ];
    let fields = value.as_object()?;
    let has_mark = || MARKS.iter().any(|mark| fields.contains_key(*mark));
    let is_request = match fields.get("input")? {
        Value::String(_) | Value::Object(_) => answered || has_mark(),
        Value::Array(items) => answered || has_mark() || items.first().is_some_and(is_step),
        _ => false,
    };
    (is_request && (fields.contains_key("model") || fields.contains_key("agent"))).then_some(fields)
}

/// A step that only this shape has.
fn is_step(item: &Value) -> bool {
    let kind = item.get("type").and_then(Value::as_str);
    matches!(kind, Some("user_input" | "model_output" | "thought"))
}

fn messages(request: &Fields) -> Vec<Message> {
    let mut messages = Vec::new();
    if let Some(instruction) = request.get("system_instruction") {
        messages.push(said_by("system", instruction));
    }
    match request.get("input") {
        Some(Value::Array(items)) => items.iter().for_each(|item| push(&mut messages, item)),
        Some(input) => push(&mut messages, input),
        None => {}
    }
    messages.retain(|message| !message.content.is_empty() || !message.tool_calls.is_empty());
    messages
}

/// Adds a step, a turn, or a piece of content; what one side says in a row is one message.
fn push(messages: &mut Vec<Message>, item: &Value) {
    let kind = item.get("type").and_then(Value::as_str);
    let (role, content) = match (kind, item.get("role").and_then(Value::as_str)) {
        (Some("function_result"), _) => {
            messages.push(tool_answer(item));
            return;
        }
        (Some("user_input"), _) => ("user", item.get("content").unwrap_or(&Value::Null)),
        (None, Some(role)) => {
            let role = if role == "model" { "assistant" } else { role };
            (role, item.get("content").unwrap_or(&Value::Null))
        }
        (Some("text" | "image" | "audio" | "video" | "document") | None, _) => ("user", item),
        (Some(_), _) => ("assistant", item),
    };
    let said = said_by(role, content);
    match messages.last_mut().filter(|last| last.role == said.role) {
        Some(last) => {
            last.content.extend(said.content);
            last.tool_calls.extend(said.tool_calls);
        }
        None => messages.push(said),
    }
}

fn tool_answer(item: &Value) -> Message {
    let field = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
    let content = match item.get("result") {
        Some(result @ (Value::String(_) | Value::Array(_))) => said_by("tool", result).content,
        None | Some(Value::Null) => Vec::new(),
        Some(other) => vec![Part::Other(other.clone())],
    };
    Message {
        role: "tool".into(),
        name: field("name"),
        content,
        tool_call_id: field("call_id"),
        ..Message::default()
    }
}

fn said_by(role: &str, content: &Value) -> Message {
    let mut message = Message {
        role: role.into(),
        ..Message::default()
    };
    let items = match content {
        Value::Array(items) => items.as_slice(),
        Value::Null => &[],
        one => std::slice::from_ref(one),
    };
    for item in items {
        say(item, &mut message.content, &mut message.tool_calls);
    }
    message
}

// What requests and answers have in common.

/// Adds what a step, or a piece of content, says or asks for.
fn say(item: &Value, content: &mut Vec<Part>, tool_calls: &mut Vec<ToolRequest>) {
    let words =
        |text: &str, part: fn(String) -> Part| (!text.is_empty()).then(|| part(text.into()));
    let inner = |key: &str| {
        item.get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let field = |key: &str| item.get(key).and_then(Value::as_str);
    match field("type") {
        None if item.is_string() => {
            content.extend(item.as_str().and_then(|text| words(text, Part::Text)));
        }
        Some("text") if field("text").is_some() => {
            content.extend(field("text").and_then(|text| words(text, Part::Text)));
        }
        Some("model_output") => inner("content").for_each(|item| say(item, content, tool_calls)),
        // The signature says nothing to a reader.
        Some("thought") => {
            let texts = inner("summary").filter_map(|part| part.get("text")?.as_str());
            content.extend(texts.filter_map(|text| words(text, Part::Reasoning)));
        }
        Some("function_call") => tool_calls.push(ToolRequest {
            id: field("id").map(str::to_owned),
            name: field("name").unwrap_or_default().to_owned(),
            arguments: arguments(item.get("arguments")),
        }),
        _ => content.push(Part::Other(item.clone())),
    }
}

// The answer.

/// What an interaction tells.
#[derive(Default)]
struct Answer {
    id: Option<String>,
    model: Option<String>,
    service_tier: Option<String>,
    streamed: bool,
    finish_reason: Option<String>,
    completion: Option<Completion>,
    usage: Option<Usage>,
}

/// `{"object": "interaction", "steps": [{"type": "model_output", …}], "status": "completed", …}`.
fn as_interaction(value: &Value) -> Option<Answer> {
    let fields = value.as_object().filter(|fields| is_interaction(fields))?;
    let mut answer = Answer::default();
    answer.read(fields);
    answer.end();
    Some(answer)
}

/// The steps were called outputs at first, and were pieces of content.
fn steps(interaction: &Fields) -> Option<&Vec<Value>> {
    let list = |key: &str| interaction.get(key).and_then(Value::as_array);
    list("steps").or_else(|| list("outputs"))
}

fn is_interaction(fields: &Fields) -> bool {
    let has_steps = || {
        let usage = fields.get("usage");
        let is_counted = usage.is_some_and(|usage| usage.get("total_input_tokens").is_some());
        let steps = steps(fields);
        steps.is_some_and(|steps| is_counted || steps.iter().any(is_step))
    };
    text(fields, "object") == Some("interaction") || text(fields, "status").is_some() && has_steps()
}

impl Answer {
    /// Reads what is known so far; what is told later is what holds.
    fn read(&mut self, interaction: &Fields) {
        self.id = owned(interaction, "id").or(self.id.take());
        let name = owned(interaction, "model").or_else(|| owned(interaction, "agent"));
        self.model = name.or(self.model.take());
        self.service_tier = owned(interaction, "service_tier").or(self.service_tier.take());
        self.read_status(interaction);
        if let Some(counts) = interaction.get("usage").and_then(Value::as_object) {
            self.usage = usage(counts).or(self.usage);
        }
        if let Some(steps) = steps(interaction).filter(|steps| !steps.is_empty()) {
            self.read_steps(steps);
        }
    }

    fn read_steps(&mut self, steps: &[Value]) {
        self.completion = Some(completion(steps));
        if let Some(usage) = &mut self.usage {
            let is_search = |step: &&Value| {
                step.get("type").and_then(Value::as_str) == Some("google_search_call")
            };
            let queries = steps.iter().filter(is_search);
            let queries: BTreeSet<_> = queries
                .filter_map(|step| step.pointer("/arguments/queries")?.as_array())
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            usage.web_searches = gemini::searches(self.model.as_deref(), &queries);
        }
    }

    fn read_status(&mut self, fields: &Fields) {
        self.finish_reason = match text(fields, "status") {
            Some("completed") => Some("stop".into()),
            Some("requires_action") => Some("tool_calls".into()),
            Some("failed") => Some("error".into()),
            Some("in_progress" | "queued") => None,
            Some(other) => Some(other.into()),
            None => self.finish_reason.take(),
        };
    }

    /// Why it ended stands with what was said.
    fn end(&mut self) {
        let reason = self.finish_reason.take();
        if self.completion.is_none() && reason.is_some() {
            self.completion = Some(completion(&[]));
        }
        if let Some(completion) = &mut self.completion {
            completion.finish_reason = reason;
        }
    }

    /// What a function returned that keeps only a part: the steps, or the text.
    fn of_part(value: &Value) -> Self {
        let steps = nearest(value, |value| {
            value.as_array().filter(|items| items.iter().any(is_step))
        });
        let completion = steps.map(|steps| completion(steps));
        Self {
            completion: completion.or_else(|| openai::as_words(value)),
            usage: nearest(value, |value| usage(value.as_object()?)),
            ..Self::default()
        }
    }
}

/// All that the model says in its steps; an interaction that is looked up again has the user's among them.
fn completion(steps: &[Value]) -> Completion {
    let mut completion = Completion {
        role: "assistant".into(),
        ..Completion::default()
    };
    for step in steps {
        let kind = step.get("type").and_then(Value::as_str);
        if !matches!(kind, Some("user_input" | "function_result")) {
            say(step, &mut completion.content, &mut completion.tool_calls);
        }
    }
    completion
}

/// The events of a stream, in the order in which they came; items that are none are passed over.
fn as_events(value: &Value) -> Option<Answer> {
    let items = value.as_array()?;
    items.iter().take(GLANCE).find_map(as_event)?;
    let mut answer = Answer {
        streamed: true,
        ..Answer::default()
    };
    let mut steps = BTreeMap::<u64, Streamed<'_>>::new();
    for (kind, event) in items.iter().filter_map(as_event) {
        if let Some(interaction) = event.get("interaction").and_then(Value::as_object) {
            answer.read(interaction);
        } else if kind == "interaction.status_update" {
            answer.read_status(event);
        } else {
            let index = count(event.get("index")).unwrap_or_default();
            steps.entry(index).or_default().push(event);
        }
    }
    if answer.completion.is_none() {
        let steps: Vec<_> = steps.into_values().filter_map(Streamed::finish).collect();
        if !steps.is_empty() {
            answer.read_steps(&steps);
        }
    }
    answer.end();
    Some(answer)
}

/// An event, or an `Ok` with an event in it, and its kind. Before there were steps, an event brought content.
fn as_event(value: &Value) -> Option<(&str, &Fields)> {
    let fields = value.as_object()?;
    let fields = fields
        .get("Ok")
        .and_then(Value::as_object)
        .unwrap_or(fields);
    let kind = text(fields, "event_type")?;
    let is_ours = ["interaction.", "step.", "content."]
        .iter()
        .any(|family| kind.starts_with(family));
    is_ours.then_some((kind, fields))
}

/// A step that is put together again from its pieces.
#[derive(Default)]
struct Streamed<'a> {
    start: Option<&'a Fields>,
    text: String,
    thought: String,
    arguments: String,
    others: Vec<Value>,
}

impl<'a> Streamed<'a> {
    fn push(&mut self, event: &'a Fields) {
        let start = ["step", "content"]
            .iter()
            .find_map(|key| event.get(*key)?.as_object());
        self.start = self.start.or(start);
        let Some(delta) = event.get("delta") else {
            return;
        };
        let piece = |value: &'a Value, key: &str| {
            value.get(key).and_then(Value::as_str).unwrap_or_default()
        };
        match piece(delta, "type") {
            "text" => self.text.push_str(piece(delta, "text")),
            "thought_summary" => {
                let content = delta.get("content").unwrap_or(&Value::Null);
                self.thought.push_str(piece(content, "text"));
            }
            "arguments_delta" => self.arguments.push_str(piece(delta, "arguments")),
            "thought_signature" | "text_annotation_delta" => {}
            _ => self.others.push(delta.clone()),
        }
    }

    /// The step as a whole interaction would have had it.
    fn finish(self) -> Option<Value> {
        let mut step = self.start.cloned().unwrap_or_default();
        let text = |text: String| {
            (!text.is_empty()).then(|| serde_json::json!({"type": "text", "text": text}))
        };
        if text_of(&step, "type") == "function_call" || !self.arguments.is_empty() {
            step.insert("type".into(), "function_call".into());
            if !self.arguments.is_empty() {
                step.insert("arguments".into(), parsed(&self.arguments));
            }
            return Some(step.into());
        }
        let (said, thought) = (text(self.text), text(self.thought));
        let (kind, list) = match (said, thought) {
            (None, Some(thought)) => ("thought", ("summary", vec![thought])),
            (said, _) if !self.others.is_empty() || said.is_some() => {
                let content = said.into_iter().chain(self.others).collect();
                ("model_output", ("content", content))
            }
            // What came whole at its start.
            _ => return (!step.is_empty()).then(|| step.into()),
        };
        Some(serde_json::json!({"type": kind, (list.0): list.1}))
    }
}

fn text_of<'a>(fields: &'a Fields, key: &str) -> &'a str {
    text(fields, key).unwrap_or_default()
}

// What it took.

/// The object `usage`: input, the input of tools, output and thoughts are each counted apart.
fn usage(counts: &Fields) -> Option<Usage> {
    let number = |key: &str| count(counts.get(key));
    let (input, output) = (number("total_input_tokens"), number("total_output_tokens"));
    let is_said = input.is_some() || output.is_some();
    let parts = [
        "total_input_tokens",
        "total_output_tokens",
        "total_tool_use_tokens",
        "total_thought_tokens",
    ];
    if !is_said || is_nonsense(counts, &parts) {
        return None;
    }
    let sum = |one: Option<u64>, other: Option<u64>| {
        one.unwrap_or_default()
            .saturating_add(other.unwrap_or_default())
    };
    let thought = number("total_thought_tokens");
    let (input, output) = (
        sum(input, number("total_tool_use_tokens")),
        sum(output, thought),
    );
    let audio = |key: &str| {
        let split = counts
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        split
            .filter(|part| part.get("modality").and_then(Value::as_str) == Some("audio"))
            .filter_map(|part| count(part.get("tokens")))
            .fold(0, u64::saturating_add)
    };
    Some(Usage {
        input,
        output,
        cache_read: number("total_cached_tokens").unwrap_or_default(),
        reasoning: thought.unwrap_or_default(),
        input_audio: audio("input_tokens_by_modality")
            .saturating_add(audio("tool_use_tokens_by_modality")),
        output_audio: audio("output_tokens_by_modality"),
        total: number("total_tokens").unwrap_or(input.saturating_add(output)),
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::recognise::recognise;

    #[test]
    fn a_stream_that_was_dropped_keeps_what_it_had() {
        let delta = |index: u64, delta: Value| json!({"event_type": "step.delta", "index": index, "delta": delta});
        let events = json!([
            {"event_type": "interaction.created", "interaction": {"id": "v1_a", "status": "in_progress", "object": "interaction"}},
            {"event_type": "step.start", "index": 0, "step": {"type": "thought"}},
            delta(0, json!({"type": "thought_summary", "content": {"type": "text", "text": "Hm."}})),
            {"Ok": delta(1, json!({"type": "text", "text": "Hel"}))},
            {"Err": "reset"},
            delta(1, json!({"type": "text", "text": "lo"})),
            delta(2, json!({"type": "arguments_delta", "arguments": "{\"a"})),
            delta(3, json!({"type": "image", "data": "aGk="})),
        ]);
        let call = recognise(None, Some(&events)).unwrap();
        assert!(call.streaming);
        let said = &call.completions[0];
        let image = json!({"type": "image", "data": "aGk="});
        assert_eq!(
            said.content,
            [
                Part::Reasoning("Hm.".into()),
                Part::Text("Hello".into()),
                Part::Other(image)
            ]
        );
        assert_eq!(said.tool_calls[0].arguments, "{\"a");
        assert_eq!((said.finish_reason.as_deref(), call.usage), (None, None));
    }

    #[test]
    fn what_came_before_there_were_steps_is_read_too() {
        let call = |response: Value| recognise(None, Some(&response)).unwrap();
        let whole = call(json!({
            "id": "v1_a", "object": "interaction", "status": "completed", "model": "gemini-3-pro-preview",
            "outputs": [{"type": "thought", "signature": "s"}, {"type": "text", "text": "Hello"}],
            "usage": {"total_input_tokens": 4, "total_output_tokens": 2, "total_thought_tokens": 3, "total_tool_use_tokens": 5},
        }));
        let streamed = call(json!([
            {"event_type": "interaction.start", "interaction": {"id": "v1_a", "object": "interaction"}},
            {"event_type": "content.start", "index": 0, "content": {"type": "text"}},
            {"event_type": "content.delta", "index": 0, "delta": {"type": "text", "text": "Hello"}},
            {"event_type": "interaction.complete", "interaction": {"status": "completed"}},
        ]));
        assert_eq!(whole.completions, streamed.completions);
        assert_eq!(whole.completions[0].finish_reason.as_deref(), Some("stop"));
        let usage = whole.usage.unwrap();
        assert_eq!((usage.input, usage.output, usage.total), (9, 5, 14));
    }

    #[test]
    fn a_request_is_taken_by_its_own_fields() {
        let ours = |request: Value| {
            let call = recognise(Some(&request), Some(&json!("So.")));
            call.is_some_and(|call| call.provider.as_deref() == Some("gcp.gemini"))
        };
        assert!(ours(
            json!({"model": "gemini-3-flash", "input": "Why?", "generation_config": {}})
        ));
        assert!(ours(
            json!({"agent": "deep-research", "input": [{"type": "user_input", "content": "Why?"}]})
        ));
        assert!(!ours(
            json!({"model": "gpt-5", "input": "Why?", "stream": true})
        ));
        assert!(!ours(
            json!({"model": "m", "input": [{"type": "function_call", "call_id": "1"}]})
        ));
        assert!(!ours(json!({"input": "Why?", "generation_config": {}})));
    }
}
