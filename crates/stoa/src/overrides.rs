//! Overrides of the configuration that the manifests give to the mesh's own filters, on this machine only. They are kept in the
//! state folder, and stay in force until `reset`.
//!
//! `canary.rs` and `fault.rs` are the commands, and each filter's crate defines its configuration. This module has what both
//! share: the mesh and its filters. `overrides/set.rs` writes an override and waits for the Envoys, `overrides/get.rs` shows what
//! is in force.

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

/// For each filter: its configuration in the manifests, and the workloads whose Envoys have the filter.
pub(crate) type Plugins = BTreeMap<String, (Value, Vec<String>)>;

/// A kind of filter that can be overridden.
pub(crate) struct Kind {
    /// Its command: `canary`.
    pub(crate) command: &'static str,
    /// Whether the filter with this name is of this kind.
    pub(crate) selects: fn(&str) -> bool,
    /// The services whose callers a filter affects, by its name and its configuration.
    pub(crate) services: fn(&str, &Value) -> Vec<String>,
    /// Describes a configuration for one service: `v1=75% v2=25%`.
    pub(crate) describe: fn(&Value, &str) -> String,
}

/// Selects the mesh.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// Folder that istio-compile wrote [default: the one that the mesh of the state folder runs with, else istio/compiled]
    #[arg(long, value_name = "DIR")]
    pub(crate) mesh: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) state: StateArgs,
}

impl PlaceArgs {
    /// The filters of the mesh.
    fn plugins(&self) -> Result<Plugins, Failure> {
        let running = || Run::running(&self.state.state_dir)?.compiled;
        let folder = self.mesh.clone().or_else(running);
        let folder = folder.unwrap_or_else(|| Path::new("istio").join("compiled"));
        let folder = stoa_mesh::in_force(&folder, &self.state.state_dir.join("mesh"));
        let compiled = Compiled::read(&folder).map_err(|error| compiled_failure(&error))?;
        compiled.plugins().map_err(|error| compiled_failure(&error))
    }

    /// The mesh's part of the state folder. The state folder must exist: no program would use an override in another folder.
    fn folder(&self) -> Result<PathBuf, Failure> {
        known_state_folder(&self.state.state_dir)?;
        Ok(self.state.state_dir.join("mesh"))
    }
}

/// Describes each override in one line, to remind people who start a mesh.
pub(crate) fn report(overrides: &Overrides, kinds: &[Kind]) -> Vec<String> {
    let mut lines = Vec::new();
    for (plugin, config) in &overrides.0 {
        let Some(kind) = kinds.iter().find(|kind| (kind.selects)(plugin)) else {
            lines.push(format!("{plugin}: overridden"));
            continue;
        };
        for service in (kind.services)(plugin, config) {
            let described = (kind.describe)(config, &service);
            let reset = kind.reset_hint(&service);
            lines.push(format!("{} {service}: {described}{reset}", kind.command));
        }
    }
    lines
}

impl Kind {
    fn reset_hint(&self, service: &str) -> String {
        let command = self.command;
        format!(" (`stoa {command} set {service} reset` goes back to the manifests)")
    }
}

/// An error of the command line.
pub(crate) fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Code::Usage, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{canary, fault};

    #[test]
    fn an_override_is_reported_with_the_way_back() {
        let report = |plugin: &str, config: Value| {
            let overrides = Overrides([(plugin.to_owned(), config)].into());
            super::report(&overrides, &[canary::KIND, fault::KIND]).join("\n")
        };
        let router = |off: bool| {
            let versions = json!([{"name": "v1", "weight": 9950}, {"name": "v2", "weight": 50}]);
            let service = json!({"name": "product", "stable": "v1", "versions": versions});
            json!({"everyone_on_stable": off, "services": [service]})
        };
        let back = "(`stoa canary set product reset` goes back to the manifests)";
        for (off, described) in [(true, "off"), (false, "v1=99.5% v2=0.5%")] {
            let expected = format!("canary product: {described} {back}");
            assert_eq!(report("canary-router", router(off)), expected);
        }
        let back = "(`stoa fault set payment reset` goes back to the manifests)";
        let settings = ["decline=30%".to_owned(), "abort=5%".to_owned()];
        let rules = payment_fault::operator::set(Value::Null, &settings).unwrap();
        for (config, described) in [
            (rules, "decline=30% abort=5%"),
            (json!({"enabled": false}), "off"),
        ] {
            let expected = format!("fault payment: {described} {back}");
            assert_eq!(report("payment-fault", config), expected);
        }
        assert_eq!(report("other", json!({})), "other: overridden");
        assert!(super::report(&Overrides::default(), &[]).is_empty());
    }
}
