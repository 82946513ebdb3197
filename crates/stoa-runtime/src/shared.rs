//! State that all apps of a process share: the engine, the cache of compiled code, the open databases, the number of
//! requests.
use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::admission::Admissions;
use crate::cache::Cache;
use crate::config::Limits;
use crate::database::Registry;
use crate::host::state::HostState;
use crate::output::Output;
use crate::postgres::Servers;
use crate::ticker::Ticker;

/// One for each [`Runtime`](crate::Runtime).
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<HostState>,
    pub(crate) cache: Option<Cache>,
    pub(crate) limits: Limits,
    pub(crate) output: Arc<dyn Output>,
    pub(crate) databases: Arc<Registry>,
    pub(crate) servers: Arc<Servers>,
    pub(crate) ticker: Ticker,
    pub(crate) admissions: Admissions,
    /// The folder for databases of apps without a folder of their own.
    pub(crate) state_dir: PathBuf,
}
