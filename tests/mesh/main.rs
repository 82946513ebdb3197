//! The promises of `istio/`, each seen to hold in real Envoys with the configuration that Istio makes of it.
//!
//! - `identity.rs`: mutual TLS, and who may call whom.
//! - `canary.rs`, `payments.rs`: what the shop's own filters promise, over the whole shop.
//! - `traffic.rs`: retries, timeouts, pools, outlier ejection, rate limits, blocked hosts.
//! - `scenarios.rs`: each of `istio/scenarios`, its effect and its absence.
//! - `commands.rs`: what the command line says of a mesh, and changes in it.
//! - `running.rs`: Envoys that are killed, certificates that change, configuration that changes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a fixture that fails is to fail the test that uses it"
)]

mod canary;
mod commands;
#[path = "../customer.rs"]
mod customer;
mod identity;
mod payments;
mod running;
mod scenarios;
mod traffic;
