//! What the processor keeps beyond a pass, and when it forgets it: threads that ended, agents of long ago, and what a
//! later run of the recorder needs of this one.
//!
//! Nothing that a span which is open refers to is forgotten. Stands beside `join`, and looks at its state; knows
//! nothing of records.

use std::collections::{HashMap, HashSet, VecDeque};
use std::mem;
use std::sync::Arc;

use super::{Ids, Open, Processor, ScopeInfo, SessionInfo};
use crate::process::batch::Shared;
use crate::process::encode;
use crate::record::ring::ThreadName;
use crate::record::scope::default_word;
use crate::record::word;
use crate::sync::Relaxed;
use crate::sync::fixed::{AtomicU64, Mutex, lock};

/// Threads beyond which those that ended are looked for.
const THREADS: usize = 256;
/// Agents of one session beyond which all but the newest are forgotten, and how many these are.
pub(super) const AGENTS_AT_MOST: usize = 8 * 1024;
const AGENTS: usize = 4096;

/// Threads that spans started on, by a number that is given again when a thread is forgotten.
#[derive(Debug, Default)]
pub(super) struct Threads {
    slots: Vec<Option<Known>>,
    numbers: HashMap<u64, u32>,
    free: Vec<u32>,
    /// How many threads are a reason to look for some to forget.
    patience: usize,
}

#[derive(Debug)]
struct Known {
    /// Shared with the drainer and with words on their way: whoever holds it alone knows that the thread has ended.
    name: Arc<ThreadName>,
    shared: Shared,
}

impl Threads {
    pub(super) fn number(&mut self, thread: &Arc<ThreadName>) -> Option<u32> {
        let number = *self.numbers.get(&thread.id)?;
        let known = self.slots[number as usize].as_mut()?;
        if !Arc::ptr_eq(&known.name, thread) {
            // Met again by the drainer of another run.
            known.name = thread.clone();
        }
        Some(number)
    }

    pub(super) fn add(&mut self, name: Arc<ThreadName>, shared: Shared) -> u32 {
        let number = self.free.pop().unwrap_or(self.slots.len() as u32);
        self.numbers.insert(name.id, number);
        let known = Some(Known { name, shared });
        match self.slots.get_mut(number as usize) {
            Some(slot) => *slot = known,
            None => self.slots.push(known),
        }
        number
    }

    pub(super) fn shared(&mut self, number: u32) -> Option<&mut Shared> {
        let known = self.slots.get_mut(number as usize)?.as_mut()?;
        Some(&mut known.shared)
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    fn forget_ended(&mut self, in_use: &HashSet<u32>) {
        for (number, slot) in self.slots.iter_mut().enumerate() {
            let ended = slot.take_if(|known| {
                Arc::strong_count(&known.name) == 1 && !in_use.contains(&(number as u32))
            });
            if let Some(known) = ended {
                self.numbers.remove(&known.name.id);
                self.free.push(number as u32);
            }
        }
    }
}

/// What outlives a run of the recorder: sessions that are still open, and spans that still have to end.
#[derive(Debug)]
struct Remains {
    scopes: Ids<u64, ScopeInfo>,
    sessions: Ids<u128, SessionInfo>,
    ended_sessions: VecDeque<(u128, u64)>,
    homeless: Scopes,
    roots: Ids<u64, u128>,
    threads: Threads,
    open: Ids<u64, Open>,
    next_piece: u32,
    batch_number: u64,
}

static REMAINS: Mutex<Option<Box<Remains>>> = Mutex::new(None);
/// How many runs have begun.
static RUNS: AtomicU64 = AtomicU64::new(0);

impl Processor {
    /// Leaves what the next run goes on with.
    pub(super) fn leave(&mut self) {
        if RUNS.load(Relaxed) != self.run {
            // Somebody else records by now: what this run knows came too late.
            return;
        }
        self.scopes.extend(mem::take(&mut self.past));
        let remains = Remains {
            scopes: mem::take(&mut self.scopes),
            sessions: mem::take(&mut self.sessions),
            ended_sessions: mem::take(&mut self.ended_sessions),
            homeless: mem::take(&mut self.homeless),
            roots: mem::take(&mut self.roots),
            threads: mem::take(&mut self.threads),
            open: mem::take(&mut self.open),
            next_piece: self.next_piece,
            batch_number: self.batch_number,
        };
        *lock(&REMAINS) = Some(Box::new(remains));
    }

    /// Goes on where the run before left off. Exporters are others now, so they are told of what is still open.
    pub(super) fn resume(&mut self) {
        self.run = RUNS.fetch_add(1, Relaxed) + 1;
        let Some(remains) = lock(&REMAINS).take() else {
            return;
        };
        self.scopes = remains.scopes;
        self.sessions = remains.sessions;
        self.ended_sessions = remains.ended_sessions;
        self.homeless = remains.homeless;
        self.roots = remains.roots;
        self.threads = remains.threads;
        self.open = remains.open;
        self.next_piece = remains.next_piece;
        self.batch_number = remains.batch_number;
        for session in self.sessions.values_mut() {
            session.changed = session.facts.end.is_none() || session.open > 0;
        }
        let sessions = &self.sessions;
        let past = self.scopes.extract_if(|_, scope| {
            let session = sessions.get(&scope.session);
            session.is_some_and(|session| !session.changed)
        });
        self.past.extend(past);
        self.opened = self.open.keys().copied().collect();
        self.redact_again();
    }

    /// Puts what is known already through rules that it did not come by. An agent that is open keeps the name, role and
    /// model that it has.
    pub(super) fn redact_again(&mut self) {
        self.sites.clear();
        self.learn_sites();
        let pieces: Vec<_> = (0..self.threads.slots.len())
            .map(|number| {
                let known = self.threads.slots[number].as_ref()?;
                Some(encode::thread_piece(&known.name, &self.redactor))
            })
            .collect();
        for (number, piece) in pieces.into_iter().enumerate() {
            let shared = piece.map(|piece| self.share(piece));
            if let (Some(shared), Some(known)) = (shared, &mut self.threads.slots[number]) {
                known.shared = shared;
            }
        }
        for session in self.sessions.values_mut() {
            self.redactor.facts(&mut session.facts);
        }
        for (id, mut open) in mem::take(&mut self.open) {
            if let Some(mut notes) = open.notes.take() {
                let place = self.place(&open);
                let texts = notes.tags.iter_mut().map(|tag| ("/tags", tag));
                let name = notes.name.as_mut().map(|name| ("/name", name));
                texts
                    .chain(name)
                    .for_each(|(path, text)| self.redactor.text(place, path, text));
                self.redactor
                    .attributes(place, "/attributes", &mut notes.attributes);
                if let Some(error) = &mut notes.error {
                    self.redactor.error(place, error);
                }
                open.notes = Some(notes);
            }
            self.open.insert(id, open);
        }
    }

    /// Goes on with a scope of a session that ended in an earlier run, and tells this run's exporters of it.
    #[cold]
    pub(super) fn recall(&mut self, scope: u64) -> bool {
        let Some(info) = self.past.remove(&scope) else {
            return false;
        };
        if let Some(session) = self.sessions.get_mut(&info.session) {
            session.changed = true;
        }
        self.scopes.insert(scope, info);
        true
    }

    /// Forgets threads that ended, once there are many: no span that is open started on them, and none is on its way.
    pub(super) fn forget_threads(&mut self) {
        if self.threads.len() < self.threads.patience.max(THREADS) {
            return;
        }
        let open = self.open.values().map(|open| open.thread);
        let waiting = self.waiting.iter().map(|waiting| waiting.thread);
        let in_use = open.chain(waiting).collect();
        self.threads.forget_ended(&in_use);
        self.threads.patience = self.threads.len() * 2;
    }

    /// Remembers that a scope is of this session, and forgets agents of a session that goes on and on: the oldest, of
    /// which no span is open. One that is entered again is declared again.
    pub(super) fn own_scope(&mut self, session: u128, scope: u64) {
        let Self {
            sessions,
            homeless,
            scopes,
            open,
            waiting,
            ..
        } = self;
        let info = sessions.get_mut(&session);
        let owned = info.map_or(homeless, |info| &mut info.scopes);
        owned.words.push(scope);
        if owned.words.len() < owned.patience.max(AGENTS_AT_MOST) {
            return;
        }
        let open = open.values().map(|open| open.scope);
        let waiting = waiting.iter().filter_map(|waiting| {
            let start = word::tag(waiting.record[0]) == word::START;
            start.then_some(waiting.record[3])
        });
        let mut in_use: HashSet<u64> = open.chain(waiting).collect();
        in_use.insert(default_word(session));
        let newest = owned.words.split_off(owned.words.len() - AGENTS);
        owned.words.retain(|scope| {
            let kept = in_use.contains(scope);
            if !kept {
                scopes.remove(scope);
            }
            kept
        });
        owned.words.extend(newest);
        owned.patience = owned.words.len() * 2;
    }
}

/// Scopes of a session, in the order in which they were declared.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    pub(super) words: Vec<u64>,
    /// How many are a reason to look for some to forget.
    patience: usize,
}
