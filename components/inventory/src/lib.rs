//! Stock: the units on hand, the reservations of orders with their expiry, and a ledger of movements.
//!
//! It has SKUs and order ids, but no prices and no customers. A reservation takes all its lines or none. It expires without a
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
