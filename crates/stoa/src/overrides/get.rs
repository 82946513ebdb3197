//! Shows the configuration in force, and its origin.

use std::collections::BTreeSet;
use std::fmt;

use clap::Args;
use stoa_mesh::Overrides;

use super::{Kind, PlaceArgs, Plugins, usage};
use crate::exit::{Code, Failure};
use crate::output::print;
use stoa_up::Run;

/// `stoa canary get`, `stoa fault get`.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Service to show [default: all services with such a filter]
    pub(crate) service: Option<String>,

    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// The configuration in force for a service.
struct InForce {
    service: String,
    /// The override on this machine, if there is one.
    overridden: Option<String>,
    /// The configuration in the manifests.
    manifests: String,
    /// The workloads whose Envoys have the filter.
    workloads: Vec<String>,
}

/// Runs the command.
pub(crate) fn get(arguments: &GetArgs, kind: &Kind) -> Result<(), Failure> {
    let folder = arguments.place.folder()?;
    let state_dir = arguments.place.state.state_dir.display();
    let plugins = arguments.place.plugins()?;
    let io = |error: std::io::Error| Failure::io(&error, Code::Io, folder.display().to_string());
    let overrides = Overrides::read(&folder).map_err(io)?;
    let mut all = in_force(kind, &plugins, &overrides);
    if let Some(service) = &arguments.service {
        if all.iter().all(|one| one.service != *service) {
            return Err(no_such(kind, service, &all));
        }
        all.retain(|one| one.service == *service);
    }
    let mut lines: Vec<_> = all.iter().map(|one| one.line(kind, &state_dir)).collect();
    if lines.is_empty() {
        lines.push(format!("no service has a {}", kind.command));
    }
    if Run::running(&arguments.place.state.state_dir).is_none() {
        lines.push("No mesh runs: this is what the next `stoa up` starts with.".to_owned());
    }
    print(&format!("{}\n", lines.join("\n")))
}

/// All services with a filter of this kind, including overridden filters that no Envoy has.
fn in_force(kind: &Kind, plugins: &Plugins, overrides: &Overrides) -> Vec<InForce> {
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
    fn line(&self, kind: &Kind, state_dir: &impl fmt::Display) -> String {
        let (service, manifests) = (&self.service, &self.manifests);
        let at = match self.workloads.as_slice() {
            [] => "no Envoy has this filter".to_owned(),
            workloads => format!("at {}", workloads.join(", ")),
        };
        match &self.overridden {
            None => format!("{service}: {manifests}, as the manifests have it, {at}"),
            Some(overridden) => format!(
                "{service}: {overridden}, set in {state_dir}, {at}; the manifests have {manifests}{}",
                kind.reset_hint(service)
            ),
        }
    }
}

fn no_such(kind: &Kind, service: &str, all: &[InForce]) -> Failure {
    let (command, known) = (kind.command, all.iter().map(|one| one.service.as_str()));
    usage(match known.collect::<Vec<_>>().as_slice() {
        [] => format!("{service} has no {command}: no service has one"),
        known => format!(
            "{service} has no {command}; there is one for {}",
            known.join(", ")
        ),
    })
}
