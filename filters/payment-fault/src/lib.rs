//! `payment-fault`: an Envoy filter that makes payments fail on purpose, in payment's own sidecar, so that callers' retries,
//! timeouts and circuit breakers are really put to work.
//!
//! It is not a model of a card processor: a declined request never reaches payment. Read `decision.rs` next, which says what
//! happens to a request; `config.rs` turns a `pluginConfig` into rules, `matching.rs` says which requests one is for,
//! `fault.rs` what can go wrong, `asked.rs` how a caller asks for it by header, `reply.rs` what a caller is then told.
//! Wasm only: `adapter.rs` is the filter in Envoy, `stream.rs` one request and its answer, `waiting.rs` who waits.

pub mod asked;
pub mod config;
pub mod decision;
pub mod fault;
pub mod matching;
pub mod pace;
pub mod reply;

#[cfg(target_family = "wasm")]
mod adapter;
#[cfg(target_family = "wasm")]
mod stream;
#[cfg(target_family = "wasm")]
mod waiting;
