//! Tests the number of database statements and write transactions of an order.

use http::Method;
use serde_json::Value;

use crate::world::{World, ann, body};

/// The number of write transactions of an order. The first transaction writes the first intent. Each of the five steps then writes
/// its outcome and the next intent in one transaction. Two further transactions claim and delete the event in the outbox. An order
/// from a cart needs one more transaction, to end its claim on the cart.
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
        world.count_statements(answered).1
    };
    assert_eq!(writes("k1", &body("A", 1)), WRITES);
    assert_eq!(
        writes("k1", &body("A", 1)),
        0,
        "a repeated submission must write nothing"
    );
    world.put_into_cart(ann(), "A", 2);
    let mut from_cart = body("A", 1);
    from_cart.as_object_mut().unwrap().remove("items");
    assert_eq!(writes("k2", &from_cart), WRITES + 1);
}

#[test]
fn a_list_needs_as_many_statements_for_many_orders_as_for_one() {
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
        world.count_statements(read).0
    };
    for list in ["/order", "/internal/orders"] {
        let (many, one) = (format!("{list}?limit=100"), format!("{list}?limit=1"));
        assert_eq!(statements(&many, 100), statements(&one, 1), "{list}");
    }
}
