//! `stoa app`: packs an application as Spin's OCI artifact (`app/pack.rs`), and pushes an application to a registry
//! (`app/push.rs`). The crate stoa-app-image implements the packing. `app/packed.rs` packs for both commands.

mod pack;
mod packed;
mod push;

use clap::Subcommand;

use crate::exit::Failure;
use pack::PackArgs;
use push::PushArgs;

/// `stoa app`.
#[derive(Debug, Subcommand)]
pub(crate) enum AppCommand {
    /// Write an application as Spin's OCI artifact into a folder
    Pack(PackArgs),
    /// Push an application to a registry as Spin's OCI artifact, which Spin and SpinKube run
    Push(PushArgs),
}

/// Runs the command.
pub(crate) fn run(command: &AppCommand) -> Result<(), Failure> {
    match command {
        AppCommand::Pack(arguments) => pack::run(arguments),
        AppCommand::Push(arguments) => push::run(arguments),
    }
}
