//! Why a folder cannot be read.

use std::path::PathBuf;

/// Why a folder cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CompiledError {
    /// A file is not there, or cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file has other content than expected.
    #[error("{}: {error}: `make mesh` writes it anew", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
}
