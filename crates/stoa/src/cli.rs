//! The command line: all commands, and the code that runs them. Each command has its arguments in its own file.

use clap::{Parser, Subcommand};

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

const ABOUT: &str = "Runs an application of WebAssembly components, as its spin.toml describes it, on this machine.";

const EXAMPLES: &str = "\
Examples:
  stoa up                                    run ./spin.toml on port 8080
  stoa up --no-mesh                          the same without Envoys
  stoa up --listen 127.0.0.1:0               on a port that is free
  stoa up --variable payment_url=http://127.0.0.1:9000
  stoa check                                 all that is wrong with ./spin.toml
  stoa mesh status                           what a running mesh's Envoys have
  stoa canary set product v2=25%             and change what they do
  stoa fault set payment decline=30%
  stoa scenario list                         failures that can be replayed
  stoa load --users 20 --duration 1m         customers who browse and buy
  stoa audit                                 whether a shop's books agree
  stoa reset                                 remove an application's data
  stoa doctor                                what this machine has and lacks
  stoa filter push F.wasm REGISTRY/NAME:TAG  an Envoy filter, for Istio

Values:
  DURATION  500ms, 30s, 5m or 24h; from 10ms to 24h
  SIZE      65536, 64KiB, 256MiB or 1GiB

Exit codes (sysexits):
  0     done or stopped
  1     what was checked does not hold
  64    wrong command line
  65    wrong manifest or filter
  66    no such file or folder
  69    something is missing or in use, or a registry refuses
  70    a fault of stoa
  73    cannot create
  74    cannot read or write
  77    not permitted
  130   stopped at once: by a second Ctrl-C, or in `stoa load` by one before
        customers came";

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
    /// Read a manifest and its .wasm files, and print what they declare or what is wrong
    Check(AppArgs),
    /// Check the requirements for building and running, and print how to install what is missing
    Doctor(DoctorArgs),
    /// Show the state of the Envoys of a running mesh, as istioctl does for a cluster
    #[command(subcommand)]
    Mesh(MeshCommand),
    /// Set the share of each version in the canary-router, while the mesh runs
    #[command(subcommand)]
    Canary(CanaryCommand),
    /// Set the faults that a fault filter injects, while the mesh runs
    #[command(subcommand)]
    Fault(FaultCommand),
    /// List the scenarios (failures to replay in a mesh), or end the one in force
    #[command(subcommand)]
    Scenario(ScenarioCommand),
    /// Simulate customers who browse and buy in a shop, check the responses, and report latencies
    Load(Box<load::LoadArgs>),
    /// Read all services of a running shop, and check that they agree about orders, money, stock and parcels
    Audit(audit::AuditArgs),
    /// Remove the data of an application that does not run, after a confirmation
    Reset(ResetArgs),
    /// Pack an Envoy filter as an OCI image, and push it
    #[command(subcommand)]
    Filter(FilterCommand),
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
    fn help_is_wrapped_once_by_the_width_of_the_terminal() {
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
                    "{name}: a paragraph that is wrapped by hand is wrapped again: {pair:?}"
                );
            }
            for line in lines.iter().filter(|line| line.starts_with(' ')) {
                assert!(
                    line.chars().count() <= 80,
                    "{name}: wrapped on a terminal: {line}"
                );
            }
        }
    }
}
