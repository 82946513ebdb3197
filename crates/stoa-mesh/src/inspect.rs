//! istioctl's views of a proxy, read from a local Envoy: tables with istioctl's columns.
//!
//! | here | on a cluster |
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
mod refused;
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
pub(crate) use subscriptions::{State, state};
pub(crate) use value::items;

/// An Envoy's whole configuration, as JSON. Envoy leaves keys out.
///
/// # Errors
/// If the Envoy does not answer.
pub async fn config(envoy: &Envoy) -> Result<String, InspectError> {
    envoy.get("/config_dump?include_eds").await
}
