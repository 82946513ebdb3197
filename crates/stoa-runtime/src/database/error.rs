//! The errors that SQLite databases return to guests.
use std::path::PathBuf;

/// The reason why a statement failed, or why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// SQLite rejected the statement. The guest gets SQLite's own message, as in Spin.
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The folder for the databases cannot be created.
    #[error("cannot create the folder {}: {error}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        error: std::io::Error,
    },
    /// The label contains characters that are not permitted in a label.
    #[error("the label {0:?} is invalid: expected letters, digits, - and _")]
    Label(String),
    /// The rows of the result take more bytes than this limit.
    #[error("the result is larger than {0} bytes")]
    TooLarge(usize),
    /// This statement, or an earlier statement of the same connection, was cut off.
    #[error("the statement was cut off before its end")]
    CutOff,
}
