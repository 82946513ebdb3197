//! Payments of orders, through a card processor. One order, one payment; one payment, at most one capture.
//!
//! It knows order ids, amounts and card tokens, never card numbers, and it computes no money. What the processor did is
//! the truth: where its answer is lost, a payment stays `pending` and is looked up, never taken for a decline.
//!
//! Read [`domain`] for the states, then [`settle`] for how a payment finds its way out of `pending`, then [`http`].

#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod http;
pub mod ports;
pub mod settle;
pub mod store;
