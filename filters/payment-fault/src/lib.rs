//! `payment-fault`: an Envoy filter that makes payments fail on purpose, in payment's own sidecar, so that callers' retries,
//! timeouts and circuit breakers are exercised.
//!
//! The filter is not a model of a card processor: a declined request does not reach payment.
//!
//! Read `decision.rs` next: it decides what happens to a request. `config.rs` turns a `pluginConfig` into rules.
//! `matching.rs` checks whether a rule applies to a request. `fault.rs` and the folder `fault/` define the kinds of faults, and
//! `delay.rs` defines the delays. `fault_request.rs` reads the header with which a caller requests a fault. `reply.rs` builds the
//! filter's responses, and `pace.rs` slows a response down.
//!
//! Native only: `operator.rs` changes a configuration for `stoa fault set`. Wasm only: `adapter.rs` has the filter's entry points,
//! `stream.rs` handles one request and its response, and `head.rs` reads the request's headers. `delayed.rs` keeps the list of
//! delayed requests and responses. `worker.rs` has the state that all requests of a worker share.

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
