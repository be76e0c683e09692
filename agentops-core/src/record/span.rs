//! Spans around calls: what generated code does before and after an annotated body.
//!
//! START and END are separate records, so that a run can be watched while it goes on. An [`Entered`] stays on its
//! thread; a [`Started`] travels with its future. Both end what they began, whatever way the body is left.
//! What is generic here only hands closures on: a program has many annotated functions, and compiles the rest once.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::agent::Arrival;
use super::callsite::{Callsite, Meta};
use super::capture::{Sink, discard};
use super::clock;
use super::context::{Context, SpanContext};
use super::fault::Found;
use super::local::{self, Local};
use super::lost;
use super::note;
use super::scope;
use super::session;
use super::word::{self, CANCELLED, CAPTURED, END, END_ASYNC, FAILED, START};
use crate::model::span::SpanKind;
use crate::monitor::panic;

/// What a span's end has to do besides being written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    /// It is a model call, of which more is kept.
    Llm,
    /// It is a session's own span.
    Session,
}

impl Role {
    #[inline(always)]
    fn of(site: &Callsite) -> Self {
        match site.meta.kind {
            SpanKind::Llm => Self::Llm,
            _ => Self::Plain,
        }
    }
}

/// Captures values; called at most once. `None` where there are none.
pub(super) type Fill<'f> = Option<&'f mut dyn FnMut(&mut Sink<'_>)>;

/// A closure that is called once, as one that could be called again.
#[inline(always)]
pub(super) fn once(fill: impl FnOnce(&mut Sink<'_>)) -> impl FnMut(&mut Sink<'_>) {
    let mut fill = Some(fill);
    move |sink| {
        if let Some(fill) = fill.take() {
            fill(sink);
        }
    }
}

/// A synchronous call that is being recorded, on this thread.
#[must_use]
pub struct Entered {
    /// 0: nothing is recorded.
    span: u64,
    /// The span to go back to, where nothing but the span changes; [`ELSEWHERE`] where the thread keeps a place.
    before: u64,
    _stays_on_this_thread: PhantomData<*const ()>,
}

/// No span's id but one in 2^64, which only goes a longer way then.
const ELSEWHERE: u64 = u64::MAX;

/// An asynchronous call that is being recorded; goes where its future goes.
#[must_use]
pub struct Started {
    /// Set for each poll, and while the future is dropped. Its span is 0 where nothing is recorded.
    pub(crate) context: Context,
    /// When it started; from the second poll on, when the current one began.
    pub(super) poll_began: u64,
    pub(crate) busy: u64,
    pub(crate) polls: u32,
    pub(super) role: Role,
    /// A poll is going on: a drop now means that it panicked.
    pub(super) polling: bool,
    /// The last poll is over, and the end is about to be written.
    ready: bool,
    /// The context to go back to after the drop that is going on. Boxed: only a future that is dropped early has one.
    before: Option<Box<Context>>,
}

/// Where a span outside every session is to go; the flags of its START, and its id. `None`: nowhere any more.
#[cold]
#[inline(never)]
pub(super) fn orphan(local: &Local, site: &'static Callsite) -> Option<(Context, u64, u64)> {
    let (home, flags) = session::orphan(local, site)?;
    // The first span of an orphan's own session is that session's root.
    let id = if home.span == 0 {
        scope::root_of(home.session)
    } else {
        local.next_id()
    };
    Some((home, flags, id))
}

/// Writes a START; when that was, or `None` where nobody takes it.
fn write_start(
    local: &Local,
    site: &'static Callsite,
    [span, parent, scope]: [u64; 3],
    flags: u64,
    fill: Fill<'_>,
) -> Option<u64> {
    let (written, clock) = match fill {
        Some(fill) if local::captures_content() || says_more_than_content(&site.meta) => local
            .with_buffer(|buffer| {
                fill(&mut Sink::new(buffer, Role::of(site) == Role::Llm));
                let clock = clock::raw();
                let first = word::first(START, flags | CAPTURED, buffer.len(), site.number());
                (
                    local.put([first, span, parent, scope, clock], buffer),
                    clock,
                )
            }),
        _ => {
            let clock = clock::raw();
            let first = word::first(START, flags, 0, site.number());
            (local.put([first, span, parent, scope, clock], &[]), clock)
        }
    };
    if written { Some(clock) } else { lost(scope) }
}

/// Whether values are needed even where content is not to be seen: what a model call took is read off it, and
/// attributes were asked for by name. The processor leaves the rest out.
#[cold]
fn says_more_than_content(meta: &Meta) -> bool {
    meta.kind == SpanKind::Llm || !meta.attributes.is_empty()
}

/// A START that nobody took: its END will not be written either.
#[cold]
fn lost<T>(scope: u64) -> Option<T> {
    lost::span(scope);
    None
}

/// Starts a span and makes it current. It takes the closure whole, unlike those for futures: what that borrows is then
/// put together where somebody records, and nowhere else.
#[inline]
pub fn enter(site: &'static Callsite, capture: impl FnMut(&mut Sink<'_>)) -> Entered {
    if !local::wants(site.meta.level) {
        return Entered::OFF;
    }
    // Lent from here, not from the caller's frame.
    let mut capture = capture;
    enter_filled(site, &mut capture)
}

/// As [`enter`], where there is nothing to capture.
#[inline]
pub fn enter_bare(site: &'static Callsite) -> Entered {
    if !local::wants(site.meta.level) {
        return Entered::OFF;
    }
    enter_empty(site)
}

#[inline(never)]
fn enter_filled(site: &'static Callsite, fill: &mut dyn FnMut(&mut Sink<'_>)) -> Entered {
    local::with(|local| {
        let (scope, before) = (local.scope(), local.span());
        if scope == 0 || Role::of(site) != Role::Plain || !local.takes_spans() {
            return enter_elsewhere(local, site, Some(fill));
        }
        let span = local.next_id();
        if write_start(local, site, [span, before, scope], 0, Some(fill)).is_none() {
            return Entered::OFF;
        }
        local.set_span(span);
        Entered::new(span, before)
    })
}

/// The path that matters: one look at the ring, one reading of the clock, five words.
#[inline(never)]
fn enter_empty(site: &'static Callsite) -> Entered {
    local::with_answer(Entered::OFF, |local, entered| {
        let (scope, before) = (local.scope_of_spans(), local.span());
        let (Some(number), Some(room), true) = (site.plain_number(), local.room(5), scope != 0)
        else {
            *entered = enter_elsewhere(local, site, None);
            return;
        };
        let span = local.next_id();
        let first = word::first(START, 0, 0, number);
        room.write(local, [first, span, before, scope, clock::raw()]);
        local.set_span(span);
        *entered = Entered::new(span, before);
    })
}

/// A span outside every session, one of more than plain meaning, the first of its callsite, or one for which there is
/// no room at once.
#[cold]
#[inline(never)]
fn enter_elsewhere(local: &Local, site: &'static Callsite, fill: Fill<'_>) -> Entered {
    if !local.takes_spans() {
        return Entered::OFF;
    }
    let before = local.context();
    let (home, flags, span) = if before.scope == 0 {
        match orphan(local, site) {
            Some(found) => found,
            None => return Entered::OFF,
        }
    } else {
        (before, 0, local.next_id())
    };
    let started = write_start(local, site, [span, home.span, home.scope], flags, fill);
    // What is the session of its own goes on without its span: it must end.
    if started.is_none() && home.span != 0 {
        return Entered::OFF;
    }
    if before.scope != 0 && Role::of(site) == Role::Plain {
        local.set_span(span);
        return Entered::new(span, before.span);
    }
    local.set_context(Context { span, ..home });
    Entered::elsewhere(local, span, before, Role::of(site))
}

/// Starts a span for a future; its wrapper makes it current for each poll.
#[inline]
pub fn start(site: &'static Callsite, capture: &mut dyn FnMut(&mut Sink<'_>)) -> Started {
    if !local::wants(site.meta.level) {
        return Started::OFF;
    }
    start_filled(site, capture)
}

/// As [`start`], where there is nothing to capture.
#[inline]
pub fn start_bare(site: &'static Callsite) -> Started {
    if !local::wants(site.meta.level) {
        return Started::OFF;
    }
    start_empty(site)
}

#[inline(never)]
fn start_filled(site: &'static Callsite, fill: &mut dyn FnMut(&mut Sink<'_>)) -> Started {
    local::with(|local| {
        let around = local.context();
        if around.scope == 0 || !local.takes_spans() {
            return start_elsewhere(local, site, Some(fill));
        }
        let span = local.next_id();
        match write_start(
            local,
            site,
            [span, around.span, around.scope],
            0,
            Some(fill),
        ) {
            Some(clock) => Started::new(Context { span, ..around }, clock, Role::of(site)),
            None => Started::OFF,
        }
    })
}

#[inline(never)]
fn start_empty(site: &'static Callsite) -> Started {
    let mut started = Started::OFF;
    start_here(&mut started, site);
    started
}

/// Starts a span where `started` stands, which is off.
#[inline(never)]
fn start_here(started: &mut Started, site: &'static Callsite) {
    local::with(|local| {
        let around = local.context();
        let (Some(room), true) = (local.room(5), local.scope_of_spans() != 0) else {
            *started = start_elsewhere(local, site, None);
            return;
        };
        let span = local.next_id();
        let first = word::first(START, 0, 0, site.number());
        let clock = clock::raw();
        room.write(local, [first, span, around.span, around.scope, clock]);
        started.context = Context { span, ..around };
        started.poll_began = clock;
        started.role = Role::of(site);
    })
}

/// As [`enter_elsewhere`].
#[cold]
#[inline(never)]
fn start_elsewhere(local: &Local, site: &'static Callsite, fill: Fill<'_>) -> Started {
    if !local.takes_spans() {
        return Started::OFF;
    }
    let around = local.context();
    let (home, flags, span) = if around.scope == 0 {
        match orphan(local, site) {
            Some(found) => found,
            None => return Started::OFF,
        }
    } else {
        (around, 0, local.next_id())
    };
    match write_start(local, site, [span, home.span, home.scope], flags, fill) {
        None if home.span != 0 => Started::OFF,
        started => {
            let clock = started.unwrap_or_else(clock::raw);
            Started::new(Context { span, ..home }, clock, Role::of(site))
        }
    }
}

fn begin_session(local: &Local, site: &'static Callsite, fill: Fill<'_>) -> Option<(Context, u64)> {
    if !local.takes_spans() {
        return None;
    }
    let place = session::open_explicit(local, site.meta.name, site.meta.tags)?;
    let started = write_start(local, site, [place.span, 0, place.scope], 0, fill);
    if started.is_some() {
        session::link_outwards(local, place);
    }
    // A session without a span of its own is still the place of others, and it ends.
    Some((place, started.unwrap_or_else(clock::raw)))
}

/// Opens a session, and its span around a call.
pub fn enter_session(site: &'static Callsite, capture: &mut dyn FnMut(&mut Sink<'_>)) -> Entered {
    if !local::wants(site.meta.level) {
        return Entered::OFF;
    }
    enter_session_filled(site, capture)
}

#[inline(never)]
fn enter_session_filled(site: &'static Callsite, fill: &mut dyn FnMut(&mut Sink<'_>)) -> Entered {
    local::with(|local| {
        let Some((place, _)) = begin_session(local, site, Some(fill)) else {
            return Entered::OFF;
        };
        let before = local.replace_context(place);
        Entered::elsewhere(local, place.span, before, Role::Session)
    })
}

/// Opens a session, and its span around a future.
pub fn start_session(site: &'static Callsite, capture: &mut dyn FnMut(&mut Sink<'_>)) -> Started {
    if !local::wants(site.meta.level) {
        return Started::OFF;
    }
    start_session_filled(site, capture)
}

#[inline(never)]
fn start_session_filled(site: &'static Callsite, fill: &mut dyn FnMut(&mut Sink<'_>)) -> Started {
    local::with(|local| match begin_session(local, site, Some(fill)) {
        Some((place, clock)) => Started::new(place, clock, Role::Session),
        None => Started::OFF,
    })
}

/// Starts an AGENT span in a place whose scope is that agent's, and makes it current.
pub(super) fn enter_at(
    local: &Local,
    site: &'static Callsite,
    arrival: Arrival,
    fill: Fill<'_>,
) -> Entered {
    let Some((place, _)) = begin_agent(local, site, &arrival, fill) else {
        return Entered::OFF;
    };
    let before = local.replace_context(place);
    Entered::elsewhere(local, place.span, before, Role::Plain)
}

/// As [`enter_at`], for a future.
pub(super) fn start_at(
    local: &Local,
    site: &'static Callsite,
    arrival: Arrival,
    fill: Fill<'_>,
) -> Started {
    match begin_agent(local, site, &arrival, fill) {
        Some((place, clock)) => Started::new(place, clock, Role::Plain),
        None => Started::OFF,
    }
}

fn begin_agent(
    local: &Local,
    site: &'static Callsite,
    arrival: &Arrival,
    fill: Fill<'_>,
) -> Option<(Context, u64)> {
    let Arrival {
        around,
        scope,
        flags,
        span,
    } = *arrival;
    let place = Context {
        span,
        scope,
        ..around
    };
    write_start(local, site, [span, around.span, scope], flags, fill).map(|clock| (place, clock))
}

/// What can be a parent.
pub fn parent(parent: impl Into<SpanContext>) -> SpanContext {
    parent.into()
}

/// Runs `enter` as if what `parent` answers were the current span. That is asked where somebody records, and runs beside
/// the program: where it panics, the current span is the parent.
pub fn under<S>(parent: impl FnOnce() -> SpanContext, enter: impl FnOnce() -> S) -> S
where
    S: Recording,
{
    let mut asked = None;
    if local::recording() {
        aside(|| asked = Some(parent()));
    }
    let Some(SpanContext(parent)) = asked else {
        return enter();
    };
    let before = local::with(|local| local.replace_context(parent));
    let mut span = enter();
    span.came_from(SpanContext(before));
    span
}

/// Ties a span to others. They are said by users' code, which runs beside the program: its panic costs what it would
/// still have said.
pub fn link<S: Recording, L>(span: &S, links: impl FnOnce() -> L)
where
    L: IntoIterator,
    L::Item: Into<SpanContext>,
{
    let id = span.id();
    if id == 0 {
        return;
    }
    aside(|| {
        links().into_iter().for_each(|to| {
            let to = to.into();
            local::with(|local| note::link(local, id, to));
        });
    });
}

/// Runs users' code for our sake: its panics are nobody's, and what it calls is not recorded.
fn aside(run: impl FnOnce()) {
    let quiet = local::Quiet::enter();
    if !quiet.is_too_deep()
        && let Err(payload) = catch_unwind(AssertUnwindSafe(run))
    {
        discard(payload);
    }
    drop(quiet);
}

/// [`Entered`] or [`Started`].
pub trait Recording {
    /// The span's id; 0 where nothing records.
    fn id(&self) -> u64;
    /// The context to go back to is `before`, not the one that it was entered in.
    #[doc(hidden)]
    fn came_from(&mut self, before: SpanContext);
}

impl Recording for Entered {
    fn id(&self) -> u64 {
        self.span
    }

    fn came_from(&mut self, SpanContext(before): SpanContext) {
        local::with(|local| {
            if self.span == 0 {
                local.set_context(before);
            } else if self.before != ELSEWHERE {
                local.keep_place(self.span, before, Role::Plain);
                self.before = ELSEWHERE;
            } else {
                local.replace_place(self.span, before);
            }
        });
    }
}

impl Recording for Started {
    fn id(&self) -> u64 {
        self.context.span
    }

    fn came_from(&mut self, SpanContext(before): SpanContext) {
        local::with(|local| local.set_context(before));
    }
}

/// Ends a call with what came of it; takes the closure whole, as [`enter`] does.
#[inline]
pub fn exit(span: Entered, mut end: impl FnMut(&mut Sink<'_>)) {
    exit_lent(span, &mut end);
}

#[inline]
fn exit_lent(span: Entered, end: &mut dyn FnMut(&mut Sink<'_>)) {
    if span.span != 0 {
        exit_filled(&span, end);
        // Its end is written; what its drop would write is another.
        std::mem::forget(span);
    }
}

#[inline(never)]
fn exit_filled(span: &Entered, fill: &mut dyn FnMut(&mut Sink<'_>)) {
    local::with(|local| {
        let clock = clock::raw();
        let llm = span.before == ELSEWHERE && local.role_of(span.span) == Role::Llm;
        write_end(local, llm, fill, |local, flags, payload| {
            let first = word::first(END, flags, payload.len(), 0);
            local.put_end([first, span.span, clock], payload);
        });
        span.go_back(local);
    });
}

/// Ends a call of which only the end is recorded.
#[inline]
pub fn leave(span: Entered) {
    if span.span != 0 {
        leave_empty(span.span, span.before);
        std::mem::forget(span);
    }
}

#[inline(never)]
fn leave_empty(span: u64, before: u64) {
    local::with(|local| {
        let record = [word::first(END, 0, 0, 0), span, clock::raw()];
        match local.room(3) {
            Some(room) => room.write(local, record),
            None => local.put_end(record, &[]),
        }
        go_back(local, span, before);
    });
}

/// Captures an END's payload, of which the processor leaves out what is not to be seen; within a value that is being
/// captured itself, an error alone.
pub(super) fn write_end(
    local: &Local,
    llm: bool,
    fill: &mut dyn FnMut(&mut Sink<'_>),
    put: impl FnOnce(&Local, u64, &[u8]),
) {
    let values = !local.is_capturing();
    local.with_buffer(|buffer| {
        let mut sink = if values {
            Sink::new(buffer, llm)
        } else {
            Sink::for_errors(buffer)
        };
        fill(&mut sink);
        if sink.failed {
            put(local, FAILED | CAPTURED, buffer);
        } else if values {
            put(local, CAPTURED, buffer);
        } else {
            put(local, 0, &[]);
        }
    });
}

impl Entered {
    const OFF: Self = Self::new(0, 0);

    #[inline(always)]
    const fn new(span: u64, before: u64) -> Self {
        Self {
            span,
            before,
            _stays_on_this_thread: PhantomData,
        }
    }

    /// One that opened a session or an agent, was given to a session, or means more than itself.
    fn elsewhere(local: &Local, span: u64, before: Context, role: Role) -> Self {
        local.keep_place(span, before, role);
        Self::new(span, ELSEWHERE)
    }

    /// Nothing is recorded here.
    pub(super) const fn off() -> Self {
        Self::OFF
    }

    fn go_back(&self, local: &Local) {
        go_back(local, self.span, self.before);
    }
}

#[inline(always)]
fn go_back(local: &Local, span: u64, before: u64) {
    if before == ELSEWHERE {
        go_to_place(local, span);
    } else if local.span() == span && !local.disordered.get() {
        local.set_span(before);
    } else {
        local.end_out_of_order(span, before);
    }
}

#[cold]
#[inline(never)]
fn go_to_place(local: &Local, span: u64) {
    if local.role_of(span) == Role::Session {
        session::closed_with(span);
    }
    local.go_to_place(span);
}

impl Drop for Entered {
    #[inline(always)]
    fn drop(&mut self) {
        if self.span != 0 {
            self.unwound();
        }
    }
}

impl Entered {
    /// Left without an end: by a panic, or where only a guard could be placed.
    #[cold]
    #[inline(never)]
    fn unwound(&mut self) {
        let id = self.span;
        local::with(|local| {
            let clock = clock::raw();
            local.with_buffer(|buffer| {
                let flags = panic_record(buffer);
                local.put_end(
                    [word::first(END, flags, buffer.len(), 0), id, clock],
                    buffer,
                );
            });
            self.go_back(local);
        });
    }
}

/// The error record of a panic that is going on; flags for the END.
pub(crate) fn panic_record(buffer: &mut Vec<u8>) -> u64 {
    if !std::thread::panicking() {
        return 0;
    }
    last_panic_record(buffer)
}

/// The error record of this thread's last panic, which may have been caught since.
fn last_panic_record(buffer: &mut Vec<u8>) -> u64 {
    let panic = panic::last();
    let found = Found {
        code: "panic".into(),
        details: panic.message,
        rust_type: String::new(),
        chain: Vec::new(),
    };
    let mut sink = Sink::new(buffer, false);
    found.write(&mut sink);
    sink.serialize(&(panic.location, panic.backtrace));
    FAILED | CAPTURED
}

impl Started {
    const OFF: Self = Self::new(Context::NONE, 0, Role::Plain);

    #[inline(always)]
    const fn new(context: Context, clock: u64, role: Role) -> Self {
        Self {
            context,
            poll_began: clock,
            busy: 0,
            polls: 0,
            role,
            polling: false,
            ready: false,
            before: None,
        }
    }

    /// Nothing is recorded here.
    pub(super) const fn off() -> Self {
        Self::OFF
    }

    #[inline(always)]
    pub(crate) fn is_off(&self) -> bool {
        self.context.span == 0
    }

    /// Starts a span where this stands; `false` where nothing records, and from then on.
    #[inline(always)]
    pub(super) fn begin_here(&mut self, site: &'static Callsite) -> bool {
        if self.polls == 0 && local::wants(site.meta.level) {
            start_here(self, site);
        }
        if self.is_off() {
            // Not again at the next poll: half a call is no call.
            self.polls = 1;
        }
        !self.is_off()
    }

    /// Makes the span current for a poll, until what is returned is dropped.
    #[inline]
    pub(super) fn begin_poll(&mut self) -> Place {
        if self.polls != 0 && local::measures_busy_time() {
            self.poll_began = clock::raw();
        }
        self.polls = self.polls.saturating_add(1);
        self.polling = true;
        Place::enter(self.context)
    }

    /// A poll is over that was not the last.
    #[inline]
    pub(super) fn end_poll(&mut self) {
        self.polling = false;
        if local::measures_busy_time() {
            self.busy += clock::raw().saturating_sub(self.poll_began);
        }
    }

    /// A poll is over.
    #[inline]
    pub(super) fn polled(&mut self, ready: bool) {
        if ready {
            self.polling = false;
            self.ready = true;
        } else {
            self.end_poll();
        }
    }

    /// Makes the span current, if its future was not ready, until it is dropped itself.
    #[inline]
    pub(super) fn outlives_its_future(&mut self) {
        if !self.is_off() && !self.ready {
            let before = local::with(|local| local.replace_context(self.context));
            self.before = Some(before.into());
        }
    }

    #[inline(always)]
    fn count_last_poll(&mut self, now: u64) {
        if local::measures_busy_time() {
            self.busy += now.saturating_sub(self.poll_began);
        }
    }

    /// Ends the span with what came of it.
    #[inline(never)]
    pub(super) fn finish(&mut self, fill: &mut dyn FnMut(&mut Sink<'_>)) {
        let clock = clock::raw();
        self.count_last_poll(clock);
        let [id, polls, busy] = [self.context.span, u64::from(self.polls), self.busy];
        local::with(|local| {
            write_end(
                local,
                self.role == Role::Llm,
                fill,
                |local, flags, payload| {
                    let first = word::first(END_ASYNC, flags, payload.len(), 0);
                    local.put_end([first, id, clock, polls, busy], payload);
                },
            );
        });
        self.done();
    }

    /// Ends the span, of which only the end is recorded.
    #[inline(never)]
    pub(super) fn settle(&mut self) {
        let clock = clock::raw();
        self.count_last_poll(clock);
        let first = word::first(END_ASYNC, 0, 0, 0);
        let (polls, busy) = (u64::from(self.polls), self.busy);
        let record = [first, self.context.span, clock, polls, busy];
        local::with(|local| match local.room(5) {
            Some(room) => room.write(local, record),
            None => local.put_end(record, &[]),
        });
        self.done();
    }

    /// Ends the span of what returned more than once, after its last turn.
    pub(crate) fn ended(&mut self) {
        self.close(0, &[]);
    }

    /// As [`ended`](Self::ended), with an error record.
    pub(crate) fn fail(&mut self, record: &[u8]) {
        self.close(FAILED | CAPTURED, record);
    }

    /// As [`ended`](Self::ended), before its end came: of an iterator nothing else is expected.
    pub(super) fn abandon(&mut self) {
        self.close(if self.polls == 0 { 0 } else { CANCELLED }, &[]);
    }

    #[inline(never)]
    fn close(&mut self, flags: u64, payload: &[u8]) {
        let clock = clock::raw();
        let (id, polls) = (self.context.span, u64::from(self.polls));
        local::with(|local| {
            local.ready();
            if polls == 0 {
                let first = word::first(END, flags, payload.len(), 0);
                local.put_end([first, id, clock], payload);
            } else {
                let first = word::first(END_ASYNC, flags, payload.len(), 0);
                local.put_end([first, id, clock, polls, self.busy], payload);
            }
        });
        self.done();
    }

    #[inline(always)]
    fn done(&mut self) {
        if self.role == Role::Session {
            session::closed(self.context.session);
        }
        self.context.span = 0;
    }
}

impl Drop for Started {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.is_off() {
            self.dropped();
        }
    }
}

impl Started {
    #[cold]
    #[inline(never)]
    fn dropped(&mut self) {
        let (id, polls, busy) = (self.context.span, u64::from(self.polls), self.busy);
        let panicked = self.polling;
        local::with(|local| {
            local.ready();
            let clock = clock::raw();
            local.with_buffer(|buffer| {
                let flags = if panicked {
                    last_panic_record(buffer)
                } else {
                    CANCELLED
                };
                local.put_end(
                    [
                        word::first(END_ASYNC, flags, buffer.len(), 0),
                        id,
                        clock,
                        polls,
                        busy,
                    ],
                    buffer,
                );
            });
            if let Some(before) = self.before.take() {
                local.set_context(*before);
            }
        });
        self.done();
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entered").field(&self.span).finish()
    }
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Started").field(&self.context.span).finish()
    }
}

/// While it lives, the thread is in another place.
#[derive(Debug)]
pub(crate) struct Place {
    before: Context,
    _stays_on_this_thread: PhantomData<*const ()>,
}

impl Place {
    #[inline(always)]
    pub(crate) fn enter(context: Context) -> Self {
        let before = local::with(|local| local.replace_context(context));
        Self {
            before,
            _stays_on_this_thread: PhantomData,
        }
    }
}

impl Drop for Place {
    #[inline(always)]
    fn drop(&mut self) {
        local::with(|local| {
            local.set_context(self.before);
            local.settle_order();
        });
    }
}
