//! The options of a shop.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::client::Check;
use crate::contract::contract;
use crate::workspace;

/// The components that have a database.
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
    /// The path of the manifest; by default the workspace's `spin.toml`.
    pub manifest: PathBuf,
    /// True if `stoa up` calls the operations that have an `x-timer` in the OpenAPI document.
    pub timers: bool,
    /// Values of the application's variables.
    pub variables: BTreeMap<String, String>,
    /// The folder for data; `None` creates a temporary folder, which is removed when the shop is dropped.
    pub state_dir: Option<PathBuf>,
    /// True if a temporary folder must be on disk, as benchmarks require. If false, the folder is in memory if there is enough
    /// space.
    pub on_disk: bool,
    /// The ids of the components that run; an empty list selects all components.
    pub components: Vec<String>,
    /// A function that checks every response; `None` checks no response.
    pub check: Option<Check>,
    /// True if the shop runs in a mesh of Envoys.
    pub mesh: bool,
    /// Filter configurations that override the manifests' configurations in a mesh, by the filter's name.
    pub filters: BTreeMap<String, Value>,
    /// Additional environment variables for `stoa up`.
    pub environment: BTreeMap<String, OsString>,
    /// Additional arguments of `stoa up`.
    pub arguments: Vec<String>,
    /// The path of the program; `None` selects the path in the environment variable `STOA_BIN`, or else the workspace's
    /// `target/native/stoa`.
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
    /// Options for the whole shop. Its responses are checked against the OpenAPI documents.
    pub fn checked() -> Self {
        Self {
            check: Some(contract),
            ..Self::default()
        }
    }

    /// Options for a shop with only these components, and without timers. Its responses are checked against the OpenAPI documents.
    pub fn only(components: &[&str]) -> Self {
        Self {
            components: components.iter().map(|&id| id.to_owned()).collect(),
            timers: false,
            ..Self::checked()
        }
    }

    /// Uses the manifest of the shop's next release, `spin.canary.toml`.
    #[must_use]
    pub fn canary(self) -> Self {
        Self {
            manifest: workspace().join("spin.canary.toml"),
            ..self
        }
    }

    /// Options for the whole shop in a mesh of Envoys, without injected faults. Its responses are checked against the OpenAPI
    /// documents.
    pub fn mesh() -> Self {
        Self {
            mesh: true,
            ..Self::checked()
        }
        .filter("payment-fault", json!({"enabled": false}))
    }

    /// Uses the mesh in this folder, which istio-compile wrote, instead of the workspace's `istio/compiled`.
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

    /// Uses new databases in the PostgreSQL server that all tests of this process share.
    #[must_use]
    pub fn postgres(self) -> Self {
        let server = stoa_postgres::Server::shared();
        let url = match server.databases(&SERVICES) {
            Ok(url) => url,
            Err(error) => panic!("cannot create databases: {error}"),
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
