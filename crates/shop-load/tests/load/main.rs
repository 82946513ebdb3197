//! Tests of the load generator with a simulated shop (`shop.rs`, whose state is in `state.rs`). Most tests run in paused time
//! without a network; `network.rs` uses real connections.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in the test's setup must fail the test"
)]

mod ends;
mod failures;
mod latency;
mod network;
mod orders;
mod shop;
mod state;

use std::time::Duration;

use shop_load::{Load, Plan, Report, Step, StepReport, Stop, run_over};

use shop::Shop;

/// A plan of a closed loop in which all customers buy, without pauses.
pub(crate) fn plan(users: u32, seconds: u64) -> Plan {
    Plan {
        load: Load::Closed { users },
        ramp: Duration::ZERO,
        duration: Duration::from_secs(seconds),
        buyers: 1.0,
        think_time: Duration::ZERO,
        timeout: Duration::from_secs(5),
        give_up: Duration::from_secs(20),
        seed: 7,
        ..Plan::new("http://shop.example.com".parse().unwrap())
    }
}

pub(crate) async fn load(plan: &Plan, shop: &Shop) -> Report {
    run_over(plan, shop.clone(), &mut |_| {}, &Stop::default())
        .await
        .unwrap()
}

#[track_caller]
pub(crate) fn step(report: &Report, step: Step) -> &StepReport {
    report.steps.iter().find(|s| s.step == step).unwrap()
}

/// The number of failures or rejections of one step and kind.
pub(crate) fn count(kinds: &[shop_load::KindCount], step: Step, kind: &str) -> u64 {
    let found = kinds.iter().find(|k| k.step == step && k.kind == kind);
    found.map_or(0, |k| k.count)
}
