//! Shipments of orders, through a carrier, and the tracking of parcels. One order, one shipment; one shipment, one parcel.
//!
//! It knows where a parcel goes and what is in it, no prices and no customers beyond the address. The carrier reports
//! by signed webhooks, which may come twice and in any order; what it reports leaves as events through the outbox.
//!
//! Read [`domain`] for the states, then [`settle`] for lost answers of the carrier, [`signature`] and [`store`] for its
//! reports, then [`http`].

#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod http;
pub mod ports;
pub mod settle;
pub mod signature;
pub mod store;
