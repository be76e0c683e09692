//! Amazon's event streams: messages in binary frames, as Bedrock streams its answers.
//!
//! Takes whole frames off the bytes that have come, and makes each the event that the same API writes as JSON. A frame
//! whose sums do not fit ends the reading, as nothing after it has a known place.

use serde_json::{Value, json};

/// Length of a frame and of its headers, each with four bytes, and the sum of these eight.
const PRELUDE: usize = 12;

/// The sum of all before it.
const TRAILER: usize = 4;

/// No service sends longer frames.
const LONGEST: usize = 24 * 1024 * 1024;

/// Whether bytes may begin a stream of frames: as their lengths do, and no text does.
pub(super) fn may_begin(first: u8) -> bool {
    first == 0
}

/// Where the first whole frame begins in bytes that were cut out of a stream: its sums tell.
#[cfg(feature = "record")]
pub(crate) fn first(bytes: &[u8]) -> Option<usize> {
    let zeros = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| may_begin(**byte));
    let mut places = zeros.map(|(at, _)| at);
    places.find(|at| matches!(split(&bytes[*at..]), Ok(Some(_))))
}

/// Takes the events of all whole frames off the front; whether more may follow.
pub(super) fn take(pending: &mut Vec<u8>, events: &mut Vec<Value>) -> bool {
    let mut rest = pending.as_slice();
    let goes_on = loop {
        match split(rest) {
            Ok(Some((frame, after))) => {
                events.extend(event(frame));
                rest = after;
            }
            Ok(None) => break true,
            Err(Broken) => break false,
        }
    };
    let taken = pending.len() - rest.len();
    pending.drain(..taken);
    goes_on
}

/// Bytes that are no frame.
struct Broken;

struct Frame<'a> {
    headers: &'a [u8],
    payload: &'a [u8],
}

/// The first frame, and what is behind it; `None` where it has not come in full.
fn split(bytes: &[u8]) -> Result<Option<(Frame<'_>, &[u8])>, Broken> {
    let Some((prelude, _)) = bytes.split_at_checked(PRELUDE) else {
        return Ok(None);
    };
    let number = |at: usize| {
        let bytes = prelude.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    let (Some(length), Some(headers), Some(sum)) = (number(0), number(4), number(8)) else {
        return Err(Broken);
    };
    let (length, headers) = (length as usize, headers as usize);
    let fits = length <= LONGEST && headers <= length.saturating_sub(PRELUDE + TRAILER);
    if crc32fast::hash(&prelude[..8]) != sum || length < PRELUDE + TRAILER || !fits {
        return Err(Broken);
    }
    let Some((frame, rest)) = bytes.split_at_checked(length) else {
        return Ok(None);
    };
    let (frame, trailer) = frame.split_at(length - TRAILER);
    if crc32fast::hash(frame).to_be_bytes() != trailer {
        return Err(Broken);
    }
    let (headers, payload) = frame[PRELUDE..].split_at(headers);
    Ok(Some((Frame { headers, payload }, rest)))
}

/// What a frame says; its kind stands in a header, beside the payload.
fn event(frame: Frame<'_>) -> Option<Value> {
    let Frame { headers, payload } = frame;
    let header = |name: &str| {
        Headers(headers).find_map(|(key, value)| (key == name.as_bytes()).then_some(value))
    };
    let named = |name: &str| std::str::from_utf8(header(name)?).ok();
    let body = || {
        let text = || Value::String(String::from_utf8_lossy(payload).into_owned());
        serde_json::from_slice(payload).unwrap_or_else(|_| text())
    };
    if let Some(kind) = named(":exception-type") {
        let body = body();
        let message = body.get("message").unwrap_or(&body);
        return Some(json!({"type": "error", "error": {"type": kind, "message": message}}));
    }
    if let Some(code) = named(":error-code") {
        let message = named(":error-message").unwrap_or_default();
        return Some(json!({"type": "error", "error": {"code": code, "message": message}}));
    }
    let kind = named(":event-type")?;
    let body = body();
    // What a model streams in its own shape is wrapped once more.
    if kind == "chunk"
        && let Some(bytes) = body.get("bytes").and_then(Value::as_str)
    {
        return serde_json::from_slice(&base64(bytes)?).ok();
    }
    Some(json!({ kind: body }))
}

/// The headers of a frame that are text or bytes, by name.
struct Headers<'a>(&'a [u8]);

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (length, rest) = self.0.split_first()?;
            let (name, rest) = rest.split_at_checked(usize::from(*length))?;
            let (kind, rest) = rest.split_first()?;
            let length = match kind {
                0 | 1 => 0,
                2 => 1,
                3 => 2,
                4 => 4,
                5 | 8 => 8,
                9 => 16,
                6 | 7 => {
                    let (length, rest) = rest.split_at_checked(2)?;
                    let length = u16::from_be_bytes([length[0], length[1]]);
                    let (value, rest) = rest.split_at_checked(usize::from(length))?;
                    self.0 = rest;
                    return Some((name, value));
                }
                _ => return None,
            };
            self.0 = rest.get(length..)?;
        }
    }
}

/// The bytes that a text stands for.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut known) = (0_u32, 0);
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        known += 6;
        if known >= 8 {
            known -= 8;
            bytes.push((bits >> known) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::recognise::sse::Events;

    /// A frame as it goes over the wire.
    fn frame(headers: &[(&str, &str)], payload: &str) -> Vec<u8> {
        let mut head = vec![4, b'f', b'l', b'a', b'g', 0, 2, b'i', b'd', 4, 0, 0, 0, 1];
        for (name, value) in headers {
            head.push(name.len() as u8);
            head.extend(name.bytes());
            head.push(7);
            head.extend((value.len() as u16).to_be_bytes());
            head.extend(value.bytes());
        }
        let length = PRELUDE + head.len() + payload.len() + TRAILER;
        let mut frame = (length as u32).to_be_bytes().to_vec();
        frame.extend((head.len() as u32).to_be_bytes());
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        frame.extend(head);
        frame.extend(payload.bytes());
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        frame
    }

    fn events(bytes: &[u8]) -> Vec<Value> {
        let mut whole = Events::default();
        whole.push(bytes);
        let whole = whole.finish();
        let mut pieces = Events::default();
        bytes.iter().for_each(|byte| pieces.push(&[*byte]));
        assert_eq!(pieces.finish(), whole);
        whole
    }

    #[test]
    fn the_first_whole_frame_is_found_wherever_a_stream_was_cut() {
        let one = frame(&[(":event-type", "metadata")], "{\"a\": \"\0\0\0\"}");
        let two = frame(&[(":event-type", "messageStop")], "{}");
        let both = [&*one, &*two].concat();
        assert_eq!(first(&both), Some(0));
        for at in 1..=one.len() {
            assert_eq!(first(&both[at..]), Some(one.len() - at));
        }
        for at in one.len() + 1..=both.len() {
            assert_eq!(first(&both[at..]), None);
        }
    }

    #[test]
    fn each_frame_is_an_event() {
        let stop = frame(
            &[(":message-type", "event"), (":event-type", "messageStop")],
            r#"{"stopReason": "end_turn"}"#,
        );
        let chunk = frame(
            &[(":event-type", "chunk")],
            r#"{"bytes": "eyJuIjogMX0=", "p": "ab"}"#,
        );
        let slow = frame(
            &[(":exception-type", "throttlingException")],
            r#"{"message": "slow down"}"#,
        );
        let broken = frame(&[(":error-code", "500"), (":error-message", "oh")], "");
        let said = json!({"messageStop": {"stopReason": "end_turn"}});
        let all = [stop.clone(), chunk, slow, broken].concat();
        assert_eq!(
            events(&all),
            [
                said.clone(),
                json!({"n": 1}),
                json!({"type": "error", "error": {"type": "throttlingException", "message": "slow down"}}),
                json!({"type": "error", "error": {"code": "500", "message": "oh"}}),
            ]
        );
        assert_eq!(events(&all[..stop.len() + 20]), [said]);
    }

    #[test]
    fn what_is_no_frame_ends_the_reading() {
        let good = frame(&[(":event-type", "metadata")], "{}");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            let found = events(&[good.as_slice(), &bad, &good].concat());
            assert_eq!(found, [json!({"metadata": {}})], "{at}");
        }
        assert!(events(&[0; 64]).is_empty());
        assert!(events(&[0]).is_empty());
    }

    #[test]
    fn base64_is_read() {
        for (text, bytes) in [
            ("", ""),
            ("TQ==", "M"),
            ("TWE=", "Ma"),
            ("TWFu", "Man"),
            ("Pz8/Pj4+", "???>>>"),
        ] {
            assert_eq!(base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(base64("TW-u"), None);
    }
}
