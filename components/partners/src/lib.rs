//! Simulates the shop's third parties on one machine and in tests: the PIM, the card processor, the carrier, the courier (e-mail)
//! and the SMS gateway.
//!
//! The shop knows the third parties only by their URLs. If the settings contain the URLs of real services, the shop uses these
//! services instead. Each third party records what it did. Tests use these records as the oracle: a charge in the processor's
//! ledger was really charged. Failures are scripted over HTTP. Scripts are stored in the database, because an instance lives for
//! one request only.
//!
//! Each layer is a folder. In these folders, each third party has its own file; the courier and the SMS gateway share
//! `messages.rs`. Read [`domain`] for the rules, then [`store`] for the records, then [`http`] for the routes. [`client`] sends the
//! carrier's reports to the shop. [`domain::script`] defines the scripted failures.

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
