//! The books of the third parties, over SQL: one file each, [`scripts`] for their failures, and [`keys`] for the idempotency keys
//! of all.

pub mod carrier;
pub mod keys;
pub mod messages;
pub mod processor;
mod schema;
pub mod scripts;

pub use schema::SCHEMA;
