//! The Envoys' access logs: one file per workload.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::compiled::Workload;

/// Size in bytes at which a log file is rotated. One rotated file is kept beside the current one.
const ROTATION_SIZE: u64 = 64 << 20;

/// Writes access logs: `NAMESPACE-POD.access.log` below a folder.
#[derive(Debug)]
pub struct AccessLogs {
    folder: PathBuf,
    open: Mutex<HashMap<String, (File, u64)>>,
}

impl AccessLogs {
    /// Access logs in this folder. The folder is created with the first log file.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            open: Mutex::default(),
        }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// I/O errors.
    pub fn write(&self, of: &Workload, line: &str) -> std::io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let name = of.name();
        let path = crate::files::access_log(&self.folder, &name);
        let (file, length) = match open.remove(&name) {
            Some((_, length)) if length > ROTATION_SIZE => {
                std::fs::rename(&path, path.with_extension("log.1"))?;
                self.file(&path)?
            }
            Some(open) => open,
            None => self.file(&path)?,
        };
        let (mut file, mut length) = (file, length);
        // One write per line, so that every reader sees whole lines.
        let line = [line, "\n"].concat();
        file.write_all(line.as_bytes())?;
        length += u64::try_from(line.len()).unwrap_or(0);
        open.insert(name, (file, length));
        Ok(())
    }

    fn file(&self, path: &Path) -> std::io::Result<(File, u64)> {
        std::fs::create_dir_all(&self.folder)?;
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        Ok((file, length))
    }
}
