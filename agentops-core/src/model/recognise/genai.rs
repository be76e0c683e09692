//! What the client `genai` makes of every provider: its own requests, responses and stream events.
//!
//! An enum of it is written as Rust has it: parts as `{"Text": …}`, roles as `User`. Which provider was asked, and
//! which model, its response says itself; a stream says neither, and has a usage only where the program wanted one.

use serde_json::{Map, Value, json};

use super::openai::arguments;
use super::{GLANCE, Seen, count, given, model_name, nearest, owned, text};
use crate::model::llm::{Completion, LlmCall, Message, Part, ToolRequest, Usage};

type Fields = Map<String, Value>;

/// What of its options is a parameter.
const PARAMETERS: [&str; 11] = [
    "max_tokens",
    "reasoning_effort",
    "response_format",
    "seed",
    "service_tier",
    "stop_sequences",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
    "verbosity",
];

/// Recognises a chat by its response, or by its request.
pub(super) fn chat(seen: &Seen<'_>) -> Option<LlmCall> {
    let request = seen
        .request
        .and_then(|request| nearest(request, as_request));
    let answer = seen.response.and_then(|response| {
        nearest(response, as_response)
            .or_else(|| nearest(response, |value| as_events(value, request.is_some())))
    });
    if answer.is_none() && (request.is_none() || !seen.by_request) {
        return None;
    }
    // The model and the options are arguments beside the request.
    let arguments = seen.request.and_then(Value::as_object);
    let beside = |key: &str| arguments.and_then(|arguments| arguments.get(key));
    let mut parameters = given(request, &PARAMETERS);
    let options = arguments
        .into_iter()
        .flat_map(Fields::values)
        .filter_map(Value::as_object)
        .filter(|fields| fields.contains_key("stop_sequences"));
    for options in options {
        parameters.extend(given(Some(options), &PARAMETERS));
    }
    parameters.retain(|_, value| value.as_array().is_none_or(|items| !items.is_empty()));
    let asked = model_name(beside("model"));
    let answer = answer.unwrap_or_default();
    Some(LlmCall {
        provider: answer.provider,
        request_model: asked.or(answer.asked),
        model: answer.model,
        operation: Some("chat".into()),
        response_id: answer.id,
        streaming: answer.streamed,
        messages: request.map(messages).unwrap_or_default(),
        completions: answer.completion.into_iter().collect(),
        usage: answer.usage,
        parameters,
        ..LlmCall::default()
    })
}

/// `{"system": …, "messages": [{"role": "User", "content": […]}]}`.
fn as_request(value: &Value) -> Option<&Fields> {
    let fields = value.as_object()?;
    let first = fields.get("messages")?.as_array()?.first()?.as_object()?;
    let is_role = |role: &str| ["System", "User", "Assistant", "Tool"].contains(&role);
    (text(first, "role").is_some_and(is_role) && first.get("content")?.is_array()).then_some(fields)
}

fn messages(request: &Fields) -> Vec<Message> {
    let system = owned(request, "system").map(|system| Message {
        role: "system".into(),
        content: vec![Part::Text(system)],
        ..Message::default()
    });
    let said = request.get("messages").and_then(Value::as_array);
    let said = said.into_iter().flatten().filter_map(|message| {
        let fields = message.as_object()?;
        let mut said = Said::default();
        said.take(fields.get("content"));
        Some(Message {
            role: text(fields, "role")?.to_ascii_lowercase(),
            content: said.content,
            tool_calls: said.tool_calls,
            tool_call_id: said.answers,
            ..Message::default()
        })
    });
    system.into_iter().chain(said).collect()
}

/// What the parts of a message say.
#[derive(Default)]
struct Said {
    content: Vec<Part>,
    tool_calls: Vec<ToolRequest>,
    /// The call that a tool's response is for.
    answers: Option<String>,
}

impl Said {
    fn take(&mut self, parts: Option<&Value>) {
        let parts = parts.and_then(Value::as_array).into_iter().flatten();
        for part in parts.filter_map(Value::as_object) {
            for (kind, part) in part {
                self.take_part(kind, part);
            }
        }
    }

    fn take_part(&mut self, kind: &str, part: &Value) {
        match (kind, part) {
            ("Text", Value::String(text)) => self.content.push(Part::Text(text.clone())),
            ("ReasoningContent", Value::String(text)) => {
                self.content.push(Part::Reasoning(text.clone()));
            }
            ("ToolCall", Value::Object(call)) => self.tool_calls.push(tool_request(call)),
            ("ToolResponse", Value::Object(answer)) => {
                self.answers = owned(answer, "call_id");
                self.content
                    .extend(owned(answer, "content").map(Part::Text));
            }
            // Only the provider can read it.
            ("ThoughtSignature", _) => {}
            (kind, part) => {
                let kind = kind.to_ascii_lowercase();
                self.content
                    .push(Part::Other(json!({"type": kind, kind.as_str(): part})));
            }
        }
    }
}

fn tool_request(call: &Fields) -> ToolRequest {
    ToolRequest {
        id: owned(call, "call_id"),
        name: owned(call, "fn_name").unwrap_or_default(),
        arguments: arguments(call.get("fn_arguments")),
    }
}

/// What a response or a stream tells.
#[derive(Default)]
struct Answer {
    id: Option<String>,
    provider: Option<String>,
    asked: Option<String>,
    model: Option<String>,
    streamed: bool,
    completion: Option<Completion>,
    usage: Option<Usage>,
}

/// `{"content": […], "model_iden": {"adapter_kind": …, "model_name": …}, "usage": {…}}`.
fn as_response(value: &Value) -> Option<Answer> {
    let fields = value.as_object()?;
    let asked = fields.get("model_iden")?.as_object()?;
    let adapter = text(asked, "adapter_kind")?;
    let answered = fields.get("provider_model_iden").and_then(Value::as_object);
    let mut said = Said::default();
    said.take(fields.get("content"));
    let thoughts = owned(fields, "reasoning_content").map(Part::Reasoning);
    said.content.splice(0..0, thoughts);
    Some(Answer {
        id: owned(fields, "response_id"),
        provider: Some(provider(adapter)),
        asked: model_name(asked.get("model_name")),
        model: answered.and_then(|model| model_name(model.get("model_name"))),
        streamed: false,
        completion: Some(Completion {
            role: "assistant".into(),
            content: said.content,
            tool_calls: said.tool_calls,
            finish_reason: model_name(fields.get("stop_reason")),
        }),
        usage: usage(fields.get("usage")),
    })
}

/// The provider as its own telemetry names it.
fn provider(adapter: &str) -> String {
    let name = match adapter {
        "OpenAI" | "OpenAIResp" => "openai",
        "Gemini" | "GeminiIx" => "gcp.gemini",
        "Vertex" => "gcp.vertex_ai",
        "BedrockApi" | "BedrockSigv4" => "aws.bedrock",
        "Mistral" => "mistral_ai",
        "Xai" => "x_ai",
        "Moonshot" => "moonshot_ai",
        other => return other.to_ascii_lowercase(),
    };
    name.into()
}

/// Input counts what a cache read or wrote, output what was thought.
fn usage(value: Option<&Value>) -> Option<Usage> {
    let usage = value?.as_object()?;
    let (input, output) = (
        count(usage.get("prompt_tokens")),
        count(usage.get("completion_tokens")),
    );
    if input.is_none() && output.is_none() {
        return None;
    }
    let within = |group: &str, key: &str| {
        let details = usage.get(group).and_then(Value::as_object);
        count(details.and_then(|details| details.get(key))).unwrap_or_default()
    };
    let kept = usage
        .get("prompt_tokens_details")
        .and_then(|details| details.get("cache_creation_details"))
        .and_then(|details| count(details.get("ephemeral_1h_tokens")));
    let (input, output) = (input.unwrap_or_default(), output.unwrap_or_default());
    Some(Usage {
        input,
        output,
        cache_read: within("prompt_tokens_details", "cached_tokens"),
        cache_write: within("prompt_tokens_details", "cache_creation_tokens"),
        cache_write_1h: kept.unwrap_or_default(),
        reasoning: within("completion_tokens_details", "reasoning_tokens"),
        input_audio: within("prompt_tokens_details", "audio_tokens"),
        output_audio: within("completion_tokens_details", "audio_tokens"),
        total: count(usage.get("total_tokens")).unwrap_or_else(|| input.saturating_add(output)),
        ..Usage::default()
    })
}

// Streams.

/// An event: its variant, and what is in it.
enum Event<'a> {
    /// `Start` and `Heartbeat`.
    Bare,
    Text(&'a str),
    Thought(&'a str),
    Call(&'a Fields),
    End(&'a Fields),
}

fn as_event(item: &Value) -> Option<Event<'_>> {
    let item = match item {
        Value::Object(fields) => fields.get("Ok").unwrap_or(item),
        item => item,
    };
    let fields = match item {
        Value::String(name) => {
            return ["Start", "Heartbeat"]
                .contains(&name.as_str())
                .then_some(Event::Bare);
        }
        item => item.as_object()?,
    };
    let (variant, inside) = fields.iter().next().filter(|_| fields.len() == 1)?;
    let inside = inside.as_object()?;
    let words = || inside.get("content").and_then(Value::as_str);
    match variant.as_str() {
        "Chunk" => words().map(Event::Text),
        "ReasoningChunk" => words().map(Event::Thought),
        "ThoughtSignatureChunk" => words().map(|_| Event::Bare),
        "ToolCallChunk" => inside
            .get("tool_call")
            .and_then(Value::as_object)
            .map(Event::Call),
        "End" => is_end(inside).then_some(Event::End(inside)),
        _ => None,
    }
}

/// Whether this is what the event `End` has in it, all of which was captured only if it was to be.
pub(super) fn is_end(inside: &Fields) -> bool {
    inside.keys().all(|key| key.starts_with("captured_"))
}

/// The events of a stream, in the order in which they came. That a stream has but begun, others may say in the same
/// words: it counts beside a request of this client.
fn as_events(value: &Value, asked: bool) -> Option<Answer> {
    let items = value.as_array()?;
    let is_ours = |event: &Event<'_>| match event {
        Event::Bare => asked,
        Event::End(end) => asked || !end.is_empty(),
        _ => true,
    };
    let first = |item| as_event(item).filter(is_ours);
    items.iter().take(GLANCE).find_map(first)?;
    let mut streamed = Streamed::default();
    for event in items.iter().filter_map(as_event) {
        streamed.push(&event);
    }
    Some(streamed.finish())
}

/// A stream that is put together.
#[derive(Default)]
struct Streamed {
    thoughts: String,
    words: String,
    tool_calls: Vec<ToolCall>,
    end: Fields,
}

/// A call in pieces.
struct ToolCall {
    id: Option<String>,
    name: String,
    /// The text of the arguments as far as it came, or the arguments.
    arguments: Value,
}

impl Streamed {
    fn push(&mut self, event: &Event<'_>) {
        match event {
            Event::Bare => {}
            Event::Text(text) => self.words.push_str(text),
            Event::Thought(text) => self.thoughts.push_str(text),
            Event::Call(call) => self.push_call(call),
            Event::End(end) => self.end = (*end).clone(),
        }
    }

    /// A piece without a name goes on with the last call. One with a name begins a call, or says one again that has
    /// grown.
    fn push_call(&mut self, piece: &Fields) {
        let arguments = piece.get("fn_arguments").cloned().unwrap_or_default();
        let (id, name) = (owned(piece, "call_id"), owned(piece, "fn_name"));
        match (self.tool_calls.last_mut(), name) {
            (Some(last), None) => {
                if let (Value::String(so_far), Value::String(more)) =
                    (&mut last.arguments, &arguments)
                {
                    so_far.push_str(more);
                }
            }
            (Some(last), Some(name)) if last.id == id && last.name == name => {
                last.arguments = arguments
            }
            (_, name) => self.tool_calls.push(ToolCall {
                id,
                name: name.unwrap_or_default(),
                arguments,
            }),
        }
    }

    fn finish(self) -> Answer {
        let mut whole = Said::default();
        whole.take(self.end.get("captured_content"));
        let thoughts = match self.thoughts {
            thoughts if thoughts.is_empty() => owned(&self.end, "captured_reasoning_content"),
            thoughts => Some(thoughts),
        };
        let mut content: Vec<_> = thoughts.map(Part::Reasoning).into_iter().collect();
        if self.words.is_empty() {
            content.append(&mut whole.content);
        } else {
            content.push(Part::Text(self.words));
        }
        if whole.tool_calls.is_empty() {
            let calls = self.tool_calls.into_iter();
            whole.tool_calls.extend(calls.map(|call| ToolRequest {
                id: call.id,
                name: call.name,
                arguments: arguments(Some(&call.arguments)),
            }));
        }
        Answer {
            id: owned(&self.end, "captured_response_id"),
            streamed: true,
            completion: Some(Completion {
                role: "assistant".into(),
                content,
                tool_calls: whole.tool_calls,
                finish_reason: model_name(self.end.get("captured_stop_reason")),
            }),
            usage: usage(self.end.get("captured_usage")),
            ..Answer::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::recognise::{is_complete, recognise};

    fn request() -> Value {
        json!({"client": "Client {}", "model": "gpt-4o-mini", "request": {"messages": [
            {"role": "User", "content": [{"Text": "Why?"}]}]}})
    }

    fn call_of(events: &Value) -> Vec<ToolRequest> {
        let call = recognise(Some(&request()), Some(events)).unwrap();
        assert!(call.streaming);
        call.completions[0].tool_calls.clone()
    }

    fn piece(id: &str, name: &str, arguments: &str) -> Value {
        json!({"ToolCallChunk": {"tool_call": {"call_id": id, "fn_name": name, "fn_arguments": arguments}}})
    }

    #[test]
    fn a_tool_call_is_put_together_however_it_comes() {
        let expected = [ToolRequest {
            id: Some("a".into()),
            name: "ls".into(),
            arguments: json!({"path": "."}),
        }];
        let pieces = json!([
            "Start",
            piece("a", "ls", ""),
            piece("call_0", "", "{\"path\":"),
            piece("call_0", "", "\".\"}")
        ]);
        assert_eq!(call_of(&pieces), expected);
        let growing = json!([
            "Start",
            piece("a", "ls", ""),
            piece("a", "ls", "{\"path\":"),
            piece("a", "ls", "{\"path\":\".\"}")
        ]);
        assert_eq!(call_of(&growing), expected);
        let captured = json!(["Start", piece("a", "ls", ""), {"End": {"captured_content": [
            {"ToolCall": {"call_id": "a", "fn_name": "ls", "fn_arguments": {"path": "."}}}]}}]);
        assert_eq!(call_of(&captured), expected);
    }

    #[test]
    fn the_end_of_a_stream_is_its_last_event() {
        let begun = json!(["Start", {"Chunk": {"content": "You"}}]);
        assert!(!is_complete(&begun));
        let ended =
            json!(["Start", {"Chunk": {"content": "You"}}, {"End": {"captured_usage": null}}]);
        assert!(is_complete(&ended));
    }

    #[test]
    fn what_others_may_say_too_is_left_to_them() {
        assert_eq!(
            recognise(None, Some(&json!(["Start", {"Start": {}}]))),
            None
        );
        assert_eq!(
            recognise(None, Some(&json!([{"End": {"of": "file"}}]))),
            None
        );
        assert_eq!(recognise(None, Some(&json!([{"End": {}}]))), None);
    }
}
