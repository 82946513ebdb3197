//! Kills the program before and after each step of an order. There is one shop for each case, and all shops recover at the same
//! time, because each recovery waits until a lease expires.
use serde_json::json;
use stoa_testkit::{Shop, ShopOptions};

use crate::books;
use crate::crowd::{Crowd, body};
use crate::customer::{self, Operator};

const SKU: &str = "KIT-004";
const SUPPLY: u32 = 10;
/// The steps of a successful order.
const FORWARD: [&str; 5] = [
    "reserving",
    "extending",
    "charging",
    "committing",
    "shipping",
];
/// The compensations of an order that fails at the carrier.
const BACKWARD: [&str; 3] = ["cancelling_shipment", "refunding", "releasing"];

fn options() -> ShopOptions {
    ShopOptions::checked().variable("order_lease_seconds", "31")
}

/// Starts a shop that dies at `point` of an order, and then a second shop with the same data. Returns both shops, because the first
/// shop owns the folder of the data. If `failing` is true, the carrier fails.
fn crash_and_restart(point: &str, failing: bool) -> [Shop; 2] {
    let (mut shop, crowd) = Crowd::start(options().variable("fail_at", point), 128);
    let operator = Operator::of_shop(&shop);
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
    assert!(
        died,
        "{point}: the shop did not die at this point of the order"
    );
    shop.kill();
    let after = Shop::start(Crowd::with_crowd_key(options()).with_data_of(&shop));
    Operator::of_shop(&after).clear_script("carrier");
    [shop, after]
}

#[test]
fn killed_before_or_after_any_step_an_order_is_confirmed_or_cancelled_afterwards() {
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
        .map(|(point, failing)| crash_and_restart(point, *failing))
        .collect();
    for ((point, failing), [_, shop]) in points.iter().zip(&shops) {
        let tally = books::check_balance(
            &Operator::of_shop(shop),
            shop.gateway(),
            &[],
            SKU,
            SUPPLY.into(),
        );
        println!("{point}: {tally:?}");
        assert_eq!(tally.orders, 1, "{point}");
        assert_eq!(tally.cancelled, usize::from(*failing), "{point}");
    }
}
