//! `stoa filter push`.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use stoa_filter_image::{
    Credentials, CredentialsError, Destination, Image, Progress, PushError, layout,
};

use super::packed::{LabelArgs, chain, layout_failure, packed};
use crate::exit::{Code, Failure};
use crate::output::{note, print};

/// Interval of progress lines, for pushes that take longer than this.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

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
    /// Folder that `stoa filter pack` wrote, or a filter file, which is packed first. If the folder has several images,
    /// the one with the destination's name and tag is pushed
    #[arg(value_name = "DIR|FILE.wasm")]
    pub(crate) source: PathBuf,

    /// Registry, repository and tag to push to
    #[arg(value_name = "REGISTRY/REPOSITORY:TAG")]
    pub(crate) destination: String,

    /// Use plain HTTP; always used for a registry on this machine
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
    let credentials = Credentials::find(to.registry()).map_err(|error| match &error {
        CredentialsError::Unreadable { path, source } => {
            Failure::io(source, Code::Io, path.display())
        }
        CredentialsError::Unusable { .. } => Failure::new(Code::Unavailable, error.to_string()),
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io(&error, Code::Internal, "the runtime"))?;
    let pushed = runtime
        .block_on(stoa_filter_image::push(
            &image,
            &to,
            &credentials,
            progress(),
        ))
        .map_err(|error| {
            let code = match &error {
                PushError::Unauthorized { .. } => Code::Permission,
                _ => Code::Unavailable,
            };
            Failure::new(code, chain(&error))
        })?;
    if pushed.was_there {
        note("it was there already");
    }
    print(&format!("url: {}\nsha256: {}\n", pushed.url, pushed.sha256))
}

fn image(arguments: &PushArgs, to: &Destination) -> Result<Image, Failure> {
    let source = &arguments.source;
    if !source.is_dir() {
        return Ok(packed(source, &arguments.labels)?.image);
    }
    if arguments.labels.any() {
        return Err(Failure::new(
            Code::Usage,
            format!(
                "{} is packed already: --name, --version and --annotation are for `stoa filter pack`",
                source.display()
            ),
        ));
    }
    layout::read(source, &to.image()).map_err(|error| layout_failure(&error, Code::Io))
}

fn progress() -> Progress {
    let last = Mutex::new(Instant::now());
    Arc::new(move |sent, total| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= PROGRESS_INTERVAL {
            *last = Instant::now();
            note(&format!("{} of {} KiB sent", sent >> 10, total >> 10));
        }
    })
}
