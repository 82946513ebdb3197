//! The options of a shop.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::client::Check;
use crate::contract::contract;
use crate::workspace;

/// The components with a database.
pub const SERVICES: [&str; 9] = [
    "product",
    "cart",
    "order",
    "payment",
    "user",
    "inventory",
    "shipping",
    "notification",
    "partners",
];

/// The options of a shop.
#[derive(Debug, Clone)]
pub struct ShopOptions {
    /// The manifest; by default the workspace's `spin.toml`.
    pub manifest: PathBuf,
    /// Whether the timers of the OpenAPI document run.
    pub timers: bool,
    /// Values of the application's variables.
    pub variables: BTreeMap<String, String>,
    /// The folder for data; by default a temporary one, removed at the end.
    pub state_dir: Option<PathBuf>,
    /// Whether a temporary folder is on disk, as a benchmark needs it. Tests keep it in memory if there is room.
    pub on_disk: bool,
    /// The ids of the components that run; empty means all.
    pub components: Vec<String>,
    /// The check of every response, if any.
    pub check: Option<Check>,
    /// Whether the shop runs in a mesh of Envoys.
    pub mesh: bool,
    /// Filter configurations that override the manifests', by the filter's name; for a mesh.
    pub filters: BTreeMap<String, Value>,
    /// Environment variables in addition to the test's own.
    pub environment: BTreeMap<String, OsString>,
    /// Additional arguments of `stoa up`.
    pub arguments: Vec<String>,
    /// The program; by default `STOA_BIN` or the workspace's `target/native/stoa`.
    pub program: Option<PathBuf>,
}

impl Default for ShopOptions {
    fn default() -> Self {
        Self {
            manifest: workspace().join("spin.toml"),
            timers: true,
            variables: BTreeMap::new(),
            state_dir: None,
            on_disk: false,
            components: Vec::new(),
            check: None,
            mesh: false,
            filters: BTreeMap::new(),
            environment: BTreeMap::new(),
            arguments: Vec::new(),
            program: None,
        }
    }
}

impl ShopOptions {
    /// The whole shop; its responses are checked against the OpenAPI documents.
    pub fn checked() -> Self {
        Self {
            check: Some(contract),
            ..Self::default()
        }
    }

    /// Only these components of the shop, without timers; responses are checked against the OpenAPI documents.
    pub fn only(components: &[&str]) -> Self {
        Self {
            components: components.iter().map(|&id| id.to_owned()).collect(),
            timers: false,
            ..Self::checked()
        }
    }

    /// The next release of the shop, `spin.canary.toml`.
    #[must_use]
    pub fn canary(self) -> Self {
        Self {
            manifest: workspace().join("spin.canary.toml"),
            ..self
        }
    }

    /// The whole shop in a mesh of Envoys, without injected faults; responses are checked against the OpenAPI documents.
    pub fn mesh() -> Self {
        Self {
            mesh: true,
            ..Self::checked()
        }
        .filter("payment-fault", json!({"enabled": false}))
    }

    /// Uses Istio's output for other manifests than the workspace's own.
    #[must_use]
    pub fn compiled(mut self, folder: &Path) -> Self {
        let folder = folder.to_string_lossy().into_owned();
        self.arguments.extend(["--mesh".to_owned(), folder]);
        self
    }

    /// Overrides the manifests' configuration of a filter.
    #[must_use]
    pub fn filter(mut self, name: &str, config: Value) -> Self {
        self.filters.insert(name.to_owned(), config);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a variable of the application.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Uses separate databases in the PostgreSQL of this process.
    #[must_use]
    pub fn postgres(self) -> Self {
        let server = stoa_postgres::Server::shared();
        let url = match server.databases(&SERVICES) {
            Ok(url) => url,
            Err(error) => panic!("databases: {error}"),
        };
        self.variable("database_url", url)
            .variable("database_host", format!("postgres://{}", server.host()))
    }

    /// Turns the timers on or off.
    #[must_use]
    pub fn timers(mut self, on: bool) -> Self {
        self.timers = on;
        self
    }
}
