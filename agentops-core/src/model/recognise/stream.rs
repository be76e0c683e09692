//! A stream's items, taken together: whether the answer came to its end, and what items that are text say.
//!
//! A client may drop a stream as soon as it has read what ends it, and often does so before the stream itself has
//! ended. Knows the marks by which providers end an answer, not what is in it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Whether one of a stream's items says that no more of the answer follows: a choice's reason to finish, for each choice
/// that was begun, or an event that ends the whole.
#[must_use]
pub fn is_complete(items: &Value) -> bool {
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut choices = BTreeMap::new();
    if items.iter().any(|item| ends(item, &mut choices)) {
        return true;
    }
    !choices.is_empty() && choices.into_values().all(|finished| finished)
}

/// The items of a stream of text as one text, which may be an answer's words, or a body that was read in pieces.
#[must_use]
pub fn joined(items: Value) -> Value {
    let texts = |items: &Vec<Value>| {
        let is_mark = |item: &Value| item.get("$truncated").is_some();
        items.iter().any(Value::is_string)
            && items.iter().all(|item| item.is_string() || is_mark(item))
    };
    match items {
        Value::Array(items) if texts(&items) => {
            Value::String(items.iter().filter_map(Value::as_str).collect())
        }
        other => other,
    }
}

/// Events that end an answer, as their `type`, as the name of an event, or as the variant of an enum.
const LAST: [&str; 10] = [
    "messagestop",
    "messageend",
    "responsecompleted",
    "responseincomplete",
    "responsefailed",
    "interactioncompleted",
    "interactioncomplete",
    "chatcompletiondone",
    "streamend",
    "[done]",
];

/// Whether an item ends the whole; notes the choices that it begins or finishes.
fn ends(item: &Value, choices: &mut BTreeMap<u64, bool>) -> bool {
    match item {
        Value::String(text) => text_ends(text, choices),
        Value::Object(fields) => {
            // As it is, or in what a `Result`, an enum or an event puts around it.
            event_ends(fields, choices)
                || fields.values().any(|inner| match inner {
                    Value::Object(inner) => event_ends(inner, choices),
                    _ => false,
                })
        }
        _ => false,
    }
}

/// Text that is an event itself, or a piece of a body with events in it.
fn text_ends(text: &str, choices: &mut BTreeMap<u64, bool>) -> bool {
    is_last(text)
        || text.lines().any(|line| {
            let line = line.trim();
            let line = line.strip_prefix("data:").map_or(line, str::trim_start);
            is_last(line)
                || line.starts_with('{')
                    && serde_json::from_str(line)
                        .is_ok_and(|event: Map<String, Value>| event_ends(&event, choices))
        })
}

fn event_ends(fields: &Map<String, Value>, choices: &mut BTreeMap<u64, bool>) -> bool {
    let said = |key: &str| fields.get(key).and_then(Value::as_str);
    let named = ["type", "event", "event_type", "data"];
    let mut names = named.into_iter().filter_map(said);
    if names.any(is_last) || fields.get("done") == Some(&Value::Bool(true)) {
        return true;
    }
    if fields.len() == 1 && fields.keys().any(|variant| is_last(variant)) {
        return true;
    }
    let captured = |end: &Map<String, Value>| end.keys().any(|key| key.starts_with("captured_"));
    if fields
        .get("End")
        .and_then(Value::as_object)
        .is_some_and(captured)
    {
        return true;
    }
    // Before the event that ends it, the last of a message says why.
    let reason = |value: Option<&Value>| value?.get("stop_reason")?.as_str().map(str::len);
    if reason(fields.get("delta")).is_some_and(|length| length > 0) {
        return true;
    }
    for (list, keys) in [
        ("choices", ["finish_reason", "finishReason"]),
        ("candidates", ["finishReason", "finish_reason"]),
    ] {
        let list = fields.get(list).and_then(Value::as_array);
        for choice in list.into_iter().flatten().filter(|item| item.is_object()) {
            let index = choice.get("index").and_then(Value::as_u64);
            let reason = keys.iter().find_map(|key| choice.get(*key)?.as_str());
            *choices.entry(index.unwrap_or_default()).or_default() |=
                reason.is_some_and(|reason| !reason.is_empty());
        }
    }
    false
}

/// Whether this is the name of an event that ends an answer, however it is written.
fn is_last(name: &str) -> bool {
    let name = name.trim();
    // No such name is longer, however it is written.
    if name.len() > 32 {
        return false;
    }
    let name: String = name
        .chars()
        .filter(|c| !matches!(c, '_' | '-' | '.'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    LAST.contains(&&*name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_complete_once_that_was_said() {
        let delta = |index: u64, reason: Option<&str>| json!({"choices": [{"index": index, "delta": {"content": "a"}, "finish_reason": reason}]});
        let complete = [
            json!([delta(0, None), delta(0, Some("stop"))]),
            json!([delta(0, Some("stop")), {"choices": [], "usage": {"total_tokens": 1}}]),
            json!([{"Ok": delta(0, Some("length"))}]),
            json!([
                delta(0, Some("stop")),
                delta(1, None),
                delta(1, Some("stop"))
            ]),
            json!([{"type": "message_start"}, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}]),
            json!([{"type": "message_stop"}]),
            json!(["MessageStop"]),
            json!(["Start", {"Ok": {"End": {"captured_usage": {}}}}]),
            json!([{"MessageStop": {}}]),
            json!([{"type": "response.completed", "response": {}}]),
            json!([{"event_type": "interaction.completed", "interaction": {}}]),
            json!([{"ResponseCompleted": {"sequence_number": 3}}]),
            json!([{"model": "m", "message": {"content": ""}, "done": true}]),
            json!([{"candidates": [{"content": {}, "finishReason": "STOP"}]}]),
            json!([{"type": "message-end", "delta": {}}]),
            json!([{"event": "message", "data": "[DONE]"}]),
            json!(["data: {\"choices\":[]}\n\ndata: [DONE]\n\n"]),
            json!(["data: {\"type\":\"message_stop\"}\n\n"]),
        ];
        for items in &complete {
            assert!(is_complete(items), "{items}");
        }
        let incomplete = [
            json!(null),
            json!([]),
            json!([1, null, [], {}]),
            json!(["done"]),
            json!([{"End": {"sentence": 1}}]),
            json!([delta(0, None)]),
            json!([delta(0, Some(""))]),
            json!([delta(0, Some("stop")), delta(1, None)]),
            json!([{"done": false}]),
            json!([{"type": "message_delta", "delta": {"stop_reason": null}}]),
            json!([{"candidates": [{"content": {}}]}]),
            json!([{"type": "content_block_stop", "index": 0}]),
        ];
        for items in &incomplete {
            assert!(!is_complete(items), "{items}");
        }
    }

    #[test]
    fn texts_are_one_text() {
        assert_eq!(joined(json!(["a", "b"])), "ab");
        let mark = json!({"$truncated": {"bytes": null}});
        assert_eq!(joined(json!(["a", mark, "c"])), "ac");
        for other in [json!([]), json!(["a", 1]), json!({"a": "b"}), json!([mark])] {
            assert_eq!(joined(other.clone()), other);
        }
    }
}
