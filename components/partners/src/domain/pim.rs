//! The PIM. Its descriptions of products come from a supplier, and are longer than the shop's own descriptions.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The PIM's entry for a product, serialized as responses show it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// The product's SKU.
    pub sku: &'a str,
    /// The description.
    pub description: &'a str,
    /// The path of the product's image.
    pub image: &'a str,
}

/// Finds the entry of a product.
pub fn find(sku: &str) -> Result<Entry<'static>, Error> {
    let entries: Vec<Entry<'static>> =
        serde_json::from_str(include_str!("../../pim.json")).map_err(Error::PimData)?;
    entries
        .into_iter()
        .find(|entry| entry.sku == sku)
        .ok_or_else(|| Error::NotDescribed(sku.to_owned()))
}
