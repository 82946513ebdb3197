//! The promises of `istio/`, each seen to hold in real Envoys with the configuration that Istio makes of it.
//!
//! - `identity.rs`: mutual TLS, and who may call whom.
//! - `canary.rs`, `payments.rs`: what the shop's own filters promise, over the whole shop.
//! - `log_ins.rs`: whom a failed log-in counts against.
//! - `routes.rs`: the times and retries of every route, as Istio made it.
//! - `traffic.rs`: retries, timeouts, pools, outlier ejection, rate limits, tokens, blocked hosts.
//! - `locality.rs`: replicas in two zones, one of which fails.
//! - `third_parties.rs`: what leaves the mesh, by TLS that the sidecar begins, and the database.
//! - `https.rs`: the gateway by TLS; `access_log.rs`: what is written of a request, and what is not.
//! - `scenarios.rs`: each of `istio/scenarios`, its effect and its absence.
//! - `commands.rs`: what the command line says of a mesh, and changes in it.
//! - `running.rs`: Envoys that are killed, certificates that change, configuration that changes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fixture that fails is to fail the test that uses it"
)]

mod access_log;
mod canary;
mod commands;
#[path = "../customer.rs"]
mod customer;
mod https;
mod identity;
mod locality;
mod log_ins;
mod payments;
mod routes;
mod running;
mod scenarios;
mod third_parties;
mod traffic;
