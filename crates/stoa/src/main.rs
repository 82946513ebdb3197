//! `stoa`: runs a Spin application on this machine, and inspects and controls a running application.
//!
//! `cli.rs` has the commands. Each command is in its own file with its arguments: `up.rs`, `check.rs`, `doctor.rs`, `mesh.rs`,
//! `canary.rs` and `fault.rs` (both use `overrides.rs`), `scenario.rs`, `reset.rs`, `filter.rs`, `app.rs`. The commands share `args.rs`
//! (arguments and parsers), `image.rs` (images of filters and applications), `output.rs` (stdout and stderr), `log.rs` (log lines), `exit.rs` (exit codes) and `failures.rs` (the
//! exit code of each error). Libraries implement the commands: stoa-up runs an application, stoa-mesh inspects a mesh,
//! stoa-filter-image packs filters, stoa-app-image packs applications.
//!
//! Two commands are specific to the shop: `shop/load.rs` with the library shop-load, and `shop/audit.rs` with the library
//! shop-audit. All other commands work with any application.
#![forbid(unsafe_code)]

mod app;
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
mod image;
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

/// Requests allocate memory often, on all threads. With the system's allocator, these allocations took about 10 % of the CPU time
/// of a request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap reports --help and --version as errors too.
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
