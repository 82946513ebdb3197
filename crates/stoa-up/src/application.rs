//! Reads the manifest and the OpenAPI document of the application that a run starts. The caller and the environment can set the
//! manifest's variables.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use stoa_manifest::{App, LoadOptions};

use crate::document::Document;
use crate::error::UpError;

/// An environment variable that begins with this prefix sets one of the application's variables, as in Spin.
const VARIABLE_PREFIX: &str = "SPIN_VARIABLE_";

/// The files and settings from which an application is loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppSource {
    /// The path of the manifest.
    pub manifest: PathBuf,
    /// Names and values of the application's variables. These values override values from the environment, which override the
    /// manifest's defaults.
    pub variables: Vec<(String, String)>,
    /// The components to run; `None` selects all components. A component that is composed into a selected component is loaded too.
    pub components: Option<Vec<String>>,
    /// The path of the OpenAPI document. `None` selects `api/openapi.yaml` beside the manifest, if that file exists.
    pub document: Option<PathBuf>,
}

impl AppSource {
    /// Reads and validates the manifest.
    ///
    /// # Errors
    /// [`UpError::Manifest`] with all errors in the manifest.
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

    /// Reads the OpenAPI document. `None` if [`AppSource::document`] is `None` and `api/openapi.yaml` does not exist.
    ///
    /// # Errors
    /// [`UpError::DocumentUnreadable`], or [`UpError::Document`] with all errors in the document.
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

/// The paths of the components' .wasm files that do not exist.
pub fn missing_components(app: &App) -> Vec<PathBuf> {
    let sources = app.components.values().map(|component| &component.source);
    sources
        .filter(|source| !source.is_file())
        .cloned()
        .collect()
}

/// Fails if the .wasm file of a component does not exist. The error lists all missing files.
pub(crate) fn require_built(app: &App) -> Result<(), UpError> {
    let missing = missing_components(app);
    if missing.is_empty() {
        return Ok(());
    }
    Err(UpError::NotBuilt(missing))
}
