//! The text of streams: server-sent events, and JSON that stands in lines; and the frames of Amazon's.
//!
//! Puts the JSON of a stream's events together from bytes as they arrive, in whatever pieces. Knows how text is
//! framed, and nothing of what the events mean.

use std::borrow::Cow;

use serde_json::Value;

use super::frames;
use super::words::Run;

/// The events of a stream, put together from its bytes.
///
/// Takes server-sent events, JSON in lines, a JSON array that is written item by item, and Amazon's binary event streams;
/// which of them it is shows in the first byte. Text that is no JSON is kept as text; the mark `[DONE]` is left out.
///
/// # Example
///
/// ```
/// use agentops_core::model::recognise::sse::Events;
/// use serde_json::json;
///
/// let mut events = Events::default();
/// events.push(b"data: {\"n\":");
/// events.push(b" 1}\r\n\r\ndata: [DONE]\r\n\r\n");
/// assert_eq!(events.finish(), [json!({"n": 1})]);
/// ```
#[derive(Debug, Default)]
pub struct Events {
    framing: Framing,
    /// Of a line that is not over, or of JSON, which is read when all of it is there.
    pending: Vec<u8>,
    /// The last line ended in `\r`, so that a `\n` that comes next belongs to it.
    after_return: bool,
    name: String,
    /// The lines of data of the event that is not over.
    data: Vec<u8>,
    has_data: bool,
    /// Takes together what differs in its words alone, where that is wanted.
    run: Option<Run>,
    events: Vec<Value>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// Nothing but a byte order mark or white space was seen.
    #[default]
    Unknown,
    Lines,
    Json,
    Frames,
    /// What comes cannot be read any more.
    Broken,
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl Events {
    /// Events that the recogniser makes the same of, and that may be fewer: of those in the midst of a stream that differ in
    /// their words alone, the first is kept, with the words of all.
    ///
    /// # Example
    ///
    /// ```
    /// use agentops_core::model::recognise::sse::Events;
    ///
    /// let mut events = Events::of_words();
    /// for _ in 0..1000 {
    ///     events.push(b"data: {\"choices\": [{\"delta\": {\"content\": \"Hi\"}}]}\n\n");
    /// }
    /// assert!(events.finish().len() < 100);
    /// ```
    #[must_use]
    pub fn of_words() -> Self {
        Self {
            run: Some(Run::default()),
            ..Self::default()
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        match self.framing {
            Framing::Unknown => self.begin(bytes),
            Framing::Lines => self.lines(bytes),
            Framing::Json => self.pending.extend_from_slice(bytes),
            Framing::Frames => self.frames(bytes),
            Framing::Broken => {}
        }
    }

    /// The JSON of all events, the last one included where it is not cut off in its middle.
    #[must_use]
    pub fn finish(mut self) -> Vec<Value> {
        if self.framing == Framing::Json {
            documents(&self.pending, &mut self.events);
            return self.events;
        }
        if self.framing != Framing::Frames && !self.pending.is_empty() {
            let line = std::mem::take(&mut self.pending);
            self.line(&line);
        }
        self.dispatch();
        if let Some(run) = &mut self.run {
            run.end(&mut self.events);
        }
        self.events
    }

    fn begin(&mut self, bytes: &[u8]) {
        let mut seen = std::mem::take(&mut self.pending);
        // What is there in one piece is not copied.
        let all = if seen.is_empty() {
            bytes
        } else {
            seen.extend_from_slice(bytes);
            &seen
        };
        let text = all.strip_prefix(BYTE_ORDER_MARK).unwrap_or(all);
        let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
        let is_mark = BYTE_ORDER_MARK.starts_with(all) && all != BYTE_ORDER_MARK;
        match first.filter(|_| !is_mark) {
            None => self.pending = all.to_vec(),
            Some(b'{' | b'[') => {
                self.framing = Framing::Json;
                self.pending = text.to_vec();
            }
            Some(first) if frames::may_begin(*first) => {
                self.framing = Framing::Frames;
                self.frames(text);
            }
            Some(_) => {
                self.framing = Framing::Lines;
                self.lines(text);
            }
        }
    }

    fn frames(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        if !frames::take(&mut self.pending, &mut self.events) {
            self.framing = Framing::Broken;
            self.pending.clear();
        }
    }

    fn lines(&mut self, mut bytes: &[u8]) {
        if self.after_return && !bytes.is_empty() {
            self.after_return = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = line_end(bytes) {
            if self.pending.is_empty() {
                self.line(&bytes[..end]);
            } else {
                let mut line = std::mem::take(&mut self.pending);
                line.extend_from_slice(&bytes[..end]);
                self.line(&line);
            }
            let rest = &bytes[end + 1..];
            let is_return = bytes[end] == b'\r';
            self.after_return = is_return && rest.is_empty();
            bytes = match rest {
                [b'\n', rest @ ..] if is_return => rest,
                rest => rest,
            };
        }
        self.pending.extend_from_slice(bytes);
    }

    fn line(&mut self, line: &[u8]) {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
                self.has_data = true;
            }
            b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        if std::mem::take(&mut self.has_data) {
            self.event();
        }
        self.name.clear();
        self.data.clear();
    }

    fn event(&mut self) {
        let data = self.data.trim_ascii();
        if let Some(run) = &mut self.run
            && run.takes(&self.name, data)
        {
            return;
        }
        let Some(mut event) = event(data) else {
            return;
        };
        // What kind of event it is may stand beside the data alone.
        if let Value::Object(fields) = &mut event
            && !matches!(self.name.as_str(), "" | "message")
            && !fields.contains_key("type")
        {
            fields.insert("type".to_owned(), self.name.clone().into());
        }
        if let Some(run) = &mut self.run {
            run.end(&mut self.events);
        }
        self.events.push(event);
        if let Some(run) = &mut self.run {
            run.begin(&self.events, &self.name, data);
        }
    }
}

/// Where a line ends. Looks at many bytes at once, for most of a stream's are in the midst of a line.
fn line_end(bytes: &[u8]) -> Option<usize> {
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let (blocks, _) = bytes.as_chunks::<32>();
    let has_end = |block: &[u8; 32]| block.iter().fold(false, |any, byte| any | is_end(byte));
    let skipped = 32 * blocks.iter().take_while(|block| !has_end(block)).count();
    let rest = bytes[skipped..].iter().position(is_end)?;
    Some(skipped + rest)
}

/// The JSON of data, or its text; `None` where it is empty or says that the stream is over.
fn event(data: &[u8]) -> Option<Value> {
    if matches!(data, b"" | b"[DONE]") {
        return None;
    }
    let text = || Value::String(String::from_utf8_lossy(data).into_owned());
    Some(serde_json::from_slice(data).unwrap_or_else(|_| text()))
}

/// The values in a text, whether they stand in lines or in an array; what is cut off is left out.
fn documents(text: &[u8], found: &mut Vec<Value>) {
    let text = text.trim_ascii();
    if let Ok(whole) = serde_json::from_slice(text) {
        match whole {
            Value::Array(items) => found.extend(items),
            whole => found.push(whole),
        }
        return;
    }
    let is_array = text.starts_with(b"[");
    let mut rest = if is_array { &text[1..] } else { text };
    loop {
        let comma = |byte: &u8| byte.is_ascii_whitespace() || is_array && *byte == b',';
        let start = rest.iter().position(|byte| !comma(byte));
        rest = &rest[start.unwrap_or(rest.len())..];
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter();
        match values.next() {
            Some(Ok(value)) => found.push(value),
            Some(Err(_)) | None => break,
        }
        rest = &rest[values.byte_offset()..];
    }
    // After what cannot be read, each line stands for itself, so that no text is read again and again.
    let lines = rest.split(|byte| *byte == b'\n');
    found.extend(
        lines
            .map(<[u8]>::trim_ascii)
            .filter(|line| *line != b"[DONE]")
            .filter_map(|line| serde_json::from_slice(line).ok()),
    );
}

/// What a returned value holds as text: the events of a stream as an array, or a body.
///
/// The text may be the value itself, one of its items or fields, or come in pieces, one after the other. It may also
/// be bytes, which serialise to a list of numbers.
pub(super) fn told(value: &Value) -> Option<Value> {
    match value {
        Value::Array(items) => {
            let first = || items.iter().take(WIDTH);
            if first().any(|item| text(item).is_some()) {
                read(items.iter().filter_map(text))
            } else if first().any(|item| bytes(item).is_some()) {
                read(items.iter().filter_map(bytes))
            } else {
                read(bytes(value).into_iter())
            }
        }
        Value::Object(fields) => {
            let first = || fields.values().take(WIDTH);
            let found = first().find_map(text).or_else(|| first().find_map(bytes));
            read(found.into_iter())
        }
        value => read(text(value).into_iter()),
    }
}

/// The events in pieces of text, or the body.
fn read<'a>(mut pieces: impl Iterator<Item = Cow<'a, [u8]>>) -> Option<Value> {
    let first = pieces.next().filter(|first| looks_framed(first))?;
    let mut events = Events::of_words();
    events.push(&first);
    pieces.for_each(|piece| events.push(&piece));
    let is_stream = matches!(events.framing, Framing::Lines | Framing::Frames);
    let mut events = events.finish();
    match events.len() {
        0 => None,
        1 if !is_stream => events.pop(),
        _ => Some(Value::Array(events)),
    }
}

/// How many items or fields are looked at for text.
const WIDTH: usize = 8;

/// Text, or an `Ok` with text in it.
fn text(value: &Value) -> Option<Cow<'_, [u8]>> {
    let text = value.as_str().or_else(|| value.get("Ok")?.as_str());
    text.map(|text| text.as_bytes().into())
}

/// Bytes, or an `Ok` with bytes in it; up to where some were left out.
fn bytes(value: &Value) -> Option<Cow<'_, [u8]>> {
    let items = value.as_array().or_else(|| value.get("Ok")?.as_array())?;
    let byte = |item: &Value| u8::try_from(item.as_u64()?).ok();
    let bytes: Vec<u8> = items.iter().map_while(byte).collect();
    (!bytes.is_empty()).then_some(bytes.into())
}

fn looks_framed(text: &[u8]) -> bool {
    let text = text
        .strip_prefix(BYTE_ORDER_MARK)
        .unwrap_or(text)
        .trim_ascii_start();
    let starts: [&[u8]; 7] = [b"{", b"[", b":", b"data:", b"event:", b"id:", b"retry:"];
    starts.iter().any(|start| text.starts_with(start))
        || text.first().is_some_and(|first| frames::may_begin(*first))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
    use std::{env, thread};

    use super::*;
    use crate::model::recognise::tests::Fixture;
    use crate::model::recognise::{is_complete, recognise};
    use proptest::prelude::*;
    use serde_json::json;

    /// The events of a text that comes in one piece, and byte by byte.
    fn events(text: &str) -> Vec<Value> {
        let mut whole = Events::default();
        whole.push(text.as_bytes());
        let whole = whole.finish();
        let mut bytes = Events::default();
        text.bytes().for_each(|byte| bytes.push(&[byte]));
        assert_eq!(bytes.finish(), whole, "{text:?}");
        whole
    }

    #[test]
    fn lines_end_as_they_like() {
        let both = [json!({"n": 1}), json!({"n": 2})];
        for text in [
            "data: {\"n\": 1}\n\ndata: {\"n\": 2}\n\n",
            "data: {\"n\": 1}\r\n\r\ndata: {\"n\": 2}\r\n\r\n",
            "data: {\"n\": 1}\r\rdata: {\"n\": 2}\r\r",
            "data:{\"n\":1}\n\ndata:{\"n\":2}",
            "\u{feff}data: {\"n\": 1}\n\n: still here\n\nid: 7\nretry: 3\ndata: {\"n\": 2}\n",
            "data: {\ndata: \"n\": 1}\n\ndata: {\"n\"\ndata: : 2}\n\ndata: [DONE]\n\n",
            "\n\n: OPENROUTER PROCESSING\n\ndata: {\"n\": 1}\n\ndata\n\ndata: {\"n\": 2}\n\n",
            "{\"n\": 1}\n{\"n\": 2}\n",
            "\u{feff}{\"n\": 1}\r\n{\"n\": 2}",
            "{\"n\": 1}{\"n\": 2}[DONE]",
            "[{\"n\": 1},\n{\"n\": 2}]",
            "[{\n  \"n\": 1\n}\n,\r\n{\n  \"n\": 2\n}\n,\n{\"n\"",
            "{\"n\": 1}\n{\"n\": oh\n{\"n\": 2}\n{\"n",
        ] {
            assert_eq!(events(text), both, "{text:?}");
        }
    }

    #[test]
    fn the_kind_of_an_event_is_kept_where_the_data_does_not_say_it() {
        assert_eq!(
            events(
                "event: ping\ndata: {\"type\": \"pong\"}\n\nevent: error\ndata: {\"message\": \"no\"}\n\ndata: {}\n\n"
            ),
            [
                json!({"type": "pong"}),
                json!({"type": "error", "message": "no"}),
                json!({})
            ]
        );
        assert_eq!(events("event: message\ndata: {}\n\n"), [json!({})]);
    }

    #[test]
    fn text_that_is_no_json_is_kept() {
        assert_eq!(
            events("data: upstream is gone\n\ndata: {\"n\n"),
            [json!("upstream is gone"), json!("{\"n")]
        );
        assert!(events("").is_empty());
        assert!(events("hello\nworld\n\n").is_empty());
        assert!(events("\u{feff}").is_empty());
    }

    #[test]
    fn a_response_may_be_text() {
        let request = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
        let said = |response: &Value| {
            let call = recognise(Some(&request), Some(response)).unwrap();
            serde_json::to_value(
                call.completions
                    .iter()
                    .map(|c| format!("{:?}", c.content))
                    .collect::<Vec<_>>(),
            )
            .unwrap()
        };
        let hello = json!(["[Text(\"Hello\")]"]);
        let body = r#"{"choices": [{"message": {"content": "Hello"}}]}"#;
        let stream = "data: {\"choices\": [{\"delta\": {\"content\": \"Hel\"}}]}\n\ndata: {\"choices\": [{\"delta\": {\"content\": \"lo\"}}]}\n\n";
        let (before, after) = stream.split_at(30);
        for response in [
            json!(body),
            json!([200, body]),
            json!({"status": 200, "body": body}),
            json!(stream),
            json!([before, after]),
            json!([{"Ok": before}, {"Ok": after}, {"Err": "reset"}]),
            json!([200, before, after]),
            json!(body.as_bytes()),
            json!({"status": 200, "body": stream.as_bytes()}),
            json!([before.as_bytes(), {"Ok": after.as_bytes()}, {"Err": [1]}]),
            json!([
                r#"{"choices": [{"delta": {"content": "Hel"}}]}"#,
                r#"{"choices": [{"delta": {"content": "lo"}}]}"#,
                "[DONE]"
            ]),
        ] {
            assert_eq!(said(&response), hello, "{response}");
        }
        // Asked for JSON, a model answers in JSON.
        let answer = json!("{\"content\": \"Hello\"}");
        assert_eq!(
            said(&answer),
            json!([r#"[Text("{\"content\": \"Hello\"}")]"#])
        );
    }

    fn streams() -> Vec<Fixture> {
        let mut fixtures = Fixture::all();
        fixtures.retain(|fixture| fixture.exchange["stream"].is_string());
        assert!(!fixtures.is_empty());
        fixtures
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) })]

        #[test]
        fn any_chunking_of_a_stream_gives_the_same_record(sizes in prop::collection::vec(0_usize..48, 1..32)) {
            for fixture in streams() {
                let text = fixture.exchange["stream"].as_str().unwrap();
                let whole = recognise(fixture.request(), fixture.response());
                prop_assert!(whole.is_some(), "{}", fixture.name);
                let mut events = Events::default();
                let mut rest = text.as_bytes();
                for size in sizes.iter().cycle() {
                    let (piece, after) = rest.split_at((*size).min(rest.len()));
                    events.push(piece);
                    rest = after;
                    if rest.is_empty() || sizes.iter().all(|size| *size == 0) {
                        break;
                    }
                }
                events.push(rest);
                let pieced = recognise(fixture.request(), Some(&Value::Array(events.finish())));
                prop_assert_eq!(pieced, whole, "{}", fixture.name);
            }
        }
    }

    /// What a fuzzer would call: any bytes, taken for a stream, in one piece and in two, and for either side of a call.
    fn fuzz(bytes: &[u8]) {
        let read = |mut events: Events, pieces: [&[u8]; 2]| {
            pieces.iter().for_each(|piece| events.push(piece));
            Value::Array(events.finish())
        };
        let whole = read(Events::default(), [bytes, &[]]);
        let halves = bytes.split_at(bytes.len() / 2).into();
        assert_eq!(read(Events::default(), halves), whole);
        let call = recognise(None, Some(&whole));
        let kept = read(Events::of_words(), halves);
        assert_eq!(recognise(None, Some(&kept)), call);
        let _ = is_complete(&whole);
        let events = whole.as_array().unwrap();
        let text = Value::String(String::from_utf8_lossy(bytes).into_owned());
        let _ = recognise(events.first(), Some(&text));
        let _ = recognise(Some(&text), events.last());
        let _ = recognise(Some(&whole), Some(&json!(bytes)));
        let _ = is_complete(&json!([text]));
    }

    /// Says which input it was that broke something.
    struct Input(Vec<u8>);

    impl Drop for Input {
        #[expect(clippy::print_stderr, reason = "beside the panic's message")]
        fn drop(&mut self) {
            if thread::panicking() {
                eprintln!("the input was {:?}", self.0.escape_ascii().to_string());
            }
        }
    }

    /// Inputs that were made of those that fixtures have: 2000, always the same; where `AGENTOPS_FUZZ` is a number of
    /// seconds, others each time, and for as long, which `fuzz/run` does.
    #[test]
    #[expect(clippy::print_stdout, reason = "for the person who runs it for long")]
    fn any_bytes_are_taken() {
        let corpus: Vec<Vec<u8>> = Fixture::all()
            .iter()
            .flat_map(|fixture| {
                let side = |value: Option<&Value>| match value {
                    Some(Value::String(text)) => text.clone().into_bytes(),
                    Some(Value::Array(items)) if items.iter().all(Value::is_u64) => {
                        let byte = |item: &Value| item.as_u64().unwrap() as u8;
                        items.iter().map(byte).collect()
                    }
                    value => value.map(Value::to_string).unwrap_or_default().into_bytes(),
                };
                [side(fixture.request()), side(fixture.response())]
            })
            .collect();
        let long = env::var("AGENTOPS_FUZZ").ok();
        let long = long.map(|seconds| Duration::from_secs(seconds.parse().unwrap()));
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        if long.is_some() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            seed ^= now.as_nanos() as u64;
        }
        let mut next = |bound: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed as usize % bound.max(1)
        };
        let start = Instant::now();
        let mut round = 0_u64;
        while long.map_or(round < 2_000, |long| start.elapsed() < long) {
            let mut bytes = corpus[next(corpus.len())].clone();
            if round.is_multiple_of(4) {
                let other = &corpus[next(corpus.len())];
                let (at, from) = (next(bytes.len()), next(other.len()));
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            for _ in 0..next(6) {
                let at = next(bytes.len());
                let end = bytes.len().min(at + 1 + next(400));
                match next(5) {
                    _ if bytes.is_empty() => {}
                    0 => bytes[at] = next(256) as u8,
                    1 => bytes.truncate(at),
                    2 => drop(bytes.drain(at..end.min(at + 40))),
                    3 => bytes.insert(at, b"\n\r{}[]\",:0"[next(10)]),
                    _ => {
                        let again = bytes[at..end].repeat(next(24));
                        bytes.splice(at..at, again);
                    }
                }
            }
            let input = Input(bytes);
            fuzz(&input.0);
            round += 1;
        }
        if long.is_some() {
            println!("{round} inputs in {:?}", start.elapsed());
        }
    }
}
