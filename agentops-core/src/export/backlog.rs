//! What waits for one exporter: in memory, then on disk, always in the order in which it came.
//!
//! The processor pushes, the exporter's thread takes, and a third thread writes to disk what memory has no room for, so
//! that the processor does no I/O. Where there is no disk to write to, who pushes waits while something moves; where
//! nothing does, less and less of each batch is kept. Knows batches, not who takes them or why that takes long.
//!
//! ```text
//! push → front                          while there is room in front, and nothing waits behind it
//!      → back → disk ┐                  else; the oldest is always in front, the newest in back
//!        front ← ────┘ → the exporter
//! ```

use std::collections::VecDeque;
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Batch;
use super::disk::Disk;
use super::thin::{self, Keep, Losses};
use crate::model::event::LossCause;
use crate::model::time::UnixNanos;
use crate::process::batch::Piece;
use crate::process::ticket::Ticket;
use crate::record::local;
use crate::sync::fixed::{Mutex, lock};

/// Bytes that whole batches may take, for one exporter, whatever they wait for.
pub(super) const WHOLE: usize = 6 << 20;
/// Bytes beyond which less and less of a batch is kept: what spans carried goes first, then spans that have not been
/// told of; the last of it is for what is said of sessions.
const WITHOUT_CONTENT: usize = 7 << 20;
const BEGUN_ONLY: usize = WITHOUT_CONTENT + (512 << 10);
pub(super) const LIMIT: usize = 8 << 20;
/// Bytes that wait in front where there is a disk. What comes then is written to it.
const FRONT: usize = 2 << 20;
/// How long one who pushes waits while nothing moves, and how often meanwhile it says that it does.
const PATIENCE: Duration = Duration::from_secs(1);
const SIGN_OF_LIFE: Duration = Duration::from_millis(40);
/// How long a disk that could not be written to is left alone.
const RETRY: Duration = Duration::from_secs(1);
/// How long a thread sleeps while nothing happens.
const IDLE: Duration = Duration::from_secs(60);

/// Where and how much may wait on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OverflowTo {
    pub(crate) directory: PathBuf,
    pub(crate) limit: u64,
}

/// The processor's and the exporter's shared end of it.
#[derive(Debug)]
pub(super) struct Backlog {
    state: Mutex<State>,
    changed: Condvar,
    /// Locked by who reads or writes files, never together with the state.
    disk: Option<Mutex<Disk>>,
}

#[derive(Debug)]
struct State {
    /// With the exporter at this moment.
    current: Option<Arc<Batch>>,
    front: VecDeque<Arc<Batch>>,
    back: VecDeque<Arc<Batch>>,
    /// Bytes of all three.
    bytes: usize,
    front_bytes: usize,
    /// Batches between front and back.
    on_disk: u64,
    /// The first of `back` is being written.
    spilling: bool,
    spiller: bool,
    /// The disk failed, and is left alone until then.
    disk_rests_until: Option<Instant>,
    /// Batches that came, and that went, one way or another.
    pushed: u64,
    gone: u64,
    /// Each with what was pushed before it.
    flushes: VecDeque<(u64, Arc<Ticket>)>,
    /// Counts each time that room was made, and what it was when somebody waited for that in vain.
    moved: u64,
    given_up_at: Option<u64>,
    closed: bool,
    /// When what is left then is left for good.
    deadline: Option<Instant>,
    /// Spans that had started by then may have been told as open.
    told: UnixNanos,
    losses: Losses,
    /// Something was left out since the last flush, or ever.
    incomplete: bool,
    /// Why a batch is not taken, as far as is known.
    cause: LossCause,
}

/// What an exporter's thread is to do.
#[derive(Debug)]
pub(super) enum Next {
    /// To offer this to the exporter; [`Backlog::taken`] or [`Backlog::refused`] is to follow.
    Batch(Arc<Batch>),
    /// To make sure of all that was taken.
    Flush(Arc<Ticket>),
    /// To tell what was left out.
    Losses,
    /// Nothing any more.
    Closed,
}

impl Backlog {
    pub(super) fn new(overflow: Option<OverflowTo>) -> Self {
        let state = State {
            current: None,
            front: VecDeque::new(),
            back: VecDeque::new(),
            bytes: 0,
            front_bytes: 0,
            on_disk: 0,
            spilling: false,
            spiller: false,
            disk_rests_until: None,
            pushed: 0,
            gone: 0,
            flushes: VecDeque::new(),
            moved: 0,
            given_up_at: None,
            closed: false,
            deadline: None,
            told: 0,
            losses: Losses::default(),
            incomplete: false,
            cause: LossCause::ExportFull,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            disk: overflow.map(|to| Mutex::new(Disk::new(to.directory, to.limit))),
        }
    }

    /// Takes a batch in, or as much of it as there is room for. `waiting` is called every now and then while it waits.
    pub(super) fn push(self: &Arc<Self>, batch: &Arc<Batch>, waiting: impl Fn()) {
        let mut state = lock(&self.state);
        let mut still_since = Instant::now();
        let mut seen = state.moved;
        while !state.closed && !state.fits(batch, WHOLE) {
            if state.given_up_at == Some(state.moved) {
                // Nothing has moved since somebody waited in vain.
                let (told, cause) = (state.told, state.cause);
                drop(state);
                return self.push_less(batch, told, cause);
            }
            waiting();
            state = self.wait(state, SIGN_OF_LIFE);
            if state.moved != seen {
                (seen, still_since) = (state.moved, Instant::now());
            } else if still_since.elapsed() >= PATIENCE {
                state.given_up_at = Some(seen);
            }
        }
        self.admit(state, batch.clone());
    }

    /// Takes in what there is room for. Nobody else pushes, so that room can only grow meanwhile.
    #[cold]
    fn push_less(self: &Arc<Self>, batch: &Batch, told: UnixNanos, cause: LossCause) {
        let levels = [
            (Keep::Spans, WITHOUT_CONTENT),
            (Keep::Begun(told), BEGUN_ONLY),
            (Keep::Facts, LIMIT),
        ];
        for (keep, limit) in levels {
            if lock(&self.state).bytes >= limit {
                continue;
            }
            let (less, losses) = thin::thin(batch, keep, cause);
            let mut state = lock(&self.state);
            if state.fits(&less, limit) {
                state.incomplete |= !losses.is_empty();
                state.losses.add_all(losses);
                if !less.frames.is_empty() {
                    self.admit(state, Arc::new(less));
                }
                return;
            }
        }
        lock(&self.state).lose(batch);
    }

    fn admit(self: &Arc<Self>, mut state: MutexGuard<'_, State>, batch: Arc<Batch>) {
        if state.closed {
            state.lose(&batch);
            return;
        }
        state.pushed += 1;
        state.told = state.told.max(batch.latest);
        let weight = weight(&batch);
        state.bytes += weight;
        let front = if self.disk.is_some() { FRONT } else { LIMIT };
        let in_order = state.back.is_empty() && state.on_disk == 0;
        if in_order && (state.front.is_empty() || state.front_bytes + weight <= front) {
            state.front_bytes += weight;
            state.front.push_back(batch);
        } else {
            state.back.push_back(batch);
            self.start_spiller(&mut state);
        }
        self.changed.notify_all();
    }

    /// Where no thread can be had, there is no disk.
    fn start_spiller(self: &Arc<Self>, state: &mut State) {
        if state.spiller || self.disk.is_none() {
            return;
        }
        let this = self.clone();
        let thread = thread::Builder::new().name("agentops-overflow".into());
        state.spiller = thread.spawn(move || this.spill()).is_ok();
    }

    /// Writes to disk what is in back, until nothing comes any more.
    fn spill(&self) {
        local::mute();
        let Some(disk) = &self.disk else { return };
        let mut state = lock(&self.state);
        while !state.closed {
            let rest = state
                .disk_rests_until
                .map(|until| until.saturating_duration_since(Instant::now()));
            if let Some(rest) = rest.filter(|rest| !rest.is_zero()) {
                state = self.wait(state, rest);
                continue;
            }
            state.disk_rests_until = None;
            let Some(batch) = state.back.front().cloned() else {
                state = self.wait(state, IDLE);
                continue;
            };
            state.spilling = true;
            drop(state);
            // Held until the batch is in one place only: `abandon` counts what is on disk and what is in memory.
            let mut disk = lock(disk);
            let waits = lock(&self.state).is_next_to_spill(&batch);
            let written = waits.then(|| disk.append(&batch));
            state = lock(&self.state);
            state.spilling = false;
            match written {
                Some(Ok(())) => {
                    state.back.pop_front();
                    state.bytes -= weight(&batch);
                    state.on_disk += 1;
                    state.moved += 1;
                }
                Some(Err(_)) => state.disk_rests_until = Some(Instant::now() + RETRY),
                // It was given up meanwhile, and counted.
                None => {}
            }
            drop(disk);
            self.changed.notify_all();
        }
    }

    /// What is to be done next, waited for.
    pub(super) fn next(&self) -> Next {
        let mut state = lock(&self.state);
        loop {
            if let Some(flush) = state.due_flush() {
                return Next::Flush(flush);
            }
            if state.closed
                && state
                    .deadline
                    .is_some_and(|deadline| deadline <= Instant::now())
            {
                return Next::Closed;
            }
            if let Some(batch) = state.front.pop_front() {
                state.front_bytes -= weight(&batch);
                state.current = Some(batch.clone());
                return Next::Batch(batch);
            }
            if state.on_disk > 0 {
                drop(state);
                self.read();
                state = lock(&self.state);
            } else if !state.spilling
                && let Some(batch) = state.back.pop_front()
            {
                state.current = Some(batch.clone());
                return Next::Batch(batch);
            } else if state.back.is_empty() && state.closed {
                return Next::Closed;
            } else if !state.losses.is_empty() && state.back.is_empty() {
                return Next::Losses;
            } else {
                state = self.wait(state, IDLE);
            }
        }
    }

    /// Brings the oldest batch on disk to the front.
    fn read(&self) {
        let Some(disk) = &self.disk else { return };
        let read = lock(disk).take();
        let mut state = lock(&self.state);
        match read {
            Ok(Some(batch)) => {
                let weight = weight(&batch);
                state.on_disk -= 1;
                state.bytes += weight;
                state.front_bytes += weight;
                state.front.push_back(Arc::new(batch));
                // There is room on it again.
                state.disk_rests_until = None;
            }
            Ok(None) => state.on_disk = 0,
            Err(unreadable) => {
                state.on_disk = state.on_disk.saturating_sub(unreadable.batches);
                state.gone += unreadable.batches;
                state.incomplete = true;
                state.losses.add_all(unreadable.losses);
            }
        }
        self.changed.notify_all();
    }

    /// The exporter has taken the batch that it was offered.
    pub(super) fn taken(&self) {
        let mut state = lock(&self.state);
        state.cause = LossCause::ExportFull;
        if let Some(batch) = state.current.take() {
            state.bytes -= weight(&batch);
            state.gone += 1;
            state.moved += 1;
        }
        self.changed.notify_all();
    }

    /// How many flushes wait: those who do when a batch is offered again fail with it.
    pub(super) fn flushes(&self) -> usize {
        lock(&self.state).flushes.len()
    }

    /// The exporter has not taken the batch, which is kept. So many flushes, the oldest, come to nothing.
    /// Waits until it should be offered again; `false`: never.
    pub(super) fn refused(&self, cause: LossCause, flushes: usize) -> bool {
        let mut state = lock(&self.state);
        state.cause = cause;
        for (_, ticket) in state.flushes.drain(..flushes) {
            ticket.done(false);
        }
        let again = Instant::now() + RETRY;
        let was_closed = state.closed;
        loop {
            let rest = again.saturating_duration_since(Instant::now());
            if was_closed {
                // It has had its last chance.
                return false;
            }
            if rest.is_zero() || state.closed || !state.flushes.is_empty() {
                return true;
            }
            state = self.wait(state, rest);
        }
    }

    /// Asks for all that was pushed to be kept.
    pub(super) fn flush(&self, ticket: Arc<Ticket>) {
        let mut state = lock(&self.state);
        if state.closed {
            return ticket.done(false);
        }
        let pushed = state.pushed;
        state.flushes.push_back((pushed, ticket));
        self.changed.notify_all();
    }

    /// Whether nothing was left out since this was last asked.
    pub(super) fn is_complete(&self) -> bool {
        !mem::take(&mut lock(&self.state).incomplete)
    }

    /// What was left out, and was not told yet; whoever asks tells it, or [gives it back](Self::give_back).
    pub(super) fn losses(&self) -> Losses {
        mem::take(&mut lock(&self.state).losses)
    }

    pub(super) fn give_back(&self, losses: Losses) {
        lock(&self.state).losses.add_all(losses);
    }

    /// Nothing more comes; what is there can still be taken.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// When it is closed: what is not taken by then is left for good.
    pub(super) fn leave_by(&self, deadline: Instant) {
        lock(&self.state).deadline = Some(deadline);
        self.changed.notify_all();
    }

    /// Gives up all that is left, and counts it. What is said in it of sessions, as far as that is at hand, is short
    /// enough for last words.
    pub(super) fn abandon(&self) -> Option<Batch> {
        let mut last = Batch::default();
        let mut facts = |batch: &Batch| thin::facts(batch, &mut last.frames);
        let mut disk = self.disk.as_ref().map(|disk| lock(disk));
        let on_disk = disk.as_mut().map(|disk| disk.clear(&mut facts));
        let mut state = lock(&self.state);
        let state = &mut *state;
        let cause = match state.cause {
            LossCause::ExportFull => LossCause::Shutdown,
            known => known,
        };
        let left = state.current.take().into_iter();
        let left = left
            .chain(state.front.drain(..))
            .chain(state.back.drain(..));
        for batch in left.collect::<Vec<_>>() {
            facts(&batch);
            state.losses.add_all(thin::lose(&batch, cause));
        }
        let on_disk = on_disk.unwrap_or_default();
        state
            .losses
            .add_all(on_disk.renamed(LossCause::Shutdown, cause));
        (state.bytes, state.front_bytes, state.on_disk) = (0, 0, 0);
        state.incomplete |= !state.losses.is_empty();
        for (_, ticket) in state.flushes.drain(..) {
            ticket.done(false);
        }
        (!last.frames.is_empty()).then_some(last)
    }

    /// Bytes that wait in memory.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        lock(&self.state).bytes
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, patience: Duration) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, patience);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    /// Whether the batch still waits where the spiller found it.
    fn is_next_to_spill(&self, batch: &Arc<Batch>) -> bool {
        self.back
            .front()
            .is_some_and(|next| Arc::ptr_eq(next, batch))
    }

    /// Whether so much more fits into memory; one batch always does.
    fn fits(&self, batch: &Batch, limit: usize) -> bool {
        self.bytes == 0 || self.bytes + weight(batch) <= limit
    }

    /// Counts all of a batch as left out.
    fn lose(&mut self, batch: &Batch) {
        self.incomplete = true;
        self.losses.add_all(thin::lose(batch, self.cause));
    }

    fn due_flush(&mut self) -> Option<Arc<Ticket>> {
        let (before, _) = self.flushes.front()?;
        if *before > self.gone {
            return None;
        }
        self.flushes.pop_front().map(|(_, ticket)| ticket)
    }
}

/// Bytes that a batch holds. Its pieces' own bytes are the processor's.
fn weight(batch: &Batch) -> usize {
    batch.frames.len() + batch.pieces.len() * size_of::<Piece>() + 128
}
