//! The service `inventory` keeps the stock: the units on hand, the reservations of orders, and a ledger of movements.
//!
//! The service stores SKUs and order ids, but no prices and no customers. A reservation covers all its lines or none.
//! Reservations expire without a timer, because every read first releases the expired reservations.
//!
//! Read [`domain`] for the rules, then [`store`] for the transactions that keep the rules under concurrent writers, then [`http`].

pub mod app;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod store;
