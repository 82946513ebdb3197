//! `payment-fault`: an Envoy filter that makes payments fail on purpose, in payment's own sidecar, so that callers' retries,
//! timeouts and circuit breakers are exercised.
//!
//! It is not a model of a card processor: a declined request never reaches payment.
//!
//! Read `decision.rs` next: it decides what happens to a request. `config.rs` turns a `pluginConfig` into rules.
//! `matching.rs` tests which requests a rule is for. `fault.rs` and its folder define the kinds of faults, `delay.rs` the
//! delays. `fault_request.rs` reads the header by which a caller requests a fault. `reply.rs` builds the filter's responses,
//! `pace.rs` spreads a response over time.
//!
//! Native only: `operator.rs` changes a configuration as `stoa fault set` does. Wasm only: `adapter.rs` is the filter in Envoy,
//! `stream.rs` one request and its response, `head.rs` its headers. `delayed.rs` keeps what waits for a tick, and `worker.rs` what
//! all requests of a worker share.

pub mod config;
pub mod decision;
pub mod delay;
pub mod fault;
pub mod fault_request;
pub mod matching;
#[cfg(not(target_family = "wasm"))]
pub mod operator;
pub mod pace;
pub mod reply;
pub mod request;

#[cfg(target_family = "wasm")]
mod adapter;
#[cfg(target_family = "wasm")]
mod delayed;
#[cfg(target_family = "wasm")]
mod head;
#[cfg(target_family = "wasm")]
mod stream;
#[cfg(target_family = "wasm")]
mod worker;
