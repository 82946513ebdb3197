//! The command line: lists all commands, and calls the code of the selected command. The arguments of a command are defined in the
//! command's own file.

use clap::{Parser, Subcommand};

use crate::app::{self, AppCommand};
use crate::args::AppArgs;
use crate::canary::{self, CanaryCommand};
use crate::check;
use crate::doctor::{self, DoctorArgs};
use crate::exit::Failure;
use crate::fault::{self, FaultCommand};
use crate::filter::{self, FilterCommand};
use crate::mesh::{self, MeshCommand};
use crate::reset::{self, ResetArgs};
use crate::scenario::{self, ScenarioCommand};
use crate::shop::{audit, load};
use crate::up::{self, UpArgs};

const ABOUT: &str =
    "Runs an application of WebAssembly components, described by its spin.toml, on this machine.";

const EXAMPLES: &str = "\
Examples:
  stoa up                                    run ./spin.toml on port 8080
  stoa up --no-mesh                          run ./spin.toml without Envoys
  stoa up --listen 127.0.0.1:0               run ./spin.toml on any free port
  stoa up --variable payment_url=http://127.0.0.1:9000
  stoa check                                 list the errors in ./spin.toml
  stoa mesh status                           show the state of a mesh's Envoys
  stoa canary set product v2=25%             send 25% of callers to version v2
  stoa fault set payment decline=30%         decline 30% of the payments
  stoa scenario list                         list failures to replay
  stoa load --users 20 --duration 1m         simulate 20 customers
  stoa audit                                 check a shop's records
  stoa reset                                 remove an application's data
  stoa doctor                                check this machine
  stoa filter push F.wasm REGISTRY/NAME:TAG  push an Envoy filter for Istio
  stoa app push REGISTRY/NAME:TAG            push ./spin.toml for SpinKube

Values:
  DURATION  such as 500ms, 30s, 5m or 24h; from 10ms to 24h
  SIZE      such as 65536, 64KiB, 256MiB or 1GiB

Exit codes (sysexits):
  0     success, or stopped by a first Ctrl-C
  1     `stoa audit` or `stoa load` found errors in the shop
  64    invalid command line
  65    invalid data, such as a manifest, an OpenAPI document or a filter
  66    a file or folder does not exist
  69    a resource is missing, in use or does not respond
  70    internal error of stoa
  73    cannot create a file or folder
  74    cannot read or write a file
  77    permission denied
  130   stopped at once: by a second Ctrl-C, or by a first Ctrl-C before
        `stoa load` has started its customers";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "stoa", version, about = ABOUT, after_help = EXAMPLES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start an application; Ctrl-C stops it
    Up(Box<UpArgs>),
    /// Read a manifest and its .wasm files, and print the routes and timers, or else all errors
    Check(AppArgs),
    /// Check the requirements for building and running, and print for each missing requirement how to install it
    Doctor(DoctorArgs),
    /// Show the state of the Envoys of a running mesh, as istioctl does for a cluster
    #[command(subcommand)]
    Mesh(MeshCommand),
    /// Show or set the share of callers that each version of a service gets
    #[command(subcommand)]
    Canary(CanaryCommand),
    /// Show or set the faults that are injected into requests to a service
    #[command(subcommand)]
    Fault(FaultCommand),
    /// List the scenarios (failures that a mesh can replay), or end the scenario in force
    #[command(subcommand)]
    Scenario(ScenarioCommand),
    /// Simulate customers who browse and buy in a shop, check the responses, and report latencies
    Load(Box<load::LoadArgs>),
    /// Read all services of a running shop, and check that their records agree about orders, money, stock and parcels
    Audit(audit::AuditArgs),
    /// Remove the data of a stopped application, after a confirmation
    Reset(ResetArgs),
    /// Pack an Envoy filter as an OCI image, or push a filter to a registry
    #[command(subcommand)]
    Filter(FilterCommand),
    /// Pack an application as Spin's OCI artifact, or push an application to a registry
    #[command(subcommand)]
    App(AppCommand),
}

impl Command {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Up(arguments) => up::run(*arguments),
            Self::Check(arguments) => check::run(&arguments),
            Self::Doctor(arguments) => doctor::run(&arguments),
            Self::Mesh(command) => mesh::run(&command),
            Self::Canary(command) => canary::run(&command),
            Self::Fault(command) => fault::run(&command),
            Self::Scenario(command) => scenario::run(&command),
            Self::Reset(arguments) => reset::run(&arguments),
            Self::Load(arguments) => load::run(&arguments),
            Self::Audit(arguments) => audit::run(&arguments),
            Self::Filter(command) => filter::run(&command),
            Self::App(command) => app::run(&command),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// A command and all its subcommands.
    fn commands(command: clap::Command) -> Vec<clap::Command> {
        let below: Vec<_> = command.get_subcommands().cloned().collect();
        let below = below.into_iter().flat_map(commands);
        std::iter::once(command)
            .chain(below.collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn help_texts_are_not_wrapped_by_hand() {
        for command in commands(Cli::command()) {
            let name = command.get_name().to_owned();
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            let lines: Vec<_> = help.lines().collect();
            for pair in lines.windows(2) {
                let prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
                let heading = pair[0].ends_with(':');
                assert!(
                    !(prose(pair[0]) && prose(pair[1])) || heading,
                    "{name}: do not wrap a paragraph by hand, because clap wraps it again: {pair:?}"
                );
            }
            for line in lines.iter().filter(|line| line.starts_with(' ')) {
                assert!(
                    line.chars().count() <= 80,
                    "{name}: the line is longer than a terminal of 80 columns: {line}"
                );
            }
        }
    }
}
