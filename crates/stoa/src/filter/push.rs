//! `stoa filter push`.

use std::path::PathBuf;

use clap::Args;
use stoa_image::{Destination, Image, layout};

use super::packed::{LabelArgs, pack_file};
use crate::exit::{Code, Failure};
use crate::image::{layout_failure, push};
use crate::output::print;

/// `stoa filter push`.
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Credentials are read from the file that `docker login` writes: config.json in the folder DOCKER_CONFIG, or in ~/.docker. \
The keys auths, credHelpers and credsStore are supported. HTTPS_PROXY, HTTP_PROXY and NO_PROXY select a proxy.

Examples:
  stoa filter push target/images registry.example/shop/payment-fault:0.1.0
  stoa filter push payment_fault.wasm 127.0.0.1:5000/fault:1 --version 0.1.0"
)]
pub(crate) struct PushArgs {
    /// Folder that `stoa filter pack` wrote, or a filter's file, which is packed first. If the folder has several images, the
    /// image with the destination's name and tag is pushed
    #[arg(value_name = "DIR|FILE.wasm")]
    pub(crate) source: PathBuf,

    /// Registry, repository and tag to push to
    #[arg(value_name = "REGISTRY/REPOSITORY:TAG")]
    pub(crate) destination: String,

    /// Use plain HTTP; a registry on this machine always gets plain HTTP
    #[arg(long)]
    pub(crate) insecure: bool,

    #[command(flatten)]
    pub(crate) labels: LabelArgs,
}

/// Runs the command.
pub(super) fn run(arguments: &PushArgs) -> Result<(), Failure> {
    let to = Destination::new(&arguments.destination, arguments.insecure)
        .map_err(|error| Failure::new(Code::Usage, error.to_string()))?;
    let image = image(arguments, &to)?;
    let pushed = push(&image, &to)?;
    print(&format!(
        "url: oci://{}\nsha256: {}\n",
        pushed.reference,
        pushed.digest.trim_start_matches("sha256:")
    ))
}

fn image(arguments: &PushArgs, to: &Destination) -> Result<Image, Failure> {
    let source = &arguments.source;
    if !source.is_dir() {
        return Ok(pack_file(source, &arguments.labels)?.image);
    }
    if arguments.labels.has_pack_arguments() {
        return Err(Failure::new(
            Code::Usage,
            format!(
                "the images in {} are packed already; use --name, --version and --annotation with `stoa filter pack`",
                source.display()
            ),
        ));
    }
    layout::read(source, &to.image()).map_err(|error| layout_failure(&error, Code::Io))
}
