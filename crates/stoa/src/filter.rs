//! `stoa filter`: packs an Envoy filter for Istio (`filter/pack.rs`), and pushes it to a registry (`filter/push.rs`). The work is in
//! stoa-filter-image; here are the commands, and in `filter/packed.rs` the labels that both take.

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
    /// Send a filter to a registry, and print what a WasmPlugin is to say
    Push(PushArgs),
}

/// Runs the command.
pub(crate) fn run(command: &FilterCommand) -> Result<(), Failure> {
    match command {
        FilterCommand::Pack(arguments) => pack::run(arguments),
        FilterCommand::Push(arguments) => push::run(arguments),
    }
}
