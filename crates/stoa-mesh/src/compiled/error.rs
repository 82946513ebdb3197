//! Why a folder cannot be read.

use std::path::PathBuf;

/// Why a folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CompiledError {
    /// A file is missing, or cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: std::io::Error,
    },
    /// A file has unexpected content.
    #[error("{}: {error}: `make mesh` writes it again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
}
