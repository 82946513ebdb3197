//! Tells customers what happens to their orders: events come in as CloudEvents 1.0, each becomes an entry in the user's
//! inbox, an e-mail and sometimes an SMS.
//!
//! It asks no other service about orders: what it needs to know stands in the events. A repeated event is dropped by its
//! source and id, a delivery is sent until its provider takes it, and never twice at the same time.
//!
//! Read [`cloudevent`] for what comes in, [`domain`] for what it means and says, [`delivery`] for what goes out.

pub mod cloudevent;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod delivery;
pub mod domain;
pub mod http;
pub mod ports;
pub mod store;
