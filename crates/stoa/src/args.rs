//! Arguments that several commands share, and the parsers of argument values.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use stoa_up::{AppSource, BadDuration, parse_duration};

/// Selects the application.
#[derive(Debug, Clone, Args)]
pub(crate) struct AppArgs {
    /// The application's manifest
    #[arg(short = 'f', long, value_name = "FILE", default_value = "spin.toml")]
    pub(crate) manifest: PathBuf,

    /// Set a variable of the application. This option takes precedence over SPIN_VARIABLE_NAME in the environment, and
    /// SPIN_VARIABLE_NAME takes precedence over the manifest's default
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) variables: Vec<(String, String)>,

    /// Run only these components and their dependencies [default: all components]
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    pub(crate) components: Option<Vec<String>>,

    /// OpenAPI document. Without a mesh, the main listener serves only the operations that the document lists without x-internal.
    /// stoa calls each operation with x-timer at the interval in x-timer [default: api/openapi.yaml beside the manifest, if that
    /// file exists]
    #[arg(long, value_name = "FILE")]
    pub(crate) api: Option<PathBuf>,
}

impl AppArgs {
    pub(crate) fn source(&self) -> AppSource {
        AppSource {
            manifest: self.manifest.clone(),
            variables: self.variables.clone(),
            components: self.components.clone(),
            document: self.api.clone(),
        }
    }
}

/// Selects a running application.
#[derive(Debug, Clone, Args)]
pub(crate) struct StateArgs {
    /// State folder of the `stoa up` that runs the application
    #[arg(long, value_name = "DIR", default_value = ".stoa")]
    pub(crate) state_dir: PathBuf,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// Parses a duration from 10 ms to 24 h.
pub(crate) fn duration(text: &str) -> Result<Duration, BadDuration> {
    parse_duration(text)
}

/// Parses a duration from 10 ms to 24 h, or zero: `0`, `0ms`, `0s`.
pub(crate) fn duration_or_zero(text: &str) -> Result<Duration, BadDuration> {
    match text {
        "0" | "0ms" | "0s" => Ok(Duration::ZERO),
        _ => duration(text),
    }
}

/// Parses a size in bytes, above 0.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let expected = "expected a size such as 65536, 64KiB, 256MiB or 1GiB";
    match text.parse::<ByteSize>() {
        // ByteSize does not reject a size that is too large: it returns `u64::MAX`.
        Ok(ByteSize(0 | u64::MAX)) => Err(format!(
            "{expected}; the size must be above 0 and below 16EiB"
        )),
        Ok(ByteSize(bytes)) => Ok(bytes),
        Err(reason) => Err(format!("{expected}: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes() {
        for (text, bytes) in [
            ("64MiB", 64 << 20),
            ("17", 17),
            ("64KiB", 64 << 10),
            ("2GiB", 2 << 30),
            ("64MB", 64_000_000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "0", "-1", "MiB", "64 apples", "99999999999GiB"] {
            let error = size(text).unwrap_err();
            assert!(error.contains("such as 65536, 64KiB"), "{text}: {error}");
        }
    }

    #[test]
    fn reads_variables() {
        assert_eq!(variable("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(variable("=b").is_err() && variable("a").is_err());
    }

    #[test]
    fn a_zero_duration_is_accepted_only_by_duration_or_zero() {
        for text in ["0", "0ms", "0s"] {
            assert_eq!(duration_or_zero(text), Ok(Duration::ZERO), "{text}");
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(duration_or_zero("2m"), Ok(Duration::from_secs(120)));
        assert!(duration_or_zero("2").is_err());
    }
}
