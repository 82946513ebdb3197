//! The shipments in the database. Each change of a status is a conditional update, so a status only moves forward.
//!
//! [`shipments`] creates and reads shipments. [`history`] changes their statuses and stores their histories. [`progress`] stores
//! the carrier's responses and reports. [`cancellation`] stores cancellations.

pub mod cancellation;
pub mod history;
pub mod progress;
mod schema;
pub mod shipments;

pub use schema::SCHEMA;
