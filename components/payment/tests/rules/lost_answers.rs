//! Whatever call or response is lost, a payment ends as the processor's ledger records.

use std::collections::BTreeSet;
use std::sync::Arc;

use partners::testing::{Fate, Gate};
use payment::domain::Status;
use uuid::Uuid;

use crate::shop::{Outcome, Shop};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    /// The same request, with the same key.
    Pay,
    /// For the same order, with another key.
    PayAnew,
    Look,
    Refund,
}
use Deed::{Look, Pay, PayAnew, Refund};

const STORIES: [&[Deed]; 8] = [
    &[Pay, Pay, Pay],
    &[Pay, PayAnew, Pay],
    &[Pay, Look, Pay],
    &[Pay, Look, Refund],
    &[Pay, Refund, Refund],
    &[Pay, Refund, Pay],
    &[Pay, Refund, PayAnew],
    &[Pay, Refund, Look],
];

fn expected(ledger: &[String]) -> Status {
    let kinds: Vec<_> = ledger.iter().map(String::as_str).collect();
    match kinds[..] {
        [] => Status::Pending,
        ["capture"] => Status::Captured,
        ["decline"] => Status::Declined,
        ["capture", "refund"] => Status::Refunded,
        ["void"] => Status::Voided,
        _ => panic!("the ledger has {kinds:?}"),
    }
}

struct Case<'a> {
    shop: &'a Shop,
    order: Uuid,
    token: &'a str,
    refund_asked: bool,
}

impl Case<'_> {
    fn new<'a>(shop: &'a Shop, token: &'a str) -> Case<'a> {
        Case {
            shop,
            order: Uuid::now_v7(),
            token,
            refund_asked: false,
        }
    }

    fn payment(&self) -> Uuid {
        self.shop.stored(self.order).unwrap().payment_id
    }

    fn ledger(&self) -> Vec<String> {
        self.shop.ledger(self.payment())
    }

    /// Runs the deed, and checks that responses and stored state claim nothing that the processor did not do.
    fn does(&mut self, deed: Deed) -> Outcome {
        let untouched = self.refund_asked && self.ledger().is_empty();
        let outcome = match deed {
            Pay => self
                .shop
                .pay(self.order, &self.order.to_string(), self.token),
            PayAnew => self
                .shop
                .pay(self.order, &Uuid::now_v7().to_string(), self.token),
            Look => self.shop.look(self.payment()),
            Refund => {
                self.refund_asked = true;
                self.shop.refund(self.payment())
            }
        };
        if outcome.is_none() {
            self.shop.expire_claims();
        }
        let (ledger, stored) = (self.ledger(), self.shop.stored(self.order).unwrap().status);
        let truth = expected(&ledger);
        assert!(
            stored == truth
                || stored == Status::Pending
                || (stored, truth) == (Status::Captured, Status::Refunded),
            "stored {stored:?}, ledger {ledger:?}"
        );
        assert!(
            !untouched || truth != Status::Captured,
            "charged after a refund was requested"
        );
        let has = |kind: &str| ledger.iter().any(|k| k == kind);
        match (&outcome, deed) {
            (Some((201, _)), Pay | PayAnew) => assert!(has("capture")),
            (Some((402, body)), Pay | PayAnew) => {
                assert_eq!(body["code"], "payment_declined");
                assert!(has("decline"));
            }
            (Some((200, _)), Refund) => assert!(has("refund") || has("void")),
            (Some((200, body)), Look) => assert_eq!(body["status"], <&str>::from(stored)),
            (Some((409, body)), Refund) => {
                assert_eq!(body["code"], "payment_declined");
                assert!(has("decline"));
            }
            (Some((409, body)), _) => {
                assert_eq!(body["code"], "payment_closed");
                assert!(has("refund") || has("void"));
            }
            (Some((503, _)) | None, _) => {}
            (other, _) => panic!("{other:?}"),
        }
        outcome
    }
}

#[test]
fn ends_as_the_ledger_says_whatever_is_lost_of_a_payment() {
    let ends = tell_every_story("tok_visa");
    assert_eq!(ends, ["", "capture", "capture refund", "void"]);
}

#[test]
fn ends_as_the_ledger_says_whatever_is_lost_of_a_decline() {
    assert_eq!(tell_every_story("tok_declined"), ["", "decline", "void"]);
}

/// Runs every story with every fate of its first three calls. Returns the final ledgers.
fn tell_every_story(token: &str) -> Vec<String> {
    let mut ends = BTreeSet::new();
    for story in STORIES {
        let shop = Shop::new();
        let tell = || {
            let mut case = Case::new(&shop, token);
            for deed in story {
                case.does(*deed);
            }
            case
        };
        shop.stage.with_every_fate(tell, |mut case| {
            let (last, told) = (story[2], case.does(story[2]));
            let settled = case.ledger();
            if last != Look {
                assert!(!settled.is_empty(), "{story:?}: {told:?}");
            }
            let wanted = match (token, last, case.refund_asked) {
                ("tok_declined", Refund, _) => &[200, 409][..],
                ("tok_declined", Pay | PayAnew, true) => &[402, 409],
                ("tok_declined", Pay | PayAnew, false) => &[402],
                (_, Pay | PayAnew, false) => &[201],
                // The first response to the key, or the rejection of a cancelled payment.
                (_, Pay, true) => &[201, 409],
                (_, PayAnew, true) => &[409],
                (_, Look | Refund, _) => &[200],
            };
            let (status, _) = told.expect("nothing dies here");
            assert!(wanted.contains(&status), "{story:?}: {status}");
            // Once calls get through, the stored state matches what the processor did.
            case.does(Look);
            let stored = shop.stored(case.order).unwrap().status;
            assert_eq!(stored, expected(&settled), "{story:?}");
            ends.insert(settled.join(" "));
        });
    }
    ends.into_iter().collect()
}

#[test]
fn a_look_never_charges() {
    let shop = Shop::new();
    let mut case = Case::new(&shop, "tok_visa");
    shop.fates([Fate::LostBefore]);
    case.does(Pay);
    for _ in 0..3 {
        let (status, body) = case.does(Look).unwrap();
        assert_eq!((status, body["status"].as_str()), (200, Some("pending")));
    }
    assert!(case.ledger().is_empty());
    assert_eq!(case.does(Pay).unwrap().0, 201);
}

#[test]
fn a_look_finds_the_charge_whose_answer_was_lost() {
    let shop = Shop::new();
    let mut case = Case::new(&shop, "tok_visa");
    shop.fates([Fate::LostAfter]);
    assert_eq!(case.does(Pay).unwrap().0, 503);
    assert_eq!(case.does(Look).unwrap().1["status"], "captured");
}

/// Holds the first call of a payment at a gate, runs `meanwhile`, then releases the call.
fn beside<'a>(
    shop: &'a Shop,
    held: impl FnOnce(Arc<Gate>) -> Fate,
    meanwhile: impl FnOnce(&mut Case<'a>),
) -> (Case<'a>, Outcome) {
    let gate = Arc::new(Gate::default());
    shop.fates([held(gate.clone())]);
    let mut case = Case::new(shop, "tok_visa");
    let order = case.order;
    let outcome = std::thread::scope(|scope| {
        let held = scope.spawn(|| shop.pay(order, &order.to_string(), "tok_visa"));
        let opening = gate.wait_for_a_call();
        shop.expire_claims();
        meanwhile(&mut case);
        drop(opening);
        held.join().unwrap()
    });
    (case, outcome)
}

#[test]
fn a_request_that_was_given_up_for_dead_and_lives_charges_nothing_more() {
    for hold in [Fate::HeldBefore, Fate::HeldAfter] {
        let shop = Shop::new();
        let mut second = None;
        let (case, first) = beside(&shop, hold, |case| second = case.does(Pay));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!((first.0, second.0), (201, 201));
        assert_eq!(first.1, second.1);
        assert_eq!(case.ledger(), ["capture"]);
    }
}

#[test]
fn a_charge_that_comes_after_the_refund_captures_nothing() {
    let shop = Shop::new();
    let (case, late) = beside(&shop, Fate::HeldBefore, |case| {
        let (status, body) = case.does(Refund).unwrap();
        assert_eq!((status, body["status"].as_str()), (200, Some("voided")));
    });
    let (status, body) = late.unwrap();
    assert_eq!(
        (status, body["code"].as_str()),
        (409, Some("payment_closed"))
    );
    assert_eq!(case.ledger(), ["void"]);
}

#[test]
fn a_charge_whose_answer_comes_after_the_refund_is_not_taken_for_paid() {
    let shop = Shop::new();
    let (case, late) = beside(&shop, Fate::HeldAfter, |case| {
        let (status, body) = case.does(Refund).unwrap();
        assert_eq!((status, body["status"].as_str()), (200, Some("refunded")));
    });
    assert_eq!(late.unwrap().0, 409);
    assert_eq!(case.ledger(), ["capture", "refund"]);
    assert_eq!(shop.stored(case.order).unwrap().status, Status::Refunded);
}

#[test]
fn twenty_requests_at_once_for_one_order_capture_once() {
    for (token, expected, kind) in [
        ("tok_visa", 201, "capture"),
        ("tok_declined", 402, "decline"),
    ] {
        let (shop, order) = (Shop::new(), Uuid::now_v7());
        let answers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..20)
                .map(|n| {
                    // Half of them are repeats, half are separate requests.
                    let key = format!("key-{}", n % 10);
                    let shop = &shop;
                    scope.spawn(move || shop.pay(order, &key, token).unwrap())
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let id = |body: &serde_json::Value| body["payment_id"].clone();
        for (status, body) in &answers {
            assert_eq!((*status, id(body)), (expected, id(&answers[0].1)), "{body}");
        }
        let payment = shop.stored(order).unwrap().payment_id;
        assert_eq!(shop.ledger(payment), [kind]);
    }
}

#[test]
fn charges_and_refunds_at_once_end_alike_in_both_books() {
    let shop = Shop::new();
    for _ in 0..20 {
        let order = Uuid::now_v7();
        shop.fates([Fate::LostBefore]);
        shop.pay(order, "first", "tok_visa");
        let payment = shop.stored(order).unwrap().payment_id;
        shop.expire_claims();
        std::thread::scope(|scope| {
            for n in 0..6 {
                let shop = &shop;
                scope.spawn(move || {
                    if n % 2 == 0 {
                        shop.pay(order, &format!("{order}-{n}"), "tok_visa")
                    } else {
                        shop.refund(payment)
                    }
                });
            }
        });
        let stored = shop.stored(order).unwrap().status;
        assert_eq!(stored, expected(&shop.ledger(payment)));
        assert!(matches!(stored, Status::Refunded | Status::Voided));
    }
}
