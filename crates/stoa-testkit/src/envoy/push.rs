//! New configurations for filters while Envoy runs, through the files that it watches.

use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

use super::bootstrap::{config_file, discovery};
use super::filter::{Filter, IntoConfig, Kind};
use super::process::Envoy;
use crate::wait::wait_for;

/// V8 takes a second or two at most to compile a filter again.
const APPLY_DEADLINE: Duration = Duration::from_secs(30);

/// Envoy rejected a configuration, and keeps the previous one.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// Envoy's log lines meanwhile.
    pub log: String,
}

impl Envoy {
    /// Writes a new configuration for a wasm filter, and waits until it is live on every worker.
    ///
    /// # Errors
    /// Envoy's log lines, if it rejected the configuration.
    #[track_caller]
    pub fn push_config(&self, filter: &str, config: impl IntoConfig) -> Result<(), Rejected> {
        let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pushed) = pushed.get_mut(filter) else {
            panic!("no filter of wasm is called {filter}");
        };
        if let Kind::Wasm { config: now, .. } = &mut pushed.filter.kind {
            *now = config.into_config();
        }
        pushed.version += 1;
        let logged = self.log().len();
        let (taken, refused) = (
            self.updates(filter, "success"),
            self.updates(filter, "rejected"),
        );
        if let Err(error) = replace(self.folder.path(), &pushed.filter, pushed.version) {
            panic!("configuration of {filter}: {error}");
        }
        let live = wait_for(APPLY_DEADLINE, "Envoy to take a configuration", || {
            if self.updates(filter, "rejected") > refused {
                return Some(false);
            }
            (self.updates(filter, "success") > taken).then_some(true)
        });
        if live {
            return Ok(());
        }
        let log = self.log();
        Err(Rejected {
            log: log.get(logged..).unwrap_or_default().to_owned(),
        })
    }

    fn updates(&self, filter: &str, outcome: &str) -> u64 {
        let discovery = format!("extension_config_discovery.http_filter.{filter}");
        self.stat(&format!("{discovery}.update_{outcome}"))
            .unwrap_or(0)
    }
}

/// Replaces the file by a rename from outside the watched folder, so that Envoy sees one change and a whole file.
fn replace(folder: &Path, filter: &Filter, version: u64) -> std::io::Result<()> {
    let discovery = discovery(filter, version).unwrap_or_default();
    let new = folder.join(format!("{}.new", filter.name));
    std::fs::write(&new, discovery.to_string())?;
    std::fs::rename(new, config_file(folder, &filter.name))
}
