//! What istioctl shows of a proxy on a cluster, asked of an Envoy here: tables with istioctl's columns.
//!
//! | here | on a cluster |
//! |---|---|
//! | [`status`] | `istioctl proxy-status`, `proxy-config secret` |
//! | [`listeners`], [`routes`], [`clusters`], [`endpoints`], [`config`] | `istioctl proxy-config ...` |
//! | [`log_level`] | `istioctl proxy-config log` |
//! | [`authz`] | `istioctl experimental authz check` |

mod authz;
mod clusters;
mod endpoints;
mod find;
mod listeners;
mod log_level;
mod refused;
mod routes;
mod status;
mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::admin::{Admin, AdminError};

pub use authz::authz;
pub use clusters::clusters;
pub use endpoints::endpoints;
pub use find::find;
pub use listeners::listeners;
pub use log_level::log_level;
pub use routes::routes;
pub use status::status;
pub(crate) use status::{State, certificate_names, expiry, state};

/// Limit for an Envoy's answer where all Envoys are shown together. It answers from memory, within milliseconds.
const SOON: Duration = Duration::from_millis(1500);

/// An Envoy that can be asked.
#[derive(Debug, Clone)]
pub struct Envoy {
    /// Of its workload, `shop/payment-v1-0`.
    pub name: String,
    /// Its administration.
    pub admin: Admin,
    /// What it was given lies below.
    pub files: PathBuf,
    /// Its own log.
    pub log: PathBuf,
    /// Its access log.
    pub access_log: PathBuf,
}

/// What of an Envoy's configuration is shown, and how: all of it, as a table, unless it says otherwise.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The configuration itself, as JSON, as Envoy has it.
    pub json: bool,
    /// Only the routes of this name.
    pub name: Option<String>,
    /// Only what has this port.
    pub port: Option<u16>,
    /// Only clusters whose service has this in its name.
    pub fqdn: Option<String>,
}

impl View {
    fn has_port(&self, port: u64) -> bool {
        self.port.is_none_or(|wanted| u64::from(wanted) == port)
    }
}

/// JSON for people and programs.
fn json(of: &impl serde::Serialize) -> String {
    // Values of JSON can always be written.
    serde_json::to_string_pretty(of).unwrap_or_default()
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The Envoy does not answer, or does not do what it is told to.
    #[error("{envoy}: {error}")]
    Admin {
        /// Which.
        envoy: String,
        /// Why.
        #[source]
        error: AdminError,
    },
    /// No workload with an Envoy has this name.
    #[error(
        "no workload with an Envoy is called {name}{}",
        did_you_mean_of(near, all)
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        near: Vec<String>,
        /// Those that have an Envoy.
        all: Vec<String>,
    },
    /// Several have it.
    #[error("{name} may be {}: say which", of.join(" or "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// Whose name it is.
        of: Vec<String>,
    },
    /// No level of logging.
    #[error("{level} is no level: there are {}", log_level::LEVELS.join(", "))]
    Level {
        /// What was asked for.
        level: String,
    },
    /// No logger of Envoy's.
    #[error("Envoy has no logger {name}{}", did_you_mean(near))]
    Logger {
        /// What was asked for.
        name: String,
        /// What may have been meant.
        near: Vec<String>,
    },
}

fn did_you_mean(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(" or ")),
    }
}

/// What may have been meant, or else all there is.
fn did_you_mean_of(near: &[String], all: &[String]) -> String {
    match (near, all) {
        ([], []) => "; none has one".to_owned(),
        ([], all) => format!("; there are {}", all.join(", ")),
        (near, _) => did_you_mean(near),
    }
}

impl Envoy {
    /// The Envoy of a workload, by the folders of the mesh ([`crate::MeshOptions`]).
    pub fn new(workload: &str, admin: Admin, state_dir: &Path, logs: &Path) -> Self {
        Self {
            name: workload.to_owned(),
            admin,
            files: crate::files::of_proxy(state_dir, workload),
            log: crate::files::log(logs, workload),
            access_log: crate::files::access_log(logs, workload),
        }
    }

    async fn get(&self, path: &str) -> Result<String, InspectError> {
        self.answered(self.admin.get(path).await)
    }

    /// As `get`, for what is shown of all Envoys together: one that hangs must not hold up the others.
    async fn get_soon(&self, path: &str) -> Result<String, InspectError> {
        self.answered(self.admin.get_within(path, SOON).await)
    }

    async fn json(&self, path: &str) -> Result<Value, InspectError> {
        self.answered(self.admin.json(path).await)
    }

    async fn json_soon(&self, path: &str) -> Result<Value, InspectError> {
        self.answered(self.admin.json_within(path, SOON).await)
    }

    fn answered<T>(&self, answer: Result<T, AdminError>) -> Result<T, InspectError> {
        answer.map_err(|error| InspectError::Admin {
            envoy: self.name.clone(),
            error,
        })
    }

    async fn dump(&self) -> Result<Dump, InspectError> {
        Ok(Dump(self.json("/config_dump").await?))
    }
}

/// All of what an Envoy has, as JSON. Keys are not in it: Envoy leaves them out.
///
/// # Errors
/// If it does not answer.
pub async fn config(envoy: &Envoy) -> Result<String, InspectError> {
    envoy.get("/config_dump?include_eds").await
}

/// What `/config_dump` answers.
struct Dump(Value);

impl Dump {
    /// A list of a kind, `ListenersConfigDump` and `dynamic_listeners`.
    fn list(&self, kind: &str, list: &str) -> impl Iterator<Item = &Value> {
        let configs = items(&self.0, "/configs");
        let of_kind = configs.filter(move |config| text(config, "/@type").ends_with(kind));
        let list = format!("/{list}");
        of_kind.flat_map(move |config| {
            let items = config.pointer(&list).and_then(Value::as_array);
            items.into_iter().flatten()
        })
    }

    fn listeners(&self) -> impl Iterator<Item = &Value> {
        let active = self.list("ListenersConfigDump", "dynamic_listeners");
        active.filter_map(|listener| listener.pointer("/active_state/listener"))
    }
}

/// The items of a list, if there is one.
pub(crate) fn items<'a>(of: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    let items = of.pointer(pointer).and_then(Value::as_array);
    items.into_iter().flatten()
}

/// A text, empty if there is none.
fn text<'a>(of: &'a Value, pointer: &str) -> &'a str {
    let text = of.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default()
}

/// The texts of a list.
fn texts(of: &Value, pointer: &str) -> Vec<String> {
    let texts = items(of, pointer).filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// Of which manifest this is: `/apis/networking.istio.io/v1/namespaces/shop/virtual-service/product` is `product.shop`.
fn manifest(of: &Value) -> String {
    let config = text(of, "/metadata/filter_metadata/istio/config");
    let parts: Vec<_> = config.split('/').collect();
    match parts.as_slice() {
        [_, _, _, _, _, namespace, _, name] => format!("{name}.{namespace}"),
        _ => String::new(),
    }
}
