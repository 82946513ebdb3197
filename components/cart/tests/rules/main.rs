//! Tests the routes of the service `cart`: the responses that a caller gets, and the content of the cart afterwards.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "an unexpected value must fail the test"
)]

mod shop;

use std::sync::atomic::Ordering;

use cart::domain::MAX_ITEMS;
use http::Method;
use serde_json::{Value, json};
use shop::Shop;
use stoa_service::params;
use stoa_service::sql::Database as _;
use stoa_service::testing::Issuer;
use uuid::Uuid;

fn eur(amount: u64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

#[test]
fn a_cart_shows_its_items_and_their_prices() {
    let (shop, ann) = (Shop::new(), Uuid::now_v7());
    assert_eq!(
        shop.cart(ann),
        json!({"version": 0, "items": [], "total": null, "unpriced": []})
    );
    let (status, item) = shop.put(ann, "A", 3);
    let line = json!({"sku": "A", "name": "Thing A", "quantity": 3, "unit_price": eur(250), "line_total": eur(750)});
    assert_eq!((status, &item), (200, &line));
    shop.put(ann, "B", 1);
    shop.put(ann, "C", 2);
    let cart = shop.cart(ann);
    assert_eq!(cart["items"][0], line);
    assert_eq!(
        cart["items"][2],
        json!({"sku": "C", "name": "Thing C", "quantity": 2, "unit_price": null, "line_total": null})
    );
    assert_eq!(
        (&cart["total"], &cart["unpriced"]),
        (&eur(1750), &json!(["C"]))
    );
    assert_eq!(cart.get("prices_as_of"), None);
}

#[test]
fn a_second_put_replaces_the_quantity_and_keeps_the_position() {
    let (shop, ann) = (Shop::new(), Uuid::now_v7());
    shop.put(ann, "B", 1);
    shop.put(ann, "A", 1);
    shop.put(ann, "B", 4);
    let cart = shop.cart(ann);
    assert_eq!(cart["items"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&cart["items"][0]["sku"], &cart["items"][0]["quantity"]),
        (&json!("B"), &json!(4))
    );
}

#[test]
fn a_cart_needs_one_call_to_product_which_gets_the_forwarded_headers() {
    let (shop, ann) = (Shop::new(), Uuid::now_v7());
    shop.put(ann, "A", 1);
    shop.put(ann, "B", 1);
    let before = shop.outbound.sent().len();
    shop.cart(ann);
    let calls = shop.outbound.calls().split_off(before);
    let urls: Vec<_> = calls.iter().map(|call| call.url.as_str()).collect();
    assert_eq!(urls, ["http://product/product?sku=A,B"]);
    assert_eq!(calls[0].headers["x-shop-version"], "v2");
    assert_eq!(calls[0].headers["x-request-id"], "r1");
    assert!(!calls[0].headers.contains_key("authorization"));
}

#[test]
fn a_quantity_above_the_available_units_is_rejected_and_changes_nothing() {
    let (shop, ann) = (Shop::new(), Uuid::now_v7());
    shop.put(ann, "A", 1);
    for (sku, quantity, available) in [("A", 11, 10), ("F", 1, 0)] {
        let (status, problem) = shop.put(ann, sku, quantity);
        assert_eq!(
            (status, &problem["code"]),
            (409, &json!("insufficient_stock"))
        );
        assert_eq!(
            (&problem["sku"], &problem["quantity"], &problem["available"]),
            (&json!(sku), &json!(quantity), &json!(available))
        );
    }
    let cart = shop.cart(ann);
    assert_eq!(
        (&cart["items"][0]["quantity"], &cart["total"]),
        (&json!(1), &eur(250))
    );
    assert_eq!(shop.put(ann, "A", 10).0, 200);
}

#[test]
fn invalid_input_is_rejected_and_changes_nothing() {
    let (shop, ann) = (Shop::new(), Uuid::now_v7());
    for quantity in [
        json!(0),
        json!(100),
        json!(-1),
        json!(1.5),
        json!("1"),
        Value::Null,
        json!(4_294_967_297_u64),
        json!(1e300),
    ] {
        assert_eq!(shop.put(ann, "A", quantity.clone()).0, 422, "{quantity}");
    }
    let token = shop.issuer.token(ann, 60);
    for (body, expected) in [
        (r#"{"quantity":1,"price":0}"#, 422),
        (r#"{"quantity":1,"quantity":2}"#, 422),
        ("{}", 422),
        ("[]", 422),
        ("", 400),
        ("{", 400),
    ] {
        let (status, _) = shop.call_with(&token, Method::PUT, "/cart/items/A", body);
        assert_eq!(status, expected, "{body}");
    }
    for sku in ["NONE", "a%20b", "A%2CB", "%F0%9F%8D%95", &"x".repeat(65)] {
        let (status, problem) = shop.put(ann, sku, 1);
        assert_eq!(
            (status, &problem["code"]),
            (404, &json!("not_found")),
            "{sku}"
        );
    }
    assert_eq!(shop.cart(ann)["items"], json!([]));
    shop.put(ann, "A", 1);
    let inside = format!("/internal/carts/{ann}?x=1");
    for (method, uri) in [
        (Method::GET, "/cart?x=1"),
        (Method::DELETE, "/cart?x=1"),
        (Method::DELETE, "/cart/items/A?x=1"),
        (Method::DELETE, &inside),
    ] {
        let (status, problem) = shop.call(ann, method, uri, &Value::Null);
        assert_eq!(
            (status, &problem["code"]),
            (400, &json!("unknown_parameter")),
            "{uri}"
        );
    }
    assert_eq!(shop.cart(ann)["items"][0]["sku"], "A");
}

#[test]
fn only_its_owner_can_read_or_change_a_cart() {
    let (shop, ann, bob) = (Shop::new(), Uuid::now_v7(), Uuid::now_v7());
    shop.put(ann, "A", 1);
    shop.put(bob, "B", 2);
    assert_eq!(shop.delete(bob, "/cart/items/A"), 204);
    assert_eq!(shop.delete(bob, "/cart"), 204);
    assert_eq!(shop.cart(ann)["items"][0]["sku"], "A");
    assert_eq!(shop.cart(bob)["items"], json!([]));
    let expired = shop.issuer.token(ann, -60);
    let forged = Issuer::new("k1", 2).token(ann, 60);
    for token in ["", "x", &expired, &forged] {
        for (method, uri) in [
            (Method::GET, "/cart"),
            (Method::DELETE, "/cart"),
            (Method::PUT, "/cart/items/A"),
            (Method::DELETE, "/cart/items/A"),
        ] {
            let (status, _) = shop.call_with(token, method, uri, r#"{"quantity":5}"#);
            assert_eq!(status, 401);
        }
    }
    assert_eq!(shop.cart(ann)["items"][0]["quantity"], 1);
}

#[test]
fn deleting_an_absent_item_or_an_empty_cart_succeeds() {
    let (shop, ann) = (Shop::new(), Uuid::now_v7());
    shop.put(ann, "A", 1);
    shop.put(ann, "B", 1);
    for _ in 0..2 {
        assert_eq!(shop.delete(ann, "/cart/items/A"), 204);
    }
    assert_eq!(shop.cart(ann)["items"].as_array().unwrap().len(), 1);
    for _ in 0..2 {
        assert_eq!(shop.delete(ann, "/cart"), 204);
    }
    assert_eq!(shop.cart(ann)["items"], json!([]));
}

#[test]
fn the_order_service_empties_the_cart_of_one_user() {
    let (shop, ann, bob) = (Shop::new(), Uuid::now_v7(), Uuid::now_v7());
    shop.put(ann, "A", 1);
    shop.put(bob, "A", 1);
    for (user, status) in [
        (ann.to_string(), 204),
        (ann.to_string(), 204),
        ("x".to_owned(), 404),
        (bob.to_string().to_uppercase(), 404),
    ] {
        let uri = format!("/internal/carts/{user}");
        assert_eq!(shop.call_with("", Method::DELETE, &uri, "").0, status);
    }
    assert_eq!(shop.cart(ann)["items"], json!([]));
    assert_eq!(shop.cart(bob)["items"].as_array().unwrap().len(), 1);
}

/// The contents of the user's cart, as pairs of SKU and quantity.
fn contents(shop: &Shop, user: Uuid) -> Vec<(String, u64)> {
    let cart = shop.cart(user);
    let items = cart["items"].as_array().unwrap().iter();
    items
        .map(|item| {
            let sku = item["sku"].as_str().unwrap().to_owned();
            (sku, item["quantity"].as_u64().unwrap())
        })
        .collect()
}

#[test]
fn every_change_increases_the_version() {
    let (shop, ann) = (Shop::new(), Uuid::now_v7());
    let version = || shop.cart(ann)["version"].as_i64().unwrap();
    let mut versions = vec![version()];
    shop.put(ann, "A", 1);
    versions.push(version());
    shop.put(ann, "A", 2);
    versions.push(version());
    shop.delete(ann, "/cart/items/A");
    versions.push(version());
    shop.put(ann, "B", 1);
    shop.delete(ann, "/cart");
    versions.push(version());
    assert!(
        versions.windows(2).all(|pair| pair[0] < pair[1]),
        "{versions:?}"
    );
    assert_eq!(
        version(),
        *versions.last().unwrap(),
        "a read must not change the cart"
    );
}

#[test]
fn a_read_returns_matching_version_and_items_during_concurrent_writes() {
    let (shop, ann) = (Shop::new(), Uuid::now_v7());
    let quantity = |version: i64| u32::try_from(version % 2).unwrap() + 1;
    let put = |version: i64| {
        let item = cart::domain::Item {
            sku: "A".parse().unwrap(),
            quantity: quantity(version),
            name: "Thing A".to_owned(),
            price: None,
            priced_at: 0,
        };
        cart::store::put(&shop.database.connect(), ann, &item, 0).unwrap();
    };
    put(1);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (2..400).for_each(put);
            done.store(true, Ordering::SeqCst);
        });
        let db = shop.database.connect();
        while !done.load(Ordering::SeqCst) {
            let cart = cart::store::find(&db, ann).unwrap();
            assert_eq!(cart.items[0].quantity, quantity(cart.version), "{cart:?}");
        }
    });
    assert_eq!(shop.cart(ann)["version"], 399);
}

#[test]
fn the_ordered_units_are_removed_once_and_later_additions_stay() {
    let (shop, ann, order_id) = (Shop::new(), Uuid::now_v7(), Uuid::now_v7());
    for (sku, quantity) in [("A", 2), ("B", 3), ("C", 1)] {
        shop.put(ann, sku, quantity);
    }
    let version = shop.cart(ann)["version"].clone();
    // After the order was made, the customer changes the cart: more of A, fewer of B, C removed and added again, and D added.
    shop.put(ann, "A", 5);
    shop.put(ann, "B", 1);
    shop.delete(ann, "/cart/items/C");
    shop.put(ann, "C", 1);
    shop.put(ann, "D", 2);
    let uri =
        format!("/internal/carts/{ann}?order_id={order_id}&version={version}&ordered=A:2,B:3,C:1");
    let (status, first) = shop.call_with("", Method::DELETE, &uri, "");
    assert_eq!(status, 200, "{first}");
    let remaining =
        [("A", 3), ("C", 1), ("D", 2)].map(|(sku, quantity)| (sku.to_owned(), quantity));
    assert_eq!(contents(&shop, ann), remaining);
    assert_eq!(shop.cart(ann)["version"], first["version"]);
    // The caller sends the same request again, as `order` does after a lost response.
    assert_eq!(
        shop.call_with("", Method::DELETE, &uri, ""),
        (200, first),
        "a repeated request must remove nothing more"
    );
    assert_eq!(contents(&shop, ann), remaining);
}

#[test]
fn a_removal_with_missing_or_invalid_parameters_is_rejected() {
    let (shop, ann, order_id) = (Shop::new(), Uuid::now_v7(), Uuid::now_v7());
    shop.put(ann, "A", 2);
    for (query, named) in [
        (format!("order_id={order_id}"), "version"),
        (
            format!("order_id={order_id}&version=x&ordered=A:1"),
            "version: `x`",
        ),
        (
            format!("order_id={order_id}&version=-1&ordered=A:1"),
            "version: `-1`",
        ),
        (
            format!("order_id={order_id}&version=1&ordered=A"),
            "ordered: `A`",
        ),
        (
            format!("order_id={order_id}&version=1&ordered=A:0"),
            "ordered: `A:0`",
        ),
        (
            format!("order_id={order_id}&version=1&ordered="),
            "ordered: ``",
        ),
        ("order_id=x&version=1&ordered=A:1".to_owned(), "order_id"),
    ] {
        let uri = format!("/internal/carts/{ann}?{query}");
        let (status, problem) = shop.call_with("", Method::DELETE, &uri, "");
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(
            (400..=422).contains(&status) && detail.contains(named),
            "{query}: {status} {problem}"
        );
    }
    assert_eq!(contents(&shop, ann), [("A".to_owned(), 2)]);
}

#[test]
fn while_product_is_down_a_cart_shows_stored_prices_and_their_time() {
    let (shop, ann) = (Shop::new(), Uuid::now_v7());
    shop.put(ann, "A", 2);
    shop.put(ann, "C", 1);
    let db = shop.database.connect();
    db.execute(
        "UPDATE cart_items SET seen_at = $1 WHERE sku = $2",
        params![1_766_000_000_000_i64, "A"],
    )
    .unwrap();
    shop.outages.product.store(true, Ordering::SeqCst);
    let cart = shop.cart(ann);
    assert_eq!(
        (&cart["total"], &cart["unpriced"]),
        (&eur(500), &json!(["C"]))
    );
    assert_eq!(cart["prices_as_of"], "2025-12-17T19:33:20Z");
    shop.outages.product.store(false, Ordering::SeqCst);
    assert_eq!(shop.cart(ann).get("prices_as_of"), None);
}

#[test]
fn a_cart_shows_current_prices_and_no_price_for_items_gone_from_the_catalogue() {
    let (shop, ann) = (Shop::new(), Uuid::now_v7());
    shop.put(ann, "A", 2);
    shop.put(ann, "B", 1);
    let db = shop.database.connect();
    db.execute(
        "UPDATE cart_items SET amount = $1, name = $2 WHERE sku = $3",
        params![1_i64, "Old", "A"],
    )
    .unwrap();
    db.execute(
        "UPDATE cart_items SET sku = $1, name = $2 WHERE sku = $3",
        params!["GONE", "Gone", "B"],
    )
    .unwrap();
    let cart = shop.cart(ann);
    assert_eq!(cart["items"][0]["name"], "Thing A");
    assert_eq!(
        (&cart["total"], &cart["unpriced"]),
        (&eur(500), &json!(["GONE"]))
    );
    assert_eq!(cart["items"][1]["name"], "Gone");
}

#[test]
fn no_item_is_added_while_product_or_inventory_is_down() {
    let (shop, ann) = (Shop::new(), Uuid::now_v7());
    for down in [&shop.outages.product, &shop.outages.inventory] {
        down.store(true, Ordering::SeqCst);
        let (status, problem) = shop.put(ann, "A", 1);
        assert_eq!((status, &problem["code"]), (503, &json!("unavailable")));
        down.store(false, Ordering::SeqCst);
    }
    assert_eq!(shop.cart(ann)["items"], json!([]));
}

#[test]
fn without_a_common_sum_each_line_keeps_its_total() {
    let shop = Shop::new();
    for (other, line_total) in [
        ("D", json!({"amount": 600, "currency": "USD"})),
        ("E", Value::Null),
    ] {
        let user = Uuid::now_v7();
        shop.put(user, "A", 1);
        assert_eq!(shop.put(user, other, 2).1["line_total"], line_total);
        let cart = shop.cart(user);
        assert_eq!(cart["total"], Value::Null);
        assert_eq!(cart["items"][0]["line_total"], eur(250));
        assert_eq!(cart["items"][1]["line_total"], line_total);
        assert_eq!(cart["unpriced"], json!([]));
    }
}

#[test]
fn concurrent_writers_cannot_exceed_the_largest_cart() {
    let (shop, ann) = (Shop::new(), Uuid::now_v7());
    let statuses: Vec<(u16, Value)> = std::thread::scope(|scope| {
        let (shop, threads) = (&shop, 0..10);
        let threads: Vec<_> = threads
            .map(|t| {
                scope.spawn(move || {
                    (0..10)
                        .map(|i| shop.put(ann, &format!("I{}", t * 10 + i), 1))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect()
    });
    let full = statuses.iter().filter(|(status, _)| *status == 409);
    assert!(full.clone().all(|(_, p)| p["code"] == "cart_full"));
    assert_eq!(full.count(), 100 - MAX_ITEMS);
    let cart = shop.cart(ann);
    assert_eq!(cart["items"].as_array().unwrap().len(), MAX_ITEMS);
    assert_eq!(cart["total"], eur(100 * MAX_ITEMS as u64));
    // The items of a full cart can still be changed.
    let sku = cart["items"][7]["sku"].as_str().unwrap();
    assert_eq!(shop.put(ann, sku, 2).0, 200);
}

#[test]
fn concurrent_writers_of_one_item_leave_one_row_with_one_of_their_quantities() {
    let (shop, ann) = (Shop::new(), Uuid::now_v7());
    std::thread::scope(|scope| {
        for quantity in 1..=10 {
            let shop = &shop;
            scope.spawn(move || assert_eq!(shop.put(ann, "A", quantity).0, 200));
        }
    });
    let cart = shop.cart(ann);
    assert_eq!(cart["items"].as_array().unwrap().len(), 1);
    let quantity = cart["items"][0]["quantity"].as_u64().unwrap();
    assert_eq!(cart["total"], eur(250 * quantity));
}

#[test]
fn a_cart_is_read_by_index() {
    let shop = Shop::new();
    let explain = format!("EXPLAIN QUERY PLAN {}", cart::store::CART_QUERY);
    let plan = shop
        .database
        .connect()
        .execute(&explain, params!["x"])
        .unwrap();
    let plan: Vec<String> = plan.map(|row| row.get(3)).unwrap();
    assert!(
        plan.iter().any(|step| step.starts_with("SEARCH"))
            && !plan.iter().any(|s| s.starts_with("SCAN")),
        "{plan:?}"
    );
}

#[test]
fn a_read_needs_as_many_statements_for_many_items_as_for_one() {
    let (shop, ann, bob) = (Shop::new(), Uuid::now_v7(), Uuid::now_v7());
    for n in 0..MAX_ITEMS {
        shop.put(ann, &format!("I{n}"), 1);
    }
    shop.put(bob, "A", 1);
    assert_eq!(
        shop.statements_of_a_read(ann),
        shop.statements_of_a_read(bob)
    );
}
