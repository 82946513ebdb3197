//! Payments that fail at the server's side, so that callers' retries are put to work.

use serde_json::json;
use stoa_testkit::at_once;
use stoa_testkit::envoy::Call;
use uuid::Uuid;

use super::stage::{Scenario, Stage};
use crate::customer::key;

const AT_ONCE: usize = 4;
const ORDERS: usize = 40;
const CHARGES: usize = 30;

/// What order's sidecar and payment's filter count of charges.
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

/// The filter's own count of 503s; a new configuration begins anew.
fn aborts(stage: &Stage) -> u64 {
    stage
        .mesh
        .stat("payment", r"^wasmcustom\.payment_fault\..*\.abort$")
}

pub(super) fn fault_payment_503(scenario: &Scenario<'_>) {
    let stage = scenario.stage;
    // The manifests' own configuration, which declines a tenth.
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
    // A sixteenth of 40 is 2.5; four standard deviations are 6.1.
    assert!(failed <= 8, "{failed} of {ORDERS} failed");
    // Half of 40 at least are tried again: 20, give or take 12.6; the last try helps all but a sixteenth.
    assert!(counts.retries >= 8 && counts.helped >= 5, "{counts:?}");
    // Each 503 that the filter made was followed by one more try, or was the last one.
    assert_eq!(aborts, counts.retries + u64::try_from(failed).unwrap());
    let ((confirmed, declined, failed), counts, aborts) = without;
    assert_eq!((confirmed + declined, failed, aborts), (ORDERS, 0, 0));
    // Of a decline payment is asked once more: it may hide an attempt that was captured.
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
    // Who was told 503 was not charged twice, nor forgotten.
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
    // Payment fails as before, and the manifests hold.
    let rule = json!({"name": "payment-down", "match": {"methods": ["POST"], "path": {"exact": "/payments"}},
        "fault": {"abort": {"http_status": 503}}});
    stage.filters(&json!({"payment-fault": {"rules": [rule]}}));
    scenario.off();
    let (also, without) = charges(CHARGES);
    println!("   {CHARGES} charges at once: with {with:?}; payment as bad without {without:?}");
    assert_eq!((statuses, also), (vec![503], vec![503]));
    let each = u64::try_from(CHARGES).unwrap();
    // A try that gets no connection in time is one that payment never sees.
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
    // And payment as ever. So many at once would wait for each other at the database, longer than a try may take.
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
