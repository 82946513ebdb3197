//! Checks of orders and parcels.

use serde_json::{Value, json};

use super::{ID, OTHER, basket, catalogue, order, read, with, wrong};
use crate::check::order::{confirmed, refused, same, tracking};

#[test]
fn a_confirmed_order_is_paid_and_shipped_and_adds_up() {
    let check = |value: &Value| confirmed(&read(value), &basket(), &catalogue());
    assert_eq!(check(&order()), Ok(()));
    for (pointer, new, says) in [
        ("/status", json!("pending"), "with 201 and is pending"),
        ("/total/amount", json!(1), "not the sum of its lines"),
        (
            "/items/0/line_total/amount",
            json!(1290),
            "2 of COF-001 make 1290 EUR",
        ),
        ("/items/0/unit_price/amount", json!(1), "listed at 1290 EUR"),
        ("/items/0/quantity", json!(1), "holds 1 x COF-001"),
        ("/payment", Value::Null, "without a payment"),
        ("/payment/status", json!("pending"), "its payment pending"),
        ("/shipment", Value::Null, "without a shipment"),
        ("/shipment/status", json!("refused"), "its shipment refused"),
        ("/timeline", json!([]), "timeline"),
        ("/created_at", json!("today"), "`today` is not a time"),
    ] {
        wrong(check(&with(&order(), pointer, new)), says);
    }
}

#[test]
fn an_order_does_not_change() {
    let then = read(&order());
    let check = |value: &Value| same(&read(value), &then);
    assert_eq!(check(&order()), Ok(()));
    let delivered = with(&order(), "/shipment/status", json!("delivered"));
    assert_eq!(check(&delivered), Ok(()), "parcels move");
    for (pointer, new, says) in [
        ("/order_id", json!(OTHER), "the first answer was"),
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
        wrong(check(&with(&order(), pointer, new)), says);
    }
    let unnumbered = read(&with(&order(), "/shipment/tracking_number", Value::Null));
    assert_eq!(
        same(&then, &unnumbered),
        Ok(()),
        "a late carrier gives a number"
    );
}

#[test]
fn a_refused_order_is_neither_confirmed_nor_paid() {
    let cancelled = with(&order(), "/status", json!("cancelled"));
    assert_eq!(
        refused(&read(&with(&cancelled, "/payment", Value::Null))),
        Ok(())
    );
    assert_eq!(
        refused(&read(&with(
            &cancelled,
            "/payment/status",
            json!("declined")
        ))),
        Ok(())
    );
    wrong(refused(&read(&cancelled)), "its payment is captured");
    wrong(refused(&read(&order())), "was refused and is confirmed");
}

#[test]
fn a_parcel_is_the_one_of_its_number() {
    let parcel = read(&json!({"tracking_number": "PX1", "status": "created", "events": []}));
    assert_eq!(tracking(&parcel, "PX1"), Ok(()));
    wrong(tracking(&parcel, "PX2"), "PX1, expected PX2");
}
