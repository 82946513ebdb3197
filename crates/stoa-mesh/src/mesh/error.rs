//! Why a mesh did not start.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::addresses::NoAddresses;
use crate::compiled::CompiledError;

/// Why a mesh did not start.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// What was compiled cannot be read.
    #[error(transparent)]
    Compiled(#[from] CompiledError),
    /// No addresses.
    #[error(transparent)]
    Addresses(#[from] NoAddresses),
    /// No certificates.
    #[error("certificates: {0}")]
    Certificates(#[from] rcgen::Error),
    /// Files for the Envoys cannot be written, or one cannot be started.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        error: io::Error,
    },
    /// Some Envoys were not ready in time.
    #[error("not ready after {0:?}: {1}")]
    Late(Duration, String),
    /// An Envoy ends again and again, as soon as it is started.
    #[error("{envoy}: {} ends as soon as it is started, {how}; its log: {}", program.display(), log.display())]
    Ends {
        /// Which.
        envoy: String,
        /// The program that should be an Envoy.
        program: PathBuf,
        /// How it ended, and the last line of its log.
        how: String,
        /// Its log.
        log: PathBuf,
    },
    /// An Envoy refused what it was given.
    #[error("{envoy} does not take its configuration ({stat}); its log says why: {}", log.display())]
    Rejected {
        /// Which.
        envoy: String,
        /// What it counted.
        stat: String,
        /// Its log.
        log: PathBuf,
    },
}

/// The error for a file or a program, named `what`.
pub(super) fn failed(what: impl ToString) -> impl FnOnce(io::Error) -> MeshError {
    move |error| MeshError::Io {
        what: what.to_string(),
        error,
    }
}
