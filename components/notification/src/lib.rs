//! The service `notification` notifies customers about their orders. Events arrive as CloudEvents 1.0. Each event becomes an entry
//! in the customer's inbox, an e-mail, and for some types an SMS.
//!
//! The service calls no other service about orders, because the events contain all necessary data. A repeated event has the same
//! source and id, and is dropped. A delivery is retried until its provider accepts the message. Two attempts at one delivery never
//! run at the same time.
//!
//! Read [`http::cloudevent`] for incoming events, then [`domain::notice`] for the messages, then [`delivery`] for the deliveries.

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
