//! `stoa reset`: removes the data of an application that does not run.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use stoa_up::{StateDir, known_state_folder};

use crate::args::StateArgs;
use crate::exit::{Code, Failure};
use crate::output::print;

/// Subfolders of a state folder that are removed. They contain the logs and the mesh's files; the overrides are in one of the
/// mesh's files.
const REMOVED_FOLDERS: [&str; 2] = ["logs", "mesh"];
/// Suffixes of the files of a SQLite database.
const DATABASE_SUFFIXES: [&str; 4] = [".db", ".db-wal", ".db-shm", ".db-journal"];

/// `stoa reset`.
#[derive(Debug, Args)]
#[command(after_help = "\
The command removes the databases and key-value stores in the state folder, the logs, the settings of `stoa canary` and \
`stoa fault`, and the scenario in force. It does not remove compiled code, or databases outside the folder (PostgreSQL). \
Stop the application before you remove its data.

Examples:
  stoa reset                                  with a confirmation
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
    // The lock is held until the end of this function, so that no application can start while only a part of the data is removed.
    let _lock = StateDir::lock(folder)?;
    let io = |path: &Path| {
        let path = path.display().to_string();
        move |error| Failure::io(&error, Code::Io, path)
    };
    let paths = removable(folder).map_err(io(folder))?;
    if paths.is_empty() {
        return print(&format!("{} has no data\n", folder.display()));
    }
    let names: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if !arguments.yes && !confirmed(&names)? {
        return Err(Failure::new(
            Code::Usage,
            "no data was removed; confirm with y, or use --yes",
        ));
    }
    for path in &paths {
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
        removed.map_err(io(path))?;
    }
    print(&format!("removed {}\n", names.join(", ")))
}

/// The files and folders to remove. Only known names are removed, because a subfolder may be another state folder.
fn removable(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_data = match entry.file_type()?.is_dir() {
            true => REMOVED_FOLDERS.contains(&name.as_ref()),
            false => DATABASE_SUFFIXES
                .iter()
                .any(|suffix| name.ends_with(suffix)),
        };
        if is_data {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn confirmed(names: &[String]) -> Result<bool, Failure> {
    let mut out = std::io::stderr();
    let _ = write!(
        out,
        "The command removes:\n  {}\nContinue? [y/N] ",
        names.join("\n  ")
    );
    let _ = out.flush();
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::io(&error, Code::Io, "cannot read the answer from stdin"))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
