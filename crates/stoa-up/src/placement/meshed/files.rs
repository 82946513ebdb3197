//! The folders, programs and ports of a mesh.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stoa_mesh::MeshOptions;

use crate::error::{ListenerRole, UpError};
use crate::folder::{logs_folder, mesh_folder};
use crate::listeners::bind;
use crate::options::Options;

/// The port that a Spin component listens on in its Pod.
pub(super) const APP_PORT: u16 = 80;
/// The gateway's port for HTTP, in its Pod.
pub(super) const GATEWAY_PORT: u16 = 8080;

pub(super) fn mesh_options(options: &Options, compiled: &Path) -> Result<MeshOptions, UpError> {
    let target = absolute(&options.app.manifest)?.with_file_name("target");
    let envoy = stoa_mesh::find_envoy(&target.join("envoy"))?;
    let roots = stoa_mesh::find_roots()?;
    let mut gateway = BTreeMap::new();
    if options.listen.port() != 0 {
        // Bound briefly: a port in use is then reported at once, with a better message than Envoy's.
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

/// An absolute path, since Envoys have another working directory.
fn absolute(path: &Path) -> Result<PathBuf, UpError> {
    std::path::absolute(path).map_err(|error| UpError::File {
        path: path.to_path_buf(),
        error,
    })
}
