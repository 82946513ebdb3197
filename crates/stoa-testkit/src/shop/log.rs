//! Reads the log of a shop.

use std::path::{Path, PathBuf};

/// Number of the log's last lines that the message of a failed test shows.
const TAIL_LINES: usize = 60;

/// The path of the log in a shop's folder.
pub(super) fn log_file(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// The last lines of the log, with a heading.
pub(super) fn tail(folder: &Path) -> String {
    let bytes = std::fs::read(log_file(folder)).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    let last = lines
        .get(lines.len().saturating_sub(TAIL_LINES)..)
        .unwrap_or_default();
    format!("-- the end of stoa's log --\n{}\n--", last.join("\n"))
}
