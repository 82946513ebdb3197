//! How the program ends after an error: a message for people, and a sysexits code for scripts.

use std::fmt;

/// The exit codes of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// A check failed.
    Verdict = 1,
    /// The command line is invalid.
    Usage = 64,
    /// A manifest or an OpenAPI document has faults.
    Data = 65,
    /// A named file does not exist.
    NoInput = 66,
    /// A resource is missing or in use: a port, a state folder, a tool.
    Unavailable = 69,
    /// A fault of this program.
    Internal = 70,
    /// A folder or file cannot be created.
    CannotCreate = 73,
    /// Reading or writing failed.
    Io = 74,
    /// Something is not permitted.
    Permission = 77,
    /// Stopped at once: by a second Ctrl-C, or by a first one before there was anything to finish.
    Interrupted = 130,
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    message: String,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// A failed file operation. The code follows from the error's kind; `otherwise` is for all other kinds.
    pub(crate) fn io(error: &std::io::Error, otherwise: Code, doing: impl fmt::Display) -> Self {
        let code = match error.kind() {
            std::io::ErrorKind::PermissionDenied => Code::Permission,
            std::io::ErrorKind::NotFound if otherwise != Code::CannotCreate => Code::NoInput,
            _ => otherwise,
        };
        Self::new(code, format!("{doing}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
