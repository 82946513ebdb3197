//! Reads the files of a component's dependencies, and composes the component with its dependencies.
use std::collections::BTreeSet;

use std::path::Path;

use stoa_manifest::{Capability, Dependency, DependencySource};

use super::error::LoadError;
use super::wasm_file::WasmFile;
use crate::compose::{Isolation, Plug, compose};

/// One dependency of a component, with the contents of its file.
pub(super) struct ResolvedDependency<'a> {
    pub(super) interface: &'a str,
    pub(super) export: Option<&'a str>,
    /// The path of the dependency's file, or the id of the component if the dependency is a component of this app.
    pub(super) source: String,
    pub(super) file: WasmFile,
    pub(super) inherits: &'a BTreeSet<Capability>,
}

/// Reads the files of the dependencies of the component `user`. `source_of` returns the file of a component of the same app, by the
/// component's id.
pub(super) fn dependencies<'a, 'f>(
    user: &str,
    dependencies: &'a [Dependency],
    source_of: impl Fn(&str) -> Option<&'f Path>,
) -> Result<Vec<ResolvedDependency<'a>>, LoadError> {
    let resolve = |dependency: &'a Dependency| {
        let (source, file) = match &dependency.source {
            DependencySource::Path(path) => {
                (path.display().to_string(), WasmFile::read(user, path)?)
            }
            DependencySource::Component(id) => {
                let source = source_of(id).ok_or_else(|| LoadError::Dependency {
                    component: user.to_owned(),
                    reason: format!("the app has no component {id}"),
                })?;
                (id.clone(), WasmFile::read(id, source)?)
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
    dependencies.iter().map(resolve).collect()
}

/// Composes the component `id`, which is in `file`, with its dependencies.
pub(super) fn composed(
    id: &str,
    file: &WasmFile,
    dependencies: &[ResolvedDependency<'_>],
    isolation: Isolation,
) -> Result<Vec<u8>, LoadError> {
    let component = file.component(id)?;
    if dependencies.is_empty() {
        return Ok(component.into_owned());
    }
    let components = dependencies.iter().map(|d| d.file.component(id));
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
    compose(&component, &plugs, isolation).map_err(|reason| LoadError::Dependency {
        component: id.to_owned(),
        reason,
    })
}
