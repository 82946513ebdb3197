//! The options of a mesh.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::compiled::WORKLOADS_FILE;

/// The options of a mesh.
#[derive(Debug, Clone)]
pub struct MeshOptions {
    /// The folder that istio-compile wrote.
    pub compiled: PathBuf,
    /// The folder for the Envoys' files.
    pub state_dir: PathBuf,
    /// The folder for the Envoys' logs.
    pub logs: PathBuf,
    /// The Envoy program.
    pub envoy: PathBuf,
    /// The folder that contains the filters' .wasm files.
    pub filters: PathBuf,
    /// The file with the certificates of public authorities, in PEM; usually the system's file ([`crate::find_roots`]).
    pub roots: PathBuf,
    /// The addresses where the gateway listens on this machine, by the port in the gateway's Pod. For a port that is not in this
    /// map, the gateway listens on the loopback address of its Pod.
    pub gateway: BTreeMap<u16, SocketAddr>,
    /// The lifetime of a certificate. The mesh renews a certificate after half of its lifetime.
    pub certificate_lifetime: Duration,
}

impl MeshOptions {
    /// Options for tests of a mesh that has no workloads and no Envoy. All folders of the mesh are in `folder`. This function
    /// creates these folders, and a file with an empty list of workloads.
    ///
    /// # Errors
    /// If a folder or the file cannot be created.
    pub fn without_workloads(folder: &Path) -> io::Result<Self> {
        let options = Self {
            compiled: folder.join("compiled"),
            state_dir: folder.join("mesh"),
            logs: folder.join("logs"),
            envoy: PathBuf::from("/nowhere"),
            filters: folder.join("filters"),
            roots: PathBuf::from("/nowhere"),
            gateway: BTreeMap::new(),
            certificate_lifetime: Duration::from_secs(3600),
        };
        for folder in [&options.compiled, &options.state_dir, &options.filters] {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(
            options.compiled.join(WORKLOADS_FILE),
            r#"{"workloads": []}"#,
        )?;
        Ok(options)
    }
}
