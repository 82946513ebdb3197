//! Orders: a saga with a log. Reserve stock, extend the reservation, charge, commit the stock, ship, confirm; after a
//! failure the same in reverse: cancel the shipment, refund, release, cancelled.
//!
//! It knows what was ordered and how far it got. It knows no stock, no cards and no parcels: inventory, payment and
//! shipping do, each by an operation that may be repeated.
//!
//! Read [`domain`] for the words, [`steps`] for what follows from what (pure), then [`saga`], which drives an order
//! along them, and [`store`], whose compare-and-set keeps two drivers apart. [`http`] is how it is asked.

#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod draft;
pub mod http;
pub mod peers;
pub mod ports;
pub mod saga;
pub mod steps;
pub mod store;
pub mod view;
