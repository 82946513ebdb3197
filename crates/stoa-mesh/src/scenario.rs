//! Scenarios: what Istio makes of the manifests with one component more on top, for this machine alone. It lies in the state folder, and a
//! mesh takes it in the place of what was compiled, as long as it is there.

use std::io;
use std::path::{Path, PathBuf};

use crate::compiled::LIST;

/// The folder in the mesh's state folder; in it there is one folder of istio-compile, which bears the scenario's name.
const FOLDER: &str = "scenario";

/// A scenario that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Its name, `fault-ratings-slow`.
    pub name: String,
    /// What was compiled.
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

    /// Takes the scenario of a mesh's state folder away. A mesh that runs goes back within a second.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(state_dir: &Path) -> io::Result<()> {
        match std::fs::remove_dir_all(state_dir.join(FOLDER)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The folder of istio-compile that a mesh runs with: its scenario's, else `compiled`.
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
        // Not before it is whole.
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
