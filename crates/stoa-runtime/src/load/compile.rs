//! Compiles a component or loads its code from the cache, and links the component.
use stoa_manifest::Component as Spec;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use super::dependency::{ResolvedDependency, composed};
use super::error::LoadError;
use super::wasm_file::WasmFile;
use crate::cache::digest;
use crate::compose::Isolation;
use crate::host::denied;
use crate::host::imports::is_provided;
use crate::host::state::HostState;
use crate::shared::Shared;

/// Returns the compiled code of `file`, composed with its dependencies. The cache key covers all inputs. So a start with a filled
/// cache neither composes nor compiles the component.
pub(super) fn compiled(
    shared: &Shared,
    spec: &Spec,
    file: &WasmFile,
    dependencies: &[ResolvedDependency<'_>],
) -> Result<Component, LoadError> {
    let mut input = digest(&file.bytes);
    for d in dependencies {
        let inherits: Vec<_> = d.inherits.iter().map(|kind| kind.name()).collect();
        for part in [
            d.interface,
            d.export.unwrap_or_default(),
            &d.source,
            &digest(&d.file.bytes),
            &inherits.join(" "),
        ] {
            input.push('\n');
            input += part;
        }
    }
    if let Some(cache) = &shared.cache
        && let Some(component) = cache.load(&shared.engine, &input)
    {
        return Ok(component);
    }
    let started = std::time::Instant::now();
    let bytes = composed(&spec.id, file, dependencies, Isolation::Runtime)?;
    let component =
        Component::from_binary(&shared.engine, &bytes).map_err(|error| LoadError::Invalid {
            component: spec.id.clone(),
            path: spec.source.clone(),
            reason: format!("{error:#}"),
        })?;
    let millis = started.elapsed().as_millis();
    tracing::info!(component = %spec.id, millis, "component compiled");
    let stored = shared
        .cache
        .as_ref()
        .and_then(|cache| cache.store(&shared.engine, &input, &component));
    Ok(stored.unwrap_or(component))
}

/// Links `component` with the host functions that the component imports.
pub(super) fn link(
    linker: &Linker<HostState>,
    spec: &Spec,
    component: &Component,
) -> Result<ProxyPre<HostState>, LoadError> {
    let ty = component.component_type();
    let unknown = ty
        .imports(linker.engine())
        .map(|(name, _)| name)
        .find(|name| !is_provided(name) && !denied::is_denied(name));
    if let Some(import) = unknown {
        return Err(LoadError::UnknownImport {
            component: spec.id.clone(),
            import: import.to_owned(),
        });
    }
    let pre = denied::linker(linker, component)
        .and_then(|linker| linker.instantiate_pre(component))
        .map_err(|error| LoadError::Invalid {
            component: spec.id.clone(),
            path: spec.source.clone(),
            reason: format!("{error:#}"),
        })?;
    ProxyPre::new(pre).map_err(|_| LoadError::NoHandler {
        component: spec.id.clone(),
    })
}
