use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::money::Money;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Outer {
    price: Money,
    more: Vec<Money>,
    rest: Option<Vec<Option<Money>>>,
    #[serde(default)]
    by_name: BTreeMap<String, Money>,
    #[serde(default)]
    wrapped: Option<Wrapped>,
    #[serde(default)]
    pair: Option<(u32, Word)>,
    #[serde(default)]
    any: Value,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Wrapped(Money);

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Word {
    One,
}

fn good() -> Value {
    let money = json!({"amount": 1, "currency": "EUR"});
    json!({"price": money, "more": [money, money], "rest": [null, money], "by_name": {"a": money}, "wrapped": money,
        "pair": [1, "one"], "any": [1, {"x": [2]}]})
}

#[test]
fn valid_documents_are_decoded_like_plain_serde_does() {
    let text = good().to_string();
    let plain: Outer = serde_json::from_str(&text).unwrap();
    assert_eq!(super::read::<Outer>(text.as_bytes()).unwrap(), plain);
    assert_eq!(super::read_value::<Outer>("data", &good()).unwrap(), plain);
    assert_eq!(plain.any, good()["any"]);
}

#[test]
fn text_with_the_character_nul_is_rejected() {
    for (text, location) in [
        (r#"["a\u0000"]"#, "[0]"),
        (r#"{"a": "\u0000"}"#, "a"),
        (r#"{"\u0000": 1}"#, "body"),
    ] {
        let error = super::read::<Value>(text.as_bytes()).unwrap_err();
        assert!(error.to_string().starts_with(location), "{text}: {error}");
        assert!(error.to_string().contains("the character NUL"), "{error}");
    }
    assert!(super::read::<Value>(br#"["\\u0000"]"#).is_ok());
}

#[test]
fn an_array_in_place_of_an_object_is_rejected_at_every_location() {
    for (pointer, location) in [
        ("", "body"),
        ("/price", "price"),
        ("/more/1", "more[1]"),
        ("/rest/1", "rest[1]"),
        ("/by_name/a", "by_name.a"),
        ("/wrapped", "wrapped"),
    ] {
        let mut body = good();
        *body.pointer_mut(pointer).unwrap() = json!([1, "EUR"]);
        let error = super::read::<Outer>(body.to_string().as_bytes()).unwrap_err();
        let expected = format!("{location}: invalid type: an array, expected an object");
        assert!(error.to_string().starts_with(&expected), "{error}");
        let error = super::read_value::<Outer>("data", &body).unwrap_err();
        let location = match location {
            "body" => "data".to_owned(),
            inner => format!("data.{inner}"),
        };
        assert!(error.to_string().starts_with(&location), "{error}");
    }
}

#[test]
fn errors_name_the_expected_json_type() {
    #[derive(Debug, Deserialize)]
    struct Line {
        #[serde(deserialize_with = "super::whole::<1, 99, _>")]
        quantity: u32,
        #[serde(default)]
        amount: i64,
        #[serde(default)]
        at: u64,
        #[serde(default)]
        list: Vec<i64>,
        #[serde(default)]
        members: BTreeMap<String, i64>,
    }
    for (body, expected) in [
        (
            json!({"quantity": "1"}),
            "quantity: invalid type: string \"1\", expected a whole number from 1 to 99",
        ),
        (
            json!({"quantity": 1.5}),
            "quantity: invalid type: the number `1.5`, expected a whole number from 1 to 99",
        ),
        (
            json!({"quantity": 0}),
            "quantity: invalid value: integer `0`, expected a whole number from 1 to 99",
        ),
        (
            json!({"quantity": -1}),
            "quantity: invalid value: integer `-1`, expected a whole number from 1 to 99",
        ),
        (
            json!({"quantity": 4_294_967_297_u64}),
            "expected a whole number from 1 to 99",
        ),
        (
            json!({"quantity": {}}),
            "quantity: invalid type: an object, expected a whole number from 1 to 99",
        ),
        (
            json!({"quantity": 1, "amount": "x"}),
            "amount: invalid type: string \"x\", expected a whole number",
        ),
        (
            json!({"quantity": 1, "at": -1}),
            "at: invalid value: integer `-1`, expected a whole number of 0 or more",
        ),
        (
            json!({"quantity": 1, "list": 1}),
            "list: invalid type: integer `1`, expected an array",
        ),
        (
            json!({"quantity": 1, "members": [1]}),
            "members: invalid type: an array, expected an object",
        ),
    ] {
        let error = super::read::<Line>(body.to_string().as_bytes()).unwrap_err();
        assert!(error.to_string().contains(expected), "{body}: {error}");
    }
    let line: Line = super::read(br#"{"quantity": 99}"#).unwrap();
    assert_eq!((line.quantity, line.amount, line.at), (99, 0, 0));
    assert!(line.list.is_empty() && line.members.is_empty());
}

#[test]
fn every_error_names_its_location() {
    for (pointer, value, location) in [
        ("/more/0/amount", json!("1"), "more[0].amount: "),
        ("/more/0/currency", json!("XXQ"), "more[0].currency: "),
        ("/price", json!({"amount": 1}), "price: missing field"),
        ("/rest/0", json!({"a": 1}), "rest[0]: unknown field `a`"),
        ("/more", json!({}), "more: invalid type"),
        ("/pair/1", json!("two"), "pair[1]: unknown variant"),
        ("", json!({"x": 1}), "body: unknown field `x`"),
        ("", json!(1), "body: invalid type"),
    ] {
        let mut body = good();
        *body.pointer_mut(pointer).unwrap() = value;
        let error = super::read::<Outer>(body.to_string().as_bytes()).unwrap_err();
        assert!(
            error.to_string().starts_with(location),
            "{location} {error}"
        );
    }
}
