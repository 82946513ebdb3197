//! Why a mesh did not start.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::addresses::NoAddresses;
use crate::compiled::CompiledError;

/// Why a mesh did not start.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// The compiled configuration cannot be read.
    #[error(transparent)]
    Compiled(#[from] CompiledError),
    /// No free addresses.
    #[error(transparent)]
    Addresses(#[from] NoAddresses),
    /// Certificates cannot be made.
    #[error("certificates: {0}")]
    Certificates(#[from] rcgen::Error),
    /// Files for the Envoys cannot be written, or an Envoy cannot be started.
    #[error("{what}: {error}")]
    Io {
        /// The file or program.
        what: String,
        /// The cause.
        error: io::Error,
    },
    /// Some Envoys were not ready in time.
    #[error("not ready after {0:?}: {1}")]
    Late(Duration, String),
    /// An Envoy ends repeatedly, right after its start.
    #[error("{envoy}: {} ends as soon as it is started, {how}; its log: {}", program.display(), log.display())]
    Ends {
        /// The Envoy.
        envoy: String,
        /// The program that was started as Envoy.
        program: PathBuf,
        /// How the process ended, and the last line of its log.
        how: String,
        /// The Envoy's log.
        log: PathBuf,
    },
    /// An Envoy rejected its configuration.
    #[error("{envoy} does not take its configuration ({stat}); its log has the reason: {}", log.display())]
    Rejected {
        /// The Envoy.
        envoy: String,
        /// The counter of rejections.
        stat: String,
        /// The Envoy's log.
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
