//! What a thread keeps for recording: its ring, its place, its ids, a buffer.
//!
//! Everything on the hot path is a plain cell without a destructor, which makes it as cheap to reach as a static. What
//! has to be dropped stands apart; a thread on which that is gone already (spans in destructors of other locals) takes
//! a ring for each record, so that nothing is lost there either.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, RandomState};
use std::process;
use std::thread::{self, Thread};

use super::context::{Context, mix};
use super::lost;
use super::note;
use super::ring::{self, Segment, ThreadName};
use super::span::Role;
use super::word::{self, BOXED, INLINE};
use crate::model::span::Level;
use crate::sync::fixed::{AtomicBool, AtomicU64, Mutex, lock};
use crate::sync::{Padded, Relaxed, Release};

/// What every call reads, and hardly anybody writes.
static SWITCHES: Padded<Switches> = Padded(Switches {
    least: AtomicU64::new(OFF),
    capture_content: AtomicBool::new(true),
    busy_time: AtomicBool::new(true),
    min_level: AtomicU64::new(Level::Trace as u64),
});

/// No level is as high as this.
const OFF: u64 = u64::MAX;

#[derive(Debug)]
struct Switches {
    /// The lowest level that is recorded now: `OFF` while nothing records.
    least: AtomicU64,
    /// Whether arguments and return values are captured at all.
    capture_content: AtomicBool,
    /// Whether the time inside polls is measured: two readings of the clock for each poll but the first and the last.
    busy_time: AtomicBool,
    /// The lowest level that is recorded while anything is.
    min_level: AtomicU64,
}

static WAKE: Mutex<Option<Thread>> = Mutex::new(None);
static THREADS: AtomicU64 = AtomicU64::new(1);
/// `PROGRESS` when waiting was last in vain: until it moves nobody waits again.
static IN_VAIN: AtomicU64 = AtomicU64::new(u64::MAX);

/// The process that records, or 0.
static OWNER: AtomicU64 = AtomicU64::new(0);

/// This process is about to record, if none does: whoever is forked off from here on is told from it, also while it is
/// still starting.
pub(crate) fn claim() {
    let id = u64::from(process::id());
    let _ = OWNER.compare_exchange(0, id, Relaxed, Relaxed);
}

/// Whether this process is a fork of the one that records: it has our memory and none of our threads, and perhaps locks
/// that nobody will ever release. From here on it records nothing.
///
/// Costs a system call: to be asked on slow paths, before anything is locked.
#[cold]
pub(crate) fn is_fork() -> bool {
    let owner = OWNER.load(Relaxed);
    let fork = owner != 0 && owner != u64::from(process::id());
    if fork {
        SWITCHES.0.least.store(OFF, Relaxed);
    }
    fork
}

/// Whether anything records.
#[inline(always)]
pub(crate) fn recording() -> bool {
    SWITCHES.0.least.load(Relaxed) != OFF
}

/// Whether spans of this level are recorded now. One relaxed load.
#[inline(always)]
pub(crate) fn wants(level: Level) -> bool {
    level as u64 >= SWITCHES.0.least.load(Relaxed)
}

#[inline(always)]
pub(crate) fn captures_content() -> bool {
    SWITCHES.0.capture_content.load(Relaxed)
}

#[inline(always)]
pub(crate) fn measures_busy_time() -> bool {
    SWITCHES.0.busy_time.load(Relaxed)
}

/// Says what is recorded of each call.
pub(crate) fn configure(capture_content: bool, busy_time: bool, min_level: Level) {
    SWITCHES.0.capture_content.store(capture_content, Relaxed);
    SWITCHES.0.busy_time.store(busy_time, Relaxed);
    SWITCHES.0.min_level.store(min_level as u64, Relaxed);
}

/// Starts or stops recording. `drainer` is woken when a ring is half full.
pub(crate) fn set_recording(drainer: Option<Thread>) {
    let least = match drainer {
        Some(_) => SWITCHES.0.min_level.load(Relaxed),
        None => OFF,
    };
    *lock(&WAKE) = drainer;
    IN_VAIN.store(u64::MAX, Relaxed);
    OWNER.store(u64::from(process::id()), Relaxed);
    SWITCHES.0.least.store(least, Release);
}

/// Wakes the drainer.
#[cold]
pub(crate) fn wake() {
    if let Some(drainer) = &*lock(&WAKE) {
        drainer.unpark();
    }
}

thread_local! {
    static LOCAL: Local = const { Local::new() };
    static OWNED: Owned = const { Owned::new() };
}

/// How many spans that ended out of order are remembered, and for how many changes of place: guards that are never met
/// again must not add up.
const ENDED: usize = 16;
const ENDED_FOR: u8 = 64;

/// What a thread has to give back when it ends.
struct Owned {
    buffer: RefCell<Vec<u8>>,
    /// Places to go back to when spans end that opened a place of their own. Beside the guards and not in them, so
    /// that a plain span's guard is two words.
    places: RefCell<Vec<Kept>>,
    /// Spans that ended while another one was current.
    ended: RefCell<Vec<Ended>>,
}

impl Owned {
    const fn new() -> Self {
        Self {
            buffer: RefCell::new(Vec::new()),
            places: RefCell::new(Vec::new()),
            ended: RefCell::new(Vec::new()),
        }
    }
}

/// A span that opened a place of its own, and the one to go back to.
#[derive(Debug, Clone, Copy)]
struct Kept {
    span: u64,
    place: Context,
    role: Role,
}

/// Places of threads that own nothing any more, because they are ending.
static LAST_PLACES: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

fn with_places<R>(ask: impl FnOnce(&mut Vec<Kept>) -> R) -> R {
    if LOCAL.with(|local| local.ending.get()) {
        return ask(&mut lock(&LAST_PLACES));
    }
    OWNED.with(|owned| ask(&mut owned.places.borrow_mut()))
}

/// A span that ended while another one was current, and where to go back to in its stead.
struct Ended {
    span: u64,
    back: Back,
    /// Changes of place since.
    age: u8,
}

/// Where a guard goes back to.
#[derive(Clone, Copy)]
enum Back {
    /// Another span of the same session and agent.
    Span(u64),
    Place(Context),
}

/// The same, or the nearest around it that has not ended.
fn living(ended: &mut Vec<Ended>, mut back: Back) -> Back {
    loop {
        let span = match back {
            Back::Span(span) => span,
            Back::Place(place) => place.span,
        };
        let Some(at) = ended.iter().position(|ended| ended.span == span) else {
            return back;
        };
        back = match (back, ended.swap_remove(at).back) {
            (Back::Place(place), Back::Span(span)) => Back::Place(Context { span, ..place }),
            (_, further) => further,
        };
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        LOCAL.with(|local| {
            local.ending.set(true);
            if let Some(ring) = local.ring.take() {
                local.head.set(0);
                local.limit.set(0);
                ring::leave(ring);
            }
        });
    }
}

/// A thread's own part of the recorder.
pub(crate) struct Local {
    ring: Cell<Option<&'static Segment>>,
    /// Words written, and how many may be before `make_room` has to look.
    head: Cell<u64>,
    limit: Cell<u64>,
    /// By which records say which thread they are of; 0 before the first one.
    number: Cell<u64>,
    seed: Cell<u64>,
    context: Cell<Context>,
    /// How many such users' codes run within one another.
    depth: Cell<u8>,
    /// One of our own threads: it never records, for it would wait for itself.
    muted: Cell<bool>,
    /// What it owned is gone.
    ending: Cell<bool>,
    /// The span that was last handed out.
    shared: Cell<u64>,
    /// Guards were dropped in another order than that of their spans.
    pub(crate) disordered: Cell<bool>,
    /// Where orphans go, as of the registry's epoch beside it.
    pub(crate) orphans: Cell<(u64, Context, u64)>,
}

impl Local {
    pub(super) const fn new() -> Self {
        Self {
            ring: Cell::new(None),
            head: Cell::new(0),
            limit: Cell::new(0),
            number: Cell::new(0),
            seed: Cell::new(0),
            context: Cell::new(Context::NONE),
            depth: Cell::new(0),
            muted: Cell::new(false),
            ending: Cell::new(false),
            shared: Cell::new(0),
            disordered: Cell::new(false),
            orphans: Cell::new((0, Context::NONE, 0)),
        }
    }

    /// Whether this thread records, and runs the program's own code. What only runs because values are captured is no
    /// part of it.
    #[inline(always)]
    pub(crate) fn takes_spans(&self) -> bool {
        self.ready() && !self.is_capturing()
    }

    /// The scope that a span here is of; 0 also where it is none of the program's.
    #[inline(always)]
    pub(crate) fn scope_of_spans(&self) -> u64 {
        if self.is_capturing() { 0 } else { self.scope() }
    }

    /// A user's code is being run to capture a value: what it calls is not recorded.
    #[inline(always)]
    pub(crate) fn is_capturing(&self) -> bool {
        self.depth.get() > 0
    }

    #[inline(always)]
    pub(crate) fn context(&self) -> Context {
        self.context.get()
    }

    #[inline(always)]
    pub(crate) fn set_context(&self, context: Context) {
        self.context.set(context);
    }

    #[inline(always)]
    pub(crate) fn span(&self) -> u64 {
        self.context.get().span
    }

    #[inline(always)]
    pub(crate) fn scope(&self) -> u64 {
        self.context.get().scope
    }

    #[inline(always)]
    pub(crate) fn set_span(&self, span: u64) {
        self.context.set(Context {
            span,
            ..self.context.get()
        });
    }

    #[inline(always)]
    pub(crate) fn replace_context(&self, context: Context) -> Context {
        self.context.replace(context)
    }

    /// Says that the current span is handed out, before anybody has it: what others say of it may arrive after its end.
    pub(crate) fn share(&self) {
        let span = self.span();
        if span == 0 || self.shared.get() == span || !recording() || !self.ready() {
            return;
        }
        let first = word::first(word::NOTE, 0, 0, note::SHARED);
        if self.put([first, span, 0], &[]) {
            self.shared.set(span);
        }
    }

    /// Ends a span where guards are dropped in any order: an ended span never becomes current again.
    #[cold]
    #[inline(never)]
    pub(crate) fn end_out_of_order(&self, span: u64, before: u64) {
        self.go_back_from(span, Back::Span(before));
    }

    /// Goes back from a span, now or as soon as those that are current within it have ended.
    fn go_back_from(&self, span: u64, back: Back) {
        let _ = OWNED.try_with(|owned| {
            let mut ended = owned.ended.borrow_mut();
            if self.span() == span {
                self.go(living(&mut ended, back));
            } else {
                if ended.len() == ENDED {
                    ended.remove(0);
                }
                let age = 0;
                ended.push(Ended { span, back, age });
            }
            self.disordered.set(!ended.is_empty());
        });
    }

    /// Makes the place of a span current that is entered and left, and goes on in between; the place before.
    #[cfg(feature = "tracing")]
    pub(crate) fn enter_place(&self, place: Context) -> Context {
        if self.disordered.get() {
            // It was left out of order, and is current again all the same.
            let _ = OWNED.try_with(|owned| {
                let mut ended = owned.ended.borrow_mut();
                ended.retain(|ended| ended.span != place.span);
            });
        }
        self.replace_context(place)
    }

    /// Leaves a span that was entered when `before` was current, now or as soon as what is current within it ends.
    #[cfg(feature = "tracing")]
    pub(crate) fn leave_place(&self, span: u64, before: Context) {
        if self.span() == span && !self.disordered.get() {
            self.set_context(before);
        } else {
            self.go_back_from(span, Back::Place(before));
        }
    }

    fn go(&self, back: Back) {
        match back {
            Back::Span(span) => self.set_span(span),
            Back::Place(place) => self.set_context(place),
        }
    }

    /// Another place is current now, in which something may have ended meanwhile.
    #[inline(always)]
    pub(crate) fn settle_order(&self) {
        if self.disordered.get() {
            self.settle();
        }
    }

    #[cold]
    #[inline(never)]
    fn settle(&self) {
        let left = OWNED.try_with(|owned| {
            let mut ended = owned.ended.borrow_mut();
            self.go(living(&mut ended, Back::Span(self.span())));
            ended.retain_mut(|ended| {
                ended.age += 1;
                ended.age < ENDED_FOR
            });
            !ended.is_empty()
        });
        self.disordered.set(left.unwrap_or(false));
    }

    /// Keeps a place to go back to when `span` ends.
    #[cold]
    pub(super) fn keep_place(&self, span: u64, place: Context, role: Role) {
        with_places(|places| places.push(Kept { span, place, role }));
    }

    /// Puts another place in the stead of one that was kept.
    pub(super) fn replace_place(&self, span: u64, place: Context) {
        with_places(|places| {
            if let Some(kept) = places.iter_mut().rfind(|kept| kept.span == span) {
                kept.place = place;
            }
        });
    }

    /// What the end of a span for which a place is kept has to do.
    pub(super) fn role_of(&self, span: u64) -> Role {
        let role =
            |places: &mut Vec<Kept>| Some(places.iter().rfind(|kept| kept.span == span)?.role);
        with_places(role).unwrap_or(Role::Plain)
    }

    /// Goes to the place that was kept for a span; where guards are dropped in another order, as soon as those that are
    /// current within it have ended. Nothing that ran in a session stays current after it.
    #[cold]
    pub(super) fn go_to_place(&self, span: u64) {
        let kept = with_places(|places| {
            let at = places.iter().rposition(|kept| kept.span == span)?;
            Some(places.remove(at))
        });
        let place = kept.map_or(Context::NONE, |kept| kept.place);
        if kept.is_some_and(|kept| kept.role == Role::Session) || self.ending.get() {
            self.set_context(place);
            self.settle_order();
        } else {
            self.go_back_from(span, Back::Place(place));
        }
    }

    /// An id that no other span has; 0, which means no span, as seldom as two that are the same.
    #[inline(always)]
    pub(crate) fn next_id(&self) -> u64 {
        let seed = self.seed.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.seed.set(seed);
        mix(seed)
    }

    /// Whether this thread records; from here on it has a ring and a seed. Our own threads never have one.
    #[inline(always)]
    pub(crate) fn ready(&self) -> bool {
        self.ring.get().is_some() || self.join()
    }

    #[cold]
    #[inline(never)]
    fn join(&self) -> bool {
        if self.muted.get() || is_fork() {
            return false;
        }
        if self.seed.get() == 0 {
            let thread = THREADS.load(Relaxed);
            self.seed.set(RandomState::new().hash_one(thread));
        }
        // The first touch of what is owned is also what makes its destructor run.
        if self.ending.get() || OWNED.try_with(|_| ()).is_err() {
            return true;
        }
        if ring::is_crowded() && ring::PROGRESS.0.load(Relaxed) != IN_VAIN.load(Relaxed) {
            // In vain or not: a thread always gets a ring.
            ring::wait_for_room(|| !ring::is_crowded(), wake);
        }
        let segment = ring::open(self.thread_name());
        self.use_segment(segment);
        true
    }

    fn thread_name(&self) -> ThreadName {
        if self.number.get() == 0 {
            self.number.set(THREADS.fetch_add(1, Relaxed));
        }
        ThreadName {
            id: self.number.get(),
            name: thread::current().name().map(Into::into),
        }
    }

    fn use_segment(&self, segment: &'static Segment) {
        self.ring.set(Some(segment));
        self.head.set(segment.head());
        self.limit.set(segment.tail() + segment.capacity() / 2);
    }

    /// Room for a record of so many words; `None` where it has to be waited for, or where this thread has no ring.
    #[inline(always)]
    pub(crate) fn room(&self, words: u64) -> Option<Room> {
        let head = self.head.get();
        match self.ring.get() {
            Some(ring) if head + words <= self.limit.get() => Some(Room { ring, head }),
            _ => None,
        }
    }

    /// Writes a record; `false` where nobody makes room for it.
    #[inline(always)]
    pub(crate) fn put<const K: usize>(&self, record: [u64; K], payload: &[u8]) -> bool {
        if payload.len() > INLINE {
            return self.put_boxed(record, payload);
        }
        let words = (K + payload.len().div_ceil(8)) as u64;
        if self.head.get() + words > self.limit.get() && !self.make_room(words) {
            return self.put_while_ending(record, payload);
        }
        let Some(ring) = self.ring.get() else {
            return self.put_while_ending(record, payload);
        };
        self.head.set(ring.write(self.head.get(), record, payload));
        true
    }

    /// A ring for this record alone: the drainer takes it back when it has read it.
    #[cold]
    #[inline(never)]
    fn put_while_ending<const K: usize>(&self, record: [u64; K], payload: &[u8]) -> bool {
        if !self.ending.get() || is_fork() {
            return false;
        }
        self.put_alone(record, payload);
        true
    }

    fn put_alone<const K: usize>(&self, record: [u64; K], payload: &[u8]) {
        let words = K + payload.len().div_ceil(8);
        let segment = ring::open_small(self.thread_name(), words);
        segment.write(segment.head(), record, payload);
        ring::leave(segment);
    }

    /// The detour of a payload that is too long for the ring: one allocation and one lock.
    #[cold]
    #[inline(never)]
    fn put_boxed<const K: usize>(&self, mut record: [u64; K], payload: &[u8]) -> bool {
        let words = K as u64;
        if is_fork() || self.head.get() + words > self.limit.get() && !self.make_room(words) {
            return self.put_while_ending(record, payload);
        }
        let Some(ring) = self.ring.get() else {
            return self.put_while_ending(record, payload);
        };
        record[0] = word::first(
            word::tag(record[0]),
            flags(record[0]) | BOXED,
            0,
            word::low(record[0]),
        );
        if !self.wait_for_box(ring, payload.len()) {
            return false;
        }
        ring.put_box(payload);
        self.head.set(ring.write(self.head.get(), record, &[]));
        true
    }

    /// Long payloads are bounded as words are: who makes more of them than are read waits.
    fn wait_for_box(&self, ring: &Segment, bytes: usize) -> bool {
        if ring.has_room_for_box(bytes) {
            return true;
        }
        if ring::PROGRESS.0.load(Relaxed) == IN_VAIN.load(Relaxed) {
            return false;
        }
        if ring::wait_for_room(|| ring.has_room_for_box(bytes), wake) {
            return true;
        }
        IN_VAIN.store(ring::PROGRESS.0.load(Relaxed), Relaxed);
        false
    }

    #[cold]
    #[inline(never)]
    fn make_room(&self, words: u64) -> bool {
        if !self.ready() {
            return false;
        }
        let Some(ring) = self.ring.get() else {
            return false;
        };
        let (head, tail, capacity) = (self.head.get(), ring.tail(), ring.capacity());
        let half = tail + capacity / 2;
        if head + words <= half {
            self.limit.set(half);
            return true;
        }
        if is_fork() {
            return false;
        }
        if capacity >= ring::LARGEST as u64 {
            wake();
        }
        if head + words <= tail + capacity {
            self.limit.set(tail + capacity);
            return true;
        }
        // A wake-up costs more than a hundred spans; more room costs once, and the drainer comes by itself.
        if let Some(larger) = ring::grow(ring) {
            self.use_segment(larger);
            return true;
        }
        wake();
        if ring::PROGRESS.0.load(Relaxed) == IN_VAIN.load(Relaxed) {
            return false;
        }
        if ring::wait_for_room(|| ring.has_room(head, words), wake) {
            self.limit.set(ring.tail() + capacity);
            return true;
        }
        IN_VAIN.store(ring::PROGRESS.0.load(Relaxed), Relaxed);
        false
    }

    /// Writes an END, come what may: one that finds no room goes without its payload, and by another way.
    #[inline(always)]
    pub(crate) fn put_end<const K: usize>(&self, record: [u64; K], payload: &[u8]) {
        if !self.put(record, payload) {
            self.end_aside([record[0], record[1], record[2]]);
        }
    }

    #[cold]
    fn end_aside(&self, [first, span, clock]: [u64; 3]) {
        if word::length(first) > 0 || flags(first) & BOXED != 0 {
            lost::content(self.scope());
        }
        let keep = flags(first) & (word::FAILED | word::CANCELLED);
        let end = [word::first(word::END, keep, 0, 0), span, clock];
        if is_fork() {
            return;
        }
        match self.ring.get() {
            Some(ring) => ring.side().ends.push(end),
            // One of our own threads ends a span that began on another.
            None => self.put_alone(end, &[]),
        }
    }

    /// Lends the thread's buffer to `fill`; a nested call gets one of its own.
    #[inline(always)]
    pub(crate) fn with_buffer<R>(&self, fill: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        if self.ending.get() {
            return with_new_buffer(fill);
        }
        OWNED.with(|owned| match owned.buffer.try_borrow_mut() {
            Ok(mut buffer) => {
                buffer.clear();
                let result = fill(&mut buffer);
                if buffer.capacity() > KEPT_BUFFER {
                    shrink(&mut buffer);
                }
                result
            }
            Err(_) => with_new_buffer(fill),
        })
    }
}

/// Room in this thread's ring.
#[derive(Debug)]
pub(crate) struct Room {
    ring: &'static Segment,
    head: u64,
}

impl Room {
    /// Writes a record without a payload, of no more words than were asked for.
    #[inline(always)]
    pub(crate) fn write<const K: usize>(self, local: &Local, record: [u64; K]) {
        local.head.set(self.ring.write(self.head, record, &[]));
    }
}

/// A buffer that grew for one huge value is not kept at that size.
const KEPT_BUFFER: usize = 256 * 1024;

#[cold]
fn shrink(buffer: &mut Vec<u8>) {
    *buffer = Vec::new();
}

#[cold]
fn with_new_buffer<R>(fill: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    fill(&mut Vec::new())
}

fn flags(first: u64) -> u64 {
    first & (0xf << 56)
}

/// Runs `record` with this thread's part of the recorder.
#[inline(always)]
pub(crate) fn with<R>(record: impl FnOnce(&Local) -> R) -> R {
    LOCAL.with(record)
}

/// As [`with`], for what is more than a word: `record` fills in the answer where it stands, which `LocalKey` would copy.
#[inline(always)]
pub(crate) fn with_answer<R>(mut answer: R, record: impl FnOnce(&Local, &mut R)) -> R {
    LOCAL.with(|local| record(local, &mut answer));
    answer
}

/// Makes the current thread one of our own.
pub(crate) fn mute() {
    with(|local| local.muted.set(true));
}

/// Whether the current thread is one of our own.
pub(crate) fn is_muted() -> bool {
    with(|local| local.muted.get())
}

/// How deep users' code that runs for our sake may make us run more of it: one that needs itself would never end.
pub(crate) const DEEPEST: u8 = 4;

/// While it lives, users' code runs for our sake: its panics are not printed, its spans not recorded.
#[derive(Debug)]
pub(crate) struct Quiet {
    depth: u8,
}

impl Quiet {
    pub(crate) fn enter() -> Self {
        with(|local| {
            let depth = local.depth.get();
            local.depth.set(depth + 1);
            Self { depth }
        })
    }

    /// Whether that code is not to be run any more.
    pub(crate) fn is_too_deep(&self) -> bool {
        self.is_below(DEEPEST)
    }

    /// Whether so many of them run around it.
    pub(crate) fn is_below(&self, depth: u8) -> bool {
        self.depth >= depth
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        with(|local| local.depth.set(self.depth));
    }
}

/// Whether this thread is capturing a value.
pub(crate) fn is_capturing() -> bool {
    with(Local::is_capturing)
}
