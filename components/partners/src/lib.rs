//! The third parties, for one machine and for tests: PIM, card processor, carrier, courier (e-mail) and SMS gateway.
//!
//! The shop knows them by URL only, so real ones replace them by settings. Each keeps books of its own, and these are
//! the oracle of the tests: what the card processor's ledger records as charged, was charged. Failures are scripted over
//! HTTP and are kept in the database, so they outlive the instance that took them.
//!
//! A layer is a folder, and a third party has a file of the same name in each: read [`domain`] for their rules,
//! then [`store`] for their books, then [`http`]. [`client`] sends the carrier's reports to the shop. For the failures
//! read [`domain::script`].

pub mod app;
pub mod client;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod error;
pub mod http;
pub mod store;
#[cfg(all(feature = "testing", not(target_family = "wasm")))]
pub mod testing;
