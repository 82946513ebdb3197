//! The state folder: one program at a time, and `run.json` while it runs.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exit::{Code, Failure};

/// The file that a `stoa up` holds as long as it runs; it stays when that ends.
const LOCK: &str = "lock";

/// What `run.json` says: who runs here and where it answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The process.
    pub(crate) pid: u32,
    /// The main listener, `http://127.0.0.1:8080`.
    pub(crate) gateway: String,
    /// The listener on which every public route answers.
    pub(crate) operator: String,
    /// The manifest it was started with.
    pub(crate) manifest: PathBuf,
    /// What istio-compile made, for the mesh; none without one.
    #[serde(default)]
    pub(crate) compiled: Option<PathBuf>,
    /// The workloads of the mesh; none without one.
    #[serde(default)]
    pub(crate) mesh: Vec<RunWorkload>,
}

/// A workload of a running mesh.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunWorkload {
    /// `shop/cart-v1-0`.
    pub(crate) name: String,
    /// `sidecar`, `gateway`, or none.
    pub(crate) proxy: Option<String>,
    /// Its identity.
    pub(crate) identity: String,
    /// The address that a cluster would give it, and the one it has here.
    pub(crate) cluster_ip: Ipv4Addr,
    pub(crate) ip: Ipv4Addr,
    /// The administration of its Envoy.
    pub(crate) admin: Option<SocketAddr>,
    /// Where its component listens, behind the Envoy.
    pub(crate) app: Option<SocketAddr>,
}

impl Run {
    /// Who runs in this state folder. `otherwise` is what a caller can do if it runs elsewhere.
    pub(crate) fn find(state_dir: &Path, otherwise: &str) -> Result<Self, Failure> {
        Self::running(state_dir).ok_or_else(|| {
            let place = state_dir.display();
            let mut text =
                format!("nothing runs in {place}: start `stoa up` first, or {otherwise}");
            if !state_dir.join(LOCK).is_file() {
                text = format!(
                    "{text}; {place} is not a state folder, {}",
                    others(state_dir)
                );
            }
            Failure::new(Code::Unavailable, text)
        })
    }

    /// Who runs in this state folder now. A process that was killed leaves its run.json behind, but holds no lock.
    pub(crate) fn running(state_dir: &Path) -> Option<Self> {
        let lock = File::open(state_dir.join(LOCK)).ok()?;
        let held = matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock));
        held.then(|| Self::read(state_dir)).flatten()
    }

    /// What the run.json of a state folder says, if it is there.
    pub(crate) fn read(state_dir: &Path) -> Option<Self> {
        let text = fs::read(state_dir.join("run.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// Fails if this is not a state folder: its name may be mistyped. One that was made for it and is empty yet, or has only what was set, is one.
pub(crate) fn known_state_folder(path: &Path) -> Result<(), Failure> {
    let made_for_it = |entries: fs::ReadDir| entries.flatten().all(|e| e.file_name() == "mesh");
    if path.join(LOCK).is_file() || fs::read_dir(path).is_ok_and(made_for_it) {
        return Ok(());
    }
    let place = path.display();
    Err(Failure::new(
        Code::NoInput,
        format!(
            "there is no state folder {place} (--state-dir): `stoa up` makes one; {}",
            others(path)
        ),
    ))
}

/// The state folders below and beside this path and the working directory.
fn others(path: &Path) -> String {
    let parent = path.parent().unwrap_or(Path::new(""));
    let mut found = std::collections::BTreeSet::new();
    for folder in [parent, path, Path::new(""), Path::new(".stoa")] {
        let read = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        for entry in fs::read_dir(read).into_iter().flatten().flatten() {
            found.insert(folder.join(entry.file_name()));
        }
        found.insert(folder.to_path_buf());
    }
    found.retain(|folder| folder.join(LOCK).is_file());
    let found: Vec<_> = found.iter().map(|f| f.display().to_string()).collect();
    match found.as_slice() {
        [] => "there is none here".to_owned(),
        found => format!("there is {}", found.join(", ")),
    }
}

/// The state folder, held by this process until dropped.
pub(crate) struct StateDir {
    path: PathBuf,
    /// Locked as long as it is open, so that a crash leaves no lock behind.
    _lock: File,
}

impl StateDir {
    /// Makes the folder if need be, and takes it.
    pub(crate) fn hold(path: &Path) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::io(
                &error,
                Code::CannotCreate,
                format!("state folder {} (--state-dir)", path.display()),
            )
        };
        fs::create_dir_all(path).map_err(cannot)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(path)),
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
        }
        let held = Self {
            path: path.to_path_buf(),
            _lock: lock,
        };
        // Left by a run that was killed: nobody answers there.
        held.retract();
        Ok(held)
    }

    /// Says in `run.json` where the app answers; all of it or nothing.
    pub(crate) fn announce(&self, run: &Run) -> Result<(), Failure> {
        let path = self.path.join("run.json");
        let write = || -> std::io::Result<()> {
            let new = self.path.join("run.json.new");
            let mut file = File::create(&new)?;
            serde_json::to_writer_pretty(&mut file, run)?;
            file.write_all(b"\n")?;
            fs::rename(new, &path)
        };
        write().map_err(|error| Failure::io(&error, Code::Io, path.display()))
    }

    fn retract(&self) {
        // Not there is what is wanted, and nothing better could be done about another error.
        let _ = fs::remove_file(self.path.join("run.json"));
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        self.retract();
    }
}

fn taken(path: &Path) -> Failure {
    let who = match Run::read(path) {
        Some(run) => format!("process {}, which answers on {}", run.pid, run.gateway),
        None => "a process that is starting or stopping".to_owned(),
    };
    let path = path.display();
    Failure::new(
        Code::Unavailable,
        format!(
            "state folder {path} is in use by {who}; stop that one, or give this one another --state-dir"
        ),
    )
}
