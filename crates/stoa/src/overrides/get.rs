//! Shows the configuration of the filters that is in force, and whether an override or the manifests set this configuration.

use std::collections::BTreeSet;
use std::fmt;

use clap::Args;
use stoa_mesh::Overrides;

use super::{FilterKind, MeshArgs, Plugins, usage};
use crate::exit::{Code, Failure};
use crate::output::print;
use stoa_up::Run;

/// `stoa canary get`, `stoa fault get`.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Service to show [default: all services with such a filter]
    pub(crate) service: Option<String>,

    #[command(flatten)]
    pub(crate) mesh: MeshArgs,
}

/// The configuration that is in force for a service.
struct InForce {
    service: String,
    /// The override on this machine; `None` if the configuration of the manifests is in force.
    overridden: Option<String>,
    /// The configuration in the manifests.
    manifests: String,
    /// The workloads whose Envoys run the filter.
    workloads: Vec<String>,
}

/// Runs the command.
pub(crate) fn get(arguments: &GetArgs, kind: &FilterKind) -> Result<(), Failure> {
    let folder = arguments.mesh.folder()?;
    let state_dir = arguments.mesh.state.state_dir.display();
    let plugins = arguments.mesh.plugins()?;
    let io = |error: std::io::Error| Failure::io(&error, Code::Io, folder.display().to_string());
    let overrides = Overrides::read(&folder).map_err(io)?;
    let mut all = in_force(kind, &plugins, &overrides);
    if let Some(service) = &arguments.service {
        if all.iter().all(|entry| entry.service != *service) {
            return Err(unknown_service(kind, service, &all));
        }
        all.retain(|entry| entry.service == *service);
    }
    let mut lines: Vec<_> = all
        .iter()
        .map(|entry| entry.line(kind, &state_dir))
        .collect();
    if lines.is_empty() {
        lines.push(format!("no service has a {} filter", kind.command));
    }
    if Run::running(&arguments.mesh.state.state_dir).is_none() {
        lines.push("No mesh runs. The next `stoa up` starts with this configuration.".to_owned());
    }
    print(&format!("{}\n", lines.join("\n")))
}

/// All services with a filter of this kind. A filter that has an override counts even if no Envoy runs it.
fn in_force(kind: &FilterKind, plugins: &Plugins, overrides: &Overrides) -> Vec<InForce> {
    let names: BTreeSet<_> = plugins.keys().chain(overrides.0.keys()).collect();
    let mut all = Vec::new();
    for plugin in names.into_iter().filter(|plugin| (kind.selects)(plugin)) {
        let (manifest, workloads) = plugins.get(plugin).cloned().unwrap_or_default();
        let overridden = overrides.0.get(plugin);
        for service in (kind.services)(plugin, overridden.unwrap_or(&manifest)) {
            all.push(InForce {
                overridden: overridden.map(|config| (kind.describe)(config, &service)),
                manifests: (kind.describe)(&manifest, &service),
                workloads: workloads.clone(),
                service,
            });
        }
    }
    all
}

impl InForce {
    fn line(&self, kind: &FilterKind, state_dir: &impl fmt::Display) -> String {
        let (service, manifests) = (&self.service, &self.manifests);
        let workloads = match self.workloads.as_slice() {
            [] => "no Envoy has this filter".to_owned(),
            workloads => format!("at {}", workloads.join(", ")),
        };
        match &self.overridden {
            None => format!("{service}: {manifests}, from the manifests, {workloads}"),
            Some(overridden) => format!(
                "{service}: {overridden}, set in {state_dir}, {workloads}; the manifests have {manifests}{}",
                kind.reset_hint(service)
            ),
        }
    }
}

fn unknown_service(kind: &FilterKind, service: &str, all: &[InForce]) -> Failure {
    let command = kind.command;
    let known = all.iter().map(|entry| entry.service.as_str());
    usage(match known.collect::<Vec<_>>().as_slice() {
        [] => format!(
            "{service} has no {command} filter, and no other service has a {command} filter"
        ),
        known => format!(
            "{service} has no {command} filter; services with a {command} filter: {}",
            known.join(", ")
        ),
    })
}
