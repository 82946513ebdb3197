//! SQLite databases for guests. Each database label stands for one file, and each guest connection has its own SQLite connection.
//!
//! - This file manages the database files of an app.
//! - `database/file.rs` manages one database file and its idle connections.
//! - `database/session.rs` manages one SQLite connection: the actions that a guest may not run, and the reset for the next guest.
//! - `database/lease.rs` lends a connection to a guest, and selects the thread for each statement.
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use file::Database;

mod error;
mod file;
mod lease;
mod session;

pub use error::DatabaseError;
pub(crate) use lease::{Lease, Rows};

/// The database files that this process has open, by path.
#[derive(Default)]
pub(crate) struct OpenDatabases {
    open: Mutex<HashMap<PathBuf, Arc<Database>>>,
}

/// The databases of one app.
pub(crate) struct Databases {
    registry: Arc<OpenDatabases>,
    folder: PathBuf,
}

impl Databases {
    pub(crate) fn new(registry: Arc<OpenDatabases>, folder: PathBuf) -> Self {
        Self { registry, folder }
    }

    /// Opens the database of a label, in the file `<label>.db`.
    pub(crate) fn sqlite(&self, label: &str) -> Result<Arc<Database>, DatabaseError> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if label.is_empty() || !label.bytes().all(is_allowed) {
            return Err(DatabaseError::Label(label.to_owned()));
        }
        self.registry.open(&self.folder, &format!("{label}.db"), "")
    }

    /// Opens the database with all key-value stores of the app, in the file `key.value.db`. `key.value` is not a valid label, so
    /// this file never conflicts with a guest's database.
    pub(crate) fn key_value(&self) -> Result<Arc<Database>, DatabaseError> {
        const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS entries (
            store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key)
        ) WITHOUT ROWID";
        self.registry.open(&self.folder, "key.value.db", SCHEMA)
    }
}

impl OpenDatabases {
    fn open(
        &self,
        folder: &Path,
        file: &str,
        schema: &str,
    ) -> Result<Arc<Database>, DatabaseError> {
        let path = folder.join(file);
        let open = self.open.lock();
        let mut open = open.unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = open.get(&path) {
            return Ok(Arc::clone(database));
        }
        std::fs::create_dir_all(folder).map_err(|error| DatabaseError::Folder {
            folder: folder.to_owned(),
            error,
        })?;
        let database = Arc::new(Database::open(&path, schema)?);
        open.insert(path, Arc::clone(&database));
        Ok(database)
    }
}
