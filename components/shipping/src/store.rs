//! The rules over SQL. A status only ever moves further, by a conditional update.
//!
//! [`shipments`] reads and begins shipments, [`history`] moves them and keeps what happened, [`progress`] writes what the carrier
//! answered and reported, [`cancellation`] what is cancelled.

pub mod cancellation;
pub mod history;
pub mod progress;
mod schema;
pub mod shipments;

pub use schema::SCHEMA;
