//! Tests of payment-fault in the whole shop: the effect of its default configuration on orders.

use serde_json::json;
use stoa_testkit::{Shop, ShopOptions, at_once, wait_until};

use crate::customer::{Customer, EFFECT_TIMEOUT, Operator, key, text};

const ORDERS: usize = 400;
const AT_ONCE: usize = 4;

#[test]
fn ten_percent_of_the_orders_are_declined_and_a_retry_gets_the_same_result() {
    let mut options = ShopOptions::mesh().timers(false);
    options.filters.clear();
    let shop = Shop::start(options);
    let operator = Operator::of_shop(&shop);
    operator.set_stock("COF-001", 10_000);
    let customer = Customer::register(&shop, "ann");
    let before = operator.ledger().len();
    let declined = at_once(AT_ONCE, |_| {
        let mut declined = 0;
        for number in 0..ORDERS / AT_ONCE {
            let key = key();
            let answer = customer.order(&key, "COF-001", 1, "tok_visa");
            match answer.status {
                201 => assert_eq!(text(&answer.json, "status"), "confirmed"),
                402 => {
                    assert_eq!(answer.json["code"], "payment_declined");
                    declined += 1;
                }
                status => panic!("{status}: {}", answer.text()),
            }
            if number % 10 == 0 {
                let again = customer.order(&key, "COF-001", 1, "tok_visa");
                assert_eq!(
                    (again.status, &again.json["order_id"]),
                    (answer.status, &answer.json["order_id"])
                );
            }
        }
        declined
    });
    let declined: usize = declined.into_iter().sum();
    // 40 of the 400 orders should be declined, and the tolerance of 24 orders is four standard deviations.
    assert!((16..=64).contains(&declined), "{declined} of {ORDERS}");
    println!("{declined} of {ORDERS} orders declined");
    // A declined customer is not charged, and the items are in stock again.
    assert_eq!(operator.ledger().len() - before, ORDERS - declined);
    let sold = i64::try_from(ORDERS - declined).unwrap();
    assert_eq!(operator.stock("COF-001"), (10_000 - sold, 0, 10_000 - sold));
}

#[test]
fn an_order_that_is_declined_after_a_lost_response_is_refunded() {
    let lost = json!({"rules": [{"name": "lost", "match": {"methods": ["POST"], "path": {"exact": "/payments"}},
        "fault": {"lost_response": {}}}]});
    let mut options = ShopOptions::mesh().timers(false);
    options.filters.clear();
    let shop = Shop::start(options.filter("payment-fault", lost));
    let (operator, mesh) = (Operator::of_shop(&shop), shop.mesh());
    operator.set_stock("COF-001", 10_000);
    let customer = Customer::register(&shop, "ann");
    // With 100 orders, only one run in 30,000 has no decline.
    let keys: Vec<_> = at_once(4, |_| {
        let keys: Vec<_> = (0..25).map(|_| key()).collect();
        for key in &keys {
            let problem = customer.order(key, "COF-001", 1, "tok_visa").expect(503);
            assert_eq!(problem.json["code"], "order_pending", "{}", problem.text());
        }
        keys
    })
    .concat();

    // Restores the rules of the manifests, like `stoa fault set payment reset`. The rules decline 10 % of the orders, by the hash
    // of the idempotency key.
    let reloads = || mesh.stat("payment", "payment-fault.*config_reload$");
    let before = reloads();
    shop.override_filters(&json!({}));
    wait_until(
        EFFECT_TIMEOUT,
        "the rules of the manifests at payment's sidecar",
        || reloads() > before,
    );
    wait_until(EFFECT_TIMEOUT, "the end of every order", || {
        operator.recover()["pending"] == 0
            && operator.list("/internal/orders?status=pending").is_empty()
    });
    let mut cancelled = 0;
    for key in &keys {
        let answer = customer.order(key, "COF-001", 1, "tok_visa");
        let order_id = text(&answer.json, "order_id");
        let order = customer.get(&format!("/order/{order_id}")).expect(200).json;
        let payment = order["payment"]["payment_id"].as_str().unwrap();
        let expected: &[&str] = match answer.status {
            201 => &["capture"],
            402 => &["capture", "refund"],
            status => panic!("{status}: {}", answer.text()),
        };
        assert_eq!(operator.ledger_of(payment), expected, "{order}");
        cancelled += usize::from(answer.status == 402);
    }
    println!(
        "{cancelled} of {} orders were declined after they had been charged, and were then refunded",
        keys.len()
    );
    assert!(cancelled > 0);
    let sold = i64::try_from(keys.len() - cancelled).unwrap();
    assert_eq!(operator.stock("COF-001"), (10_000 - sold, 0, 10_000 - sold));
}
