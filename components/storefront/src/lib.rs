//! The service `storefront` renders the shop's pages as HTML without scripts. A page lists products, and links to the other parts
//! of the shop. The service also draws the catalogue's pictures.
//!
//! The service stores no data and has no user accounts. Read [`http`] for the routes, then [`page`] for the pages, then [`client`]
//! for the call that reads the products. [`html`] escapes external text, and [`picture`] draws the pictures.

pub mod app;
pub mod client;
#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod domain;
pub mod error;
pub mod html;
pub mod http;
pub mod page;
pub mod picture;
