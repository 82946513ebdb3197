//! stoa's own log lines, on stderr. What components print goes its own way, unchanged.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;
use crate::exit::{Code, Failure};

/// Sets the process's logger up.
pub(crate) fn start(format: LogFormat, level: &str) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(level)
        .map_err(|error| Failure::new(Code::Usage, format!("--log-level {level:?}: {error}")))?;
    let terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Auto if !terminal => builder.json().flatten_event(true).try_init(),
        LogFormat::Text | LogFormat::Auto => {
            builder.with_ansi(terminal).with_target(false).try_init()
        }
    };
    started.map_err(|error| {
        Failure::new(
            Code::Internal,
            format!("the logger does not start: {error}"),
        )
    })
}
