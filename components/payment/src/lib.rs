//! Payments of orders, through a card processor. One order, one payment; one payment, at most one capture.
//!
//! It has order ids, amounts and card tokens, never card numbers, and it computes no money. The processor's state is
//! the truth: if its response is lost, a payment stays `pending` and is looked up, never treated as declined.
//!
//! Read [`domain`] for the states, then [`resolution`] for how a payment leaves `pending`, then [`http`]. [`client`] calls the
//! card processor.

pub mod app;
pub mod client;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod resolution;
pub mod store;
