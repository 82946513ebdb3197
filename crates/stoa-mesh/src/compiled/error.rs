//! The reasons why a folder that istio-compile wrote cannot be read.

use std::path::PathBuf;

/// The reason why a folder that istio-compile wrote cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CompiledError {
    /// A file in the folder is missing, or cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: std::io::Error,
    },
    /// The content of a file in the folder is not as expected.
    #[error("{}: malformed content: {error}; `make mesh` writes this file", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// A description of the error in the content.
        error: serde_json::Error,
    },
}
