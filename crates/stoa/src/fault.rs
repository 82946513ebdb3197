//! `stoa fault`: sets the faults of a service, on this machine. A running mesh applies them at once.

use clap::{Args, Subcommand};
use payment_fault::operator;

use crate::exit::Failure;
use crate::overrides::get::{GetArgs, get};
use crate::overrides::set::{Changes, set};
use crate::overrides::{Kind, PlaceArgs, Plugins};

/// Suffix of the name of a service's fault filter.
const SUFFIX: &str = "-fault";

/// The filters that `stoa fault` overrides.
pub(crate) const KIND: Kind = Kind {
    command: "fault",
    selects: |plugin| plugin.ends_with(SUFFIX),
    services: |plugin, _| vec![plugin.strip_suffix(SUFFIX).unwrap_or(plugin).to_owned()],
    describe: |config, _| operator::describe(config),
};

/// `stoa fault`.
#[derive(Debug, Subcommand)]
pub(crate) enum FaultCommand {
    /// Show the faults of each service, and whether they were set here or come from the manifests
    Get(GetArgs),
    /// Make a service fail for a share of its callers
    #[command(after_help = operator::help())]
    Set(SetArgs),
}

/// `stoa fault set`.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// The service
    service: String,

    /// Share of a kind of fault, such as decline=30%, optionally with a value, such as delay=10%:200ms; or `off`; or `reset`
    #[arg(required = true, value_name = "KIND=SHARE[:VALUE]|off|reset")]
    what: Vec<String>,

    #[command(flatten)]
    place: PlaceArgs,
}

/// Runs the command.
pub(crate) fn run(command: &FaultCommand) -> Result<(), Failure> {
    match command {
        FaultCommand::Get(arguments) => get(arguments, &KIND),
        FaultCommand::Set(arguments) => {
            let plugin = format!("{}{SUFFIX}", arguments.service);
            let changes = Changes {
                turn_off: operator::turn_off,
                set: operator::set,
                missing,
            };
            set(&arguments.place, &plugin, &arguments.what, changes)
        }
    }
}

/// The error message if no Envoy has this filter.
fn missing(plugin: &str, plugins: &Plugins) -> String {
    let service = plugin.strip_suffix(SUFFIX).unwrap_or(plugin);
    let known = plugins.keys().filter_map(|name| name.strip_suffix(SUFFIX));
    match known.collect::<Vec<_>>().as_slice() {
        [] => format!("no Envoy has a fault filter, {plugin} neither"),
        known => format!(
            "no Envoy has a filter {plugin}, so {service} cannot be made to fail; there is one for {}",
            known.join(", ")
        ),
    }
}
