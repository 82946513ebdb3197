//! Errors of a database.
use std::path::PathBuf;

/// Why a statement, or the opening of a database, failed.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite's own message, as Spin passes it on.
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
    /// A label that cannot be a file name.
    #[error("the label {0:?} is none: expected letters, digits, - and _")]
    Label(String),
    /// More rows than the limit for one result in memory.
    #[error("the result is larger than {0} bytes")]
    TooLarge(usize),
    /// The thread that ran the statement has ended.
    #[error("the statement was cut off")]
    CutOff,
}
