//! The catalogue: listing, searching, reading one product, and buying it at once. One crate, two releases: the feature `v2`
//! makes the canary, which ranks searches by relevance and reports available units.
//!
//! It keeps no stock (inventory does), computes no money and makes no orders (order does: purchases are passed on to it). The
//! PIM's richer texts are fetched when a product is read; without the PIM the catalogue's own apply.
//!
//! Every list costs the same at 60 and at 100,000 products. Read [`domain`] for what a product is, [`text`] for what a
//! word is and how much of a text counts, [`search`] for how the index keeps that promise, [`listing`] for pages,
//! [`enrichment`] for the calls to the PIM, then [`http`].

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
