//! Applies a configuration to a VM.

use super::Vm;
use crate::host::Log;
use crate::machine::{Machine, Trap};
use crate::options::Plugin;

/// The reason why a configuration was not applied. The previous configuration stays in use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// The filter rejected the configuration in `on_vm_start` or `on_configure`.
    #[error("the filter rejected its configuration{}", lines(.logs))]
    Refused {
        /// The lines that the filter logged before it rejected the configuration.
        logs: Vec<Log>,
    },
    /// The filter crashed.
    #[error("the filter crashed in {}: {}{}", .trap.callback, .trap.message, lines(.logs))]
    Crashed {
        /// The callback that crashed, and the cause.
        trap: Trap,
        /// The lines that the filter logged before it crashed.
        logs: Vec<Log>,
    },
    /// wasmtime cannot create the separate instance of the filter on which a configuration is tried.
    #[error("cannot create the instance on which the configuration is tried")]
    Instantiate(#[source] wasmtime::Error),
}

fn lines(logs: &[Log]) -> String {
    logs.iter()
        .map(|log| format!("\n  {}", log.message))
        .collect()
}

impl Vm {
    /// Applies a plugin configuration, as Envoy does. First a separate VM, the canary VM, tries the configuration. Then the VM of
    /// Envoy's main thread and this VM apply the configuration. The log and the metrics of all three VMs are kept.
    ///
    /// The configuration gets a new root context in this VM. The previous root context ends with its last stream. If the VM already
    /// has this configuration, nothing happens. The canary VM tries each configuration only once.
    ///
    /// # Errors
    /// If the filter rejects the configuration or crashes. The error contains the lines that the filter logged in the VM in which
    /// it rejected the configuration or crashed. The lines are absent if the canary VM rejected the same configuration in an
    /// earlier call.
    #[track_caller]
    pub fn configure(&self, configuration: impl AsRef<[u8]>) -> Result<(), ConfigureError> {
        let configuration = configuration.as_ref();
        let mut machine = self.machine.borrow_mut();
        if machine.trap.is_none() && machine.is_configured(self.root.get(), configuration) {
            return Ok(());
        }
        self.check_in_canary(&mut machine, configuration)?;
        self.try_on_separate_instance(&mut machine, configuration)?; // This instance stands for the VM of Envoy's main thread.
        if let Some(trap) = machine.trap.clone() {
            let logs = Vec::new();
            return Err(ConfigureError::Crashed { trap, logs });
        }
        let root = machine.apply_configuration(self.plugin, configuration)?;
        let previous = self.root.replace(Some(root));
        machine.end_root(previous);
        machine.process_pending_events();
        machine.fail_on_misuse();
        Ok(())
    }

    fn check_in_canary(
        &self,
        machine: &mut Machine,
        configuration: &[u8],
    ) -> Result<(), ConfigureError> {
        let earlier = self.canaries.borrow().get(configuration).copied();
        if let Some(accepted) = earlier {
            let rejected = ConfigureError::Refused { logs: Vec::new() };
            return accepted.then_some(()).ok_or(rejected);
        }
        let result = self.try_on_separate_instance(machine, configuration);
        let mut canaries = self.canaries.borrow_mut();
        canaries.insert(configuration.to_vec(), result.is_ok());
        result
    }

    /// Tries a configuration on a separate instance of the filter, and adds the instance's log and metrics to those of this VM. If
    /// the instance crashes, this VM is not affected.
    fn try_on_separate_instance(
        &self,
        machine: &mut Machine,
        configuration: &[u8],
    ) -> Result<(), ConfigureError> {
        let mut options = machine.host().options.clone();
        options.now = machine.host().now;
        let trial = Machine::new(&self.filter.code, options);
        let mut trial = trial.map_err(ConfigureError::Instantiate)?;
        machine.host().swap_records(trial.host());
        let result = trial.apply_configuration(self.plugin, configuration);
        machine.host().swap_records(trial.host());
        result.map(drop)
    }
}

impl Machine {
    fn is_configured(&self, root: Option<u32>, configuration: &[u8]) -> bool {
        let root = root.and_then(|id| self.host_ref().roots.get(&id));
        root.is_some_and(|root| root.configuration == configuration)
    }

    /// Creates a root context with the configuration, and returns the context's id.
    fn apply_configuration(
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
