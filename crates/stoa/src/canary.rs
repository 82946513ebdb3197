//! `stoa canary`: shows and sets the share of callers that each version of a service gets. The new shares apply only on this
//! machine, and a running mesh applies them at once.

use canary_router::operator;
use clap::{Args, Subcommand};

use crate::exit::Failure;
use crate::overrides::get::{GetArgs, get};
use crate::overrides::set::{FilterEditor, set};
use crate::overrides::{FilterKind, MeshArgs};

/// Name of the filter that chooses a version for each request.
const ROUTER_FILTER: &str = "canary-router";

/// The filters that `stoa canary` overrides.
pub(crate) const FILTER_KIND: FilterKind = FilterKind {
    command: "canary",
    selects: |plugin| plugin == ROUTER_FILTER,
    services: |_, config| operator::services(config),
    describe: operator::describe,
};

/// `stoa canary`.
#[derive(Debug, Subcommand)]
pub(crate) enum CanaryCommand {
    /// Show the share of each version, and whether the share comes from the manifests or from `stoa canary set`
    Get(GetArgs),
    /// Send a share of a service's callers to a version
    #[command(after_help = operator::HELP)]
    Set(SetArgs),
}

/// `stoa canary set`.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Service that has the versions, such as product
    service: String,

    /// Share of a version, such as v2=25%; or `off` to send every caller to the stable version; or `reset` to return to the
    /// manifests' shares
    #[arg(required = true, value_name = "VERSION=SHARE|off|reset")]
    settings: Vec<String>,

    #[command(flatten)]
    mesh: MeshArgs,
}

/// Runs the command.
pub(crate) fn run(command: &CanaryCommand) -> Result<(), Failure> {
    match command {
        CanaryCommand::Get(arguments) => get(arguments, &FILTER_KIND),
        CanaryCommand::Set(arguments) => {
            let service = &arguments.service;
            let editor = FilterEditor {
                turn_off: |config| operator::turn_off(config, service),
                set: |config, settings: &[String]| operator::set(config, service, settings),
                missing: |plugin, _| format!("no Envoy has the filter {plugin}"),
            };
            set(&arguments.mesh, ROUTER_FILTER, &arguments.settings, editor)
        }
    }
}
