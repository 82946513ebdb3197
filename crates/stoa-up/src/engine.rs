//! Loads components into one runtime.

use std::sync::Arc;

use stoa_manifest::App;
use stoa_runtime::{AppOptions, LoadedApp, Runtime, RuntimeConfig};

use crate::error::UpError;
use crate::options::Options;

/// An application, or the part of one that a workload runs, before it is loaded.
pub(crate) struct Part {
    pub(crate) app: App,
    pub(crate) options: AppOptions,
}

/// A loaded part.
pub(crate) struct LoadedPart {
    pub(crate) app: App,
    pub(crate) loaded: Arc<LoadedApp>,
}

impl Part {
    /// Compiles the components that are not in the cache. Blocks the thread, for minutes if all are new.
    pub(crate) fn load(self, runtime: &Runtime) -> Result<LoadedPart, UpError> {
        Ok(LoadedPart {
            loaded: runtime.load(&self.app, self.options)?,
            app: self.app,
        })
    }
}

/// The runtime's configuration.
pub(crate) fn config(options: &Options) -> RuntimeConfig {
    let beside_data = || options.state_dir.join("cache");
    RuntimeConfig {
        cache_dir: Some(options.cache_dir.clone().unwrap_or_else(beside_data)),
        limits: options.limits.clone(),
        ..RuntimeConfig::new(&options.state_dir)
    }
}
