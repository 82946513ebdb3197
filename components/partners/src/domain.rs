//! Types and rules, pure: a file for each third party, [`script`] for their failures, and [`fields`] for what they share.

pub mod carrier;
pub mod fields;
pub mod messages;
pub mod pim;
pub mod processor;
pub mod script;
