//! `stoa`: runs a Spin application on this machine, and works with one that runs.
//!
//! `cli.rs` has the commands; each command is in a file of its own with its arguments: `up.rs`, `check.rs`, `doctor.rs`, `mesh.rs`,
//! `canary.rs`, `fault.rs` (both set filters: `overrides.rs`), `scenario.rs`, `reset.rs`, `filter.rs`. They share `args.rs` (arguments and their spellings), `output.rs` (stdout
//! and stderr), `log.rs` (log lines), `exit.rs` (exit codes) and `failures.rs` (the exit code of each error). What a command does is in a
//! library: stoa-up runs an application, stoa-mesh inspects a mesh, stoa-filter-image packs filters.
//!
//! Two commands know the shop, `shop/load.rs` and `shop/audit.rs`, with their libraries shop-load and shop-audit. The others work with any
//! application.
#![forbid(unsafe_code)]

mod args;
mod canary;
mod check;
mod cli;
mod doctor;
mod envoys;
mod exit;
mod failures;
mod fault;
mod filter;
mod log;
mod mesh;
mod output;
mod overrides;
mod reset;
mod scenario;
mod shop;
mod up;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::exit::Code;

/// A request allocates often and on any thread: with the system's allocator that took about 10 % of its CPU.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // --help and --version are errors of clap as well.
            let code = if error.use_stderr() {
                ExitCode::from(Code::Usage as u8)
            } else {
                ExitCode::SUCCESS
            };
            let _ = error.print();
            return code;
        }
    };
    match cli.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::note(&failure.to_string());
            ExitCode::from(failure.code as u8)
        }
    }
}
