//! The types and rules of this service. The functions are pure: they do no input or output.

use serde::{Deserialize, Serialize};
use stoa_service::Sku;
use stoa_service::money::Money;
use stoa_service::sku::BadSku;
use strum::IntoStaticStr;
use uuid::Uuid;

use crate::error::Error;

/// The maximum number of SKUs in one request.
pub const MAX_SKUS: usize = 100;
/// The maximum number of units in one purchase. A cart has the same limit for each product.
pub const MAX_QUANTITY: u32 = 99;

/// The maximum length of a description from the PIM, in characters. A longer description is ignored.
const MAX_DESCRIPTION_CHARS: usize = 10_000;
/// The maximum length of an image path or URL from the PIM, in bytes. A longer value is ignored.
const MAX_IMAGE_BYTES: usize = 2_000;

/// The release of the service. The string `v1` or `v2` is the value of `x-shop-version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Release {
    /// The stable release.
    V1,
    /// The canary.
    V2,
}

impl Release {
    /// The release that this build contains.
    pub const OF_THIS_BUILD: Self = if cfg!(feature = "v2") {
        Self::V2
    } else {
        Self::V1
    };
}

/// A product in the format of responses and of catalogue.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// The product's id, a UUID of version 7.
    pub product_id: Uuid,
    /// The SKU (stock keeping unit), such as `COF-008`.
    pub sku: Sku,
    /// The product's name.
    pub name: String,
    /// One or two sentences about the product. They come from the PIM, or from the catalogue if the PIM has none.
    pub description: String,
    /// The category, one word such as `tea`.
    pub category: String,
    /// The path or URL of a picture of the product.
    pub image: String,
    /// The price of one unit. A product whose price is null cannot be bought.
    pub price: Option<Money>,
    /// The number of available units; null if `inventory` did not report the number. Absent in the responses of v1.
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub available: Option<Option<i64>>,
}

/// The PIM's texts for a product. If a text is absent, the catalogue's own text is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// The description.
    pub description: Option<String>,
    /// The path or URL of a picture.
    pub image: Option<String>,
}

impl Texts {
    /// Removes those of the PIM's texts that a page must not show: blank or too long texts, and unsafe image URLs. The PIM is
    /// outside the shop, so its texts are not trusted.
    pub fn usable(self) -> Self {
        let is_usable_text = |text: &String| {
            !text.trim().is_empty() && text.chars().count() <= MAX_DESCRIPTION_CHARS
        };
        let is_usable_image = |image: &String| {
            let is_local_path = image.starts_with('/') && !image.starts_with("//");
            (is_local_path || image.starts_with("https://"))
                && image.len() <= MAX_IMAGE_BYTES
                && image.bytes().all(|b| b.is_ascii_graphic())
        };
        Self {
            description: self.description.filter(is_usable_text),
            image: self.image.filter(is_usable_image),
        }
    }
}

/// Parses a list of SKUs, such as `A,B,C`.
pub fn read_skus(list: &str) -> Result<Vec<Sku>, Error> {
    let skus: Vec<&str> = list.split(',').collect();
    if skus.len() > MAX_SKUS {
        return Err(Error::BadSkuList(format!(
            "{} SKUs given, expected 1 to {MAX_SKUS}",
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
    fn reads_a_list_of_skus_and_an_error_quotes_the_bad_sku() {
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
