//! Tests of orders under failures: repeats, declines, failing third parties, recovery during orders in progress, and a crash.

mod customer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use customer::{Customer, Operator, key, text};
use serde_json::{Value, json};
use stoa_testkit::{Shop, ShopOptions, at_once, wait_for};

const SKU: &str = "KIT-004";

#[test]
fn twenty_requests_with_one_key_make_one_order_and_one_charge_and_get_equal_responses() {
    let shop = Shop::start(ShopOptions::checked());
    let (operator, customer) = (Operator::of_shop(&shop), Customer::register(&shop, "ann"));
    operator.set_stock(SKU, 50);
    operator.script("processor", &json!({"mode": "slow", "delay_ms": 300}));
    let key = key();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let requests: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| customer.order(&key, SKU, 1, "tok_visa")))
            .collect();
        requests.into_iter().map(|r| r.join().unwrap()).collect()
    });
    for answer in &answers {
        assert_eq!((answer.status, answer.text()), (201, answers[0].text()));
    }
    assert_eq!(operator.ledger().len(), 1);
    assert_eq!(operator.stock(SKU), (49, 0, 49));
    assert_eq!(
        customer::items(&customer.get("/order").expect(200).json).len(),
        1
    );
    let other = customer.order(&key, SKU, 2, "tok_visa").expect(422);
    assert_eq!(other.json["code"], "idempotency_key_reused");
}

#[test]
fn a_declined_card_leaves_nothing_reserved_and_nothing_charged() {
    let shop = Shop::start(ShopOptions::checked());
    let (operator, customer) = (Operator::of_shop(&shop), Customer::register(&shop, "ann"));
    let before = operator.stock(SKU);
    let key = key();
    for _ in 0..2 {
        let answer = customer.order(&key, SKU, 1, "tok_declined").expect(402);
        assert_eq!(answer.json["code"], "payment_declined");
    }
    assert_eq!(operator.stock(SKU), before);
    let kinds: Vec<_> = operator.ledger().iter().map(|e| text(e, "kind")).collect();
    assert_eq!(kinds, ["decline"]);
}

#[test]
fn an_order_is_refunded_and_restocked_if_the_carrier_fails_after_the_charge() {
    let shop = Shop::start(ShopOptions::checked());
    let (operator, customer) = (Operator::of_shop(&shop), Customer::register(&shop, "ann"));
    let before = operator.stock(SKU);
    operator.script("carrier", &json!({"mode": "error", "status": 503}));
    let answer = customer.order(&key(), SKU, 1, "tok_visa").expect(503);
    assert!(answer.header("retry-after").is_some());
    // A parcel without a label cannot be picked up, so the refund does not wait until the carrier works again.
    let order = wait_for(customer::EFFECT_TIMEOUT, "the order's end", || {
        let order = customer::items(&customer.get("/order").expect(200).json).remove(0);
        (order["status"] == "cancelled").then_some(order)
    });
    assert_eq!(
        operator.ledger_of(&text(&order["payment"], "payment_id")),
        ["capture", "refund"]
    );
    assert_eq!(operator.stock(SKU), before);
    operator.clear_script("carrier");
    let shipment = text(&order["shipment"], "shipment_id");
    wait_for(
        customer::EFFECT_TIMEOUT,
        "the call-off at the carrier",
        || {
            let parcels =
                operator.list_unpaged(&format!("/carrier/shipments?reference={shipment}"));
            (parcels.first()?["status"] == "cancelled").then_some(())
        },
    );
}

#[test]
fn a_charge_whose_response_was_lost_is_looked_up_and_captured_once() {
    let shop = Shop::start(ShopOptions::checked().timers(false));
    let (operator, customer) = (Operator::of_shop(&shop), Customer::register(&shop, "ann"));
    operator.script(
        "processor",
        &json!({"mode": "lost_response", "status": 503, "remaining": 1}),
    );
    let key = key();
    let answer = customer.order(&key, SKU, 1, "tok_visa");
    let order = if answer.status == 503 {
        wait_for(customer::EFFECT_TIMEOUT, "the retry to succeed", || {
            let again = customer.order(&key, SKU, 1, "tok_visa");
            assert!(matches!(again.status, 201 | 409 | 503), "{}", again.text());
            (again.status == 201).then_some(again)
        })
    } else {
        answer.expect(201)
    };
    let payment_id = text(&order.json["payment"], "payment_id");
    assert_eq!(operator.ledger_of(&payment_id), ["capture"]);
    assert_eq!(operator.ledger().len(), 1);
}

#[test]
fn a_failure_of_the_processor_is_not_a_decline() {
    let shop = Shop::start(ShopOptions::checked().timers(false));
    let (operator, customer) = (Operator::of_shop(&shop), Customer::register(&shop, "ann"));
    let answer = customer.order(&key(), SKU, 1, "tok_error").expect(503);
    assert!(answer.header("retry-after").is_some(), "{}", answer.text());
    assert!(operator.ledger().iter().all(|e| e["kind"] != "capture"));
}

#[test]
fn a_cancelled_order_is_refunded_and_restocked_once() {
    let shop = Shop::start(ShopOptions::checked());
    let (operator, customer) = (Operator::of_shop(&shop), Customer::register(&shop, "ann"));
    let before = operator.stock(SKU);
    let order = customer
        .order(&key(), SKU, 3, "tok_mastercard")
        .expect(201)
        .json;
    let path = format!("/order/{}/cancel", text(&order, "order_id"));
    for _ in 0..2 {
        assert_eq!(
            customer.post(&path, &key(), &json!({})).expect(200).json["status"],
            "cancelled"
        );
    }
    assert_eq!(
        operator.ledger_of(&text(&order["payment"], "payment_id")),
        ["capture", "refund"]
    );
    assert_eq!(operator.stock(SKU), before);
    customer.wait_for_message("stoa.order.cancelled", &text(&order, "order_id"));
}

#[test]
fn an_item_without_a_price_is_refused_and_logged_with_sku_and_order() {
    let shop = Shop::start(ShopOptions::checked());
    let (operator, customer) = (Operator::of_shop(&shop), Customer::register(&shop, "ann"));
    let before = operator.stock("BOK-011");
    let answer = customer.order(&key(), "BOK-011", 1, "tok_visa").expect(422);
    assert_eq!(answer.json["code"], "unpriced_item");
    assert_eq!(
        (operator.stock("BOK-011"), operator.ledger().len()),
        (before, 0)
    );
    let line = wait_for(customer::EFFECT_TIMEOUT, "the log's line", || {
        shop.log()
            .lines()
            .filter_map(|l| serde_json::from_str::<Value>(l).ok())
            .find(|l| {
                l["service"] == "order"
                    && l["level"] == "error"
                    && l.to_string().contains("BOK-011")
            })
    });
    assert!(
        line["order_id"].is_string()
            && line["request_id"].is_string()
            && line["trace_id"].is_string(),
        "{line}"
    );
}

#[test]
fn repeated_recovery_never_resumes_an_order_with_a_driver() {
    let shop = Shop::start(ShopOptions::checked());
    let operator = Operator::of_shop(&shop);
    operator.set_stock(SKU, 50);
    operator.script("processor", &json!({"mode": "slow", "delay_ms": 1500}));
    let customers: Vec<_> = (0..6)
        .map(|n| Customer::register(&shop, &format!("c{n}")))
        .collect();
    let done = AtomicBool::new(false);
    let (orders, rounds) = std::thread::scope(|scope| {
        let recovery = scope.spawn(|| {
            let mut rounds = 0;
            while !done.load(Ordering::SeqCst) {
                let recovered = operator.recover();
                assert_eq!(recovered["examined"], 0, "{recovered}");
                rounds += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            rounds
        });
        let buyers: Vec<_> = customers
            .iter()
            .map(|c| scope.spawn(|| c.order(&key(), SKU, 1, "tok_visa")))
            .collect();
        let orders: Vec<_> = buyers.into_iter().map(|b| b.join().unwrap()).collect();
        done.store(true, Ordering::SeqCst);
        (orders, recovery.join().unwrap())
    });
    assert!(rounds > 10, "recovery ran only {rounds} times");
    for order in orders {
        let order = order.expect(201).json;
        assert_eq!(
            operator.ledger_of(&text(&order["payment"], "payment_id")),
            ["capture"]
        );
    }
    assert_eq!(operator.stock(SKU), (44, 0, 44));
}

#[test]
fn an_order_that_a_crash_interrupts_is_confirmed_or_cancelled_afterwards() {
    let mut shop = Shop::start(ShopOptions::checked().variable("order_lease_seconds", "31"));
    let (operator, customer) = (Operator::of_shop(&shop), Customer::register(&shop, "ann"));
    operator.set_stock(SKU, 10);
    operator.script(
        "processor",
        &json!({"mode": "slow", "delay_ms": 3000, "remaining": 1}),
    );
    let base = shop.gateway().clone();
    let token = customer.token.clone();
    let order_key = key();
    let submit = std::thread::spawn(move || {
        let body = json!({"shipping_address": customer::address(), "payment": customer::card("tok_visa"), "items": [{"sku": SKU, "quantity": 1}]});
        base.post("/order")
            .bearer(&token)
            .header("idempotency-key", &order_key)
            .json(&body)
            .try_send()
    });
    // The processor has captured the charge, and delays its response.
    wait_for(customer::EFFECT_TIMEOUT, "the capture", || {
        (!operator.ledger().is_empty()).then_some(())
    });
    shop.kill();
    assert!(
        submit.join().unwrap().is_err(),
        "the order got a response before the crash"
    );
    shop.restart();
    let operator = Operator::of_shop(&shop);
    let customer = customer.after_restart(&shop);
    let order = wait_for(Duration::from_secs(90), "the order's end", || {
        let order = customer::items(&customer.get("/order").expect(200).json).remove(0);
        (order["status"] != "pending").then_some(order)
    });
    let kinds = operator.ledger_of(&text(&order["payment"], "payment_id"));
    match text(&order, "status").as_str() {
        "confirmed" => assert_eq!(
            (kinds, operator.stock(SKU)),
            (vec!["capture".to_owned()], (9, 0, 9))
        ),
        status => assert_eq!(
            (
                status,
                kinds.last().map(String::as_str),
                operator.stock(SKU)
            ),
            ("cancelled", Some("refund"), (10, 0, 10))
        ),
    }
    assert_eq!(
        operator
            .ledger()
            .iter()
            .filter(|e| e["kind"] == "capture")
            .count(),
        1
    );
}

/// The service `product` waits for `order`, which reads prices from `product`. With more buyers than database connections, the
/// requests must not block each other.
#[test]
fn many_concurrent_purchases_all_succeed() {
    let shop = Shop::start(ShopOptions::checked());
    let operator = Operator::of_shop(&shop);
    operator.set_stock(SKU, 100);
    let customer = Customer::register(&shop, "ann");
    let body = json!({"quantity": 1, "shipping_address": customer::address(), "payment": customer::card("tok_visa")});
    let answers = at_once(16, |_| {
        customer.post(&format!("/product/{SKU}/buy"), &key(), &body)
    });
    for answer in answers {
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    assert_eq!(operator.stock(SKU), (84, 0, 84));
}
