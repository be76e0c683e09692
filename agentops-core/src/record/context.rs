//! Where a thread or a task is: in which span, of which agent, of which session.
//!
//! A context is plain values. It refers to no thread, so that a future takes it along to whichever thread polls it.

use crate::model::id::{SessionId, SpanId, TraceId};

/// The place of what runs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Context {
    /// The innermost span; 0 where there is none.
    pub(crate) span: u64,
    /// Session and agent in one word, resolved by the processor; 0 outside every session.
    pub(crate) scope: u64,
    /// The session; 0 outside every session.
    pub(crate) session: u128,
    /// The trace, which is the session's own unless it came from outside.
    pub(crate) trace: u128,
}

impl Context {
    pub(crate) const NONE: Self = Self {
        span: 0,
        scope: 0,
        session: 0,
        trace: 0,
    };
}

/// A span as other spans refer to it: as a parent, or in a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanContext(pub(crate) Context);

impl SpanContext {
    /// The session that it belongs to; `None` outside every session, or where nothing records.
    #[must_use]
    pub fn session_id(&self) -> Option<SessionId> {
        (self.0.session != 0).then_some(SessionId(self.0.session))
    }

    /// The W3C trace that it belongs to.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        (self.0.trace != 0).then_some(TraceId(self.0.trace))
    }

    /// The span itself.
    #[must_use]
    pub fn span_id(&self) -> Option<SpanId> {
        SpanId(self.0.span).some()
    }

    /// W3C `traceparent`, to pass on to another process.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        Some(format!("00-{}-{}-01", self.trace_id()?, self.span_id()?))
    }
}

/// Mixes bits so that ids made of the same parts in another order differ.
#[inline(always)]
pub(crate) const fn mix(mut z: u64) -> u64 {
    // The finaliser of splitmix64, by Steele, Lea and Flood (2014).
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a over bytes, finished by [`mix`].
pub(crate) fn hash(seed: u64, parts: &[&[u8]]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325 ^ mix(seed);
    for part in parts {
        for byte in *part {
            state = (state ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
        // Parts have ends: "ab", "c" is not "a", "bc".
        state = (state ^ 0xff).wrapping_mul(0x100_0000_01b3);
    }
    mix(state)
}
