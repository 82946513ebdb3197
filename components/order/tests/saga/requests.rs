//! Tests who can read an order, and which requests are rejected.

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::net::Fault;
use crate::world::{World, ann, body, body_with};

#[test]
fn an_order_uses_the_current_contact_and_not_that_of_the_token() {
    let world = World::new();
    let contact = |key: &str| {
        let events_before = world.events.lock().unwrap().len();
        let (status, answer) = world
            .try_call(ann(), Method::POST, "/order", key, &body("A", 1))
            .unwrap();
        assert_eq!(status, 201, "{answer}");
        let events = world.events.lock().unwrap();
        assert_eq!(events.len(), events_before + 1);
        let of = |event: &&Value| event["subject"] == answer["order_id"];
        let data = events.values().find(of).unwrap()["data"].clone();
        (data["name"].clone(), data["phone"].clone())
    };
    let profile = |phone: Value| {
        *world.profile.lock().unwrap() =
            json!({"email": "ann@example.com", "name": "Ann Lee", "phone": phone});
    };
    profile(json!("+4915112345678"));
    assert_eq!(
        contact("k1"),
        (json!("Ann Lee"), json!("+4915112345678")),
        "the number must come from the profile, because the token contains another number"
    );
    profile(Value::Null);
    assert_eq!(contact("k2"), (json!("Ann Lee"), Value::Null));
    // If the profile cannot be read, the order succeeds without a telephone number. The number in the token is not used, because
    // the user may have removed this number from the profile.
    profile(json!("+4915112345678"));
    world.faults(|call, _| match call.url.ends_with("/user/me") {
        true => Fault::CallLost,
        false => Fault::None,
    });
    assert_eq!(contact("k3").1, Value::Null);
}

#[test]
fn bad_requests_change_nothing() {
    let world = World::new();
    let with = |pointer: &str, value: Value| {
        let mut body = body("A", 1);
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let mut unknown_field = body("A", 1);
    unknown_field["coupon"] = json!("FREE");
    for (key, body, status, code) in [
        ("", body("A", 1), 400, "idempotency_key_required"),
        ("k", json!("x"), 422, "invalid_value"),
        ("k", unknown_field, 422, "invalid_value"),
        (
            "k",
            with("/items/0/quantity", json!(-1)),
            422,
            "invalid_value",
        ),
        (
            "k",
            with("/items/0/quantity", json!(100)),
            422,
            "invalid_value",
        ),
        (
            "k",
            with("/shipping_address/country", json!("Austria")),
            422,
            "invalid_value",
        ),
        (
            "k",
            with("/payment/card_token", json!("4111111111111111")),
            422,
            "invalid_value",
        ),
        (
            "u1",
            body_with(
                "tok_visa",
                "AT",
                json!([{"sku": "A", "quantity": 1}, {"sku": "NONE", "quantity": 1}]),
            ),
            422,
            "unknown_item",
        ),
        (
            "u2",
            body_with(
                "tok_visa",
                "AT",
                json!([{"sku": "A", "quantity": 1}, {"sku": "UNPRICED", "quantity": 1}]),
            ),
            422,
            "unpriced_item",
        ),
    ] {
        let (given, problem) = world
            .try_call(ann(), Method::POST, "/order", key, &body)
            .unwrap();
        assert_eq!(
            (given, problem["code"].as_str()),
            (status, Some(code)),
            "{problem}"
        );
        assert!(!problem.to_string().contains("4111"), "{problem}");
    }
    assert_eq!(world.orders(), json!([]));
    assert_eq!(world.stock_of("A"), (10, 0));
    assert!(world.ledger().is_empty());
}

#[test]
fn a_key_accepts_only_one_body_even_while_its_order_is_pending() {
    let world = World::new();
    world.script("processor", &json!({"mode": "error", "status": 503}));
    assert_eq!(world.submit(&body("A", 2)).0, 503);
    let (status, problem) = world.submit(&body("A", 3));
    assert_eq!(
        (status, problem["code"].as_str()),
        (422, Some("idempotency_key_reused"))
    );
    // A repeat with the first body still works with this key; only a request with another body is rejected.
    world.script("processor", &json!({"mode": "ok"}));
    assert_eq!(world.submit(&body("A", 2)).0, 201);
    assert_eq!(world.submit(&body("A", 3)).0, 422);
    world.check_invariants(2);
}

#[test]
fn a_key_repeats_its_rejection_even_if_the_submission_would_now_be_accepted() {
    let world = World::new();
    let mut from_cart = body("A", 1);
    from_cart.as_object_mut().unwrap().remove("items");
    let first = world.submit(&from_cart);
    assert_eq!((first.0, &first.1["code"]), (422, &json!("empty_cart")));
    world.put_into_cart(ann(), "A", 2);
    assert_eq!(world.submit(&from_cart), first);
    let (status, problem) = world.submit(&body("A", 1));
    assert_eq!(
        (status, &problem["code"]),
        (422, &json!("idempotency_key_reused"))
    );
    assert_eq!(world.orders(), json!([]));
}

#[test]
fn the_key_of_a_confirmed_order_gets_the_same_answer_after_a_cancellation() {
    let world = World::new();
    let first = world.submit(&body("A", 2));
    assert_eq!(first.0, 201);
    world.advance_clock(5);
    assert_eq!(world.submit(&body("A", 2)), first);
    let id = first.1["order_id"].as_str().unwrap();
    for uri in ["/order", "/internal/orders"] {
        let (status, _) = world.call(Method::POST, &format!("{uri}/{id}/cancel"));
        assert_eq!(status, 200);
        assert_eq!(world.submit(&body("A", 2)), first);
        assert_eq!(world.submit(&body("A", 3)).0, 422);
    }
    world.check_invariants(2);
}

#[test]
fn a_user_lists_only_their_own_orders_newest_first_in_pages() {
    let world = World::new();
    let bob = Uuid::from_u128(2);
    let mut mine = Vec::new();
    for n in 0..3 {
        let (status, order) = world
            .try_call(
                ann(),
                Method::POST,
                "/order",
                &format!("k{n}"),
                &body("A", 1),
            )
            .unwrap();
        assert_eq!(status, 201);
        mine.push(order["order_id"].as_str().unwrap().to_owned());
    }
    mine.reverse();
    let (_, first) = world.call(Method::GET, "/order?limit=2");
    let token = first["next_page_token"].as_str().unwrap();
    let (_, second) = world.call(Method::GET, &format!("/order?limit=2&page_token={token}"));
    let ids = |page: &Value| {
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .map(|o| o["order_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!([ids(&first), ids(&second)].concat(), mine);
    assert_eq!(second["next_page_token"], Value::Null);

    let call_as_bob =
        |method: Method, uri: &str| world.try_call(bob, method, uri, "", &Value::Null).unwrap();
    assert_eq!(call_as_bob(Method::GET, "/order").1["items"], json!([]));
    assert_eq!(
        call_as_bob(Method::GET, &format!("/order/{}", mine[0])).0,
        404
    );
    assert_eq!(
        call_as_bob(Method::POST, &format!("/order/{}/cancel", mine[0])).0,
        404
    );
    assert_eq!(call_as_bob(Method::GET, "/order/nonsense").0, 404);
    assert_eq!(
        world.call(Method::GET, "/internal/orders?status=lost").0,
        400
    );
    let (_, page) = world.call(Method::GET, "/internal/orders?status=confirmed&limit=1");
    assert_eq!(page["items"][0]["order_id"], mine[0].as_str());
    assert_eq!(page["items"][0]["user_id"], ann().to_string());
    world.check_invariants(1);
}
