//! Tests of the manifests in `istio/`, with real Envoys and the configuration that Istio generates from the manifests.
//!
//! - `identity.rs`: mutual TLS and authorization.
//! - `canary.rs`, `payments.rs`: the shop's filters in the whole shop.
//! - `log_ins.rs`: the client address that is used to count failed log-ins.
//! - `routes.rs`: timeouts and retries of every route in Istio's output.
//! - `traffic.rs`: retries, timeouts, pools, outlier ejection, rate limits, tokens, blocked hosts.
//! - `locality.rs`: replicas in two zones, one of which fails.
//! - `third_parties.rs`: traffic that leaves the mesh, with TLS from the sidecar, and the database.
//! - `https.rs`: the gateway over TLS. `access_log.rs`: the fields of the access log, and the secrets that the log omits.
//! - `scenarios.rs`: the shop with and without each scenario of `istio/scenarios`.
//! - `commands.rs`: commands that report on a mesh and change it.
//! - `running.rs`: Envoys that are killed, certificates that change, configuration that changes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure in the test's setup must fail the test"
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
