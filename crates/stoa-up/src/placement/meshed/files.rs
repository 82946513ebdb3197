//! The programs, folders and ports of a mesh.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stoa_mesh::MeshOptions;

use crate::error::{ListenerRole, UpError};
use crate::folder::{logs_folder, mesh_folder};
use crate::listeners::bind;
use crate::options::Options;

/// The port in a Pod on which a Spin component listens.
pub(super) const APP_PORT: u16 = 80;
/// The port in the gateway's Pod on which the gateway accepts HTTP requests.
pub(super) const GATEWAY_PORT: u16 = 8080;

/// The options of the mesh for a run.
pub(super) fn mesh_options(options: &Options, compiled: &Path) -> Result<MeshOptions, UpError> {
    let target = absolute(&options.app.manifest)?.with_file_name("target");
    let envoy = stoa_mesh::find_envoy(&target.join("envoy"))?;
    let roots = stoa_mesh::find_roots()?;
    let mut gateway = BTreeMap::new();
    if options.listen.port() != 0 {
        // The main listener's address is bound and released again. So a port in use is reported at once, with a better message than
        // Envoy's.
        drop(bind(options.listen, ListenerRole::Gateway)?);
        gateway.insert(GATEWAY_PORT, options.listen);
    }
    Ok(MeshOptions {
        compiled: absolute(compiled)?,
        state_dir: absolute(&mesh_folder(&options.state_dir))?,
        logs: absolute(&logs_folder(&options.state_dir))?,
        envoy,
        filters: target.join("wasm32-wasip1/release"),
        roots: absolute(&roots)?,
        gateway,
        certificate_lifetime: options.certificate_lifetime,
    })
}

/// Makes a path absolute, because Envoys have another working directory.
fn absolute(path: &Path) -> Result<PathBuf, UpError> {
    std::path::absolute(path).map_err(|error| UpError::File {
        path: path.to_path_buf(),
        error,
    })
}
