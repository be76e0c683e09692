//! What a record looks like in words: written by the recorder, read by the processor, and nowhere else.
//!
//! ```text
//! first word   tag 4 bits | flags 4 bits | payload length in bytes 24 bits | callsite or note 32 bits
//! START        first, span, parent, scope, clock                            + payload
//! END          first, span, clock                                           + payload
//! END_ASYNC    first, span, clock, polls, busy                              + payload
//! NOTE         first, span, clock                                           + payload
//! SCOPE        first, scope, clock                                          + payload
//! ```

/// A span started.
pub(crate) const START: u64 = 1;
/// A span ended.
pub(crate) const END: u64 = 2;
/// An asynchronous span ended.
pub(crate) const END_ASYNC: u64 = 3;
/// Something was said about a span.
pub(crate) const NOTE: u64 = 4;
/// A session or an agent within one was opened.
pub(crate) const SCOPE: u64 = 5;

/// The payload is in the ring's box queue.
pub(crate) const BOXED: u64 = 1 << 59;
/// END: the payload is an error record rather than an output.
pub(crate) const FAILED: u64 = 1 << 58;
/// END: dropped before it was done. START: outside any session, and given to one.
pub(crate) const CANCELLED: u64 = 1 << 57;
/// START: outside any session, and given to one.
pub(crate) const ADOPTED: u64 = 1 << 57;
/// START: carries captured values. END: carries an output.
pub(crate) const CAPTURED: u64 = 1 << 56;

/// END_ASYNC: in place of polls, where there turned out to be no future.
pub(crate) const NOT_POLLED: u32 = u32::MAX;

/// The longest payload that goes through the ring itself, in bytes.
pub(crate) const INLINE: usize = 8 * 1024;
const LENGTH: u64 = (1 << 24) - 1;

/// A record's first word.
#[inline(always)]
pub(crate) const fn first(tag: u64, flags: u64, length: usize, low: u32) -> u64 {
    tag << 60 | flags | (length as u64 & LENGTH) << 32 | low as u64
}

/// The tag of a first word.
pub(crate) const fn tag(first: u64) -> u64 {
    first >> 60
}

/// The payload's length in bytes; 0 where it is boxed.
pub(crate) const fn length(first: u64) -> usize {
    (first >> 32 & LENGTH) as usize
}

/// The callsite of a START, the kind of a NOTE.
pub(crate) const fn low(first: u64) -> u32 {
    first as u32
}

/// How many words stand before the payload.
pub(crate) const fn fixed(tag: u64) -> usize {
    match tag {
        START | END_ASYNC => 5,
        _ => 3,
    }
}
