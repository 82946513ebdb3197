//! Why a database refuses.
use std::path::PathBuf;

/// Why a statement, or the opening of a database, failed.
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
    /// A label that is not a file name.
    #[error("the label {0:?} is none: expected letters, digits, - and _")]
    Label(String),
    /// More rows than may be held in memory at once.
    #[error("the result is larger than {0} bytes")]
    TooLarge(usize),
    /// The thread that ran the statement is gone.
    #[error("the statement was cut off")]
    CutOff,
}
