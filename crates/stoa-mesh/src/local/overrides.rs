//! Overrides of filter configurations on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Filter configurations that override the manifests' on this machine, by the filter's name (`rate-limit`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overrides(pub BTreeMap<String, Value>);

impl Overrides {
    /// The file of the overrides, below the mesh's folder.
    pub(crate) fn file(state_dir: &Path) -> PathBuf {
        state_dir.join("overrides.json")
    }

    /// The overrides in the mesh's folder; empty if there is no file.
    ///
    /// # Errors
    /// If the file cannot be read, or is malformed.
    pub fn read(state_dir: &Path) -> std::io::Result<Self> {
        match std::fs::read(Self::file(state_dir)) {
            Ok(text) => Ok(serde_json::from_slice(&text)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes the overrides to the mesh's folder. A running mesh applies them within a second.
    ///
    /// # Errors
    /// I/O errors.
    pub fn write(&self, state_dir: &Path) -> std::io::Result<()> {
        let all = serde_json::to_value(&self.0)?;
        crate::files::put(&Self::file(state_dir), &all).map(|_| ())
    }
}
