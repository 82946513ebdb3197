//! Defines the layout of a state folder. Also checks whether a folder is a state folder, because a user may mistype a path.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::UpError;

/// The name of the file that a run locks. The file stays in the folder after the run has ended, so it marks the folder as a state
/// folder.
pub(crate) const LOCK: &str = "lock";

/// The name of the folder with a mesh's files, in a state folder. The folder may exist before the first run, because an override or
/// a scenario can be set before.
const MESH: &str = "mesh";

/// The folder of a mesh in a state folder. It contains the overrides, the active scenario, and the Envoys' files.
pub fn mesh_folder(state_dir: &Path) -> PathBuf {
    state_dir.join(MESH)
}

/// The folder of the Envoys' logs and access logs, in a state folder.
pub fn logs_folder(state_dir: &Path) -> PathBuf {
    state_dir.join("logs")
}

/// Fails if `path` is not a state folder. An empty folder counts as a state folder. So does a folder that contains only the folder
/// with a mesh's files.
///
/// # Errors
/// [`UpError::NoStateFolder`].
pub fn known_state_folder(path: &Path) -> Result<(), UpError> {
    let has_only_mesh = |entries: fs::ReadDir| entries.flatten().all(|e| e.file_name() == MESH);
    if has_lock(path) || fs::read_dir(path).is_ok_and(has_only_mesh) {
        return Ok(());
    }
    Err(UpError::NoStateFolder {
        path: path.to_path_buf(),
        others: state_folders_near(path),
    })
}

/// True if the folder contains the lock file of a state folder.
pub(crate) fn has_lock(path: &Path) -> bool {
    path.join(LOCK).is_file()
}

/// The state folders that a user may have meant: in `path` and beside it, in the working directory, and in `.stoa`.
pub(crate) fn state_folders_near(path: &Path) -> Vec<PathBuf> {
    let parent = path.parent().unwrap_or(Path::new(""));
    let mut found = BTreeSet::new();
    for folder in [parent, path, Path::new(""), Path::new(".stoa")] {
        let read = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        for entry in fs::read_dir(read).into_iter().flatten().flatten() {
            found.insert(folder.join(entry.file_name()));
        }
        found.insert(folder.to_path_buf());
    }
    found.retain(|folder| has_lock(folder));
    found.into_iter().collect()
}
