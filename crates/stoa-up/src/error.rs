//! Why an application does not run.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use stoa_manifest::BadSpinApp;
use stoa_mesh::{CompiledError, MeshError, NoEnvoy, NoRoots};
use stoa_runtime::{LoadError, StartError};

use crate::document::BadDocument;

/// Why an application does not run.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// The manifest cannot be read ([`stoa_manifest::Errors::unreadable`]), or has faults.
    #[error("the manifest is wrong:\n{errors}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// All faults of the manifest.
        #[source]
        errors: stoa_manifest::Errors,
    },
    /// The OpenAPI document cannot be read.
    #[error("{}: {error}", path.display())]
    DocumentUnreadable {
        /// The document.
        path: PathBuf,
        /// Why; [`io::ErrorKind::InvalidData`] if it is not text.
        #[source]
        error: io::Error,
    },
    /// The OpenAPI document has faults.
    #[error(transparent)]
    Document(#[from] BadDocument),
    /// Files of components are missing.
    #[error("not built yet:\n  {}", paths(.0, "\n  "))]
    NotBuilt(Vec<PathBuf>),
    /// The state folder cannot be created or locked.
    #[error("state folder {}: {error}", path.display())]
    StateFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Another process holds the state folder.
    #[error("state folder {} is in use by {}", path.display(), holder(by.as_ref()))]
    StateFolderInUse {
        /// The folder.
        path: PathBuf,
        /// The process and its main listener; `None` while it starts or stops.
        by: Option<(u32, String)>,
    },
    /// The folder is not a state folder.
    #[error("there is no state folder {}; there is {}", path.display(), folders(others))]
    NoStateFolder {
        /// The folder.
        path: PathBuf,
        /// The state folders near it.
        others: Vec<PathBuf>,
    },
    /// Nothing runs in the state folder.
    #[error("nothing runs in {}: start `stoa up` first, or {otherwise}{}", path.display(), not_a_folder(path, others.as_deref()))]
    NothingRuns {
        /// The folder.
        path: PathBuf,
        /// The alternative for the caller.
        otherwise: String,
        /// The state folders near it, if it is not a state folder itself.
        others: Option<Vec<PathBuf>>,
    },
    /// Another program listens on an address.
    #[error("{address} ({role}) is in use by another program")]
    AddressInUse {
        /// The address.
        address: SocketAddr,
        /// The role of the listener.
        role: ListenerRole,
    },
    /// Binding an address failed.
    #[error("cannot listen on {address} ({role}): {error}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The role of the listener.
        role: ListenerRole,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A bound listener cannot serve.
    #[error("listener: {0}")]
    Listener(#[source] io::Error),
    /// The system cannot start threads.
    #[error("no threads: {0}")]
    Threads(#[source] io::Error),
    /// Signals cannot be received.
    #[error("signals: {0}")]
    Signals(#[source] io::Error),
    /// The runtime does not start.
    #[error(transparent)]
    Runtime(#[from] StartError),
    /// A component cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The thread that loads components failed.
    #[error("loading failed: {0}")]
    Loading(#[source] tokio::task::JoinError),
    /// A file cannot be written, or a folder cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The folder of istio-compile cannot be used.
    #[error(transparent)]
    Compiled(#[from] CompiledError),
    /// No Envoy was found.
    #[error(transparent)]
    Envoy(#[from] NoEnvoy),
    /// No certificates of certificate authorities were found.
    #[error(transparent)]
    Roots(#[from] NoRoots),
    /// The mesh does not start.
    #[error(transparent)]
    Mesh(MeshError),
    /// A SpinApp has a fault.
    #[error(transparent)]
    SpinApp(#[from] BadSpinApp),
    /// Two manifests have the same version, so an image's tag is ambiguous.
    #[error("{} and {} are both version {version}: the tag of a SpinApp's image would mean both", first.display(), second.display())]
    SameVersion {
        /// One manifest.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
        /// Their version.
        version: String,
    },
    /// No manifest has the version of a SpinApp's image.
    #[error("SpinApp {spin_app}: the tag of its image is {version}, and no spin*.toml here has that version; there is {}", known.join(", "))]
    NoRelease {
        /// The SpinApp.
        spin_app: String,
        /// The tag of its image.
        version: String,
        /// The versions of the manifests.
        known: Vec<String>,
    },
    /// The mesh has no gateway.
    #[error("the manifests have no gateway")]
    NoGateway,
    /// The [`crate::Reporter`] cannot show the application's addresses.
    #[error("stdout: {0}")]
    Report(#[source] io::Error),
    /// A second signal ended the run within the grace period.
    #[error("stopped at once; requests were cut off")]
    Interrupted,
}

impl From<MeshError> for UpError {
    fn from(error: MeshError) -> Self {
        match error {
            MeshError::Compiled(error) => Self::Compiled(error),
            error => Self::Mesh(error),
        }
    }
}

/// The role of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerRole {
    /// The main listener.
    Gateway,
    /// The operator's listener.
    Operator,
    /// The listener of a workload's component, behind its Envoy.
    Workload,
}

impl fmt::Display for ListenerRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gateway => "main listener",
            Self::Operator => "operator's listener",
            Self::Workload => "a workload's listener",
        })
    }
}

fn paths(paths: &[PathBuf], separator: &str) -> String {
    let paths: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
    paths.join(separator)
}

fn folders(folders: &[PathBuf]) -> String {
    match folders {
        [] => "none here".to_owned(),
        folders => paths(folders, ", "),
    }
}

fn holder(by: Option<&(u32, String)>) -> String {
    match by {
        Some((pid, gateway)) => format!("process {pid}, which answers on {gateway}"),
        None => "a process that is starting or stopping".to_owned(),
    }
}

fn not_a_folder(path: &std::path::Path, others: Option<&[PathBuf]>) -> String {
    let Some(others) = others else {
        return String::new();
    };
    let others = folders(others);
    format!(
        "; {} is not a state folder, there is {others}",
        path.display()
    )
}
