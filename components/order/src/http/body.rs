//! Decodes the body of `POST /order`.

use serde::Deserialize;
use serde_json::Value;
use stoa_service::money::Money;
use stoa_service::{Problem, Request};

use crate::card_number::{self, holds_card_number};
use crate::domain::Address;
use crate::draft::{self, Draft, Line};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submitted {
    shipping_address: SubmittedAddress,
    // This field accepts any JSON, because the error of a typed field would quote the value, which may be a card number.
    payment: Value,
    #[serde(default)]
    items: Option<Vec<Line>>,
    #[serde(default)]
    expected_total: Option<Money>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubmittedAddress {
    name: String,
    street: String,
    city: String,
    postal_code: String,
    country: String,
}

/// Reads a submission. Errors have the status 400 or 422 and never quote text that looks like a card number.
pub fn read(request: &Request) -> Result<Draft, Problem> {
    let submitted: Submitted = request.json().map_err(|problem| {
        if holds_card_number(problem.detail()) {
            card_number::rejected("body").into()
        } else {
            problem
        }
    })?;
    let given = submitted.shipping_address;
    Ok(Draft {
        card_token: draft::card_token(&submitted.payment)?,
        address: draft::address(Address {
            name: given.name,
            street: given.street,
            city: given.city,
            postal_code: given.postal_code,
            country: given.country,
        })?,
        lines: submitted
            .items
            .map(|lines| draft::join_lines("items", lines))
            .transpose()?,
        expected_total: submitted.expected_total,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use stoa_service::testing::post;

    fn good() -> Value {
        json!({
            "shipping_address": {"name": " Ann ", "street": "Main 1", "city": "Graz", "postal_code": "8010", "country": "AT"},
            "payment": {"method": "card", "card_token": "tok_visa"},
            "items": [{"sku": "B", "quantity": 1}, {"sku": "A", "quantity": 2}, {"sku": "B", "quantity": 3}],
        })
    }

    fn read_json(body: &Value) -> Result<Draft, Problem> {
        read(&post("/order", &body.to_string()))
    }

    #[test]
    fn reads_a_valid_submission_trims_its_address_and_joins_its_lines() {
        let draft = read_json(&good()).unwrap();
        assert_eq!(draft.address.name, "Ann");
        let lines: Vec<_> = draft.lines.unwrap();
        let lines: Vec<_> = lines.iter().map(|l| (l.sku.as_str(), l.quantity)).collect();
        assert_eq!(lines, [("B", 4), ("A", 2)]);
        let mut cart = good();
        cart.as_object_mut().unwrap().remove("items");
        assert_eq!(read_json(&cart).unwrap().lines, None);
    }

    #[test]
    fn the_error_names_the_wrong_field() {
        for (pointer, value, word) in [
            (
                "/shipping_address/name",
                json!("  "),
                "shipping_address.name: 0",
            ),
            (
                "/shipping_address/city",
                json!("x".repeat(201)),
                "shipping_address.city: 201",
            ),
            (
                "/shipping_address/street",
                json!("a\nb"),
                "shipping_address.street",
            ),
            (
                "/shipping_address/country",
                json!("at"),
                "shipping_address.country: `at`",
            ),
            ("/shipping_address/country", json!("AUT"), "country: `AUT`"),
            ("/payment/method", json!("cash"), "payment.method"),
            (
                "/payment/card_token",
                json!("tok visa"),
                "payment.card_token",
            ),
            ("/payment/card_token", json!(7), "payment.card_token"),
            ("/payment", json!(null), "payment: expected"),
            ("/items", json!([]), "items: 0"),
            (
                "/items/1/quantity",
                json!(0),
                "items[1].quantity: invalid value: integer `0`, expected a whole number from 1 to 99",
            ),
            (
                "/items/1/quantity",
                json!(100),
                "integer `100`, expected a whole number from 1 to 99",
            ),
            ("/items/2/quantity", json!(99), "items[2].quantity: 99"),
            ("/items/0/quantity", json!(-1), "items[0].quantity: "),
            (
                "/items/0/quantity",
                json!(4_294_967_296_u64),
                "items[0].quantity: ",
            ),
            // An array is rejected, even if its elements match the fields of the object.
            (
                "/shipping_address",
                json!(["Ann", "Main 1", "Graz", "8010", "AT"]),
                "shipping_address: ",
            ),
            ("/payment", json!(["card", "tok_visa"]), "payment: expected"),
            ("/items/1", json!(["A", 2]), "items[1]: "),
            ("", json!([{}, {}, []]), "body: "),
            ("/items/0/sku", json!("a b"), "items[0].sku"),
        ] {
            let mut body = good();
            *body.pointer_mut(pointer).unwrap() = value.clone();
            let problem = read_json(&body).unwrap_err();
            assert!(
                problem.status() == 422 && problem.detail().contains(word),
                "{pointer} {value}: {problem:?}"
            );
        }
    }

    #[test]
    fn a_card_number_is_rejected_in_every_field_and_never_quoted() {
        for (pointer, value) in [
            ("/payment/card_token", json!("4111111111111111")),
            ("/payment/card_token", json!(4_111_111_111_111_111_u64)),
            ("/payment/card_token", json!("4111 1111 1111 1111")),
            ("/payment/method", json!("4111-1111-1111-1111")),
            ("/payment", json!(4_111_111_111_111_111_u64)),
            ("/payment", json!({"number": "4111111111111111"})),
            ("/shipping_address/country", json!("4111111111111111")),
            ("/shipping_address/name", json!(4_111_111_111_111_111_u64)),
            ("/items/0/sku", json!("4111111111111111")),
            ("/items/0/quantity", json!(4_111_111_111_111_111_u64)),
        ] {
            let mut body = good();
            *body.pointer_mut(pointer).unwrap() = value;
            let problem = read_json(&body).unwrap_err();
            let text = format!("{problem:?}");
            assert!(
                problem.status() == 422 && !text.contains("1111"),
                "{pointer}: {text}"
            );
        }
    }
}
