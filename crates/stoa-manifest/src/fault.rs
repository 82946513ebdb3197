//! The errors in a manifest. They are collected while the manifest is read, and reported together. In this crate, a [`Fault`] is
//! such an error, not an injected failure.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A location in a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted in characters from 1.
    pub column: usize,
}

/// One error in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The manifest.
    pub file: PathBuf,
    /// The location in the manifest. `None` if the error is outside the manifest, for example in an option that sets a variable
    /// which the manifest does not declare.
    pub location: Option<Location>,
    /// The dotted key, such as `component.web.source`; empty if the error is about the whole file.
    pub key: String,
    /// A description of the error and of the expected value.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(location) = self.location {
            write!(f, ":{}:{}", location.line, location.column)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// All errors in a manifest, in the order of their locations. `Display` writes one error per line.
#[derive(Debug, thiserror::Error)]
pub struct Errors {
    faults: Vec<Fault>,
    #[source]
    io: Option<io::Error>,
}

impl Errors {
    /// The errors, in the order of their locations.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The I/O error if the file could not be read; `None` if the file was read, but its content has errors.
    pub fn unreadable(&self) -> Option<&io::Error> {
        self.io.as_ref()
    }

    pub(crate) fn from_io(path: &Path, error: io::Error) -> Self {
        let fault = Fault {
            file: path.to_path_buf(),
            location: None,
            key: String::new(),
            message: format!("cannot read the file: {error}"),
        };
        Self {
            faults: vec![fault],
            io: Some(error),
        }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

/// Collects the errors in a manifest. All readers of the manifest share one collector, so the list is in a `RefCell`.
pub(crate) struct Faults<'a> {
    file: &'a Path,
    bytes: &'a [u8],
    list: RefCell<Vec<(Option<usize>, Fault)>>,
}

impl<'a> Faults<'a> {
    pub(crate) fn new(file: &'a Path, bytes: &'a [u8]) -> Self {
        Self {
            file,
            bytes,
            list: RefCell::default(),
        }
    }

    /// Records an error at a byte offset of the file.
    pub(crate) fn push(&self, offset: Option<usize>, key: &str, message: impl Into<String>) {
        let fault = Fault {
            file: self.file.to_path_buf(),
            location: offset.map(|offset| self.location(offset)),
            key: key.to_owned(),
            message: message.into(),
        };
        self.list.borrow_mut().push((offset, fault));
    }

    /// Returns `value` if no error was recorded, else all errors in the order of their locations.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Errors> {
        let mut list = self.list.into_inner();
        match value {
            Some(value) if list.is_empty() => Ok(value),
            _ => {
                list.sort_by_key(|(offset, _)| offset.unwrap_or(usize::MAX));
                Err(Errors {
                    faults: list.into_iter().map(|(_, fault)| fault).collect(),
                    io: None,
                })
            }
        }
    }

    fn location(&self, offset: usize) -> Location {
        let before = self.bytes.get(..offset).unwrap_or(self.bytes);
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |index| index + 1);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let in_line = before.get(line_start..).unwrap_or_default();
        Location {
            line,
            column: String::from_utf8_lossy(in_line).chars().count() + 1,
        }
    }
}
