//! The reports that a run sends to its caller. The caller can show the reports to a person.

use std::io;
use std::time::Duration;

use stoa_manifest::App;
use stoa_mesh::Overrides;
use stoa_runtime::LoadError;

use crate::document::Document;
use crate::run::Run;

/// Receives the reports of a run.
pub trait Reporter: Send + Sync {
    /// Receives a notice, which the caller can show to a person who waits.
    fn notice(&self, notice: Notice);

    /// Receives the addresses of the application when the application is ready.
    ///
    /// # Errors
    /// If the addresses cannot be shown. The run then ends.
    fn announce(&self, announcement: &Announcement<'_>) -> io::Result<()>;
}

/// An event of a run that is useful to a person who waits.
#[derive(Debug)]
pub enum Notice {
    /// Components are being loaded. A component whose compiled code is not in the cache is compiled first.
    Loading {
        /// The number of components.
        components: usize,
    },
    /// A mesh starts, and the components of its workloads are being loaded.
    StartingMesh {
        /// The number of workloads with a component.
        workloads: usize,
        /// The number of Envoys.
        envoys: usize,
    },
    /// A scenario is active: the mesh uses the scenario's configuration instead of the manifests' configuration.
    Scenario {
        /// The name of the scenario.
        name: String,
    },
    /// The overrides of filter configurations on this machine. This notice is also sent if there are no overrides.
    Overrides(Overrides),
    /// All components are loaded, and every Envoy has applied its configuration.
    Ready {
        /// Time from the start of the run until the application was ready.
        after: Duration,
    },
    /// The sources of components are watched for changes.
    Watching {
        /// The number of components.
        components: usize,
    },
    /// A component's source changed, but the manifest contains no build command for this component.
    NoBuildCommand {
        /// The component's id.
        id: String,
    },
    /// A component's source changed, and its build command runs.
    Building {
        /// The component's id.
        id: String,
        /// The build command.
        command: String,
    },
    /// A component's build failed; the previous build stays in use.
    BuildFailed {
        /// The component's id.
        id: String,
        /// The exit status of the build command, or the reason why the command cannot run.
        reason: String,
    },
    /// A component was rebuilt; the next request uses it.
    Reloaded {
        /// The component's id.
        id: String,
    },
    /// A component was rebuilt, but cannot be loaded; the previous build stays in use.
    ReloadFailed {
        /// The component's id.
        id: String,
        /// The cause.
        error: LoadError,
    },
}

/// An application that is ready.
#[derive(Debug, Clone, Copy)]
pub struct Announcement<'a> {
    /// The application, as its manifest defines it.
    pub app: &'a App,
    /// The application's OpenAPI document.
    pub document: Option<&'a Document>,
    /// The process and its addresses.
    pub run: &'a Run,
}
