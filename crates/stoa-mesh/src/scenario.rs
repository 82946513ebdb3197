//! Scenarios. A scenario is Istio's configuration for the manifests plus one more component, only for this machine. It is kept in the
//! state folder. While it is there, a mesh uses it instead of the compiled configuration.

use std::io;
use std::path::{Path, PathBuf};

use crate::compiled::LIST;

/// The scenario's folder in the mesh's state folder. It contains one folder of istio-compile, named after the scenario.
const FOLDER: &str = "scenario";

/// The active scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Its name, `fault-ratings-slow`.
    pub name: String,
    /// The compiled configuration.
    pub folder: PathBuf,
}

impl Scenario {
    /// The scenario of a mesh's state folder, if there is one.
    pub fn of(state_dir: &Path) -> Option<Self> {
        let entries = std::fs::read_dir(state_dir.join(FOLDER)).ok()?;
        let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        folders.sort();
        let folder = folders.into_iter().find(|f| f.join(LIST).is_file())?;
        let name = folder.file_name()?.to_string_lossy().into_owned();
        Some(Self { name, folder })
    }

    /// Removes the scenario from a mesh's state folder. A running mesh returns to the compiled configuration within a second.
    ///
    /// # Errors
    /// I/O errors.
    pub fn remove(state_dir: &Path) -> io::Result<()> {
        match std::fs::remove_dir_all(state_dir.join(FOLDER)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The folder of istio-compile that a mesh uses: the scenario's, else `compiled`.
pub fn in_force(compiled: &Path, state_dir: &Path) -> PathBuf {
    Scenario::of(state_dir).map_or_else(|| compiled.to_owned(), |scenario| scenario.folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_in_force_as_long_as_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let (compiled, state) = (Path::new("istio/compiled"), folder.path());
        assert_eq!(Scenario::of(state), None);
        assert_eq!(in_force(compiled, state), compiled);
        let own = state.join("scenario/fault-a");
        std::fs::create_dir_all(&own).unwrap();
        // Not active until it is complete.
        assert_eq!(in_force(compiled, state), compiled);
        std::fs::write(own.join(LIST), "{}").unwrap();
        assert_eq!(in_force(compiled, state), own);
        assert_eq!(
            Scenario::of(state).map(|s| s.name).as_deref(),
            Some("fault-a")
        );
        Scenario::remove(state).unwrap();
        Scenario::remove(state).unwrap();
        assert_eq!(in_force(compiled, state), compiled);
    }
}
