//! What all apps of a process share: the engine, the cache of compiled code, the open databases, the count of requests.
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::app::LoadedApp;
use crate::cache::Cache;
use crate::config::{AppOptions, Limits, RuntimeConfig};
use crate::database::Registry;
use crate::host::{self, HostState};
use crate::load::LoadError;
use crate::output::Output;
use crate::postgres::Servers;
use crate::ticker::Ticker;

/// Why a runtime did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// wasmtime refuses the limits, or this machine cannot meet them.
    #[error("the engine did not start: {0:#}")]
    Engine(wasmtime::Error),
    /// The folder for compiled code cannot be used.
    #[error("the folder for compiled code, {}: {error}", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// No thread for the epoch.
    #[error("no thread for the epoch: {0}")]
    Thread(std::io::Error),
}

/// Runs Spin applications. Cheap to clone; one a process is enough.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<HostState>,
    pub(crate) cache: Option<Cache>,
    pub(crate) limits: Limits,
    pub(crate) output: Arc<dyn Output>,
    pub(crate) databases: Arc<Registry>,
    pub(crate) servers: Servers,
    pub(crate) ticker: Ticker,
    state_dir: PathBuf,
    running: Arc<AtomicU32>,
    receiving: Arc<AtomicU32>,
}

impl Runtime {
    /// Starts the engine.
    ///
    /// # Errors
    /// If the engine refuses the limits, or the cache folder cannot be made.
    pub fn new(config: RuntimeConfig) -> Result<Self, StartError> {
        let engine = crate::engine::engine(&config.limits).map_err(StartError::Engine)?;
        let linker = host::linker(&engine).map_err(StartError::Engine)?;
        let cache = match config.cache_dir {
            Some(folder) => match Cache::open(&folder, &engine) {
                Ok(cache) => Some(cache),
                Err(error) => return Err(StartError::Cache { folder, error }),
            },
            None => None,
        };
        let running = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&running);
        let ticker = Ticker::start(engine.clone(), move || seen.load(Ordering::Relaxed) > 0)
            .map_err(StartError::Thread)?;
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                linker,
                cache,
                limits: config.limits,
                output: config.output,
                databases: Arc::default(),
                servers: Servers::default(),
                ticker,
                state_dir: config.state_dir,
                running,
                receiving: Arc::default(),
            }),
        })
    }

    /// Makes `app` ready to run. Blocks while it compiles: call it before serving, or on a thread that may block.
    ///
    /// # Errors
    /// The first component that cannot run, and why.
    pub fn load(
        &self,
        app: &stoa_manifest::App,
        options: AppOptions,
    ) -> Result<Arc<LoadedApp>, LoadError> {
        let state_dir = options
            .state_dir
            .clone()
            .unwrap_or_else(|| self.shared.state_dir.clone());
        LoadedApp::load(Arc::clone(&self.shared), app, options, state_dir)
    }

    /// Requests from outside that run now; those that have answered and go on working count too.
    pub fn running(&self) -> u32 {
        self.shared.running.load(Ordering::Relaxed)
    }
}

/// The right to run one request from outside.
pub(crate) struct Admission(Arc<AtomicU32>);

impl Shared {
    /// None where as many run as may.
    pub(crate) fn admit(&self) -> Option<Admission> {
        let before = self.running.fetch_add(1, Ordering::Relaxed);
        let admission = Admission(Arc::clone(&self.running));
        (before < self.limits.max_instances).then_some(admission)
    }

    /// None where half of all instances wait for a body already.
    pub(crate) fn receive(&self) -> Option<Receiving> {
        let before = self.receiving.fetch_add(1, Ordering::Relaxed);
        let receiving = Receiving(Arc::clone(&self.receiving));
        (before < self.limits.max_instances / 2).then_some(receiving)
    }

    pub(crate) fn running(&self) -> u32 {
        self.running.load(Ordering::Relaxed)
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to run a guest while its request's body is still to come.
pub(crate) struct Receiving(Arc<AtomicU32>);

impl Drop for Receiving {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
