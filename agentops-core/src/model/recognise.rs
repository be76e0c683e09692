//! Recognises a model call in what a function was given and what it returned.
//!
//! Whatever saw the call (an annotated function, a layer around a client, woven code) hands over JSON, and gets the
//! typed record for it, or nothing where the shape is not one that it knows. One module for each shape, and no more
//! about a provider than its shape shows; nothing here knows where the JSON comes from, or what a call costs.

mod openai;
mod plain;
mod stream;

use serde_json::{Map, Value};

use super::llm::LlmCall;

pub use self::stream::{is_complete, joined};

/// Recognises a model call; `None` where neither side has a known shape.
///
/// `request` is what went in, of a function an object keyed by argument name; `response` is what came out, of a stream
/// the array of its items. Either may be wrapped: the request may be one argument of several, or a part of one, and
/// the response may be a field of what was returned.
#[must_use]
pub fn recognise(request: Option<&Value>, response: Option<&Value>) -> Option<LlmCall> {
    let seen = Seen {
        request: request.filter(|request| !request.is_null()),
        response: response.filter(|response| !response.is_null()),
    };
    SHAPES.iter().find_map(|shape| shape(&seen))
}

/// Every shape, the more particular ones first.
const SHAPES: [fn(&Seen<'_>) -> Option<LlmCall>; 2] = [openai::chat, plain::prompt];

/// Both sides of what may be a model call.
#[derive(Debug, Clone, Copy)]
struct Seen<'a> {
    request: Option<&'a Value>,
    response: Option<&'a Value>,
}

/// How far inside an argument or a returned value a request or response may be.
const DEPTH: usize = 2;

/// How many values are looked at before the search is given up, so that a large body costs no more than a small one.
const EFFORT: usize = 256;

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

/// A count of tokens, however it is written.
fn count(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64))
}

/// An amount of money in USD as nano-USD; `None` where it is not an amount.
fn nano_usd(value: Option<&Value>) -> Option<i64> {
    let nanos = (value?.as_f64()? * 1e9).round();
    (0.0..1e18).contains(&nanos).then_some(nanos as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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

    #[test]
    fn counts_and_amounts_are_never_nonsense() {
        assert_eq!(count(Some(&json!(3))), Some(3));
        assert_eq!(count(Some(&json!(3.0))), Some(3));
        assert_eq!(count(Some(&json!(-3))), None);
        assert_eq!(count(Some(&json!("3"))), None);
        assert_eq!(nano_usd(Some(&json!(0.00014))), Some(140_000));
        assert_eq!(nano_usd(Some(&json!(1e300))), None);
        assert_eq!(nano_usd(Some(&json!(-1))), None);
    }
}
