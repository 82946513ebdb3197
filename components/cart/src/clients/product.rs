//! The client of the service `product`, which supplies names and prices.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use stoa_service::Sku;
use stoa_service::outbound::{Caller, Peer, PeerError};

use crate::domain::Product;

/// Timeout of one call to `product`. It is short because carts are read often, and because a cart can show its stored prices if
/// `product` does not respond.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A client of the service `product` for one request.
pub struct ProductClient<'a>(Peer<'a>);

impl<'a> ProductClient<'a> {
    /// A client of the service `product` at `url`.
    pub fn new(caller: Caller<'a>, url: &'a str) -> Self {
        Self(caller.peer("the product service", url, TIMEOUT))
    }

    /// Reads the products with these SKUs, at most 100, in one call. The result omits SKUs that are not in the catalogue.
    pub fn products(&self, skus: &[&Sku]) -> Result<Vec<Product>, PeerError> {
        #[derive(Deserialize)]
        struct Page {
            items: Vec<Product>,
        }
        let skus: Vec<&str> = skus.iter().map(|sku| sku.as_str()).collect();
        let path = format!("/product?sku={}", skus.join(","));
        let page: Page = self.0.fetch(self.0.call(Method::GET, &path))?;
        Ok(page.items)
    }

    /// Reads the product with this SKU; `None` if the SKU is not in the catalogue.
    pub fn product(&self, sku: &Sku) -> Result<Option<Product>, PeerError> {
        let found = self.products(&[sku])?;
        Ok(found.into_iter().find(|product| product.sku == *sku))
    }
}
