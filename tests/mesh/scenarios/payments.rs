//! Tests of scenarios in which payments fail at the server, so that callers retry.

use serde_json::json;
use stoa_testkit::at_once;
use stoa_testkit::envoy::Call;
use uuid::Uuid;

use super::stage::{Scenario, Stage};
use crate::customer::key;

const AT_ONCE: usize = 4;
const ORDERS: usize = 40;
const CHARGES: usize = 30;

/// Numbers of charge requests, as the sidecars of order and payment counted them.
#[derive(Debug, PartialEq)]
struct Counts {
    /// Requests that payment's sidecar received.
    requests: u64,
    retries: u64,
    /// Requests that succeeded after a retry.
    succeeded_retries: u64,
    /// Retries that order's sidecar did not send, because of the limit of concurrent retries.
    suppressed_retries: u64,
}

/// Counts the charge requests while `work` runs.
fn counts(stage: &Stage, work: impl FnOnce()) -> Counts {
    let now = || {
        let count = |name: &str| stage.outbound_stat("order", "payment", name);
        Counts {
            requests: stage.received_requests("payment"),
            retries: count("upstream_rq_retry"),
            succeeded_retries: count("upstream_rq_retry_success"),
            suppressed_retries: count("upstream_rq_retry_overflow"),
        }
    };
    let before = now();
    work();
    let after = now();
    Counts {
        requests: after.requests - before.requests,
        retries: after.retries - before.retries,
        succeeded_retries: after.succeeded_retries - before.succeeded_retries,
        suppressed_retries: after.suppressed_retries - before.suppressed_retries,
    }
}

/// The number of 503 responses of the filter payment-fault. A new configuration resets this counter.
fn aborts(stage: &Stage) -> u64 {
    stage
        .mesh
        .stat("payment", r"^wasmcustom\.payment_fault\..*\.abort$")
}

pub(super) fn fault_payment_503(scenario: &Scenario<'_>) {
    let stage = scenario.stage;
    // Restores the filter configuration of the manifests, which declines 10 % of the payments.
    stage.override_filters(&json!({}));
    let (with, without) = scenario.measure_with_and_without(|| {
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
        let with_status = |status: u16| statuses.iter().filter(|s| **s == status).count();
        let results = (with_status(201), with_status(402), with_status(503));
        (results, counts, aborts(stage) - before)
    });
    println!(
        "   (confirmed, declined, 503), counts, aborts: with the scenario {with:?}; without it {without:?}"
    );
    let ((confirmed, declined, failed), counts, aborts) = with;
    assert_eq!((confirmed + failed, declined), (ORDERS, 0));
    // 1/16 of the 40 orders should fail, which is 2.5 orders. The limit is four standard deviations (6.1) higher.
    assert!(failed <= 8, "{failed} of {ORDERS} failed");
    // At least half of the 40 orders should cause a retry, which is 20 orders. The limit is four standard deviations (12.6) lower.
    assert!(
        counts.retries >= 8 && counts.succeeded_retries >= 5,
        "{counts:?}"
    );
    // Each 503 from the filter either caused a retry, or was the response to the last attempt that the sidecar made for an order.
    assert_eq!(aborts, counts.retries + u64::try_from(failed).unwrap());
    let ((confirmed, declined, failed), counts, aborts) = without;
    assert_eq!((confirmed + declined, failed, aborts), (ORDERS, 0, 0));
    // After a decline, the order service looks up the payment once more, because an earlier attempt may have captured the money.
    let requests = u64::try_from(ORDERS + declined).unwrap();
    assert_eq!(
        counts,
        Counts {
            requests,
            retries: 0,
            succeeded_retries: 0,
            suppressed_retries: 0
        }
    );
    // Recovery finishes the orders whose buyers got 503.
    stage.restore_filters();
    assert_eq!(stage.operator.recover()["pending"], 0);
}

pub(super) fn retry_payment_storm(scenario: &Scenario<'_>) {
    let stage = scenario.stage;
    let charge = |_| {
        let call = Call::post("/payments").header("idempotency-key", &key());
        let amount = json!({"amount": 100, "currency": "EUR"});
        let body = json!({"order_id": Uuid::now_v7(), "amount": amount, "method": "card", "card_token": "tok_visa"});
        stage.send_from("order", call.json(&body), "payment").status
    };
    let charges = |many: usize| {
        let mut statuses = Vec::new();
        let counts = counts(stage, || statuses = at_once(many, charge));
        statuses.dedup();
        (statuses, counts)
    };
    stage.override_filters(&json!({}));
    scenario.activate();
    let (statuses, with) = charges(CHARGES);
    // Without the scenario, a rule makes payments fail in the same way, but the retry settings of the manifests apply.
    let rule = json!({"name": "payment-down", "match": {"methods": ["POST"], "path": {"exact": "/payments"}},
        "fault": {"abort": {"http_status": 503}}});
    stage.override_filters(&json!({"payment-fault": {"rules": [rule]}}));
    scenario.deactivate();
    let (statuses_without, without) = charges(CHARGES);
    println!(
        "   {CHARGES} failing charges at once: with the scenario {with:?}; without it {without:?}"
    );
    assert_eq!((statuses, statuses_without), (vec![503], vec![503]));
    let charges_sent = u64::try_from(CHARGES).unwrap();
    // Each charge is attempted 11 times. An attempt that gets no connection in time does not reach payment, so payment may receive
    // only 10 requests for each charge.
    let expected_requests = 10 * charges_sent..=11 * charges_sent;
    assert_eq!(
        (with.retries, with.suppressed_retries),
        (10 * charges_sent, 0),
        "{with:?}"
    );
    assert!(
        with.succeeded_retries == 0 && expected_requests.contains(&with.requests),
        "{with:?}"
    );
    assert!(
        without.requests <= 4 * charges_sent && without.suppressed_retries > 0,
        "{without:?}"
    );
    // Payments work again. The test sends only a few charges at once: more of them would wait for the database longer than an
    // attempt may take.
    stage.restore_filters();
    let (statuses, counts) = charges(AT_ONCE);
    assert_eq!(statuses, [201]);
    let once = u64::try_from(AT_ONCE).unwrap();
    assert_eq!(
        counts,
        Counts {
            requests: once,
            retries: 0,
            succeeded_retries: 0,
            suppressed_retries: 0
        }
    );
}
