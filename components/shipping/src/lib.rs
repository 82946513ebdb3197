//! Shipments of orders, through a carrier, and the tracking of parcels. One order, one shipment; one shipment, one parcel.
//!
//! It has the address and the contents of a parcel, but no prices and no customer data beyond the address. The carrier reports
//! by signed webhooks, which may arrive twice and in any order. Its reports are sent as events through the outbox.
//!
//! Read [`domain`] for the statuses, then [`resolution`] for lost responses of the carrier and [`call_offs`] for parcels that it must
//! still cancel, then [`signature`] and [`store`] for its reports, then [`http`]. [`client`] calls the carrier.

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
