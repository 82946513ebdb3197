//! What goes to stdout and stderr.

use std::io::{self, Write as _};

use crate::exit::{Code, Failure};

/// Writes to stdout. A reader that closed it wants no more, which is not an error.
pub(crate) fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Prints a command's result.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    write(text).map_err(|error| Failure::io(&error, Code::Io, "stdout"))
}

/// A line for people, on stderr, beside a result that programs read. A closed stderr is not a reason to stop.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "stoa: {text}");
}
