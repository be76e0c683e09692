//! Ids of sessions, traces, spans and agents, and how they read as text.
//!
//! Ids are plain numbers here; who makes them, and when, is the recorder's business.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A session's id: 128 bits, shown as a hyphenated UUID.
///
/// A session that starts its own trace has a UUID v7, and the same 128 bits as its trace id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SessionId(pub u128);

/// A W3C trace id: 128 bits, shown as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TraceId(pub u128);

/// A W3C span id: 64 bits, shown as 16 lower-case hex digits. Zero is no span.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SpanId(pub u64);

/// An agent's id: 64 bits, shown as 16 lower-case hex digits.
///
/// Ids are stable within a session and are never made of an address. An instance that has one of its own,
/// `AgentId::new()`, is told from all others of its type and name. It is a plain value: a clone of an agent goes on under
/// the id of the original, for most clones are handles to one and the same; one that is to be an agent of its own is
/// given a new id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(pub u64);

/// Text that is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseIdError(&'static str);

impl SpanId {
    /// The id, unless it is zero.
    #[must_use]
    pub fn some(self) -> Option<Self> {
        (self.0 != 0).then_some(self)
    }
}

impl SessionId {
    /// The trace that a session of ours starts.
    #[must_use]
    pub fn trace(self) -> TraceId {
        TraceId(self.0)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_u128(self.0).hyphenated().fmt(f)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

macro_rules! debug_as_display {
    ($($id:ident)*) => { $(impl fmt::Debug for $id {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            fmt::Display::fmt(self, f)
        }
    })* };
}
debug_as_display!(SessionId TraceId SpanId AgentId);

impl FromStr for SessionId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let id = uuid::Uuid::try_parse(text).map_err(|_| ParseIdError("a UUID"))?;
        Ok(Self(id.as_u128()))
    }
}

impl FromStr for TraceId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        hex(text, 32).map(Self).ok_or(ParseIdError("32 hex digits"))
    }
}

impl FromStr for SpanId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let id = hex(text, 16).ok_or(ParseIdError("16 hex digits"))?;
        Ok(Self(id as u64))
    }
}

impl FromStr for AgentId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let id = hex(text, 16).ok_or(ParseIdError("16 hex digits"))?;
        Ok(Self(id as u64))
    }
}

impl Serialize for AgentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AgentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Exactly `digits` lower-case hex digits, as W3C Trace Context writes ids.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != digits || !text.bytes().all(lower) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.0)
    }
}

impl std::error::Error for ParseIdError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_as_they_are_written() {
        let session = SessionId(0x019c_6b1e_6f2a_7c3d_9b41_5d0f_6a7e_8c90);
        assert_eq!(session.to_string(), "019c6b1e-6f2a-7c3d-9b41-5d0f6a7e8c90");
        assert_eq!(session.to_string().parse(), Ok(session));
        assert_eq!(
            session.trace().to_string(),
            "019c6b1e6f2a7c3d9b415d0f6a7e8c90"
        );
        assert_eq!(session.trace().to_string().parse(), Ok(session.trace()));
        assert_eq!(SpanId(0x2a).to_string().parse(), Ok(SpanId(0x2a)));
        assert_eq!(AgentId(0x2a).to_string().parse(), Ok(AgentId(0x2a)));
        let json = serde_json::json!("000000000000002a");
        assert_eq!(serde_json::to_value(AgentId(0x2a)).ok(), Some(json.clone()));
        assert_eq!(serde_json::from_value(json).ok(), Some(AgentId(0x2a)));
        assert!(serde_json::from_str::<AgentId>("\"2a\"").is_err());
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "2a",
            "000000000000002A",
            "+00000000000002a",
            "000000000000002g",
        ] {
            assert!(text.parse::<SpanId>().is_err(), "{text}");
        }
        assert!("019c".parse::<SessionId>().is_err());
    }
}
