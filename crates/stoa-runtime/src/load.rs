//! From a validated manifest to components that are ready to run: read, composed, compiled or taken from the cache, and linked.
//! This happens before the first request, for several components in parallel.
//!
//! - this file: the components of an app, and a check of its files without loading it.
//! - `load/wasm_file.rs`, `load/dependency.rs`: read files; `load/compile.rs`: compiles and links; `load/error.rs`: errors.
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use stoa_manifest::{App, DependencySource};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

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

/// A component that answers requests, and what it may use.
pub(crate) struct LoadedComponent {
    pub(crate) id: Arc<str>,
    pub(crate) pre: ProxyPre<HostState>,
    pub(crate) grants: Arc<Grants>,
}

/// Loads every component of `app` that answers requests. A component that is only a dependency is composed into its users.
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
                    let loaded = component_of(shared, app, component, backends);
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
    give_back_memory();
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The .wasm files of `app` that cannot be loaded: neither components for WASI 0.2 nor modules that can become one. A missing
/// file is not built yet, which is not a fault. This compiles nothing, so a file can still be rejected later.
pub fn check_files(app: &App) -> Vec<LoadError> {
    let mut faults = Vec::new();
    for component in app.components.values() {
        let dependencies = component.dependencies.iter();
        let dependencies = dependencies.filter_map(|dependency| match &dependency.source {
            DependencySource::Path(path) => Some(path),
            // The component is in `app.components`, so it is checked there.
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

/// Returns free heap to the system. Compiling leaves tens of MiB of it, which this process does not need again.
fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(
        unsafe_code,
        reason = "a call into glibc that takes a number and touches free memory only"
    )]
    // SAFETY: the call accepts any number, on any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn component_of(
    shared: &Shared,
    app: &App,
    spec: &stoa_manifest::Component,
    backends: &Backends,
) -> Result<LoadedComponent, LoadError> {
    let file = WasmFile::read(&spec.id, &spec.source)?;
    let dependencies = dependency::dependencies(app, spec)?;
    let compiled = compile::compiled(shared, spec, &file, &dependencies)?;
    let pre = compile::link(&shared.linker, spec, &compiled)?;
    let grants = Grants::new(spec, backends);
    Ok(LoadedComponent {
        id: Arc::clone(&grants.component),
        pre,
        grants: Arc::new(grants),
    })
}
