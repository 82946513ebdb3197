//! Overrides for this machine: configurations of the canary router and of fault filters that replace the configurations in the
//! manifests. Overrides are kept in the state folder, and stay in force until `stoa canary set SERVICE reset` or `stoa fault set
//! SERVICE reset`.
//!
//! `canary.rs` and `fault.rs` are the commands, and each filter's crate defines the filter's configuration. This module has the
//! code that `stoa canary` and `stoa fault` share. `overrides/set.rs` writes an override and waits for the Envoys, and
//! `overrides/get.rs` shows the configuration in force.

pub(crate) mod get;
pub(crate) mod set;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use stoa_mesh::{Compiled, Overrides};

use crate::args::StateArgs;
use crate::exit::{Code, Failure};
use crate::failures::compiled_failure;
use stoa_up::{Run, known_state_folder};

/// A map from the name of each filter to the filter's configuration in the manifests, and to the workloads whose Envoys run the
/// filter.
pub(crate) type Plugins = BTreeMap<String, (Value, Vec<String>)>;

/// A kind of filter that can be overridden.
pub(crate) struct FilterKind {
    /// The command that overrides these filters, such as `canary`.
    pub(crate) command: &'static str,
    /// Returns true if the filter with this name belongs to this kind.
    pub(crate) selects: fn(&str) -> bool,
    /// Returns the services whose callers a filter affects. The arguments are the filter's name and configuration.
    pub(crate) services: fn(&str, &Value) -> Vec<String>,
    /// Describes the part of a filter's configuration that is about one service, such as `v1=75% v2=25%`.
    pub(crate) describe: fn(&Value, &str) -> String,
}

/// Selects the mesh.
#[derive(Debug, Args)]
pub(crate) struct MeshArgs {
    /// Folder that istio-compile wrote [default: the folder of the mesh that runs with the state folder, else istio/compiled]
    #[arg(long = "mesh", value_name = "DIR")]
    pub(crate) compiled: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) state: StateArgs,
}

impl MeshArgs {
    /// Reads the filters of the mesh.
    fn plugins(&self) -> Result<Plugins, Failure> {
        let running = || Run::running(&self.state.state_dir)?.compiled;
        let folder = self.compiled.clone().or_else(running);
        let folder = folder.unwrap_or_else(|| Path::new("istio").join("compiled"));
        let folder = stoa_mesh::active_compiled_folder(&folder, &self.state.state_dir.join("mesh"));
        let compiled = Compiled::read(&folder).map_err(|error| compiled_failure(&error))?;
        compiled.plugins().map_err(|error| compiled_failure(&error))
    }

    /// The folder with the mesh's files, in the state folder. Returns an error if --state-dir does not name a state folder, because
    /// no program would read an override there.
    fn folder(&self) -> Result<PathBuf, Failure> {
        known_state_folder(&self.state.state_dir)?;
        Ok(self.state.state_dir.join("mesh"))
    }
}

/// Describes each override in one line. `stoa up` prints these lines to remind the user that overrides are in force.
pub(crate) fn report(overrides: &Overrides, kinds: &[FilterKind]) -> Vec<String> {
    let mut lines = Vec::new();
    for (plugin, config) in &overrides.0 {
        let Some(kind) = kinds.iter().find(|kind| (kind.selects)(plugin)) else {
            lines.push(format!("{plugin}: overridden"));
            continue;
        };
        for service in (kind.services)(plugin, config) {
            let described = (kind.describe)(config, &service);
            let hint = kind.reset_hint(&service);
            lines.push(format!("{} {service}: {described}{hint}", kind.command));
        }
    }
    lines
}

impl FilterKind {
    fn reset_hint(&self, service: &str) -> String {
        let command = self.command;
        format!(" (`stoa {command} set {service} reset` removes the override)")
    }
}

/// A failure because the command line is invalid.
pub(crate) fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Code::Usage, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{canary, fault};

    #[test]
    fn an_override_is_reported_with_the_command_that_removes_it() {
        let report = |plugin: &str, config: Value| {
            let overrides = Overrides([(plugin.to_owned(), config)].into());
            super::report(&overrides, &[canary::FILTER_KIND, fault::FILTER_KIND]).join("\n")
        };
        let router = |off: bool| {
            let versions = json!([{"name": "v1", "weight": 9950}, {"name": "v2", "weight": 50}]);
            let service = json!({"name": "product", "stable": "v1", "versions": versions});
            json!({"everyone_on_stable": off, "services": [service]})
        };
        let hint = "(`stoa canary set product reset` removes the override)";
        for (off, described) in [(true, "off"), (false, "v1=99.5% v2=0.5%")] {
            let expected = format!("canary product: {described} {hint}");
            assert_eq!(report("canary-router", router(off)), expected);
        }
        let hint = "(`stoa fault set payment reset` removes the override)";
        let settings = ["decline=30%".to_owned(), "abort=5%".to_owned()];
        let rules = payment_fault::operator::set(Value::Null, &settings).unwrap();
        for (config, described) in [
            (rules, "decline=30% abort=5%"),
            (json!({"enabled": false}), "off"),
        ] {
            let expected = format!("fault payment: {described} {hint}");
            assert_eq!(report("payment-fault", config), expected);
        }
        assert_eq!(report("other", json!({})), "other: overridden");
        assert!(super::report(&Overrides::default(), &[]).is_empty());
    }
}
