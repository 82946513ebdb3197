//! SQLite for guests: one file a label, each guest connection a connection of its own.
//!
//! - this file: which files there are, and the idle connections of each.
//! - `database/session.rs`: one SQLite connection, what a guest may not do with it, and how it is made clean again.
//! - `database/lease.rs`: a guest's hold on a connection, and where its statements run.
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

mod lease;
mod session;

pub(crate) use lease::{Lease, Rows};
use session::Session;

/// Connections kept open for the next request. Each may hold a page cache.
const IDLE: usize = 12;

/// Why a database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite's own words, as Spin passes them on.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The folder of the databases cannot be used.
    #[error("{}: {error}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A label that is no file name.
    #[error("the label {0:?} is none: expected letters, digits, - and _")]
    Label(String),
    /// More rows than may be held in memory at once.
    #[error("the result is larger than {0} bytes")]
    TooLarge(usize),
    /// The thread that ran the statement is gone.
    #[error("the statement was cut off")]
    CutOff,
}

/// Every database file this process has open, by path.
#[derive(Default)]
pub(crate) struct Registry {
    open: Mutex<HashMap<PathBuf, Arc<Database>>>,
}

/// The databases of one app.
pub(crate) struct Databases {
    registry: Arc<Registry>,
    folder: PathBuf,
}

/// One file.
pub(crate) struct Database {
    path: PathBuf,
    idle: Mutex<Vec<Session>>,
    /// The one connection that never closes: while it is open, closing another costs no checkpoint.
    _keeper: Mutex<Session>,
    /// Whoever writes: waiting here is fair and holds no thread, unlike waiting for SQLite's lock.
    writer: Arc<Semaphore>,
}

impl Databases {
    pub(crate) fn new(registry: Arc<Registry>, folder: PathBuf) -> Self {
        Self { registry, folder }
    }

    /// The database of a label, in the file `<label>.db`.
    pub(crate) fn sqlite(&self, label: &str) -> Result<Arc<Database>, DatabaseError> {
        let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if label.is_empty() || !label.bytes().all(sound) {
            return Err(DatabaseError::Label(label.to_owned()));
        }
        self.registry.open(&self.folder, &format!("{label}.db"), "")
    }

    /// The one file of all key-value stores. Its name is none a label can have.
    pub(crate) fn key_value(&self) -> Result<Arc<Database>, DatabaseError> {
        const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS entries (
            store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key)
        ) WITHOUT ROWID";
        self.registry.open(&self.folder, "key.value.db", SCHEMA)
    }
}

impl Registry {
    fn open(
        &self,
        folder: &Path,
        file: &str,
        schema: &str,
    ) -> Result<Arc<Database>, DatabaseError> {
        let path = folder.join(file);
        let mut open = lock(&self.open);
        if let Some(database) = open.get(&path) {
            return Ok(Arc::clone(database));
        }
        std::fs::create_dir_all(folder).map_err(|error| DatabaseError::Folder {
            folder: folder.to_owned(),
            error,
        })?;
        let keeper = Session::open(&path)?;
        keeper.sql.execute_batch(schema)?;
        let database = Arc::new(Database {
            path: path.clone(),
            idle: Mutex::default(),
            _keeper: Mutex::new(keeper),
            writer: Arc::new(Semaphore::new(1)),
        });
        open.insert(path, Arc::clone(&database));
        Ok(database)
    }
}

impl Database {
    /// A connection without a past: an idle one made clean, or a new one.
    pub(crate) fn connect(self: &Arc<Self>) -> Result<Lease, DatabaseError> {
        let idle = lock(&self.idle).pop();
        let session = match idle {
            Some(session) => session,
            None => Session::open(&self.path)?,
        };
        Ok(Lease::new(Arc::clone(self), session))
    }

    fn give_back(&self, session: Session) {
        // Made clean before it is put back, so that a transaction left open ends now.
        let Some(session) = session.cleaned() else {
            return;
        };
        let mut idle = lock(&self.idle);
        if idle.len() < IDLE {
            idle.push(session);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
