//! The state that all apps of a runtime share: the engine, the cache of compiled code, the open databases, and the number of
//! running requests.
use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::admission::Admissions;
use crate::cache::Cache;
use crate::config::Limits;
use crate::database::OpenDatabases;
use crate::host::state::HostState;
use crate::output::Output;
use crate::postgres::Servers;
use crate::ticker::Ticker;

/// The shared state of one [`Runtime`](crate::Runtime).
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<HostState>,
    pub(crate) cache: Option<Cache>,
    pub(crate) limits: Limits,
    pub(crate) output: Arc<dyn Output>,
    pub(crate) databases: Arc<OpenDatabases>,
    pub(crate) servers: Arc<Servers>,
    pub(crate) ticker: Ticker,
    pub(crate) admissions: Admissions,
    /// The folder for the databases of each app that does not set its own folder.
    pub(crate) state_dir: PathBuf,
}
