//! OTLP's JSON, written as protobuf: who reads requests reads one encoding.
//!
//! Tables say which member is which field; the text is walked once, and nothing of it is held. Members that no table
//! has are skipped, as protobuf skips fields; ids are hex there, and integers of 64 bits may be text. Knows nothing of
//! what the messages mean.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::Deserialize as _;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use serde_json::value::RawValue;

use super::proto::{self, any, log, span};
use super::put::MAX_DEPTH;

/// Text that is not the request it should be.
#[derive(Debug)]
pub struct JsonError(serde_json::Error);

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for JsonError {}

/// A request, as protobuf, and what of it is not in there.
#[derive(Debug)]
pub struct FromJson {
    /// The request.
    pub request: Vec<u8>,
    /// Spans or logs that are left out, as a member of theirs has another type than OTLP gives it.
    pub refused: u64,
    /// What is wrong with the first of them.
    pub why: Option<String>,
}

/// A request of spans, as protobuf.
///
/// # Errors
///
/// Where the text is no JSON, or what is around the spans is not as OTLP has it.
pub fn traces_from_json(text: &[u8]) -> Result<FromJson, JsonError> {
    request(text, &TRACES)
}

/// A request of logs, as protobuf.
///
/// # Errors
///
/// Where the text is no JSON, or what is around the logs is not as OTLP has it.
pub fn logs_from_json(text: &[u8]) -> Result<FromJson, JsonError> {
    request(text, &LOGS)
}

/// A member of a message.
struct Member {
    name: &'static str,
    number: u8,
    of: Type,
    repeated: bool,
}

#[derive(Clone, Copy)]
enum Type {
    Message(&'static [Member]),
    Text,
    /// Bytes as hex; what is none comes out empty, and is refused with its span alone.
    Hex,
    /// Bytes as base64.
    Base64,
    /// Nanoseconds.
    Time,
    Int,
    Enum,
    Bool,
    Double,
}

const fn one(name: &'static str, number: u8, of: Type) -> Member {
    Member {
        name,
        number,
        of,
        repeated: false,
    }
}

const fn many(name: &'static str, number: u8, of: &'static [Member]) -> Member {
    Member {
        name,
        number,
        of: Type::Message(of),
        repeated: true,
    }
}

static TRACES: [Member; 1] = [many("resourceSpans", 1, &RESOURCE_SPANS)];
static RESOURCE_SPANS: [Member; 2] = [
    one("resource", 1, Type::Message(&RESOURCE)),
    many("scopeSpans", 2, &SCOPE_SPANS),
];
static SCOPE_SPANS: [Member; 2] = [
    one("scope", 1, Type::Message(&SCOPE)),
    many("spans", 2, &SPAN),
];
static LOGS: [Member; 1] = [many("resourceLogs", 1, &RESOURCE_LOGS)];
static RESOURCE_LOGS: [Member; 2] = [
    one("resource", 1, Type::Message(&RESOURCE)),
    many("scopeLogs", 2, &SCOPE_LOGS),
];
static SCOPE_LOGS: [Member; 2] = [
    one("scope", 1, Type::Message(&SCOPE)),
    many("logRecords", 2, &LOG),
];
static RESOURCE: [Member; 1] = [many("attributes", 1, &PAIR)];
static SCOPE: [Member; 1] = [one("name", 1, Type::Text)];
static SPAN: [Member; 11] = [
    one("traceId", span::TRACE_ID, Type::Hex),
    one("spanId", span::SPAN_ID, Type::Hex),
    one("parentSpanId", span::PARENT_SPAN_ID, Type::Hex),
    one("name", span::NAME, Type::Text),
    one("kind", span::KIND, Type::Enum),
    one("startTimeUnixNano", span::START, Type::Time),
    one("endTimeUnixNano", span::END, Type::Time),
    many("attributes", span::ATTRIBUTES, &PAIR),
    many("events", span::EVENTS, &EVENT),
    many("links", span::LINKS, &LINK),
    one("status", span::STATUS, Type::Message(&STATUS)),
];
static EVENT: [Member; 3] = [
    one("timeUnixNano", span::EVENT_TIME, Type::Time),
    one("name", span::EVENT_NAME, Type::Text),
    many("attributes", span::EVENT_ATTRIBUTES, &PAIR),
];
static LINK: [Member; 3] = [
    one("traceId", span::LINK_TRACE_ID, Type::Hex),
    one("spanId", span::LINK_SPAN_ID, Type::Hex),
    many("attributes", span::LINK_ATTRIBUTES, &PAIR),
];
static STATUS: [Member; 2] = [
    one("message", span::STATUS_MESSAGE, Type::Text),
    one("code", span::STATUS_CODE, Type::Enum),
];
static LOG: [Member; 8] = [
    one("timeUnixNano", log::TIME, Type::Time),
    one("severityNumber", log::SEVERITY_NUMBER, Type::Enum),
    one("severityText", log::SEVERITY_TEXT, Type::Text),
    one("body", log::BODY, Type::Message(&ANY)),
    many("attributes", log::ATTRIBUTES, &PAIR),
    one("traceId", log::TRACE_ID, Type::Hex),
    one("spanId", log::SPAN_ID, Type::Hex),
    one("observedTimeUnixNano", log::OBSERVED_TIME, Type::Time),
];
static PAIR: [Member; 2] = [
    one("key", any::KEY, Type::Text),
    one("value", any::VALUE, Type::Message(&ANY)),
];
static ANY: [Member; 7] = [
    one("stringValue", any::STRING, Type::Text),
    one("boolValue", any::BOOL, Type::Bool),
    one("intValue", any::INT, Type::Int),
    one("doubleValue", any::DOUBLE, Type::Double),
    one("arrayValue", any::ARRAY, Type::Message(&ARRAY)),
    one("kvlistValue", any::LIST, Type::Message(&LIST)),
    one("bytesValue", any::BYTES, Type::Base64),
];
static ARRAY: [Member; 1] = [many("values", any::VALUES, &ANY)];
static LIST: [Member; 1] = [many("values", any::VALUES, &PAIR)];

/// The names that enums have; numbers are what OTLP asks for.
const ENUMS: [(&str, u64); 3] = [
    ("STATUS_CODE_UNSET", 0),
    ("STATUS_CODE_OK", 1),
    ("STATUS_CODE_ERROR", 2),
];

/// Nearly every request is as it should be, and walked once. Of any other each span or log is looked at by itself.
fn request(text: &[u8], members: &'static [Member]) -> Result<FromJson, JsonError> {
    if let Ok(request) = walk(text, members, None) {
        return Ok(FromJson {
            request,
            refused: 0,
            why: None,
        });
    }
    let faults = Faults::default();
    let request = walk(text, members, Some(&faults)).map_err(JsonError)?;
    Ok(FromJson {
        request,
        refused: faults.count.get(),
        why: faults.first.into_inner(),
    })
}

fn walk(
    text: &[u8],
    members: &'static [Member],
    faults: Option<&Faults>,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut json = serde_json::Deserializer::from_slice(text);
    json.deserialize_map(Message {
        out: &mut out,
        members,
        depth: 0,
        faults,
    })?;
    json.end()?;
    Ok(out)
}

/// What was left out, and why the first.
#[derive(Default)]
struct Faults {
    count: Cell<u64>,
    first: RefCell<Option<String>>,
}

impl Faults {
    fn note(&self, error: &serde_json::Error) {
        self.count.set(self.count.get() + 1);
        self.first.borrow_mut().get_or_insert_with(|| {
            let said = error.to_string();
            // Its place is one in the span, of which the sender knows no lines.
            let said = said
                .rsplit_once(" at line ")
                .map_or(&*said, |(said, _)| said);
            said.to_owned()
        });
    }
}

/// Writes the fields of a message.
struct Message<'a> {
    out: &'a mut Vec<u8>,
    members: &'static [Member],
    /// In how many lists this is.
    depth: usize,
    faults: Option<&'a Faults>,
}

impl<'de> Visitor<'de> for Message<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.members.first().map_or("", |member| member.name);
        write!(f, "an object with `{name}`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match self.members.iter().find(|member| member.is(&name)) {
                // Empty, it is as deep for who reads the protobuf, who cuts it there and says so.
                Some(member) if member.is_list() && self.depth > MAX_DEPTH => {
                    map.next_value::<IgnoredAny>()?;
                    proto::bytes(self.out, member.number, b"");
                }
                Some(member) => map.next_value_seed(Put {
                    out: self.out,
                    member,
                    is_item: false,
                    depth: self.depth + usize::from(member.is_list()),
                    faults: self.faults,
                })?,
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

impl Member {
    /// In the way of OTLP, or in that of protobuf, which some write.
    fn is(&self, name: &str) -> bool {
        let plain = |c: &char| *c != '_';
        self.name == name
            || name.contains('_')
                && self
                    .name
                    .chars()
                    .map(|c| c.to_ascii_lowercase())
                    .eq(name.chars().filter(plain))
    }

    /// Whether its value may have values of its own kind inside.
    fn is_list(&self) -> bool {
        matches!(self.name, "arrayValue" | "kvlistValue")
    }

    /// Whether each of it stands for itself.
    fn is_span_or_log(&self) -> bool {
        matches!(self.name, "spans" | "logRecords")
    }
}

/// Writes one field.
struct Put<'a> {
    out: &'a mut Vec<u8>,
    member: &'static Member,
    /// Of an array already.
    is_item: bool,
    depth: usize,
    /// Where spans and logs that are wrong are counted; without, they are errors.
    faults: Option<&'a Faults>,
}

impl Put<'_> {
    fn int<E: de::Error>(self, bits: u64, negative: bool) -> Result<(), E> {
        let number = self.member.number;
        match self.member.of {
            Type::Time if !negative => proto::fixed64(self.out, number, bits),
            Type::Int | Type::Enum => proto::uint(self.out, number, bits),
            Type::Double if negative => {
                proto::fixed64(self.out, number, (bits.cast_signed() as f64).to_bits());
            }
            Type::Double => proto::fixed64(self.out, number, (bits as f64).to_bits()),
            _ => return Err(E::invalid_type(de::Unexpected::Other("a number"), &self)),
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Put<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Some(faults) = self
            .faults
            .filter(|_| self.is_item && self.member.is_span_or_log())
        else {
            return deserializer.deserialize_any(self);
        };
        let text = <&RawValue>::deserialize(deserializer)?.get();
        let before = self.out.len();
        let put = Put {
            out: &mut *self.out,
            faults: None,
            ..self
        };
        if let Err(error) = serde_json::Deserializer::from_str(text).deserialize_any(put) {
            self.out.truncate(before);
            faults.note(&error);
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Put<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match self.member.of {
            _ if self.member.repeated && !self.is_item => "an array",
            Type::Message(_) => "an object",
            Type::Text => "a string",
            Type::Hex => "hex digits",
            Type::Base64 => "base64",
            Type::Time => "nanoseconds, as a number or as digits",
            Type::Int | Type::Enum => "an integer, as a number or as digits",
            Type::Bool => "true or false",
            Type::Double => "a number",
        };
        write!(f, "{of} as `{}`", self.member.name)
    }

    /// Null is what is not there.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        match self.member.of {
            Type::Bool => {
                proto::uint(self.out, self.member.number, value.into());
                Ok(())
            }
            _ => Err(E::invalid_type(de::Unexpected::Bool(value), &self)),
        }
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.int(value, false)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.int(value.cast_unsigned(), value < 0)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        match self.member.of {
            Type::Double => {
                proto::fixed64(self.out, self.member.number, value.to_bits());
                Ok(())
            }
            // What JavaScript makes of large integers.
            Type::Time | Type::Int if value.fract() == 0.0 && (0.0..1.8e19).contains(&value) => {
                self.int(value as u64, false)
            }
            _ => Err(E::invalid_type(de::Unexpected::Float(value), &self)),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        let number = self.member.number;
        let is_wrong = || E::invalid_value(de::Unexpected::Str(shown(text)), &self);
        match self.member.of {
            Type::Text => proto::bytes(self.out, number, text.as_bytes()),
            Type::Hex => proto::bytes(self.out, number, &hex(text).unwrap_or_default()),
            Type::Base64 => {
                let bytes = base64(text).ok_or_else(is_wrong)?;
                proto::bytes(self.out, number, &bytes);
            }
            Type::Time => {
                let time = text.parse().map_err(|_| is_wrong())?;
                proto::fixed64(self.out, number, time);
            }
            Type::Int => {
                let value: i64 = text.parse().map_err(|_| is_wrong())?;
                proto::uint(self.out, number, value.cast_unsigned());
            }
            Type::Enum => {
                let named = ENUMS.iter().find(|(name, _)| *name == text);
                let value = named.map_or_else(|| text.parse().unwrap_or(0), |named| named.1);
                proto::uint(self.out, number, value);
            }
            Type::Double => {
                let value: f64 = text.parse().map_err(|_| is_wrong())?;
                proto::fixed64(self.out, number, value.to_bits());
            }
            Type::Message(_) | Type::Bool => {
                return Err(E::invalid_type(de::Unexpected::Str(shown(text)), &self));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if !self.member.repeated || self.is_item {
            return Err(de::Error::invalid_type(de::Unexpected::Seq, &self));
        }
        loop {
            let item = Put {
                out: &mut *self.out,
                member: self.member,
                is_item: true,
                depth: self.depth,
                faults: self.faults,
            };
            if seq.next_element_seed(item)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match self.member.of {
            Type::Message(members) if self.is_item == self.member.repeated => {
                let mut read = Ok(());
                proto::nested(self.out, self.member.number, |out| {
                    read = Message {
                        out,
                        members,
                        depth: self.depth,
                        faults: self.faults,
                    }
                    .visit_map(map);
                });
                read
            }
            _ => Err(de::Error::invalid_type(de::Unexpected::Map, &self)),
        }
    }
}

/// As much of a text as an error needs.
fn shown(text: &str) -> &str {
    text.char_indices()
        .nth(40)
        .map_or(text, |(end, _)| &text[..end])
}

/// Pairs of hex digits, large or small.
fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || digits.len() > 64 {
        return None;
    }
    let digit = |digit: u8| char::from(digit).to_digit(16);
    digits
        .chunks(2)
        .map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8))
        .collect()
}

/// Base64, of either alphabet, padded or not.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}
