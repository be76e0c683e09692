//! Where a streamed answer ends, told from its bytes as they pass.
//!
//! Clients stop reading at the provider's last event, or go on holding a stream that has nothing more to say, so the end
//! of the bytes is not the end of the answer. Looks at the beginning of each line, or at what stands outermost in
//! JSON; what an event says, the recogniser reads later.

use super::super::note::Ended;

/// Bytes of a line's beginning that are looked at.
const LINE: usize = 48;

/// Watches for the end of an answer.
#[derive(Debug)]
pub(super) struct Terminal {
    framing: Framing,
    /// What the next blank line, or the end of the JSON that is open, ends the answer with.
    ending: Option<Ended>,
}

#[derive(Debug)]
enum Framing {
    /// Nothing tells yet: the bytes that have come, as long as they may begin a line of events.
    Unknown(Vec<u8>),
    /// Server-sent events.
    Events(Line),
    /// JSON, one after the other.
    Lines(Json),
    /// Amazon's binary events, which end where the bytes do.
    Frames,
    /// One piece, that ends where the bytes do.
    Whole,
    /// Sound, pictures.
    Opaque,
}

impl Terminal {
    pub(super) fn new(content_type: Option<&str>) -> Self {
        let framing = match content_type {
            Some(named) => Framing::named(&named.to_ascii_lowercase()),
            None => Framing::default(),
        };
        Self {
            framing,
            ending: None,
        }
    }

    /// Whether the answer comes piece by piece.
    pub(super) fn is_stream(&self) -> bool {
        matches!(
            self.framing,
            Framing::Events(_) | Framing::Lines(_) | Framing::Frames
        )
    }

    /// Whether the body is worth keeping.
    pub(super) fn is_readable(&self) -> bool {
        !matches!(self.framing, Framing::Opaque)
    }

    /// Takes the next bytes; how the answer ended, where it did in them.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Option<Ended> {
        if let Framing::Unknown(seen) = &mut self.framing {
            let before = seen.len();
            let text = match before {
                0 => bytes.trim_ascii_start(),
                _ => bytes,
            };
            seen.extend(text.iter().take(LONGEST));
            let begins = begins_event(seen)?;
            seen.truncate(before);
            let mut line = Line::default();
            line.keep(seen);
            self.framing = match begins {
                true => Framing::Events(line),
                false => Framing::Whole,
            };
        }
        match &mut self.framing {
            Framing::Events(line) => line.push(bytes, &mut self.ending),
            Framing::Lines(json) => json.push(bytes, &mut self.ending),
            Framing::Unknown(_) | Framing::Frames | Framing::Whole | Framing::Opaque => None,
        }
    }
}

impl Framing {
    fn named(content_type: &str) -> Self {
        let has = |part: &str| content_type.contains(part);
        if has("vnd.amazon.eventstream") {
            Self::Frames
        } else if has("event-stream") {
            Self::Events(Line::default())
        } else if ["ndjson", "jsonl", "json-lines", "stream+json"]
            .into_iter()
            .any(has)
        {
            Self::Lines(Json::default())
        } else if has("json") {
            Self::Whole
        } else if ["audio/", "image/", "video/", "octet-stream"]
            .into_iter()
            .any(has)
        {
            Self::Opaque
        } else {
            Self::default()
        }
    }
}

impl Default for Framing {
    fn default() -> Self {
        Self::Unknown(Vec::new())
    }
}

/// What lines of events begin with, a comment first.
const FIELDS: [&[u8]; 5] = [b":", b"data:", b"event:", b"id:", b"retry:"];
const LONGEST: usize = 6;

/// Whether a text begins as an event does; `None` while it may go on to.
fn begins_event(text: &[u8]) -> Option<bool> {
    if FIELDS.iter().any(|field| text.starts_with(field)) {
        return Some(true);
    }
    let may = FIELDS.iter().any(|field| field.starts_with(text));
    (!may).then_some(false)
}

/// The beginning of the line of an event that is going on.
#[derive(Debug)]
struct Line {
    bytes: [u8; LINE],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            bytes: [0; LINE],
            length: 0,
        }
    }
}

impl Line {
    fn push(&mut self, mut bytes: &[u8], ending: &mut Option<Ended>) -> Option<Ended> {
        loop {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            self.keep(&bytes[..end.unwrap_or(bytes.len())]);
            let Some(end) = end else {
                return self.is_last().then_some(Ended::End);
            };
            bytes = &bytes[end + 1..];
            if let Some(ended) = self.over(ending) {
                return Some(ended);
            }
        }
    }

    /// Adds what there is room for, without spaces.
    fn keep(&mut self, bytes: &[u8]) {
        let kept = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
        for byte in kept.take(LINE - self.length) {
            self.bytes[self.length] = *byte;
            self.length += 1;
        }
    }

    /// The line is over; how the answer ended, if it ended with it.
    fn over(&mut self, ending: &mut Option<Ended>) -> Option<Ended> {
        if self.length == 0 {
            return ending.take();
        }
        let is_last = self.is_last();
        let line = &self.bytes[..self.length];
        let named = match line.strip_prefix(b"event:") {
            Some(name) => of_event(name),
            None => line.strip_prefix(b"data:").and_then(of_data),
        };
        *ending = ending.or(named);
        self.length = 0;
        is_last.then_some(Ended::End)
    }

    /// Some send no line's end after it.
    fn is_last(&self) -> bool {
        &self.bytes[..self.length] == b"data:[DONE]"
    }
}

/// What an event ends, by its name.
fn of_event(name: &[u8]) -> Option<Ended> {
    match name {
        b"message_stop" | b"message-end" | b"response.completed" | b"response.incomplete" => {
            Some(Ended::End)
        }
        b"error" | b"response.failed" => Some(Ended::Error),
        _ => None,
    }
}

/// What an event ends, by how its data begins.
fn of_data(data: &[u8]) -> Option<Ended> {
    if data.starts_with(b"{\"error\":{") || data.starts_with(b"{\"error\":\"") {
        return Some(Ended::Error);
    }
    let name = data.strip_prefix(b"{\"type\":\"")?;
    of_event(name.split(|byte| *byte == b'"').next()?)
}

/// Where in a row of JSON objects the bytes are.
#[derive(Debug, Default)]
struct Json {
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// The last bytes that are not white space, the last of all in the lowest place.
    window: u128,
}

impl Json {
    fn push(&mut self, bytes: &[u8], ending: &mut Option<Ended>) -> Option<Ended> {
        for byte in bytes {
            if !self.in_string && byte.is_ascii_whitespace() {
                continue;
            }
            // A quote that is said is no quote of the text's.
            let seen = if self.escaped { 0 } else { *byte };
            self.window = self.window << 8 | u128::from(seen);
            if self.in_string {
                if self.escaped {
                    self.escaped = false;
                } else if *byte == b'\\' {
                    self.escaped = true;
                } else if *byte == b'"' {
                    self.in_string = false;
                }
                continue;
            }
            match byte {
                b'"' => {
                    self.in_string = true;
                    if self.depth == 1 && self.ends_with(b"{\"error\":\"") {
                        *ending = ending.or(Some(Ended::Error));
                    }
                }
                b'{' | b'[' => {
                    self.depth = self.depth.saturating_add(1);
                    if self.depth == 2 && self.ends_with(b"{\"error\":{") {
                        *ending = ending.or(Some(Ended::Error));
                    }
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 && ending.is_some() {
                        return ending.take();
                    }
                }
                b'e' if self.depth == 1 && self.ends_with(b"\"done\":true") => {
                    *ending = ending.or(Some(Ended::End));
                }
                _ => {}
            }
        }
        None
    }

    /// Of a text that is shorter than what is remembered.
    #[inline(always)]
    fn ends_with<const N: usize>(&self, text: &[u8; N]) -> bool {
        let seen = self.window.to_be_bytes();
        seen[seen.len() - N..] == *text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How an answer ends, whatever pieces it comes in, and how many of its bytes are needed to tell.
    #[track_caller]
    fn check(content_type: Option<&str>, text: &str, ended: Option<(Ended, usize)>) {
        let mut bytes = Terminal::new(content_type);
        let told = text.bytes().enumerate().find_map(|(at, byte)| {
            let ended = bytes.push(&[byte])?;
            Some((ended, at + 1))
        });
        assert_eq!(told, ended, "{text:?}");
        let mut whole = Terminal::new(content_type);
        assert_eq!(
            whole.push(text.as_bytes()),
            ended.map(|(how, _)| how),
            "{text:?}"
        );
        for at in 1..text.len() {
            let mut two = Terminal::new(content_type);
            let (first, second) = text.as_bytes().split_at(at);
            let told = two.push(first).or_else(|| two.push(second));
            assert_eq!(told, ended.map(|(how, _)| how), "{text:?} at {at}");
        }
    }

    /// With what is to be read first behind a bar.
    #[track_caller]
    fn events(text: &str, ended: Option<Ended>) {
        for content_type in [None, Some("text/event-stream; charset=utf-8")] {
            for end in ["\n", "\r\n"] {
                let text = text.replace('\n', end);
                let at = text.find('|').unwrap_or(text.len());
                let how = ended.map(|ended| (ended, at));
                check(content_type, &text.replace('|', ""), how);
            }
        }
    }

    #[test]
    fn events_end_answers() {
        events("data: {\"n\":1}\n\ndata: [DONE]|\n\n", Some(Ended::End));
        events("data:[DONE]|", Some(Ended::End));
        events("\n\n\n\n\n\n\n\ndata: [DONE]|\n", Some(Ended::End));
        events(
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n|\n",
            Some(Ended::End),
        );
        events(
            "data: {\"type\": \"message-end\", \"delta\": {}}\n\n|",
            Some(Ended::End),
        );
        events(
            "event: response.completed\ndata: {\"response\":{\"usage\":1}}\n\n|",
            Some(Ended::End),
        );
        events(
            "event: error\ndata: {\"type\":\"error\",\"error\":{}}\n\n|data: 1\n\n",
            Some(Ended::Error),
        );
        events(
            "data: {\"error\": {\"message\":\"no\"}}\n\n|",
            Some(Ended::Error),
        );
    }

    #[test]
    fn what_only_looks_like_an_end_is_none() {
        events("data: {\"content\":\"data: [DONE]\"}\n\n", None);
        events("data: {\"error\":null,\"n\":1}\n\n", None);
        events(
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\"}\n\n",
            None,
        );
        events("event: message_stop\ndata: {}\n", None);
        lines(
            "{\"message\":{\"content\":\"\\\"done\\\":true\"},\"done\":false}\n",
            None,
        );
        lines(
            "{\"message\":{\"arguments\":{\"done\":true}},\"done\":false}\n",
            None,
        );
        lines("{\"a\\\"done\":true}", None);
        lines("{\"done\":true", None);
    }

    #[track_caller]
    fn lines(text: &str, ended: Option<Ended>) {
        let at = text.find('|').unwrap_or(text.len());
        let how = ended.map(|ended| (ended, at));
        check(Some("application/x-ndjson"), &text.replace('|', ""), how);
    }

    #[test]
    fn lines_of_json_end_answers() {
        lines(
            "{\"done\":false}\n{\"done\": true, \"eval_count\": 3}|\n",
            Some(Ended::End),
        );
        lines(
            "{\"context\":[1,{\"a\":\"}\"}],\"done\":true}|",
            Some(Ended::End),
        );
        lines("{\"error\":\"out of memory\"}|\n", Some(Ended::Error));
        lines("{\"error\":{\"message\":\"no\"}}|\n", Some(Ended::Error));
    }

    #[test]
    fn bodies_end_where_their_bytes_do() {
        for named in [None, Some("application/json"), Some("text/html")] {
            check(named, "{\"done\":true}", None);
        }
        for text in [
            "error code: 520",
            "rate: limited",
            "did you\n\n",
            "data",
            "\n\nid",
        ] {
            for size in 1..=text.len() {
                let mut plain = Terminal::new(Some("text/plain"));
                for piece in text.as_bytes().chunks(size) {
                    assert_eq!(plain.push(piece), None);
                }
                assert!(!plain.is_stream(), "{text}");
            }
        }
        let mut opaque = Terminal::new(Some("audio/mpeg"));
        assert_eq!(opaque.push(b"data: [DONE]\n"), None);
        assert!(!opaque.is_readable());
    }
}
