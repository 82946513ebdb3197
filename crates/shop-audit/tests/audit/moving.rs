//! A shop that moves during the audit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;
use shop_audit::{Auditor, report};

use crate::served::Served;
use crate::shop::{EACH, Shop, ago, order};

/// Reproducible random numbers (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// The last step that an order took.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Placed,
    Reserved,
    Charged,
    Committed,
    Shipped,
    Confirmed,
    CalledOff,
    Refunded,
    Released,
    Over,
}

/// Moves a random order by one step, or adds one. A third of the confirmed orders are cancelled.
fn step(shop: &mut Shop, orders: &mut Vec<At>, chance: &mut Chance) {
    if orders.is_empty() || chance.below(6) == 0 {
        orders.push(At::Placed);
        shop.place(orders.len() as u128);
        return;
    }
    let index = usize::try_from(chance.below(orders.len() as u64)).unwrap();
    let number = index as u128 + 1;
    orders[index] = match orders[index] {
        At::Placed if chance.below(4) == 0 => {
            shop.release(number);
            At::Released
        }
        At::Placed => {
            shop.reserve(number);
            At::Reserved
        }
        At::Reserved => {
            shop.charge(number);
            At::Charged
        }
        At::Charged => {
            shop.commit(number);
            At::Committed
        }
        At::Committed => {
            shop.ship(number);
            At::Shipped
        }
        At::Shipped => {
            shop.end(number, "confirmed");
            At::Confirmed
        }
        At::Confirmed if chance.below(3) == 0 => {
            shop.end(number, "pending");
            shop.call_off(number);
            At::CalledOff
        }
        At::CalledOff => {
            shop.refund(number);
            At::Refunded
        }
        At::Refunded => {
            shop.release(number);
            At::Released
        }
        At::Released => {
            shop.end(number, "cancelled");
            At::Over
        }
        still => still,
    };
}

/// A shop that takes up to three steps before each response.
async fn moving(seed: u64, spoil: impl Fn(&mut Shop, usize) + Send + 'static) -> Served {
    let (mut orders, mut chance) = (Vec::new(), Chance(seed));
    let mut shop = Shop::new();
    for _ in 0..200 {
        step(&mut shop, &mut orders, &mut chance);
    }
    let mut requests = 0;
    Served::with(shop, move |shop, _| {
        for _ in 0..chance.below(4) {
            step(shop, &mut orders, &mut chance);
        }
        requests += 1;
        spoil(shop, requests);
        None
    })
    .await
}

#[tokio::test]
async fn a_shop_that_never_stands_still_gives_no_false_breach() {
    let mut checked = BTreeMap::<_, u64>::new();
    for seed in 1..=20 {
        let served = moving(seed, |_, _| {}).await;
        let verdict = served.audit().await;
        assert!(verdict.sound, "seed {seed}\n{}", report(&verdict));
        // There is no suspect either: the second snapshot is for races that these checks do not foresee.
        assert_eq!(verdict.looks, 1, "seed {seed}\n{}", report(&verdict));
        for judgement in verdict.judgements {
            *checked.entry(judgement.invariant).or_default() += judgement.checked;
        }
    }
    // Moving records are left out, but not all records move at once.
    let idle: Vec<_> = checked.iter().filter(|(_, n)| **n == 0).collect();
    assert!(idle.is_empty(), "{idle:?}");
}

#[tokio::test]
async fn a_real_breach_is_found_in_a_shop_that_never_stands_still() {
    for seed in 1..=10 {
        // More units vanish than can be on the move.
        let served = moving(seed, |shop, requests| {
            if requests == 1 {
                shop.stock(-200, 0);
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
    let served = Served::with(shop, |shop, asked| {
        // The second to last read of a snapshot.
        if asked.starts_with("/payments") && shop.entries.last().unwrap()["kind"] == "capture" {
            shop.book(1, "refund");
        }
        None
    });
    // A second capture and its refund still leave a confirmed order that was refunded.
    let verdict = served.await.audit().await;
    let found: Vec<_> = verdict.breaches().map(|(name, _)| name).collect();
    assert_eq!(found, ["confirmed-is-paid"], "{}", report(&verdict));
    let once = verdict
        .judgements
        .iter()
        .find(|j| j.invariant == "charged-once")
        .unwrap();
    assert_eq!(
        (once.settled, once.breaches.len(), verdict.looks),
        (1, 0, 2)
    );
}

#[tokio::test]
async fn a_suspect_that_is_new_in_the_second_snapshot_gets_a_third() {
    let mut shop = Shop::sound();
    shop.stock(0, 1);
    let served = Served::with(shop, |shop, asked| {
        // Once, after the first snapshot has read the ledger.
        if asked.starts_with("/payments") && shop.entries.len() < 7 {
            shop.book(5, "capture");
        }
        None
    });
    let verdict = served.await.audit().await;
    let found: Vec<_> = verdict.breaches().map(|(name, _)| name).collect();
    assert_eq!(found, ["charged-once", "reserved-is-held"]);
    assert_eq!(verdict.looks, 3);
}

/// A confirmed order whose cancellation fails: its first step back is retried, and its timeline states only the last attempt.
#[tokio::test]
async fn a_watch_finds_a_stuck_order_whose_own_times_do_not_show_it() {
    let mut shop = Shop::sound();
    let retried = |shop: &mut Shop| {
        shop.end(1, "confirmed");
        let stuck = shop.orders.get_mut(&order(1)).unwrap();
        stuck["status"] = json!("pending");
        stuck["lease_until"] = json!(ago(0));
        let now = jiff::Timestamp::now().to_string();
        let retry = json!({"step": "cancelling_shipment", "status": "waiting", "at": now});
        stuck["timeline"].as_array_mut().unwrap().push(retry);
    };
    retried(&mut shop);
    // The other pending order must not be the breach.
    shop.orders.get_mut(&order(5)).unwrap()["created_at"] = json!(ago(-3600));
    let served = Served::with(shop, move |shop, asked| {
        if asked.starts_with("/internal/orders?") {
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
            "it is never found to be stuck"
        );
    };
    assert_eq!(found, [format!("order {}", order(1))]);
}

/// A hold expires when its order is slow, and takes its stock again when the order continues: both reads show it held.
#[tokio::test]
async fn a_hold_that_expires_between_two_reads_is_not_a_breach() {
    let mut lapses = 0;
    let served = Served::with(Shop::sound(), move |shop, asked| {
        let held = shop.reservations.get_mut(&order(5)).unwrap();
        if asked.starts_with("/items/") && held["status"] == "held" {
            held["status"] = json!("expired");
            shop.stock(0, -EACH);
        } else if asked.starts_with("/reservations") && held["status"] == "expired" {
            lapses += 1;
            held["status"] = json!("held");
            held["expires_at"] = json!(ago(-900 - lapses));
            shop.stock(0, EACH);
        }
        None
    });
    let verdict = served.await.audit().await;
    assert!(verdict.sound, "{}", report(&verdict));
    assert_eq!(verdict.looks, 1);
}
