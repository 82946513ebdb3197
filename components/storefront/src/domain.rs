//! The catalogue's data on a page.

use serde::Deserialize;
use stoa_service::money::Money;

/// A search in the list of products.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The text to find.
    pub q: Option<String>,
    /// The category.
    pub category: Option<String>,
    /// Where the page begins.
    pub page_token: Option<String>,
}

/// The parts of a product that a page shows. They are not checked here: a page escapes all of them.
#[derive(Debug, Clone, Deserialize)]
pub struct Product {
    /// The stock keeping unit.
    pub sku: String,
    /// The name.
    pub name: String,
    /// A sentence or two.
    pub description: String,
    /// One word.
    pub category: String,
    /// The path or URL of a picture.
    pub image: String,
    /// `None` where it has no price.
    pub price: Option<Money>,
    /// Units; only the canary release reports them, and only if it has the number.
    #[serde(default)]
    pub available: Option<i64>,
}

/// A page of the list.
#[derive(Debug, Clone)]
pub struct ProductPage {
    /// The products.
    pub items: Vec<Product>,
    /// Where the next page begins.
    pub next_page_token: Option<String>,
    /// The release of product that made the list, such as `v2`.
    pub version: Option<String>,
}
