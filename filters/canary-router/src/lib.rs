//! `canary-router`: an Envoy filter that chooses the version of a service for every request, and writes it into a header
//! that the routes match on.
//!
//! It routes nothing itself, and where it is missing the routes' own weights hold. Read `decision.rs` next, which says who gets
//! which version and why; `config.rs` turns a `pluginConfig` into services and versions, `cookie.rs` reads and writes cookies.
//! `adapter.rs` (wasm only) asks Envoy for what is needed and does what was decided.

pub mod config;
pub mod cookie;
pub mod decision;

#[cfg(target_family = "wasm")]
mod adapter;
