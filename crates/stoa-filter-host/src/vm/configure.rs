//! How a VM takes a configuration.

use super::Vm;
use crate::host::Log;
use crate::machine::{Machine, Trap};
use crate::options::Plugin;

/// Why a configuration is not taken. The one before it stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// `on_vm_start` or `on_configure` said no.
    #[error("the filter refused its configuration{}", lines(.logs))]
    Refused {
        /// What it logged meanwhile.
        logs: Vec<Log>,
    },
    /// It crashed.
    #[error("the filter crashed in {}: {}{}", .trap.callback, .trap.message, lines(.logs))]
    Crashed {
        /// Where and why.
        trap: Trap,
        /// What it logged meanwhile.
        logs: Vec<Log>,
    },
    /// No second instance can be made to try the configuration.
    #[error("cannot instantiate the filter")]
    Instantiate(#[source] wasmtime::Error),
}

fn lines(logs: &[Log]) -> String {
    logs.iter()
        .map(|log| format!("\n  {}", log.message))
        .collect()
}

impl Vm {
    /// Hands over a plugin configuration. As in Envoy it is tried first on a VM of its own, the canary, and then given to
    /// one of the main thread as well as to this one; the log and the metrics of all three stay. Then it gets a root
    /// context, and the one before it ends with its last stream. The configuration that is already there changes nothing,
    /// and one that was tried before is not tried again.
    ///
    /// # Errors
    /// If the filter refuses it or crashes, with what it logged in the canary.
    #[track_caller]
    pub fn configure(&self, configuration: impl AsRef<[u8]>) -> Result<(), ConfigureError> {
        let configuration = configuration.as_ref();
        let mut machine = self.machine.borrow_mut();
        if machine.trap.is_none() && machine.is_configured(self.root.get(), configuration) {
            return Ok(());
        }
        self.canary(&mut machine, configuration)?;
        self.try_elsewhere(&mut machine, configuration)?; // on the main thread
        if let Some(trap) = machine.trap.clone() {
            let logs = Vec::new();
            return Err(ConfigureError::Crashed { trap, logs });
        }
        let root = machine.take_configuration(self.plugin, configuration)?;
        let old = self.root.replace(Some(root));
        machine.end_root(old);
        machine.settle();
        machine.judge();
        Ok(())
    }

    fn canary(&self, machine: &mut Machine, configuration: &[u8]) -> Result<(), ConfigureError> {
        let known = self.canaries.borrow().get(configuration).copied();
        if let Some(passed) = known {
            let refused = ConfigureError::Refused { logs: Vec::new() };
            return passed.then_some(()).ok_or(refused);
        }
        let tried = self.try_elsewhere(machine, configuration);
        let mut canaries = self.canaries.borrow_mut();
        canaries.insert(configuration.to_vec(), tried.is_ok());
        tried
    }

    /// On an instance of its own, which leaves its log and its metrics here. A crash there is none here.
    fn try_elsewhere(
        &self,
        machine: &mut Machine,
        configuration: &[u8],
    ) -> Result<(), ConfigureError> {
        let mut options = machine.host().options.clone();
        options.now = machine.host().now;
        let trial = Machine::new(&self.filter.code, options);
        let mut trial = trial.map_err(ConfigureError::Instantiate)?;
        machine.host().swap_records(trial.host());
        let taken = trial.take_configuration(self.plugin, configuration);
        machine.host().swap_records(trial.host());
        taken.map(drop)
    }
}

impl Machine {
    fn is_configured(&self, root: Option<u32>, configuration: &[u8]) -> bool {
        let root = root.and_then(|id| self.host_ref().roots.get(&id));
        root.is_some_and(|root| root.configuration == configuration)
    }

    /// The new root context.
    fn take_configuration(
        &mut self,
        plugin: Plugin,
        configuration: &[u8],
    ) -> Result<u32, ConfigureError> {
        let before = self.host().logs.len();
        let (id, accepted) = self.add_root(plugin, configuration);
        let logs = || self.host_ref().logs.iter().skip(before).cloned().collect();
        if accepted == Some(true) {
            return Ok(id);
        }
        Err(match self.trap.clone() {
            Some(trap) => ConfigureError::Crashed { trap, logs: logs() },
            None => ConfigureError::Refused { logs: logs() },
        })
    }
}
