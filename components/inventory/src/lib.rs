//! Stock: what is on hand, what is reserved for whom and until when, and a ledger of what came and went.
//!
//! It knows SKUs and orders' ids, no prices and no customers. Reservations are all or nothing; they expire by
//! themselves, without a timer: whoever looks sweeps first.
//!
//! Read [`domain`] for the rules, then [`store`] for how they hold under concurrent writers, then [`http`].

#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod http;
pub mod store;
