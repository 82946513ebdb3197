//! One SQLite connection: its settings, the actions that a guest may not run, and the reset for the next guest.
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::functions::{Context as FunctionContext, FunctionFlags};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;

/// The longest time that a statement waits for another writer of the database. It is the same time as in Spin.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit of a read on a thread that runs guests. A read that takes longer runs again on a blocking thread.
const INLINE_TIME_LIMIT: Duration = Duration::from_millis(2);
/// Time limit of any statement. It is longer than the default time limit of a request (30 s), so a request with this default ends
/// before its statement reaches the limit.
const STATEMENT_TIME_LIMIT: Duration = Duration::from_secs(60);
/// The number of SQLite's steps between two checks of the time limit. These steps together take some tens of microseconds.
const STEPS_PER_CHECK: i32 = 2_000;
/// The maximum size of a string or blob, in bytes.
const MAX_VALUE_BYTES: i32 = 64 << 20;
/// The number of prepared statements that a connection keeps.
const MAX_CACHED_STATEMENTS: usize = 64;

/// A SQLite connection, and the state of the connection's hooks.
pub(super) struct Session {
    pub(super) sql: Connection,
    hooks: Arc<HookState>,
}

/// The state that a connection's hooks read and write.
pub(super) struct HookState {
    opened_at: Instant,
    /// The time at which the running statement is interrupted, in microseconds since `opened_at`.
    interrupt_at: AtomicU64,
    /// True if a statement had an effect on the connection that a rollback does not undo: a pragma, a temporary table, or an
    /// attached database.
    session_changed: AtomicBool,
    /// The number of rows that earlier guests changed. SQLite's own count includes these rows, because it covers the whole
    /// lifetime of the connection.
    earlier_changes: AtomicU64,
}

impl Session {
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let mut sql = Connection::open(path)?;
        // This timeout is needed if another process sets the journal mode of the same database at the same moment. Afterwards the
        // timeout is 0, because the connection lease itself waits for other writers.
        sql.busy_timeout(BUSY_TIMEOUT)?;
        sql.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA cache_size = -1024;",
        )?;
        sql.busy_timeout(Duration::ZERO)?;
        sql.set_prepared_statement_cache_capacity(MAX_CACHED_STATEMENTS);
        // Query plans must not depend on bound values. Otherwise SQLite compiles a cached statement again whenever a value is
        // bound.
        sql.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        sql.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)?;

        let hooks = Arc::new(HookState {
            opened_at: Instant::now(),
            interrupt_at: AtomicU64::new(u64::MAX),
            session_changed: AtomicBool::new(false),
            earlier_changes: AtomicU64::new(0),
        });
        let state = Arc::clone(&hooks);
        sql.authorizer(Some(move |context: AuthContext<'_>| {
            authorize(&context.action, &state)
        }))?;
        let state = Arc::clone(&hooks);
        sql.progress_handler(
            STEPS_PER_CHECK,
            Some(move || {
                micros(state.opened_at.elapsed()) > state.interrupt_at.load(Ordering::Relaxed)
            }),
        )?;
        count_for_this_guest(&sql, &hooks)?;
        Ok(Self { sql, hooks })
    }

    /// Limits the next statement to the time that is allowed on a thread that runs guests.
    pub(super) fn allow_inline_time(&self) {
        self.set_time_limit(INLINE_TIME_LIMIT);
    }

    /// Limits the next statement to the longest time that any statement may take.
    pub(super) fn allow_longest_time(&self) {
        self.set_time_limit(STATEMENT_TIME_LIMIT);
    }

    /// The state of the hooks. With this state, another thread can interrupt the running statement.
    pub(super) fn hooks(&self) -> Arc<HookState> {
        Arc::clone(&self.hooks)
    }

    fn set_time_limit(&self, limit: Duration) {
        let end = self.hooks.opened_at.elapsed() + limit;
        self.hooks
            .interrupt_at
            .store(micros(end), Ordering::Relaxed);
    }

    /// Resets the connection to the state of a new connection. If the reset is impossible, closes the connection and returns None.
    pub(super) fn reset(self) -> Option<Self> {
        self.allow_longest_time();
        if !self.sql.is_autocommit() {
            self.sql.execute_batch("ROLLBACK").ok()?;
        }
        if self.hooks.session_changed.load(Ordering::Relaxed) {
            return None;
        }
        #[expect(
            unsafe_code,
            reason = "rusqlite has no function that sets the last rowid. The SQLite handle is open, and only this thread holds it"
        )]
        unsafe {
            rusqlite::ffi::sqlite3_set_last_insert_rowid(self.sql.handle(), 0);
        }
        let changes = self.sql.total_changes();
        self.hooks.earlier_changes.store(changes, Ordering::Relaxed);
        Some(self)
    }
}

impl HookState {
    /// Interrupts the running statement.
    pub(super) fn interrupt(&self) {
        self.interrupt_at.store(0, Ordering::Relaxed);
    }
}

/// Replaces the SQL functions `changes` and `total_changes` by functions that count only the changes of the current guest.
fn count_for_this_guest(sql: &Connection, hooks: &Arc<HookState>) -> rusqlite::Result<()> {
    // These are the flags of SQLite's own functions. With them, a function also works in views and triggers.
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    let count = |select: fn(&Connection, u64) -> u64| {
        let hooks = Arc::clone(hooks);
        move |context: &FunctionContext<'_>| {
            #[expect(
                unsafe_code,
                reason = "only this call uses the connection, on the thread that runs the statement"
            )]
            // SAFETY: only this call uses the connection, and no reference to the connection outlives the call.
            let connection = unsafe { context.get_connection() }?;
            let earlier = hooks.earlier_changes.load(Ordering::Relaxed);
            let count = select(
                &connection,
                connection.total_changes().saturating_sub(earlier),
            );
            Ok(i64::try_from(count).unwrap_or(i64::MAX))
        }
    };
    sql.create_scalar_function("total_changes", 0, flags, count(|_, total| total))?;
    // At the start of a guest, SQLite's count of changed rows still belongs to a statement of an earlier guest. So the function
    // `changes` returns 0 until this guest changes rows.
    let last = count(|sql, total| if total == 0 { 0 } else { sql.changes() });
    sql.create_scalar_function("changes", 0, flags, last)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Denies an action that reaches beyond the database. If an action has an effect on the connection that a rollback does not undo,
/// records that the connection's state has changed.
fn authorize(action: &AuthAction<'_>, hooks: &HookState) -> Authorization {
    /// Pragmas that affect the whole process, or files outside the database.
    const DENIED_PRAGMAS: [&str; 4] = [
        "temp_store_directory",
        "data_store_directory",
        "soft_heap_limit",
        "hard_heap_limit",
    ];
    match action {
        // An empty name is allowed, because VACUUM attaches a temporary database without a name.
        AuthAction::Attach { filename } if !filename.is_empty() => return Authorization::Deny,
        AuthAction::Pragma { pragma_name, .. }
            if DENIED_PRAGMAS
                .iter()
                .any(|p| p.eq_ignore_ascii_case(pragma_name)) =>
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
        | AuthAction::Unknown { .. } => hooks.session_changed.store(true, Ordering::Relaxed),
        _ => {}
    }
    Authorization::Allow
}
