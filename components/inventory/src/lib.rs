//! Stock: what is on hand, what is reserved for which order and until when, and a ledger of what came and went.
//!
//! It knows SKUs and order ids, but no prices and no customers. A reservation takes all its lines or none; it expires without a
//! timer, because every read sweeps first.
//!
//! Read [`domain`] for the rules, then [`store`] for how they hold under concurrent writers, then [`http`].

pub mod app;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod store;
