//! The result of a command that fails: a message for people, and a sysexits code for scripts.

use std::fmt;

/// The exit codes of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// `stoa audit` found a breach, or `stoa load` found wrong answers or too many failures.
    Verdict = 1,
    /// The command line is invalid.
    Usage = 64,
    /// A manifest, an OpenAPI document, a filter or another input is invalid.
    Data = 65,
    /// A named file does not exist.
    NoInput = 66,
    /// A resource is missing or in use: a port, a state folder, a tool.
    Unavailable = 69,
    /// An internal error of this program.
    Internal = 70,
    /// A folder or file cannot be created.
    CannotCreate = 73,
    /// Reading or writing failed.
    Io = 74,
    /// The user, or the registry's account, does not have the permission.
    Permission = 77,
    /// Stopped at once: by a second Ctrl-C, or by a first Ctrl-C before the load of `stoa load` began.
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

    /// The failure of a file operation. `subject` names the file or the operation, and begins the message. A missing permission and
    /// a missing file have their own exit codes. Any other error has the exit code `default`.
    pub(crate) fn io(error: &std::io::Error, default: Code, subject: impl fmt::Display) -> Self {
        let code = match error.kind() {
            std::io::ErrorKind::PermissionDenied => Code::Permission,
            std::io::ErrorKind::NotFound if default != Code::CannotCreate => Code::NoInput,
            _ => default,
        };
        Self::new(code, format!("{subject}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
