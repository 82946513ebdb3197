//! Reads the end of an Envoy's log.

use std::path::Path;

/// Number of bytes that are read from the end of a log. When Envoy crashes, a long stack trace follows the log line that states the
/// cause. So a large number of bytes is needed to find that line.
const LOG_TAIL_BYTES: u64 = 64 << 10;

/// The last line of a log that is not part of a stack trace. Lines before the byte offset `from` are ignored.
pub(super) fn last_log_line(log: &Path, from: u64) -> Option<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = std::fs::File::open(log).ok()?;
    let from = from.max(file.metadata().ok()?.len().saturating_sub(LOG_TAIL_BYTES));
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(from)).ok()?;
    file.take(LOG_TAIL_BYTES).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let is_trace = |line: &str| line.contains("][backtrace] ") || line.contains("][envoy_bug] ");
    let mut lines = text.lines().map(str::trim).rev();
    lines
        .find(|line| !line.is_empty() && !is_trace(line))
        .map(str::to_owned)
}
