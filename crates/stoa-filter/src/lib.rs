//! What the shop's Envoy filters share, and what a further one starts from.
//!
//! `document.rs` reads a `pluginConfig` and reports every fault of it at once. `chance.rs` is about fractions, rolls of the
//! dice and stable hashes, `matching.rs` about tests of texts, `pairs.rs` about a map of headers as Envoy
//! hands it over. `envoy.rs` (wasm only) is the few calls of proxy-wasm that
//! filters make, without the panics of the SDK's own; nothing else here knows that there is an Envoy.

pub mod chance;
pub mod document;
#[cfg(target_family = "wasm")]
pub mod envoy;
pub mod matching;
pub mod pairs;
