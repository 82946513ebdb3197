//! The rules over SQL. A status only moves forward, by a conditional update.
//!
//! [`shipments`] reads and creates shipments, [`history`] moves them and keeps their history, [`progress`] writes the carrier's
//! answers and reports, [`cancellation`] writes cancellations.

pub mod cancellation;
pub mod history;
pub mod progress;
mod schema;
pub mod shipments;

pub use schema::SCHEMA;
