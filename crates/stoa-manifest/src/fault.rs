//! Faults of a manifest: collected while reading, reported together.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A place in the file. Line and column count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One fault of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The manifest.
    pub file: PathBuf,
    /// The place in the file, if the fault has one. An override of an undeclared variable, for example, has none.
    pub place: Option<Place>,
    /// The dotted key, `component.web.source`; empty for the file as a whole.
    pub key: String,
    /// What is wrong, and what is expected.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(place) = self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// All faults of a manifest, in the file's order. Displays one fault per line.
#[derive(Debug, thiserror::Error)]
pub struct Errors {
    faults: Vec<Fault>,
    #[source]
    io: Option<io::Error>,
}

impl Errors {
    /// The faults, in the file's order.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The error if the file could not be read at all.
    pub fn unreadable(&self) -> Option<&io::Error> {
        self.io.as_ref()
    }

    pub(crate) fn from_io(path: &Path, error: io::Error) -> Self {
        let fault = Fault {
            file: path.to_path_buf(),
            place: None,
            key: String::new(),
            message: format!("cannot be read: {error}"),
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

/// Collects faults. All readers of a file share it, hence the cell.
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

    /// Records a fault at a byte offset of the file.
    pub(crate) fn push(&self, offset: Option<usize>, key: &str, message: impl Into<String>) {
        let fault = Fault {
            file: self.file.to_path_buf(),
            place: offset.map(|offset| self.place(offset)),
            key: key.to_owned(),
            message: message.into(),
        };
        self.list.borrow_mut().push((offset, fault));
    }

    /// Returns the value if there are no faults, else all faults in the file's order.
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

    fn place(&self, offset: usize) -> Place {
        let before = self.bytes.get(..offset).unwrap_or(self.bytes);
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |index| index + 1);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let in_line = before.get(line_start..).unwrap_or_default();
        Place {
            line,
            column: String::from_utf8_lossy(in_line).chars().count() + 1,
        }
    }
}
