//! Pushes a new configuration to a filter of a running Envoy, by replacing a file that Envoy watches.

use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

use super::bootstrap::{config_file, discovery};
use super::filter::{Filter, IntoConfig, Kind};
use super::process::Envoy;
use crate::wait::wait_for;

/// Deadline for every worker to use a new configuration. V8 takes at most two seconds to compile a filter again.
const APPLY_DEADLINE: Duration = Duration::from_secs(30);

/// The error if Envoy rejected a configuration. Envoy then keeps the previous configuration.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// The lines that Envoy logged since the configuration was pushed.
    pub log: String,
}

impl Envoy {
    /// Writes a new configuration for a wasm filter, and waits until every worker uses the configuration.
    ///
    /// # Errors
    /// Envoy's log lines, if Envoy rejected the configuration.
    #[track_caller]
    pub fn push_config(&self, filter: &str, config: impl IntoConfig) -> Result<(), Rejected> {
        let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pushed) = pushed.get_mut(filter) else {
            panic!("the Envoy has no wasm filter {filter}");
        };
        if let Kind::Wasm {
            config: current, ..
        } = &mut pushed.filter.kind
        {
            *current = config.into_config();
        }
        pushed.version += 1;
        let log_length = self.log().len();
        let (accepted, rejected) = (
            self.updates(filter, "success"),
            self.updates(filter, "rejected"),
        );
        if let Err(error) = replace(self.folder.path(), &pushed.filter, pushed.version) {
            panic!("cannot write the configuration of {filter}: {error}");
        }
        let is_accepted = wait_for(APPLY_DEADLINE, "Envoy to apply a configuration", || {
            if self.updates(filter, "rejected") > rejected {
                return Some(false);
            }
            (self.updates(filter, "success") > accepted).then_some(true)
        });
        if is_accepted {
            return Ok(());
        }
        let log = self.log();
        Err(Rejected {
            log: log.get(log_length..).unwrap_or_default().to_owned(),
        })
    }

    fn updates(&self, filter: &str, outcome: &str) -> u64 {
        let discovery = format!("extension_config_discovery.http_filter.{filter}");
        self.stat(&format!("{discovery}.update_{outcome}"))
            .unwrap_or(0)
    }
}

/// Writes the new file outside the watched folder, and moves it into the folder. Envoy then sees only one change, and never reads a
/// partial file.
fn replace(folder: &Path, filter: &Filter, version: u64) -> std::io::Result<()> {
    let discovery = discovery(filter, version).unwrap_or_default();
    let new = folder.join(format!("{}.new", filter.name));
    std::fs::write(&new, discovery.to_string())?;
    std::fs::rename(new, config_file(folder, &filter.name))
}
