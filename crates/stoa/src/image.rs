//! The parts of `stoa filter` and `stoa app` that are the same: both push an image, and report errors about images.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use stoa_image::layout::LayoutError;
use stoa_image::{Credentials, CredentialsError, Destination, Image, Progress, PushError, Pushed};

use crate::exit::{Code, Failure};
use crate::output::note;

/// Interval between progress lines. A push that takes less time prints no progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Pushes an image with the user's credentials for the registry.
pub(crate) fn push(image: &Image, to: &Destination) -> Result<Pushed, Failure> {
    let credentials = Credentials::find(to.registry()).map_err(|error| match &error {
        CredentialsError::Unreadable { path, source } => {
            Failure::io(source, Code::Io, path.display())
        }
        CredentialsError::Unusable { .. } => Failure::new(Code::Unavailable, error.to_string()),
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io(&error, Code::Internal, "cannot start the async runtime"))?;
    let pushed = runtime
        .block_on(stoa_image::push(image, to, &credentials, progress()))
        .map_err(|error| {
            let code = match &error {
                PushError::Unauthorized { .. } => Code::Permission,
                _ => Code::Unavailable,
            };
            Failure::new(code, chain(&error))
        })?;
    if pushed.already_present {
        note("the registry already had this image");
    }
    Ok(pushed)
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

/// Converts an error about a folder of images. A file error that has no exit code of its own gets the exit code `default`.
pub(crate) fn layout_failure(error: &LayoutError, default: Code) -> Failure {
    match error {
        LayoutError::Io { path, source } => Failure::io(source, default, path.display()),
        LayoutError::Which { .. } => Failure::new(Code::Usage, error.to_string()),
        LayoutError::NotALayout { .. } | LayoutError::Damaged { .. } => {
            Failure::new(Code::Data, error.to_string())
        }
    }
}

/// The message of an error, followed by the messages of its causes. If several messages are equal, only the first is included.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut messages = BTreeSet::from([text.clone()]);
    let mut next = error.source();
    while let Some(cause) = next {
        let message = cause.to_string();
        if messages.insert(message.clone()) {
            let _ = write!(text, ": {message}");
        }
        next = cause.source();
    }
    text
}
