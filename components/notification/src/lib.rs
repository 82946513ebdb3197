//! Notifies customers of what happens to their orders. Events arrive as CloudEvents 1.0; each becomes an entry in the user's
//! inbox, an e-mail and sometimes an SMS.
//!
//! It calls no other service about orders: the events have all that it needs. A repeated event is dropped by its source and id. A
//! delivery is retried until its provider accepts it, and is never sent twice at the same time.
//!
//! Read [`http::cloudevent`] for incoming events, [`domain::notice`] for the messages, [`delivery`] for outgoing deliveries.

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
