//! The state folder, which one process locks at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::UpError;
use crate::folder::LOCK;
use crate::run::Run;

/// The state folder, locked by this process until this is dropped. Dropping also removes `run.json`.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    /// Locked while it is open, so a crash leaves no lock behind.
    _lock: File,
}

impl StateDir {
    /// Creates the folder if it is missing, and locks it.
    ///
    /// # Errors
    /// [`UpError::StateFolder`], or [`UpError::StateFolderInUse`] if another process has locked it.
    pub fn hold(path: &Path) -> Result<Self, UpError> {
        let failed = |error| UpError::StateFolder {
            path: path.to_path_buf(),
            error,
        };
        fs::create_dir_all(path).map_err(failed)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(UpError::StateFolderInUse {
                    path: path.to_path_buf(),
                    by: Run::read(path).map(|run| (run.pid, run.gateway)),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // A killed run leaves its `run.json` behind, but nothing answers at its addresses.
        Run::remove(path);
        Ok(Self {
            path: path.to_path_buf(),
            _lock: lock,
        })
    }

    /// Writes `run.json`.
    pub(crate) fn announce(&self, run: &Run) -> Result<(), UpError> {
        run.write(&self.path)
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        Run::remove(&self.path);
    }
}
