//! `stoa filter push`.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use stoa_filter_image::{
    Credentials, CredentialsError, Destination, Image, Progress, PushError, layout,
};

use super::{PushArgs, chain, of_layout, packed};
use crate::check::print;
use crate::exit::{Code, Failure};

/// Whoever waits longer is told how far it is, this often.
const PATIENCE: Duration = Duration::from_secs(1);

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
        tell("it was there already");
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
    layout::read(source, &to.image()).map_err(|error| of_layout(&error, Code::Io))
}

fn progress() -> Progress {
    let last = Mutex::new(Instant::now());
    Arc::new(move |sent, total| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= PATIENCE {
            *last = Instant::now();
            tell(&format!("{} of {} KiB sent", sent >> 10, total >> 10));
        }
    })
}

/// Stdout is for what a WasmPlugin is to say.
fn tell(text: &str) {
    // A closed stderr is no reason to stop.
    let _ = writeln!(std::io::stderr(), "stoa: {text}");
}
