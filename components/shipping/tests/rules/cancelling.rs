//! Cancellations, before and after the carrier has confirmed a parcel.

use http::Method;
use partners::testing::Fate;
use serde_json::json;
use shipping::domain::status::Status;
use uuid::Uuid;

use crate::shop::Shop;

#[test]
fn calls_a_parcel_off_until_it_is_picked_up() {
    let shop = Shop::new();
    let (early, number) = shop.shipped();
    for _ in 0..2 {
        let (status, body) = shop.cancel(early.shipment_id).unwrap();
        assert_eq!((status, body["status"].as_str()), (200, Some("cancelled")));
    }
    assert_eq!(shop.parcel(early.shipment_id).unwrap().1, "cancelled");
    assert_eq!(
        shop.get(&format!("/shipping/{number}")).1["status"],
        "cancelled"
    );

    let (late, number) = shop.shipped();
    shop.advance(&number, "picked_up");
    let (status, problem) = shop.cancel(late.shipment_id).unwrap();
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("handed_over"))
    );
    assert_eq!(shop.stored(late.order_id).status, Status::PickedUp);
}

#[test]
fn without_a_label_a_shipment_is_cancelled_at_once_and_the_carrier_hears_of_it_when_it_is_back() {
    // With and without a parcel at the carrier for the lost request.
    for (lost, parcel) in [
        (Fate::LostAfter, Some("created".to_owned())),
        (Fate::LostBefore, None),
    ] {
        let (shop, order) = (Shop::new(), Uuid::now_v7());
        let parcel_of =
            |shipment| -> Option<String> { shop.parcel(shipment).map(|(_, status)| status) };
        shop.fates([lost]);
        assert_eq!(shop.ship(order, "k", "AT").unwrap().0, 503);
        let shipment = shop.stored(order).shipment_id;
        let down = json!({"mode": "error", "status": 503});
        shop.stage.ask(Method::PUT, "/script/carrier", &down);
        for _ in 0..2 {
            let (status, body) = shop.cancel(shipment).unwrap();
            assert_eq!((status, body["status"].as_str()), (200, Some("cancelled")));
        }
        shop.time_passes();
        assert_eq!(shop.flush().0, 200);
        let (status, problem) = shop.ship(order, "k2", "AT").unwrap();
        assert_eq!(
            (status, problem["code"].as_str()),
            (409, Some("shipment_cancelled"))
        );
        assert_eq!(shop.untold(), 1);
        let up = json!({"mode": "ok"});
        shop.stage.ask(Method::PUT, "/script/carrier", &up);
        assert_eq!(parcel_of(shipment), parcel);
        shop.time_passes();
        assert_eq!(shop.flush().0, 200);
        assert_eq!(parcel_of(shipment).as_deref(), Some("cancelled"));
        assert_eq!(shop.untold(), 0);
        assert_eq!(shop.stored(order).status, Status::Cancelled);
    }
}

#[test]
fn with_a_label_only_the_carrier_can_say_whether_it_is_too_late() {
    let shop = Shop::new();
    let (shipment, number) = shop.shipped();
    shop.fates([Fate::NotSent]);
    assert_eq!(shop.cancel(shipment.shipment_id).unwrap().0, 503);
    assert_eq!(shop.stored(shipment.order_id).status, Status::Created);
    shop.advance(&number, "picked_up");
    assert_eq!(shop.cancel(shipment.shipment_id).unwrap().0, 409);
    assert_eq!(shop.untold(), 0);
}

#[test]
fn the_carrier_knows_of_a_pick_up_before_its_report_is_here() {
    let shop = Shop::new();
    let (shipment, number) = shop.shipped();
    // The carrier has moved the parcel, but this service has not received the report yet.
    let before = shop.stored(shipment.order_id);
    shop.advance(&number, "picked_up");
    shop.forget_reports(&before);
    let (status, problem) = shop.cancel(shipment.shipment_id).unwrap();
    assert_eq!(
        (status, problem["code"].as_str()),
        (409, Some("handed_over"))
    );
    assert_eq!(
        shop.ship(shipment.order_id, "another", "AT").unwrap().0,
        201
    );
}

#[test]
fn a_pass_stops_at_the_first_call_off_that_fails_and_the_next_pass_sends_all() {
    let shop = Shop::new();
    for n in 0..3 {
        let order = Uuid::now_v7();
        // The shipment request is lost, and so is the first attempt to cancel it, right after the cancellation.
        shop.fates([Fate::LostBefore, Fate::NotSent]);
        assert_eq!(shop.ship(order, &n.to_string(), "AT").unwrap().0, 503);
        assert_eq!(shop.cancel(shop.stored(order).shipment_id).unwrap().0, 200);
    }
    assert_eq!(shop.untold(), 3);
    shop.time_passes();
    shop.fates([Fate::NotSent, Fate::NotSent, Fate::NotSent]);
    assert_eq!(shop.flush().0, 200);
    assert_eq!(shop.fates([]), 2, "one call, then the pass ends");
    assert_eq!(shop.untold(), 3);
    shop.time_passes();
    assert_eq!(shop.flush().0, 200);
    assert_eq!(shop.untold(), 0);
}
