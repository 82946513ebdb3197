//! Carts: what a user means to buy, one cart a user, priced when it is looked at.
//!
//! It computes no money (the component `pricing` does, behind [`shop_pricing::Prices`]) and reserves no stock (order does): a
//! cart promises nothing. What product said about name and price is kept beside each item, for when product is down.
//!
//! Read [`domain`] for what a cart looks like, then [`http`] for who is asked what, then [`store`].

#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod http;
pub mod ports;
pub mod store;
