//! The layout of a state folder, and checks that a folder is one, since a path may be mistyped.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::UpError;

/// The file that a run locks while it lives. The file stays when the run ends, and so marks a state folder.
pub(crate) const LOCK: &str = "lock";

/// The folder of a mesh's files in a state folder. Overrides and scenarios may be there before the first run.
const MESH: &str = "mesh";

/// A mesh's part of a state folder: overrides, scenarios, and the Envoys' files.
pub fn mesh_folder(state_dir: &Path) -> PathBuf {
    state_dir.join(MESH)
}

/// The Envoys' logs and access logs in a state folder.
pub fn logs_folder(state_dir: &Path) -> PathBuf {
    state_dir.join("logs")
}

/// Fails if this is not a state folder. An empty folder counts as one, and so does a folder with only a mesh's files.
///
/// # Errors
/// [`UpError::NoStateFolder`].
pub fn known_state_folder(path: &Path) -> Result<(), UpError> {
    let made_for_it = |entries: fs::ReadDir| entries.flatten().all(|e| e.file_name() == MESH);
    if has_lock(path) || fs::read_dir(path).is_ok_and(made_for_it) {
        return Ok(());
    }
    Err(UpError::NoStateFolder {
        path: path.to_path_buf(),
        others: state_folders_near(path),
    })
}

pub(crate) fn has_lock(path: &Path) -> bool {
    path.join(LOCK).is_file()
}

/// The state folders below and beside this path, in the working directory, and below `.stoa`.
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
