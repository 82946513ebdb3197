//! Why there is nothing to show.

use super::levels::LEVELS;
use crate::admin::AdminError;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The Envoy does not answer, or refuses.
    #[error("{envoy}: {error}")]
    Admin {
        /// Which.
        envoy: String,
        /// Why.
        #[source]
        error: AdminError,
    },
    /// No workload with an Envoy has this name.
    #[error(
        "no workload with an Envoy is called {name}{}",
        did_you_mean_of(near, all)
    )]
    Unknown {
        /// What was given.
        name: String,
        /// What may have been meant.
        near: Vec<String>,
        /// Those that have an Envoy.
        all: Vec<String>,
    },
    /// Several have it.
    #[error("{name} may be {}: say which", of.join(" or "))]
    Ambiguous {
        /// What was given.
        name: String,
        /// The workloads with that name.
        of: Vec<String>,
    },
    /// Not a level of logging.
    #[error("{level} is not a level: there are {}", LEVELS.join(", "))]
    Level {
        /// What was given.
        level: String,
    },
    /// Not a logger of Envoy's.
    #[error("Envoy has no logger {name}{}", did_you_mean(near))]
    Logger {
        /// What was given.
        name: String,
        /// What may have been meant.
        near: Vec<String>,
    },
}

fn did_you_mean(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(" or ")),
    }
}

/// What may have been meant, or else all there is.
fn did_you_mean_of(near: &[String], all: &[String]) -> String {
    match (near, all) {
        ([], []) => "; none has one".to_owned(),
        ([], all) => format!("; there are {}", all.join(", ")),
        (near, _) => did_you_mean(near),
    }
}
