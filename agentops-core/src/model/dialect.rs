//! What the attributes of somebody else's span mean: GenAI conventions of several ages, OpenInference, Langfuse,
//! Traceloop, AgentOps' other SDKs, and a few clients with names of their own.
//!
//! Takes a flat map of attributes, wherever it comes from, and gives the parts of our record that it tells. Where
//! several say the same, the newest convention goes first; what nobody here knows stays an attribute. Nothing is
//! counted that was not said, and nothing here panics on any value.

use serde_json::{Map, Value};

use super::llm::{Completion, Cost, LlmCall, Message, Part, ToolRequest, Usage};
use super::recognise::{MOST, recognise};
use super::semconv::elsewhere as names;
use super::semconv::{self};
use super::span::{SpanKind, Status, ToolCall};
use super::wire::{messages, value};

/// Where a span comes from, besides its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin<'a> {
    /// Who made it: the target of `tracing`, the instrumentation scope of OpenTelemetry.
    pub scope: &'a str,
    /// The span's name.
    pub name: &'a str,
}

/// What a span's attributes say, as parts of our record.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// What the span stands for; `Unknown` where nothing says it.
    pub kind: SpanKind,
    /// Its name, where that is not the span's own.
    pub name: Option<String>,
    /// The model call that it is, or whose totals it repeats.
    pub call: Option<LlmCall>,
    /// The tool that it uses.
    pub tool: Option<ToolCall>,
    /// The agent that it is, or that it belongs to.
    pub agent: Option<AgentSaid>,
    /// What went in, where that is not a model's messages.
    pub input: Option<Value>,
    /// What came out, likewise.
    pub output: Option<Value>,
    /// How it ended.
    pub status: Status,
    /// The code and the text of what went wrong.
    pub error: Option<(String, String)>,
    /// What nobody here knows.
    pub attributes: Map<String, Value>,
}

/// An agent, as far as attributes tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentSaid {
    /// Its id, where it has one.
    pub id: Option<String>,
    /// What people call it.
    pub name: String,
    /// What it is there for.
    pub role: Option<String>,
}

/// Whether a span with attributes of these names may say what it is; spans of which that is not so mean nothing here.
#[must_use]
pub fn tells<'a>(origin: Origin<'_>, mut keys: impl Iterator<Item = &'a str>) -> bool {
    let client = CLIENTS.iter().find(|client| client.is_of(origin));
    if client.is_some_and(|client| client.key.is_empty()) {
        return true;
    }
    keys.any(|key| {
        names::TELLING.iter().any(|start| key.starts_with(start))
            || client.is_some_and(|client| client.key == key)
    })
}

/// Whether an attribute of this name names an agent.
#[must_use]
pub fn names_agent(key: &str) -> bool {
    names::AGENT_NAME.contains(&key)
}

/// Whether an attribute of this name says what a span stands for.
#[must_use]
pub fn names_kind(key: &str) -> bool {
    key == semconv::SPAN_KIND || names::OPERATION.contains(&key) || names::KIND.contains(&key)
}

/// What a span stands for, as far as these attributes tell.
#[must_use]
pub fn kind(origin: Origin<'_>, attributes: &Map<String, Value>) -> SpanKind {
    let mut facts = Facts(attributes.clone());
    let client = client(origin, |key| attributes.contains_key(key));
    facts.kind(client).unwrap_or(SpanKind::Unknown)
}

/// Reads a span's attributes.
///
/// ```
/// use agentops_core::model::dialect::{Origin, read};
/// use agentops_core::model::span::SpanKind;
/// use serde_json::json;
///
/// let said = json!({"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "llm.token_count.prompt": 12});
/// let reading = read(Origin::default(), said.as_object().unwrap().clone());
/// assert_eq!(reading.kind, SpanKind::Llm);
/// assert_eq!(reading.call.unwrap().usage.unwrap().input, 12);
/// ```
#[must_use]
pub fn read(origin: Origin<'_>, attributes: Map<String, Value>) -> Reading {
    let mut facts = Facts(attributes);
    let client = client(origin, |key| facts.0.contains_key(key));
    if let Some(client) = client {
        facts.rename(client);
    }
    facts.spread_usage();
    let said = facts.kind(client);
    facts.forget_kind();
    let tool_name = facts.text(names::TOOL_NAME);
    let call = facts.call(client, said);
    let is_call = call != LlmCall::default();
    let kind = said.unwrap_or(match () {
        () if tool_name.is_some() => SpanKind::Tool,
        () if is_call => SpanKind::Llm,
        () => SpanKind::Unknown,
    });
    let mut call = (is_call || kind == SpanKind::Llm).then_some(call);
    let mut reading = Reading {
        kind,
        name: facts.text(names::NAME),
        call: None,
        tool: None,
        agent: facts.agent(),
        input: None,
        output: None,
        status: Status::Unset,
        error: None,
        attributes: Map::new(),
    };
    (reading.input, reading.output) = facts.values(kind, call.as_mut());
    (reading.status, reading.error) = facts.outcome();
    if kind == SpanKind::Tool {
        let name = tool_name.or_else(|| reading.name.clone());
        reading.name = name.clone();
        reading.tool = Some(ToolCall {
            name: name.unwrap_or_else(|| origin.name.into()),
            description: facts.text(names::TOOL_DESCRIPTION),
            call_id: facts.text(names::TOOL_CALL_ID),
            // What a tool's use costs has the same name as what a model's call costs.
            cost: call.as_mut().and_then(|call| Some(call.cost.take()?.total)),
        });
    } else if let Some(name) = tool_name {
        facts.0.insert(semconv::TOOL_NAME.into(), name.into());
    }
    if let (SpanKind::Agent, Some(agent)) = (kind, &reading.agent) {
        reading.name = Some(agent.name.clone());
    }
    // What was only a way to say something has been said.
    call.iter_mut().for_each(settle_usage);
    reading.call = call.filter(|call| kind == SpanKind::Llm || *call != LlmCall::default());
    if reading.status == Status::Unset
        && (reading.output.is_some() || reading.call.as_ref().is_some_and(is_answered))
    {
        reading.status = Status::Ok;
    }
    reading.attributes = facts.0;
    reading.attributes.retain(|_, value| !value.is_null());
    reading
}

/// A client that has names of its own.
struct Client {
    /// What its scope begins with.
    scope: &'static str,
    /// The span's name.
    name: &'static str,
    /// An attribute that it has beside the name; empty where the name says enough.
    key: &'static str,
    kind: SpanKind,
    operation: Option<&'static str>,
    provider: Option<&'static str>,
    /// Its names, and what we call them.
    renames: &'static [(&'static str, &'static str)],
    /// It counts reasoning apart from the output.
    reasoning_apart: bool,
}

const CLIENT: Client = Client {
    scope: "",
    name: "",
    key: "",
    kind: SpanKind::Unknown,
    operation: None,
    provider: None,
    renames: &[],
    reasoning_apart: false,
};

const LANGCHAIN: &[(&str, &str)] = &[
    ("provider", semconv::PROVIDER_NAME),
    ("model", semconv::REQUEST_MODEL),
    ("stream", semconv::REQUEST_STREAM),
    ("prompt_tokens", semconv::USAGE_INPUT),
    ("completion_tokens", semconv::USAGE_OUTPUT),
    ("tool", semconv::TOOL_NAME),
    ("chain", semconv::ENTITY_NAME),
    ("error", semconv::EXCEPTION_MESSAGE),
];

const GEMINI: &[(&str, &str)] = &[
    ("model", semconv::REQUEST_MODEL),
    ("usage.prompt_tokens", semconv::USAGE_INPUT),
    ("usage.candidates_tokens", semconv::USAGE_OUTPUT),
    ("usage.thoughts_tokens", semconv::USAGE_REASONING),
    ("usage.cached_content_tokens", semconv::USAGE_CACHE_READ),
    ("usage.total_tokens", semconv::USAGE_TOTAL),
    ("error", semconv::EXCEPTION_MESSAGE),
];

const fn langchain(
    scope: &'static str,
    name: &'static str,
    key: &'static str,
    kind: SpanKind,
) -> Client {
    Client {
        scope,
        name,
        key,
        kind,
        renames: LANGCHAIN,
        ..CLIENT
    }
}

const fn gemini(name: &'static str, operation: &'static str) -> Client {
    Client {
        scope: "gemini_rust",
        name,
        kind: SpanKind::Llm,
        operation: Some(operation),
        provider: Some("gcp.gemini"),
        renames: GEMINI,
        reasoning_apart: true,
        ..CLIENT
    }
}

/// `langchain-rust` and `gemini-rust`, span by span.
static CLIENTS: [Client; 11] = [
    Client {
        operation: Some("chat"),
        ..langchain("", "llm.generate", "provider", SpanKind::Llm)
    },
    Client {
        operation: Some("embeddings"),
        ..langchain("langchain", "embed.documents", "", SpanKind::Llm)
    },
    Client {
        operation: Some("embeddings"),
        ..langchain("langchain", "embed.query", "", SpanKind::Llm)
    },
    langchain("", "chain.call", "chain", SpanKind::Chain),
    langchain("", "agent.run", "max_iterations", SpanKind::Agent),
    langchain("", "agent.plan", "step", SpanKind::Task),
    langchain("", "tool.call", "tool", SpanKind::Tool),
    gemini("generate_content_raw", "generate_content"),
    gemini("generate_content_stream", "generate_content"),
    gemini("embed_content", "embeddings"),
    gemini("embed_content_batch", "embeddings"),
];

impl Client {
    fn is_of(&self, origin: Origin<'_>) -> bool {
        self.name == origin.name && origin.scope.starts_with(self.scope)
    }
}

fn client(origin: Origin<'_>, has: impl Fn(&str) -> bool) -> Option<&'static Client> {
    CLIENTS
        .iter()
        .find(|client| client.is_of(origin) && (client.key.is_empty() || has(client.key)))
}

/// What an operation of the conventions stands for.
fn kind_of_operation(operation: &str) -> Option<SpanKind> {
    Some(match operation {
        "chat" | "generate_content" | "text_completion" | "completion" | "embeddings"
        | "embedding" | "rerank" | "transcription" | "image_generation" | "audio_generation"
        | "chat_streaming" | "interactions" => SpanKind::Llm,
        "execute_tool" => SpanKind::Tool,
        "invoke_agent" | "create_agent" | "agent" => SpanKind::Agent,
        "invoke_workflow" => SpanKind::Workflow,
        "plan" => SpanKind::Task,
        "retrieval" => SpanKind::Operation,
        memory if memory.ends_with("_memory") || memory.ends_with("_memory_store") => {
            SpanKind::Operation
        }
        _ => return None,
    })
}

/// What OpenInference, Langfuse and Traceloop call it.
fn kind_of_word(word: &str) -> Option<SpanKind> {
    Some(match word.to_ascii_lowercase().as_str() {
        "llm" | "generation" | "embedding" | "reranker" => SpanKind::Llm,
        "tool" => SpanKind::Tool,
        "agent" => SpanKind::Agent,
        "chain" => SpanKind::Chain,
        "workflow" => SpanKind::Workflow,
        "task" => SpanKind::Task,
        "guardrail" => SpanKind::Guardrail,
        "retriever" | "evaluator" | "prompt" | "span" | "event" => SpanKind::Operation,
        _ => return None,
    })
}

/// Attributes that are still to be understood.
struct Facts(Map<String, Value>);

impl Facts {
    /// The first of several names whose value fits. All of them that fit are used up: they say the same.
    fn take<T>(&mut self, keys: &[&str], fit: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let mut found = None;
        for key in keys {
            if let Some(fitting) = self.0.get(*key).and_then(&fit) {
                self.0.remove(*key);
                found = found.or(Some(fitting));
            }
        }
        found
    }

    fn text(&mut self, keys: &[&str]) -> Option<String> {
        self.take(keys, |value| match value.as_str()? {
            // A field that somebody formatted although there was nothing to say.
            "" | "None" => None,
            text => Some(text.to_owned()),
        })
    }

    fn tokens(&mut self, keys: &[&str]) -> Option<u64> {
        self.take(keys, count)
    }

    /// JSON, or text that says it.
    fn json(&mut self, keys: &[&str]) -> Option<Value> {
        self.take(keys, |said| match said {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            said => Some(value::json(said.clone())),
        })
    }

    fn rename(&mut self, client: &Client) {
        for (theirs, ours) in client.renames {
            if let Some(value) = self.0.remove(*theirs) {
                // One call may be asked for several things at once, and each says it its own way.
                self.0.entry(*ours).or_insert(value);
            }
        }
    }

    /// What Langfuse puts into objects.
    fn spread_usage(&mut self) {
        let Some(Value::Object(usage)) = self.take(names::USAGE_DETAILS, |said| {
            Some(value::json(said.clone())).filter(Value::is_object)
        }) else {
            return;
        };
        let known = [
            ("input", semconv::USAGE_INPUT),
            ("prompt_tokens", semconv::USAGE_INPUT),
            ("output", semconv::USAGE_OUTPUT),
            ("completion_tokens", semconv::USAGE_OUTPUT),
            ("total", semconv::USAGE_TOTAL),
            ("total_tokens", semconv::USAGE_TOTAL),
            ("input_cached_tokens", semconv::USAGE_CACHE_READ),
            ("cache_read_input_tokens", semconv::USAGE_CACHE_READ),
            ("cache_creation_input_tokens", semconv::USAGE_CACHE_WRITE),
            ("output_reasoning_tokens", semconv::USAGE_REASONING),
        ];
        for (theirs, ours) in known {
            if let Some(tokens) = usage.get(theirs).filter(|tokens| count(tokens).is_some()) {
                self.0.entry(ours).or_insert_with(|| tokens.clone());
            }
        }
    }

    /// What says it most plainly goes first.
    fn kind(&mut self, client: Option<&Client>) -> Option<SpanKind> {
        let word = |key: &&str| self.0.get(*key)?.as_str();
        let ours = word(&semconv::SPAN_KIND).and_then(|kind| kind.parse().ok());
        let operation = || {
            names::OPERATION
                .iter()
                .filter_map(word)
                .find_map(kind_of_operation)
        };
        let others = || names::KIND.iter().filter_map(word).find_map(kind_of_word);
        // A session opens where its own program says so; what calls itself one is a part of another.
        ours.filter(|kind| *kind != SpanKind::Session)
            .or_else(operation)
            .or_else(others)
            .or(client.map(|client| client.kind))
    }

    /// Names of kinds that were understood are no attributes any more.
    fn forget_kind(&mut self) {
        let is_understood = |kind: &Value| {
            kind.as_str()
                .is_some_and(|word| word.parse::<SpanKind>().is_ok())
        };
        self.take(&[semconv::SPAN_KIND], |kind| {
            is_understood(kind).then_some(())
        });
        self.take(names::KIND, |kind| kind_of_word(kind.as_str()?));
    }

    fn agent(&mut self) -> Option<AgentSaid> {
        let id = self.text(names::AGENT_ID);
        let name = self.text(names::AGENT_NAME).or_else(|| id.clone())?;
        let role = self.text(names::AGENT_ROLE);
        Some(AgentSaid { id, name, role })
    }

    fn call(&mut self, client: Option<&Client>, kind: Option<SpanKind>) -> LlmCall {
        let of_client = |said: Option<&'static str>| said.map(str::to_owned);
        // Of what is no model call the kind says as much as the operation does.
        let operation = self
            .take(names::OPERATION, |operation| {
                let operation = operation.as_str()?;
                let says_so = kind == Some(SpanKind::Llm) || kind == kind_of_operation(operation);
                (kind.is_some() && says_so).then(|| operation.to_owned())
            })
            .filter(|_| kind == Some(SpanKind::Llm));
        let mut call = LlmCall {
            provider: self
                .text(names::PROVIDER)
                .or_else(|| of_client(client.and_then(|client| client.provider))),
            request_model: self.text(names::REQUEST_MODEL),
            model: self.text(names::RESPONSE_MODEL),
            operation: operation.or_else(|| of_client(client.and_then(|client| client.operation))),
            response_id: self.text(names::RESPONSE_ID),
            streaming: self.take(names::STREAM, yes_or_no).unwrap_or_default(),
            usage: self.usage(client.is_some_and(|client| client.reasoning_apart)),
            cost: self.cost(),
            parameters: self.parameters(),
            time_to_first_token: self.take(names::FIRST_TOKEN, nanos),
            ..LlmCall::default()
        };
        if kind != Some(SpanKind::Llm) && kind.is_some() {
            return call;
        }
        call.messages = self.prompt();
        call.completions = self.answer();
        let reasons = self
            .take(names::FINISH_REASONS, reasons)
            .unwrap_or_default();
        finish(&mut call.completions, reasons);
        call
    }

    fn usage(&mut self, reasoning_apart: bool) -> Option<Usage> {
        let (input, output) = (
            self.tokens(names::USAGE_INPUT),
            self.tokens(names::USAGE_OUTPUT),
        );
        // A total by itself says neither, and most often repeats what others say. What is left is a number that counts
        // nothing.
        let mut counts = names::USAGE_INPUT.iter().chain(names::USAGE_OUTPUT);
        let has_nonsense = counts.any(|name| self.0.get(*name).is_some_and(Value::is_number));
        if input.is_none() && output.is_none() || has_nonsense {
            return None;
        }
        let reasoning = self.tokens(names::REASONING).unwrap_or_default();
        let apart = if reasoning_apart { reasoning } else { 0 };
        Some(Usage {
            input: input.unwrap_or_default(),
            output: output.unwrap_or_default().saturating_add(apart),
            cache_read: self.tokens(names::CACHE_READ).unwrap_or_default(),
            cache_write: self.tokens(names::CACHE_WRITE).unwrap_or_default(),
            reasoning,
            total: self.tokens(names::USAGE_TOTAL).unwrap_or_default(),
            ..Usage::default()
        })
    }

    fn cost(&mut self) -> Option<Cost> {
        let total = self.take(names::COST, |usd| {
            let usd = usd.as_f64().or_else(|| usd.as_str()?.parse().ok())?;
            let nanos = (usd * 1e9).round();
            (0.0..1e18).contains(&nanos).then_some(nanos as i64)
        })?;
        Some(Cost {
            total,
            price_table: Some("provider".into()),
            ..Cost::default()
        })
    }

    fn parameters(&mut self) -> Map<String, Value> {
        let said = self.take(names::PARAMETERS, |said| match value::json(said.clone()) {
            Value::Object(parameters) => Some(parameters),
            _ => None,
        });
        let mut parameters = said.unwrap_or_default();
        let keys: Vec<String> = self
            .0
            .keys()
            .filter(|key| key.starts_with(names::PARAMETER))
            .cloned()
            .collect();
        for key in keys {
            if let Some(value) = self.0.remove(&key)
                && !value.is_null()
            {
                parameters.insert(key[names::PARAMETER.len()..].into(), of_debug(value));
            }
        }
        if let Some(tools) = self.json(names::TOOL_DEFINITIONS) {
            parameters.entry("tools").or_insert(tools);
        }
        parameters
    }

    fn prompt(&mut self) -> Vec<Message> {
        let flat = self
            .flat(names::FLAT_PROMPT)
            .map(|flat| flat.into_iter().map(message).collect());
        let said = self.json(names::PROMPT).map(prompt);
        let mut messages: Vec<Message> = said.or(flat).unwrap_or_default();
        if let Some(system) = self.json(names::SYSTEM)
            && messages.first().is_none_or(|first| first.role != "system")
        {
            let content = match system {
                Value::Array(parts) => parts.into_iter().map(part).collect(),
                other => vec![part(other)],
            };
            let role = "system".into();
            messages.insert(
                0,
                Message {
                    role,
                    content,
                    ..Message::default()
                },
            );
        }
        messages
    }

    fn answer(&mut self) -> Vec<Completion> {
        let flat = self
            .flat(names::FLAT_ANSWER)
            .map(|flat| flat.into_iter().map(completion).collect());
        let said = self.json(names::ANSWER).map(answer);
        said.or(flat).unwrap_or_default()
    }

    /// Messages whose every field is an attribute: `….0.role`, `….0.content`. In order, as one object each.
    fn flat(&mut self, starts: &[&str]) -> Option<Vec<Value>> {
        let mut found = None;
        for start in starts {
            let is_numbered = |key: &&String| {
                let rest = key.strip_prefix(start);
                rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
            };
            let keys: Vec<String> = self.0.keys().filter(is_numbered).cloned().collect();
            let mut tree = Tree::default();
            for key in keys {
                if let Some(value) = self.0.remove(&key) {
                    tree.insert(&key[start.len()..], value);
                }
            }
            let items = tree.items();
            if !items.is_empty() {
                found = found.or(Some(items));
            }
        }
        found
    }

    /// What went in and what came out. A model's are its messages, where they can be read as such.
    fn values(
        &mut self,
        kind: SpanKind,
        call: Option<&mut LlmCall>,
    ) -> (Option<Value>, Option<Value>) {
        if kind == SpanKind::Llm {
            let (input, output) = (self.json(names::INPUT), self.json(names::OUTPUT));
            let Some(call) = call else {
                return (input, output);
            };
            return (
                input.filter(|input| !understood(&mut call.messages, input, prompt)),
                output.filter(|output| !understood(&mut call.completions, output, answer)),
            );
        }
        let (arguments, result) = (
            self.json(names::TOOL_ARGUMENTS),
            self.json(names::TOOL_RESULT),
        );
        let (prompt, answer) = (self.json(names::PROMPT), self.json(names::ANSWER));
        let (input, output) = (self.json(names::INPUT), self.json(names::OUTPUT));
        (arguments.or(prompt).or(input), result.or(answer).or(output))
    }

    fn outcome(&mut self) -> (Status, Option<(String, String)>) {
        let code = self.text(names::ERROR_TYPE);
        let details = self.text(names::ERROR_MESSAGE);
        let status = self.take(names::STATUS, |status| {
            Some(match status.as_str()?.to_ascii_uppercase().as_str() {
                "OK" => Status::Ok,
                "ERROR" => Status::Error,
                _ => Status::Unset,
            })
        });
        let is_error = match status {
            Some(Status::Error) => true,
            Some(Status::Ok) => false,
            _ => code.is_some() || details.is_some(),
        };
        if !is_error {
            return (status.unwrap_or_default(), None);
        }
        let error = (
            code.unwrap_or_else(|| "error".into()),
            details.unwrap_or_default(),
        );
        (Status::Error, Some(error))
    }
}

/// Whether `read` makes something of what `said`, in the place of what is not there yet.
fn understood<T>(known: &mut Vec<T>, said: &Value, read: impl Fn(Value) -> Vec<T>) -> bool {
    if known.is_empty() {
        *known = read(said.clone());
    }
    !known.is_empty()
}

/// Whether anything came back.
fn is_answered(call: &LlmCall) -> bool {
    call.usage.is_some() || !call.completions.is_empty() || call.response_id.is_some()
}

/// Cached tokens are part of what went in; who counts them apart contradicts that where they are the more.
fn settle_usage(call: &mut LlmCall) {
    let Some(usage) = &mut call.usage else { return };
    let cached = usage.cache_read.saturating_add(usage.cache_write);
    if cached > usage.input {
        usage.input = usage.input.saturating_add(cached);
    }
    let sum = usage.input.saturating_add(usage.output);
    usage.total = usage.total.max(sum);
}

/// A prompt in any shape: that of the conventions, a provider's own, or words.
fn prompt(value: Value) -> Vec<Message> {
    match messages::prompt(value) {
        Ok(messages) => messages,
        Err(Value::String(words)) => vec![Message {
            role: "user".into(),
            content: vec![Part::Text(words)],
            ..Message::default()
        }],
        Err(other) => {
            let request = match other {
                Value::Array(messages) => {
                    Value::Object(Map::from_iter([("messages".into(), messages.into())]))
                }
                other => other,
            };
            recognise(Some(&request), None).map_or_else(Vec::new, |call| call.messages)
        }
    }
}

/// An answer in any shape.
fn answer(value: Value) -> Vec<Completion> {
    match messages::completions(value) {
        Ok(completions) => completions,
        Err(Value::String(words)) => vec![Completion {
            role: "assistant".into(),
            content: vec![Part::Text(words)],
            ..Completion::default()
        }],
        Err(Value::Array(said)) if said.iter().all(|said| said["role"].is_string()) => {
            said.into_iter().map(completion).collect()
        }
        Err(said) if said["role"].is_string() => vec![completion(said)],
        Err(other) => recognise(None, Some(&other)).map_or_else(Vec::new, |call| call.completions),
    }
}

/// Why each choice ended, in the order of choices; where none was said, that is all that is known of them.
fn finish(completions: &mut Vec<Completion>, reasons: Vec<String>) {
    for (at, reason) in reasons.into_iter().enumerate() {
        if at == completions.len() {
            completions.push(Completion {
                role: "assistant".into(),
                ..Completion::default()
            });
        }
        completions[at].finish_reason.get_or_insert(reason);
    }
}

/// A message of which every field was an attribute of its own.
fn message(mut fields: Value) -> Message {
    let choice = completion(fields.clone());
    Message {
        role: choice.role,
        name: take_text(inner(&mut fields), "name"),
        content: choice.content,
        tool_calls: choice.tool_calls,
        tool_call_id: take_text(inner(&mut fields), "tool_call_id"),
    }
}

fn completion(mut fields: Value) -> Completion {
    let fields = inner(&mut fields);
    let content = match (fields["content"].take(), fields["contents"].take()) {
        (Value::Null, Value::Array(parts)) | (Value::Array(parts), _) => {
            parts.into_iter().map(part).collect()
        }
        (Value::Null, _) => Vec::new(),
        (said, _) => vec![part(said)],
    };
    let requests = match fields["tool_calls"].take() {
        Value::Array(requests) => requests.into_iter().map(request).collect(),
        _ => Vec::new(),
    };
    Completion {
        role: take_text(fields, "role").unwrap_or_else(|| "assistant".into()),
        content,
        tool_calls: requests,
        finish_reason: take_text(fields, "finish_reason"),
    }
}

/// OpenInference has one more name between the number and the fields.
fn inner(fields: &mut Value) -> &mut Value {
    for between in ["message", "tool_call", "message_content"] {
        if fields.get(between).is_some_and(Value::is_object) {
            return &mut fields[between];
        }
    }
    if !fields.is_object() {
        *fields = Value::Object(Map::new());
    }
    fields
}

fn part(said: Value) -> Part {
    let mut said = match said {
        Value::String(words) => return Part::Text(words),
        other => other,
    };
    if let Some(content) = said.get_mut("message_content") {
        said = content.take();
    }
    let is_text = said["type"] == "text";
    for key in ["content", "text"] {
        if is_text && said[key].is_string() {
            return Part::Text(take_text(&mut said, key).unwrap_or_default());
        }
    }
    Part::Other(said)
}

fn request(mut said: Value) -> ToolRequest {
    let said = inner(&mut said);
    let id = take_text(said, "id");
    let of_function = said.get("function").is_some_and(Value::is_object);
    let function = if of_function {
        &mut said["function"]
    } else {
        said
    };
    ToolRequest {
        id,
        name: take_text(function, "name").unwrap_or_default(),
        arguments: value::json(function["arguments"].take()),
    }
}

fn take_text(fields: &mut Value, key: &str) -> Option<String> {
    value::text(fields.get_mut(key)?.take()).ok()
}

/// Dotted names become objects, numbers among them arrays.
#[derive(Default)]
struct Tree {
    value: Option<Value>,
    below: Vec<(String, Tree)>,
}

impl Tree {
    fn insert(&mut self, path: &str, value: Value) {
        let mut at = self;
        // Deeper than any message is, and no deeper than a stack.
        for name in path.splitn(16, '.') {
            let known = at.below.iter().position(|(known, _)| known == name);
            let place = known.unwrap_or_else(|| {
                at.below.push((name.into(), Self::default()));
                at.below.len() - 1
            });
            at = &mut at.below[place].1;
        }
        at.value = Some(value);
    }

    /// What stands under numbers, by number.
    fn items(self) -> Vec<Value> {
        let number = |(name, tree): (String, Self)| Some((name.parse::<u32>().ok()?, tree));
        let mut items: Vec<_> = self.below.into_iter().filter_map(number).collect();
        items.sort_by_key(|(number, _)| *number);
        items
            .into_iter()
            .map(|(_, tree)| tree.into_value())
            .collect()
    }

    fn into_value(self) -> Value {
        if self.below.is_empty() {
            return self.value.unwrap_or_default();
        }
        if self
            .below
            .iter()
            .all(|(name, _)| name.parse::<u32>().is_ok())
        {
            return Value::Array(self.items());
        }
        let fields = self
            .below
            .into_iter()
            .map(|(name, tree)| (name, tree.into_value()));
        Value::Object(fields.collect())
    }
}

/// A count of tokens: a number, or what `Debug` and `Display` make of one.
fn count(said: &Value) -> Option<u64> {
    match said {
        Value::String(text) => {
            let text = text
                .strip_prefix("Some(")
                .and_then(|text| text.strip_suffix(')'))
                .unwrap_or(text);
            text.parse().ok()
        }
        Value::Number(number) => {
            let whole = || number.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64);
            number.as_u64().or_else(whole)
        }
        _ => None,
    }
    .filter(|count| *count <= MOST)
}

fn yes_or_no(said: &Value) -> Option<bool> {
    said.as_bool().or_else(|| said.as_str()?.parse().ok())
}

/// Seconds as nanoseconds.
fn nanos(seconds: &Value) -> Option<u64> {
    let nanos = (seconds
        .as_f64()
        .or_else(|| seconds.as_str()?.parse().ok())?
        * 1e9)
        .round();
    (0.0..1e18).contains(&nanos).then_some(nanos as u64)
}

/// An array of words, one word, or either as text.
fn reasons(said: &Value) -> Option<Vec<String>> {
    if said.as_str() == Some("") {
        return None;
    }
    value::texts(value::json(said.clone())).ok()
}

/// What was an array before somebody formatted it is one again; words stay words.
fn of_debug(said: Value) -> Value {
    match &said {
        Value::String(text) if text.starts_with('[') => value::json(said),
        _ => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn said(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(fields) => fields,
            _ => panic!("an object"),
        }
    }

    #[track_caller]
    fn check(origin: (&str, &str), attributes: Value, expected: Reading) {
        let (scope, name) = origin;
        let origin = Origin { scope, name };
        let attributes = said(attributes);
        assert!(tells(origin, attributes.keys().map(String::as_str)));
        assert_eq!(read(origin, attributes), expected);
    }

    fn reading(kind: SpanKind) -> Reading {
        Reading {
            kind,
            name: None,
            call: None,
            tool: None,
            agent: None,
            input: None,
            output: None,
            status: Status::Unset,
            error: None,
            attributes: Map::new(),
        }
    }

    fn user(words: &str) -> Message {
        Message {
            role: "user".into(),
            content: vec![Part::Text(words.into())],
            ..Message::default()
        }
    }

    fn spoken(words: &str) -> Completion {
        Completion {
            role: "assistant".into(),
            content: vec![Part::Text(words.into())],
            ..Completion::default()
        }
    }

    fn used(input: u64, output: u64) -> Usage {
        Usage {
            input,
            output,
            total: input + output,
            ..Usage::default()
        }
    }

    #[test]
    fn the_conventions_of_today() {
        let request = ToolRequest {
            id: Some("c1".into()),
            name: "ls".into(),
            arguments: json!({"path": "."}),
        };
        let call = LlmCall {
            provider: Some("anthropic".into()),
            request_model: Some("claude-sonnet-4-5".into()),
            model: Some("claude-sonnet-4-5-20250929".into()),
            operation: Some("chat".into()),
            response_id: Some("msg_1".into()),
            streaming: true,
            messages: vec![
                Message {
                    role: "system".into(),
                    ..user("Be brief.")
                },
                user("Which files?"),
            ],
            completions: vec![Completion {
                tool_calls: vec![request],
                finish_reason: Some("tool_call".into()),
                ..spoken("Let me see.")
            }],
            usage: Some(Usage {
                cache_read: 80,
                cache_write: 10,
                reasoning: 5,
                ..used(100, 20)
            }),
            cost: Some(Cost {
                total: 1_500_000,
                price_table: Some("provider".into()),
                ..Cost::default()
            }),
            parameters: said(
                json!({"temperature": 0.5, "stop_sequences": ["END"], "tools": [{"name": "ls"}]}),
            ),
            time_to_first_token: Some(250_000_000),
            attempts: None,
            ..LlmCall::default()
        };
        let expected = Reading {
            call: Some(call),
            agent: Some(AgentSaid {
                id: Some("a1".into()),
                name: "librarian".into(),
                role: Some("finds files".into()),
            }),
            status: Status::Ok,
            attributes: said(
                json!({"server.address": "api.anthropic.com", "gen_ai.conversation.id": "conv"}),
            ),
            ..reading(SpanKind::Llm)
        };
        check(
            ("", "chat"),
            json!({
                "gen_ai.operation.name": "chat", "gen_ai.provider.name": "anthropic",
                "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.response.model": "claude-sonnet-4-5-20250929",
                "gen_ai.response.id": "msg_1", "gen_ai.request.stream": true, "gen_ai.request.temperature": 0.5,
                "gen_ai.request.stop_sequences": "[\"END\"]", "gen_ai.response.finish_reasons": ["tool_call"],
                "gen_ai.response.time_to_first_chunk": 0.25, "gen_ai.system_instructions": "[{\"type\":\"text\",\"content\":\"Be brief.\"}]",
                "gen_ai.input.messages": "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"content\":\"Which files?\"}]}]",
                "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Let me see."},
                    {"type": "tool_call", "id": "c1", "name": "ls", "arguments": {"path": "."}}]}],
                "gen_ai.tool.definitions": "[{\"name\":\"ls\"}]",
                "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20,
                "gen_ai.usage.cache_read.input_tokens": 80, "gen_ai.usage.cache_write.input_tokens": 10,
                "gen_ai.usage.cache_creation.input_tokens": 7, "gen_ai.usage.reasoning.output_tokens": 5,
                "gen_ai.usage.prompt_tokens": 1, "gen_ai.usage.cost": 0.0015, "gen_ai.agent.id": "a1", "gen_ai.agent.name": "librarian",
                "gen_ai.agent.description": "finds files", "server.address": "api.anthropic.com",
                "gen_ai.conversation.id": "conv", "otel.status_code": "OK",
            }),
            expected,
        );
    }

    #[test]
    fn the_conventions_of_yesterday() {
        let call = LlmCall {
            provider: Some("openai".into()),
            request_model: Some("gpt-4o".into()),
            operation: Some("chat".into()),
            messages: vec![
                user("hello"),
                Message {
                    role: "tool".into(),
                    content: vec![Part::Text("42".into())],
                    tool_call_id: Some("c0".into()),
                    ..Message::default()
                },
            ],
            completions: vec![Completion {
                tool_calls: vec![ToolRequest {
                    id: Some("c1".into()),
                    name: "ls".into(),
                    arguments: json!({}),
                }],
                finish_reason: Some("stop".into()),
                ..spoken("hi")
            }],
            usage: Some(Usage {
                cache_read: 1,
                ..used(3, 1)
            }),
            ..LlmCall::default()
        };
        let expected = Reading {
            call: Some(call),
            status: Status::Ok,
            ..reading(SpanKind::Llm)
        };
        check(
            ("opentelemetry.instrumentation.openai", "openai.chat"),
            json!({
                "llm.request.type": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o",
                "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "hello",
                "gen_ai.prompt.1.role": "tool", "gen_ai.prompt.1.content": "42", "gen_ai.prompt.1.tool_call_id": "c0",
                "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "hi",
                "gen_ai.completion.0.finish_reason": "stop",
                "gen_ai.completion.0.tool_calls.0.id": "c1", "gen_ai.completion.0.tool_calls.0.name": "ls",
                "gen_ai.completion.0.tool_calls.0.arguments": "{}",
                "gen_ai.usage.prompt_tokens": 3, "gen_ai.usage.completion_tokens": 1, "llm.usage.total_tokens": 4,
                "gen_ai.usage.cache_read_input_tokens": 1,
            }),
            expected,
        );
    }

    #[test]
    fn openinference() {
        let call = LlmCall {
            provider: Some("openai".into()),
            request_model: Some("gpt-4o".into()),
            messages: vec![user("hello"), user("there")],
            completions: vec![Completion {
                tool_calls: vec![ToolRequest {
                    id: Some("c1".into()),
                    name: "ls".into(),
                    arguments: json!({"path": "."}),
                }],
                ..Completion {
                    role: "assistant".into(),
                    ..Completion::default()
                }
            }],
            usage: Some(Usage {
                cache_read: 4,
                reasoning: 2,
                ..used(9, 3)
            }),
            parameters: said(json!({"temperature": 0})),
            ..LlmCall::default()
        };
        let expected = Reading {
            call: Some(call),
            status: Status::Ok,
            input: None,
            attributes: said(json!({"session.id": "s"})),
            ..reading(SpanKind::Llm)
        };
        check(
            ("", "ChatCompletion"),
            json!({
                "openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "llm.provider": "openai", "llm.system": "openai",
                "llm.invocation_parameters": "{\"temperature\":0}", "input.value": "hello", "session.id": "s",
                "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hello",
                "llm.input_messages.1.message.role": "user",
                "llm.input_messages.1.message.contents.0.message_content.type": "text",
                "llm.input_messages.1.message.contents.0.message_content.text": "there",
                "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "ls",
                "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": "{\"path\":\".\"}",
                "llm.token_count.prompt": 9, "llm.token_count.completion": 3, "llm.token_count.total": 12,
                "llm.token_count.prompt_details.cache_read": 4, "llm.token_count.completion_details.reasoning": 2,
            }),
            expected,
        );
        let tool = Reading {
            name: Some("ls".into()),
            tool: Some(ToolCall {
                name: "ls".into(),
                description: Some("lists".into()),
                ..ToolCall::default()
            }),
            input: Some(json!({"path": "."})),
            output: Some(json!("two")),
            status: Status::Ok,
            ..reading(SpanKind::Tool)
        };
        check(
            ("", "run"),
            json!({"openinference.span.kind": "TOOL", "tool.name": "ls", "tool.description": "lists",
                "input.value": "{\"path\":\".\"}", "output.value": "two"}),
            tool,
        );
    }

    #[test]
    fn langfuse() {
        let call = LlmCall {
            request_model: Some("gpt-4o".into()),
            messages: vec![user("hello")],
            completions: vec![spoken("hi")],
            usage: Some(Usage {
                cache_read: 1,
                ..used(3, 1)
            }),
            parameters: said(json!({"max_tokens": 5})),
            ..LlmCall::default()
        };
        let expected = Reading {
            name: Some("greet".into()),
            call: Some(call),
            status: Status::Ok,
            attributes: said(json!({"langfuse.trace.name": "t"})),
            ..reading(SpanKind::Llm)
        };
        check(
            ("", "span"),
            json!({
                "langfuse.observation.type": "generation", "langfuse.observation.name": "greet",
                "langfuse.observation.model.name": "gpt-4o", "langfuse.observation.model.parameters": "{\"max_tokens\":5}",
                "langfuse.observation.input": "[{\"role\":\"user\",\"content\":\"hello\"}]",
                "langfuse.observation.output": "{\"role\":\"assistant\",\"content\":\"hi\"}",
                "langfuse.observation.usage_details": "{\"input\":3,\"output\":1,\"input_cached_tokens\":1}",
                "langfuse.trace.name": "t",
            }),
            expected,
        );
        let failed = Reading {
            status: Status::Error,
            error: Some(("error".into(), "no route".into())),
            input: Some(json!({"n": 1})),
            ..reading(SpanKind::Chain)
        };
        check(
            ("swiftide", "step"),
            json!({"langfuse.type": "CHAIN", "langfuse.input": "{\"n\":1}", "langfuse.level": "ERROR",
                "langfuse.status_message": "no route"}),
            failed,
        );
    }

    #[test]
    fn traceloop_and_agentops() {
        let workflow = Reading {
            name: Some("research".into()),
            input: Some(json!([1])),
            output: Some(json!("done")),
            status: Status::Ok,
            ..reading(SpanKind::Workflow)
        };
        check(
            ("", "research.workflow"),
            json!({"traceloop.span.kind": "workflow", "traceloop.entity.name": "research",
                "traceloop.entity.input": "[1]", "traceloop.entity.output": "done"}),
            workflow,
        );
        let tool = Reading {
            name: Some("ls".into()),
            tool: Some(ToolCall {
                name: "ls".into(),
                ..ToolCall::default()
            }),
            input: Some(json!({"path": "."})),
            ..reading(SpanKind::Tool)
        };
        check(
            ("", "ls.tool"),
            json!({"agentops.span.kind": "tool", "agentops.entity.name": "ls", "agentops.entity.input": "{\"path\":\".\"}"}),
            tool,
        );
    }

    #[test]
    fn clients_with_names_of_their_own() {
        let call = LlmCall {
            provider: Some("ollama".into()),
            request_model: Some("qwen3".into()),
            operation: Some("chat".into()),
            usage: Some(used(7, 2)),
            ..LlmCall::default()
        };
        let expected = Reading {
            call: Some(call),
            status: Status::Ok,
            attributes: said(json!({"tool_calls": 0, "total_tokens": 9})),
            ..reading(SpanKind::Llm)
        };
        check(
            ("langchain_rust::llm", "llm.generate"),
            json!({"provider": "ollama", "model": "qwen3", "stream": false, "prompt_tokens": 7, "completion_tokens": 2,
                "total_tokens": 9, "tool_calls": 0}),
            expected,
        );
        let call = LlmCall {
            provider: Some("gcp.gemini".into()),
            operation: Some("generate_content".into()),
            usage: Some(Usage {
                cache_read: 5,
                reasoning: 6,
                ..used(20, 10)
            }),
            ..LlmCall::default()
        };
        let expected = Reading {
            call: Some(call),
            status: Status::Ok,
            attributes: said(json!({"messages.parts.count": 1})),
            ..reading(SpanKind::Llm)
        };
        check(
            ("gemini_rust::client", "generate_content_raw"),
            json!({"messages.parts.count": 1, "usage.prompt_tokens": "Some(20)", "usage.candidates_tokens": 4,
                "usage.thoughts_tokens": 6, "usage.cached_content_tokens": 5, "usage.total_tokens": 30}),
            expected,
        );
    }

    #[test]
    fn the_newest_name_of_several_counts() {
        let attributes = said(
            json!({"gen_ai.provider.name": "new", "gen_ai.system": "old", "llm.provider": "other",
            "gen_ai.operation.name": "execute_tool", "openinference.span.kind": "LLM", "gen_ai.tool.name": "a", "tool.name": "b"}),
        );
        let reading = read(Origin::default(), attributes);
        assert_eq!(
            (reading.kind, reading.name.as_deref()),
            (SpanKind::Tool, Some("a"))
        );
        assert_eq!(
            reading.call.and_then(|call| call.provider).as_deref(),
            Some("new")
        );
        assert_eq!(reading.attributes, Map::new());
        let ours =
            said(json!({"agentops.span.kind": "guardrail", "gen_ai.operation.name": "chat"}));
        assert_eq!(read(Origin::default(), ours).kind, SpanKind::Guardrail);
    }

    #[test]
    fn what_nobody_knows_stays() {
        let attributes = said(
            json!({"http.method": "GET", "llm.strange": [1], "openinference.span.kind": "SOMETHING",
            "gen_ai.operation.name": "dance", "agentops.span.kind": 7, "gen_ai.usage.input_tokens": "many"}),
        );
        let expected = Reading {
            attributes: attributes.clone(),
            ..reading(SpanKind::Unknown)
        };
        assert_eq!(read(Origin::default(), attributes), expected);
    }

    #[test]
    fn ordinary_spans_tell_nothing() {
        let tells = |name: &str, keys: &[&str]| {
            let scope = "hyper::client";
            tells(Origin { scope, name }, keys.iter().copied())
        };
        assert!(!tells(
            "request",
            &["http.method", "model", "tool", "prompt_tokens", "llm"]
        ));
        assert!(
            !tells("generate_content_raw", &["model"]),
            "it is another crate's"
        );
        assert!(!tells("tool.call", &["name"]));
        assert!(tells("tool.call", &["tool"]));
        assert!(tells("anything", &["x", "gen_ai.tool.name"]));
    }

    #[test]
    fn counts_are_settled_and_never_guessed() {
        let usage = |attributes: Value| {
            let call = read(Origin::default(), said(attributes)).call;
            call.and_then(|call| call.usage)
        };
        assert_eq!(
            usage(json!({"gen_ai.operation.name": "chat", "gen_ai.usage.total_tokens": 5})),
            None
        );
        assert_eq!(usage(json!({"gen_ai.usage.input_tokens": -1})), None);
        let apart =
            json!({"gen_ai.usage.input_tokens": 3, "gen_ai.usage.cache_read.input_tokens": 90});
        assert_eq!(
            usage(apart).map(|usage| (usage.input, usage.total)),
            Some((93, 93))
        );
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "[a-z\\[\\]{}\":,0-9]{0,12}".prop_map(Value::from),
            Just(Value::from(
                "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\"},3,{\"type\":\"tool_call\"}]}]"
            )),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let key = prop_oneof![
                Just("role"),
                Just("content"),
                Just("message"),
                Just("function"),
                Just("tool_calls")
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::vec((key, inner), 0..3).prop_map(|pairs| pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()),
            ]
        })
    }

    fn any_key() -> impl Strategy<Value = String> {
        let known: Vec<&str> = [
            names::OPERATION,
            names::KIND,
            names::NAME,
            names::INPUT,
            names::OUTPUT,
            names::SYSTEM,
            names::PROMPT,
            names::ANSWER,
            names::PARAMETERS,
            names::USAGE_INPUT,
            names::USAGE_OUTPUT,
            names::CACHE_READ,
            names::USAGE_DETAILS,
            names::COST,
            names::FINISH_REASONS,
            names::TOOL_NAME,
            names::ERROR_TYPE,
            names::FIRST_TOKEN,
        ]
        .concat();
        let flat = "(gen_ai\\.(prompt|completion)|llm\\.(in|out)put_messages)\\.[0-9]\\.(message|role|content|tool_calls)(\\.[0-9]\\.(tool_call|id|name))?";
        prop_oneof![
            proptest::sample::select(known).prop_map(str::to_owned),
            flat
        ]
    }

    proptest! {
        #[test]
        fn nothing_panics_on_any_attributes(pairs in proptest::collection::vec((any_key(), any_value()), 0..12)) {
            let attributes: Map<String, Value> = pairs.into_iter().collect();
            for name in ["llm.generate", "x"] {
                let _ = read(Origin { scope: "", name }, attributes.clone());
            }
        }
    }
}
