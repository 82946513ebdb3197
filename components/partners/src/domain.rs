//! Types and rules, pure: one file per third party, [`script`] for scripted failures, and [`fields`] for shared rules.

pub mod carrier;
pub mod fields;
pub mod messages;
pub mod pim;
pub mod processor;
pub mod script;
