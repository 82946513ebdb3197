//! The service `shipping` creates, cancels and tracks the shipments of orders through a carrier. One order has one shipment, and a
//! shipment has one parcel.
//!
//! The service stores the address and the contents of each parcel. It stores no prices, and no other data of the customer. The
//! carrier reports by signed webhooks, which may arrive twice and in any sequence. New reports are published as events through the
//! outbox.
//!
//! Read [`domain`] for the statuses, then [`resolution`] for the case that a response of the carrier is lost, then [`call_offs`]
//! for parcels that the carrier must still cancel. [`signature`] and [`store`] handle the carrier's reports, [`http`] defines the
//! routes, and [`client`] calls the carrier.

pub mod app;
pub mod call_offs;
pub mod client;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod resolution;
pub mod signature;
pub mod store;
