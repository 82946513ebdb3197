//! A guest's connection. Most statements take microseconds and run on the guest's thread. A statement moves to a thread
//! that may block if it may wait for the disk (a commit), takes long, or finds the database locked.
use std::sync::Arc;

use rusqlite::ErrorCode;
use rusqlite::types::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::DatabaseError;
use super::file::Database;
use super::session::{BUSY_TIMEOUT, Session, Watch};

/// The largest result of one statement, in bytes. The result is held in this process's memory before the guest gets it.
const LARGEST_RESULT: usize = 64 << 20;

/// What a statement returned.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

/// A connection that a guest holds. Dropping it rolls back uncommitted changes.
pub(crate) struct Lease {
    database: Arc<Database>,
    /// None while a statement runs on another thread.
    session: Option<Session>,
    /// Interrupts the statement on that thread.
    away: Option<Arc<Watch>>,
    /// Held from the beginning of a write transaction to its end.
    writing: Option<OwnedSemaphorePermit>,
    changes: u64,
}

/// What a statement does; it decides which thread runs it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Begins a write transaction.
    BeginWrite,
    /// Ends a transaction, so it may wait for the disk.
    Commit,
    Read,
    /// Writes within a transaction. It does not wait for the disk, but an interrupt would undo the whole transaction.
    Write,
    /// Writes and commits at once.
    WriteAndCommit,
}

impl Lease {
    /// Takes a clean connection to `database`.
    pub(crate) fn connect(database: Arc<Database>) -> Result<Self, DatabaseError> {
        let session = database.take()?;
        Ok(Self {
            database,
            session: Some(session),
            away: None,
            writing: None,
            changes: 0,
        })
    }

    /// Rows that the last INSERT, UPDATE or DELETE of this lease changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// The rowid of this lease's last INSERT, or 0.
    pub(crate) fn last_insert_rowid(&self) -> i64 {
        let session = self.session.as_ref();
        session.map_or(0, |session| session.sql.last_insert_rowid())
    }

    /// Runs one statement. It waits up to five seconds for another writer.
    pub(crate) async fn execute(
        &mut self,
        sql: String,
        parameters: Vec<Value>,
    ) -> Result<Rows, DatabaseError> {
        let session = self.session.as_ref().ok_or(DatabaseError::CutOff)?;
        session.take_time();
        let kind = classify(session, &sql)?;
        if matches!(kind, Kind::BeginWrite | Kind::WriteAndCommit) && self.writing.is_none() {
            let writer = Arc::clone(&self.database.writer);
            self.writing = Some(turn(writer).await?);
        }
        let result = match kind {
            Kind::Commit | Kind::WriteAndCommit => self.run_elsewhere(sql, parameters).await,
            Kind::BeginWrite | Kind::Read | Kind::Write => {
                match self.run_here(kind, &sql, &parameters) {
                    Err(error) if retry(kind, &error) => self.run_elsewhere(sql, parameters).await,
                    done => done,
                }
            }
        };
        if let Some(session) = &self.session {
            if matches!(kind, Kind::Write | Kind::WriteAndCommit) && result.is_ok() {
                self.changes = session.sql.changes();
            }
            if session.sql.is_autocommit() {
                self.writing = None;
            }
        }
        result
    }

    fn run_here(&self, kind: Kind, sql: &str, parameters: &[Value]) -> Result<Rows, DatabaseError> {
        let session = self.session.as_ref().ok_or(DatabaseError::CutOff)?;
        if kind == Kind::Read {
            session.hurry();
        }
        run(session, sql, parameters)
    }

    async fn run_elsewhere(
        &mut self,
        sql: String,
        parameters: Vec<Value>,
    ) -> Result<Rows, DatabaseError> {
        let session = self.session.take().ok_or(DatabaseError::CutOff)?;
        session.take_time();
        self.away = Some(session.watch());
        // The other thread gets a lease of its own: if this future is dropped meanwhile, the connection still
        // returns to the idle ones.
        let away = Lease {
            database: Arc::clone(&self.database),
            session: Some(session),
            away: None,
            writing: self.writing.take(),
            changes: 0,
        };
        let task = tokio::task::spawn_blocking(move || {
            let session = away.session.as_ref().ok_or(DatabaseError::CutOff)?;
            session.sql.busy_timeout(BUSY_TIMEOUT)?;
            let result = run(session, &sql, &parameters);
            session.sql.busy_timeout(std::time::Duration::ZERO)?;
            Ok::<_, DatabaseError>((away, result))
        });
        let done = task.await;
        self.away = None;
        let (mut away, result) = done.map_err(|_| DatabaseError::CutOff)??;
        self.session = away.session.take();
        self.writing = away.writing.take();
        result
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(away) = &self.away {
            // The guest is gone, so nothing needs the result of the statement.
            away.interrupt();
        }
        if let Some(session) = self.session.take() {
            self.database.give_back(session);
        }
        // `writing` is dropped after this; only then may the next writer begin.
    }
}

/// Waits until no other lease writes.
async fn turn(writer: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, DatabaseError> {
    if let Ok(permit) = Arc::clone(&writer).try_acquire_owned() {
        return Ok(permit);
    }
    match tokio::time::timeout(BUSY_TIMEOUT, writer.acquire_owned()).await {
        Ok(permit) => permit.map_err(|_| DatabaseError::CutOff),
        Err(_) => Err(DatabaseError::Sqlite(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            Some("database is locked".to_owned()),
        ))),
    }
}

fn classify(session: &Session, sql: &str) -> Result<Kind, DatabaseError> {
    let mut words = sql.split_ascii_whitespace();
    let first = words.next().unwrap_or_default().trim_end_matches(';');
    let is = |word: &str| first.eq_ignore_ascii_case(word);
    if is("commit") || is("end") || is("release") {
        return Ok(Kind::Commit);
    }
    if is("begin") {
        let second = words.next().unwrap_or_default().trim_end_matches(';');
        let writes =
            second.eq_ignore_ascii_case("immediate") || second.eq_ignore_ascii_case("exclusive");
        return Ok(if writes { Kind::BeginWrite } else { Kind::Read });
    }
    let read_only = session.sql.prepare_cached(sql)?.readonly();
    Ok(match (read_only, session.sql.is_autocommit()) {
        (true, _) => Kind::Read,
        (false, false) => Kind::Write,
        (false, true) => Kind::WriteAndCommit,
    })
}

/// Whether a statement that failed here may succeed on the other thread, with more time.
fn retry(kind: Kind, error: &DatabaseError) -> bool {
    let DatabaseError::Sqlite(error) = error else {
        return false;
    };
    let snapshot = error
        .sqlite_error()
        .is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_BUSY_SNAPSHOT);
    match error.sqlite_error_code() {
        // A stale snapshot stays stale; waiting does not help.
        Some(ErrorCode::DatabaseBusy) => !snapshot,
        Some(ErrorCode::OperationInterrupted) => kind == Kind::Read,
        _ => false,
    }
}

fn run(session: &Session, sql: &str, parameters: &[Value]) -> Result<Rows, DatabaseError> {
    let mut statement = session.sql.prepare_cached(sql)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let mut size = 0usize;
    let mut rows = Vec::new();
    let mut found = statement.query(rusqlite::params_from_iter(parameters))?;
    while let Some(row) = found.next()? {
        let mut values = Vec::with_capacity(width);
        for index in 0..width {
            let value: Value = row.get(index)?;
            size = size.saturating_add(size_of::<Value>() + heap(&value));
            values.push(value);
        }
        if size > LARGEST_RESULT {
            return Err(DatabaseError::TooLarge(LARGEST_RESULT));
        }
        rows.push(values);
    }
    Ok(Rows { columns, rows })
}

fn heap(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        Value::Null | Value::Integer(_) | Value::Real(_) => 0,
    }
}
