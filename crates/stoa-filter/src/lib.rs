//! Code that the shop's Envoy filters share, and on which a new filter can build.
//!
//! `document.rs` reads a `pluginConfig` and reports all its errors together; `number.rs` reads the numbers in it. `chance.rs` has
//! fractions, random rolls and stable hashes. `matching.rs` has conditions for a path or a header. `pairs.rs` reads a map of
//! headers in Envoy's format. `setting.rs` (native only) reads the settings `NAME=SHARE` with which an operator changes a
//! configuration. `envoy.rs` (wasm only) has the proxy-wasm calls that filters make. Unlike the SDK's calls, these calls do not
//! panic. Only `envoy.rs` uses Envoy's API.

pub mod chance;
pub mod document;
#[cfg(target_family = "wasm")]
pub mod envoy;
pub mod matching;
pub mod number;
pub mod pairs;
#[cfg(not(target_family = "wasm"))]
pub mod setting;
