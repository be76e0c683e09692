//! OTLP requests, as events.
//!
//! A request is decompressed, brought to protobuf where it is JSON, and taken apart; a bad span costs itself, not those
//! around it. What is left out or cut is counted by cause, so that the sender and `/metrics` hear of it. Knows nothing of
//! HTTP beyond the names of encodings.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use agentops_core::model::event::{Event, Resource};
use agentops_core::model::wire::{self, ResourceSpans};
use serde::de::IgnoredAny;

use super::admit;
use super::limit::{self, Refused};

/// How long a request may be, decompressed.
pub const MAX_DECODED: usize = 64 << 20;

/// How many spans or logs of a request are taken.
pub const MAX_ITEMS: usize = 100_000;

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
        let resource = Arc::new(limit::resource(resource, &mut taken.refused));
        for span in spans {
            if taken.accepted as usize == MAX_ITEMS {
                taken.refused.item("too_many");
                continue;
            }
            match wire::receive(span.bytes, span.scope, &attributes) {
                // As protobuf says that there is none.
                Ok(received) if received.span.start == 0 => taken.refused.item("no_start"),
                Ok(received) => {
                    let span = received.span;
                    taken.refused.part("deep", received.cut);
                    let facts = received.facts.map(|facts| Event::Session(Box::new(facts)));
                    let event = match span.open {
                        true => Event::SpanStarted(Box::new(span)),
                        false => Event::SpanEnded(Box::new(span)),
                    };
                    for mut event in facts.into_iter().chain([event]) {
                        admit(&mut event, &mut taken.refused);
                        taken.events.push((resource.clone(), event));
                    }
                    taken.accepted += 1;
                }
                Err(error) => taken.refused.item(error.cause()),
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
        let resource = Arc::new(limit::resource(of_resource.resource, &mut taken.refused));
        for log in of_resource.spans {
            if taken.accepted as usize == MAX_ITEMS {
                taken.refused.item("too_many");
                continue;
            }
            match wire::decode_log(log.bytes) {
                Ok(mut record) => {
                    taken.refused.part("deep", record.cut);
                    if record.log.target.is_empty() {
                        record.log.target = log.scope.to_owned();
                    }
                    let mut event = Event::Log {
                        session: record.session,
                        span: record.span,
                        log: record.log,
                    };
                    admit(&mut event, &mut taken.refused);
                    taken.events.push((resource.clone(), event));
                    taken.accepted += 1;
                }
                Err(error) => taken.refused.item(error.cause()),
            }
        }
    }
    Ok(taken)
}

/// Whether a request of metrics is one: nothing of it is kept.
pub fn metrics(body: &[u8], format: Format) -> Result<(), Unreadable> {
    match format {
        // Metrics stand in their request as spans do in theirs.
        Format::Protobuf => wire::split_request(body).map(drop).map_err(unreadable),
        Format::Json => serde_json::from_slice::<HashMap<String, IgnoredAny>>(body)
            .map(drop)
            .map_err(unreadable),
    }
}

fn unreadable(error: impl fmt::Display) -> Unreadable {
    Unreadable::Message(error.to_string())
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
