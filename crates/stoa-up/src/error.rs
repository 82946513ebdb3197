//! The reasons why an application does not run.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use stoa_manifest::BadSpinApp;
use stoa_mesh::{CompiledError, MeshError, NoEnvoy, NoRoots};
use stoa_runtime::{LoadError, StartError};

use crate::document::BadDocument;

/// The reason why an application does not run.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// The manifest cannot be read ([`stoa_manifest::Errors::unreadable`]), or contains errors.
    #[error("the manifest contains errors:\n{errors}")]
    Manifest {
        /// The path of the manifest.
        path: PathBuf,
        /// All errors in the manifest.
        #[source]
        errors: stoa_manifest::Errors,
    },
    /// The OpenAPI document cannot be read.
    #[error("cannot read the OpenAPI document {}: {error}", path.display())]
    DocumentUnreadable {
        /// The path of the document.
        path: PathBuf,
        /// The cause; [`io::ErrorKind::InvalidData`] if the document is not UTF-8 text.
        #[source]
        error: io::Error,
    },
    /// The OpenAPI document contains errors.
    #[error(transparent)]
    Document(#[from] BadDocument),
    /// The .wasm files of some components do not exist.
    #[error("these components are not built yet:\n  {}", paths(.0, "\n  "))]
    NotBuilt(Vec<PathBuf>),
    /// The state folder cannot be created or locked.
    #[error("cannot create or lock the state folder {}: {error}", path.display())]
    StateFolder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// Another process has locked the state folder.
    #[error("state folder {} is in use by {}", path.display(), describe(holder.as_ref()))]
    StateFolderInUse {
        /// The folder.
        path: PathBuf,
        /// The process id of the other process, and the URL of its main listener. `None` while the other process starts or stops.
        holder: Option<(u32, String)>,
    },
    /// The folder is not a state folder.
    #[error("there is no state folder {}; {}", path.display(), existing(others))]
    NoStateFolder {
        /// The folder.
        path: PathBuf,
        /// The state folders near this folder.
        others: Vec<PathBuf>,
    },
    /// No application runs in the state folder.
    #[error("no application runs in {}; start `stoa up` first, or {otherwise}{}", path.display(), not_a_state_folder(path, others.as_deref()))]
    NothingRuns {
        /// The folder.
        path: PathBuf,
        /// The part of the message that states what a user can do instead of starting `stoa up`.
        otherwise: String,
        /// The state folders near this folder. `None` if this folder itself is a state folder.
        others: Option<Vec<PathBuf>>,
    },
    /// Another program listens on an address.
    #[error("{address} (for the {role}) is in use by another program")]
    AddressInUse {
        /// The address.
        address: SocketAddr,
        /// The role of the listener.
        role: ListenerRole,
    },
    /// Binding an address failed.
    #[error("cannot listen on {address} (for the {role}): {error}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The role of the listener.
        role: ListenerRole,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// A listener is bound, but requests to it cannot be served.
    #[error("cannot serve a listener: {0}")]
    Listener(#[source] io::Error),
    /// The system cannot start threads.
    #[error("cannot start threads: {0}")]
    Threads(#[source] io::Error),
    /// The process cannot receive signals.
    #[error("cannot receive signals: {0}")]
    Signals(#[source] io::Error),
    /// The runtime does not start.
    #[error(transparent)]
    Runtime(#[from] StartError),
    /// A component cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The thread that loads the components panicked.
    #[error("the thread that loads the components failed: {0}")]
    Loading(#[source] tokio::task::JoinError),
    /// A file cannot be written, or a folder cannot be read.
    #[error("cannot use {}: {error}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// The folder that istio-compile wrote cannot be read.
    #[error(transparent)]
    Compiled(#[from] CompiledError),
    /// No Envoy was found.
    #[error(transparent)]
    Envoy(#[from] NoEnvoy),
    /// SSL_CERT_FILE is not the path of a file.
    #[error(transparent)]
    Roots(#[from] NoRoots),
    /// The mesh does not start.
    #[error(transparent)]
    Mesh(MeshError),
    /// A SpinApp manifest contains an error.
    #[error(transparent)]
    SpinApp(#[from] BadSpinApp),
    /// Two manifests of the application have the same version. A SpinApp selects its manifest by the version in its image's tag, so
    /// its manifest would be ambiguous.
    #[error("{} and {} both have version {version}; give them different versions, because a SpinApp selects its manifest by version", first.display(), second.display())]
    SameVersion {
        /// The path of the first of these manifests.
        first: PathBuf,
        /// The path of the second of these manifests.
        second: PathBuf,
        /// The version of both manifests.
        version: String,
    },
    /// The tag of a SpinApp's image is a version that no manifest of the application has.
    #[error("SpinApp {spin_app}: no spin*.toml has the version {version}, which is the tag of the image; expected one of {}", known.join(", "))]
    NoRelease {
        /// The name of the SpinApp.
        spin_app: String,
        /// The tag of the SpinApp's image.
        version: String,
        /// The versions of the manifests.
        known: Vec<String>,
    },
    /// The mesh has no gateway.
    #[error("the manifests have no gateway, and a mesh needs one")]
    NoGateway,
    /// The [`crate::Reporter`] cannot show the application's addresses.
    #[error("cannot show the application's addresses: {0}")]
    Report(#[source] io::Error),
    /// During the grace period after the first signal, a second signal ended the run.
    #[error("stopped at once; requests in flight were canceled")]
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
            Self::Workload => "listener of a workload",
        })
    }
}

fn paths(paths: &[PathBuf], separator: &str) -> String {
    let paths: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
    paths.join(separator)
}

/// Names the existing state folders.
fn existing(folders: &[PathBuf]) -> String {
    match folders {
        [] => "no other state folder was found".to_owned(),
        folders => format!("existing state folders: {}", paths(folders, ", ")),
    }
}

/// Describes the process that has locked a state folder.
fn describe(holder: Option<&(u32, String)>) -> String {
    match holder {
        Some((pid, gateway)) => format!("process {pid}, whose main listener is {gateway}"),
        None => "another process, which is starting or stopping".to_owned(),
    }
}

fn not_a_state_folder(path: &std::path::Path, others: Option<&[PathBuf]>) -> String {
    let Some(others) = others else {
        return String::new();
    };
    let others = existing(others);
    format!("; {} is not a state folder; {others}", path.display())
}
