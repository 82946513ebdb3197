//! The shop's pages: HTML made on the server, without a script. They list the products and link to the rest of the shop; the
//! catalogue's pictures are drawn here.
//!
//! It stores nothing and knows no users. Read [`http`] for the routes, then [`page`] for the pages and [`client`] for the list of
//! products. [`html`] escapes what comes from outside, [`picture`] draws.

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
