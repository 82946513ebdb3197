//! Types and rules, pure.

use serde::{Deserialize, Serialize};
use stoa_service::Sku;
use stoa_service::money::Money;
use stoa_service::sku::BadSku;
use strum::IntoStaticStr;
use uuid::Uuid;

use crate::error::Error;

/// The most SKUs of one request.
pub const MAX_SKUS: usize = 100;
/// The most units of one product in one purchase, as in a cart.
pub const MAX_QUANTITY: u32 = 99;

/// The longest description that is accepted from the PIM, in characters; a longer one is ignored.
const MAX_DESCRIPTION: usize = 10_000;
/// The longest image path or URL that is accepted from the PIM, in bytes.
const MAX_IMAGE: usize = 2_000;

/// The release that answers. Its word is the value of `x-shop-version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Release {
    /// The stable release.
    V1,
    /// The canary.
    V2,
}

impl Release {
    /// The release of this build.
    pub const BUILT: Self = if cfg!(feature = "v2") {
        Self::V2
    } else {
        Self::V1
    };
}

/// A product, as in responses and in catalogue.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// UUIDv7.
    pub product_id: Uuid,
    /// The stock keeping unit.
    pub sku: Sku,
    /// The name.
    pub name: String,
    /// A sentence or two; from the PIM, if it has one.
    pub description: String,
    /// One word.
    pub category: String,
    /// The path or URL of a picture.
    pub image: String,
    /// Null if it has none: such a product cannot be bought.
    pub price: Option<Money>,
    /// Units in stock; null if inventory does not report them. Absent in v1.
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub available: Option<Option<i64>>,
}

/// The PIM's texts for a product. The catalogue's own text replaces an absent one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// A description.
    pub description: Option<String>,
    /// A picture's path or URL.
    pub image: Option<String>,
}

impl Texts {
    /// The texts without those that a page must not show: they come from outside.
    pub fn usable(self) -> Self {
        let is_text =
            |text: &String| !text.trim().is_empty() && text.chars().count() <= MAX_DESCRIPTION;
        let is_image = |image: &String| {
            let own = image.starts_with('/') && !image.starts_with("//");
            (own || image.starts_with("https://"))
                && image.len() <= MAX_IMAGE
                && image.bytes().all(|b| b.is_ascii_graphic())
        };
        Self {
            description: self.description.filter(is_text),
            image: self.image.filter(is_image),
        }
    }
}

/// Reads `A,B,C`.
pub fn read_skus(list: &str) -> Result<Vec<Sku>, Error> {
    let skus: Vec<&str> = list.split(',').collect();
    if skus.len() > MAX_SKUS {
        return Err(Error::BadSkuList(format!(
            "{} given, expected 1 to {MAX_SKUS}",
            skus.len()
        )));
    }
    skus.into_iter()
        .map(|sku| {
            sku.parse()
                .map_err(|error: BadSku| Error::BadSkuList(error.to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_list_of_skus_and_names_the_bad_one() {
        let skus = read_skus("A-1,b.2").unwrap();
        let skus: Vec<&str> = skus.iter().map(Sku::as_str).collect();
        assert_eq!(skus, ["A-1", "b.2"]);
        for (bad, word) in [
            ("", "``"),
            ("A,", "``"),
            ("A,b c", "`b c`"),
            ("\u{e9}", "`\u{e9}`"),
        ] {
            let error = read_skus(bad).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let error = read_skus(&["A"; 101].join(",")).unwrap_err().to_string();
        assert!(error.contains("101"), "{error}");
    }
}
