//! Property tests of the parsers of single services.

use hmac::{Hmac, Mac};
use http::Method;
use order::http::body;
use proptest::prelude::*;
use serde_json::json;
use shipping::signature::{Secret, TOLERANCE_SECONDS, verify};
use stoa_service::testing::request;

use crate::{config, mutated};

const NOW: i64 = 1_800_000_000;

/// The carrier's signature of a report.
fn signature(secret: &str, time: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    format!("t={time},v1={hex}")
}

fn valid_order() -> String {
    json!({
        "shipping_address": {"name": "Ann Lee", "street": "Hauptstr. 1", "city": "Berlin", "postal_code": "10115", "country": "DE"},
        "payment": {"method": "card", "card_token": "tok_visa"},
        "items": [{"sku": "COF-001", "quantity": 2}, {"sku": "TEA-001", "quantity": 1}],
    })
    .to_string()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_signed_report_is_accepted_only_within_the_tolerance(body in proptest::collection::vec(any::<u8>(), 0..60), late in -1_000..1_000_i64) {
        let header = signature("s", NOW + late, &body);
        let accepted = verify(&Secret::new("s".to_owned()), Some(&header), &body, NOW).is_ok();
        prop_assert_eq!(accepted, late.unsigned_abs() <= TOLERANCE_SECONDS);
    }

    #[test]
    fn fuzz_a_mutated_signature(header in mutated(&signature("s", NOW, b"{}"), "[0-9a-fA-F,=tv]{0,4}"), now in any::<i64>()) {
        let secret = Secret::new("s".to_owned());
        // A signature remains valid if its hexadecimal digits are in upper case.
        let same = header.to_lowercase() == signature("s", NOW, b"{}");
        prop_assert_eq!(verify(&secret, Some(&header), b"{}", NOW).is_ok(), same, "{}", header);
        // The check must not overflow for any time.
        let _ = verify(&secret, Some(&header), b"{}", now);
        for now in [i64::MIN, i64::MAX] {
            let accepted = verify(&secret, Some(&header), b"{}", now).is_ok();
            prop_assert!(!accepted);
        }
        for time in [i64::MIN, i64::MAX, -1, 0] {
            let extreme = signature("s", time, b"{}");
            let accepted = verify(&secret, Some(&extreme), b"{}", NOW).is_ok();
            prop_assert!(!accepted);
        }
    }

    #[test]
    fn fuzz_a_mutated_order(text in mutated(&valid_order(), "[\\[\\]{}\":,a-zA-Z0-9.\\\\ -]{0,6}")) {
        let request = request("order", Method::POST, "/order", &[], &text);
        match body::read(&request) {
            Ok(draft) => {
                for line in draft.lines.iter().flatten() {
                    prop_assert!((1..=99).contains(&line.quantity), "{:?}", line);
                }
                prop_assert!((1..=64).contains(&draft.card_token.len()));
            }
            Err(problem) => prop_assert!(matches!(problem.status().as_u16(), 400 | 422)),
        }
    }

    #[test]
    fn the_error_never_repeats_a_card_number_in_an_order(number in "[0-9]{13,19}", place in 0..6_usize) {
        let mut body: serde_json::Value = serde_json::from_str(&valid_order()).unwrap();
        let pointers = ["/payment/card_token", "/payment/method", "/payment", "/items/0/sku", "/items/0/quantity", "/shipping_address/country"];
        *body.pointer_mut(pointers[place]).unwrap() = json!(number);
        let request = request("order", Method::POST, "/order", &[], &body.to_string());
        let problem = body::read(&request).unwrap_err();
        prop_assert!(!format!("{problem:?}").contains(&number), "{problem:?}");
    }

    #[test]
    fn fuzz_any_text_as_a_card_token(text in prop_oneof![mutated("tok_visa", "[a-z_0-9 -]{0,6}"), ".{0,80}"]) {
        match payment::domain::CardToken::parse(&text) {
            Ok(token) => prop_assert_eq!(token.reveal(), &text),
            Err(error) => prop_assert!(text.is_empty() || text.len() < 8 || !error.to_string().contains(&text)),
        }
    }

    #[test]
    fn a_sku_has_1_to_64_letters_digits_and_dots_hyphens_or_underscores(text in prop_oneof!["[A-Za-z0-9._-]{0,70}", ".{0,12}"]) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_sku = (1..=64).contains(&text.len()) && text.chars().all(allowed);
        let sku = text.parse::<stoa_service::Sku>();
        prop_assert_eq!(sku.is_ok(), is_sku);
        prop_assert!(sku.is_err() || sku.unwrap().as_str() == text);
    }

    #[test]
    fn fuzz_any_list_of_skus(list in "[A-Za-z0-9._,%& -]{0,80}") {
        if let Ok(skus) = product::domain::read_skus(&list) {
            prop_assert!((1..=100).contains(&skus.len()));
            let joined: Vec<&str> = skus.iter().map(|sku| sku.as_str()).collect();
            prop_assert_eq!(joined.join(","), list);
        }
    }

    #[test]
    fn the_words_of_any_text_are_alphanumeric_and_not_empty(text in ".{0,80}") {
        for word in product::text::words(&text) {
            prop_assert!(!word.is_empty() && word.chars().all(char::is_alphanumeric), "{:?}", word);
        }
    }

    #[test]
    fn an_accepted_email_name_or_phone_is_not_blank_and_has_no_control_characters(text in prop_oneof!["[a-zA-Z0-9.]{1,8}@[a-z.]{1,8}", ".{0,40}"]) {
        use user::domain::{parse_email, parse_name, parse_phone};
        if let Ok(email) = parse_email(&text) {
            prop_assert!(email.matches('@').count() == 1 && !email.chars().any(|c| c.is_whitespace() || c.is_control()));
        }
        if let Ok(name) = parse_name(&text) {
            prop_assert!(!name.trim().is_empty() && !name.chars().any(char::is_control));
        }
        if let Ok(phone) = parse_phone(&text) {
            prop_assert!(phone.starts_with('+') && phone[1..].bytes().all(|b| b.is_ascii_digit()));
        }
    }
}
