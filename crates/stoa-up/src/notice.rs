//! Reports of a run to its caller, which may show them.

use std::io;
use std::time::Duration;

use stoa_manifest::App;
use stoa_mesh::Overrides;
use stoa_runtime::LoadError;

use crate::document::Document;
use crate::run::Run;

/// Receives the reports of a run.
pub trait Reporter: Send + Sync {
    /// Receives a step of the run that is useful to a waiting person.
    fn notice(&self, notice: Notice);

    /// Called when the application is ready.
    ///
    /// # Errors
    /// If the announcement cannot be shown. The run then ends.
    fn up(&self, announcement: &Announcement<'_>) -> io::Result<()>;
}

/// A step of a run.
#[derive(Debug)]
pub enum Notice {
    /// Components are being loaded; new ones are compiled first.
    Loading {
        /// How many.
        components: usize,
    },
    /// A mesh starts, and the components of its workloads are being loaded.
    StartingMesh {
        /// How many workloads have a component.
        workloads: usize,
        /// How many Envoys start.
        envoys: usize,
    },
    /// A scenario is in force instead of the manifests.
    Scenario {
        /// Its name.
        name: String,
    },
    /// Overrides of the filters' configuration on this machine.
    Overrides(Overrides),
    /// Everything is loaded, and every Envoy has its configuration.
    Ready {
        /// Time since the start.
        after: Duration,
    },
    /// The sources of components are watched.
    Watching {
        /// How many components.
        components: usize,
    },
    /// A component's source changed, but its manifest has no build command.
    NoBuildCommand {
        /// The component.
        id: String,
    },
    /// A component's source changed, and its build command runs.
    Building {
        /// The component.
        id: String,
        /// The command.
        command: String,
    },
    /// A component's build failed; the old component stays in use.
    BuildFailed {
        /// The component.
        id: String,
        /// The exit status, or the error.
        reason: String,
    },
    /// A component was rebuilt; the next request uses it.
    Reloaded {
        /// The component.
        id: String,
    },
    /// A component was rebuilt but cannot run; the old one stays in use.
    ReloadFailed {
        /// The component.
        id: String,
        /// Why.
        error: LoadError,
    },
}

/// An application that is ready.
#[derive(Debug, Clone, Copy)]
pub struct Announcement<'a> {
    /// The application of the manifest.
    pub app: &'a App,
    /// Its OpenAPI document.
    pub document: Option<&'a Document>,
    /// The process and its addresses.
    pub run: &'a Run,
}
