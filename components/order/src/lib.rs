//! Orders: a saga with a log. Reserve stock, extend the reservation, charge, commit the stock, ship, confirm. After a failure the steps
//! are undone in reverse: cancel the shipment, refund, release, cancelled.
//!
//! It has the ordered items and the progress of each order. Stock, cards and parcels belong to inventory, payment and shipping, whose
//! operations may all be repeated.
//!
//! Read [`domain`] for the types, then [`saga`], which lists its files, and [`saga::steps`], one file per step. [`store`] keeps two
//! drivers apart by compare-and-set. Requests arrive at [`http`]; [`submission`] makes one order for each key; [`draft`] validates
//! the submission, and [`pricing`] prices it.

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
