//! The reasons why a mesh does not start.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::addresses::NoAddresses;
use crate::compiled::CompiledError;

/// The reason why a mesh does not start.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// The compiled configuration cannot be read.
    #[error(transparent)]
    Compiled(#[from] CompiledError),
    /// Every loopback network that was tried has a needed port in use.
    #[error(transparent)]
    Addresses(#[from] NoAddresses),
    /// A certificate cannot be created.
    #[error("cannot create a certificate: {0}")]
    Certificates(#[from] rcgen::Error),
    /// A file for an Envoy cannot be read or written, or an Envoy process cannot be started.
    #[error("cannot {what}: {error}")]
    Io {
        /// The failed action and its object, such as `write xds/a.json`.
        what: String,
        /// The cause.
        error: io::Error,
    },
    /// Some Envoys were not ready in time.
    #[error("after {limit:?}, these Envoys are not ready: {envoys}; their logs are in {}", logs.display())]
    NotReady {
        /// The time in which the Envoys had to be ready.
        limit: Duration,
        /// The names of the Envoys that are not ready, separated by commas.
        envoys: String,
        /// The folder of the Envoys' logs.
        logs: PathBuf,
    },
    /// An Envoy process repeatedly ends right after its start.
    #[error("{envoy}: {} repeatedly ends right after its start: {how}; its log is {}", program.display(), log.display())]
    EndsAtStart {
        /// The name of the Envoy's workload.
        envoy: String,
        /// The Envoy program.
        program: PathBuf,
        /// How the process ended, and the last line of the log.
        how: String,
        /// The Envoy's log.
        log: PathBuf,
    },
    /// An Envoy rejected its configuration.
    #[error("{envoy}: the Envoy rejected its configuration ({stat}); the reason is in the log {}", log.display())]
    Rejected {
        /// The name of the Envoy's workload.
        envoy: String,
        /// The name and the value of the Envoy's counter of rejected configuration.
        stat: String,
        /// The Envoy's log.
        log: PathBuf,
    },
}

/// Converts an I/O error. `action` is the action that failed, such as `write`. `object` is the file or the program to which the
/// action was applied.
pub(super) fn failed(
    action: &'static str,
    object: impl Display,
) -> impl FnOnce(io::Error) -> MeshError {
    move |error| MeshError::Io {
        what: format!("{action} {object}"),
        error,
    }
}
