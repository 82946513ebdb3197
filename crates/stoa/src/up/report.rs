//! Prints the reports of `stoa up`: its steps on stderr, and the application's addresses on stdout.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use stoa_manifest::{App, RoutePath};
use stoa_up::{Announcement, Notice, Reporter, logs_folder};

use crate::log::say;
use crate::{canary, fault, output, overrides};

/// Prints the reports of a run.
pub(super) struct Terminal {
    state_dir: PathBuf,
}

impl Terminal {
    pub(super) fn new(state_dir: &Path) -> Self {
        Self {
            state_dir: state_dir.to_path_buf(),
        }
    }
}

impl Reporter for Terminal {
    fn notice(&self, notice: Notice) {
        for line in lines(notice) {
            say(&line);
        }
    }

    fn up(&self, announcement: &Announcement<'_>) -> io::Result<()> {
        let greeting = match announcement.run.compiled {
            Some(_) => meshed(announcement, &self.state_dir),
            None => plain(announcement, &self.state_dir),
        };
        output::write(&greeting)
    }
}

fn lines(notice: Notice) -> Vec<String> {
    let line = match notice {
        Notice::Loading { components } => format!(
            "loading {components} components; new ones are compiled, which takes a while the first time"
        ),
        Notice::StartingMesh { workloads, envoys } => format!(
            "loading {workloads} workloads and starting {envoys} Envoys; new components are compiled, which takes a while the first time"
        ),
        Notice::Scenario { name } => {
            format!("scenario {name} is in force (`stoa scenario off` goes back to the manifests)")
        }
        Notice::Overrides(overrides) => {
            return overrides::report(&overrides, &[canary::KIND, fault::KIND]);
        }
        Notice::Ready { after } => format!("ready in {:.1} s", after.as_secs_f32()),
        Notice::Watching { components } => {
            format!("watching the sources of {components} components")
        }
        Notice::NoBuildCommand { id } => {
            format!("{id} changed, and its manifest has no build command")
        }
        Notice::Building { id, command } => format!("{id} changed: {command}"),
        Notice::BuildFailed { id, reason } => {
            format!("{id} was not built ({reason}); the running one stays")
        }
        Notice::Reloaded { id } => format!("{id} is new from the next request on"),
        Notice::ReloadFailed { id, error } => {
            format!("the new {id} cannot run, and the old one stays: {error}")
        }
    };
    vec![line]
}

fn plain(up: &Announcement<'_>, state_dir: &Path) -> String {
    let Announcement { app, run, .. } = up;
    let first = match up.document {
        Some(document) => document.first_get.clone(),
        None => first_route(app),
    };
    let mut text = format!("\n{} {} is up. Ctrl-C stops it.\n\n", app.name, app.version);
    // Writing to a String does not fail.
    let _ = writeln!(text, "  gateway   {}", run.gateway);
    let _ = writeln!(
        text,
        "  operator  {}   every route, internal ones too: for operators and tests",
        run.operator
    );
    let _ = writeln!(text, "  data      {}", state_dir.display());
    if let Some(first) = first {
        let _ = writeln!(text, "\n  Try:  curl {}{first}\n", run.gateway);
    }
    text
}

fn first_route(app: &App) -> Option<String> {
    app.routes.iter().find_map(|route| match &route.path {
        RoutePath::Public(path) if !path.contains(':') => {
            Some(path.trim_end_matches("...").to_owned())
        }
        _ => None,
    })
}

fn meshed(up: &Announcement<'_>, state_dir: &Path) -> String {
    let Announcement { app, run, document } = up;
    let envoys = run.mesh.iter().filter(|w| w.proxy.is_some()).count();
    let first = document.and_then(|document| document.first_get.as_deref());
    format!(
        "\n{name} {version} is up, in a mesh of {envoys} Envoys. Ctrl-C stops it.\n\n  \
         gateway   {gateway}\n  \
         operator  {operator}   what an operator may call, inside the mesh too\n  \
         metrics   {operator}/metrics   Istio's, and those of every Envoy\n  \
         data      {data}\n  \
         logs      {logs}\n\n  \
         Try:  curl {gateway}{first}\n\n",
        name = app.name,
        version = app.version,
        gateway = run.gateway,
        operator = run.operator,
        data = state_dir.display(),
        logs = logs_folder(state_dir).display(),
        first = first.unwrap_or("/"),
    )
}
