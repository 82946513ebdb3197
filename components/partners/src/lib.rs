//! The third parties, for one machine and for tests: PIM, card processor, carrier, courier (e-mail) and SMS gateway.
//!
//! The shop knows them by URL only, so real ones replace them by settings. Each keeps books of its own, and these are
//! the oracle of the tests: what the card processor's ledger says was charged, was charged. Failures are scripted over
//! HTTP ([`script`]) and survive the instance that was asked.
//!
//! Read [`http`] for the routes, [`processor`] for how the others are built too, [`script`] for the failures.

pub mod carrier;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod http;
pub mod messages;
pub mod pim;
pub mod processor;
pub mod script;
pub mod store;
#[cfg(all(feature = "testing", not(target_family = "wasm")))]
pub mod testing;
