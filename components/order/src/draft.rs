//! Validated submissions of customers.

use serde::Deserialize;
use serde_json::Value;
use stoa_service::money::Money;
use stoa_service::text::shorten;
use stoa_service::token::Claims;
use stoa_service::{Invalid, Sku};

use crate::card_number::{self, holds_card_number};
use crate::domain::Address;
use crate::error::Error;

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
    pub sku: Sku,
    /// Units, 1 to [`MAX_QUANTITY`].
    #[serde(deserialize_with = "stoa_service::json::whole::<1, MAX_QUANTITY, _>")]
    pub quantity: u32,
}

/// A submitted order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The address of the parcel.
    pub address: Address,
    /// The token for the card.
    pub card_token: String,
    /// The ordered lines; `None` orders the items of the cart.
    pub lines: Option<Vec<Line>>,
    /// The total that the customer saw; `None` accepts any.
    pub expected_total: Option<Money>,
}

/// A request for an order.
pub struct Submission<'a> {
    /// The customer's claims, from their token.
    pub claims: &'a Claims,
    /// That token, for calls on their behalf.
    pub token: &'a str,
    /// The `Idempotency-Key`.
    pub key: &'a str,
    /// The fingerprint of the request with that key.
    pub fingerprint: &'a str,
    /// The submitted order.
    pub draft: &'a Draft,
}

/// Reads the card token of `{"method": "card", "card_token": ...}`: 1 to 64 letters, digits or `_`.
pub fn card_token(payment: &Value) -> Result<String, Error> {
    if holds_card_number(&payment.to_string()) {
        return Err(card_number::rejected("payment").into());
    }
    // No value is quoted from here on: any value may be a card number.
    let expected = |what: &str| Err(Invalid::new(format!("payment{what}")).into());
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

/// Trims and checks the parts of an address.
pub fn address(given: Address) -> Result<Address, Error> {
    let part = |name: &str, value: &str| {
        let trimmed = value.trim();
        let length = trimmed.chars().count();
        if !(1..=MAX_ADDRESS).contains(&length) || value.chars().any(char::is_control) {
            return Err(Invalid::new(format!(
                "shipping_address.{name}: {length} characters given, expected 1 to {MAX_ADDRESS}, none of them a control character"
            )));
        }
        Ok(trimmed.to_owned())
    };
    Ok(Address {
        country: country(given.country)?,
        name: part("name", &given.name)?,
        street: part("street", &given.street)?,
        city: part("city", &given.city)?,
        postal_code: part("postal_code", &given.postal_code)?,
    })
}

fn country(given: String) -> Result<String, Error> {
    if given.len() == 2 && given.bytes().all(|b| b.is_ascii_uppercase()) {
        return Ok(given);
    }
    let quoted = match holds_card_number(&given) {
        true => "...",
        false => &shorten(&given),
    };
    Err(Invalid::new(format!(
        "shipping_address.country: `{quoted}` is not two upper-case letters (ISO 3166-1 alpha-2)"
    ))
    .into())
}

/// Checks lines and merges those of one SKU, in the order of their first appearance. `field` is the name in errors.
pub fn join_lines(field: &str, lines: Vec<Line>) -> Result<Vec<Line>, Error> {
    if lines.is_empty() || lines.len() > MAX_LINES {
        return Err(Invalid::new(format!(
            "{field}: {} given, expected 1 to {MAX_LINES}",
            lines.len()
        ))
        .into());
    }
    let mut joined: Vec<Line> = Vec::with_capacity(lines.len());
    for (index, line) in lines.into_iter().enumerate() {
        if holds_card_number(line.sku.as_str()) {
            return Err(card_number::rejected(&format!("{field}[{index}].sku")).into());
        }
        let before = joined.iter_mut().find(|l| l.sku == line.sku);
        let sum = line
            .quantity
            .checked_add(before.as_ref().map_or(0, |l| l.quantity))
            .filter(|sum| line.quantity >= 1 && *sum <= MAX_QUANTITY)
            .ok_or_else(|| {
                Invalid::new(format!(
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
