//! Dependencies that are late, and dependencies that are down.
use serde_json::json;
use stoa_testkit::{Answer, Shop, ShopOptions, wait_for, wait_until};

use crate::books::{self, Told};
use crate::customer::{self, Customer, Operator, text};

const SKU: &str = "KIT-004";
const SUPPLY: u32 = 10;
/// Longer than payment waits for the processor (5 s).
const TOO_LATE_MS: u32 = 6_000;

fn shop(options: ShopOptions) -> (Shop, Operator, Customer) {
    let shop = Shop::start(options);
    let operator = Operator::of(&shop);
    operator.set_stock(SKU, SUPPLY);
    let ann = Customer::register(&shop, "ann");
    (shop, operator, ann)
}

fn told(customer: &Customer, answer: &Answer) -> Told {
    Told {
        token: customer.token.clone(),
        order_id: text(&answer.json, "order_id"),
        confirmed: answer.json["status"] == "confirmed",
    }
}

#[test]
fn a_charge_that_times_out_and_was_captured_is_found_and_kept() {
    let (shop, operator, ann) = shop(ShopOptions::checked());
    let late = json!({"mode": "slow", "delay_ms": TOO_LATE_MS, "remaining": 1});
    operator.script("processor", &late);
    let key = customer::key();
    let first = ann.order(&key, SKU, 1, "tok_visa").expect(503);
    assert!(first.header("retry-after").is_some());
    assert_eq!(operator.ledger()[0]["kind"], "capture");
    let order = wait_for(customer::SOON, "the order to be confirmed", || {
        let answer = ann.order(&key, SKU, 1, "tok_visa");
        (answer.status == 201).then_some(answer)
    });
    let told = [told(&ann, &order)];
    let tally = books::balance(&operator, shop.gateway(), &told, SKU, SUPPLY.into());
    println!("captured after its time-out: {tally:?}");
    assert_eq!((tally.confirmed, tally.captures), (1, 1));
}

#[test]
fn a_reservation_that_ends_while_the_payment_is_slow_means_a_refund() {
    let (shop, operator, ann) = shop(ShopOptions::checked());
    operator.script("processor", &json!({"mode": "slow", "delay_ms": 3_000}));
    let refused = std::thread::scope(|scope| {
        let order = scope.spawn(|| ann.order(&customer::key(), SKU, 1, "tok_visa"));
        wait_until(customer::SOON, "the charge", || {
            !operator.ledger().is_empty()
        });
        let order_id = text(
            &customer::items(&ann.get("/order").expect(200).json)[0],
            "order_id",
        );
        let reservation = format!("/reservations/{order_id}");
        let _ = operator.client().delete(&reservation).send().expect(200);
        operator.set_stock(SKU, 0);
        order.join().unwrap()
    });
    assert_eq!(refused.expect(409).json["code"], "insufficient_stock");
    operator.set_stock(SKU, SUPPLY);
    let tally = books::balance(&operator, shop.gateway(), &[], SKU, SUPPLY.into());
    println!("its reservation ended: {tally:?}");
    assert_eq!((tally.cancelled, tally.captures, tally.refunds), (1, 1, 1));
}

#[test]
fn what_notification_could_not_be_told_arrives_later_and_once() {
    // No process listens on port 1.
    let nowhere = ShopOptions::checked().variable("notification_url", "http://127.0.0.1:1");
    let (mut before, _, ann) = shop(nowhere);
    let order = ann.order(&customer::key(), SKU, 1, "tok_visa").expect(201);
    before.stop();
    let after = Shop::start(ShopOptions::checked().over(&before));
    let operator = Operator::of(&after);
    let told = [told(&ann, &order)];
    let tally = books::balance(&operator, after.gateway(), &told, SKU, SUPPLY.into());
    println!("reported later: {tally:?}");
    assert_eq!(tally.confirmed, 1);
}
