//! The card processor.

use serde_json::json;

use crate::street::{Street, charge, code};

#[test]
fn charges_a_reference_once_and_gives_the_first_result_again() {
    let street = Street::new();
    let first = street.charge("r1", "tok_visa");
    assert_eq!(
        (first.0, first.1["status"].as_str()),
        (201, Some("captured"))
    );
    assert_eq!(street.charge("r1", "tok_visa"), first);
    let other_key = street.post("/processor/charges", "k2", &charge("r1", "tok_declined"));
    assert_eq!(other_key, first);
    let mut other_amount = charge("r1", "tok_visa");
    other_amount["amount"]["amount"] = json!(1);
    let differs = street.post("/processor/charges", "k3", &other_amount);
    assert_eq!(code(&differs), (409, "reference_differs"));
    assert_eq!(street.ledger("r1"), ["capture"]);
    let (_, found) = street.get("/processor/charges?reference=r1");
    assert_eq!(found["items"], json!([first.1]));
}

#[test]
fn declines_and_fails_as_the_token_says() {
    let street = Street::new();
    for (token, reason) in [
        ("tok_declined", "insufficient_funds"),
        ("tok_x", "invalid_token"),
    ] {
        for _ in 0..2 {
            let answer = street.charge(token, token);
            assert_eq!(code(&answer), (402, "card_declined"));
            assert_eq!(answer.1["decline_code"], reason);
        }
        assert_eq!(code(&street.refund(token)), (409, "charge_declined"));
        assert_eq!(street.ledger(token), ["decline"]);
    }
    assert_eq!(street.charge("r", "tok_error").0, 500);
    assert!(street.ledger("r").is_empty());
    let (_, found) = street.get("/processor/charges?reference=r");
    assert_eq!(found["items"], json!([]));
}

#[test]
fn refunds_once_and_closes_what_was_never_charged() {
    let street = Street::new();
    street.charge("paid", "tok_mastercard");
    for _ in 0..3 {
        let answer = json!({"reference": "paid", "status": "refunded"});
        assert_eq!(street.refund("paid"), (200, answer));
        let answer = json!({"reference": "never", "status": "voided"});
        assert_eq!(street.refund("never"), (200, answer));
    }
    assert_eq!(
        code(&street.charge("never", "tok_visa")),
        (409, "reference_voided")
    );
    assert_eq!(street.ledger("paid"), ["capture", "refund"]);
    assert_eq!(street.ledger("never"), ["void"]);
}

#[test]
fn a_key_of_another_request_is_refused_and_nothing_is_done() {
    let street = Street::new();
    street.charge("r1", "tok_visa");
    let answer = street.post("/processor/charges", "r1", &charge("r2", "tok_visa"));
    assert_eq!(code(&answer), (422, "idempotency_key_reused"));
    assert!(street.ledger("r2").is_empty());
    assert_eq!(
        street
            .post("/processor/charges", "", &charge("r2", "tok_visa"))
            .0,
        400
    );
}

#[test]
fn the_ledger_comes_in_pages_of_everything_in_order() {
    let street = Street::new();
    let references: Vec<_> = (0..7).map(|n| format!("r{n}")).collect();
    for reference in &references {
        street.charge(reference, "tok_visa");
    }
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let (status, page) = street.get(&format!("/processor/ledger?limit=3{token}"));
        assert_eq!(status, 200);
        for entry in page["items"].as_array().unwrap() {
            assert_eq!(entry["amount"]["amount"], 1999);
            seen.push(entry["reference"].as_str().unwrap().to_owned());
        }
        match page["next_page_token"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => break,
        }
    }
    assert_eq!(seen, references);
}
