//! Tests with a third party that is slow, and with a service that is down.
use serde_json::json;
use stoa_testkit::{Answer, Shop, ShopOptions, wait_for, wait_until};

use crate::books::{self, ReportedOrder};
use crate::customer::{self, Customer, Operator, text};

const SKU: &str = "KIT-004";
const SUPPLY: u32 = 10;
/// Delay of the processor: longer than the timeout of the service `payment` (5 s).
const DELAY_AFTER_TIMEOUT_MS: u32 = 6_000;

fn shop(options: ShopOptions) -> (Shop, Operator, Customer) {
    let shop = Shop::start(options);
    let operator = Operator::of_shop(&shop);
    operator.set_stock(SKU, SUPPLY);
    let ann = Customer::register(&shop, "ann");
    (shop, operator, ann)
}

fn reported_order(customer: &Customer, answer: &Answer) -> ReportedOrder {
    ReportedOrder {
        token: customer.token.clone(),
        order_id: text(&answer.json, "order_id"),
        confirmed: answer.json["status"] == "confirmed",
    }
}

#[test]
fn a_charge_that_was_captured_after_its_timeout_is_found_and_kept() {
    let (shop, operator, ann) = shop(ShopOptions::checked());
    let late = json!({"mode": "slow", "delay_ms": DELAY_AFTER_TIMEOUT_MS, "remaining": 1});
    operator.script("processor", &late);
    let key = customer::key();
    let first = ann.order(&key, SKU, 1, "tok_visa").expect(503);
    assert!(first.header("retry-after").is_some());
    assert_eq!(operator.ledger()[0]["kind"], "capture");
    let order = wait_for(
        customer::EFFECT_TIMEOUT,
        "the order to be confirmed",
        || {
            let answer = ann.order(&key, SKU, 1, "tok_visa");
            (answer.status == 201).then_some(answer)
        },
    );
    let reported = [reported_order(&ann, &order)];
    let tally = books::check_balance(&operator, shop.gateway(), &reported, SKU, SUPPLY.into());
    println!("a charge that was captured after its timeout: {tally:?}");
    assert_eq!((tally.confirmed, tally.captures), (1, 1));
}

#[test]
fn an_order_is_refunded_if_its_reservation_ends_while_the_payment_is_slow() {
    let (shop, operator, ann) = shop(ShopOptions::checked());
    operator.script("processor", &json!({"mode": "slow", "delay_ms": 3_000}));
    let refused = std::thread::scope(|scope| {
        let order = scope.spawn(|| ann.order(&customer::key(), SKU, 1, "tok_visa"));
        wait_until(customer::EFFECT_TIMEOUT, "the charge", || {
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
    let tally = books::check_balance(&operator, shop.gateway(), &[], SKU, SUPPLY.into());
    println!("an order whose reservation ended: {tally:?}");
    assert_eq!((tally.cancelled, tally.captures, tally.refunds), (1, 1, 1));
}

#[test]
fn an_event_that_could_not_be_delivered_arrives_later_and_once() {
    // The notification service is unreachable, because no process listens on port 1.
    let nowhere = ShopOptions::checked().variable("notification_url", "http://127.0.0.1:1");
    let (mut before, _, ann) = shop(nowhere);
    let order = ann.order(&customer::key(), SKU, 1, "tok_visa").expect(201);
    before.stop();
    let after = Shop::start(ShopOptions::checked().with_data_of(&before));
    let operator = Operator::of_shop(&after);
    let reported = [reported_order(&ann, &order)];
    let tally = books::check_balance(&operator, after.gateway(), &reported, SKU, SUPPLY.into());
    println!("an event that arrived later: {tally:?}");
    assert_eq!(tally.confirmed, 1);
}
