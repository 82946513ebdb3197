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
    /// The state folder. It contains the application's data and `run.json`. In a mesh, it also contains the mesh's files and logs.
    /// The folder is created if it is missing.
    pub state_dir: PathBuf,
    /// The folder for compiled code. `None` selects the folder `cache` in the state folder.
    pub cache_dir: Option<PathBuf>,
    /// The address of the main listener. Port 0 selects any free port.
    pub listen: SocketAddr,
    /// The operator's address. Without a mesh, its listener serves every route that the manifest does not declare private, also those
    /// of internal operations. In a mesh, the listener serves all reads, and the internal operations that the policies permit to the
    /// operator. Port 0 selects any free port.
    pub operator_listen: SocketAddr,
    /// States whether the application runs in a mesh.
    pub mesh: MeshChoice,
    /// The lifetime of the mesh's certificates. A certificate is renewed after half of its lifetime.
    pub certificate_lifetime: Duration,
    /// States how components are rebuilt when their sources change. `None` turns rebuilding off.
    pub watch: Option<Watch>,
    /// True if the timers that the OpenAPI document defines run.
    pub timers: bool,
    /// The limits that apply to every request.
    pub limits: Limits,
}

/// States whether an application runs in a mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeshChoice {
    /// The application runs without a mesh. All components run in this process, behind the main listener and the operator's
    /// listener.
    Off,
    /// The application runs in a mesh if istio-compile wrote the folder `istio/compiled` beside the manifest, else without a mesh.
    IfCompiled,
    /// The application runs in a mesh. The configuration of the mesh is in this folder, which istio-compile wrote.
    Compiled(PathBuf),
}

/// The settings for rebuilding components.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch {
    /// The command that builds a changed component. `None` selects the build command in the component's manifest.
    pub build_command: Option<String>,
}

impl Options {
    /// The folder that istio-compile wrote. `None` if the application does not run in a mesh.
    pub(crate) fn compiled(&self) -> Option<PathBuf> {
        match &self.mesh {
            MeshChoice::Off => None,
            MeshChoice::IfCompiled => compiled_beside(&self.app.manifest),
            MeshChoice::Compiled(folder) => Some(folder.clone()),
        }
    }
}

/// The path of the folder `istio/compiled` beside a manifest. `None` if istio-compile did not write this folder.
pub fn compiled_beside(manifest: &Path) -> Option<PathBuf> {
    let folder = manifest.with_file_name("istio").join("compiled");
    folder.join("workloads.json").is_file().then_some(folder)
}
