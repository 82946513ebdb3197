//! Why a view of an Envoy failed.

use super::levels::LEVELS;
use crate::admin::AdminError;

/// Why a view of an Envoy failed.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// An Envoy does not answer, or answers with an error.
    #[error("{envoy}: {error}")]
    Admin {
        /// The name of the Envoy's workload.
        envoy: String,
        /// The cause.
        #[source]
        error: AdminError,
    },
    /// No workload that has an Envoy matches the requested name.
    #[error(
        "no workload that has an Envoy matches the name {name:?}{}",
        did_you_mean_or_list(similar, all)
    )]
    Unknown {
        /// The requested name.
        name: String,
        /// Similar names.
        similar: Vec<String>,
        /// The names of all workloads that have an Envoy.
        all: Vec<String>,
    },
    /// Several workloads match the requested name.
    #[error("several workloads match {name:?}: {}; use a full name", matches.join(", "))]
    Ambiguous {
        /// The requested name.
        name: String,
        /// The names of the workloads that match the requested name.
        matches: Vec<String>,
    },
    /// Envoy has no such log level.
    #[error("unknown log level {level:?}; expected one of {}", LEVELS.join(", "))]
    Level {
        /// The requested level.
        level: String,
    },
    /// Envoy has no such logger.
    #[error("Envoy has no logger {name:?}{}", did_you_mean(similar))]
    Logger {
        /// The requested name.
        name: String,
        /// Similar names.
        similar: Vec<String>,
    },
}

fn did_you_mean(similar: &[String]) -> String {
    match similar {
        [] => String::new(),
        similar => format!("; did you mean {}?", similar.join(" or ")),
    }
}

/// The end of an error message. It suggests the names that are similar to the requested name. If no name is similar, it lists all
/// names.
fn did_you_mean_or_list(similar: &[String], all: &[String]) -> String {
    match (similar, all) {
        ([], []) => "; no workload of this mesh has an Envoy".to_owned(),
        ([], all) => format!("; expected one of {}", all.join(", ")),
        (similar, _) => did_you_mean(similar),
    }
}
