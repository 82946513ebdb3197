//! `stoa`: runs a Spin application on this machine.
//!
//! The command line is in `cli.rs`, each command in a file of its own: `up.rs`, `check.rs`, `doctor.rs`, `mesh.rs`, `set.rs`, `scenario.rs`, `load.rs`,
//! `audit.rs`, `reset.rs`, `filter.rs`. What an OpenAPI document adds to a manifest is in `api.rs`. Nothing but `load` and `audit` knows what an application
//! is about.
#![forbid(unsafe_code)]

mod api;
mod audit;
mod check;
mod cli;
mod doctor;
mod exit;
mod filter;
mod load;
mod log;
mod mesh;
mod reset;
mod scenario;
mod set;
mod up;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::exit::Code;

/// A request allocates often and on any thread: with the system's allocator that was about a tenth of its CPU.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // --help and --version come this way too.
            let code = if error.use_stderr() {
                ExitCode::from(Code::Usage as u8)
            } else {
                ExitCode::SUCCESS
            };
            let _ = error.print();
            return code;
        }
    };
    let done = match cli.command {
        Command::Up(arguments) => up::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Mesh(command) => mesh::run(&command),
        Command::Canary(command) => set::canary(&command),
        Command::Fault(command) => set::fault(&command),
        Command::Scenario(command) => scenario::run(&command),
        Command::Reset(arguments) => reset::run(&arguments),
        Command::Load(arguments) => load::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Filter(command) => filter::run(&command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // A closed stderr is no reason to end with another code.
            let _ = writeln!(std::io::stderr(), "stoa: {failure}");
            ExitCode::from(failure.code as u8)
        }
    }
}
