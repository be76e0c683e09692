//! What may be seen of what users' code said: secrets are taken out here, and what is too long is cut.
//!
//! On the processor's thread, after model calls have been recognised and before anything is encoded for exporters, so
//! that nothing unredacted leaves the process or reaches a disk. Four rules, in this order: names of what is secret,
//! places that were pointed at, what the user's closure says, and secrets that are known by their form.
//! Knows values and texts, not how they are encoded.

mod json;
mod keys;
mod patterns;
mod record;

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value;

use super::limit;
use crate::model::event::Resource;
use crate::model::options::Unparsable;
use crate::model::span::SpanKind;
use crate::record::local::Quiet;
use crate::record::ring::PROGRESS;
pub(crate) use crate::record::value::REDACTED;
use crate::record::value::{self, Filter, string};
use crate::sync::Relaxed;

type Closure = Box<dyn Fn(&mut Redact<'_>) + Send>;

/// A text, number or boolean that a redaction closure is asked about, and where it stands.
///
/// ```no_run
/// let guard = agentops_core::builder()
///     .redact(|field| {
///         if field.path() == "/output/email" || field.text().contains("@example.com") {
///             field.redact();
///         }
///     })
///     .init()?;
/// # drop(guard);
/// # Ok::<(), agentops_core::Error>(())
/// ```
pub struct Redact<'a> {
    text: &'a str,
    path: &'a str,
    span: Place<'a>,
    with: Option<String>,
}

impl Redact<'_> {
    /// The text; a number or a boolean as JSON writes it.
    #[must_use]
    pub fn text(&self) -> &str {
        self.text
    }

    /// Where it stands, as a JSON pointer: `/input/card/number`, `/output`, `/attributes/files`, `/logs/message`,
    /// `/error/details`, `/llm/messages/0/content/0`, `/session/name`, `/agent/name`, `/name`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path
    }

    /// The last part of its path: the key or the index under which it stands.
    #[must_use]
    pub fn key(&self) -> Cow<'_, str> {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        if last.contains('~') {
            last.replace("~1", "/").replace("~0", "~").into()
        } else {
            last.into()
        }
    }

    /// The name of the span, of the session or of the agent that it belongs to.
    #[must_use]
    pub fn name(&self) -> &str {
        self.span.name
    }

    /// What the span stands for.
    #[must_use]
    pub fn kind(&self) -> SpanKind {
        self.span.kind
    }

    /// Puts `[redacted]` in its place.
    pub fn redact(&mut self) {
        self.replace(REDACTED);
    }

    /// Puts another text in its place, in which secrets that are known by their form are still looked for.
    pub fn replace(&mut self, with: impl Into<String>) {
        self.with = Some(with.into());
    }
}

impl fmt::Debug for Redact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redact")
            .field("path", &self.path)
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}

/// What a value belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: SpanKind,
}

/// Bytes of names, codes and keys that are kept, however little is kept of values: things are known by them.
const NAME: usize = 256;

/// What is to be taken out, as the user says it.
pub(crate) struct Rules {
    pub(crate) keys: Vec<String>,
    pub(crate) defaults: bool,
    pub(crate) pointers: Vec<String>,
    pub(crate) closure: Option<Closure>,
    /// Whether inputs, outputs, messages, log texts and what errors say may be seen at all.
    pub(crate) content: bool,
    pub(crate) string_limit: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            defaults: true,
            pointers: Vec::new(),
            closure: None,
            content: true,
            string_limit: value::STRING_LIMIT,
        }
    }
}

/// The rules, ready to be followed.
pub(crate) struct Redactor {
    keys: keys::Keys,
    forms: bool,
    /// Parts of pointers, escaped as in a pointer.
    pointers: Vec<Vec<String>>,
    closure: Option<Closure>,
    content: bool,
    string_limit: usize,
}

impl Redactor {
    pub(crate) fn new(rules: Rules) -> Result<Self, Unparsable> {
        let pointers = rules.pointers.into_iter().map(parse_pointer);
        Ok(Self {
            keys: keys::Keys::new(rules.keys.iter().map(|key| &**key), rules.defaults),
            forms: rules.defaults,
            pointers: pointers.collect::<Result<_, _>>()?,
            closure: rules.closure,
            content: rules.content,
            string_limit: rules.string_limit,
        })
    }

    /// Whether inputs, outputs, messages, log texts and what errors say may be seen at all.
    pub(super) fn shows_content(&self) -> bool {
        self.content
    }

    /// Begins with a value that stands at `path`.
    #[inline]
    pub(super) fn walk<'a>(&'a self, span: Place<'a>, path: &str) -> Walk<'a> {
        let is_tracked = self.closure.is_some() || !self.pointers.is_empty();
        let limit = if span.kind == SpanKind::Llm {
            self.string_limit.max(value::LLM_STRING_LIMIT)
        } else {
            self.string_limit
        };
        Walk {
            redactor: self,
            span,
            limit,
            is_tracked,
            path: if is_tracked {
                path.into()
            } else {
                String::new()
            },
            marks: Vec::new(),
            changed: false,
            found: false,
        }
    }

    /// What the program is called, before anything is recorded: nobody else is asked about that.
    pub(crate) fn resource(&self, resource: &mut Resource) {
        let program = Place {
            name: "",
            kind: SpanKind::Unknown,
        };
        let mut walk = self.walk(program, "");
        for text in [&mut resource.service, &mut resource.project] {
            if let Some(clean) = walk.without_secrets(text, false) {
                *text = clean;
            }
        }
    }

    /// A text that is no value: what is too long is cut.
    pub(super) fn text(&self, span: Place<'_>, path: &str, text: &mut String) {
        self.walk(span, path).plain(text);
    }
}

/// RFC 6901, and `*` for any part.
fn parse_pointer(pointer: String) -> Result<Vec<String>, Unparsable> {
    let is_escaped = |part: &str| {
        part.split('~')
            .skip(1)
            .all(|after| after.starts_with(['0', '1']))
    };
    let parts: Option<Vec<String>> = pointer
        .strip_prefix('/')
        .map(|parts| parts.split('/').map(Into::into).collect());
    match parts.filter(|parts| parts.iter().all(|part| is_escaped(part))) {
        Some(parts) => Ok(parts),
        None => Err(Unparsable {
            variable: "redact_pointers",
            value: pointer,
            expected: "JSON pointers such as /input/card/number",
        }),
    }
}

/// A way through one value, and where it is.
pub(super) struct Walk<'a> {
    redactor: &'a Redactor,
    span: Place<'a>,
    limit: usize,
    /// Whether anybody asks where a value stands.
    is_tracked: bool,
    path: String,
    /// For each container around it how long its path is, and the index of its next element.
    marks: Vec<(usize, usize)>,
    /// Something was replaced.
    pub(super) changed: bool,
    /// Something was replaced by a rule that gives the same however often it is followed.
    pub(super) found: bool,
}

impl Walk<'_> {
    /// Goes to an argument, whose name has been looked at: whether its value may be seen.
    #[inline]
    pub(super) fn argument(&mut self, name: &str, visible: bool) -> bool {
        let visible = visible && (!self.is_tracked || self.descend(name.as_bytes()).1);
        self.note(!visible);
        visible
    }

    /// Whether the value itself may be seen.
    #[inline]
    pub(super) fn is_visible(&mut self) -> bool {
        let visible = !self.is_pointed_at();
        self.note(!visible);
        visible
    }

    /// A value that has been read already.
    pub(super) fn value(&mut self, value: &mut Value) {
        match value {
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) => {
                if let Some(with) = self.ask(&value.to_string()) {
                    *value = self.without_secrets(&with, false).unwrap_or(with).into();
                }
            }
            Value::String(text) => self.replace(text),
            Value::Array(_) | Value::Object(_) => {
                let clean = json::clean(self, &value.to_string(), false);
                if let Some(clean) = clean.and_then(|clean| serde_json::from_str(&clean).ok()) {
                    *value = clean;
                }
            }
        }
    }

    /// A text, in its place.
    fn replace(&mut self, text: &mut String) {
        if let Some(clean) = self.clean(text, false) {
            *text = clean;
        }
    }

    /// As [`replace`](Self::replace), and cuts what is too long.
    fn plain(&mut self, text: &mut String) {
        if !self.is_visible() {
            REDACTED.clone_into(text);
            return;
        }
        self.replace(text);
        text.truncate(limit::kept(text, self.limit.max(NAME)).len());
    }

    /// What may be seen of a text; `None` where that is all of it. `cut`: there was more of it.
    fn clean(&mut self, text: &str, cut: bool) -> Option<String> {
        let said = self.ask(text);
        let cut = cut && said.is_none();
        let left = said.as_deref().unwrap_or(text);
        let clean = if json::may_be(left) {
            json::clean(self, left, cut)
        } else {
            self.without_secrets(left, cut)
        };
        clean.or(said)
    }

    fn without_secrets(&mut self, text: &str, cut: bool) -> Option<String> {
        let Redactor { keys, forms, .. } = self.redactor;
        if !forms && keys.is_empty() || !patterns::is_suspect(patterns::classes(text.as_bytes())) {
            return None;
        }
        let clean = patterns::replace(text, keys, *forms, cut);
        self.note(clean.is_some());
        clean
    }

    /// What the user's closure puts in the place of a value; it may panic, and it may take its time.
    fn ask(&mut self, text: &str) -> Option<String> {
        let closure = self.redactor.closure.as_ref()?;
        let mut field = Redact {
            text,
            path: &self.path,
            span: self.span,
            with: None,
        };
        let quiet = Quiet::enter();
        let outcome = catch_unwind(AssertUnwindSafe(|| closure(&mut field)));
        let with = match outcome {
            Ok(()) => field.with.take(),
            Err(payload) => {
                // Dropping what was thrown may throw again.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
                Some(REDACTED.into())
            }
        };
        drop(quiet);
        // Those who wait for room wait for as long as this moves.
        PROGRESS.0.fetch_add(1, Relaxed);
        let with = with.filter(|with| with != text);
        self.changed |= with.is_some();
        with
    }

    fn note(&mut self, replaced: bool) {
        self.found |= replaced;
        self.changed |= replaced;
    }

    /// Goes to the next element of the innermost container: what replaces its key, and whether its value may be seen.
    fn descend(&mut self, key: &[u8]) -> (Option<String>, bool) {
        let mut visible = !self.redactor.keys.hit(key);
        let mut name = None;
        if patterns::is_suspect(patterns::classes(key)) || key.len() > self.limit {
            name = self.name(&String::from_utf8_lossy(key));
        }
        if self.is_tracked {
            self.leave_element();
            self.path.push('/');
            let key = String::from_utf8_lossy(key);
            if key.contains(['~', '/']) {
                self.path += &key.replace('~', "~0").replace('/', "~1");
            } else {
                self.path += &key;
            }
            visible &= !self.is_pointed_at();
        }
        (name, visible)
    }

    #[cold]
    fn name(&mut self, key: &str) -> Option<String> {
        let clean = self.without_secrets(key, false);
        let name = clean.as_deref().unwrap_or(key);
        let limit = self.limit.max(NAME);
        if name.len() > limit {
            return Some(limit::kept(name, limit).into());
        }
        clean
    }

    /// Back to the innermost container; the index of its next element.
    fn leave_element(&mut self) -> usize {
        let Some((length, next)) = self.marks.last_mut() else {
            return 0;
        };
        self.path.truncate(*length);
        *next += 1;
        *next - 1
    }

    #[inline]
    fn is_pointed_at(&self) -> bool {
        !self.redactor.pointers.is_empty() && self.is_at_a_pointer()
    }

    #[inline(never)]
    fn is_at_a_pointer(&self) -> bool {
        let mut pointers = self.redactor.pointers.iter();
        pointers.any(|pointer| {
            let mut parts = self.path.split('/').skip(1);
            let same = |part: &String| {
                parts
                    .next()
                    .is_some_and(|here| part == "*" || part.as_str() == here)
            };
            pointer.iter().all(same) && parts.next().is_none()
        })
    }

    #[cold]
    #[inline(never)]
    fn suspect(&mut self, text: &[u8], whole: Option<u64>, out: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(text);
        let clean = self.clean(&text, whole.is_some());
        let length = text.len() as u64;
        limit::put(
            clean.as_deref().unwrap_or(&text),
            whole.unwrap_or(length),
            whole.is_some(),
            self.limit,
            out,
        );
    }
}

impl Filter for Walk<'_> {
    fn open(&mut self) {
        if self.is_tracked {
            self.marks.push((self.path.len(), 0));
        }
    }

    fn close(&mut self) {
        if let Some((length, _)) = self.marks.pop() {
            self.path.truncate(length);
        }
    }

    #[inline]
    fn key(&mut self, key: &[u8], out: &mut Vec<u8>) -> bool {
        let (name, visible) = self.descend(key);
        match name {
            None => string(key, out),
            Some(name) => string(name.as_bytes(), out),
        }
        self.note(!visible);
        visible
    }

    #[inline]
    fn item(&mut self) -> bool {
        if !self.is_tracked {
            return true;
        }
        let index = self.leave_element();
        // Writing into memory cannot fail.
        let _ = write!(self.path, "/{index}");
        self.is_visible()
    }

    #[inline]
    fn text(&mut self, text: &[u8], whole: Option<u64>, out: &mut Vec<u8>) {
        let classes = patterns::classes(text);
        let is_plain = whole.is_none()
            && text.len() <= self.limit
            && !patterns::is_suspect(classes)
            && !json::may_begin(text.first().copied())
            && self.redactor.closure.is_none();
        if !is_plain {
            self.suspect(text, whole, out);
        } else if classes & patterns::ESCAPED == 0 {
            out.reserve(text.len() + 2);
            out.push(b'"');
            out.extend_from_slice(text);
            out.push(b'"');
        } else {
            string(text, out);
        }
    }

    fn scalar(&mut self, at: usize, out: &mut Vec<u8>) {
        if self.redactor.closure.is_some() {
            let said = String::from_utf8_lossy(&out[at..]).into_owned();
            if let Some(with) = self.ask(said.trim_matches('"')) {
                out.truncate(at);
                let with = self.without_secrets(&with, false).unwrap_or(with);
                string(with.as_bytes(), out);
            }
        }
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new(Rules::default()).expect("no pointers, and so none that cannot be read")
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("keys", &self.keys)
            .field("pointers", &self.pointers)
            .field("closure", &self.closure.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::json;

    use super::*;
    use crate::model::llm::{LlmCall, ProviderError};
    use crate::record::capture::Sink;

    const KEY: &str = "sk-0123456789abcdef";
    const PLACE: Place<'_> = Place {
        name: "charge",
        kind: SpanKind::Tool,
    };

    fn shown<T: Serialize + ?Sized>(rules: Rules, value: &T) -> Value {
        let redactor = Redactor::new(rules).expect("its pointers are pointers");
        let mut bytes = Vec::new();
        Sink::new(&mut bytes, false).serialize(value);
        let mut walk = redactor.walk(PLACE, "/input");
        let mut json = Vec::new();
        assert_eq!(value::read(&bytes, &mut walk, &mut json), bytes.len());
        serde_json::from_slice(&json).expect("it is JSON")
    }

    fn check(value: Value, expected: Value) {
        assert_eq!(shown(Rules::default(), &value), expected);
    }

    #[test]
    fn without_content_nothing_that_was_said_is_left_of_a_call() {
        let rules = Rules {
            content: false,
            ..Rules::default()
        };
        let redactor = Redactor::new(rules).expect("it has no pointers");
        let error = ProviderError {
            status: Some(400),
            kind: Some("invalid_request_error".into()),
            message: "no such tool: said".into(),
            ..ProviderError::default()
        };
        let mut call = LlmCall::new().prompt("user", "said").parameter("n", 1);
        call.provider_error = Some(error.clone());
        for name in [
            "prediction",
            "documents",
            "suffix",
            "instructions",
            "prompt",
        ] {
            call = call.parameter(name, json!({"content": "said"}));
        }
        redactor.call(PLACE, &mut call);
        let mut left = LlmCall::new().parameter("n", 1);
        left.provider_error = Some(ProviderError {
            message: String::new(),
            ..error
        });
        assert_eq!(call, left);
    }

    #[test]
    fn without_content_settings_are_left_and_the_names_of_tools() {
        let rules = Rules {
            content: false,
            ..Rules::default()
        };
        let redactor = Redactor::new(rules).expect("it has no pointers");
        let function = json!({"name": "add", "description": "said", "parameters": {"properties": {"said": {}}}});
        let cases = [
            ("temperature", json!(0.5), Some(json!(0.5))),
            ("reasoning_effort", json!("high"), Some(json!("high"))),
            (
                "reasoning",
                json!({"effort": "low", "said": "it was said", "deep": {"said": 1}}),
                Some(json!({"effort": "low"})),
            ),
            (
                "modalities",
                json!(["text", "audio"]),
                Some(json!(["text", "audio"])),
            ),
            ("audio", json!("it was said"), None),
            ("stop", json!(["said"]), None),
            ("stop", json!("said"), None),
            ("stopSequences", json!(["said"]), None),
            ("stop_sequences", json!(["said"]), None),
            (
                "options",
                json!({"num_ctx": 4096, "stop": "said"}),
                Some(json!({"num_ctx": 4096})),
            ),
            ("metadata", json!({"by": "said"}), None),
            (
                "response_format",
                json!({"type": "json_schema", "json_schema": {"name": "said", "schema": {}}}),
                Some(json!({"type": "json_schema"})),
            ),
            ("tool_choice", json!("auto"), Some(json!("auto"))),
            (
                "tool_choice",
                json!({"type": "function", "function": {"name": "add"}}),
                Some(json!({"name": "add"})),
            ),
            (
                "tools",
                json!([{"type": "function", "function": function}, {"type": "web_search", "query": "said"}]),
                Some(json!([{"name": "add"}, {"type": "web_search"}])),
            ),
            ("tools", json!([function]), Some(json!([{"name": "add"}]))),
            (
                "tools",
                json!([{"functionDeclarations": [function, function]}]),
                Some(json!([{"name": "add"}, {"name": "add"}])),
            ),
            (
                "functions",
                json!([function]),
                Some(json!([{"name": "add"}])),
            ),
            (
                "toolConfig",
                json!({"tools": [{"toolSpec": function}]}),
                Some(json!({"name": "add"})),
            ),
            ("tools", json!("it was said"), None),
            ("tools", json!([["said"], "said", null]), Some(json!([]))),
        ];
        for (name, given, expected) in cases {
            let mut call = LlmCall::new().parameter(name, given.clone());
            redactor.call(PLACE, &mut call);
            assert_eq!(
                call.parameters.get(name),
                expected.as_ref(),
                "{name}: {given}"
            );
        }
    }

    #[test]
    fn names_hide_what_stands_under_them() {
        check(
            json!({"user": "bob", "password": "x", "list": [{"api_key": {"a": [1, {"b": 2}]}, "n": 1}], "token": 7}),
            json!({"user": "bob", "password": "[redacted]", "list": [{"api_key": "[redacted]", "n": 1}], "token": "[redacted]"}),
        );
        check(
            json!({"max_tokens": 5, "author": "a"}),
            json!({"max_tokens": 5, "author": "a"}),
        );
    }

    #[test]
    fn secrets_are_found_in_texts_and_keys() {
        check(
            json!({"a": [format!("x {KEY} y")], KEY: 1}),
            json!({"a": ["x [redacted] y"], "[redacted]": 1}),
        );
    }

    #[test]
    fn json_in_a_string_is_json() {
        let inner =
            |password: &str| json!({"password": password, "n": 1.50, "more": [1, null, "ü\n"]});
        let text = format!(" {}", inner("hunter2"));
        let Value::String(clean) = shown(Rules::default(), &text) else {
            panic!("a string stays one");
        };
        assert_eq!(
            serde_json::from_str::<Value>(&clean).expect("it is JSON"),
            inner(REDACTED)
        );
        // Nothing but the secret is touched: neither spaces nor the order of keys, numbers, or keys that come twice.
        let check = |text: &str, expected: &str| {
            assert_eq!(shown(Rules::default(), text), json!(expected), "of {text}");
            assert_eq!(shown(Rules::default(), expected), json!(expected));
        };
        check(
            r#"{ "z":1.0, "secret" : {"a":[1,"}"]}, "big":123456789012345678901234567890, "z":2}"#,
            r#"{ "z":1.0, "secret" : "[redacted]", "big":123456789012345678901234567890, "z":2}"#,
        );
        check(
            "{\"pwd\":1}\n{\"pwd\":2}\n",
            "{\"pwd\":\"[redacted]\"}\n{\"pwd\":\"[redacted]\"}\n",
        );
        check(
            r#"{"a":"{\"b\":\"{\\\"token\\\":\\\"x\\\"}\"}"}"#,
            r#"{"a":"{\"b\":\"{\\\"token\\\":\\\"[redacted]\\\"}\"}"}"#,
        );
        check(r#"["sk-0123456789abcdef","a"]"#, r#"["[redacted]","a"]"#);
        check(
            r#"{"\u0070assword":"x"}"#,
            r#"{"\u0070assword":"[redacted]"}"#,
        );
        check(
            r#"{"a":"\u0073k-0123456789abcdef"}"#,
            r#"{"a":"[redacted]"}"#,
        );
        // What is no JSON to its end is read as far as it is.
        check(r#"{"password":"hunter2"#, r#"{"password":"[redacted]""#);
        check(
            r#"{"password":{"a":["hunter2"#,
            r#"{"password":"[redacted]""#,
        );
        check(r#"{"a":"sk-0123456789abcdef"#, r#"{"a":"[redacted]""#);
        check(
            r#"{"a":1} sk-0123456789abcdef {"#,
            r#"{"a":1} [redacted] {"#,
        );
        check("[INFO] sk-0123456789abcdef", "[INFO] [redacted]");
        for text in [
            "{",
            "[",
            "{]",
            "[}",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "[1,",
            "{,}",
            "[,]",
            "[1 2]",
            "{\"password\":",
            "{\"password\"",
            "[[[[",
            "{\"a\":\"\\",
            " ",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn pointers_hide_places() {
        let rules = |pointers: &[&str]| Rules {
            pointers: pointers.iter().map(|pointer| (*pointer).into()).collect(),
            ..Rules::default()
        };
        let value = json!({"card": {"number": 4, "name": "b"}, "list": [{"x": 1}, {"x": 2}], "a/b": {"~": 1}, "text": "{\"deep\":[1,2]}"});
        let shown = shown(
            rules(&[
                "/input/card/number",
                "/input/list/*/x",
                "/input/a~1b/~0",
                "/input/text/deep/1",
                "/output/card",
                "/input/list/7",
                "/input/card/name/x",
            ]),
            &value,
        );
        let expected = json!({"card": {"number": "[redacted]", "name": "b"}, "list": [{"x": "[redacted]"}, {"x": "[redacted]"}], "a/b": {"~": "[redacted]"}, "text": "{\"deep\":[1,\"[redacted]\"]}"});
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_closure_is_asked_about_each_value_and_told_where_it_is() {
        let (tell, told) = std::sync::mpsc::channel();
        let rules = Rules {
            closure: Some(Box::new(move |field| {
                tell.send(format!(
                    "{} {} {} {}",
                    field.path(),
                    field.key(),
                    field.text(),
                    field.name()
                ))
                .expect("it is heard");
                match field.text() {
                    "panic" => panic!("no"),
                    "1" => field.replace(KEY),
                    "mail" => field.redact(),
                    _ => {}
                }
            })),
            ..Rules::default()
        };
        let shown = shown(
            rules,
            &json!({"a": ["mail", 1, true, null], "a/b": "panic", "password": "unseen", "t": "[false]"}),
        );
        assert_eq!(
            shown,
            json!({"a": ["[redacted]", "[redacted]", true, null], "a/b": "[redacted]", "password": "[redacted]", "t": "[false]"})
        );
        assert_eq!(
            told.try_iter().collect::<Vec<_>>(),
            [
                "/input/a/0 0 mail charge",
                "/input/a/1 1 1 charge",
                "/input/a/2 2 true charge",
                "/input/a~1b a/b panic charge",
                "/input/t t [false] charge",
                "/input/t/0 0 false charge",
            ]
        );
    }

    #[test]
    fn a_secret_at_the_limit_is_seen_whole_and_then_cut() {
        let rules = || Rules {
            string_limit: 20,
            ..Rules::default()
        };
        for before in 0..40 {
            let text = format!("{} {KEY} and more of it", "x".repeat(before));
            let shown = shown(rules(), &text);
            let left = shown["text"].as_str().expect("it was cut");
            assert!(!left.contains("sk-") && left.len() <= 20, "{shown}");
            assert_eq!(shown["$truncated"]["bytes"], text.len());
        }
        assert_eq!(
            shown(rules(), &format!("{KEY} {KEY}")),
            json!({"$truncated": {"bytes": 39}, "text": "[redacted] [redacted"})
        );
    }

    #[test]
    fn without_defaults_only_what_was_said_counts() {
        let rules = Rules {
            keys: vec!["ssn".into()],
            defaults: false,
            ..Rules::default()
        };
        assert_eq!(
            shown(rules, &json!({"ssn": 1, "password": KEY})),
            json!({"ssn": "[redacted]", "password": KEY})
        );
    }

    /// What a fuzzer would call: any bytes, taken for a captured value and for a text.
    fn fuzz(redactor: &Redactor, bytes: &[u8]) {
        let mut json = Vec::new();
        let length = value::read(bytes, &mut redactor.walk(PLACE, "/input"), &mut json);
        assert!(length <= bytes.len());
        let text = String::from_utf8_lossy(bytes);
        let once = redactor
            .walk(PLACE, "")
            .clean(&text, false)
            .unwrap_or_else(|| text.clone().into());
        let twice = redactor.walk(PLACE, "").clean(&once, false);
        assert_eq!(twice, None, "{text:?} became {once:?}");
        if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() {
            assert!(
                serde_json::from_str::<serde::de::IgnoredAny>(&once).is_ok(),
                "{once:?} is no JSON"
            );
        }
    }

    #[test]
    fn any_bytes_are_taken() {
        const PIECES: [&str; 22] = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "\"password\"",
            "\"a\"",
            "\"a\":",
            "\"token\":",
            "1",
            "null",
            "true",
            " ",
            KEY,
            "\\u00",
            "ü",
            "\"[redacted]\"",
            "-1.5e3",
            "{\"secret\":\"x\"}",
        ];
        let redactor = Redactor::default();
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |bound: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed as usize % bound
        };
        for _ in 0..60_000 {
            let mut bytes = Vec::new();
            for _ in 0..next(16) {
                bytes.extend_from_slice(PIECES[next(PIECES.len())].as_bytes());
            }
            if next(3) == 0 && !bytes.is_empty() {
                let at = next(bytes.len());
                bytes[at] = next(256) as u8;
            }
            fuzz(&redactor, &bytes);
        }
    }
}
