//! The processor: a thread that makes spans of records.
//!
//! START and END meet here, scopes get their names, sessions their ends. A record may be read before one that was
//! written earlier on another thread; it then waits for one more pass, in which the earlier one must turn up.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::batch::{Batch, Piece};
use super::drain::{Buffers, Chunk, Raw};
use super::encode::{self, End, Notes, Own};
use super::queue::Queue;
use super::ticket::Ticket;
use crate::export::Outlet;
use crate::model::agent::AgentRef;
use crate::model::error::ErrorRecord;
use crate::model::event::{Loss, LossCause};
use crate::model::frame;
use crate::model::id::{AgentId, SessionId, SpanId, TraceId};
use crate::model::session::{EndState, SessionFacts};
use crate::model::span::{Level, Link, Log, SpanKind};
use crate::model::wire;
use crate::monitor::heartbeat;
use crate::record::callsite::{self, Callsite};
use crate::record::clock::{self, Anchor};
use crate::record::local;
use crate::record::note;
use crate::record::ring::{PROGRESS, ThreadName};
use crate::record::scope::{Scope, root_of};
use crate::record::word;
use crate::stats::Totals;
use crate::sync::{Relaxed, lock};

/// A batch goes out at the end of a pass, or when it has grown this large, in bytes.
const BATCH: usize = 512 * 1024;
/// Passes that a record waits for what it refers to.
const PATIENCE: u64 = 2;
/// Sessions that ended are remembered for spans that still come, so many of them and so long.
const REMEMBERED: usize = 4096;
const REMEMBERED_FOR: u64 = 60_000_000_000;

/// Records after which those who wait for room are told that there is progress.
const PROGRESS_EVERY: u32 = 256;

/// Ids are random already.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }

    fn write_u128(&mut self, id: u128) {
        self.0 = id as u64 ^ (id >> 64) as u64;
    }
}

type Ids<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// A piece, and the last batch that has it.
#[derive(Debug)]
struct Shared {
    piece: Piece,
    batch: u64,
}

#[derive(Debug)]
struct ScopeInfo {
    session: u128,
    trace: u128,
    agent: String,
    shared: Shared,
}

#[derive(Debug)]
struct SessionInfo {
    facts: SessionFacts,
    /// What its owner said, before its span ended.
    end: Option<(EndState, Option<String>)>,
    /// Something is to be told before the pass is over.
    changed: bool,
    scopes: Vec<u64>,
    ended: Option<u64>,
}

/// A span between its START and its END.
#[derive(Debug)]
struct Open {
    site: u32,
    thread: u32,
    scope: u64,
    parent: u64,
    start: u64,
    start_raw: u64,
    adopted: bool,
    /// A model call within this one said what it used: this one only repeats it.
    counted_below: bool,
    input: Payload,
    notes: Option<Box<Notes>>,
}

/// Captured values: in the pass's own memory, or kept beyond it.
#[derive(Debug)]
enum Payload {
    None,
    Arena(Range<usize>),
    Kept(Box<[u8]>),
}

/// A record that came before what it refers to.
#[derive(Debug)]
struct Waiting {
    since: u64,
    thread: u32,
    record: [u64; 5],
    payload: Box<[u8]>,
}

/// The processor's own state.
#[derive(Debug)]
pub(crate) struct Processor {
    input: Arc<Queue<Raw>>,
    buffers: Buffers,
    outlets: Vec<Outlet>,
    totals: Arc<Totals>,
    anchor: Anchor,
    pass: u64,
    sites: Vec<(&'static Callsite, Shared)>,
    scopes: Ids<u64, ScopeInfo>,
    sessions: Ids<u128, SessionInfo>,
    ended_sessions: usize,
    /// Sessions by the id of their own span.
    roots: Ids<u64, u128>,
    threads: Vec<Shared>,
    thread_numbers: HashMap<u64, u32>,
    open: Ids<u64, Open>,
    /// Spans that started in this pass.
    opened: Vec<u64>,
    /// Payloads of this pass.
    arena: Vec<u8>,
    /// Payloads that arrived before their record, by ring.
    boxes: HashMap<usize, std::collections::VecDeque<Box<[u8]>>>,
    waiting: Vec<Waiting>,
    batch: Batch,
    batch_number: u64,
    next_piece: u32,
    span: Vec<u8>,
    lost_in_rings: u64,
    lost_without_start: u64,
    /// Spans whose encoding is longer than a frame may be.
    lost_too_long: u64,
    next_heartbeat: u64,
}

impl Processor {
    pub(crate) fn new(
        input: Arc<Queue<Raw>>,
        buffers: Buffers,
        outlets: Vec<Outlet>,
        totals: Arc<Totals>,
    ) -> Self {
        Self {
            input,
            buffers,
            outlets,
            totals,
            anchor: Anchor::now(),
            pass: 0,
            sites: Vec::new(),
            scopes: Ids::default(),
            sessions: Ids::default(),
            ended_sessions: 0,
            roots: Ids::default(),
            threads: Vec::new(),
            thread_numbers: HashMap::new(),
            open: Ids::default(),
            opened: Vec::new(),
            arena: Vec::new(),
            boxes: HashMap::new(),
            waiting: Vec::new(),
            batch: Batch::default(),
            batch_number: 1,
            next_piece: 0,
            span: Vec::new(),
            lost_in_rings: local::LOST.0.load(Relaxed),
            lost_without_start: 0,
            lost_too_long: 0,
            next_heartbeat: clock::monotonic_ns() + heartbeat::EVERY,
        }
    }

    /// Runs until the drainer has left.
    pub(crate) fn run(mut self) {
        local::mute();
        loop {
            match self.input.pop(Duration::from_secs(5)) {
                Some(Raw::Chunk(chunk)) => self.chunk(chunk),
                Some(Raw::PassEnded) => self.pass_ended(),
                Some(Raw::Flush(ticket)) => self.flush(&ticket),
                None if self.input.is_done() => break,
                None => {}
            }
            self.beat();
        }
        self.pass += PATIENCE;
        self.end_pass();
        self.outlets.iter().for_each(|outlet| outlet.close());
    }

    fn chunk(&mut self, mut chunk: Chunk) {
        self.anchor.renew();
        let thread = self.thread(&chunk.thread);
        if !chunk.boxes.is_empty() {
            self.boxes
                .entry(chunk.ring)
                .or_default()
                .append(&mut chunk.boxes);
        }
        let words = mem::take(&mut chunk.words);
        let mut rest = &words[..];
        let mut records = 0_u32;
        while let Some(&first) = rest.first() {
            let fixed = word::fixed(word::tag(first));
            let length = word::length(first);
            let Some((record, after)) = rest.split_at_checked(fixed) else {
                break;
            };
            let Some((payload, after)) = after.split_at_checked(length.div_ceil(8)) else {
                break;
            };
            rest = after;
            let mut padded = [0; 5];
            padded[..fixed].copy_from_slice(record);
            let payload = self.payload(chunk.ring, first, payload, length);
            self.record(padded, payload, thread);
            if self.batch.frames.len() > BATCH {
                self.ship();
            }
            records += 1;
            if records.is_multiple_of(PROGRESS_EVERY) {
                PROGRESS.0.fetch_add(1, Relaxed);
            }
        }
        PROGRESS.0.fetch_add(1, Relaxed);
        for [first, span, clock] in chunk.ends {
            self.record([first, span, clock, 0, 0], Payload::None, thread);
        }
        let mut words = words;
        words.clear();
        let mut buffers = lock(&self.buffers);
        if buffers.len() < 16 {
            buffers.push(words);
        }
    }

    /// A record's payload, wherever it came from.
    fn payload(&mut self, ring: usize, first: u64, words: &[u64], length: usize) -> Payload {
        if first & word::BOXED != 0 {
            let boxed = self
                .boxes
                .get_mut(&ring)
                .and_then(std::collections::VecDeque::pop_front);
            return boxed.map_or(Payload::None, Payload::Kept);
        }
        if length == 0 {
            return Payload::None;
        }
        let at = self.arena.len();
        self.arena.reserve(words.len() * 8);
        for word in words {
            self.arena.extend_from_slice(&word.to_le_bytes());
        }
        self.arena.truncate(at + length);
        Payload::Arena(at..at + length)
    }

    fn record(&mut self, record: [u64; 5], payload: Payload, thread: u32) {
        if let Err(payload) = self.resolve(record, payload, thread) {
            let payload = self.keep(payload);
            self.waiting.push(Waiting {
                since: self.pass,
                thread,
                record,
                payload,
            });
        }
    }

    /// Gives the payload back where the record came before what it refers to.
    fn resolve(&mut self, record: [u64; 5], payload: Payload, thread: u32) -> Result<(), Payload> {
        let [first, id, ..] = record;
        match word::tag(first) {
            word::START => self.started(record, payload, thread),
            word::END | word::END_ASYNC => match self.open.remove(&id) {
                Some(open) => {
                    self.ended(record, &open, &payload);
                    Ok(())
                }
                None => Err(payload),
            },
            word::NOTE => self.noted(record, payload),
            word::SCOPE => {
                self.scope(id, record[2], &payload);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn started(
        &mut self,
        [first, id, parent, scope, clock]: [u64; 5],
        input: Payload,
        thread: u32,
    ) -> Result<(), Payload> {
        let Some(info) = self.scopes.get(&scope) else {
            return Err(input);
        };
        if parent == 0 {
            self.roots.insert(id, info.session);
        }
        let open = Open {
            site: word::low(first),
            thread,
            scope,
            parent,
            start: self.anchor.unix(clock),
            start_raw: clock,
            adopted: first & word::ADOPTED != 0,
            counted_below: false,
            input,
            notes: None,
        };
        self.opened.push(id);
        self.open.insert(id, open);
        Ok(())
    }

    fn scope(&mut self, word: u64, clock: u64, payload: &Payload) {
        let known = self.scopes.contains_key(&word);
        let Some(scope) = Scope::read(payload.bytes(&self.arena)) else {
            return;
        };
        if let Some(opened) = &scope.opened {
            let root = root_of(scope.session);
            let facts = SessionFacts {
                id: SessionId(scope.session),
                trace_id: TraceId(scope.trace),
                root: SpanId(root).some(),
                parent_session_id: (opened.parent_session != 0)
                    .then_some(SessionId(opened.parent_session)),
                name: opened.name.clone(),
                start: self.anchor.unix(clock),
                tags: opened.tags.clone(),
                ..SessionFacts::default()
            };
            let info = SessionInfo {
                facts,
                end: None,
                changed: true,
                scopes: Vec::new(),
                ended: None,
            };
            self.sessions.insert(scope.session, info);
            self.roots.insert(root, scope.session);
        }
        if known {
            return;
        }
        if let Some(session) = self.sessions.get_mut(&scope.session) {
            session.scopes.push(word);
        }
        let shared = self.share(encode::scope_piece(&scope));
        let info = ScopeInfo {
            session: scope.session,
            trace: scope.trace,
            agent: scope.agent_name,
            shared,
        };
        self.scopes.insert(word, info);
    }

    fn ended(&mut self, record: [u64; 5], open: &Open, payload: &Payload) {
        let [first, id, clock, polls, busy] = record;
        let time = open.start + clock::between(open.start_raw, clock);
        let failed = first & word::FAILED != 0;
        let cancelled = first & word::CANCELLED != 0;
        let values = payload.bytes(&self.arena);
        let error = failed.then(|| self.error(id, open, values, time));
        self.end_session(id, time, error.as_ref(), cancelled);
        let mut buffer = mem::take(&mut self.span);
        buffer.clear();
        let end = End {
            time,
            cancelled,
            output: (first & word::CAPTURED != 0 && !failed).then(|| payload.bytes(&self.arena)),
            error,
            polls: (word::tag(first) == word::END_ASYNC).then(|| (polls, clock::between(0, busy))),
            facts: self
                .roots
                .get(&id)
                .and_then(|session| Some(&self.sessions.get(session)?.facts)),
        };
        let mut bytes = buffer;
        let call = encode::ended(&mut bytes, &self.own(id, open), &end);
        if let Some(call) = call.filter(|call| call.usage.is_some() || call.cost.is_some()) {
            self.count(open, call.cost.map(|cost| cost.total));
        }
        self.append(frame::Kind::Span, open, &bytes);
        self.span = bytes;
        self.batch.spans += 1;
        self.totals.add_span();
    }

    /// The error record that an END carries; an END that lost its payload still failed.
    fn error(&self, id: u64, open: &Open, values: &[u8], time: u64) -> ErrorRecord {
        let kind = self.sites[open.site as usize - 1].0.meta.kind;
        let mut error = read_error(values, kind, time);
        error.span_trace = self.span_trace(id, open);
        error
    }

    /// Names from the session inwards, of spans that are still open.
    fn span_trace(&self, id: u64, open: &Open) -> Vec<String> {
        let mut names = vec![self.name(open).to_owned()];
        let mut parent = open.parent;
        while let Some(next) = self
            .open
            .get(&parent)
            .filter(|_| parent != id && names.len() < 256)
        {
            names.push(self.name(next).to_owned());
            parent = next.parent;
        }
        names.reverse();
        names
    }

    fn name<'a>(&'a self, open: &Open) -> &'a str {
        let site = self.sites[open.site as usize - 1].0;
        self.dynamic_name(site.meta.kind, open.scope)
            .unwrap_or(site.meta.name)
    }

    /// Agents and sessions are named by who they are.
    fn dynamic_name(&self, kind: SpanKind, scope: u64) -> Option<&str> {
        let info = self.scopes.get(&scope)?;
        match kind {
            SpanKind::Agent => Some(&info.agent),
            SpanKind::Session => Some(&self.sessions.get(&info.session)?.facts.name),
            _ => None,
        }
    }

    /// Settles how a session ended, when its own span does.
    fn end_session(&mut self, span: u64, time: u64, error: Option<&ErrorRecord>, cancelled: bool) {
        let Some(session) = self
            .roots
            .get(&span)
            .and_then(|session| self.sessions.get_mut(session))
        else {
            return;
        };
        if session.facts.end.is_some() {
            return;
        }
        let (state, reason) = match (session.end.take(), error) {
            (Some(said), _) => said,
            (None, Some(error)) => (EndState::Error, Some(reason(error))),
            (None, None) if cancelled => (EndState::Indeterminate, Some("cancelled".into())),
            (None, None) => (EndState::Success, None),
        };
        session.facts.end = Some(time);
        session.facts.end_state = Some(state);
        session.facts.end_state_reason = reason;
        session.changed = true;
        session.ended = Some(clock::monotonic_ns());
        self.ended_sessions += 1;
    }

    /// Adds a model call to the totals, unless calls within it have been added already.
    fn count(&mut self, open: &Open, cost: Option<i64>) {
        if !open.counted_below {
            self.totals.add_cost(cost);
        }
        let mut parent = open.parent;
        for _ in 0..self.open.len() {
            let Some(above) = self.open.get_mut(&parent) else {
                break;
            };
            above.counted_below = true;
            parent = above.parent;
        }
    }

    fn own<'a>(&'a self, id: u64, open: &'a Open) -> Own<'a> {
        let meta = &self.sites[open.site as usize - 1].0.meta;
        let trace = self.scopes.get(&open.scope).map_or(0, |scope| scope.trace);
        let input = open.input.bytes(&self.arena);
        Own {
            meta,
            trace,
            id,
            parent: open.parent,
            adopted: open.adopted,
            start: open.start,
            dynamic_name: self.dynamic_name(meta.kind, open.scope),
            input: (!input.is_empty()).then_some(input),
            notes: open.notes.as_deref(),
        }
    }

    fn append(&mut self, kind: frame::Kind, open: &Open, bytes: &[u8]) {
        let Self {
            sites,
            scopes,
            threads,
            batch,
            batch_number,
            ..
        } = self;
        let mut refs = [0; 3];
        let mut count = 0;
        let site = sites
            .get_mut(open.site as usize - 1)
            .map(|(_, shared)| shared);
        let scope = scopes.get_mut(&open.scope).map(|scope| &mut scope.shared);
        for shared in [site, scope, threads.get_mut(open.thread as usize)]
            .into_iter()
            .flatten()
        {
            if shared.batch != *batch_number {
                shared.batch = *batch_number;
                batch.pieces.push(shared.piece.clone());
            }
            refs[count] = shared.piece.number;
            count += 1;
        }
        if frame::append_span(&mut batch.frames, kind, &refs[..count], bytes).is_err() {
            self.lost_too_long += 1;
        }
    }

    /// Frames of a few values; a frame cannot be too short, and these cannot be too long.
    fn append_plain(&mut self, kind: frame::Kind, payload: &[u8]) {
        if frame::append(&mut self.batch.frames, kind, &[payload]).is_err() {
            self.lost_too_long += 1;
        }
    }

    fn noted(&mut self, record: [u64; 5], payload: Payload) -> Result<(), Payload> {
        let [first, span, clock, ..] = record;
        let kind = word::low(first);
        let time = self.anchor.unix(clock);
        let bytes = payload.bytes(&self.arena);
        if matches!(
            kind,
            note::END_STATE
                | note::TAG
                | note::USER
                | note::CONVERSATION
                | note::VIDEO
                | note::SESSION_ATTRIBUTE
        ) {
            let Some(session) = self
                .roots
                .get(&span)
                .and_then(|id| self.sessions.get_mut(id))
            else {
                return Err(payload);
            };
            session.note(kind, bytes);
            return Ok(());
        }
        if kind == note::LOG {
            let Some(open) = self.open.get(&span) else {
                return Err(payload);
            };
            let Some(scope) = self.scopes.get(&open.scope) else {
                return Ok(());
            };
            let log = read_log(bytes, time);
            let record = wire::encode_log(
                &log,
                SessionId(scope.session),
                TraceId(scope.trace),
                SpanId(span),
            );
            self.append_plain(frame::Kind::Log, &record);
            return Ok(());
        }
        let Some(mut open) = self.open.remove(&span) else {
            return Err(payload);
        };
        let notes = open.notes.get_or_insert_default();
        match kind {
            note::ATTRIBUTE => {
                let (key, value) = read_keyed(bytes);
                notes.attributes.insert(key, value);
            }
            note::LINK => notes.links.extend(read_link(bytes)),
            note::ERROR => {
                let error = self.error(span, &open, bytes, time);
                open.notes.get_or_insert_default().error = Some(error);
            }
            _ => {}
        }
        self.open.insert(span, open);
        Ok(())
    }

    /// Every ring has been looked at. A flush is no pass: what waits must not lose patience over it.
    fn pass_ended(&mut self) {
        self.pass += 1;
        self.end_pass();
    }

    /// What is still waiting is tried again, what is still open is told.
    fn end_pass(&mut self) {
        self.retry();
        self.write_pending();
        self.write_sessions();
        self.write_losses();
        self.arena.clear();
        self.ship();
        self.forget_sessions();
    }

    fn retry(&mut self) {
        // An END may wait for a START that waits for its scope: each round resolves what the one before made possible.
        loop {
            let before = self.waiting.len();
            for waiting in mem::take(&mut self.waiting) {
                let Waiting {
                    since,
                    thread,
                    record,
                    payload,
                } = waiting;
                if let Err(payload) = self.resolve(record, Payload::Kept(payload), thread) {
                    let payload = self.keep(payload);
                    self.waiting.push(Waiting {
                        since,
                        thread,
                        record,
                        payload,
                    });
                }
            }
            if self.waiting.len() == before || self.waiting.is_empty() {
                break;
            }
        }
        let pass = self.pass;
        let before = self.waiting.len();
        self.waiting
            .retain(|waiting| waiting.since + PATIENCE > pass);
        self.lost_without_start += (before - self.waiting.len()) as u64;
    }

    fn write_pending(&mut self) {
        for id in mem::take(&mut self.opened) {
            let Some(mut open) = self.open.remove(&id) else {
                continue;
            };
            let mut bytes = mem::take(&mut self.span);
            bytes.clear();
            encode::pending(&mut bytes, &self.own(id, &open));
            self.append(frame::Kind::Pending, &open, &bytes);
            self.span = bytes;
            let input = mem::replace(&mut open.input, Payload::None);
            open.input = if matches!(input, Payload::None) {
                input
            } else {
                Payload::Kept(self.keep(input))
            };
            self.open.insert(id, open);
        }
    }

    fn write_sessions(&mut self) {
        let mut told = Vec::new();
        for session in self.sessions.values_mut().filter(|session| session.changed) {
            session.changed = false;
            told.push(wire::encode_facts(&session.facts));
        }
        told.iter()
            .for_each(|facts| self.append_plain(frame::Kind::Session, facts));
    }

    fn write_losses(&mut self) {
        let in_rings = local::LOST.0.load(Relaxed);
        let losses = [
            (
                LossCause::RingFull,
                in_rings.saturating_sub(self.lost_in_rings),
            ),
            (LossCause::NoStart, mem::take(&mut self.lost_without_start)),
            (LossCause::TooLong, mem::take(&mut self.lost_too_long)),
        ];
        self.lost_in_rings = in_rings;
        for (cause, count) in losses {
            if count > 0 {
                let loss = Loss {
                    time: clock::wall(),
                    session: None,
                    cause,
                    count,
                };
                self.append_plain(frame::Kind::Loss, &wire::encode_loss(&loss));
            }
        }
    }

    fn beat(&mut self) {
        let now = clock::monotonic_ns();
        if now >= self.next_heartbeat {
            self.next_heartbeat = now + heartbeat::EVERY;
            let beat = wire::encode_heartbeat(&heartbeat::sample());
            self.append_plain(frame::Kind::Heartbeat, &beat);
            self.ship();
        }
    }

    fn ship(&mut self) {
        if self.batch.frames.is_empty() {
            return;
        }
        let batch = Arc::new(mem::take(&mut self.batch));
        self.batch_number += 1;
        self.outlets
            .iter()
            .for_each(|outlet| outlet.deliver(&batch));
    }

    fn flush(&mut self, ticket: &Arc<Ticket>) {
        self.end_pass();
        ticket.expect(self.outlets.len());
        self.outlets
            .iter()
            .for_each(|outlet| outlet.flush(ticket.clone()));
    }

    fn forget_sessions(&mut self) {
        if self.ended_sessions <= REMEMBERED {
            return;
        }
        let now = clock::monotonic_ns();
        let old = |session: &SessionInfo| {
            session
                .ended
                .is_some_and(|ended| ended + REMEMBERED_FOR < now)
        };
        let (scopes, roots, ended) = (&mut self.scopes, &mut self.roots, &mut self.ended_sessions);
        self.sessions.retain(|id, session| {
            if !old(session) {
                return true;
            }
            session
                .scopes
                .iter()
                .for_each(|scope| drop(scopes.remove(scope)));
            roots.remove(&root_of(*id));
            *ended -= 1;
            false
        });
    }

    fn thread(&mut self, thread: &ThreadName) -> u32 {
        self.learn_sites();
        if let Some(number) = self.thread_numbers.get(&thread.id) {
            return *number;
        }
        let shared = self.share(encode::thread_piece(thread));
        let number = self.threads.len() as u32;
        self.threads.push(shared);
        self.thread_numbers.insert(thread.id, number);
        number
    }

    fn learn_sites(&mut self) {
        for site in callsite::since(self.sites.len()) {
            let shared = self.share(encode::site_piece(&site.meta));
            self.sites.push((site, shared));
        }
    }

    fn share(&mut self, bytes: Vec<u8>) -> Shared {
        let piece = Piece {
            number: self.next_piece,
            bytes: bytes.into(),
        };
        self.next_piece += 1;
        Shared { piece, batch: 0 }
    }

    fn keep(&self, payload: Payload) -> Box<[u8]> {
        match payload {
            Payload::Kept(bytes) => bytes,
            other => other.bytes(&self.arena).into(),
        }
    }
}

impl Payload {
    fn bytes<'a>(&'a self, arena: &'a [u8]) -> &'a [u8] {
        match self {
            Self::None => &[],
            Self::Arena(range) => &arena[range.clone()],
            Self::Kept(bytes) => bytes,
        }
    }
}

impl SessionInfo {
    fn note(&mut self, kind: u32, bytes: &[u8]) {
        let (said, length) = encode::value(bytes);
        let text = || said.as_str().map(Into::into);
        match kind {
            note::END_STATE => {
                let state = said[0].as_str().and_then(|state| state.parse().ok());
                let reason = said[1].as_str().map(Into::into);
                self.end = Some((state.unwrap_or(EndState::Indeterminate), reason));
                return;
            }
            note::TAG => {
                let tag: Option<String> = text();
                self.facts
                    .tags
                    .extend(tag.filter(|tag| !self.facts.tags.contains(tag)));
            }
            note::USER => self.facts.user_id = text(),
            note::CONVERSATION => self.facts.conversation_id = text(),
            note::VIDEO => self.facts.video = text(),
            _ => {
                let key = said.as_str().unwrap_or_default().to_owned();
                self.facts
                    .attributes
                    .insert(key, encode::value(&bytes[length..]).0);
            }
        }
        self.changed = true;
    }
}

impl Scope {
    /// The agent, as spans refer to it.
    pub(super) fn agent_ref(&self) -> AgentRef {
        AgentRef {
            id: AgentId(self.agent).to_string(),
            name: self.agent_name.clone(),
            role: self.role.clone(),
            model: self.model.clone(),
        }
    }
}

/// What a session says of the error that ended it.
fn reason(error: &ErrorRecord) -> String {
    if error.code == "panic" {
        format!("panicked: {}", error.details)
    } else {
        error.details.clone()
    }
}

pub(super) fn read_error(values: &[u8], kind: SpanKind, time: u64) -> ErrorRecord {
    let mut at = 0;
    let mut next = || {
        let (value, length) = encode::value(&values[at.min(values.len())..]);
        at += length.max(1);
        value
    };
    let texts = |value: Value| -> Vec<String> {
        let items = value.as_array().cloned().unwrap_or_default();
        items.iter().filter_map(text_of).collect()
    };
    let rust_type = text_of(&next()).filter(|name| !name.is_empty());
    let code = text_of(&next()).unwrap_or_else(|| "unknown".into());
    let details = text_of(&next()).unwrap_or_default();
    let chain = texts(next());
    // Panics add where they happened, and a backtrace where one was taken.
    let place = next();
    let stack = match (place[0].as_str(), place[1].as_str()) {
        (Some(location), Some(backtrace)) => Some(format!("panicked at {location}\n{backtrace}")),
        (Some(location), None) => Some(format!("panicked at {location}")),
        _ => None,
    };
    ErrorRecord {
        kind: kind.as_str().into(),
        code,
        details,
        rust_type,
        chain,
        stack,
        span_trace: Vec::new(),
        time,
    }
}

/// Text, also where it was cut.
fn text_of(value: &Value) -> Option<String> {
    value
        .as_str()
        .or_else(|| value["text"].as_str())
        .map(Into::into)
}

fn read_log(values: &[u8], time: u64) -> Log {
    let (head, length) = encode::value(values);
    let (message, _) = encode::value(&values[length..]);
    let level = head[0]
        .as_str()
        .and_then(|level| level.parse().ok())
        .unwrap_or(Level::Info);
    Log {
        time,
        level,
        target: head[1].as_str().unwrap_or_default().into(),
        message: text_of(&message).unwrap_or_default(),
        attributes: serde_json::Map::new(),
    }
}

fn read_keyed(values: &[u8]) -> (String, Value) {
    let (key, length) = encode::value(values);
    (
        text_of(&key).unwrap_or_default(),
        encode::value(&values[length..]).0,
    )
}

fn read_link(values: &[u8]) -> Option<Link> {
    let (link, _) = encode::value(values);
    let trace_id = TraceId(link[0].as_str()?.parse().ok()?);
    Some(Link {
        trace_id,
        span_id: SpanId(link[1].as_u64()?),
        attributes: serde_json::Map::new(),
    })
}

impl Drop for Processor {
    fn drop(&mut self) {
        // However it ended: nobody waits for a processor that is gone.
        self.input.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::EndState;
    use crate::process::drain::Chunk;
    use crate::record::callsite::Meta;

    static SITE: Callsite = Callsite::new(Meta::new(SpanKind::Operation, "op", "m", "op"));

    fn processor() -> Processor {
        let input = Arc::new(Queue::new(1 << 20));
        Processor::new(input, Buffers::default(), Vec::new(), Arc::default())
    }

    fn chunk(ring: usize, words: Vec<u64>) -> Chunk {
        let name = ThreadName {
            id: ring as u64,
            name: None,
        };
        Chunk {
            thread: Arc::new(name),
            ring,
            words,
            boxes: std::collections::VecDeque::new(),
            ends: Vec::new(),
        }
    }

    /// SCOPE, as the recorder writes it.
    fn scope(session: u128, scope: u64) -> Vec<u64> {
        let mut payload = Vec::new();
        crate::record::scope::Scope::session(session, session, Some(Default::default()))
            .write(&mut payload);
        let first = word::first(word::SCOPE, 0, payload.len(), 0);
        payload.resize(payload.len().next_multiple_of(8), 0);
        let mut words = vec![first, scope, clock::raw()];
        words.extend(
            payload
                .chunks(8)
                .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes"))),
        );
        words
    }

    fn start(id: u64, parent: u64, scope: u64) -> Vec<u64> {
        let first = word::first(word::START, 0, 0, SITE.number());
        vec![first, id, parent, scope, clock::raw()]
    }

    fn end(id: u64) -> Vec<u64> {
        vec![word::first(word::END, 0, 0, 0), id, clock::raw()]
    }

    /// What the drainer sends where a START is written just behind its look at that ring, and the END just before its
    /// look at the other, in the second pass of a flush.
    #[test]
    fn a_flush_is_no_pass() {
        let mut processor = processor();
        processor.chunk(chunk(0, scope(7, 70)));
        processor.pass_ended();
        processor.chunk(chunk(1, end(5)));
        processor.pass_ended();
        processor.flush(&Arc::new(Ticket::default()));
        processor.chunk(chunk(0, start(5, 1, 70)));
        processor.pass_ended();
        assert_eq!(
            processor.totals.spans(),
            1,
            "an END was dropped whose START existed"
        );
    }

    /// A note that was written before the END, on a ring that is read after it in the same pass.
    #[test]
    fn a_note_of_another_thread_is_kept() {
        let mut processor = processor();
        processor.chunk(chunk(0, scope(7, 70)));
        let mut note = Vec::new();
        let mut sink = crate::record::capture::Sink::new(&mut note, false);
        sink.serialize("k");
        sink.serialize(&1);
        note.resize(note.len().next_multiple_of(8), 0);
        let said_at = clock::raw();
        let mut words = start(5, 1, 70);
        words.extend(end(5));
        processor.chunk(chunk(0, words));
        let mut words = vec![
            word::first(word::NOTE, 0, note.len(), note::ATTRIBUTE),
            5,
            said_at,
        ];
        words.extend(
            note.chunks(8)
                .map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes"))),
        );
        processor.chunk(chunk(1, words));
        processor.retry();
        assert_eq!(
            processor.waiting.len(),
            0,
            "the note waits for a span that is written and forgotten already"
        );
    }

    /// A session that ended is forgotten while one of its spans is open.
    #[test]
    fn what_is_open_keeps_its_session() {
        let mut processor = processor();
        let mut words = scope(7, 70);
        words.extend(start(root_of(7), 0, 70));
        words.extend(start(5, root_of(7), 70));
        words.extend(end(root_of(7)));
        processor.chunk(chunk(0, words));
        processor.pass_ended();
        // As after a minute, among many.
        processor.ended_sessions = REMEMBERED + 1;
        for session in processor.sessions.values_mut() {
            assert_eq!(session.facts.end_state, Some(EndState::Success));
            session.ended = Some(0);
        }
        processor.forget_sessions();
        processor.chunk(chunk(0, end(5)));
        let open_scope = processor.scopes.contains_key(&70);
        assert!(
            open_scope,
            "the span was written with trace 0 and no session"
        );
    }

    /// What opens for ever must not be kept for ever.
    #[test]
    fn threads_that_ended_are_forgotten() {
        let mut processor = processor();
        for thread in 0..10_000 {
            processor.chunk(chunk(thread, Vec::new()));
        }
        assert!(
            processor.threads.len() < 5_000,
            "{}",
            processor.threads.len()
        );
    }
}
