//! Google's Gemini: `generateContent`, its streams and its embeddings, as the Gemini API and Vertex AI answer them.
//!
//! Names are read as the API writes them (`usageMetadata`) and as Rust's fields are called (`usage_metadata`), for
//! clients serialise both, at times in one body. The model of a request stands in its address, so that it is known
//! only where the function was given it; the model that answered is always said.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Seen, count, is_nonsense, nearest, openai, owned, text};
use crate::model::llm::{Completion, LlmCall, Message, Part, ToolRequest, Usage};

type Fields = Map<String, Value>;

/// A field's name in the API, and in Rust.
type Names = [&'static str; 2];

const SYSTEM_INSTRUCTION: Names = ["systemInstruction", "system_instruction"];
const GENERATION_CONFIG: Names = ["generationConfig", "generation_config"];
const SERVICE_TIER: Names = ["serviceTier", "service_tier"];
const FUNCTION_CALL: Names = ["functionCall", "function_call"];
const FUNCTION_RESPONSE: Names = ["functionResponse", "function_response"];
const PARTIAL_ARGS: Names = ["partialArgs", "partial_args"];
const WILL_CONTINUE: Names = ["willContinue", "will_continue"];
const JSON_PATH: Names = ["jsonPath", "json_path"];
const FINISH_REASON: Names = ["finishReason", "finish_reason"];
const FINISH_MESSAGE: Names = ["finishMessage", "finish_message"];
const PROMPT_FEEDBACK: Names = ["promptFeedback", "prompt_feedback"];
const BLOCK_REASON: Names = ["blockReason", "block_reason"];
const BLOCK_REASON_MESSAGE: Names = ["blockReasonMessage", "block_reason_message"];
const USAGE_METADATA: Names = ["usageMetadata", "usage_metadata"];
const TRAFFIC_TYPE: Names = ["trafficType", "traffic_type"];
const CREATE_TIME: Names = ["createTime", "create_time"];
const MODEL_VERSION: Names = ["modelVersion", "model_version"];
const RESPONSE_ID: Names = ["responseId", "response_id"];
const GROUNDING_METADATA: Names = ["groundingMetadata", "grounding_metadata"];
const WEB_SEARCH_QUERIES: Names = ["webSearchQueries", "web_search_queries"];
const TASK_TYPE: Names = ["taskType", "task_type"];

/// What of a request is a parameter beside the generation's configuration, all of which is.
const PARAMETERS: [Names; 11] = [
    ["cachedContent", "cached_content"],
    ["labels", "labels"],
    ["maxOutputTokens", "max_output_tokens"],
    ["outputDimensionality", "output_dimensionality"],
    ["safetySettings", "safety_settings"],
    TASK_TYPE,
    ["temperature", "temperature"],
    ["toolConfig", "tool_config"],
    ["tools", "tools"],
    ["topK", "top_k"],
    ["topP", "top_p"],
];

/// Recognises content that is generated or embedded, by its request, its response, or both.
pub(super) fn content(seen: &Seen<'_>) -> Option<LlmCall> {
    let own = seen.response.and_then(Answer::find);
    let embedded = own.as_ref().map(|own| own.embeds);
    let request = seen
        .request
        .and_then(|request| Request::find(request, embedded == Some(true)));
    // A single content with a model beside it may be asked for either.
    let embeds = embedded
        .or(request.as_ref().map(|request| request.embeds))
        .unwrap_or_default();
    let answer = match (own, &request, seen.response) {
        (None, None, _) => return None,
        (None, Some(_), _) if !seen.by_request => return None,
        (None, Some(_), Some(response)) => Answer::part(response),
        (own, ..) => own.unwrap_or_default(),
    };
    let mut call = request.as_ref().map(Request::call).unwrap_or_default();
    // The tier that was granted is the one that is paid for.
    if let (Some(asked), Some(granted)) = (call.parameters.get_mut(SERVICE_TIER[1]), answer.tier) {
        *asked = granted.into();
    }
    // A body has no model where its address has one.
    let request_model = call.request_model.or_else(|| asked_for(seen.request?));
    let is_vertex = answer.is_vertex || request_model.as_deref().is_some_and(is_path_of_vertex);
    let provider = if is_vertex {
        "gcp.vertex_ai"
    } else {
        "gcp.gemini"
    };
    Some(LlmCall {
        provider: Some(provider.into()),
        operation: Some(if embeds { "embeddings" } else { "chat" }.into()),
        model: answer.model.as_deref().map(model),
        request_model: request_model.as_deref().map(model),
        response_id: answer.id,
        streaming: answer.streamed,
        completions: answer.completions,
        usage: answer.usage,
        ..call
    })
}

/// A model without the path to it: `models/…`, `projects/…/publishers/google/models/…`; other resources keep theirs.
fn model(name: &str) -> String {
    let path = name.rsplit_once('/');
    let model = path.filter(|(path, _)| *path == "models" || path.ends_with("/models"));
    model.map_or(name, |(_, model)| model).to_owned()
}

/// Vertex AI has models in projects, and of several publishers.
fn is_path_of_vertex(model: &str) -> bool {
    model.starts_with("projects/") || model.starts_with("publishers/")
}

/// The model that a function was given beside the body.
fn asked_for(arguments: &Value) -> Option<String> {
    let arguments = arguments.as_object()?;
    owned(arguments, "model").or_else(|| owned(arguments, "model_name"))
}

/// What was asked.
struct Request<'a> {
    /// The body, or the arguments of a function that makes one.
    body: Option<&'a Fields>,
    /// What went in, one after another.
    contents: Vec<&'a Value>,
    /// As it is written, path and all.
    model: Option<&'a str>,
    embeds: bool,
}

impl<'a> Request<'a> {
    fn find(value: &'a Value, embeds: bool) -> Option<Self> {
        nearest(value, Self::generation)
            .or_else(|| nearest(value, Self::embedding))
            .or_else(|| {
                let contents = nearest(value, |value| {
                    let contents = value.as_array()?;
                    contents.first().filter(|first| is_message(first))?;
                    Some(contents.iter().collect())
                })?;
                Some(Self::new(value.as_object(), contents))
            })
            .or_else(|| nearest(value, Self::instances).filter(|_| embeds))
    }

    fn new(body: Option<&'a Fields>, contents: Vec<&'a Value>) -> Self {
        Self {
            body,
            contents,
            model: body.and_then(|body| text(body, "model")),
            embeds: false,
        }
    }

    /// `{"contents": [{"role": "user", "parts": […]}], …}`, or a single one.
    fn generation(value: &'a Value) -> Option<Self> {
        let body = value.as_object()?;
        let contents = match body.get("contents")? {
            Value::Array(contents) => contents.iter().collect(),
            one => vec![one],
        };
        contents.first().filter(|first| is_message(first))?;
        Some(Self::new(Some(body), contents))
    }

    /// `{"content": {"parts": […]}, "taskType": …}`, or `requests` with several of these.
    fn embedding(value: &'a Value) -> Option<Self> {
        let one = |value: &'a Value| {
            let body = value.as_object()?;
            let content = body.get("content").filter(|content| is_content(content))?;
            let is_request = body.contains_key("model") || field(body, TASK_TYPE).is_some();
            is_request.then(|| Self::new(Some(body), vec![content]))
        };
        let several = |value: &'a Value| {
            let requests = value.get("requests")?.as_array()?;
            let first = one(requests.first()?)?;
            let contents = requests.iter().filter_map(|request| request.get("content"));
            Some(Self {
                contents: contents.collect(),
                ..first
            })
        };
        Some(Self {
            embeds: true,
            ..one(value).or_else(|| several(value))?
        })
    }

    /// What Vertex AI's older models are given: `{"instances": [{"content": "…"}], "parameters": …}`.
    fn instances(value: &'a Value) -> Option<Self> {
        let body = value.as_object()?;
        let instances = body.get("instances")?.as_array()?;
        let contents = instances
            .iter()
            .filter_map(|instance| instance.get("content"));
        Some(Self {
            embeds: true,
            ..Self::new(Some(body), contents.collect())
        })
    }

    fn call(&self) -> LlmCall {
        let field = |names| field(self.body?, names);
        let mut messages = Vec::new();
        if let Some(instruction) = field(SYSTEM_INSTRUCTION) {
            push_messages(instruction, Some("system"), &mut messages);
        }
        for content in &self.contents {
            push_messages(content, None, &mut messages);
        }
        let config = [GENERATION_CONFIG, ["parameters"; 2]].into_iter();
        let config = config
            .filter_map(|names| field(names)?.as_object())
            .flatten()
            .map(|(name, value)| (name.as_str(), value));
        let others = PARAMETERS.iter().flat_map(|[name, snake]| {
            [name, snake]
                .into_iter()
                .filter_map(|name| Some((*name, self.body?.get(*name)?)))
        });
        // Prices know the tier by one name.
        let tier = field(SERVICE_TIER).map(|tier| (SERVICE_TIER[1], tier));
        let parameters = config
            .chain(others)
            .chain(tier)
            .filter(|(_, value)| !value.is_null());
        LlmCall {
            request_model: self.model.map(str::to_owned),
            messages,
            parameters: parameters
                .map(|(name, value)| (name.to_owned(), value.clone()))
                .collect(),
            ..LlmCall::default()
        }
    }
}

/// Content has parts. Other shapes have them too, but of theirs each has a `type`.
fn is_content(value: &Value) -> bool {
    let part = match value.get("parts") {
        Some(Value::Array(parts)) => parts.first(),
        one => one,
    };
    part.is_some_and(|part| part.is_object() && part.get("type").is_none())
}

/// Content, or a client's message, which has it inside and the role beside it.
fn is_message(value: &Value) -> bool {
    is_content(value) || value.get("role").is_some() && value.get("content").is_some_and(is_content)
}

// What requests and answers have in common.

/// A field by either of its names.
fn field(fields: &Fields, [name, snake]: Names) -> Option<&Value> {
    let known = |name| fields.get(name).filter(|value: &&Value| !value.is_null());
    known(name).or_else(|| known(snake))
}

/// A field that has text in it, by either of its names.
fn words(fields: &Fields, names: Names) -> Option<&str> {
    field(fields, names)?
        .as_str()
        .filter(|text| !text.is_empty())
}

/// A piece of content, by what a record makes of it.
enum Piece<'a> {
    Said(Part),
    Wants(&'a Fields),
    Answers(Message),
}

/// What is in it, one after another; also where content is but text, or has but one part.
fn pieces(content: &Value) -> impl Iterator<Item = Piece<'_>> {
    let parts = match content.get("parts") {
        Some(Value::Array(parts)) => parts.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None if content.is_string() => std::slice::from_ref(content),
        None => &[],
    };
    parts.iter().filter_map(piece)
}

fn piece(part: &Value) -> Option<Piece<'_>> {
    let other = || Some(Piece::Said(Part::Other(part.clone())));
    let fields = match part {
        Value::Null => return None,
        Value::String(text) => return Some(Piece::Said(Part::Text(text.clone()))),
        Value::Object(fields) => fields,
        _ => return other(),
    };
    if let Some(Value::Object(call)) = field(fields, FUNCTION_CALL) {
        return Some(Piece::Wants(call));
    }
    if let Some(Value::Object(answer)) = field(fields, FUNCTION_RESPONSE) {
        return Some(Piece::Answers(tool_answer(answer)));
    }
    if let Some(text) = owned(fields, "text") {
        let thought = fields.get("thought") == Some(&Value::Bool(true));
        let part = if thought { Part::Reasoning } else { Part::Text };
        return Some(Piece::Said(part(text)));
    }
    // A signature of thoughts comes without words at times, and says nothing to a reader.
    const SILENT: [&str; 4] = ["text", "thought", "thoughtSignature", "thought_signature"];
    if fields.keys().all(|key| SILENT.contains(&key.as_str())) {
        return None;
    }
    other()
}

fn tool_request(call: &Fields) -> ToolRequest {
    ToolRequest {
        id: owned(call, "id"),
        name: owned(call, "name").unwrap_or_default(),
        arguments: call.get("args").cloned().unwrap_or_default(),
    }
}

/// Adds a piece of an argument at its place; text goes on with what is there.
fn put_argument(arguments: &mut Value, piece: &Fields) {
    const VALUES: [Names; 3] = [
        ["stringValue", "string_value"],
        ["numberValue", "number_value"],
        ["boolValue", "bool_value"],
    ];
    let place = words(piece, JSON_PATH).and_then(|path| place_of(arguments, path));
    let Some(place) = place else {
        return;
    };
    match (place, VALUES.iter().find_map(|names| field(piece, *names))) {
        (Value::String(said), Some(Value::String(more))) => said.push_str(more),
        (place, Some(value)) => *place = value.clone(),
        (_, None) => {}
    }
}

/// The place that a path names, as `$.cities[0].name`, made where it is not yet there; `None` for other paths.
fn place_of<'a>(arguments: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let mut place = arguments;
    let mut rest = path.strip_prefix('$')?;
    for _ in 0..PATH_DEPTH {
        if rest.is_empty() {
            return Some(place);
        }
        if let Some(inside) = rest.strip_prefix('[') {
            let (step, after) = inside.split_once(']')?;
            rest = after;
            let Ok(at) = step.parse::<usize>() else {
                place = member(place, step.trim_matches(['\'', '"']))?;
                continue;
            };
            if place.is_null() {
                *place = Value::Array(Vec::new());
            }
            let items = place.as_array_mut()?;
            // Items come one after another.
            if at == items.len() {
                items.push(Value::Null);
            }
            place = items.get_mut(at)?;
        } else {
            let name = rest.strip_prefix('.')?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            place = member(place, &name[..end])?;
            rest = &name[end..];
        }
    }
    None
}

/// How deep an argument may be, as JSON that is nested without end cannot be dropped again.
const PATH_DEPTH: usize = 64;

fn member<'a>(object: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    if object.is_null() {
        *object = Value::Object(Fields::new());
    }
    Some(object.as_object_mut()?.entry(name).or_insert(Value::Null))
}

/// What a function returned: an object of any shape, and since Gemini 3 images and the like.
fn tool_answer(answer: &Fields) -> Message {
    let response = match answer.get("response") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(Part::Text(text.clone())),
        Some(other) => Some(Part::Other(other.clone())),
    };
    let parts = answer.get("parts").and_then(Value::as_array);
    let parts = parts.into_iter().flatten().cloned().map(Part::Other);
    Message {
        role: "tool".into(),
        name: owned(answer, "name"),
        content: response.into_iter().chain(parts).collect(),
        tool_call_id: owned(answer, "id"),
        ..Message::default()
    }
}

/// The messages in one content: what tools returned is a message for each.
fn push_messages(value: &Value, role: Option<&str>, messages: &mut Vec<Message>) {
    let content = value
        .get("content")
        .filter(|inner| is_content(inner))
        .unwrap_or(value);
    let own = || {
        [content, value]
            .into_iter()
            .find_map(|value| value.get("role")?.as_str())
    };
    let mut message = Message {
        role: role.or_else(own).map_or("user".into(), as_role),
        ..Message::default()
    };
    let before = messages.len();
    for piece in pieces(content) {
        match piece {
            Piece::Said(part) => message.content.push(part),
            Piece::Wants(call) => message.tool_calls.push(tool_request(call)),
            Piece::Answers(answer) => messages.push(answer),
        }
    }
    let has_words = !message.content.is_empty() || !message.tool_calls.is_empty();
    if has_words || messages.len() == before {
        messages.push(message);
    }
}

fn as_role(role: &str) -> String {
    match role {
        "model" | "MODEL" | "Model" => "assistant".into(),
        "function" => "tool".into(),
        other => other.to_ascii_lowercase(),
    }
}

// The answer.

/// What a response tells.
#[derive(Default)]
struct Answer {
    is_vertex: bool,
    tier: Option<String>,
    id: Option<String>,
    model: Option<String>,
    streamed: bool,
    embeds: bool,
    completions: Vec<Completion>,
    usage: Option<Usage>,
}

impl Answer {
    /// What can be nobody else's answer.
    fn find(response: &Value) -> Option<Self> {
        let candidate = || {
            Some(Self {
                completions: vec![nearest(response, as_candidate)?],
                usage: counts(response),
                ..Self::default()
            })
        };
        nearest(response, as_embeddings)
            .or_else(|| nearest(response, as_stream))
            .or_else(|| nearest(response, as_response))
            .or_else(candidate)
    }

    /// What a function kept of the answer to a request. This may be anybody's JSON.
    fn part(response: &Value) -> Self {
        let completion = nearest(response, as_reply).or_else(|| openai::as_words(response));
        Self {
            completions: completion.into_iter().collect(),
            usage: counts(response),
            ..Self::default()
        }
    }

    /// Reads responses in the order in which they came: one, or the chunks of a stream.
    fn of<'a>(chunks: impl Iterator<Item = &'a Fields>, streamed: bool) -> Self {
        let mut answer = Self {
            streamed,
            ..Self::default()
        };
        let mut choices = BTreeMap::<u64, Choice>::new();
        let mut block = None;
        let mut queries = BTreeSet::new();
        for chunk in chunks {
            answer.read_head(chunk);
            block = field(chunk, PROMPT_FEEDBACK).and_then(blocked).or(block);
            for (at, candidate) in candidates(chunk).enumerate() {
                let index = count(candidate.get("index")).unwrap_or(at as u64);
                choices.entry(index).or_default().push(candidate, streamed);
                queries.extend(searched(candidate));
            }
        }
        if let Some(usage) = &mut answer.usage {
            usage.web_searches = searches(answer.model.as_deref(), &queries);
        }
        answer.completions = choices.into_values().map(Choice::finish).collect();
        if answer.completions.is_empty() {
            answer.completions.extend(block);
        }
        answer
    }

    /// Reads what stands around the candidates. Counts grow as a stream goes on; the last ones are those of the whole.
    fn read_head(&mut self, head: &Fields) {
        let some = |known: &mut Option<String>, names| {
            if known.is_none() {
                *known = words(head, names).map(str::to_owned);
            }
        };
        some(&mut self.id, RESPONSE_ID);
        some(&mut self.model, MODEL_VERSION);
        self.is_vertex |= field(head, CREATE_TIME).is_some();
        if let Some(Value::Object(counts)) = field(head, USAGE_METADATA) {
            self.is_vertex |= field(counts, TRAFFIC_TYPE).is_some();
            self.usage = usage(counts).or(self.usage);
            let tier = words(counts, SERVICE_TIER).map(str::to_ascii_lowercase);
            self.tier = tier.or(self.tier.take());
        }
    }
}

/// `{"candidates": [{"content": …}], "usageMetadata": …}`.
fn as_response(value: &Value) -> Option<Answer> {
    let head = value.as_object().filter(|head| is_response(head))?;
    Some(Answer::of([head].into_iter(), false))
}

/// Responses that make up one answer, and errors among them.
fn as_stream(value: &Value) -> Option<Answer> {
    fn inside(item: &Value) -> &Value {
        item.get("Ok").unwrap_or(item)
    }
    let items = value.as_array()?;
    let chunk = |item| inside(item).as_object().filter(|chunk| is_response(chunk));
    let error = |item: &Value| item.get("Err").is_some() || item.get("error").is_some();
    let first = items.iter().take(super::GLANCE).find_map(chunk)?;
    let id = field(first, RESPONSE_ID);
    // Answers to several requests each have an id of their own.
    let belongs = |item| match chunk(item) {
        Some(chunk) => field(chunk, RESPONSE_ID).is_none_or(|other| id == Some(other)),
        None => error(item),
    };
    let is_one = items.iter().all(belongs);
    is_one.then(|| Answer::of(items.iter().filter_map(chunk), true))
}

fn is_response(head: &Fields) -> bool {
    let object = |names| field(head, names).and_then(Value::as_object);
    let is_candidate = |candidate: &Fields| {
        candidate.get("content").is_some_and(Value::is_object)
            || words(candidate, FINISH_REASON).is_some() && !candidate.contains_key("message")
    };
    candidates(head).next().is_some_and(is_candidate)
        || object(PROMPT_FEEDBACK).is_some_and(|it| words(it, BLOCK_REASON).is_some())
        || object(USAGE_METADATA).is_some_and(|counts| {
            words(head, MODEL_VERSION).is_some() || field(counts, PROMPT_TOKENS).is_some()
        })
}

fn candidates(head: &Fields) -> impl Iterator<Item = &Fields> {
    let candidates = head.get("candidates").and_then(Value::as_array);
    candidates
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
}

/// What Google was asked for a candidate.
fn searched(candidate: &Fields) -> impl Iterator<Item = &str> {
    let grounds = field(candidate, GROUNDING_METADATA).and_then(Value::as_object);
    let queries = grounds.and_then(|grounds| field(grounds, WEB_SEARCH_QUERIES)?.as_array());
    queries.into_iter().flatten().filter_map(Value::as_str)
}

/// How many searches Google counts: each that differs, and up to Gemini 2.5 one for a prompt, however many it took.
pub(super) fn searches(model: Option<&str>, queries: &BTreeSet<&str>) -> u64 {
    let differing = queries.iter().filter(|query| !query.is_empty()).count() as u64;
    let name = model.map(self::model).unwrap_or_default();
    let is_old = name.starts_with("gemini-1") || name.starts_with("gemini-2");
    if is_old { differing.min(1) } else { differing }
}

/// A prompt that was not let through has no answer but the reason.
fn blocked(feedback: &Value) -> Option<Completion> {
    let feedback = feedback.as_object()?;
    let reason = words(feedback, BLOCK_REASON)?;
    let why = words(feedback, BLOCK_REASON_MESSAGE).map(|why| Part::Refusal(why.into()));
    Some(Completion {
        role: "assistant".into(),
        content: why.into_iter().collect(),
        finish_reason: Some(reason.into()),
        ..Completion::default()
    })
}

/// A candidate without the response around it.
fn as_candidate(value: &Value) -> Option<Completion> {
    let candidate = value.as_object()?;
    let is_candidate = candidate.get("content").is_some_and(is_content)
        && words(candidate, FINISH_REASON).is_some();
    is_candidate.then(|| {
        let mut choice = Choice::default();
        choice.push(candidate, false);
        choice.finish()
    })
}

/// Content without the candidate around it; of several, the last.
fn as_reply(value: &Value) -> Option<Completion> {
    let reply = |value: &Value| {
        let said_by = value.get("role").and_then(Value::as_str).map(as_role);
        let is_reply = is_content(value) && said_by.is_none_or(|role| role == "assistant");
        is_reply.then(|| {
            let mut choice = Choice::default();
            choice.push_content(value, false);
            choice.finish()
        })
    };
    match value {
        Value::Array(items) => items.iter().rev().find_map(reply),
        value => reply(value),
    }
}

/// A choice, of one piece or put together again from several.
#[derive(Default)]
struct Choice {
    content: Vec<Part>,
    tool_calls: Vec<ToolRequest>,
    finish_reason: Option<String>,
    why: Option<String>,
    /// Whether more arguments of the last tool are to come.
    continues: bool,
}

impl Choice {
    /// Of a stream, words go on with the last ones.
    fn push(&mut self, candidate: &Fields, streamed: bool) {
        let known = |names| words(candidate, names).map(str::to_owned);
        self.finish_reason = known(FINISH_REASON).or(self.finish_reason.take());
        self.why = known(FINISH_MESSAGE).or(self.why.take());
        if let Some(content) = candidate.get("content") {
            self.push_content(content, streamed);
        }
    }

    fn push_content(&mut self, content: &Value, streamed: bool) {
        for piece in pieces(content) {
            match piece {
                Piece::Said(part) => self.push_part(part, streamed),
                Piece::Wants(call) => self.push_tool(call),
                Piece::Answers(answer) => self.content.extend(answer.content),
            }
        }
    }

    /// Vertex AI may send the arguments one by one, and these in pieces; only the first of them has the tool's name.
    fn push_tool(&mut self, call: &Fields) {
        if !self.continues || text(call, "name").is_some() {
            self.tool_calls.push(tool_request(call));
        }
        let pieces = field(call, PARTIAL_ARGS).and_then(Value::as_array);
        if let Some(tool) = self.tool_calls.last_mut() {
            for piece in pieces.into_iter().flatten().filter_map(Value::as_object) {
                put_argument(&mut tool.arguments, piece);
            }
        }
        self.continues = field(call, WILL_CONTINUE) == Some(&Value::Bool(true));
    }

    fn push_part(&mut self, part: Part, streamed: bool) {
        let last = self.content.last_mut().filter(|_| streamed);
        match (last, part) {
            (Some(Part::Text(said)), Part::Text(more))
            | (Some(Part::Reasoning(said)), Part::Reasoning(more)) => said.push_str(&more),
            (_, part) => self.content.push(part),
        }
    }

    fn finish(self) -> Completion {
        let why = self.why.map(Part::Refusal);
        Completion {
            role: "assistant".into(),
            content: self.content.into_iter().chain(why).collect(),
            tool_calls: self.tool_calls,
            finish_reason: self.finish_reason,
        }
    }
}

/// Vectors under `embedding`, `embeddings`, or, of Vertex AI's older models, `predictions`.
fn as_embeddings(value: &Value) -> Option<Answer> {
    let head = value.as_object()?;
    let is_vector = |value: &Value| value.get("values").is_some_and(Value::is_array);
    let first = |key: &str| head.get(key).and_then(Value::as_array)?.first();
    let prediction = |value: &Value| value.get("embeddings").is_some_and(is_vector);
    if head.get("embedding").is_some_and(is_vector) || first("embeddings").is_some_and(is_vector) {
        let mut answer = Answer::default();
        answer.read_head(head);
        return Some(Answer {
            embeds: true,
            ..answer
        });
    }
    first("predictions").filter(|first| prediction(first))?;
    let predictions = head.get("predictions").and_then(Value::as_array)?;
    let tokens = predictions
        .iter()
        .map(|prediction| count(prediction.pointer("/embeddings/statistics/token_count")));
    // A sum of some would be too little.
    let tokens: Option<Vec<_>> = tokens.collect();
    let usage = tokens.map(|tokens| {
        let input = tokens.into_iter().fold(0, u64::saturating_add);
        Usage {
            input,
            total: input,
            ..Usage::default()
        }
    });
    Some(Answer {
        is_vertex: true,
        embeds: true,
        usage,
        ..Answer::default()
    })
}

// What it took.

const PROMPT_TOKENS: Names = ["promptTokenCount", "prompt_token_count"];
const CANDIDATES_TOKENS: Names = ["candidatesTokenCount", "candidates_token_count"];
const THOUGHTS_TOKENS: Names = ["thoughtsTokenCount", "thoughts_token_count"];
const TOOL_USE_TOKENS: Names = ["toolUsePromptTokenCount", "tool_use_prompt_token_count"];
const CACHED_TOKENS: Names = ["cachedContentTokenCount", "cached_content_token_count"];
const PROMPT_DETAILS: Names = ["promptTokensDetails", "prompt_tokens_details"];
const CACHE_DETAILS: Names = ["cacheTokensDetails", "cache_tokens_details"];
const CANDIDATES_DETAILS: Names = ["candidatesTokensDetails", "candidates_tokens_details"];
const TOTAL_TOKENS: Names = ["totalTokenCount", "total_token_count"];

/// The object `usageMetadata`. The total is the sum of prompt, tools' prompts, candidates and thoughts, each counted
/// apart; what was cached is part of the prompt.
fn usage(counts: &Fields) -> Option<Usage> {
    let number = |names| count(field(counts, names));
    let (prompt, said) = (number(PROMPT_TOKENS), number(CANDIDATES_TOKENS));
    let thought = number(THOUGHTS_TOKENS);
    let is_said = prompt.is_some() || said.is_some() || thought.is_some();
    let parts = [
        PROMPT_TOKENS,
        CANDIDATES_TOKENS,
        THOUGHTS_TOKENS,
        TOOL_USE_TOKENS,
    ];
    if !is_said || is_nonsense(counts, parts.as_flattened()) {
        return None;
    }
    let sum = |one: Option<u64>, other: Option<u64>| {
        one.unwrap_or_default()
            .saturating_add(other.unwrap_or_default())
    };
    let input = sum(prompt, number(TOOL_USE_TOKENS));
    let output = sum(said, thought);
    Some(Usage {
        input,
        output,
        cache_read: number(CACHED_TOKENS).unwrap_or_default(),
        reasoning: thought.unwrap_or_default(),
        input_audio: of_audio(field(counts, PROMPT_DETAILS)),
        cache_read_audio: of_audio(field(counts, CACHE_DETAILS)),
        output_audio: of_audio(field(counts, CANDIDATES_DETAILS)),
        total: number(TOTAL_TOKENS).unwrap_or(input.saturating_add(output)),
        ..Usage::default()
    })
}

/// What of a count was heard or said aloud: `[{"modality": "AUDIO", "tokenCount": …}]`.
fn of_audio(details: Option<&Value>) -> u64 {
    let details = details.and_then(Value::as_array);
    let details = details.into_iter().flatten().filter_map(Value::as_object);
    details
        .filter(|detail| text(detail, "modality") == Some("AUDIO"))
        .filter_map(|detail| count(field(detail, ["tokenCount", "token_count"])))
        .fold(0, u64::saturating_add)
}

/// Counts without the response around them.
fn counts(response: &Value) -> Option<Usage> {
    nearest(response, |value| usage(value.as_object()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::recognise::recognise;

    fn said(text: &str) -> Vec<Part> {
        vec![Part::Text(text.into())]
    }

    fn response(text: &str) -> Value {
        json!({
            "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
            "modelVersion": "gemini-2.5-flash",
            "responseId": text,
        })
    }

    #[test]
    fn pieces_of_arguments_come_to_their_places() {
        let mut arguments = Value::Null;
        let mut put = |path: &str, value: Value| {
            let mut piece = Fields::new();
            piece.insert("jsonPath".into(), path.into());
            let kind = if value.is_string() {
                "stringValue"
            } else {
                "numberValue"
            };
            piece.insert(kind.into(), value);
            put_argument(&mut arguments, &piece);
        };
        put("$.a[0].b", json!("x"));
        put("$.a[0].b", json!("y"));
        put("$['c d']", json!(1));
        for odd in ["", "a", "$a", "$.a[7]", "$.a[", "$.c d.e", "$.a.b"] {
            put(odd, json!("no"));
        }
        put(&format!("${}", ".n".repeat(100_000)), json!(2));
        let nested = arguments.as_object_mut().unwrap().remove("n");
        assert!(nested.is_some());
        assert_eq!(arguments, json!({"a": [{"b": "xy"}], "c d": 1}));
    }

    #[test]
    fn a_request_is_found_wherever_an_argument_holds_it() {
        let contents = json!([{"role": "user", "parts": [{"text": "Why?"}]}]);
        let messages = json!([{"content": contents[0], "role": "user"}]);
        let body = json!({"contents": contents, "generationConfig": {"temperature": 0.5}});
        for (arguments, has_temperature) in [
            (json!({"request": body, "model": "gemini-2.5-pro"}), true),
            (
                json!({"self": {}, "call": {"body": body}, "model": "models/gemini-2.5-pro"}),
                true,
            ),
            (
                json!({"history": contents, "model": "gemini-2.5-pro", "temperature": 0.5}),
                true,
            ),
            (
                json!({"contents": contents[0], "model_name": "gemini-2.5-pro"}),
                false,
            ),
            (
                json!({"contents": messages, "model": "gemini-2.5-pro"}),
                false,
            ),
        ] {
            let call = recognise(Some(&arguments), None).unwrap();
            assert_eq!(call.messages.len(), 1, "{arguments}");
            assert_eq!(call.messages[0].content, said("Why?"), "{arguments}");
            assert_eq!(
                call.request_model.as_deref(),
                Some("gemini-2.5-pro"),
                "{arguments}"
            );
            assert_eq!(
                call.parameters.contains_key("temperature"),
                has_temperature,
                "{arguments}"
            );
            assert_eq!(call.provider.as_deref(), Some("gcp.gemini"));
        }
    }

    #[test]
    fn an_answer_is_found_whole_and_in_parts() {
        let request = json!({"contents": [{"parts": [{"text": "Why?"}]}]});
        let whole = response("So.");
        let candidate = &whole["candidates"][0];
        let history = json!([request["contents"][0], candidate["content"]]);
        let counts = &whole["usageMetadata"];
        for (answer, has_usage) in [
            (json!(whole), true),
            (json!({"response": whole, "traceId": "x"}), true),
            (json!([whole, 3]), true),
            (json!(candidate), false),
            (json!(candidate["content"]), false),
            (history, false),
            (json!("So."), false),
            (json!(["So.", counts]), true),
            (json!({"text": "So.", "usage": counts}), true),
        ] {
            let call = recognise(Some(&request), Some(&answer)).unwrap();
            assert_eq!(call.completions.len(), 1, "{answer}");
            assert_eq!(call.completions[0].content, said("So."), "{answer}");
            assert_eq!(
                call.usage.map(|usage| usage.total),
                has_usage.then_some(5),
                "{answer}"
            );
            assert!(!call.streaming, "{answer}");
        }
        assert!(recognise(None, Some(candidate)).is_some());
        assert!(recognise(None, Some(&candidate["content"])).is_none());
    }

    #[test]
    fn a_function_that_makes_the_request_itself_is_read_too() {
        let arguments =
            json!({"model": "models/gemini-2.5-flash", "system": "Be brief.", "prompt": "Why?"});
        let call = recognise(Some(&arguments), Some(&response("So."))).unwrap();
        assert_eq!(call.request_model.as_deref(), Some("gemini-2.5-flash"));
        assert_eq!(call.messages.len(), 2);
        assert_eq!(call.messages[1].content, said("Why?"));
        assert_eq!(call.completions[0].content, said("So."));

        let arguments =
            json!({"model": "publishers/google/models/gemini-2.5-pro", "prompt": "Why?"});
        let call = recognise(Some(&arguments), Some(&response("So."))).unwrap();
        assert_eq!(call.provider.as_deref(), Some("gcp.vertex_ai"));
        assert_eq!(call.request_model.as_deref(), Some("gemini-2.5-pro"));

        let arguments = json!({"messages": [{"role": "user", "content": "Why?"}]});
        let call = recognise(Some(&arguments), Some(&response("So."))).unwrap();
        assert_eq!(call.messages[0].content, said("Why?"));
        assert_eq!(call.provider.as_deref(), Some("gcp.gemini"));

        let arguments =
            json!({"content": {"parts": [{"text": "Why?"}]}, "model": "gemini-2.5-flash"});
        let call = recognise(Some(&arguments), Some(&response("So."))).unwrap();
        assert_eq!(call.operation.as_deref(), Some("chat"));
    }

    #[test]
    fn what_another_answers_stays_its_own() {
        let contents = json!({"contents": [{"parts": [{"text": "Why?"}]}]});
        let completion = json!({"choices": [{"message": {"role": "assistant", "content": "So."}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}});
        let call = recognise(Some(&contents), Some(&completion)).unwrap();
        assert_ne!(call.provider.as_deref(), Some("gcp.gemini"));
        assert_eq!(call.completions[0].content, said("So."));
        assert!(call.usage.is_some());
        for other in [
            json!({"candidates": [{"name": "Ada"}]}),
            json!({"candidates": []}),
            json!({"usageMetadata": {"totalTokenCount": 3}}),
            json!({"content": {"parts": [{"type": "text", "text": "x"}]}, "finishReason": "STOP"}),
            json!({"contents": [{"role": "user", "parts": [{"type": "text", "content": "x"}]}]}),
            json!([{"role": "user", "parts": [{"type": "text", "content": "x"}]}]),
            json!({"contents": []}),
            json!({"contents": "x"}),
            json!({"embedding": [0.5]}),
            json!({"predictions": [{"embeddings": 1}]}),
        ] {
            let seen = |request, response| Seen {
                request,
                response,
                by_request: true,
            };
            assert_eq!(content(&seen(Some(&other), None)), None, "{other}");
            assert_eq!(content(&seen(None, Some(&other))), None, "{other}");
        }
    }

    #[test]
    fn only_responses_of_one_request_are_a_stream() {
        let one = response("a");
        let streamed = |response: Value| recognise(None, Some(&response)).unwrap();
        let call = streamed(json!([one, {"Err": "reset"}, {"Ok": one}]));
        assert!(call.streaming);
        assert_eq!(call.completions[0].content, said("aa"));
        assert_eq!(call.usage.map(|usage| usage.total), Some(5));
        let call = streamed(json!([one, response("b")]));
        assert!(!call.streaming);
        assert_eq!(call.completions[0].content, said("a"));
    }

    #[test]
    fn thoughts_and_tools_are_counted_beside_prompt_and_candidates() {
        let usage = |counts: Value| usage(counts.as_object().unwrap());
        let all = usage(json!({"promptTokenCount": 10, "toolUsePromptTokenCount": 4, "cachedContentTokenCount": 8, "candidatesTokenCount": 5, "thoughtsTokenCount": 30})).unwrap();
        assert_eq!((all.input, all.output, all.total), (14, 35, 49));
        assert_eq!((all.cache_read, all.reasoning), (8, 30));
        let heard = usage(json!({"promptTokenCount": 90, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}, {"modality": "AUDIO", "tokenCount": 80}, 3]})).unwrap();
        assert_eq!((heard.input_audio, heard.output_audio), (80, 0));
        let again = usage(
            json!({"promptTokenCount": 90, "cachedContentTokenCount": 70,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 80}],
            "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 60}, {"modality": "TEXT", "tokenCount": 10}]}),
        );
        let again = again.unwrap();
        assert_eq!((again.cache_read, again.cache_read_audio), (70, 60));
        assert_eq!(usage(json!({"trafficType": "ON_DEMAND"})), None);
        assert_eq!(usage(json!({"totalTokenCount": 3})), None);
        // A count that nobody can have counted is not known, rather than the largest there is: it would be billed.
        let huge = usage(json!({"promptTokenCount": u64::MAX, "toolUsePromptTokenCount": 1}));
        assert_eq!(huge, None);
    }

    #[test]
    fn a_model_loses_its_path_and_nothing_else() {
        for (name, expected) in [
            ("gemini-2.5-flash", "gemini-2.5-flash"),
            ("models/gemini-2.5-flash", "gemini-2.5-flash"),
            ("publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
            (
                "projects/p/locations/l/publishers/google/models/gemini-2.5-pro",
                "gemini-2.5-pro",
            ),
            ("tunedModels/mine-123", "tunedModels/mine-123"),
            (
                "projects/p/locations/l/endpoints/42",
                "projects/p/locations/l/endpoints/42",
            ),
            ("google/gemini-2.5-pro", "google/gemini-2.5-pro"),
        ] {
            assert_eq!(model(name), expected);
        }
    }
}
