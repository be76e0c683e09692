//! Protobuf's encoding: varints, tags, lengths, and the numbers of the fields that we use.
//!
//! Under both halves of [`wire`](super) and the spool's frames. Knows no message beyond its field numbers.

use super::WireError;

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;
const FIXED32: u8 = 5;

/// Fields of `trace.v1.Span` and of the messages inside it.
pub(in crate::model) mod span {
    pub(in crate::model) const TRACE_ID: u8 = 1;
    pub(in crate::model) const SPAN_ID: u8 = 2;
    pub(in crate::model) const PARENT_SPAN_ID: u8 = 4;
    pub(in crate::model) const NAME: u8 = 5;
    pub(in crate::model) const KIND: u8 = 6;
    pub(in crate::model) const START: u8 = 7;
    pub(in crate::model) const END: u8 = 8;
    pub(in crate::model) const ATTRIBUTES: u8 = 9;
    pub(in crate::model) const EVENTS: u8 = 11;
    pub(in crate::model) const LINKS: u8 = 13;
    pub(in crate::model) const STATUS: u8 = 15;

    pub(in crate::model) const EVENT_TIME: u8 = 1;
    pub(in crate::model) const EVENT_NAME: u8 = 2;
    pub(in crate::model) const EVENT_ATTRIBUTES: u8 = 3;

    pub(in crate::model) const LINK_TRACE_ID: u8 = 1;
    pub(in crate::model) const LINK_SPAN_ID: u8 = 2;
    pub(in crate::model) const LINK_ATTRIBUTES: u8 = 4;

    pub(in crate::model) const STATUS_MESSAGE: u8 = 2;
    pub(in crate::model) const STATUS_CODE: u8 = 3;
}

/// Fields of `logs.v1.LogRecord`.
pub(in crate::model) mod log {
    pub(in crate::model) const TIME: u8 = 1;
    pub(in crate::model) const SEVERITY_NUMBER: u8 = 2;
    pub(in crate::model) const SEVERITY_TEXT: u8 = 3;
    pub(in crate::model) const BODY: u8 = 5;
    pub(in crate::model) const ATTRIBUTES: u8 = 6;
    pub(in crate::model) const TRACE_ID: u8 = 9;
    pub(in crate::model) const SPAN_ID: u8 = 10;
    pub(in crate::model) const OBSERVED_TIME: u8 = 11;
}

/// Fields of `common.v1.AnyValue` and of the messages inside it.
pub(in crate::model) mod any {
    pub(in crate::model) const STRING: u8 = 1;
    pub(in crate::model) const BOOL: u8 = 2;
    pub(in crate::model) const INT: u8 = 3;
    pub(in crate::model) const DOUBLE: u8 = 4;
    pub(in crate::model) const ARRAY: u8 = 5;
    pub(in crate::model) const LIST: u8 = 6;
    pub(in crate::model) const BYTES: u8 = 7;

    /// Of `ArrayValue` and of `KeyValueList`.
    pub(in crate::model) const VALUES: u8 = 1;
    /// Of `KeyValue`.
    pub(in crate::model) const KEY: u8 = 1;
    /// Of `KeyValue`.
    pub(in crate::model) const VALUE: u8 = 2;
}

/// Appends a varint.
#[inline]
pub(in crate::model) fn varint(buf: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        buf.push(value as u8 | 0x80);
        value >>= 7;
    }
    buf.push(value as u8);
}

/// How many bytes [`varint`] appends.
#[inline]
pub(super) const fn varint_len(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// The byte before a field that has a length.
#[inline]
pub(super) const fn length_tag(field: u8) -> u8 {
    field << 3 | LENGTH
}

/// Appends an integer, a bool or an enum.
#[inline]
pub(super) fn uint(buf: &mut Vec<u8>, field: u8, value: u64) {
    buf.push(field << 3 | VARINT);
    varint(buf, value);
}

/// Appends eight bytes: a time or a float.
#[inline]
pub(super) fn fixed64(buf: &mut Vec<u8>, field: u8, value: u64) {
    let mut bytes = [field << 3 | FIXED64; 9];
    bytes[1..].copy_from_slice(&value.to_le_bytes());
    buf.extend_from_slice(&bytes);
}

/// As [`fixed64`], into nine bytes.
#[inline]
pub(super) fn fixed64_into(nine: &mut [u8], field: u8, value: u64) {
    nine[0] = field << 3 | FIXED64;
    nine[1..9].copy_from_slice(&value.to_le_bytes());
}

/// An id of eight bytes, big-endian, as a field in ten bytes.
#[inline]
pub(super) fn eight_bytes(ten: &mut [u8], field: u8, value: u64) {
    ten[..2].copy_from_slice(&[length_tag(field), 8]);
    ten[2..10].copy_from_slice(&value.to_be_bytes());
}

/// Appends bytes, a text, or a message that is encoded already.
#[inline]
pub(super) fn bytes(buf: &mut Vec<u8>, field: u8, value: &[u8]) {
    buf.push(length_tag(field));
    varint(buf, value.len() as u64);
    buf.extend_from_slice(value);
}

/// Appends a field whose length is known only once `write` has written it.
///
/// Two bytes are reserved for the length, which protobuf allows to be padded: nearly every value fits in the 16 KiB
/// that they can say, and is written once. Longer ones are moved by a byte or two, which is little beside making
/// them. One byte would move most inputs; four would never move and be no faster for short values, which are nearly
/// all, and six bytes longer for each attribute.
#[inline]
pub(super) fn nested(buf: &mut Vec<u8>, field: u8, write: impl FnOnce(&mut Vec<u8>)) {
    buf.extend_from_slice(&[length_tag(field), 0, 0]);
    let start = buf.len();
    write(buf);
    let len = buf.len() - start;
    if len < 1 << 14 {
        buf[start - 2] = len as u8 | 0x80;
        buf[start - 1] = (len >> 7) as u8;
    } else {
        widen(buf, start, len);
    }
}

#[cold]
fn widen(buf: &mut Vec<u8>, start: usize, len: usize) {
    let head = start - 2;
    let moved = head + varint_len(len as u64);
    buf.resize(moved + len, 0);
    buf.copy_within(start..start + len, moved);
    let mut rest = len;
    for byte in &mut buf[head..moved] {
        *byte = rest as u8 | 0x80;
        rest >>= 7;
    }
    buf[moved - 1] &= 0x7f;
}

/// A field's value, as far as protobuf itself tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

/// The fields of a message, in the order in which they stand; ends after the first error.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// What has not been read yet.
    #[cfg(any(test, feature = "record"))]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    fn read(&mut self) -> Result<(u8, Field<'a>), WireError> {
        let tag = take_varint(&mut self.0).ok_or(WireError::TRUNCATED)?;
        let number = tag >> 3;
        if number == 0 || tag > u64::from(u32::MAX) {
            return Err(WireError::MALFORMED);
        }
        let field = match tag as u8 & 7 {
            VARINT => Field::Varint(take_varint(&mut self.0).ok_or(WireError::TRUNCATED)?),
            FIXED64 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            LENGTH => {
                let len = take_varint(&mut self.0).ok_or(WireError::TRUNCATED)?;
                let len = usize::try_from(len).map_err(|_| WireError::TRUNCATED)?;
                Field::Bytes(self.take(len)?)
            }
            FIXED32 => {
                self.take(4)?;
                Field::Fixed32
            }
            // Groups: no OTLP message ever had one.
            _ => return Err(WireError::MALFORMED),
        };
        // Numbers beyond 255 are not ours; no message has a field 255 either.
        Ok((u8::try_from(number).unwrap_or(u8::MAX), field))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(WireError::TRUNCATED)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        self.take(N)?.try_into().map_err(|_| WireError::TRUNCATED)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u8, Field<'a>), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// Takes a varint from the front; `None` where it does not end, or does not fit in 64 bits.
pub(in crate::model) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (at, &byte) in bytes.iter().take(10).enumerate() {
        let low = u64::from(byte & 0x7f);
        if at == 9 && low > 1 {
            return None;
        }
        value |= low << (7 * at);
        if byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_read_back_and_know_their_length() {
        for value in [
            0,
            1,
            127,
            128,
            16_383,
            16_384,
            u64::from(u32::MAX),
            u64::MAX - 1,
            u64::MAX,
        ] {
            let mut buf = Vec::new();
            varint(&mut buf, value);
            assert_eq!(buf.len(), varint_len(value), "{value}");
            assert_eq!(take_varint(&mut &buf[..]), Some(value));
            assert_eq!(take_varint(&mut &buf[..buf.len() - 1]), None);
        }
        assert_eq!(take_varint(&mut &[0xff; 11][..]), None);
    }

    #[test]
    fn lengths_are_fixed_up_whatever_is_written() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 3_000_000] {
            let mut buf = vec![];
            nested(&mut buf, 9, |buf| {
                nested(buf, 1, |buf| buf.resize(buf.len() + len, 7))
            });
            let Some(Ok((9, Field::Bytes(outer)))) = Fields::new(&buf).next() else {
                panic!("{len}")
            };
            let fields: Vec<_> = Fields::new(outer).collect();
            assert_eq!(fields, [Ok((1, Field::Bytes(&vec![7; len])))], "{len}");
        }
    }

    #[test]
    fn what_is_cut_or_not_protobuf_is_an_error() {
        for message in [
            &[0x0a][..],
            &[0x0a, 2, 0],
            &[0x08],
            &[0x09, 0, 0],
            &[0x00, 0],
            &[0x0b],
            &[0x80; 12],
        ] {
            assert!(
                Fields::new(message).any(|field| field.is_err()),
                "{message:?}"
            );
        }
    }
}
