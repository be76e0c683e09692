//! What providers say of a call that they refused or could not finish.
//!
//! Looks for errors where answers are: in a body, among the events of a stream, in what stands around a body. Whether
//! there was a call is for the shapes to say; this never makes one of an error.

use serde_json::{Map, Value};

use super::{nearest, owned, text};
use crate::model::llm::{LlmCall, ProviderError};

type Fields = Map<String, Value>;

/// The error in a response to this call, if there is one.
pub(super) fn of(call: &LlmCall, response: &Value) -> Option<ProviderError> {
    match response {
        Value::Array(items) => {
            // Later ones follow from the first.
            let mid_stream = items.iter().find_map(|item| as_error(unwrapped(item)));
            mid_stream.or_else(|| nearest(response, as_error).filter(|_| is_unanswered(call)))
        }
        response if is_unanswered(call) => find(response),
        response => as_error(response).or_else(|| {
            let choices = response.get("choices")?.as_array()?;
            choices.iter().find_map(as_error)
        }),
    }
}

/// What the provider says was wrong in a body, or in the midst of a stream whose items are an array; `None` where it is an
/// answer. Of a `refused` request, the body is believed to be an error wherever it says so.
#[must_use]
pub fn said(response: &Value, refused: bool) -> Option<ProviderError> {
    match response {
        Value::Array(items) => items.iter().find_map(|item| as_error(unwrapped(item))),
        response => as_error(response),
    }
    .or_else(|| find(response).filter(|_| refused))
}

fn is_unanswered(call: &LlmCall) -> bool {
    let says_nothing = |choice: &crate::model::llm::Completion| {
        choice.content.is_empty() && choice.tool_calls.is_empty()
    };
    call.completions.iter().all(says_nothing)
}

/// Whether text is a provider's error and not an answer: a model may be asked for JSON that has an `error`.
pub(super) fn is_certain(told: &Value) -> bool {
    let is_error = |value: &Value| {
        let fields = value.as_object()?;
        let error = match fields.get("error") {
            Some(error) => error.as_object()?,
            None if is_flat(fields) => fields,
            None => return None,
        };
        text(error, "message")?;
        let classified = ["type", "code", "status"];
        classified
            .iter()
            .any(|key| error.get(*key).is_some_and(|value| !value.is_null()))
            .then_some(())
    };
    match told {
        Value::Array(items) => items.iter().any(|item| is_error(item).is_some()),
        told => is_error(told).is_some(),
    }
}

/// The nearest error, with what stands around it: `{"status": 429, "headers": …, "body": {"error": …}}`.
fn find(response: &Value) -> Option<ProviderError> {
    let mut error = nearest(response, as_error)?;
    if let Some(around) = response.as_object() {
        let status = ["status", "status_code"]
            .iter()
            .find_map(|key| around.get(*key));
        error.status = error.status.or_else(|| http_status(status));
        let headers = around.get("headers").and_then(Value::as_object);
        let wait = headers.and_then(|headers| headers.get("retry-after"));
        error.retry_after = error.retry_after.or_else(|| nanos(wait));
    }
    Some(error)
}

/// An item of a stream, out of its `Ok` or `Err`.
fn unwrapped(item: &Value) -> &Value {
    let inside = item.get("Ok").or_else(|| item.get("Err"));
    inside.filter(|inside| inside.is_object()).unwrap_or(item)
}

fn as_error(value: &Value) -> Option<ProviderError> {
    let fields = value.as_object()?;
    match fields.get("error") {
        Some(Value::Object(error)) => read(error),
        // xAI, Ollama, and servers of one's own.
        Some(Value::String(message)) if !message.is_empty() => Some(ProviderError {
            status: http_status(fields.get("code")),
            code: code(fields),
            kind: owned(fields, "error_type"),
            message: message.clone(),
            retry_after: None,
        }),
        _ if is_flat(fields) => read(fields),
        // The event that ends a stream of OpenAI's responses.
        _ => {
            let response = fields.get("response")?.as_object()?;
            read(response.get("error")?.as_object()?)
        }
    }
}

/// Mistral and vLLM say `"object": "error"`, OpenAI's streams of responses `"type": "error"`.
fn is_flat(fields: &Fields) -> bool {
    let is_error = ["object", "type"]
        .iter()
        .any(|key| text(fields, key) == Some("error"));
    is_error && fields.get("message").is_some_and(Value::is_string)
}

fn read(error: &Fields) -> Option<ProviderError> {
    // Gemini's word for the code is `status`, and its `code` is the status.
    let code = owned(error, "status").or_else(|| code(error));
    let kind = owned(error, "type").filter(|kind| kind != "error");
    let message = text(error, "message");
    if message.is_none() && code.is_none() && kind.is_none() {
        return None;
    }
    let status = error.get("code").filter(|code| code.is_number());
    Some(ProviderError {
        status: http_status(status.or_else(|| error.get("status")))
            .or_else(|| http_status(error.get("raw_status_code"))),
        code,
        kind,
        message: message.unwrap_or_default().to_owned(),
        retry_after: retry_after(error),
    })
}

/// A code that is not just the status.
fn code(error: &Fields) -> Option<String> {
    owned(error, "code").filter(|code| !code.is_empty())
}

fn http_status(value: Option<&Value>) -> Option<u16> {
    let status = value?.as_u64()?;
    u16::try_from(status)
        .ok()
        .filter(|status| (400..600).contains(status))
}

/// Google's `RetryInfo`, or a number of seconds.
fn retry_after(error: &Fields) -> Option<u64> {
    let details = error.get("details").and_then(Value::as_array);
    let google = details
        .into_iter()
        .flatten()
        .find_map(|detail| nanos(detail.get("retryDelay")));
    let metadata = error.get("metadata");
    google
        .or_else(|| nanos(error.get("retry_after")))
        .or_else(|| nanos(metadata?.get("retry_after_seconds")))
        .or_else(|| wait(text(error, "message")?))
}

/// What a message tells of the time to wait: OpenAI, Azure, Groq and Gemini write it there.
fn wait(message: &str) -> Option<u64> {
    const MARKS: [&str; 3] = ["try again in ", "retry in ", "retry after "];
    let message = message.to_ascii_lowercase();
    let found = MARKS
        .iter()
        .find_map(|mark| message.find(mark).map(|at| at + mark.len()));
    duration(&message[found?..])
}

/// A time that a text begins with, in nanoseconds: `1m47.5s`, `20ms`, `6 seconds`.
fn duration(text: &str) -> Option<u64> {
    const UNITS: [(&str, f64); 11] = [
        ("milliseconds", 1e6),
        ("seconds", 1e9),
        ("second", 1e9),
        ("minutes", 60e9),
        ("minute", 60e9),
        ("hours", 3600e9),
        ("hour", 3600e9),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 60e9),
        ("h", 3600e9),
    ];
    let (mut rest, mut nanos) = (text, None);
    loop {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let Ok(number) = rest[..end].parse::<f64>() else {
            break;
        };
        let unit = rest[end..].trim_start();
        let known = UNITS
            .iter()
            .find_map(|(name, length)| Some((unit.strip_prefix(name)?, length)));
        let (after, length) = known?;
        nanos = Some(nanos.unwrap_or(0.0) + number * length);
        rest = after;
    }
    nanos
        .filter(|nanos| (0.0..1e18).contains(nanos))
        .map(|nanos| nanos.round() as u64)
}

/// Seconds as a number or as text, with or without an `s` behind them.
fn nanos(seconds: Option<&Value>) -> Option<u64> {
    let seconds = match seconds? {
        Value::String(text) => text.strip_suffix('s').unwrap_or(text).trim().parse().ok()?,
        number => number.as_f64()?,
    };
    let nanos: f64 = seconds * 1e9;
    (0.0..1e18).contains(&nanos).then_some(nanos.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::recognise::recognise;
    use serde_json::json;

    fn answered(response: Value) -> LlmCall {
        let request = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
        recognise(Some(&request), Some(&response)).unwrap()
    }

    #[test]
    fn an_error_is_never_an_answer() {
        let body = json!({"error": {"message": "no", "type": "t", "code": "c"}});
        for response in [
            body.clone(),
            json!(body.to_string()),
            json!(format!("event: error\ndata: {body}\n\n")),
            json!([{"Err": body}]),
            json!({"status": 429, "headers": {"retry-after": "2"}, "body": body}),
        ] {
            let call = answered(response.clone());
            assert!(call.completions.is_empty(), "{response}");
            let error = call.provider_error.unwrap();
            assert_eq!(
                (
                    error.code.as_deref(),
                    error.kind.as_deref(),
                    &*error.message
                ),
                (Some("c"), Some("t"), "no"),
                "{response}"
            );
            let told = response.get("status").map(|_| (429, 2_000_000_000));
            assert_eq!(error.status.zip(error.retry_after), told, "{response}");
        }
    }

    #[test]
    fn an_answer_is_never_an_error() {
        let said = |content: Value| json!({"choices": [{"message": {"role": "assistant", "content": content}}], "error": null});
        for response in [
            said(json!("{\"error\": {\"message\": \"no\", \"code\": 1}}")),
            said(json!([{"type": "text", "text": "hm", "error": "no"}])),
            json!("{\"error\": \"no such city\"}"),
            json!("{\"error\": {\"message\": \"no such city\"}}"),
            json!({"text": "{\"error\": 1}", "error": null}),
        ] {
            let call = answered(response.clone());
            assert_eq!(call.provider_error, None, "{response}");
            assert_eq!(call.completions.len(), 1, "{response}");
        }
    }

    #[test]
    fn a_message_may_tell_how_long_to_wait() {
        let limit = |text: &str| {
            let message = format!("Rate limit reached: Limit 7000, Used 0. {text}");
            let error = json!({"error": {"message": message, "code": "rate_limit_exceeded"}});
            answered(error).provider_error.unwrap().retry_after
        };
        for (text, seconds) in [
            ("Please try again in 20s. Visit https://example.com", 20.0),
            ("Please try again in 1m47.5s.", 107.5),
            ("Please try again in 6ms.", 0.006),
            ("Please try again in 1h0m30.5s. Need more?", 3630.5),
            ("Please retry after 6 seconds.", 6.0),
            ("Please retry in 34.07s.", 34.07),
            ("Try again in 2 minutes", 120.0),
        ] {
            let nanos = (seconds * 1e9_f64).round() as u64;
            assert_eq!(limit(text), Some(nanos), "{text}");
        }
        for text in [
            "Please try again later.",
            "Please try again in a moment.",
            "Please try again in 3 days.",
            "Please try again in 1.2.3s.",
            "Retry after",
            "try again in 99999999999999999999h",
        ] {
            assert_eq!(limit(text), None, "{text}");
        }
    }

    #[test]
    fn odd_errors_are_read_as_far_as_they_go() {
        let error = |error: Value| answered(json!({ "error": error })).provider_error;
        assert_eq!(error(json!({})), None);
        assert_eq!(error(json!({"message": ""})), None);
        assert_eq!(error(json!(["no"])), None);
        let found = error(json!({"code": 70_000, "message": "no", "retry_after": -1})).unwrap();
        assert_eq!((found.status, found.retry_after), (None, None));
        let found = error(json!({"status": 503, "code": "", "type": "t", "retry_after": "1.5s"}));
        let found = found.unwrap();
        assert_eq!(
            (found.status, found.code, found.retry_after),
            (Some(503), None, Some(1_500_000_000))
        );
    }
}
