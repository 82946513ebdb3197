//! Tests of the card processor.

use serde_json::json;

use crate::third_parties::{ThirdParties, charge, code};

#[test]
fn a_reference_is_charged_once_and_a_repeat_gets_the_first_result() {
    let partners = ThirdParties::new();
    let first = partners.charge("r1", "tok_visa");
    assert_eq!(
        (first.0, first.1["status"].as_str()),
        (201, Some("captured"))
    );
    assert_eq!(partners.charge("r1", "tok_visa"), first);
    let other_key = partners.post("/processor/charges", "k2", &charge("r1", "tok_declined"));
    assert_eq!(other_key, first);
    let mut other_amount = charge("r1", "tok_visa");
    other_amount["amount"]["amount"] = json!(1);
    let differs = partners.post("/processor/charges", "k3", &other_amount);
    assert_eq!(code(&differs), (409, "reference_differs"));
    assert_eq!(partners.ledger("r1"), ["capture"]);
    let (_, found) = partners.get("/processor/charges?reference=r1");
    assert_eq!(found["items"], json!([first.1]));
}

#[test]
fn the_card_token_decides_whether_a_charge_is_declined_or_fails() {
    let partners = ThirdParties::new();
    for (token, reason) in [
        ("tok_declined", "insufficient_funds"),
        ("tok_x", "invalid_token"),
    ] {
        for _ in 0..2 {
            let answer = partners.charge(token, token);
            assert_eq!(code(&answer), (402, "card_declined"));
            assert_eq!(answer.1["decline_code"], reason);
        }
        assert_eq!(code(&partners.refund(token)), (409, "charge_declined"));
        assert_eq!(partners.ledger(token), ["decline"]);
    }
    assert_eq!(partners.charge("r", "tok_error").0, 500);
    assert!(partners.ledger("r").is_empty());
    let (_, found) = partners.get("/processor/charges?reference=r");
    assert_eq!(found["items"], json!([]));
}

#[test]
fn a_charge_is_refunded_once_and_a_reference_without_a_charge_is_voided() {
    let partners = ThirdParties::new();
    partners.charge("paid", "tok_mastercard");
    for _ in 0..3 {
        let answer = json!({"reference": "paid", "status": "refunded"});
        assert_eq!(partners.refund("paid"), (200, answer));
        let answer = json!({"reference": "never", "status": "voided"});
        assert_eq!(partners.refund("never"), (200, answer));
    }
    assert_eq!(
        code(&partners.charge("never", "tok_visa")),
        (409, "reference_voided")
    );
    assert_eq!(partners.ledger("paid"), ["capture", "refund"]);
    assert_eq!(partners.ledger("never"), ["void"]);
}

#[test]
fn a_key_of_another_request_is_rejected_without_any_effect() {
    let partners = ThirdParties::new();
    partners.charge("r1", "tok_visa");
    let answer = partners.post("/processor/charges", "r1", &charge("r2", "tok_visa"));
    assert_eq!(code(&answer), (422, "idempotency_key_reused"));
    assert!(partners.ledger("r2").is_empty());
    assert_eq!(
        partners
            .post("/processor/charges", "", &charge("r2", "tok_visa"))
            .0,
        400
    );
}

#[test]
fn the_pages_of_the_ledger_have_all_entries_in_order() {
    let partners = ThirdParties::new();
    let references: Vec<_> = (0..7).map(|n| format!("r{n}")).collect();
    for reference in &references {
        partners.charge(reference, "tok_visa");
    }
    let (mut token, mut charged) = (String::new(), Vec::new());
    loop {
        let (status, page) = partners.get(&format!("/processor/ledger?limit=3{token}"));
        assert_eq!(status, 200);
        for entry in page["items"].as_array().unwrap() {
            assert_eq!(entry["amount"]["amount"], 1999);
            charged.push(entry["reference"].as_str().unwrap().to_owned());
        }
        match page["next_page_token"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => break,
        }
    }
    assert_eq!(charged, references);
}
