//! An Envoy's log.

use std::path::{Path, PathBuf};

/// Number of log lines in a failure.
const TAIL_LINES: usize = 40;

/// The log in an Envoy's folder.
pub(super) fn log_file(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// The whole log.
pub(super) fn log(folder: &Path) -> String {
    let bytes = std::fs::read(log_file(folder)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The end of the log.
pub(super) fn tail(folder: &Path) -> String {
    let log = log(folder);
    let lines: Vec<_> = log.lines().collect();
    let last = lines.get(lines.len().saturating_sub(TAIL_LINES)..);
    let last = last.unwrap_or_default().join("\n");
    format!("-- the end of Envoy's log --\n{last}\n--")
}
