//! The service `payment` charges and refunds orders through a card processor. One order has one payment, and a payment is captured
//! at most once.
//!
//! The service handles order ids, amounts and card tokens, but no card numbers, and it computes no amounts. Only the processor
//! knows the true state of a charge. If the processor's response is lost, the payment stays `pending` and is looked up later. A
//! lost response never counts as a decline.
//!
//! Read [`domain`] for the statuses, then [`resolution`] for how a payment leaves the status `pending`, then [`http`]. [`client`]
//! calls the card processor.

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
