//! What is said about a span or a session while it runs: logs, attributes, errors, links.
//!
//! A note is one record; the processor puts it where it belongs. Formatting happens here, for the values are the
//! caller's; that costs the caller, and only where something records.

use std::fmt::Display;

use serde::Serialize;

use super::capture::Sink;
use super::clock;
use super::context::{Context, SpanContext};
use super::fault;
use super::local::{self, Local};
use super::scope;
use super::session;
use super::word::{self, NOTE};
use crate::model::id::{SessionId, SpanId};
use crate::model::session::EndState;
use crate::model::span::Level;

pub(crate) const LOG: u32 = 1;
pub(crate) const ATTRIBUTE: u32 = 2;
pub(crate) const LINK: u32 = 3;
pub(crate) const ERROR: u32 = 4;
pub(crate) const END_STATE: u32 = 5;
pub(crate) const TAG: u32 = 6;
pub(crate) const USER: u32 = 7;
pub(crate) const CONVERSATION: u32 = 8;
pub(crate) const VIDEO: u32 = 9;
pub(crate) const SESSION_ATTRIBUTE: u32 = 10;
/// Somebody holds the span: another thread may speak of it, or start spans in it.
pub(crate) const SHARED: u32 = 11;

fn write(local: &Local, kind: u32, span: u64, fill: impl FnOnce(&mut Sink<'_>)) {
    if !local.ready() {
        return;
    }
    local.with_buffer(|buffer| {
        fill(&mut Sink::new(buffer, false));
        local.put(
            [word::first(NOTE, 0, buffer.len(), kind), span, clock::raw()],
            buffer,
        );
    });
}

/// As [`write`], where the caller has no `Local` at hand.
fn note(kind: u32, span: u64, fill: impl FnOnce(&mut Sink<'_>)) {
    if local::recording() && span != 0 {
        local::with(|local| write(local, kind, span, fill));
    }
}

pub(super) fn link(local: &Local, span: u64, to: SpanContext) {
    write(local, LINK, span, |sink| {
        let link = (to.0.trace.to_string(), to.0.span);
        sink.serialize(&link);
    });
}

pub(super) fn end_state(local: &Local, root: u64, state: EndState, reason: Option<&str>) {
    write(local, END_STATE, root, |sink| {
        sink.serialize(&(state.as_str(), reason))
    });
}

pub(super) fn session_text(context: Context, kind: u32, text: &str) {
    if context.session != 0 {
        note(kind, scope::root_of(context.session), |sink| {
            sink.serialize(text)
        });
    }
}

pub(super) fn session_attribute(context: Context, key: &str, value: &impl Serialize) {
    if context.session != 0 {
        note(SESSION_ATTRIBUTE, scope::root_of(context.session), |sink| {
            keyed(sink, key, value)
        });
    }
}

fn keyed<T: Serialize>(sink: &mut Sink<'_>, key: &str, value: &T) {
    sink.serialize(key);
    sink.serialize_contained(value);
}

/// The span that runs here now, to say something about it.
#[derive(Debug, Clone, Copy)]
pub struct CurrentSpan {
    context: Context,
}

/// The innermost span around this call; outside every span the automatic session's own, and without that it does nothing.
///
/// ```
/// agentops_core::current_span().set_attribute("files", 3);
/// ```
#[must_use]
pub fn current_span() -> CurrentSpan {
    CurrentSpan {
        context: local::with(|local| {
            local.share();
            local.context()
        }),
    }
}

impl CurrentSpan {
    /// Its id; `None` outside every span.
    #[must_use]
    pub fn id(&self) -> Option<SpanId> {
        SpanId(self.context.span).some()
    }

    /// The session that it belongs to.
    #[must_use]
    pub fn session_id(&self) -> Option<SessionId> {
        self.context().session_id()
    }

    /// To name it as a parent or in a link, on any thread.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        SpanContext(self.context)
    }

    /// W3C `traceparent`, to pass on to another process.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.context().traceparent()
    }

    /// The span that something is said about: this one, or the automatic session's own.
    fn target(&self) -> u64 {
        session::here(self.context).span
    }

    /// Adds an attribute; one with the same key is replaced.
    pub fn set_attribute(&self, key: impl AsRef<str>, value: impl Serialize) {
        note(ATTRIBUTE, self.target(), |sink| {
            keyed(sink, key.as_ref(), &value)
        });
    }

    /// Logs a message in it.
    #[track_caller]
    pub fn log(&self, level: Level, message: impl Display) {
        let at = std::panic::Location::caller();
        note(LOG, self.target(), |sink| {
            sink.serialize(&(level.as_str(), at.file()));
            sink.text_contained(&message);
        });
    }

    /// Records an error that is not returned, and marks it as failed.
    pub fn record_error<E: std::error::Error + 'static>(&self, error: &E) {
        note(ERROR, self.target(), |sink| fault::of_error(error, sink));
    }

    /// Records text as an error, and marks it as failed.
    pub fn record_error_text(&self, error: impl Display) {
        note(ERROR, self.target(), |sink| fault::of_text(&error, sink));
    }
}
