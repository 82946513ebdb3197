//! The PIM: richer descriptions of products, written by a supplier.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A description, serialized as responses show it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// The product.
    pub sku: &'a str,
    /// The text.
    pub description: &'a str,
    /// The image's name.
    pub image: &'a str,
}

/// The entry of a product.
pub fn find(sku: &str) -> Result<Entry<'static>, Error> {
    let entries: Vec<Entry<'static>> =
        serde_json::from_str(include_str!("../../pim.json")).map_err(Error::PimData)?;
    entries
        .into_iter()
        .find(|entry| entry.sku == sku)
        .ok_or_else(|| Error::NotDescribed(sku.to_owned()))
}
