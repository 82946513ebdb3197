//! Loads an application's components into the runtime.

use std::sync::Arc;

use stoa_manifest::App;
use stoa_runtime::{AppOptions, LoadedApp, Runtime, RuntimeConfig};

use crate::error::UpError;
use crate::options::Options;

/// An application whose components are not loaded yet. In a mesh, it is only the part of the application that one workload runs.
pub(crate) struct Part {
    pub(crate) app: App,
    pub(crate) options: AppOptions,
}

/// A loaded [`Part`].
pub(crate) struct LoadedPart {
    pub(crate) app: App,
    pub(crate) loaded: Arc<LoadedApp>,
}

impl Part {
    /// Loads the components. A component whose compiled code is not in the cache is compiled first. Loading blocks the thread, for
    /// minutes if all components are new.
    pub(crate) fn load(self, runtime: &Runtime) -> Result<LoadedPart, UpError> {
        Ok(LoadedPart {
            loaded: runtime.load(&self.app, self.options)?,
            app: self.app,
        })
    }
}

/// The runtime's configuration.
pub(crate) fn config(options: &Options) -> RuntimeConfig {
    let default_folder = || options.state_dir.join("cache");
    RuntimeConfig {
        cache_dir: Some(options.cache_dir.clone().unwrap_or_else(default_folder)),
        limits: options.limits.clone(),
        ..RuntimeConfig::new(&options.state_dir)
    }
}
