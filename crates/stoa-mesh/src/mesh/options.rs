//! How a mesh is set up.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::compiled::LIST;

/// How a mesh is set up.
#[derive(Debug, Clone)]
pub struct MeshOptions {
    /// The folder that `istio-compile` wrote.
    pub compiled: PathBuf,
    /// The folder for the Envoys' files.
    pub state_dir: PathBuf,
    /// The folder for their logs.
    pub logs: PathBuf,
    /// The program.
    pub envoy: PathBuf,
    /// The folder of the filters' .wasm.
    pub filters: PathBuf,
    /// The certificates of the authorities that third parties' are from, PEM; the system's as a rule ([`crate::find_roots`]).
    pub roots: PathBuf,
    /// Where the gateway listens, by the port of its Pod; by default at an address of its own.
    pub gateway: BTreeMap<u16, SocketAddr>,
    /// How long a certificate is valid. It is renewed after half of that.
    pub certificate_lifetime: Duration,
}

impl MeshOptions {
    /// For tests: a mesh without workloads and without a program, all of it below `folder`. Makes the folders and the list of workloads.
    ///
    /// # Errors
    /// If the folders cannot be made.
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
