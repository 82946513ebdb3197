//! `stoa canary`: sets the share of each version of a service, on this machine. A running mesh applies it at once.

use canary_router::operator;
use clap::{Args, Subcommand};

use crate::exit::Failure;
use crate::overrides::get::{GetArgs, get};
use crate::overrides::set::{Changes, set};
use crate::overrides::{Kind, PlaceArgs};

/// The filter that chooses versions.
const ROUTER: &str = "canary-router";

/// The filters that `stoa canary` overrides.
pub(crate) const KIND: Kind = Kind {
    command: "canary",
    selects: |plugin| plugin == ROUTER,
    services: |_, config| operator::services(config),
    describe: operator::describe,
};

/// `stoa canary`.
#[derive(Debug, Subcommand)]
pub(crate) enum CanaryCommand {
    /// Show the share of each version, and whether it was set here or comes from the manifests
    Get(GetArgs),
    /// Send a share of a service's callers to a version
    #[command(after_help = operator::HELP)]
    Set(SetArgs),
}

/// `stoa canary set`.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The service
    service: String,

    /// The share of a version, such as v2=25%; or `off`; or `reset`
    #[arg(required = true, value_name = "VERSION=SHARE|off|reset")]
    what: Vec<String>,

    #[command(flatten)]
    place: PlaceArgs,
}

/// Runs the command.
pub(crate) fn run(command: &CanaryCommand) -> Result<(), Failure> {
    match command {
        CanaryCommand::Get(arguments) => get(arguments, &KIND),
        CanaryCommand::Set(arguments) => {
            let service = &arguments.service;
            let changes = Changes {
                turn_off: |config| operator::turn_off(config, service),
                set: |config, settings: &[String]| operator::set(config, service, settings),
                missing: |plugin, _| format!("no Envoy has a filter {plugin}"),
            };
            set(&arguments.place, ROUTER, &arguments.what, changes)
        }
    }
}
