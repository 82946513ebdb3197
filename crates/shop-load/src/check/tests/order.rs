//! Checks of orders and parcels.

use serde_json::{Value, json};

use super::{ID, OTHER, assert_wrong, basket, catalogue, order, read, with_member};
use crate::check::order::{confirmed, refused, tracking, unchanged};

#[test]
fn a_confirmed_order_is_paid_and_shipped_and_has_the_sum_of_its_items_as_total() {
    let check = |value: &Value| confirmed(&read(value), &basket(), &catalogue());
    assert_eq!(check(&order()), Ok(()));
    for (pointer, new, expected) in [
        (
            "/status",
            json!("pending"),
            "status 201, but the order is pending",
        ),
        ("/total/amount", json!(1), "expected the sum of the lines"),
        (
            "/items/0/line_total/amount",
            json!(1290),
            "line_total: 1290 EUR for 2 of COF-001",
        ),
        (
            "/items/0/unit_price/amount",
            json!(1),
            "expected 1290 EUR as in the catalogue",
        ),
        ("/items/0/quantity", json!(1), "items: 1 x COF-001"),
        ("/payment", Value::Null, "without a payment"),
        (
            "/payment/status",
            json!("pending"),
            "its payment is pending",
        ),
        ("/shipment", Value::Null, "without a shipment"),
        (
            "/shipment/status",
            json!("refused"),
            "its shipment is refused",
        ),
        ("/timeline", json!([]), "timeline"),
        ("/created_at", json!("today"), "`today` is not a timestamp"),
    ] {
        assert_wrong(check(&with_member(&order(), pointer, new)), expected);
    }
}

#[test]
fn an_order_does_not_change() {
    let first = read(&order());
    let check = |value: &Value| unchanged(&read(value), &first);
    assert_eq!(check(&order()), Ok(()));
    let delivered = with_member(&order(), "/shipment/status", json!("delivered"));
    assert_eq!(
        check(&delivered),
        Ok(()),
        "the shipment's status may change"
    );
    for (pointer, new, expected) in [
        ("/order_id", json!(OTHER), "but the first response had"),
        ("/status", json!("cancelled"), "status differs"),
        ("/items/0/quantity", json!(1), "items differs"),
        ("/total/amount", json!(1), "total differs"),
        ("/payment/payment_id", json!(ID), "payment differs"),
        ("/payment", Value::Null, "payment differs"),
        ("/shipment", Value::Null, "shipment differs"),
        (
            "/shipment/tracking_number",
            json!("PX2"),
            "shipment differs",
        ),
        (
            "/created_at",
            json!("2026-11-21T14:05:10Z"),
            "created_at differs",
        ),
    ] {
        assert_wrong(check(&with_member(&order(), pointer, new)), expected);
    }
    let unnumbered = read(&with_member(
        &order(),
        "/shipment/tracking_number",
        Value::Null,
    ));
    assert_eq!(
        unchanged(&first, &unnumbered),
        Ok(()),
        "a missing tracking number may be added later"
    );
}

#[test]
fn a_refused_order_is_neither_confirmed_nor_paid() {
    let cancelled = with_member(&order(), "/status", json!("cancelled"));
    assert_eq!(
        refused(&read(&with_member(&cancelled, "/payment", Value::Null))),
        Ok(())
    );
    assert_eq!(
        refused(&read(&with_member(
            &cancelled,
            "/payment/status",
            json!("declined")
        ))),
        Ok(())
    );
    assert_wrong(refused(&read(&cancelled)), "its payment is captured");
    assert_wrong(refused(&read(&order())), "was rejected, but is confirmed");
}

#[test]
fn a_parcel_has_the_requested_tracking_number() {
    let parcel = read(&json!({"tracking_number": "PX1", "status": "created", "events": []}));
    assert_eq!(tracking(&parcel, "PX1"), Ok(()));
    assert_wrong(
        tracking(&parcel, "PX2"),
        "tracking_number: PX1, expected PX2",
    );
}
