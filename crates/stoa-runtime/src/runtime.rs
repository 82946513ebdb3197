//! A runtime: it is started once per process, and loads apps.
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

/// Why a runtime did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// wasmtime rejects the limits, or this machine cannot provide the resources for them.
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
    /// The thread that advances the epoch cannot be started.
    #[error("no thread for the epoch: {0}")]
    Thread(std::io::Error),
}

/// Runs Spin applications. Cheap to clone; one per process is enough.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

impl Runtime {
    /// Starts the engine.
    ///
    /// # Errors
    /// If the engine rejects the limits, or the cache folder cannot be created.
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

    /// Prepares `app` for running. Blocks while it compiles: call it before serving, or on a thread that may block.
    ///
    /// # Errors
    /// The first component that cannot run, and why.
    pub fn load(
        &self,
        app: &stoa_manifest::App,
        options: AppOptions,
    ) -> Result<Arc<LoadedApp>, LoadError> {
        LoadedApp::load(Arc::clone(&self.shared), app, options)
    }

    /// Requests from outside that run now. A guest that continues after its response counts too.
    pub fn running(&self) -> u32 {
        self.shared.admissions.running()
    }
}
