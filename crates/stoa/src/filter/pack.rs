//! `stoa filter pack`.

use std::path::PathBuf;

use clap::Args;
use stoa_image::layout;

use super::packed::{LabelArgs, pack_file};
use crate::exit::{Code, Failure};
use crate::image::layout_failure;
use crate::output::print;

/// `stoa filter pack`.
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
The same filter and labels give the same digest on every machine. A folder can hold many images, each under NAME:VERSION. \
Packing the same NAME:VERSION again replaces its entry in the index and deletes no files.

Example:
  stoa filter pack payment_fault.wasm --version 0.1.0 --out target/images"
)]
pub(crate) struct PackArgs {
    /// File of the filter, built for wasm32-wasip1
    #[arg(value_name = "FILE.wasm")]
    pub(crate) file: PathBuf,

    /// Folder for the image, in the OCI image layout; created if it does not exist
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    #[command(flatten)]
    pub(crate) labels: LabelArgs,
}

/// Runs the command.
pub(super) fn run(arguments: &PackArgs) -> Result<(), Failure> {
    let packed = pack_file(&arguments.file, &arguments.labels)?;
    layout::write(&arguments.out, &packed.image, &packed.reference)
        .map_err(|error| layout_failure(&error, Code::CannotCreate))?;
    print(&format!(
        "image: {}\nabi: proxy-wasm {}\ndigest: {}\nsize: {} bytes\n",
        packed.reference,
        packed.abi,
        packed.image.digest(),
        packed.image.size()
    ))
}
