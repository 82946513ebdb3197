//! The auditor and the real shop. The audit is sound whatever customers do and third parties fail to do, and in breach after
//! a charge that bypasses the shop.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a fixture that fails must fail its test"
)]

mod auditing;
mod customer;

use std::time::Duration;

use auditing::{audit, sound};
use customer::{Customer, Operator, key};
use serde_json::json;
use shop_audit::{Verdict, report};
use stoa_testkit::{Shop, ShopOptions, at_once};

const SKU: &str = "COF-001";

fn checked(verdict: &Verdict, invariant: &str) -> u64 {
    let of = verdict.judgements.iter().find(|j| j.invariant == invariant);
    of.unwrap().checked
}

fn after_a_day_in_the_shop(options: ShopOptions) {
    let shop = Shop::start(options);
    let operator = Operator::of(&shop);
    let new = sound(&shop);
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
    operator.unscript("carrier");
    let lost = json!({"mode": "lost_response", "status": 503, "remaining": 1});
    operator.script("processor", &lost);
    let _ = ann.order(&key(), SKU, 1, "tok_visa");

    // Audits during the sale are sound too.
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
            audits.push(sound(&shop));
        }
        assert!(buying.join().unwrap().iter().sum::<usize>() > 0);
        audits
    });
    assert!(!meanwhile.is_empty());

    let day = sound(&shop);
    assert!(checked(&day, "confirmed-is-paid") >= 2);
    assert!(checked(&day, "cancelled-costs-nothing") >= 2);

    // A charge that bypasses the shop.
    let charge = json!({"reference": "nobody", "amount": {"amount": 1, "currency": "EUR"}, "card_token": "tok_visa"});
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
    assert!(found[0].1.subject.ends_with(" of nobody"), "{:?}", found[0]);
}

#[test]
fn a_shop_is_sound_until_a_charge_bypasses_it() {
    after_a_day_in_the_shop(ShopOptions::checked());
}

#[test]
fn a_shop_in_a_mesh_is_sound_until_a_charge_bypasses_it() {
    after_a_day_in_the_shop(ShopOptions::mesh());
}

#[test]
fn restocking_raises_every_item_that_is_below_and_the_books_still_agree() {
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
    assert!(restock().unwrap() >= 60, "a new shop has fewer of each");
    assert_eq!(Operator::of(&shop).stock(SKU), (1_000, 0, 1_000));
    assert_eq!(restock().unwrap(), 0);
    let _ = sound(&shop);
}
