//! Property tests of the parsers that all services use.

use std::collections::BTreeMap;

use http::Method;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use stoa_service::money::{Currency, MAX_AMOUNT, Money};
use stoa_service::settings::Settings;
use stoa_service::testing::request;
use stoa_service::{Problem, Request, id, json, text, time};
use uuid::Uuid;

use crate::{config, mutated};

fn currency() -> impl Strategy<Value = Currency> {
    prop_oneof![
        Just("EUR"),
        Just("JPY"),
        Just("BHD"),
        Just("CLF"),
        Just("XAU")
    ]
    .prop_map(|code| code.parse().unwrap())
}

/// A request body like the bodies of the services' operations.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Body {
    name: String,
    count: u32,
    price: Money,
    tags: Vec<String>,
    note: Option<String>,
}

const BODY: &str = r#"{"name":"Ann","count":3,"price":{"amount":1999,"currency":"EUR"},"tags":["a","b"],"note":null}"#;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn money_that_is_written_and_read_is_unchanged(amount in 0..=MAX_AMOUNT, currency in currency()) {
        let money = Money { amount, currency };
        let text = serde_json::to_string(&money).unwrap();
        prop_assert_eq!(serde_json::from_str::<Money>(&text).unwrap(), money);
    }

    #[test]
    fn an_amount_out_of_range_is_rejected(amount in any::<i64>()) {
        let text = format!(r#"{{"amount":{amount},"currency":"EUR"}}"#);
        prop_assert_eq!(serde_json::from_str::<Money>(&text).is_ok(), (0..=MAX_AMOUNT).contains(&amount));
    }

    #[test]
    fn an_amount_with_a_fraction_or_an_exponent_is_rejected(amount in any::<f64>()) {
        let text = format!(r#"{{"amount":{amount:e},"currency":"EUR"}}"#);
        prop_assert!(serde_json::from_str::<Money>(&text).is_err(), "{}", text);
    }

    /// The text for people contains all digits of the amount, without rounding.
    #[test]
    fn the_text_of_money_has_the_exact_amount(amount in 0..=MAX_AMOUNT, currency in currency()) {
        let text = Money { amount, currency }.to_string();
        let (number, code) = text.split_once(' ').unwrap();
        prop_assert_eq!(code, currency.code());
        let places = number.split_once('.').map_or(0, |(_, minor)| minor.len());
        prop_assert_eq!(places, usize::from(currency.exponent()));
        prop_assert_eq!(number.replace('.', "").parse::<i64>().unwrap(), amount);
    }

    #[test]
    fn any_text_is_a_currency_or_an_error(text in prop_oneof!["[A-Z]{3}", ".{0,12}"]) {
        match text.parse::<Currency>() {
            Ok(currency) => prop_assert_eq!(currency.code(), text),
            Err(fault) => prop_assert!(fault.contains("ISO 4217")),
        }
    }

    #[test]
    fn an_instant_in_range_that_is_written_and_read_is_unchanged(millis in prop_oneof![any::<i64>(), -62_000_000_000_000..250_000_000_000_000_i64]) {
        let text = time::rfc3339(millis);
        if text != "out of range" {
            prop_assert_eq!(time::parse(&text), Some(millis), "{}", text);
        }
    }

    #[test]
    fn fuzz_any_text_as_an_instant(text in prop_oneof![mutated("2026-11-21T14:05:09.123Z", "[0-9TZ:+.-]{0,4}"), ".{0,40}"]) {
        if let Some(millis) = time::parse(&text) {
            prop_assert_ne!(time::rfc3339(millis), "out of range");
        }
    }

    #[test]
    fn fuzz_any_text_as_an_id(text in prop_oneof![mutated("019b76da-a800-71f9-9f94-ae97655f93b2", "[0-9a-fA-F{}-]{0,4}"), ".{0,40}"]) {
        match id::parse("order_id", &text) {
            Ok(read) => prop_assert_eq!(read.to_string(), text),
            Err(error) => prop_assert_eq!(Problem::from(error).status(), 422),
        }
    }

    #[test]
    fn an_id_that_is_written_and_read_is_unchanged(bits in any::<u128>()) {
        let uuid = Uuid::from_u128(bits);
        prop_assert_eq!(id::parse("x", &uuid.to_string()).unwrap(), uuid);
    }

    #[test]
    fn a_shortened_text_is_the_beginning_of_the_text_with_at_most_64_characters(given in ".{0,200}") {
        let short = text::shorten(&given);
        let kept = short.strip_suffix("...").filter(|_| given.chars().count() > 64).unwrap_or(&short);
        prop_assert!(given.starts_with(kept) && kept.chars().count() <= 64);
    }

    #[test]
    fn fuzz_a_mutated_body(text in mutated(BODY, "[\\[\\]{}\":,a-z0-9.\\\\e-]{0,6}")) {
        let Ok(body) = json::read::<Body>(text.as_bytes()) else {
            return Ok(());
        };
        prop_assert!((0..=MAX_AMOUNT).contains(&body.price.amount));
        let again = serde_json::to_vec(&body).unwrap();
        prop_assert!(json::read::<Body>(&again).is_ok());
    }

    #[test]
    fn fuzz_any_bytes_as_a_body(bytes in proptest::collection::vec(any::<u8>(), 0..200), depth in 0..2_000_usize) {
        let deep = [vec![b'['; depth], bytes.clone(), vec![b']'; depth]].concat();
        for bytes in [&bytes, &deep] {
            if let Err(fault) = json::read::<Body>(bytes) {
                prop_assert!(!fault.to_string().is_empty());
            }
        }
    }

    #[test]
    fn an_encoded_query_value_is_decoded_unchanged(value in any::<String>()) {
        let encoded: String = value.bytes().map(|b| format!("%{b:02X}")).collect();
        let request = request("test", Method::GET, &format!("/x?q={encoded}"), &[], "");
        let [q, limit] = request.query(["q", "limit"]).unwrap();
        prop_assert_eq!((q, limit), (Some(value), None));
    }

    #[test]
    fn fuzz_any_query(query in prop_oneof!["[a-z=&%0-9A-F+]{0,60}", "q=[%0-9a-fA-F+]{0,30}"]) {
        let request = request("test", Method::GET, &format!("/x?{query}"), &[], "");
        if let Err(problem) = request.query(["q", "limit"]) {
            prop_assert!(matches!(problem.code(), "unknown_parameter" | "bad_encoding" | "repeated_parameter"));
        }
    }

    #[test]
    fn fuzz_any_header(value in proptest::collection::vec(any::<u8>(), 0..300)) {
        let Ok(value) = http::HeaderValue::from_bytes(&value) else {
            return Ok(());
        };
        let mut builder = http::Request::builder().uri("/x");
        for name in ["authorization", "idempotency-key", "x-request-id", "traceparent", "content-type"] {
            builder = builder.header(name, value.clone());
        }
        let request = Request::new("test", builder.body(b"{}".to_vec()).unwrap());
        if let Ok(key) = request.idempotency_key() {
            prop_assert!((1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()));
        }
        if let Ok(token) = request.bearer() {
            prop_assert!(!token.is_empty());
        }
        let _ = request.json::<Body>();
        // For any input, the request id and the trace id that the service sends to other services are valid.
        let id = request.context().request_id();
        prop_assert!((1..=128).contains(&id.len()));
        prop_assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b)));
        prop_assert_eq!(request.context().trace_id().len(), 32);
    }

    #[test]
    fn a_setting_is_in_its_range_or_is_an_error(text in prop_oneof![any::<i128>().prop_map(|n| n.to_string()), (0..200_i32).prop_map(|n| n.to_string()), ".{0,10}"]) {
        let source = BTreeMap::from([("limit", text.clone())]);
        let lookup = |name: &str| source.get(name).cloned();
        let mut settings = Settings::new(&lookup);
        let value = settings.number("limit", 20_u32, 1..=100);
        prop_assert!((1..=100).contains(&value));
        let good = text.is_empty() || text.parse::<u32>().is_ok_and(|n| (1..=100).contains(&n));
        prop_assert_eq!(settings.finish(()).is_ok(), good);
    }

    #[test]
    fn any_text_is_an_address_of_a_service_or_an_error(text in prop_oneof![mutated("http://cart.spin.internal:80", "[a-z:/.@?#0-9]{0,4}"), ".{0,30}"]) {
        let lookup = |_: &str| Some(text.clone());
        let mut settings = Settings::new(&lookup);
        let url = settings.url("cart_url");
        if settings.finish(()).is_ok() {
            prop_assert!(url.starts_with("http") && !url.ends_with('/'));
        }
    }
}
