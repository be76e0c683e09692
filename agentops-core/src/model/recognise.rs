//! Recognises a model call in what a function was given and what it returned.
//!
//! Whatever saw the call (an annotated function, a layer around a client, woven code) hands over JSON, and gets the
//! typed record for it, or nothing where the shape is not one that it knows. One module for each shape, and no more
//! about a provider than its shape shows; nothing here knows where the JSON comes from, or what a call costs.

mod anthropic;
mod bedrock;
mod cohere;
mod completions;
pub mod endpoint;
mod errors;
pub(crate) mod frames;
mod gemini;
mod genai;
mod interactions;
mod media;
mod ollama;
mod openai;
mod plain;
mod responses;
pub mod sse;
mod stream;
mod words;

use serde_json::{Map, Value};

use super::llm::LlmCall;

pub use self::errors::said as provider_error;
pub use self::stream::{is_complete, joined};

/// Recognises a model call; `None` where neither side has a known shape.
///
/// `request` is what went in, of a function an object keyed by argument name; `response` is what came out, of a stream
/// the array of its items. Either may be wrapped: the request may be one argument of several, or a part of one, and
/// the response may be a field of what was returned. A response may also be text that came over the wire: a body, or
/// the events of a stream, in one piece or in many.
///
/// # Example
///
/// ```
/// use agentops_core::model::recognise::recognise;
/// use serde_json::json;
///
/// let request = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]});
/// let response = json!({"choices": [{"message": {"role": "assistant", "content": "Hello!"}}]});
/// let call = recognise(Some(&request), Some(&response)).unwrap();
/// assert_eq!(call.provider.as_deref(), Some("openai"));
/// assert_eq!(call.completions.len(), 1);
/// ```
#[must_use]
pub fn recognise(request: Option<&Value>, response: Option<&Value>) -> Option<LlmCall> {
    let request = request.filter(|request| !request.is_null());
    let response = response.filter(|response| !response.is_null());
    let find = |response, by_request| {
        let seen = Seen {
            request,
            response,
            by_request,
        };
        let mut call = SHAPES.iter().find_map(|shape| shape(&seen))?;
        call.provider_error = response.and_then(|response| errors::of(&call, response));
        Some(call)
    };
    // A model may be asked to answer in JSON: that a text holds a response is believed only where the response alone
    // is known for one.
    let told = response.and_then(sse::told);
    let answered = told
        .as_ref()
        .and_then(|told| find(Some(told), false))
        .or_else(|| find(Some(response?), false));
    match answered {
        Some(call) if call.messages.is_empty() => Some(with_prompt(call, request)),
        Some(call) => Some(call),
        None => {
            let error = told.as_ref().filter(|told| errors::is_certain(told));
            find(error.or(response), true)
        }
    }
}

/// What was asked by a function that makes the request itself: of a prompt, or of messages as OpenAI writes them.
fn with_prompt(call: LlmCall, request: Option<&Value>) -> LlmCall {
    let seen = Seen {
        request,
        response: None,
        by_request: true,
    };
    let Some(asked) = openai::chat(&seen).or_else(|| plain::prompt(&seen)) else {
        return call;
    };
    LlmCall {
        messages: asked.messages,
        request_model: call.request_model.or(asked.request_model),
        parameters: if call.parameters.is_empty() {
            asked.parameters
        } else {
            call.parameters
        },
        ..call
    }
}

/// Every shape, the more particular ones first.
const SHAPES: &[fn(&Seen<'_>) -> Option<LlmCall>] = &[
    genai::chat,
    bedrock::converse,
    anthropic::messages,
    cohere::chat,
    media::embeddings,
    media::images,
    media::transcription,
    gemini::content,
    interactions::interaction,
    ollama::call,
    responses::response,
    completions::completion,
    openai::chat,
    plain::prompt,
];

/// Both sides of what may be a model call.
#[derive(Debug, Clone, Copy)]
struct Seen<'a> {
    request: Option<&'a Value>,
    response: Option<&'a Value>,
    /// Whether a request of its shape makes it a call. Asked only once no shape knows the response, for a gateway or
    /// a function may pass one provider's request on to another.
    by_request: bool,
}

/// How far inside an argument or a returned value a request or response may be.
const DEPTH: usize = 2;

/// How many values are looked at before the search is given up, so that a large body costs no more than a small one.
const EFFORT: usize = 256;

/// How many items of a stream are looked at before it is held for one of another shape.
const GLANCE: usize = 16;

/// The value itself or the nearest one inside it for which `read` has an answer.
fn nearest<'a, T>(value: &'a Value, read: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
    let mut level = vec![value];
    let mut effort = EFFORT;
    for _ in 0..=DEPTH {
        if let Some(found) = level.iter().find_map(|value| read(value)) {
            return Some(found);
        }
        let inside = level.into_iter().flat_map(|value| {
            let (items, fields) = match value {
                Value::Array(items) => (Some(items.iter()), None),
                Value::Object(fields) => (None, Some(fields.values())),
                _ => (None, None),
            };
            items
                .into_iter()
                .flatten()
                .chain(fields.into_iter().flatten())
        });
        level = inside
            .filter(|value| value.is_object() || value.is_array())
            .take(effort)
            .collect();
        effort -= level.len();
    }
    None
}

/// A field that has text in it.
fn text<'a>(fields: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    fields.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// A field that has text in it, as a copy.
fn owned(fields: &Map<String, Value>, key: &str) -> Option<String> {
    text(fields, key).map(str::to_owned)
}

/// Those of the named fields that are given.
fn given(fields: Option<&Map<String, Value>>, names: &[&str]) -> Map<String, Value> {
    let given = names
        .iter()
        .filter_map(|&name| Some((name.to_owned(), fields?.get(name)?.clone())));
    given.filter(|(_, value)| !value.is_null()).collect()
}

/// A model's name, or the tag with the name in it that a client's enum writes: `{"Custom": "claude-opus-4-5"}`.
fn model_name(value: Option<&Value>) -> Option<String> {
    let name = match value? {
        Value::Object(tagged) if tagged.len() == 1 => tagged.values().next()?,
        name => name,
    };
    name.as_str()
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
}

/// Arguments as a model writes them: JSON where it parses, else the text.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// A count of tokens, however it is written; `None` where it is no number that could be one.
fn count(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    let whole = value
        .as_u64()
        .or_else(|| value.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64));
    whole.filter(|count| *count <= MOST)
}

/// Nobody counted more: beyond, the numbers of JSON are no longer exact.
pub(super) const MOST: u64 = 1 << 53;

/// Whether one of the named counts is a number that counts nothing, so that the others do not tell what a call took.
fn is_nonsense(counts: &Map<String, Value>, names: &[&str]) -> bool {
    names.iter().any(|name| {
        let said = counts.get(*name).filter(|said| said.is_number());
        said.is_some() && count(said).is_none()
    })
}

/// An amount of money in USD as nano-USD; `None` where it is not an amount.
fn nano_usd(value: Option<&Value>) -> Option<i64> {
    let nanos = (value?.as_f64()? * 1e9).round();
    (0.0..1e18).contains(&nanos).then_some(nanos as i64)
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::PathBuf, sync::LazyLock};

    use proptest::{prelude::*, sample::Index};

    use super::*;
    use crate::model::json;
    use serde_json::json;

    /// An exchange in a provider's documented format: `agentops-core/fixtures/<provider>/<case>.json`.
    pub(super) struct Fixture {
        /// `provider/case.json`.
        pub(super) name: String,
        path: PathBuf,
        pub(super) exchange: Value,
        /// Of one whose stream is written as `hex`, because it is no text: the bytes, as they serialise.
        bytes: Option<Value>,
    }

    impl Fixture {
        pub(super) fn all() -> Vec<Self> {
            let inside = |folder: PathBuf| {
                let mut paths: Vec<_> = fs::read_dir(folder)
                    .unwrap()
                    .map(|entry| entry.unwrap().path())
                    .collect();
                paths.sort();
                paths
            };
            let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
            inside(folder.clone())
                .into_iter()
                .flat_map(inside)
                .map(|path| {
                    let text = fs::read_to_string(&path).unwrap();
                    let exchange: Value = serde_json::from_str(&text)
                        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                    let hex = exchange["hex"].as_array().map(|lines| {
                        let lines = lines.iter().map(|line| line.as_str().unwrap());
                        let byte = |hex| u8::from_str_radix(hex, 16).unwrap();
                        let bytes = lines.flat_map(|line| {
                            let digits = (0..line.len()).step_by(2);
                            digits.map(move |at| byte(&line[at..at + 2]))
                        });
                        Value::from_iter(bytes)
                    });
                    Self {
                        name: path.strip_prefix(&folder).unwrap().display().to_string(),
                        exchange,
                        bytes: hex,
                        path,
                    }
                })
                .collect()
        }

        pub(super) fn request(&self) -> Option<&Value> {
            self.exchange.get("request")
        }

        /// What was answered: a body, or the text or the bytes of a stream.
        pub(super) fn response(&self) -> Option<&Value> {
            self.exchange
                .get("response")
                .or_else(|| self.exchange.get("stream"))
                .or(self.bytes.as_ref())
        }
    }

    /// A call as the contract writes it, without what it does not say.
    fn written(call: Option<&LlmCall>) -> Value {
        let mut call = serde_json::to_value(call.map(json::llm)).unwrap();
        shorten(&mut call);
        call
    }

    /// Takes out what a record says by saying nothing, so that a fixture need not say it either.
    fn shorten(call: &mut Value) {
        let Some(fields) = call.as_object_mut() else {
            return;
        };
        let says_nothing = |value: &Value| match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            value => value.as_u64() == Some(0),
        };
        for list in ["messages", "completions"] {
            let choices = fields.get_mut(list).and_then(Value::as_array_mut);
            for said in choices
                .into_iter()
                .flatten()
                .filter_map(Value::as_object_mut)
            {
                said.retain(|_, value| !says_nothing(value));
                let calls = said.get_mut("tool_calls").and_then(Value::as_array_mut);
                for wish in calls.into_iter().flatten().filter_map(Value::as_object_mut) {
                    wish.retain(|_, value| !value.is_null());
                }
            }
        }
        for group in ["cost", "usage", "provider_error"] {
            if let Some(fields) = fields.get_mut(group).and_then(Value::as_object_mut) {
                let is_amount = |name: &str| name.ends_with("usd");
                fields.retain(|name, value| {
                    is_amount(name) && !value.is_null() || !says_nothing(value)
                });
            }
        }
        fields.retain(|name, value| name == "usage" && !value.is_null() || !says_nothing(value));
    }

    /// With `AGENTOPS_BLESS=1` what is expected is written instead, where a fixture expects nothing yet.
    #[test]
    fn every_fixture_is_recognised_as_it_says() {
        let mut wrong = Vec::new();
        for mut fixture in Fixture::all() {
            let call = recognise(fixture.request(), fixture.response());
            let found = written(call.as_ref());
            for field in ["documentation", "date"] {
                assert!(
                    fixture.exchange[field].is_string(),
                    "{} has no {field}",
                    fixture.name
                );
            }
            if fixture.exchange.get("expected").is_none() && env::var_os("AGENTOPS_BLESS").is_some()
            {
                fixture.exchange["expected"] = found;
                let text = serde_json::to_string_pretty(&fixture.exchange).unwrap();
                fs::write(&fixture.path, text + "\n").unwrap();
                continue;
            }
            let mut expected = fixture.exchange["expected"].clone();
            shorten(&mut expected);
            if found != expected {
                wrong.push(format!(
                    "{}: expected\n{expected:#}\nand found\n{found:#}",
                    fixture.name
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }

    /// A response that is known by itself is read by its own shape, whatever the request looks like: gateways and
    /// functions that translate take one provider's request to another.
    #[test]
    fn no_shape_steals_the_answer_of_another() {
        let fixtures = Fixture::all();
        for answered in &fixtures {
            let Some(alone) = recognise(None, answered.response()) else {
                continue;
            };
            for asked in &fixtures {
                let pair = format!("{} and {}", asked.name, answered.name);
                let call = recognise(asked.request(), answered.response()).expect(&pair);
                assert_eq!(call.completions, alone.completions, "{pair}");
                assert_eq!(call.usage, alone.usage, "{pair}");
            }
        }
    }

    #[test]
    fn a_prompt_is_told_beside_an_answer_of_any_shape() {
        let request = json!({"system": "Be brief.", "prompt": "Why?", "model": "claude-opus-4-5"});
        let response = json!({"role": "assistant", "content": "So.", "stop_reason": "end_turn"});
        let call = recognise(Some(&request), Some(&response)).unwrap();
        assert_eq!(call.request_model.as_deref(), Some("claude-opus-4-5"));
        let roles: Vec<_> = call.messages.iter().map(|asked| &*asked.role).collect();
        assert_eq!(roles, ["system", "user"]);
        assert_eq!(
            call.completions[0].finish_reason.as_deref(),
            Some("end_turn")
        );
    }

    /// Requests and responses of all fixtures; a stream is the array of its events, so that each may be changed.
    static BODIES: LazyLock<Vec<Value>> = LazyLock::new(|| {
        let fixtures = Fixture::all();
        let sides = fixtures
            .iter()
            .flat_map(|fixture| [fixture.request(), fixture.response()]);
        let bodies = sides.flatten();
        bodies
            .map(|body| sse::told(body).unwrap_or_else(|| body.clone()))
            .collect()
    });

    /// Every value inside, by its path, and every name of a field.
    fn inside(value: &Value, path: &str, places: &mut Vec<String>, names: &mut Vec<String>) {
        places.push(path.to_owned());
        for (name, value) in value.as_object().into_iter().flatten() {
            names.push(name.clone());
            let name = name.replace('~', "~0").replace('/', "~1");
            inside(value, &format!("{path}/{name}"), places, names);
        }
        for (at, value) in value.as_array().into_iter().flatten().enumerate() {
            inside(value, &format!("{path}/{at}"), places, names);
        }
    }

    /// JSON of any form, whose fields have the names that shapes look for.
    fn any_json() -> impl Strategy<Value = Value> {
        let mut names = Vec::new();
        for body in BODIES.iter() {
            inside(body, "", &mut Vec::new(), &mut names);
        }
        let name = proptest::sample::select(names);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
            name.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 6, move |value| {
            let list = proptest::collection::vec(value.clone(), 0..6);
            let fields = proptest::collection::btree_map(name.clone(), value, 0..6);
            prop_oneof![
                list.prop_map(Value::from),
                fields.prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

        #[test]
        fn no_json_breaks_it(request in any_json(), response in any_json()) {
            let _ = recognise(Some(&request), Some(&response));
        }

        #[test]
        fn no_value_in_any_place_of_any_fixture_breaks_it(
            pair in any::<[Index; 2]>(),
            changes in proptest::collection::vec((any::<bool>(), any::<Index>(), any_json()), 1..4),
        ) {
            let mut pair = pair.map(|at| at.get(&BODIES).clone());
            for (side, at, odd) in changes {
                let body = &mut pair[usize::from(side)];
                let mut places = Vec::new();
                inside(body, "", &mut places, &mut Vec::new());
                let place = &places[at.index(places.len())];
                *body.pointer_mut(place).unwrap() = odd;
            }
            let [request, response] = &pair;
            let _ = recognise(Some(request), Some(response));
            let _ = recognise(None, Some(response));
        }
    }

    #[test]
    fn what_has_no_known_shape_is_no_call() {
        let nothing = [
            json!(null),
            json!(1),
            json!("hello"),
            json!([]),
            json!({}),
            json!({"messages": []}),
            json!({"messages": ["a", 1, null]}),
            json!({"messages": [{"role": 1}]}),
            json!({"messages": [{"role": "captain", "text": "aye"}]}),
            json!({"choices": 3, "usage": "none"}),
            json!({"choices": [null, {"message": null}]}),
            json!({"error": {"message": "no", "type": "t", "code": null}}),
            json!([{"error": {"message": "no"}}]),
            json!({"model": "gpt-4o", "usage": {"prompt_tokens": 1}}),
        ];
        assert_eq!(recognise(None, None), None);
        for one in &nothing {
            assert_eq!(recognise(Some(one), None), None, "{one}");
            assert_eq!(recognise(None, Some(one)), None, "{one}");
            for other in &nothing {
                assert_eq!(recognise(Some(one), Some(other)), None, "{one} {other}");
            }
        }
    }

    #[test]
    fn a_search_is_neither_deep_nor_long() {
        let found = |value: &Value| nearest(value, |value| value.get("here")?.as_u64());
        assert_eq!(found(&json!({"here": 1, "a": {"here": 2}})), Some(1));
        assert_eq!(found(&json!([0, {"a": {"here": 3}}, {"here": 4}])), Some(4));
        assert_eq!(found(&json!({"a": {"b": {"c": {"here": 5}}}})), None);
        let mut wide = vec![json!({}); 10_000];
        wide.push(json!({"here": 6}));
        assert_eq!(found(&Value::Array(wide)), None);
    }

    /// Where one count is nonsense, the other alone would make a price that nobody charges.
    #[test]
    fn usage_with_a_count_that_is_none_is_not_known() {
        let openai = |usage: Value| {
            json!({"object": "chat.completion", "model": "gpt-4o-mini", "usage": usage,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}}]})
        };
        let anthropic = |usage: Value| {
            json!({"type": "message", "role": "assistant", "model": "claude-haiku-4-5",
            "content": [{"type": "text", "text": "a"}], "usage": usage})
        };
        let gemini = |usage: Value| {
            json!({"modelVersion": "gemini-2.5-flash", "usageMetadata": usage,
            "candidates": [{"content": {"role": "model", "parts": [{"text": "a"}]}, "finishReason": "STOP"}]})
        };
        let ollama = |usage: Value| {
            let mut line = json!({"model": "llama3.2", "message": {"role": "assistant", "content": "a"}, "done": true, "done_reason": "stop", "created_at": "2024-11-22T00:00:00Z"});
            let fields = usage.as_object().unwrap().clone();
            line.as_object_mut().unwrap().extend(fields);
            line
        };
        let responses = |usage: Value| {
            json!({"object": "response", "id": "r", "model": "gpt-4o-mini", "status": "completed", "usage": usage,
            "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]}]})
        };
        let bedrock = |usage: Value| json!({"output": {"message": {"role": "assistant", "content": [{"text": "a"}]}}, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 1}});
        let cohere = |usage: Value| {
            json!({"id": "c", "finish_reason": "COMPLETE", "message": {"role": "assistant", "content": [{"type": "text", "text": "a"}]},
            "usage": {"billed_units": usage, "tokens": {"input_tokens": 3, "output_tokens": 4}}})
        };
        type Answer<'a> = &'a dyn Fn(Value) -> Value;
        let answers: [(Answer<'_>, [&str; 2]); 7] = [
            (&openai, ["prompt_tokens", "completion_tokens"]),
            (&anthropic, ["input_tokens", "output_tokens"]),
            (&gemini, ["promptTokenCount", "candidatesTokenCount"]),
            (&ollama, ["prompt_eval_count", "eval_count"]),
            (&responses, ["input_tokens", "output_tokens"]),
            (&bedrock, ["inputTokens", "outputTokens"]),
            (&cohere, ["input_tokens", "output_tokens"]),
        ];
        for (answer, [input, output]) in answers {
            let usage = |input_tokens: Value, output_tokens: Value| {
                let usage = json!({input: input_tokens, output: output_tokens, "total_tokens": 7});
                let call = recognise(None, Some(&answer(usage)));
                call.unwrap_or_else(|| panic!("{input} is recognised"))
                    .usage
            };
            let sound = usage(json!(3), json!(4)).map(|usage| (usage.input, usage.output));
            assert_eq!(sound, Some((3, 4)), "{input}");
            for nonsense in [json!(1e300), json!(-4), json!(u64::MAX)] {
                for (input, output) in [(json!(3), nonsense.clone()), (nonsense.clone(), json!(4))]
                {
                    assert_eq!(
                        usage(input.clone(), output.clone()),
                        None,
                        "{input}, {output}"
                    );
                }
            }
        }
    }

    #[test]
    fn counts_and_amounts_are_never_nonsense() {
        assert_eq!(count(Some(&json!(3))), Some(3));
        assert_eq!(count(Some(&json!(3.0))), Some(3));
        assert_eq!(count(Some(&json!(-3))), None);
        assert_eq!(count(Some(&json!("3"))), None);
        assert_eq!(count(Some(&json!(1_u64 << 53))), Some(1 << 53));
        for nonsense in [
            json!((1_u64 << 53) + 1),
            json!(u64::MAX),
            json!(1e300),
            json!(-0.5),
        ] {
            assert_eq!(count(Some(&nonsense)), None, "{nonsense}");
        }
        assert_eq!(nano_usd(Some(&json!(0.00014))), Some(140_000));
        assert_eq!(nano_usd(Some(&json!(1e300))), None);
        assert_eq!(nano_usd(Some(&json!(-1))), None);
    }
}
