//! One Envoy of a mesh, and how it is read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::dump::Dump;
use super::error::InspectError;
use crate::admin::{Admin, AdminError};

/// Timeout of a request where all Envoys are shown together. An Envoy answers from memory, within milliseconds.
const OVERVIEW_TIMEOUT: Duration = Duration::from_millis(1500);

/// An Envoy whose administration can be read.
#[derive(Debug, Clone)]
pub struct Envoy {
    /// Its workload's name, `bookinfo/ratings-v1-0`.
    pub name: String,
    /// The Envoy's administration.
    pub admin: Admin,
    /// The folder of its configuration files.
    pub files: PathBuf,
    /// The Envoy's own log.
    pub log: PathBuf,
    /// The Envoy's access log.
    pub access_log: PathBuf,
}

impl Envoy {
    /// The Envoy of a workload, with the mesh's folders ([`crate::MeshOptions`]).
    pub fn new(workload: &str, admin: Admin, state_dir: &Path, logs: &Path) -> Self {
        Self {
            name: workload.to_owned(),
            admin,
            files: crate::files::of_proxy(state_dir, workload),
            log: crate::files::log(logs, workload),
            access_log: crate::files::access_log(logs, workload),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Result<String, InspectError> {
        self.answered(self.admin.get(path).await)
    }

    /// As `get`, with a short timeout: in a view of all Envoys, one that hangs must not delay the others.
    pub(super) async fn get_soon(&self, path: &str) -> Result<String, InspectError> {
        self.answered(self.admin.get_within(path, OVERVIEW_TIMEOUT).await)
    }

    pub(super) async fn json(&self, path: &str) -> Result<Value, InspectError> {
        self.answered(self.admin.json(path).await)
    }

    pub(super) async fn json_soon(&self, path: &str) -> Result<Value, InspectError> {
        self.answered(self.admin.json_within(path, OVERVIEW_TIMEOUT).await)
    }

    pub(super) fn answered<T>(&self, answer: Result<T, AdminError>) -> Result<T, InspectError> {
        answer.map_err(|error| InspectError::Admin {
            envoy: self.name.clone(),
            error,
        })
    }

    pub(super) async fn dump(&self) -> Result<Dump, InspectError> {
        Ok(Dump(self.json("/config_dump").await?))
    }
}
