//! One SQLite connection: how it is set up, what it denies to a guest, and how it is reset for the next guest.
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::functions::{Context as FunctionContext, FunctionFlags};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;

/// Time that a statement waits for another writer, as in Spin.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit on a thread that runs guests. A statement that takes longer moves to another thread.
const INLINE_TIME: Duration = Duration::from_millis(2);
/// Time limit of any statement. It is longer than any request should take.
const LONGEST_TIME: Duration = Duration::from_secs(60);
/// SQLite's steps between two checks of the clock: some tens of microseconds.
const STEPS_PER_CHECK: i32 = 2_000;
/// The longest string or blob, in bytes.
const LONGEST_VALUE: i32 = 64 << 20;
const STATEMENTS_KEPT: usize = 64;

/// A connection and the state that its hooks share with this module.
pub(super) struct Session {
    pub(super) sql: Connection,
    watch: Arc<Watch>,
}

/// The state that a connection's hooks read.
pub(super) struct Watch {
    epoch: Instant,
    /// When to interrupt the running statement, in microseconds since `epoch`.
    until: AtomicU64,
    /// Set by a statement whose effect survives a rollback: a pragma, a temporary table, an attached database.
    marked: AtomicBool,
    /// Changes by earlier guests: SQLite counts over the lifetime of a connection.
    earlier_changes: AtomicU64,
}

impl Session {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let mut sql = Connection::open(path)?;
        // Waits while another process sets the journal mode. After that, the lease handles waiting.
        sql.busy_timeout(BUSY_TIMEOUT)?;
        sql.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA cache_size = -1024;",
        )?;
        sql.busy_timeout(Duration::ZERO)?;
        sql.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        // Query plans must not depend on bound values. Otherwise SQLite compiles a kept statement again each time a value is
        // bound.
        sql.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        sql.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE)?;

        let watch = Arc::new(Watch {
            epoch: Instant::now(),
            until: AtomicU64::new(u64::MAX),
            marked: AtomicBool::new(false),
            earlier_changes: AtomicU64::new(0),
        });
        let seen = Arc::clone(&watch);
        sql.authorizer(Some(move |context: AuthContext<'_>| {
            judge(&context.action, &seen)
        }))?;
        let seen = Arc::clone(&watch);
        sql.progress_handler(
            STEPS_PER_CHECK,
            Some(move || micros(seen.epoch.elapsed()) > seen.until.load(Ordering::Relaxed)),
        )?;
        count_for_this_guest(&sql, &watch)?;
        Ok(Self { sql, watch })
    }

    /// Limits the next statement to the time allowed on a thread that runs guests.
    pub(super) fn hurry(&self) {
        self.cut_after(INLINE_TIME);
    }

    /// Gives the next statement the longest time.
    pub(super) fn take_time(&self) {
        self.cut_after(LONGEST_TIME);
    }

    /// Lets another thread interrupt the running statement.
    pub(super) fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.watch)
    }

    fn cut_after(&self, time: Duration) {
        let until = self.watch.epoch.elapsed() + time;
        self.watch.until.store(micros(until), Ordering::Relaxed);
    }

    /// Resets the connection to the state of a new one. None if it must be closed.
    pub(super) fn cleaned(self) -> Option<Self> {
        self.take_time();
        if !self.sql.is_autocommit() {
            self.sql.execute_batch("ROLLBACK").ok()?;
        }
        if self.watch.marked.load(Ordering::Relaxed) {
            return None;
        }
        #[expect(
            unsafe_code,
            reason = "rusqlite has no call for it; the handle is open and this thread alone holds it"
        )]
        unsafe {
            rusqlite::ffi::sqlite3_set_last_insert_rowid(self.sql.handle(), 0);
        }
        let changes = self.sql.total_changes();
        self.watch.earlier_changes.store(changes, Ordering::Relaxed);
        Some(self)
    }
}

impl Watch {
    pub(super) fn interrupt(&self) {
        self.until.store(0, Ordering::Relaxed);
    }
}

/// Replaces SQL's `changes` and `total_changes` by functions that count only the changes of the current guest.
fn count_for_this_guest(sql: &Connection, watch: &Arc<Watch>) -> rusqlite::Result<()> {
    // The flags of SQLite's own functions: they also work in views and triggers.
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    let count = |of: fn(&Connection, u64) -> u64| {
        let watch = Arc::clone(watch);
        move |context: &FunctionContext<'_>| {
            #[expect(
                unsafe_code,
                reason = "the connection is used within this call only, on the thread that runs the statement"
            )]
            // SAFETY: as above; no reference to it is kept.
            let connection = unsafe { context.get_connection() }?;
            let earlier = watch.earlier_changes.load(Ordering::Relaxed);
            let count = of(
                &connection,
                connection.total_changes().saturating_sub(earlier),
            );
            Ok(i64::try_from(count).unwrap_or(i64::MAX))
        }
    };
    sql.create_scalar_function("total_changes", 0, flags, count(|_, total| total))?;
    // Until this guest changes rows, SQLite's last count belongs to an earlier guest.
    let last = count(|sql, total| if total == 0 { 0 } else { sql.changes() });
    sql.create_scalar_function("changes", 0, flags, last)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Denies actions that reach beyond the database, and marks the connection for those that a rollback does not undo.
fn judge(action: &AuthAction<'_>, watch: &Watch) -> Authorization {
    /// Pragmas that act on the whole process, or on files beside the database.
    const DENIED: [&str; 4] = [
        "temp_store_directory",
        "data_store_directory",
        "soft_heap_limit",
        "hard_heap_limit",
    ];
    match action {
        // VACUUM attaches a nameless temporary database.
        AuthAction::Attach { filename } if !filename.is_empty() => return Authorization::Deny,
        AuthAction::Pragma { pragma_name, .. }
            if DENIED.iter().any(|p| p.eq_ignore_ascii_case(pragma_name)) =>
        {
            return Authorization::Deny;
        }
        AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::Pragma { .. }
        | AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. }
        | AuthAction::CreateVtable { .. }
        | AuthAction::Unknown { .. } => watch.marked.store(true, Ordering::Relaxed),
        _ => {}
    }
    Authorization::Allow
}
