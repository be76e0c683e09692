//! What is said about a span or a session while it runs: logs, attributes, errors, links.
//!
//! A note is one record; the processor puts it where it belongs. Formatting happens here, for the values are the
//! caller's; that costs the caller, and only where something records.

use std::any::type_name;
use std::fmt::Display;
use std::panic::Location;

use serde::Serialize;

use super::capture::Sink;
use super::clock;
use super::context::{Context, SpanContext};
use super::fault;
use super::fields::Fields;
use super::kept::Kept;
use super::local::{self, Local};
use super::lost;
use super::scope;
use super::session;
use super::word::{self, NOTE};
use crate::model::id::{SessionId, SpanId};
use crate::model::llm::LlmCall;
use crate::model::session::EndState;
use crate::model::span::Level;
use crate::model::wire::put;

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
pub(crate) const NAME: u32 = 12;
pub(crate) const INPUT: u32 = 13;
pub(crate) const SPAN_TAG: u32 = 14;
/// What a model call's stream was: [`Ended`], how long the first item took, when the last came, and all of them.
pub(crate) const STREAM: u32 = 15;
/// Several attributes at once, of a span that somebody else made.
pub(crate) const FIELDS: u32 = 16;

/// A model call that was said by hand.
pub(crate) const LLM: u32 = 17;

/// Where a model call's request went, and its body; then what came back.
pub(crate) const ASKED: u32 = 18;
pub(crate) const ANSWERED: u32 = 19;

/// Whether a note begins with the scope word of what it is about, so that it can be kept where its span is gone.
pub(crate) fn is_scoped(kind: u32) -> bool {
    matches!(kind, LOG | ATTRIBUTE | ERROR)
}

/// The scope word that a scoped note begins with, and the rest of it.
pub(crate) fn split_scope(payload: &[u8]) -> Option<(u64, &[u8])> {
    let (scope, rest) = payload.split_first_chunk()?;
    Some((u64::from_le_bytes(*scope), rest))
}

fn write(local: &Local, kind: u32, span: u64, fill: impl FnOnce(&mut Sink<'_>)) {
    if !local.ready() {
        return;
    }
    local.with_buffer(|buffer| {
        fill(&mut Sink::new(buffer, false));
        prepared(local, kind, span, buffer);
    });
}

/// As [`write()`], where the caller has no `Local` at hand.
fn note(kind: u32, span: u64, fill: impl FnOnce(&mut Sink<'_>)) {
    if local::recording() && span != 0 {
        local::with(|local| write(local, kind, span, fill));
    }
}

/// Says something about the span that is current in `context`.
fn about(context: Context, kind: u32, fill: impl FnOnce(&mut Sink<'_>)) {
    if !local::recording() || context.span == 0 {
        return;
    }
    local::with(|local| {
        if !local.ready() {
            return;
        }
        local.with_buffer(|buffer| {
            buffer.extend_from_slice(&context.scope.to_le_bytes());
            fill(&mut Sink::new(buffer, false));
            prepared(local, kind, context.span, buffer);
        });
    });
}

/// Says that a span is handed out, before anybody has it.
pub(super) fn share(local: &Local, span: u64) {
    prepared(local, SHARED, span, &[]);
}

/// A note whose payload was made before.
pub(super) fn prepared(local: &Local, kind: u32, span: u64, payload: &[u8]) {
    let first = word::first(NOTE, 0, payload.len(), kind);
    if !local.put([first, span, clock::raw()], payload) {
        lost::content(local.scope());
    }
}

pub(super) fn link(local: &Local, span: u64, to: SpanContext) {
    write(local, LINK, span, |sink| write_link(sink, to));
}

pub(super) fn write_link(sink: &mut Sink<'_>, SpanContext(to): SpanContext) {
    sink.serialize(&(to.trace.to_string(), to.span));
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

/// One tag or several: a text, or a list of texts.
pub(super) fn session_tags(context: Context, tags: &impl Serialize) {
    if context.session != 0 {
        note(TAG, scope::root_of(context.session), |sink| {
            sink.serialize_contained(tags)
        });
    }
}

pub(super) fn attribute(context: Context, key: &str, value: &impl Serialize) {
    about(context, ATTRIBUTE, |sink| keyed(sink, key, value));
}

pub(super) fn session_attribute(context: Context, key: &str, value: &impl Serialize) {
    if context.session != 0 {
        note(SESSION_ATTRIBUTE, scope::root_of(context.session), |sink| {
            keyed(sink, key, value)
        });
    }
}

/// The field of a log that is its message.
pub(crate) const MESSAGE: &str = "message";

/// What a log says besides its message and its fields.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) level: Level,
    /// Who says it.
    pub(crate) target: &'a str,
    pub(crate) file: Option<&'a str>,
    pub(crate) line: Option<u32>,
}

/// Writes a log in a place. It carries the place's scope, for its span may have ended by now.
///
/// What formats its fields is users' code that runs for our sake: what that logs is not recorded.
pub(crate) fn log(place: Context, head: &Head<'_>, fill: impl FnOnce(&mut Fields<'_, '_>)) {
    about(place, LOG, |sink| {
        let Head {
            level,
            target,
            file,
            line,
        } = *head;
        sink.serialize(&(level.as_str(), target, file, line));
        let quiet = local::Quiet::enter();
        Fields::write(&mut sink.writer(), |fields| {
            if !quiet.is_too_deep() {
                fill(fields);
            }
        });
    });
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// There were no more items.
    End,
    /// An item was an error, or it panicked.
    Error,
    /// Nobody wanted more of it.
    Dropped,
}

impl Ended {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::Error => "error",
            Self::Dropped => "dropped",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let all = [Self::End, Self::Error, Self::Dropped];
        all.into_iter().find(|ended| ended.as_str() == text)
    }
}

/// Says what became of a model call's stream, before its span ends. `first` in nanoseconds, `last` as the clock has it, where
/// that may be when it was over.
#[cold]
pub(super) fn stream(
    context: Context,
    ended: Ended,
    first: Option<u64>,
    last: Option<u64>,
    items: Option<Box<Kept>>,
) {
    if !local::recording() {
        return;
    }
    local::with(|local| {
        if !local.ready() {
            return;
        }
        local.with_buffer(|buffer| {
            Sink::new(buffer, false).serialize(&(ended.as_str(), first, last));
            if let Some(items) = items {
                items.write(buffer);
            }
            prepared(local, STREAM, context.span, buffer);
        });
    });
}

/// Writes attributes of a span that somebody else made; messages may be among them, which are as long as those of a
/// model call.
#[cfg(feature = "tracing")]
pub(crate) fn fields(span: u64, fill: impl FnOnce(&mut Fields<'_, '_>)) {
    if !local::recording() {
        return;
    }
    local::with(|local| {
        if !local.ready() {
            return;
        }
        local.with_buffer(|buffer| {
            let quiet = local::Quiet::enter();
            Fields::write(&mut Sink::new(buffer, true).writer(), |fields| {
                if !quiet.is_too_deep() {
                    fill(fields);
                }
            });
            drop(quiet);
            prepared(local, FIELDS, span, buffer);
        });
    });
}

/// Ties a span to another.
#[cfg(feature = "tracing")]
pub(crate) fn tie(span: u64, to: Context) {
    note(LINK, span, |sink| write_link(sink, SpanContext(to)));
}

pub(super) fn keyed<T: Serialize>(sink: &mut Sink<'_>, key: &str, value: &T) {
    sink.serialize(key);
    sink.serialize_contained(value);
}

#[track_caller]
fn write_log<T: Display>(place: Context, level: Level, message: &T) {
    let at = Location::caller();
    let head = Head {
        level,
        target: at.file(),
        file: Some(at.file()),
        line: Some(at.line()),
    };
    log(place, &head, |fields| {
        fields.put(type_name::<T>(), MESSAGE, &format_args!("{message}"));
    });
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
    pub(super) fn of(context: Context) -> Self {
        Self { context }
    }

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
    fn target(&self) -> Context {
        session::here(self.context)
    }

    /// Adds an attribute; one with the same key is replaced. After the span's end it becomes a log of the span.
    pub fn set_attribute(&self, key: impl AsRef<str>, value: impl Serialize) {
        attribute(self.target(), key.as_ref(), &value);
    }

    /// Logs a message in it, also after its end.
    ///
    /// Its target is the file that says it.
    #[track_caller]
    pub fn log(&self, level: Level, message: impl Display) {
        write_log(self.target(), level, &message);
    }

    /// Records an error that is not returned, and marks it as failed. After the span's end it becomes a log of the span.
    pub fn record_error<E: std::error::Error + 'static>(&self, error: &E) {
        about(self.target(), ERROR, |sink| fault::of_error(error, sink));
    }

    /// Says what is known of a model call, for a client or a protocol that is not recognised.
    ///
    /// In the span of an `#[llm]` function it goes before what was recognised of the function's arguments and answer,
    /// field by field. Any other span becomes one that has used a model: its tokens count, and what they cost. Said
    /// twice, the later goes before the earlier, likewise.
    ///
    /// ```
    /// use agentops_core::model::llm::{LlmCall, Usage};
    ///
    /// let call = LlmCall::new()
    ///     .provider("acme")
    ///     .model("acme-large")
    ///     .prompt("user", "Where is it?")
    ///     .answer("In src/main.rs.")
    ///     .usage(Usage::new(1200, 40).cache_read(1000));
    /// agentops_core::current_span().record_llm(call);
    /// ```
    pub fn record_llm(&self, call: LlmCall) {
        let target = self.target();
        if !local::recording() || target.span == 0 {
            return;
        }
        local::with(|local| {
            if local.ready() {
                local.with_buffer(|buffer| {
                    put::llm(buffer, &call);
                    prepared(local, LLM, target.span, buffer);
                });
            }
        });
    }

    /// Records text as an error, and marks it as failed. After the span's end it becomes a log of the span.
    pub fn record_error_text(&self, error: impl Display) {
        about(self.target(), ERROR, |sink| fault::of_text(&error, sink));
    }
}

impl From<CurrentSpan> for SpanContext {
    fn from(span: CurrentSpan) -> Self {
        span.context()
    }
}
