//! Database statements and writes of an order.

use http::Method;
use serde_json::Value;

use crate::world::{World, ann, body};

/// An intent and an outcome for each of five steps; each outcome shares a transaction with the next intent. Then the event is
/// claimed and deleted. An order from the cart also removes the ordered items from it.
const WRITES: usize = 1 + 5 + 2;

#[test]
fn an_order_writes_its_log_and_its_event_and_nothing_for_its_key() {
    let world = World::new();
    world.call(Method::GET, "/order");
    let writes = |key: &str, body: &Value| {
        let answered = || {
            let answer = world.try_call(ann(), Method::POST, "/order", key, body);
            assert_eq!(answer.map(|(status, _)| status), Some(201));
        };
        world.costs(answered).1
    };
    assert_eq!(writes("k1", &body("A", 1)), WRITES);
    assert_eq!(writes("k1", &body("A", 1)), 0, "a repeat only reads");
    world.put_into_cart(ann(), "A", 2);
    let mut from_cart = body("A", 1);
    from_cart.as_object_mut().unwrap().remove("items");
    assert_eq!(writes("k2", &from_cart), WRITES + 1);
}

#[test]
fn lists_take_as_many_statements_for_many_orders_as_for_one() {
    let world = World::new();
    world.stock("A", 200);
    for n in 0..100 {
        let key = format!("k{n}");
        let answer = world.try_call(ann(), Method::POST, "/order", &key, &body("A", 1));
        assert_eq!(answer.unwrap().0, 201);
    }
    let statements = |uri: &str, orders: usize| {
        let read = || {
            let (_, page) = world.call(Method::GET, uri);
            assert_eq!(
                page["items"].as_array().map(Vec::len),
                Some(orders),
                "{uri}"
            );
            assert_ne!(page["items"][0]["items"][0]["sku"], Value::Null);
            assert_ne!(page["items"][0]["timeline"][0], Value::Null);
        };
        world.costs(read).0
    };
    for list in ["/order", "/internal/orders"] {
        let (many, one) = (format!("{list}?limit=100"), format!("{list}?limit=1"));
        assert_eq!(statements(&many, 100), statements(&one, 1), "{list}");
    }
}
