//! The service `product` serves the catalogue: it lists products, searches them, shows one product, and forwards a direct purchase
//! of one product. Two releases are built from this crate. The feature `v2` builds the canary, which ranks search results by
//! relevance and reports available units.
//!
//! The service `inventory` keeps the stock. The service `order` creates orders and computes amounts, so `product` forwards
//! purchases to `order`. When a product is read, `product` fetches richer texts from the PIM. Without the PIM, the catalogue's own
//! texts apply.
//!
//! Every list costs the same with 60 and with 100,000 products. Read [`domain`] for the parts of a product, and [`text`] for the
//! words that a search compares. [`search`] explains the index and its cost, [`listing`] the pages, and [`enrichment`] the calls to
//! the PIM. Then read [`http`].

pub mod app;
pub mod clients;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod enrichment;
pub mod error;
pub mod http;
pub mod listing;
pub mod search;
pub mod store;
pub mod text;
