//! The data of the catalogue that a page shows.

use serde::Deserialize;
use stoa_service::money::Money;

/// The parameters of a page: a search in the list of products.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The text to search for; `None` for all products.
    pub q: Option<String>,
    /// The category to list; `None` for all categories.
    pub category: Option<String>,
    /// The token of the page to show; `None` for the first page.
    pub page_token: Option<String>,
}

/// The parts of a product that a page shows. The values are not checked, because a page escapes all values.
#[derive(Debug, Clone, Deserialize)]
pub struct Product {
    /// The SKU (stock keeping unit), such as `COF-008`.
    pub sku: String,
    /// The product's name.
    pub name: String,
    /// One or two sentences about the product.
    pub description: String,
    /// The category, one word such as `tea`.
    pub category: String,
    /// The path or URL of a picture.
    pub image: String,
    /// The price of one unit; `None` for a product that is sold only on request.
    pub price: Option<Money>,
    /// The number of available units; `None` if the release of `product` does not report the number.
    #[serde(default)]
    pub available: Option<i64>,
}

/// One page of the list of products.
#[derive(Debug, Clone)]
pub struct ProductPage {
    /// The products, in the sequence in which `product` listed them.
    pub items: Vec<Product>,
    /// The token of the next page; `None` on the last page.
    pub next_page_token: Option<String>,
    /// The release of the service `product` that sent the list, such as `v2`.
    pub version: Option<String>,
}
