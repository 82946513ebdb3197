//! Writes verdicts and metrics.

use std::fs;
use std::io::Write as _;

use shop_audit::{AuditError, Tally, Verdict, report, summary};

use super::args::AuditArgs;
use crate::exit::{Code, Failure};
use crate::output;

/// Prints the verdict of a single audit.
pub(super) fn print(arguments: &AuditArgs, verdict: &Verdict) -> Result<(), Failure> {
    if arguments.json {
        let text = json(verdict, serde_json::to_string_pretty)?;
        return output::print(&format!("{text}\n"));
    }
    if arguments.prints_metrics() {
        return Ok(());
    }
    output::print(&report(verdict))
}

/// Prints the verdict of one of many audits: one line if there is no breach, else the whole report.
pub(super) fn print_next(
    arguments: &AuditArgs,
    audit: &Result<Verdict, AuditError>,
) -> Result<(), Failure> {
    match audit {
        Err(error) => {
            note(&error.to_string());
            Ok(())
        }
        Ok(_) if arguments.prints_metrics() => Ok(()),
        Ok(verdict) if arguments.json => {
            output::print(&format!("{}\n", json(verdict, serde_json::to_string)?))
        }
        Ok(verdict) if verdict.sound => output::print(&format!("{}\n", summary(verdict))),
        Ok(verdict) => output::print(&report(verdict)),
    }
}

/// Writes the metrics to the target of `--metrics`. A rename replaces the file, so a collector never reads a partial file.
pub(super) fn publish(arguments: &AuditArgs, tally: &Tally) -> Result<(), Failure> {
    let Some(path) = &arguments.metrics else {
        return Ok(());
    };
    if arguments.prints_metrics() {
        return output::print(&tally.text());
    }
    let mut new = path.clone().into_os_string();
    new.push(".new");
    fs::write(&new, tally.text())
        .and_then(|()| fs::rename(&new, path))
        .map_err(|error| {
            let subject = format!("cannot write {} (--metrics)", path.display());
            Failure::io(&error, Code::CannotCreate, subject)
        })
}

/// Writes a line to stderr. A closed stderr does not change the result.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "stoa: {text}");
}

fn json(
    verdict: &Verdict,
    write: impl Fn(&Verdict) -> serde_json::Result<String>,
) -> Result<String, Failure> {
    write(verdict).map_err(|error| Failure::new(Code::Internal, error.to_string()))
}
