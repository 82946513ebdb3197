//! Parsers of single services.

use hmac::{Hmac, Mac};
use http::Method;
use order::http::body;
use proptest::prelude::*;
use serde_json::json;
use shipping::signature::{Secret, TOLERANCE_SECONDS, verify};
use stoa_service::testing::request;

use crate::{config, nearly};

const NOW: i64 = 1_800_000_000;

fn signed(secret: &str, time: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    format!("t={time},v1={hex}")
}

fn an_order() -> String {
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
    fn a_report_is_the_carriers_own_if_it_is_fresh(body in proptest::collection::vec(any::<u8>(), 0..60), late in -1_000..1_000_i64) {
        let header = signed("s", NOW + late, &body);
        let taken = verify(&Secret::new("s".to_owned()), Some(&header), &body, NOW).is_ok();
        prop_assert_eq!(taken, late.unsigned_abs() <= TOLERANCE_SECONDS);
    }

    #[test]
    fn fuzz_a_mutated_signature(header in nearly(&signed("s", NOW, b"{}"), "[0-9a-fA-F,=tv]{0,4}"), now in any::<i64>()) {
        let secret = Secret::new("s".to_owned());
        // The hexadecimal digits may be upper case: the signature is the same.
        let same = header.to_lowercase() == signed("s", NOW, b"{}");
        prop_assert_eq!(verify(&secret, Some(&header), b"{}", NOW).is_ok(), same, "{}", header);
        // No time overflows.
        let _ = verify(&secret, Some(&header), b"{}", now);
        for now in [i64::MIN, i64::MAX] {
            let taken = verify(&secret, Some(&header), b"{}", now).is_ok();
            prop_assert!(!taken);
        }
        for time in [i64::MIN, i64::MAX, -1, 0] {
            let extreme = signed("s", time, b"{}");
            let taken = verify(&secret, Some(&extreme), b"{}", NOW).is_ok();
            prop_assert!(!taken);
        }
    }

    #[test]
    fn fuzz_a_mutated_order(text in nearly(&an_order(), "[\\[\\]{}\":,a-zA-Z0-9.\\\\ -]{0,6}")) {
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
    fn a_card_number_anywhere_in_an_order_is_never_repeated(number in "[0-9]{13,19}", place in 0..6_usize) {
        let mut body: serde_json::Value = serde_json::from_str(&an_order()).unwrap();
        let pointers = ["/payment/card_token", "/payment/method", "/payment", "/items/0/sku", "/items/0/quantity", "/shipping_address/country"];
        *body.pointer_mut(pointers[place]).unwrap() = json!(number);
        let request = request("order", Method::POST, "/order", &[], &body.to_string());
        let problem = body::read(&request).unwrap_err();
        prop_assert!(!format!("{problem:?}").contains(&number), "{problem:?}");
    }

    #[test]
    fn fuzz_any_text_as_a_card_token(text in prop_oneof![nearly("tok_visa", "[a-z_0-9 -]{0,6}"), ".{0,80}"]) {
        match payment::domain::CardToken::parse(&text) {
            Ok(token) => prop_assert_eq!(token.reveal(), &text),
            Err(error) => prop_assert!(text.is_empty() || text.len() < 8 || !error.to_string().contains(&text)),
        }
    }

    #[test]
    fn a_sku_is_1_to_64_letters_digits_and_three_signs(text in prop_oneof!["[A-Za-z0-9._-]{0,70}", ".{0,12}"]) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_one = (1..=64).contains(&text.len()) && text.chars().all(allowed);
        let sku = text.parse::<stoa_service::Sku>();
        prop_assert_eq!(sku.is_ok(), is_one);
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
    fn words_of_any_text_are_folded_and_found_again(text in ".{0,80}") {
        for word in product::text::words(&text) {
            prop_assert!(!word.is_empty() && word.chars().all(char::is_alphanumeric), "{:?}", word);
        }
    }

    #[test]
    fn an_account_keeps_no_blank_and_no_control_character(text in prop_oneof!["[a-zA-Z0-9.]{1,8}@[a-z.]{1,8}", ".{0,40}"]) {
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
