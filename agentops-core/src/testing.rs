//! What code recorded while a test ran it, to assert on.
//!
//! A capture is a session around the code under test, and a tap behind the processor; what belongs to that session, and
//! to sessions within it, is the capture's. Knows nothing of other tests, nor of where else the same spans go.
//!
//! ```
//! use agentops_core::testing::capture;
//!
//! let trace = capture(|| {
//!     let span = agentops_core::span("add").start();
//!     span.end_with(1 + 1);
//! });
//! assert_eq!(trace.to_string(), "OPERATION add -> 2\n");
//! ```

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::client;
use crate::export::outlets::Tap;
use crate::model::event::{Event, Resource};
use crate::model::id::{SessionId, SpanId};
use crate::model::session::{EndState, SessionFacts};
use crate::model::span::Span;
use crate::model::trace::{self, Traces};
use crate::model::tree::outline::{Detail, outline};
use crate::model::wire;
use crate::process::batch::{Batch, Piece};
use crate::record::context::{Context, SpanContext};
use crate::record::future::InPlace;
use crate::record::scope;
use crate::record::session::{self, Session};

/// The name of a capture's own session.
const NAME: &str = "capture";
/// How long a capture waits for the recorder, which is there within milliseconds unless the machine stands still.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `work`, and gives what it recorded.
///
/// That is: all that it ran on this thread; on other threads and in tasks, what its place was taken along to; and the
/// sessions that it opened, whether by attribute or by hand. What other tests record at the same time is never in it.
/// No recorder has to be started: the first capture starts one that writes nothing anywhere. Where the program has
/// called [`init`](crate::init), before or after, its exporters go on to get everything.
///
/// Where `work` opened one session, and did nothing outside it, that session is the trace. Otherwise the trace is a
/// session called `capture`, whose own span is left out unless something was said of it, and the sessions that were
/// opened are [`nested`](Trace::nested) in it. Spans that have not ended by then are in it as open.
///
/// # Panics
///
/// Where `work` does, after that was recorded. Where the recorder's threads cannot be started.
#[track_caller]
pub fn capture<R>(work: impl FnOnce() -> R) -> Trace {
    capture_with(|| drop(work())).1
}

/// As [`capture`], and gives what `work` returned, too.
///
/// ```
/// use agentops_core::testing::capture_with;
///
/// let (sum, trace) = capture_with(|| 1 + 1);
/// assert_eq!(sum, 2);
/// assert!(trace.spans.is_empty());
/// ```
///
/// # Panics
///
/// As [`capture`].
#[track_caller]
pub fn capture_with<R>(work: impl FnOnce() -> R) -> (R, Trace) {
    let frame = Frame::open();
    let returned = SpanContext(frame.place).in_scope(work);
    (returned, frame.close())
}

/// Awaits `work`, on whatever executor, and gives what it recorded: as [`capture`].
///
/// At the end it holds up its thread for the moment that the recorder needs.
///
/// # Panics
///
/// As [`capture`].
pub async fn capture_async<F: Future>(work: F) -> Trace {
    capture_with_async(async { drop(work.await) }).await.1
}

/// As [`capture_async`], and gives the future's output, too.
///
/// # Panics
///
/// As [`capture`].
pub async fn capture_with_async<F: Future>(work: F) -> (F::Output, Trace) {
    let frame = Frame::open();
    let output = InPlace::new(frame.place, work).await;
    (output, frame.close())
}

/// What was captured: a session with all its spans, as [`model::trace::Trace`](crate::model::trace::Trace) has them,
/// and the sessions within.
///
/// [`to_string`](ToString::to_string) draws them as a tree that is the same in every run: a line for each span,
/// indented under its parent, with what went in and came out. [`outline`](Self::outline) leaves the values out.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    trace: trace::Trace,
    /// The sessions that were opened in this one, oldest first.
    pub nested: Vec<Trace>,
}

impl Trace {
    /// The span of this name, here or in a nested session.
    ///
    /// # Panics
    ///
    /// Where there is none, or more than one; with the outline.
    #[track_caller]
    #[must_use]
    pub fn span(&self, name: &str) -> &Span {
        let all = self.all();
        let spans = all.iter().flat_map(|trace| &trace.spans);
        let mut named = spans.filter(|span| span.name == name);
        match (named.next(), named.next()) {
            (Some(span), None) => span,
            (None, _) => panic!("no span is called {name:?} in\n{}", self.outline()),
            (Some(_), Some(_)) => {
                panic!(
                    "more than one span is called {name:?} in\n{}",
                    self.outline()
                )
            }
        }
    }

    /// The tree with kinds, names, agents and models, and how each span ended: without values.
    #[must_use]
    pub fn outline(&self) -> String {
        outline(self.all(), Detail::Names)
    }

    /// This session and those within, the outer before the inner.
    fn all(&self) -> Vec<&trace::Trace> {
        let mut all = vec![&self.trace];
        all.extend(self.nested.iter().flat_map(Self::all));
        all
    }
}

impl Deref for Trace {
    type Target = trace::Trace;

    fn deref(&self) -> &trace::Trace {
        &self.trace
    }
}

/// Any other trace, to be looked at in the same way: from [`Memory`](crate::export::Memory), or from a file.
impl From<trace::Trace> for Trace {
    fn from(trace: trace::Trace) -> Self {
        Self {
            trace,
            nested: Vec::new(),
        }
    }
}

impl fmt::Display for Trace {
    /// The tree, with values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&outline(self.all(), Detail::Values))
    }
}

/// A session that is being captured. Dropped unclosed, it ends with what unwinds or was given up.
struct Frame {
    session: Option<Session>,
    place: Context,
    tap: Arc<Tap>,
    resource: Arc<Resource>,
}

impl Frame {
    #[track_caller]
    fn open() -> Self {
        let (tap, resource) = client::tap().expect("the recorder's threads start");
        let session = session::start_captured(NAME);
        Self {
            place: session.context,
            session: Some(session),
            tap,
            resource,
        }
    }

    #[track_caller]
    fn close(mut self) -> Trace {
        if let Some(session) = self.session.take() {
            session.end(EndState::Success);
        }
        assert!(
            client::settle(PATIENCE),
            "what was captured has not come after {PATIENCE:?}"
        );
        assemble(
            SessionId(self.place.session),
            &self.resource,
            &self.tap.take(),
        )
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Some(session) = self.session.take().filter(|_| thread::panicking()) {
            session.end_with_reason(EndState::Error, "panicked");
        }
    }
}

fn assemble(id: SessionId, resource: &Resource, batches: &[Arc<Batch>]) -> Trace {
    let own = SessionFacts {
        id,
        name: NAME.into(),
        ..SessionFacts::default()
    };
    let mut events = vec![Event::Session(Box::new(own))];
    // All but spans, which are most of what other tests record; then those that are ours.
    events.extend(
        batches
            .iter()
            .flat_map(|batch| batch.events_where(|_| false)),
    );
    let family = family(id, &events);
    let is_ours = |piece: &Piece| is_of(piece, &family);
    let spans = batches.iter().flat_map(|batch| batch.events_where(is_ours));
    events.retain(|event| !is_span(event));
    events.extend(spans.filter(is_span));

    let root = SpanId(scope::root_of(id.0));
    let spoken_of = events.iter().any(|event| speaks_of(event, root));
    let mut traces = Traces::default();
    for mut event in events {
        if spoken_of || !leave_out(&mut event, id, root) {
            traces.apply(resource, event);
        }
    }
    let mut trace = gather(id, traces.finish()).expect("its facts are there in any case");
    if trace.is_a_mere_frame()
        && trace.nested.len() == 1
        && let Some(mut only) = trace.nested.pop()
    {
        only.come_from_nowhere(root);
        return only;
    }
    trace
}

/// The session, and all that were opened in it or in one of those.
fn family(id: SessionId, events: &[Event]) -> HashSet<SessionId> {
    let mut family = HashSet::from([id]);
    loop {
        let before = family.len();
        for event in events {
            if let Event::Session(facts) = event
                && facts
                    .parent_session_id
                    .is_some_and(|parent| family.contains(&parent))
            {
                family.insert(facts.id);
            }
        }
        if family.len() == before {
            return family;
        }
    }
}

/// Whether spans that have this piece may be of one of these sessions.
fn is_of(piece: &Piece, sessions: &HashSet<SessionId>) -> bool {
    wire::session_of(&piece.bytes).is_none_or(|session| sessions.contains(&session))
}

fn is_span(event: &Event) -> bool {
    matches!(event, Event::SpanStarted(_) | Event::SpanEnded(_))
}

/// Whether it is the session's own span. Errors of other spans in the session forget that it was around them.
fn leave_out(event: &mut Event, session: SessionId, root: SpanId) -> bool {
    let (Event::SpanStarted(span) | Event::SpanEnded(span)) = event else {
        return false;
    };
    if span.session_id == session
        && let Some(error) = &mut span.error
        && error.span_trace.first().is_some_and(|name| name == NAME)
    {
        error.span_trace.remove(0);
    }
    span.id == root
}

/// Whether it is more about this span than that it was there.
fn speaks_of(event: &Event, root: SpanId) -> bool {
    match event {
        Event::SpanEnded(span) => {
            span.id == root && (span.error.is_some() || !span.attributes.is_empty())
        }
        Event::Log { span, .. } => *span == root,
        _ => false,
    }
}

/// The session, with those that were opened in it.
fn gather(id: SessionId, traces: Vec<trace::Trace>) -> Option<Trace> {
    let mut own = None;
    let mut within: HashMap<Option<SessionId>, Vec<trace::Trace>> = HashMap::new();
    // The newest comes first in `traces`.
    for trace in traces.into_iter().rev() {
        if trace.session.facts.id == id {
            own = Some(trace);
        } else {
            let parent = trace.session.facts.parent_session_id;
            within.entry(parent).or_default().push(trace);
        }
    }
    own.map(|own| nest(own, &mut within))
}

fn nest(trace: trace::Trace, within: &mut HashMap<Option<SessionId>, Vec<trace::Trace>>) -> Trace {
    let nested = within.remove(&Some(trace.session.facts.id));
    let nested = nested.unwrap_or_default().into_iter();
    Trace {
        trace,
        nested: nested.map(|trace| nest(trace, within)).collect(),
    }
}

impl Trace {
    /// Nothing ran in it, and nothing was said of it.
    fn is_a_mere_frame(&self) -> bool {
        let facts = &self.session.facts;
        self.spans.is_empty()
            && facts.tags.is_empty()
            && facts.attributes.is_empty()
            && (&facts.user_id, &facts.conversation_id, &facts.video) == (&None, &None, &None)
    }

    /// Forgets that a capture was around it.
    fn come_from_nowhere(&mut self, around: SpanId) {
        self.trace.session.facts.parent_session_id = None;
        for span in &mut self.trace.spans {
            span.links.retain(|link| link.span_id != around);
        }
    }
}
