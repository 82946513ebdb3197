//! SQLite for guests: one file per label. Each guest connection has an SQLite connection of its own.
//!
//! - this file: the database files.
//! - `database/file.rs`: one file, and its idle connections.
//! - `database/session.rs`: one SQLite connection, what it denies to a guest, and how it is reset.
//! - `database/lease.rs`: a guest's hold on a connection, and where its statements run.
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

    /// The one file of all key-value stores. Its name is not a valid label, so no database can have it.
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
