//! What the shop's Envoy filters share, and what a further one starts from.
//!
//! `document.rs` reads a `pluginConfig` and reports every fault of it at once, with the numbers of `number.rs`. `chance.rs` has
//! fractions, rolls of the dice and stable hashes, `matching.rs` tests of texts, `pairs.rs` a map of headers as Envoy passes it.
//! `setting.rs` (native only) reads the `NAME=SHARE` with which an operator changes a configuration. `envoy.rs` (wasm only) is the
//! calls of proxy-wasm that filters make, without the panics of the SDK's own; nothing else here names Envoy's API.

pub mod chance;
pub mod document;
#[cfg(target_family = "wasm")]
pub mod envoy;
pub mod matching;
pub mod number;
pub mod pairs;
#[cfg(not(target_family = "wasm"))]
pub mod setting;
