//! `stoa mesh logs`: the last lines of a log, and new lines as they are written.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use crate::exit::{Code, Failure};

/// Poll interval for new lines. An Envoy writes its access log four times per second.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Number of bytes at the end of a log that are searched for the last lines. A line of an access log has about 2 KiB.
const TAIL_BYTES: u64 = 8 << 20;

/// Prints the last lines of a log. With `follow`, the function then prints new lines until Ctrl-C.
pub(super) fn print(log: &Path, lines: usize, follow: bool) -> Result<(), Failure> {
    let io = |error: std::io::Error| Failure::io(&error, Code::Io, log.display().to_string());
    let mut file = File::open(log).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))
        .and_then(|_| file.read_to_end(&mut text))
        .map_err(io)?;
    let mut has_reader = write(last_lines(&String::from_utf8_lossy(&text), lines))?;
    while follow && has_reader {
        std::thread::sleep(POLL_INTERVAL);
        text.clear();
        file.read_to_end(&mut text).map_err(io)?;
        has_reader = write(&String::from_utf8_lossy(&text))?;
        // `stoa up` renames a log that is too long, and starts a new file with the old name.
        if text.is_empty() && is_replaced(&file, log) {
            file = File::open(log).map_err(io)?;
        }
    }
    Ok(())
}

/// Writes to stdout. Returns false if the program that reads stdout has closed it.
fn write(text: &str) -> Result<bool, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::io(&error, Code::Io, "cannot write to stdout")),
    }
}

/// True if the path `log` now names another file than the file `open`.
fn is_replaced(open: &File, log: &Path) -> bool {
    let (Ok(open), Ok(current)) = (open.metadata(), std::fs::metadata(log)) else {
        return false;
    };
    open.ino() != current.ino()
}

/// The last lines of a text.
fn last_lines(text: &str, lines: usize) -> &str {
    let whole = text.strip_suffix('\n').unwrap_or(text);
    let breaks = whole.rmatch_indices('\n').map(|(at, _)| at + 1);
    let from = match lines {
        0 => text.len(),
        lines => breaks.chain([0]).nth(lines - 1).unwrap_or(0),
    };
    text.get(from..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::last_lines;

    #[test]
    fn last_lines_returns_as_many_lines_as_the_text_has() {
        let text = "a\nb\nc\n";
        for (lines, expected) in [(0, ""), (1, "c\n"), (2, "b\nc\n"), (3, text), (9, text)] {
            assert_eq!(last_lines(text, lines), expected, "{lines}");
        }
        assert_eq!(last_lines("", 2), "");
        assert_eq!(last_lines("a\nb", 1), "b");
    }
}
