//! Converts the libraries' errors into failures: an exit code, and a message with the flag that solves the problem.

use stoa_mesh::inspect::InspectError;
use stoa_mesh::{AdminError, CompiledError, MeshError};
use stoa_runtime::{LoadError, StartError};
use stoa_up::{ListenerRole, UpError};

use crate::exit::{Code, Failure};

impl From<UpError> for Failure {
    fn from(error: UpError) -> Self {
        let text = error.to_string();
        let path = match &error {
            UpError::Manifest { path, .. }
            | UpError::DocumentUnreadable { path, .. }
            | UpError::StateFolder { path, .. }
            | UpError::File { path, .. } => path.display().to_string(),
            _ => String::new(),
        };
        match &error {
            UpError::Manifest { errors, .. } => match errors.unreadable() {
                Some(error) => {
                    let subject = format!("cannot read the manifest {path} (--manifest)");
                    Self::io(error, Code::Io, subject)
                }
                None => Self::new(Code::Data, text),
            },
            UpError::DocumentUnreadable { error, .. } => match error.kind() {
                std::io::ErrorKind::InvalidData => Self::io(error, Code::Data, path),
                _ => {
                    let subject = format!("cannot read the OpenAPI document {path} (--api)");
                    Self::io(error, Code::Io, subject)
                }
            },
            UpError::StateFolder { error, .. } => {
                let subject = format!("cannot use the state folder {path} (--state-dir)");
                Self::io(error, Code::CannotCreate, subject)
            }
            UpError::File { error, .. } => Self::io(error, Code::Io, path),
            UpError::StateFolderInUse { .. } => {
                let hint = "stop that process, or choose another state folder with --state-dir";
                Self::new(Code::Unavailable, format!("{text}; {hint}"))
            }
            UpError::NoStateFolder { .. } => {
                let hint = "`stoa up --state-dir` creates a state folder";
                Self::new(Code::NoInput, format!("{text}; {hint}"))
            }
            UpError::AddressInUse { role, .. } => {
                let hint = flag(*role).map_or_else(
                    || "stop that program".to_owned(),
                    |flag| format!("stop that program, or choose another address with {flag}"),
                );
                Self::new(Code::Unavailable, format!("{text}; {hint}"))
            }
            UpError::Bind {
                address,
                role,
                error,
            } => {
                let flag = flag(*role).unwrap_or("a workload's listener");
                let subject = format!("cannot listen on {address} ({flag})");
                Self::io(error, Code::Unavailable, subject)
            }
            UpError::Envoy(_) => Self::new(
                Code::Unavailable,
                format!("{text}; or run without Envoys (--no-mesh)"),
            ),
            UpError::NotBuilt(_) => {
                let hint = "`make wasm` builds the components of this repository";
                Self::new(Code::NoInput, format!("{text}\n{hint}"))
            }
            UpError::Listener(error) => {
                Self::io(error, Code::Internal, "cannot accept connections")
            }
            UpError::Report(error) => Self::io(error, Code::Io, "cannot write to stdout"),
            UpError::Compiled(error) => compiled_failure(error),
            UpError::Mesh(error) => mesh_failure(error),
            UpError::Runtime(StartError::Cache { .. }) => Self::new(Code::CannotCreate, text),
            UpError::Load(LoadError::Unreadable { .. }) | UpError::Roots(_) => {
                Self::new(Code::NoInput, text)
            }
            UpError::Load(LoadError::Database { .. }) => Self::new(Code::Io, text),
            UpError::Document(_)
            | UpError::Load(_)
            | UpError::SpinApp(_)
            | UpError::SameVersion { .. }
            | UpError::NoRelease { .. }
            | UpError::NoGateway => Self::new(Code::Data, text),
            UpError::NothingRuns { .. } | UpError::Threads(_) | UpError::Runtime(_) => {
                Self::new(Code::Unavailable, text)
            }
            UpError::Signals(_) | UpError::Loading(_) => Self::new(Code::Internal, text),
            UpError::Interrupted => Self::new(Code::Interrupted, text),
        }
    }
}

fn flag(role: ListenerRole) -> Option<&'static str> {
    match role {
        ListenerRole::Gateway => Some("--listen"),
        ListenerRole::Operator => Some("--operator-listen"),
        ListenerRole::Workload => None,
    }
}

fn mesh_failure(error: &MeshError) -> Failure {
    let code = match error {
        MeshError::Compiled(error) => return compiled_failure(error),
        MeshError::Io { what, error } => {
            return Failure::io(error, Code::Io, format!("cannot {what}"));
        }
        MeshError::Rejected { .. } => Code::Data,
        MeshError::Addresses(_) | MeshError::NotReady { .. } | MeshError::EndsAtStart { .. } => {
            Code::Unavailable
        }
        MeshError::Certificates(_) => Code::Internal,
    };
    Failure::new(code, error.to_string())
}

/// Converts the error that occurs if the folder that istio-compile wrote cannot be read.
pub(crate) fn compiled_failure(error: &CompiledError) -> Failure {
    match error {
        CompiledError::Unreadable { path, error } => {
            let path = path.display();
            let subject = format!("cannot read {path}, which `make mesh` writes (--mesh)");
            Failure::io(error, Code::Io, subject)
        }
        CompiledError::Malformed { .. } => Failure::new(Code::Data, error.to_string()),
    }
}

impl From<InspectError> for Failure {
    fn from(error: InspectError) -> Self {
        let code = match &error {
            InspectError::Admin {
                error: AdminError::Silent { .. },
                ..
            } => Code::Unavailable,
            InspectError::Admin { .. } => Code::Internal,
            _ => Code::Usage,
        };
        Self::new(code, error.to_string())
    }
}
