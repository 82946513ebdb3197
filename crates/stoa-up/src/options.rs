//! The settings of a run.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use stoa_runtime::Limits;

use crate::application::AppSource;

/// The settings of a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The application to run.
    pub app: AppSource,
    /// The folder of the application's data, of `run.json`, and of a mesh's files and logs. Created if it is missing.
    pub state_dir: PathBuf,
    /// The folder of compiled code. `None`: `cache` in the state folder.
    pub cache_dir: Option<PathBuf>,
    /// The main listener. Port 0: any free port.
    pub listen: SocketAddr,
    /// The listener that serves every public route. Port 0: any free port.
    pub operator_listen: SocketAddr,
    /// Whether it runs in a mesh.
    pub mesh: MeshChoice,
    /// How long the mesh's certificates are valid; they are renewed after half of that.
    pub certificate_lifetime: Duration,
    /// Whether components are rebuilt when their sources change.
    pub watch: Option<Watch>,
    /// Whether the timers of the OpenAPI document run.
    pub timers: bool,
    /// Limits of every request.
    pub limits: Limits,
}

/// Whether an application runs in a mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeshChoice {
    /// In this process alone.
    Off,
    /// In a mesh if `istio/compiled` is beside the manifest.
    IfCompiled,
    /// In a mesh with the configuration in this folder, which istio-compile wrote.
    Compiled(PathBuf),
}

/// How components are rebuilt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch {
    /// Builds a component that changed, in place of the command in its manifest.
    pub build_command: Option<String>,
}

impl Options {
    /// The folder that istio-compile wrote, if the application runs in a mesh.
    pub(crate) fn compiled(&self) -> Option<PathBuf> {
        match &self.mesh {
            MeshChoice::Off => None,
            MeshChoice::IfCompiled => compiled_beside(&self.app.manifest),
            MeshChoice::Compiled(folder) => Some(folder.clone()),
        }
    }
}

/// `istio/compiled` beside a manifest, if istio-compile wrote it.
pub fn compiled_beside(manifest: &Path) -> Option<PathBuf> {
    let folder = manifest.with_file_name("istio").join("compiled");
    folder.join("workloads.json").is_file().then_some(folder)
}
