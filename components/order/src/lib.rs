//! The service `order` drives a customer's purchase as a saga with a log. It reserves stock, extends the reservation, charges the
//! card, commits the stock, ships the parcel, and confirms the order. After a failure it undoes the completed steps in reverse
//! order: it cancels the shipment, refunds the charge, releases the stock, and sets the order to `cancelled`.
//!
//! This service stores the ordered items and the progress of each order. Stock, cards and parcels belong to the services
//! `inventory`, `payment` and `shipping`. All operations of these three services that the saga calls can be repeated safely.
//!
//! Read [`domain`] for the types. Then read [`saga`], which lists the saga's files, and [`saga::steps`], which has one file for
//! each step. [`store`] prevents two drivers from changing the same order, by compare-and-set. [`http`] receives the requests, and
//! [`draft`] validates submissions. [`submission`] makes at most one order at a time for each idempotency key, and [`pricing`]
//! computes the order's prices.

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
