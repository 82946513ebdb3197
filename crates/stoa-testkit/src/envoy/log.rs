//! Reads the log of an Envoy.

use std::path::{Path, PathBuf};

/// Number of the log's last lines that the message of a failed test shows.
const TAIL_LINES: usize = 40;

/// The path of the log in an Envoy's folder.
pub(super) fn log_file(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// The text of the whole log.
pub(super) fn log(folder: &Path) -> String {
    let bytes = std::fs::read(log_file(folder)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The last lines of the log, with a heading.
pub(super) fn tail(folder: &Path) -> String {
    let log = log(folder);
    let lines: Vec<_> = log.lines().collect();
    let last = lines.get(lines.len().saturating_sub(TAIL_LINES)..);
    let last = last.unwrap_or_default().join("\n");
    format!("-- the end of Envoy's log --\n{last}\n--")
}
