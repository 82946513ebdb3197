//! The errors of loading an app.
use std::path::PathBuf;

use crate::database::DatabaseError;

/// The reason why an app cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A component's file cannot be read.
    #[error("component {component}: cannot read {}: {error}", path.display())]
    Unreadable {
        /// The component's id.
        component: String,
        /// The file.
        path: PathBuf,
        /// The cause.
        error: std::io::Error,
    },
    /// A dependency cannot satisfy the component's import.
    #[error("component {component}: cannot use a dependency: {reason}")]
    Dependency {
        /// The component's id.
        component: String,
        /// A text that names the interface and the cause.
        reason: String,
    },
    /// The file is not a component, or cannot be compiled.
    #[error("component {component}: {}: {reason}", path.display())]
    Invalid {
        /// The component's id.
        component: String,
        /// The file.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// The component imports an interface that this runtime does not provide.
    #[error("component {component} imports {import}, which this runtime does not provide")]
    UnknownImport {
        /// The component's id.
        component: String,
        /// The name of the interface, as the component's import spells it.
        import: String,
    },
    /// A component that has a route does not export an HTTP handler.
    #[error("component {component} does not export wasi:http/incoming-handler@0.2")]
    NoHandler {
        /// The component's id.
        component: String,
    },
    /// The router rejects one of the app's routes.
    #[error("{0}")]
    Route(String),
    /// A database that the manifest grants to a component cannot be opened.
    #[error("component {component}: cannot open the database {label}: {error}")]
    Database {
        /// The component's id.
        component: String,
        /// The database's label.
        label: String,
        /// The cause.
        error: DatabaseError,
    },
}
