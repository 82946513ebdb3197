//! Why an app is not loaded.
use std::path::PathBuf;

use crate::database::DatabaseError;

/// Why an app was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A component's file cannot be read.
    #[error("component {component}: {}: {error}", path.display())]
    Unreadable {
        /// The component's id.
        component: String,
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A dependency does not satisfy its import.
    #[error("component {component}: dependency does not fit: {reason}")]
    Dependency {
        /// The component's id.
        component: String,
        /// Which interface, and why.
        reason: String,
    },
    /// The file is not a component, or cannot be compiled.
    #[error("component {component}: {}: {reason}", path.display())]
    Invalid {
        /// The component's id.
        component: String,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// An interface that this runtime does not provide.
    #[error("component {component} imports {import}, which this runtime does not provide")]
    UnknownImport {
        /// The component's id.
        component: String,
        /// The interface, as the component names it.
        import: String,
    },
    /// A routed component has no HTTP handler.
    #[error("component {component} does not export wasi:http/incoming-handler@0.2")]
    NoHandler {
        /// The component's id.
        component: String,
    },
    /// A route that the router does not accept.
    #[error("{0}")]
    Route(String),
    /// A granted database cannot be opened.
    #[error("component {component}: database {label}: {error}")]
    Database {
        /// The component's id.
        component: String,
        /// The database's label.
        label: String,
        /// Why.
        error: DatabaseError,
    },
}
