//! Prints the reports of `stoa up`: the steps on stderr, and the application's addresses on stdout.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use stoa_manifest::{App, RoutePath};
use stoa_up::{Announcement, Notice, Reporter, logs_folder};

use crate::log::report_step;
use crate::{canary, fault, output, overrides};

/// Prints the reports of one run of `stoa up`.
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
            report_step(&line);
        }
    }

    fn announce(&self, announcement: &Announcement<'_>) -> io::Result<()> {
        let greeting = match announcement.run.compiled {
            Some(_) => mesh_greeting(announcement, &self.state_dir),
            None => plain_greeting(announcement, &self.state_dir),
        };
        output::write(&greeting)
    }
}

fn lines(notice: Notice) -> Vec<String> {
    let line = match notice {
        Notice::Loading { components } => format!(
            "loading {components} components; the first start compiles components, which takes longer"
        ),
        Notice::StartingMesh { workloads, envoys } => format!(
            "loading {workloads} workloads and starting {envoys} Envoys; the first start compiles components, which takes longer"
        ),
        Notice::Scenario { name } => {
            format!("scenario {name} is in force (`stoa scenario off` returns to the manifests)")
        }
        Notice::Overrides(overrides) => {
            return overrides::report(&overrides, &[canary::FILTER_KIND, fault::FILTER_KIND]);
        }
        Notice::Ready { after } => format!("ready in {:.1} s", after.as_secs_f32()),
        Notice::Watching { components } => {
            format!("watching the sources of {components} components")
        }
        Notice::NoBuildCommand { id } => {
            format!("component {id} changed, but the manifest has no build command for {id}")
        }
        Notice::Building { id, command } => format!("component {id} changed; running `{command}`"),
        Notice::BuildFailed { id, reason } => {
            format!("component {id} was not built ({reason}); the previous build stays in use")
        }
        Notice::Reloaded { id } => {
            format!("component {id} was reloaded; the next request uses the new build")
        }
        Notice::ReloadFailed { id, error } => {
            format!(
                "the new build of component {id} cannot run; the previous build stays in use: {error}"
            )
        }
    };
    vec![line]
}

fn plain_greeting(up: &Announcement<'_>, state_dir: &Path) -> String {
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
        "  operator  {}   every public route, including internal operations; for operators and tests",
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

fn mesh_greeting(up: &Announcement<'_>, state_dir: &Path) -> String {
    let Announcement { app, run, document } = up;
    let envoys = run.mesh.iter().filter(|w| w.proxy.is_some()).count();
    let first = document.and_then(|document| document.first_get.as_deref());
    format!(
        "\n{name} {version} is up, in a mesh of {envoys} Envoys. Ctrl-C stops it.\n\n  \
         gateway   {gateway}\n  \
         operator  {operator}   all reads, and the internal operations that the policies permit\n  \
         metrics   {operator}/metrics   metrics of Istio and of every Envoy\n  \
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
