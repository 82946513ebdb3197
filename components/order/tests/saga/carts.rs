//! Tests orders from a cart: the claim on the cart, the items that remain in the cart, and the responses to the customer.

use http::Method;
use serde_json::{Value, json};

use crate::net::Fault;
use crate::world::{World, ann, body, declined};

fn from_cart() -> Value {
    let mut body = body("A", 1);
    body.as_object_mut().unwrap().remove("items");
    body
}

/// Submits an order of the cart's items, with `key` as idempotency key. Returns the HTTP status, and the code of the problem
/// document. If the order was confirmed, returns the order's status instead of a code.
fn order_cart(world: &std::sync::Arc<World>, key: &str) -> (u16, String) {
    let (status, answer) = world
        .try_call(ann(), Method::POST, "/order", key, &from_cart())
        .unwrap();
    let word = answer["code"].as_str().or(answer["status"].as_str());
    (status, word.unwrap_or_default().to_owned())
}

fn lose_response_of(path: &'static str) -> impl Fn(&stoa_service::outbound::Call, usize) -> Fault {
    move |call, _| match call.url.contains(path) {
        true => Fault::AnswerLost,
        false => Fault::None,
    }
}

#[test]
fn a_cart_is_ordered_once_even_if_two_tabs_submit_it() {
    let world = World::new();
    world.put_into_cart(ann(), "A", 2);
    // The first tab's order stays pending, because the response to its charge is lost.
    world.faults(lose_response_of("payment/payments"));
    assert_eq!(order_cart(&world, "tab-1"), (503, "order_pending".into()));
    assert_eq!(order_cart(&world, "tab-2"), (409, "cart_in_order".into()));
    // The order keeps its claim on the cart when the customer adds another item.
    world.put_into_cart(ann(), "B", 1);
    assert_eq!(order_cart(&world, "tab-2"), (409, "cart_in_order".into()));
    world.remove_faults();
    assert_eq!(order_cart(&world, "tab-1"), (201, "confirmed".into()));
    // The cart still contains B, which was added later. The rejections of the second tab's requests do not use up its idempotency
    // key.
    let (status, order) = world
        .try_call(ann(), Method::POST, "/order", "tab-2", &from_cart())
        .unwrap();
    assert_eq!(status, 409, "B is not in stock: {order}");
    assert_eq!(order["short"][0]["sku"], "B", "{order}");
    world.check_invariants(2);
}

#[test]
fn a_confirmed_order_empties_the_cart() {
    let world = World::new();
    world.put_into_cart(ann(), "A", 2);
    assert_eq!(order_cart(&world, "tab-1"), (201, "confirmed".into()));
    assert_eq!(order_cart(&world, "tab-2"), (422, "empty_cart".into()));
    world.check_invariants(2);
}

#[test]
fn two_tabs_that_submit_at_once_make_one_order() {
    for _ in 0..10 {
        let world = World::new();
        world.put_into_cart(ann(), "A", 2);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let tabs = ["tab-1", "tab-2"].map(|key| {
                let world = &world;
                scope.spawn(move || order_cart(world, key))
            });
            tabs.into_iter().map(|tab| tab.join().unwrap()).collect()
        });
        let confirmed = answers.iter().filter(|(status, _)| *status == 201).count();
        assert_eq!(confirmed, 1, "{answers:?}");
        assert!(
            answers
                .iter()
                .all(|(_, word)| ["confirmed", "cart_in_order", "empty_cart"]
                    .contains(&word.as_str())),
            "{answers:?}"
        );
        world.check_invariants(2);
    }
}

#[test]
fn a_cancelled_order_releases_the_cart() {
    let world = World::new();
    world.put_into_cart(ann(), "A", 2);
    let mut bad = from_cart();
    bad["payment"] = declined()["payment"].clone();
    let refused = world.try_call(ann(), Method::POST, "/order", "k1", &bad);
    assert_eq!(refused.unwrap().0, 402);
    assert_eq!(order_cart(&world, "k2"), (201, "confirmed".into()));
    world.check_invariants(2);
}

#[test]
fn a_cart_that_could_not_be_cleared_is_cleared_before_the_next_order_and_by_recovery() {
    for by_recovery in [false, true] {
        let world = World::new();
        world.put_into_cart(ann(), "A", 2);
        world.faults(|call, _| match call.url.contains("/internal/carts/") {
            true => Fault::NotSent,
            false => Fault::None,
        });
        assert_eq!(order_cart(&world, "k1"), (201, "confirmed".into()));
        assert_eq!(world.cart_line_count(ann()), 1);
        assert_eq!(order_cart(&world, "k2").0, 503);
        world.remove_faults();
        if by_recovery {
            world.recover();
            assert_eq!(world.cart_line_count(ann()), 0);
        }
        assert_eq!(order_cart(&world, "k3"), (422, "empty_cart".into()));
        world.check_invariants(2);
    }
}

#[test]
fn items_added_during_an_order_stay_even_if_the_response_to_the_removal_is_lost() {
    let world = World::new();
    world.put_into_cart(ann(), "A", 2);
    let inner = std::sync::Arc::downgrade(&world);
    world.faults(move |call, _| {
        if call.method == Method::POST && call.url.ends_with("/payments") {
            let world = inner.upgrade().unwrap();
            world.put_into_cart(ann(), "A", 5);
            world.put_into_cart(ann(), "B", 1);
        }
        lose_response_of("/internal/carts/")(call, 0)
    });
    assert_eq!(order_cart(&world, "k1"), (201, "confirmed".into()));
    world.remove_faults();
    world.recover();
    let carts = world.carts.lock().unwrap();
    let remaining: Vec<_> = carts[&ann().to_string()]
        .lines
        .iter()
        .map(|line| (line["sku"].clone(), line["quantity"].clone()))
        .collect();
    assert_eq!(remaining, [(json!("B"), json!(1)), (json!("A"), json!(3))]);
}

#[test]
fn a_total_that_the_customer_did_not_see_is_not_charged() {
    let world = World::new();
    let mut seen = body("A", 2);
    seen["expected_total"] = json!({"amount": 3000, "currency": "EUR"});
    let (status, problem) = world.submit(&seen);
    assert_eq!(
        (status, &problem["code"], &problem["total"]),
        (
            409,
            &json!("price_changed"),
            &json!({"amount": 3998, "currency": "EUR"})
        ),
        "{problem}"
    );
    assert_eq!((world.orders(), world.ledger().len()), (json!([]), 0));
    for bad in [json!(3998), json!("39.98"), json!({"amount": 3998})] {
        seen["expected_total"] = bad;
        let (status, problem) = world
            .try_call(ann(), Method::POST, "/order", "k2", &seen)
            .unwrap();
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(
            status == 422 && detail.contains("expected_total"),
            "{problem}"
        );
    }
    seen["expected_total"] = json!({"amount": 3998, "currency": "EUR"});
    let placed = world.try_call(ann(), Method::POST, "/order", "k3", &seen);
    assert_eq!(placed.unwrap().0, 201);
    world.check_invariants(2);
}

#[test]
fn a_retry_after_the_customer_cancelled_makes_no_second_order() {
    // The call to `shipping` fails, so the order is cancelled and its idempotency key is freed.
    for fault in [Fault::Status(503), Fault::NotSent] {
        let world = World::new();
        world.faults(move |call, _| match call.url.ends_with("/shipments") {
            true => fault,
            false => Fault::None,
        });
        let (status, problem) = world.submit(&body("A", 2));
        assert_eq!((status, &problem["code"]), (503, &json!("unavailable")));
        world.remove_faults();
        let cancel = format!("/order/{}/cancel", problem["order_id"].as_str().unwrap());
        for _ in 0..2 {
            let (status, order) = world.call(Method::POST, &cancel);
            assert_eq!(
                (status, &order["reason"]),
                (200, &json!("cancelled_by_customer"))
            );
        }
        let (status, problem) = world.submit(&body("A", 2));
        assert_eq!(
            (status, &problem["code"]),
            (409, &json!("order_cancelled")),
            "{problem}"
        );
        assert_eq!(world.orders().as_array().unwrap().len(), 1);
        world.check_invariants(2);
    }
    // The customer cancels while the order is already being compensated.
    let world = World::new();
    world.faults(|call, _| {
        match call.url.contains("/shipments") || call.method == Method::DELETE {
            true => Fault::Status(503),
            false => Fault::None,
        }
    });
    let (_, problem) = world.submit(&body("A", 2));
    let cancel = format!("/order/{}/cancel", problem["order_id"].as_str().unwrap());
    assert_eq!(world.call(Method::POST, &cancel).0, 503);
    world.remove_faults();
    world.recover_all();
    assert_eq!(world.submit(&body("A", 2)).1["code"], "order_cancelled");
    world.check_invariants(2);
    // Here the customer submits again before they cancel the first order, so the second submission makes a second order.
    let world = World::new();
    world.faults(|call, _| match call.url.ends_with("/shipments") {
        true => Fault::Status(503),
        false => Fault::None,
    });
    let (_, problem) = world.submit(&body("A", 2));
    world.remove_faults();
    assert_eq!(world.submit(&body("A", 2)).0, 201);
    let cancel = format!("/order/{}/cancel", problem["order_id"].as_str().unwrap());
    assert_eq!(world.call(Method::POST, &cancel).0, 200);
    world.check_invariants(2);
}
