//! Built guests, run over real HTTP. One module an area; `support.rs` starts apps and sends requests.
mod routing;
mod support;
