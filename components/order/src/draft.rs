//! What a customer submits, checked: parsed once into values that cannot be wrong.

use serde::Deserialize;
use serde_json::Value;
use stoa_service::money::Money;
use stoa_service::text::shorten;
use stoa_service::{Problem, Request};

use crate::domain::Address;

/// The most lines of an order.
pub const MAX_LINES: usize = 100;
/// The most units of one SKU, as in a cart and when one product is bought at once.
pub const MAX_QUANTITY: u32 = 99;
/// The longest part of an address, in characters.
const MAX_ADDRESS: usize = 200;

/// One line of an order before it is priced.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The stock keeping unit.
    pub sku: String,
    /// Units, 1 to [`MAX_QUANTITY`].
    #[serde(deserialize_with = "stoa_service::json::whole::<1, MAX_QUANTITY, _>")]
    pub quantity: u32,
}

/// A submitted order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Where it goes.
    pub address: Address,
    /// What stands for the card.
    pub card_token: String,
    /// What is ordered; `None` orders what is in the cart.
    pub lines: Option<Vec<Line>>,
    /// The total that the customer saw; `None` takes any.
    pub expected_total: Option<Money>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submitted {
    shipping_address: SubmittedAddress,
    // Any JSON: an error of decoding would quote the value, which may be a card number.
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

/// Reads the body of `POST /order`. 400 or 422, never quoting what looks like a card number.
pub fn read(request: &Request) -> Result<Draft, Problem> {
    let submitted: Submitted = request.json().map_err(|problem| {
        if holds_card_number(problem.detail()) {
            card_number("body")
        } else {
            problem
        }
    })?;
    Ok(Draft {
        card_token: card_token(&submitted.payment)?,
        address: address(submitted.shipping_address)?,
        lines: submitted
            .items
            .map(|lines| join_lines("items", lines))
            .transpose()?,
        expected_total: submitted.expected_total,
    })
}

fn card_number(field: &str) -> Problem {
    Problem::invalid(format!(
        "{field}: holds what looks like a card number; send a card token, such as tok_visa"
    ))
}

fn card_token(payment: &Value) -> Result<String, Problem> {
    if holds_card_number(&payment.to_string()) {
        return Err(card_number("payment"));
    }
    // No value is quoted from here on: whatever it is, it came in the place of a card.
    let expected = |what: &str| Err(Problem::invalid(format!("payment{what}")));
    let Value::Object(members) = payment else {
        return expected(": expected {\"method\": \"card\", \"card_token\": ...}");
    };
    if members.keys().any(|k| k != "method" && k != "card_token") {
        return expected(": has a member other than method and card_token");
    }
    if members.get("method").and_then(Value::as_str) != Some("card") {
        return expected(".method: expected \"card\"");
    }
    let token = members.get("card_token").and_then(Value::as_str);
    match token.filter(|t| {
        (1..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    }) {
        Some(token) => Ok(token.to_owned()),
        None => expected(".card_token: expected 1 to 64 letters, digits or `_`"),
    }
}

/// Whether 13 to 19 digits stand together somewhere, apart from single spaces or hyphens.
pub fn holds_card_number(text: &str) -> bool {
    let (mut digits, mut gap) = (0, true);
    // The end counts as one more character that is no digit.
    for character in text.chars().chain(['.']) {
        if character.is_ascii_digit() {
            digits += 1;
            gap = false;
        } else if matches!(character, ' ' | '-') && !gap {
            gap = true;
        } else {
            if (13..=19).contains(&digits) {
                return true;
            }
            (digits, gap) = (0, true);
        }
    }
    false
}

fn address(given: SubmittedAddress) -> Result<Address, Problem> {
    let part = |name: &str, value: String| {
        let trimmed = value.trim();
        let length = trimmed.chars().count();
        if !(1..=MAX_ADDRESS).contains(&length) || value.chars().any(char::is_control) {
            return Err(Problem::invalid(format!(
                "shipping_address.{name}: {length} characters given, expected 1 to {MAX_ADDRESS}, none of them a control character"
            )));
        }
        Ok(trimmed.to_owned())
    };
    let country = given.country;
    if country.len() != 2 || !country.bytes().all(|b| b.is_ascii_uppercase()) {
        let quoted = if holds_card_number(&country) {
            "..."
        } else {
            &shorten(&country)
        };
        return Err(Problem::invalid(format!(
            "shipping_address.country: `{quoted}` is not two upper-case letters (ISO 3166-1 alpha-2)"
        )));
    }
    Ok(Address {
        name: part("name", given.name)?,
        street: part("street", given.street)?,
        city: part("city", given.city)?,
        postal_code: part("postal_code", given.postal_code)?,
        country,
    })
}

/// Checks lines and joins those of one SKU, in the order of their first appearance. `field` is named in errors.
pub fn join_lines(field: &str, lines: Vec<Line>) -> Result<Vec<Line>, Problem> {
    if lines.is_empty() || lines.len() > MAX_LINES {
        return Err(Problem::invalid(format!(
            "{field}: {} given, expected 1 to {MAX_LINES}",
            lines.len()
        )));
    }
    let mut joined: Vec<Line> = Vec::with_capacity(lines.len());
    for (index, line) in lines.into_iter().enumerate() {
        let fits = (1..=64).contains(&line.sku.len())
            && line
                .sku
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if holds_card_number(&line.sku) {
            return Err(card_number(&format!("{field}[{index}].sku")));
        }
        if !fits {
            return Err(Problem::invalid(format!(
                "{field}[{index}].sku: not 1 to 64 letters, digits, `-`, `_` or `.`"
            )));
        }
        let before = joined.iter_mut().find(|l| l.sku == line.sku);
        let sum = line
            .quantity
            .checked_add(before.as_ref().map_or(0, |l| l.quantity))
            .filter(|sum| line.quantity >= 1 && *sum <= MAX_QUANTITY)
            .ok_or_else(|| {
                Problem::invalid(format!(
                    "{field}[{index}].quantity: {} is not between 1 and {MAX_QUANTITY} units in all",
                    line.quantity
                ))
            })?;
        match before {
            Some(before) => before.quantity = sum,
            None => joined.push(line),
        }
    }
    Ok(joined)
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
    fn reads_a_good_one_trims_it_and_joins_lines() {
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
    fn names_the_field_that_is_wrong() {
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
            // An array is no object, even where its parts would fit.
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
    fn a_card_number_is_refused_wherever_it_stands_and_never_repeated() {
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

    #[test]
    fn thirteen_to_nineteen_digits_are_a_card_number_and_nothing_else_is() {
        for yes in [
            "4111111111111",
            "x 4111 1111 1111 1111 y",
            "1234567890123456789",
        ] {
            assert!(holds_card_number(yes), "{yes}");
        }
        for no in [
            "",
            "123456789012",
            "12345678901234567890",
            "tok_visa",
            "123456  7890123",
        ] {
            assert!(!holds_card_number(no), "{no}");
        }
        assert!(!holds_card_number("4111x1111x1111x1111"));
    }
}
