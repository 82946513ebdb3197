//! Shows an Envoy of the local mesh as istioctl shows a proxy on a cluster. The tables have istioctl's columns.
//!
//! | function | command on a cluster |
//! |---|---|
//! | [`status`] | `istioctl proxy-status`, `proxy-config secret` |
//! | [`listeners`], [`routes`], [`clusters`], [`endpoints`], [`config`] | `istioctl proxy-config ...` |
//! | [`log_level`] | `istioctl proxy-config log` |
//! | [`authz`] | `istioctl experimental authz check` |

mod authz;
mod certificate;
mod clusters;
mod condition;
mod dump;
mod endpoints;
mod envoy;
mod error;
mod find;
mod levels;
mod listeners;
mod log_level;
mod matchers;
mod rejections;
mod routes;
mod status;
mod subscriptions;
mod table;
mod value;
mod view;

pub use authz::authz;
pub use clusters::clusters;
pub use endpoints::endpoints;
pub use envoy::Envoy;
pub use error::InspectError;
pub use find::find;
pub use listeners::listeners;
pub use log_level::log_level;
pub use routes::routes;
pub use status::status;
pub use view::View;

pub(crate) use certificate::{certificate_names, expiry};
pub(crate) use subscriptions::{SyncState, worst_state};
pub(crate) use value::items;

/// An Envoy's whole configuration, as JSON. The JSON does not contain the private keys, because Envoy removes them.
///
/// # Errors
/// If the Envoy does not answer.
pub async fn config(envoy: &Envoy) -> Result<String, InspectError> {
    envoy.get("/config_dump?include_eds").await
}
