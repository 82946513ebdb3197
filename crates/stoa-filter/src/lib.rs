//! Code that the shop's Envoy filters share, and the base of a new one.
//!
//! `document.rs` reads a `pluginConfig` and reports all its faults together, with the numbers of `number.rs`. `chance.rs` has
//! fractions, rolls of the dice and stable hashes, `matching.rs` tests of texts, `pairs.rs` a map of headers as Envoy passes it.
//! `setting.rs` (native only) reads the `NAME=SHARE` with which an operator changes a configuration. `envoy.rs` (wasm only) has
//! the proxy-wasm calls that filters make, without the panics of the SDK's own; only this file names Envoy's API.

pub mod chance;
pub mod document;
#[cfg(target_family = "wasm")]
pub mod envoy;
pub mod matching;
pub mod number;
pub mod pairs;
#[cfg(not(target_family = "wasm"))]
pub mod setting;
