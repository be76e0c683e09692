//! Sessions that are open in this process, and where spans outside any of them go.
//!
//! Opening and ending a session takes a lock; spans do not: a thread remembers where its orphans go until a session
//! opens or ends. Knows nothing of what becomes of a session's records.

#[cfg(feature = "tracing")]
use std::cell::Cell;
use std::fmt;

use serde::Serialize;

use super::callsite::{Callsite, Meta};
use super::clock;
use super::context::{Context, SpanContext};
use super::local::{self, Local};
use super::lost;
use super::note;
use super::scope::{self, Opened, Scope};
use super::word::{self, ADOPTED, FAILED, START};
use crate::model::id::{SessionId, SpanId};
use crate::model::session::EndState;
use crate::model::span::SpanKind;
use crate::sync::{Acquire, AtomicU64, Mutex, Release, lock, statics};

/// The span of sessions that no annotated function stands for.
static HANDLE: Callsite = Callsite::new(Meta::new(
    SpanKind::Session,
    "session",
    "agentops",
    "start_session",
    &[],
    false,
));

statics! {
    static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
        open: Vec::new(),
        automatic: None,
        automatic_session: AutomaticSession::Off,
        opened: 0,
    });
    /// Moves whenever a session opens or ends.
    static EPOCH: AtomicU64 = AtomicU64::new(1);
}

#[derive(Debug)]
struct Registry {
    /// Explicit sessions, oldest first.
    open: Vec<Open>,
    automatic: Option<Context>,
    automatic_session: AutomaticSession,
    /// Sessions opened in this run.
    opened: u64,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    context: Context,
    /// A test looks at what runs in it, which is nobody else's: it adopts no orphans.
    captured: bool,
}

impl Registry {
    /// The one session that is open, if there is one.
    fn only_adopter(&self) -> Option<Context> {
        let mut open = self.open.iter().filter(|open| !open.captured);
        match (open.next(), open.next()) {
            (Some(only), None) => Some(only.context),
            _ => None,
        }
    }

    fn is_captured(&self, session: u128) -> bool {
        let is_it = |open: &Open| open.captured && open.context.session == session;
        self.open.iter().any(is_it)
    }
}

/// Whether a test looks at a session.
pub(super) fn is_captured(session: u128) -> bool {
    lock(&REGISTRY).is_captured(session)
}

/// What happens to spans outside every session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AutomaticSession {
    /// Each gets a session of its own: servers, where they could belong to anybody.
    Off,
    /// There is none, or none any more, and they are not recorded: at a program's end, and where only tests record.
    Over,
    /// They join the only open session, else one session of this name for the whole process.
    Named {
        /// The session's name.
        name: String,
        /// Its tags.
        tags: Vec<String>,
    },
}

/// Sets what happens to orphans. Sessions that are open go on from an earlier run into this one.
pub(crate) fn configure(automatic: AutomaticSession) {
    let mut registry = lock(&REGISTRY);
    registry.automatic_session = automatic;
    registry.automatic = None;
    registry.opened = 0;
    EPOCH.fetch_add(1, Release);
}

/// More tags for the automatic session, before it opens.
pub(crate) fn tag_automatic(add: &[&str]) {
    if let AutomaticSession::Named { tags, .. } = &mut lock(&REGISTRY).automatic_session {
        tags.extend(add.iter().map(|tag| (*tag).into()));
    }
}

/// Where a span outside every session belongs: its parent's context, and flags for its START. `None`: it is too late.
#[inline(always)]
pub(super) fn orphan(local: &Local, site: &'static Callsite) -> Option<(Context, u64)> {
    let (epoch, context, flags) = local.orphans.get();
    if epoch == EPOCH.load(Acquire) {
        Some((context, flags))
    } else {
        find_home(local, site)
    }
}

#[cold]
#[inline(never)]
fn find_home(local: &Local, site: &'static Callsite) -> Option<(Context, u64)> {
    if local::is_fork() {
        return None;
    }
    let mut registry = lock(&REGISTRY);
    let (home, flags) = match (
        &registry.automatic_session,
        registry.only_adopter(),
        registry.automatic,
    ) {
        (AutomaticSession::Off, ..) => {
            let name = site.meta.name.into();
            let own = open(
                local,
                Opened {
                    name,
                    ..Opened::default()
                },
            )?;
            // The orphan itself is this session's root, and its end is the session's.
            return Some((Context { span: 0, ..own }, 0));
        }
        (_, Some(only), _) => (only, ADOPTED),
        (_, _, Some(automatic)) => (automatic, 0),
        (_, _, None) => (automatic(local, &mut registry)?, 0),
    };
    local.orphans.set((EPOCH.load(Acquire), home, flags));
    Some((home, flags))
}

/// The automatic session, opened if need be; `None` where there is none, or none any more.
fn automatic(local: &Local, registry: &mut Registry) -> Option<Context> {
    if let Some(open) = registry.automatic {
        return Some(open);
    }
    let AutomaticSession::Named { name, tags } = &registry.automatic_session else {
        return None;
    };
    let opened = Opened {
        name: name.clone(),
        tags: tags.clone(),
        automatic: true,
        ..Opened::default()
    };
    let session = open(local, opened)?;
    start_span(local, session, &HANDLE);
    registry.automatic = Some(session);
    registry.opened += 1;
    EPOCH.fetch_add(1, Release);
    Some(session)
}

/// Opens a session; its SESSION span is still to be started. `None` where nobody takes it.
fn open(local: &Local, opened: Opened) -> Option<Context> {
    if !local.ready() {
        return None;
    }
    let session = new_id(local);
    let context = Context {
        span: scope::root_of(session),
        scope: scope::default_word(session),
        session,
        trace: session,
    };
    let scope = Scope::session(session, session, Some(opened));
    declare(local, context.scope, &scope).then_some(context)
}

/// A UUID v7 of the present, whose random bits are this thread's own: asking the system for them would cost as much as
/// ten spans.
fn new_id(local: &Local) -> u128 {
    let [random, more] = [local.next_id(), local.next_id()].map(u64::to_le_bytes);
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&random);
    bytes[8..].copy_from_slice(&more[..2]);
    uuid::Builder::from_unix_timestamp_millis(clock::wall() / 1_000_000, &bytes)
        .into_uuid()
        .as_u128()
}

/// Writes down what a scope word stands for, before the first span that carries it.
pub(super) fn declare(local: &Local, word: u64, scope: &Scope) -> bool {
    let mut payload = Vec::with_capacity(128);
    scope.write(&mut payload);
    let first = word::first(word::SCOPE, 0, payload.len(), 0);
    let written = local.ready() && local.put([first, word, clock::raw()], &payload);
    if !written {
        lost::span(0);
    }
    written
}

fn start_span(local: &Local, session: Context, site: &'static Callsite) -> bool {
    let first = word::first(START, 0, 0, site.number());
    let written = local.put([first, session.span, 0, session.scope, clock::raw()], &[]);
    if !written {
        lost::span(session.scope);
    }
    written
}

/// Opens an explicit session, for an annotated function or for a handle; its span is still to be started.
pub(super) fn open_explicit(local: &Local, name: &str, tags: &[&str]) -> Option<Context> {
    open_listed(local, name, tags, false)
}

/// `captured`: it is a test's, as sessions within such a one are in any case.
fn open_listed(local: &Local, name: &str, tags: &[&str], captured: bool) -> Option<Context> {
    if local::is_fork() {
        return None;
    }
    let parent_session = outer_session(local);
    let tags = tags.iter().map(|tag| (*tag).into()).collect();
    let opened = Opened {
        name: name.into(),
        parent_session,
        automatic: false,
        tags,
    };
    let session = open(local, opened)?;
    let mut registry = lock(&REGISTRY);
    let captured = captured || registry.is_captured(parent_session);
    registry.open.push(Open {
        context: session,
        captured,
    });
    registry.opened += 1;
    EPOCH.fetch_add(1, Release);
    Some(session)
}

/// Ties a session that was opened in another one to the span that it was opened in, once its own has started.
pub(super) fn link_outwards(local: &Local, session: Context) {
    if outer_session(local) != 0 {
        note::link(local, session.span, SpanContext(local.context()));
    }
}

/// The session that one opened here is nested in; the automatic one is around everything and counts as none.
fn outer_session(local: &Local) -> u128 {
    let outer = local.context().session;
    if is_automatic(outer) { 0 } else { outer }
}

fn is_automatic(session: u128) -> bool {
    lock(&REGISTRY)
        .automatic
        .is_some_and(|automatic| automatic.session == session)
}

/// Takes a session that has ended off the list.
pub(super) fn closed(session: u128) {
    close_where(|context| context.session == session);
}

/// As [`closed`], where its own span is known.
pub(super) fn closed_with(root: u64) {
    close_where(|context| context.span == root);
}

fn close_where(is_it: impl Fn(Context) -> bool) {
    if local::is_fork() {
        return;
    }
    let mut registry = lock(&REGISTRY);
    registry.open.retain(|open| !is_it(open.context));
    EPOCH.fetch_add(1, Release);
}

/// How many sessions were opened in this run.
pub(crate) fn opened() -> u64 {
    lock(&REGISTRY).opened
}

/// Opens the automatic session, where there is to be one and it is not open yet.
pub(crate) fn open_automatic() {
    local::with(|local| {
        if local.ready() {
            automatic(local, &mut lock(&REGISTRY));
        }
    });
}

/// Where what is said in `context` belongs: there, or where an orphan would go, which opens the automatic session.
pub(super) fn here(context: Context) -> Context {
    if context.session != 0 || !local::recording() {
        return context;
    }
    local::with(|local| {
        let automatic = lock(&REGISTRY).automatic_session != AutomaticSession::Off;
        let home = (automatic && local.ready()).then(|| orphan(local, &HANDLE));
        home.flatten().map_or(context, |(home, _)| home)
    })
}

#[cfg(feature = "tracing")]
thread_local! {
    /// The registry's epoch when this thread last found that there is nowhere for orphans to go.
    static HOMELESS: Cell<u64> = const { Cell::new(0) };
}

/// The place of what is overheard here, by a bridge: the current span, else where orphans go. Unlike [`here`] it opens
/// no session, for nobody asked for one; `None` where there is none, and while a value is captured.
#[cfg(feature = "tracing")]
pub(crate) fn overheard() -> Option<Context> {
    if !local::recording() {
        return None;
    }
    local::with(|local| {
        if local.is_capturing() {
            return None;
        }
        let here = local.context();
        if here.session == 0 {
            open_home(local)
        } else {
            Some(here)
        }
    })
}

/// Where orphans go, if that is open already. Locks once for each session that opens or ends.
#[cfg(feature = "tracing")]
fn open_home(local: &Local) -> Option<Context> {
    let epoch = EPOCH.load(Acquire);
    if let (found, home, _) = local.orphans.get()
        && found == epoch
    {
        return Some(home);
    }
    if HOMELESS.get() == epoch {
        return None;
    }
    let registry = lock(&REGISTRY);
    let (home, flags) = match (
        &registry.automatic_session,
        registry.only_adopter(),
        registry.automatic,
    ) {
        (AutomaticSession::Off, ..) => (None, 0),
        (_, Some(only), _) => (Some(only), ADOPTED),
        (.., automatic) => (automatic, 0),
    };
    // The epoch moves under this lock.
    let epoch = EPOCH.load(Acquire);
    match home {
        Some(home) => local.orphans.set((epoch, home, flags)),
        None => HOMELESS.set(epoch),
    }
    home
}

/// Ends the automatic session, if it was opened at all; `fault` is the captured error that it ends with, if any. Spans
/// that still come land in it, and open no other.
pub(crate) fn end_automatic(state: EndState, reason: Option<&str>, fault: &[u8]) {
    let automatic = {
        let mut registry = lock(&REGISTRY);
        EPOCH.fetch_add(1, Release);
        let over = std::mem::replace(&mut registry.automatic_session, AutomaticSession::Over);
        if over == AutomaticSession::Off {
            registry.automatic_session = over;
        }
        registry.automatic
    };
    if let Some(automatic) = automatic {
        local::with(|local| end(local, automatic, state, reason, fault));
    }
}

/// Ends every session that is open, from a thread that is in none of them.
#[cfg(all(feature = "signals", unix))]
pub(crate) fn interrupt(reason: &str) {
    let open = std::mem::take(&mut lock(&REGISTRY).open);
    // The innermost first, as calls would have ended.
    for session in open.into_iter().rev() {
        let ended = EndState::Indeterminate;
        local::with(|local| end(local, session.context, ended, Some(reason), &[]));
    }
    end_automatic(EndState::Indeterminate, Some(reason), &[]);
}

fn end(local: &Local, session: Context, state: EndState, reason: Option<&str>, fault: &[u8]) {
    local.ready();
    note::end_state(local, session.span, state, reason);
    let flags = if state == EndState::Error { FAILED } else { 0 };
    local.put_end(
        [
            word::first(word::END, flags, fault.len(), 0),
            session.span,
            clock::raw(),
        ],
        fault,
    );
}

/// A session by hand: what `#[session]` is around a function.
///
/// Any number may be open at once, on any threads. Dropped without an end it ends as
/// [`Indeterminate`](EndState::Indeterminate), with the reason `dropped`.
///
/// ```
/// let session = agentops_core::start_session("nightly").tag("batch");
/// let sum = session.in_scope(|| 1 + 1);
/// session.end(agentops_core::EndState::Success);
/// # assert_eq!(sum, 2);
/// ```
#[must_use = "a session that is dropped at once ends at once"]
pub struct Session {
    pub(crate) context: Context,
}

/// Starts a session. Where nothing records it does nothing, and neither do its methods.
pub fn start_session(name: impl AsRef<str>) -> Session {
    begin(name.as_ref(), false)
}

/// Starts a session for a test to look at.
pub(crate) fn start_captured(name: &str) -> Session {
    begin(name, true)
}

fn begin(name: &str, captured: bool) -> Session {
    Session {
        context: open_with_span(name, captured),
    }
}

/// Opens a session for a handle, with its span; no context where nothing records.
pub(super) fn start(name: &str) -> Context {
    open_with_span(name, false)
}

fn open_with_span(name: &str, captured: bool) -> Context {
    if !local::recording() {
        return Context::NONE;
    }
    local::with(|local| {
        // One of our own threads: nobody would hear of the session, nor of spans that joined it.
        if !local.ready() {
            return Context::NONE;
        }
        let Some(context) = open_listed(local, name, &[], captured) else {
            return Context::NONE;
        };
        if start_span(local, context, &HANDLE) {
            link_outwards(local, context);
        }
        context
    })
}

/// Ends a session that was opened for a handle.
pub(super) fn close(session: Context, state: EndState, reason: Option<&str>) {
    if session.session != 0 {
        closed(session.session);
        local::with(|local| end(local, session, state, reason, &[]));
    }
}

impl Session {
    /// Its id; `None` where nothing records.
    #[must_use]
    pub fn id(&self) -> Option<SessionId> {
        SpanContext(self.context).session_id()
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

    /// Whom it serves.
    pub fn user(self, id: impl AsRef<str>) -> Self {
        note::session_text(self.context, note::USER, id.as_ref());
        self
    }

    /// The conversation that it is a part of.
    pub fn conversation(self, id: impl AsRef<str>) -> Self {
        note::session_text(self.context, note::CONVERSATION, id.as_ref());
        self
    }

    /// A URL or path of a recording.
    pub fn video(self, at: impl AsRef<str>) -> Self {
        note::session_text(self.context, note::VIDEO, at.as_ref());
        self
    }

    /// Runs `work` in this session.
    pub fn in_scope<R>(&self, work: impl FnOnce() -> R) -> R {
        let _place = super::span::Place::enter(self.context);
        work()
    }

    /// Runs a future in this session, wherever it is polled.
    pub fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        super::future::InPlace::new(self.context, work)
    }

    /// Ends it.
    pub fn end(self, state: EndState) {
        self.finish(state, None);
    }

    /// Ends it, and says why.
    pub fn end_with_reason(self, state: EndState, reason: impl AsRef<str>) {
        self.finish(state, Some(reason.as_ref()));
    }

    fn finish(mut self, state: EndState, reason: Option<&str>) {
        self.close(state, reason);
    }

    fn close(&mut self, state: EndState, reason: Option<&str>) {
        close(
            std::mem::replace(&mut self.context, Context::NONE),
            state,
            reason,
        );
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close(EndState::Indeterminate, Some("dropped"));
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.id()).finish()
    }
}

/// The session that the current span belongs to.
#[derive(Debug, Clone, Copy)]
pub struct CurrentSession {
    context: Context,
}

/// The session around this call; outside every session the automatic one, and without that it does nothing.
#[must_use]
pub fn current_session() -> CurrentSession {
    CurrentSession {
        context: local::with(|local| local.context()),
    }
}

impl CurrentSession {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> Option<SessionId> {
        SpanContext(self.context).session_id()
    }

    /// The id of its own span.
    #[must_use]
    pub fn span_id(&self) -> Option<SpanId> {
        self.id().map(|session| SpanId(scope::root_of(session.0)))
    }

    /// A word to find it by.
    pub fn tag(&self, tag: impl AsRef<str>) {
        note::session_text(here(self.context), note::TAG, tag.as_ref());
    }

    /// Anything else that is worth knowing of it.
    pub fn attribute(&self, key: impl AsRef<str>, value: impl Serialize) {
        note::session_attribute(here(self.context), key.as_ref(), &value);
    }
}

#[cfg(all(test, agentops_loom))]
mod models;
