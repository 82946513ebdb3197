//! Finds the programs of the control plane.

use std::path::{Path, PathBuf};

use crate::StartError;

/// The programs, each with its absolute path.
pub(crate) struct Programs {
    folder: PathBuf,
}

/// The programs that [`Programs::find`] requires.
const NAMES: [&str; 4] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kubectl",
];

impl Programs {
    /// Finds the programs in `target/tools` of the workspace.
    ///
    /// # Errors
    /// If a program is missing.
    pub(crate) fn find(workspace: &Path) -> Result<Self, StartError> {
        let folder = workspace.join("target/tools");
        let missing = NAMES.iter().find(|name| !folder.join(name).is_file());
        match missing {
            None => Ok(Self { folder }),
            Some(name) => Err(StartError::MissingProgram(folder.join(name))),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
