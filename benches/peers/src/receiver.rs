//! Takes encoded spans and keeps their ids, so that what has arrived is counted here and nowhere else.
//!
//! It walks the protobuf of what exporters encode, as far as a span's id, and knows no library: of AgentOps it knows
//! the documented frames of a spool, which carry OTLP spans.

use std::sync::{Mutex, MutexGuard};

static RECEIVED: Mutex<Received> = Mutex::new(Received {
    ids: Vec::new(),
    bytes: 0,
    kept: None,
});

#[derive(Debug)]
struct Received {
    ids: Vec<u64>,
    bytes: u64,
    /// The bytes themselves, where somebody wants to see them.
    kept: Option<Vec<u8>>,
}

impl Received {
    fn arrive(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
    }
}

fn received() -> MutexGuard<'static, Received> {
    RECEIVED.lock().expect("nothing panics while it is held")
}

/// Makes room for so many ids, so that they are no part of what recording takes.
pub fn expect(spans: usize) {
    let mut received = received();
    received.ids.resize(spans, 1);
    received.ids.clear();
}

/// From now on keeps the bytes too.
pub fn keep_bytes() {
    received().kept = Some(Vec::new());
}

/// The bytes since the last call.
pub fn take_bytes() -> Vec<u8> {
    received()
        .kept
        .as_mut()
        .map(std::mem::take)
        .unwrap_or_default()
}

/// How many spans have arrived, how many of them had an id of their own, and their bytes.
pub fn count() -> (usize, usize, u64) {
    let received = received();
    let mut ids = received.ids.clone();
    ids.sort_unstable();
    ids.dedup();
    (received.ids.len(), ids.len(), received.bytes)
}

/// How many have arrived.
pub fn arrived() -> usize {
    received().ids.len()
}

/// Takes an OTLP `ExportTraceServiceRequest`.
pub fn take_request(request: &[u8]) {
    let mut received = received();
    received.arrive(request);
    for resource_spans in messages(request, 1) {
        for scope_spans in messages(resource_spans, 2) {
            received.ids.extend(messages(scope_spans, 2).map(span_id));
        }
    }
}

/// Takes frames of a spool: each span is what is its own, after the numbers of the parts that it shares with others.
pub fn take_frames(frames: &[u8]) {
    let mut received = received();
    received.arrive(frames);
    received
        .ids
        .extend(spans(frames).map(|(_, own)| span_id(own)));
}

/// Ended spans in frames: the numbers of their shared parts, still encoded, and their own bytes.
pub fn spans(mut frames: &[u8]) -> impl Iterator<Item = (Numbers<'_>, &[u8])> {
    const ENDED: u8 = 1;
    std::iter::from_fn(move || {
        while let Some((head, rest)) = frames.split_first_chunk::<8>() {
            let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
            let (frame, rest) = rest.split_at(len);
            frames = rest;
            if let [ENDED, payload @ ..] = frame {
                let mut own = payload;
                let count = varint(&mut own);
                let numbers = Numbers {
                    left: count,
                    bytes: own,
                };
                for _ in 0..count {
                    varint(&mut own);
                }
                return Some((numbers, own));
            }
        }
        None
    })
}

/// Numbers of shared parts.
#[derive(Debug)]
pub struct Numbers<'a> {
    left: u64,
    bytes: &'a [u8],
}

impl Iterator for Numbers<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        Some(varint(&mut self.bytes))
    }
}

fn span_id(span: &[u8]) -> u64 {
    let id = messages(span, 2).next().expect("a span has an id");
    u64::from_be_bytes(id.try_into().expect("an id has eight bytes"))
}

/// The contents of each field `number` of a message, where it has a length.
fn messages(mut message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while !message.is_empty() {
            let key = varint(&mut message);
            let len = match key & 7 {
                0 => {
                    varint(&mut message);
                    0
                }
                1 => 8,
                2 => varint(&mut message) as usize,
                _ => 4,
            };
            let (content, rest) = message.split_at(len);
            message = rest;
            if key == number << 3 | 2 {
                return Some(content);
            }
        }
        None
    })
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (&byte, rest) = bytes.split_first().expect("a varint has an end");
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
        shift += 7;
    }
}
