//! Answers about sessions and spans: rows back into the model's records, and questions into SQL.
//!
//! Lists come from the session table alone, whatever is in it; only what is asked for by span is unpacked. Values go
//! into statements as parameters, never as text.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use agentops_core::model::event::{LossCause, Resource};
use agentops_core::model::id::{SessionId, SpanId, TraceId};
use agentops_core::model::llm::Usage;
use agentops_core::model::session::{Counts, EndState, Session, SessionCost, SessionState, Tokens};
use agentops_core::model::span::{Span, SpanKind, Status};
use agentops_core::model::time::UnixNanos;
use agentops_core::model::wire;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, ToSql, params, params_from_iter};
use serde::{Deserialize, Serialize};

use super::Reader;
use super::fold::fold;
use super::rolls::{clamp, kind};
use super::thin::{Counted, Known, Thin};
use crate::store::{
    Condition, Cursor, Kind, Outline, Page, Row, Sort, StoreError, Totals, Trouble, Wanted,
};

/// How many ids are told that begin as somebody typed.
const MATCHES: usize = 8;

const OPEN: i64 = 1;
const CANCELLED: i64 = 2;
const ESTIMATED: i64 = 4;
const COST_ESTIMATED: i64 = 8;
const INHERITS: i64 = 16;

/// What has no column of its own.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Lists {
    agents: Vec<String>,
    models: Vec<String>,
    unpriced: Vec<String>,
    estimated: [bool; 2],
}

impl Lists {
    pub(super) fn of(session: &Session) -> Self {
        Self {
            agents: session.agents.clone(),
            models: session.models.clone(),
            unpriced: session.cost.unpriced_models.clone(),
            estimated: [session.tokens.estimated, session.cost.estimated],
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What was lost, by cause.
pub(super) fn losses_to_json(losses: &BTreeMap<LossCause, u64>) -> String {
    if losses.is_empty() {
        return String::new();
    }
    let named: BTreeMap<&str, u64> = losses
        .iter()
        .map(|(cause, count)| (cause.as_str(), *count))
        .collect();
    serde_json::to_string(&named).unwrap_or_default()
}

fn cause_of(name: &str) -> Option<LossCause> {
    LossCause::ALL
        .into_iter()
        .find(|cause| cause.as_str() == name)
}

fn losses_of(json: &str) -> BTreeMap<LossCause, u64> {
    if json.is_empty() {
        return BTreeMap::new();
    }
    let named: BTreeMap<String, u64> = serde_json::from_str(json).unwrap_or_default();
    let causes = LossCause::ALL.into_iter();
    causes
        .filter_map(|cause| Some((cause, *named.get(cause.as_str())?)))
        .collect()
}

/// A session that can be asked for: something is known of it besides a log or a loss, and nobody deleted it.
pub(super) const VISIBLE: &str =
    "NOT session.hidden AND (session.spans > 0 OR session.told IS NOT NULL)";

/// A session that is to be purged.
pub(super) struct Hidden {
    pub(super) row: i64,
    pub(super) id: SessionId,
}

pub(super) fn kind_number(kind: SpanKind) -> u8 {
    // Numbers are what is written: they follow the order in which kinds came to be.
    SpanKind::ALL
        .iter()
        .position(|known| *known == kind)
        .map_or(u8::MAX, |at| at as u8)
}

pub(super) fn kind_of(number: i64) -> SpanKind {
    usize::try_from(number)
        .ok()
        .and_then(|at| SpanKind::ALL.get(at).copied())
        .unwrap_or(SpanKind::Unknown)
}

pub(super) fn status_number(status: Status) -> u8 {
    match status {
        Status::Unset => 0,
        Status::Ok => 1,
        Status::Error => 2,
    }
}

fn status_of(number: i64) -> Status {
    match number {
        1 => Status::Ok,
        2 => Status::Error,
        _ => Status::Unset,
    }
}

pub(super) fn state_number(state: SessionState) -> u8 {
    match state {
        SessionState::Running => 0,
        SessionState::Ended => 1,
        SessionState::Lost => 2,
    }
}

fn state_of(number: i64) -> SessionState {
    match number {
        0 => SessionState::Running,
        1 => SessionState::Ended,
        _ => SessionState::Lost,
    }
}

pub(super) fn end_state_number(state: EndState) -> u8 {
    match state {
        EndState::Success => 0,
        EndState::Error => 1,
        EndState::Indeterminate => 2,
    }
}

/// What of a span is yes or no.
pub(super) fn flags(thin: &Thin) -> i64 {
    [
        (thin.open, OPEN),
        (thin.cancelled, CANCELLED),
        (thin.usage.is_some_and(|usage| usage.estimated), ESTIMATED),
        (thin.is_cost_estimated, COST_ESTIMATED),
        (thin.inherits, INHERITS),
    ]
    .iter()
    .filter(|(set, _)| *set)
    .fold(0, |all, (_, bit)| all | bit)
}

pub(super) fn sequence(conn: &Connection) -> Result<i64, StoreError> {
    meta(conn, "sequence")
}

pub(super) fn meta(conn: &Connection, key: &str) -> Result<i64, StoreError> {
    Ok(conn
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))?)
}

/// The process behind a number.
pub(super) fn process(conn: &Connection, id: i64) -> Result<Resource, StoreError> {
    let key: Vec<u8> = conn
        .prepare_cached("SELECT key FROM process WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    wire::decode_resource(&key).map_err(|_| StoreError(Kind::Corrupt("a process")))
}

/// The sessions of a process that were open at a time, or else the one that started last before it.
pub(super) fn open_in(
    conn: &Connection,
    process: i64,
    at: i64,
) -> Result<Vec<SessionId>, StoreError> {
    let mut ask = conn.prepare_cached(
        "SELECT key, end IS NULL OR end >= ?2 FROM session WHERE process = ?1 AND start <= ?2 ORDER BY start DESC, key DESC",
    )?;
    let rows = ask.query_map(params![process, at], |row| {
        Ok((
            session_id(row.get_ref(0)?.as_blob().unwrap_or_default()),
            row.get::<_, bool>(1)?,
        ))
    })?;
    let started: Vec<(SessionId, bool)> = rows.collect::<Result<_, _>>()?;
    let open: Vec<SessionId> = started
        .iter()
        .filter(|(_, open)| *open)
        .map(|(id, _)| *id)
        .collect();
    Ok(if open.is_empty() {
        started.first().map(|(id, _)| *id).into_iter().collect()
    } else {
        open
    })
}

/// Sessions whose sums lag.
pub(super) fn stale(conn: &Connection) -> Result<Vec<SessionId>, StoreError> {
    let mut ask = conn.prepare_cached("SELECT key FROM session WHERE stale")?;
    let ids = ask.query_map([], |row| {
        Ok(session_id(row.get_ref(0)?.as_blob().unwrap_or_default()))
    })?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Sessions that have waited for long enough for the span that all of them ran in.
pub(super) fn waited(conn: &Connection, now: i64) -> Result<Vec<SessionId>, StoreError> {
    let mut ask =
        conn.prepare_cached("SELECT key FROM session WHERE waits <> 0 AND waits <= ?1")?;
    let ids = ask.query_map([now], |row| {
        Ok(session_id(row.get_ref(0)?.as_blob().unwrap_or_default()))
    })?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// A session that is to be purged by now.
pub(super) fn to_purge(conn: &Connection, now: i64) -> Result<Option<Hidden>, StoreError> {
    let mut ask =
        conn.prepare_cached("SELECT id, key FROM session WHERE hidden AND hidden <= ?1 LIMIT 1")?;
    Ok(ask
        .query_row([now], |row| {
            Ok(Hidden {
                row: row.get(0)?,
                id: session_id(row.get_ref(1)?.as_blob()?),
            })
        })
        .optional()?)
}

fn session_id(key: &[u8]) -> SessionId {
    SessionId(key.try_into().map_or(0, u128::from_be_bytes))
}

/// What the writer must know of a session.
pub(super) fn known(conn: &Connection, id: SessionId) -> Result<Option<Known>, StoreError> {
    let mut ask = conn.prepare_cached(
        "SELECT session.id, process, project, s, trace, told, losses, foreign_only, lost, hidden <> 0, waits
         FROM session JOIN str ON str.id = project WHERE key = ?1",
    )?;
    let found = ask
        .query_row([id.0.to_be_bytes()], |row| {
            let project = (row.get(2)?, Arc::from(row.get_ref(3)?.as_str()?));
            let mut known = Known::new(row.get(0)?, id, row.get(1)?, project);
            known.trace = TraceId(session_id(row.get_ref(4)?.as_blob()?).0);
            known.ours = !row.get::<_, bool>(7)?;
            known.lost = row.get(8)?;
            known.hidden = row.get(9)?;
            known.waits = row.get(10)?;
            Ok((
                known,
                row.get::<_, Option<Vec<u8>>>(5)?,
                row.get::<_, String>(6)?,
            ))
        })
        .optional()?;
    let Some((mut known, told, losses)) = found else {
        return Ok(None);
    };
    known.told = told
        .map(|told| wire::decode_facts(&told))
        .transpose()
        .map_err(|_| StoreError(Kind::Corrupt("the facts of a session")))?;
    known.losses = losses_of(&losses);
    for thin in thin_spans(conn, known.row, usize::MAX)? {
        known.push(thin);
    }
    let mut dims = conn.prepare_cached("SELECT kind, dim FROM session_dim WHERE session = ?1")?;
    let dims = dims.query_map([known.row], |row| Ok((row.get(0)?, row.get(1)?)))?;
    known.dims = dims.collect::<Result<_, _>>()?;
    Ok(Some(known))
}

/// What counts of the spans of a session, some at most.
pub(super) fn thin_spans(
    conn: &Connection,
    session: i64,
    limit: usize,
) -> Result<Vec<Thin>, StoreError> {
    let mut ask = conn.prepare_cached(THIN)?;
    let mut words = Words::default();
    let mut rows = ask.query(params![session, i64::try_from(limit).unwrap_or(i64::MAX)])?;
    let mut spans = Vec::new();
    while let Some(row) = rows.next()? {
        spans.push(thin(row, &mut words)?);
    }
    Ok(spans)
}

/// Shows the spans that sums over time hold and that began in a time, each with its project.
pub(super) fn spans_of_time(
    conn: &Connection,
    time: &Range<i64>,
    mut show: impl FnMut(i64, &Thin),
) -> Result<(), StoreError> {
    let mut ask = conn.prepare_cached(THIN_OF_TIME)?;
    let mut words = Words::default();
    let mut rows = ask.query(params![time.start, time.end])?;
    while let Some(row) = rows.next()? {
        show(row.get(28)?, &thin(row, &mut words)?);
    }
    Ok(())
}

const THIN_OF_TIME: &str = "SELECT span.id, span, span.parent, kind, status, flags, counted, span.start, span.end, thread,
        span.name, n.s, agent, a.s, model, m.s,
        span.input, span.output, span.cache_read, span.cache_write, span.reasoning, span.total, span.cost, tool_cost,
        first_token, span.trace, asked, error, session.project
    FROM span INDEXED BY span_start JOIN session ON session.id = span.session
        JOIN str n ON n.id = span.name LEFT JOIN str a ON a.id = agent LEFT JOIN str m ON m.id = model
    WHERE span.start >= ?1 AND span.start < ?2 AND counted <> 0 AND NOT hidden";

const THIN: &str = "SELECT span.id, span, parent, kind, status, flags, counted, start, end, thread,
        name, n.s, agent, a.s, model, m.s,
        input, output, cache_read, cache_write, reasoning, total, cost, tool_cost, first_token, trace, asked, error
    FROM span JOIN str n ON n.id = name LEFT JOIN str a ON a.id = agent LEFT JOIN str m ON m.id = model
    WHERE session = ?1 ORDER BY start, span LIMIT ?2";

/// Each text once, however many rows name it.
#[derive(Default)]
struct Words(HashMap<i64, Arc<str>>);

impl Words {
    fn at(&mut self, row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Option<(i64, Arc<str>)>> {
        let Some(id) = row.get::<_, Option<i64>>(column)? else {
            return Ok(None);
        };
        if let Some(word) = self.0.get(&id) {
            return Ok(Some((id, word.clone())));
        }
        let word: Arc<str> = row.get_ref(column + 1)?.as_str()?.into();
        self.0.insert(id, word.clone());
        Ok(Some((id, word)))
    }
}

fn thin(row: &SqlRow<'_>, words: &mut Words) -> rusqlite::Result<Thin> {
    let flags: i64 = row.get(5)?;
    let nanos =
        |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(|n| n as u64));
    let usage = match nanos(16)? {
        None => None,
        Some(input) => {
            let number = |column| Ok::<_, rusqlite::Error>(nanos(column)?.unwrap_or(0));
            let mut usage = Usage::default();
            usage.input = input;
            usage.output = number(17)?;
            usage.cache_read = number(18)?;
            usage.cache_write = number(19)?;
            usage.reasoning = number(20)?;
            usage.total = number(21)?;
            usage.estimated = flags & ESTIMATED != 0;
            Some(usage)
        }
    };
    let name = words.at(row, 10)?.unwrap_or((0, "".into()));
    Ok(Thin {
        row: row.get(0)?,
        id: SpanId(row.get::<_, i64>(1)? as u64),
        parent: row.get::<_, Option<i64>>(2)?.map(|id| SpanId(id as u64)),
        kind: kind_of(row.get(3)?),
        status: status_of(row.get(4)?),
        open: flags & OPEN != 0,
        cancelled: flags & CANCELLED != 0,
        counted: Counted(row.get(6)?),
        start: nanos(7)?.unwrap_or(0),
        end: nanos(8)?,
        name,
        agent: words.at(row, 12)?,
        inherits: flags & INHERITS != 0,
        model: words.at(row, 14)?,
        usage,
        cost: row.get(22)?,
        is_cost_estimated: flags & COST_ESTIMATED != 0,
        tool_cost: row.get(23)?,
        first_token: nanos(24)?,
        trace: row
            .get::<_, Option<[u8; 16]>>(25)?
            .map(|trace| TraceId(u128::from_be_bytes(trace))),
        unwritten: None,
    })
}

const THIN_ONE: &str = "SELECT span.id, span, parent, kind, status, flags, counted, start, end, thread,
        name, n.s, agent, a.s, model, m.s,
        input, output, cache_read, cache_write, reasoning, total, cost, tool_cost, first_token, trace, asked, error
    FROM span JOIN str n ON n.id = name LEFT JOIN str a ON a.id = agent LEFT JOIN str m ON m.id = model
    WHERE session = ?1 AND span = ?2";

const SESSION: &str =
    "session.id, key, process, facts, state, spans, open, errors, llm_calls, tool_calls, dropped,
    input, output, cache_read, cache_write, reasoning, total, cost, partial, lists, project.s,
    losses";

/// A session as it is read: what it came from, and which process it still needs.
fn session(row: &SqlRow<'_>) -> rusqlite::Result<(Session, i64)> {
    let number = |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)? as u64);
    let mut facts = wire::decode_facts(row.get_ref(3)?.as_blob()?).unwrap_or_default();
    facts.id = session_id(row.get_ref(1)?.as_blob()?);
    let lists: Lists = serde_json::from_str(row.get_ref(19)?.as_str()?).unwrap_or_default();
    let session = Session {
        facts,
        state: state_of(row.get(4)?),
        service: String::new(),
        service_version: None,
        pid: None,
        project: row.get(20)?,
        host: Default::default(),
        counts: Counts {
            spans: number(5)?,
            open: number(6)?,
            errors: number(7)?,
            llm_calls: number(8)?,
            tool_calls: number(9)?,
            dropped: number(10)?,
        },
        losses: losses_of(row.get_ref(21)?.as_str()?),
        tokens: Tokens {
            input: number(11)?,
            output: number(12)?,
            cache_read: number(13)?,
            cache_write: number(14)?,
            reasoning: number(15)?,
            total: number(16)?,
            estimated: lists.estimated[0],
        },
        cost: SessionCost {
            total: row.get(17)?,
            partial: row.get(18)?,
            estimated: lists.estimated[1],
            unpriced_models: lists.unpriced,
        },
        agents: lists.agents,
        models: lists.models,
    };
    Ok((session, row.get(2)?))
}

impl Reader {
    pub(super) fn sequence(&mut self) -> Result<u64, StoreError> {
        Ok(sequence(&self.conn)? as u64)
    }

    pub(super) fn position(&mut self, file: &str) -> Result<u64, StoreError> {
        let found = self
            .conn
            .prepare_cached("SELECT offset FROM spool WHERE file = ?1")?
            .query_row([file], |row| row.get::<_, i64>(0))
            .optional()?;
        Ok(found.unwrap_or(0) as u64)
    }

    pub(super) fn positions(&mut self) -> Result<Vec<(String, u64)>, StoreError> {
        let mut ask = self.conn.prepare_cached("SELECT file, offset FROM spool")?;
        let rows = ask.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(super) fn deserted(&mut self, alive: &[String]) -> Result<Vec<SessionId>, StoreError> {
        let alive = serde_json::to_string(alive).unwrap_or_default();
        let mut ask = self.conn.prepare_cached(
            "SELECT session, max(opened AND lives), max(opened), max(lives)
             FROM (SELECT session, opened, process IN (SELECT value FROM json_each(?1)) AS lives FROM voice)
             GROUP BY session",
        )?;
        let rows = ask.query_map([alive], |row| {
            let (owner_lives, owned, anyone): (bool, bool, bool) =
                (row.get(1)?, row.get(2)?, row.get(3)?);
            let deserted = !(owner_lives || (!owned && anyone));
            Ok((deserted, session_id(row.get_ref(0)?.as_blob()?)))
        })?;
        let sessions: Vec<(bool, SessionId)> = rows.collect::<Result<_, _>>()?;
        let mut deserted = Vec::new();
        let mut running = self
            .conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM session WHERE key = ?1 AND NOT lost)")?;
        for (_, id) in sessions.into_iter().filter(|(deserted, _)| *deserted) {
            if running.query_row([id.0.to_be_bytes()], |row| row.get(0))? {
                deserted.push(id);
            }
        }
        Ok(deserted)
    }

    pub(super) fn losses(&mut self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        let mut all = BTreeMap::new();
        let mut add = |cause: LossCause, count: u64| {
            let known: &mut u64 = all.entry(cause.as_str()).or_default();
            *known = known.saturating_add(count);
        };
        let mut ask = self
            .conn
            .prepare_cached("SELECT losses FROM session WHERE NOT hidden AND losses <> ''")?;
        let mut rows = ask.query([])?;
        while let Some(row) = rows.next()? {
            let losses: String = row.get(0)?;
            for (cause, count) in losses_of(&losses) {
                add(cause, count);
            }
        }
        // Those that name no session count once here, of however many they may be.
        let mut ask = self.conn.prepare_cached("SELECT cause, count FROM loss")?;
        let mut rows = ask.query([])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            if let Some(cause) = cause_of(&name) {
                add(cause, row.get::<_, i64>(1)? as u64);
            }
        }
        Ok(all)
    }

    /// What a row does not say of itself.
    fn complete(&self, (mut session, process_id): (Session, i64)) -> Result<Session, StoreError> {
        let process = process(&self.conn, process_id)?;
        session.service = process.service;
        session.service_version = process.service_version;
        session.pid = process.pid;
        session.host = process.host;
        self.blame(&mut session, process_id)?;
        Ok(session)
    }

    /// A loss that names no session may be of any that was open in its process then, so each of them counts it. Where
    /// none was, it is the latest one's: what is lost at the end is counted after the end.
    fn blame(&self, session: &mut Session, process: i64) -> Result<(), StoreError> {
        let (start, key) = (clamp(session.facts.start), session.facts.id.0.to_be_bytes());
        let end = session.facts.end.map(clamp);
        let mut ask = self.conn.prepare_cached(
            "SELECT time, cause, count FROM loss WHERE process = ?1 AND time >= ?2",
        )?;
        let mut other = self.conn.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM session WHERE process = ?1 AND start <= ?2
                AND (end IS NULL OR end >= ?2 OR (start, key) > (?3, ?4)) AND (spans > 0 OR told IS NOT NULL))",
        )?;
        let mut rows = ask.query(params![process, start])?;
        while let Some(row) = rows.next()? {
            let (time, name): (i64, String) = (row.get(0)?, row.get(1)?);
            let open = end.is_none_or(|end| end >= time);
            if !open && other.query_row(params![process, time, start, key], |row| row.get(0))? {
                continue;
            }
            if let Some(cause) = cause_of(&name) {
                let count = session.losses.entry(cause).or_default();
                *count = count.saturating_add(row.get::<_, i64>(2)? as u64);
            }
        }
        let missing = session
            .losses
            .iter()
            .filter(|(cause, _)| cause.is_missing());
        session.counts.dropped = missing.fold(0, |all, (_, count)| all.saturating_add(*count));
        Ok(())
    }

    pub(super) fn changed(
        &mut self,
        after: u64,
        limit: usize,
    ) -> Result<Option<Vec<(SessionId, u64)>>, StoreError> {
        let purged: Option<i64> = self
            .conn
            .prepare_cached("SELECT value FROM meta WHERE key = 'purged'")?
            .query_row([], |row| row.get(0))
            .optional()?;
        if purged.is_some_and(|purged| purged > clamp(after)) {
            return Ok(None);
        }
        let mut ask = self
            .conn
            .prepare_cached("SELECT key, seq FROM session WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
        let rows = ask.query_map(params![clamp(after), limit as i64], |row| {
            Ok((
                session_id(row.get_ref(0)?.as_blob()?),
                row.get::<_, i64>(1)? as u64,
            ))
        })?;
        Ok(Some(rows.collect::<Result<_, _>>()?))
    }

    pub(super) fn version(&mut self, id: SessionId) -> Result<Option<u64>, StoreError> {
        Ok(self
            .conn
            .prepare_cached("SELECT seq FROM session WHERE key = ?1 AND NOT hidden")?
            .query_row([id.0.to_be_bytes()], |row| row.get::<_, i64>(0))
            .optional()?
            .map(|version| version as u64))
    }

    pub(super) fn session(&mut self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let sql = format!(
            "SELECT {SESSION} FROM session JOIN str project ON project.id = session.project
             WHERE key = ?1 AND {VISIBLE}"
        );
        let found = self
            .conn
            .prepare_cached(&sql)?
            .query_row([id.0.to_be_bytes()], session)
            .optional()?;
        found.map(|found| self.complete(found)).transpose()
    }

    pub(super) fn session_of(&mut self, trace: TraceId) -> Result<Option<SessionId>, StoreError> {
        let found = self
            .conn
            .prepare_cached(
                "SELECT key FROM session WHERE key = ?1 OR trace = ?1
                 ORDER BY spans = 0 AND told IS NULL, key = ?1 DESC, id LIMIT 1",
            )?
            .query_row([trace.0.to_be_bytes()], |row| {
                Ok(session_id(row.get_ref(0)?.as_blob()?))
            });
        Ok(found.optional()?)
    }

    pub(super) fn size(&self) -> Result<u64, StoreError> {
        let number = |name: &str| {
            let number = self
                .conn
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))?;
            Ok::<u64, StoreError>(number as u64)
        };
        Ok(number("page_count")?.saturating_mul(number("page_size")?))
    }

    pub(super) fn matching(&mut self, digits: &str) -> Result<Vec<SessionId>, StoreError> {
        // The list shows an id's last eight digits: how those begin is a way to say it too.
        let mut ask = self.conn.prepare_cached(&format!(
            "SELECT key FROM session WHERE {VISIBLE}
                AND (hex(key) LIKE ?1 || '%' OR hex(key) LIKE '%' || ?1 OR substr(hex(key), -8) LIKE ?1 || '%')
             ORDER BY start DESC, id DESC LIMIT ?2",
        ))?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) || digits.is_empty() {
            return Ok(Vec::new());
        }
        let rows = ask.query_map(params![digits, MATCHES as i64], |row| {
            Ok(session_id(row.get_ref(0)?.as_blob()?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(super) fn sessions(&mut self, wanted: &Wanted) -> Result<Page, StoreError> {
        let (sql, values) = list(wanted);
        let mut ask = self.conn.prepare_cached(&sql)?;
        let rows = ask.query_map(params_from_iter(values), |row| {
            let cursor = Cursor {
                key: row.get::<_, Option<i64>>(22)?.unwrap_or(0),
                row: row.get(0)?,
            };
            Ok((cursor, session(row)?))
        })?;
        let mut found: Vec<(Cursor, (Session, i64))> = rows.collect::<Result<_, _>>()?;
        let more = found.len() > wanted.limit;
        found.truncate(wanted.limit);
        let next = found.last().filter(|_| more).map(|(cursor, _)| *cursor);
        let sessions = found.into_iter().map(|(_, found)| self.complete(found));
        Ok(Page {
            sessions: sessions.collect::<Result<_, _>>()?,
            next,
        })
    }

    pub(super) fn totals(&mut self, wanted: &Wanted) -> Result<Totals, StoreError> {
        let (conditions, values) = conditions(wanted);
        let sql = format!(
            "SELECT count(*), total(state = 0), total(end_state IS 1), total(spans), total(total),
                sum(cost / 1000000000), sum(cost % 1000000000), coalesce(max(partial), 0)
             FROM session WHERE {conditions}"
        );
        Ok(self
            .conn
            .prepare_cached(&sql)?
            .query_row(params_from_iter(values), |row| {
                let whole = |column| Ok::<_, rusqlite::Error>(row.get::<_, f64>(column)? as u64);
                Ok(Totals {
                    sessions: row.get::<_, i64>(0)? as u64,
                    running: whole(1)?,
                    failed: whole(2)?,
                    spans: whole(3)?,
                    tokens: whole(4)?,
                    // In two parts, so that no sum is too large to be told.
                    cost: row
                        .get::<_, Option<i64>>(5)?
                        .map(|whole| Ok::<_, rusqlite::Error>((whole, row.get::<_, i64>(6)?)))
                        .transpose()?
                        .map(|(whole, rest)| {
                            whole.saturating_mul(1_000_000_000).saturating_add(rest)
                        }),
                    partial: row.get(7)?,
                })
            })?)
    }

    pub(super) fn row_of(&self, id: SessionId) -> Result<Option<i64>, StoreError> {
        Ok(self
            .conn
            .prepare_cached(&format!(
                "SELECT id FROM session WHERE key = ?1 AND {VISIBLE}"
            ))?
            .query_row([id.0.to_be_bytes()], |row| row.get(0))
            .optional()?)
    }

    pub(super) fn outline(&mut self, id: SessionId) -> Result<Option<Outline>, StoreError> {
        let Some(session) = self.row_of(id)? else {
            return Ok(None);
        };
        let mut ask = self.conn.prepare_cached(THIN)?;
        let mut words = Words::default();
        let mut found = ask.query(params![session, i64::MAX])?;
        let mut rows = Vec::new();
        let mut troubles = HashMap::new();
        while let Some(found) = found.next()? {
            rows.push(self.row(found, &mut words, &mut troubles)?);
        }
        Ok(Some(Outline {
            sequence: sequence(&self.conn)? as u64,
            rows,
        }))
    }

    /// What is the same in errors of one kind; each is read once.
    fn trouble(
        &self,
        fault: i64,
        read: &mut HashMap<i64, Arc<Trouble>>,
    ) -> Result<Arc<Trouble>, StoreError> {
        if let Some(trouble) = read.get(&fault) {
            return Ok(trouble.clone());
        }
        let trouble = self
            .conn
            .prepare_cached("SELECT code, shape FROM fault WHERE id = ?1")?
            .query_row([fault], |row| {
                let (code, shape) = (row.get(0)?, row.get(1)?);
                Ok(Arc::new(Trouble { code, shape }))
            })?;
        read.insert(fault, trouble.clone());
        Ok(trouble)
    }

    fn row(
        &self,
        found: &SqlRow<'_>,
        words: &mut Words,
        troubles: &mut HashMap<i64, Arc<Trouble>>,
    ) -> Result<Row, StoreError> {
        let thread = found.get::<_, Option<i64>>(9)?;
        let asked = found.get::<_, Option<i64>>(26)?;
        let error = match found.get::<_, Option<i64>>(27)? {
            Some(fault) => Some(self.trouble(fault, troubles)?),
            None => None,
        };
        let thin = thin(found, words)?;
        Ok(Row {
            id: thin.id,
            parent_id: thin.parent,
            kind: thin.kind,
            status: thin.status,
            open: thin.open,
            cancelled: thin.cancelled,
            start: thin.start,
            end: thin.end,
            name: thin.name.1,
            agent: thin.agent.map(|(_, agent)| agent),
            inherits: thin.inherits,
            model: thin.model.map(|(_, model)| model),
            thread: thread.map(|thread| thread as u64),
            usage: thin.usage,
            cost: thin.cost,
            is_cost_estimated: thin.is_cost_estimated,
            tool_cost: thin.tool_cost,
            first_token: thin.first_token,
            asked: asked.map(|asked| asked as u64),
            error,
        })
    }

    pub(super) fn rows(
        &mut self,
        session: SessionId,
        spans: &[SpanId],
    ) -> Result<Vec<Row>, StoreError> {
        let Some(session) = self.row_of(session)? else {
            return Ok(Vec::new());
        };
        let mut ask = self.conn.prepare_cached(THIN_ONE)?;
        let mut words = Words::default();
        let mut troubles = HashMap::new();
        let mut rows = Vec::with_capacity(spans.len());
        for span in spans {
            let mut found = ask.query(params![session, span.0 as i64])?;
            if let Some(found) = found.next()? {
                rows.push(self.row(found, &mut words, &mut troubles)?);
            }
        }
        Ok(rows)
    }

    pub(super) fn counts_usage(
        &mut self,
        session: SessionId,
        span: SpanId,
    ) -> Result<Option<bool>, StoreError> {
        let counted: Option<u8> = self
            .conn
            .prepare_cached(
                "SELECT counted FROM span JOIN session ON session.id = span.session
                 WHERE session.key = ?1 AND span = ?2 AND NOT stale",
            )?
            .query_row(params![session.0.to_be_bytes(), span.0 as i64], |row| {
                row.get(0)
            })
            .optional()?;
        Ok(counted.map(|counted| Counted(counted).has(Counted::USAGE)))
    }

    pub(super) fn some_spans(
        &mut self,
        session: SessionId,
        spans: &[SpanId],
    ) -> Result<Vec<Span>, StoreError> {
        let Some(row) = self.row_of(session)? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::with_capacity(spans.len());
        for &span in spans {
            found.extend(self.packed(session, row, span)?);
        }
        self.join_logs(row, &mut found)?;
        Ok(found)
    }

    pub(super) fn span(
        &mut self,
        session: SessionId,
        span: SpanId,
    ) -> Result<Option<Span>, StoreError> {
        let Some(row) = self.row_of(session)? else {
            return Ok(None);
        };
        let Some(mut span) = self.packed(session, row, span)? else {
            return Ok(None);
        };
        self.join_logs(row, std::slice::from_mut(&mut span))?;
        Ok(Some(span))
    }

    /// A span without the logs that came by themselves.
    fn packed(
        &mut self,
        session: SessionId,
        row: i64,
        span: SpanId,
    ) -> Result<Option<Span>, StoreError> {
        let found = self
            .conn
            .prepare_cached(
                "SELECT flags, dict, z FROM span JOIN payload ON payload.id = span.id WHERE session = ?1 AND span = ?2",
            )?
            .query_row(params![row, span.0 as i64], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?))
            })
            .optional()?;
        let Some((flags, dict, packed)) = found else {
            return Ok(None);
        };
        self.unpack(session, flags, dict, &packed).map(Some)
    }

    pub(super) fn spans(
        &mut self,
        session: SessionId,
        after: Option<(UnixNanos, SpanId)>,
        limit: usize,
    ) -> Result<Vec<Span>, StoreError> {
        let Some(row) = self.row_of(session)? else {
            return Ok(Vec::new());
        };
        let (start, id) = after.map_or((-1, i64::MIN), |(start, id)| (clamp(start), id.0 as i64));
        let mut ask = self.conn.prepare_cached(
            "SELECT flags, dict, z FROM span JOIN payload ON payload.id = span.id
             WHERE session = ?1 AND (start, span) > (?2, ?3) ORDER BY start, span LIMIT ?4",
        )?;
        let rows = ask.query_map(params![row, start, id, limit as i64], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?))
        })?;
        let packed: Vec<(i64, i64, Vec<u8>)> = rows.collect::<Result<_, _>>()?;
        drop(ask);
        let mut spans = Vec::with_capacity(packed.len());
        for (flags, dict, packed) in packed {
            spans.push(self.unpack(session, flags, dict, &packed)?);
        }
        self.join_logs(row, &mut spans)?;
        Ok(spans)
    }

    fn unpack(
        &mut self,
        session: SessionId,
        flags: i64,
        dict: i64,
        packed: &[u8],
    ) -> Result<Span, StoreError> {
        let whole = self.unpacker.unpack(&self.conn, dict, packed)?;
        let mut span =
            wire::decode_span(&whole).map_err(|_| StoreError(Kind::Corrupt("a span")))?;
        span.session_id = session;
        span.open = flags & OPEN != 0;
        if span.open {
            span.end = None;
        }
        Ok(span)
    }

    /// The span of a session that has the logs of spans that never arrived.
    fn home_of_logs(&self, session: i64) -> Result<Option<SpanId>, StoreError> {
        let told: Option<Vec<u8>> = self
            .conn
            .prepare_cached("SELECT told FROM session WHERE id = ?1")?
            .query_row([session], |row| row.get(0))?;
        let told = told
            .and_then(|told| wire::decode_facts(&told).ok())
            .and_then(|facts| facts.root)
            .map(|root| root.0 as i64);
        let first = |condition: &str, values: &[&dyn ToSql]| {
            // Ids are written as signed numbers: those below zero are the largest.
            let sql = format!(
                "SELECT span FROM span WHERE session = ?1 {condition} ORDER BY start, span < 0, span LIMIT 1"
            );
            let mut ask = self.conn.prepare_cached(&sql)?;
            let found = ask.query_row(values, |row| row.get::<_, i64>(0));
            found.optional()
        };
        let mut found = first("AND span = ?2", &[&session, &told])?;
        if found.is_none() {
            found = first("AND parent IS NULL", &[&session])?;
        }
        if found.is_none() {
            found = first("", &[&session])?;
        }
        Ok(found.map(|span| SpanId(span as u64)))
    }

    /// Gives each log that came by itself to its span; where that never arrived to the session's own, or else to the
    /// first without a parent.
    fn join_logs(&mut self, session: i64, spans: &mut [Span]) -> Result<(), StoreError> {
        let any: bool = self
            .conn
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM log WHERE session = ?1)")?
            .query_row([session], |row| row.get(0))?;
        if !any {
            return Ok(());
        }
        let home = self.home_of_logs(session)?;
        let mut of_span = self
            .conn
            .prepare_cached("SELECT id, z FROM log WHERE session = ?1 AND span = ?2")?;
        let mut of_nobody = self.conn.prepare_cached(
            "SELECT id, z FROM log WHERE session = ?1
                AND NOT EXISTS (SELECT 1 FROM span WHERE span.session = log.session AND span.span = log.span)",
        )?;
        let record = |row: &SqlRow<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?));
        for span in spans {
            let mut records: Vec<(i64, Vec<u8>)> = of_span
                .query_map(params![session, span.id.0 as i64], record)?
                .collect::<Result<_, _>>()?;
            if Some(span.id) == home {
                let lost = of_nobody.query_map([session], record)?;
                records.extend(lost.collect::<Result<Vec<_>, _>>()?);
            }
            // Those of the same time stay as they came.
            records.sort_unstable_by_key(|(id, _)| *id);
            let logs = records
                .iter()
                .filter_map(|(_, record)| wire::decode_log(record).ok());
            span.logs.extend(logs.map(|record| record.log));
            span.logs.sort_by_key(|log| log.time);
        }
        Ok(())
    }
}

/// A page of sessions, as SQL, and the values in it.
pub(super) fn list(wanted: &Wanted) -> (String, Vec<Sql>) {
    let (mut conditions, mut values) = conditions(wanted);
    let (key, descending) = sort_key(wanted.sort);
    let order = if descending { "DESC" } else { "ASC" };
    if let Some(Cursor { key: at, row }) = wanted.after {
        let than = if descending { '<' } else { '>' };
        _ = write!(conditions, " AND ({key}, session.id) {than} (?, ?)");
        values.extend([Sql::Integer(at), Sql::Integer(row)]);
    }
    values.push(Sql::Integer(wanted.limit as i64 + 1));
    let sql = format!(
        "SELECT {SESSION}, {key} FROM session JOIN str project ON project.id = session.project
         WHERE {conditions} ORDER BY {key} {order}, session.id {order} LIMIT ?"
    );
    (sql, values)
}

/// What to sort by, and whether the largest comes first.
fn sort_key(sort: Sort) -> (&'static str, bool) {
    match sort {
        Sort::Newest => ("session.start", true),
        Sort::Oldest => ("session.start", false),
        Sort::Cost => ("coalesce(cost, -1)", true),
        Sort::Duration => ("coalesce(end - start, -1)", true),
        Sort::Tokens => ("total", true),
        Sort::Spans => ("spans", true),
        Sort::Errors => ("errors", true),
    }
}

/// Conditions as SQL, and the values in them.
pub(super) fn conditions(wanted: &Wanted) -> (String, Vec<Sql>) {
    let mut sql = String::from(VISIBLE);
    let mut values = Vec::new();
    if !wanted.foreign {
        sql.push_str(" AND NOT session.foreign_only");
    }
    let mut add = |condition: &str, value: Sql| {
        sql.push_str(" AND ");
        sql.push_str(condition);
        let places = condition.matches('?').count();
        values.extend(std::iter::repeat_n(value, places));
    };
    for condition in &wanted.conditions {
        match condition {
            Condition::Project(name) => add(
                "session.project = (SELECT id FROM str WHERE s = ?)",
                Sql::Text(name.clone()),
            ),
            Condition::State(state) => add(
                "session.state = ?",
                Sql::Integer(state_number(*state).into()),
            ),
            Condition::EndState(state) => add(
                "session.end_state IS ?",
                Sql::Integer(end_state_number(*state).into()),
            ),
            Condition::Tag(tag) => add(&by_dim(kind::TAG), Sql::Text(tag.clone())),
            Condition::Agent(agent) => add(&by_dim(kind::AGENT), Sql::Text(agent.clone())),
            Condition::Tool(tool) => add(&by_dim(kind::TOOL), Sql::Text(tool.clone())),
            Condition::Error(code) => add(&by_dim(kind::ERROR), Sql::Text(code.clone())),
            Condition::Environment(name) => {
                add(&by_dim(kind::ENVIRONMENT), Sql::Text(name.clone()));
            }
            Condition::Version(version) => add(&by_dim(kind::VERSION), Sql::Text(version.clone())),
            // Not `LIKE`, for which a text ends at its first NUL.
            Condition::Model(model) => add(
                &format!(
                    "EXISTS (SELECT 1 FROM session_dim d JOIN str ON str.id = d.dim
                        WHERE d.session = session.id AND d.kind = {} AND instr(folded(str.s), ?))",
                    kind::MODEL
                ),
                Sql::Text(fold(model)),
            ),
            // Names are looked through once, for they are fewer than sessions; `+`, so that they are listed in order.
            Condition::Name(name) => {
                let named = "SELECT id FROM str WHERE instr(folded(s), ?)
                    AND EXISTS (SELECT 1 FROM session n WHERE n.name = str.id)";
                add(
                    &format!("EXISTS ({named}) AND +session.name IN ({named})"),
                    Sql::Text(fold(name)),
                );
            }
            Condition::Text(text) => add(
                "(instr((SELECT folded(s) FROM str WHERE id = session.name), ?)
                    OR EXISTS (SELECT 1 FROM session_dim d JOIN str ON str.id = d.dim
                        WHERE d.session = session.id AND instr(folded(str.s), ?))
                    OR instr(lower(hex(session.key)), nullif(replace(?, '-', ''), '')))",
                Sql::Text(fold(text)),
            ),
            Condition::Since(at) => add("session.start >= ?", Sql::Integer(clamp(*at))),
            Condition::Until(at) => add("session.start < ?", Sql::Integer(clamp(*at))),
            Condition::MinCost(cost) => add("session.cost >= ?", Sql::Integer(*cost)),
            Condition::MaxCost(cost) => add("session.cost <= ?", Sql::Integer(*cost)),
            Condition::Fault(id) => add(
                "EXISTS (SELECT 1 FROM span f WHERE f.error = ? AND f.session = session.id)",
                Sql::Integer(clamp(*id)),
            ),
            Condition::Among(ids) => {
                let keys: Vec<String> = ids.iter().map(|id| format!("{:032X}", id.0)).collect();
                add(
                    "session.key IN (SELECT unhex(value) FROM json_each(?))",
                    Sql::Text(serde_json::to_string(&keys).unwrap_or_default()),
                );
            }
            Condition::Root => sql_root(&mut add),
            Condition::Parent(id) => {
                add("session.parent = ?", Sql::Blob(id.0.to_be_bytes().into()));
            }
        }
    }
    (sql, values)
}

/// No other session started it, or none that can be asked for; or they started each other in a circle, of which so many
/// are looked at.
fn sql_root(add: &mut impl FnMut(&str, Sql)) {
    add(
        "(session.is_root
            OR NOT EXISTS (SELECT 1 FROM session AS above WHERE above.key = session.parent
                AND NOT above.hidden AND (above.spans > 0 OR above.told IS NOT NULL))
            OR EXISTS (SELECT 1 FROM session AS above WHERE above.key = session.parent AND above.parent IS NOT NULL)
            AND session.key IN (WITH RECURSIVE up (key, steps) AS (
                VALUES (session.parent, 1)
                UNION ALL SELECT above.parent, steps + 1 FROM up JOIN session AS above ON above.key = up.key
                    WHERE above.parent IS NOT NULL AND up.key <> session.key AND steps < 100)
                SELECT key FROM up))",
        Sql::Null,
    );
}

/// That a session is found by a word; one that nothing has is not looked for in every session.
fn by_dim(kind: u8) -> String {
    format!(
        "EXISTS (SELECT 1 FROM str WHERE s = ?)
            AND EXISTS (SELECT 1 FROM session_dim d WHERE d.session = session.id AND d.kind = {kind}
                AND d.dim = (SELECT id FROM str WHERE s = ?))"
    )
}
