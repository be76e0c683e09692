//! Traces as AgentOps' own SDK spells them: `start_trace`, `end_trace`, `end_all_traces`, `update_trace_metadata`.
//!
//! A trace is a session that this module remembers until somebody ends it, so that its handle may be copied, passed on
//! and forgotten. Knows sessions, not how they are recorded.

use serde::Serialize;

use super::context::{Context, SpanContext};
use super::future::InPlace;
use super::local;
use super::note;
use super::session::{self, Session};
use super::span::Place;
use crate::model::id::{SessionId, TraceId};
use crate::model::session::EndState;
use crate::sync::fixed::{Mutex, lock};

/// Why a trace ended that was open when recording stopped.
const SHUTDOWN: &str = "shutdown";
/// What keys of metadata begin with, unless they have a meaning.
const METADATA: &str = "trace.metadata.";

/// Traces that were started and not ended, oldest first.
static OPEN: Mutex<Vec<TraceContext>> = Mutex::new(Vec::new());

/// A trace that was started by [`start_trace`]: a handle that may be copied, and dropped without ending it.
#[derive(Debug, Clone, Copy)]
pub struct TraceContext {
    context: Context,
}

/// Starts a trace: a session that goes on until [`end_trace`] or [`end_all_traces`] ends it.
///
/// Nothing becomes current by it. What belongs to the trace is run in it, by [`in_scope`](TraceContext::in_scope) or
/// [`run`](TraceContext::run); what runs outside every trace joins the only one that is open, and is marked as adopted,
/// unless `auto_start_session` is off. With two open it joins neither: it belongs to the program's automatic session or,
/// with `auto_start_session` off, to one of its own.
///
/// In AgentOps' Python SDK a started trace is current on the thread that started it, so that the one started last gets
/// the spans of all others. There, too, the first trace initialises the SDK; here [`init`](crate::init) does, for its
/// guard is what flushes at the end, and before it nothing is recorded.
///
/// ```
/// use agentops_core::{EndState, end_trace, span, start_trace};
///
/// let one = start_trace("workflow_1").tag("demo");
/// let two = start_trace("workflow_2");
/// one.in_scope(|| span("work of one").in_scope(|| { /* … */ }));
/// two.in_scope(|| span("work of two").in_scope(|| { /* … */ }));
/// end_trace(&one, EndState::Success);
/// end_trace(&two, EndState::Success);
/// ```
pub fn start_trace(name: impl AsRef<str>) -> TraceContext {
    let context = session::start(name.as_ref());
    let trace = TraceContext { context };
    if context.session != 0 {
        lock(&OPEN).push(trace);
    }
    trace
}

/// Ends a trace, or every open one where `None` is given. A trace that has ended stays as it ended.
///
/// AgentOps takes any word for the state; [`EndState`] has the three that it knows, and reads them from text.
pub fn end_trace<'a>(trace: impl Into<Option<&'a TraceContext>>, state: EndState) {
    match trace.into() {
        Some(trace) => {
            if taken(trace) {
                session::close(trace.context, state, None);
            }
        }
        None => end_all_traces(state),
    }
}

/// Whether it was open; from here on it is not.
fn taken(trace: &TraceContext) -> bool {
    let mut open = lock(&OPEN);
    let at = open
        .iter()
        .position(|open| open.context.session == trace.context.session);
    at.map(|at| open.remove(at)).is_some()
}

/// Ends every trace that [`start_trace`] started, the newest first, as calls would have ended.
pub fn end_all_traces(state: EndState) {
    end(std::mem::take(&mut *lock(&OPEN)), state, None);
}

/// Ends a session by hand; the same as [`Session::end`].
pub fn end_session(session: Session, state: EndState) {
    session.end(state);
}

/// Adds to what is known of the trace around this call; outside every trace, of the only open one.
///
/// `tags` are added to its tags; any other key becomes an attribute `trace.metadata.<key>`. `false`: there is no trace
/// that it could be meant for. (AgentOps' own SDK takes the newest where several are open, whoever it belongs to.)
///
/// ```
/// let known = agentops_core::update_trace_metadata([("customer", "ann"), ("plan", "free")]);
/// # assert!(!known);
/// ```
pub fn update_trace_metadata<K, V>(metadata: impl IntoIterator<Item = (K, V)>) -> bool
where
    K: AsRef<str>,
    V: Serialize,
{
    let Some(context) = meant() else { return false };
    let mut any = false;
    for (key, value) in metadata {
        any = true;
        match key.as_ref() {
            "tags" => note::session_tags(context, &value),
            key => note::session_attribute(context, &format!("{METADATA}{key}"), &value),
        }
    }
    any
}

/// The session around this call, else the only open trace.
fn meant() -> Option<Context> {
    let here = local::with(local::Local::context);
    if here.session != 0 {
        return Some(here);
    }
    match &lock(&OPEN)[..] {
        [only] => Some(only.context),
        _ => None,
    }
}

/// Recording stops: what is open then has no end of its own. For tests that look at it, it goes on.
pub(crate) fn shut_down() {
    let (kept, open) = std::mem::take(&mut *lock(&OPEN))
        .into_iter()
        .partition(|trace| session::is_captured(trace.context.session));
    lock(&OPEN).splice(..0, kept);
    end(open, EndState::Indeterminate, Some(SHUTDOWN));
}

fn end(open: Vec<TraceContext>, state: EndState, reason: Option<&str>) {
    for trace in open.iter().rev() {
        session::close(trace.context, state, reason);
    }
}

impl TraceContext {
    /// The session's id; `None` where nothing records.
    #[must_use]
    pub fn id(&self) -> Option<SessionId> {
        SpanContext(self.context).session_id()
    }

    /// The W3C trace.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        SpanContext(self.context).trace_id()
    }

    /// Its place, for other threads and tasks.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        SpanContext(self.context)
    }

    /// A word to find it by.
    pub fn tag(self, tag: impl AsRef<str>) -> Self {
        note::session_text(self.context, note::TAG, tag.as_ref());
        self
    }

    /// Anything else that is worth knowing of it.
    pub fn attribute(self, key: impl AsRef<str>, value: impl Serialize) -> Self {
        note::session_attribute(self.context, key.as_ref(), &value);
        self
    }

    /// Runs `work` in it.
    pub fn in_scope<R>(&self, work: impl FnOnce() -> R) -> R {
        let _place = Place::enter(self.context);
        work()
    }

    /// Runs a future in it, wherever it is polled.
    pub fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        InPlace::new(self.context, work)
    }

    /// Ends it; the same as [`end_trace`].
    pub fn end(&self, state: EndState) {
        end_trace(self, state);
    }
}
