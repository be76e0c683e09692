//! The rules, followed through records of ours: errors, scopes, model calls.
//!
//! Says which of their texts are users', and under which path each is known. Knows records, not rules.

use serde_json::{Map, Value};

use super::{Place, Redactor, Walk};
use crate::model::error::ErrorRecord;
use crate::model::llm::{LlmCall, Part, ToolRequest};
use crate::model::session::SessionFacts;
use crate::model::span::SpanKind;
use crate::record::callsite::Meta;
use crate::record::fault::short_type;
use crate::record::scope::Scope;
use crate::record::value::{self, Filter};

impl Redactor {
    /// The first captured value, as far as it may be seen.
    pub(in crate::process) fn value(&self, span: Place<'_>, path: &str, bytes: &[u8]) -> Value {
        let mut json = Vec::new();
        value::read(bytes, &mut self.walk(span, path), &mut json);
        serde_json::from_slice(&json).unwrap_or(Value::Null)
    }

    /// A value under a name that its author gave it, in an object at `path`: the name and the value, as far as they may
    /// be seen, and how many bytes the value was.
    pub(in crate::process) fn named(
        &self,
        span: Place<'_>,
        path: &str,
        name: &str,
        bytes: &[u8],
    ) -> (String, Value, usize) {
        let mut walk = self.walk(span, path);
        walk.open();
        let (clean, visible) = walk.descend(name.as_bytes());
        let mut json = Vec::new();
        let length = value::read(bytes, &mut walk, &mut json);
        let value = if visible {
            serde_json::from_slice(&json).unwrap_or(Value::Null)
        } else {
            super::REDACTED.into()
        };
        (clean.unwrap_or_else(|| name.into()), value, length)
    }

    /// What a callsite says of itself; `None` where all of it may be seen. Made once for each, and never given back.
    pub(in crate::process) fn meta(&self, meta: &Meta) -> Option<Meta> {
        let place = Place {
            name: meta.name,
            kind: meta.kind,
        };
        let text = |path: &str, text: &'static str| -> &'static str {
            let mut clean = text.to_owned();
            self.text(place, path, &mut clean);
            if clean == text {
                text
            } else {
                Box::leak(clean.into_boxed_str())
            }
        };
        let optional = |path: &str, said: Option<&'static str>| said.map(|said| text(path, said));
        let tags: Vec<&'static str> = meta.tags.iter().map(|tag| text("/tags", tag)).collect();
        let clean = Meta {
            name: text("/name", meta.name),
            version: optional("/version", meta.version),
            description: optional("/tool/description", meta.description),
            role: optional("/agent/role", meta.role),
            operation_type: optional("/operation/type", meta.operation_type),
            ..*meta
        };
        let is_same = tags == meta.tags
            && clean.name == meta.name
            && clean.version == meta.version
            && clean.description == meta.description
            && clean.role == meta.role
            && clean.operation_type == meta.operation_type;
        (!is_same).then(|| Meta {
            tags: Box::leak(tags.into_boxed_slice()),
            ..clean
        })
    }

    /// A thread's name.
    pub(in crate::process) fn thread(&self, name: &str) -> String {
        let place = Place {
            name,
            kind: SpanKind::Unknown,
        };
        let mut clean = name.to_owned();
        self.text(place, "/thread/name", &mut clean);
        clean
    }

    /// A session or an agent that was opened.
    pub(in crate::process) fn scope(&self, scope: &mut Scope) {
        let name = scope.agent_name.clone();
        let agent = Place {
            name: &name,
            kind: SpanKind::Agent,
        };
        self.text(agent, "/agent/name", &mut scope.agent_name);
        let rest = [
            ("/agent/role", &mut scope.role),
            ("/agent/model", &mut scope.model),
        ];
        for (path, text) in rest {
            text.iter_mut()
                .for_each(|text| self.text(agent, path, text));
        }
        if let Some(opened) = &mut scope.opened {
            let name = opened.name.clone();
            let session = Place {
                name: &name,
                kind: SpanKind::Session,
            };
            self.text(session, "/session/name", &mut opened.name);
            for tag in &mut opened.tags {
                self.text(session, "/session/tags", tag);
            }
        }
    }

    /// An error. What it says is content: without that its code and its type are left.
    pub(in crate::process) fn error(&self, span: Place<'_>, error: &mut ErrorRecord) {
        self.text(span, "/error/code", &mut error.code);
        if !self.content {
            // A `Debug` that prints what it says gives the first word of it as the code.
            let is_status = error.code.bytes().all(|byte| byte.is_ascii_digit());
            if !is_status && error.details.contains(&error.code) {
                let path = error.rust_type.as_deref().unwrap_or("error");
                error.code = short_type(path).into();
            }
            error.details.clear();
            error.chain.clear();
            error.stack = None;
            return;
        }
        self.text(span, "/error/details", &mut error.details);
        for cause in &mut error.chain {
            self.text(span, "/error/chain", cause);
        }
        if let Some(stack) = &mut error.stack {
            self.text(span, "/error/stack", stack);
        }
    }

    /// What is known of a session, once more: by other rules than those that it came by.
    pub(in crate::process) fn facts(&self, facts: &mut SessionFacts) {
        let name = facts.name.clone();
        let session = Place {
            name: &name,
            kind: SpanKind::Session,
        };
        self.text(session, "/session/name", &mut facts.name);
        for tag in &mut facts.tags {
            self.text(session, "/session/tags", tag);
        }
        for (path, text) in [
            ("/session/user_id", &mut facts.user_id),
            ("/session/conversation_id", &mut facts.conversation_id),
            ("/session/video", &mut facts.video),
            ("/session/end_state_reason", &mut facts.end_state_reason),
        ] {
            text.iter_mut()
                .for_each(|text| self.text(session, path, text));
        }
        self.attributes(session, "/session/attributes", &mut facts.attributes);
    }

    /// As [`facts`](Self::facts), of attributes.
    pub(in crate::process) fn attributes(
        &self,
        span: Place<'_>,
        path: &str,
        attributes: &mut Map<String, Value>,
    ) {
        let mut value = Value::Object(std::mem::take(attributes));
        self.walk(span, path).value(&mut value);
        if let Value::Object(clean) = value {
            *attributes = clean;
        }
    }

    /// What was asked and answered in a model call, put together from pieces that have been looked through one by one.
    /// Whether that brought to light what none of them showed.
    pub(in crate::process) fn call(&self, span: Place<'_>, call: &mut LlmCall) -> bool {
        let mut walk = self.walk(span, "/llm");
        for text in [
            &mut call.provider,
            &mut call.request_model,
            &mut call.model,
            &mut call.operation,
            &mut call.response_id,
        ] {
            text.iter_mut().for_each(|text| {
                if let Some(clean) = walk.without_secrets(text, false) {
                    *text = clean;
                }
            });
        }
        if !self.content {
            call.messages.clear();
            for choice in &mut call.completions {
                choice.content.clear();
                choice.tool_calls.clear();
            }
            let parameters = std::mem::take(&mut call.parameters);
            let settings = parameters
                .into_iter()
                .filter_map(|(name, value)| Some((setting(&name, value)?, name)));
            call.parameters = settings.map(|(value, name)| (name, value)).collect();
            if let Some(error) = &mut call.provider_error {
                error.message.clear();
            }
        }
        let mut parameters = Value::Object(std::mem::take(&mut call.parameters));
        walk.within("parameters", |walk| walk.value(&mut parameters));
        if let Value::Object(clean) = parameters {
            call.parameters = clean;
        }
        if let Some(error) = &mut call.provider_error {
            walk.within("provider_error", |walk| {
                walk.field("code", error.code.as_mut());
                walk.field("type", error.kind.as_mut());
                walk.field("message", Some(&mut error.message));
            });
        }
        walk.within("messages", |walk| {
            for message in &mut call.messages {
                walk.item();
                walk.open();
                walk.field("role", Some(&mut message.role));
                walk.field("name", message.name.as_mut());
                walk.parts(&mut message.content);
                walk.requests(&mut message.tool_calls);
                walk.field("tool_call_id", message.tool_call_id.as_mut());
                walk.close();
            }
        });
        (walk.found, walk.changed) = (false, false);
        walk.within("completions", |walk| {
            for choice in &mut call.completions {
                walk.item();
                walk.open();
                walk.field("role", Some(&mut choice.role));
                walk.parts(&mut choice.content);
                walk.requests(&mut choice.tool_calls);
                walk.field("finish_reason", choice.finish_reason.as_mut());
                walk.close();
            }
        });
        walk.found || walk.changed && call.streaming
    }
}

/// Parameters that are content: what the answer is expected to be, what it is to be drawn from, what comes after it, how
/// it is to be spoken, what is filled into a prompt that the provider keeps, what ends an answer, and what the program
/// says of itself.
const SAID: [&str; 9] = [
    "prediction",
    "documents",
    "suffix",
    "instructions",
    "prompt",
    "stop",
    "stop_sequences",
    "stopSequences",
    "metadata",
];

/// Parameters that describe tools, or choose among them.
const OF_TOOLS: [&str; 7] = [
    "tools",
    "functions",
    "tool_choice",
    "function_call",
    "toolConfig",
    "tool_config",
    "toolChoice",
];

/// What is left of a parameter without content: a number, a word, and the names of tools. What is deeper describes
/// something, as the schema of an answer does.
fn setting(name: &str, value: Value) -> Option<Value> {
    if SAID.contains(&name) {
        return None;
    }
    match value {
        Value::String(_) if !is_word(&value) => None,
        Value::Array(tools) if OF_TOOLS.contains(&name) => {
            let names = tools.iter().flat_map(tool_names);
            Some(names.collect())
        }
        Value::Object(_) if OF_TOOLS.contains(&name) => {
            let mut names = tool_names(&value);
            match names.len() {
                0 => None,
                1 => names.pop(),
                _ => Some(names.into()),
            }
        }
        Value::Array(items) => items.iter().all(is_word).then_some(Value::Array(items)),
        Value::Object(fields) => {
            let words = fields
                .into_iter()
                .filter(|(name, value)| !SAID.contains(&&**name) && is_word(value));
            Some(Value::Object(words.collect())).filter(|words| words != &Value::Object(Map::new()))
        }
        scalar => Some(scalar),
    }
}

/// Settings are no longer.
const LONGEST_WORD: usize = 64;

fn is_word(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
            text.len() <= LONGEST_WORD && text.bytes().all(is_sign)
        }
        Value::Array(_) | Value::Object(_) => false,
        _ => true,
    }
}

/// Each tool by its name, or by its type where it has none, in the forms of all providers.
fn tool_names(tool: &Value) -> Vec<Value> {
    const AROUND: [&str; 6] = [
        "function",
        "toolSpec",
        "functionDeclarations",
        "function_declarations",
        "tools",
        "tool",
    ];
    let Value::Object(fields) = tool else {
        return Vec::new();
    };
    let named = |key: &str| {
        let name = fields
            .get(key)
            .filter(|name| name.is_string() && is_word(name))?;
        Some(serde_json::json!({ key: name }))
    };
    let inside = || {
        let held = AROUND.iter().filter_map(|key| fields.get(*key));
        let items = held.flat_map(|held| match held {
            Value::Array(items) => items.iter().collect(),
            one => vec![one],
        });
        // None of them holds one of its own kind.
        items.flat_map(named_inside).collect::<Vec<_>>()
    };
    match named("name") {
        Some(name) => vec![name],
        None => match inside() {
            names if names.is_empty() => named("type").into_iter().collect(),
            names => names,
        },
    }
}

/// Of what holds tools: each of those, or what they stand in.
fn named_inside(held: &Value) -> Vec<Value> {
    let inner = held.get("toolSpec").or_else(|| held.get("function"));
    let name = inner.unwrap_or(held).get("name");
    let name = name.filter(|name| name.is_string() && is_word(name));
    name.map(|name| serde_json::json!({ "name": name }))
        .into_iter()
        .collect()
}

impl Walk<'_> {
    /// Under a name of ours, with elements of its own.
    fn within(&mut self, name: &str, walk: impl FnOnce(&mut Self)) {
        self.open();
        if self.is_tracked {
            self.path.push('/');
            self.path += name;
        }
        self.open();
        walk(self);
        self.close();
        self.close();
    }

    fn field(&mut self, name: &str, text: Option<&mut String>) {
        if let Some(text) = text {
            self.within(name, |walk| walk.plain(text));
        }
    }

    fn parts(&mut self, parts: &mut [Part]) {
        self.within("content", |walk| {
            for part in parts {
                walk.item();
                match part {
                    Part::Text(text) | Part::Reasoning(text) | Part::Refusal(text) => {
                        walk.plain(text)
                    }
                    Part::Other(value) => walk.value(value),
                }
            }
        });
    }

    fn requests(&mut self, requests: &mut [ToolRequest]) {
        self.within("tool_calls", |walk| {
            for request in requests {
                walk.item();
                walk.open();
                walk.field("id", request.id.as_mut());
                walk.field("name", Some(&mut request.name));
                walk.within("arguments", |walk| walk.value(&mut request.arguments));
                walk.close();
            }
        });
    }
}
