//! Orders: a saga with a log. Reserve stock, extend the reservation, charge, commit the stock, ship, confirm; after a failure the same
//! in reverse: cancel the shipment, refund, release, cancelled.
//!
//! It knows what was ordered and how far it got. It knows no stock, no cards and no parcels: inventory, payment and shipping do, each
//! by an operation that may be repeated.
//!
//! Read [`domain`] for the words, then [`saga`], which lists its files, and [`saga::steps`], one file a step. [`store`] keeps two
//! drivers apart by compare-and-set. A request comes in at [`http`]; [`submission`] makes one order for each key, which [`draft`]
//! reads and [`pricing`] prices.

pub mod app;
pub mod card_number;
pub mod clients;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod draft;
pub mod error;
pub mod http;
pub mod parcels;
pub mod pricing;
pub mod saga;
pub mod store;
pub mod submission;
pub mod view;
