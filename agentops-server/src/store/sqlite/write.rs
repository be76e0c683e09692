//! Takes batches in: the one place that writes.
//!
//! A batch is one transaction: spans and logs, then the sums of the sessions that it touched, then the sums over time,
//! and how far the spool was read. What is remembered of sessions only saves reading it again: after a failure it is
//! forgotten, and the store as it was before the batch is all that counts.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use agentops_core::model::event::{Event, Loss, LossCause, Resource};
use agentops_core::model::id::{SessionId, SpanId, TraceId};
use agentops_core::model::rollup::{self, Entry, Rollup};
use agentops_core::model::session::{Session, SessionFacts};
use agentops_core::model::span::{Log, Span, SpanKind, Status};
use agentops_core::model::{trace, wire};
use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, params};

use super::ahead::{Prepared, span_of};
use super::payload::{Packer, Presses, Unpacker};
use super::rolls::{self, Rolls, clamp, kind};
use super::segment::Builder;
use super::tail::Tail;
use super::thin::{self, Counted, Known, Memory, Thin, Unwritten, Word};
use super::{ahead, index, read, reprice, text};
use crate::store::{Batch, Changes, Kind, StoreError};

/// Sessions up to this size are summed up with every commit; larger ones now and then, for it takes as long as they are
/// large.
const SMALL: usize = 2_000;

/// For how long the sums of a large session may lag.
const LAG: Duration = Duration::from_millis(200);

/// After so long without a change they lag no longer.
const QUIET: Duration = Duration::from_millis(10);

/// For how long nothing must have come of a trace whose root is not there until it is taken to be over: exporters try
/// again for five minutes, and few model calls, of which nothing comes before they are over, take longer.
const SILENCE: Duration = Duration::from_secs(300);

/// How many spans of a deleted session go in one transaction.
const PURGE: usize = 250;

/// A log is where it belongs; it may belong to a session of the trace that its session's id is, or of that which its
/// session is in.
const AT_HOME: i64 = 0;
const BY_KEY: i64 = 1;
const BY_TRACE: i64 = 2;

/// So many sessions of one trace are looked into for what a log belongs to.
const SIBLINGS: i64 = 100;

/// For how long nothing must have come of a session that was deleted until it may come again.
const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);

/// Words that are remembered, so that spans need not look up their names.
const WORDS: usize = 100_000;

/// How large the write-ahead log may grow before readers are waited for, so that it begins anew; by how much more until
/// that is tried again; and for how long they are waited for: most are gone in a moment, and whoever commits waits, too.
const LOG: u64 = 48 << 20;
const LOG_MORE: u64 = 8 << 20;
const LOG_PATIENCE: Duration = Duration::from_millis(20);

/// From this size on they are waited for longer.
const LOG_LARGE: u64 = 104 << 20;
const LOG_LARGE_PATIENCE: Duration = Duration::from_millis(500);

/// A segment that another process makes, and of which nothing came for so long, is made no longer.
const ABANDONED: Duration = Duration::from_secs(5);

/// The connection that writes, and what it remembers.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) conn: Connection,
    /// What came last, for those who search; and what came in this transaction.
    tail: Arc<Mutex<Tail>>,
    came: Vec<(i64, Arc<str>)>,
    /// The write-ahead log, and how large it must be before it is looked after again.
    log: PathBuf,
    log_limit: u64,
    pub(super) packer: Packer,
    presses: Arc<Mutex<Presses>>,
    pub(super) unpacker: Unpacker,
    pub(super) memory: Memory,
    words: HashMap<Arc<str>, i64, RandomState>,
    processes: HashMap<Arc<Resource>, i64>,
    /// The last one, which is mostly the next.
    process: Option<(Arc<Resource>, i64)>,
    pub(super) rolls: Rolls,
    /// What makes segments of the index of words, and what is made of them.
    builder: Builder,
    merging: Option<index::Merging>,
    /// The segment that another process makes, how much of it there was, and since when.
    made_elsewhere: Option<((i64, i64), Instant)>,
    /// For how long nothing may come of that.
    pub(super) abandoned: Duration,
    /// There are logs that came by themselves, where that is known.
    has_logs: Option<bool>,
    sequence: i64,
    /// For how long the root of a trace is waited for.
    pub(super) silence: Duration,
    /// Tells whether another process has written.
    version: Option<i64>,
}

/// What a commit has touched so far.
#[derive(Default)]
struct Touched {
    order: Vec<SessionId>,
    spans: HashMap<SessionId, Vec<SpanId>, RandomState>,
}

impl Touched {
    fn session(&mut self, id: SessionId) -> &mut Vec<SpanId> {
        let Self { order, spans } = self;
        spans.entry(id).or_insert_with(|| {
            order.push(id);
            Vec::new()
        })
    }
}

impl Writer {
    pub(super) fn new(
        conn: Connection,
        log: PathBuf,
        tail: Arc<Mutex<Tail>>,
        presses: Arc<Mutex<Presses>>,
    ) -> Result<Self, StoreError> {
        let packer = Packer::new(&conn)?;
        let sequence = read::sequence(&conn)?;
        Ok(Self {
            conn,
            tail,
            came: Vec::new(),
            log,
            log_limit: LOG,
            packer,
            presses,
            unpacker: Unpacker::default(),
            memory: Memory::default(),
            words: HashMap::default(),
            processes: HashMap::new(),
            process: None,
            rolls: Rolls::default(),
            builder: Builder::default(),
            merging: None,
            made_elsewhere: None,
            abandoned: ABANDONED,
            has_logs: None,
            sequence,
            silence: SILENCE,
            version: None,
        })
    }

    /// Forgets all that is not in the store: after a failure it may be ahead of it.
    pub(super) fn forget(&mut self) {
        if !self.conn.is_autocommit() {
            // Nothing more can be done for it; a connection that is broken says so at its next use.
            _ = self.conn.execute_batch("ROLLBACK");
        }
        self.forget_all();
        self.merging = None;
        if let Ok(packer) = Packer::new(&self.conn) {
            self.packer = packer;
        }
        if let Ok(sequence) = read::sequence(&self.conn) {
            self.sequence = sequence;
        }
    }

    /// Does `work` as one transaction, of which nothing stays where it fails.
    fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.conn.execute_batch("BEGIN IMMEDIATE")?;
        let done = self.refresh().and_then(|()| work(self)).and_then(|done| {
            self.rolls.write(&self.conn)?;
            self.conn.execute_batch("COMMIT")?;
            Ok(done)
        });
        if done.is_err() {
            self.forget();
        } else {
            let came = std::mem::take(&mut self.came);
            self.memory.trim(came.len());
            if !came.is_empty() {
                let sequence = self.sequence;
                self.tail().extend(sequence, came.into_iter());
            }
            if self.words.len() > WORDS {
                self.words.clear();
            }
            self.shorten_log();
        }
        done
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the write-ahead log begin anew where it has grown large, which it does by itself only at a moment without
    /// readers.
    fn shorten_log(&mut self) {
        let size = std::fs::metadata(&self.log).map_or(0, |log| log.len());
        if size < LOG {
            self.log_limit = LOG;
        }
        if size < self.log_limit {
            return;
        }
        // What was committed is so, whatever becomes of this; where a reader stays for longer, it is tried again.
        let patience = match size < LOG_LARGE {
            true => LOG_PATIENCE,
            false => LOG_LARGE_PATIENCE,
        };
        let done = self.conn.busy_timeout(patience).and_then(|()| {
            self.conn
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        });
        let busy = done.unwrap_or(1) != 0;
        self.log_limit = if busy { size + LOG_MORE } else { LOG };
        _ = self.conn.busy_timeout(super::PATIENCE);
    }

    /// Another process may have written since: then what is remembered may be wrong.
    fn refresh(&mut self) -> Result<(), StoreError> {
        let version = self
            .conn
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        if self.version.replace(version) != Some(version) {
            self.forget_all();
            self.sequence = read::sequence(&self.conn)?;
        }
        Ok(())
    }

    fn forget_all(&mut self) {
        self.tail().clear();
        self.came.clear();
        self.memory.clear();
        self.words.clear();
        self.processes.clear();
        self.process = None;
        self.builder = Builder::default();
        self.has_logs = None;
        self.rolls.clear();
    }

    /// Takes in a batch, of which every span is prepared.
    pub(super) fn commit(
        &mut self,
        batch: &Batch,
        prepared: Vec<Prepared>,
    ) -> Result<Changes, StoreError> {
        let mut prepared = prepared.into_iter();
        self.transaction(|writer| {
            writer.sequence += 1;
            let mut touched = Touched::default();
            for (resource, event) in &batch.events {
                let prepared = span_of(event).and_then(|_| prepared.next());
                if writer.is_wanted(event, batch.restores)? {
                    writer.apply(resource, event, prepared, &mut touched)?;
                }
            }
            for &session in &batch.lost {
                writer.lose(session, &mut touched)?;
            }
            // What is handed in is all there is of it.
            let waits = match batch.restores {
                true => 0,
                false => now().saturating_add(clamp(writer.silence.as_nanos() as u64)),
            };
            for session in &touched.order {
                if let Some(known) = writer.memory.get(*session) {
                    known.waits = waits;
                }
                writer.settle(*session, false)?;
            }
            writer.write_spans(&touched)?;
            let mut also = Vec::new();
            for (session, spans) in &touched.spans {
                also.extend(writer.fetch_logs(*session, spans)?);
            }
            also.sort_unstable();
            also.dedup();
            also.retain(|session| !touched.spans.contains_key(session));
            touched.order.extend(also);
            writer.note_positions(batch)?;
            writer.note_sequence()?;
            Ok(Changes {
                sequence: writer.sequence as u64,
                sessions: touched
                    .order
                    .iter()
                    .map(|id| (*id, touched.spans.remove(id).unwrap_or_default()))
                    .collect(),
                elsewhere: Vec::new(),
            })
        })
    }

    fn note_positions(&mut self, batch: &Batch) -> Result<(), StoreError> {
        for (file, offset) in &batch.positions {
            self.conn
                .prepare_cached(
                    "INSERT INTO spool VALUES (?1, ?2) ON CONFLICT DO UPDATE SET offset = excluded.offset",
                )?
                .execute(params![file, clamp(*offset)])?;
        }
        for (process, session, opened) in &batch.voices {
            self.conn
                .prepare_cached(
                    "INSERT INTO voice VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET opened = max(opened, excluded.opened)",
                )?
                .execute(params![process, session.0.to_be_bytes(), opened])?;
        }
        for process in &batch.silent {
            self.conn
                .prepare_cached("DELETE FROM voice WHERE process = ?1")?
                .execute([process])?;
        }
        for file in &batch.gone {
            self.conn
                .prepare_cached("DELETE FROM spool WHERE file = ?1")?
                .execute([file])?;
        }
        Ok(())
    }

    /// Whether the session of an event may be in the store: one that was deleted and is gone may not, unless somebody
    /// hands it in.
    fn is_wanted(&mut self, event: &Event, restores: bool) -> Result<bool, StoreError> {
        let session = match event {
            Event::SpanStarted(span) | Event::SpanEnded(span) => session_of(span),
            Event::Log { session, .. } => *session,
            Event::Session(facts) => facts.id,
            Event::Loss(Loss {
                session: Some(session),
                ..
            }) => *session,
            _ => return Ok(true),
        };
        if self.remembered(session)?.is_some() {
            return Ok(true);
        }
        let key = session.0.to_be_bytes();
        let is_gone: bool = self
            .conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM gone WHERE key = ?1)")?
            .query_row([key], |row| row.get(0))?;
        if !is_gone {
            return Ok(true);
        }
        if restores {
            self.conn
                .prepare_cached("DELETE FROM gone WHERE key = ?1")?
                .execute([key])?;
        } else {
            self.conn
                .prepare_cached("UPDATE gone SET at = ?2 WHERE key = ?1")?
                .execute(params![key, now()])?;
        }
        Ok(restores)
    }

    fn apply(
        &mut self,
        resource: &Arc<Resource>,
        event: &Event,
        prepared: Option<Prepared>,
        touched: &mut Touched,
    ) -> Result<(), StoreError> {
        match event {
            Event::SpanStarted(span) => self.span(resource, span, true, prepared, touched),
            Event::SpanEnded(span) => self.span(resource, span, false, prepared, touched),
            Event::Log { session, span, log } => self.log(resource, *session, *span, log, touched),
            Event::Session(facts) => self.facts(resource, facts, touched),
            Event::Loss(loss) => self.loss(resource, loss, touched),
            _ => Ok(()),
        }
    }

    /// The first END wins over all else and a later one fills its gaps; a later start wins over an earlier one.
    fn span(
        &mut self,
        resource: &Arc<Resource>,
        span: &Span,
        open: bool,
        prepared: Option<Prepared>,
        touched: &mut Touched,
    ) -> Result<(), StoreError> {
        let session = session_of(span);
        let process = self.process(resource)?;
        let known = self.known(session, process, resource)?;
        let place = known.place(span.id);
        let ended = place.map(|at| &known.spans[at]).filter(|thin| !thin.open);
        let filled;
        let (span, prepared) = match ended {
            None => (span, prepared),
            Some(_) if open => return Ok(()),
            Some(thin) if !has_more(span, thin) => return Ok(()),
            Some(thin) => {
                let row = thin.row;
                match self.fill(row, span)? {
                    Some(whole) => filled = whole,
                    None => return Ok(()),
                }
                (&filled, None)
            }
        };
        touched.session(session).push(span.id);
        let Prepared {
            words,
            packed,
            asked,
        } = match prepared {
            Some(prepared) => prepared,
            None => ahead::prepare(span, self.packer.own())?,
        };

        let name = self.word(&span.name)?;
        let agent = match &span.agent {
            Some(agent) => Some(self.word(&agent.name)?),
            None => None,
        };
        let model = span
            .llm
            .as_ref()
            .and_then(|llm| llm.model.as_deref().or(llm.request_model.as_deref()));
        let model = match model {
            Some(model) => Some(self.word(model)?),
            None => None,
        };
        let fault = self.fault(span, &name)?;
        let is_tool = span.kind == SpanKind::Tool;
        let dims = [
            (kind::AGENT, agent.as_ref()),
            (kind::MODEL, model.as_ref()),
            (kind::TOOL, Some(&name).filter(|_| is_tool)),
        ];
        let dims = dims.map(|(kind, word)| (kind, word.map(|(word, _)| *word)));
        let entry = Entry::from(span);
        let mut thin = Thin {
            row: 0,
            id: span.id,
            parent: span.parent_id,
            kind: span.kind,
            status: span.status,
            open,
            cancelled: span.cancelled,
            start: clamp(span.start) as u64,
            end: span.end.filter(|_| !open).map(|end| clamp(end) as u64),
            name,
            agent,
            inherits: false,
            model,
            usage: thin::usage(span),
            cost: entry.cost,
            is_cost_estimated: entry.is_cost_estimated,
            tool_cost: entry.tool_cost,
            first_token: span
                .llm
                .as_ref()
                .and_then(|llm| llm.time_to_first_token)
                .map(|nanos| clamp(nanos) as u64),
            trace: None,
            counted: Counted::default(),
            unwritten: None,
        };
        let mut rest = Unwritten {
            is_new: place.is_none(),
            thread: span.thread.as_ref().map(|thread| clamp(thread.id)),
            fault,
            asked,
        };

        self.packer.stored(&packed);
        let Self {
            memory,
            rolls,
            conn,
            came,
            ..
        } = self;
        let Some(known) = memory.get(session) else {
            return Err(StoreError(Kind::Corrupt("a session that was just there")));
        };
        known.ours |= !matches!(span.kind, SpanKind::Unknown | SpanKind::Http)
            || span.llm.is_some()
            || span.agent.is_some();
        if known.spans.is_empty() && known.trace.0 == 0 {
            known.trace = span.trace_id;
        }
        thin.trace = Some(span.trace_id).filter(|trace| *trace != known.trace);
        for (kind, word) in dims {
            if let Some(word) = word {
                known.find_by(conn, kind, word)?;
            }
        }
        match place {
            None => {
                conn.prepare_cached("INSERT INTO payload (dict, z) VALUES (?1, ?2)")?
                    .execute(params![packed.dict, packed.bytes])?;
                thin.row = conn.last_insert_rowid();
                came.push((thin.row, words));
                thin.unwritten = Some(Box::new(rest));
                known.push(thin);
            }
            Some(at) => {
                // What it added is taken away as it was: it adds what it is now when the session is summed up.
                let before = &known.spans[at];
                if !known.hidden {
                    rolls.change(known.project.0, before, before.counted, Counted::default());
                }
                rest.is_new = before.unwritten.as_ref().is_some_and(|rest| rest.is_new);
                thin.row = before.row;
                conn.prepare_cached("UPDATE payload SET dict = ?2, z = ?3 WHERE id = ?1")?
                    .execute(params![thin.row, packed.dict, packed.bytes])?;
                index::changed(conn, thin.row)?;
                came.push((thin.row, words));
                thin.unwritten = Some(Box::new(rest));
                known.spans[at] = thin;
            }
        }
        if let Some(error) = &span.error {
            self.dim(session, kind::ERROR, &error.code)?;
        }
        for tag in &span.tags {
            self.dim(session, kind::TAG, tag)?;
        }
        Ok(())
    }

    /// A span as it is stored, with what a later END of it says and it does not; `None` where that is nothing.
    fn fill(&mut self, row: i64, later: &Span) -> Result<Option<Span>, StoreError> {
        let (dict, packed): (i64, Vec<u8>) = self
            .conn
            .prepare_cached("SELECT dict, z FROM payload WHERE id = ?1")?
            .query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let whole = self.unpacker.unpack(&self.conn, dict, &packed);
        // What does not read back is told of where it is asked for.
        let Some(mut span) = whole.ok().and_then(|whole| wire::decode_span(&whole).ok()) else {
            return Ok(None);
        };
        Ok(trace::fill(&mut span, later).then_some(span))
    }

    /// Writes the rows of spans that came, now that it is known what of them counts.
    fn write_spans(&mut self, touched: &Touched) -> Result<(), StoreError> {
        let Self { memory, conn, .. } = self;
        let mut unwritten = Vec::new();
        for (session, spans) in &touched.spans {
            let Some(known) = memory.get(*session) else {
                continue;
            };
            for at in spans.iter().filter_map(|span| known.place(*span)) {
                unwritten.push((known.spans[at].row, *session, at));
            }
        }
        // Each behind the one before, so that pages are filled.
        unwritten.sort_unstable_by_key(|(row, ..)| *row);
        let mut insert = conn.prepare_cached(
            "INSERT INTO span (id, session, span, parent, kind, status, flags, name, agent, model, start, end,
                thread, error, input, output, cache_read, cache_write, reasoning, total, cost, tool_cost,
                first_token, trace, asked, counted)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
                ?20, ?21, ?22, ?23, ?24, ?25, ?26)",
        )?;
        for (_, session, at) in unwritten {
            let Some(known) = memory.get(session) else {
                continue;
            };
            // What came twice is written once.
            let Some(rest) = known.spans[at].unwritten.take() else {
                continue;
            };
            let thin = &known.spans[at];
            let usage = thin.usage;
            let columns = params![
                thin.row,
                known.row,
                thin.id.0 as i64,
                thin.parent.map(|id| id.0 as i64),
                read::kind_number(thin.kind),
                read::status_number(thin.status),
                read::flags(thin),
                thin.name.0,
                thin.agent.as_ref().map(|word| word.0),
                thin.model.as_ref().map(|word| word.0),
                thin.start as i64,
                thin.end.map(clamp),
                rest.thread,
                rest.fault,
                usage.map(|usage| clamp(usage.input)),
                usage.map(|usage| clamp(usage.output)),
                usage.map(|usage| clamp(usage.cache_read)),
                usage.map(|usage| clamp(usage.cache_write)),
                usage.map(|usage| clamp(usage.reasoning)),
                usage.map(|usage| clamp(usage.total)),
                thin.cost,
                thin.tool_cost,
                thin.first_token.map(clamp),
                thin.trace.map(|trace| trace.0.to_be_bytes()),
                rest.asked,
                thin.counted.0,
            ];
            if rest.is_new {
                insert.execute(columns)?;
            } else {
                conn.prepare_cached(
                    "UPDATE span SET session = ?2, span = ?3, parent = ?4, kind = ?5, status = ?6, flags = ?7,
                        name = ?8, agent = ?9, model = ?10, start = ?11, end = ?12, thread = ?13, error = ?14,
                        input = ?15, output = ?16, cache_read = ?17, cache_write = ?18, reasoning = ?19, total = ?20,
                        cost = ?21, tool_cost = ?22, first_token = ?23, trace = ?24, asked = ?25, counted = ?26
                     WHERE id = ?1",
                )?
                .execute(columns)?;
            }
        }
        Ok(())
    }

    fn log(
        &mut self,
        resource: &Arc<Resource>,
        session: SessionId,
        span: SpanId,
        log: &Log,
        touched: &mut Touched,
    ) -> Result<(), StoreError> {
        let process = self.process(resource)?;
        // Without the trace, which may not be known yet, and as it came: the same log is the same record, whichever session
        // it is in by now.
        let record = wire::encode_log(log, session, TraceId::default(), span);
        let (session, astray) = self.home_of_log(session, span)?;
        let row = self.known(session, process, resource)?.row;
        // The same log may come again with the same request.
        let there: bool = self
            .conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM log WHERE session = ?1 AND span = ?2 AND time = ?3 AND z = ?4)")?
            .query_row(params![row, span.0 as i64, clamp(log.time), record], |row| row.get(0))?;
        if !there {
            self.conn
                .prepare_cached(
                    "INSERT INTO log (session, span, time, z, astray) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![row, span.0 as i64, clamp(log.time), record, astray,])?;
            self.has_logs = Some(true);
            touched.session(session).push(span);
            let place = self.memory.get(session).and_then(|known| {
                let at = known.place(span)?;
                Some(known.spans[at].row)
            });
            if let Some(row) = place {
                index::changed(&self.conn, row)?;
            }
        }
        Ok(())
    }

    /// The session that a log goes to; and what it may be moved by, for what it named may be the trace alone, and its span
    /// is not there yet.
    fn home_of_log(
        &mut self,
        named: SessionId,
        span: SpanId,
    ) -> Result<(SessionId, i64), StoreError> {
        let mut is_real = false;
        if let Some(known) = self.remembered(named)? {
            is_real = !known.spans.is_empty() || known.told.is_some();
            if known.place(span).is_some() || (is_real && known.own_trace().0 != named.0) {
                return Ok((named, AT_HOME));
            }
        }
        let trace = named.0.to_be_bytes();
        let id = |row: &rusqlite::Row<'_>| Ok(SessionId(u128::from_be_bytes(row.get(0)?)));
        let with_span = self
            .conn
            .prepare_cached(
                "SELECT key FROM (SELECT id, key FROM session WHERE trace = ?1 LIMIT ?3) AS other
                 WHERE EXISTS (SELECT 1 FROM span WHERE session = other.id AND span = ?2) LIMIT 1",
            )?
            .query_row(params![trace, span.0 as i64, SIBLINGS], id)
            .optional()?;
        if let Some(home) = with_span {
            return Ok((home, AT_HOME));
        }
        if is_real {
            return Ok((named, BY_KEY));
        }
        let first = self
            .conn
            .prepare_cached(
                "SELECT key FROM session WHERE trace = ?1 AND (spans > 0 OR told IS NOT NULL) ORDER BY id LIMIT 1",
            )?
            .query_row([trace], id)
            .optional()?;
        Ok(first.map_or((named, BY_KEY), |first| (first, BY_TRACE)))
    }

    /// Whether there is any log that came by itself.
    fn has_logs(&mut self) -> Result<bool, StoreError> {
        if let Some(has_logs) = self.has_logs {
            return Ok(has_logs);
        }
        let found = self
            .conn
            .query_row("SELECT EXISTS (SELECT 1 FROM log)", [], |row| row.get(0))?;
        Ok(*self.has_logs.insert(found))
    }

    /// Brings logs to spans that have come to a session, which came before them and so to another session of the trace,
    /// or to one that there is nothing else of. Tells which other sessions changed.
    fn fetch_logs(
        &mut self,
        session: SessionId,
        spans: &[SpanId],
    ) -> Result<Vec<SessionId>, StoreError> {
        if spans.is_empty() || !self.has_logs()? {
            return Ok(Vec::new());
        }
        let Some(known) = self.memory.get(session) else {
            return Ok(Vec::new());
        };
        let (own, own_key) = (known.row, session.0.to_be_bytes());
        let mut traces = HashSet::from([known.own_trace()]);
        let mut rows = Vec::with_capacity(spans.len());
        for at in spans.iter().filter_map(|span| known.place(*span)) {
            rows.push(known.spans[at].row);
            traces.extend(known.spans[at].trace);
        }
        let ids: Vec<i64> = spans.iter().map(|span| span.0 as i64).collect();
        let ids = serde_json::to_string(&ids).unwrap_or_default();
        let mut changed = Vec::new();
        let mut found = false;
        for trace in traces {
            let mut ask = self.conn.prepare_cached(
                "SELECT id, key, key = ?1 AND spans = 0 AND told IS NULL
                 FROM (SELECT * FROM session WHERE (trace = ?1 OR key = ?1) AND id <> ?2 LIMIT ?3) AS other
                 WHERE EXISTS (SELECT 1 FROM log WHERE log.session = other.id AND astray <> 0)",
            )?;
            let others = ask.query_map(params![trace.0.to_be_bytes(), own, SIBLINGS], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            let others: Vec<(i64, [u8; 16], bool)> = others.collect::<Result<_, _>>()?;
            let by = |key: [u8; 16]| match key == trace.0.to_be_bytes() {
                true => BY_KEY,
                false => BY_TRACE,
            };
            for (other, key, is_empty) in others {
                let moved = self
                    .conn
                    .prepare_cached(
                        "UPDATE log SET session = ?1,
                            astray = CASE WHEN span IN (SELECT value FROM json_each(?4)) THEN 0 ELSE ?6 END
                         WHERE session = ?2 AND astray = ?5 AND (?3 OR span IN (SELECT value FROM json_each(?4)))",
                    )?
                    .execute(params![own, other, is_empty, ids, by(key), by(own_key)])?;
                found |= moved > 0;
                if moved > 0 && !is_empty {
                    self.conn
                        .prepare_cached("UPDATE session SET seq = ?2 WHERE id = ?1")?
                        .execute([other, self.sequence])?;
                    changed.push(SessionId(u128::from_be_bytes(key)));
                }
            }
        }
        for row in rows.into_iter().filter(|_| found) {
            index::changed(&self.conn, row)?;
        }
        Ok(changed)
    }

    fn facts(
        &mut self,
        resource: &Arc<Resource>,
        facts: &SessionFacts,
        touched: &mut Touched,
    ) -> Result<(), StoreError> {
        let process = self.process(resource)?;
        self.known(facts.id, process, resource)?;
        touched.session(facts.id);
        // Where it ran is where it was opened, not where somebody joined it.
        self.move_to(facts.id, process, resource)?;
        let Some(known) = self.memory.get(facts.id) else {
            return Ok(());
        };
        known.ours = true;
        if known.spans.is_empty() && known.trace.0 == 0 {
            known.trace = facts.trace_id;
        }
        let told = match &mut known.told {
            Some(told) => {
                trace::complete(told, facts.clone());
                &*told
            }
            told => &*told.insert(facts.clone()),
        };
        let tags = told.tags.clone();
        let environment = told
            .attributes
            .get("deployment.environment.name")
            .or_else(|| facts.attributes.get("environment"));
        let environment = environment
            .and_then(|value| value.as_str())
            .map(str::to_owned);
        for tag in tags {
            self.dim(facts.id, kind::TAG, &tag)?;
        }
        if let Some(environment) = environment {
            self.dim(facts.id, kind::ENVIRONMENT, &environment)?;
        }
        if let Some(version) = &resource.service_version {
            self.dim(facts.id, kind::VERSION, version)?;
        }
        Ok(())
    }

    /// A loss that names no session is kept beside the sessions of its process, for whose it may be can still change.
    fn loss(
        &mut self,
        resource: &Arc<Resource>,
        loss: &Loss,
        touched: &mut Touched,
    ) -> Result<(), StoreError> {
        // Those are spans of other sessions, whatever was going on when they were removed.
        if loss.cause == LossCause::SpoolLimit {
            self.conn.execute(
                "UPDATE meta SET value = value + ?1 WHERE key = 'removed'",
                [clamp(loss.count)],
            )?;
            return Ok(());
        }
        let process = self.process(resource)?;
        let blamed = match loss.session {
            Some(session) => {
                self.known(session, process, resource)?;
                vec![session]
            }
            None => {
                self.conn
                    .prepare_cached(
                        "INSERT INTO loss (process, time, cause, count) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![
                        process,
                        clamp(loss.time),
                        loss.cause.as_str(),
                        clamp(loss.count)
                    ])?;
                read::open_in(&self.conn, process, clamp(loss.time))?
            }
        };
        for session in blamed {
            touched.session(session);
            if loss.session.is_none() {
                continue;
            }
            if let Some(known) = self.remembered(session)? {
                let count = known.losses.entry(loss.cause).or_default();
                *count = count.saturating_add(loss.count);
            }
        }
        Ok(())
    }

    fn lose(&mut self, session: SessionId, touched: &mut Touched) -> Result<(), StoreError> {
        let Some(known) = self.remembered(session)? else {
            return Ok(());
        };
        if !known.lost {
            known.lost = true;
            touched.session(session);
        }
        Ok(())
    }

    /// Counts a change that is no batch.
    pub(super) fn advance(&mut self) -> Result<(), StoreError> {
        self.sequence += 1;
        self.note_sequence()
    }

    fn note_sequence(&self) -> Result<(), StoreError> {
        self.conn
            .prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'sequence'")?
            .execute([self.sequence])?;
        Ok(())
    }

    /// What is remembered of a session, read again where it was forgotten; `None` where the store has none such.
    pub(super) fn remembered(&mut self, id: SessionId) -> Result<Option<&mut Known>, StoreError> {
        if self.memory.get(id).is_none() {
            let Some(known) = read::known(&self.conn, id)? else {
                return Ok(None);
            };
            self.memory.insert(known);
        }
        Ok(self.memory.get(id))
    }

    /// The same, made where there is none.
    fn known(
        &mut self,
        id: SessionId,
        process: i64,
        resource: &Resource,
    ) -> Result<&mut Known, StoreError> {
        if self.remembered(id)?.is_none() {
            let project = self.word(project(resource))?;
            let row = self
                .conn
                .prepare_cached(
                    "INSERT INTO session (key, process, project, name, trace, facts, start, state, is_root, spans, open,
                        errors, llm_calls, tool_calls, dropped, input, output, cache_read, cache_write, reasoning, total,
                        partial, lists, foreign_only, seq)
                     VALUES (?1, ?2, ?3, ?3, x'', x'', 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', 1, ?4)",
                )?
                .insert(params![id.0.to_be_bytes(), process, project.0, self.sequence])?;
            self.memory.insert(Known::new(row, id, process, project));
        }
        let known = self
            .memory
            .get(id)
            .ok_or(StoreError(Kind::Corrupt("a session that was just made")))?;
        known.lost = false;
        Ok(known)
    }

    /// Gives a session to the process that opened it, and its sums over time to that one's project.
    fn move_to(
        &mut self,
        id: SessionId,
        process: i64,
        resource: &Resource,
    ) -> Result<(), StoreError> {
        let project = self.word(project(resource))?;
        let Self { memory, rolls, .. } = self;
        let Some(known) = memory.get(id) else {
            return Ok(());
        };
        if known.project.0 != project.0 && !known.hidden {
            for span in &known.spans {
                rolls.change(known.project.0, span, span.counted, Counted::default());
                rolls.change(project.0, span, Counted::default(), span.counted);
            }
        }
        known.project = project;
        known.process = process;
        Ok(())
    }

    fn word(&mut self, text: &str) -> Result<Word, StoreError> {
        if let Some((word, id)) = self.words.get_key_value(text) {
            return Ok((*id, word.clone()));
        }
        let found = self
            .conn
            .prepare_cached("SELECT id FROM str WHERE s = ?1")?
            .query_row([text], |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => self
                .conn
                .prepare_cached("INSERT INTO str (s) VALUES (?1)")?
                .insert([text])?,
        };
        let word: Arc<str> = text.into();
        self.words.insert(word.clone(), id);
        Ok((id, word))
    }

    fn process(&mut self, resource: &Arc<Resource>) -> Result<i64, StoreError> {
        if let Some((_, id)) = self
            .process
            .as_ref()
            .filter(|(last, _)| Arc::ptr_eq(last, resource))
        {
            return Ok(*id);
        }
        let id = match self.processes.get(resource) {
            Some(&id) => id,
            None => self.new_process(resource)?,
        };
        self.process = Some((resource.clone(), id));
        Ok(id)
    }

    fn new_process(&mut self, resource: &Arc<Resource>) -> Result<i64, StoreError> {
        let key = wire::encode_resource(resource);
        let found = self
            .conn
            .prepare_cached("SELECT id FROM process WHERE key = ?1")?
            .query_row([&key], |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => self
                .conn
                .prepare_cached("INSERT INTO process (key) VALUES (?1)")?
                .insert([&key])?,
        };
        if self.processes.len() > 1_000 {
            self.processes.clear();
            self.process = None;
        }
        self.processes.insert(resource.clone(), id);
        Ok(id)
    }

    /// The group that a span's failure belongs to.
    fn fault(&mut self, span: &Span, name: &Word) -> Result<Option<i64>, StoreError> {
        let (code, shape) = match &span.error {
            Some(error) => (error.code.as_str(), text::shape(&error.details)),
            // It failed, and does not say why.
            None if span.status == Status::Error => ("", String::new()),
            None => return Ok(None),
        };
        let kind = read::kind_number(span.kind);
        let key = params![kind, code, name.0, shape];
        let found = self
            .conn
            .prepare_cached(
                "SELECT id FROM fault WHERE kind = ?1 AND code = ?2 AND name = ?3 AND shape = ?4",
            )?
            .query_row(key, |row| row.get(0))
            .optional()?;
        Ok(Some(match found {
            Some(id) => id,
            None => self
                .conn
                // A number that was given once stands in addresses, and means no other error.
                .prepare_cached(
                    "INSERT INTO fault (id, kind, code, name, shape) VALUES (1 + max(
                        coalesce((SELECT max(id) FROM fault), 0),
                        coalesce((SELECT value FROM meta WHERE key = 'faults'), 0)), ?1, ?2, ?3, ?4)",
                )?
                .insert(key)?,
        }))
    }

    /// Says that the session is found by a word.
    fn dim(&mut self, session: SessionId, kind: u8, text: &str) -> Result<(), StoreError> {
        let word = self.word(text)?.0;
        let Self { memory, conn, .. } = self;
        match memory.get(session) {
            Some(known) => known.find_by(conn, kind, word),
            None => Ok(()),
        }
    }

    /// Makes the sums of a session that changed, or says that they lag.
    pub(super) fn settle(&mut self, id: SessionId, at_once: bool) -> Result<(), StoreError> {
        let Self {
            memory,
            rolls,
            conn,
            sequence,
            ..
        } = self;
        let Some(known) = memory.get(id) else {
            return Ok(());
        };
        if !at_once && known.spans.len() > SMALL && !is_due(known) {
            known.changed = Some(Instant::now());
            let row = Standing::of(known);
            if known.standing.as_ref() == Some(&row) {
                conn.prepare_cached("UPDATE session SET stale = 1, seq = ?2 WHERE id = ?1")?
                    .execute([row.id, *sequence])?;
                return Ok(());
            }
            conn.prepare_cached(
                "UPDATE session SET stale = 1, seq = ?2, told = ?3, process = ?4, project = ?5, trace = ?6,
                    foreign_only = ?7, lost = ?8, losses = ?9
                 WHERE id = ?1",
            )?
            .execute(params![
                row.id,
                *sequence,
                row.told,
                row.process,
                row.project,
                row.trace,
                !row.ours,
                row.lost,
                row.losses
            ])?;
            known.standing = Some(row);
            return Ok(());
        }
        let started = Instant::now();
        let entries = in_order(known);
        let is_told = known
            .told
            .as_ref()
            .is_some_and(|told| told.root.is_some() || told.end.is_some());
        let waits = known.waits > now() && !known.lost && !is_told && trace::lacks_root(&entries);
        let sums = rollup::sum(&entries);
        let counted: Vec<(SpanId, Counted, Option<SpanId>)> = entries
            .iter()
            .zip(sums.spans.iter().zip(&sums.owners))
            .map(|(entry, (totals, owner))| {
                let owner = owner.map(|at| entries[at].id);
                let owner = owner.filter(|owner| *owner != entry.id);
                (entry.id, counts(entry, totals), owner)
            })
            .collect();
        let session = summarise(conn, known, &entries, sums, waits)?;
        if !waits {
            known.waits = 0;
        }
        for (span, now, owner) in counted {
            let Some(at) = known.place(span) else {
                continue;
            };
            let owner = owner.and_then(|owner| known.place(owner));
            let agent = known.spans[at].moves_to(owner.map(|at| &known.spans[at]));
            let thin = &mut known.spans[at];
            if thin.counted == now && agent.is_none() {
                continue;
            }
            let mut before = thin.counted;
            if let Some(agent) = agent {
                if !known.hidden {
                    rolls.change(known.project.0, thin, before, Counted::default());
                }
                before = Counted::default();
                thin.inherits = agent.is_some();
                thin.agent = agent;
            }
            if !known.hidden {
                rolls.change(known.project.0, thin, before, now);
            }
            thin.counted = now;
            if thin.unwritten.is_none() {
                let agent = thin.agent.as_ref().map(|word| word.0);
                conn.prepare_cached(
                    "UPDATE span SET counted = ?2, agent = ?3, flags = ?4 WHERE id = ?1",
                )?
                .execute(params![thin.row, now.0, agent, read::flags(thin)])?;
            }
        }
        known.summed = Some((Instant::now(), started.elapsed()));
        known.changed = None;
        self.write_session(id, &session)
    }
}

/// Whether a large session's sums have lagged for long enough: making them takes a tenth of the time at most, or nothing
/// more has come for a while.
fn is_due(known: &Known) -> bool {
    known.summed.is_none_or(|(at, took)| {
        let quiet = known
            .changed
            .is_some_and(|at| at.elapsed() >= QUIET.max(took * 4));
        quiet || at.elapsed() >= LAG.max(took * 10)
    })
}

/// What is known of a session besides its sums, as it is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    id: i64,
    process: i64,
    project: i64,
    trace: [u8; 16],
    told: Option<Vec<u8>>,
    losses: String,
    lost: bool,
    ours: bool,
}

/// What a session is listed under.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Heading {
    name: i64,
    start: i64,
    parent: Option<SessionId>,
    errors: u64,
}

impl Standing {
    fn of(known: &Known) -> Self {
        Self {
            id: known.row,
            process: known.process,
            project: known.project.0,
            trace: known.trace.0.to_be_bytes(),
            told: known.told.as_ref().map(wire::encode_facts),
            losses: read::losses_to_json(&known.losses),
            lost: known.lost,
            ours: known.ours,
        }
    }
}

/// The session of a span: of its trace, where it comes from elsewhere and names none.
fn session_of(span: &Span) -> SessionId {
    match span.session_id {
        SessionId(0) => SessionId(span.trace_id.0),
        session => session,
    }
}

/// Whether a span may say of a model call what is not known of it.
fn has_more(span: &Span, known: &Thin) -> bool {
    span.llm.as_ref().is_some_and(|call| {
        call.usage.is_some() && known.usage.is_none() || call.cost.is_some() && known.cost.is_none()
    })
}

/// The time, as the store writes it.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    clamp(since.map_or(0, |since| since.as_nanos().try_into().unwrap_or(u64::MAX)))
}

/// The spans of a session as sums are made of them: its own first, the others by start.
fn in_order(known: &Known) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = known.spans.iter().map(Thin::entry).collect();
    let sessions = entries
        .iter()
        .filter(|entry| entry.kind == SpanKind::Session);
    let root = known.told.as_ref().and_then(|told| told.root).or_else(|| {
        let first = sessions.min_by_key(|entry| (entry.start, entry.id))?;
        Some(first.id)
    });
    entries.sort_unstable_by_key(|entry| (Some(entry.id) != root, entry.start, entry.id));
    entries
}

fn project(resource: &Resource) -> &str {
    match &*resource.project {
        "" => trace::DEFAULT_PROJECT,
        project => project,
    }
}

/// What of a span counts over time.
fn counts(entry: &Entry<'_>, totals: &rollup::SpanTotals) -> Counted {
    let bits = [
        (!entry.open, Counted::ENDED),
        (!entry.open && totals.is_call, Counted::CALL),
        (totals.counts_usage, Counted::USAGE),
        (totals.counts_cost, Counted::COST),
        (totals.lacks_cost, Counted::UNPRICED),
        (entry.tool_cost.is_some(), Counted::TOOL_COST),
    ];
    let set = bits.iter().filter(|(set, _)| *set);
    Counted(set.fold(0, |all, (_, bit)| all | bit))
}

/// A session as people read it.
fn summarise(
    conn: &Connection,
    known: &Known,
    entries: &[Entry<'_>],
    sums: Rollup,
    waits: bool,
) -> Result<Session, StoreError> {
    let own = entries.first().and_then(|own| known.place(own.id));
    let facts = trace::Known {
        id: known.id,
        trace_id: own.map_or_else(TraceId::default, |at| {
            known.spans[at].trace.unwrap_or(known.trace)
        }),
        facts: known.told.clone(),
        losses: known.losses.clone(),
        lost: known.lost,
        waits,
    };
    let process = read::process(conn, known.process)?;
    Ok(facts.summarise(entries, sums, process))
}

impl Writer {
    fn write_session(&mut self, id: SessionId, session: &Session) -> Result<(), StoreError> {
        let name = self.word(&session.facts.name)?.0;
        let Self {
            memory,
            conn,
            sequence,
            ..
        } = self;
        let Some(known) = memory.get(id) else {
            return Ok(());
        };
        let lists = read::Lists::of(session).to_json();
        let (facts, counts, tokens) = (&session.facts, session.counts, session.tokens);
        let standing = Standing::of(known);
        let heading = Heading {
            name,
            start: clamp(facts.start),
            parent: facts.parent_session_id,
            errors: counts.errors,
        };
        // What it is found and sorted by is in indexes, which are written whether a value changes or not. `OR FAIL` spares
        // SQLite a journal of the statement: where one fails, the whole transaction is taken back.
        if known.standing.as_ref() != Some(&standing) || known.heading.as_ref() != Some(&heading) {
            conn.prepare_cached(
                "UPDATE OR FAIL session SET process = ?2, project = ?3, name = ?4, trace = ?5, told = ?6, start = ?7,
                    is_root = ?8, parent = ?9, errors = ?10, foreign_only = ?11, lost = ?12, losses = ?13
                 WHERE id = ?1",
            )?
            .execute(params![
                standing.id,
                standing.process,
                standing.project,
                heading.name,
                standing.trace,
                standing.told,
                heading.start,
                heading.parent.is_none(),
                heading.parent.map(|id| id.0.to_be_bytes()),
                clamp(heading.errors),
                !standing.ours,
                standing.lost,
                standing.losses,
            ])?;
        }
        conn.prepare_cached(
            "UPDATE OR FAIL session SET facts = ?2, end = ?3, state = ?4, end_state = ?5, spans = ?6, open = ?7,
                llm_calls = ?8, tool_calls = ?9, dropped = ?10, input = ?11, output = ?12, cache_read = ?13,
                cache_write = ?14, reasoning = ?15, total = ?16, cost = ?17, partial = ?18, lists = ?19, stale = 0,
                seq = ?20, waits = ?21
             WHERE id = ?1",
        )?
        .execute(params![
            standing.id,
            wire::encode_facts(facts),
            facts.end.map(clamp),
            read::state_number(session.state),
            facts.end_state.map(read::end_state_number),
            clamp(counts.spans),
            clamp(counts.open),
            clamp(counts.llm_calls),
            clamp(counts.tool_calls),
            clamp(counts.dropped),
            clamp(tokens.input),
            clamp(tokens.output),
            clamp(tokens.cache_read),
            clamp(tokens.cache_write),
            clamp(tokens.reasoning),
            clamp(tokens.total),
            session.cost.total,
            session.cost.partial,
            lists,
            *sequence,
            known.waits,
        ])?;
        known.standing = Some(standing);
        known.heading = Some(heading);
        Ok(())
    }

    /// Hides sessions, to be purged once `grace` is over.
    pub(super) fn hide(
        &mut self,
        ids: &[SessionId],
        grace: Duration,
    ) -> Result<Changes, StoreError> {
        let until = now().saturating_add(clamp(grace.as_nanos().try_into().unwrap_or(u64::MAX)));
        self.change_hidden(
            ids,
            "UPDATE session SET hidden = ?3, seq = ?2 WHERE key = ?1 AND hidden = 0",
            until,
        )
    }

    /// Brings sessions back that nothing was taken from yet.
    pub(super) fn unhide(&mut self, ids: &[SessionId]) -> Result<Changes, StoreError> {
        self.change_hidden(
            ids,
            "UPDATE session SET hidden = ?3, seq = ?2 WHERE key = ?1 AND hidden > 0",
            0,
        )
    }

    /// Adds a session to the sums over time that it is in, or takes it out of them.
    fn weigh(&mut self, id: SessionId, counts: bool) -> Result<(), StoreError> {
        if self.remembered(id)?.is_none() {
            return Ok(());
        }
        let Self { memory, rolls, .. } = self;
        let Some(known) = memory.get(id) else {
            return Ok(());
        };
        known.hidden = !counts;
        for span in &known.spans {
            let (none, all) = (Counted::default(), span.counted);
            let (before, now) = if counts { (none, all) } else { (all, none) };
            rolls.change(known.project.0, span, before, now);
        }
        Ok(())
    }

    fn change_hidden(
        &mut self,
        ids: &[SessionId],
        sql: &str,
        hidden: i64,
    ) -> Result<Changes, StoreError> {
        self.transaction(|writer| {
            writer.sequence += 1;
            let mut changes = Changes {
                sequence: writer.sequence as u64,
                ..Changes::default()
            };
            for &id in ids {
                let changed = writer.conn.prepare_cached(sql)?.execute(params![
                    id.0.to_be_bytes(),
                    writer.sequence,
                    hidden
                ])?;
                if changed > 0 {
                    writer.weigh(id, hidden == 0)?;
                    changes.sessions.push((id, Vec::new()));
                }
            }
            writer.note_sequence()?;
            Ok(changes)
        })
    }

    /// Does what can wait, for about `budget`. Whether there is more of it.
    pub(super) fn maintain(&mut self, budget: Duration) -> Result<bool, StoreError> {
        let until = Instant::now() + budget;
        self.settle_stale(false)?;
        let lags = !read::stale(&self.conn)?.is_empty();
        loop {
            let purged = self.purge_some()?;
            let priced = self.price_some()?;
            let indexed = self.index_some()? | self.merge_some(!purged)?;
            let idle = !purged && !priced && !indexed;
            let added = self.add_up_some(idle)?;
            if idle && !added {
                return Ok(lags);
            }
            if Instant::now() >= until {
                return Ok(true);
            }
        }
    }

    /// Makes the sums that have lagged for long enough, and ends what has waited for long enough.
    pub(super) fn settle_stale(&mut self, all: bool) -> Result<Changes, StoreError> {
        let mut changes = Changes::default();
        let mut due = read::stale(&self.conn)?;
        due.retain(|id| all || self.memory.get(*id).is_none_or(|known| is_due(known)));
        due.extend(read::waited(&self.conn, now())?);
        for id in due {
            changes.sequence = self.transaction(|writer| {
                writer.sequence += 1;
                if writer.remembered(id)?.is_some() {
                    writer.settle(id, true)?;
                }
                writer.note_sequence()?;
                Ok(writer.sequence as u64)
            })?;
            changes.sessions.push((id, Vec::new()));
        }
        Ok(changes)
    }

    /// Takes some spans of a hidden session out of everything; the session itself goes last. Whether there was one.
    fn purge_some(&mut self) -> Result<bool, StoreError> {
        let now = now();
        if read::to_purge(&self.conn, now)?.is_none() {
            return Ok(false);
        }
        self.transaction(|writer| {
            // Asked again: somebody may have brought it back.
            let Some(hidden) = read::to_purge(&writer.conn, now)? else {
                return Ok(true);
            };
            writer.sequence += 1;
            let begun = writer
                .conn
                .prepare_cached("UPDATE session SET hidden = -1 WHERE id = ?1 AND hidden <> 0")?
                .execute([hidden.row])?;
            if begun == 0 {
                return Ok(true);
            }
            let spans = read::thin_spans(&writer.conn, hidden.row, PURGE)?;
            for span in &spans {
                index::removed(&writer.conn, span.row)?;
                let fault: Option<i64> = writer
                    .conn
                    .prepare_cached("DELETE FROM span WHERE id = ?1 RETURNING error")?
                    .query_row([span.row], |row| row.get(0))?;
                writer
                    .conn
                    .prepare_cached("DELETE FROM payload WHERE id = ?1")?
                    .execute([span.row])?;
                if let Some(fault) = fault {
                    let gone = writer
                        .conn
                        .prepare_cached(
                            "DELETE FROM fault WHERE id = ?1
                                AND NOT EXISTS (SELECT 1 FROM span WHERE error = ?1 AND error IS NOT NULL)",
                        )?
                        .execute([fault])?;
                    if gone > 0 {
                        writer
                            .conn
                            .prepare_cached(
                                "INSERT INTO meta VALUES ('faults', ?1)
                                 ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
                            )?
                            .execute([fault])?;
                    }
                }
            }
            // Numbers of spans at the end are given again, to spans that nothing was indexed of.
            writer.conn.execute(
                "UPDATE meta SET value = min(value, coalesce((SELECT max(id) FROM span), 0)) WHERE key = 'indexed'",
                [],
            )?;
            if spans.len() < PURGE {
                // Whoever has not seen that it went cannot be told any more.
                writer
                    .conn
                    .prepare_cached(
                        "INSERT INTO meta SELECT 'purged', seq FROM session WHERE id = ?1
                         ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
                    )?
                    .execute([hidden.row])?;
                writer
                    .conn
                    .prepare_cached("DELETE FROM gone WHERE at < ?1")?
                    .execute([now - clamp(REMEMBERED.as_nanos() as u64)])?;
                writer
                    .conn
                    .prepare_cached("INSERT OR REPLACE INTO gone VALUES (?1, ?2)")?
                    .execute(params![hidden.id.0.to_be_bytes(), now])?;
                for sql in [
                    "DELETE FROM log WHERE session = ?1",
                    "DELETE FROM session_dim WHERE session = ?1",
                ] {
                    writer.conn.prepare_cached(sql)?.execute([hidden.row])?;
                }
                let process: i64 = writer
                    .conn
                    .prepare_cached("DELETE FROM session WHERE id = ?1 RETURNING process")?
                    .query_row([hidden.row], |row| row.get(0))?;
                // Its machine's name, among others.
                writer
                    .conn
                    .prepare_cached(
                        "DELETE FROM process WHERE id = ?1
                            AND NOT EXISTS (SELECT 1 FROM session WHERE process = ?1)
                            AND NOT EXISTS (SELECT 1 FROM loss WHERE process = ?1)",
                    )?
                    .execute([process])?;
                writer.processes.clear();
                writer.process = None;
            }
            // What is remembered of it is not what is left of it.
            writer.memory.remove(hidden.id);
            writer.tail().clear();
            writer.note_sequence()?;
            Ok(true)
        })
    }

    /// Whether there was something to look at.
    fn price_some(&mut self) -> Result<bool, StoreError> {
        if !reprice::lags(&self.conn)? {
            return Ok(false);
        }
        self.transaction(Self::reprice_some)?;
        Ok(true)
    }

    /// Adds changes to sums over time: many at once, or, where there is nothing else to do, whatever waits.
    fn add_up_some(&mut self, idle: bool) -> Result<bool, StoreError> {
        let waiting = rolls::waiting(&self.conn)?;
        if waiting == 0 || !(idle || rolls::are_many(waiting)) {
            return Ok(false);
        }
        self.transaction(|writer| writer.rolls.add_up(&writer.conn))?;
        Ok(true)
    }

    fn index_some(&mut self) -> Result<bool, StoreError> {
        if !self.packer.may_learn() && !index::lags(&self.conn)? {
            return Ok(false);
        }
        let (has_learnt, (reached, more)) = self.transaction(|writer| {
            let has_learnt = writer.packer.learn(&writer.conn, &mut writer.unpacker)?;
            let next = read::meta(&writer.conn, "indexed")? + 1;
            let tail = writer.tail().from(next, index::CHUNK as usize);
            let indexed = index::index(
                &writer.conn,
                &mut writer.unpacker,
                &mut writer.builder,
                &tail,
            )?;
            Ok((has_learnt, indexed))
        })?;
        self.tail().indexed(reached);
        if has_learnt {
            // Not before it is there for good: what is packed with it can only be read with it.
            let presses = Presses::new(&self.conn)?;
            *self.presses.lock().unwrap_or_else(PoisonError::into_inner) = presses;
        }
        Ok(more)
    }

    /// Makes the index of words anew, where somebody has seen that it does not read back.
    pub(super) fn begin_words_anew(&mut self) -> Result<(), StoreError> {
        self.transaction(|writer| index::begin_anew(&writer.conn))
    }

    /// Makes fewer segments of the index of words; while sessions are purged what is in them has to leave no segment yet.
    fn merge_some(&mut self, may_go: bool) -> Result<bool, StoreError> {
        if self.merging.is_none() {
            if !index::is_scattered(&self.conn, may_go)? {
                return Ok(false);
            }
            if let Some(made) = index::being_made(&self.conn)? {
                let seen = self.made_elsewhere.filter(|(seen, _)| *seen == made);
                let (_, since) = *self
                    .made_elsewhere
                    .insert(seen.unwrap_or((made, Instant::now())));
                if since.elapsed() < self.abandoned {
                    return Ok(false);
                }
                self.transaction(|writer| index::abandon(&writer.conn, made.0))?;
                return Ok(true);
            }
        }
        let step =
            self.transaction(|writer| index::merge(&writer.conn, &mut writer.merging, may_go))?;
        match step {
            // All else goes on: it is told of once.
            index::Step::Anew => Err(index::broken()),
            step => Ok(step == index::Step::Some),
        }
    }
}
