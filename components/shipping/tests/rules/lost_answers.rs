//! Whatever call or response is lost, a shipment ends as the carrier's records show.

use std::collections::BTreeSet;
use std::sync::Arc;

use partners::testing::{Fate, Gate};
use shipping::domain::status::Status;
use uuid::Uuid;

use crate::shop::{Outcome, Shop};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    /// The same request, with the same key.
    Ship,
    /// For the same order, with another key.
    ShipAnew,
    Cancel,
}
use Deed::{Cancel, Ship, ShipAnew};

const STORIES: [&[Deed]; 4] = [
    &[Ship, Ship, ShipAnew],
    &[Ship, Cancel, Cancel],
    &[Ship, Cancel, Ship],
    &[Ship, Cancel, ShipAnew],
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

    /// Runs the deed, and checks that responses and stored state claim nothing that the carrier did not do.
    fn does(&self, deed: Deed) -> Outcome {
        let outcome = match deed {
            Ship => self
                .shop
                .ship(self.order, &self.order.to_string(), self.country),
            ShipAnew => self
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
            // A shipment cancelled before it has a label is reported to the carrier later.
            (Status::Pending | Status::Cancelled, _) => {}
            // The carrier's response to the cancellation was lost.
            (Status::Created, Some("created" | "cancelled")) => {
                assert_eq!(stored.tracking_number, parcel.map(|(number, _)| number));
            }
            (Status::Refused, None) => assert_eq!(self.country, "XX"),
            other => panic!("{other:?}"),
        }
        match (&outcome, deed) {
            (Some((201, body)), Ship | ShipAnew) => {
                assert_eq!(
                    body["tracking_number"].as_str(),
                    stored.tracking_number.as_deref()
                );
            }
            (Some((422, body)), Ship | ShipAnew) => {
                assert_eq!(
                    (self.country, body["code"].as_str()),
                    ("XX", Some("address_refused"))
                );
            }
            (Some((409, body)), Ship | ShipAnew) => {
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
fn ends_as_the_carriers_books_say_whatever_is_lost() {
    let mut ends = BTreeSet::new();
    for country in ["AT", "XX"] {
        for story in STORIES {
            let shop = Shop::new();
            let tell = || {
                let case = Case {
                    shop: &shop,
                    order: Uuid::now_v7(),
                    country,
                };
                for deed in story {
                    case.does(*deed);
                }
                case
            };
            shop.stage.with_every_fate(tell, |case| {
                let cancel_asked = story.contains(&Cancel);
                let (status, _) = case.does(story[2]).expect("nothing dies here");
                let wanted = match (country, story[2], cancel_asked) {
                    (_, Cancel, _) => &[200][..],
                    ("AT", _, false) => &[201],
                    ("XX", _, false) => &[422],
                    // The first response to the key, or the rejection of a cancelled shipment.
                    ("AT", Ship, true) => &[201, 409],
                    (_, Ship, true) => &[422, 409],
                    (_, _, true) => &[409],
                    other => panic!("{other:?}"),
                };
                assert!(wanted.contains(&status), "{story:?}: {status}");
                shop.time_passes();
                shop.flush();
                assert_eq!(shop.untold(), 0);
                let stored = shop.stored(case.order);
                let parcel = shop.parcel(stored.shipment_id).map(|(_, status)| status);
                if cancel_asked && story[2] != Ship {
                    assert_eq!(stored.status, Status::Cancelled);
                }
                if stored.status == Status::Cancelled {
                    let at_the_carrier = (country == "AT").then_some("cancelled");
                    assert_eq!(parcel.as_deref(), at_the_carrier, "{story:?}");
                }
                ends.insert((<&str>::from(stored.status), parcel));
            });
        }
    }
    for end in [
        ("created", Some("created".to_owned())),
        ("refused", None),
        ("cancelled", Some("cancelled".to_owned())),
        ("cancelled", None),
    ] {
        assert!(ends.contains(&end), "{end:?} was never reached: {ends:?}");
    }
}

/// Holds the first call of a shipment at a gate, runs `meanwhile`, then releases the call.
fn beside(
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
fn a_parcel_that_is_ordered_after_it_was_called_off_is_not_made() {
    for hold in [Fate::HeldBefore, Fate::HeldAfter] {
        let shop = Shop::new();
        let (order, late) = beside(&shop, hold, |case| {
            assert_eq!(case.does(Cancel).unwrap().0, 200);
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
fn a_request_that_was_given_up_for_dead_and_lives_makes_no_second_parcel() {
    for hold in [Fate::HeldBefore, Fate::HeldAfter] {
        let shop = Shop::new();
        let mut second = None;
        let (_, first) = beside(&shop, hold, |case| second = case.does(Ship));
        assert_eq!(first.as_ref().unwrap().0, 201);
        assert_eq!(first, second);
    }
}

#[test]
fn twenty_requests_at_once_for_one_order_make_one_parcel() {
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
