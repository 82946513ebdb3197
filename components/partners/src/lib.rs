//! The third parties, for one machine and for tests: PIM, card processor, carrier, courier (e-mail) and SMS gateway.
//!
//! The shop has only their URLs, so real ones replace them by settings. Each keeps its own books, which are the oracle of the
//! tests: a charge in the card processor's ledger was charged. Failures are scripted over HTTP. They are stored in the
//! database, so they outlive the instance that received them.
//!
//! Each layer is a folder, and each third party has a file of the same name in it: read [`domain`] for their rules,
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
