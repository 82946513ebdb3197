//! The shop's pages: HTML rendered on the server, without a script. They list the products and link to the rest of the shop. The
//! catalogue's pictures are drawn here.
//!
//! It stores nothing and has no users. Read [`http`] for the routes, then [`page`] for the pages and [`client`] for the list of
//! products. [`html`] escapes outside text, [`picture`] draws the pictures.

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
