//! One SQLite connection: how it is set up, what a guest may not do with it, and how it is made clean for the next.
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::functions::{Context as FunctionContext, FunctionFlags};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;

/// How long a statement waits for another writer, as in Spin.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A statement that ran this long on a thread that runs guests moves elsewhere.
const INLINE_TIME: Duration = Duration::from_millis(2);
/// A statement that runs longer than any request should is cut off.
const LONGEST_TIME: Duration = Duration::from_secs(60);
/// SQLite's steps between two looks at the clock: some tens of microseconds.
const STEPS_PER_CHECK: i32 = 2_000;
/// The longest string or blob, in bytes.
const LONGEST_VALUE: i32 = 64 << 20;
const STATEMENTS_KEPT: usize = 64;

/// A connection and what its hooks share with us.
pub(super) struct Session {
    pub(super) sql: Connection,
    watch: Arc<Watch>,
}

/// What the hooks of a connection look at.
pub(super) struct Watch {
    epoch: Instant,
    /// When to interrupt the running statement, in microseconds since `epoch`.
    until: AtomicU64,
    /// Set once something was done that outlives a rollback: a pragma, a temporary table, an attached database.
    marked: AtomicBool,
    /// Changes that earlier guests made: SQLite counts over a connection's whole life.
    earlier_changes: AtomicU64,
}

impl Session {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let mut sql = Connection::open(path)?;
        // Waits while another process sets the journal mode; afterwards waiting is the lease's business.
        sql.busy_timeout(BUSY_TIMEOUT)?;
        sql.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA cache_size = -1024;",
        )?;
        sql.busy_timeout(Duration::ZERO)?;
        sql.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        // A plan never depends on values: else a kept statement is compiled again each time one is bound.
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

    /// Interrupts the next statement once it has run too long for a thread that runs guests.
    pub(super) fn hurry(&self) {
        self.cut_after(INLINE_TIME);
    }

    /// Lets the next statement take its time.
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

    /// The same connection as if just opened, or None where it must be closed.
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

/// Replaces SQL's `changes` and `total_changes` by functions that count for the guest that has the connection now, as if it were new.
fn count_for_this_guest(sql: &Connection, watch: &Arc<Watch>) -> rusqlite::Result<()> {
    // What SQLite's own functions allow: use in views and triggers too.
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    let count = |of: fn(&Connection, u64) -> u64| {
        let watch = Arc::clone(watch);
        move |context: &FunctionContext<'_>| {
            #[expect(
                unsafe_code,
                reason = "the connection is used within this call only, on the thread that runs the statement"
            )]
            // SAFETY: as above; nothing of it is kept.
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
    // The last statement that changed rows is an earlier guest's as long as this one's have changed none.
    let last = count(|sql, total| if total == 0 { 0 } else { sql.changes() });
    sql.create_scalar_function("changes", 0, flags, last)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Denies what reaches beyond the database, marks what a rollback does not undo.
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
