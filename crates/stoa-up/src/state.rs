//! Locks the state folder. Only one process at a time can hold the lock.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::UpError;
use crate::folder::LOCK;
use crate::run::Run;

/// A state folder that this process has locked. Dropping this value removes `run.json` and releases the lock.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    /// The lock lasts while this file is open, so a crash releases it.
    _lock: File,
}

impl StateDir {
    /// Creates the folder if it is missing, and locks it.
    ///
    /// # Errors
    /// [`UpError::StateFolderInUse`] if another process has locked the folder, else [`UpError::StateFolder`].
    pub fn lock(path: &Path) -> Result<Self, UpError> {
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
                    holder: Run::read(path).map(|run| (run.pid, run.gateway)),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // If a previous run was killed, its `run.json` is still in the folder, but no process listens at the addresses in that
        // file.
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
