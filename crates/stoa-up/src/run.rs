//! Reads and writes `run.json`, the file with the process id and the addresses of a run.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::UpError;
use crate::folder::{LOCK, has_lock, state_folders_near};

/// The content of `run.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Run {
    /// The process id.
    pub pid: u32,
    /// The URL of the main listener, such as `http://127.0.0.1:8080`.
    pub gateway: String,
    /// The URL of the operator's address. Without a mesh, this address serves every public route. In a mesh, it serves all reads,
    /// and the internal operations that the policies permit to the operator.
    pub operator: String,
    /// The path of the application's manifest.
    pub manifest: PathBuf,
    /// The folder that istio-compile wrote and from which the mesh reads its configuration. `None` if there is no mesh.
    #[serde(default)]
    pub compiled: Option<PathBuf>,
    /// The workloads of the mesh. The list is empty if there is no mesh.
    #[serde(default)]
    pub mesh: Vec<RunWorkload>,
}

/// A workload of a running mesh.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunWorkload {
    /// The workload's name, such as `shop/cart-v1-0`.
    pub name: String,
    /// The kind of the workload's proxy: `sidecar` or `gateway`. `None` if the workload has no proxy.
    pub proxy: Option<String>,
    /// The workload's SPIFFE identity.
    pub identity: String,
    /// The workload's address on a cluster.
    pub cluster_ip: Ipv4Addr,
    /// The workload's address on this machine.
    pub ip: Ipv4Addr,
    /// The administration address of the workload's Envoy. `None` if the workload has no Envoy.
    pub admin: Option<SocketAddr>,
    /// The address where the workload's component accepts requests from its Envoy. `None` if the workload runs no component.
    pub app: Option<SocketAddr>,
}

/// The addresses of an application, as its placement returns them.
pub(crate) struct Addresses {
    pub(crate) gateway: String,
    pub(crate) compiled: Option<PathBuf>,
    pub(crate) mesh: Vec<RunWorkload>,
}

const RUN_FILE: &str = "run.json";

impl Run {
    pub(crate) fn of_this_process(
        manifest: PathBuf,
        operator: String,
        addresses: Addresses,
    ) -> Self {
        Self {
            pid: std::process::id(),
            gateway: addresses.gateway,
            operator,
            manifest,
            compiled: addresses.compiled,
            mesh: addresses.mesh,
        }
    }

    /// The run in this state folder. The text `otherwise` completes the error message "start `stoa up` first, or ...", for example
    /// with the flag that selects another state folder.
    ///
    /// # Errors
    /// [`UpError::NothingRuns`].
    pub fn find(state_dir: &Path, otherwise: &str) -> Result<Self, UpError> {
        Self::running(state_dir).ok_or_else(|| UpError::NothingRuns {
            path: state_dir.to_path_buf(),
            otherwise: otherwise.to_owned(),
            others: (!has_lock(state_dir)).then(|| state_folders_near(state_dir)),
        })
    }

    /// The run in this state folder, if its process still runs. (A killed process leaves `run.json` in the folder, but the lock is
    /// released.)
    pub fn running(state_dir: &Path) -> Option<Self> {
        let lock = File::open(state_dir.join(LOCK)).ok()?;
        let held = matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock));
        held.then(|| Self::read(state_dir)).flatten()
    }

    /// The content of `run.json` in a state folder, if this file exists.
    pub(crate) fn read(state_dir: &Path) -> Option<Self> {
        let text = fs::read(state_dir.join(RUN_FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes a new file and renames it to `run.json`, so a reader never sees a part of the file.
    pub(crate) fn write(&self, state_dir: &Path) -> Result<(), UpError> {
        let path = state_dir.join(RUN_FILE);
        let write = || -> io::Result<()> {
            let new = state_dir.join("run.json.new");
            let mut file = File::create(&new)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            fs::rename(new, &path)
        };
        write().map_err(|error| UpError::File { path, error })
    }

    /// Removes `run.json`, if the file exists. Errors are ignored, because the caller cannot handle them either.
    pub(crate) fn remove(state_dir: &Path) {
        let _ = fs::remove_file(state_dir.join(RUN_FILE));
    }
}
