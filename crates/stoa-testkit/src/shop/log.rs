//! A shop's log.

use std::path::{Path, PathBuf};

/// Lines of the log that a failure shows.
const TAIL_LINES: usize = 60;

/// The log in a shop's folder.
pub(super) fn log_file(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// Its end.
pub(super) fn tail(folder: &Path) -> String {
    let bytes = std::fs::read(log_file(folder)).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    let last = lines
        .get(lines.len().saturating_sub(TAIL_LINES)..)
        .unwrap_or_default();
    format!("-- the end of stoa's log --\n{}\n--", last.join("\n"))
}
