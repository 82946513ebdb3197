//! Payments that fail at the server, so that callers retry.

use serde_json::json;
use stoa_testkit::at_once;
use stoa_testkit::envoy::Call;
use uuid::Uuid;

use super::stage::{Scenario, Stage};
use crate::customer::key;

const AT_ONCE: usize = 4;
const ORDERS: usize = 40;
const CHARGES: usize = 30;

/// Counters of order's sidecar and payment's filter for charges.
#[derive(Debug, PartialEq)]
struct Counts {
    requests: u64,
    retries: u64,
    helped: u64,
    held_back: u64,
}

fn counts(stage: &Stage, work: impl FnOnce()) -> Counts {
    let now = || {
        let count = |name: &str| stage.sent("order", "payment", name);
        Counts {
            requests: stage.asked("payment"),
            retries: count("upstream_rq_retry"),
            helped: count("upstream_rq_retry_success"),
            held_back: count("upstream_rq_retry_overflow"),
        }
    };
    let before = now();
    work();
    let after = now();
    Counts {
        requests: after.requests - before.requests,
        retries: after.retries - before.retries,
        helped: after.helped - before.helped,
        held_back: after.held_back - before.held_back,
    }
}

/// The filter's own count of 503s; a new configuration resets it.
fn aborts(stage: &Stage) -> u64 {
    stage
        .mesh
        .stat("payment", r"^wasmcustom\.payment_fault\..*\.abort$")
}

pub(super) fn fault_payment_503(scenario: &Scenario<'_>) {
    let stage = scenario.stage;
    // The manifests' own configuration, which declines 10 %.
    stage.filters(&json!({}));
    let (with, without) = scenario.both(|| {
        let before = aborts(stage);
        let mut statuses = Vec::new();
        let counts = counts(stage, || {
            let every = at_once(AT_ONCE, |_| {
                let order = || {
                    stage
                        .customer
                        .order(&key(), "COF-001", 1, "tok_visa")
                        .status
                };
                (0..ORDERS / AT_ONCE).map(|_| order()).collect::<Vec<_>>()
            });
            statuses = every.concat();
        });
        let of = |status: u16| statuses.iter().filter(|s| **s == status).count();
        ((of(201), of(402), of(503)), counts, aborts(stage) - before)
    });
    println!("   (confirmed, declined, 503), counts, aborts: with {with:?}; without {without:?}");
    let ((confirmed, declined, failed), counts, aborts) = with;
    assert_eq!((confirmed + failed, declined), (ORDERS, 0));
    // One in 16 of 40 is 2.5; four standard deviations are 6.1.
    assert!(failed <= 8, "{failed} of {ORDERS} failed");
    // At least half of 40 are retried: 20, plus or minus 12.6. All but one in 16 succeed in the end.
    assert!(counts.retries >= 8 && counts.helped >= 5, "{counts:?}");
    // Each 503 of the filter caused one more attempt, or was the last one.
    assert_eq!(aborts, counts.retries + u64::try_from(failed).unwrap());
    let ((confirmed, declined, failed), counts, aborts) = without;
    assert_eq!((confirmed + declined, failed, aborts), (ORDERS, 0, 0));
    // After a decline, order looks up the payment once more: the decline may hide a captured attempt.
    let requests = u64::try_from(ORDERS + declined).unwrap();
    assert_eq!(
        counts,
        Counts {
            requests,
            retries: 0,
            helped: 0,
            held_back: 0
        }
    );
    // Orders that got 503 are neither charged twice nor lost.
    stage.usual_filters();
    assert_eq!(stage.operator.recover()["pending"], 0);
}

pub(super) fn retry_payment_storm(scenario: &Scenario<'_>) {
    let stage = scenario.stage;
    let charge = |_| {
        let call = Call::post("/payments").header("idempotency-key", &key());
        let amount = json!({"amount": 100, "currency": "EUR"});
        let body = json!({"order_id": Uuid::now_v7(), "amount": amount, "method": "card", "card_token": "tok_visa"});
        stage.from("order", call.json(&body), "payment").status
    };
    let charges = |many: usize| {
        let mut statuses = Vec::new();
        let counts = counts(stage, || statuses = at_once(many, charge));
        statuses.dedup();
        (statuses, counts)
    };
    stage.filters(&json!({}));
    scenario.on();
    let (statuses, with) = charges(CHARGES);
    // Payment fails as before, now under the manifests' own settings.
    let rule = json!({"name": "payment-down", "match": {"methods": ["POST"], "path": {"exact": "/payments"}},
        "fault": {"abort": {"http_status": 503}}});
    stage.filters(&json!({"payment-fault": {"rules": [rule]}}));
    scenario.off();
    let (also, without) = charges(CHARGES);
    println!("   {CHARGES} charges at once: with {with:?}; payment as bad without {without:?}");
    assert_eq!((statuses, also), (vec![503], vec![503]));
    let each = u64::try_from(CHARGES).unwrap();
    // Payment never sees an attempt that gets no connection in time.
    let seen = 10 * each..=11 * each;
    assert_eq!((with.retries, with.held_back), (10 * each, 0), "{with:?}");
    assert!(
        with.helped == 0 && seen.contains(&with.requests),
        "{with:?}"
    );
    assert!(
        without.requests <= 4 * each && without.held_back > 0,
        "{without:?}"
    );
    // Payment works again. With more charges at once, they would wait for each other at the database, longer than an attempt may take.
    stage.usual_filters();
    let (statuses, counts) = charges(AT_ONCE);
    assert_eq!(statuses, [201]);
    let once = u64::try_from(AT_ONCE).unwrap();
    assert_eq!(
        counts,
        Counts {
            requests: once,
            retries: 0,
            helped: 0,
            held_back: 0
        }
    );
}
