//! The connection that a guest uses. Most statements take microseconds and run on the guest's thread. A statement runs on a
//! blocking thread if it may wait for the disk (a commit), takes long, or finds the database locked.
use std::sync::Arc;

use rusqlite::ErrorCode;
use rusqlite::types::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::DatabaseError;
use super::file::Database;
use super::session::{BUSY_TIMEOUT, HookState, Session};

/// The maximum size of one statement's result, in bytes. The limit exists because the whole result is in this process's memory
/// before the guest gets the rows.
const LARGEST_RESULT: usize = 64 << 20;

/// The columns and rows that a statement returned.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

/// A guest's connection lease: the SQLite connection that the guest uses. If this value is dropped, uncommitted changes are rolled
/// back.
pub(crate) struct Lease {
    database: Arc<Database>,
    /// The SQLite connection; None while a statement runs on a blocking thread, which then has the connection.
    session: Option<Session>,
    /// The hooks with which this connection lease can interrupt a statement on a blocking thread; None if no statement runs on a
    /// blocking thread.
    blocking_hooks: Option<Arc<HookState>>,
    /// The database's writer lock, which this connection lease holds from the start of a write transaction to its end.
    writer_permit: Option<OwnedSemaphorePermit>,
    /// The number of rows that the guest's last INSERT, UPDATE or DELETE changed.
    changes: u64,
}

/// The kind of a statement. The kind decides which thread runs the statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StatementKind {
    /// A statement that begins a write transaction.
    BeginWrite,
    /// A statement that ends a transaction, and so may wait for the disk.
    Commit,
    /// A statement that changes no rows.
    Read,
    /// A statement that writes within a transaction. It does not wait for the disk, but an interrupt would undo the whole
    /// transaction.
    Write,
    /// A statement that writes outside a transaction, so SQLite commits the change at once.
    WriteAndCommit,
}

impl Lease {
    /// Connects a guest to `database`. The guest gets a connection without state of an earlier guest.
    pub(crate) fn connect(database: Arc<Database>) -> Result<Self, DatabaseError> {
        let session = database.checkout()?;
        Ok(Self {
            database,
            session: Some(session),
            blocking_hooks: None,
            writer_permit: None,
            changes: 0,
        })
    }

    /// The number of rows that the guest's last INSERT, UPDATE or DELETE on this connection changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// The rowid of the last row that the guest inserted on this connection; 0 if the guest did not insert a row.
    pub(crate) fn last_insert_rowid(&self) -> i64 {
        let session = self.session.as_ref();
        session.map_or(0, |session| session.sql.last_insert_rowid())
    }

    /// Runs one statement. A statement that writes waits at most five seconds until another writer has finished.
    pub(crate) async fn execute(
        &mut self,
        sql: String,
        parameters: Vec<Value>,
    ) -> Result<Rows, DatabaseError> {
        let session = self.session.as_ref().ok_or(DatabaseError::CutOff)?;
        session.allow_longest_time();
        let kind = classify(session, &sql)?;
        if matches!(
            kind,
            StatementKind::BeginWrite | StatementKind::WriteAndCommit
        ) && self.writer_permit.is_none()
        {
            let writer = Arc::clone(&self.database.writer);
            self.writer_permit = Some(wait_for_writer(writer).await?);
        }
        let result = match kind {
            StatementKind::Commit | StatementKind::WriteAndCommit => {
                self.run_on_blocking_thread(sql, parameters).await
            }
            StatementKind::BeginWrite | StatementKind::Read | StatementKind::Write => {
                match self.run_inline(kind, &sql, &parameters) {
                    Err(error) if should_retry(kind, &error) => {
                        self.run_on_blocking_thread(sql, parameters).await
                    }
                    result => result,
                }
            }
        };
        if let Some(session) = &self.session {
            if matches!(kind, StatementKind::Write | StatementKind::WriteAndCommit)
                && result.is_ok()
            {
                self.changes = session.sql.changes();
            }
            if session.sql.is_autocommit() {
                self.writer_permit = None;
            }
        }
        result
    }

    fn run_inline(
        &self,
        kind: StatementKind,
        sql: &str,
        parameters: &[Value],
    ) -> Result<Rows, DatabaseError> {
        let session = self.session.as_ref().ok_or(DatabaseError::CutOff)?;
        if kind == StatementKind::Read {
            session.allow_inline_time();
        }
        run_statement(session, sql, parameters)
    }

    async fn run_on_blocking_thread(
        &mut self,
        sql: String,
        parameters: Vec<Value>,
    ) -> Result<Rows, DatabaseError> {
        let session = self.session.take().ok_or(DatabaseError::CutOff)?;
        session.allow_longest_time();
        self.blocking_hooks = Some(session.hooks());
        // The blocking thread gets a connection lease of its own. If this future is dropped before the statement ends, the blocking
        // thread's connection lease still returns the connection to the database.
        let blocking_lease = Lease {
            database: Arc::clone(&self.database),
            session: Some(session),
            blocking_hooks: None,
            writer_permit: self.writer_permit.take(),
            changes: 0,
        };
        let task = tokio::task::spawn_blocking(move || {
            let session = blocking_lease
                .session
                .as_ref()
                .ok_or(DatabaseError::CutOff)?;
            session.sql.busy_timeout(BUSY_TIMEOUT)?;
            let result = run_statement(session, &sql, &parameters);
            session.sql.busy_timeout(std::time::Duration::ZERO)?;
            Ok::<_, DatabaseError>((blocking_lease, result))
        });
        let task_result = task.await;
        self.blocking_hooks = None;
        let (mut blocking_lease, result) = task_result.map_err(|_| DatabaseError::CutOff)??;
        self.session = blocking_lease.session.take();
        self.writer_permit = blocking_lease.writer_permit.take();
        result
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(hooks) = &self.blocking_hooks {
            // The guest has ended, so the result of its running statement is not needed, and the statement is interrupted.
            hooks.interrupt();
        }
        if let Some(session) = self.session.take() {
            self.database.give_back(session);
        }
        // `writer_permit` is dropped after this function, so the next writer starts only after this connection was reset.
    }
}

/// Waits for the database's writer lock, at most [`BUSY_TIMEOUT`].
async fn wait_for_writer(writer: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, DatabaseError> {
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

fn classify(session: &Session, sql: &str) -> Result<StatementKind, DatabaseError> {
    let mut words = sql.split_ascii_whitespace();
    let first = words.next().unwrap_or_default().trim_end_matches(';');
    let is = |word: &str| first.eq_ignore_ascii_case(word);
    if is("commit") || is("end") || is("release") {
        return Ok(StatementKind::Commit);
    }
    if is("begin") {
        let second = words.next().unwrap_or_default().trim_end_matches(';');
        let writes =
            second.eq_ignore_ascii_case("immediate") || second.eq_ignore_ascii_case("exclusive");
        return Ok(if writes {
            StatementKind::BeginWrite
        } else {
            StatementKind::Read
        });
    }
    let read_only = session.sql.prepare_cached(sql)?.readonly();
    Ok(match (read_only, session.sql.is_autocommit()) {
        (true, _) => StatementKind::Read,
        (false, false) => StatementKind::Write,
        (false, true) => StatementKind::WriteAndCommit,
    })
}

/// Whether a statement that failed on the guest's thread may succeed on a blocking thread, which has more time.
fn should_retry(kind: StatementKind, error: &DatabaseError) -> bool {
    let DatabaseError::Sqlite(error) = error else {
        return false;
    };
    let snapshot = error
        .sqlite_error()
        .is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_BUSY_SNAPSHOT);
    match error.sqlite_error_code() {
        // SQLITE_BUSY_SNAPSHOT means that the transaction reads an old snapshot of the database. During this transaction the
        // snapshot stays old, so a retry does not help.
        Some(ErrorCode::DatabaseBusy) => !snapshot,
        Some(ErrorCode::OperationInterrupted) => kind == StatementKind::Read,
        _ => false,
    }
}

fn run_statement(
    session: &Session,
    sql: &str,
    parameters: &[Value],
) -> Result<Rows, DatabaseError> {
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
            size = size.saturating_add(size_of::<Value>() + heap_size(&value));
            values.push(value);
        }
        if size > LARGEST_RESULT {
            return Err(DatabaseError::TooLarge(LARGEST_RESULT));
        }
        rows.push(values);
    }
    Ok(Rows { columns, rows })
}

fn heap_size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        Value::Null | Value::Integer(_) | Value::Real(_) => 0,
    }
}
