//! Reads the files of a component's dependencies, and composes the component with its dependencies.
use std::collections::BTreeSet;

use stoa_manifest::{App, Capability, DependencySource};

use super::error::LoadError;
use super::wasm_file::WasmFile;
use crate::compose::{Plug, compose};

/// One dependency of a component, with the contents of its file.
pub(super) struct ResolvedDependency<'a> {
    pub(super) interface: &'a str,
    pub(super) export: Option<&'a str>,
    /// The path of the dependency's file, or the id of the component if the dependency is a component of this app.
    pub(super) source: String,
    pub(super) file: WasmFile,
    pub(super) inherits: &'a BTreeSet<Capability>,
}

/// Reads the files of the dependencies of `spec`.
pub(super) fn dependencies<'a>(
    app: &App,
    spec: &'a stoa_manifest::Component,
) -> Result<Vec<ResolvedDependency<'a>>, LoadError> {
    let resolve = |dependency: &'a stoa_manifest::Dependency| {
        let (source, file) = match &dependency.source {
            DependencySource::Path(path) => {
                (path.display().to_string(), WasmFile::read(&spec.id, path)?)
            }
            DependencySource::Component(id) => {
                let other = app
                    .components
                    .get(id)
                    .ok_or_else(|| LoadError::Dependency {
                        component: spec.id.clone(),
                        reason: format!("the app has no component {id}"),
                    })?;
                (id.clone(), WasmFile::read(id, &other.source)?)
            }
        };
        Ok(ResolvedDependency {
            interface: &dependency.interface,
            export: dependency.export.as_deref(),
            source,
            file,
            inherits: &dependency.inherits,
        })
    };
    spec.dependencies.iter().map(resolve).collect()
}

/// Composes `file` with its dependencies.
pub(super) fn composed(
    spec: &stoa_manifest::Component,
    file: &WasmFile,
    dependencies: &[ResolvedDependency<'_>],
) -> Result<Vec<u8>, LoadError> {
    let component = file.component(&spec.id)?;
    if dependencies.is_empty() {
        return Ok(component.into_owned());
    }
    let components = dependencies.iter().map(|d| d.file.component(&spec.id));
    let components = components.collect::<Result<Vec<_>, _>>()?;
    let plugs: Vec<_> = dependencies
        .iter()
        .zip(&components)
        .map(|(d, bytes)| Plug {
            interface: d.interface,
            export: d.export,
            source: &d.source,
            bytes,
            inherits: d.inherits,
        })
        .collect();
    compose(&component, &plugs).map_err(|reason| LoadError::Dependency {
        component: spec.id.clone(),
        reason,
    })
}
