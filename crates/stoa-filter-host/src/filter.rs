//! Loads and compiles a filter.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use wasmtime::{Config, Engine, InstancePre, Linker, Module, Store};

use crate::abi;
use crate::host::Host;
use crate::options::Options;

/// The compiled code of a filter. Clones are cheap, and threads may share a filter.
#[derive(Clone)]
pub struct Filter {
    pub(crate) code: InstancePre<Host>,
    /// A hash of the file's bytes.
    pub(crate) hash: u64,
}

/// The reason why this host cannot run a file as a filter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the filter {}", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    /// The file is not a WebAssembly module, or it needs a feature that wasmtime does not have.
    #[error("cannot compile the filter")]
    Compile(#[source] wasmtime::Error),
    /// The module was built for another ABI, or is not an Envoy filter.
    #[error(
        "the filter exports neither proxy_abi_version_0_2_0 nor proxy_abi_version_0_2_1, so it was built for another ABI"
    )]
    Abi,
    /// The filter imports functions that neither Envoy nor this host has. Envoy would reject the filter, too.
    #[error("the filter imports functions that the host does not have: {}", .0.join(", "))]
    Imports(Vec<String>),
    /// The filter does not export a function with which the host allocates memory in the filter.
    #[error("the filter exports neither malloc nor proxy_on_memory_allocate")]
    Allocate,
    /// The name of an import is known, but its type differs from the type of the host's function.
    #[error("cannot link the filter")]
    Link(#[source] wasmtime::Error),
}

impl Filter {
    /// Reads and compiles a `.wasm` file. Compiling an optimized filter takes some tenths of a second, so share the result between
    /// tests.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|cause| LoadError::Read(path.into(), cause))?;
        Self::from_bytes(&bytes)
    }

    /// Compiles a filter in binary form.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        let engine = engine().map_err(LoadError::Compile)?;
        let module = Module::new(&engine, bytes).map_err(LoadError::Compile)?;
        let exports = |name: &str| module.get_export(name).is_some();
        if !exports("proxy_abi_version_0_2_0") && !exports("proxy_abi_version_0_2_1") {
            return Err(LoadError::Abi);
        }
        if !exports("malloc") && !exports("proxy_on_memory_allocate") {
            return Err(LoadError::Allocate);
        }
        let mut linker = Linker::new(&engine);
        abi::link(&mut linker).map_err(LoadError::Link)?;
        let mut store = Store::new(&engine, Host::new(Options::new()));
        let missing = missing(&module, &linker, &mut store);
        if !missing.is_empty() {
            return Err(LoadError::Imports(missing));
        }
        let code = linker.instantiate_pre(&module).map_err(LoadError::Link)?;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Ok(Self {
            code,
            hash: hasher.finish(),
        })
    }
}

fn engine() -> wasmtime::Result<Engine> {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    if let Some(engine) = ENGINE.get() {
        return Ok(engine.clone());
    }
    let engine = Engine::new(&Config::new())?;
    Ok(ENGINE.get_or_init(|| engine).clone())
}

fn missing(module: &Module, linker: &Linker<Host>, store: &mut Store<Host>) -> Vec<String> {
    let imports = module.imports();
    imports
        .filter(|import| linker.get_by_import(&mut *store, import).is_none())
        .map(|import| format!("{}.{}", import.module(), import.name()))
        .collect()
}
