//! Tests of the service's routes with a real database. The carrier of `partners` handles the service's calls, and sends signed
//! reports to the same routes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "an unexpected value must fail the test"
)]

mod cancelling;
mod lost_answers;
mod reports;
mod shop;

use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use shop::{Shop, submission};

#[test]
fn an_order_is_shipped_once_and_a_repeat_gets_the_first_response() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    let first = shop.ship(order, "k", "AT").unwrap();
    assert_eq!(first, shop.ship(order, "k", "AT").unwrap());
    let (status, shipment) = first;
    assert_eq!(
        (status, shipment["status"].as_str()),
        (201, Some("created"))
    );
    assert_eq!(shipment["order_id"], order.to_string());
    let stored = shop.stored(order);
    assert_eq!(shipment["shipment_id"], stored.shipment_id.to_string());
    let (number, parcel) = shop.parcel(stored.shipment_id).unwrap();
    assert_eq!(
        (shipment["tracking_number"].as_str(), parcel.as_str()),
        (Some(&*number), "created")
    );
    let (status, page) = shop.get(&format!("/shipments?order_id={order}"));
    assert_eq!((status, &page["items"][0]), (200, &shipment));
}

#[test]
fn only_the_carriers_own_code_rejects_an_address_and_the_rejection_is_final() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    for key in ["k", "k", "k2"] {
        let (status, problem) = shop.ship(order, key, "XX").unwrap();
        assert_eq!(
            (status, problem["code"].as_str()),
            (422, Some("address_refused"))
        );
    }
    assert_eq!(shop.parcel(shop.stored(order).shipment_id), None);
    let other = Uuid::now_v7();
    let script = json!({"mode": "error", "status": 422, "remaining": 1});
    shop.partners
        .call_without_fate(Method::PUT, "/script/carrier", &script);
    assert_eq!(shop.ship(other, "k3", "AT").unwrap().0, 503);
    assert_eq!(shop.ship(other, "k3", "AT").unwrap().0, 201);
}

#[test]
fn invalid_input_is_rejected_with_the_field_name_and_ships_nothing() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    let with = |pointer: &str, value: Value| {
        let mut body = submission(order, "AT");
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (body, word) in [
        (with("/address/country", json!("at")), "address.country"),
        (with("/address/country", json!("AUT")), "address.country"),
        (with("/address/name", json!(" ")), "address.name"),
        (
            with("/address/street", json!("x".repeat(201))),
            "address.street",
        ),
        (with("/address/city", json!("Graz\u{0}")), "address.city"),
        (
            with("/address", json!({"name": "Ann", "planet": "Mars"})),
            "planet",
        ),
        (
            with("/address", json!(["Ann", "Main 1", "Graz", "8010", "AT"])),
            "address: ",
        ),
        (with("/lines", json!([])), "lines"),
        (with("/lines/0", json!(["COF-001", 2])), "lines[0]: "),
        (with("/lines/0/quantity", json!(0)), "lines[0].quantity"),
        (with("/lines/0/quantity", json!(-1)), "-1"),
        (with("/lines/0/sku", json!("a b")), "lines[0].sku"),
        (with("/order_id", json!("x")), "UUID"),
    ] {
        let (status, problem) = shop.call(Method::POST, "/shipments", "k", &body);
        assert_eq!(status, 422, "{body}");
        assert!(
            problem["detail"].as_str().unwrap().contains(word),
            "{problem}"
        );
    }
    let body = submission(order, "AT");
    let event = format!("/shipments/{order}/events");
    for (method, uri, key, status) in [
        (Method::POST, "/shipments", "", 400),
        (Method::GET, "/shipments?limit=101", "", 400),
        (Method::GET, "/shipments?order_id=x", "", 422),
        (Method::GET, "/shipping/PX123", "", 404),
        (Method::POST, "/shipments/nonsense/cancel", "", 404),
        (Method::POST, &event, "", 401),
        (Method::PUT, "/shipments", "", 405),
    ] {
        assert_eq!(shop.call(method, uri, key, &body).0, status, "{uri}");
    }
    assert_eq!(shop.get("/shipments").1["items"], json!([]));
}

#[test]
fn another_address_for_the_same_order_is_a_conflict() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    assert_eq!(shop.ship(order, "k", "AT").unwrap().0, 201);
    let (status, problem) = shop.ship(order, "k2", "DE").unwrap();
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("shipment_differs"))
    );
}

#[test]
fn a_list_needs_the_same_number_of_statements_for_one_entry_and_for_a_hundred() {
    let shop = Shop::new();
    let orders: Vec<String> = (0..100)
        .map(|_| shop.shipped().0.order_id.to_string())
        .collect();
    let hundred = format!("/shipments?order_id={}", orders.join(","));
    let one = format!("/shipments?order_id={}", orders[0]);
    assert_eq!(shop.statements(&hundred, 100), shop.statements(&one, 1));
    assert_eq!(
        shop.statements("/shipments?limit=100", 100),
        shop.statements("/shipments?limit=1", 1)
    );
}
