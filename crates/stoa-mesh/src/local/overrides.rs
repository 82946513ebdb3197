//! Reads and writes the overrides of filter configurations. The overrides apply only on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A map with the name of a filter (such as `rate-limit`) as the key. The value is the configuration that the filter has on this
/// machine in place of its configuration in the manifests.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overrides(pub BTreeMap<String, Value>);

impl Overrides {
    /// The path of the file with the overrides, which is in the mesh's state folder.
    pub(crate) fn file(state_dir: &Path) -> PathBuf {
        state_dir.join("overrides.json")
    }

    /// Reads the overrides in the mesh's state folder. If the file does not exist, there are no overrides.
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

    /// Writes the overrides to the mesh's state folder. A running mesh applies the overrides within a second.
    ///
    /// # Errors
    /// I/O errors.
    pub fn write(&self, state_dir: &Path) -> std::io::Result<()> {
        let all = serde_json::to_value(&self.0)?;
        crate::files::write_if_changed(&Self::file(state_dir), &all).map(|_| ())
    }
}
