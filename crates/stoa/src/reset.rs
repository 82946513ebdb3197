//! `stoa reset`: removes the data of an application that does not run.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use stoa_up::{StateDir, known_state_folder};

use crate::args::StateArgs;
use crate::exit::{Code, Failure};
use crate::output::print;

/// Folders of a state folder that are removed: logs, and the mesh's files with its overrides.
const FOLDERS: [&str; 2] = ["logs", "mesh"];
/// Suffixes of SQLite's files.
const DATABASE: [&str; 4] = [".db", ".db-wal", ".db-shm", ".db-journal"];

/// `stoa reset`.
#[derive(Debug, Args)]
#[command(after_help = "\
It removes the databases and key-value stores of the state folder, the logs, and what `stoa canary`, `stoa fault` and \
`make scenario` set. Compiled code stays, and so do databases elsewhere (PostgreSQL). Nothing may run in the folder.

Examples:
  stoa reset                                  asks first
  stoa reset --yes --state-dir .stoa/canary")]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,

    /// Skip the confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &ResetArgs) -> Result<(), Failure> {
    let folder = &arguments.state.state_dir;
    known_state_folder(folder)?;
    // Locked until the end, so that nothing starts with only a part of the data.
    let _held = StateDir::hold(folder)?;
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |error| Failure::io(&error, Code::Io, path)
    };
    let found = found(folder).map_err(io(folder))?;
    if found.is_empty() {
        return print(&format!("{} has no data\n", folder.display()));
    }
    let names: Vec<_> = found
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if !arguments.yes && !confirmed(&names)? {
        return Err(Failure::new(
            Code::Usage,
            "nothing was removed: answer y, or give --yes",
        ));
    }
    for path in &found {
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
        removed.map_err(io(path))?;
    }
    print(&format!("removed {}\n", names.join(", ")))
}

/// The files and folders to remove. Only known names: a subfolder may be a state folder of its own.
fn found(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let goes = match entry.file_type()?.is_dir() {
            true => FOLDERS.contains(&name.as_ref()),
            false => DATABASE.iter().any(|end| name.ends_with(end)),
        };
        if goes {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn confirmed(names: &[String]) -> Result<bool, Failure> {
    let mut out = std::io::stderr();
    let _ = write!(
        out,
        "This removes\n  {}\nRemove it? [y/N] ",
        names.join("\n  ")
    );
    let _ = out.flush();
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::io(&error, Code::Io, "stdin"))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
