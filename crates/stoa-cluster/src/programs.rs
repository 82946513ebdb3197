//! Finds the programs of the control plane.

use std::path::{Path, PathBuf};

use crate::StartError;

/// The programs, each with its absolute path.
pub(crate) struct Programs {
    folder: PathBuf,
    /// The root of the repository.
    pub(crate) workspace: PathBuf,
}

/// The programs that [`Programs::find`] requires.
const NAMES: [&str; 7] = [
    "etcd",
    "istioctl",
    "kube-apiserver",
    "kube-controller-manager",
    "kubectl",
    "pilot-discovery",
    "spin-operator",
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
            None => Ok(Self {
                folder,
                workspace: workspace.to_owned(),
            }),
            Some(name) => Err(StartError::MissingProgram(folder.join(name))),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
