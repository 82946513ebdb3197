//! Audits a sound shop, and shops with exactly one breach. The verdict must name this breach.
//!
//! This file is longer than others, because it has a table with one shop for each of the 38 breaches.

use serde_json::{Value, json};
use shop_audit::{INVARIANTS, report};

use crate::served::ServedShop;
use crate::shop::{Shop, UNITS_PER_ORDER, add, ago, order, payment, shipment, total};

#[tokio::test]
async fn a_sound_shop_is_sound_at_the_first_snapshot_with_every_record_checked() {
    let verdict = ServedShop::new(Shop::sound()).await.audit().await;
    assert!(verdict.sound, "{}", report(&verdict));
    assert_eq!((verdict.snapshots, verdict.books.len()), (1, 2));
    let checked: Vec<_> = verdict
        .judgements
        .iter()
        .map(|j| (j.invariant, j.checked))
        .collect();
    let expected = [
        ("charge-has-order", 4 + 5),
        ("charged-once", 5),
        ("confirmed-is-paid", 2),
        ("cancelled-costs-nothing", 3),
        ("reservation-has-order", 7),
        ("confirmed-is-committed", 2),
        ("cancelled-holds-nothing", 3),
        ("hold-expires", 2),
        ("stock-in-range", 1),
        ("stock-adds-up", 1),
        ("reserved-is-held", 1),
        ("sold-is-committed", 1),
        ("parcel-has-order", 3 + 3),
        ("confirmed-is-shipped", 2),
        ("returned-is-refunded", 2),
        ("cancelled-ships-nothing", 3),
        ("order-ends", 1),
        ("event-arrives", 3),
    ];
    assert_eq!(checked, expected);
    let text = report(&verdict);
    assert!(
        text.contains("sound: 0 breaches") && !text.contains("BREACH "),
        "{text}"
    );
}

/// Makes the change `spoil` in a sound shop, and audits the shop. Returns each breach as `invariant: subject`.
pub(crate) async fn breaches_after(spoil: impl FnOnce(&mut Shop)) -> Vec<String> {
    let mut shop = Shop::sound();
    spoil(&mut shop);
    let verdict = ServedShop::new(shop).await.audit().await;
    assert_eq!(verdict.sound, verdict.breaches().count() == 0);
    let text = report(&verdict);
    let breaches = verdict.breaches();
    let lines: Vec<_> = breaches
        .map(|(invariant, breach)| {
            let line = format!("BREACH {invariant}: {}: expected ", breach.subject);
            assert!(text.contains(&line), "{line} in {text}");
            assert!(!breach.expected.is_empty() && !breach.found.is_empty());
            format!("{invariant}: {}", breach.subject)
        })
        .collect();
    if !lines.is_empty() {
        assert_eq!(
            verdict.snapshots, 2,
            "a second snapshot must confirm the breach"
        );
    }
    lines
}

macro_rules! breach_tests {
    ($($name:ident: |$shop:ident| $spoil:block => $expected:expr;)*) => {
        /// Returns the expected breach of each test.
        const BROKEN: &[fn() -> String] = &[$(|| $expected),*];

        $(
            #[tokio::test]
            async fn $name() {
                let found = breaches_after(|$shop: &mut Shop| $spoil).await;
                assert_eq!(found, [$expected]);
            }
        )*
    };
}

/// The record with the key `id`.
pub(crate) fn record(
    records: &mut std::collections::BTreeMap<uuid::Uuid, Value>,
    id: uuid::Uuid,
) -> &mut Value {
    records.get_mut(&id).unwrap()
}

breach_tests! {
    a_capture_without_a_payment_is_a_breach: |shop| {
        shop.entries.push(json!({"entry_id": "e9", "reference": "r-1", "kind": "capture", "amount": total(), "at": ago(1)}));
    } => "charge-has-order: capture e9 of r-1".to_owned();

    a_capture_whose_amount_differs_from_its_payment_is_a_breach: |shop| {
        // Order 5 is still in progress, so the invariants for confirmed and cancelled orders do not check the amount of its
        // capture.
        let entry = shop.entries.iter_mut().find(|e| e["reference"] == payment(5).to_string()).unwrap();
        entry["amount"]["amount"] = json!(1);
        entry["entry_id"] = json!("e5");
    } => format!("charge-has-order: capture e5 of {}", payment(5));

    a_payment_without_an_order_is_a_breach: |shop| {
        shop.orders.remove(&order(5));
    } => format!("charge-has-order: payment {}", payment(5));

    a_payment_whose_amount_differs_from_the_orders_total_is_a_breach: |shop| {
        record(&mut shop.orders, order(5))["total"]["amount"] = json!(1);
    } => format!("charge-has-order: payment {}", payment(5));

    an_order_that_is_charged_twice_is_a_breach: |shop| {
        shop.book(5, "capture");
    } => format!("charged-once: order {}", order(5));

    an_order_with_more_refunds_than_captures_is_a_breach: |shop| {
        shop.book(5, "refund");
        shop.book(5, "refund");
    } => format!("charged-once: order {}", order(5));

    a_confirmed_order_whose_payment_is_pending_is_a_breach: |shop| {
        record(&mut shop.payments, payment(1))["status"] = json!("pending");
    } => format!("confirmed-is-paid: order {}", order(1));

    a_confirmed_order_that_the_processor_never_charged_is_a_breach: |shop| {
        shop.entries.retain(|entry| entry["reference"] != payment(1).to_string());
    } => format!("confirmed-is-paid: order {}", order(1));

    a_confirmed_order_that_was_refunded_is_a_breach: |shop| {
        shop.book(1, "refund");
    } => format!("confirmed-is-paid: order {}", order(1));

    a_cancelled_order_that_was_not_refunded_is_a_breach: |shop| {
        shop.entries.retain(|entry| entry["kind"] != "refund");
    } => format!("cancelled-costs-nothing: order {}", order(3));

    a_cancelled_order_that_was_refunded_in_part_is_a_breach: |shop| {
        let refund = shop.entries.iter_mut().find(|entry| entry["kind"] == "refund").unwrap();
        refund["amount"]["amount"] = json!(1);
    } => format!("cancelled-costs-nothing: order {}", order(3));

    a_cancelled_order_whose_payment_is_pending_is_a_breach: |shop| {
        record(&mut shop.payments, payment(4))["status"] = json!("pending");
    } => format!("cancelled-costs-nothing: order {}", order(4));

    stock_that_was_sold_without_an_order_is_a_breach: |shop| {
        shop.commit(7);
    } => format!("reservation-has-order: reservation {}", order(7));

    a_confirmed_order_whose_stock_is_only_held_is_a_breach: |shop| {
        record(&mut shop.reservations, order(1))["status"] = json!("held");
        shop.move_stock(UNITS_PER_ORDER, UNITS_PER_ORDER);
        add(&mut shop.ledger, "sold", -UNITS_PER_ORDER);
    } => format!("confirmed-is-committed: order {}", order(1));

    a_confirmed_order_whose_reservation_has_different_items_is_a_breach: |shop| {
        record(&mut shop.orders, order(1))["items"][0]["quantity"] = json!(UNITS_PER_ORDER + 1);
    } => format!("confirmed-is-committed: order {}", order(1));

    a_confirmed_order_without_a_reservation_is_a_breach: |shop| {
        shop.reservations.remove(&order(1));
        shop.move_stock(UNITS_PER_ORDER, 0);
        add(&mut shop.ledger, "sold", -UNITS_PER_ORDER);
    } => format!("confirmed-is-committed: order {}", order(1));

    a_cancelled_order_that_still_holds_stock_is_a_breach: |shop| {
        record(&mut shop.reservations, order(4))["status"] = json!("held");
        shop.move_stock(0, UNITS_PER_ORDER);
    } => format!("cancelled-holds-nothing: order {}", order(4));

    a_cancelled_order_whose_stock_was_not_returned_is_a_breach: |shop| {
        record(&mut shop.reservations, order(3))["status"] = json!("committed");
        shop.move_stock(-UNITS_PER_ORDER, 0);
        add(&mut shop.ledger, "returned", -UNITS_PER_ORDER);
    } => format!("cancelled-holds-nothing: order {}", order(3));

    a_hold_that_does_not_expire_is_a_breach: |shop| {
        record(&mut shop.reservations, order(5))["expires_at"] = json!(ago(120));
    } => format!("hold-expires: reservation {}", order(5));

    more_reserved_than_on_hand_is_a_breach: |shop| {
        // The stock falls below the reserved units. The reservations and the stock ledger agree with the changed stock, so no other
        // invariant is breached.
        let supplied = shop.item["on_hand"].as_i64().unwrap() - 1;
        shop.move_stock(-supplied, 0);
        add(&mut shop.ledger, "supplied", -supplied);
    } => "stock-in-range: SKU COF-001".to_owned();

    a_wrong_available_quantity_is_a_breach: |shop| {
        add(&mut shop.item, "available", 1);
    } => "stock-in-range: SKU COF-001".to_owned();

    a_unit_on_hand_that_was_not_supplied_is_a_breach: |shop| {
        shop.move_stock(1, 0);
    } => "stock-adds-up: SKU COF-001".to_owned();

    a_reserved_unit_without_a_reservation_is_a_breach: |shop| {
        shop.move_stock(0, 1);
    } => "reserved-is-held: SKU COF-001".to_owned();

    a_sold_unit_without_a_reservation_is_a_breach: |shop| {
        shop.move_stock(-1, 0);
        add(&mut shop.ledger, "sold", 1);
    } => "sold-is-committed: SKU COF-001".to_owned();

    a_returned_unit_without_a_returned_reservation_is_a_breach: |shop| {
        shop.move_stock(1, 0);
        add(&mut shop.ledger, "returned", 1);
    } => "sold-is-committed: SKU COF-001".to_owned();

    a_shipment_without_an_order_is_a_breach: |shop| {
        shop.ship(9);
    } => format!("parcel-has-order: shipment {}", shipment(9));

    a_parcel_without_a_shipment_is_a_breach: |shop| {
        let parcel = json!({"tracking_number": "PX9", "reference": "r-9", "status": "created"});
        shop.parcels.insert(shipment(9), parcel);
    } => "parcel-has-order: parcel PX9 of r-9".to_owned();

    a_confirmed_order_that_is_not_shipped_is_a_breach: |shop| {
        shop.shipments.remove(&shipment(1));
        shop.parcels.remove(&shipment(1));
    } => format!("confirmed-is-shipped: order {}", order(1));

    a_confirmed_order_that_is_shipped_twice_is_a_breach: |shop| {
        shop.ship(9);
        record(&mut shop.shipments, shipment(9))["order_id"] = json!(order(1));
    } => format!("confirmed-is-shipped: order {}", order(1));

    a_confirmed_order_whose_parcel_the_carrier_cancelled_is_a_breach: |shop| {
        record(&mut shop.parcels, shipment(1))["status"] = json!("cancelled");
    } => format!("confirmed-is-shipped: order {}", order(1));

    a_confirmed_order_with_a_different_tracking_number_is_a_breach: |shop| {
        record(&mut shop.parcels, shipment(1))["tracking_number"] = json!("PX77");
    } => format!("confirmed-is-shipped: order {}", order(1));

    a_cancelled_order_whose_shipment_is_in_transit_is_a_breach: |shop| {
        record(&mut shop.shipments, shipment(3))["status"] = json!("in_transit");
    } => format!("cancelled-ships-nothing: order {}", order(3));

    a_cancelled_order_whose_parcel_is_delivered_is_a_breach: |shop| {
        record(&mut shop.parcels, shipment(3))["status"] = json!("delivered");
    } => format!("cancelled-ships-nothing: order {}", order(3));

    a_confirmed_order_whose_parcel_was_returned_is_a_breach: |shop| {
        record(&mut shop.shipments, shipment(1))["status"] = json!("returned");
        record(&mut shop.parcels, shipment(1))["status"] = json!("returned");
    } => format!("returned-is-refunded: order {}", order(1));

    a_cancelled_order_whose_parcel_stays_open_at_the_carrier_is_a_breach: |shop| {
        record(&mut shop.parcels, shipment(3))["status"] = json!("created");
        let timeline = record(&mut shop.orders, order(3))["timeline"].as_array_mut().unwrap();
        timeline.last_mut().unwrap()["at"] = json!(ago(1600));
    } => format!("cancelled-ships-nothing: order {}", order(3));

    an_order_that_is_pending_for_too_long_is_a_breach: |shop| {
        record(&mut shop.orders, order(5))["created_at"] = json!(ago(1000));
    } => format!("order-ends: order {}", order(5));

    an_event_that_stays_in_its_outbox_is_a_breach: |shop| {
        let stuck = json!({"waiting": 3, "oldest": ago(1600)});
        shop.queues.insert("/internal/shipments/outbox", stuck);
    } => "event-arrives: shipping's outbox".to_owned();

    a_message_that_is_not_delivered_for_too_long_is_a_breach: |shop| {
        let stuck = json!({"waiting": 1, "oldest": ago(1600), "failed": 0});
        shop.queues.insert("/internal/notifications/deliveries", stuck);
    } => "event-arrives: notification's deliveries".to_owned();
}

#[test]
fn every_invariant_is_broken_by_some_shop() {
    for invariant in INVARIANTS {
        let broken = BROKEN
            .iter()
            .any(|expected| expected().starts_with(&format!("{}: ", invariant.name)));
        assert!(broken, "{}", invariant.name);
    }
}

#[tokio::test]
async fn several_breaches_are_all_named() {
    let found = breaches_after(|shop| {
        shop.book(1, "capture");
        shop.move_stock(1, 1);
    });
    let expected = [
        format!("charged-once: order {}", order(1)),
        format!("confirmed-is-paid: order {}", order(1)),
        "stock-adds-up: SKU COF-001".to_owned(),
        "reserved-is-held: SKU COF-001".to_owned(),
    ];
    assert_eq!(found.await, expected);
}
