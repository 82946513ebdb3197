//! Why a view of an Envoy failed.

use super::levels::LEVELS;
use crate::admin::AdminError;

/// Why a view of an Envoy failed.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The Envoy does not answer, or answers with an error.
    #[error("{envoy}: {error}")]
    Admin {
        /// The Envoy.
        envoy: String,
        /// The cause.
        #[source]
        error: AdminError,
    },
    /// No workload with an Envoy has this name.
    #[error(
        "no workload with an Envoy is called {name}{}",
        did_you_mean_of(near, all)
    )]
    Unknown {
        /// The requested name.
        name: String,
        /// Similar names.
        near: Vec<String>,
        /// The workloads that have an Envoy.
        all: Vec<String>,
    },
    /// Several workloads have this name.
    #[error("{name} may be {}: say which", of.join(" or "))]
    Ambiguous {
        /// The requested name.
        name: String,
        /// The workloads with that name.
        of: Vec<String>,
    },
    /// Not a log level.
    #[error("{level} is not a level: there are {}", LEVELS.join(", "))]
    Level {
        /// The requested level.
        level: String,
    },
    /// Not a logger of Envoy.
    #[error("Envoy has no logger {name}{}", did_you_mean(near))]
    Logger {
        /// The requested name.
        name: String,
        /// Similar names.
        near: Vec<String>,
    },
}

fn did_you_mean(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(" or ")),
    }
}

/// The similar names, or all names if none is similar.
fn did_you_mean_of(near: &[String], all: &[String]) -> String {
    match (near, all) {
        ([], []) => "; none has one".to_owned(),
        ([], all) => format!("; there are {}", all.join(", ")),
        (near, _) => did_you_mean(near),
    }
}
