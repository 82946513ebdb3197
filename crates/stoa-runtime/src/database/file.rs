//! One database file and its connections.
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use super::error::DatabaseError;
use super::session::Session;

/// Connections kept open for the next request. Each may hold a page cache.
const IDLE_CONNECTIONS: usize = 12;

/// A database that is open.
pub(crate) struct Database {
    path: PathBuf,
    idle: Mutex<Vec<Session>>,
    /// One connection that never closes. While it is open, closing another needs no checkpoint.
    _keeper: Mutex<Session>,
    /// Held by the writer. Waiting for it is fair and blocks no thread, unlike waiting for SQLite's lock.
    pub(super) writer: Arc<Semaphore>,
}

impl Database {
    /// Opens the file, creates it if it is missing, and runs `schema`.
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

    /// A clean connection: a reset idle one, or a new one.
    pub(super) fn take(&self) -> Result<Session, DatabaseError> {
        let idle = self.idle().pop();
        Ok(match idle {
            Some(session) => session,
            None => Session::open(&self.path)?,
        })
    }

    /// Keeps a connection for the next guest.
    pub(super) fn give_back(&self, session: Session) {
        // Reset before it is put back, so that an open transaction ends now.
        let Some(session) = session.cleaned() else {
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
