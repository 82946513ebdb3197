//! `run.json`: the process that runs in a state folder, and its addresses.

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
    /// The process.
    pub pid: u32,
    /// The main listener, `http://127.0.0.1:8080`.
    pub gateway: String,
    /// The listener that serves every public route.
    pub operator: String,
    /// The manifest of the application.
    pub manifest: PathBuf,
    /// The folder that istio-compile wrote, for a mesh.
    #[serde(default)]
    pub compiled: Option<PathBuf>,
    /// The workloads of the mesh; empty without a mesh.
    #[serde(default)]
    pub mesh: Vec<RunWorkload>,
}

/// A workload of a running mesh.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunWorkload {
    /// `shop/cart-v1-0`.
    pub name: String,
    /// `sidecar`, `gateway`, or none.
    pub proxy: Option<String>,
    /// Its SPIFFE identity.
    pub identity: String,
    /// The address that it would have in a cluster.
    pub cluster_ip: Ipv4Addr,
    /// Its address on this machine.
    pub ip: Ipv4Addr,
    /// The admin address of its Envoy.
    pub admin: Option<SocketAddr>,
    /// The listener of its component, behind the Envoy.
    pub app: Option<SocketAddr>,
}

/// The addresses of an application, from its placement.
pub(crate) struct Addresses {
    pub(crate) gateway: String,
    pub(crate) compiled: Option<PathBuf>,
    pub(crate) mesh: Vec<RunWorkload>,
}

const FILE: &str = "run.json";

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

    /// The run in this state folder. `otherwise` completes the error message "start `stoa up` first, or ...", for a caller that
    /// meant another folder.
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

    /// The run in this state folder, if its process lives. A killed process leaves its `run.json` behind, but no lock.
    pub fn running(state_dir: &Path) -> Option<Self> {
        let lock = File::open(state_dir.join(LOCK)).ok()?;
        let held = matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock));
        held.then(|| Self::read(state_dir)).flatten()
    }

    /// The `run.json` of a state folder, if there is one.
    pub(crate) fn read(state_dir: &Path) -> Option<Self> {
        let text = fs::read(state_dir.join(FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes `run.json`. A reader gets the whole file or none.
    pub(crate) fn write(&self, state_dir: &Path) -> Result<(), UpError> {
        let path = state_dir.join(FILE);
        let write = || -> io::Result<()> {
            let new = state_dir.join("run.json.new");
            let mut file = File::create(&new)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            fs::rename(new, &path)
        };
        write().map_err(|error| UpError::File { path, error })
    }

    /// Removes `run.json`. The file may already be missing. Other errors are ignored, since nothing better can be done about
    /// them.
    pub(crate) fn remove(state_dir: &Path) {
        let _ = fs::remove_file(state_dir.join(FILE));
    }
}
