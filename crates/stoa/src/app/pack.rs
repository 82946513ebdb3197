//! `stoa app pack`.

use std::path::PathBuf;

use clap::Args;
use stoa_image::layout;

use super::packed::{pack, print_packed};
use crate::exit::{Code, Failure};
use crate::image::layout_failure;

/// `stoa app pack`.
#[derive(Debug, Args)]
#[command(after_help = "\
The same manifest and .wasm files give the same digest on every machine. A folder can hold many artifacts, each under the \
application's NAME:VERSION. Packing the same NAME:VERSION again replaces its entry in the index and deletes no files.

Example:
  stoa app pack --manifest spin.toml --output target/images")]
pub(crate) struct PackArgs {
    /// The application's manifest. Build its components first
    #[arg(short = 'f', long, value_name = "FILE", default_value = "spin.toml")]
    manifest: PathBuf,

    /// Folder for the artifact, in the OCI image layout; created if it does not exist
    #[arg(long, value_name = "FOLDER")]
    output: PathBuf,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &PackArgs) -> Result<(), Failure> {
    let packed = pack(&arguments.manifest)?;
    layout::write(&arguments.output, &packed.image, &packed.reference)
        .map_err(|error| layout_failure(&error, Code::CannotCreate))?;
    let image = format!("{}@{}", packed.reference, packed.image.digest());
    print_packed(&packed, &image, arguments.json)
}
