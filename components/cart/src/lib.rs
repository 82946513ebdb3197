//! The service `cart` stores the items that a user wants to buy. Each user has one cart. Prices are computed when the cart is read.
//!
//! A cart reserves no stock. The component `pricing` computes the totals. Each item is stored with the name and the price that the
//! service `product` last returned, so that the cart can be shown while `product` is down.
//!
//! Read [`domain`] for the types and rules, then [`http`] for the routes, then [`store`] for the database. [`app`] calls the
//! component `pricing`, and [`clients`] calls the services `product` and `inventory`.

pub mod app;
pub mod clients;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod store;
