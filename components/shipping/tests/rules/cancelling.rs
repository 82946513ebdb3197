//! Tests of cancellations, before and after the carrier has confirmed a parcel.

use http::Method;
use partners::testing::Fate;
use serde_json::json;
use shipping::domain::status::Status;
use uuid::Uuid;

use crate::shop::Shop;

#[test]
fn a_shipment_can_be_cancelled_until_its_parcel_is_picked_up() {
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
fn a_shipment_without_a_label_is_cancelled_at_once_and_called_off_when_the_carrier_is_up_again() {
    // The carrier has made a parcel if its response was lost, and has no parcel if the request was lost.
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
        shop.partners
            .call_without_fate(Method::PUT, "/script/carrier", &down);
        for _ in 0..2 {
            let (status, body) = shop.cancel(shipment).unwrap();
            assert_eq!((status, body["status"].as_str()), (200, Some("cancelled")));
        }
        shop.make_everything_due();
        assert_eq!(shop.flush().0, 200);
        let (status, problem) = shop.ship(order, "k2", "AT").unwrap();
        assert_eq!(
            (status, problem["code"].as_str()),
            (409, Some("shipment_cancelled"))
        );
        assert_eq!(shop.waiting_call_offs(), 1);
        let up = json!({"mode": "ok"});
        shop.partners
            .call_without_fate(Method::PUT, "/script/carrier", &up);
        assert_eq!(parcel_of(shipment), parcel);
        shop.make_everything_due();
        assert_eq!(shop.flush().0, 200);
        assert_eq!(parcel_of(shipment).as_deref(), Some("cancelled"));
        assert_eq!(shop.waiting_call_offs(), 0);
        assert_eq!(shop.stored(order).status, Status::Cancelled);
    }
}

#[test]
fn with_a_label_only_the_carrier_decides_about_the_cancellation() {
    let shop = Shop::new();
    let (shipment, number) = shop.shipped();
    shop.fates([Fate::NotSent]);
    assert_eq!(shop.cancel(shipment.shipment_id).unwrap().0, 503);
    assert_eq!(shop.stored(shipment.order_id).status, Status::Created);
    shop.advance(&number, "picked_up");
    assert_eq!(shop.cancel(shipment.shipment_id).unwrap().0, 409);
    assert_eq!(shop.waiting_call_offs(), 0);
}

#[test]
fn a_cancellation_is_rejected_if_the_report_of_the_pick_up_has_not_arrived_yet() {
    let shop = Shop::new();
    let (shipment, number) = shop.shipped();
    // The carrier has picked up the parcel, but this service has not received the report yet.
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
fn sending_stops_at_the_first_call_off_that_fails_and_later_sends_all() {
    let shop = Shop::new();
    for n in 0..3 {
        let order = Uuid::now_v7();
        // The request to create the parcel is lost, so the shipment has no label. The service sends the first call-off right after
        // the cancellation, and this attempt fails.
        shop.fates([Fate::LostBefore, Fate::NotSent]);
        assert_eq!(shop.ship(order, &n.to_string(), "AT").unwrap().0, 503);
        assert_eq!(shop.cancel(shop.stored(order).shipment_id).unwrap().0, 200);
    }
    assert_eq!(shop.waiting_call_offs(), 3);
    shop.make_everything_due();
    shop.fates([Fate::NotSent, Fate::NotSent, Fate::NotSent]);
    assert_eq!(shop.flush().0, 200);
    assert_eq!(
        shop.fates([]),
        2,
        "the service must stop at the first call-off that fails"
    );
    assert_eq!(shop.waiting_call_offs(), 3);
    shop.make_everything_due();
    assert_eq!(shop.flush().0, 200);
    assert_eq!(shop.waiting_call_offs(), 0);
}
