//! The ring between one recording thread and the drainer, in words, without a lock on the way.
//!
//! A ring is a chain of segments: the thread writes into the newest one, and adds a larger one when the drainer is
//! behind; the drainer empties the oldest one first. Segments live as long as the process and are used again when
//! their thread has ended, so a reference to one is `'static` and costs nothing to hold.
//! Knows words only; what a record is stands in `word`.

use std::collections::VecDeque;
use std::fmt;

use super::clock;
use crate::sync::{
    Acquire, AtomicBool, AtomicU64, AtomicUsize, Mutex, Padded, Relaxed, Release, fixed, lock,
    statics,
};

/// Words of a thread's first segment: 16 KiB.
pub(crate) const FIRST: usize = if cfg!(agentops_loom) { 4 } else { 2 * 1024 };
/// Words of the largest segment: 512 KiB.
pub(crate) const LARGEST: usize = 64 * 1024;
/// Bytes of all segments together, beyond which rings no longer grow. First segments are given out regardless.
const BUDGET: usize = 24 << 20;
/// Rings of threads that have ended and are still to be read, beyond which a new thread waits for one of them: 8 MiB.
const CROWD: usize = 512;

/// Bytes of payloads beside a ring, beyond which it is full.
const BOXED_LIMIT: usize = 1 << 20;

statics! {
    static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
    static POOL: Mutex<Vec<&'static Segment>> = Mutex::new(Vec::new());
    /// Rings that the drainer has not met yet.
    static NEW: Mutex<Vec<&'static Segment>> = Mutex::new(Vec::new());
    static ANY_NEW: AtomicBool = AtomicBool::new(false);
    /// Rings whose thread has ended and that are still to be read to their end.
    static ENDED: AtomicUsize = AtomicUsize::new(0);
}

/// A bounded queue of words with one writer and one reader.
pub(crate) struct Segment {
    /// Words ever written; the writer's.
    head: Padded<AtomicU64>,
    /// Words ever read; the reader's.
    tail: Padded<AtomicU64>,
    words: Box<[AtomicU64]>,
    /// The writer is done with this segment: it went on to `Side::next`, or its thread ended.
    closed: AtomicBool,
    /// Bytes in the box queue.
    boxed: AtomicUsize,
    side: Mutex<Side>,
}

/// What is too large or too rare for words. Touched on slow paths only.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// Payloads of records marked as boxed, in the order of their records.
    pub(crate) boxes: VecDeque<Box<[u8]>>,
    /// ENDs that found the ring full, without their payload: an END is never lost alone.
    pub(crate) ends: Vec<[u64; 3]>,
    next: Option<&'static Segment>,
    thread: Option<ThreadName>,
}

/// The thread that a ring belongs to.
#[derive(Debug, Clone)]
pub(crate) struct ThreadName {
    pub(crate) id: u64,
    pub(crate) name: Option<Box<str>>,
}

/// What the drainer found in one ring.
#[derive(Debug)]
pub(crate) struct Drained {
    pub(crate) boxes: VecDeque<Box<[u8]>>,
    pub(crate) ends: Vec<[u64; 3]>,
}

impl Segment {
    pub(crate) fn new(words: usize) -> Self {
        debug_assert!(words.is_power_of_two());
        Self {
            head: Padded(AtomicU64::new(0)),
            tail: Padded(AtomicU64::new(0)),
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            closed: AtomicBool::new(false),
            boxed: AtomicUsize::new(0),
            side: Mutex::new(Side::default()),
        }
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.words.len() as u64
    }

    /// Where the writer goes on; only the writer's own thread may ask.
    pub(crate) fn head(&self) -> u64 {
        self.head.0.load(Relaxed)
    }

    /// How far the reader has come.
    pub(crate) fn tail(&self) -> u64 {
        self.tail.0.load(Acquire)
    }

    /// Writes a record at `head` and publishes it. The writer has made sure that there is room.
    #[inline(always)]
    pub(crate) fn write<const K: usize>(&self, head: u64, record: [u64; K], payload: &[u8]) -> u64 {
        let words = K + payload.len().div_ceil(8);
        let at = head as usize & (self.words.len() - 1);
        match self.words.get(at..at + words) {
            Some(room) => {
                let (fixed, rest) = room.split_at(K);
                for (word, value) in fixed.iter().zip(record) {
                    word.store(value, Relaxed);
                }
                store_bytes(rest, payload);
            }
            None => {
                // Word by word and not as an array: that would be built for the other way as well.
                for (offset, value) in (0..).zip(record) {
                    self.put_word(head + offset, value);
                }
                self.put_bytes(head + K as u64, payload);
            }
        }
        let head = head + words as u64;
        self.head.0.store(head, Release);
        head
    }

    #[cold]
    #[inline(never)]
    fn put_word(&self, at: u64, value: u64) {
        self.words[at as usize & (self.words.len() - 1)].store(value, Relaxed);
    }

    #[cold]
    #[inline(never)]
    fn put_bytes(&self, at: u64, payload: &[u8]) {
        for (offset, chunk) in (0..).zip(payload.chunks(8)) {
            self.put_word(at + offset, word_of(chunk));
        }
    }

    /// Copies all that is published to the end of `out` and gives the room back.
    pub(crate) fn drain(&self, out: &mut Vec<u64>) -> Drained {
        let tail = self.tail.0.load(Relaxed);
        let head = self.head.0.load(Acquire);
        let words = (head - tail) as usize;
        let at = tail as usize & (self.words.len() - 1);
        let first = words.min(self.words.len() - at);
        out.extend(
            self.words[at..at + first]
                .iter()
                .map(|word| word.load(Relaxed)),
        );
        out.extend(
            self.words[..words - first]
                .iter()
                .map(|word| word.load(Relaxed)),
        );
        self.tail.0.store(head, Release);
        let mut side = lock(&self.side);
        let boxes = std::mem::take(&mut side.boxes);
        let bytes: usize = boxes.iter().map(|payload| payload.len()).sum();
        self.boxed.fetch_sub(bytes, Release);
        Drained {
            boxes,
            ends: std::mem::take(&mut side.ends),
        }
    }

    /// Whether there is anything to drain. A look that costs two loads.
    pub(crate) fn has_news(&self) -> bool {
        self.head.0.load(Acquire) != self.tail.0.load(Relaxed)
    }

    pub(crate) fn side(&self) -> impl std::ops::DerefMut<Target = Side> + '_ {
        lock(&self.side)
    }

    /// Puts a payload in the box queue; its record is to follow.
    pub(crate) fn put_box(&self, payload: &[u8]) {
        self.boxed.fetch_add(payload.len(), Relaxed);
        lock(&self.side).boxes.push_back(payload.into());
    }

    /// Whether the box queue takes so many bytes more; one payload always fits.
    pub(crate) fn has_room_for_box(&self, bytes: usize) -> bool {
        let boxed = self.boxed.load(Acquire);
        boxed == 0 || boxed + bytes <= BOXED_LIMIT
    }

    /// Whether so many words more fit behind `head`.
    pub(crate) fn has_room(&self, head: u64, words: u64) -> bool {
        head + words <= self.tail() + self.capacity()
    }

    /// Tells the reader that nothing more will be written here.
    pub(crate) fn close(&self) {
        self.closed.store(true, Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Acquire)
    }

    pub(crate) fn thread(&self) -> Option<ThreadName> {
        lock(&self.side).thread.clone()
    }

    pub(crate) fn has_ends(&self) -> bool {
        !lock(&self.side).ends.is_empty()
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("words", &self.words.len())
            .finish_non_exhaustive()
    }
}

#[inline(always)]
fn store_bytes(room: &[AtomicU64], bytes: &[u8]) {
    let (whole, rest) = bytes.as_chunks::<8>();
    let (words, last) = room.split_at(whole.len());
    for (word, eight) in words.iter().zip(whole) {
        word.store(u64::from_le_bytes(*eight), Relaxed);
    }
    if let [word] = last {
        // The last eight bytes overlap with the word before, which is shifted out.
        let value = match bytes.last_chunk() {
            Some(eight) => u64::from_le_bytes(*eight) >> (64 - 8 * rest.len()),
            None => word_of(rest),
        };
        word.store(value, Relaxed);
    }
}

/// Up to eight bytes as a word, the missing ones 0.
fn word_of(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// A first segment for a new thread, and its introduction to the drainer.
pub(crate) fn open(thread: ThreadName) -> &'static Segment {
    open_small(thread, FIRST)
}

/// As [`open`], with room for so many words and hardly more: for a record that has no ring to go to.
pub(crate) fn open_small(thread: ThreadName, words: usize) -> &'static Segment {
    let words = words.next_power_of_two();
    let segment = take(words).unwrap_or_else(|| allocate(words));
    segment.side().thread = Some(thread);
    lock(&NEW).push(segment);
    ANY_NEW.store(true, Release);
    segment
}

/// A larger segment to go on in when `full` is full; `None` where rings have grown enough.
pub(crate) fn grow(full: &'static Segment) -> Option<&'static Segment> {
    let words = full.words.len() * 2;
    if words > LARGEST {
        return None;
    }
    let segment = match take(words) {
        Some(segment) => segment,
        None if ALLOCATED.load(Relaxed) + words * 8 > BUDGET => return None,
        None => allocate(words),
    };
    segment.side().thread = full.side().thread.clone();
    full.side().next = Some(segment);
    full.close();
    Some(segment)
}

/// Tells the drainer that nothing more will be written to a ring: its thread ends.
pub(crate) fn leave(segment: &'static Segment) {
    ENDED.fetch_add(1, Relaxed);
    segment.close();
}

/// Whether a new thread should wait for the ring of one that has ended: threads come and go faster than they are read.
pub(crate) fn is_crowded() -> bool {
    ENDED.load(Relaxed) > CROWD
        && !lock(&POOL)
            .iter()
            .any(|segment| segment.words.len() == FIRST)
}

/// What follows a closed and emptied segment; the segment itself goes back to the pool.
pub(crate) fn retire(segment: &'static Segment) -> Option<&'static Segment> {
    let next = {
        let mut side = segment.side();
        side.thread = None;
        side.next.take()
    };
    if next.is_none() {
        ENDED.fetch_sub(1, Relaxed);
    }
    segment.closed.store(false, Relaxed);
    lock(&POOL).push(segment);
    next
}

/// Introduces rings that are still in use to the next drainer.
pub(crate) fn hand_back(rings: impl Iterator<Item = &'static Segment>) {
    lock(&NEW).extend(rings);
    ANY_NEW.store(true, Release);
}

/// Rings opened since the last call.
pub(crate) fn newcomers() -> Vec<&'static Segment> {
    if !ANY_NEW.load(Relaxed) || !ANY_NEW.swap(false, Acquire) {
        return Vec::new();
    }
    std::mem::take(&mut *lock(&NEW))
}

fn take(words: usize) -> Option<&'static Segment> {
    let mut pool = lock(&POOL);
    let at = pool
        .iter()
        .position(|segment| segment.words.len() == words)?;
    Some(pool.swap_remove(at))
}

fn allocate(words: usize) -> &'static Segment {
    ALLOCATED.fetch_add(words * 8, Relaxed);
    // Never freed, always used again: the pool holds what no thread uses.
    Box::leak(Box::new(Segment::new(words)))
}

statics! {
    /// How a writer learns whether anybody is still reading: a count that moves while the background threads work.
    pub(crate) static PROGRESS: Padded<AtomicU64> = Padded(AtomicU64::new(0));
}

/// For how long a full ring is waited for while [`PROGRESS`] stands still.
pub(crate) const PATIENCE_NS: u64 = 100_000_000;

/// How often it is looked at in that time, at the least: where all processors are busy with others, our own threads come
/// round as seldom as the one that waits.
const PATIENCE_TURNS: u32 = 300;

/// However few turns it was.
const PATIENCE_AT_MOST_NS: u64 = 10 * PATIENCE_NS;

/// Nobody waits.
static NEVER_WAIT: fixed::AtomicBool = fixed::AtomicBool::new(false);

/// Says whether threads go on at once where there is no room, rather than wait for it.
pub(crate) fn never_wait(never: bool) {
    NEVER_WAIT.store(never, Relaxed);
}

/// Waits until `ready`, for as long as somebody reads. `false`: nobody does, or nobody is to wait.
pub(crate) fn wait_for_room(ready: impl Fn() -> bool, wake: impl Fn()) -> bool {
    if NEVER_WAIT.load(Relaxed) {
        return ready();
    }
    let mut seen = PROGRESS.0.load(Relaxed);
    let mut since = clock::monotonic_ns();
    let (mut turns, mut since_turn) = (0_u32, 0);
    loop {
        if ready() {
            return true;
        }
        wake();
        // The drainer needs the processor more than we do; after some turns it is not a matter of microseconds.
        if turns < 64 {
            std::thread::yield_now();
        } else {
            // Not by parking: the wake-up that ends it may be one that the program waits for.
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
        turns += 1;
        let now = PROGRESS.0.load(Relaxed);
        if now != seen {
            (seen, since, since_turn) = (now, clock::monotonic_ns(), turns);
            continue;
        }
        let waited = clock::monotonic_ns().saturating_sub(since);
        let enough = waited > PATIENCE_NS && turns - since_turn >= PATIENCE_TURNS;
        if enough || waited > PATIENCE_AT_MOST_NS {
            return false;
        }
    }
}

#[cfg(all(test, agentops_loom))]
mod models;

#[cfg(test)]
mod tests {
    use super::*;

    /// A task may be woken while it records, and its executor parks after that.
    #[test]
    fn waiting_for_room_takes_no_wake_up_of_the_program() {
        std::thread::current().unpark();
        assert!(!wait_for_room(|| false, || {}));
        let begun = std::time::Instant::now();
        let long = std::time::Duration::from_secs(20);
        std::thread::park_timeout(long);
        assert!(begun.elapsed() < long, "it was for us to find");
    }

    fn drained(segment: &Segment) -> Vec<u64> {
        let mut out = Vec::new();
        segment.drain(&mut out);
        out
    }

    #[test]
    fn words_come_out_as_they_went_in_also_around_the_end() {
        let segment = Segment::new(8);
        let mut head = segment.head();
        for turn in 0..20_u64 {
            head = segment.write(head, [turn, turn + 1], b"twelve bytes");
            assert!(segment.has_news());
            let mut bytes = [0; 16];
            bytes[..12].copy_from_slice(b"twelve bytes");
            let (a, b) = bytes.split_at(8);
            assert_eq!(drained(&segment), [turn, turn + 1, word_of(a), word_of(b)]);
        }
        assert!(!segment.has_news());
    }

    #[test]
    fn who_is_never_to_wait_does_not() {
        let asked = std::cell::Cell::new(0);
        let full = || {
            asked.set(asked.get() + 1);
            false
        };
        never_wait(true);
        let found = wait_for_room(full, || unreachable!("nobody is to make room"));
        never_wait(false);
        assert_eq!((found, asked.get()), (false, 1));
    }

    #[test]
    fn a_grown_ring_is_read_in_the_order_of_writing() {
        let first = open(ThreadName { id: 7, name: None });
        let head = first.write(first.head(), [1], &[]);
        let second = grow(first).expect("there is budget");
        second.write(second.head(), [2], &[]);
        assert!(first.is_closed() && head == first.head());
        assert_eq!(drained(first), [1]);
        let next = retire(first).expect("a segment follows");
        assert_eq!(drained(next), [2]);
        assert_eq!(next.thread().expect("the thread goes along").id, 7);
    }
}
