//! `stoa doctor`: checks the requirements for building and running, and prints for each missing requirement how to install it.
//! `doctor/tools.rs` checks programs, `doctor/machine.rs` checks addresses, folders and files.

mod finding;
mod machine;
mod tools;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::exit::{Code, Failure};
use crate::output::print;
use finding::State;

/// `stoa doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The application's manifest
    #[arg(short = 'f', long, value_name = "FILE", default_value = "spin.toml")]
    manifest: PathBuf,

    /// Folder for the application's data
    #[arg(long, value_name = "DIR", default_value = ".stoa")]
    state_dir: PathBuf,

    /// Address of the main listener; no other program may use the address
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

/// Runs the command.
pub(crate) fn run(arguments: &DoctorArgs) -> Result<(), Failure> {
    let findings = [
        tools::rust(),
        tools::wasm(),
        tools::c_compiler(),
        machine::components(&arguments.manifest),
        machine::envoy(&arguments.manifest),
        machine::inotify(),
        machine::port(arguments.listen, &arguments.state_dir),
        machine::state_dir(&arguments.state_dir),
        tools::go(&arguments.manifest),
        tools::spin(),
    ];
    let mut text = String::new();
    for finding in &findings {
        let state = match finding.state {
            State::Ok => "ok",
            State::Missing => "missing",
            State::Optional => "optional",
        };
        let _ = writeln!(
            text,
            "{state:<9} {:<16} {}",
            finding.requirement, finding.detail
        );
    }
    print(&text)?;
    let missing: Vec<_> = findings
        .iter()
        .filter(|finding| finding.state == State::Missing)
        .map(|finding| finding.requirement)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Code::Unavailable,
        format!("requirements not met: {}", missing.join(", ")),
    ))
}
