//! The options of a mesh.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::compiled::LIST;

/// The options of a mesh.
#[derive(Debug, Clone)]
pub struct MeshOptions {
    /// The folder that `istio-compile` wrote.
    pub compiled: PathBuf,
    /// The folder for the Envoys' files.
    pub state_dir: PathBuf,
    /// The folder for the Envoys' logs.
    pub logs: PathBuf,
    /// The Envoy program.
    pub envoy: PathBuf,
    /// The folder of the filters' .wasm.
    pub filters: PathBuf,
    /// The file with the certificates of public authorities, PEM; usually the system's ([`crate::find_roots`]).
    pub roots: PathBuf,
    /// The gateway's addresses, by the port of its Pod. By default the gateway has its own loopback address.
    pub gateway: BTreeMap<u16, SocketAddr>,
    /// The lifetime of a certificate. It is renewed after half of it.
    pub certificate_lifetime: Duration,
}

impl MeshOptions {
    /// For tests: a mesh without workloads and without an Envoy, all of it below `folder`. Creates the folders and the list of workloads.
    ///
    /// # Errors
    /// If the folders cannot be created.
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
        std::fs::write(options.compiled.join(LIST), r#"{"workloads": []}"#)?;
        Ok(options)
    }
}
