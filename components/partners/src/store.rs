//! The records of the third parties in the database. Each third party has a file; [`scripts`] stores the scripts, and [`keys`] the
//! idempotency keys of all third parties.

pub mod carrier;
pub mod keys;
pub mod messages;
pub mod processor;
mod schema;
pub mod scripts;

pub use schema::SCHEMA;
