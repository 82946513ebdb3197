//! Prepares the components of a validated manifest for running. Each component is read, composed with its dependencies, compiled or
//! taken from the cache, and linked. This happens before the first request, for several components in parallel.
//!
//! - This file loads the components of an app. It can also check the files of an app without loading the app, and compose a
//!   component for another host.
//! - `load/wasm_file.rs` and `load/dependency.rs` read files; `load/compile.rs` compiles and links; `load/error.rs` has the errors.
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use stoa_manifest::{App, Dependency, DependencySource};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::compose::Isolation;
use crate::host::backends::Backends;
use crate::host::grants::Grants;
use crate::host::state::HostState;
use crate::shared::Shared;
use wasm_file::WasmFile;

mod compile;
mod dependency;
mod error;
mod wasm_file;

pub use error::LoadError;

/// A component that answers requests, with its grants.
pub(crate) struct LoadedComponent {
    pub(crate) id: Arc<str>,
    /// The linked component. The runtime creates an instance of it for each request.
    pub(crate) pre: ProxyPre<HostState>,
    pub(crate) grants: Arc<Grants>,
}

/// Loads the components of `app` that answer requests. Returns the components by id. A component that is only a dependency is
/// composed into the components that use it.
pub(crate) fn components(
    shared: &Shared,
    app: &App,
    backends: &Backends,
) -> Result<HashMap<String, Arc<LoadedComponent>>, LoadError> {
    let work: Vec<_> = app
        .components
        .values()
        .filter(|c| app.routes.iter().any(|route| route.component == c.id))
        .collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Ok(HashMap::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(work.len()) {
            scope.spawn(|| {
                while let Some(component) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let loaded = load_component(shared, app, component, backends);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    match (&mut *done, loaded) {
                        (Ok(map), Ok(loaded)) => {
                            map.insert(component.id.clone(), Arc::new(loaded));
                        }
                        (Ok(_), Err(error)) => *done = Err(error),
                        (Err(_), _) => {}
                    }
                    if done.is_err() {
                        break;
                    }
                }
            });
        }
    });
    release_free_heap();
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Returns an error for each .wasm file of `app` that is neither a component for WASI 0.2 nor a module that can become a component.
/// A missing file is not an error, because the file may not be built yet. This function compiles nothing, so loading the app can
/// still fail.
pub fn check_files(app: &App) -> Vec<LoadError> {
    let mut faults = Vec::new();
    for component in app.components.values() {
        let dependencies = component.dependencies.iter();
        let dependencies = dependencies.filter_map(|dependency| match &dependency.source {
            DependencySource::Path(path) => Some(path),
            // This dependency is also a component in `app.components`, so the outer loop checks its file.
            DependencySource::Component(_) => None,
        });
        for path in std::iter::once(&component.source).chain(dependencies) {
            let file = WasmFile::read(&component.id, path);
            match file.and_then(|file| file.component(&component.id).map(drop)) {
                Err(LoadError::Unreadable { error, .. })
                    if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(fault) => faults.push(fault),
                Ok(()) => {}
            }
        }
    }
    faults
}

/// Returns the component `id`, which is in the file `source`, composed with its dependencies. Any host can run the result: it needs no
/// dependency, and denies its dependencies the configuration that they do not inherit. `source_of` returns the file of a component
/// of the same app, by the component's id.
///
/// A denied function returns an empty list or an empty option if its type permits this. Every other denied function traps.
///
/// # Errors
/// If a file cannot be read, is not a component, or does not satisfy an import.
pub fn standalone_component<'f>(
    id: &str,
    source: &Path,
    dependencies: &[Dependency],
    source_of: impl Fn(&str) -> Option<&'f Path>,
) -> Result<Vec<u8>, LoadError> {
    let file = WasmFile::read(id, source)?;
    let dependencies = dependency::dependencies(id, dependencies, source_of)?;
    dependency::composed(id, &file, &dependencies, Isolation::Guard)
}

/// Returns free heap to the system. The compiler leaves tens of MiB of free heap, which this process does not need again.
fn release_free_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(
        unsafe_code,
        reason = "glibc's malloc_trim takes a number, and affects only free memory"
    )]
    // SAFETY: malloc_trim accepts any number, and any thread may call it.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn load_component(
    shared: &Shared,
    app: &App,
    spec: &stoa_manifest::Component,
    backends: &Backends,
) -> Result<LoadedComponent, LoadError> {
    let file = WasmFile::read(&spec.id, &spec.source)?;
    let source_of = |id: &str| Some(&*app.components.get(id)?.source);
    let dependencies = dependency::dependencies(&spec.id, &spec.dependencies, source_of)?;
    let compiled = compile::compiled(shared, spec, &file, &dependencies)?;
    let pre = compile::link(&shared.linker, spec, &compiled)?;
    let grants = Grants::new(spec, backends);
    Ok(LoadedComponent {
        id: Arc::clone(&grants.component),
        pre,
        grants: Arc::new(grants),
    })
}
