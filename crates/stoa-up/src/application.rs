//! The application that runs: its manifest, with changes from the caller and the environment, and its OpenAPI document.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use stoa_manifest::{App, LoadOptions};

use crate::document::Document;
use crate::error::UpError;

/// Environment variables with this prefix set the application's variables, as in Spin.
const VARIABLE_PREFIX: &str = "SPIN_VARIABLE_";

/// The source of an application.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppSource {
    /// The manifest.
    pub manifest: PathBuf,
    /// Values of the application's variables. They override the environment, which overrides the manifest's defaults.
    pub variables: Vec<(String, String)>,
    /// The components to run, and those that they are composed with. `None`: all.
    pub components: Option<Vec<String>>,
    /// The OpenAPI document. `None`: `api/openapi.yaml` beside the manifest, if it exists.
    pub document: Option<PathBuf>,
}

impl AppSource {
    /// Reads and validates the manifest.
    ///
    /// # Errors
    /// [`UpError::Manifest`] with all faults of the manifest.
    pub fn load(&self) -> Result<App, UpError> {
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.to_str()?.strip_prefix(VARIABLE_PREFIX)?;
            Some((name.to_lowercase(), value.into_string().ok()?))
        });
        let options = LoadOptions {
            variables: self.variables.iter().cloned().collect::<BTreeMap<_, _>>(),
            environment: environment.collect(),
            components: self.components.clone(),
        };
        stoa_manifest::load(&self.manifest, &options).map_err(|errors| UpError::Manifest {
            path: self.manifest.clone(),
            errors,
        })
    }

    /// Reads the OpenAPI document; `None` if no document was named and the manifest has none beside it.
    ///
    /// # Errors
    /// [`UpError::DocumentUnreadable`], or [`UpError::Document`] with all faults of the document.
    pub fn document(&self) -> Result<Option<Document>, UpError> {
        let beside = || self.manifest.with_file_name("api").join("openapi.yaml");
        let path = self.document.clone().unwrap_or_else(beside);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if self.document.is_none() && error.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(UpError::DocumentUnreadable { path, error }),
        };
        Ok(Some(Document::parse(&text, &path)?))
    }
}

/// The files of components that do not exist.
pub fn missing_components(app: &App) -> Vec<PathBuf> {
    let sources = app.components.values().map(|component| &component.source);
    sources
        .filter(|source| !source.is_file())
        .cloned()
        .collect()
}

/// Fails with all files that are not built yet.
pub(crate) fn require_built(app: &App) -> Result<(), UpError> {
    let missing = missing_components(app);
    if missing.is_empty() {
        return Ok(());
    }
    Err(UpError::NotBuilt(missing))
}
