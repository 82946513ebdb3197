//! Notifies customers of what happens to their orders: events come in as CloudEvents 1.0; each becomes an entry in the user's
//! inbox, an e-mail and sometimes an SMS.
//!
//! It calls no other service about orders: the events hold all that it needs. A repeated event is dropped by its source and id; a
//! delivery is retried until its provider takes it, and is never sent twice at the same time.
//!
//! Read [`http::cloudevent`] for what comes in, [`domain::notice`] for what it means to a customer, [`delivery`] for what goes out.

pub mod app;
pub mod client;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod delivery;
pub mod domain;
pub mod error;
pub mod http;
pub mod store;
