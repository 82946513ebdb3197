//! Configurations of filters that were set on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Configurations of filters that were set on this machine, by the filter's name (`rate-limit`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overrides(pub BTreeMap<String, Value>);

impl Overrides {
    /// The file that they are kept in, below the mesh's folder.
    pub(crate) fn file(state_dir: &Path) -> PathBuf {
        state_dir.join("overrides.json")
    }

    /// What was set in the mesh's folder; nothing without a file.
    ///
    /// # Errors
    /// If it cannot be read, or is not as expected.
    pub fn read(state_dir: &Path) -> std::io::Result<Self> {
        match std::fs::read(Self::file(state_dir)) {
            Ok(text) => Ok(serde_json::from_slice(&text)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Keeps them in the mesh's folder. A running mesh applies them within a second.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, state_dir: &Path) -> std::io::Result<()> {
        let all = serde_json::to_value(&self.0)?;
        crate::files::put(&Self::file(state_dir), &all).map(|_| ())
    }
}
