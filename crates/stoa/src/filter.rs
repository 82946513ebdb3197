//! `stoa filter`: packs an Envoy filter the way Istio fetches it (`filter/pack.rs`), and pushes it to a registry
//! (`filter/push.rs`). The work is in stoa-filter-image; here are its options and what its errors mean to a shell.

mod pack;
mod push;

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use stoa_filter_image::layout::LayoutError;
use stoa_filter_image::{Image, Labels, Module};

use crate::exit::{Code, Failure};

/// `stoa filter`.
#[derive(Debug, Subcommand)]
pub(crate) enum FilterCommand {
    /// Write a filter as an OCI image into a folder
    Pack(PackArgs),
    /// Send a filter to a registry, and print what a WasmPlugin is to say
    Push(PushArgs),
}

/// `stoa filter pack`.
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
The same filter and labels give the same digest everywhere. A folder holds many images, each under NAME:VERSION; packing \
again replaces that one, and nothing is deleted.

Example:
  stoa filter pack payment_fault.wasm --version 0.1.0 --out target/images"
)]
pub(crate) struct PackArgs {
    /// The filter, built for wasm32-wasip1
    #[arg(value_name = "FILE.wasm")]
    pub(crate) file: PathBuf,

    /// The folder of the image, an OCI image layout; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    #[command(flatten)]
    pub(crate) labels: LabelArgs,
}

/// `stoa filter push`.
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Credentials are those of `docker login`: config.json in the folder DOCKER_CONFIG, or in ~/.docker, \
with auths, credHelpers and credsStore. A proxy is taken from HTTPS_PROXY, HTTP_PROXY, NO_PROXY.

Examples:
  stoa filter push target/images registry.example/shop/payment-fault:0.1.0
  stoa filter push payment_fault.wasm 127.0.0.1:5000/fault:1 --version 0.1.0"
)]
pub(crate) struct PushArgs {
    /// A folder that `stoa filter pack` wrote, or a filter, which is packed first. Of several images in a folder, the one
    /// with the destination's name and tag
    #[arg(value_name = "DIR|FILE.wasm")]
    pub(crate) source: PathBuf,

    /// Where to
    #[arg(value_name = "REGISTRY/REPOSITORY:TAG")]
    pub(crate) destination: String,

    /// Speak plain HTTP, as is always done with a registry on this machine
    #[arg(long)]
    pub(crate) insecure: bool,

    #[command(flatten)]
    pub(crate) labels: LabelArgs,
}

/// What is written on an image.
#[derive(Debug, Args)]
pub(crate) struct LabelArgs {
    /// The image's title [default: the name of the file, with dashes]
    #[arg(long)]
    name: Option<String>,

    /// The image's version
    #[arg(long)]
    version: Option<String>,

    /// One more annotation, such as org.opencontainers.image.licenses=Apache-2.0
    #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = annotation)]
    annotations: Vec<(String, String)>,

    /// When it was created, in seconds since 1970 [default: not said, so that every build gives the same digest]
    #[arg(long, value_name = "SECONDS", env = "SOURCE_DATE_EPOCH")]
    created: Option<i64>,
}

/// Runs the command.
pub(crate) fn run(command: &FilterCommand) -> Result<(), Failure> {
    match command {
        FilterCommand::Pack(arguments) => pack::run(arguments),
        FilterCommand::Push(arguments) => push::run(arguments),
    }
}

/// A filter that was read, as an image.
struct Packed {
    image: Image,
    abi: String,
    /// `NAME:VERSION`.
    reference: String,
}

fn packed(file: &Path, labels: &LabelArgs) -> Result<Packed, Failure> {
    let bytes =
        std::fs::read(file).map_err(|error| Failure::io(&error, Code::Io, file.display()))?;
    let module = Module::new(bytes).map_err(|error| {
        Failure::new(Code::Data, format!("{} {}", file.display(), chain(&error)))
    })?;
    let labels = labels
        .checked(file)
        .map_err(|error| Failure::new(Code::Usage, error))?;
    let image = Image::pack(&module, &labels)
        .map_err(|error| Failure::io(&error, Code::Internal, "packing"))?;
    Ok(Packed {
        image,
        abi: module.abi(),
        reference: labels.reference(),
    })
}

impl LabelArgs {
    /// Whether anything was said that holds for a filter only as it is packed.
    fn any(&self) -> bool {
        self.name.is_some() || self.version.is_some() || !self.annotations.is_empty()
    }

    fn checked(&self, file: &Path) -> Result<Labels, String> {
        let stem = || Some(file.file_stem()?.to_str()?.replace('_', "-"));
        let name = self.name.clone().or_else(stem).unwrap_or_default();
        let others = self.annotations.iter().cloned();
        Labels::new(&name, self.version.as_deref(), self.created, others)
            .map_err(|error| error.to_string())
    }
}

fn annotation(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// What an error of the image's folder means; `otherwise` where the file system does not say.
fn of_layout(error: &LayoutError, otherwise: Code) -> Failure {
    match error {
        LayoutError::Io { path, source } => Failure::io(source, otherwise, path.display()),
        LayoutError::Which { .. } => Failure::new(Code::Usage, error.to_string()),
        LayoutError::NotALayout { .. } | LayoutError::Damaged { .. } => {
            Failure::new(Code::Data, error.to_string())
        }
    }
}

/// An error with its causes, each said once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut said = BTreeSet::from([text.clone()]);
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if said.insert(words.clone()) {
            let _ = write!(text, ": {words}");
        }
        next = cause.source();
    }
    text
}
