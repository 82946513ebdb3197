//! `stoa filter`: packs an Envoy filter for Istio (`filter/pack.rs`), and pushes a filter to a registry (`filter/push.rs`).
//! The crate stoa-filter-image implements packing and pushing. `filter/packed.rs` has the label arguments of both commands.

mod pack;
mod packed;
mod push;

use clap::Subcommand;

use crate::exit::Failure;
use pack::PackArgs;
use push::PushArgs;

/// `stoa filter`.
#[derive(Debug, Subcommand)]
pub(crate) enum FilterCommand {
    /// Write a filter as an OCI image into a folder
    Pack(PackArgs),
    /// Push a filter to a registry, and print the fields that a WasmPlugin needs
    Push(PushArgs),
}

/// Runs the command.
pub(crate) fn run(command: &FilterCommand) -> Result<(), Failure> {
    match command {
        FilterCommand::Pack(arguments) => pack::run(arguments),
        FilterCommand::Push(arguments) => push::run(arguments),
    }
}
