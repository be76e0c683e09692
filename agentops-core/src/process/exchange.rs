//! What went over the wire between a hooked client and a provider, as the values that the recogniser reads.
//!
//! Bodies come as bytes, long ones without their middle; they leave as captured values, as if a function had been given
//! the request and had returned the answer. Knows how text is framed and where it was cut, not what providers mean.

use serde_json::{Map, Value};

use super::encode::{self, Notes, Stream};
use crate::model::error::ErrorRecord;
use crate::model::llm::{LlmCall, ProviderError};
use crate::model::recognise;
use crate::model::recognise::endpoint::Endpoint;
use crate::model::recognise::frames;
use crate::model::recognise::sse::Events;
use crate::model::semconv;
use crate::record::capture::Sink;
use crate::record::fault;
use crate::record::kept::Kept;
use crate::record::note::Ended;

/// What is known of an exchange besides what was said.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// What the address tells, where the bodies do not.
    pub(super) model: Option<String>,
    pub(super) operation: Option<&'static str>,
    /// A captured answer that came in one piece.
    pub(super) answer: Option<Box<[u8]>>,
    /// When its last byte came, where it was dropped then and is all there.
    pub(super) whole: Option<u64>,
    /// What the provider said was wrong.
    pub(super) error: Option<ErrorRecord>,
}

/// Takes in where a request went, and its body.
pub(super) fn asked(said: &[u8], notes: &mut Notes) {
    let (facts, length) = encode::value(said);
    let endpoint = Endpoint {
        host: facts[0].as_str().unwrap_or_default(),
        port: facts[1].as_u64().and_then(|port| u16::try_from(port).ok()),
        path: facts[2].as_str().unwrap_or_default(),
    };
    let attributes = &mut notes.attributes;
    attributes.insert(semconv::SERVER_ADDRESS.to_owned(), endpoint.host.into());
    if let Some(port) = endpoint.port {
        attributes.insert(semconv::SERVER_PORT.to_owned(), port.into());
    }
    let exchange = notes.exchange.get_or_insert_default();
    exchange.model = endpoint.model().map(Into::into);
    exchange.operation = endpoint.operation();
    let provider = endpoint.provider().map(str::to_owned);
    amend(
        notes,
        LlmCall {
            provider,
            ..LlmCall::default()
        },
    );
    let body = Bytes::read(&facts[3], &said[length..]);
    if body.length > 0 {
        notes.input = Some(captured(&body.value()));
    }
}

/// Takes in what came back.
pub(super) fn answered(said: &[u8], time: u64, notes: &mut Notes) {
    let (facts, length) = encode::value(said);
    let [flow, head] = [&facts[0], &facts[1]];
    let mut ended = flow[0]
        .as_str()
        .and_then(Ended::read)
        .unwrap_or(Ended::Dropped);
    let is_stream = flow[1] == Value::Bool(true);
    let [first, last] = [&flow[2], &flow[3]].map(Value::as_u64);
    let status = head[0]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok());
    let status = status.filter(|status| *status > 0);
    let refused = status.is_some_and(|status| status >= 400);
    let body = Bytes::read(&facts[2], &said[length..]);

    if let Some(status) = status {
        let key = semconv::HTTP_STATUS.to_owned();
        notes.attributes.insert(key, status.into());
    }
    let mut response = if is_stream {
        Value::Array(body.events())
    } else {
        body.value()
    };
    let mut error = wrong(&response, refused, status, head[1].as_str());
    if error.is_some() {
        // Providers say which key was wrong, and it may have stood in the address.
        let secrets = facts[3].as_array().map_or(&[][..], |secrets| secrets);
        hide(&mut response, secrets);
        error = wrong(&response, refused, status, head[1].as_str());
    }
    amend(
        notes,
        LlmCall {
            attempts: head[2]
                .as_u64()
                .and_then(|count| u32::try_from(count).ok())
                .filter(|count| *count > 0),
            provider_error: error.clone(),
            ..LlmCall::default()
        },
    );
    if let Some(error) = &error {
        ended = Ended::Error;
        let exchange = notes.exchange.get_or_insert_default();
        exchange.error = Some(record(error, time));
    }
    match response {
        Value::Array(items) if is_stream => {
            let mut bytes = Vec::new();
            if !items.is_empty() {
                let mut kept = Kept::default();
                items
                    .iter()
                    .for_each(|item| kept.push(&mut |sink| sink.serialize(item)));
                kept.write(&mut bytes);
            }
            notes.stream = Some(Stream::new(ended, first, last, bytes.into()));
        }
        response if body.length > 0 => {
            let exchange = notes.exchange.get_or_insert_default();
            exchange.whole = last.filter(|_| !response.is_string() && !body.is_cut());
            exchange.answer = Some(captured(&response));
        }
        _ => {}
    }
}

/// Takes what is secret in the address out of all texts of a value.
fn hide(value: &mut Value, secrets: &[Value]) {
    match value {
        Value::String(text) => fault::hide(text, secrets.iter().filter_map(Value::as_str)),
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, secrets)),
        Value::Object(fields) => fields.values_mut().for_each(|field| hide(field, secrets)),
        _ => {}
    }
}

/// Adds to what is known of the call, below what was said by hand.
fn amend(notes: &mut Notes, known: LlmCall) {
    let said = notes.llm.take().map_or_else(LlmCall::default, |llm| *llm);
    notes.llm = Some(Box::new(said.over(known)));
}

/// What the provider says was wrong, with what the response's head tells of it.
fn wrong(
    response: &Value,
    refused: bool,
    status: Option<u16>,
    retry_after: Option<&str>,
) -> Option<ProviderError> {
    let said = recognise::provider_error(response, refused);
    let mut error = match said {
        Some(error) => error,
        None if refused => ProviderError {
            message: response.as_str().map(beginning).unwrap_or_default(),
            ..ProviderError::default()
        },
        None => return None,
    };
    if refused {
        error.status = status;
    }
    // Dates are left to those who wait.
    let seconds = retry_after.and_then(|text| text.trim().parse::<u32>().ok());
    let nanos = seconds.map(|seconds| u64::from(seconds) * 1_000_000_000);
    error.retry_after = error.retry_after.or(nanos);
    Some(error)
}

/// A page of a gateway's says what it says early.
const MESSAGE: usize = 1024;

fn beginning(text: &str) -> String {
    text.trim().chars().take(MESSAGE).collect()
}

fn record(error: &ProviderError, time: u64) -> ErrorRecord {
    let status = error.status.map(|status| status.to_string());
    let details = match (&*error.message, &status) {
        ("", Some(status)) => format!("HTTP status {status}"),
        (message, _) => message.to_owned(),
    };
    let code = error.code.clone().or_else(|| error.kind.clone()).or(status);
    ErrorRecord {
        kind: crate::model::span::SpanKind::Llm.as_str().into(),
        code: code.unwrap_or_else(|| "error".into()),
        details,
        time,
        ..ErrorRecord::default()
    }
}

/// A value as it is captured where a function is given it.
fn captured(value: &Value) -> Box<[u8]> {
    let mut bytes = Vec::new();
    Sink::new(&mut bytes, true).serialize(value);
    bytes.into()
}

/// A body as far as it was kept.
struct Bytes<'a> {
    /// All of it.
    length: usize,
    beginning: &'a [u8],
    last: &'a [u8],
}

impl<'a> Bytes<'a> {
    fn read(facts: &Value, kept: &'a [u8]) -> Self {
        let count = |index: usize| {
            let count = facts[index].as_u64();
            count
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or(0)
        };
        let (beginning, last) = kept.split_at(count(1).min(kept.len()));
        Self {
            length: count(0),
            beginning,
            last,
        }
    }

    fn is_cut(&self) -> bool {
        self.beginning.len() + self.last.len() < self.length
    }

    /// What says that something was left out.
    fn mark(&self) -> Value {
        serde_json::json!({"bytes": self.length})
    }

    /// The JSON of the whole, else its text; of JSON that was cut what stands on both sides of the cut.
    fn value(&self) -> Value {
        let whole = [self.beginning, self.last].concat();
        if !self.is_cut() {
            let text = || Value::String(String::from_utf8_lossy(&whole).into_owned());
            return serde_json::from_slice(&whole).unwrap_or_else(|_| text());
        }
        match serde_json::from_slice(&mended(self.beginning)) {
            Ok(Value::Object(mut fields)) => {
                fields.extend(last_fields(self.last));
                fields.insert(TRUNCATED.to_owned(), self.mark());
                Value::Object(fields)
            }
            Ok(Value::Array(mut items)) => {
                items.push(serde_json::json!({ TRUNCATED: self.mark() }));
                Value::Array(items)
            }
            _ => Value::String(String::from_utf8_lossy(self.beginning).into_owned()),
        }
    }

    /// The events of a stream, with a mark where some were left out.
    fn events(&self) -> Vec<Value> {
        let read = |pieces: &[&[u8]]| {
            let mut events = Events::default();
            pieces.iter().for_each(|piece| events.push(piece));
            events.finish()
        };
        if !self.is_cut() {
            return read(&[self.beginning, self.last]);
        }
        // An event that was cut is left out on both sides.
        let ends = |bytes: &[u8], at: Option<usize>| at.map_or(bytes.len(), |at| at + 1);
        let (before, after) = if is_lines(self.beginning) {
            let before = self.beginning.iter().rposition(|byte| *byte == b'\n');
            let after = self.last.iter().position(|byte| *byte == b'\n');
            (before.map_or(0, |at| at + 1), ends(self.last, after))
        } else if self.beginning.first() == Some(&0) {
            let after = frames::first(self.last).unwrap_or(self.last.len());
            (self.beginning.len(), after)
        } else {
            let before = blank_lines(self.beginning).last();
            (
                before.unwrap_or(0),
                blank_lines(self.last).next().unwrap_or(self.last.len()),
            )
        };
        let mut events = read(&[&self.beginning[..before]]);
        events.push(serde_json::json!({ TRUNCATED: self.mark() }));
        events.extend(read(&[&self.last[after..]]));
        events
    }
}

const TRUNCATED: &str = "$truncated";

fn is_lines(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{")
}

/// Where blank lines end.
fn blank_lines(text: &[u8]) -> impl Iterator<Item = usize> {
    let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    ends.filter_map(|(at, _)| {
        let before = text[..at].strip_suffix(b"\r").unwrap_or(&text[..at]);
        before.ends_with(b"\n").then_some(at + 1)
    })
}

/// JSON that breaks off, ended where it can be: what was complete by then, and the text that is going on.
fn mended(text: &[u8]) -> Vec<u8> {
    let mut open = Vec::new();
    // How much may be kept, and what is open there.
    let (mut safe, mut safe_depth) = (0, 0);
    let (mut string, mut escaped) = (None, false);
    let mut is_value = false;
    for (at, byte) in text.iter().enumerate() {
        if string.is_some() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => string = None,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => string = Some(at),
            b'{' | b'[' => {
                open.push(if *byte == b'{' { b'}' } else { b']' });
                is_value = *byte == b'[';
                (safe, safe_depth) = (at + 1, open.len());
            }
            b'}' | b']' => {
                open.pop();
                (safe, safe_depth) = (at + 1, open.len());
            }
            b',' => {
                is_value = open.last() == Some(&b']');
                (safe, safe_depth) = (at, open.len());
            }
            b':' => is_value = true,
            _ => {}
        }
    }
    let mut whole = text[..safe].to_vec();
    let mut depth = safe_depth;
    if let Some(begin) = string.filter(|_| is_value) {
        // No escape, and no character, may break off.
        let escape = text.len().saturating_sub(MOST_ESCAPED).max(begin + 1);
        let broken = text[escape..].iter().rposition(|byte| *byte == b'\\');
        let cut = &text[..broken.map_or(text.len(), |at| escape + at)];
        let valid = std::str::from_utf8(cut).map_or_else(|error| error.valid_up_to(), str::len);
        if valid > begin {
            whole = cut[..valid].to_vec();
            // A backslash before the last few bytes may have lost what it says.
            let slashes = whole
                .iter()
                .rev()
                .take_while(|byte| **byte == b'\\')
                .count();
            whole.truncate(whole.len() - slashes % 2);
            whole.push(b'"');
            depth = open.len();
        }
    }
    open.truncate(depth);
    whole.extend(open.iter().rev());
    whole
}

/// Bytes of the longest escape: a pair of surrogates.
const MOST_ESCAPED: usize = 12;

/// The outermost fields of an object of which only the end is there.
///
/// What follows a field's name reads as the rest of an object, and nothing is left, only where the field is an
/// outermost one.
fn last_fields(text: &[u8]) -> Map<String, Value> {
    let mut found = Map::new();
    for name in LAST_FIELDS {
        let quoted = format!("\"{name}\"");
        let places = text.windows(quoted.len()).enumerate();
        let places = places.filter(|(_, window)| *window == quoted.as_bytes());
        for (at, _) in places.take(TRIES) {
            let rest = [b"{", &text[at..]].concat();
            if let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(&rest) {
                found.extend(fields);
                break;
            }
        }
    }
    found
}

/// Fields that stand behind long ones.
const LAST_FIELDS: [&str; 8] = [
    "model",
    "usage",
    "usageMetadata",
    "usage_metadata",
    "stream",
    "meta",
    "prompt_eval_count",
    "finish_reason",
];
/// How often a field's name is looked at.
const TRIES: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_breaks_off_is_mended() {
        let whole = json!({"a": [1, {"b": "x\u{e4}\n\"\u{1f600}"}, true, null, -1.5e3], "c": {"d": [[]]}, "e": "f"});
        for text in [
            whole.to_string(),
            serde_json::to_string_pretty(&whole).unwrap(),
        ] {
            for end in 1..text.len() {
                let mended = mended(&text.as_bytes()[..end]);
                let value: Result<Value, _> = serde_json::from_slice(&mended);
                assert!(
                    value.is_ok(),
                    "{:?} of {:?}",
                    String::from_utf8_lossy(&mended),
                    &text.as_bytes()[..end].escape_ascii().to_string()
                );
            }
        }
        let mended =
            |text: &str| serde_json::from_slice::<Value>(&mended(text.as_bytes())).unwrap();
        assert_eq!(mended(r#"{"a": "long te"#), json!({"a": "long te"}));
        assert_eq!(mended(r#"{"a": 1, "long te"#), json!({"a": 1}));
        assert_eq!(mended(r#"{"a": ["x", 12"#), json!({"a": ["x"]}));
        assert_eq!(mended(r#"{"a": "\\\\"#), json!({"a": "\\"}));
    }

    fn cut<'a>(beginning: &'a str, last: &'a str) -> Bytes<'a> {
        Bytes {
            length: beginning.len() + last.len() + 1000,
            beginning: beginning.as_bytes(),
            last: last.as_bytes(),
        }
    }

    #[test]
    fn long_bodies_keep_what_was_used() {
        let body = cut(
            r#"{"object": "list", "data": [{"embedding": [0.1, 0.2"#,
            r#"3, {"usage": 7}]}], "model": "m", "usage": {"total_tokens": 8}}"#,
        );
        assert_eq!(
            body.value(),
            json!({"object": "list", "data": [{"embedding": [0.1]}], "model": "m",
                "usage": {"total_tokens": 8}, "$truncated": {"bytes": body.length}})
        );
    }

    #[test]
    fn long_streams_lose_whole_events() {
        let body = cut(
            "data: {\"n\": 1}\n\ndata: {\"n\"",
            ": 7}\r\n\r\ndata: {\"n\": 8}\r\n\r\n",
        );
        let mark = json!({"$truncated": {"bytes": body.length}});
        assert_eq!(
            body.events(),
            [json!({"n": 1}), mark.clone(), json!({"n": 8})]
        );
        let body = cut("{\"n\": 1}\n{\"n", "}\n{\"n\": 8}\n");
        let mark = json!({"$truncated": {"bytes": body.length}});
        assert_eq!(body.events(), [json!({"n": 1}), mark, json!({"n": 8})]);
    }

    proptest! {
        /// Bytes that nobody thought of, cut anywhere.
        #[test]
        fn odd_bytes_do_no_harm(bytes in "([{}\\[\\]\",:\\\\\\r\\n ]|data: |usage|\\PC){0,60}", at: Index, cut: bool) {
            let (beginning, last) = bytes.as_bytes().split_at(at.index(bytes.len() + 1));
            let body = Bytes { length: bytes.len() + usize::from(cut), beginning, last };
            let (value, events) = (body.value(), body.events());
            if !cut {
                let whole = serde_json::from_str(&bytes).unwrap_or_else(|_| json!(bytes));
                prop_assert_eq!(&value, &whole);
            }
            wrong(&value, true, Some(500), Some(&bytes));
            wrong(&events.into(), false, None, None);
        }
    }

    #[test]
    fn odd_notes_do_no_harm() {
        for said in [&[][..], b"x", &[0; 40], &[255; 9]] {
            asked(said, &mut Notes::default());
            answered(said, 0, &mut Notes::default());
        }
    }
}
