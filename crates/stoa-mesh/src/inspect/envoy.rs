//! An Envoy of a mesh, and requests to its administration interface.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::dump::Dump;
use super::error::InspectError;
use crate::admin::{Admin, AdminError};

/// Timeout of a request to one Envoy for a view of all Envoys. An Envoy answers from memory within milliseconds, so one that needs
/// longer hangs.
const OVERVIEW_TIMEOUT: Duration = Duration::from_millis(1500);

/// An Envoy, with its administration interface and its files.
#[derive(Debug, Clone)]
pub struct Envoy {
    /// The name of the Envoy's workload, such as `bookinfo/ratings-v1-0`.
    pub name: String,
    /// A client of the Envoy's administration interface.
    pub admin: Admin,
    /// The folder that contains the Envoy's configuration files.
    pub files: PathBuf,
    /// The path of the Envoy's own log.
    pub log: PathBuf,
    /// The path of the Envoy's access log.
    pub access_log: PathBuf,
}

impl Envoy {
    /// The Envoy of a workload. `state_dir` and `logs` are the mesh's folders ([`crate::MeshOptions`]).
    pub fn new(workload: &str, admin: Admin, state_dir: &Path, logs: &Path) -> Self {
        Self {
            name: workload.to_owned(),
            admin,
            files: crate::files::proxy_folder(state_dir, workload),
            log: crate::files::log_file(logs, workload),
            access_log: crate::files::access_log_file(logs, workload),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Result<String, InspectError> {
        self.named_error(self.admin.get(path).await)
    }

    /// Like `Admin::get`, with a short timeout: an Envoy that hangs must not delay a view of all Envoys.
    pub(super) async fn get_for_overview(&self, path: &str) -> Result<String, InspectError> {
        self.named_error(self.admin.get_within(path, OVERVIEW_TIMEOUT).await)
    }

    pub(super) async fn json(&self, path: &str) -> Result<Value, InspectError> {
        self.named_error(self.admin.json(path).await)
    }

    /// Like `Admin::json`, with the short timeout of a view of all Envoys.
    pub(super) async fn json_for_overview(&self, path: &str) -> Result<Value, InspectError> {
        self.named_error(self.admin.json_within(path, OVERVIEW_TIMEOUT).await)
    }

    /// Adds the Envoy's name to an error.
    pub(super) fn named_error<T>(&self, answer: Result<T, AdminError>) -> Result<T, InspectError> {
        answer.map_err(|error| InspectError::Admin {
            envoy: self.name.clone(),
            error,
        })
    }

    pub(super) async fn dump(&self) -> Result<Dump, InspectError> {
        Ok(Dump(self.json("/config_dump").await?))
    }
}
