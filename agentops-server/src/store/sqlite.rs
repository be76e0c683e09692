//! The store inside the binary: one SQLite file, written by one thread, read by many.
//!
//! `write` takes batches in, `thin` holds what it must know of sessions that go on, `rolls` keeps sums over time, `read`
//! and `metrics` answer, `search` finds text, `payload` packs whole spans. Knows nothing of HTTP, spools or terminals.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentops_core::model::id::{SessionId, SpanId};
use agentops_core::model::session::Session;
use agentops_core::model::span::Span;
use agentops_core::model::time::UnixNanos;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{
    Batch, Changes, Fault, Hit, Kind, Outline, Page, Point, Row, Search, Series, Store, StoreError,
    Totals, Wanted,
};

mod metrics;
mod payload;
mod read;
mod rolls;
mod search;
mod text;
mod thin;
mod write;

/// What this version reads and writes. A step of `MIGRATIONS` leads from each format to the next.
const FORMAT: i64 = MIGRATIONS.len() as i64;
const MIGRATIONS: &[&str] = &[include_str!("sqlite/schema.sql")];

/// Marks the file as ours: "agnt".
const APPLICATION_ID: i64 = 0x6167_6e74;

/// Connections that are kept for the next reader.
const IDLE_READERS: usize = 8;

/// How surely an acknowledged commit outlives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// It does.
    #[default]
    Full,
    /// It outlives this process, and may not outlive the machine.
    Process,
}

/// A store in one file.
#[derive(Debug)]
pub struct Sqlite {
    path: std::path::PathBuf,
    writer: Mutex<write::Writer>,
    readers: Mutex<Vec<Reader>>,
}

/// A connection that only reads, and what it keeps between questions.
#[derive(Debug)]
struct Reader {
    conn: Connection,
    unpacker: payload::Unpacker,
}

impl Sqlite {
    /// Opens a store, and makes it where there is none.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        make_private(path);
        let mut conn = Connection::open(path).map_err(StoreError::from)?;
        conn.busy_timeout(Duration::from_secs(10))?;
        conn.set_prepared_statement_cache_capacity(128);
        conn.pragma_update(None, "page_size", 8192)?;
        conn.pragma_update(None, "journal_mode", "wal")?;
        let synchronous = match durability {
            Durability::Full => "full",
            Durability::Process => "normal",
        };
        conn.pragma_update(None, "synchronous", synchronous)?;
        conn.pragma_update(None, "cache_size", -65_536)?;
        conn.pragma_update(None, "temp_store", "memory")?;
        conn.pragma_update(None, "wal_autocheckpoint", 2_000)?;
        conn.pragma_update(None, "journal_size_limit", 64 << 20)?;
        migrate(&mut conn)?;
        let writer = write::Writer::new(conn)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
        })
    }

    fn writer(&self) -> MutexGuard<'_, write::Writer> {
        // A panic in the midst of a commit rolls back; what the writer remembers is forgotten at its next use.
        self.writer.lock().unwrap_or_else(|poisoned| {
            let mut writer = poisoned.into_inner();
            writer.forget();
            writer
        })
    }

    /// Asks one thing, of one state of the store.
    fn read<T>(
        &self,
        ask: impl FnOnce(&mut Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let kept = self
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut reader = match kept {
            Some(reader) => reader,
            None => Reader::open(&self.path)?,
        };
        reader.conn.execute_batch("BEGIN")?;
        let answer = ask(&mut reader);
        // Nothing was written; a connection that cannot even end a transaction is not kept.
        if reader.conn.execute_batch("COMMIT").is_ok() {
            let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
            if readers.len() < IDLE_READERS {
                readers.push(reader);
            }
        }
        answer
    }
}

impl Reader {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(Duration::from_secs(10))?;
        conn.set_prepared_statement_cache_capacity(64);
        conn.pragma_update(None, "cache_size", -16_384)?;
        conn.pragma_update(None, "mmap_size", 1_i64 << 30)?;
        conn.pragma_update(None, "temp_store", "memory")?;
        Ok(Self {
            conn,
            unpacker: payload::Unpacker::default(),
        })
    }
}

/// Prompts are nobody else's business: the file is its owner's alone from the start.
#[cfg(unix)]
fn make_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt;
    // Where this fails, opening it tells why.
    _ = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path);
}

#[cfg(not(unix))]
fn make_private(_path: &Path) {}

/// Brings the file to this version's format, in one transaction.
fn migrate(conn: &mut Connection) -> Result<(), StoreError> {
    let version = |conn: &Connection| {
        conn.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
    };
    if version(conn)? == FORMAT {
        return Ok(());
    }
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)?;
    // Somebody else may have done it in the meantime.
    let found = version(&tx)?;
    if found > FORMAT {
        return Err(StoreError(Kind::Newer {
            found,
            supported: FORMAT,
        }));
    }
    let done = usize::try_from(found).unwrap_or(0);
    for step in &MIGRATIONS[done..] {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", FORMAT)?;
    tx.commit()?;
    Ok(())
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self(match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Kind::Busy,
            Some(ErrorCode::DiskFull) => Kind::Full,
            _ => Kind::Engine(error.into()),
        })
    }
}

impl Store for Sqlite {
    fn commit(&self, batch: &Batch) -> Result<Changes, StoreError> {
        self.writer().commit(batch)
    }

    fn position(&self, file: &str) -> Result<u64, StoreError> {
        self.read(|reader| reader.position(file))
    }

    fn positions(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.read(|reader| reader.positions())
    }

    fn deserted(&self, alive: &[String]) -> Result<Vec<SessionId>, StoreError> {
        self.read(|reader| reader.deserted(alive))
    }

    fn settle(&self) -> Result<Changes, StoreError> {
        self.writer().settle_stale()
    }

    fn maintain(&self, budget: Duration) -> Result<bool, StoreError> {
        self.writer().maintain(budget)
    }

    fn sessions(&self, wanted: &Wanted) -> Result<Page, StoreError> {
        self.read(|reader| reader.sessions(wanted))
    }

    fn totals(&self, wanted: &Wanted) -> Result<Totals, StoreError> {
        self.read(|reader| reader.totals(wanted))
    }

    fn changed(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Option<Vec<(SessionId, u64)>>, StoreError> {
        self.read(|reader| reader.changed(after, limit))
    }

    fn version(&self, id: SessionId) -> Result<Option<u64>, StoreError> {
        self.read(|reader| reader.version(id))
    }

    fn session(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.read(|reader| reader.session(id))
    }

    fn matching(&self, digits: &str) -> Result<Vec<SessionId>, StoreError> {
        self.read(|reader| reader.matching(digits))
    }

    fn outline(&self, id: SessionId) -> Result<Option<Outline>, StoreError> {
        self.read(|reader| reader.outline(id))
    }

    fn rows(&self, session: SessionId, spans: &[SpanId]) -> Result<Vec<Row>, StoreError> {
        self.read(|reader| reader.rows(session, spans))
    }

    fn some_spans(&self, session: SessionId, spans: &[SpanId]) -> Result<Vec<Span>, StoreError> {
        self.read(|reader| reader.some_spans(session, spans))
    }

    fn span(&self, session: SessionId, span: SpanId) -> Result<Option<Span>, StoreError> {
        self.read(|reader| reader.span(session, span))
    }

    fn spans(
        &self,
        session: SessionId,
        after: Option<(UnixNanos, SpanId)>,
        limit: usize,
    ) -> Result<Vec<Span>, StoreError> {
        self.read(|reader| reader.spans(session, after, limit))
    }

    fn search(&self, words: &Search) -> Result<Vec<Hit>, StoreError> {
        self.read(|reader| reader.search(words))
    }

    fn series(&self, wanted: &Series) -> Result<Vec<Point>, StoreError> {
        self.read(|reader| reader.series(wanted))
    }

    fn faults(&self, wanted: &Wanted, limit: usize) -> Result<Vec<Fault>, StoreError> {
        self.read(|reader| reader.faults(wanted, limit))
    }

    fn hide(&self, ids: &[SessionId], grace: Duration) -> Result<Changes, StoreError> {
        self.writer().hide(ids, grace)
    }

    fn unhide(&self, ids: &[SessionId]) -> Result<Changes, StoreError> {
        self.writer().unhide(ids)
    }

    fn removed(&self) -> Result<u64, StoreError> {
        self.read(|reader| Ok(read::meta(&reader.conn, "removed")? as u64))
    }

    fn sequence(&self) -> Result<u64, StoreError> {
        self.read(|reader| reader.sequence())
    }
}
