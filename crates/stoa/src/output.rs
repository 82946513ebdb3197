//! Writes to stdout and stderr.

use std::io::{self, Write as _};

use crate::exit::{Code, Failure};

/// Writes to stdout. A closed stdout is not an error, because the reader needs no more output.
pub(crate) fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Prints a command's result.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    write(text).map_err(|error| Failure::io(&error, Code::Io, "cannot write to stdout"))
}

/// Prints a line for people on stderr. Programs read the result on stdout, so stdout has no other text. A closed stderr does not
/// stop the command.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "stoa: {text}");
}
