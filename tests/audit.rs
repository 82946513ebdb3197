//! Tests of the auditor with the real shop. Audits stay sound during normal use and failures of third parties. A charge that
//! bypasses the shop is a breach.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in the test's setup must fail the test"
)]

mod auditing;
mod customer;

use std::time::Duration;

use auditing::{assert_sound, audit};
use customer::{Customer, Operator, key};
use serde_json::json;
use shop_audit::{Verdict, report};
use stoa_testkit::{Shop, ShopOptions, at_once};

const SKU: &str = "COF-001";

/// Number of records that were checked for an invariant.
fn checked(verdict: &Verdict, invariant: &str) -> u64 {
    let judgement = verdict.judgements.iter().find(|j| j.invariant == invariant);
    judgement.unwrap().checked
}

/// Places successful and failing orders in a shop, and audits the shop at the same time. Then makes a charge that bypasses the
/// shop.
fn audit_a_used_shop(options: ShopOptions) {
    let shop = Shop::start(options);
    let operator = Operator::of_shop(&shop);
    let new = assert_sound(&shop);
    assert_eq!(checked(&new, "confirmed-is-paid"), 0);
    assert!(checked(&new, "stock-adds-up") >= 60);
    assert_eq!(new.books.len(), 2);

    let ann = Customer::register(&shop, "ann");
    let mut ids = Vec::new();
    for _ in 0..3 {
        let order = ann.order(&key(), SKU, 2, "tok_visa").expect(201).json;
        ids.push(customer::text(&order, "order_id"));
    }
    let cancel = format!("/order/{}/cancel", ids[0]);
    let _ = ann.post(&cancel, &key(), &json!({})).expect(200);
    let _ = ann.order(&key(), SKU, 1, "tok_declined").expect(402);
    operator.script("carrier", &json!({"mode": "error", "status": 503}));
    let _ = ann.order(&key(), SKU, 1, "tok_visa").expect(503);
    operator.clear_script("carrier");
    let lost = json!({"mode": "lost_response", "status": 503, "remaining": 1});
    operator.script("processor", &lost);
    let _ = ann.order(&key(), SKU, 1, "tok_visa");

    // Audits that run during the sale find no breach either.
    let meanwhile = std::thread::scope(|scope| {
        let buying = scope.spawn(|| {
            at_once(6, |_| {
                let order = || ann.order(&key(), SKU, 1, "tok_visa").status;
                (0..4)
                    .map(|_| order())
                    .filter(|status| *status == 201)
                    .count()
            })
        });
        let mut audits = Vec::new();
        while !buying.is_finished() {
            audits.push(assert_sound(&shop));
        }
        assert!(buying.join().unwrap().iter().sum::<usize>() > 0);
        audits
    });
    assert!(!meanwhile.is_empty());

    let used = assert_sound(&shop);
    assert!(checked(&used, "confirmed-is-paid") >= 2);
    assert!(checked(&used, "cancelled-costs-nothing") >= 2);

    // A charge that bypasses the shop: no payment has this reference.
    let charge = json!({"reference": "unknown", "amount": {"amount": 1, "currency": "EUR"}, "card_token": "tok_visa"});
    let post = operator.client().post("/processor/charges");
    let _ = post
        .header("idempotency-key", "x")
        .json(&charge)
        .send()
        .expect(201);
    let verdict = audit(&shop);
    let found: Vec<_> = verdict.breaches().collect();
    assert_eq!(found.len(), 1, "{}", report(&verdict));
    assert_eq!(found[0].0, "charge-has-order");
    assert!(
        found[0].1.subject.ends_with(" of unknown"),
        "{:?}",
        found[0]
    );
}

#[test]
fn a_shop_is_sound_until_a_charge_bypasses_it() {
    audit_a_used_shop(ShopOptions::checked());
}

#[test]
fn a_shop_in_a_mesh_is_sound_until_a_charge_bypasses_it() {
    audit_a_used_shop(ShopOptions::mesh());
}

#[test]
fn restocking_raises_every_item_below_the_minimum_and_the_audit_stays_sound() {
    let shop = Shop::start(ShopOptions::checked());
    let restock = || {
        let threads = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let operator = shop.operator().base().parse().unwrap();
        threads.block_on(shop_load::restock(
            &operator,
            1_000,
            Duration::from_secs(10),
        ))
    };
    assert!(
        restock().unwrap() >= 60,
        "a new shop has fewer than 1,000 units of every item"
    );
    assert_eq!(Operator::of_shop(&shop).stock(SKU), (1_000, 0, 1_000));
    assert_eq!(restock().unwrap(), 0);
    let _ = assert_sound(&shop);
}
