//! What a run reports to its caller, which may show it.

use std::io;
use std::time::Duration;

use stoa_manifest::App;
use stoa_mesh::Overrides;
use stoa_runtime::LoadError;

use crate::document::Document;
use crate::run::Run;

/// Receives what a run reports.
pub trait Reporter: Send + Sync {
    /// Something happened that a person who waits wants to know.
    fn notice(&self, notice: Notice);

    /// The application answers.
    ///
    /// # Errors
    /// If it cannot be shown. The run ends then.
    fn up(&self, announcement: &Announcement<'_>) -> io::Result<()>;
}

/// A step of a run.
#[derive(Debug)]
pub enum Notice {
    /// Components are loaded; a new one is compiled first.
    Loading {
        /// How many.
        components: usize,
    },
    /// A mesh starts, and the components of its workloads are loaded.
    StartingMesh {
        /// How many workloads have a component.
        workloads: usize,
        /// How many Envoys start.
        envoys: usize,
    },
    /// A scenario is in force in place of the manifests.
    Scenario {
        /// Its name.
        name: String,
    },
    /// Configuration of filters that was set on this machine.
    Overrides(Overrides),
    /// Everything is loaded, and every Envoy has its configuration.
    Ready {
        /// Since the start.
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
    /// A component's source changed, and it is built.
    Building {
        /// The component.
        id: String,
        /// The command.
        command: String,
    },
    /// A component's build failed; the running one stays.
    BuildFailed {
        /// The component.
        id: String,
        /// How.
        reason: String,
    },
    /// A component was rebuilt and answers from the next request on.
    Reloaded {
        /// The component.
        id: String,
    },
    /// A component was rebuilt but cannot run; the old one stays.
    ReloadFailed {
        /// The component.
        id: String,
        /// Why.
        error: LoadError,
    },
}

/// An application that answers.
#[derive(Debug, Clone, Copy)]
pub struct Announcement<'a> {
    /// The application of the manifest.
    pub app: &'a App,
    /// Its OpenAPI document.
    pub document: Option<&'a Document>,
    /// The process and its addresses.
    pub run: &'a Run,
}
