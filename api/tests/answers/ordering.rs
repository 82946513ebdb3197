//! Requests for orders, and for their payments, parcels and messages.

use http::Method;
use serde_json::{Value, json};

use crate::{Client, JSON, SKU, UNPRICED, address, id, order};

pub(crate) fn orders(client: &mut Client) {
    let put = json!({"quantity": 2});
    client.expect(200, "cart", Method::PUT, &format!("/cart/items/{SKU}"), put);
    let placed = client.expect(
        201,
        "order",
        Method::POST,
        "/order",
        order("tok_visa", None),
    );
    client.get("order", &format!("/order/{}", id(&placed, "order_id")));
    client.get("order", "/order?limit=1");
    let buy = json!({"quantity": 1, "shipping_address": address("DE"), "payment": {"method": "card", "card_token": "tok_mastercard"}});
    let path = format!("/product/{SKU}/buy");
    let bought = client.expect(201, "product", Method::POST, &path, buy.clone());
    let answer = client
        .mesh
        .call("product", Method::POST, &path, &[JSON], b"{}");
    assert_eq!(answer.status, 401);
    let mut more = buy;
    more["quantity"] = json!(0);
    client.expect(422, "product", Method::POST, &path, more);
    let cancel = format!("/order/{}/cancel", id(&bought, "order_id"));
    client.expect(200, "order", Method::POST, &cancel, Value::Null);
    client.expect(200, "order", Method::POST, &cancel, Value::Null);
    let cancel = format!("/internal{}", cancel.replace("/order/", "/orders/"));
    client.expect(200, "order", Method::POST, &cancel, Value::Null);
    for (method, path) in [
        (Method::POST, "/internal/orders/recover"),
        (Method::GET, "/internal/orders/outbox"),
        (Method::POST, "/internal/orders/outbox"),
        (Method::GET, "/internal/orders?status=confirmed"),
    ] {
        client.expect(200, "order", method, path, Value::Null);
    }
    client.expect(
        400,
        "order",
        Method::GET,
        "/internal/orders?status=x",
        Value::Null,
    );
}

pub(crate) fn refused_orders(client: &mut Client) {
    let items = |sku: &str, quantity: u32| Some(json!([{"sku": sku, "quantity": quantity}]));
    let with_expected_total = |amount: u32| {
        let mut body = order("tok_visa", items(SKU, 1));
        body["expected_total"] = json!({"amount": amount, "currency": "EUR"});
        body
    };
    for (status, code, body) in [
        (409, "price_changed", with_expected_total(1)),
        (
            402,
            "payment_declined",
            order("tok_declined", items(SKU, 1)),
        ),
        (409, "insufficient_stock", order("tok_visa", items(SKU, 99))),
        (422, "unpriced_item", order("tok_visa", items(UNPRICED, 1))),
        (422, "unknown_item", order("tok_visa", items("NONE", 1))),
        (422, "empty_cart", order("tok_visa", None)),
        (422, "invalid_value", order("4111 1111 1111 1111", None)),
        (422, "invalid_value", order("tok_visa", items(SKU, 0))),
        (503, "", order("tok_error", items(SKU, 1))),
    ] {
        let problem = client.expect(status, "order", Method::POST, "/order", body);
        assert!(code.is_empty() || problem["code"] == code, "{problem}");
    }
    let mut refused = order("tok_visa", items(SKU, 1));
    refused["shipping_address"] = address("XX");
    client.expect(422, "order", Method::POST, "/order", refused);
    let answer = client.mesh.call(
        "order",
        Method::POST,
        "/order",
        &[JSON, ("authorization", &client.bearer.clone())],
        b"{}",
    );
    assert_eq!(answer.status, 400);
    let unknown = "/order/019b76da-a800-71f9-9f94-ae97655f93b2";
    client.expect(404, "order", Method::GET, unknown, Value::Null);
    client.expect(
        404,
        "order",
        Method::POST,
        &format!("{unknown}/cancel"),
        Value::Null,
    );
}

/// Places an order, and lets the carrier report each status of the order's parcel, up to the delivery.
pub(crate) fn parcels(client: &mut Client) {
    let one = Some(json!([{"sku": SKU, "quantity": 1}]));
    let placed = client.expect(201, "order", Method::POST, "/order", order("tok_visa", one));
    let order_id = id(&placed, "order_id");
    let number = id(&placed["shipment"], "tracking_number");
    let track = format!("/shipping/{number}");
    client.get("shipping", &track);
    let advance = format!("/carrier/shipments/{number}/advance");
    for status in [
        "picked_up",
        "in_transit",
        "out_for_delivery",
        "delivered",
        "delivered",
    ] {
        let moved = json!({"status": status});
        client.expect(200, "partners", Method::POST, &advance, moved);
    }
    let tracked = client.get("shipping", &track);
    assert_eq!(tracked["status"], "delivered");
    client.expect(
        409,
        "order",
        Method::POST,
        &format!("/order/{order_id}/cancel"),
        Value::Null,
    );
    client.get("shipping", "/shipments?limit=1");
    let page = client.get("shipping", &format!("/shipments?order_id={order_id}"));
    let shipment = format!("/shipments/{}", id(&page["items"][0], "shipment_id"));
    client.expect(
        409,
        "shipping",
        Method::POST,
        &format!("{shipment}/cancel"),
        Value::Null,
    );
    let report = json!({"event_id": "e1", "status": "delivered", "at": "2026-11-21T14:05:09Z"});
    client.expect(
        401,
        "shipping",
        Method::POST,
        &format!("{shipment}/events"),
        report,
    );
    client.expect(404, "shipping", Method::GET, "/shipping/NONE", Value::Null);
    client.expect(
        200,
        "shipping",
        Method::POST,
        "/internal/shipments/outbox",
        Value::Null,
    );

    client.get("shipping", "/internal/shipments/outbox");

    client.get("notification", "/internal/notifications/deliveries");
    let deliver = "/internal/notifications/deliver";
    client.expect(200, "notification", Method::POST, deliver, Value::Null);
    let inbox = client.get("notification", "/notification?limit=100");
    let items = inbox["items"].as_array().unwrap();
    assert!(
        items.iter().any(|n| n["type"] == "stoa.shipment.delivered"),
        "{inbox}"
    );
    events(client);
}

pub(crate) fn events(client: &mut Client) {
    let event = |version: &str| json!({"specversion": version, "id": "1", "source": "/test", "type": "test.unknown"});
    let structured = [("content-type", "application/cloudevents+json")];
    let binary = [
        JSON,
        ("ce-specversion", "1.0"),
        ("ce-id", "2"),
        ("ce-source", "/test"),
        ("ce-type", "test.unknown"),
    ];
    for (status, headers, body) in [
        (202, &structured[..], event("1.0")),
        (202, &structured[..], event("1.0")),
        (422, &structured[..], event("0.3")),
        (202, &binary[..], json!({"more": 1})),
        (415, &[("content-type", "text/plain")][..], event("1.0")),
    ] {
        let body = body.to_string();
        let answer = client.mesh.call(
            "notification",
            Method::POST,
            "/events",
            headers,
            body.as_bytes(),
        );
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
}

pub(crate) fn payments(client: &mut Client) {
    let page = client.get("payment", "/payments?limit=100");
    let payment_path = |status: &str| {
        let items = page["items"].as_array().unwrap();
        let found = items.iter().find(|payment| payment["status"] == status);
        format!("/payments/{}", id(found.unwrap(), "payment_id"))
    };
    client.get("payment", &payment_path("captured"));
    let refund = format!("{}/refund", payment_path("captured"));
    client.expect(200, "payment", Method::POST, &refund, Value::Null);
    let refund = format!("{}/refund", payment_path("declined"));
    client.expect(409, "payment", Method::POST, &refund, Value::Null);
    client.expect(404, "payment", Method::GET, "/payments/x", Value::Null);
    let zero = json!({"order_id": "019b76da-a800-71f9-9f94-ae97655f93b2", "amount": {"amount": 0, "currency": "EUR"},
        "method": "card", "card_token": "tok_visa"});
    client.expect(422, "payment", Method::POST, "/payments", zero);
}

pub(crate) fn third_parties(client: &mut Client) {
    for path in [
        "/pim/products/COF-001",
        "/processor/ledger",
        "/processor/charges?reference=none",
        "/carrier/shipments?reference=none",
        "/carrier/book?limit=1",
        "/courier/messages",
        "/sms/messages",
        "/script",
    ] {
        client.get("partners", path);
    }
    let script = json!({"mode": "error", "status": 500, "remaining": 1});
    client.expect(200, "partners", Method::PUT, "/script/pim", script);
    client.expect(
        500,
        "partners",
        Method::GET,
        "/pim/products/COF-001",
        Value::Null,
    );
    client.expect(204, "partners", Method::DELETE, "/script/pim", Value::Null);
    client.expect(
        422,
        "partners",
        Method::PUT,
        "/script/pim",
        json!({"mode": "x"}),
    );
    client.expect(
        404,
        "partners",
        Method::GET,
        "/pim/products/NONE",
        Value::Null,
    );
}
