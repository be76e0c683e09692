//! OTLP requests, as events.
//!
//! A request is decompressed, brought to protobuf where it is JSON, and taken apart; a bad span costs itself, not those
//! around it. What is left out or cut is counted by cause, so that the sender and `/metrics` hear of it. Knows nothing of
//! HTTP beyond the names of encodings.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use agentops_core::model::event::{Event, Resource};
use agentops_core::model::llm::Usage;
use agentops_core::model::session::SessionFacts;
use agentops_core::model::span::Span;
use agentops_core::model::wire::{self, ResourceSpans};
use serde_json::{Map, Value};

use super::price;

/// How long a request may be, decompressed.
pub const MAX_DECODED: usize = 64 << 20;

/// How many spans or logs of a request are taken.
pub const MAX_ITEMS: usize = 100_000;

/// How many attributes of a span are kept besides those that have a place.
const MAX_ATTRIBUTES: usize = 1_000;

/// How many bytes of a name are kept: names are columns of every list.
const MAX_NAME: usize = 1_024;

/// How many tags of a span or a session are kept.
const MAX_TAGS: usize = 1_000;

/// How many bytes are kept of what a session says in its own words.
const MAX_TEXT: usize = 64 << 10;

/// How many tokens a call may have taken: no model takes as many, and sums of them must fit.
const MAX_TOKENS: u64 = 1_000_000_000_000;

/// What a call may have cost, in nano-USD.
const COSTS: std::ops::RangeInclusive<i64> = 0..=1_000_000_000_000_000;

/// How far back a compressed text may refer: what decompressing takes in memory.
const ZSTD_WINDOW_LOG: u32 = 23;

/// How a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Protobuf,
    Json,
}

/// How a request is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Deflate,
    Zstd,
}

/// What a request comes to.
#[derive(Debug, Default)]
pub struct Taken {
    pub events: Vec<(Arc<Resource>, Event)>,
    /// Spans or logs that are among them.
    pub accepted: u64,
    pub refused: Refused,
}

/// What of a request was not taken, and why.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Whole spans or logs.
    pub items: BTreeMap<&'static str, u64>,
    /// Parts of those that were taken.
    pub parts: BTreeMap<&'static str, u64>,
    /// What is wrong with the first that is not as OTLP has it.
    why: Option<String>,
}

/// Why nothing of a request was taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    TooLong,
    Compression(String),
    Message(String),
}

impl Format {
    /// By its content type.
    pub fn named(content_type: &str) -> Option<Self> {
        let name = content_type.split(';').next().unwrap_or_default().trim();
        match &*name.to_ascii_lowercase() {
            "application/x-protobuf" | "application/protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }
}

impl Compression {
    /// By its content encoding.
    pub fn named(encoding: &str) -> Option<Self> {
        Some(match &*encoding.trim().to_ascii_lowercase() {
            "" | "identity" => Self::None,
            "gzip" | "x-gzip" => Self::Gzip,
            "deflate" => Self::Deflate,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }

    /// The request as it was before.
    pub fn undo(self, body: &[u8]) -> Result<Cow<'_, [u8]>, Unreadable> {
        let decoded = match self {
            Self::None if body.len() > MAX_DECODED => Err(Unreadable::TooLong),
            Self::None => return Ok(Cow::Borrowed(body)),
            Self::Gzip => read(flate2::read::MultiGzDecoder::new(body)),
            Self::Deflate if is_zlib(body) => read(flate2::read::ZlibDecoder::new(body)),
            // What some senders take the name for.
            Self::Deflate => read(flate2::read::DeflateDecoder::new(body)),
            Self::Zstd => {
                let decoder = zstd::stream::read::Decoder::new(body).and_then(|mut decoder| {
                    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                    Ok(decoder)
                });
                read(decoder.map_err(|error| Unreadable::Compression(error.to_string()))?)
            }
        };
        decoded.map(Cow::Owned)
    }
}

fn read(from: impl Read) -> Result<Vec<u8>, Unreadable> {
    let mut decoded = Vec::new();
    let read = from
        .take(MAX_DECODED as u64 + 1)
        .read_to_end(&mut decoded)
        .map_err(|error: io::Error| Unreadable::Compression(error.to_string()))?;
    match read > MAX_DECODED {
        true => Err(Unreadable::TooLong),
        false => Ok(decoded),
    }
}

/// Whether two bytes are zlib's: its method, and a sum that is a multiple of 31.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [first, second, ..]
        if first & 15 == 8 && (u16::from(*first) << 8 | u16::from(*second)) % 31 == 0)
}

/// Reads a request of spans.
pub fn traces(body: &[u8], format: Format) -> Result<Taken, Unreadable> {
    let mut taken = Taken::default();
    let json;
    let body = match format {
        Format::Protobuf => body,
        Format::Json => {
            let read = wire::traces_from_json(body).map_err(unreadable)?;
            taken.refused.not_otlp(read.refused, read.why);
            json = read.request;
            &json
        }
    };
    for of_resource in wire::split_request(body).map_err(unreadable)? {
        let ResourceSpans {
            resource,
            attributes,
            spans,
        } = of_resource;
        let resource = Arc::new(cut_resource(resource));
        for span in spans {
            if taken.accepted as usize == MAX_ITEMS {
                *taken.refused.items.entry("too_many").or_default() += 1;
                continue;
            }
            match wire::receive(span.bytes, span.scope, &attributes) {
                Ok(received) => {
                    let mut span = received.span;
                    taken.refused.part("deep", received.cut);
                    limit(&mut span, &mut taken.refused);
                    price(&mut span);
                    let facts = received.facts.map(|mut facts| {
                        limit_facts(&mut facts, &mut taken.refused);
                        Event::Session(Box::new(facts))
                    });
                    let event = match span.open {
                        true => Event::SpanStarted(Box::new(span)),
                        false => Event::SpanEnded(Box::new(span)),
                    };
                    for event in facts.into_iter().chain([event]) {
                        taken.events.push((resource.clone(), event));
                    }
                    taken.accepted += 1;
                }
                Err(error) => *taken.refused.items.entry(error.cause()).or_default() += 1,
            }
        }
    }
    Ok(taken)
}

/// Reads a request of logs.
pub fn logs(body: &[u8], format: Format) -> Result<Taken, Unreadable> {
    let mut taken = Taken::default();
    let json;
    let body = match format {
        Format::Protobuf => body,
        Format::Json => {
            let read = wire::logs_from_json(body).map_err(unreadable)?;
            taken.refused.not_otlp(read.refused, read.why);
            json = read.request;
            &json
        }
    };
    // Logs stand in their request as spans do in theirs.
    for of_resource in wire::split_request(body).map_err(unreadable)? {
        let resource = Arc::new(cut_resource(of_resource.resource));
        for log in of_resource.spans {
            if taken.accepted as usize == MAX_ITEMS {
                *taken.refused.items.entry("too_many").or_default() += 1;
                continue;
            }
            match wire::decode_log(log.bytes) {
                Ok(mut record) => {
                    taken.refused.part("deep", record.cut);
                    limit_attributes(&mut record.log.attributes, &mut taken.refused);
                    if record.log.target.is_empty() {
                        record.log.target = log.scope.to_owned();
                    }
                    let event = Event::Log {
                        session: record.session,
                        span: record.span,
                        log: record.log,
                    };
                    taken.events.push((resource.clone(), event));
                    taken.accepted += 1;
                }
                Err(error) => *taken.refused.items.entry(error.cause()).or_default() += 1,
            }
        }
    }
    Ok(taken)
}

fn unreadable(error: impl fmt::Display) -> Unreadable {
    Unreadable::Message(error.to_string())
}

/// Names are cut, and attributes beyond any use left out; what went in and came out stays as it is.
fn limit(span: &mut Span, refused: &mut Refused) {
    let mut cuts = 0;
    cuts += u64::from(cut(&mut span.name));
    if let Some(agent) = &mut span.agent {
        cuts += u64::from(cut(&mut agent.name)) + u64::from(cut(&mut agent.id));
    }
    if let Some(tool) = &mut span.tool {
        cuts += u64::from(cut(&mut tool.name));
    }
    if let Some(call) = &mut span.llm {
        for name in [&mut call.model, &mut call.request_model, &mut call.provider] {
            cuts += name.as_mut().map_or(0, |name| u64::from(cut(name)));
        }
    }
    if let Some(error) = &mut span.error {
        cuts += u64::from(cut(&mut error.code));
    }
    refused.part("names", cuts);
    limit_tags(&mut span.tags, refused);
    limit_attributes(&mut span.attributes, refused);
    limit_numbers(span, refused);
}

/// The same of what a session says of itself.
fn limit_facts(facts: &mut SessionFacts, refused: &mut Refused) {
    let mut cuts = u64::from(cut(&mut facts.name));
    for name in [&mut facts.user_id, &mut facts.conversation_id] {
        cuts += name.as_mut().map_or(0, |name| u64::from(cut(name)));
    }
    // These are words that sessions are found by.
    for key in ["deployment.environment.name", "environment"] {
        if let Some(Value::String(name)) = facts.attributes.get_mut(key) {
            cuts += u64::from(cut(name));
        }
    }
    refused.part("names", cuts);
    let texts = [&mut facts.end_state_reason, &mut facts.video];
    let cuts = texts.into_iter().flatten();
    let cuts = cuts.filter_map(|text| cut_to(text, MAX_TEXT).then_some(()));
    refused.part("texts", cuts.count() as u64);
    limit_tags(&mut facts.tags, refused);
    limit_attributes(&mut facts.attributes, refused);
}

fn limit_tags(tags: &mut Vec<String>, refused: &mut Refused) {
    refused.part("tags", tags.len().saturating_sub(MAX_TAGS) as u64);
    tags.truncate(MAX_TAGS);
    let cuts = tags.iter_mut().filter_map(|tag| cut(tag).then_some(()));
    refused.part("names", cuts.count() as u64);
}

fn limit_attributes(attributes: &mut Map<String, Value>, refused: &mut Refused) {
    let keys: Vec<String> = attributes.keys().skip(MAX_ATTRIBUTES).cloned().collect();
    keys.iter().for_each(|key| drop(attributes.remove(key)));
    refused.part("attributes", keys.len() as u64);
}

/// What no call took or cost is not known: sums would never be right again.
fn limit_numbers(span: &mut Span, refused: &mut Refused) {
    let mut wrong = 0;
    if let Some(call) = &mut span.llm {
        let tokens = |usage: &Usage| {
            [
                usage.input,
                usage.output,
                usage.cache_read,
                usage.cache_write,
                usage.cache_write_1h,
                usage.reasoning,
                usage.input_audio,
                usage.cache_read_audio,
                usage.output_audio,
                usage.web_searches,
                usage.total,
            ]
        };
        let is_taken = |usage: &mut Usage| tokens(usage).into_iter().all(|n| n <= MAX_TOKENS);
        wrong += u64::from(keep(&mut call.usage, is_taken));
        wrong += u64::from(keep(&mut call.cost, |cost| {
            let parts = [Some(cost.total), cost.input, cost.output];
            parts
                .into_iter()
                .flatten()
                .all(|cost| COSTS.contains(&cost))
        }));
    }
    if let Some(tool) = &mut span.tool {
        wrong += u64::from(keep(&mut tool.cost, |cost| COSTS.contains(cost)));
    }
    refused.part("numbers", wrong);
}

/// Takes away what is not as it should be; whether it did.
fn keep<T>(value: &mut Option<T>, is_right: impl FnOnce(&mut T) -> bool) -> bool {
    let was_there = value.is_some();
    *value = value.take_if(is_right);
    was_there && value.is_none()
}

fn cut_resource(mut resource: Resource) -> Resource {
    for name in [&mut resource.service, &mut resource.project] {
        cut(name);
    }
    if let Some(version) = &mut resource.service_version {
        cut(version);
    }
    resource
}

/// Whether a name had to be cut.
fn cut(name: &mut String) -> bool {
    cut_to(name, MAX_NAME)
}

fn cut_to(text: &mut String, longest: usize) -> bool {
    if text.len() <= longest {
        return false;
    }
    text.truncate(text.floor_char_boundary(longest));
    true
}

impl Refused {
    fn not_otlp(&mut self, count: u64, why: Option<String>) {
        if count > 0 {
            *self.items.entry("not_otlp").or_default() += count;
            self.why = why;
        }
    }

    fn part(&mut self, cause: &'static str, count: u64) {
        if count > 0 {
            *self.parts.entry(cause).or_default() += count;
        }
    }

    /// How many spans or logs were not taken.
    pub fn count(&self) -> u64 {
        self.items.values().sum()
    }

    /// What to tell the sender; nothing where all was taken.
    pub fn message(&self) -> Option<String> {
        let said: Vec<String> = self
            .items
            .iter()
            .map(|(cause, count)| match (*cause, &self.why) {
                ("not_otlp", Some(why)) => format!("{count} refused: {}: {why}", reason(cause)),
                _ => format!("{count} refused: {}", reason(cause)),
            })
            .chain(
                self.parts
                    .iter()
                    .map(|(cause, count)| format!("{count} {}", reason(cause))),
            )
            .collect();
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// What a cause says to people.
fn reason(cause: &'static str) -> &'static str {
    match cause {
        "no_valid_id" => "their trace id (16 bytes) or span id (8 bytes) is missing or not valid",
        "not_otlp" => "they are not as OTLP has them, the first",
        "deep" => "values left out: 28 lists inside one another are kept",
        "truncated" | "malformed" => "they are no valid protobuf",
        "too_many_values" => "they have more than a million values",
        "too_many" => "a request may have 100000; send them in several",
        "attributes" => "attributes left out: 1000 are kept beside those that have a meaning here",
        "names" => "names cut to 1024 bytes",
        "texts" => "texts cut to 64 KiB",
        "tags" => "tags left out: 1000 are kept",
        "numbers" => {
            "numbers left out: a call has at most 10^12 tokens, and costs from 0 to a million USD"
        }
        other => other,
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(
                f,
                "the request is longer than {} MiB when decompressed; send it in several",
                MAX_DECODED >> 20
            ),
            Self::Compression(error) => write!(f, "the request does not decompress: {error}"),
            Self::Message(error) => write!(f, "the request is not OTLP: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn whatever_was_compressed_comes_back() {
        let text = b"many words, many words, many words".repeat(100);
        let gzip = |text: &[u8]| {
            let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            to.write_all(text)
                .and_then(|()| to.finish())
                .expect("memory")
        };
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        let zlib = zlib.write_all(&text).and_then(|()| zlib.finish());
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        let raw = raw.write_all(&text).and_then(|()| raw.finish());
        for (compression, body) in [
            (Compression::None, text.clone()),
            (Compression::Gzip, gzip(&text)),
            (Compression::Deflate, zlib.expect("memory")),
            (Compression::Deflate, raw.expect("memory")),
            (
                Compression::Zstd,
                zstd::encode_all(&text[..], 1).expect("memory"),
            ),
        ] {
            assert_eq!(compression.undo(&body).as_deref(), Ok(&text[..]));
            if compression != Compression::None {
                let cut = compression.undo(&body[..body.len() / 2]);
                assert!(cut.is_err(), "{compression:?}");
            }
        }
        let bomb = gzip(&vec![0; MAX_DECODED + 1]);
        assert!(bomb.len() < 1 << 20);
        assert_eq!(Compression::Gzip.undo(&bomb), Err(Unreadable::TooLong));
    }
}
