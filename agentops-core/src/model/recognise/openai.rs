//! OpenAI's chat completions, which Azure, Groq, DeepSeek, Mistral, OpenRouter, vLLM, Ollama and many more speak too.
//!
//! Reads requests, responses, streams collected into an array of chunks, and parts of these that functions like to
//! return: a choice, a message, the text. Fields that only some providers add (reasoning, costs, cached tokens under
//! other names) are read wherever they turn up; who the provider is, only marks of its own decide.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{GLANCE, Seen, count, is_nonsense, nano_usd, nearest, owned, parsed, plain, text};
use crate::model::llm::{Completion, Cost, LlmCall, Message, Part, ToolRequest, Usage};

type Fields = Map<String, Value>;

/// What of a request is a parameter: the rest is the prompt, or other arguments of the function.
const PARAMETERS: [&str; 39] = [
    "audio",
    "chat_template_kwargs",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "min_p",
    "modalities",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_mode",
    "random_seed",
    "reasoning",
    "reasoning_effort",
    "repetition_penalty",
    "response_format",
    "safe_prompt",
    "safety_identifier",
    "search_parameters",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream_options",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_logprobs",
    "top_p",
    "verbosity",
    "web_search_options",
];

/// Recognises a chat completion by its request, its response, or both.
pub(super) fn chat(seen: &Seen<'_>) -> Option<LlmCall> {
    let request = seen.request.and_then(Request::find);
    let answer = seen
        .response
        .and_then(|response| Answer::find(response, request.is_some() && seen.by_request));
    if answer.is_none() && !(request.is_some() && seen.by_request) {
        return None;
    }
    let (request, answer) = (request.unwrap_or_default(), answer.unwrap_or_default());
    let request_model = request
        .field("model")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let model = answer.model;
    let mut parameters = request.parameters();
    // The tier that was granted is the one that is paid for.
    if let (Some(asked), Some(granted)) = (parameters.get_mut("service_tier"), answer.service_tier)
    {
        *asked = granted.into();
    }
    let maker = || maker_of(model.as_deref(), request_model.as_deref());
    let provider = answer.provider.or_else(maker).map(str::to_owned);
    Some(LlmCall {
        provider,
        operation: Some("chat".into()),
        response_id: answer.id,
        streaming: answer.streamed || request.field("stream") == Some(&Value::Bool(true)),
        messages: request.messages.iter().filter_map(message).collect(),
        completions: answer.completions,
        usage: answer.usage,
        cost: answer.cost,
        parameters,
        request_model,
        model,
        ..LlmCall::default()
    })
}

/// What was asked.
#[derive(Default)]
pub(super) struct Request<'a> {
    /// The body, or the arguments of a function that makes one.
    pub(super) body: Option<&'a Fields>,
    pub(super) messages: &'a [Value],
}

impl<'a> Request<'a> {
    pub(super) fn find(value: &'a Value) -> Option<Self> {
        nearest(value, Self::read).or_else(|| {
            let messages = nearest(value, |value| {
                value.as_array().filter(|list| is_history(list))
            })?;
            Some(Self {
                body: value.as_object(),
                messages,
            })
        })
    }

    /// Both sides of a chat: an answer that was found, and what was asked, if that is known; else a request that is of
    /// this shape alone, and a part of its answer, as a function may have kept it.
    pub(super) fn and<A: Default>(
        seen: &Seen<'a>,
        answer: Option<A>,
        is_ours: impl Fn(&Self) -> bool,
        part: impl Fn(&'a Value) -> A,
    ) -> Option<(Self, A)> {
        let request = seen.request.and_then(Self::find);
        match (request, answer) {
            (request, Some(answer)) => Some((request.unwrap_or_default(), answer)),
            (Some(request), None) if seen.by_request && is_ours(&request) => {
                Some((request, seen.response.map(part).unwrap_or_default()))
            }
            _ => None,
        }
    }

    /// An object with `messages` that have roles; the arguments of a function themselves may be one.
    fn read(value: &'a Value) -> Option<Self> {
        let body = value.as_object()?;
        let messages = body.get("messages")?.as_array()?;
        is_history(messages).then_some(Self {
            body: Some(body),
            messages,
        })
    }

    pub(super) fn field(&self, name: &str) -> Option<&'a Value> {
        self.body?.get(name)
    }

    fn parameters(&self) -> Fields {
        let given = PARAMETERS
            .iter()
            .filter_map(|&name| Some((name, self.field(name)?)));
        let given = given.filter(|(_, value)| !value.is_null());
        given
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }
}

fn is_history(messages: &[Value]) -> bool {
    messages
        .first()
        .is_some_and(|first| as_message(first).is_some())
}

pub(super) fn message(value: &Value) -> Option<Message> {
    let (role, body) = as_message(value)?;
    let Value::Object(fields) = body else {
        return Some(Message {
            role,
            content: content(body),
            ..Message::default()
        });
    };
    Some(Message {
        role,
        name: owned(fields, "name"),
        content: parts(fields),
        tool_calls: tool_requests(fields),
        tool_call_id: owned(fields, "tool_call_id"),
    })
}

/// The role and the body of a message: `{"role": "user", …}`, or `{"User": …}` as an enum writes it.
pub(super) fn as_message(value: &Value) -> Option<(String, &Value)> {
    const ROLES: [&str; 6] = [
        "system",
        "developer",
        "user",
        "assistant",
        "tool",
        "function",
    ];
    let fields = value.as_object()?;
    let (role, body) = match text(fields, "role") {
        Some(role) => (role, value),
        None => fields
            .iter()
            .next()
            .map(|(tag, body)| (tag.as_str(), body))
            .filter(|_| fields.len() == 1)?,
    };
    let role = role.to_ascii_lowercase();
    ROLES.contains(&role.as_str()).then_some((role, body))
}

// The answer.

/// What a response tells.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) provider: Option<&'static str>,
    pub(super) service_tier: Option<String>,
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) streamed: bool,
    pub(super) completions: Vec<Completion>,
    pub(super) usage: Option<Usage>,
    pub(super) cost: Option<Cost>,
}

/// `{"object": "chat.completion", "choices": [{"message": …}], …}`.
fn as_completion(value: &Value) -> Option<Answer> {
    let fields = value.as_object()?;
    let choices = fields.get("choices")?.as_array()?;
    let is_chat = text(fields, "object") == Some("chat.completion");
    if !is_chat
        && !choices
            .iter()
            .any(|choice| choice.get("message").is_some_and(Value::is_object))
    {
        return None;
    }
    let mut answer = Answer::default();
    answer.read_head(fields);
    answer.completions = choices
        .iter()
        .filter_map(Value::as_object)
        .map(choice)
        .collect();
    Some(answer)
}

/// The chunks of a stream, in the order in which they came; items that are none (errors) are passed over.
fn as_chunks(value: &Value) -> Option<Answer> {
    let items = value.as_array()?;
    items.iter().take(GLANCE).find_map(as_chunk)?;
    let mut answer = Answer {
        streamed: true,
        ..Answer::default()
    };
    let mut choices = BTreeMap::<u64, Streamed<'_>>::new();
    for chunk in items
        .iter()
        .filter_map(|item| as_chunk(item).or_else(|| as_bill(item)))
    {
        answer.read_head(chunk);
        for choice in chunk
            .get("choices")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let index = count(choice.get("index")).unwrap_or_default();
            choices.entry(index).or_default().push(choice);
        }
    }
    answer.completions = choices.into_values().map(Streamed::finish).collect();
    Some(answer)
}

/// What tells of a stream's usage and has no choices: some gateways do not call it a chunk.
fn as_bill(value: &Value) -> Option<&Fields> {
    let fields = inside_ok(value)?;
    let is_empty = |choices: &Value| choices.as_array().is_none_or(Vec::is_empty);
    let has_usage = fields.get("usage").is_some_and(Value::is_object);
    (has_usage && fields.get("choices").is_none_or(is_empty)).then_some(fields)
}

fn inside_ok(value: &Value) -> Option<&Fields> {
    let fields = value.as_object()?;
    let inner = fields.get("Ok").and_then(Value::as_object);
    Some(inner.unwrap_or(fields))
}

/// A chunk, or an `Ok` with a chunk in it.
fn as_chunk(value: &Value) -> Option<&Fields> {
    let fields = inside_ok(value)?;
    let choices = fields.get("choices")?.as_array()?;
    let is_chunk = text(fields, "object") == Some("chat.completion.chunk");
    (is_chunk
        || choices
            .iter()
            .any(|choice| choice.get("delta").is_some_and(Value::is_object)))
    .then_some(fields)
}

/// What a function kept of an answer: the message, or the text of it.
pub(super) fn reply(response: &Value) -> Option<Completion> {
    nearest(response, as_reply).or_else(|| as_words(response))
}

/// A choice without the response around it.
fn as_choice(value: &Value) -> Option<Completion> {
    let fields = value.as_object()?;
    let is_choice = fields.contains_key("index") && fields.get("message")?.get("role").is_some();
    is_choice.then(|| choice(fields))
}

/// A message without the choice around it; of several, the last. Other shapes have a role and a `type`.
fn as_reply(value: &Value) -> Option<Completion> {
    let reply = |value: &Value| {
        let fields = value.as_object()?;
        let is_reply = text(fields, "role") == Some("assistant") && !fields.contains_key("type");
        is_reply.then(|| completion(fields))
    };
    match value {
        Value::Array(items) => items.iter().rev().find_map(reply),
        value => reply(value),
    }
}

/// What a function answers that returns the text, alone or with something else.
pub(super) fn as_words(value: &Value) -> Option<Completion> {
    let words = match value {
        Value::String(words) => Some(words.as_str()),
        Value::Array(items) => items.iter().find_map(Value::as_str),
        Value::Object(fields) => text(fields, "content").or_else(|| text(fields, "text")),
        _ => None,
    };
    words.map(plain::answer)
}

fn choice(choice: &Fields) -> Completion {
    let message = choice.get("message").and_then(Value::as_object);
    Completion {
        finish_reason: owned(choice, "finish_reason"),
        ..message.map(completion).unwrap_or_default()
    }
}

pub(super) fn completion(message: &Fields) -> Completion {
    Completion {
        role: text(message, "role")
            .unwrap_or("assistant")
            .to_ascii_lowercase(),
        content: parts(message),
        tool_calls: tool_requests(message),
        finish_reason: None,
    }
}

impl Answer {
    /// Reads whatever came back. What may be anybody's JSON is an answer only to a request.
    fn find(response: &Value, asked: bool) -> Option<Self> {
        if let Some(answer) =
            nearest(response, as_chunks).or_else(|| nearest(response, as_completion))
        {
            return Some(answer);
        }
        let choice = nearest(response, as_choice);
        if choice.is_none() && !asked {
            return None;
        }
        let completion = choice.or_else(|| reply(response));
        let usage = nearest(response, |value| usage(value.as_object()?));
        Some(Self {
            completions: completion.into_iter().collect(),
            usage,
            ..Self::default()
        })
    }

    /// Reads what stands around the choices, of a response or of one more chunk.
    pub(super) fn read_head(&mut self, head: &Fields) {
        if self.id.is_none() {
            self.id = owned(head, "id");
        }
        if self.model.is_none() {
            self.model = owned(head, "model");
        }
        self.provider = self.provider.or_else(|| provider(head));
        self.service_tier = owned(head, "service_tier").or(self.service_tier.take());
        // Groq used to put a stream's usage there.
        let places = [Some(head), head.get("x_groq").and_then(Value::as_object)];
        for usage_object in places
            .into_iter()
            .flatten()
            .filter_map(|place| place.get("usage")?.as_object())
        {
            self.usage = usage(usage_object).or(self.usage);
            self.cost = cost(usage_object).or(self.cost.take());
        }
    }
}

// What requests and answers have in common.

/// All that a message says, thoughts first.
fn parts(message: &Fields) -> Vec<Part> {
    let thoughts = reasoning(message).map(|text| Part::Reasoning(text.into()));
    let said = message.get("content").map(content).unwrap_or_default();
    let refusal = owned(message, "refusal").map(Part::Refusal);
    let audio = message.get("audio").filter(|audio| audio.is_object());
    let audio = audio.map(|audio| Part::Other(json!({"type": "audio", "audio": audio})));
    thoughts
        .into_iter()
        .chain(said)
        .chain(refusal)
        .chain(audio)
        .collect()
}

/// DeepSeek and vLLM say `reasoning_content`, OpenRouter and Groq `reasoning`.
fn reasoning(message: &Fields) -> Option<&str> {
    text(message, "reasoning_content").or_else(|| text(message, "reasoning"))
}

/// Content as text or as a list of parts.
fn content(content: &Value) -> Vec<Part> {
    match content {
        Value::Null => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => vec![Part::Text(text.clone())],
        Value::Array(parts) => parts.iter().map(part).collect(),
        other => vec![Part::Other(other.clone())],
    }
}

fn part(part: &Value) -> Part {
    let field = |key: &str| part.get(key).and_then(Value::as_str).map(str::to_owned);
    let known = match part {
        Value::String(text) => Some(Part::Text(text.clone())),
        _ => match part.get("type").and_then(Value::as_str) {
            Some("text") => field("text").map(Part::Text),
            Some("refusal") => field("refusal").map(Part::Refusal),
            Some("thinking") => Some(Part::Reasoning(thinking(part.get("thinking")))),
            _ => None,
        },
    };
    known.unwrap_or_else(|| Part::Other(part.clone()))
}

/// Mistral's thoughts: text, or a list of parts with text.
fn thinking(thoughts: Option<&Value>) -> String {
    match thoughts {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|part| part.get("text")?.as_str())
            .collect(),
        _ => String::new(),
    }
}

fn tool_requests(message: &Fields) -> Vec<ToolRequest> {
    let calls = message
        .get("tool_calls")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let old = message.get("function_call").and_then(Value::as_object);
    let old = old.map(|function| ToolRequest {
        id: None,
        name: owned(function, "name").unwrap_or_default(),
        arguments: arguments(function.get("arguments")),
    });
    calls.filter_map(tool_request).chain(old).collect()
}

/// A function with arguments in JSON, or a custom tool with free text.
fn tool_request(call: &Value) -> Option<ToolRequest> {
    let call = call.as_object()?;
    let tool = |key: &str| call.get(key).and_then(Value::as_object);
    let (tool, arguments) = match tool("function") {
        Some(function) => (function, arguments(function.get("arguments"))),
        None => {
            let custom = tool("custom").or_else(|| tool("custom_tool"))?;
            (custom, custom.get("input").cloned().unwrap_or_default())
        }
    };
    Some(ToolRequest {
        id: owned(call, "id"),
        name: owned(tool, "name").unwrap_or_default(),
        arguments,
    })
}

pub(super) fn arguments(written: Option<&Value>) -> Value {
    match written {
        Some(Value::String(text)) => parsed(text),
        Some(other) => other.clone(),
        None => Value::Null,
    }
}

// Streams.

/// A choice that is put together again from its pieces.
#[derive(Default)]
struct Streamed<'a> {
    role: Option<&'a str>,
    reasoning: String,
    said: String,
    refusal: String,
    others: Vec<Part>,
    tools: Vec<StreamedTool<'a>>,
    finish_reason: Option<&'a str>,
}

#[derive(Default)]
struct StreamedTool<'a> {
    index: Option<u64>,
    id: Option<&'a str>,
    name: String,
    arguments: String,
    /// Arguments that came as what they are: Mistral may send them so.
    whole: Option<&'a Value>,
    is_text: bool,
}

impl<'a> Streamed<'a> {
    fn push(&mut self, choice: &'a Value) {
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
            self.finish_reason = Some(reason);
        }
        let Some(delta) = choice.get("delta").and_then(Value::as_object) else {
            return;
        };
        self.role = self.role.or_else(|| text(delta, "role"));
        self.reasoning
            .push_str(reasoning(delta).unwrap_or_default());
        self.refusal
            .push_str(text(delta, "refusal").unwrap_or_default());
        for part in delta.get("content").map(content).unwrap_or_default() {
            match part {
                Part::Text(text) => self.said.push_str(&text),
                Part::Reasoning(text) => self.reasoning.push_str(&text),
                Part::Refusal(text) => self.refusal.push_str(&text),
                other => self.others.push(other),
            }
        }
        for call in delta
            .get("tool_calls")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            self.push_tool(call);
        }
        if let Some(function) = delta.get("function_call").filter(|call| call.is_object()) {
            self.tool(None, None).push(function, "arguments");
        }
    }

    fn push_tool(&mut self, call: &'a Value) {
        let id = call
            .get("id")
            .and_then(Value::as_str)
            .filter(|id| !id.is_empty());
        let tool = self.tool(count(call.get("index")), id);
        if let Some(function) = call.get("function") {
            tool.push(function, "arguments");
        } else if let Some(custom) = call.get("custom") {
            tool.is_text = true;
            tool.push(custom, "input");
        }
    }

    /// The call that a piece belongs to: by its index, and where there is none, a new id is a new call.
    ///
    /// Pieces of one call follow one another, so that the last calls are looked at first.
    fn tool(&mut self, index: Option<u64>, id: Option<&'a str>) -> &mut StreamedTool<'a> {
        let fits = |tool: &StreamedTool<'_>| match index {
            Some(_) => tool.index == index,
            None => id.is_none() || tool.id == id,
        };
        let recent = self.tools.len().saturating_sub(RECENT_TOOLS);
        let at = self.tools[recent..]
            .iter()
            .rposition(fits)
            .map(|at| recent + at);
        let at = at.unwrap_or_else(|| {
            self.tools.push(StreamedTool {
                index,
                id,
                ..StreamedTool::default()
            });
            self.tools.len() - 1
        });
        &mut self.tools[at]
    }

    fn finish(self) -> Completion {
        let some = |text: String, part: fn(String) -> Part| (!text.is_empty()).then(|| part(text));
        let thoughts = some(self.reasoning, Part::Reasoning).into_iter();
        let said = some(self.said, Part::Text).into_iter();
        let refusal = some(self.refusal, Part::Refusal);
        Completion {
            role: self.role.unwrap_or("assistant").to_ascii_lowercase(),
            content: thoughts
                .chain(said)
                .chain(self.others)
                .chain(refusal)
                .collect(),
            tool_calls: self.tools.into_iter().map(StreamedTool::finish).collect(),
            finish_reason: self.finish_reason.map(str::to_owned),
        }
    }
}

/// How many calls of one answer may be written at the same time.
const RECENT_TOOLS: usize = 64;

impl<'a> StreamedTool<'a> {
    fn push(&mut self, piece: &'a Value, arguments: &str) {
        self.name.push_str(
            piece
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        );
        match piece.get(arguments) {
            Some(Value::String(text)) => self.arguments.push_str(text),
            Some(whole @ Value::Object(_)) => self.whole = Some(whole),
            _ => {}
        }
    }

    fn finish(self) -> ToolRequest {
        let arguments = match self.whole {
            Some(whole) => whole.clone(),
            None if self.is_text => Value::String(self.arguments),
            None => parsed(&self.arguments),
        };
        ToolRequest {
            id: self.id.map(str::to_owned),
            name: self.name,
            arguments,
        }
    }
}

// What it took.

/// The object `usage`, wherever it stands.
pub(super) fn usage(usage: &Fields) -> Option<Usage> {
    let number = |key: &str| count(usage.get(key));
    let detail = |group: &str, key: &str| count(usage.get(group)?.get(key));
    let (input, output) = (number("prompt_tokens"), number("completion_tokens"));
    let is_said = input.is_some() || output.is_some();
    if !is_said || is_nonsense(usage, &["prompt_tokens", "completion_tokens"]) {
        return None;
    }
    let (input, said) = (input.unwrap_or_default(), output.unwrap_or_default());
    let cached = detail("prompt_tokens_details", "cached_tokens");
    let reasoning = detail("completion_tokens_details", "reasoning_tokens")
        .or_else(|| number("reasoning_tokens"));
    let reasoning = reasoning.unwrap_or_default();
    let total = number("total_tokens").unwrap_or(input.saturating_add(said));
    // xAI counts thoughts beside the completion, everybody else as a part of it.
    let apart = reasoning > 0 && total == input.saturating_add(said).saturating_add(reasoning);
    Some(Usage {
        input,
        output: if apart {
            said.saturating_add(reasoning)
        } else {
            said
        },
        // DeepSeek, then Moonshot.
        cache_read: cached
            .or_else(|| number("prompt_cache_hit_tokens"))
            .or_else(|| number("cached_tokens"))
            .unwrap_or_default(),
        cache_write: detail("prompt_tokens_details", "cache_write_tokens").unwrap_or_default(),
        reasoning,
        input_audio: detail("prompt_tokens_details", "audio_tokens").unwrap_or_default(),
        output_audio: detail("completion_tokens_details", "audio_tokens").unwrap_or_default(),
        // Perplexity, then OpenRouter.
        web_searches: number("num_search_queries")
            .or_else(|| detail("server_tool_use", "web_search_requests"))
            .unwrap_or_default(),
        total,
        ..Usage::default()
    })
}

/// What the provider says that it charges: OpenRouter a number, Perplexity an object.
pub(super) fn cost(usage: &Fields) -> Option<Cost> {
    let said = usage.get("cost")?;
    let total = nano_usd(Some(said)).or_else(|| nano_usd(said.get("total_cost")))?;
    // With the caller's own key, OpenRouter charges its fee, and the provider behind it charges the caller.
    let own_key = usage.get("is_byok") == Some(&Value::Bool(true));
    let detail = |key: &str| nano_usd(usage.get("cost_details")?.get(key));
    let upstream = detail("upstream_inference_cost").filter(|_| own_key);
    let total = total + upstream.unwrap_or_default();
    let input = nano_usd(said.get("input_tokens_cost"))
        .or_else(|| detail("upstream_inference_prompt_cost"))
        .or_else(|| detail("upstream_inference_input_cost"));
    let output = nano_usd(said.get("output_tokens_cost"))
        .or_else(|| detail("upstream_inference_completions_cost"))
        .or_else(|| detail("upstream_inference_output_cost"));
    // Parts that do not make up the whole would mislead.
    let apart = input
        .zip(output)
        .filter(|(input, output)| input + output == total);
    Some(Cost {
        total,
        input: apart.map(|(input, _)| input),
        output: apart.map(|(_, output)| output),
        price_table: Some("provider".into()),
        prices: None,
    })
}

// Who it was.

/// The provider, by marks that only it leaves on a response or a chunk.
pub(super) fn provider(head: &Fields) -> Option<&'static str> {
    let usage = |key: &str| {
        head.get("usage")
            .is_some_and(|usage| usage.get(key).is_some())
    };
    let fingerprint = text(head, "system_fingerprint").unwrap_or_default();
    let choice = |key: &str| {
        let choices = head.get("choices").and_then(Value::as_array);
        choices
            .and_then(|choices| choices.first())
            .is_some_and(|choice| choice.get(key).is_some())
    };
    if fingerprint == "fp_ollama" {
        Some("ollama")
    } else if head
        .get("timings")
        .is_some_and(|timings| timings.get("predicted_n").is_some())
    {
        Some("llama.cpp")
    } else if usage("avg_compl_tok_per_sec") {
        Some("mistral.rs")
    } else if head.contains_key("x_groq") {
        Some("groq")
    } else if head.contains_key("provider")
        && text(head, "id").is_some_and(|id| id.starts_with("gen-"))
    {
        Some("openrouter")
    } else if head.contains_key("prompt_filter_results") || choice("content_filter_results") {
        Some("azure.ai.openai")
    } else if usage("prompt_cache_hit_tokens")
        && text(head, "model").is_some_and(|model| model.starts_with("deepseek"))
    {
        Some("deepseek")
    } else if usage("num_sources_used") {
        Some("x_ai")
    } else if usage("search_context_size") {
        Some("perplexity")
    } else if head.contains_key("kv_transfer_params") || head.contains_key("prompt_logprobs") {
        Some("vllm")
    } else {
        None
    }
}

/// The provider by the model that answered, or by the name of its family that was asked for.
pub(super) fn maker_of(model: Option<&str>, request_model: Option<&str>) -> Option<&'static str> {
    let family = |model: &str| model.split('-').next().map(str::to_owned);
    let Some(model) = model else {
        return maker(request_model?);
    };
    let asked_for = request_model.filter(|asked| family(asked) == family(model));
    maker(model).or_else(|| maker(asked_for?))
}

/// The provider of models that only their maker sells under such a name; other names tell nothing of who runs them.
fn maker(model: &str) -> Option<&'static str> {
    const FAMILIES: [(&str, &str); 11] = [
        ("dall", "openai"),
        ("gpt", "openai"),
        ("chatgpt", "openai"),
        ("o1", "openai"),
        ("o3", "openai"),
        ("o4", "openai"),
        ("ft:gpt", "openai"),
        ("claude", "anthropic"),
        ("gemini", "gcp.gemini"),
        ("grok", "x_ai"),
        ("sonar", "perplexity"),
    ];
    const MISTRALS: [&str; 7] = [
        "codestral",
        "devstral",
        "magistral",
        "ministral",
        "mistral",
        "pixtral",
        "voxtral",
    ];
    // Open weights, in spite of the name.
    if model.starts_with("gpt-oss") {
        return None;
    }
    if model.starts_with("text-embedding-3-") || model == "text-embedding-ada-002" {
        return Some("openai");
    }
    let family = model.split('-').next()?;
    // Its models are sold elsewhere, too, and some are open, but not under the name of the latest.
    if MISTRALS.contains(&family) && model.ends_with("-latest") {
        return Some("mistral_ai");
    }
    FAMILIES
        .iter()
        .find(|(name, _)| *name == family)
        .map(|&(_, maker)| maker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::recognise::recognise;

    /// A recorded exchange; each file names where its shape is documented.
    macro_rules! exchange {
        ($name:literal) => {
            serde_json::from_str::<Value>(include_str!(concat!(
                "../../../fixtures/",
                $name,
                ".json"
            )))
            .unwrap()
        };
    }

    fn call(exchange: &Value) -> LlmCall {
        recognise(exchange.get("request"), exchange.get("response")).unwrap()
    }

    fn said(text: &str) -> Vec<Part> {
        vec![Part::Text(text.into())]
    }

    fn wants(id: &str, name: &str, arguments: Value) -> ToolRequest {
        ToolRequest {
            id: Some(id.into()),
            name: name.into(),
            arguments,
        }
    }

    #[test]
    fn a_plain_chat_is_read_in_full() {
        let call = call(&exchange!("openai/chat"));
        let message = |role: &str, text| Message {
            role: role.into(),
            content: said(text),
            ..Message::default()
        };
        let choice = |part| Completion {
            role: "assistant".into(),
            content: vec![part],
            tool_calls: Vec::new(),
            finish_reason: Some("stop".into()),
        };
        let expected = LlmCall {
            provider: Some("openai".into()),
            request_model: Some("gpt-4o-mini".into()),
            model: Some("gpt-4o-mini-2024-07-18".into()),
            operation: Some("chat".into()),
            response_id: Some("chatcmpl-B9MBs8".into()),
            messages: vec![
                message("developer", "You are a helpful assistant."),
                message("user", "Hello!"),
            ],
            completions: vec![
                choice(Part::Text("Hello! How can I assist you today?".into())),
                choice(Part::Refusal("I cannot help with that.".into())),
            ],
            usage: Some(Usage {
                input: 1900,
                output: 10,
                cache_read: 1024,
                reasoning: 4,
                total: 1910,
                ..Usage::default()
            }),
            parameters: json!({"n": 2, "temperature": 0.2})
                .as_object()
                .cloned()
                .unwrap(),
            ..LlmCall::default()
        };
        assert_eq!(call, expected);
    }

    #[test]
    fn parts_keep_their_order_and_what_is_not_text_stays_as_it_was() {
        let call = call(&exchange!("openai/image"));
        let image =
            json!({"type": "image_url", "image_url": {"url": "https://example.com/boardwalk.jpg"}});
        assert_eq!(
            call.messages[0].content,
            [
                Part::Text("What is in this image?".into()),
                Part::Other(image)
            ]
        );
    }

    #[test]
    fn tools_are_asked_for_and_answer() {
        let call = call(&exchange!("openai/tools"));
        let boston = json!({"location": "Boston, MA"});
        assert!(call.messages[1].content.is_empty());
        assert_eq!(
            call.messages[1].tool_calls,
            [wants("call_abc122", "get_current_weather", boston.clone())]
        );
        assert_eq!(
            call.messages[2].tool_call_id.as_deref(),
            Some("call_abc122")
        );
        assert_eq!(
            call.completions[0].tool_calls,
            [
                wants("call_abc123", "get_current_weather", boston),
                wants(
                    "call_abc124",
                    "get_current_weather",
                    json!("{\"location\": \"Bos")
                ),
            ]
        );
        assert_eq!(
            call.completions[0].finish_reason.as_deref(),
            Some("tool_calls")
        );
        assert_eq!(call.parameters["tool_choice"], "auto");
        assert_eq!(
            call.parameters["tools"][0]["function"]["name"],
            "get_current_weather"
        );
    }

    #[test]
    fn a_stream_is_put_together_again() {
        let call = call(&exchange!("openai/stream"));
        let tools = vec![
            wants("call_1", "grep", json!({"pattern": "x"})),
            wants("call_2", "read", json!({})),
        ];
        let whole = Completion {
            role: "assistant".into(),
            content: said("Hello"),
            tool_calls: tools,
            finish_reason: Some("tool_calls".into()),
        };
        assert_eq!(call.completions, [whole]);
        assert!(call.streaming);
        assert_eq!(call.response_id.as_deref(), Some("chatcmpl-123"));
        assert_eq!(
            call.usage,
            Some(Usage {
                input: 9,
                output: 12,
                total: 21,
                ..Usage::default()
            })
        );
    }

    #[test]
    fn usage_of_a_stream_counts_whatever_its_chunk_is_called() {
        let said = json!({"choices": [{"index": 0, "delta": {"content": "Hi"}}]});
        let usage = json!({"prompt_tokens": 5, "completion_tokens": 3});
        for last in [
            json!({"choices": [], "usage": usage}),
            json!({"object": "", "choices": [], "usage": usage}),
            json!({"object": "chat.completion.chunk", "usage": usage}),
            json!({"Ok": {"choices": null, "usage": usage}}),
        ] {
            let call = recognise(None, Some(&json!([said, last]))).unwrap();
            assert_eq!(call.usage, Some(Usage::new(5, 3)), "{last}");
            assert_eq!(call.completions.len(), 1);
        }
    }

    #[test]
    fn choices_and_calls_of_a_stream_are_kept_apart() {
        let delta =
            |index: u64, delta: Value| json!({"choices": [{"index": index, "delta": delta}]});
        let call = |id: Option<&str>, arguments: &str| json!({"tool_calls": [{"id": id, "function": {"name": id.map(|_| "t"), "arguments": arguments}}]});
        let stream = json!([
            {"Ok": delta(1, json!({"content": "b"}))},
            {"Err": "reset"},
            {"Ok": delta(0, json!({"content": "a", "reasoning_content": "hm"}))},
            {"Ok": delta(1, json!({"content": "b"}))},
            {"Ok": delta(0, call(Some("1"), "[1"))},
            {"Ok": delta(0, call(None, "]"))},
            {"Ok": delta(0, call(Some("2"), "[2]"))},
        ]);
        let completions = recognise(None, Some(&stream)).unwrap().completions;
        assert_eq!(
            completions[0].content,
            [Part::Reasoning("hm".into()), Part::Text("a".into())]
        );
        assert_eq!(
            completions[0].tool_calls,
            [wants("1", "t", json!([1])), wants("2", "t", json!([2]))]
        );
        assert_eq!(completions[1].content, said("bb"));
    }

    #[test]
    fn what_async_openai_serialises_is_read() {
        let exchange = exchange!("openai/async_openai");
        let read = call(&exchange);
        let roles: Vec<_> = read
            .messages
            .iter()
            .map(|message| message.role.as_str())
            .collect();
        assert_eq!(
            roles,
            ["developer", "user", "assistant", "tool", "assistant"]
        );
        assert_eq!(read.messages[1].name.as_deref(), Some("ada"));
        assert_eq!(read.messages[1].content.len(), 2);
        assert_eq!(
            read.messages[2].tool_calls,
            [
                wants("call_1", "grep", json!({"pattern": "fn main"})),
                wants("call_2", "sql", json!("select 1"))
            ]
        );
        assert_eq!(read.messages[4].content, [Part::Refusal("No.".into())]);
        assert_eq!(
            read.completions[0].tool_calls,
            [wants("call_3", "grep", json!({"pattern": "x"}))]
        );
        assert_eq!(read.completions[1].content, said("Hello"));
        assert_eq!(read.parameters["tool_choice"], "auto");
        assert_eq!(read.parameters["max_completion_tokens"], 256);
        let usage = read.usage.unwrap();
        assert_eq!(
            (usage.input, usage.cache_read, usage.reasoning),
            (1117, 1024, 12)
        );

        let streamed = recognise(exchange.get("request"), exchange.get("chunks")).unwrap();
        assert_eq!(
            streamed.completions[0].tool_calls,
            [wants("call_4", "grep", json!({"pattern": "x"}))]
        );
        assert_eq!(streamed.usage.map(|usage| usage.total), Some(14));
    }

    #[test]
    fn providers_are_known_by_marks_of_their_own() {
        let openrouter = call(&exchange!("openrouter/chat"));
        assert_eq!(openrouter.provider.as_deref(), Some("openrouter"));
        assert_eq!(
            openrouter.completions[0].content[0],
            Part::Reasoning("A greeting.".into())
        );
        let usage = openrouter.usage.unwrap();
        assert_eq!(
            (usage.cache_read, usage.cache_write, usage.reasoning),
            (2, 100, 5)
        );
        let cost = openrouter.cost.unwrap();
        assert_eq!(
            (cost.total, cost.input, cost.output),
            (1_200_000, Some(800_000), Some(400_000))
        );
        assert_eq!(cost.price_table.as_deref(), Some("provider"));

        let deepseek = call(&exchange!("deepseek/chat"));
        assert_eq!(deepseek.provider.as_deref(), Some("deepseek"));
        assert_eq!(
            deepseek.usage.map(|usage| (usage.input, usage.cache_read)),
            Some((100, 64))
        );
        assert_eq!(deepseek.completions[0].content.len(), 2);
        assert_eq!(deepseek.parameters["thinking"]["type"], "enabled");

        let groq = call(&exchange!("groq/stream"));
        assert_eq!(groq.provider.as_deref(), Some("groq"));
        assert_eq!(groq.usage.map(|usage| usage.total), Some(42));
        assert_eq!(groq.completions[0].content, said("Hello"));

        let azure = call(&exchange!("azure/chat"));
        assert_eq!(azure.provider.as_deref(), Some("azure.ai.openai"));
        assert_eq!(azure.request_model.as_deref(), Some("my-deployment"));
        assert_eq!(azure.model.as_deref(), Some("gpt-4o-mini-2024-07-18"));

        assert_eq!(
            call(&exchange!("ollama/openai_chat")).provider.as_deref(),
            Some("ollama")
        );
    }

    #[test]
    fn a_model_names_its_provider_only_where_nobody_else_sells_it() {
        let provider = |model: &str| {
            let request = json!({"model": model, "messages": [{"role": "user", "content": "x"}]});
            recognise(Some(&request), None).unwrap().provider
        };
        assert_eq!(provider("o3-mini").as_deref(), Some("openai"));
        assert_eq!(provider("grok-4").as_deref(), Some("x_ai"));
        for anybodys in ["gpt-oss-20b", "llama-3.3-70b", "o3x", "deepseek-r1", ""] {
            assert_eq!(provider(anybodys), None, "{anybodys}");
        }
    }

    #[test]
    fn costs_of_the_fee_and_of_the_own_key_add_up() {
        let cost = |usage: Value| cost(usage.as_object().unwrap()).map(|cost| cost.total);
        let details = json!({"upstream_inference_cost": 0.19});
        assert_eq!(
            cost(json!({"cost": 0.01, "is_byok": true, "cost_details": details})),
            Some(200_000_000)
        );
        assert_eq!(
            cost(json!({"cost": 0.19, "is_byok": false, "cost_details": details})),
            Some(190_000_000)
        );
        assert_eq!(
            cost(json!({"cost": {"request_cost": 0.006, "total_cost": 0.007}})),
            Some(7_000_000)
        );
        assert_eq!(cost(json!({"cost": 0})), Some(0));
        assert_eq!(cost(json!({"cost": "free"})), None);
    }

    #[test]
    fn thoughts_that_are_counted_beside_the_output_are_added_to_it() {
        let output = |usage: Value| {
            super::usage(usage.as_object().unwrap()).map(|usage| (usage.output, usage.total))
        };
        let details = json!({"reasoning_tokens": 30});
        let beside = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45, "completion_tokens_details": details});
        let inside = json!({"prompt_tokens": 10, "completion_tokens": 35, "total_tokens": 45, "completion_tokens_details": details});
        assert_eq!(output(beside), Some((35, 45)));
        assert_eq!(output(inside), Some((35, 45)));
        assert_eq!(output(json!({"prompt_tokens": 3})), Some((0, 3)));
        assert_eq!(output(json!({"input_tokens": 3})), None);
    }

    #[test]
    fn the_tier_that_was_granted_replaces_the_one_asked_for() {
        let mut exchange = exchange!("openai/chat");
        assert!(!call(&exchange).parameters.contains_key("service_tier"));
        exchange["request"]["service_tier"] = json!("priority");
        assert_eq!(call(&exchange).parameters["service_tier"], "default");
    }

    #[test]
    fn errors_leave_the_request() {
        let call = call(&exchange!("openai/error"));
        assert_eq!(call.request_model.as_deref(), Some("gpt-4o-mini"));
        assert!(call.completions.is_empty() && call.usage.is_none());
    }

    #[test]
    fn a_request_is_found_wherever_an_argument_holds_it() {
        let exchange = exchange!("openai/chat");
        let request = &exchange["request"];
        let history = &request["messages"];
        for arguments in [
            json!({"request": request, "retries": 3}),
            json!({"self": {"key": "k"}, "req": {"body": request}}),
            json!({"pair": [request, 1]}),
            json!({"model": "gpt-4o-mini", "messages": history, "temperature": 0.2, "n": 2}),
            json!({"model": "gpt-4o-mini", "history": history, "temperature": 0.2, "n": 2}),
        ] {
            let call = recognise(Some(&arguments), None).unwrap();
            assert_eq!(call.messages.len(), 2, "{arguments}");
            assert_eq!(
                call.request_model.as_deref(),
                Some("gpt-4o-mini"),
                "{arguments}"
            );
            assert_eq!(call.parameters["n"], 2, "{arguments}");
        }
    }

    #[test]
    fn an_answer_is_found_whole_and_in_parts() {
        let exchange = exchange!("openai/image");
        let (request, response) = (&exchange["request"], &exchange["response"]);
        let (choice, usage) = (&response["choices"][0], &response["usage"]);
        let earlier = json!({"role": "assistant", "content": "earlier"});
        for (answer, has_usage) in [
            (json!(response), true),
            (json!({"inner": response, "latency": 3}), true),
            (json!([response, 3]), true),
            (json!(choice), false),
            (json!(choice["message"]), false),
            (json!([earlier, choice["message"]]), false),
            (json!("A boardwalk in a meadow."), false),
            (json!(["A boardwalk in a meadow.", usage]), true),
            (
                json!({"text": "A boardwalk in a meadow.", "usage": usage}),
                true,
            ),
        ] {
            let call = recognise(Some(request), Some(&answer)).unwrap();
            assert_eq!(call.completions.len(), 1, "{answer}");
            assert_eq!(
                call.completions[0].content,
                said("A boardwalk in a meadow."),
                "{answer}"
            );
            assert_eq!(
                call.usage.map(|usage| usage.total),
                has_usage.then_some(1163),
                "{answer}"
            );
        }
        assert!(recognise(None, Some(response)).is_some());
        assert!(recognise(None, Some(&json!(choice["message"]))).is_none());
    }

    #[test]
    fn roles_may_be_tags_and_content_may_be_anything() {
        let request = json!({"messages": [
            {"User": "one"},
            {"Assistant": {"content": ["two", {"type": "thinking", "thinking": [{"text": "hm"}]}], "reasoning": "why"}},
            {"role": "SYSTEM", "content": {"odd": true}},
            {"role": "user"},
            "not a message",
        ]});
        let messages = recognise(Some(&request), None).unwrap().messages;
        let roles: Vec<_> = messages
            .iter()
            .map(|message| message.role.as_str())
            .collect();
        assert_eq!(roles, ["user", "assistant", "system", "user"]);
        assert_eq!(messages[0].content, said("one"));
        let thought = |text: &str| Part::Reasoning(text.into());
        assert_eq!(
            messages[1].content,
            [thought("why"), Part::Text("two".into()), thought("hm")]
        );
        assert_eq!(messages[2].content, [Part::Other(json!({"odd": true}))]);
    }

    #[test]
    fn the_old_function_call_is_a_tool_request() {
        let message = json!({"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}});
        let response = json!({"choices": [{"index": 0, "message": message}]});
        let call = recognise(None, Some(&response)).unwrap();
        let expected = ToolRequest {
            id: None,
            name: "f".into(),
            arguments: json!({}),
        };
        assert_eq!(call.completions[0].tool_calls, [expected]);
    }
}
