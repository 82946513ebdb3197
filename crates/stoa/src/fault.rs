//! `stoa fault`: shows and sets the faults that are injected into requests to a service. The new faults apply only on this machine,
//! and a running mesh applies them at once.

use clap::{Args, Subcommand};
use payment_fault::operator;

use crate::exit::Failure;
use crate::overrides::get::{GetArgs, get};
use crate::overrides::set::{FilterEditor, set};
use crate::overrides::{FilterKind, MeshArgs, Plugins};

/// The suffix of a fault filter's name. The service's name precedes it, as in `payment-fault`.
const FILTER_SUFFIX: &str = "-fault";

/// The filters that `stoa fault` overrides.
pub(crate) const FILTER_KIND: FilterKind = FilterKind {
    command: "fault",
    selects: |plugin| plugin.ends_with(FILTER_SUFFIX),
    services: |plugin, _| {
        vec![
            plugin
                .strip_suffix(FILTER_SUFFIX)
                .unwrap_or(plugin)
                .to_owned(),
        ]
    },
    describe: |config, _| operator::describe(config),
};

/// `stoa fault`.
#[derive(Debug, Subcommand)]
pub(crate) enum FaultCommand {
    /// Show the faults of each service, and whether the faults come from the manifests or from `stoa fault set`
    Get(GetArgs),
    /// Inject faults into a share of the requests to a service
    #[command(after_help = operator::help())]
    Set(SetArgs),
}

/// `stoa fault set`.
#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Service that gets the requests, such as payment
    service: String,

    /// Kind of fault and its share of the requests, such as decline=30%, or with a value, such as delay=10%:200ms; or `off` for no
    /// faults; or `reset` to return to the manifests' faults
    #[arg(required = true, value_name = "KIND=SHARE[:VALUE]|off|reset")]
    settings: Vec<String>,

    #[command(flatten)]
    mesh: MeshArgs,
}

/// Runs the command.
pub(crate) fn run(command: &FaultCommand) -> Result<(), Failure> {
    match command {
        FaultCommand::Get(arguments) => get(arguments, &FILTER_KIND),
        FaultCommand::Set(arguments) => {
            let plugin = format!("{}{FILTER_SUFFIX}", arguments.service);
            let editor = FilterEditor {
                turn_off: operator::turn_off,
                set: operator::set,
                missing,
            };
            set(&arguments.mesh, &plugin, &arguments.settings, editor)
        }
    }
}

/// The error message if no Envoy has the filter `plugin`.
fn missing(plugin: &str, plugins: &Plugins) -> String {
    let service = plugin.strip_suffix(FILTER_SUFFIX).unwrap_or(plugin);
    let known = plugins
        .keys()
        .filter_map(|name| name.strip_suffix(FILTER_SUFFIX));
    match known.collect::<Vec<_>>().as_slice() {
        [] => format!("no Envoy has the filter {plugin}, or any other fault filter"),
        known => format!(
            "no Envoy has the filter {plugin}, so faults for {service} cannot be set; services with a fault filter: {}",
            known.join(", ")
        ),
    }
}
