//! `canary-router`: an Envoy filter that chooses the version of a service for every request, and writes it into a header
//! on which the routes match.
//!
//! It does not route; where it is missing, the routes' own weights apply. Read `decision.rs` next: it decides who gets
//! which version and why. `config.rs` turns a `pluginConfig` into settings, `service.rs` into services and versions, `cookie.rs`
//! reads and writes cookies. Native only: `operator.rs` changes a configuration as `stoa canary set` does. Wasm only: `adapter.rs`
//! reads the needed values from Envoy and applies the decision.

mod bytes;
pub mod config;
pub mod cookie;
pub mod decision;
#[cfg(not(target_family = "wasm"))]
pub mod operator;
pub mod service;

#[cfg(target_family = "wasm")]
mod adapter;
