//! A component's file.
use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::error::LoadError;
use crate::component;

/// A .wasm file: a component, or a module that can become one.
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

    /// The component in the file, or the one made from its module.
    pub(super) fn component(&self, id: &str) -> Result<Cow<'_, [u8]>, LoadError> {
        component::from_file(&self.bytes).map_err(|reason| LoadError::Invalid {
            component: id.to_owned(),
            path: self.path.clone(),
            reason,
        })
    }
}
