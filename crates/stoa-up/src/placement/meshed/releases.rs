//! Finds, for each SpinApp, the application's manifest (`spin*.toml`). It is the manifest whose version is the tag of the SpinApp's
//! image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stoa_manifest::{App, LoadOptions, SpinApp};

use crate::application::{AppSource, require_built};
use crate::error::UpError;

/// The paths of the application's manifests in one folder, by the version in the manifest.
pub(super) struct Releases(BTreeMap<String, PathBuf>);

impl Releases {
    /// Finds the manifests `spin*.toml` in the folder of `manifest`.
    pub(super) fn beside(manifest: &Path) -> Result<Self, UpError> {
        let folder = match manifest.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let entries = std::fs::read_dir(folder).map_err(|error| UpError::File {
            path: folder.to_path_buf(),
            error,
        })?;
        let mut found = BTreeMap::new();
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !name.starts_with("spin") || !name.ends_with(".toml") {
                continue;
            }
            let path = folder.join(name.as_ref());
            // A manifest that contains errors is skipped here. If a SpinApp needs this manifest, a later step reports that its
            // version is missing.
            let Ok(app) = stoa_manifest::load(&path, &LoadOptions::default()) else {
                continue;
            };
            if let Some(first) = found.insert(app.version.clone(), path.clone()) {
                return Err(UpError::SameVersion {
                    first,
                    second: path,
                    version: app.version,
                });
            }
        }
        Ok(Self(found))
    }

    /// The application that a SpinApp runs: the components that the SpinApp selects from its manifest. The variables of `source`
    /// override the SpinApp's variables.
    pub(super) fn app(&self, source: &AppSource, spin_app: SpinApp) -> Result<App, UpError> {
        let Some(manifest) = self.0.get(&spin_app.version) else {
            return Err(UpError::NoRelease {
                spin_app: spin_app.name,
                version: spin_app.version,
                known: self.0.keys().cloned().collect(),
            });
        };
        let mut variables = spin_app.variables;
        variables.extend(source.variables.iter().cloned());
        let release = AppSource {
            manifest: manifest.clone(),
            components: Some(spin_app.components).filter(|ids| !ids.is_empty()),
            variables: variables.into_iter().collect(),
            document: None,
        };
        let app = release.load()?;
        require_built(&app)?;
        Ok(app)
    }
}
