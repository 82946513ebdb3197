//! `stoa app push`.

use std::path::PathBuf;

use clap::Args;
use stoa_image::Destination;

use super::packed::{pack, print_packed};
use crate::exit::{Code, Failure};
use crate::image::{chain, push};

/// `stoa app push`.
#[derive(Debug, Args)]
#[command(after_help = "\
The artifact has the format of `spin registry push`. Each component is composed with its dependencies. The same manifest and \
.wasm files give the same digest on every machine. Blobs that the registry has are not sent again.

Credentials are read from the file that `docker login` writes: config.json in the folder DOCKER_CONFIG, or in ~/.docker. \
The keys auths, credHelpers and credsStore are supported. HTTPS_PROXY, HTTP_PROXY and NO_PROXY select a proxy.

Example:
  stoa app push --manifest spin.toml registry.example.com/stoa/shop:0.1.0")]
pub(crate) struct PushArgs {
    /// The application's manifest. Build its components first
    #[arg(short = 'f', long, value_name = "FILE", default_value = "spin.toml")]
    manifest: PathBuf,

    /// Registry, repository and tag to push to: REGISTRY/REPOSITORY:TAG
    #[arg(value_name = "REFERENCE")]
    reference: String,

    /// Use plain HTTP; a registry on this machine always gets plain HTTP
    #[arg(long)]
    insecure: bool,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &PushArgs) -> Result<(), Failure> {
    let to = Destination::new(&arguments.reference, arguments.insecure).map_err(|error| {
        let message = format!("REFERENCE: {}", chain(&error));
        Failure::new(Code::Usage, message)
    })?;
    let packed = pack(&arguments.manifest)?;
    push(&packed.image, &to)?;
    let image = format!("{}@{}", to.repository(), packed.image.digest());
    print_packed(&packed, &image, arguments.json)
}
