//! Types and rules, pure.

use serde::{Deserialize, Serialize};
use stoa_service::money::Money;
use uuid::Uuid;

/// The most SKUs that one request may ask for.
pub const MAX_SKUS: usize = 100;
/// The most units of one product that are bought at once, as in a cart.
pub const MAX_QUANTITY: u32 = 99;

/// Which of the two releases answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// The stable one.
    V1,
    /// The canary.
    V2,
}

impl Release {
    /// The one this build is.
    pub const BUILT: Self = if cfg!(feature = "v2") {
        Self::V2
    } else {
        Self::V1
    };

    /// The value of `x-shop-version`.
    pub fn word(self) -> &'static str {
        match self {
            Release::V1 => "v1",
            Release::V2 => "v2",
        }
    }
}

/// A product as it is answered, and as catalogue.json holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// UUIDv7.
    pub product_id: Uuid,
    /// The stock keeping unit.
    pub sku: String,
    /// The name.
    pub name: String,
    /// A sentence or two; the PIM's where it has one.
    pub description: String,
    /// One word.
    pub category: String,
    /// The path or URL of a picture.
    pub image: String,
    /// Null where it has none: it cannot be bought.
    pub price: Option<Money>,
    /// Units in stock, null where inventory does not say. Absent in v1.
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub available: Option<Option<i64>>,
}

/// A SKU is 1 to 64 of `A-Z a-z 0-9 - _ .`.
pub fn is_sku(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// Reads `A,B,C`. The error says what is wrong with which.
pub fn read_skus(list: &str) -> Result<Vec<&str>, String> {
    let skus: Vec<&str> = list.split(',').collect();
    if skus.len() > MAX_SKUS {
        return Err(format!(
            "sku: {} given, expected 1 to {MAX_SKUS}",
            skus.len()
        ));
    }
    match skus.iter().find(|sku| !is_sku(sku)) {
        Some(bad) => Err(format!(
            "sku: `{}` is not 1 to 64 letters, digits, `-`, `_` or `.`",
            stoa_service::text::shorten(bad)
        )),
        None => Ok(skus),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_list_of_skus_and_names_the_bad_one() {
        assert_eq!(read_skus("A-1,b.2").unwrap(), ["A-1", "b.2"]);
        for (bad, word) in [("", "``"), ("A,", "``"), ("A,b c", "`b c`"), ("é", "`é`")] {
            let error = read_skus(bad).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
        assert!(
            read_skus(&["A"; 101].join(","))
                .unwrap_err()
                .contains("101")
        );
    }
}
