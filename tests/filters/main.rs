//! Tests of the shop's compiled Envoy filters, in the filter host and in a real Envoy.
//!
//! The tests share one program, because each program would link wasmtime. Native tests of the filters' rules are in `filters/`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure in the test's setup must fail the test"
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

/// A configuration of canary-router for the service `product` only. `v2` is the weight of release v2. `more` contains further JSON
/// members of the service's configuration.
fn product_config(v2: u32, more: Value) -> Value {
    let mut service = json!({"name": "product", "header": "x-shop-version", "stable": "v1",
        "versions": [{"name": "v1", "weight": 10_000 - v2}, {"name": "v2", "weight": v2}]});
    let more = more.as_object().unwrap().clone();
    service.as_object_mut().unwrap().extend(more);
    json!({"services": [service]})
}
