//! Writes the access logs of the Envoys to files, one file per workload.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::compiled::Workload;

/// Size in bytes at which a log file is rotated. One rotated file is kept beside the current file.
const ROTATION_SIZE: u64 = 64 << 20;

/// Writes the access log of each workload to the file `NAMESPACE-POD.access.log` in one folder.
#[derive(Debug)]
pub struct AccessLogs {
    folder: PathBuf,
    open: Mutex<HashMap<String, (File, u64)>>,
}

impl AccessLogs {
    /// Writes access logs to files in `folder`. The folder is created together with the first of these files.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            open: Mutex::default(),
        }
    }

    /// Appends a line to the access log of a workload's Envoy.
    ///
    /// # Errors
    /// I/O errors.
    pub fn write(&self, workload: &Workload, line: &str) -> std::io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let name = workload.name();
        let path = crate::files::access_log_file(&self.folder, &name);
        let (file, length) = match open.remove(&name) {
            Some((_, length)) if length > ROTATION_SIZE => {
                std::fs::rename(&path, path.with_extension("log.1"))?;
                self.open_file(&path)?
            }
            Some(open) => open,
            None => self.open_file(&path)?,
        };
        let (mut file, mut length) = (file, length);
        // Each line is written by one call, so that a reader of the file never sees a part of a line.
        let line = [line, "\n"].concat();
        file.write_all(line.as_bytes())?;
        length += u64::try_from(line.len()).unwrap_or(0);
        open.insert(name, (file, length));
        Ok(())
    }

    fn open_file(&self, path: &Path) -> std::io::Result<(File, u64)> {
        std::fs::create_dir_all(&self.folder)?;
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        Ok((file, length))
    }
}
