//! The runtime. A process starts one runtime, and the runtime loads apps.
use std::path::PathBuf;
use std::sync::Arc;

use crate::admission::Admissions;
use crate::app::LoadedApp;
use crate::cache::Cache;
use crate::config::{AppOptions, RuntimeConfig};
use crate::host;
use crate::load::LoadError;
use crate::postgres::Servers;
use crate::shared::Shared;
use crate::ticker::Ticker;

/// The reason why a runtime cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// wasmtime rejects the limits, or this machine cannot provide the resources for them.
    #[error("cannot start the wasmtime engine: {0:#}")]
    Engine(wasmtime::Error),
    /// The folder for compiled code cannot be created.
    #[error("cannot create the folder {} for compiled code: {error}", folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        error: std::io::Error,
    },
    /// The thread that advances the engine's epoch cannot be started.
    #[error("cannot start the thread that advances the engine's epoch: {0}")]
    Thread(std::io::Error),
}

/// Runs Spin applications. One runtime per process is enough, and a clone is cheap.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

impl Runtime {
    /// Starts the engine, and opens the cache if `config` has a cache folder.
    ///
    /// # Errors
    /// If the engine rejects the limits, the cache folder cannot be created, or a thread cannot be started.
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
        let admissions = Admissions::new(config.limits.max_instances);
        let ticker =
            Ticker::start(engine.clone(), admissions.any_running()).map_err(StartError::Thread)?;
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                linker,
                cache,
                limits: config.limits,
                output: config.output,
                databases: Arc::default(),
                servers: Arc::new(Servers::default()),
                ticker,
                admissions,
                state_dir: config.state_dir,
            }),
        })
    }

    /// Prepares `app` for running. This function blocks while the components compile, so call it before serving, or on a thread
    /// that may block.
    ///
    /// # Errors
    /// An error about the first component that cannot run.
    pub fn load(
        &self,
        app: &stoa_manifest::App,
        options: AppOptions,
    ) -> Result<Arc<LoadedApp>, LoadError> {
        LoadedApp::load(Arc::clone(&self.shared), app, options)
    }

    /// The number of requests from outside that run now. A guest that continues after its response also counts.
    pub fn running_requests(&self) -> u32 {
        self.shared.admissions.running_requests()
    }
}
