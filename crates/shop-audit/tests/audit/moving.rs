//! Audits of a shop that changes during the audit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;
use shop_audit::{Auditor, report};

use crate::served::ServedShop;
use crate::shop::{Shop, UNITS_PER_ORDER, ago, order};

/// Reproducible random numbers (xorshift).
struct RandomNumbers(u64);

impl RandomNumbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// The last step that an order took.
#[derive(Clone, Copy, PartialEq)]
enum LastStep {
    Placed,
    Reserved,
    Charged,
    Committed,
    Shipped,
    Confirmed,
    CalledOff,
    Refunded,
    Released,
    Cancelled,
}

/// Moves a random order one step forward, or adds a new order. A confirmed order has no next step: with a probability of one third
/// its cancellation begins, and with a probability of two thirds it stays unchanged.
fn advance_random_order(shop: &mut Shop, orders: &mut Vec<LastStep>, random: &mut RandomNumbers) {
    if orders.is_empty() || random.below(6) == 0 {
        orders.push(LastStep::Placed);
        shop.place(orders.len() as u128);
        return;
    }
    let index = usize::try_from(random.below(orders.len() as u64)).unwrap();
    let number = index as u128 + 1;
    orders[index] = match orders[index] {
        LastStep::Placed if random.below(4) == 0 => {
            shop.release(number);
            LastStep::Released
        }
        LastStep::Placed => {
            shop.reserve(number);
            LastStep::Reserved
        }
        LastStep::Reserved => {
            shop.charge(number);
            LastStep::Charged
        }
        LastStep::Charged => {
            shop.commit(number);
            LastStep::Committed
        }
        LastStep::Committed => {
            shop.ship(number);
            LastStep::Shipped
        }
        LastStep::Shipped => {
            shop.set_status(number, "confirmed");
            LastStep::Confirmed
        }
        LastStep::Confirmed if random.below(3) == 0 => {
            shop.set_status(number, "pending");
            shop.call_off(number);
            LastStep::CalledOff
        }
        LastStep::CalledOff => {
            shop.refund(number);
            LastStep::Refunded
        }
        LastStep::Refunded => {
            shop.release(number);
            LastStep::Released
        }
        LastStep::Released => {
            shop.set_status(number, "cancelled");
            LastStep::Cancelled
        }
        unchanged => unchanged,
    };
}

/// Serves a shop whose orders take up to three steps before each response. `spoil` can change the shop before each response; its
/// arguments are the shop and the number of requests so far.
async fn changing_shop(seed: u64, spoil: impl Fn(&mut Shop, usize) + Send + 'static) -> ServedShop {
    let (mut orders, mut random) = (Vec::new(), RandomNumbers(seed));
    let mut shop = Shop::new();
    for _ in 0..200 {
        advance_random_order(&mut shop, &mut orders, &mut random);
    }
    let mut requests = 0;
    ServedShop::with(shop, move |shop, _| {
        for _ in 0..random.below(4) {
            advance_random_order(shop, &mut orders, &mut random);
        }
        requests += 1;
        spoil(shop, requests);
        None
    })
    .await
}

#[tokio::test]
async fn a_shop_that_changes_all_the_time_causes_no_false_breach() {
    let mut checked = BTreeMap::<_, u64>::new();
    for seed in 1..=20 {
        let served = changing_shop(seed, |_, _| {}).await;
        let verdict = served.audit().await;
        assert!(verdict.sound, "seed {seed}\n{}", report(&verdict));
        // One snapshot was enough, so it found no suspect. A second snapshot would mean that the checks do not foresee a race.
        assert_eq!(verdict.snapshots, 1, "seed {seed}\n{}", report(&verdict));
        for judgement in verdict.judgements {
            *checked.entry(judgement.invariant).or_default() += judgement.checked;
        }
    }
    // The auditor does not check records that change during the snapshot, but it must have checked some records for each invariant.
    let unchecked: Vec<_> = checked.iter().filter(|(_, n)| **n == 0).collect();
    assert!(unchecked.is_empty(), "{unchecked:?}");
}

#[tokio::test]
async fn a_real_breach_is_found_in_a_shop_that_changes_all_the_time() {
    for seed in 1..=10 {
        // 200 units disappear, which is more than the orders can move between two reads of the stock.
        let served = changing_shop(seed, |shop, requests| {
            if requests == 1 {
                shop.move_stock(-200, 0);
            }
        });
        let verdict = served.await.audit().await;
        let found: Vec<_> = verdict.breaches().map(|(name, _)| name).collect();
        assert_eq!(
            found,
            ["stock-adds-up"],
            "seed {seed}\n{}",
            report(&verdict)
        );
    }
}

#[tokio::test]
async fn a_suspect_that_the_second_snapshot_clears_is_not_a_breach() {
    let mut shop = Shop::sound();
    shop.book(1, "capture");
    let served = ServedShop::with(shop, |shop, requested| {
        // In each snapshot, the payments are read after the processor's ledger. So the first snapshot does not contain this refund.
        if requested.starts_with("/payments") && shop.entries.last().unwrap()["kind"] == "capture" {
            shop.book(1, "refund");
        }
        None
    });
    // With the refund, `charged-once` holds again. But the refund itself breaks `confirmed-is-paid`, because a confirmed order must
    // not be refunded.
    let verdict = served.await.audit().await;
    let found: Vec<_> = verdict.breaches().map(|(name, _)| name).collect();
    assert_eq!(found, ["confirmed-is-paid"], "{}", report(&verdict));
    let once = verdict
        .judgements
        .iter()
        .find(|j| j.invariant == "charged-once")
        .unwrap();
    assert_eq!(
        (once.settled, once.breaches.len(), verdict.snapshots),
        (1, 0, 2)
    );
}

#[tokio::test]
async fn a_suspect_that_is_new_in_the_second_snapshot_gets_a_third() {
    let mut shop = Shop::sound();
    shop.move_stock(0, 1);
    let served = ServedShop::with(shop, |shop, requested| {
        // Adds one capture, after the audit's first snapshot has read the processor's ledger.
        if requested.starts_with("/payments") && shop.entries.len() < 7 {
            shop.book(5, "capture");
        }
        None
    });
    let verdict = served.await.audit().await;
    let found: Vec<_> = verdict.breaches().map(|(name, _)| name).collect();
    assert_eq!(found, ["charged-once", "reserved-is-held"]);
    assert_eq!(verdict.snapshots, 3);
}

/// The cancellation of a confirmed order fails: the first compensation is retried, and the order's timeline states only the time of
/// the latest attempt.
#[tokio::test]
async fn repeated_audits_find_a_stuck_order_whose_timeline_has_only_recent_times() {
    let mut shop = Shop::sound();
    let retried = |shop: &mut Shop| {
        shop.set_status(1, "confirmed");
        let stuck = shop.orders.get_mut(&order(1)).unwrap();
        stuck["status"] = json!("pending");
        stuck["lease_until"] = json!(ago(0));
        let now = jiff::Timestamp::now().to_string();
        let retry = json!({"step": "cancelling_shipment", "status": "waiting", "at": now});
        stuck["timeline"].as_array_mut().unwrap().push(retry);
    };
    retried(&mut shop);
    // Order 5 is pending like order 1. Its creation time is in the future, so order 5 must not be a breach.
    shop.orders.get_mut(&order(5)).unwrap()["created_at"] = json!(ago(-3600));
    let served = ServedShop::with(shop, move |shop, requested| {
        if requested.starts_with("/internal/orders?") {
            retried(shop);
        }
        None
    });
    let served = served.await;
    let mut options = served.options();
    options.stuck_after = Duration::from_millis(300);
    let mut auditor = Auditor::new(options).unwrap();
    let begun = Instant::now();
    let found = loop {
        let verdict = auditor.audit().await.unwrap();
        let found: Vec<_> = verdict.breaches().map(|(_, b)| b.subject.clone()).collect();
        if !found.is_empty() {
            break found;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "the stuck order is not reported within 60 s"
        );
    };
    assert_eq!(found, [format!("order {}", order(1))]);
}

/// Between the two reads of the reservations, the hold of a slow order expires, and the order then reserves its stock again. Both
/// reads show the reservation as held.
#[tokio::test]
async fn a_hold_that_expires_between_two_reads_is_not_a_breach() {
    let mut lapses = 0;
    let served = ServedShop::with(Shop::sound(), move |shop, requested| {
        let held = shop.reservations.get_mut(&order(5)).unwrap();
        if requested.starts_with("/items/") && held["status"] == "held" {
            held["status"] = json!("expired");
            shop.move_stock(0, -UNITS_PER_ORDER);
        } else if requested.starts_with("/reservations") && held["status"] == "expired" {
            lapses += 1;
            held["status"] = json!("held");
            held["expires_at"] = json!(ago(-900 - lapses));
            shop.move_stock(0, UNITS_PER_ORDER);
        }
        None
    });
    let verdict = served.await.audit().await;
    assert!(verdict.sound, "{}", report(&verdict));
    assert_eq!(verdict.snapshots, 1);
}
