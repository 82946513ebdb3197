//! The .wasm file of a component.
use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::error::LoadError;
use crate::component;

/// A .wasm file, which contains a component or a module.
pub(super) struct WasmFile {
    path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl WasmFile {
    pub(super) fn read(component: &str, path: &Path) -> Result<Self, LoadError> {
        let bytes = std::fs::read(path).map_err(|error| LoadError::Unreadable {
            component: component.to_owned(),
            path: path.to_owned(),
            error,
        })?;
        Ok(Self {
            path: path.to_owned(),
            bytes,
        })
    }

    /// Returns the component in the file, or converts the module in the file to a component.
    pub(super) fn component(&self, id: &str) -> Result<Cow<'_, [u8]>, LoadError> {
        component::from_file(&self.bytes).map_err(|reason| LoadError::Invalid {
            component: id.to_owned(),
            path: self.path.clone(),
            reason,
        })
    }
}
