//! Amounts of money. JSON has the amount in minor units (cents), as an integer: `{"amount": 1999, "currency": "EUR"}`.
//!
//! This module has no arithmetic, because only the `pricing` component computes sums and products.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount in minor units (cents) of a currency; never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units, 0 to 10^15 - 1.
    #[serde(deserialize_with = "amount")]
    pub amount: i64,
    /// The currency (ISO 4217).
    pub currency: Currency,
}

/// The largest accepted amount. It is below 2^53, so every JSON reader reads it exactly.
pub const MAX_AMOUNT: i64 = 999_999_999_999_999;

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let amount = i64::deserialize(deserializer)?;
    if (0..=MAX_AMOUNT).contains(&amount) {
        Ok(amount)
    } else {
        Err(serde::de::Error::custom(format!(
            "{amount} is not between 0 and {MAX_AMOUNT} minor units"
        )))
    }
}

impl fmt::Display for Money {
    /// Text for people, such as `19.99 EUR` or `2000 JPY`. The amount is never rounded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = self.currency.exponent();
        let width = usize::from(exponent) + 1;
        let digits = format!("{:0>width$}", self.amount);
        let (major, minor) = digits.split_at(digits.len() - usize::from(exponent));
        let point = if minor.is_empty() { "" } else { "." };
        write!(f, "{major}{point}{minor} {}", self.currency)
    }
}

/// A currency code of ISO 4217, such as `EUR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The three-letter code.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// The number of digits of the minor unit: 2 for EUR, 0 for JPY.
    pub fn exponent(self) -> u16 {
        self.0.exponent().unwrap_or(0)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = String;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        iso_currency::Currency::from_code(code)
            .map(Currency)
            .ok_or_else(|| format!("`{}` is not a code of ISO 4217", crate::text::shorten(code)))
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = std::borrow::Cow::<str>::deserialize(deserializer)?;
        code.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_minor_units_of_a_known_currency() {
        let money: Money = serde_json::from_str(r#"{"amount":1999,"currency":"EUR"}"#).unwrap();
        assert_eq!((money.amount, money.currency.code()), (1999, "EUR"));
    }

    #[test]
    fn writes_an_amount_as_a_person_reads_it() {
        for (amount, currency, text) in [
            (1999, "EUR", "19.99 EUR"),
            (5, "EUR", "0.05 EUR"),
            (0, "USD", "0.00 USD"),
            (2000, "JPY", "2000 JPY"),
            (1, "BHD", "0.001 BHD"),
        ] {
            let currency = currency.parse().unwrap();
            assert_eq!(Money { amount, currency }.to_string(), text);
        }
    }

    #[test]
    fn negative_fractional_and_huge_amounts_and_unknown_currencies_are_rejected() {
        for (text, word) in [
            (r#"{"amount":-1,"currency":"EUR"}"#, "between 0 and"),
            (r#"{"amount":1.5,"currency":"EUR"}"#, "floating point"),
            (
                r#"{"amount":1000000000000000,"currency":"EUR"}"#,
                "between 0 and",
            ),
            (r#"{"amount":1,"currency":"XXQ"}"#, "ISO 4217"),
            (r#"{"amount":1,"currency":"eur"}"#, "ISO 4217"),
            (
                r#"{"amount":1,"currency":"EUR","scale":2}"#,
                "unknown field",
            ),
        ] {
            let error = serde_json::from_str::<Money>(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
