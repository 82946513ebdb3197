//! `canary-router`: an Envoy filter that chooses the version of a service for every request, and writes the version into a header
//! on which the routes match.
//!
//! The filter does not route requests itself. If the filter is missing, the weights in the routes apply.
//!
//! Read `decision.rs` next: it decides which version a caller gets, and why. `config.rs` reads the settings of a `pluginConfig`,
//! and `service.rs` reads the services and versions in it. `cookie.rs` reads and writes cookies. `operator.rs` (native only)
//! changes a configuration for `stoa canary set`. `adapter.rs` (wasm only) reads the needed values from Envoy and applies the
//! decision.

mod bytes;
pub mod config;
pub mod cookie;
pub mod decision;
#[cfg(not(target_family = "wasm"))]
pub mod operator;
pub mod service;

#[cfg(target_family = "wasm")]
mod adapter;
