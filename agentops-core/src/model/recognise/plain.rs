//! The simplest model call: a function that is given a `prompt` and returns text.
//!
//! Stands last among the shapes, for it tells neither a provider nor what was used.

use serde_json::{Map, Value};

use super::{Seen, owned};
use crate::model::llm::{Completion, LlmCall, Message, Part};

/// Names that an argument with instructions goes by.
const INSTRUCTIONS: [&str; 4] = ["system", "system_prompt", "preamble", "instructions"];

/// Recognises arguments named `prompt` and, if it likes, `model` and `system`.
pub(super) fn prompt(seen: &Seen<'_>) -> Option<LlmCall> {
    let arguments = seen.request.filter(|_| seen.by_request)?.as_object()?;
    let prompt = message("user", arguments, "prompt")?;
    let system = INSTRUCTIONS
        .iter()
        .find_map(|name| message("system", arguments, name));
    Some(LlmCall {
        request_model: owned(arguments, "model"),
        operation: Some("chat".into()),
        messages: system.into_iter().chain([prompt]).collect(),
        completions: seen
            .response
            .and_then(Value::as_str)
            .map(answer)
            .into_iter()
            .collect(),
        ..LlmCall::default()
    })
}

/// What a function answered that returns nothing but the text.
pub(super) fn answer(text: &str) -> Completion {
    Completion {
        role: "assistant".into(),
        content: vec![Part::Text(text.into())],
        ..Completion::default()
    }
}

fn message(role: &str, arguments: &Map<String, Value>, name: &str) -> Option<Message> {
    let content = vec![Part::Text(owned(arguments, name)?)];
    Some(Message {
        role: role.into(),
        content,
        ..Message::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::recognise::recognise;
    use serde_json::json;

    #[test]
    fn a_prompt_and_a_text_make_a_call() {
        let request =
            json!({"model": "my-model", "system": "Be brief.", "prompt": "Why?", "limit": 3});
        let call = recognise(Some(&request), Some(&json!("Because."))).unwrap();
        let said: Vec<_> = call
            .messages
            .iter()
            .map(|m| (m.role.as_str(), m.content.as_slice()))
            .collect();
        assert_eq!(
            said,
            [
                ("system", &[Part::Text("Be brief.".into())][..]),
                ("user", &[Part::Text("Why?".into())][..]),
            ]
        );
        assert_eq!(call.completions, [answer("Because.")]);
        assert_eq!(call.request_model.as_deref(), Some("my-model"));
        assert_eq!((call.provider, call.usage), (None, None));
    }

    #[test]
    fn an_answer_that_is_not_text_is_left_to_the_span() {
        let call = recognise(
            Some(&json!({"prompt": "Why?"})),
            Some(&json!({"because": 1})),
        )
        .unwrap();
        assert!(call.completions.is_empty());
        assert!(recognise(Some(&json!({"prompt": 7})), Some(&json!("7"))).is_none());
    }
}
