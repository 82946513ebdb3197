//! Types and rules, without side effects. Each third party has a file; [`script`] defines scripted failures, and [`fields`]
//! contains the rules that several third parties share.

pub mod carrier;
pub mod fields;
pub mod messages;
pub mod pim;
pub mod processor;
pub mod script;
