//! Tests in which calls or responses are lost. Every payment must end in the state that the processor's ledger records.

use std::collections::BTreeSet;
use std::sync::Arc;

use partners::testing::{Fate, Gate};
use payment::domain::Status;
use uuid::Uuid;

use crate::shop::{Outcome, Shop};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Action {
    /// Repeats the request to pay with the same idempotency key.
    Pay,
    /// Sends a request to pay the same order with a new idempotency key.
    PayWithNewKey,
    LookUp,
    Refund,
}
use Action::{LookUp, Pay, PayWithNewKey, Refund};

const ACTION_SEQUENCES: [&[Action]; 8] = [
    &[Pay, Pay, Pay],
    &[Pay, PayWithNewKey, Pay],
    &[Pay, LookUp, Pay],
    &[Pay, LookUp, Refund],
    &[Pay, Refund, Refund],
    &[Pay, Refund, Pay],
    &[Pay, Refund, PayWithNewKey],
    &[Pay, Refund, LookUp],
];

fn expected_status(ledger: &[String]) -> Status {
    let kinds: Vec<_> = ledger.iter().map(String::as_str).collect();
    match kinds[..] {
        [] => Status::Pending,
        ["capture"] => Status::Captured,
        ["decline"] => Status::Declined,
        ["capture", "refund"] => Status::Refunded,
        ["void"] => Status::Voided,
        _ => panic!("unexpected ledger entries: {kinds:?}"),
    }
}

struct Case<'a> {
    shop: &'a Shop,
    order: Uuid,
    token: &'a str,
    refund_requested: bool,
}

impl Case<'_> {
    fn new<'a>(shop: &'a Shop, token: &'a str) -> Case<'a> {
        Case {
            shop,
            order: Uuid::now_v7(),
            token,
            refund_requested: false,
        }
    }

    fn payment(&self) -> Uuid {
        self.shop.stored(self.order).unwrap().payment_id
    }

    fn ledger(&self) -> Vec<String> {
        self.shop.ledger(self.payment())
    }

    /// Performs the action, and checks that the response and the stored status match the processor's ledger.
    fn perform(&mut self, action: Action) -> Outcome {
        let refund_before_charge = self.refund_requested && self.ledger().is_empty();
        let outcome = match action {
            Pay => self
                .shop
                .pay(self.order, &self.order.to_string(), self.token),
            PayWithNewKey => self
                .shop
                .pay(self.order, &Uuid::now_v7().to_string(), self.token),
            LookUp => self.shop.look_up(self.payment()),
            Refund => {
                self.refund_requested = true;
                self.shop.refund(self.payment())
            }
        };
        if outcome.is_none() {
            self.shop.expire_claims();
        }
        let (ledger, stored) = (self.ledger(), self.shop.stored(self.order).unwrap().status);
        let truth = expected_status(&ledger);
        assert!(
            stored == truth
                || stored == Status::Pending
                || (stored, truth) == (Status::Captured, Status::Refunded),
            "stored {stored:?}, ledger {ledger:?}"
        );
        assert!(
            !refund_before_charge || truth != Status::Captured,
            "the payment must not be charged after a request to refund"
        );
        let has = |kind: &str| ledger.iter().any(|k| k == kind);
        match (&outcome, action) {
            (Some((201, _)), Pay | PayWithNewKey) => assert!(has("capture")),
            (Some((402, body)), Pay | PayWithNewKey) => {
                assert_eq!(body["code"], "payment_declined");
                assert!(has("decline"));
            }
            (Some((200, _)), Refund) => assert!(has("refund") || has("void")),
            (Some((200, body)), LookUp) => assert_eq!(body["status"], <&str>::from(stored)),
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
fn a_payment_ends_as_the_ledger_records_whichever_calls_are_lost() {
    let final_ledgers = run_every_sequence("tok_visa");
    assert_eq!(final_ledgers, ["", "capture", "capture refund", "void"]);
}

#[test]
fn a_declined_payment_ends_as_the_ledger_records_whichever_calls_are_lost() {
    assert_eq!(run_every_sequence("tok_declined"), ["", "decline", "void"]);
}

/// Runs every sequence of actions. Each sequence runs with every combination of fates of its first three calls to the processor.
/// Returns the distinct final ledgers.
fn run_every_sequence(token: &str) -> Vec<String> {
    let mut final_ledgers = BTreeSet::new();
    for sequence in ACTION_SEQUENCES {
        let shop = Shop::new();
        let run = || {
            let mut case = Case::new(&shop, token);
            for action in sequence {
                case.perform(*action);
            }
            case
        };
        shop.partners.with_every_fate(run, |mut case| {
            let (last, outcome) = (sequence[2], case.perform(sequence[2]));
            let settled = case.ledger();
            if last != LookUp {
                assert!(!settled.is_empty(), "{sequence:?}: {outcome:?}");
            }
            let wanted = match (token, last, case.refund_requested) {
                ("tok_declined", Refund, _) => &[200, 409][..],
                ("tok_declined", Pay | PayWithNewKey, true) => &[402, 409],
                ("tok_declined", Pay | PayWithNewKey, false) => &[402],
                (_, Pay | PayWithNewKey, false) => &[201],
                // A repeat gets the response that was stored for its idempotency key. If no response was stored, it gets the
                // rejection of a cancelled payment.
                (_, Pay, true) => &[201, 409],
                (_, PayWithNewKey, true) => &[409],
                (_, LookUp | Refund, _) => &[200],
            };
            let (status, _) = outcome.expect("the service must respond when no call is lost");
            assert!(wanted.contains(&status), "{sequence:?}: {status}");
            // After a successful lookup, the stored status matches the ledger.
            case.perform(LookUp);
            let stored = shop.stored(case.order).unwrap().status;
            assert_eq!(stored, expected_status(&settled), "{sequence:?}");
            final_ledgers.insert(settled.join(" "));
        });
    }
    final_ledgers.into_iter().collect()
}

#[test]
fn a_lookup_never_charges() {
    let shop = Shop::new();
    let mut case = Case::new(&shop, "tok_visa");
    shop.fates([Fate::LostBefore]);
    case.perform(Pay);
    for _ in 0..3 {
        let (status, body) = case.perform(LookUp).unwrap();
        assert_eq!((status, body["status"].as_str()), (200, Some("pending")));
    }
    assert!(case.ledger().is_empty());
    assert_eq!(case.perform(Pay).unwrap().0, 201);
}

#[test]
fn a_lookup_finds_the_charge_whose_response_was_lost() {
    let shop = Shop::new();
    let mut case = Case::new(&shop, "tok_visa");
    shop.fates([Fate::LostAfter]);
    assert_eq!(case.perform(Pay).unwrap().0, 503);
    assert_eq!(case.perform(LookUp).unwrap().1["status"], "captured");
}

/// Runs a new test case whose first call to the processor is held at a gate, runs `meanwhile`, and then releases the call. Returns
/// the test case and the outcome of the held request.
fn while_first_call_is_held<'a>(
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
fn a_slow_request_whose_claim_has_expired_does_not_charge_again() {
    for hold in [Fate::HeldBefore, Fate::HeldAfter] {
        let shop = Shop::new();
        let mut second = None;
        let (case, first) =
            while_first_call_is_held(&shop, hold, |case| second = case.perform(Pay));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!((first.0, second.0), (201, 201));
        assert_eq!(first.1, second.1);
        assert_eq!(case.ledger(), ["capture"]);
    }
}

#[test]
fn a_charge_that_arrives_after_the_refund_captures_nothing() {
    let shop = Shop::new();
    let (case, late) = while_first_call_is_held(&shop, Fate::HeldBefore, |case| {
        let (status, body) = case.perform(Refund).unwrap();
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
fn a_charge_whose_response_arrives_after_the_refund_does_not_count_as_paid() {
    let shop = Shop::new();
    let (case, late) = while_first_call_is_held(&shop, Fate::HeldAfter, |case| {
        let (status, body) = case.perform(Refund).unwrap();
        assert_eq!((status, body["status"].as_str()), (200, Some("refunded")));
    });
    assert_eq!(late.unwrap().0, 409);
    assert_eq!(case.ledger(), ["capture", "refund"]);
    assert_eq!(shop.stored(case.order).unwrap().status, Status::Refunded);
}

#[test]
fn twenty_concurrent_requests_for_one_order_capture_once() {
    for (token, expected, kind) in [
        ("tok_visa", 201, "capture"),
        ("tok_declined", 402, "decline"),
    ] {
        let (shop, order) = (Shop::new(), Uuid::now_v7());
        let answers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..20)
                .map(|n| {
                    // The 20 requests use ten different keys, two requests for each key. So ten requests are repeats.
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
fn after_concurrent_charges_and_refunds_the_payment_matches_the_ledger() {
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
        assert_eq!(stored, expected_status(&shop.ledger(payment)));
        assert!(matches!(stored, Status::Refunded | Status::Voided));
    }
}
