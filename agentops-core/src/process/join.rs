//! The processor: a thread that makes spans of records.
//!
//! START and END meet here, scopes get their names, sessions their ends. A record may be read before one that was
//! written earlier on another thread. So an END is held until every ring has been looked at once more, by when all
//! that was said of its span is in; and a START or a note waits for what it refers to.

mod keep;
mod plain;

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::mem;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use self::keep::{Scopes, Threads};
use super::batch::{Batch, Piece, Shared};
use super::drain::{Buffers, Chunk, Raw};
use super::encode::{self, End, Notes, Own, Stream};
use super::exchange;
use super::queue::Queue;
use super::redact::{Place, Redactor};
use super::ticket::Ticket;
use crate::export::outlets::Outlets;
use crate::model::agent::AgentRef;
use crate::model::error::ErrorRecord;
use crate::model::event::{Loss, LossCause};
use crate::model::frame;
use crate::model::id::{AgentId, SessionId, SpanId, TraceId};
use crate::model::llm::LlmCall;
use crate::model::rollup::Running;
use crate::model::semconv;
use crate::model::session::{EndState, SessionFacts};
use crate::model::span::{Level, Link, Log, SpanKind};
use crate::model::wire;
use crate::monitor::heartbeat;
use crate::record::callsite::{self, Callsite};
use crate::record::clock::{self, Anchor};
use crate::record::local;
use crate::record::lost::{self, Lost};
use crate::record::note::{self, Ended};
use crate::record::ring::{PROGRESS, ThreadName};
use crate::record::scope::{Scope, root_of};
use crate::record::word;
use crate::stats::Totals;
use crate::sync::{Relaxed, lock};

/// A batch goes out at the end of a pass, or when it has grown this large, in bytes.
const BATCH: usize = 512 * 1024;
/// Passes that a record waits for what it refers to.
const PATIENCE: u64 = 2;
/// Sessions that ended are remembered for spans that still come: so many of them in any case, more of them for so long,
/// and never more than so many.
const REMEMBERED: usize = 4096;
const REMEMBERED_AT_MOST: usize = 8 * 1024;
const REMEMBERED_FOR: u64 = 60_000_000_000;

/// Scopes whose losses wait for what the scope stands for.
const LOST_EARLY: usize = 1024;

/// Records after which those who wait for room are told that there is progress.
const PROGRESS_EVERY: u32 = 16;

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

/// A callsite, as its spans refer to it.
#[derive(Debug)]
struct Site {
    callsite: &'static Callsite,
    shared: Shared,
    arguments: Box<[encode::Argument]>,
    /// Its spans may go the short way.
    plain: bool,
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
    scopes: Scopes,
    /// Spans of it that have not ended.
    open: u64,
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
    /// Its END has been read, and is held.
    ending: bool,
    /// What all within it that has ended came to.
    below: Running,
    input: Payload,
    notes: Option<Box<Notes>>,
}

/// Captured values: in the pass's own memory, or kept beyond it.
#[derive(Debug)]
enum Payload {
    None,
    /// In the arena of its pass.
    Arena(usize, Range<usize>),
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

/// An END that is held for a pass.
#[derive(Debug)]
struct Held {
    record: [u64; 5],
    payload: Payload,
}

/// The processor's own state.
#[derive(Debug)]
pub(crate) struct Processor {
    input: Arc<Queue<Raw>>,
    buffers: Buffers,
    outlets: Outlets,
    totals: Arc<Totals>,
    /// Says what may be seen.
    redactor: Redactor,
    anchor: Anchor,
    pass: u64,
    /// Which run of the recorder this is.
    run: u64,
    sites: Vec<Site>,
    scopes: Ids<u64, ScopeInfo>,
    sessions: Ids<u128, SessionInfo>,
    /// Sessions that have ended, and when, oldest first.
    ended_sessions: VecDeque<(u128, u64)>,
    /// Scopes of sessions that ended in an earlier run, of which nobody has heard in this one.
    past: Ids<u64, ScopeInfo>,
    /// Scopes whose session was not known yet, or not any more.
    homeless: Scopes,
    /// Sessions by the id of their own span.
    roots: Ids<u64, u128>,
    threads: Threads,
    open: Ids<u64, Open>,
    /// Spans that started in this pass.
    opened: Vec<u64>,
    /// ENDs of this pass, and of the one before.
    ends: Vec<Held>,
    held: Vec<Held>,
    /// More than one ring has had an END in this pass, so that they are not in the order of time.
    mixed: bool,
    last_ring: usize,
    /// Payloads of this pass and of the one before, in turns.
    arenas: [Vec<u8>; 2],
    arena: usize,
    /// Payloads that arrived before their record, by ring.
    boxes: HashMap<usize, VecDeque<Box<[u8]>>>,
    waiting: Vec<Waiting>,
    plain: plain::Stack,
    batch: Batch,
    batch_number: u64,
    next_piece: u32,
    span: Vec<u8>,
    lost_without_start: u64,
    /// Since the last flush.
    lost_any: bool,
    /// What found no room in a ring, by scopes whose own record is still on its way.
    lost_early: Ids<u64, Lost>,
    /// Nothing more is on its way.
    leaving: bool,
    /// Spans whose encoding is longer than a frame may be, by session.
    lost_too_long: Ids<u128, u64>,
    next_heartbeat: u64,
}

impl Processor {
    pub(crate) fn new(
        input: Arc<Queue<Raw>>,
        buffers: Buffers,
        outlets: Outlets,
        totals: Arc<Totals>,
        redactor: Redactor,
    ) -> Self {
        Self {
            input,
            buffers,
            outlets,
            totals,
            redactor,
            anchor: Anchor::now(),
            pass: 0,
            run: 0,
            sites: Vec::new(),
            scopes: Ids::default(),
            sessions: Ids::default(),
            ended_sessions: VecDeque::new(),
            past: Ids::default(),
            homeless: Scopes::default(),
            roots: Ids::default(),
            threads: Threads::default(),
            open: Ids::default(),
            opened: Vec::new(),
            ends: Vec::new(),
            held: Vec::new(),
            mixed: false,
            last_ring: 0,
            arenas: [Vec::new(), Vec::new()],
            arena: 0,
            boxes: HashMap::new(),
            waiting: Vec::new(),
            plain: plain::Stack::default(),
            batch: Batch::default(),
            batch_number: 1,
            next_piece: 0,
            span: Vec::new(),
            lost_without_start: 0,
            lost_any: false,
            lost_early: Ids::default(),
            leaving: false,
            lost_too_long: Ids::default(),
            next_heartbeat: clock::monotonic_ns() + heartbeat::EVERY,
        }
    }

    /// Runs until the drainer has left.
    pub(crate) fn run(mut self) {
        local::mute();
        self.resume();
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
        self.leaving = true;
        // What is held goes out, and what still waits has nothing more to wait for.
        for _ in 0..=PATIENCE {
            self.pass_ended();
        }
        self.add_cost_so_far();
        self.leave();
        self.outlets.close();
    }

    fn chunk(&mut self, mut chunk: Chunk) {
        self.anchor.renew();
        self.adopt_rules();
        let thread = self.thread(&chunk.thread);
        if !chunk.boxes.is_empty() {
            self.boxes
                .entry(chunk.ring)
                .or_default()
                .append(&mut chunk.boxes);
        }
        self.mixed |= !self.ends.is_empty() && self.last_ring != chunk.ring;
        self.last_ring = chunk.ring;
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
            if !self.take_plain(first, record, payload, thread) {
                let mut padded = [0; 5];
                padded[..fixed].copy_from_slice(record);
                let payload = self.payload(chunk.ring, first, payload, length);
                self.record(padded, payload, thread);
            }
            if self.batch.frames.len() > BATCH {
                self.ship();
            }
            records += 1;
            if records.is_multiple_of(PROGRESS_EVERY) {
                PROGRESS.0.fetch_add(1, Relaxed);
            }
        }
        self.end_of_look(thread);
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
            let boxes = self.boxes.get_mut(&ring);
            let boxed = boxes.and_then(VecDeque::pop_front);
            if self.boxes.get(&ring).is_some_and(VecDeque::is_empty) {
                self.boxes.remove(&ring);
            }
            return boxed.map_or(Payload::None, Payload::Kept);
        }
        if length == 0 {
            return Payload::None;
        }
        let arena = &mut self.arenas[self.arena];
        let at = arena.len();
        arena.reserve(words.len() * 8);
        for word in words {
            arena.extend_from_slice(&word.to_le_bytes());
        }
        arena.truncate(at + length);
        Payload::Arena(self.arena, at..at + length)
    }

    /// Keeps bytes for as long as this pass.
    fn store(&mut self, bytes: &[u8]) -> Payload {
        let arena = &mut self.arenas[self.arena];
        let at = arena.len();
        arena.extend_from_slice(bytes);
        Payload::Arena(self.arena, at..arena.len())
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
            word::END | word::END_ASYNC => {
                self.ends.push(Held { record, payload });
                Ok(())
            }
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
            return if self.recall(scope) {
                self.started([first, id, parent, scope, clock], input, thread)
            } else {
                Err(input)
            };
        };
        let start = self.anchor.unix(clock);
        if let Some(session) = self.sessions.get_mut(&info.session) {
            session.open += 1;
            if session.facts.root == SpanId(id).some() {
                // One session, one duration.
                session.facts.start = start;
            }
        }
        let open = Open {
            site: word::low(first),
            thread,
            scope,
            parent,
            start,
            start_raw: clock,
            adopted: first & word::ADOPTED != 0,
            ending: false,
            below: Running::default(),
            input,
            notes: None,
        };
        self.opened.push(id);
        self.open.insert(id, open);
        Ok(())
    }

    fn scope(&mut self, word: u64, clock: u64, payload: &Payload) {
        let known = self.scopes.contains_key(&word);
        let Some(mut scope) = Scope::read(payload.bytes(&self.arenas)) else {
            return;
        };
        self.redactor.scope(&mut scope);
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
                scopes: Scopes::default(),
                open: 0,
            };
            self.sessions.insert(scope.session, info);
            self.roots.insert(root, scope.session);
        }
        if known {
            return;
        }
        self.own_scope(scope.session, word);
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
        let mut time = open.start + clock::between(open.start_raw, clock);
        let failed = first & word::FAILED != 0;
        let mut cancelled = first & word::CANCELLED != 0;
        let stream = open.notes.as_ref().and_then(|notes| notes.stream.as_ref());
        let mut stream_ended = stream.map(|stream| stream.ended);
        if let Some(stream) = stream
            && let Some(last) = stream.last
            && (failed || stream.is_complete())
        {
            // All was said by then; what became of the stream is its reader's affair.
            time = open.start + clock::between(open.start_raw, last);
            if !failed {
                (cancelled, stream_ended) = (false, Some(Ended::End));
            }
        }
        let notes = open.notes.as_ref();
        let exchange = notes.and_then(|notes| notes.exchange.as_deref());
        if let Some(last) = exchange.and_then(|exchange| exchange.whole) {
            time = open.start + clock::between(open.start_raw, last);
            cancelled = false;
        }
        let values = payload.bytes(&self.arenas);
        let error = failed
            .then(|| self.error(id, open, values, time))
            .or_else(|| Some(self.refused(id, open, exchange?.error.as_ref()?)));
        self.end_session(id, time, error.as_ref(), cancelled, !values.is_empty());
        let mut buffer = mem::take(&mut self.span);
        buffer.clear();
        let end = End {
            time,
            cancelled,
            output: (first & word::CAPTURED != 0 && !failed)
                .then(|| payload.bytes(&self.arenas))
                .or(stream.map(|stream| &*stream.items))
                .or(exchange.and_then(|exchange| exchange.answer.as_deref())),
            stream_ended,
            error,
            polls: (word::tag(first) == word::END_ASYNC && polls != u64::from(word::NOT_POLLED))
                .then(|| (polls, clock::between(0, busy))),
            facts: self
                .roots
                .get(&id)
                .and_then(|session| Some(&self.sessions.get(session)?.facts)),
        };
        let mut bytes = buffer;
        let share = encode::ended(&mut bytes, &self.own(id, open), &end);
        self.add_cost(open.parent, open.below.beneath(&share));
        if self.append(frame::Kind::Span, open, &bytes) {
            self.batch.spans += 1;
            self.totals.add_spans(1);
        }
        self.span = bytes;
        let session = self.scopes.get(&open.scope).map(|scope| scope.session);
        if let Some(session) = session.and_then(|session| self.sessions.get_mut(&session)) {
            session.open = session.open.saturating_sub(1);
        }
    }

    /// The error record that an END carries; an END that lost its payload still failed.
    fn error(&self, id: u64, open: &Open, values: &[u8], time: u64) -> ErrorRecord {
        let place = self.place(open);
        let mut error = read_error(values, place.kind, time);
        if values.is_empty()
            && let Some(reason) = self.said_reason(id)
        {
            error.code = EndState::Error.as_str().into();
            error.details = reason.into();
        }
        self.redactor.error(place, &mut error);
        error.span_trace = self.span_trace(id, open);
        error
    }

    /// As [`error`](Self::error), of what a provider said.
    fn refused(&self, id: u64, open: &Open, said: &ErrorRecord) -> ErrorRecord {
        let mut error = said.clone();
        self.redactor.error(self.place(open), &mut error);
        error.span_trace = self.span_trace(id, open);
        error
    }

    /// Why a session is about to end, where that was said by hand.
    fn said_reason(&self, root: u64) -> Option<&str> {
        let session = self.sessions.get(self.roots.get(&root)?)?;
        session.end.as_ref()?.1.as_deref()
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

    fn place<'a>(&'a self, open: &'a Open) -> Place<'a> {
        Place {
            name: self.name(open),
            kind: self.sites[open.site as usize - 1].callsite.meta.kind,
        }
    }

    fn name<'a>(&'a self, open: &'a Open) -> &'a str {
        let site = self.sites[open.site as usize - 1].callsite;
        self.dynamic_name(site.meta.kind, open)
            .unwrap_or(site.meta.name)
    }

    /// What was said of a span's name goes first; agents and sessions are named by who they are.
    fn dynamic_name<'a>(&'a self, kind: SpanKind, open: &'a Open) -> Option<&'a str> {
        let said = open.notes.as_ref().and_then(|notes| notes.name.as_deref());
        if said.is_some() {
            return said;
        }
        let info = self.scopes.get(&open.scope)?;
        match kind {
            SpanKind::Agent => Some(&info.agent),
            SpanKind::Session => Some(&self.sessions.get(&info.session)?.facts.name),
            _ => None,
        }
    }

    /// Whether its name has come: a span by hand may say it right after its START.
    fn is_named(&self, open: &Open) -> bool {
        let meta = &self.sites[open.site as usize - 1].callsite.meta;
        !meta.name.is_empty() || self.dynamic_name(meta.kind, open).is_some()
    }

    /// Settles how a session ended, when its own span does. `in_its_words`: the END itself carries the error.
    fn end_session(
        &mut self,
        span: u64,
        time: u64,
        error: Option<&ErrorRecord>,
        cancelled: bool,
        in_its_words: bool,
    ) {
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
            // A reason that repeats what the error says is content as that is.
            (Some((state, _)), Some(error)) if in_its_words && !self.redactor.shows_content() => {
                (state, Some(reason(error)))
            }
            (Some(said), _) => said,
            (None, Some(error)) => (EndState::Error, Some(reason(error))),
            (None, None) if cancelled => (EndState::Indeterminate, Some("cancelled".into())),
            (None, None) => (EndState::Success, None),
        };
        session.facts.end = Some(time);
        session.facts.end_state = Some(state);
        session.facts.end_state_reason = reason;
        session.changed = true;
        let ended = (session.facts.id.0, clock::monotonic_ns());
        self.ended_sessions.push_back(ended);
    }

    /// Adds what a span and all within it cost to what is around it, else to the totals.
    fn add_cost(&mut self, parent: u64, sum: Running) {
        match self.open.get_mut(&parent) {
            Some(above) => above.below.add(sum),
            None => self.totals.add_cost(&sum),
        }
    }

    /// What was paid for within spans that are still open was paid for all the same.
    fn add_cost_so_far(&mut self) {
        for open in self.open.values_mut() {
            self.totals.add_cost(&open.below.take());
        }
    }

    fn own<'a>(&'a self, id: u64, open: &'a Open) -> Own<'a> {
        let site = &self.sites[open.site as usize - 1];
        let meta = &site.callsite.meta;
        let input = open.input.bytes(&self.arenas);
        Own {
            meta,
            id,
            parent: open.parent,
            adopted: open.adopted,
            start: open.start,
            dynamic_name: self.dynamic_name(meta.kind, open),
            input: (!input.is_empty()).then_some(input),
            notes: open.notes.as_deref(),
            arguments: &site.arguments,
            redactor: &self.redactor,
            agent: self.scopes.get(&open.scope).map(|scope| &*scope.agent),
        }
    }

    /// `false`: it is too long, which is counted.
    fn append(&mut self, kind: frame::Kind, open: &Open, bytes: &[u8]) -> bool {
        let Self {
            sites,
            scopes,
            threads,
            batch,
            batch_number,
            ..
        } = self;
        let (Some(site), Some(scope), Some(thread)) = (
            sites.get_mut(open.site as usize - 1),
            scopes.get_mut(&open.scope),
            threads.shared(open.thread),
        ) else {
            return false;
        };
        let session = scope.session;
        let pieces = [&mut site.shared, &mut scope.shared, thread];
        // Those who wait for room in a ring wait for as long as this moves.
        PROGRESS.0.fetch_add(1, Relaxed);
        let written = batch.append(kind, pieces, *batch_number, |frame| {
            frame.extend_from_slice(bytes)
        });
        if !written && kind == frame::Kind::Span {
            *self.lost_too_long.entry(session).or_default() += 1;
        }
        written
    }

    /// Frames of a few values; a frame cannot be too short, and these cannot be too long.
    fn append_plain(&mut self, kind: frame::Kind, payload: &[u8]) {
        let _ = frame::append(&mut self.batch.frames, kind, &[payload]);
    }

    fn noted(&mut self, record: [u64; 5], payload: Payload) -> Result<(), Payload> {
        let [first, span, clock, ..] = record;
        let kind = word::low(first);
        if kind == note::SHARED {
            return Ok(());
        }
        let time = self.anchor.unix(clock);
        let bytes = payload.bytes(&self.arenas);
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
            session.note(kind, bytes, &self.redactor);
            return Ok(());
        }
        let (scope, bytes) = match note::split_scope(bytes).filter(|_| note::is_scoped(kind)) {
            Some((scope, rest)) => (scope, rest),
            None => (0, bytes),
        };
        if kind == note::LOG {
            // A log is a frame of its own, and needs its span neither to have started nor to go on.
            let nobody = Place {
                name: "",
                kind: SpanKind::Unknown,
            };
            let place = self.open.get(&span).map_or(nobody, |open| self.place(open));
            let log = read_log(&self.redactor, place, bytes, time);
            if !self.scopes.contains_key(&scope) && !self.recall(scope) {
                return Err(payload);
            }
            self.log(scope, span, &log);
            return Ok(());
        }
        let Some(mut open) = self.open.remove(&span) else {
            return Err(payload);
        };
        match kind {
            note::ATTRIBUTE => {
                let (key, value) = read_keyed(&self.redactor, self.place(&open), bytes);
                open.notes
                    .get_or_insert_default()
                    .attributes
                    .insert(key, value);
            }
            note::LINK => {
                let notes = open.notes.get_or_insert_default();
                notes.links.extend(read_link(bytes));
            }
            note::NAME => {
                let name = self.redacted(&open, "/name", bytes);
                open.notes.get_or_insert_default().name = name;
            }
            note::ASKED => exchange::asked(bytes, open.notes.get_or_insert_default()),
            note::ANSWERED => {
                exchange::answered(bytes, time, open.notes.get_or_insert_default());
            }
            note::STREAM => open.notes.get_or_insert_default().stream = Stream::read(bytes),
            note::FIELDS => {
                let said = self.redactor.value(self.place(&open), "/attributes", bytes);
                if let Value::Object(fields) = said {
                    let notes = open.notes.get_or_insert_default();
                    notes.attributes.extend(fields);
                }
            }
            note::LLM => {
                let notes = open.notes.get_or_insert_default();
                if let Some(said) = wire::decode_llm(bytes) {
                    let before = notes.llm.take().map_or_else(LlmCall::default, |llm| *llm);
                    notes.llm = Some(Box::new(said.over(before)));
                }
            }
            note::INPUT => open.notes.get_or_insert_default().input = Some(bytes.into()),
            note::SPAN_TAG => {
                let tag = self.redacted(&open, "/tags", bytes);
                open.notes.get_or_insert_default().tags.extend(tag);
            }
            note::ERROR => {
                let error = self.error(span, &open, bytes, time);
                open.notes.get_or_insert_default().error = Some(error);
            }
            _ => {}
        }
        self.open.insert(span, open);
        Ok(())
    }

    /// A text that was said of a span, as far as it may be seen.
    fn redacted(&self, open: &Open, path: &str, said: &[u8]) -> Option<String> {
        let mut text = text_of(&encode::value(said).0)?;
        self.redactor.text(self.place(open), path, &mut text);
        Some(text)
    }

    fn log(&mut self, scope: u64, span: u64, log: &Log) {
        let Some(scope) = self.scopes.get(&scope) else {
            return;
        };
        let (session, trace) = (SessionId(scope.session), TraceId(scope.trace));
        let record = wire::encode_log(log, session, trace, SpanId(span));
        self.append_plain(frame::Kind::Log, &record);
    }

    /// What was said of a span after its end: it has been written, so it becomes a log of that span.
    fn noted_late(&mut self, record: [u64; 5], payload: &[u8]) -> bool {
        let [first, span, clock, ..] = record;
        let kind = word::low(first);
        let scoped = word::tag(first) == word::NOTE && note::is_scoped(kind);
        let Some((scope, said)) = note::split_scope(payload).filter(|_| scoped) else {
            return false;
        };
        if !self.scopes.contains_key(&scope) && !self.recall(scope) {
            return false;
        }
        let log = late_log(&self.redactor, kind, said, self.anchor.unix(clock));
        self.log(scope, span, &log);
        true
    }

    /// Every ring has been looked at: what waits is tried again, what was held since the last time ends, what is still
    /// open is told.
    fn pass_ended(&mut self) {
        self.pass += 1;
        self.retry();
        self.end_held();
        self.hold();
        self.write_pending();
        self.write_sessions();
        self.write_losses();
        self.arena ^= 1;
        self.arenas[self.arena].clear();
        self.ship();
        self.forget_sessions();
    }

    fn end_held(&mut self) {
        for Held { record, payload } in mem::take(&mut self.held) {
            match self.open.remove(&record[1]) {
                Some(open) => self.ended(record, &open, &payload),
                None => self.ended_unseen(record, &payload),
            }
            if self.batch.frames.len() > BATCH {
                self.ship();
            }
        }
    }

    /// An END without its START. A session whose own span was lost, and counted when it was, ends all the same.
    #[cold]
    fn ended_unseen(&mut self, [first, id, clock, ..]: [u64; 5], payload: &Payload) {
        if !self.roots.contains_key(&id) {
            self.lost_without_start += 1;
            return;
        }
        let time = self.anchor.unix(clock);
        let failed = first & word::FAILED != 0;
        let values = payload.bytes(&self.arenas);
        let in_its_words = !values.is_empty();
        let error = failed.then(|| {
            let name = self.roots.get(&id).and_then(|id| self.sessions.get(id));
            let place = Place {
                name: name.map_or("", |session| &session.facts.name),
                kind: SpanKind::Session,
            };
            let mut error = read_error(values, place.kind, time);
            self.redactor.error(place, &mut error);
            error
        });
        let cancelled = first & word::CANCELLED != 0;
        self.end_session(id, time, error.as_ref(), cancelled, in_its_words);
    }

    fn hold(&mut self) {
        if mem::take(&mut self.mixed) {
            // What ran within another span ended before it: sums over spans rely on that.
            self.ends.sort_by_key(|held| held.record[2]);
        }
        mem::swap(&mut self.ends, &mut self.held);
        for held in &self.held {
            if let Some(open) = self.open.get_mut(&held.record[1]) {
                open.ending = true;
            }
        }
    }

    fn retry(&mut self) {
        // A note may wait for a START that waits for its scope: each round resolves what the one before made possible.
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
        let given_up = self
            .waiting
            .extract_if(.., |waiting| waiting.since + PATIENCE <= pass);
        for waiting in given_up.collect::<Vec<_>>() {
            if !self.noted_late(waiting.record, &waiting.payload) {
                self.lost_without_start += 1;
            }
        }
    }

    fn write_pending(&mut self) {
        for id in mem::take(&mut self.opened) {
            if self.open.get(&id).is_none_or(|open| open.ending) {
                continue;
            }
            let Some(mut open) = self.open.remove(&id) else {
                continue;
            };
            if !self.is_named(&open) {
                self.open.insert(id, open);
                self.opened.push(id);
                continue;
            }
            let mut bytes = mem::take(&mut self.span);
            bytes.clear();
            encode::pending(&mut bytes, &self.own(id, &open));
            self.append(frame::Kind::Pending, &open, &bytes);
            self.batch.latest = self.batch.latest.max(open.start);
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
        let mut losses = Vec::new();
        for (scope, lost) in lost::take() {
            self.lost_any = true;
            let early = self.lost_early.entry(scope).or_default();
            early.spans += lost.spans;
            early.contents += lost.contents;
        }
        for (scope, lost) in mem::take(&mut self.lost_early) {
            let session = self.scopes.get(&scope).map(|scope| scope.session);
            let comes = scope != 0 && !self.leaving && self.lost_early.len() < LOST_EARLY;
            if session.is_none() && comes {
                self.lost_early.insert(scope, lost);
                continue;
            }
            losses.push((LossCause::RingFull, session, lost.spans));
            losses.push((LossCause::Content, session, lost.contents));
        }
        for (session, count) in mem::take(&mut self.lost_too_long) {
            losses.push((LossCause::TooLong, Some(session), count));
        }
        let without_start = mem::take(&mut self.lost_without_start);
        losses.push((LossCause::NoStart, None, without_start));
        for (cause, session, count) in losses {
            if count > 0 {
                self.lost_any = true;
                let loss = Loss {
                    time: clock::wall(),
                    session: session.map(SessionId),
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
        self.outlets.deliver(&batch);
    }

    /// The drainer has looked at every ring twice since it was asked, so that nothing of before is held any more.
    fn flush(&mut self, ticket: &Arc<Ticket>) {
        let lost_any = &mut self.lost_any;
        self.outlets
            .flush(ticket, || !ticket.is_awaited() || !mem::take(lost_any));
    }

    fn forget_sessions(&mut self) {
        let now = clock::monotonic_ns();
        while self.ended_sessions.len() > REMEMBERED {
            let Some(&(id, ended)) = self.ended_sessions.front() else {
                return;
            };
            if self.ended_sessions.len() < REMEMBERED_AT_MOST && ended + REMEMBERED_FOR > now {
                return;
            }
            self.ended_sessions.pop_front();
            if self
                .sessions
                .get(&id)
                .is_some_and(|session| session.open > 0)
            {
                // Its turn comes again.
                self.ended_sessions.push_back((id, now));
                return;
            }
            if let Some(session) = self.sessions.remove(&id) {
                session.scopes.words.iter().for_each(|scope| {
                    self.past.remove(scope);
                    self.scopes.remove(scope);
                });
                self.roots.remove(&root_of(id));
            }
        }
    }

    fn thread(&mut self, thread: &Arc<ThreadName>) -> u32 {
        self.learn_sites();
        if let Some(number) = self.threads.number(thread) {
            return number;
        }
        self.forget_threads();
        let shared = self.share(encode::thread_piece(thread, &self.redactor));
        self.threads.add(thread.clone(), shared)
    }

    /// From here on another owner's rules hold.
    fn adopt_rules(&mut self) {
        if !self.outlets.has_new_rules() {
            return;
        }
        self.ship();
        if let Some(redactor) = self.outlets.new_rules() {
            self.redactor = redactor;
            self.redact_again();
        }
    }

    fn learn_sites(&mut self) {
        for callsite in callsite::since(self.sites.len()) {
            // As long-lived as the callsite that it stands for.
            let callsite = match self.redactor.meta(&callsite.meta) {
                None => callsite,
                Some(clean) => Box::leak(Box::new(Callsite::new(clean))),
            };
            let shared = self.share(encode::site_piece(&callsite.meta));
            self.sites.push(Site {
                callsite,
                shared,
                arguments: encode::arguments(&callsite.meta, &self.redactor),
                plain: plain::may_be_plain(callsite),
            });
        }
    }

    fn share(&mut self, bytes: Vec<u8>) -> Shared {
        let piece = Piece {
            number: self.next_piece,
            bytes: bytes.into(),
        };
        self.next_piece += 1;
        Shared::new(piece)
    }

    fn keep(&self, payload: Payload) -> Box<[u8]> {
        match payload {
            Payload::Kept(bytes) => bytes,
            other => other.bytes(&self.arenas).into(),
        }
    }
}

impl Payload {
    fn bytes<'a>(&'a self, arenas: &'a [Vec<u8>; 2]) -> &'a [u8] {
        match self {
            Self::None => &[],
            Self::Arena(arena, range) => &arenas[*arena][range.clone()],
            Self::Kept(bytes) => bytes,
        }
    }
}

impl SessionInfo {
    fn note(&mut self, kind: u32, bytes: &[u8], redactor: &Redactor) {
        let (said, length) = encode::value(bytes);
        let name = self.facts.name.clone();
        let place = Place {
            name: &name,
            kind: SpanKind::Session,
        };
        let visible = |path: &str, said: &Value| {
            let mut text = text_of(said)?;
            redactor.text(place, path, &mut text);
            Some(text)
        };
        match kind {
            note::END_STATE => {
                let state = said[0].as_str().and_then(|state| state.parse().ok());
                let reason = visible("/session/end_state_reason", &said[1]);
                self.end = Some((state.unwrap_or(EndState::Indeterminate), reason));
                return;
            }
            note::TAG => match &said {
                Value::Array(tags) => tags
                    .iter()
                    .for_each(|tag| self.tag(visible("/session/tags", tag))),
                tag => self.tag(visible("/session/tags", tag)),
            },
            note::USER => self.facts.user_id = visible("/session/user_id", &said),
            note::CONVERSATION => {
                self.facts.conversation_id = visible("/session/conversation_id", &said);
            }
            note::VIDEO => self.facts.video = visible("/session/video", &said),
            _ => {
                let key = text_of(&said).unwrap_or_default();
                let (key, value, _) =
                    redactor.named(place, "/session/attributes", &key, &bytes[length..]);
                self.facts.attributes.insert(key, value);
            }
        }
        self.changed = true;
    }
}

impl SessionInfo {
    fn tag(&mut self, tag: Option<String>) {
        let tag = tag.filter(|tag| !self.facts.tags.contains(tag));
        self.facts.tags.extend(tag);
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
    if error.details.is_empty() {
        // It may not be seen.
        error.code.clone()
    } else if error.code == "panic" {
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

fn read_log(redactor: &Redactor, place: Place<'_>, values: &[u8], time: u64) -> Log {
    let (head, length) = encode::value(values);
    let fields = redactor
        .shows_content()
        .then(|| redactor.value(place, "/logs", &values[length..]));
    let mut attributes = match fields {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let message = attributes.remove(note::MESSAGE).unwrap_or_default();
    for (key, at) in [(semconv::CODE_FILE, 2), (semconv::CODE_LINE, 3)] {
        if !head[at].is_null() {
            attributes.entry(key).or_insert(head[at].clone());
        }
    }
    let level = head[0]
        .as_str()
        .and_then(|level| level.parse().ok())
        .unwrap_or(Level::Info);
    let mut target = text_of(&head[1]).unwrap_or_default();
    redactor.text(place, "/logs/target", &mut target);
    Log {
        time,
        level,
        target,
        message: match text_of(&message) {
            Some(text) => text,
            None if message.is_null() => String::new(),
            None => message.to_string(),
        },
        attributes,
    }
}

/// What could not be written into its span any more.
fn late_log(redactor: &Redactor, kind: u32, said: &[u8], time: u64) -> Log {
    let place = Place {
        name: "",
        kind: SpanKind::Unknown,
    };
    let mut attributes = serde_json::Map::new();
    let (level, message) = if kind == note::ERROR {
        let mut error = read_error(said, place.kind, time);
        redactor.error(place, &mut error);
        (Level::Error, format!("{}: {}", error.code, error.details))
    } else {
        let (key, value) = read_keyed(redactor, place, said);
        let message = format!("attribute {key} was set after the end");
        attributes.insert(key, value);
        (Level::Info, message)
    };
    Log {
        time,
        level,
        target: "agentops".into(),
        message,
        attributes,
    }
}

fn read_keyed(redactor: &Redactor, place: Place<'_>, values: &[u8]) -> (String, Value) {
    let (key, length) = encode::value(values);
    let key = text_of(&key).unwrap_or_default();
    let (key, value, _) = redactor.named(place, "/attributes", &key, &values[length..]);
    (key, value)
}

fn read_link(values: &[u8]) -> Option<Link> {
    let (link, _) = encode::value(values);
    let trace_id = TraceId(link[0].as_str()?.parse().ok()?);
    Some(Link {
        trace_id,
        span_id: SpanId(link[1].as_u64()?),
        attributes: Map::new(),
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

    static SITE: Callsite =
        Callsite::new(Meta::new(SpanKind::Operation, "op", "m", "op", &[], false));

    fn processor() -> Processor {
        let input = Arc::new(Queue::new(1 << 20));
        Processor::new(
            input,
            Buffers::default(),
            Outlets::default(),
            Arc::default(),
            Redactor::default(),
        )
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
        scope_record(
            scope,
            Scope::session(session, session, Some(Default::default())),
        )
    }

    fn agent_scope(session: u128, scope: u64) -> Vec<u64> {
        scope_record(scope, Scope::session(session, session, None))
    }

    fn scope_record(scope: u64, stands_for: Scope) -> Vec<u64> {
        let mut payload = Vec::new();
        stands_for.write(&mut payload);
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

    /// The span is handed out.
    fn shared(id: u64) -> Vec<u64> {
        vec![word::first(word::NOTE, 0, 0, note::SHARED), id, 0]
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
        let mut note = 70_u64.to_le_bytes().to_vec();
        let mut sink = crate::record::capture::Sink::new(&mut note, false);
        sink.serialize("k");
        sink.serialize(&1);
        note.resize(note.len().next_multiple_of(8), 0);
        let said_at = clock::raw();
        let mut words = start(5, 1, 70);
        words.extend(shared(5));
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
        assert!(processor.waiting.is_empty());
        processor.pass_ended();
        processor.pass_ended();
        assert_eq!(
            (processor.totals.spans(), processor.lost_without_start),
            (1, 0)
        );
    }

    /// What nobody else knows of is written at once, innermost first; anything else on the way makes all of it wait.
    #[test]
    fn a_plain_span_waits_for_no_pass() {
        let mut processor = processor();
        processor.chunk(chunk(0, scope(7, 70)));
        let mut words = start(5, 1, 70);
        words.extend([start(6, 5, 70), end(6), end(5), start(8, 1, 70)].concat());
        words.extend(
            [
                start(9, 8, 70),
                shared(9),
                start(10, 9, 70),
                end(10),
                end(9),
                end(8),
            ]
            .concat(),
        );
        processor.chunk(chunk(0, words));
        assert_eq!(processor.totals.spans(), 3);
        let ids = |processor: &Processor| -> Vec<u64> {
            let spans = processor
                .batch
                .events()
                .into_iter()
                .filter_map(|event| match event {
                    crate::model::event::Event::SpanEnded(span) => Some(span.id.0),
                    _ => None,
                });
            spans.collect()
        };
        assert_eq!(ids(&processor), [6, 5, 10]);
        processor.pass_ended();
        processor.pass_ended();
        assert_eq!(
            (processor.totals.spans(), processor.lost_without_start),
            (5, 0)
        );
        assert!(processor.open.is_empty());
    }

    /// A look that comes between a span's START and its name tells nobody of a span without one.
    #[test]
    fn a_span_is_told_of_once_its_name_has_come() {
        static NAMELESS: Callsite =
            Callsite::new(Meta::new(SpanKind::Operation, "", "m", "", &[], true));
        let mut name = Vec::new();
        crate::record::capture::Sink::new(&mut name, true).serialize(&"late");
        let first = word::first(word::NOTE, 0, name.len(), note::NAME);
        name.resize(name.len().next_multiple_of(8), 0);
        let mut named = vec![first, 5, clock::raw()];
        let bytes = name.chunks(8);
        named.extend(bytes.map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes"))));

        let mut processor = processor();
        let tap = processor.outlets.tap();
        let mut told = Vec::new();
        for words in [
            [scope(7, 70), start_of(&NAMELESS, 5, 1)].concat(),
            named,
            Vec::new(),
        ] {
            processor.chunk(chunk(0, words));
            processor.pass_ended();
            let batches = tap.take();
            let started = batches.iter().flat_map(|batch| batch.events());
            told.push(
                started
                    .filter_map(|event| match event {
                        crate::model::event::Event::SpanStarted(span) => Some(span.name),
                        _ => None,
                    })
                    .collect::<Vec<_>>(),
            );
        }
        assert_eq!(told.concat(), ["late"]);
    }

    static CALL: Callsite = Callsite::new(Meta::new(SpanKind::Llm, "call", "m", "call", &[], true));
    static PAID: Callsite =
        Callsite::new(Meta::new(SpanKind::Tool, "paid", "m", "paid", &[], false).cost(0.5));

    fn start_of(site: &'static Callsite, id: u64, parent: u64) -> Vec<u64> {
        let first = word::first(word::START, 0, 0, site.number());
        vec![first, id, parent, 70, clock::raw()]
    }

    /// The END of a model call, which took a token and cost so many USD.
    fn end_of_call(id: u64, usd: Option<u32>) -> Vec<u64> {
        let mut usage = serde_json::json!({"prompt_tokens": 1, "completion_tokens": 0});
        if let Some(usd) = usd {
            usage["cost"] = usd.into();
        }
        let answer = serde_json::json!({"object": "chat.completion", "model": "acme-1", "choices": [], "usage": usage});
        let mut payload = Vec::new();
        crate::record::capture::Sink::new(&mut payload, true).serialize(&answer);
        let first = word::first(word::END, word::CAPTURED, payload.len(), 0);
        payload.resize(payload.len().next_multiple_of(8), 0);
        let mut words = vec![first, id, clock::raw()];
        let bytes = payload.chunks(8);
        words.extend(bytes.map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes"))));
        words
    }

    /// The line that a program ends with says what the command says.
    #[test]
    fn a_run_costs_what_its_sessions_cost() {
        let check = |records: &[Vec<u64>], expected: Option<i64>| {
            let mut processor = processor();
            let tap = processor.outlets.tap();
            for words in [scope(7, 70), records.concat(), Vec::new()] {
                processor.chunk(chunk(0, words));
                processor.pass_ended();
            }
            processor.add_cost_so_far();
            let batches = tap.take();
            let mut traces = crate::model::trace::Traces::default();
            for event in batches.iter().flat_map(|batch| batch.events()) {
                traces.apply(&Default::default(), event);
            }
            let trace = traces.get(SessionId(7)).expect("it has spans");
            let cost = &trace.session.cost;
            let whole = cost.total.filter(|_| !cost.partial);
            assert_eq!((processor.totals.cost(), whole), (expected, expected));
        };
        let usd = |usd: i64| Some(usd * 1_000_000_000);
        let paid = |id, parent| [start_of(&PAID, id, parent), end(id)].concat();
        let call = |id, parent, cost| [start_of(&CALL, id, parent), end_of_call(id, cost)].concat();
        check(&[start(5, 1, 70), end(5)], None);
        check(&[paid(5, 1), paid(6, 1)], usd(1));
        check(
            &[
                start_of(&PAID, 5, 1),
                paid(6, 5),
                shared(5),
                paid(7, 5),
                paid(8, 7),
                end(5),
            ],
            usd(2),
        );
        // A call that says again what is beneath it, and one that alone says it.
        let around = |inner, outer| {
            [
                start_of(&CALL, 5, 1),
                start_of(&PAID, 6, 5),
                call(7, 6, inner),
                call(8, 6, inner),
                end(6),
                end_of_call(5, outer),
                paid(9, 1),
                paid(10, 1),
                paid(11, 1),
            ]
        };
        check(&around(Some(3), Some(6)), usd(8));
        check(&around(None, Some(6)), usd(8));
        check(&around(Some(3), None), usd(8));
        check(&around(None, None), None);
        check(&[call(5, 1, Some(3)), call(6, 1, None)], None);
        check(&[call(5, 1, Some(3)), start_of(&CALL, 6, 1), end(6)], None);
        // What is around it does not end.
        check(&[start_of(&CALL, 5, 1), call(6, 5, Some(3))], usd(3));
    }

    /// A session's own START found no room; the session is there, and ends.
    #[test]
    fn a_session_without_its_own_span_ends() {
        let mut processor = processor();
        processor.chunk(chunk(0, scope(7, 70)));
        processor.chunk(chunk(0, end(root_of(7))));
        processor.pass_ended();
        processor.pass_ended();
        assert_eq!(
            processor.sessions[&7].facts.end_state,
            Some(EndState::Success)
        );
        assert_eq!(
            (processor.totals.spans(), processor.lost_without_start),
            (0, 0),
            "the START was counted where it was lost"
        );
    }

    /// Many short sessions on many short threads, and one session with many agents.
    #[test]
    fn what_is_over_is_forgotten() {
        let mut processor = processor();
        for n in 0..100_000_u64 {
            let (session, word) = (u128::from(n) + 1, n + 1);
            let mut words = scope(session, word);
            words.extend(start(root_of(session), 0, word));
            words.extend(end(root_of(session)));
            // A thread that ends after five sessions; each begins with a value beside its ring.
            let mut chunk = chunk(n as usize / 5, words);
            if n % 5 == 0 {
                chunk.words.extend(start(n + 1, root_of(session), word));
                let first = word::first(word::END, word::BOXED, 0, 0);
                chunk.words.extend([first, n + 1, clock::raw()]);
                chunk.boxes.push_back(Box::default());
            }
            processor.chunk(chunk);
            if n % 1000 == 0 {
                processor.pass_ended();
            }
        }
        processor.pass_ended();
        processor.pass_ended();
        assert_eq!(processor.totals.spans(), 120_000);
        assert_eq!(processor.lost_without_start, 0);
        let (sessions, scopes) = (processor.sessions.len(), processor.scopes.len());
        assert!(sessions <= REMEMBERED_AT_MOST && scopes == sessions);
        assert_eq!(processor.roots.len(), sessions);
        assert!(processor.boxes.is_empty() && processor.open.is_empty());
        assert!(
            processor.threads.len() <= 512,
            "{}",
            processor.threads.len()
        );

        // A session that was forgotten long ago, and one that goes on.
        for session in [1, 100_000] {
            for agent in 0..20_000_u64 {
                let word = session as u64 * 1_000_000 + agent;
                let mut words = agent_scope(session, word);
                words.extend(start(word, 0, word));
                words.extend(end(word));
                processor.chunk(chunk(0, words));
                if agent % 1000 == 0 {
                    processor.pass_ended();
                }
            }
        }
        processor.pass_ended();
        processor.pass_ended();
        assert_eq!(processor.totals.spans(), 160_000);
        let scopes = processor.scopes.len() - sessions;
        assert!(scopes <= 4 * keep::AGENTS_AT_MOST, "{scopes}");
    }

    /// What is open keeps the thread that it started on, and the agent that it is of.
    #[test]
    fn what_is_open_keeps_its_thread_and_its_agent() {
        let mut processor = processor();
        let mut words = scope(7, 70);
        words.extend(agent_scope(7, 71));
        words.extend(start(5, 1, 71));
        processor.chunk(chunk(9, words));
        let thread = processor.open[&5].thread;
        for n in 0..20_000 {
            processor.chunk(chunk(100 + n, agent_scope(7, 1000 + n as u64)));
        }
        processor.chunk(chunk(8, end(5)));
        assert!(processor.threads.shared(thread).is_some());
        assert!(processor.threads.len() <= 512);
        assert!(processor.scopes.contains_key(&71));
        assert!(processor.scopes.len() <= 2 * keep::AGENTS_AT_MOST);
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
        processor.pass_ended();
        let session = &processor.sessions[&7];
        assert_eq!(
            (session.facts.end_state, session.open),
            (Some(EndState::Success), 1)
        );
        // As after a minute, among many.
        processor.ended_sessions = (7..7 + REMEMBERED as u128 + 1).map(|id| (id, 0)).collect();
        processor.forget_sessions();
        assert!(
            processor.scopes.contains_key(&70),
            "the span would be written with trace 0 and no session"
        );
        processor.chunk(chunk(0, end(5)));
        processor.pass_ended();
        processor.pass_ended();
        processor.ended_sessions = (7..7 + REMEMBERED as u128 + 1).map(|id| (id, 0)).collect();
        processor.forget_sessions();
        assert!(
            processor.scopes.is_empty()
                && processor.roots.is_empty()
                && processor.sessions.is_empty()
        );
    }

    /// The wall clock is set while a span runs.
    #[test]
    fn a_duration_is_that_of_the_counter_whatever_the_wall_clock_does() {
        // Less than what is taken for a jump: more would be put right at the next look.
        for ahead in [40_000_000, -40_000_000] {
            let mut processor = processor();
            let mut words = scope(7, 70);
            words.extend(start(root_of(7), 0, 70));
            let started = *words.last().expect("it has a clock");
            processor.chunk(chunk(0, words));
            processor.anchor.set(ahead);
            let words = end(root_of(7));
            let ended = *words.last().expect("it has a clock");
            processor.chunk(chunk(0, words));
            processor.pass_ended();
            processor.pass_ended();
            let facts = &processor.sessions[&7].facts;
            let duration = facts.end.map(|end| end - facts.start);
            assert_eq!(duration, Some(clock::between(started, ended)));
        }
    }
}
