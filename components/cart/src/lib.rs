//! Carts: what a user means to buy, one cart a user, priced when it is read.
//!
//! It computes no money (the component `pricing` does) and reserves no stock (order does): a cart promises nothing. The name and
//! the price that product returned are kept beside each item, for when product is down.
//!
//! Read [`domain`] for what a cart is, then [`http`] for which service answers which question, then [`store`]. [`app`] has the
//! way to the component `pricing`, [`clients`] those to product and inventory.

pub mod app;
pub mod clients;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod store;
