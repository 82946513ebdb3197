//! Finds components whose .wasm file is missing or stale.

use std::fmt;
use std::path::{Path, PathBuf};

use stoa_manifest::{
    BuildCommand, BuildProblem, Declaration, DeclaredComponent, DependencySource, build_problem,
};

/// A component that must be built before it can be packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbuilt {
    /// The component's id.
    pub component: String,
    /// The .wasm file of the component or of its dependency.
    pub file: PathBuf,
    /// Why the file cannot be packed.
    pub problem: BuildProblem,
    /// The component's build command; `None` if the manifest has no build command.
    pub command: Option<String>,
}

impl fmt::Display for Unbuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "component {}: {} {}; ",
            self.component,
            self.file.display(),
            self.problem
        )?;
        match &self.command {
            Some(command) => write!(f, "run `{command}`"),
            None => f.write_str("build the file, because the manifest has no build command"),
        }
    }
}

/// Every component of the application whose file, or whose dependency's file, is missing or stale. If cargo's list of sources is
/// missing beside a file, the file counts as current, because other build tools write no such list.
pub(crate) fn unbuilt(app: &Declaration) -> Vec<Unbuilt> {
    let of_component = |component| files(component).filter_map(|file| problem(component, file));
    app.components.iter().flat_map(of_component).collect()
}

/// The files of the component. A dependency that is a component of the application is checked as that component.
fn files(component: &DeclaredComponent) -> impl Iterator<Item = &Path> {
    let dependencies = component.dependencies.iter();
    let dependencies = dependencies.filter_map(|dependency| match &dependency.source {
        DependencySource::Path(path) => Some(path.as_path()),
        DependencySource::Component(_) => None,
    });
    std::iter::once(component.source.as_path()).chain(dependencies)
}

fn problem(component: &DeclaredComponent, file: &Path) -> Option<Unbuilt> {
    let problem = build_problem(file)?;
    if problem == BuildProblem::Unlisted {
        return None;
    }
    let command = component.build.as_ref().map(|build| match &build.command {
        BuildCommand::One(command) => command.clone(),
        BuildCommand::List(commands) => commands.join(" && "),
    });
    Some(Unbuilt {
        component: component.id.clone(),
        file: file.to_path_buf(),
        problem,
        command,
    })
}
