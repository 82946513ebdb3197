//! Stock keeping units.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::invalid::Invalid;
use crate::sql::{FromValue, Value};
use crate::text::shorten;

/// The longest SKU, in characters.
const MAX_LENGTH: usize = 64;

/// A stock keeping unit: 1 to 64 characters of `A-Z a-z 0-9 - _ .`. An SKU needs no escaping in a path, a query or a log line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Sku(String);

/// The error for a text that is not a [`Sku`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not 1 to {MAX_LENGTH} letters, digits, `-`, `_` or `.`", shorten(.0))]
pub struct BadSku(String);

impl Sku {
    /// Reads an SKU. In an error, `field` is the name of the field.
    pub fn parse(field: &str, text: &str) -> Result<Self, Invalid> {
        text.parse()
            .map_err(|error: BadSku| Invalid::new(format!("{field}: {error}")))
    }

    /// The SKU's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Sku {
    type Error = BadSku;

    fn try_from(text: String) -> Result<Self, BadSku> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(BadSku(text))
        }
    }
}

impl FromStr for Sku {
    type Err = BadSku;

    fn from_str(text: &str) -> Result<Self, BadSku> {
        text.to_owned().try_into()
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Sku {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Sku {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&Sku> for Value {
    fn from(sku: &Sku) -> Self {
        Self::Text(sku.0.clone())
    }
}

impl FromValue for Sku {
    fn from_value(value: &Value) -> Option<Self> {
        String::from_value(value)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sku_is_1_to_64_letters_digits_hyphens_underscores_or_dots() {
        let longest = "x".repeat(64);
        for good in ["A", "espresso-1", "a_b.c", longest.as_str()] {
            assert_eq!(good.parse::<Sku>().unwrap().as_str(), good);
        }
        let too_long = "x".repeat(65);
        for bad in ["", " ", "a b", "a/b", "\u{e9}", too_long.as_str()] {
            assert!(bad.parse::<Sku>().is_err(), "{bad}");
        }
        let error = Sku::parse("lines[1].sku", "a b").unwrap_err();
        assert!(error.to_string().starts_with("lines[1].sku: `a b` is not"));
    }

    #[test]
    fn the_error_for_an_invalid_sku_names_its_location_in_the_json() {
        let error = crate::json::read::<Vec<Sku>>(br#"["A", "a b"]"#).unwrap_err();
        assert!(error.to_string().contains("[1]: `a b` is not"), "{error}");
    }
}
