//! Carts: the items that a user wants to buy. One cart per user, priced when it is read.
//!
//! It computes no money (the component `pricing` does) and reserves no stock (order does): a cart promises nothing. Each item is stored
//! with the name and price that product last returned, for when product is down.
//!
//! Read [`domain`] for what a cart is, then [`http`] for the service behind each response, then [`store`]. [`app`] calls the
//! component `pricing`; [`clients`] call product and inventory.

pub mod app;
pub mod clients;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod store;
