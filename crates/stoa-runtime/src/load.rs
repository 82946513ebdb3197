//! From a validated manifest to components that are ready to run: read, composed, compiled or taken from the cache,
//! linked. All of it before the first request, several components at a time.
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use stoa_manifest::{AllowedHost, App, Capability, DependencySource};
use wasmtime::component::{Component, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::cache::digest;
use crate::component;
use crate::compose::{Plug, compose};
use crate::database::DatabaseError;
use crate::host::{self, HostState};
use crate::runtime::Shared;

/// Why an app was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A component's file cannot be read.
    #[error("component {component}: {}: {error}", path.display())]
    Unreadable {
        /// The component's id.
        component: String,
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A dependency does not fit.
    #[error("component {component}: dependency does not fit: {reason}")]
    Dependency {
        /// The component's id.
        component: String,
        /// Which interface, and why.
        reason: String,
    },
    /// The file is no component, or one that cannot be compiled.
    #[error("component {component}: {}: {reason}", path.display())]
    Invalid {
        /// The component's id.
        component: String,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// An interface that this runtime does not provide.
    #[error("component {component} imports {import}, which this runtime does not provide")]
    UnknownImport {
        /// The component's id.
        component: String,
        /// The interface, as the component names it.
        import: String,
    },
    /// A routed component has no HTTP handler.
    #[error("component {component} does not export wasi:http/incoming-handler@0.2")]
    NoHandler {
        /// The component's id.
        component: String,
    },
    /// A route that the router does not take.
    #[error("{0}")]
    Route(String),
    /// A granted database cannot be opened.
    #[error("component {component}: database {label}: {error}")]
    Database {
        /// The component's id.
        component: String,
        /// The database's label.
        label: String,
        /// Why.
        error: DatabaseError,
    },
}

/// A component that answers requests, and what it may use.
pub(crate) struct LoadedComponent {
    pub(crate) id: Arc<str>,
    pub(crate) pre: ProxyPre<HostState>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) allowed_outbound_hosts: Vec<AllowedHost>,
    pub(crate) sqlite_databases: Vec<String>,
    pub(crate) key_value_stores: Vec<String>,
}

/// Loads every component of `app` that answers requests. One that only others depend on is composed into them.
pub(crate) fn components(
    shared: &Shared,
    app: &App,
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
                    let loaded = component_of(shared, app, component);
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

/// The .wasm files of `app` that cannot be loaded: neither components for WASI 0.2 nor modules that can be made into one.
/// A file that is not there is not built yet, and no fault. Nothing is compiled, so a file can still be refused later.
pub fn check_files(app: &App) -> Vec<LoadError> {
    let mut faults = Vec::new();
    for component in app.components.values() {
        let dependencies = component.dependencies.iter();
        let dependencies = dependencies.filter_map(|dependency| match &dependency.source {
            DependencySource::Path(path) => Some(path),
            // One of `app.components` itself.
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

/// Compiling leaves tens of MiB of free heap behind, which nothing here needs again.
fn give_back_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(
        unsafe_code,
        reason = "a call into glibc that takes a number and touches free memory only"
    )]
    // SAFETY: any number may be passed, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn component_of(
    shared: &Shared,
    app: &App,
    spec: &stoa_manifest::Component,
) -> Result<LoadedComponent, LoadError> {
    let file = WasmFile::read(&spec.id, &spec.source)?;
    let dependencies = dependencies(app, spec)?;
    let compiled = compiled(shared, spec, &file, &dependencies)?;
    let pre = link(&shared.linker, spec, &compiled)?;
    Ok(LoadedComponent {
        id: Arc::from(spec.id.as_str()),
        pre,
        variables: spec.variables.clone(),
        environment: spec.environment.clone().into_iter().collect(),
        allowed_outbound_hosts: spec.allowed_outbound_hosts.clone(),
        sqlite_databases: spec.sqlite_databases.clone(),
        key_value_stores: spec.key_value_stores.clone(),
    })
}

/// A .wasm file, a component or what one can be made from.
struct WasmFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl WasmFile {
    fn read(component: &str, path: &Path) -> Result<Self, LoadError> {
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

    fn component(&self, id: &str) -> Result<Cow<'_, [u8]>, LoadError> {
        component::from_file(&self.bytes).map_err(|reason| LoadError::Invalid {
            component: id.to_owned(),
            path: self.path.clone(),
            reason,
        })
    }
}

/// One dependency with the file that satisfies it.
struct Satisfied<'a> {
    interface: &'a str,
    export: Option<&'a str>,
    source: String,
    file: WasmFile,
    inherits: &'a BTreeSet<Capability>,
}

fn dependencies<'a>(
    app: &App,
    spec: &'a stoa_manifest::Component,
) -> Result<Vec<Satisfied<'a>>, LoadError> {
    let of = |dependency: &'a stoa_manifest::Dependency| {
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
                        reason: format!("there is no component {id}"),
                    })?;
                (id.clone(), WasmFile::read(id, &other.source)?)
            }
        };
        Ok(Satisfied {
            interface: &dependency.interface,
            export: dependency.export.as_deref(),
            source,
            file,
            inherits: &dependency.inherits,
        })
    };
    spec.dependencies.iter().map(of).collect()
}

fn composed(
    spec: &stoa_manifest::Component,
    file: &WasmFile,
    dependencies: &[Satisfied<'_>],
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

/// Compiled code for `file` with its dependencies. The cache is asked by what went in, so that a warm start does not
/// even compose.
fn compiled(
    shared: &Shared,
    spec: &stoa_manifest::Component,
    file: &WasmFile,
    dependencies: &[Satisfied<'_>],
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
    let bytes = composed(spec, file, dependencies)?;
    let component =
        Component::from_binary(&shared.engine, &bytes).map_err(|error| LoadError::Invalid {
            component: spec.id.clone(),
            path: spec.source.clone(),
            reason: format!("{error:#}"),
        })?;
    let millis = started.elapsed().as_millis();
    tracing::info!(component = %spec.id, millis, "compiled");
    let kept = shared
        .cache
        .as_ref()
        .and_then(|cache| cache.store(&shared.engine, &input, &component));
    Ok(kept.unwrap_or(component))
}

fn link(
    linker: &Linker<HostState>,
    spec: &stoa_manifest::Component,
    component: &Component,
) -> Result<ProxyPre<HostState>, LoadError> {
    let ty = component.component_type();
    let unknown = ty
        .imports(linker.engine())
        .map(|(name, _)| name)
        .find(|name| !host::answers(name) && !host::denied::is_name(name));
    if let Some(import) = unknown {
        return Err(LoadError::UnknownImport {
            component: spec.id.clone(),
            import: import.to_owned(),
        });
    }
    let pre = host::denied::linker(linker, component)
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
