//! A sound shop, and shops that are wrong in exactly one point, which the audit names.
//!
//! Longer than other files: one table with a shop for each of the 38 breaches.

use serde_json::{Value, json};
use shop_audit::{INVARIANTS, report};

use crate::served::Served;
use crate::shop::{EACH, Shop, add, ago, order, payment, shipment, total};

#[tokio::test]
async fn a_sound_shop_is_sound_at_the_first_snapshot_with_every_record_checked() {
    let verdict = Served::new(Shop::sound()).await.audit().await;
    assert!(verdict.sound, "{}", report(&verdict));
    assert_eq!((verdict.looks, verdict.books.len()), (1, 2));
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

/// The breaches of a sound shop after `spoil`: `invariant: subject`.
pub(crate) async fn found(spoil: impl FnOnce(&mut Shop)) -> Vec<String> {
    let mut shop = Shop::sound();
    spoil(&mut shop);
    let verdict = Served::new(shop).await.audit().await;
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
        assert_eq!(verdict.looks, 2, "a second snapshot confirms it");
    }
    lines
}

macro_rules! wrong_in {
    ($($name:ident: |$shop:ident| $spoil:block => $expected:expr;)*) => {
        /// The breach of each shop below.
        const BROKEN: &[fn() -> String] = &[$(|| $expected),*];

        $(
            #[tokio::test]
            async fn $name() {
                let found = found(|$shop: &mut Shop| $spoil).await;
                assert_eq!(found, [$expected]);
            }
        )*
    };
}

/// The record of that id.
pub(crate) fn record(
    records: &mut std::collections::BTreeMap<uuid::Uuid, Value>,
    id: uuid::Uuid,
) -> &mut Value {
    records.get_mut(&id).unwrap()
}

wrong_in! {
    a_capture_without_a_payment: |shop| {
        shop.entries.push(json!({"entry_id": "e9", "reference": "r-1", "kind": "capture", "amount": total(), "at": ago(1)}));
    } => "charge-has-order: capture e9 of r-1".to_owned();

    a_capture_over_another_amount: |shop| {
        // Of an order in progress, so that no other invariant applies.
        let entry = shop.entries.iter_mut().find(|e| e["reference"] == payment(5).to_string()).unwrap();
        entry["amount"]["amount"] = json!(1);
        entry["entry_id"] = json!("e5");
    } => format!("charge-has-order: capture e5 of {}", payment(5));

    a_payment_of_no_order: |shop| {
        shop.orders.remove(&order(5));
    } => format!("charge-has-order: payment {}", payment(5));

    a_payment_over_another_total: |shop| {
        record(&mut shop.orders, order(5))["total"]["amount"] = json!(1);
    } => format!("charge-has-order: payment {}", payment(5));

    an_order_that_is_charged_twice: |shop| {
        shop.book(5, "capture");
    } => format!("charged-once: order {}", order(5));

    an_order_that_got_more_back_than_it_paid: |shop| {
        shop.book(5, "refund");
        shop.book(5, "refund");
    } => format!("charged-once: order {}", order(5));

    a_confirmed_order_whose_payment_is_open: |shop| {
        record(&mut shop.payments, payment(1))["status"] = json!("pending");
    } => format!("confirmed-is-paid: order {}", order(1));

    a_confirmed_order_that_the_processor_never_charged: |shop| {
        shop.entries.retain(|entry| entry["reference"] != payment(1).to_string());
    } => format!("confirmed-is-paid: order {}", order(1));

    a_confirmed_order_that_was_refunded: |shop| {
        shop.book(1, "refund");
    } => format!("confirmed-is-paid: order {}", order(1));

    a_cancelled_order_that_was_not_refunded: |shop| {
        shop.entries.retain(|entry| entry["kind"] != "refund");
    } => format!("cancelled-costs-nothing: order {}", order(3));

    a_cancelled_order_that_got_less_back: |shop| {
        let refund = shop.entries.iter_mut().find(|entry| entry["kind"] == "refund").unwrap();
        refund["amount"]["amount"] = json!(1);
    } => format!("cancelled-costs-nothing: order {}", order(3));

    a_cancelled_order_whose_payment_may_still_come: |shop| {
        record(&mut shop.payments, payment(4))["status"] = json!("pending");
    } => format!("cancelled-costs-nothing: order {}", order(4));

    stock_that_left_without_an_order: |shop| {
        shop.commit(7);
    } => format!("reservation-has-order: reservation {}", order(7));

    a_confirmed_order_whose_stock_is_only_held: |shop| {
        record(&mut shop.reservations, order(1))["status"] = json!("held");
        shop.stock(EACH, EACH);
        add(&mut shop.ledger, "sold", -EACH);
    } => format!("confirmed-is-committed: order {}", order(1));

    a_confirmed_order_that_took_something_else: |shop| {
        record(&mut shop.orders, order(1))["items"][0]["quantity"] = json!(EACH + 1);
    } => format!("confirmed-is-committed: order {}", order(1));

    a_confirmed_order_that_never_reserved: |shop| {
        shop.reservations.remove(&order(1));
        shop.stock(EACH, 0);
        add(&mut shop.ledger, "sold", -EACH);
    } => format!("confirmed-is-committed: order {}", order(1));

    a_cancelled_order_that_still_holds_stock: |shop| {
        record(&mut shop.reservations, order(4))["status"] = json!("held");
        shop.stock(0, EACH);
    } => format!("cancelled-holds-nothing: order {}", order(4));

    a_cancelled_order_that_kept_the_stock: |shop| {
        record(&mut shop.reservations, order(3))["status"] = json!("committed");
        shop.stock(-EACH, 0);
        add(&mut shop.ledger, "returned", -EACH);
    } => format!("cancelled-holds-nothing: order {}", order(3));

    a_hold_that_does_not_expire: |shop| {
        record(&mut shop.reservations, order(5))["expires_at"] = json!(ago(120));
    } => format!("hold-expires: reservation {}", order(5));

    more_reserved_than_there_is: |shop| {
        // The reservations and the ledger agree with it.
        let supplied = shop.item["on_hand"].as_i64().unwrap() - 1;
        shop.stock(-supplied, 0);
        add(&mut shop.ledger, "supplied", -supplied);
    } => "stock-in-range: SKU COF-001".to_owned();

    available_is_not_the_rest: |shop| {
        add(&mut shop.item, "available", 1);
    } => "stock-in-range: SKU COF-001".to_owned();

    a_unit_that_came_from_nowhere: |shop| {
        shop.stock(1, 0);
    } => "stock-adds-up: SKU COF-001".to_owned();

    a_unit_that_is_reserved_for_nobody: |shop| {
        shop.stock(0, 1);
    } => "reserved-is-held: SKU COF-001".to_owned();

    a_unit_that_was_sold_to_nobody: |shop| {
        shop.stock(-1, 0);
        add(&mut shop.ledger, "sold", 1);
    } => "sold-is-committed: SKU COF-001".to_owned();

    a_unit_that_nobody_gave_back: |shop| {
        shop.stock(1, 0);
        add(&mut shop.ledger, "returned", 1);
    } => "sold-is-committed: SKU COF-001".to_owned();

    a_shipment_of_no_order: |shop| {
        shop.ship(9);
    } => format!("parcel-has-order: shipment {}", shipment(9));

    a_parcel_of_no_shipment: |shop| {
        let parcel = json!({"tracking_number": "PX9", "reference": "r-9", "status": "created"});
        shop.parcels.insert(shipment(9), parcel);
    } => "parcel-has-order: parcel PX9 of r-9".to_owned();

    a_confirmed_order_that_is_not_shipped: |shop| {
        shop.shipments.remove(&shipment(1));
        shop.parcels.remove(&shipment(1));
    } => format!("confirmed-is-shipped: order {}", order(1));

    a_confirmed_order_that_is_shipped_twice: |shop| {
        shop.ship(9);
        record(&mut shop.shipments, shipment(9))["order_id"] = json!(order(1));
    } => format!("confirmed-is-shipped: order {}", order(1));

    a_confirmed_order_whose_parcel_the_carrier_called_off: |shop| {
        record(&mut shop.parcels, shipment(1))["status"] = json!("cancelled");
    } => format!("confirmed-is-shipped: order {}", order(1));

    a_confirmed_order_with_another_parcel_than_it_says: |shop| {
        record(&mut shop.parcels, shipment(1))["tracking_number"] = json!("PX77");
    } => format!("confirmed-is-shipped: order {}", order(1));

    a_cancelled_order_that_is_on_its_way: |shop| {
        record(&mut shop.shipments, shipment(3))["status"] = json!("in_transit");
    } => format!("cancelled-ships-nothing: order {}", order(3));

    a_cancelled_order_whose_parcel_is_delivered: |shop| {
        record(&mut shop.parcels, shipment(3))["status"] = json!("delivered");
    } => format!("cancelled-ships-nothing: order {}", order(3));

    a_confirmed_order_whose_parcel_came_back: |shop| {
        record(&mut shop.shipments, shipment(1))["status"] = json!("returned");
        record(&mut shop.parcels, shipment(1))["status"] = json!("returned");
    } => format!("returned-is-refunded: order {}", order(1));

    a_cancelled_order_that_the_carrier_never_learns_of: |shop| {
        record(&mut shop.parcels, shipment(3))["status"] = json!("created");
        let timeline = record(&mut shop.orders, order(3))["timeline"].as_array_mut().unwrap();
        timeline.last_mut().unwrap()["at"] = json!(ago(1600));
    } => format!("cancelled-ships-nothing: order {}", order(3));

    an_order_that_does_not_end: |shop| {
        record(&mut shop.orders, order(5))["created_at"] = json!(ago(1000));
    } => format!("order-ends: order {}", order(5));

    an_event_that_does_not_leave: |shop| {
        let stuck = json!({"waiting": 3, "oldest": ago(1600)});
        shop.queues.insert("/internal/shipments/outbox", stuck);
    } => "event-arrives: shipping's outbox".to_owned();

    a_message_that_does_not_leave: |shop| {
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
    let found = found(|shop| {
        shop.book(1, "capture");
        shop.stock(1, 1);
    });
    let expected = [
        format!("charged-once: order {}", order(1)),
        format!("confirmed-is-paid: order {}", order(1)),
        "stock-adds-up: SKU COF-001".to_owned(),
        "reserved-is-held: SKU COF-001".to_owned(),
    ];
    assert_eq!(found.await, expected);
}
