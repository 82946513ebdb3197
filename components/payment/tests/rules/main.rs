//! Tests of the routes of `payment` with a real SQLite database and the card processor of `partners`: the responses to the caller,
//! and the processor's resulting ledger.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic fails the test, which is intended"
)]

mod lost_answers;
mod shop;

use http::Method;
use partners::testing::Fate;
use serde_json::{Value, json};
use uuid::Uuid;

use shop::Shop;

fn body(order: Uuid) -> Value {
    let amount = json!({"amount": 1999, "currency": "EUR"});
    json!({"order_id": order, "amount": amount, "method": "card", "card_token": "tok_visa"})
}

#[test]
fn captures_once_and_repeats_the_first_response() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    let first = shop.call(Method::POST, "/payments", "k", &body(order));
    let again = shop.call(Method::POST, "/payments", "k", &body(order));
    assert_eq!(first, again);
    let (status, payment) = first;
    assert_eq!(
        (status, payment["status"].as_str()),
        (201, Some("captured"))
    );
    assert_eq!(payment["order_id"], order.to_string());
    assert_eq!(
        payment["amount"],
        json!({"amount": 1999, "currency": "EUR"})
    );
    assert_eq!(
        shop.outbound.sent().len(),
        1,
        "a repeat must not call the processor again"
    );
    let id = payment["payment_id"].as_str().unwrap().parse().unwrap();
    assert_eq!(shop.ledger(id), ["capture"]);
    assert_eq!(shop.look_up(id).unwrap(), (200, payment));
}

#[test]
fn declines_with_the_processors_reason_and_stays_declined() {
    for (token, reason) in [
        ("tok_declined", "insufficient_funds"),
        ("tok_stolen", "invalid_token"),
    ] {
        let (shop, order) = (Shop::new(), Uuid::now_v7());
        let (status, problem) = shop.pay(order, "k", token).unwrap();
        assert_eq!(
            (
                status,
                problem["code"].as_str(),
                problem["decline_code"].as_str()
            ),
            (402, Some("payment_declined"), Some(reason))
        );
        // A different card for the same order does not change the decline.
        assert_eq!(shop.pay(order, "k2", "tok_visa").unwrap().0, 402);
        let payment = shop.stored(order).unwrap().payment_id;
        let (status, problem) = shop.refund(payment).unwrap();
        assert_eq!(
            (status, problem["code"].as_str()),
            (409, Some("payment_declined"))
        );
        assert_eq!(shop.ledger(payment), ["decline"]);
    }
}

#[test]
fn repeated_refund_requests_refund_once() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    shop.pay(order, "k", "tok_visa");
    let payment = shop.stored(order).unwrap().payment_id;
    for _ in 0..3 {
        let (status, body) = shop.refund(payment).unwrap();
        assert_eq!((status, body["status"].as_str()), (200, Some("refunded")));
    }
    assert_eq!(shop.ledger(payment), ["capture", "refund"]);
    let (status, problem) = shop.pay(order, "other", "tok_visa").unwrap();
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("payment_closed"))
    );
}

#[test]
fn a_failing_processor_leaves_the_payment_pending_and_a_refund_voids_it() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    for _ in 0..2 {
        assert_eq!(shop.pay(order, "k", "tok_error").unwrap().0, 503);
    }
    let payment = shop.stored(order).unwrap().payment_id;
    assert_eq!(shop.look_up(payment).unwrap().1["status"], "pending");
    let (status, body) = shop.refund(payment).unwrap();
    assert_eq!((status, body["status"].as_str()), (200, Some("voided")));
    assert_eq!(shop.pay(order, "k", "tok_error").unwrap().0, 409);
    assert_eq!(shop.ledger(payment), ["void"]);
}

#[test]
fn a_retry_succeeds_after_scripted_failures_of_the_processor() {
    for script in [
        json!({"mode": "error", "status": 500, "remaining": 2}),
        json!({"mode": "error", "status": 402, "remaining": 2}),
        json!({"mode": "lost_response", "status": 504, "remaining": 2}),
    ] {
        let (shop, order) = (Shop::new(), Uuid::now_v7());
        let (status, _) =
            shop.partners
                .call_without_fate(Method::PUT, "/script/processor", &script);
        assert_eq!(status, 200);
        for expected in [503, 503, 201, 201] {
            let (status, _) = shop.pay(order, "k", "tok_visa").unwrap();
            assert_eq!(status, expected, "{script}");
        }
        let payment = shop.stored(order).unwrap().payment_id;
        assert_eq!(shop.ledger(payment), ["capture"]);
    }
}

#[test]
fn a_list_by_order_looks_the_payment_up_and_pages_are_complete() {
    let shop = Shop::new();
    let orders: Vec<_> = (0..5).map(|_| Uuid::now_v7()).collect();
    for order in &orders {
        shop.fates([Fate::LostAfter]);
        shop.pay(*order, &order.to_string(), "tok_visa");
    }
    let uri = format!("/payments?order_id={}", orders[2]);
    let (status, page) = shop.call(Method::GET, &uri, "", &Value::Null);
    assert_eq!(
        (status, page["items"][0]["status"].as_str()),
        (200, Some("captured"))
    );
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let uri = format!("/payments?limit=2{token}");
        let (_, page) = shop.call(Method::GET, &uri, "", &Value::Null);
        for item in page["items"].as_array().unwrap() {
            seen.push(item["order_id"].as_str().unwrap().parse::<Uuid>().unwrap());
        }
        match page["next_page_token"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => break,
        }
    }
    assert_eq!(seen, orders);
    let unknown = format!("/payments?order_id={}", Uuid::now_v7());
    let (_, page) = shop.call(Method::GET, &unknown, "", &Value::Null);
    assert_eq!(page, json!({"items": [], "next_page_token": null}));
}

#[test]
fn bad_input_is_refused_with_the_name_of_the_field_and_charges_nothing() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    let with = |field: &str, value: Value| {
        let mut body = body(order);
        body[field] = value;
        body
    };
    for (body, word) in [
        (
            with("amount", json!({"amount": 0, "currency": "EUR"})),
            "amount",
        ),
        (
            with("amount", json!({"amount": -1, "currency": "EUR"})),
            "amount",
        ),
        (
            with("amount", json!({"amount": 1, "currency": "ZZZ"})),
            "ZZZ",
        ),
        (with("amount", json!(1999)), "amount: "),
        (with("amount", json!([1999, "EUR"])), "amount: "),
        (with("order_id", json!("nonsense")), "UUID"),
        (with("method", json!("cash")), "cash"),
        (with("card_token", json!("4111111111111111")), "card_token"),
        (
            with("card_token", json!(4_111_111_111_111_111_u64)),
            "card_token",
        ),
        (with("tip", json!(1)), "tip"),
    ] {
        let (status, problem) = shop.call(Method::POST, "/payments", "k", &body);
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(status, 422, "{body}");
        assert!(detail.contains(word), "{detail}");
        assert!(!detail.contains("4111"), "{detail}");
    }
    for (method, uri, key, status) in [
        (Method::POST, "/payments", "", 400),
        (Method::POST, "/payments?x=1", "k", 400),
        (Method::GET, "/payments?limit=0", "", 400),
        (Method::GET, "/payments?page_token=%21", "", 400),
        (Method::GET, "/payments?order_id=x", "", 422),
        (Method::GET, "/payments/nonsense", "", 404),
        (Method::POST, "/payments/nonsense/refund", "", 404),
        (Method::DELETE, "/payments", "", 405),
    ] {
        assert_eq!(shop.call(method, uri, key, &body(order)).0, status, "{uri}");
    }
    let unknown = Uuid::now_v7();
    assert_eq!(shop.look_up(unknown).unwrap().0, 404);
    assert_eq!(shop.refund(unknown).unwrap().0, 404);
    assert!(shop.outbound.sent().is_empty());
    assert!(shop.stored(order).is_none());
}

#[test]
fn another_amount_for_the_same_order_is_a_conflict() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    shop.pay(order, "k", "tok_visa");
    let mut other = body(order);
    other["amount"]["amount"] = json!(1);
    let (status, problem) = shop.call(Method::POST, "/payments", "k2", &other);
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("payment_differs"))
    );
    let (status, problem) = shop.call(Method::POST, "/payments", "k", &other);
    assert_eq!(
        (status, problem["code"].as_str()),
        (422, Some("idempotency_key_reused"))
    );
}
