//! How a VM applies a configuration.

use super::Vm;
use crate::host::Log;
use crate::machine::{Machine, Trap};
use crate::options::Plugin;

/// Why a configuration is not applied. The previous one stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// `on_vm_start` or `on_configure` rejected it.
    #[error("the filter refused its configuration{}", lines(.logs))]
    Refused {
        /// The lines that it logged meanwhile.
        logs: Vec<Log>,
    },
    /// The filter crashed.
    #[error("the filter crashed in {}: {}{}", .trap.callback, .trap.message, lines(.logs))]
    Crashed {
        /// The function that crashed, and why.
        trap: Trap,
        /// The lines that it logged meanwhile.
        logs: Vec<Log>,
    },
    /// A second instance for the trial cannot be created.
    #[error("cannot instantiate the filter")]
    Instantiate(#[source] wasmtime::Error),
}

fn lines(logs: &[Log]) -> String {
    logs.iter()
        .map(|log| format!("\n  {}", log.message))
        .collect()
}

impl Vm {
    /// Applies a plugin configuration. As in Envoy it is tried first on a separate VM, the canary. Then a VM of the main thread
    /// and this VM get it; the log and the metrics of all three stay. It gets a root context here, and the previous one ends with
    /// its last stream. The current configuration is not applied again, and the canary does not repeat a configuration.
    ///
    /// # Errors
    /// If the filter rejects it or crashes, with the lines that it logged in the canary.
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

    /// Tries it on a separate instance, whose log and metrics stay here. A crash there does not crash this VM.
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

    /// Creates the new root context.
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
