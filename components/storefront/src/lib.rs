//! The shop's pages: plain HTML made here, no script. It lists what product has, says where the rest of the shop is, and
//! draws the catalogue's pictures.
//!
//! It keeps nothing and knows no user. Read [`http`] for what is where, then [`page`].

#[cfg(target_family = "wasm")]
mod component;
pub mod config;
pub mod html;
pub mod http;
pub mod page;
pub mod picture;
pub mod ports;
