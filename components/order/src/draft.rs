//! Validates the orders that customers submit.

use serde::Deserialize;
use serde_json::Value;
use stoa_service::money::Money;
use stoa_service::text::shorten;
use stoa_service::token::Claims;
use stoa_service::{Invalid, Sku};

use crate::card_number::{self, holds_card_number};
use crate::domain::Address;
use crate::error::Error;

/// The maximum number of lines in an order.
pub const MAX_LINES: usize = 100;
/// The maximum number of units of one SKU in an order. A cart and the operation that buys a single product have the same limit.
pub const MAX_QUANTITY: u32 = 99;
/// The maximum length of one field of an address, in characters.
const MAX_ADDRESS_FIELD: usize = 200;

/// One line of an order before it is priced.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The stock keeping unit.
    pub sku: Sku,
    /// The number of units, 1 to [`MAX_QUANTITY`].
    #[serde(deserialize_with = "stoa_service::json::whole::<1, MAX_QUANTITY, _>")]
    pub quantity: u32,
}

/// The content of a submitted order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The address to which the parcel goes.
    pub address: Address,
    /// The token that stands for the customer's card.
    pub card_token: String,
    /// The ordered lines; `None` orders the items in the customer's cart.
    pub lines: Option<Vec<Line>>,
    /// The total that the customer saw; `None` accepts any total.
    pub expected_total: Option<Money>,
}

/// A request that submits an order.
pub struct Submission<'a> {
    /// The customer's claims, from their token.
    pub claims: &'a Claims,
    /// The customer's token, for calls on the customer's behalf.
    pub token: &'a str,
    /// The request's `Idempotency-Key`.
    pub key: &'a str,
    /// The fingerprint of the request, to compare repeats with the same key.
    pub fingerprint: &'a str,
    /// The content of the submitted order.
    pub draft: &'a Draft,
}

/// Reads the card token from `{"method": "card", "card_token": ...}`. A token has 1 to 64 letters, digits or `_`.
pub fn card_token(payment: &Value) -> Result<String, Error> {
    if holds_card_number(&payment.to_string()) {
        return Err(card_number::rejected("payment").into());
    }
    // The following errors quote no values, because any value may be a card number.
    let invalid =
        |member_and_rule: &str| Err(Invalid::new(format!("payment{member_and_rule}")).into());
    let Value::Object(members) = payment else {
        return invalid(": expected {\"method\": \"card\", \"card_token\": ...}");
    };
    if members.keys().any(|k| k != "method" && k != "card_token") {
        return invalid(": unknown member; expected only method and card_token");
    }
    if members.get("method").and_then(Value::as_str) != Some("card") {
        return invalid(".method: expected \"card\"");
    }
    let token = members.get("card_token").and_then(Value::as_str);
    match token.filter(|t| {
        (1..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    }) {
        Some(token) => Ok(token.to_owned()),
        None => invalid(".card_token: expected 1 to 64 letters, digits or `_`"),
    }
}

/// Trims and checks the fields of an address.
pub fn address(given: Address) -> Result<Address, Error> {
    let field = |name: &str, value: &str| {
        let trimmed = value.trim();
        let length = trimmed.chars().count();
        if !(1..=MAX_ADDRESS_FIELD).contains(&length) || value.chars().any(char::is_control) {
            return Err(Invalid::new(format!(
                "shipping_address.{name}: {length} characters given, expected 1 to {MAX_ADDRESS_FIELD} and no control characters"
            )));
        }
        Ok(trimmed.to_owned())
    };
    Ok(Address {
        country: country(given.country)?,
        name: field("name", &given.name)?,
        street: field("street", &given.street)?,
        city: field("city", &given.city)?,
        postal_code: field("postal_code", &given.postal_code)?,
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

/// Checks the lines of an order and merges lines with the same SKU. The result keeps the sequence in which the SKUs first appear.
/// `field` is the name of the list of lines in errors.
pub fn join_lines(field: &str, lines: Vec<Line>) -> Result<Vec<Line>, Error> {
    if lines.is_empty() || lines.len() > MAX_LINES {
        return Err(Invalid::new(format!(
            "{field}: {} lines given, expected 1 to {MAX_LINES}",
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
                    "{field}[{index}].quantity: {} units given; all lines of this SKU together may have 1 to {MAX_QUANTITY} units",
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
