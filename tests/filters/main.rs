//! The shop's built Envoy filters, in the filter host and in a real Envoy.
//!
//! They share one test program, since each program would link wasmtime. Native tests of their rules are beside them in `filters/`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what cannot be set up fails the test that needs it"
)]

mod adding;
mod canary_router;
mod canary_router_in_envoy;
mod fuzz;
mod operator_settings;
mod payment_fault;
mod payment_fault_in_envoy;
mod plugins;
mod trace_sampling;

use serde_json::{Value, json};

/// canary-router's configuration for product alone, with this weight of v2 and more fields of the service.
fn product(v2: u32, more: Value) -> Value {
    let mut service = json!({"name": "product", "header": "x-shop-version", "stable": "v1",
        "versions": [{"name": "v1", "weight": 10_000 - v2}, {"name": "v2", "weight": v2}]});
    let more = more.as_object().unwrap().clone();
    service.as_object_mut().unwrap().extend(more);
    json!({"services": [service]})
}
