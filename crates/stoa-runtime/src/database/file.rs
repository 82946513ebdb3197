//! One database file, and the SQLite connections to this file.
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use super::error::DatabaseError;
use super::session::Session;

/// The maximum number of idle connections that stay open for later requests. The number is limited, because each idle connection
/// may hold a page cache.
const IDLE_CONNECTIONS: usize = 12;

/// One open database file.
pub(crate) struct Database {
    path: PathBuf,
    idle: Mutex<Vec<Session>>,
    /// A connection that is always open. As long as this connection is open, SQLite does not run a checkpoint when another
    /// connection closes.
    _keeper: Mutex<Session>,
    /// The lock that a connection lease must hold to write. The wait for this lock is fair and does not block a thread, unlike the
    /// wait for SQLite's own lock.
    pub(super) writer: Arc<Semaphore>,
}

impl Database {
    /// Opens the file at `path` or creates the file, and runs the SQL statements in `schema`.
    pub(super) fn open(path: &Path, schema: &str) -> Result<Self, DatabaseError> {
        let keeper = Session::open(path)?;
        keeper.sql.execute_batch(schema)?;
        Ok(Self {
            path: path.to_owned(),
            idle: Mutex::default(),
            _keeper: Mutex::new(keeper),
            writer: Arc::new(Semaphore::new(1)),
        })
    }

    /// Returns an idle connection, or a new connection if none is idle.
    pub(super) fn checkout(&self) -> Result<Session, DatabaseError> {
        let idle = self.idle().pop();
        Ok(match idle {
            Some(session) => session,
            None => Session::open(&self.path)?,
        })
    }

    /// Resets a SQLite connection that a guest used, and keeps the connection open for the next guest.
    pub(super) fn give_back(&self, session: Session) {
        // The reset happens now and not when the next guest takes the connection, so that an open transaction ends at once.
        let Some(session) = session.reset() else {
            return;
        };
        let mut idle = self.idle();
        if idle.len() < IDLE_CONNECTIONS {
            idle.push(session);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
