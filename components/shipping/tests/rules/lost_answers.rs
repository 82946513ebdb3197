//! Tests in which calls or responses are lost. Every shipment must end in the state that the carrier's records show.

use std::collections::BTreeSet;
use std::sync::Arc;

use partners::testing::{Fate, Gate};
use shipping::domain::status::Status;
use uuid::Uuid;

use crate::shop::{Outcome, Shop};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Action {
    /// Repeats the request to ship with the same idempotency key.
    Ship,
    /// Sends a request to ship the same order with a new idempotency key.
    ShipWithNewKey,
    Cancel,
}
use Action::{Cancel, Ship, ShipWithNewKey};

const ACTION_SEQUENCES: [&[Action]; 4] = [
    &[Ship, Ship, ShipWithNewKey],
    &[Ship, Cancel, Cancel],
    &[Ship, Cancel, Ship],
    &[Ship, Cancel, ShipWithNewKey],
];

struct Case<'a> {
    shop: &'a Shop,
    order: Uuid,
    country: &'a str,
}

impl Case<'_> {
    fn shipment(&self) -> Uuid {
        self.shop.stored(self.order).shipment_id
    }

    /// Performs the action, and checks that the response and the stored status match the carrier's records.
    fn perform(&self, action: Action) -> Outcome {
        let outcome = match action {
            Ship => self
                .shop
                .ship(self.order, &self.order.to_string(), self.country),
            ShipWithNewKey => self
                .shop
                .ship(self.order, &Uuid::now_v7().to_string(), self.country),
            Cancel => self.shop.cancel(self.shipment()),
        };
        if outcome.is_none() {
            self.shop.expire_claims();
        }
        let stored = self.shop.stored(self.order);
        let parcel = self.shop.parcel(stored.shipment_id);
        let carrier = parcel.as_ref().map(|(_, status)| status.as_str());
        match (stored.status, carrier) {
            // For these two statuses, every state of the parcel is valid. The carrier may already have made the parcel of a pending
            // shipment, and may not have the call-off of a cancelled shipment yet.
            (Status::Pending | Status::Cancelled, _) => {}
            // The parcel is `cancelled` if the carrier's response to the cancellation was lost.
            (Status::Created, Some("created" | "cancelled")) => {
                assert_eq!(stored.tracking_number, parcel.map(|(number, _)| number));
            }
            (Status::Refused, None) => assert_eq!(self.country, "XX"),
            other => panic!("{other:?}"),
        }
        match (&outcome, action) {
            (Some((201, body)), Ship | ShipWithNewKey) => {
                assert_eq!(
                    body["tracking_number"].as_str(),
                    stored.tracking_number.as_deref()
                );
            }
            (Some((422, body)), Ship | ShipWithNewKey) => {
                assert_eq!(
                    (self.country, body["code"].as_str()),
                    ("XX", Some("address_refused"))
                );
            }
            (Some((409, body)), Ship | ShipWithNewKey) => {
                assert_eq!(body["code"], "shipment_cancelled");
                assert_eq!(stored.status, Status::Cancelled);
            }
            (Some((200, body)), Cancel) => assert_eq!(body["status"], "cancelled"),
            (Some((503, _)) | None, _) => {}
            (other, _) => panic!("{other:?}"),
        }
        outcome
    }
}

#[test]
fn a_shipment_ends_as_the_carriers_records_show_whichever_calls_are_lost() {
    let mut final_states = BTreeSet::new();
    for country in ["AT", "XX"] {
        for sequence in ACTION_SEQUENCES {
            let shop = Shop::new();
            let run = || {
                let case = Case {
                    shop: &shop,
                    order: Uuid::now_v7(),
                    country,
                };
                for action in sequence {
                    case.perform(*action);
                }
                case
            };
            shop.partners.with_every_fate(run, |case| {
                let cancel_requested = sequence.contains(&Cancel);
                let (status, _) = case
                    .perform(sequence[2])
                    .expect("the service must respond when no call is lost");
                let wanted = match (country, sequence[2], cancel_requested) {
                    (_, Cancel, _) => &[200][..],
                    ("AT", _, false) => &[201],
                    ("XX", _, false) => &[422],
                    // A repeat gets the response that was stored for its idempotency key. If no response was stored, it gets the
                    // rejection of a cancelled shipment.
                    ("AT", Ship, true) => &[201, 409],
                    (_, Ship, true) => &[422, 409],
                    (_, _, true) => &[409],
                    other => panic!("{other:?}"),
                };
                assert!(wanted.contains(&status), "{sequence:?}: {status}");
                shop.make_everything_due();
                shop.flush();
                assert_eq!(shop.waiting_call_offs(), 0);
                let stored = shop.stored(case.order);
                let parcel = shop.parcel(stored.shipment_id).map(|(_, status)| status);
                if cancel_requested && sequence[2] != Ship {
                    assert_eq!(stored.status, Status::Cancelled);
                }
                if stored.status == Status::Cancelled {
                    let at_the_carrier = (country == "AT").then_some("cancelled");
                    assert_eq!(parcel.as_deref(), at_the_carrier, "{sequence:?}");
                }
                final_states.insert((<&str>::from(stored.status), parcel));
            });
        }
    }
    for state in [
        ("created", Some("created".to_owned())),
        ("refused", None),
        ("cancelled", Some("cancelled".to_owned())),
        ("cancelled", None),
    ] {
        assert!(
            final_states.contains(&state),
            "no test case ended in the state {state:?}, only in {final_states:?}"
        );
    }
}

/// Requests to ship a new order, and holds the first call to the carrier at a gate. Runs `meanwhile`, and then releases the call.
/// Returns the order and the outcome of the held request.
fn while_first_call_is_held(
    shop: &Shop,
    held: impl FnOnce(Arc<Gate>) -> Fate,
    meanwhile: impl FnOnce(&Case<'_>),
) -> (Uuid, Outcome) {
    let gate = Arc::new(Gate::default());
    shop.fates([held(gate.clone())]);
    let case = Case {
        shop,
        order: Uuid::now_v7(),
        country: "AT",
    };
    let outcome = std::thread::scope(|scope| {
        let held = scope.spawn(|| shop.ship(case.order, &case.order.to_string(), "AT"));
        let opening = gate.wait_for_a_call();
        shop.expire_claims();
        meanwhile(&case);
        drop(opening);
        held.join().unwrap()
    });
    (case.order, outcome)
}

#[test]
fn a_slow_request_to_ship_does_not_make_a_parcel_after_the_cancellation() {
    for hold in [Fate::HeldBefore, Fate::HeldAfter] {
        let shop = Shop::new();
        let (order, late) = while_first_call_is_held(&shop, hold, |case| {
            assert_eq!(case.perform(Cancel).unwrap().0, 200);
        });
        let (status, body) = late.unwrap();
        assert_eq!(
            (status, body["code"].as_str()),
            (409, Some("shipment_cancelled"))
        );
        let (_, parcel) = shop.parcel(shop.stored(order).shipment_id).unwrap();
        assert_eq!(parcel, "cancelled");
    }
}

#[test]
fn a_slow_request_whose_claim_has_expired_does_not_make_a_second_parcel() {
    for hold in [Fate::HeldBefore, Fate::HeldAfter] {
        let shop = Shop::new();
        let mut second = None;
        let (_, first) = while_first_call_is_held(&shop, hold, |case| second = case.perform(Ship));
        assert_eq!(first.as_ref().unwrap().0, 201);
        assert_eq!(first, second);
    }
}

#[test]
fn twenty_concurrent_requests_for_one_order_make_one_parcel() {
    let (shop, order) = (Shop::new(), Uuid::now_v7());
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20)
            .map(|n| {
                let (shop, key) = (&shop, format!("key-{}", n % 10));
                scope.spawn(move || shop.ship(order, &key, "AT").unwrap())
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(
        answers.iter().all(|a| *a == answers[0] && a.0 == 201),
        "{answers:?}"
    );
}
