//! The active scenario of a mesh. A scenario adds one kustomize component to the manifests, on this machine only. The mesh's state
//! folder contains the configuration that istio-compile wrote for the manifests with the scenario. While that configuration exists,
//! the mesh uses it in place of the usual compiled configuration.

use std::io;
use std::path::{Path, PathBuf};

use crate::compiled::WORKLOADS_FILE;

/// The name of the folder for the active scenario, in the mesh's state folder. This folder contains at most one folder, which
/// istio-compile wrote. The name of that inner folder is the scenario's name.
const SCENARIO_FOLDER: &str = "scenario";

/// The active scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The scenario's name, such as `fault-ratings-slow`.
    pub name: String,
    /// The folder that contains the scenario's compiled configuration.
    pub folder: PathBuf,
}

impl Scenario {
    /// The active scenario in a mesh's state folder, if there is one.
    pub fn active(state_dir: &Path) -> Option<Self> {
        let entries = std::fs::read_dir(state_dir.join(SCENARIO_FOLDER)).ok()?;
        let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        folders.sort();
        let folder = folders
            .into_iter()
            .find(|f| f.join(WORKLOADS_FILE).is_file())?;
        let name = folder.file_name()?.to_string_lossy().into_owned();
        Some(Self { name, folder })
    }

    /// Removes the scenario from a mesh's state folder. Within a second, a running mesh uses the usual compiled configuration
    /// again.
    ///
    /// # Errors
    /// I/O errors.
    pub fn remove(state_dir: &Path) -> io::Result<()> {
        match std::fs::remove_dir_all(state_dir.join(SCENARIO_FOLDER)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The folder that istio-compile wrote and that a mesh uses: the folder of the active scenario, or `compiled` if no scenario is
/// active.
pub fn active_compiled_folder(compiled: &Path, state_dir: &Path) -> PathBuf {
    Scenario::active(state_dir).map_or_else(|| compiled.to_owned(), |scenario| scenario.folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_active_while_its_folder_exists() {
        let folder = tempfile::tempdir().unwrap();
        let (compiled, state) = (Path::new("istio/compiled"), folder.path());
        assert_eq!(Scenario::active(state), None);
        assert_eq!(active_compiled_folder(compiled, state), compiled);
        let scenario = state.join("scenario/fault-a");
        std::fs::create_dir_all(&scenario).unwrap();
        // The scenario is not active until its folder contains the list of workloads.
        assert_eq!(active_compiled_folder(compiled, state), compiled);
        std::fs::write(scenario.join(WORKLOADS_FILE), "{}").unwrap();
        assert_eq!(active_compiled_folder(compiled, state), scenario);
        assert_eq!(
            Scenario::active(state).map(|s| s.name).as_deref(),
            Some("fault-a")
        );
        Scenario::remove(state).unwrap();
        Scenario::remove(state).unwrap();
        assert_eq!(active_compiled_folder(compiled, state), compiled);
    }
}
