//! The store inside the binary: one SQLite file, written by one thread at a time, read by many.
//!
//! `write` takes batches in, of which `ahead` prepares what it can; `asked` tells the same request from another, `thin`
//! holds what the writer must know of sessions that go on, `tail` what came last, `rolls` keeps sums over time, `read` and
//! `metrics` answer, `ledger` what all sessions come to; `index` keeps words in the form of `segment`, by which `search`
//! finds text, `payload` packs whole spans, `reprice` prices calls that could not be when they came. Knows nothing of
//! HTTP, spools or terminals.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agentops_core::model::id::{SessionId, SpanId, TraceId};
use agentops_core::model::session::Session;
use agentops_core::model::span::Span;
use agentops_core::model::time::UnixNanos;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{
    Batch, Changes, Fault, Histogram, Hit, Kind, Outline, Page, Point, Row, Search, Series, Store,
    StoreError, Totals, Wanted,
};

mod ahead;
mod asked;
mod fold;
mod index;
mod ledger;
mod metrics;
mod payload;
mod read;
mod reprice;
mod rolls;
mod search;
mod segment;
mod tail;
mod text;
mod thin;
mod varint;
mod write;

/// What this version reads and writes. A step of `MIGRATIONS` leads from each format to the next.
const FORMAT: i64 = MIGRATIONS.len() as i64;
const MIGRATIONS: &[&str] = &[
    include_str!("sqlite/schema.sql"),
    include_str!("sqlite/format2.sql"),
    include_str!("sqlite/format3.sql"),
    include_str!("sqlite/format4.sql"),
    include_str!("sqlite/format5.sql"),
    include_str!("sqlite/format6.sql"),
];

/// Marks the file as ours: "agnt".
const APPLICATION_ID: i64 = 0x6167_6e74;

/// For how long another process that writes is waited for: shorter than senders of OTLP wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

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
    /// Which file that was.
    file: Option<(u64, u64)>,
    /// Nobody writes to it: there is nothing to wait for, and nothing to be made beside it.
    immutable: bool,
    /// Closed before the writer, for who closes last puts all into the one file, and readers may not.
    readers: Mutex<Vec<Reader>>,
    writer: Mutex<write::Writer>,
    tail: Arc<Mutex<tail::Tail>>,
    presses: Arc<Mutex<payload::Presses>>,
    ledger: Mutex<ledger::Ledger>,
    /// Somebody who searched has seen that the index of words does not read back.
    words_are_broken: AtomicBool,
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
        if conn.is_readonly(rusqlite::MAIN_DB)? {
            return Err(StoreError(Kind::Closed("its file is read-only".into())));
        }
        conn.busy_timeout(PATIENCE)?;
        conn.set_prepared_statement_cache_capacity(128);
        // A plan does not depend on what is asked for, and is not made again for it.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // What refers to rows is written with the numbers of rows that are there: tests look whether that is so, and not
        // every commit.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
        // Before anything of the file is changed.
        check(&conn)?;
        conn.pragma_update(None, "page_size", 8192)?;
        patiently(|| conn.pragma_update(None, "journal_mode", "wal"))?;
        let synchronous = match durability {
            Durability::Full => "full",
            Durability::Process => "normal",
        };
        conn.pragma_update(None, "synchronous", synchronous)?;
        conn.pragma_update(None, "cache_size", -65_536)?;
        conn.pragma_update(None, "temp_store", "memory")?;
        conn.pragma_update(None, "wal_autocheckpoint", 2_000)?;
        conn.pragma_update(None, "journal_size_limit", 64 << 20)?;
        migrate(&mut conn, MIGRATIONS)?;
        Self::with(conn, path, false)
    }

    /// Opens a store that cannot be written to, of this format.
    ///
    /// # Errors
    ///
    /// Where there is none, and where what was written last cannot be read without writing.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let shared = Self::open_as_it_is(path, false);
        let wal = std::fs::metadata(beside(path, "-wal"));
        let is_whole = wal.map_or(true, |wal| wal.len() == 0);
        match shared {
            // Whoever reads what others may write to makes files beside it; alone one can do without.
            Err(error) if error.is_closed() && is_whole => Self::open_as_it_is(path, true),
            shared => shared,
        }
    }

    fn open_as_it_is(path: &Path, immutable: bool) -> Result<Self, StoreError> {
        let Reader { conn, .. } = Reader::open(path, immutable)?;
        check(&conn)?;
        let found: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found != FORMAT {
            return Err(StoreError(Kind::Closed(
                format!("it is of format {found}, and would have to be brought to {FORMAT}").into(),
            )));
        }
        Self::with(conn, path, immutable)
    }

    fn with(conn: Connection, path: &Path, immutable: bool) -> Result<Self, StoreError> {
        let tail = Arc::new(Mutex::new(tail::Tail::default()));
        let presses = Arc::new(Mutex::new(payload::Presses::new(&conn)?));
        let wal = beside(path, "-wal");
        let writer = write::Writer::new(conn, wal, tail.clone(), presses.clone())?;
        Ok(Self {
            path: path.to_owned(),
            file: identity(path),
            immutable,
            readers: Mutex::new(Vec::new()),
            writer: Mutex::new(writer),
            tail,
            presses,
            ledger: Mutex::default(),
            words_are_broken: AtomicBool::default(),
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

    fn presses(&self) -> MutexGuard<'_, payload::Presses> {
        self.presses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails where another file, or none, is where this one was: what is in this one nobody will open again.
    fn is_in_place(&self) -> Result<(), StoreError> {
        match self.file == identity(&self.path) {
            true => Ok(()),
            false => Err(StoreError(Kind::Removed(self.path.clone()))),
        }
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
            None => Reader::open(&self.path, self.immutable)?,
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
    fn open(path: &Path, immutable: bool) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = match immutable {
            true => Connection::open_with_flags(
                immutable_uri(path),
                flags | OpenFlags::SQLITE_OPEN_URI,
            )?,
            false => Connection::open_with_flags(path, flags)?,
        };
        conn.busy_timeout(PATIENCE)?;
        conn.set_prepared_statement_cache_capacity(64);
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        conn.pragma_update(None, "cache_size", -16_384)?;
        conn.pragma_update(None, "mmap_size", 1_i64 << 30)?;
        conn.pragma_update(None, "temp_store", "memory")?;
        fold::install(&conn)?;
        Ok(Self {
            conn,
            unpacker: payload::Unpacker::default(),
        })
    }
}

/// The name by which SQLite reads a file that nobody writes to.
fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(byte.into());
            }
            _ => _ = write!(uri, "%{byte:02X}"),
        }
    }
    uri + "?immutable=1"
}

/// A file that SQLite keeps beside another.
fn beside(path: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Which file is at a place. While it is open no other has the same numbers; where none are told, it cannot be removed
/// while it is open either.
#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|of| (of.dev(), of.ino()))
}

#[cfg(not(unix))]
fn identity(_path: &Path) -> Option<(u64, u64)> {
    None
}

/// Prompts are nobody else's business: the file is its owner's alone from the start.
#[cfg(unix)]
fn make_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt;
    // Where this fails, opening it tells why. One that is there is not opened here: closing it would give up the locks
    // that this process may have on it.
    _ = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path);
}

#[cfg(not(unix))]
fn make_private(_path: &Path) {}

/// Refuses what this version cannot use.
fn check(conn: &Connection) -> Result<(), StoreError> {
    let number =
        |name: &str| patiently(|| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)));
    let found = number("user_version")?;
    let is_ours = number("application_id")? == APPLICATION_ID;
    if !is_ours {
        let tables: i64 = patiently(|| {
            conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        })?;
        // Unless another process has made it ours in the meantime.
        if (found != 0 || tables != 0) && number("application_id")? != APPLICATION_ID {
            return Err(StoreError(Kind::Corrupt(
                "it is another program's database",
            )));
        }
    }
    newer(found, FORMAT)
}

fn newer(found: i64, supported: i64) -> Result<(), StoreError> {
    match found > supported {
        true => Err(StoreError(Kind::Newer { found, supported })),
        false => Ok(()),
    }
}

/// Tries again where another process is just opening the same file: SQLite does not wait for that by itself.
fn patiently<T>(work: impl Fn() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let started = Instant::now();
    loop {
        let done = work();
        let busy = done.as_ref().is_err_and(|error| {
            matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            )
        });
        if !busy || started.elapsed() > PATIENCE {
            return done;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Brings the file to the format that `steps` lead to, in one transaction.
fn migrate(conn: &mut Connection, steps: &[&str]) -> Result<(), StoreError> {
    let version = |conn: &Connection| {
        conn.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
    };
    let format = steps.len() as i64;
    if version(conn)? == format {
        return Ok(());
    }
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)?;
    // Somebody else may have done it in the meantime.
    let found = version(&tx)?;
    newer(found, format)?;
    let done = usize::try_from(found).unwrap_or(0);
    for step in &steps[done..] {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", format)?;
    tx.commit()?;
    Ok(())
}

/// How SQLite says that a file did not grow where it was not the disk that was full: a quota, or a limit of the process.
const CANNOT_GROW: [i32; 2] = [
    rusqlite::ffi::SQLITE_IOERR_WRITE,
    rusqlite::ffi::SQLITE_IOERR_SHMSIZE,
];

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let extended = error.sqlite_error().map(|error| error.extended_code);
        Self(match error.sqlite_error_code() {
            _ if extended.is_some_and(|code| CANNOT_GROW.contains(&code)) => Kind::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Kind::Busy,
            Some(ErrorCode::DiskFull) => Kind::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Kind::Closed(error.into())
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Kind::Corrupt("its file is damaged, or no database")
            }
            _ => Kind::Engine(error.into()),
        })
    }
}

impl Store for Sqlite {
    fn commit(&self, batch: &Batch) -> Result<Changes, StoreError> {
        let mut press = self.presses().take()?;
        let prepared = ahead::prepare_all(batch, &mut press)?;
        self.presses().give(press);
        let changes = self.writer().commit(batch, prepared)?;
        // Looked at last, so that nothing is said to be kept that is not.
        self.is_in_place()?;
        Ok(changes)
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

    fn settle(&self, all: bool) -> Result<Changes, StoreError> {
        self.writer().settle_stale(all)
    }

    fn maintain(&self, budget: Duration) -> Result<bool, StoreError> {
        self.is_in_place()?;
        let mut writer = self.writer();
        if self.words_are_broken.swap(false, Ordering::Relaxed) {
            writer.begin_words_anew()?;
        }
        writer.maintain(budget)
    }

    fn sessions(&self, wanted: &Wanted) -> Result<Page, StoreError> {
        self.read(|reader| reader.sessions(wanted))
    }

    fn totals(&self, wanted: &Wanted) -> Result<Totals, StoreError> {
        self.read(|reader| {
            if wanted.conditions.is_empty() {
                let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(totals) = ledger.totals(&reader.conn, wanted.foreign)? {
                    return Ok(totals);
                }
            }
            reader.totals(wanted)
        })
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

    fn session_of(&self, trace: TraceId) -> Result<Option<SessionId>, StoreError> {
        self.read(|reader| reader.session_of(trace))
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

    fn counts_usage(&self, session: SessionId, span: SpanId) -> Result<Option<bool>, StoreError> {
        self.read(|reader| reader.counts_usage(session, span))
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
        let found = self.read(|reader| reader.search(words, &self.tail));
        if found.as_ref().is_err_and(index::is_broken) {
            self.words_are_broken.store(true, Ordering::Relaxed);
        }
        found
    }

    fn series(&self, wanted: &Series) -> Result<Vec<Point>, StoreError> {
        self.read(|reader| reader.series(wanted))
    }

    fn faults(&self, wanted: &Wanted, limit: usize) -> Result<Vec<Fault>, StoreError> {
        self.read(|reader| reader.faults(wanted, limit))
    }

    fn fault_times(
        &self,
        wanted: &Wanted,
        fault: u64,
        time: Range<UnixNanos>,
        parts: u64,
    ) -> Result<Vec<u64>, StoreError> {
        self.read(|reader| reader.fault_times(wanted, fault, &time, parts))
    }

    fn histogram(&self, wanted: &Wanted, parts: u64) -> Result<Histogram, StoreError> {
        self.read(|reader| reader.histogram(wanted, parts))
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

    fn losses(&self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        self.read(|reader| reader.losses())
    }

    fn sequence(&self) -> Result<u64, StoreError> {
        self.read(|reader| reader.sequence())
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.read(|reader| reader.size())
    }
}

#[cfg(test)]
mod tests {
    use agentops_core::model::event::{Event, Resource};

    use super::*;
    use crate::store::suite::{self, Dir};

    fn open(dir: &Path) -> Sqlite {
        let store = Sqlite::open(&file(dir), Durability::Process).unwrap();
        // No test ends in a power cut.
        let mut writer = store.writer();
        writer
            .conn
            .pragma_update(None, "synchronous", "off")
            .unwrap();
        // The model's reader, which this is compared with, waits for nobody.
        writer.silence = Duration::ZERO;
        drop(writer);
        store
    }

    fn file(dir: &Path) -> std::path::PathBuf {
        dir.join("store.db")
    }

    suite::suite!(open);

    fn ask<T: rusqlite::types::FromSql>(dir: &Path, sql: &str) -> T {
        let conn = Connection::open(file(dir)).unwrap();
        conn.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn nothing_of_a_deleted_session_is_in_any_table() {
        let dir = Dir::new();
        let store = open(dir.path());
        let (batch, gone) = suite::two_sessions();
        store.commit(&batch).unwrap();
        store.maintain(Duration::ZERO).unwrap();
        assert_eq!(
            store.hide(&[gone], Duration::ZERO).unwrap().sessions.len(),
            1
        );
        while store.maintain(Duration::ZERO).unwrap() {}
        // What was a word of it may be a word of others; who spoke in it is kept until that process is gone; a row of
        // sums may be there that is zero.
        for (table, left) in [
            ("session", 1),
            (
                "session_dim WHERE session NOT IN (SELECT id FROM session)",
                0,
            ),
            ("span WHERE session NOT IN (SELECT id FROM session)", 0),
            ("payload WHERE id NOT IN (SELECT id FROM span)", 0),
            ("log", 0),
            ("fault", 0),
            ("unindexed", 0),
            ("segment", 1),
            ("block WHERE segment NOT IN (SELECT id FROM segment)", 0),
            ("block WHERE instr(z, 'otter') > 0", 1),
            ("dropped", 0),
            ("roll WHERE n < 0 OR input < 0 OR cost < 0", 0),
        ] {
            let count: i64 = ask(dir.path(), &format!("SELECT count(*) FROM {table}"));
            assert_eq!(count, left, "{table}");
        }
        let sums = "SELECT sum(n) FROM roll WHERE period = 0 AND kind = 1";
        assert_eq!(ask::<i64>(dir.path(), sums), 1);
        assert_eq!(ask::<String>(dir.path(), "PRAGMA integrity_check"), "ok");
        let astray: i64 = ask(dir.path(), "SELECT count(*) FROM pragma_foreign_key_check");
        assert_eq!(astray, 0);
    }

    #[test]
    fn what_is_deleted_leaves_no_machine_and_no_number_to_others() {
        let dir = Dir::new();
        let store = open(dir.path());
        let (mut batch, gone) = suite::two_sessions();
        batch.events[0].0 = Arc::new(Resource {
            service: "of nobody else".into(),
            ..Resource::default()
        });
        let faulty = batch.events[0].clone();
        store.commit(&batch).unwrap();
        let number = "SELECT max(id) FROM fault";
        let before: i64 = ask(dir.path(), number);
        let machines =
            "SELECT count(*) FROM process WHERE instr(key, CAST('of nobody else' AS BLOB)) > 0";
        assert_eq!(ask::<i64>(dir.path(), machines), 1);
        store.hide(&[gone], Duration::ZERO).unwrap();
        while store.maintain(Duration::ZERO).unwrap() {}
        assert_eq!(ask::<i64>(dir.path(), machines), 0);

        // The same machine comes again, and another error.
        let (resource, mut event) = faulty;
        let Event::SpanEnded(span) = &mut event else {
            panic!("a span that ended");
        };
        span.session_id = SessionId(gone.0 + 1_000);
        span.name = "another".into();
        let batch = Batch {
            events: vec![(resource, event)],
            ..Batch::default()
        };
        store.commit(&batch).unwrap();
        assert_eq!(ask::<i64>(dir.path(), machines), 1);
        assert_eq!(ask::<i64>(dir.path(), number), before + 1);
        let session = store.session(SessionId(gone.0 + 1_000)).unwrap().unwrap();
        assert_eq!(session.service, "of nobody else");
    }

    #[test]
    fn a_newer_format_is_refused_and_left_as_it_is() {
        let dir = Dir::new();
        drop(open(dir.path()));
        let conn = Connection::open(file(dir.path())).unwrap();
        conn.pragma_update(None, "user_version", FORMAT + 1)
            .unwrap();
        drop(conn);
        let before = std::fs::read(file(dir.path())).unwrap();
        let refused = Sqlite::open(&file(dir.path()), Durability::Full);
        suite::assert_told(refused, "a newer agentops wrote the store", "update");
        assert_eq!(std::fs::read(file(dir.path())).unwrap(), before);
    }

    #[test]
    fn an_older_format_is_brought_up_whole_or_not_at_all() {
        let dir = Dir::new();
        let mut conn = Connection::open(file(dir.path())).unwrap();
        let steps = [
            "CREATE TABLE a (x) STRICT",
            "CREATE TABLE b (y INTEGER) STRICT",
        ];
        assert!(
            migrate(&mut conn, &steps).is_err(),
            "a column of a STRICT table has a type"
        );
        let version = |conn: &Connection| -> i64 {
            conn.pragma_query_value(None, "user_version", |row| row.get(0))
                .unwrap()
        };
        let tables = |conn: &Connection| -> i64 {
            conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
                .unwrap()
        };
        assert_eq!((version(&conn), tables(&conn)), (0, 0));
        let steps = [
            "CREATE TABLE a (x INTEGER) STRICT",
            "CREATE TABLE b (y INTEGER) STRICT",
        ];
        migrate(&mut conn, &steps[..1]).unwrap();
        assert_eq!((version(&conn), tables(&conn)), (1, 1));
        migrate(&mut conn, &steps).unwrap();
        assert_eq!((version(&conn), tables(&conn)), (2, 2));
        migrate(&mut conn, &steps).unwrap();
        assert_eq!((version(&conn), tables(&conn)), (2, 2));
    }

    #[test]
    fn many_may_open_a_new_store_at_once_and_write_to_it() {
        let dir = Dir::new();
        let (batch, _) = suite::two_sessions();
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let store = open(dir.path());
                    for _ in 0..5 {
                        store.commit(&batch).unwrap();
                        store.maintain(Duration::ZERO).unwrap();
                    }
                });
            }
        });
        let store = open(dir.path());
        assert_eq!(store.sequence().unwrap(), 30);
        assert_eq!(ask::<i64>(dir.path(), "SELECT count(*) FROM span"), 2);
        let sums = "SELECT sum(n) FROM roll WHERE period = 0 AND kind = 1";
        assert_eq!(ask::<i64>(dir.path(), sums), 2);
        assert_eq!(ask::<String>(dir.path(), "PRAGMA integrity_check"), "ok");
    }

    #[test]
    fn what_another_process_deleted_is_not_written_to() {
        let dir = Dir::new();
        let (server, command) = (open(dir.path()), open(dir.path()));
        let (batch, gone) = suite::two_sessions();
        server.commit(&batch).unwrap();
        command.hide(&[gone], Duration::ZERO).unwrap();
        while command.maintain(Duration::ZERO).unwrap() {}
        server.commit(&batch).unwrap();
        assert!(server.session(gone).unwrap().is_none());
        let handed_in = Batch {
            restores: true,
            ..batch
        };
        server.commit(&handed_in).unwrap();
        assert!(server.session(gone).unwrap().is_some());
        assert_eq!(server.spans(gone, None, 10).unwrap().len(), 1);
        let strays = "SELECT count(*) FROM span WHERE session NOT IN (SELECT id FROM session)";
        assert_eq!(ask::<i64>(dir.path(), strays), 0);
    }

    #[test]
    fn what_is_no_store_is_refused_and_left_as_it_is() {
        let dir = Dir::new();
        let other = Connection::open(file(dir.path())).unwrap();
        other
            .execute_batch("CREATE TABLE notes (t TEXT); INSERT INTO notes VALUES ('mine')")
            .unwrap();
        drop(other);
        let refused = Sqlite::open(&file(dir.path()), Durability::Full);
        suite::assert_told(refused, "another program's", "move the database");
        assert_eq!(ask::<String>(dir.path(), "SELECT t FROM notes"), "mine");
        assert_eq!(ask::<String>(dir.path(), "PRAGMA journal_mode"), "delete");

        let text = "this is no database at all, whatever its name says\n".repeat(100);
        std::fs::write(file(dir.path()), &text).unwrap();
        let refused = Sqlite::open(&file(dir.path()), Durability::Full);
        suite::assert_told(refused, "does not read back", "move the database");
        assert_eq!(std::fs::read_to_string(file(dir.path())).unwrap(), text);
    }

    #[test]
    fn a_damaged_store_says_so() {
        let dir = Dir::new();
        let store = open(dir.path());
        let (batch, _) = suite::two_sessions();
        store.commit(&batch).unwrap();
        drop(store);
        let mut bytes = std::fs::read(file(dir.path())).unwrap();
        // All pages but the first, which says what it is.
        bytes[8192..].fill(0xa5);
        std::fs::write(file(dir.path()), bytes).unwrap();
        let store = Sqlite::open(&file(dir.path()), Durability::Full);
        let failed = store.and_then(|store| store.commit(&batch));
        suite::assert_told(failed, "does not read back", "move the database");
    }

    #[test]
    fn a_full_disk_takes_nothing_in_part_and_room_is_all_it_needs() {
        let dir = Dir::new();
        let store = open(dir.path());
        let (batch, gone) = suite::two_sessions();
        let pages: i64 = ask(dir.path(), "PRAGMA page_count");
        store
            .writer()
            .conn
            .pragma_update(None, "max_page_count", pages + 1)
            .unwrap();
        let large = suite::large_batch();
        suite::assert_told(store.commit(&large), "the disk is full", "make room");
        assert_eq!(store.position("large").unwrap(), 0);
        assert_eq!(ask::<i64>(dir.path(), "SELECT count(*) FROM span"), 0);
        store
            .writer()
            .conn
            .pragma_update(None, "max_page_count", 1 << 30)
            .unwrap();
        store.commit(&large).unwrap();
        store.commit(&batch).unwrap();
        assert!(store.session(gone).unwrap().is_some());
        let spans = large.events.len() as i64 + 2;
        assert_eq!(ask::<i64>(dir.path(), "SELECT count(*) FROM span"), spans);
        while store.maintain(Duration::ZERO).unwrap() {}
        let sums = "SELECT sum(n) FROM roll WHERE period = 0 AND kind = 1";
        assert_eq!(ask::<i64>(dir.path(), sums), spans);
    }

    #[test]
    fn sums_that_wait_are_told_as_they_are_once_they_are_added_up() {
        let dir = Dir::new();
        let store = open(dir.path());
        let (batch, gone) = suite::two_sessions();
        store.commit(&batch).unwrap();
        store.commit(&suite::large_batch()).unwrap();
        let all = |by, step| Series {
            by,
            step,
            since: 0,
            until: u64::MAX,
            project: None,
        };
        let told = || {
            use super::super::{GroupBy, Step};
            let by = [GroupBy::Kind, GroupBy::Model, GroupBy::Tool, GroupBy::Agent];
            let of = |by| [Step::Hour, Step::Day].map(|step| store.series(&all(by, step)).unwrap());
            by.map(of)
        };
        let waiting = told();
        assert_eq!(ask::<i64>(dir.path(), "SELECT count(*) FROM roll"), 0);
        while store.maintain(Duration::ZERO).unwrap() {}
        assert_eq!(
            ask::<i64>(dir.path(), "SELECT count(*) FROM roll_change"),
            0
        );
        assert_eq!(told(), waiting);

        store.hide(&[gone], Duration::ZERO).unwrap();
        while store.maintain(Duration::ZERO).unwrap() {}
        // Of all that is counted, and of nothing else, it is kept how long it took.
        let conn = Connection::open(file(dir.path())).unwrap();
        let mut ask = conn.prepare("SELECT n, times FROM roll").unwrap();
        let rows = ask.query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)));
        let mut rows_seen = 0;
        for row in rows.unwrap() {
            let (n, times): (i64, _) = row.unwrap();
            let times = rolls::Times::from_bytes(&times).unwrap();
            assert_eq!(times.iter().map(|(_, n)| n).sum::<u64>(), n as u64);
            rows_seen += 1;
        }
        assert!(rows_seen > 0);
        assert_ne!(told(), waiting);
    }

    #[test]
    fn sums_and_words_of_an_older_format_are_made_anew() {
        let dir = Dir::new();
        let by_day = Series {
            by: super::super::GroupBy::Kind,
            step: super::super::Step::Day,
            since: 0,
            until: u64::MAX,
            project: None,
        };
        let store = open(dir.path());
        store.commit(&suite::two_sessions().0).unwrap();
        let sums = store.series(&by_day).unwrap();
        while store.maintain(Duration::ZERO).unwrap() {}
        let otters = Search {
            words: "otter".into(),
            session: None,
            limit: 10,
        };
        let hits = store.search(&otters).unwrap();
        drop(store);
        let conn = Connection::open(file(dir.path())).unwrap();
        conn.execute_batch(
            "DROP TABLE segment; DROP TABLE block; DROP TABLE dropped;
             CREATE VIRTUAL TABLE words USING fts5 (body, content = '', contentless_delete = 1);
             INSERT INTO words (rowid, body) SELECT id, 'otter' FROM span; UPDATE meta SET value = 9 WHERE key = 'indexed';
             DROP INDEX session_waits; DROP INDEX session_name; ALTER TABLE session DROP COLUMN waits; ALTER TABLE log DROP COLUMN astray; DROP INDEX span_start; DROP TABLE gone; DROP TABLE roll; DROP TABLE roll_change; CREATE TABLE roll (at); CREATE TABLE hist (at);
             CREATE INDEX session_by_dim ON session_dim (kind, dim, session); PRAGMA user_version = 1;",
        )
        .unwrap();
        drop(conn);
        let store = open(dir.path());
        while store.maintain(Duration::ZERO).unwrap() {}
        assert!(!sums.is_empty() && !hits.is_empty());
        assert_eq!(store.series(&by_day).unwrap(), sums);
        assert_eq!(store.search(&otters).unwrap(), hits);
    }

    #[test]
    fn segments_say_how_many_spans_are_in_them_however_often_these_change() {
        let dir = Dir::new();
        let store = open(dir.path());
        // Each span ends long after it began, in another order.
        let (all, open_at_once) = (2_000_u64, 128);
        for at in 0..all + open_at_once {
            let mut batch = Batch::default();
            if at < all {
                batch
                    .events
                    .extend(suite::saying(2, at + 1, true, "began").events);
            }
            let ends = at.checked_sub(open_at_once).map(|at| at ^ 0x55);
            if let Some(ends) = ends.filter(|ends| *ends < all) {
                batch
                    .events
                    .extend(suite::saying(2, ends + 1, false, "ended").events);
            }
            store.commit(&batch).unwrap();
            if at % 8 == 0 {
                while store.maintain(Duration::ZERO).unwrap() {}
            }
        }
        while store.maintain(Duration::ZERO).unwrap() {}
        let spans = |which: &str| -> i64 {
            ask(
                dir.path(),
                &format!("SELECT coalesce({which}, 0) FROM segment WHERE ready"),
            )
        };
        assert!(spans("min(spans)") > 0, "{}", spans("min(spans)"));
        let left: i64 = ask(dir.path(), "SELECT count(*) FROM dropped");
        assert!(
            (2_000..=2_000 + left).contains(&spans("sum(spans)")),
            "{}",
            spans("sum(spans)")
        );
    }

    #[test]
    fn upkeep_does_not_rest_before_all_that_changed_is_indexed() {
        let dir = Dir::new();
        let store = open(dir.path());
        for is_open in [true, false] {
            let mut batch = Batch::default();
            for number in 1..=1_200 {
                batch
                    .events
                    .extend(suite::saying(2, number, is_open, "otter").events);
            }
            store.commit(&batch).unwrap();
            while store.maintain(Duration::ZERO).unwrap() {}
            assert_eq!(ask::<i64>(dir.path(), "SELECT count(*) FROM unindexed"), 0);
        }
    }

    #[test]
    fn segments_are_made_one_whoever_else_writes() {
        let dir = Dir::new();
        let (server, command) = (open(dir.path()), open(dir.path()));
        for number in 1..=60 {
            let text: String = (0..9_000_u64)
                .map(|at| {
                    format!(
                        "{:x} ",
                        (at * 60 + number).wrapping_mul(0x9e37_79b9) & 0xff_ffff
                    )
                })
                .collect();
            server
                .commit(&suite::saying(
                    2 + (number == 30) as u8,
                    number,
                    false,
                    &text,
                ))
                .unwrap();
        }
        while server.maintain(Duration::ZERO).unwrap() {}
        let blocks = "SELECT max(n) FROM (SELECT count(*) AS n FROM block GROUP BY segment)";
        assert!(ask::<i64>(dir.path(), blocks) > 300, "more than one step");
        command
            .hide(&[suite::session_id(3)], Duration::ZERO)
            .unwrap();
        let left = "SELECT count(*) FROM dropped WHERE gone";
        for number in 1_000..1_060 {
            command.maintain(Duration::ZERO).unwrap();
            server
                .commit(&suite::saying(2, number, false, "more"))
                .unwrap();
            server.maintain(Duration::ZERO).unwrap();
        }
        assert_eq!(ask::<i64>(dir.path(), left), 0);
        let session = "SELECT count(*) FROM session WHERE hidden";
        assert_eq!(ask::<i64>(dir.path(), session), 0);
    }

    #[test]
    fn what_was_to_be_one_segment_is_begun_again_once_nobody_goes_on() {
        let dir = Dir::new();
        let unready = "SELECT count(*) FROM segment WHERE NOT ready";
        let store = open(dir.path());
        for number in 1.. {
            store
                .commit(&suite::saying(2, number, false, "otter"))
                .unwrap();
            store.maintain(Duration::ZERO).unwrap();
            if ask::<i64>(dir.path(), unready) > 0 {
                break;
            }
        }
        drop(store);
        let store = open(dir.path());
        while store.maintain(Duration::ZERO).unwrap() {}
        assert_eq!(ask::<i64>(dir.path(), unready), 1, "it may be another's");
        store.writer().abandoned = Duration::ZERO;
        while store.maintain(Duration::ZERO).unwrap() {}
        assert_eq!(ask::<i64>(dir.path(), unready), 0);
        assert_eq!(ask::<i64>(dir.path(), "SELECT count(*) FROM segment"), 1);
        let stray = "SELECT count(*) FROM block WHERE segment NOT IN (SELECT id FROM segment)";
        assert_eq!(ask::<i64>(dir.path(), stray), 0);
    }

    #[test]
    fn a_damaged_index_of_words_is_told_of_and_made_anew() {
        for (spans, is_searched) in [(8, false), (3, true)] {
            let dir = Dir::new();
            let store = open(dir.path());
            let say = |number| {
                let batch = suite::saying(2, number, false, "otter");
                store.commit(&batch).unwrap();
            };
            for number in 1..=spans {
                say(number);
                if number < 8 {
                    while store.maintain(Duration::ZERO).unwrap() {}
                }
            }
            let conn = Connection::open(file(dir.path())).unwrap();
            let damaged = conn.execute(
                "UPDATE block SET z = x'ff' WHERE segment = (SELECT min(id) FROM segment)",
                [],
            );
            assert!(damaged.unwrap() > 0);
            let otters = Search {
                words: "otter".into(),
                session: None,
                limit: 10,
            };
            let mut told = 0;
            if is_searched {
                let failed = store.search(&otters);
                suite::assert_told(failed, "the index of words", "move the database");
                told += 1;
            }
            for _ in 0..100 {
                match store.maintain(Duration::ZERO) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        assert!(index::is_broken(&error), "{error}");
                        told += 1;
                    }
                }
            }
            assert_eq!(told, 1);
            say(9);
            assert_eq!(store.search(&otters).unwrap().len() as u64, spans + 1);
            while store.maintain(Duration::ZERO).unwrap() {}
            assert_eq!(store.search(&otters).unwrap().len() as u64, spans + 1);
        }
    }

    #[test]
    fn lists_need_no_look_at_every_session() {
        let dir = Dir::new();
        drop(open(dir.path()));
        let conn = Connection::open(file(dir.path())).unwrap();
        for sort in [
            super::super::Sort::Newest,
            super::super::Sort::Oldest,
            super::super::Sort::Cost,
            super::super::Sort::Duration,
            super::super::Sort::Tokens,
            super::super::Sort::Spans,
            super::super::Sort::Errors,
        ] {
            let wanted = Wanted {
                sort,
                after: Some(super::super::Cursor { key: 5, row: 5 }),
                limit: 50,
                ..Wanted::default()
            };
            let (sql, values) = read::list(&wanted);
            let mut plan = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = plan
                .query_map(rusqlite::params_from_iter(values), |row| {
                    row.get::<_, String>(3)
                })
                .unwrap();
            let steps: Vec<String> = steps.map(Result::unwrap).collect();
            let steps = steps.join("\n");
            assert!(steps.contains("USING INDEX session_"), "{sort:?}: {steps}");
            assert!(!steps.contains("TEMP B-TREE"), "{sort:?}: {steps}");
        }
    }
}
