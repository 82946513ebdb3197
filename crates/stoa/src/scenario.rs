//! `stoa scenario`: lists the scenarios and marks the scenario in force, or ends the scenario in force. `make scenario` puts a
//! scenario in force.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use stoa_mesh::Scenario;
use stoa_up::{known_state_folder, mesh_folder};

use crate::args::StateArgs;
use crate::exit::{Code, Failure};
use crate::output::print;

/// `stoa scenario`.
#[derive(Debug, Subcommand)]
pub(crate) enum ScenarioCommand {
    /// List the scenarios; * marks the scenario in force, and `make scenario NAME=...` puts another scenario in force
    List(ListArgs),
    /// End the scenario in force; a running mesh returns to the manifests at once
    Off(StateArgs),
}

/// `stoa scenario list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Folder with a kustomize component for each scenario
    #[arg(long, value_name = "DIR", default_value = "istio/scenarios")]
    pub(crate) scenarios: PathBuf,

    #[command(flatten)]
    pub(crate) state: StateArgs,
}

/// Runs the command.
pub(crate) fn run(command: &ScenarioCommand) -> Result<(), Failure> {
    match command {
        ScenarioCommand::List(arguments) => list(arguments),
        ScenarioCommand::Off(state) => off(&state.state_dir),
    }
}

fn list(arguments: &ListArgs) -> Result<(), Failure> {
    let folder = &arguments.scenarios;
    let unreadable = |error| Failure::io(&error, Code::Io, folder.display().to_string());
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let is_scenario = |path: &PathBuf| path.join("kustomization.yaml").is_file();
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    folders.retain(is_scenario);
    folders.sort();
    let name = |path: &PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
    let mut rows: Vec<_> = folders
        .iter()
        .filter_map(|path| Some((name(path)?, summary(path))))
        .collect();
    let in_force = Scenario::active(&mesh_folder(&arguments.state.state_dir));
    let in_force = in_force.map(|scenario| scenario.name);
    if let Some(other) = in_force
        .as_ref()
        .filter(|n| rows.iter().all(|(row, _)| row != *n))
    {
        rows.push((other.clone(), "from another folder of scenarios".to_owned()));
    }
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, summary) in rows {
        let mark = if in_force.as_ref() == Some(&name) {
            '*'
        } else {
            ' '
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{mark} {name:<width$}   {summary}");
    }
    print(&text)
}

/// The first sentence below the heading of a scenario's README. A colon also counts as the end of the sentence.
fn summary(scenario: &Path) -> String {
    let text = std::fs::read_to_string(scenario.join("README.md")).unwrap_or_default();
    let below = text
        .lines()
        .skip_while(|line| line.starts_with('#') || line.is_empty());
    let paragraph: Vec<_> = below.take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    let ends = [". ", ": "].map(|end| paragraph.find(end));
    let end = ends.into_iter().flatten().min();
    let sentence = paragraph.get(..end.unwrap_or(paragraph.len()));
    sentence
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_owned()
}

fn off(state_dir: &Path) -> Result<(), Failure> {
    known_state_folder(state_dir)?;
    let folder = mesh_folder(state_dir);
    let Some(scenario) = Scenario::active(&folder) else {
        return print("no scenario is in force\n");
    };
    Scenario::remove(&folder)
        .map_err(|error| Failure::io(&error, Code::Io, scenario.folder.display()))?;
    print(&format!(
        "{} is no longer in force; a running mesh returns to the manifests within a second\n",
        scenario.name
    ))
}
