//! The drainer: a thread that copies words out of rings, pass after pass.
//!
//! What a thread wrote before another thread saw it is found in this pass or in the next one; the processor relies on
//! that, so each pass looks at every ring.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::queue::{Queue, Weighed};
use super::ticket::Ticket;
use crate::record::local;
use crate::record::ring::{self, PROGRESS, Segment, ThreadName};
use crate::sync::{AtomicBool, Mutex, Relaxed, lock};

/// Bytes of raw words that wait for the processor.
pub(crate) const RAW_LIMIT: usize = 8 << 20;
/// How long the drainer sleeps while something is going on, and while nothing is.
const AWAKE: Duration = Duration::from_millis(5);
const ASLEEP: Duration = Duration::from_millis(40);
/// Passes without news after which it sleeps longer.
const DOZE: u32 = 100;

/// The words of one ring, as of one pass.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) thread: Arc<ThreadName>,
    /// Tells rings apart, for payloads that arrive before their record.
    pub(crate) ring: usize,
    pub(crate) words: Vec<u64>,
    pub(crate) boxes: VecDeque<Box<[u8]>>,
    pub(crate) ends: Vec<[u64; 3]>,
}

/// What goes to the processor.
#[derive(Debug)]
pub(crate) enum Raw {
    /// A ring's words.
    Chunk(Chunk),
    /// Every ring has been looked at.
    PassEnded,
    /// All that was recorded before is in front of this.
    Flush(Arc<Ticket>),
}

impl Weighed for Raw {
    fn weight(&self) -> usize {
        match self {
            Self::Chunk(chunk) => {
                let boxed: usize = chunk.boxes.iter().map(|payload| payload.len()).sum();
                chunk.words.len() * 8 + boxed + 64
            }
            Self::PassEnded | Self::Flush(_) => 16,
        }
    }
}

/// What others ask of the drainer.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    flushes: Mutex<Vec<Arc<Ticket>>>,
    stop: AtomicBool,
}

impl Requests {
    /// Asks for all that is recorded by now to go through.
    pub(crate) fn flush(&self, ticket: Arc<Ticket>) {
        lock(&self.flushes).push(ticket);
    }

    /// Asks for an end after one more flush.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }
}

/// Empty buffers on their way back.
pub(crate) type Buffers = Arc<Mutex<Vec<Vec<u64>>>>;

#[derive(Debug)]
struct Cursor {
    at: &'static Segment,
    thread: Arc<ThreadName>,
    number: usize,
}

/// The drainer's own state.
#[derive(Debug)]
pub(crate) struct Drainer {
    rings: Vec<Cursor>,
    rings_met: usize,
    /// The processor holds what the last pass found until it hears of another one.
    owing: bool,
    out: Arc<Queue<Raw>>,
    buffers: Buffers,
    requests: Arc<Requests>,
}

impl Drainer {
    pub(crate) fn new(out: Arc<Queue<Raw>>, buffers: Buffers, requests: Arc<Requests>) -> Self {
        Self {
            rings: Vec::new(),
            rings_met: 0,
            owing: false,
            out,
            buffers,
            requests,
        }
    }

    /// Runs until it is asked to stop.
    pub(crate) fn run(mut self) {
        local::mute();
        let mut quiet = 0;
        loop {
            let stop = self.requests.stop.load(Relaxed);
            let flushes = mem::take(&mut *lock(&self.requests.flushes));
            let asked = stop || !flushes.is_empty();
            let mut news = self.pass(asked);
            if asked {
                // The first look finds all that was recorded before the request; the second lets go what is held.
                news |= self.pass(asked);
                for ticket in flushes {
                    self.out.push_waiting(Raw::Flush(ticket));
                }
            }
            if stop {
                return self.leave();
            }
            quiet = if news { 0 } else { quiet + 1 };
            thread::park_timeout(if quiet > DOZE { ASLEEP } else { AWAKE });
        }
    }

    /// Rings outlive a run: the next one starts with those that are still in use.
    fn leave(self) {
        ring::hand_back(self.rings.into_iter().map(|cursor| cursor.at));
        self.out.close();
    }

    /// Looks at every ring once, and says so where there was something, now or the last time, or where somebody asked.
    fn pass(&mut self, asked: bool) -> bool {
        for segment in ring::newcomers() {
            let thread = segment.thread().unwrap_or(ThreadName { id: 0, name: None });
            self.rings.push(Cursor {
                at: segment,
                thread: Arc::new(thread),
                number: self.rings_met,
            });
            self.rings_met += 1;
        }
        let (out, buffers) = (&self.out, &self.buffers);
        let mut news = false;
        self.rings.retain_mut(|cursor| {
            let (alive, found) = cursor.drain(out, buffers);
            news |= found;
            alive
        });
        PROGRESS.0.fetch_add(1, Relaxed);
        if news || asked || self.owing {
            self.out.push_waiting(Raw::PassEnded);
        }
        self.owing = news;
        news
    }
}

impl Cursor {
    /// Whether the ring is still in use, and whether there was anything in it.
    fn drain(&mut self, out: &Queue<Raw>, buffers: &Mutex<Vec<Vec<u64>>>) -> (bool, bool) {
        let mut news = false;
        loop {
            // Asked before the last look: what is written before closing is seen by that look.
            let closed = self.at.is_closed();
            if self.at.has_news() || self.at.has_ends() {
                news = true;
                let mut words = lock(buffers).pop().unwrap_or_default();
                let drained = self.at.drain(&mut words);
                let Self {
                    thread,
                    number: ring,
                    ..
                } = self;
                let (thread, ring) = (thread.clone(), *ring);
                out.push_waiting(Raw::Chunk(Chunk {
                    thread,
                    ring,
                    words,
                    boxes: drained.boxes,
                    ends: drained.ends,
                }));
            }
            if !closed {
                return (true, news);
            }
            match ring::retire(self.at) {
                Some(next) => self.at = next,
                None => return (false, news),
            }
        }
    }
}

#[cfg(all(test, agentops_loom))]
mod models;
