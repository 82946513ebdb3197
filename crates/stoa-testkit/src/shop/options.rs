//! How a shop is started.

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

/// What to start.
#[derive(Debug, Clone)]
pub struct ShopOptions {
    /// The manifest; the workspace's `spin.toml` unless set.
    pub manifest: PathBuf,
    /// Whether the timers of the OpenAPI document run.
    pub timers: bool,
    /// Values of the application's variables.
    pub variables: BTreeMap<String, String>,
    /// The folder for data; by default a temporary one, removed in the end.
    pub state_dir: Option<PathBuf>,
    /// Whether a temporary folder is on a disk, as a benchmark needs it. Tests keep it in memory where there is room.
    pub on_disk: bool,
    /// The components that run, by id; all if empty.
    pub components: Vec<String>,
    /// The check of every response, if any.
    pub check: Option<Check>,
    /// Whether it runs in a mesh of Envoys.
    pub mesh: bool,
    /// Configurations of filters that take the place of the manifests', by the filter's name; for a mesh.
    pub filters: BTreeMap<String, Value>,
    /// Its environment beside the test's own.
    pub environment: BTreeMap<String, OsString>,
    /// More arguments of `stoa up`.
    pub arguments: Vec<String>,
    /// The program; `STOA_BIN` or the workspace's `target/native/stoa` unless set.
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
    /// The whole shop, its responses checked against the OpenAPI documents.
    pub fn checked() -> Self {
        Self {
            check: Some(contract),
            ..Self::default()
        }
    }

    /// These components of the shop alone, without timers, their answers held against the OpenAPI documents.
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

    /// The whole shop in a mesh of Envoys, its answers held against the OpenAPI documents, without injected faults.
    pub fn mesh() -> Self {
        Self {
            mesh: true,
            ..Self::checked()
        }
        .filter("payment-fault", json!({"enabled": false}))
    }

    /// With what Istio made of other manifests than the workspace's own.
    #[must_use]
    pub fn compiled(mut self, folder: &Path) -> Self {
        let folder = folder.to_string_lossy().into_owned();
        self.arguments.extend(["--mesh".to_owned(), folder]);
        self
    }

    /// With another configuration of a filter than the manifests'.
    #[must_use]
    pub fn filter(mut self, name: &str, config: Value) -> Self {
        self.filters.insert(name.to_owned(), config);
        self
    }

    /// With something in its environment.
    #[must_use]
    pub fn environment(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// With a variable set.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// With databases of its own in the PostgreSQL of this process.
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

    /// With the timers on or off.
    #[must_use]
    pub fn timers(mut self, on: bool) -> Self {
        self.timers = on;
        self
    }
}
