//! The program is killed before and after each step of an order. All of these shops recover side by side, since each waits for a lease.
use serde_json::json;
use stoa_testkit::{Shop, ShopOptions};

use crate::books;
use crate::crowd::{Crowd, body};
use crate::customer::{self, Operator};

const SKU: &str = "KIT-004";
const SUPPLY: u32 = 10;
/// The steps of a successful order, and of an order that fails at the carrier.
const FORWARD: [&str; 5] = [
    "reserving",
    "extending",
    "charging",
    "committing",
    "shipping",
];
const BACKWARD: [&str; 3] = ["cancelling_shipment", "refunding", "releasing"];

fn options() -> ShopOptions {
    ShopOptions::checked().variable("order_lease_seconds", "31")
}

/// A shop that died at this point with one order, kept because it owns the data, and the shop that replaced it.
fn dies(point: &str, failing: bool) -> [Shop; 2] {
    let (mut shop, crowd) = Crowd::start(options().variable("fail_at", point), 128);
    let operator = Operator::of(&shop);
    operator.set_stock(SKU, SUPPLY);
    if failing {
        operator.script("carrier", &json!({"mode": "error", "status": 503}));
    }
    let call = shop
        .gateway()
        .post("/order")
        .bearer(&crowd.token())
        .header("idempotency-key", &customer::key());
    let answer = call.json(&body(SKU)).try_send();
    let died = answer.map_or(true, |answer| answer.status == 500);
    assert!(died, "{point}: the order continued");
    shop.kill();
    let after = Shop::start(Crowd::believed(options()).over(&shop));
    Operator::of(&after).unscript("carrier");
    [shop, after]
}

#[test]
fn killed_before_and_after_any_step_an_order_comes_to_one_of_two_ends() {
    let forward = FORWARD.iter().map(|step| (step, false));
    let backward = BACKWARD.iter().map(|step| (step, true));
    let points: Vec<_> = forward
        .chain(backward)
        .flat_map(|(step, failing)| {
            ["before", "after"].map(|side| (format!("{step}:{side}"), failing))
        })
        .collect();
    let shops: Vec<_> = points
        .iter()
        .map(|(point, failing)| dies(point, *failing))
        .collect();
    for ((point, failing), [_, shop]) in points.iter().zip(&shops) {
        let tally = books::balance(&Operator::of(shop), shop.gateway(), &[], SKU, SUPPLY.into());
        println!("{point}: {tally:?}");
        assert_eq!(tally.orders, 1, "{point}");
        assert_eq!(tally.cancelled, usize::from(*failing), "{point}");
    }
}
