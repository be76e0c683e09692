//! What the crate `genai` makes of any provider's chat, as it serialises its own types.
//!
//! Reads its requests, its responses, and the events of its streams, which the crate has brought to one form: parts of
//! content are tagged, counts are OpenAI's, and the provider is named. What the crate leaves out is not known here.

use serde_json::{Map, Value};

use super::openai::{self, Request, as_message};
use super::{GLANCE, Seen, count, given, model_name, nearest, owned, parsed, text};
use crate::model::llm::{Completion, LlmCall, Message, Part, ToolRequest, Usage};

type Fields = Map<String, Value>;

/// What of the options is a parameter of the request; others say what the crate shall keep.
const PARAMETERS: [&str; 11] = [
    "max_tokens",
    "prompt_cache_key",
    "reasoning_effort",
    "response_format",
    "seed",
    "service_tier",
    "stop_sequences",
    "temperature",
    "tool_choice",
    "top_p",
    "verbosity",
];

/// The tags of parts.
const TAGS: [&str; 7] = [
    "Text",
    "Binary",
    "ToolCall",
    "ToolResponse",
    "ThoughtSignature",
    "ReasoningContent",
    "Custom",
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
    let argument = || seen.request.and_then(asked_for);
    let request_model = answer.asked.or_else(argument);
    let maker = || {
        let maker = openai::maker_of(answer.model.as_deref(), request_model.as_deref());
        maker.map(str::to_owned)
    };
    let mut parameters = given(request.body, &["previous_response_id", "store", "tools"]);
    let options = seen
        .request
        .and_then(|request| nearest(request, as_options));
    parameters.extend(given(options, &PARAMETERS));
    parameters.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    let system = request.field("system").and_then(Value::as_str);
    let system = system
        .filter(|system| !system.is_empty())
        .map(|system| Message {
            role: "system".into(),
            content: vec![Part::Text(system.into())],
            ..Message::default()
        });
    let asked = request.messages.iter().flat_map(turn);
    Some(LlmCall {
        provider: answer.provider.or_else(maker),
        operation: Some("chat".into()),
        response_id: answer.id,
        streaming: answer.streamed,
        messages: system.into_iter().chain(asked).collect(),
        completions: answer.completion.into_iter().collect(),
        usage: answer.usage,
        parameters,
        request_model,
        model: answer.model,
        ..LlmCall::default()
    })
}

/// Whether a request can be told from OpenAI's, whose parts have a type.
fn is_ours(request: &Request<'_>) -> bool {
    let content = request
        .messages
        .first()
        .and_then(|first| first.get("content"));
    content
        .and_then(Value::as_array)
        .is_some_and(|parts| parts.first().is_some_and(|part| tagged(part).is_some()))
}

/// The model that a function was given beside the request: `gpt-4o`, or `groq::llama-3.3` with who runs it.
fn asked_for(arguments: &Value) -> Option<String> {
    let arguments = arguments.as_object()?;
    let name = model_name(arguments.get("model"))?;
    Some(bare(&name))
}

fn bare(name: &str) -> String {
    name.rsplit_once("::")
        .map_or(name, |(_, name)| name)
        .to_owned()
}

/// Options beside the request, of which this list is always written.
fn as_options(value: &Value) -> Option<&Fields> {
    let fields = value.as_object()?;
    let is_list = fields.get("stop_sequences").is_some_and(Value::is_array);
    is_list.then_some(fields)
}

/// A part's tag and what is in it.
fn tagged(part: &Value) -> Option<(&str, &Value)> {
    let fields = part.as_object().filter(|fields| fields.len() == 1)?;
    let (tag, inner) = fields.iter().next()?;
    TAGS.contains(&tag.as_str())
        .then_some((tag.as_str(), inner))
}

/// One message; answers of tools are messages of their own in the record.
fn turn(value: &Value) -> Vec<Message> {
    let Some((role, body)) = as_message(value) else {
        return Vec::new();
    };
    let parts = body.get("content").and_then(Value::as_array);
    let Some(parts) = parts.filter(|parts| parts.iter().all(|part| tagged(part).is_some())) else {
        return openai::message(value).into_iter().collect();
    };
    let mut said = Message {
        role,
        ..Message::default()
    };
    let mut answers = Vec::new();
    for (tag, inner) in parts.iter().filter_map(tagged) {
        match (tag, inner.as_object()) {
            ("ToolResponse", Some(answer)) => answers.push(Message {
                role: "tool".into(),
                name: owned(answer, "fn_name"),
                content: owned(answer, "content")
                    .map(Part::Text)
                    .into_iter()
                    .collect(),
                tool_call_id: owned(answer, "call_id"),
                ..Message::default()
            }),
            _ => say(tag, inner, &mut said.content, &mut said.tool_calls),
        }
    }
    if answers.is_empty() || !said.content.is_empty() || !said.tool_calls.is_empty() {
        answers.insert(0, said);
    }
    answers
}

/// Adds what a part says or asks for; a signature says nothing to a reader.
fn say(tag: &str, inner: &Value, content: &mut Vec<Part>, tool_calls: &mut Vec<ToolRequest>) {
    let words = || inner.as_str().filter(|text| !text.is_empty());
    match (tag, inner.as_object()) {
        ("Text", None) => content.extend(words().map(|text| Part::Text(text.into()))),
        ("ReasoningContent", None) => {
            content.extend(words().map(|text| Part::Reasoning(text.into())));
        }
        ("ToolCall", Some(call)) => tool_calls.push(tool_request(call)),
        ("ThoughtSignature", _) => {}
        _ => content.push(Part::Other(inner.clone())),
    }
}

fn tool_request(call: &Fields) -> ToolRequest {
    ToolRequest {
        id: owned(call, "call_id"),
        name: owned(call, "fn_name").unwrap_or_default(),
        arguments: openai::arguments(call.get("fn_arguments")),
    }
}

// The answer.

/// What a response tells.
#[derive(Default)]
struct Answer {
    provider: Option<String>,
    asked: Option<String>,
    model: Option<String>,
    id: Option<String>,
    streamed: bool,
    completion: Option<Completion>,
    usage: Option<Usage>,
}

/// `{"content": [{"Text": …}], "model_iden": {…}, "provider_model_iden": {…}, "usage": {…}}`.
fn as_response(value: &Value) -> Option<Answer> {
    let fields = value.as_object()?;
    let iden = |key: &str| fields.get(key).and_then(Value::as_object);
    let name = |iden: &Fields| model_name(iden.get("model_name")).map(|name| bare(&name));
    let (asked, answered) = (iden("model_iden")?, iden("provider_model_iden")?);
    let reasoning = text(fields, "reasoning_content");
    let mut completion = completion(fields.get("content"), reasoning);
    completion.finish_reason = stop_reason(fields.get("stop_reason"));
    Some(Answer {
        provider: text(answered, "adapter_kind").and_then(provider),
        asked: name(asked),
        model: name(answered),
        id: owned(fields, "response_id"),
        streamed: false,
        completion: Some(completion),
        usage: fields.get("usage").and_then(usage),
    })
}

/// Who runs the model, as GenAI conventions spell it. Who sells models of others under names of its own is left out.
fn provider(adapter: &str) -> Option<String> {
    let name = match adapter {
        "OpenAI" | "OpenAIResp" => "openai",
        "Gemini" | "GeminiIx" => "gcp.gemini",
        "Vertex" => "gcp.vertex_ai",
        "BedrockApi" | "BedrockSigv4" => "aws.bedrock",
        "Mistral" => "mistral_ai",
        "Xai" => "x_ai",
        "OllamaCloud" => "ollama",
        "Anthropic" | "Cohere" | "DeepSeek" | "Fireworks" | "Groq" | "Moonshot" | "Nebius"
        | "Ollama" | "OpenRouter" | "Together" | "Zai" => {
            return Some(adapter.to_ascii_lowercase());
        }
        _ => return None,
    };
    Some(name.to_owned())
}

/// The provider's own word, out of the class that the crate sorts it into: `{"Completed": "stop"}`.
fn stop_reason(reason: Option<&Value>) -> Option<String> {
    model_name(reason)
}

fn completion(content: Option<&Value>, reasoning: Option<&str>) -> Completion {
    let mut completion = Completion {
        role: "assistant".into(),
        ..Completion::default()
    };
    let parts = content.and_then(Value::as_array).into_iter().flatten();
    for (tag, inner) in parts.filter_map(tagged) {
        say(
            tag,
            inner,
            &mut completion.content,
            &mut completion.tool_calls,
        );
    }
    let is_thought = |part: &Part| matches!(part, Part::Reasoning(_));
    if let Some(reasoning) = reasoning
        && !completion.content.iter().any(is_thought)
    {
        completion
            .content
            .insert(0, Part::Reasoning(reasoning.into()));
    }
    completion
}

/// The object `usage`: OpenAI's, and what was written to the cache.
fn usage(usage: &Value) -> Option<Usage> {
    let fields = usage.as_object()?;
    let detail = |path: &str| count(usage.pointer(path)).unwrap_or_default();
    let kept = detail("/prompt_tokens_details/cache_creation_details/ephemeral_1h_tokens");
    Some(Usage {
        cache_write: detail("/prompt_tokens_details/cache_creation_tokens").max(kept),
        cache_write_1h: kept,
        ..openai::usage(fields)?
    })
}

/// The events of a stream, in the order in which they came.
fn as_events(value: &Value) -> Option<Answer> {
    let items = value.as_array()?;
    items.iter().take(GLANCE).find_map(as_event)?;
    let mut answer = Answer {
        streamed: true,
        ..Answer::default()
    };
    let mut streamed = Streamed::default();
    let mut end = None;
    for (kind, event) in items.iter().filter_map(as_event) {
        let words = text(event, "content").unwrap_or_default();
        match kind {
            "Chunk" => streamed.said.push_str(words),
            "ReasoningChunk" => streamed.thought.push_str(words),
            "ToolCallChunk" => {
                if let Some(call) = event.get("tool_call").and_then(Value::as_object) {
                    streamed.push_tool(call);
                }
            }
            "End" => end = Some(event),
            _ => {}
        }
    }
    let mut completion = streamed.finish();
    if let Some(end) = end {
        answer.id = owned(end, "captured_response_id");
        answer.usage = end.get("captured_usage").and_then(usage);
        let whole = self::completion(end.get("captured_content"), None);
        if completion.content.is_empty() {
            let reasoning = text(end, "captured_reasoning_content");
            completion.content = self::completion(end.get("captured_content"), reasoning).content;
        }
        if !whole.tool_calls.is_empty() {
            completion.tool_calls = whole.tool_calls;
        }
        completion.finish_reason = stop_reason(end.get("captured_stop_reason"));
    }
    answer.completion = Some(completion);
    Some(answer)
}

/// An event that says something, or an `Ok` with one in it.
fn as_event(value: &Value) -> Option<(&str, &Fields)> {
    let fields = value.as_object()?;
    let fields = fields
        .get("Ok")
        .and_then(Value::as_object)
        .unwrap_or(fields);
    let (kind, event) = fields.iter().next().filter(|_| fields.len() == 1)?;
    let event = event.as_object()?;
    let has = |key: &str| event.contains_key(key);
    let is_ours = match kind.as_str() {
        "Chunk" | "ReasoningChunk" | "ThoughtSignatureChunk" => has("content") && event.len() == 1,
        "ToolCallChunk" => has("tool_call") && event.len() == 1,
        "End" => event.keys().any(|key| key.starts_with("captured_")),
        _ => false,
    };
    is_ours.then_some((kind.as_str(), event))
}

/// An answer that is put together again from its pieces.
#[derive(Default)]
struct Streamed {
    said: String,
    thought: String,
    tools: Vec<(ToolRequest, String)>,
}

impl Streamed {
    /// What comes of a call is all that is known of it where the crate keeps calls, else the next piece, whose call is
    /// told by its number: `call_0`.
    fn push_tool(&mut self, call: &Fields) {
        let mut request = tool_request(call);
        let written = text(call, "fn_arguments").unwrap_or_default().to_owned();
        if !request.name.is_empty() {
            let known = self.tools.iter_mut().rev().take(RECENT_TOOLS);
            let known = known.into_iter().find(|(tool, _)| tool.id == request.id);
            match known {
                Some(known) => *known = (request, written),
                None => self.tools.push((request, written)),
            }
            return;
        }
        let number = request
            .id
            .take()
            .and_then(|id| id.strip_prefix("call_")?.parse().ok());
        let at = number.filter(|at: &usize| *at < self.tools.len());
        let at = at.unwrap_or(self.tools.len().saturating_sub(1));
        if let Some((_, arguments)) = self.tools.get_mut(at) {
            arguments.push_str(&written);
        }
    }

    fn finish(self) -> Completion {
        let some = |text: String, part: fn(String) -> Part| (!text.is_empty()).then(|| part(text));
        let thought = some(self.thought, Part::Reasoning).into_iter();
        let tools = self.tools.into_iter().map(|(tool, written)| ToolRequest {
            arguments: if written.is_empty() {
                tool.arguments
            } else {
                parsed(&written)
            },
            ..tool
        });
        Completion {
            role: "assistant".into(),
            content: thought.chain(some(self.said, Part::Text)).collect(),
            tool_calls: tools.collect(),
            finish_reason: None,
        }
    }
}

/// How many calls of one answer may be written at the same time.
const RECENT_TOOLS: usize = 64;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::recognise::recognise;

    fn tools(pieces: [(&str, &str, &str); 4]) -> Vec<ToolRequest> {
        let piece = |(id, name, arguments)| json!({"ToolCallChunk": {"tool_call": {"call_id": id, "fn_name": name, "fn_arguments": arguments}}});
        let events = Value::from_iter(pieces.map(piece));
        let call = recognise(None, Some(&events)).unwrap();
        assert!(call.streaming);
        call.completions.into_iter().next().unwrap().tool_calls
    }

    #[test]
    fn calls_are_put_together_from_what_is_kept_and_from_pieces() {
        let kept = tools([
            ("a", "f", ""),
            ("a", "f", "{\"n\":"),
            ("a", "f", "{\"n\":1}"),
            ("b", "g", "{}"),
        ]);
        let pieces = tools([
            ("a", "f", ""),
            ("call_0", "", "{\"n\":"),
            ("b", "g", "{}"),
            ("call_0", "", "1}"),
        ]);
        assert_eq!(kept, pieces);
        assert_eq!(kept[0].arguments, json!({"n": 1}));
    }

    #[test]
    fn a_request_is_taken_by_its_parts() {
        let request = |content: Value| json!({"model": "groq::llama-3.3-70b", "chat_req": {"system": "Be brief.", "messages": [{"role": "User", "content": content}]}});
        let call = recognise(
            Some(&request(json!([{"Text": "Why?"}]))),
            Some(&json!("So.")),
        )
        .unwrap();
        assert_eq!(call.request_model.as_deref(), Some("llama-3.3-70b"));
        let roles: Vec<_> = call.messages.iter().map(|asked| &*asked.role).collect();
        assert_eq!(roles, ["system", "user"]);
        assert_eq!(call.messages[1].content, [Part::Text("Why?".into())]);
        assert_eq!(call.completions.len(), 1);
    }
}
